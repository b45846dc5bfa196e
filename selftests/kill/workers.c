// SPDX-License-Identifier: GPL-2.0
/* The writers and readers of the kill test, which work until they are killed. */
#include "kill.h"

/* ---- stalls ----------------------------------------------------------------- */

/**
 * struct pulse - measures how long a survivor's steps take after an event
 * @victim: the survivor
 * @last: when its last step ended, or, if later, when the event happened
 * @event: number of the last event that the survivor has noticed
 * @longest: its longest step since that event, in ns
 * @left: steps that it still has to take to survive the event; 0: it has survived
 */
struct pulse {
	struct victim *victim;
	uint64_t last;
	uint64_t event;
	uint64_t longest;
	unsigned int left;
};

static void pulse_start(struct pulse *p, struct victim *v, const struct arena *a)
{
	*p = (struct pulse){ .victim = v, .event = FLAG_GET(a->event) };
	FLAG_SET(v->alive);
}

/* End a step.  A step that began before the event counts from the event on. */
static void pulse_step(struct pulse *p, const struct arena *a)
{
	uint64_t event = __atomic_load_n(&a->event, __ATOMIC_ACQUIRE), now;

	if (!p->left && event == p->event)
		return;
	now = now_ns();
	if (event != p->event) {
		p->event = event;
		p->left = KILL_STEPS;
		p->longest = 0;
		p->last = a->event_ns;
	}
	if (now - p->last > p->longest)
		p->longest = now - p->last;
	p->last = now;
	if (p->left > 1 || now - a->event_ns >= a->window)
		p->left--;
	if (!p->left) {
		p->victim->stall = p->longest;
		__atomic_store_n(&p->victim->event, p->event, __ATOMIC_RELEASE);
	}
}

/* ---- writers ---------------------------------------------------------------- */

/* Sleep now and then, so that a kill hits a process that holds slots. */
static void dawdle(uint64_t turn)
{
	const struct timespec pause = { .tv_nsec = 50000 };

	if (message_mix(turn) % 8 == 0)
		nanosleep(&pause, NULL);
}

int write_batch(struct ringbuf_writer *writer, uint32_t life, uint64_t number, unsigned int count)
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

struct ringbuf_writer *writer_attach(struct ringbuf *ring)
{
	uint64_t start = now_ns();
	struct ringbuf_writer *writer;

	while (!(writer = writer_new(ring)) && (errno == ENOSPC || errno == EBUSY) &&
	       now_ns() - start < (uint64_t)HANG_NS)
		sched_yield();
	return writer;
}

int writer_run(struct arena *a, struct victim *v)
{
	uint32_t me = __atomic_fetch_add(&a->lives, 1, __ATOMIC_SEQ_CST);
	struct ringbuf_writer *writer = writer_attach(a->ring);
	struct pulse pulse;
	uint64_t number = 0;

	CHECK(writer && me < KILL_LIVES);
	pulse_start(&pulse, v, a);
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
 * struct witness - a reader, and which messages it has seen
 * @position: position after the last message seen
 * @holes: number of holes that it has skipped
 * @first: number of lives that began before this reader was attached
 * @next: for each life, 1 + the number of its next message; 0 before its first message
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
	/* A reader that attached late begins in the middle of an older life. */
	if (!w->next[m.writer])
		w->next[m.writer] = (m.writer < w->first ? m.number : 0) + 1;
	CHECK_EQ(w->next[m.writer], m.number + 1);
	w->next[m.writer]++;
	return 0;
}

/* Check the next messages, and set *count to their number: 0 at an end of the stream. */
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

/* Check that the reader has seen all messages that were committed since it attached. */
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

int reader_run(struct arena *a, struct victim *v)
{
	struct witness *w = calloc(1, sizeof(*w));
	struct pulse pulse;
	int count, last;

	CHECK(w);
	CHECK(!ringbuf_reader_attach(a->ring, RINGBUF_FROM_HEAD, 0, &w->reader));
	w->first = FLAG_GET(a->lives);
	w->position = ringbuf_reader_position(w->reader);
	pulse_start(&pulse, v, a);
	for (;;) {
		last = FLAG_GET(a->ended);
		CHECK(!witness_step(w, &count));
		if (!count && last)
			break;
		if (!count)
			sched_yield(); /* the next writer attaches soon */
		pulse_step(&pulse, a);
	}
	CHECK(!witness_complete(w, a));
	ringbuf_reader_close(w->reader);
	return 0;
}
