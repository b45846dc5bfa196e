/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that all processes of one run share.
 *
 * Each process writes its own figures, which the parent can read at any time, also
 * after the process was killed.
 */
#ifndef PERF_SHARED_H
#define PERF_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringbuf.h>

#include "perf_options.h"
#include "perf_pool.h"

enum perf_role {
	PERF_WRITER,
	PERF_READER,
};

enum perf_state {
	PERF_STARTING,
	PERF_READY, /* waiting for the start */
	PERF_RUNNING,
	PERF_ENDED, /* its figures are complete */
};

/**
 * struct perf_process - one writer or reader
 * @role: writer or reader
 * @index: number among the processes of its role, from 0 on
 * @reader_id: reader: its id in the ring, of ringbuf_reader_id()
 * @pid: pid of the process
 * @reaped: the parent has waited for the process, and @status is valid
 * @status: exit status as of wait(2)
 * @killed: why the parent killed the process, or NULL
 * @state: what the process does now
 * @error: negative errno with which the process failed, or 0
 * @slots: number of messages written or read
 * @started: start of the process, in ns of CLOCK_MONOTONIC; 0: not started
 * @ended: end of the process, in ns of CLOCK_MONOTONIC; 0: not ended
 * @waited: writer: number of writes that found no room at first
 * @retries: writer: number of further attempts of such writes
 * @late: writer: number of writes that were done more than a period after they were due
 * @lag: reader: the largest number of written messages that it had still to read
 * @lost: reader: number of messages that it did not get
 * @evicted: reader: it was evicted by its policy
 * @bad: reader: number of messages with a wrong length, CRC-32 or writer
 * @disordered: reader: number of messages that came twice or out of order
 * @holes: reader: number of holes that it skipped
 */
struct perf_process {
	_Alignas(128) enum perf_role role;
	uint32_t index;
	uint32_t reader_id;
	pid_t pid;
	bool reaped;
	int status;
	const char *killed;
	_Atomic int state;
	_Alignas(128) _Atomic uint64_t slots;
	int error;
	uint64_t started;
	uint64_t ended;
	uint64_t waited;
	uint64_t retries;
	uint64_t late;
	_Atomic uint64_t lag;
	_Atomic uint64_t lost;
	bool evicted;
	uint64_t bad;
	uint64_t disordered;
	uint64_t holes;
};

/**
 * struct perf_shared - a run
 * @start: when the first write is due, in ns of CLOCK_MONOTONIC
 * @end: when the writers end, in ns of CLOCK_MONOTONIC
 * @gate: a pipe on which the children wait; the parent closes it when it has set @start
 * @stop: the writers shall end now
 * @options: the options, the same for all processes
 * @count: number of processes
 * @process: the writers, then the readers
 */
struct perf_shared {
	uint64_t start;
	uint64_t end;
	int gate[2];
	_Atomic bool stop;
	struct perf_options options;
	uint32_t count;
	struct perf_process process[];
};

/* Add to a counter of this process; no other process writes to it, so no atomic addition. */
static inline void perf_count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
			      memory_order_release);
}

static inline bool perf_stopped(struct perf_shared *s)
{
	return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

/* Return how many messages all writers have written so far. */
static inline uint64_t perf_written(struct perf_shared *s)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->options.writers; i++)
		sum += atomic_load_explicit(&s->process[i].slots, memory_order_acquire);
	return sum;
}

/* Messages that reader @p has neither read nor lost, as far as it knows. */
static inline uint64_t perf_unread(struct perf_shared *s, struct perf_process *p)
{
	uint64_t done = atomic_load_explicit(&p->slots, memory_order_relaxed) +
			atomic_load_explicit(&p->lost, memory_order_relaxed);
	uint64_t written = perf_written(s);

	return written > done ? written - done : 0;
}

/*
 * The main functions of the children: get ready, call perf_await_start(), and write or
 * read until the end of the run.  Return 0 or a negative errno.
 */
int perf_writer_run(struct perf_shared *s, struct perf_process *self, struct ringbuf_writer *writer,
		    struct perf_pool *pool);
int perf_reader_run(struct perf_shared *s, struct perf_process *self,
		    struct ringbuf_reader *reader);

/* Use the handle and touch all memory for the first time, before the run. */
int perf_warm_writer(struct perf_shared *s, struct perf_process *self,
		     struct ringbuf_writer *writer, struct perf_pool *pool);
int perf_warm_reader(struct perf_shared *s, struct ringbuf_reader *reader, void *buffer);

/* Set the state of @self to ready, and sleep until the parent has set s->start. */
void perf_await_start(struct perf_shared *s, struct perf_process *self);

#endif /* PERF_SHARED_H */
