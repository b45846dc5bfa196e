/* SPDX-License-Identifier: GPL-2.0 */
/* See inside.c. */
#ifndef SELFTESTS_INSIDE_H
#define SELFTESTS_INSIDE_H

#include <stdbool.h>

#include <ringbuf.h>

/* Embedded host: the last one killed was in the middle of attaching, leaving, repairing. */
bool died_inside(struct ringbuf *ring);

#endif
