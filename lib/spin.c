// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting: spin or yield where that can help, then sleep; and interrupts of a wait.
 *
 * Spinning helps only while the other side runs on another CPU and is about to deliver.
 * So a wait spins for a budget that doubles when spinning was enough and halves when it was
 * not.  It does not spin at all while every peer was last seen on this CPU.  A budget that
 * has shrunk below SPIN_MIN_NS is probed again every SPIN_PROBE_EVERY waits.
 *
 * Peers on this CPU need the CPU.  So a wait yields it to them first.  The CPU then changes
 * hands without a sleep and a wake-up, and each side proceeds as far as the slots allow,
 * not by one slot.  After yields that no peer made use of, the next waits sleep at once;
 * their number doubles each time.
 *
 * A yield may also give the CPU to a program that does not use the ring, for as long as the
 * scheduler allows, while a sleeping waiter would have been woken.  After such a long yield
 * the handle does not yield for four times as long, and four times longer still if another
 * long yield follows soon.
 */
#include <sched.h>
#include <unistd.h>

#include "internal.h"

#define SPIN_MAX_NS	 50000U
#define SPIN_PROBE_NS	 12500U
#define SPIN_MIN_NS	 1000U
#define SPIN_PROBE_EVERY 64
#define YIELDS		 4
#define YIELD_LONG_NS	 1000000U /* less than the time slice of another program */
#define YIELD_SOON_NS	 5000000U
#define YIELD_BAN	 4U
#define YIELD_BAN_MAX_NS 8000000000ULL
#define YIELD_SKIP_MAX	 256U
#define CROWD_EVERY	 15U
#define NOBODY		 (~0U)

void lib_cpu_hint(struct lib_handle *h)
{
	WRITE_ONCE(*h->cpu, (u32)sched_getcpu() + 1);
}

/*
 * Return whether a writer other than index @but was last seen on CPU @me (@here), or on
 * another CPU (!@here).
 */
static bool writer_seen(const struct rb_view *v, u32 me, bool here, u32 but)
{
	u32 i;

	for (i = 0; i < v->max_writers; i++)
		if (i != but && READ_ONCE(rb_writer_row(v, i + 1)->allowance) &&
		    (READ_ONCE(rb_writer_row(v, i + 1)->cpu) == me) == here)
			return true;
	return false;
}

/*
 * Return whether a reader that writers wait for, other than row @but, was last seen on CPU
 * @me (@here), or on another CPU (!@here).
 */
static bool reader_seen(const struct rb_view *v, u32 me, bool here, u32 but)
{
	u32 rows = rb_rows(v), i;

	for (i = 0; i < rows; i++)
		if (i != but && (READ_ONCE(rb_row(v, i)->flags) & RINGBUF_ROW_GATING) &&
		    (READ_ONCE(rb_cursor(v, i)->cpu) == me) == here)
			return true;
	return false;
}

/* Return whether another member of this ring was last seen on this CPU. */
static bool crowded(const struct lib_handle *h)
{
	u32 me = READ_ONCE(*h->cpu);
	bool reads = h->role == RINGBUF_ROLE_READER;

	return writer_seen(&h->view, me, true, reads ? NOBODY : h->id - 1) ||
	       reader_seen(&h->view, me, true, reads ? h->id : NOBODY);
}

