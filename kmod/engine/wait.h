/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Waiting: a waiter arms a target before it sleeps; the writer or reader that
 * reaches the target wakes it.
 *
 * A waiter stores its target in its own waiter word, lowers the wake word on the info
 * page to it, passes a full barrier and checks again before it sleeps.  A task that
 * finishes a slot or moves a cursor passes a full barrier and loads the wake word.  At
 * least one of the two sees the other's store, so no wake-up is lost, and a stream
 * without waiters makes no system call.
 *
 * A waker makes one round: it clears both wake words, wakes the waiters whose targets
 * are reached, lowers the wake words to the lowest remaining targets, passes a full
 * barrier and checks the waiters once more.  Rounds may overlap.
 *
 * A wake word may be left too low, by a waiter that was disarmed without a round or
 * that the second pass of a round woke.  That costs a spurious round, but hides no
 * higher target: a writer calls for any position wake word below what it has finished,
 * and a reader also for a cursor wake word that it did not pass itself, unless a slower
 * gating reader has yet to pass it (rb_cursor_publish()).  The model checks this
 * (cursor-wake-word-hides, position-wake-word-hides).
 */
#ifndef RB_ENGINE_WAIT_H
#define RB_ENGINE_WAIT_H

#include "gate.h"

/* A waiter word: target << 2 | kind; 0: not armed. */
#define RB_WAIT_POSITION 1ULL /* until the position is finished */
#define RB_WAIT_CURSOR	 2ULL /* until all gating cursors have reached it, and the gate is open */
#define RB_WAIT_KIND	 3ULL

static inline u64 rb_waiter_word(u64 target, u64 kind)
{
	return target << 2 | kind;
}

/* Whether @waiter is of a known kind.  A round ignores any other word. */
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

/*
 * Clear a wake word before loading the waiter words.  A waiter that arms after our load of
 * its word lowers the wake word after this store.
 */
static inline void rb_wake_word_clear(u64 *word)
{
	if (READ_ONCE(*word) == RINGBUF_WAKE_NONE)
		return;
	xchg(word, RINGBUF_WAKE_NONE);
	smp_mb__after_atomic(); /* (C), matches rb_arm() */
}

static inline void rb_wake_words_clear(const struct rb_view *v)
{
	rb_wake_word_clear(&v->info->wake_position);
	rb_wake_word_clear(&v->info->wake_cursor);
}

/* Arm @word for @waiter.  The caller must check for its target again before it sleeps. */
static inline void rb_arm(const struct rb_view *v, u64 *word, u64 waiter)
{
	WRITE_ONCE(*word, waiter);
	/* (C), matches rb_wake_word_clear(): the waker sees our word, or we see its clearing. */
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
 * @lowest: lowest target that stays armed, for each kind - 1
 * @min: lowest cursor, valid if @scanned: the rows are scanned once for a pass, not once
 *	for each waiter
 * @scanned: @min has been computed since the last barrier
 */
struct rb_round {
	u64 lowest[2];
	u64 min;
	bool scanned;
};

/* First step of a round: clear the wake words. */
static inline void rb_wake_begin(const struct rb_view *v, struct rb_round *round)
{
	round->lowest[0] = RINGBUF_WAKE_NONE;
	round->lowest[1] = RINGBUF_WAKE_NONE;
	round->min = 0;
	round->scanned = false;
	rb_wake_words_clear(v);
}

static inline bool rb_wake_reached(const struct rb_view *v, struct rb_round *round, u64 waiter)
{
	u32 row;

	if ((waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		return rb_reached(v, waiter);
	if (!round->scanned)
		round->min = rb_gate_min(v, &row);
	round->scanned = true;
	return rb_cursor_reached(v, round->min, waiter >> 2);
}

/*
 * Second step of a round for each waiter word, and the fourth after rb_wake_end().
 * Returns true if the caller must wake this waiter, whose word is now cleared.
 */
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
 * Third step of a round: lower the wake words to the remaining targets.  Returns true if
 * a waiter stays armed, so that the caller must check all waiters once more.
 */
static inline bool rb_wake_end(const struct rb_view *v, struct rb_round *round)
{
	if (round->lowest[0] == RINGBUF_WAKE_NONE && round->lowest[1] == RINGBUF_WAKE_NONE)
		return false;
	rb_wake_word_lower(&v->info->wake_position, round->lowest[0]);
	rb_wake_word_lower(&v->info->wake_cursor, round->lowest[1]);
	smp_mb(); /* (B) and (D) */
	round->scanned = false;
	return true;
}

/**
 * struct rb_seats - how a round reaches the waiter words of its host
 * @count: number of waiter words
 * @word: returns waiter word @i, or NULL if it has gone.  @pass: 0 in the second step of
 *	a round, 1 in the fourth
 * @kick: wakes the waiter of word @i, which has been cleared
 * @host: first argument of both
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
 * Make a whole round, with @round as scratch space.  A waker that is killed in between
 * may have cleared a waiter word without kicking the waiter; the host must find those.
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
