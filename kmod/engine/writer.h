/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writers: reserve, then commit or discard.
 *
 * Exclusive: the positions from head on are the writer's; nothing is stored
 * until commit, so there is nothing to repair.
 *
 * Shared: one compare-and-swap on the claim word of the first position takes
 * it and the count - 1 behind it, and names the owner.  Nobody can claim one of
 * those meanwhile, since writers only claim the first unclaimed position and
 * skip a claim by its count.  A kill between any two instructions leaves no
 * claim, or one that tells owner and length.  Commit and discard are
 * compare-and-swaps from the state of the lap before, so a writer whose slot
 * was repaired meanwhile fails.
 */
#ifndef RB_ENGINE_WRITER_H
#define RB_ENGINE_WRITER_H

#include "gate.h"

/**
 * struct rb_writer - private to the writer
 * @pos: first reserved position, or the next one to try
 * @index: of @pos
 * @since: with shared writers: all positions from here to @pos were ours
 * @limit: positions below it have passed the gate
 * @blocked: what the last failed reserve waits for, see rb_reserve()
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

/* Claims that others may snatch from us before we let them run. */
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

/* True when the gate lets @w have @count positions from @pos on. */
static inline bool rb_gate_pass(const struct rb_view *v, struct rb_writer *w, u64 pos, u32 count)
{
	u64 end = pos + count;

	if (likely(end <= w->limit))
		return true;
	w->limit = rb_gate_raise(v, w->id, end);
	if (end <= w->limit)
		return true;
	/* Where the gate gave up, any position may be next: 0 is reached at once. */
	w->blocked = end > v->slots ? end - v->slots : 0;
	return false;
}

/*
 * Whether @count slots from @pos on, which has index @i, were finished in the lap
 * before.  Where that lap was all ours we have finished it, since we reserve only
 * when we have: then their states need not be fetched from the reader who looked
 * at them last.
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

/* The claim on @pos is ours: name us in those behind it, for who starts there. */
static inline void rb_claim_stamp(const struct rb_view *v, const struct rb_writer *w)
{
	u64 i = w->index;
	u32 k;

	for (k = 1; k < w->count; k++) {
		i = rb_index_add(v, i, 1);
		WRITE_ONCE(v->claim[i], rb_claim(w->pos + k, w->id, w->count - k));
	}
}

static inline enum rb_reserved rb_reserve_shared(const struct rb_view *v, struct rb_writer *w,
						 u32 count)
{
	u64 pos = READ_ONCE(v->head->head), i, steps;
	u32 losses = 0;

	/* Who writes alone goes on where he is, without a division. */
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
			w->since = pos; /* others have written meanwhile */
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
 * Reserve @count slots, 1 to the smaller of slots and RINGBUF_MAX_BATCH, all or
 * none.  On success they are w->pos and the following ones.
 */
static inline enum rb_reserved rb_reserve(const struct rb_view *v, struct rb_writer *w, u32 count)
{
	if (!rb_exclusive(v))
		return rb_reserve_shared(v, w, count);
	if (!rb_gate_pass(v, w, w->pos, count))
		return RB_BLOCKED_BY_READER;
	w->count = count;
	return RB_RESERVED;
}

/*
 * Whether somebody may wait for one of the @count positions from @pos on, which
 * are finished; (B) stands between their states and this.  A wake word below
 * them counts too: it hides who waits for one of these.
 */
static inline bool rb_position_awaited(const struct rb_view *v, u64 pos, u32 count)
{
	return unlikely(READ_ONCE(v->info->wake_position) < pos + count);
}

/* From the state of the lap before to @phase; false when it was repaired. */
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
	/* The hint may lag, it must not lead: we may be killed before this. */
	WRITE_ONCE(v->head->head, w->pos + count);
}

/*
 * Finish the reservation: the first @count slots become readable, the rest are
 * given back (as holes, with shared writers).  Length, flags and time of the
 * slots have been stored.  Returns false if one of them was repaired under us.
 * *wake tells whether the host has to be asked for a wake-up.
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
