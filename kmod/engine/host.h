/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The operations of the host, under its lock: attach, detach, move, evict, repair.
 * The host wakes all waiters after each of them.
 */
#ifndef RB_ENGINE_HOST_H
#define RB_ENGINE_HOST_H

#include "policy.h"
#include "writer.h"
#include "reader.h"
#include "wait.h"

/* Initialise the info page of a new ring, whose pages are all zero. */
static inline void rb_host_init(const struct rb_view *v, u64 slot_bytes, u64 slot_stride)
{
	struct ringbuf_info_page *info = v->info;

	info->magic = RINGBUF_MAGIC;
	info->abi_version = RINGBUF_ABI_VERSION;
	info->flags = v->flags;
	info->slot_bytes = slot_bytes;
	info->slot_count = v->slots;
	info->slot_stride = slot_stride;
	info->max_readers = v->max_readers;
	info->max_writers = v->max_writers;
	info->row_offset = v->rows - (char *)v->info;
	info->row_stride = v->row_stride;
	info->writer_offset = v->writers - (char *)v->head;
	info->writer_stride = v->writer_stride;
	info->wake_position = RINGBUF_WAKE_NONE;
	info->wake_cursor = RINGBUF_WAKE_NONE;
}

/* Close the gate until @readers are attached at once.  The ring has no other user yet. */
static inline void rb_gate_close(const struct rb_view *v, u32 readers)
{
	v->info->readers_wanted = readers;
}

/* How many readers must still attach to open the gate.  Evicted ones do not count. */
static inline u32 rb_readers_lacking(const struct rb_view *v)
{
	u32 lacking = READ_ONCE(v->info->readers_wanted), rows, i;

	if (!lacking)
		return 0;
	rows = rb_rows(v);
	for (i = 0; i < rows && lacking; i++)
		if (READ_ONCE(rb_row(v, i)->flags) & RINGBUF_ROW_ATTACHED)
			lacking--;
	return lacking;
}

/* Open the gate for good once enough readers are attached. */
static inline void rb_gate_open(const struct rb_view *v)
{
	if (v->info->readers_wanted && !rb_readers_lacking(v))
		/* (L), matches rb_gate_closed(). */
		smp_store_release(&v->info->readers_wanted, 0);
}

/*
 * The largest allowance of all writers, those that have ended included.  A writer can
 * store any value, so the result is limited to a lap beyond head.
 */
static inline u64 rb_max_allowance(const struct rb_view *v)
{
	u64 most = rb_head(v) + v->slots;
	u64 max = READ_ONCE(v->info->allowance);
	u32 i;

	for (i = 1; i <= v->max_writers; i++) {
		u64 allowance = READ_ONCE(rb_writer_row(v, i)->allowance);

		if (allowance > max)
			max = allowance;
	}
	return max < most ? max : most;
}

/* The oldest position whose slot no writer has been allowed to overwrite. */
static inline u64 rb_oldest(const struct rb_view *v)
{
	u64 max = rb_max_allowance(v);

	return max > v->slots ? max - v->slots : 0;
}

/*
 * Begin to gate by the reader in @row, at @start, which is its floor, or at the oldest slot if
 * that is later.  Returns the position where it stands then.
 */
static inline u64 rb_gate_by(const struct rb_view *v, u32 row, u64 start)
{
	struct ringbuf_row *r = rb_row(v, row);

	/* (E), matches rb_gate_min(). */
	smp_store_release(&r->flags, RINGBUF_ROW_ATTACHED | RINGBUF_ROW_GATING);
	/* (H), matches rb_gate_raise(). */
	smp_store_release(&v->info->generation, v->info->generation + 1);
	smp_mb(); /* (H), matches rb_gate_raise() */
	if (rb_oldest(v) > start) {
		start = rb_oldest(v);
		WRITE_ONCE(r->floor, start);
	}
	return start;
}

/*
 * Give @row to a new reader with policy @policy.  It starts at @want, but not before the
 * oldest slot that the ring still holds and not after head.  Returns the position where it
 * starts.
 */
