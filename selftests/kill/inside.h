/* SPDX-License-Identifier: GPL-2.0 */
/* A look into the embedded host, which the tests of the library do not have. */
#ifndef SELFTESTS_INSIDE_H
#define SELFTESTS_INSIDE_H

#include <stdbool.h>

#include <ringbuf.h>

/*
 * Whether the process killed last was in the middle of attaching, leaving or repairing, on
 * the embedded host.
 */
bool died_inside(struct ringbuf *ring);

#endif
