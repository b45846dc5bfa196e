/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page that all processes of one run share.
 *
 * Each process writes its own figures; the parent reads them at any time, so
 * what a process did stays known when it is killed.
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
	PERF_READY, /* waits for the start */
	PERF_RUNNING,
	PERF_ENDED, /* has said all it has to say */
};

/**
 * struct perf_process - one writer or reader
 * @role: which of the two
 * @index: from 0, among those of its role
 * @reader_id: ringbuf_reader_id()
 * @pid: of the process
 * @reaped: the parent has waited for it; @status is known
 * @status: as wait(2) gives it
 * @killed: why the parent killed it, or NULL
 * @state: how far it has come
 * @error: negative errno that ended it, 0 if none
 * @slots: messages written, or read
 * @started: CLOCK_MONOTONIC ns
 * @ended: CLOCK_MONOTONIC ns; 0 if it did not get that far
 * @waited: writer: writes that found no room at first
 * @retries: writer: times it then tried again
 * @late: writer: writes that were in the ring later than a period after their time
 * @lag: reader: the most messages that waited for it when it came for the next
 * @lost: reader: messages that it did not get
 * @bad: reader: messages of wrong length, CRC or writer
 * @disordered: reader: messages that came twice or out of order
 * @holes: reader: slots skipped since their writer gave them up or died
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
	uint64_t lost;
	uint64_t bad;
	uint64_t disordered;
	uint64_t holes;
};

/**
 * struct perf_shared - the run
 * @start: when the first write is due
 * @end: when no write is due any more
 * @gate: a pipe that ends when the parent has set @start
 * @stop: the user wants an end
 * @options: for everybody to read
 * @count: writers + readers
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

/* Only the owner adds, so no read-modify-write is needed. */
static inline void perf_count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
			      memory_order_release);
}

static inline bool perf_stopped(struct perf_shared *s)
{
	return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

/* Messages that the first @writers processes have written so far. */
static inline uint64_t perf_written(struct perf_shared *s)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->options.writers; i++)
		sum += atomic_load_explicit(&s->process[i].slots, memory_order_acquire);
	return sum;
}

/*
 * The life of a child.  Each gets ready, calls perf_await_start(), works, and
 * returns 0 or a negative errno.
 */
int perf_writer_run(struct perf_shared *s, struct perf_process *self, struct ringbuf *ring,
		    struct ringbuf_writer *writer, struct perf_pool *pool);
int perf_reader_run(struct perf_shared *s, struct perf_process *self,
		    struct ringbuf_reader *reader);

/* What they do first: touch all memory, and make their handle their own. */
int perf_warm_writer(struct perf_shared *s, struct perf_process *self,
		     struct ringbuf_writer *writer, struct perf_pool *pool);
int perf_warm_reader(struct perf_shared *s, struct ringbuf_reader *reader, void *buffer);

/* Says that @self is ready, and sleeps until the parent has set s->start. */
void perf_await_start(struct perf_shared *s, struct perf_process *self);

#endif /* PERF_SHARED_H */
