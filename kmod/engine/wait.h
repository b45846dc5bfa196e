/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Waiting: a waiter arms a target before it sleeps; the writer or reader that
 * reaches the target wakes it.
 *
 * A handle that wants to sleep stores its target in its own waiter word, lowers
 * the wake word on the info page to it, passes a full barrier and looks again.
 * A task that finishes a slot or moves a cursor passes a full barrier and looks at
 * the wake word.  One of the two sees the other, so no wake-up is lost and an
 * unwatched stream makes no system call.
 *
 * A waker makes one round: it takes both wake words down, wakes the waiters that
 * have reached their targets, puts the lowest of the other targets back, passes a
 * full barrier and looks once more.  Rounds may overlap.
 *
 * A wake word may be left too low, by a waiter that was disarmed without a round
 * or that the second look of a round woke.  It costs a spurious round.  It hides no
 * higher target: a writer calls for every position wake word below what it has
 * finished, and a reader for a cursor wake word that it did not step over itself,
 * unless a slower gating reader is still to step over it (rb_cursor_publish()).
 * The model checks this (cursor-wake-word-hides, position-wake-word-hides).
 */
#ifndef RB_ENGINE_WAIT_H
#define RB_ENGINE_WAIT_H

#include "gate.h"

/* A waiter word: target << 2 | kind; 0: not armed. */
#define RB_WAIT_POSITION 1ULL /* until the position is finished */
#define RB_WAIT_CURSOR	 2ULL /* until all gating cursors are there, and the gate is open */
#define RB_WAIT_KIND	 3ULL

static inline u64 rb_waiter_word(u64 target, u64 kind)
{
	return target << 2 | kind;
}

/* Whether @waiter names a kind: anything else would never be found by a round. */
static inline bool rb_waiter_valid(u64 waiter)
{
	u64 kind = waiter & RB_WAIT_KIND;

	return kind == RB_WAIT_POSITION || kind == RB_WAIT_CURSOR;
}

static inline u64 *rb_wake_word(const struct rb_view *v, u64 waiter)
{
	return (waiter & RB_WAIT_KIND) == RB_WAIT_POSITION ? &v->info->wake_position
							   : &v->info->wake_cursor;
}

static inline void rb_wake_word_lower(u64 *word, u64 target)
{
	u64 now = READ_ONCE(*word);

	while (now > target) {
		u64 was = cmpxchg(word, now, target);

		if (was == now)
			break;
		now = was;
	}
}

/* Before the waiter words are read: who arms later lowers it himself. */
static inline void rb_wake_word_clear(u64 *word)
{
	if (READ_ONCE(*word) == RINGBUF_WAKE_NONE)
		return;
	xchg(word, RINGBUF_WAKE_NONE);
	smp_mb__after_atomic(); /* matches rb_arm() */
}

static inline void rb_wake_words_clear(const struct rb_view *v)
{
	rb_wake_word_clear(&v->info->wake_position);
	rb_wake_word_clear(&v->info->wake_cursor);
}

/* The caller looks again after this, and only then sleeps. */
static inline void rb_arm(const struct rb_view *v, u64 *word, u64 waiter)
{
	WRITE_ONCE(*word, waiter);
	/* Matches rb_wake_word_clear(): one sees the word, or the other its clearing. */
	smp_mb();
	rb_wake_word_lower(rb_wake_word(v, waiter), waiter >> 2);
	smp_mb(); /* (B) and (D), match rb_publish() and rb_cursor_publish() */
}

static inline void rb_disarm(u64 *word)
{
	WRITE_ONCE(*word, 0);
}

static inline bool rb_reached(const struct rb_view *v, u64 waiter)
{
	u64 target = waiter >> 2;
	u32 row;

	if ((waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		return rb_finished(v, target);
	return rb_cursor_reached(v, rb_gate_min(v, &row), target);
}

/**
 * struct rb_round - one round of waking
 * @lowest: of the targets that stay armed, by kind - 1
 * @min: lowest cursor, if @looked in this pass: the rows are scanned once, not
 *	for everybody who waits for them
 * @looked: @min has been read since the last barrier
 */
struct rb_round {
	u64 lowest[2];
	u64 min;
	bool looked;
};

/* First step of a round. */
static inline void rb_wake_begin(const struct rb_view *v, struct rb_round *round)
{
	round->lowest[0] = RINGBUF_WAKE_NONE;
	round->lowest[1] = RINGBUF_WAKE_NONE;
	round->looked = false;
	rb_wake_words_clear(v);
}

static inline bool rb_wake_reached(const struct rb_view *v, struct rb_round *round, u64 waiter)
{
	u32 row;

	if ((waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		return rb_reached(v, waiter);
	if (!round->looked)
		round->min = rb_gate_min(v, &row);
	round->looked = true;
	return rb_cursor_reached(v, round->min, waiter >> 2);
}

/* Second step, and after rb_wake_end() the fourth: true means wake this one. */
static inline bool rb_wake_one(const struct rb_view *v, struct rb_round *round, u64 *word)
{
	u64 waiter = READ_ONCE(*word);
	u64 kind = waiter & RB_WAIT_KIND;

	if (!rb_waiter_valid(waiter))
		return false;
	if (rb_wake_reached(v, round, waiter))
		return cmpxchg(word, waiter, 0) == waiter;
	if (waiter >> 2 < round->lowest[kind - 1])
		round->lowest[kind - 1] = waiter >> 2;
	return false;
}

/*
 * Third step: true means that a waiter stays armed, so look at all once more.
 */
static inline bool rb_wake_end(const struct rb_view *v, struct rb_round *round)
{
	if (round->lowest[0] == RINGBUF_WAKE_NONE && round->lowest[1] == RINGBUF_WAKE_NONE)
		return false;
	rb_wake_word_lower(&v->info->wake_position, round->lowest[0]);
	rb_wake_word_lower(&v->info->wake_cursor, round->lowest[1]);
	smp_mb(); /* (B) and (D) */
	round->looked = false;
	return true;
}

/**
 * struct rb_seats - the waiter words of a host that has them in an array
 * @count: how many
 * @word: the waiter word of seat @i; NULL: it has none.  @pass: 0 or 1
 * @kick: wake who sleeps at seat @i, whose word has been cleared
 * @host: for both
 */
struct rb_seats {
	u32 count;
	u64 *(*word)(void *host, u32 pass, u32 i);
	void (*kick)(void *host, u32 i);
	void *host;
};

static inline void rb_wake_pass(const struct rb_view *v, struct rb_round *round,
				const struct rb_seats *seats, u32 pass)
{
	u32 i;

	for (i = 0; i < seats->count; i++) {
		u64 *word = seats->word(seats->host, pass, i);

		if (word && rb_wake_one(v, round, word))
			seats->kick(seats->host, i);
	}
}

/*
 * A whole round.  Who is killed in it has kicked nobody whom it left armed; the
 * seats that it did disarm are the host's to find.  @round is the caller's.
 */
static inline void rb_wake_round(const struct rb_view *v, struct rb_round *round,
				 const struct rb_seats *seats)
{
	rb_wake_begin(v, round);
	rb_wake_pass(v, round, seats, 0);
	if (rb_wake_end(v, round))
		rb_wake_pass(v, round, seats, 1);
}

#endif
