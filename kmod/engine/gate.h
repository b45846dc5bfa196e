/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The gate: which positions the readers allow.
 *
 * Position p is allowed by cursor c when c >= p or p - c < slot_count.  A
 * writer takes positions below its own allowance only.  Raising the allowance
 * scans the readers; between two raises a write costs nothing per reader.
 */
#ifndef RB_ENGINE_GATE_H
#define RB_ENGINE_GATE_H

#include "words.h"

#define RB_NO_ROW (~0U)

/*
 * The position of the reader in @row: the larger of its cursor and its floor.  The floor of a
 * skipped reader is no position, and it does not gate.
 */
static inline u64 rb_row_cursor(const struct rb_view *v, u32 row)
{
	/* (K) and (F): the reader's loads from its slots precede the stores that we read. */
	u64 floor = smp_load_acquire(&rb_row(v, row)->floor);
	/* (F), matches rb_cursor_publish() */
	u64 cursor = smp_load_acquire(&rb_cursor(v, row)->cursor);

	return cursor > floor || floor == RINGBUF_FLOOR_SKIPPED ? cursor : floor;
}

/* Whether the reader that has @row was evicted. */
static inline bool rb_row_evicted(const struct rb_view *v, u32 row)
{
	return READ_ONCE(rb_row(v, row)->flags) & RINGBUF_ROW_EVICTED;
}

/* Whether the reader that has @row was skipped, and has not asked to continue. */
static inline bool rb_row_skipped(const struct rb_view *v, u32 row)
{
	return READ_ONCE(rb_row(v, row)->floor) == RINGBUF_FLOOR_SKIPPED;
}

static inline u32 rb_rows(const struct rb_view *v)
{
	/* (E), matches rb_attach_reader(): the rows below the count are initialised. */
	u32 rows = smp_load_acquire(&v->info->rows);

	return rows < v->max_readers ? rows : v->max_readers;
}

/*
 * Return the lowest cursor of the gating readers, ~0 if there are none.  *row is the row of
 * that reader, or RB_NO_ROW.
 */
static inline u64 rb_gate_min(const struct rb_view *v, u32 *row)
{
	u64 min = ~0ULL;
	u32 rows = rb_rows(v), i;

	*row = RB_NO_ROW;
	for (i = 0; i < rows; i++) {
		u64 cursor;

		/* (E), matches rb_attach_reader(): cursor and floor are set. */
		if (!(smp_load_acquire(&rb_row(v, i)->flags) & RINGBUF_ROW_GATING))
			continue;
		cursor = rb_row_cursor(v, i);
		if (*row == RB_NO_ROW || cursor < min) {
			min = cursor;
			*row = i;
		}
	}
	return min;
}

/*
 * Whether the gate is closed because the ring still waits for its first readers.  No
 * writer has an allowance then, and no wait for a cursor ends.  So head is 0 as well, and
 * each reader that attaches starts at position 0.  An open gate never closes again.
 */
static inline bool rb_gate_closed(const struct rb_view *v)
{
	/* (L), matches rb_gate_open(): we see the rows of the readers that opened the gate. */
	return smp_load_acquire(&v->info->readers_wanted);
}

/* Whether all gating readers, of which @min is the lowest cursor, have reached @target. */
static inline bool rb_cursor_reached(const struct rb_view *v, u64 min, u64 target)
{
	return min >= target && !rb_gate_closed(v);
}

/* The first position that lies @slots ahead of @cursor; ~0 if there is no such position. */
static inline u64 rb_gate_end(u64 cursor, u64 slots)
{
	return cursor > ~0ULL - slots ? ~0ULL : cursor + slots;
}

/* How many slots ahead of the reader of @row a writer may write without asking the host. */
static inline u64 rb_row_lag(const struct rb_view *v, const struct ringbuf_row *row)
{
	u64 lag = v->row_stride >= sizeof(*row) ? READ_ONCE(row->lag) : 0;

	return lag && lag < v->slots ? lag : v->slots;
}

/*
 * Return the first position that a writer must not take before it has asked the host, which
 * may evict or skip readers then: the lowest of those that the gating readers forbid, or that
 * lie beyond their lag.  ~0: there is none.  *exact: a writer takes no larger allowance than it
 * needs, for the sake of readers to come: no reader gates, or one is skipped.
 */
static inline u64 rb_gate_limit(const struct rb_view *v, bool *exact)
{
	bool gated = false, skipped = false;
	u32 rows = rb_rows(v), i;
	u64 limit = ~0ULL;

	for (i = 0; i < rows; i++) {
		const struct ringbuf_row *row = rb_row(v, i);
		/* (E), matches rb_attach_reader(): cursor, floor and lag are set. */
		u32 flags = smp_load_acquire(&row->flags);
		u64 end;

		skipped |= flags == RINGBUF_ROW_ATTACHED;
		if (!(flags & RINGBUF_ROW_GATING))
			continue;
		gated = true;
		end = rb_gate_end(rb_row_cursor(v, i), rb_row_lag(v, row));
		if (end < limit)
			limit = end;
	}
	*exact = skipped || !gated;
	return limit;
}

/* How often a writer rescans the rows because a reader has attached meanwhile. */
#define RB_GATE_TRIES 8

/*
 * Raise the allowance of writer @id towards @end, the position after the last one that
 * the writer wants.  Returns the new allowance, which may be below @end.  Returns 0 while
 * the gate is closed, and when readers attach faster than the rows can be scanned; the
 * writer is blocked then.
 *
 * The allowance is stored before it is used: a reader that attaches at an old position
 * loads it and starts where this writer will not write.  Without a gating reader, or with a
 * skipped one, the allowance is at most @end, so that it does not keep later readers from
 * slots that are still intact.  The cursors of honest readers allow at most a lap beyond
 * @end.
 */
static inline u64 rb_gate_raise(const struct rb_view *v, u32 id, u64 end)
{
	u64 *word = &rb_writer_row(v, id)->allowance;
	u64 generation, allowance;
	u32 tries;
	bool exact;

	if (rb_gate_closed(v))
		return 0;
	for (tries = 0; tries < RB_GATE_TRIES; tries++) {
		/* (H), matches rb_attach_reader(): we see the row that it counted. */
		generation = smp_load_acquire(&v->info->generation);
		allowance = rb_gate_limit(v, &exact);
		if (exact && allowance > end)
			allowance = end;
		if (allowance > READ_ONCE(*word))
			WRITE_ONCE(*word, allowance);
		smp_mb(); /* (H), matches rb_attach_reader() */
		if (READ_ONCE(v->info->generation) == generation)
			return allowance;
	}
	return 0;
}

/*
 * Whether a writer has claimed the slot of @pos for a later lap, or, if there is an exclusive
 * writer, has begun to overwrite it.  False: @pos is still to be written, or is held.
 */
static inline bool rb_overtaken(const struct rb_view *v, u64 pos)
{
	u64 i = rb_index(v, pos);

	if (!rb_exclusive(v))
		return rb_claim_ahead(READ_ONCE(v->claim[i]), pos) > 0;
	if (READ_ONCE(v->head->head) <= pos)
		return false;
	/* Load the head before the state: rb_publish_exclusive() stores the state first. */
	smp_rmb();
	return !rb_state_finished(READ_ONCE(v->desc[i].state), pos);
}

#endif