static inline u64 rb_attach_reader(const struct rb_view *v, u32 row, u64 want,
				   const struct rb_policy *policy)
{
	struct ringbuf_row *r = rb_row(v, row);
	struct ringbuf_cursor *c = rb_cursor(v, row);
	u64 head = rb_head(v), start = rb_oldest(v);

	if (want > head)
		want = head;
	if (start < want)
		start = want;
	WRITE_ONCE(c->lost, 0);
	WRITE_ONCE(c->holes, 0);
	WRITE_ONCE(c->cursor, start);
	WRITE_ONCE(r->floor, start);
	WRITE_ONCE(r->lag, policy->lag);
	WRITE_ONCE(r->generation, r->generation + 1);
	if (v->info->rows <= row)
		/* (E), matches rb_rows(). */
		smp_store_release(&v->info->rows, row + 1);
	/* Before it gates, so that no writer meets its lag and does not ask. */
	if (rb_policy_acts(policy))
		WRITE_ONCE(v->info->policies, v->info->policies + 1);
	if (policy->kind == RINGBUF_POLICY_LOSSY) {
		/* It gates nobody, so no writer needs to see it, nor (E). */
		WRITE_ONCE(r->flags, RINGBUF_ROW_ATTACHED | RINGBUF_ROW_LOSSY);
	} else {
		start = rb_gate_by(v, row, start);
		WRITE_ONCE(c->cursor, start);
	}
	rb_gate_open(v);
	return start;
}

/* A reader with policy @policy, which rb_attach_reader() has counted, has left or is evicted. */
static inline void rb_discount_policy(const struct rb_view *v, const struct rb_policy *policy)
{
	if (rb_policy_acts(policy))
		WRITE_ONCE(v->info->policies, v->info->policies - 1);
}

static inline void rb_detach_reader(const struct rb_view *v, u32 row)
{
	/* (F), matches rb_gate_min(): the reader's loads from its slots are complete. */
	smp_store_release(&rb_row(v, row)->flags, 0);
}

/* Move the reader in @row forward to @pos, at most to head, by raising its floor. */
static inline void rb_move_reader(const struct rb_view *v, u32 row, u64 pos)
{
	struct ringbuf_row *r = rb_row(v, row);
	u64 head = rb_head(v);

	if (pos > head)
		pos = head;
	if (pos <= READ_ONCE(r->floor))
		return;
	/*
	 * (K), matches rb_row_cursor(): if the reader moves itself, its loads from the slots
	 * that it gives up are complete.
	 */
	smp_store_release(&r->floor, pos);
}

/*
 * Evict the reader in @row: it no longer gates, whatever it does.  Writers may overwrite
 * the slot that it is reading, which it detects by its floor.
 */
static inline void rb_evict_reader(const struct rb_view *v, u32 row)
{
	struct ringbuf_row *r = rb_row(v, row);

	WRITE_ONCE(r->floor, RINGBUF_FLOOR_EVICTED);
	/*
	 * (K), matches rb_gate_min(): a writer that sees it not gate also sees the new floor,
	 * and so does a reader of what that writer stores, rb_reader_holds().
	 */
	smp_store_release(&r->flags, RINGBUF_ROW_EVICTED);
}

/* Count one more writer: the stream does not end before this writer does. */
static inline void rb_count_writer(const struct rb_view *v)
{
	if (!v->info->writers)
		WRITE_ONCE(v->info->ended, RINGBUF_END_NONE);
	/*
	 * Publish writers before writers_ever.  rb_ended() loads them in the reverse
	 * order, so an attach in progress never looks like the end of the stream.
	 */
	WRITE_ONCE(v->info->writers, v->info->writers + 1);
	if (v->info->writers_ever != ~0U)
		/* (G), matches rb_ended(). */
		smp_store_release(&v->info->writers_ever, v->info->writers_ever + 1);
}

/* Count a writer that is to come, so that the stream does not end before. */
static inline void rb_hold_stream(const struct rb_view *v)
{
	/* No order is needed: a reader sees a writer before this store and after it. */
	WRITE_ONCE(v->info->writers, v->info->writers + 1);
}

/* Attach writer @id, which no other writer has. */
static inline void rb_attach_writer(const struct rb_view *v, u32 id)
{
	WRITE_ONCE(rb_writer_row(v, id)->allowance, 0);
	rb_count_writer(v);
}

/* Reconstruct the position of @claim from slot @i.  False: it cannot be a claim of @i. */
static inline bool rb_claim_position(const struct rb_view *v, u64 i, u64 claim, u64 *pos)
{
	u64 near = READ_ONCE(v->head->head);

	*pos = near + rb_claim_ahead(claim, near);
	return rb_index(v, *pos) == i;
}