/* Return how long to spin, in ns; 0: do not spin. */
static u32 spin_budget(struct lib_handle *h, u64 waiter)
{
	struct lib_spin *spin = &h->spin;
	u32 me = READ_ONCE(*h->cpu);
	bool other;

	if (spin->fixed_ns >= 0)
		return spin->fixed_ns > UINT32_MAX ? UINT32_MAX : (u32)spin->fixed_ns;
	if (h->role == RINGBUF_ROLE_READER || (waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		other = writer_seen(&h->view, me, false, NOBODY);
	else
		other = reader_seen(&h->view, me, false, NOBODY);
	if (!other)
		return 0;
	if (spin->budget_ns >= SPIN_MIN_NS)
		return spin->budget_ns;
	if (++spin->skipped < SPIN_PROBE_EVERY)
		return 0;
	spin->skipped = 0;
	return SPIN_PROBE_NS;
}

static void spin_learn(struct lib_spin *spin, u32 spent_ns, bool enough)
{
	if (enough)
		spin->budget_ns = spent_ns * 2 > SPIN_MAX_NS ? SPIN_MAX_NS : spent_ns * 2;
	else
		spin->budget_ns /= 2;
}

void lib_interruptible(struct lib_handle *h, bool on)
{
	h->interruptible = on;
	WRITE_ONCE(h->interrupted, false);
}

/* Interrupt the current or next wait of @h; callable from any thread or signal handler. */
void lib_interrupt(struct lib_handle *h)
{
	int saved = errno;

	if (!h->interruptible)
		return;
	WRITE_ONCE(h->interrupted, true);
	h->host->interrupt(h);
	errno = saved;
}

/*
 * Return whether the wait for @waiter is over.  Check every change for which a host wakes
 * without a wake word too, because it may have happened before the waiter read its seat's
 * seq.
 */
bool lib_wait_over(const struct lib_handle *h, u64 waiter)
{
	const struct rb_view *v = &h->view;

	if (rb_reached(v, waiter) || READ_ONCE(h->interrupted))
		return true;
	if (h->role != RINGBUF_ROLE_READER)
		return false;
	return rb_ended(v) ||
	       READ_ONCE(rb_row(v, h->id)->floor) > READ_ONCE(rb_cursor(v, h->id)->cursor);
}

/*
 * Ban yields for a while after a long one.  Lengthen the ban if another long yield follows
 * soon: a permanent competitor takes the CPU again at once, a one-off does not.
 */
static void yield_ban(struct lib_spin *spin, u64 began, u64 ended)
{
	u64 ns = (ended - began) * YIELD_BAN;

	if (began < spin->ban_end + YIELD_SOON_NS)
		ns = spin->ban_ns * YIELD_BAN;
	spin->ban_ns = ns < YIELD_BAN_MAX_NS ? ns : YIELD_BAN_MAX_NS;
	spin->ban_end = ended + spin->ban_ns;
}

static void yield_learn(struct lib_spin *spin, bool enough)
{
	if (enough) {
		spin->futile = 0;
		return;
	}
	spin->futile = spin->futile ? spin->futile * 2 : 1;
	if (spin->futile > YIELD_SKIP_MAX)
		spin->futile = YIELD_SKIP_MAX;
	spin->sleeps = spin->futile;
}

/* Return whether to yield in this wait: peers want this CPU, and yielding has helped before. */
static bool yield_now(struct lib_handle *h)
{
	struct lib_spin *spin = &h->spin;

	if (!spin->fixed_ns)
		return false;
	if (spin->sleeps) {
		spin->sleeps--;
		return false;
	}
	if (spin->ban_end && lib_clock(CLOCK_MONOTONIC_COARSE) < spin->ban_end)
		return false;
	if (crowded(h))
		return true;
	spin->sleeps = CROWD_EVERY; /* crowded() is expensive in a ring with many members */
	return false;
}

/**
 * struct lib_yield - a wait that yields
 * @yields: false after a long yield
 * @start: when the wait began
 * @now: the clock when it was last read
 * @deadline: deadline of the wait
 */
struct lib_yield {
	bool yields;
	u64 start;
	u64 now;
	u64 deadline;
};

/* Yield a few times.  True: the wait is over. */
static bool yield_until(struct lib_handle *h, u64 waiter, struct lib_yield *yield)
{
	u64 since = yield->now;
	u32 i;

	for (i = 0; i < YIELDS && yield->yields && yield->now < yield->deadline; i++) {
		sched_yield();
		yield->now = lib_clock(CLOCK_MONOTONIC);
		if (yield->now - since > YIELD_LONG_NS) {
			yield_ban(&h->spin, since, yield->now);
			yield->yields = false;
		}
		if (lib_wait_over(h, waiter))
			return true;
	}
	return false;
}

/* Spin for @budget ns.  True: the wait is over. */
static bool spin_for(struct lib_handle *h, u64 waiter, u32 budget, struct lib_yield *yield)
{
	u32 i;

	do {
		for (i = 0; i < 32; i++) {
			if (lib_wait_over(h, waiter))
				return true;
			lib_pause();
		}
		if (h->host->peers(h))
			return true;
		pthread_testcancel();
		yield->now = lib_clock(CLOCK_MONOTONIC);
		if (yield->yields && yield_until(h, waiter, yield))
			return true;
	} while (yield->now < yield->deadline && yield->now - yield->start < budget);
	return false;
}

/* Yield or spin, if that may help.  True: the wait is over; else the caller sleeps. */
static bool spin_until(struct lib_handle *h, u64 waiter, u64 deadline)
{
	u32 budget = spin_budget(h, waiter);
	struct lib_yield yield = { .yields = yield_now(h), .deadline = deadline };
	bool yields = yield.yields, over;

	if (!budget && !yields)
		return false;
	yield.start = lib_clock(CLOCK_MONOTONIC);
	yield.now = yield.start;
	over = yields && yield_until(h, waiter, &yield);
	if (!over && budget) {
		over = spin_for(h, waiter, budget, &yield);
		spin_learn(&h->spin, budget, over);
		h->spin.hot = over && !yields && budget >= LIB_WATCH_NS;
	}
	if (yields)
		yield_learn(&h->spin, over);
	return over;
}

/*
 * Ask the module once without sleeping, in a ring with a claim_timeout: it fences a stuck
 * writer only while a waiter needs its slot.  Returns 0 to retry, -EAGAIN, or another error.
 */
static int block_try(struct lib_handle *h, struct lib_block *b, u64 waiter, u32 count)
{
	int err;

	if (!h->ring->layout.claim_timeout || b->tried)
		return -EAGAIN;
	b->tried = true;
	err = h->host->wait(h, waiter, count, 0);
	return err == -ETIMEDOUT || err == -EINTR || err == -ENOSPC ? -EAGAIN : err;
}

/*
 * Wait for @waiter, which was not reached when the caller checked.  Returns 0 if the caller
 * has to check again; -EAGAIN, -ETIMEDOUT, -EINTR or -ESTALE if it has to give up.
 */
int lib_block(struct lib_handle *h, struct lib_block *b, u64 waiter, u32 count)
{
	int err;

	if (b->timeout == RINGBUF_TRY)
		return h->host->peers(h) ? 0 : block_try(h, b, waiter, count);
	lib_cpu_hint(h);
	if (!b->deadline) {
		b->deadline = ~0ULL;
		if (b->timeout > 0) {
			b->deadline = lib_clock(CLOCK_MONOTONIC);
			/* A timeout that overflows the clock is infinite. */
			if (__builtin_add_overflow(b->deadline, (u64)b->timeout, &b->deadline))
				b->deadline = ~0ULL;
		}
	}
	err = 0;
	if (!spin_until(h, waiter, b->deadline))
		err = h->host->wait(h, waiter, count, b->deadline);
	if (unlikely(READ_ONCE(h->interrupted)) && (!err || err == -EINTR)) {
		WRITE_ONCE(h->interrupted, false);
		return -EINTR;
	}
	return err == -EINTR && !h->interruptible ? 0 : err;
}
