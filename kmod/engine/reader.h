/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Readers: peek at finished slots in position order, then release them.
 */
#ifndef RB_ENGINE_READER_H
#define RB_ENGINE_READER_H

#include "gate.h"

/**
 * struct rb_reader - private to the reader
 * @pos: next position to read
 * @index: of @pos
 * @lost: slots it was moved over in its life
 * @holes: holes it skipped in its life
 * @cursor: its shared word
 * @floor: what the host says
 * @row: its row
 */
struct rb_reader {
	u64 pos;
	u64 index;
	u64 lost;
	u64 holes;
	struct ringbuf_cursor *cursor;
	const u64 *floor;
	u32 row;
};

static inline void rb_reader_seek(const struct rb_view *v, struct rb_reader *r, u64 pos)
{
	r->pos = pos;
	r->index = rb_index(v, pos);
}

static inline void rb_reader_init(const struct rb_view *v, struct rb_reader *r, u32 row)
{
	r->row = row;
	r->cursor = rb_cursor(v, row);
	r->floor = &rb_row(v, row)->floor;
	r->lost = READ_ONCE(r->cursor->lost);
	r->holes = READ_ONCE(r->cursor->holes);
	rb_reader_seek(v, r, READ_ONCE(r->cursor->cursor));
}

/*
 * Store the cursor; what was read below it has been read.  True when a writer
 * waits for a cursor that this step has reached.
 */
static inline bool rb_cursor_publish(const struct rb_view *v, struct rb_reader *r, u64 old)
{
	u64 wake;
	u32 row;

	xchg(&r->cursor->cursor, r->pos); /* (F), matches rb_row_cursor() */
	smp_mb__after_atomic(); /* (D), matches rb_arm() */
	wake = READ_ONCE(v->info->wake_cursor);
	if (likely(wake > r->pos))
		return false;
	/*
	 * Stepped over: wake.  Below us before: it may be what a waiter left
	 * behind, and hide a higher one, unless a slower reader is still to
	 * step over it.
	 */
	return wake > old || rb_gate_min(v, &row) >= wake;
}

/*
 * The host moved us: count what is lost.  True as in rb_cursor_publish().  Who
 * was evicted goes nowhere any more, and learns it from rb_peek().
 */
static inline bool rb_reader_moved(const struct rb_view *v, struct rb_reader *r, u64 floor)
{
	u64 old = r->pos;

	if (floor == RINGBUF_FLOOR_EVICTED)
		return false;
	r->lost += floor - old;
	WRITE_ONCE(r->cursor->lost, r->lost);
	rb_reader_seek(v, r, floor);
	return rb_cursor_publish(v, r, old);
}

static inline bool rb_is_hole(u64 state, u64 pos)
{
	return rb_state_finished(state, pos) && rb_state_phase(state) != RINGBUF_COMMITTED;
}

/* Skip the holes at the cursor, at most a lap of them.  True: wake a writer. */
static inline bool rb_skip_holes(const struct rb_view *v, struct rb_reader *r)
{
	u64 old = r->pos, n;

	for (n = 0; n < v->slots; n++) {
		rb_relax(n);
		if (!rb_is_hole(smp_load_acquire(&v->desc[r->index].state), r->pos)) /* (A) */
			break;
		r->pos++;
		r->index = rb_index_add(v, r->index, 1);
	}
	r->holes += n;
	WRITE_ONCE(r->cursor->holes, r->holes);
	return rb_cursor_publish(v, r, old);
}

/* Committed slots from the cursor on, at most @max. */
static inline u32 rb_peek_run(const struct rb_view *v, const struct rb_reader *r, u32 max)
{
	const struct ringbuf_desc *d = &v->desc[r->index];
	u32 end = rb_run(v, r->index, max), n = 0;

	for (;;) {
		for (; n < end; n++, d++)
			/* (A), matches rb_publish() */
			if (smp_load_acquire(&d->state) != rb_state(r->pos + n, RINGBUF_COMMITTED))
				return n;
		if (n == max)
			return n;
		d = v->desc;
		end = n + rb_run(v, 0, max - n);
	}
}

/* What can be read at first sight. */
static inline u32 rb_peek_now(const struct rb_view *v, const struct rb_reader *r, u32 max)
{
	return likely(READ_ONCE(*r->floor) <= r->pos) ? rb_peek_run(v, r, max) : 0;
}

/*
 * What stands at the cursor when nothing can be read there: 0 nothing yet,
 * -EAGAIN look again, -EIDRM we were evicted, -EPROTO words that make no sense.
 */
static inline int rb_peek_why(const struct rb_view *v, struct rb_reader *r, bool *wake)
{
	u64 state = smp_load_acquire(&v->desc[r->index].state); /* (A) */
	u64 floor = READ_ONCE(*r->floor);

	if (unlikely(floor > r->pos)) {
		if (floor == RINGBUF_FLOOR_EVICTED)
			return -EIDRM;
		*wake |= rb_reader_moved(v, r, floor);
		return -EAGAIN;
	}
	if (state == rb_state(r->pos, RINGBUF_COMMITTED))
		return -EAGAIN;
	if (rb_is_hole(state, r->pos)) {
		*wake |= rb_skip_holes(v, r);
		return -EAGAIN;
	}
	if (rb_state_phase(state) && rb_state_pos(state) > r->pos) {
		smp_rmb(); /* (K), matches rb_move_reader(): the floor that allowed it */
		return READ_ONCE(*r->floor) > r->pos ? -EAGAIN : -EPROTO;
	}
	return 0;
}

/*
 * How many slots, at most @max, can be read from r->pos on: skips holes, obeys
 * the floor.  0: none now.  -EIDRM: we were evicted.  -EPROTO: the words make no
 * sense.  *wake tells whether the host has to be asked for a wake-up.
 */
static inline int rb_peek(const struct rb_view *v, struct rb_reader *r, u32 max, bool *wake)
{
	int tries;

	*wake = false;
	for (tries = 0; tries < 64; tries++) {
		u32 n = rb_peek_now(v, r, max);
		int why;

		if (likely(n))
			return n;
		why = rb_peek_why(v, r, wake);
		if (why != -EAGAIN)
			return why;
	}
	return 0;
}

/* Whether what was read at the cursor is whole: the host has not moved us on. */
static inline bool rb_reader_holds(const struct rb_reader *r)
{
	smp_rmb(); /* (K), matches rb_move_reader() */
	return READ_ONCE(*r->floor) <= r->pos;
}

/*
 * Give the first @count slots back; false when the reader was moved meanwhile.
 * *wake as in rb_peek().
 */
static inline bool rb_release(const struct rb_view *v, struct rb_reader *r, u32 count, bool *wake)
{
	u64 old = r->pos;

	if (unlikely(!rb_reader_holds(r))) {
		*wake = rb_reader_moved(v, r, READ_ONCE(*r->floor));
		return false;
	}
	r->pos += count;
	r->index = rb_index_add(v, r->index, count);
	*wake = rb_cursor_publish(v, r, old);
	return true;
}

/* No writer is left and one has been: nothing more will come after a last look. */
static inline bool rb_ended(const struct rb_view *v)
{
	/* In the order opposite to rb_attach_writer()'s; (J), matches rb_end_writer(). */
	return smp_load_acquire(&v->info->writers_ever) && !smp_load_acquire(&v->info->writers);
}

#endif