/* Make a hole of a slot that writer @id claimed and can no longer finish. */
static inline bool rb_repair_slot(const struct rb_view *v, u32 id, u64 pos, u32 count)
{
	u64 i = rb_index(v, pos);
	u64 claim = READ_ONCE(v->claim[i]);

	if (rb_claim_ahead(claim, pos) < 0)
		cmpxchg(&v->claim[i], claim, rb_claim(pos, id, count));
	return rb_finish_slot(v, i, pos, RINGBUF_REPAIRED);
}

/*
 * Make holes of the slots that writer @id, which has stopped, claimed and did not finish.
 * Returns the number of holes; *end is the position after the last one, or 0.
 */
static inline u64 rb_repair(const struct rb_view *v, u32 id, u64 *end)
{
	u64 holes = 0, i, pos;
	u32 k;

	*end = 0;
	for (i = 0; !rb_exclusive(v) && i < v->slots; i++) {
		u64 claim = READ_ONCE(v->claim[i]);

		rb_relax(i);
		if (rb_claim_writer(claim) != id || !rb_claim_position(v, i, claim, &pos))
			continue;
		for (k = 0; k < rb_claim_count(claim); k++) {
			/* The owner has stamped this claim too: the outer loop reaches it. */
			if (k &&
			    rb_claim_ahead(READ_ONCE(v->claim[rb_index(v, pos + k)]), pos + k) >= 0)
				break;
			if (!rb_repair_slot(v, id, pos + k, rb_claim_count(claim) - k))
				continue;
			holes++;
			if (*end < pos + k + 1)
				*end = pos + k + 1;
		}
	}
	rb_head_hint(v, rb_head(v));
	return holes;
}

/*
 * Whether rb_forget_writer() can remove the id @id from all claims.  It cannot from a
 * claim of position 0 alone, which would become 0 and look like a slot never claimed.
 */
static inline bool rb_can_forget_writer(const struct rb_view *v, u32 id)
{
	return READ_ONCE(v->claim[0]) != rb_claim(0, id, 1);
}

/*
 * Remove the id @id from the claims of a writer that has ended and been repaired, so
 * that another writer may get the id before all readers have passed the holes.  All
 * these claims are finished, so a writer that is about to replace one of them fails its
 * compare-and-swap at most once, and retries.
 */
static inline void rb_forget_writer(const struct rb_view *v, u32 id)
{
	u64 i;

	for (i = 0; i < v->slots; i++) {
		u64 claim = READ_ONCE(v->claim[i]);

		rb_relax(i);
		if (rb_claim_writer(claim) == id)
			cmpxchg(&v->claim[i], claim, rb_claim_forget(claim));
	}
}

/* Keep the allowance of writer @id, which ends, in force for readers to come. */
static inline void rb_fold_allowance(const struct rb_view *v, u32 id)
{
	u64 most = rb_head(v) + v->slots;
	u64 allowance = READ_ONCE(rb_writer_row(v, id)->allowance);

	if (allowance > most)
		allowance = most;
	if (allowance > v->info->allowance)
		WRITE_ONCE(v->info->allowance, allowance);
}

/*
 * Take back what an exclusive writer published out of order, because it was cut off from the
 * ring between the slots of a batch: the positions behind @head, the first one that is not
 * finished.  No reader has come that far, and the writer can store nothing more.  It has
 * overwritten their slots, so the messages of the lap before are gone, too.
 */
static inline void rb_retract(const struct rb_view *v, u64 head)
{
	u64 pos;

	for (pos = head + 1; pos < head + RINGBUF_MAX_BATCH && pos < head + v->slots; pos++) {
		u64 *state = &v->desc[rb_index(v, pos)].state;

		if (rb_state_finished(READ_ONCE(*state), pos))
			WRITE_ONCE(*state, 0);
	}
}

/* Count one writer less.  @died: it ended without DONE. */
static inline void rb_discount_writer(const struct rb_view *v, bool died)
{
	if (died)
		WRITE_ONCE(v->info->ended, RINGBUF_END_DIED);
	else if (v->info->ended == RINGBUF_END_NONE && v->info->writers == 1)
		WRITE_ONCE(v->info->ended, RINGBUF_END_DONE);
	/* (J), matches rb_ended() */
	smp_store_release(&v->info->writers, v->info->writers - 1);
}

/* End writer @id, which has been repaired.  @died: it ended without DONE. */
static inline void rb_end_writer(const struct rb_view *v, u32 id, bool died)
{
	rb_fold_allowance(v, id);
	rb_discount_writer(v, died);
}

#endif
