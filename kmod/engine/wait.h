/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Waiting: who sleeps arms a target, who gets there wakes.
 *
 * A handle that wants to sleep stores its target in its own waiter word, lowers
 * the threshold on the info page to it, passes a full barrier and looks again.
 * Who finishes a slot or moves a cursor passes a full barrier and looks at the
 * threshold.  One of the two sees the other, so no wake-up is lost and an
 * unwatched stream makes no system call.
 *
 * A waker takes both thresholds down, wakes who has reached its target, puts
 * the lowest of the other targets back, passes a full barrier and looks once
 * more.
 *
 * A position threshold left too low costs a spurious look.  A cursor threshold
 * left too low hides higher targets from readers, which call only when they step
 * over the threshold itself.  So a round that leaves one there is followed by
 * another, and who disarms without having been awakened makes a round too; or
 * everybody who waits for a cursor looks again by himself after a while.
 */
#ifndef RB_ENGINE_WAIT_H
#define RB_ENGINE_WAIT_H

#include "gate.h"

/* A waiter word: target << 2 | kind; 0: not armed. */
#define RB_WAIT_POSITION 1ULL /* until the position is finished */
#define RB_WAIT_CURSOR	 2ULL /* until all gating cursors are there */
#define RB_WAIT_KIND	 3ULL

static inline u64 rb_waiter(u64 target, u64 kind)
{
	return target << 2 | kind;
}

static inline u64 *rb_threshold(const struct rb_view *v, u64 waiter)
{
	return (waiter & RB_WAIT_KIND) == RB_WAIT_POSITION ? &v->info->wake_position
							   : &v->info->wake_cursor;
}

static inline void rb_threshold_lower(u64 *threshold, u64 target)
{
	u64 now = READ_ONCE(*threshold);

	while (now > target) {
		u64 was = cmpxchg(threshold, now, target);

		if (was == now)
			break;
		now = was;
	}
}

/* Before the waiter words are read: who arms later lowers it himself. */
static inline void rb_threshold_clear(u64 *threshold)
{
	if (READ_ONCE(*threshold) == RINGBUF_WAKE_NONE)
		return;
	xchg(threshold, RINGBUF_WAKE_NONE);
	smp_mb__after_atomic(); /* matches rb_arm() */
}

/* The caller looks again after this, and only then sleeps. */
static inline void rb_arm(const struct rb_view *v, u64 *word, u64 waiter)
{
	WRITE_ONCE(*word, waiter);
	smp_mb(); /* matches rb_threshold_clear(): one sees the word, or the other its clearing */
	rb_threshold_lower(rb_threshold(v, waiter), waiter >> 2);
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
	return rb_gate_min(v, &row) >= target;
}

/**
 * struct rb_wake - one round of waking
 * @lowest: of the targets that stay armed, by kind - 1
 * @min: lowest cursor, if @looked in this pass: the rows are scanned once, not
 *	for everybody who waits for them
 * @looked: @min has been read since the last barrier
 */
struct rb_wake {
	u64 lowest[2];
	u64 min;
	bool looked;
};

/* First step of a round. */
static inline void rb_wake_begin(const struct rb_view *v, struct rb_wake *round)
{
	round->lowest[0] = RINGBUF_WAKE_NONE;
	round->lowest[1] = RINGBUF_WAKE_NONE;
	round->looked = false;
	rb_threshold_clear(&v->info->wake_position);
	rb_threshold_clear(&v->info->wake_cursor);
}

static inline bool rb_wake_reached(const struct rb_view *v, struct rb_wake *round, u64 waiter)
{
	u32 row;

	if ((waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		return rb_reached(v, waiter);
	if (!round->looked)
		round->min = rb_gate_min(v, &row);
	round->looked = true;
	return round->min >= waiter >> 2;
}

/* Second step, and after rb_wake_end() the fourth: true means wake this one. */
static inline bool rb_wake_one(const struct rb_view *v, struct rb_wake *round, u64 *word)
{
	u64 waiter = READ_ONCE(*word);
	u64 kind = waiter & RB_WAIT_KIND;

	if (!kind || kind == RB_WAIT_KIND)
		return false;
	if (rb_wake_reached(v, round, waiter))
		return cmpxchg(word, waiter, 0) == waiter;
	if (waiter >> 2 < round->lowest[kind - 1])
		round->lowest[kind - 1] = waiter >> 2;
	return false;
}

/*
 * Third step: true means that somebody stays armed, so look at all once more.
 * If that wakes anybody, whose target is in a threshold now, begin anew.
 */
static inline bool rb_wake_end(const struct rb_view *v, struct rb_wake *round)
{
	if (round->lowest[0] == RINGBUF_WAKE_NONE && round->lowest[1] == RINGBUF_WAKE_NONE)
		return false;
	rb_threshold_lower(&v->info->wake_position, round->lowest[0]);
	rb_threshold_lower(&v->info->wake_cursor, round->lowest[1]);
	smp_mb(); /* (B) and (D) */
	round->looked = false;
	return true;
}

/**
 * struct rb_places - the waiter words of a host that has them in an array
 * @count: how many
 * @word: the waiter word of place @i; NULL: it has none.  @pass: 0 or 1
 * @kick: wake who sleeps at place @i, whose word has been cleared
 * @host: for both
 */
struct rb_places {
	u32 count;
	u64 *(*word)(void *host, u32 pass, u32 i);
	void (*kick)(void *host, u32 i);
	void *host;
};

static inline void rb_wake_pass(const struct rb_view *v, struct rb_wake *round,
				const struct rb_places *places, u32 pass)
{
	u32 i;

	for (i = 0; i < places->count; i++) {
		u64 *word = places->word(places->host, pass, i);

		if (word && rb_wake_one(v, round, word))
			places->kick(places->host, i);
	}
}

/*
 * A whole round.  Who is killed in it has kicked nobody whom it left armed; the
 * places that it did disarm are the host's to find.  @round is the caller's.
 */
static inline void rb_wake_round(const struct rb_view *v, struct rb_wake *round,
				 const struct rb_places *places)
{
	rb_wake_begin(v, round);
	rb_wake_pass(v, round, places, 0);
	if (rb_wake_end(v, round))
		rb_wake_pass(v, round, places, 1);
}

#endif
