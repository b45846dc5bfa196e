// SPDX-License-Identifier: GPL-2.0
/* The writer and the reader that outlive all victims of a ring. */
#include "steps.h"

/* Note what was due at @due and came now.  What was due before the event counts from there. */
static void survivor_late(const struct arena *a, uint64_t due, uint64_t *longest)
{
	uint64_t event = GET(a->event_ns), now = now_ns(), ns;

	if (!event)
		return;
	ns = now - (due > event ? due : event);
	if (ns > *longest)
		SET(*longest, ns);
}

/* ---- the writer -------------------------------------------------------------------- */

/* A dead writer holds its seat until a peer has found it. */
static struct ringbuf_writer *writer_arrive(struct arena *a)
{
	uint64_t start = now_ns();
	struct ringbuf_writer *writer = NULL;

	do {
		errno = a->take_over ? -ringbuf_writer_take_over(a->ring, &writer)
				     : -ringbuf_writer_attach(a->ring, &writer);
		if (writer || (errno != EBUSY && errno != ENOSPC))
			break;
		sched_yield();
	} while (now_ns() - start < (uint64_t)HANG_NS);
	return writer;
}

static int writer_shout(struct arena *a, struct ringbuf_writer *writer)
{
	size_t length = sizeof(struct message) + a->written * 7 % (STEPS_SLOT - 24);
	char text[STEPS_SLOT];

	message_make(text, STEPS_SHOUT, a->written, length);
	a->wrote_ns[a->written % STEPS_TIMES] = now_ns();
	CHECK_EQ(0, ringbuf_writer_write(writer, text, length, HANG_NS));
	SET(a->written, a->written + 1);
	return 0;
}

static int writer_orders(struct arena *a, struct ringbuf_writer **writer)
{
	while (GET(a->written) < GET(a->target)) {
		uint64_t begin = now_ns();

		if (!*writer)
			*writer = writer_arrive(a);
		CHECK(*writer);
		CHECK(!writer_shout(a, *writer));
		survivor_late(a, begin, &a->writer_ns);
		if (!a->first_ns && GET(a->event_ns))
			SET(a->first_ns, now_ns() - a->event_ns);
		notify(&a->progress);
	}
	if (a->away) {
		ringbuf_writer_close(*writer);
		*writer = NULL;
		SET(a->away, 0);
		notify(&a->progress);
	}
	return 0;
}

static int writer_run(struct arena *a)
{
	struct ringbuf_writer *writer = NULL;

	if (!a->exclusive)
		writer = writer_arrive(a);
	while (!GET(a->stop) || GET(a->written) < GET(a->target)) {
		uint32_t orders = GET(a->orders);

		CHECK(!writer_orders(a, &writer));
		if (GET(a->written) == GET(a->target))
			doze(&a->orders, orders);
	}
	ringbuf_writer_close(writer);
	return 0;
}

/* Tell the driver of a failure, so that it does not wait. */
static int survivor_end(struct arena *a, int failed)
{
	if (failed)
		SET(a->failed, 1);
	notify(&a->progress);
	return failed;
}

int survivor_writer(void *arena)
{
	return survivor_end(arena, writer_run(arena));
}

/* ---- the reader -------------------------------------------------------------------- */

/* Check that @s is the next message of its writer; again: it was checked before. */
static int reader_slot(struct arena *a, const struct ringbuf_slot *s, bool again)
{
	struct message m;

	CHECK(message_whole(s->data, s->length, &m));
	if (again)
		return 0;
	if (m.writer == STEPS_SHOUT) {
		CHECK_EQ(a->heard, m.number);
		survivor_late(a, a->wrote_ns[m.number % STEPS_TIMES], &a->reader_ns);
		SET(a->heard, a->heard + 1);
		return 0;
	}
	CHECK_EQ(GET(a->life), m.writer);
	CHECK_EQ(a->seen, m.number);
	if (!a->slow)
		survivor_late(a, 0, &a->reader_ns);
	SET(a->seen, a->seen + 1);
	return 0;
}

