/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writers: reserve, then commit or discard.
 *
 * Exclusive: all positions from head on belong to the one writer.  Until commit it only
 * clears the states of the slots that it reserves, so there is nothing to repair.
 *
 * Shared: one compare-and-swap on the claim word of the first position claims that
 * position and the count - 1 after it, and records the owner.  No other writer can
 * claim one of those, since writers claim only the first unclaimed position and skip
 * a claim by its count.  A kill between any two instructions leaves no claim, or one
 * that records owner and length.  Commit and discard are compare-and-swaps from the
 * state of the previous lap, so they fail if the slot was repaired meanwhile.
 */
#ifndef RB_ENGINE_WRITER_H
#define RB_ENGINE_WRITER_H

#include "gate.h"

/**
 * struct rb_writer - the private state of a writer
 * @pos: first reserved position, or the next one to try
 * @index: the index of @pos
 * @since: with shared writers: this writer wrote all positions from here to @pos
 * @limit: positions below it have passed the gate
 * @blocked: what the last failed reserve waits for, see enum rb_reserved
 * @id: 1 to max_writers
 * @count: slots reserved now
 */
struct rb_writer {
	u64 pos;
	u64 index;
	u64 since;
	u64 limit;
	u64 blocked;
	u32 id;
	u32 count;
};

/* How many claims other writers may win before a reserve gives up with RB_RETRY. */
#define RB_MAX_LOSSES 64

/* What rb_reserve() found. */
enum rb_reserved {
	RB_RESERVED,
	RB_BLOCKED_BY_READER, /* @blocked is the cursor that all must reach */
	RB_BLOCKED_BY_SLOT, /* @blocked is the position that must be finished */
	RB_RETRY, /* the words move too fast, or make no sense */
};

static inline void rb_writer_seek(const struct rb_view *v, struct rb_writer *w, u64 pos)
{
	w->pos = pos;
	w->index = rb_index(v, pos);
	w->since = pos;
}

static inline void rb_writer_init(const struct rb_view *v, struct rb_writer *w, u32 id)
{
	w->id = id;
	w->count = 0;
	w->limit = 0;
	w->blocked = 0;
	rb_writer_seek(v, w, rb_head(v));
}

/*
 * Whether the gate lets @w take @count positions from @pos on.  False: w->blocked is the
 * cursor to wait for.
 */
static inline bool rb_gate_pass(const struct rb_view *v, struct rb_writer *w, u64 pos, u32 count)
{
	u64 end = pos + count;

	if (likely(end <= w->limit))
		return true;
	w->limit = rb_gate_raise(v, w->id, end);
	if (end <= w->limit)
		return true;
	/* If rb_gate_raise() gave up, this may be a cursor that is reached already: retry. */
	w->blocked = end > v->slots ? end - v->slots : 0;
	return false;
}

/*
 * Whether the @count slots from @pos on, whose index is @i, were finished in the previous
 * lap.  False: w->blocked is the position that is not.  If this writer wrote the whole
 * lap, it has finished it, since it reserves only after that: do not fetch the states'
 * cache lines from the readers that have them.
 */
static inline bool rb_slots_free(const struct rb_view *v, struct rb_writer *w, u64 pos, u64 i,
				 u32 count)
{
	u32 k;

	if (likely(pos == w->pos && pos - w->since >= v->slots))
		return true;
	for (k = 0; k < count; k++, i = rb_index_add(v, i, 1)) {
		/* Pairs with (A): its writer has stopped writing the slot. */
		if (!rb_state_is_free(v, smp_load_acquire(&v->desc[i].state), pos + k)) {
			w->blocked = pos + k >= v->slots ? pos + k - v->slots : 0;
			return false;
		}
	}
	return true;
}

/*
 * Record the owner in the other claims of a batch too, for a walk that starts in the
 * middle of it.
 */
static inline void rb_claim_stamp(const struct rb_view *v, const struct rb_writer *w)
{
	u64 i = w->index;
	u32 k;

	for (k = 1; k < w->count; k++) {
		i = rb_index_add(v, i, 1);
		WRITE_ONCE(v->claim[i], rb_claim(w->pos + k, w->id, w->count - k));
	}
	/*
	 * (M), matches rb_reader_holds().  The compare-and-swap of the first claim is a full
	 * barrier in the kernel only: without LSE, user space on arm64 has later stores pass it.
	 */
	smp_wmb();
}

/*
 * Clear the states of the slots that an exclusive writer is about to fill, so that a lossy
 * reader does not take what it reads there for its message.  Their lines are written at the
 * commit anyway.
 */
static inline void rb_clear_states(const struct rb_view *v, const struct rb_writer *w)
{
	struct ringbuf_desc *d = &v->desc[w->index];
	u32 end = rb_run(v, w->index, w->count), k;

	for (k = 0; k < end; k++, d++)
		WRITE_ONCE(d->state, 0);
	for (d = v->desc; k < w->count; k++, d++)
		WRITE_ONCE(d->state, 0);
	smp_wmb(); /* (M), matches rb_reader_holds() */
}

