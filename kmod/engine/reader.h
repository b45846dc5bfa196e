/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Readers: peek at finished slots in position order, then release them.
 */
#ifndef RB_ENGINE_READER_H
#define RB_ENGINE_READER_H

#include "gate.h"
#include "policy.h"

/**
 * struct rb_reader - the private state of a reader
 * @pos: next position to read
 * @index: the index of @pos
 * @lost: slots that the host has moved it over, in all
 * @holes: holes that it has skipped, in all
 * @holes_end: the position after the last of them; 0: none yet
 * @margin: lossy: how many held slots it leaves out when it has been overtaken
 * @lossy: writers never wait for it
 * @fresh: lossy: it has released a slot since it was overtaken last
 * @cursor: its cursor in shared memory
 * @floor: the position below which the host does not let it read
 * @row: its row
 */
struct rb_reader {
	u64 pos;
	u64 index;
	u64 lost;
	u64 holes;
	u64 holes_end;
	u64 margin;
	bool lossy;
	bool fresh;
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
	r->margin = 0;
	r->lossy = READ_ONCE(rb_row(v, row)->flags) & RINGBUF_ROW_LOSSY;
	r->fresh = true;
	r->cursor = rb_cursor(v, row);
	r->floor = &rb_row(v, row)->floor;
	r->lost = READ_ONCE(r->cursor->lost);
	r->holes = READ_ONCE(r->cursor->holes);
	r->holes_end = 0;
	rb_reader_seek(v, r, READ_ONCE(r->cursor->cursor));
}

/*
 * Store the cursor: the reader is done with the slots below it.  @old is the cursor
 * before.  Returns true if a writer may wait for a cursor that this step has reached.
 */
static inline bool rb_cursor_publish(const struct rb_view *v, struct rb_reader *r, u64 old)
{
	u64 wake;
	u32 row;

	if (unlikely(r->lossy)) {
		WRITE_ONCE(r->cursor->cursor, r->pos); /* nobody waits for it */
		return false;
	}
	xchg(&r->cursor->cursor, r->pos); /* (F), matches rb_row_cursor() */
	smp_mb__after_atomic(); /* (D), matches rb_arm() */
	wake = READ_ONCE(v->info->wake_cursor);
	if (likely(wake > r->pos))
		return false;
	/*
	 * This step has passed the wake word: wake.  A wake word that was already
	 * below us may be stale and hide a higher target: wake as well, unless a
	 * slower reader has yet to pass it.
	 */
	return wake > old || rb_gate_min(v, &row) >= wake;
}

/*
 * Follow a move by the host to @floor and count the slots lost.  Returns the result of
 * rb_cursor_publish().  An evicted or skipped reader does not move; rb_peek() reports it.
 */
static inline bool rb_reader_moved(const struct rb_view *v, struct rb_reader *r, u64 floor)
{
	u64 old = r->pos;

	if (floor >= RINGBUF_FLOOR_SKIPPED)
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

/* Skip the holes at the cursor, at most a lap of them.  Returns as rb_cursor_publish(). */
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
	if (n)
		r->holes_end = r->pos;
	WRITE_ONCE(r->cursor->holes, r->holes);
	return rb_cursor_publish(v, r, old);
}

/* Count the committed slots from the cursor on, at most @max. */
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

/* Whether writers have begun to overwrite one of the @count slots from a lossy reader's on. */
static inline bool rb_overwritten(const struct rb_view *v, const struct rb_reader *r, u64 count)
{
	u64 i = r->index, n;

	for (n = 0; n < count; n++, i = rb_index_add(v, i, 1)) {
		if (rb_exclusive(v) ? !rb_state_finished(READ_ONCE(v->desc[i].state), r->pos + n)
				    : rb_claim_ahead(READ_ONCE(v->claim[i]), r->pos + n))
			return true;
	}
	return false;
}

/*
 * Fast path: count the slots that can be read, 0 if the host has moved the reader or a writer
 * has overtaken it.
 */
static inline u32 rb_peek_now(const struct rb_view *v, const struct rb_reader *r, u32 max)
{
	if (unlikely(READ_ONCE(*r->floor) > r->pos || (r->lossy && rb_overwritten(v, r, 1))))
		return 0;
	return rb_peek_run(v, r, max);
}

/*
 * Move a lossy reader that was overtaken to the oldest slot, and count the slots lost.  See
 * rb_margin() for the oldest slots that it leaves out.
 */
