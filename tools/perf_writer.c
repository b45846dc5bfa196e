// SPDX-License-Identifier: GPL-2.0
/* A writer process: one message at each tick of its clock. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "perf_log.h"
#include "perf_pool.h"

#define NAP	  (100 * NS_PER_MS) /* longest sleep between looks at s->stop */
#define RETRY_MAX (10 * NS_PER_MS)
#define LOG_GAP	  (20 * NS_PER_MS) /* between lines about waits and late writes */

struct perf_writer {
	struct perf_shared *s;
	struct perf_process *self;
	struct ringbuf_writer *handle;
	struct perf_pool *pool;
	double period; /* ns between writes, 0: no target */
	uint64_t made;
	const void *message; /* the next one, where it is copied by the library */
	uint64_t logged; /* when the last wait was logged */
	uint64_t logged_late; /* when the last late write was */
	bool waiting; /* the next write has found no room */
	uint64_t unlogged; /* waits since */
};

/* When write @number is due. */
static uint64_t due(const struct perf_writer *w, uint64_t number)
{
	return w->s->start + (uint64_t)((double)number * w->period);
}

/* Sleeps until @when, or until the run is to end. */
static void nap_until(const struct perf_writer *w, uint64_t when)
{
	uint64_t now = clock_now();

	while (now < when && !perf_stopped(w->s)) {
		clock_sleep_until(when - now > NAP ? now + NAP : when);
		now = clock_now();
	}
}

static bool over(const struct perf_writer *w)
{
	return perf_stopped(w->s) || clock_now() >= w->s->end;
}

static const void *make(const struct perf_writer *w, uint64_t number)
{
	return perf_pool_message(w->pool, w->self->index, number, w->s->options.verify);
}

/* Fills the slots in the ring itself; 0, or what reserve or commit said. */
static int put_slots(struct perf_writer *w, int64_t timeout)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	const struct perf_options *o = &w->s->options;
	unsigned int i;
	int got;

	got = ringbuf_writer_reserve(w->handle, slots, o->batch, timeout);
	if (got < 0)
		return got;
	for (i = 0; i < o->batch; i++) {
		memcpy(slots[i].data, make(w, w->made + i), o->slot_bytes);
		slots[i].length = o->slot_bytes;
	}
	return ringbuf_writer_commit(w->handle, slots, o->batch);
}

static int put(struct perf_writer *w, int64_t timeout)
{
	const struct perf_options *o = &w->s->options;

	if (o->zero_copy || o->batch > 1)
		return put_slots(w, timeout);
	if (!w->message)
		w->message = make(w, w->made);
	return ringbuf_writer_write(w->handle, w->message, o->slot_bytes, timeout);
}

static bool no_room(int err)
{
	return err == -EAGAIN || err == -ETIMEDOUT || err == -EINTR;
}

/* Name who keeps @w from writing, as far as that is known. */
static void find_blocker(const struct perf_writer *w, char *text, size_t room)
{
	struct ringbuf_blocker b = { .size = sizeof(b) };
	const struct perf_shared *s = w->s;
	double seconds;
	uint32_t i;

	snprintf(text, room, "readers");
	if (ringbuf_writer_blocker(w->handle, &b))
		return;
	seconds = (double)(clock_now() - b.since) / 1e9;
	if (b.kind == RINGBUF_BLOCKED_BY_WRITER)
		snprintf(text, room,
			 "writer %u (pid %d), which has not finished slot %llu, for %.3f s", b.id,
			 b.pid, (unsigned long long)b.position, seconds);
	for (i = s->options.writers; i < s->count; i++)
		if (b.kind == RINGBUF_BLOCKED_BY_READER && s->process[i].reader_id == b.id)
			snprintf(text, room,
				 "Reader %u (pid %d), %llu slots behind, there for %.3f s",
				 s->process[i].index + 1, (int)s->process[i].pid,
				 (unsigned long long)b.lag, seconds);
}

static void log_wait(struct perf_writer *w)
{
	uint64_t now = clock_now();
	char more[64] = "", blocker[128];

	w->unlogged++;
	if (!w->s->options.debug || now - w->logged < LOG_GAP)
		return;
	find_blocker(w, blocker, sizeof(blocker));
	if (w->unlogged > 1)
		snprintf(more, sizeof(more), " (so were %llu before it)",
			 (unsigned long long)w->unlogged - 1);
	perf_log(w->s, w->self, "write %llu is waiting for %s%s", (unsigned long long)w->made,
		 blocker, more);
	w->logged = now;
	w->unlogged = 0;
}

/* How long until the next try. */
static uint64_t retry_after(const struct perf_writer *w)
{
	if (w->period > 0 && w->period < (double)RETRY_MAX)
		return (uint64_t)w->period;
	return RETRY_MAX;
}

/* Writes the next message or batch; -EAGAIN when time ran out first. */
static int write_next(struct perf_writer *w)
{
	bool sleeps = w->s->options.blocking || w->period == 0;
	int err = put(w, RINGBUF_TRY);

	if (!no_room(err))
		return err;
	w->waiting = true;
	w->self->waited += w->s->options.batch;
	log_wait(w);
	while (no_room(err)) {
		if (!sleeps)
			nap_until(w, clock_now() + retry_after(w));
		if (over(w))
			return -EAGAIN;
		w->self->retries++;
		err = put(w, sleeps ? (int64_t)NAP : RINGBUF_TRY);
	}
	return err;
}

/* Whether the write @number was in the ring a period after its time. */
static void check_time(struct perf_writer *w, uint64_t number)
{
	const struct perf_options *o = &w->s->options;
	uint64_t now = clock_now();

	if (now <= due(w, number + o->batch))
		return;
	w->self->late += o->batch;
	if (!o->debug || w->waiting || now - w->logged_late < LOG_GAP)
		return;
	perf_log(w->s, w->self, "write %llu came %.1f ms after its time",
		 (unsigned long long)number, (double)(now - due(w, number)) / 1e6);
	w->logged_late = now;
}

/* Counts what was just written. */
static void account(struct perf_writer *w)
{
	const struct perf_options *o = &w->s->options;
	uint64_t second = o->rate >= 1 ? (uint64_t)o->rate : 1;
	uint64_t before = w->made;

	w->message = NULL;
	w->made += o->batch;
	perf_count(&w->self->slots, o->batch);
	if (w->period > 0)
		check_time(w, before);
	w->waiting = false;
	if (o->debug && w->period > 0 && before / second != w->made / second)
		perf_log(w->s, w->self, "wrote %llu slots so far", (unsigned long long)w->made);
}

int perf_writer_run(struct perf_shared *s, struct perf_process *self, struct ringbuf_writer *handle,
		    struct perf_pool *pool)
{
	struct perf_writer w = {
		.s = s,
		.self = self,
		.handle = handle,
		.pool = pool,
	};
	int err = perf_warm_writer(s, self, handle, pool);

	w.period = s->options.rate > 0 ? (double)NS_PER_S / s->options.rate : 0;
	if (err)
		return err;
	perf_await_start(s, self);
	nap_until(&w, s->start);
	while (!err && !perf_stopped(s) && due(&w, w.made) < s->end) {
		if (w.period > 0)
			nap_until(&w, due(&w, w.made));
		if (over(&w))
			break;
		err = write_next(&w);
		if (!err)
			account(&w);
	}
	if (!err)
		nap_until(&w, s->end);
	self->ended = clock_now();
	if (err && err != -EAGAIN)
		return err;
	return ringbuf_writer_done(handle);
}
