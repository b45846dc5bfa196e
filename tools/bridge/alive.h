/* SPDX-License-Identifier: GPL-2.0 */
/* Whether the threads still turn round their loops: for the watchdog of systemd. */
#ifndef BRIDGE_ALIVE_H
#define BRIDGE_ALIVE_H

#include <stdint.h>

/* Watch this thread from now on.  @name: a name for the thread, or NULL */
void alive_begin(const char *name);

/* Do not watch this thread any more. */
void alive_end(void);

/* Tell that this thread turns round.  Does nothing in a thread that is not watched. */
void alive_beat(void);

/*
 * Tell that this thread is about to wait, as long as it takes, for another one that is watched
 * itself.  The next alive_beat() ends this.
 */
void alive_wait(void);

/*
 * Return when the thread whose last alive_beat() is the longest ago called it, in ns of
 * CLOCK_MONOTONIC; UINT64_MAX if no thread is watched, or all wait.  For any thread.
 */
uint64_t alive_oldest(void);

#endif /* BRIDGE_ALIVE_H */
