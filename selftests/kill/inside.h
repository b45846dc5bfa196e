/* SPDX-License-Identifier: GPL-2.0 */
/* The kill test's access to the inside of the embedded host. */
#ifndef SELFTESTS_INSIDE_H
#define SELFTESTS_INSIDE_H

#include <stdbool.h>

#include <ringbuf.h>

/*
 * Return whether the process that was killed last was in the middle of an attach, an end or a
 * repair.  For the embedded host only.
 */
bool died_inside(struct ringbuf *ring);

#endif