static inline void rb_catch_up(const struct rb_view *v, struct rb_reader *r)
{
	u64 head = rb_head(v), pos;

	r->margin = rb_margin(r->margin, r->fresh, v->slots / 2);
	r->fresh = false;
	pos = (head > v->slots ? head - v->slots : 0) + r->margin;
	/* An exclusive writer may have cleared any number of the oldest slots. */
	for (; pos < head && rb_overtaken(v, pos); pos++)
		rb_relax(pos);
	if (pos > head)
		pos = head;
	/* Head does not show what an exclusive writer has reserved, and may be stale. */
	if (pos <= r->pos)
		pos = r->pos + 1;
	r->lost += pos - r->pos;
	WRITE_ONCE(r->cursor->lost, r->lost);
	rb_reader_seek(v, r, pos);
	WRITE_ONCE(r->cursor->cursor, pos);
}

/* What to do with a reader that does not hold its slots any more.  Returns *wake. */
static inline bool rb_reader_dropped(const struct rb_view *v, struct rb_reader *r)
{
	u64 floor = READ_ONCE(*r->floor);

	if (floor > r->pos)
		return rb_reader_moved(v, r, floor);
	rb_catch_up(v, r);
	return false;
}

/*
 * Find out why nothing can be read at the cursor, and skip holes there.  Returns 0 if
 * nothing has been written yet, -EAGAIN to peek again, -EIDRM if the reader was evicted,
 * -ESTALE if it was skipped, -EPROTO if the words make no sense.
 */
static inline int rb_peek_why(const struct rb_view *v, struct rb_reader *r, bool *wake)
{
	u64 state = smp_load_acquire(&v->desc[r->index].state); /* (A) */
	u64 floor = READ_ONCE(*r->floor);

	if (unlikely(r->lossy && rb_overtaken(v, r->pos) && floor <= r->pos)) {
		rb_catch_up(v, r);
		return -EAGAIN;
	}
	if (unlikely(floor > r->pos)) {
		if (floor == RINGBUF_FLOOR_EVICTED)
			return -EIDRM;
		if (floor == RINGBUF_FLOOR_SKIPPED)
			return -ESTALE;
		*wake |= rb_reader_moved(v, r, floor);
		return -EAGAIN;
	}
	if (state == rb_state(r->pos, RINGBUF_COMMITTED))
		return -EAGAIN;
	if (rb_is_hole(state, r->pos)) {
		*wake |= rb_skip_holes(v, r);
		return -EAGAIN;
	}
	/*
	 * (A): we would have seen what let a writer use the slot again: the floor, or, if the
	 * reader is lossy, the claim, or a head behind it.
	 */
	return rb_state_phase(state) && rb_state_pos(state) > r->pos ? -EPROTO : 0;
}

/*
 * Return how many slots, at most @max, can be read from r->pos on, after skipping holes
 * and following a move by the host.  Returns 0 if there are none now, -EIDRM if the
 * reader was evicted, -ESTALE if it was skipped and has to ask the host to let it continue,
 * -EPROTO if the words make no sense.  *wake: the caller must ask the host to wake writers.
 */
static inline int rb_peek(const struct rb_view *v, struct rb_reader *r, u32 max, bool *wake)
{
	int tries;

	*wake = false;
	/* Each try of a lossy reader may meet another writer. */
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

/*
 * Whether the bytes read in the @count slots from the cursor on are whole: the host has not
 * moved the reader, and no writer has overtaken it.
 */
static inline bool rb_reader_holds(const struct rb_view *v, const struct rb_reader *r, u64 count)
{
	/*
	 * (K), matches rb_move_reader().
	 * (M), matches rb_claim_stamp() and rb_clear_states().
	 */
	smp_rmb();
	if (unlikely(READ_ONCE(*r->floor) > r->pos))
		return false;
	return likely(!r->lossy) || !rb_overwritten(v, r, count);
}

/*
 * Release the first @count slots.  Returns false if the host has moved the reader
 * meanwhile, or a writer has overtaken it, so that their bytes may be torn.  *wake: as in
 * rb_peek().
 */
static inline bool rb_release(const struct rb_view *v, struct rb_reader *r, u32 count, bool *wake)
{
	u64 old = r->pos;

	if (unlikely(!rb_reader_holds(v, r, count))) {
		*wake = rb_reader_dropped(v, r);
		return false;
	}
	r->fresh = true;
	r->pos += count;
	r->index = rb_index_add(v, r->index, count);
	*wake = rb_cursor_publish(v, r, old);
	return true;
}

/*
 * Whether the stream has ended: there has been a writer and none is left.  The caller
 * must peek once more after this, for messages committed in between.
 */
static inline bool rb_ended(const struct rb_view *v)
{
	/* (G), matches rb_count_writer(), then (J), matches rb_discount_writer(). */
	return smp_load_acquire(&v->info->writers_ever) && !smp_load_acquire(&v->info->writers);
}

#endif
