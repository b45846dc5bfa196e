/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Looking without touching: what could be read or reserved now, and what to
 * wait for where that is not enough.  For hosts that answer for a reader or
 * writer whose private state they do not see.
 */
#ifndef RB_ENGINE_READY_H
#define RB_ENGINE_READY_H

#include "reader.h"
#include "wait.h"
#include "writer.h"

/**
 * struct rb_ready - an answer
 * @count: slots that can be read or reserved, at most those wanted
 * @waiter: what to arm while that is too few; 0: it is enough
 */
struct rb_ready {
	u32 count;
	u64 waiter;
};

/* The first position from @pos on that is not finished, at most @end. */
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

/*
 * What the reader in @row could read: committed slots from its cursor on.  A
 * lap in which nothing is unfinished is enough, whatever holes it has: more
 * will not come before the reader moves.  A word that makes no sense counts as
 * readable, and an eviction as enough: the reader has to see it.
 */
static inline void rb_reader_ready(const struct rb_view *v, u32 row, u32 want, struct rb_ready *r)
{
	u64 pos = rb_row_cursor(v, row), n, last;
	u64 i = rb_index(v, pos);

	r->count = 0;
	r->waiter = 0;
	if (rb_row_evicted(v, row))
		return;
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
	r->waiter = rb_waiter(pos + last, RB_WAIT_POSITION);
}

/* What a writer could reserve, by the rules of rb_reserve(); @want is at most a lap. */
static inline void rb_writer_ready(const struct rb_view *v, u32 want, struct rb_ready *r)
{
	struct rb_writer w;
	u64 end, gate, i;
	u32 row, k;

	rb_writer_seek(v, &w, rb_head(v));
	end = w.pos + want;
	i = w.index;
	r->count = want;
	r->waiter = 0;
	gate = rb_gate_end(v, rb_gate_min(v, &row));
	if (row != RB_NO_ROW && gate < end) {
		r->count = gate > w.pos ? gate - w.pos : 0;
		r->waiter = rb_waiter(end - v->slots, RB_WAIT_CURSOR);
	}
	for (k = 0; !rb_exclusive(v) && k < r->count; k++, i = rb_index_add(v, i, 1)) {
		rb_relax(k);
		if (rb_slots_free(v, &w, w.pos + k, i, 1))
			continue;
		r->count = k;
		if (!r->waiter)
			r->waiter = rb_waiter(w.blocked, RB_WAIT_POSITION);
	}
}

#endif
