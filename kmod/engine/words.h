/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The shared words: their encoding, the view of a ring, and all memory barriers.
 *
 * The engine is everything in this folder.  It is compiled into the module and
 * into libringbuf, and nothing else in either touches a state, claim, cursor,
 * allowance or wake word.  It uses the kernel's memory-model macros;
 * engine_arch.h supplies them (the kernel's own, C11's, or the model's).
 *
 * Barriers.  Each site in the code names its letter; litmus/ has a litmus test for each
 * letter, and the model weakens each site in turn.
 *
 *	WRITER					READER
 *	fill the slot
 *	store state		(A release)	load state		(A acquire)
 *	full barrier		(B)		read the slot
 *	load wake_position			store cursor		(F release)
 *						full barrier		(D)
 *	load cursor		(F acquire)	load wake_cursor
 *	reuse the slot
 *
 *	WAITER for a position			WAITER for a cursor
 *	store wake_position			store wake_cursor
 *	full barrier		(B)		full barrier		(D)
 *	load state				load cursors
 *	sleep					sleep
 *
 *	WAITER					WAKER that makes a round
 *	store waiter word			clear wake word
 *	full barrier		(C)		full barrier		(C)
 *	lower wake word				load waiter words
 *
 *	HOST that attaches a reader		GATE
 *	store cursor, floor			load rows, flags	(E acquire)
 *	store rows, flags	(E release)	load floor, cursor
 *
 *	GATE (rb_gate_raise)			HOST that attaches (rb_attach_reader)
 *	load generation		(H acquire)	store cursor, row
 *	load rows, cursors			store generation	(H release)
 *	store allowance				full barrier		(H)
 *	full barrier		(H)		load allowances
 *	load generation, again if it moved	store cursor
 *
 *	WRITER at a closed gate			HOST that attaches the last reader wanted
 *	load readers_wanted	(L acquire)	store row
 *	load rows, cursors			store readers_wanted	(L release)
 *
 *	HOST that attaches a writer		READER at the end
 *	store writers				load writers_ever	(G acquire)
 *	store writers_ever	(G release)	load writers
 *
 *	HOST that ends a writer			READER at the end
 *	store states of its holes		load writers		(J acquire)
 *	store writers		(J release)	load state once more
 *
 *	HOST that moves a reader		READER
 *	store floor		(K release)	read the slot
 *	WRITER: load floor	(K acquire)	read barrier		(K)
 *	reuse the slot				load floor
 *
 *	WRITER that reuses a slot		LOSSY READER
 *	store claim, or state 0			read the slot
 *	write barrier		(M)		read barrier		(M)
 *	fill the slot				load claim, or state
 *
 * Without	there is this failure
 *
 * (A)		a reader sees bytes of the previous message in the slot
 * (B), (D)	both sides of a wake-up read the old value, and the waiter sleeps for ever
 * (C)		a round misses a waiter and clears the wake word that the waiter has lowered
 * (E)		a scan of the rows takes the cursor of a row's previous reader for the new one's
 * (F)		a writer overwrites bytes that a reader is reading
 * (G)		the attach of the first writer looks like the end of the stream
 * (H)		a writer that passed its gate overwrites slots from which a new reader starts
 * (J)		a reader sees the end of the stream before the last message
 * (K)		a reader that was moved returns torn bytes as if they were whole
 * (M)		a lossy reader returns bytes of a later message, or torn ones, as its own
 * (L)		a writer finds the gate open and misses a reader for which it was closed
 */
#ifndef RB_ENGINE_WORDS_H
#define RB_ENGINE_WORDS_H

#include "engine_arch.h"

static_assert(sizeof(struct ringbuf_writer_row) == RINGBUF_LINE, "a line per writer");
static_assert(sizeof(struct ringbuf_cursor) == RINGBUF_LINE, "a line per reader");
static_assert(sizeof(struct ringbuf_desc) == 16 && sizeof(struct ringbuf_row) == 32, "no holes");

/**
 * struct rb_view - a ring as mapped here
 * @slots: slot_count.  All fields up to @writer_stride are private copies, never
 *	re-read from memory that others can write
 * @page_size: bytes from one cursor page to the next
 * @flags: RINGBUF_CREATE_*
 * @max_readers: entries in the table of rows
 * @max_writers: entries in the table of writers
 * @row_stride: bytes from one row to the next
 * @writer_stride: bytes from one writer's row to the next
 * @info: the info page; only the host writes it
 * @head: the head page; writers write it
 * @rows: the first reader's row, after @info in the same region
 * @writers: the first writer's row, after @head in the same region
 * @desc: a descriptor for each slot; writers write it
 * @claim: a claim word for each slot, unused with an exclusive writer; writers write it
 * @stamp: a timestamp for each slot, NULL without timestamps; writers write it
 * @cursor: the first cursor page
 */
struct rb_view {
	u64 slots;
	u32 page_size;
	u32 flags;
	u32 max_readers;
	u32 max_writers;
	u32 row_stride;
	u32 writer_stride;
	struct ringbuf_info_page *info;
	struct ringbuf_head_page *head;
	char *rows;
	char *writers;
	struct ringbuf_desc *desc;
	u64 *claim;
	u64 *stamp;
	char *cursor;
};

static inline bool rb_exclusive(const struct rb_view *v)
{
	return v->flags & RINGBUF_CREATE_EXCLUSIVE;
}

static inline u64 rb_index(const struct rb_view *v, u64 pos)
{
	return rb_mod64(pos, v->slots);
}

/* The index @n slots after @index.  @n is at most @slots, so no division is needed. */
static inline u64 rb_index_add(const struct rb_view *v, u64 index, u64 n)
{
	index += n;
	return index >= v->slots ? index - v->slots : index;
}

/* How many of the @count slots from @index on lie before the end of the array. */
static inline u32 rb_run(const struct rb_view *v, u64 index, u32 count)
{
	u64 left = v->slots - index;

	return left < count ? (u32)left : count;
}

static inline struct ringbuf_cursor *rb_cursor(const struct rb_view *v, u32 row)
{
	return (struct ringbuf_cursor *)(v->cursor + (size_t)row * v->page_size +
					 RINGBUF_CURSOR_OFFSET(row));
}

static inline struct ringbuf_row *rb_row(const struct rb_view *v, u32 row)
{
	return (struct ringbuf_row *)(v->rows + (size_t)row * v->row_stride);
}

/* The table entry of writer @id, which is at least 1. */
static inline struct ringbuf_writer_row *rb_writer_row(const struct rb_view *v, u32 id)
{
	return (struct ringbuf_writer_row *)(v->writers + (size_t)(id - 1) * v->writer_stride);
}

/* ---- state words ------------------------------------------------------- */

static inline u64 rb_state(u64 pos, u64 phase)
{
	return pos << RINGBUF_STATE_SHIFT | phase;
}

static inline u64 rb_state_pos(u64 state)
{
	return state >> RINGBUF_STATE_SHIFT;
}

static inline u64 rb_state_phase(u64 state)
{
	return state & RINGBUF_STATE_MASK;
}

static inline bool rb_state_finished(u64 state, u64 pos)
{
	return rb_state_phase(state) && rb_state_pos(state) == pos;
}

/* True when the slot of @pos was last used for the position one lap before. */
static inline bool rb_state_is_free(const struct rb_view *v, u64 state, u64 pos)
{
	if (pos < v->slots)
		return state == 0;
	return rb_state_finished(state, pos - v->slots);
}

/*
 * Whether @pos is committed, discarded or repaired.  If an exclusive writer has cleared its
 * state since, the head tells.  We see that head: its store precedes the full barrier (H) by
 * which the writer raised its allowance, and that precedes the clear.
 */
static inline bool rb_finished(const struct rb_view *v, u64 pos)
{
	/* (A), matches rb_publish(); the head is loaded after the state */
	u64 state = smp_load_acquire(&v->desc[rb_index(v, pos)].state);

	if (rb_state_phase(state) && rb_state_pos(state) >= pos)
		return true;
	return rb_exclusive(v) && READ_ONCE(v->head->head) > pos;
}

/* ---- claim words ------------------------------------------------------- */

#define RB_CLAIM_POS_BITS (64 - RINGBUF_CLAIM_SHIFT)

static inline u64 rb_claim(u64 pos, u32 writer, u32 count)
{
	return pos << RINGBUF_CLAIM_SHIFT | (u64)writer << RINGBUF_CLAIM_COUNT_BITS | (count - 1);
}

static inline u32 rb_claim_count(u64 claim)
{
	return (claim & ((1U << RINGBUF_CLAIM_COUNT_BITS) - 1)) + 1;
}

static inline u32 rb_claim_writer(u64 claim)
{
	return claim >> RINGBUF_CLAIM_COUNT_BITS & ((1U << RINGBUF_CLAIM_WRITER_BITS) - 1);
}

/* The same claim without the id of its writer. */
static inline u64 rb_claim_forget(u64 claim)
{
	u64 writer = (1ULL << RINGBUF_CLAIM_WRITER_BITS) - 1;

	return claim & ~(writer << RINGBUF_CLAIM_COUNT_BITS);
}

/*
 * How far the claim lies ahead of @pos; negative if @pos has not been claimed.
 * A claim holds 50 bits of its position, so a claim word repeats after 2^50 slots.
 * At 20 million slots a second that takes 1.8 years, for which one writer would have
 * to be stopped between its load and its compare-and-swap to take one for the other.
 */
static inline s64 rb_claim_ahead(u64 claim, u64 pos)
{
	if (!claim)
		return -1;
	return (s64)(claim - (pos << RINGBUF_CLAIM_SHIFT)) >> RINGBUF_CLAIM_SHIFT;
}

/* ---- head --------------------------------------------------------------- */

/*
 * Return the next position to be reserved: the first one at or after the hint @pos
 * that no writer has claimed (or, with an exclusive writer, finished).  The hint may
 * lag, and a writer that was slow to store it may have set it back.  The walk takes
 * at most @most steps, whatever the words contain.
 */
static inline u64 rb_find_head(const struct rb_view *v, u64 pos, u64 most)
{
	u64 steps;

	for (steps = 0; steps < most; steps++) {
		u64 i = rb_index(v, pos);
		s64 ahead;

		rb_relax(steps);
		if (rb_exclusive(v)) {
			u64 state = READ_ONCE(v->desc[i].state);

			ahead = rb_state_phase(state) ? (s64)(rb_state_pos(state) - pos) : -1;
			if (ahead < 0)
				break;
			pos += (u64)ahead + 1;
		} else {
			u64 claim = READ_ONCE(v->claim[i]);

			ahead = rb_claim_ahead(claim, pos);
			if (ahead < 0)
				break;
			pos += (u64)ahead + rb_claim_count(claim);
		}
	}
	return pos;
}

static inline u64 rb_head(const struct rb_view *v)
{
	return rb_find_head(v, READ_ONCE(v->head->head), v->slots + 1);
}

/*
 * Return the head, or a position below it if the hint lags by more than a batch.  For
 * callers whose cost must not depend on what writers have stored.
 */
static inline u64 rb_head_nearby(const struct rb_view *v)
{
	return rb_find_head(v, READ_ONCE(v->head->head), RINGBUF_MAX_BATCH + 1);
}

/* Advance the hint.  Any writer or host may; the next store corrects a stale one. */
static inline void rb_head_hint(const struct rb_view *v, u64 pos)
{
	if (READ_ONCE(v->head->head) < pos)
		WRITE_ONCE(v->head->head, pos);
}

#endif
