/* SPDX-License-Identifier: GPL-2.0 */
/* Makes the ring and the processes, starts them together, and watches them. */
#ifndef PERF_RUN_H
#define PERF_RUN_H

#include "perf_shared.h"

/**
 * struct perf_run - the run as the parent sees it
 * @shared: the memory that parent and children share
 * @geometry: geometry of the ring
 * @signal: SIGHUP, SIGINT or SIGTERM if it ended the run early, else 0
 * @ring: the ring
 * @writer: a handle for each writer, until the children have theirs
 * @reader: a handle for each reader, until the children have theirs
 * @pool: random bytes that messages are cut from
 */
struct perf_run {
	struct perf_shared *shared;
	struct ringbuf_geometry geometry;
	int signal;
	struct ringbuf *ring;
	struct ringbuf_writer **writer;
	struct ringbuf_reader **reader;
	struct perf_pool pool;
};

/* Make the ring and its handles.  Returns 0, or a negative errno after a line on stderr. */
int perf_run_make(struct perf_run *run, const struct perf_options *o);

/* Start the children, up to the moment before they begin.  Returns as perf_run_make(). */
int perf_run_fork(struct perf_run *run);

/* From the start until every child has been waited for. */
void perf_run_watch(struct perf_run *run);

/* Waits for what has ended; true when no child is left. */
bool perf_run_reap(struct perf_run *run);

/* SIGKILL to all that are left; @why is what the report says of it. */
void perf_run_kill(struct perf_run *run, const char *why);

/* How one process ended. */
bool perf_died(const struct perf_process *p); /* by a signal, or with an error */

#endif /* PERF_RUN_H */
