/* SPDX-License-Identifier: GPL-2.0 */
/* What the writers and readers of the kill test do until they are killed. */
#ifndef SELFTESTS_LIVES_H
#define SELFTESTS_LIVES_H

#include "kill.h"

/* ---- writers ---------------------------------------------------------------- */

/* Now and then one takes its time, so that a kill finds it with slots in its hands. */
static void dawdle(uint64_t turn)
{
	const struct timespec pause = { .tv_nsec = 50000 };

	if (message_mix(turn) % 8 == 0)
		nanosleep(&pause, NULL);
}

static int write_batch(struct ringbuf_writer *writer, uint32_t life, uint64_t number,
		       unsigned int count)
{
	struct ringbuf_slot s[KILL_BATCH];
	unsigned int k;

	CHECK_EQ(count, ringbuf_writer_reserve(writer, s, count, HANG_NS));
	for (k = 0; k < count; k++) {
		s[k].length = sizeof(struct message) + (number + k) * 5 % 200;
		message_make(s[k].data, life, number + k, s[k].length);
	}
	dawdle(number + life);
	CHECK_EQ(0, ringbuf_writer_commit(writer, s, count));
	return 0;
}

/* A place may be taken by a dead writer until its holes have been read. */
static struct ringbuf_writer *writer_attach(struct ringbuf *ring)
{
	uint64_t start = now_ns();
	struct ringbuf_writer *writer;

	while (!(writer = writer_new(ring)) && (errno == ENOSPC || errno == EBUSY) &&
	       now_ns() - start < (uint64_t)HANG_NS)
		sched_yield();
	return writer;
}

static int write_life(struct arena *a, struct place *place)
{
	uint32_t me = __atomic_fetch_add(&a->lives, 1, __ATOMIC_SEQ_CST);
	struct ringbuf_writer *writer = writer_attach(a->ring);
	struct pulse pulse;
	uint64_t number = 0;

	CHECK(writer && me < KILL_LIVES);
	pulse_start(&pulse, place, a);
	while (!FLAG_GET(a->stop)) {
		unsigned int count = 1 + (unsigned int)(message_mix(number + me) % KILL_BATCH);

		CHECK(!write_batch(writer, me, number, count));
		number += count;
		__atomic_store_n(&a->life[me].committed, number, __ATOMIC_RELEASE);
		pulse_step(&pulse, a);
	}
	CHECK_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	return 0;
}

/* ---- readers ---------------------------------------------------------------- */

/**
 * struct witness - a reader's memory
 * @next: number that each life has to say next, + 1; 0: not seen yet
 * @first: lives that began before this reader did
 */
struct witness {
	struct ringbuf_reader *reader;
	uint64_t position;
	uint64_t holes;
	uint32_t first;
	uint64_t next[KILL_LIVES];
};

static int witness_slot(struct witness *w, const struct ringbuf_slot *s)
{
	struct message m;

	CHECK(message_whole(s->data, s->length, &m));
	CHECK(m.writer < KILL_LIVES);
	/* Who came late begins in the middle of a life that was there before. */
	if (!w->next[m.writer])
		w->next[m.writer] = (m.writer < w->first ? m.number : 0) + 1;
	CHECK_EQ(w->next[m.writer], m.number + 1);
	w->next[m.writer]++;
	return 0;
}

/* *count: messages seen; 0 at the end of the stream, which may be for now only. */
static int witness_step(struct witness *w, int *count)
{
	struct ringbuf_slot s[KILL_BATCH];
	int n = ringbuf_reader_peek(w->reader, s, KILL_BATCH, HANG_NS), k;
	uint64_t holes = ringbuf_reader_holes(w->reader);

	*count = 0;
	if (n == -ENODATA)
		return 0;
	CHECK_EQ(0, n < 0 ? n : 0);
	CHECK_EQ(holes - w->holes, s[0].position - w->position);
	CHECK_EQ(0, s[0].lost);
	for (k = 0; k < n; k++) {
		CHECK_EQ(s[0].position + (uint64_t)k, s[k].position);
		CHECK(!witness_slot(w, &s[k]));
	}
	dawdle(s[0].position);
	w->holes = holes;
	w->position = s[0].position + (uint64_t)n;
	*count = n;
	CHECK_EQ(0, ringbuf_reader_release(w->reader, (unsigned int)n));
	return 0;
}

/* All that was committed while we were there. */
static int witness_complete(const struct witness *w, struct arena *a)
{
	uint32_t i;

	for (i = 0; i < FLAG_GET(a->lives); i++) {
		uint64_t seen = w->next[i] ? w->next[i] - 1 : 0;

		if (!w->next[i] && i < w->first)
			continue;
		if (seen >= a->life[i].committed)
			continue;
		fprintf(stderr, "# life %u committed %llu, seen %llu\n", i,
			(unsigned long long)a->life[i].committed, (unsigned long long)seen);
		return 1;
	}
	return 0;
}

static int read_life(struct arena *a, struct place *place)
{
	struct witness *w = calloc(1, sizeof(*w));
	struct pulse pulse;
	int count, last;

	CHECK(w);
	CHECK(!ringbuf_reader_attach(a->ring, RINGBUF_FROM_HEAD, 0, &w->reader));
	w->first = FLAG_GET(a->lives);
	w->position = ringbuf_reader_position(w->reader);
	pulse_start(&pulse, place, a);
	for (;;) {
		last = FLAG_GET(a->ended);
		CHECK(!witness_step(w, &count));
		if (!count && last)
			break;
		if (!count)
			sched_yield(); /* the next writer is about to come */
		pulse_step(&pulse, a);
	}
	CHECK(!witness_complete(w, a));
	ringbuf_reader_close(w->reader);
	return 0;
}

#endif
