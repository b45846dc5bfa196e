/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Readiness: what a reader could read or a writer could reserve now, and what to wait
 * for if that is not enough.  Changes nothing.  For hosts, which do not see the private
 * state of the reader or writer.
 */
#ifndef RB_ENGINE_READY_H
#define RB_ENGINE_READY_H

#include "reader.h"
#include "wait.h"
#include "writer.h"

/**
 * struct rb_ready - what is ready for a reader or writer
 * @count: slots that can be read or reserved, at most the number wanted
 * @evicted: the reader was evicted; the other fields mean nothing
 * @waiter: waiter word to arm if @count is too few; 0 if it is enough
 */
struct rb_ready {
	u32 count;
	bool evicted;
	u64 waiter;
};

/* The first position from @pos on that is not finished; @end if all below it are. */
static inline u64 rb_first_unfinished(const struct rb_view *v, u64 pos, u64 end)
{
	u64 i = rb_index(v, pos), n;

	for (n = 0; pos < end && n < v->slots; n++, pos++, i = rb_index_add(v, i, 1)) {
		u64 state = smp_load_acquire(&v->desc[i].state); /* (A) */

		rb_relax(n);
		if (!rb_state_phase(state) || rb_state_pos(state) < pos)
			break;
	}
	return pos;
}

/* Whether the reader in @row, which stands at @pos, has lost slots and does not know it yet. */
static inline bool rb_row_behind(const struct rb_view *v, u32 row, u64 pos)
{
	u32 flags = READ_ONCE(rb_row(v, row)->flags);

	if (flags & RINGBUF_ROW_LOSSY)
		return rb_overtaken(v, pos);
	return rb_row_skipped(v, row);
}

/*
 * Count the committed slots that the reader in @row could read from its cursor on, at
 * most @want.  A lap without an unfinished slot is enough, however many holes it has,
 * since no more will come before the reader moves.  A word that makes no sense counts as
 * readable, and an eviction, a skip and an overtaken lossy reader as enough, so that the
 * reader is woken to see it.
 */
static inline void rb_reader_ready(const struct rb_view *v, u32 row, u32 want, struct rb_ready *r)
{
	u64 pos = rb_row_cursor(v, row), n, last;
	u64 i = rb_index(v, pos);

	r->count = 0;
	r->waiter = 0;
	r->evicted = rb_row_evicted(v, row);
	if (r->evicted)
		return;
	if (rb_row_behind(v, row, pos)) {
		r->count = want;
		return;
	}
	for (n = 0; n < v->slots && r->count < want; n++, i = rb_index_add(v, i, 1)) {
		u64 state = smp_load_acquire(&v->desc[i].state); /* (A) */

		rb_relax(n);
		if (!rb_state_phase(state) || rb_state_pos(state) < pos + n)
			break;
		if (!rb_is_hole(state, pos + n))
			r->count++;
	}
	if (n == v->slots || r->count == want)
		return;
	last = n + (want - r->count) - 1;
	if (last > v->slots - 1)
		last = v->slots - 1;
	if (last > n && rb_finished(v, pos + last))
		last = n;
	r->waiter = rb_waiter_word(pos + last, RB_WAIT_POSITION);
}

/* Count the slots that rb_reserve() would give a writer, at most @want, at most a lap. */
static inline void rb_writer_ready(const struct rb_view *v, u32 want, struct rb_ready *r)
{
	struct rb_writer w;
	u64 end, gate, i;
	u32 row, k;

	rb_writer_seek(v, &w, rb_head(v));
	end = w.pos + want;
	i = w.index;
	r->count = want;
	r->evicted = false;
	r->waiter = 0;
	if (rb_gate_closed(v)) {
		r->count = 0;
		r->waiter = rb_waiter_word(0, RB_WAIT_CURSOR);
		return;
	}
	gate = rb_gate_end(rb_gate_min(v, &row), v->slots);
	if (row != RB_NO_ROW && gate < end) {
		r->count = gate > w.pos ? gate - w.pos : 0;
		r->waiter = rb_waiter_word(end - v->slots, RB_WAIT_CURSOR);
	}
	for (k = 0; !rb_exclusive(v) && k < r->count; k++, i = rb_index_add(v, i, 1)) {
		rb_relax(k);
		if (rb_slots_free(v, &w, w.pos + k, i, 1))
			continue;
		r->count = k;
		if (!r->waiter)
			r->waiter = rb_waiter_word(w.blocked, RB_WAIT_POSITION);
	}
}

/* ---- what blocks ------------------------------------------------------------ */

/**
 * struct rb_blocker - the reader or writer that all others wait for
 * @row: the reader with the lowest cursor; RB_NO_ROW if there is none or @writer is set
 * @writer: id of the writer that holds the others up; 0 if there is none
 * @position: the slot that @writer has not finished, or the cursor of @row, or head
 */
struct rb_blocker {
	u32 row;
	u32 writer;
	u64 position;
};

/*
 * Return the id of the writer that has claimed @pos and not finished it, 0 if there is
 * none.  Only the first claim word of a batch is sure to hold the id, so search backwards.
 */
static inline u32 rb_open_writer(const struct rb_view *v, u64 pos)
{
	u32 k;

	if (rb_finished(v, pos))
		return 0;
	for (k = 0; k < RINGBUF_MAX_BATCH && k <= pos && k < v->slots; k++) {
		u64 claim = READ_ONCE(v->claim[rb_index(v, pos - k)]);
		u32 id = rb_claim_writer(claim);

		if (rb_claim_ahead(claim, pos - k))
			continue;
		return rb_claim_count(claim) > k && id <= v->max_writers ? id : 0;
	}
	return 0;
}

/*
 * Find what limits the writers, whose head is @head.  That is the reader with the lowest
 * cursor, unless it waits itself for a slot that a writer has not finished: then that
 * writer limits all of them.  Without a reader it may be an unfinished slot of the
 * previous lap.
 */
static inline void rb_find_blocker(const struct rb_view *v, u64 head, struct rb_blocker *b)
{
	u64 min = rb_gate_min(v, &b->row);
	bool none = b->row == RB_NO_ROW;

	b->position = !none ? min : head > v->slots ? head - v->slots : 0;
	b->writer = 0;
	if (!rb_exclusive(v) && b->position < head)
		b->writer = rb_open_writer(v, b->position);
	if (b->writer)
		b->row = RB_NO_ROW;
	else if (none)
		b->position = head;
}

#endif