static inline enum rb_reserved rb_reserve_shared(const struct rb_view *v, struct rb_writer *w,
						 u32 count)
{
	u64 pos = READ_ONCE(v->head->head), i, steps;
	u32 losses = 0;

	/* Fast path: head has not passed our position, so reuse its index; no division. */
	if (likely(pos <= w->pos)) {
		pos = w->pos;
		i = w->index;
	} else {
		i = rb_index(v, pos);
	}
	for (steps = 1; steps <= 2 * v->slots + 1 && losses < RB_MAX_LOSSES; steps++) {
		u64 claim = READ_ONCE(v->claim[i]);
		s64 ahead = rb_claim_ahead(claim, pos);

		rb_relax(steps);
		if (ahead >= 0) {
			pos += (u64)ahead + rb_claim_count(claim);
			i = rb_index(v, pos);
			continue;
		}
		losses++;
		if (!rb_gate_pass(v, w, pos, count))
			return RB_BLOCKED_BY_READER;
		if (!rb_slots_free(v, w, pos, i, count)) {
			if (READ_ONCE(v->claim[i]) != claim)
				continue;
			return RB_BLOCKED_BY_SLOT;
		}
		if (cmpxchg(&v->claim[i], claim, rb_claim(pos, w->id, count)) != claim)
			continue;
		if (pos != w->pos)
			w->since = pos; /* other writers took the positions in between */
		w->pos = pos;
		w->index = i;
		w->count = count;
		rb_claim_stamp(v, w);
		rb_head_hint(v, pos + count);
		return RB_RESERVED;
	}
	return RB_RETRY;
}

/*
 * Reserve @count slots, all or none; @count is 1 to the smaller of the ring's slots and
 * RINGBUF_MAX_BATCH.  On success they are w->pos and the positions after it.
 */
static inline enum rb_reserved rb_reserve(const struct rb_view *v, struct rb_writer *w, u32 count)
{
	if (!rb_exclusive(v))
		return rb_reserve_shared(v, w, count);
	if (!rb_gate_pass(v, w, w->pos, count))
		return RB_BLOCKED_BY_READER;
	w->count = count;
	rb_clear_states(v, w);
	return RB_RESERVED;
}

/*
 * Whether a waiter may wait for one of the @count positions from @pos on, which are
 * finished.  The caller has passed (B) after storing their states.  A wake word below
 * these positions counts too, since it may hide a waiter for one of them.
 */
static inline bool rb_position_awaited(const struct rb_view *v, u64 pos, u32 count)
{
	return unlikely(READ_ONCE(v->info->wake_position) < pos + count);
}

/* Advance the slot of @pos, index @i, to @phase.  False: it has been repaired. */
static inline bool rb_finish_slot(const struct rb_view *v, u64 i, u64 pos, u64 phase)
{
	u64 old = READ_ONCE(v->desc[i].state);

	if (!rb_state_is_free(v, old, pos))
		return false;
	/* (A) and (B): a full barrier on both sides */
	return cmpxchg(&v->desc[i].state, old, rb_state(pos, phase)) == old;
}

static inline bool rb_publish_shared(const struct rb_view *v, struct rb_writer *w, u32 count)
{
	u64 i = w->index;
	bool ok = true;
	u32 k;

	for (k = 0; k < w->count; k++, i = rb_index_add(v, i, 1)) {
		u64 phase = k < count ? RINGBUF_COMMITTED : RINGBUF_DISCARDED;

		ok &= rb_finish_slot(v, i, w->pos + k, phase);
	}
	smp_mb__after_atomic(); /* (B), matches rb_arm() */
	return ok;
}

static inline void rb_publish_exclusive(const struct rb_view *v, struct rb_writer *w, u32 count)
{
	struct ringbuf_desc *d = &v->desc[w->index];
	u32 end = rb_run(v, w->index, count), last = count - 1, k = 0;

	if (end < count) {
		for (; k < end; k++, d++)
			/* (A), matches rb_peek_run() */
			smp_store_release(&d->state, rb_state(w->pos + k, RINGBUF_COMMITTED));
		d = v->desc;
	}
	for (; k < last; k++, d++)
		/* (A), matches rb_peek_run() */
		smp_store_release(&d->state, rb_state(w->pos + k, RINGBUF_COMMITTED));
	xchg(&d->state, rb_state(w->pos + k, RINGBUF_COMMITTED)); /* (A) */
	smp_mb__after_atomic(); /* (B), matches rb_arm() */
	/* Store the hint last: a writer killed before this leaves it behind, never ahead. */
	WRITE_ONCE(v->head->head, w->pos + count);
}

/*
 * Whether an exclusive writer was fenced before it had published all positions below @end.
 * After a fence its info page is a private one, on which every position is awaited.  So the
 * writer asks the host to wake after each commit, and calls this then.  A shared writer
 * knows without this: its commit fails.
 */
static inline bool rb_fenced_before(const struct rb_view *v, u64 end)
{
	u64 from = READ_ONCE(v->info->fenced_from);

	return rb_exclusive(v) && from && from <= end;
}

/*
 * Finish the reservation: publish the first @count slots and give the rest back, as holes
 * if writers are shared.  The caller has stored length, flags and time of the slots.
 * Returns false if one of them was repaired meanwhile.  *wake: the caller must ask the
 * host to wake waiters.
 */
static inline bool rb_publish(const struct rb_view *v, struct rb_writer *w, u32 count, bool *wake)
{
	u64 pos = w->pos;
	u32 finished = count;
	bool ok = true;

	*wake = false;
	if (rb_exclusive(v)) {
		if (count)
			rb_publish_exclusive(v, w, count);
	} else {
		ok = rb_publish_shared(v, w, count);
		finished = w->count;
	}
	w->count = 0;
	w->pos = pos + finished;
	w->index = rb_index_add(v, w->index, finished);
	if (finished)
		*wake = rb_position_awaited(v, pos, finished);
	return ok;
}

#endif