/* Keep the slots of a full ring until the driver lets go, and check them again. */
static int reader_hold(struct arena *a, const struct ringbuf_slot *s, int n)
{
	int k;

	SET(a->held, 1);
	notify(&a->progress);
	while (GET(a->hold) && !GET(a->stop)) {
		uint32_t orders = GET(a->orders);

		if (GET(a->hold))
			doze(&a->orders, orders);
	}
	for (k = 0; k < n; k++)
		CHECK(!reader_slot(a, &s[k], true));
	SET(a->held, 0);
	return 0;
}

/* Whether a victim, by what it did and what was done to it, leaves such a hole. */
static bool cause_fits(const struct arena *a, const struct ringbuf_hole_status *hole)
{
	switch (hole->cause) {
	case RINGBUF_CAUSE_KILLED:
		return a->fate == FATE_KILL && hole->code == SIGKILL;
	case RINGBUF_CAUSE_DIED:
		return a->fate == FATE_KILL && !a->module;
	case RINGBUF_CAUSE_FENCED:
		return a->fate == FATE_FENCE;
	case RINGBUF_CAUSE_DISCARDED:
		return a->discards;
	case RINGBUF_CAUSE_LEFT:
		return a->fate != FATE_KILL || a->leaves;
	default:
		return false;
	}
}

/* Check that the hole at @position names the victim, and says how it ended. */
static int reader_hole(struct arena *a, struct ringbuf_reader *reader, uint64_t position)
{
	struct ringbuf_hole_status hole = { .size = sizeof(hole) };
	int err = ringbuf_reader_hole(reader, position, &hole);

	/* Of what was taken back nothing is known when the slot has been used again. */
	if (a->discards &&
	    (err == -ENODATA || (!err && !hole.pid && hole.cause == RINGBUF_CAUSE_DISCARDED)))
		return 0;
	CHECK_EQ(0, err);
	CHECK_EQ(a->victim, hole.pid);
	CHECK(cause_fits(a, &hole));
	return 0;
}

static int reader_batch(struct arena *a, struct ringbuf_reader *reader)
{
	struct ringbuf_slot s[STEPS_SLOTS];
	uint64_t holes, expect = a->position;
	bool hold = GET(a->hold);
	int n, k;

	if (hold)
		CHECK_EQ(0, ringbuf_reader_wait(reader, STEPS_SLOTS, HANG_NS));
	n = ringbuf_reader_peek(reader, s, STEPS_SLOTS, RINGBUF_TRY);
	CHECK(n > 0);
	holes = ringbuf_reader_holes(reader);
	CHECK_EQ(holes - a->holes, s[0].position - expect);
	CHECK_EQ(0, s[0].lost);
	for (; expect < s[0].position; expect++)
		CHECK(!reader_hole(a, reader, expect));
	for (k = 0; k < n; k++) {
		CHECK_EQ(s[0].position + (uint64_t)k, s[k].position);
		CHECK(!reader_slot(a, &s[k], false));
	}
	if (hold)
		CHECK(!reader_hold(a, s, n));
	SET(a->holes, holes);
	CHECK_EQ(0, ringbuf_reader_release(reader, (unsigned int)n));
	SET(a->position, s[0].position + (uint64_t)n);
	notify(&a->progress);
	return 0;
}

static int reader_run(struct arena *a)
{
	struct ringbuf_reader *reader;
	struct ringbuf_slot s;

	CHECK(!ringbuf_reader_attach(a->ring, RINGBUF_FROM_HEAD, 0, &reader));
	SET(a->position, ringbuf_reader_position(reader));
	SET(a->ready, 1);
	notify(&a->progress);
	while (!GET(a->stop)) {
		int n = ringbuf_reader_peek(reader, &s, 1, SECOND);

		if (n == -ENODATA)
			sched_yield(); /* the next writer attaches soon */
		else if (n != -ETIMEDOUT) {
			CHECK_EQ(1, n);
			CHECK(!reader_batch(a, reader));
		}
	}
	ringbuf_reader_close(reader);
	return 0;
}

int survivor_reader(void *arena)
{
	return survivor_end(arena, reader_run(arena));
}
