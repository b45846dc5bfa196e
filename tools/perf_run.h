/* SPDX-License-Identifier: GPL-2.0 */
/* Make the ring and the processes of a run, start them together, and watch them. */
#ifndef PERF_RUN_H
#define PERF_RUN_H

#include "perf_shared.h"

/**
 * struct perf_run - the run as the parent sees it
 * @shared: the memory that parent and children share
 * @geometry: geometry of the ring
 * @signal: SIGHUP, SIGINT or SIGTERM if it ended the run early, else 0
 * @ring: the ring
 * @writer: a handle for each writer; the parent closes them when the children are ready
 * @reader: a handle for each reader; the parent closes them when the children are ready
 * @pool: random bytes that messages are parts of
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

/* Make the ring and its handles.  Return 0, or a negative errno after a line on stderr. */
int perf_run_make(struct perf_run *run, const struct perf_options *o);

/*
 * Fork the children, wait until all are ready, and set the time at which they start.  Return 0, or
 * a negative errno after a line on stderr.
 */
int perf_run_fork(struct perf_run *run);

/* Show progress until every child has ended, and end children that hang. */
void perf_run_watch(struct perf_run *run);

/* Wait for the children that have ended.  Return true when none is left. */
bool perf_run_reap(struct perf_run *run);

/* Kill the children that are left; the report gives @why as the reason. */
void perf_run_kill(struct perf_run *run, const char *why);

/* Return whether @p has ended by a signal or with an error. */
bool perf_died(const struct perf_process *p);

#endif /* PERF_RUN_H */
