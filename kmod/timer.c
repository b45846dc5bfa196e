// SPDX-License-Identifier: GPL-2.0
/*
 * The timer of a ring: when it runs.  What it does then stands in recheck.c.
 *
 * While waiters are armed in a ring, its timer rechecks them periodically.  So a task that
 * is stopped between the change of a word and its WAKE, or in the middle of a round,
 * delays a waiter by at most one period.  The timer also runs while a writer of the ring
 * is deferred (repair.c), while a writer may have to be fenced (fence.c), and while a reader
 * may have to be evicted or skipped (policy.c).
 *
 * Each ring has a work item of its own, so that work which takes long, or waits for the
 * lock of its ring, delays no other ring.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "internal.h"

/* The promised period.  A ring with deferred writers is rechecked this often in any case. */
#define TIMER_MS   50
#define TIMER_MOST 1000

/* How often, at most, to look at readers on behalf of the writers that wait. */
#define TIMER_POLICY_NS (5 * NSEC_PER_MSEC)

/* 0 means never, which makes a lost wake-up visible.  It breaks the promise: for tests only. */
#ifdef RB_TEST
#define TIMER_LEAST 0
#else
#define TIMER_LEAST 1
#endif

static unsigned int recheck_ms = TIMER_MS;

static int recheck_set(const char *text, const struct kernel_param *param)
{
	unsigned int ms;
	int err = kstrtouint(text, 0, &ms);

	if (err)
		return err;
	if ((int)ms < TIMER_LEAST || ms > TIMER_MOST) {
		pr_err("ringbuf: recheck_ms=%u is not between %u and %u\n", ms, TIMER_LEAST,
		       TIMER_MOST);
		return -EINVAL;
	}
	WRITE_ONCE(recheck_ms, ms);
	return 0;
}

static const struct kernel_param_ops recheck_ops = {
	.set = recheck_set,
	.get = param_get_uint,
};

module_param_cb(recheck_ms, &recheck_ops, &recheck_ms, 0644);
MODULE_PARM_DESC(recheck_ms, "ms between looks at rings with waiters (50)");

static struct workqueue_struct *timer_queue;

/*
 * Whether @ring needs the timer.  A task can be stopped before its WAKE only if it has
 * mapped the ring, and in the middle of a wake-up only if it walks over the waiters in
 * chunks.
 */
static bool timer_needed(const struct rb_ring *ring)
{
	lockdep_assert_held(&ring->wait_lock);
	if (ring->nr_deferred || ring->held)
		return true;
	if (READ_ONCE(ring->claim_timeout) && ring->maps && (ring->nr_armed || ring->asked))
		return true;
	return READ_ONCE(recheck_ms) && ring->nr_armed && (ring->maps || ring->walks);
}

/* How often to look at writers that may be fenced after @timeout ns; in jiffies. */
unsigned long rb_claim_period(u64 timeout)
{
	return clamp(nsecs_to_jiffies(min_t(u64, timeout / 4, NSEC_PER_SEC)), 1UL,
		     (unsigned long)HZ);
}

/* The period of @ring, in jiffies. */
static unsigned long timer_period(const struct rb_ring *ring)
{
	unsigned long period = msecs_to_jiffies(READ_ONCE(recheck_ms) ?: TIMER_MS);
	u64 claim_timeout = READ_ONCE(ring->claim_timeout);

	if (claim_timeout)
		period = min(period, rb_claim_period(claim_timeout));
	if (ring->held)
		period = min(period, rb_claim_period(ring->policy_timeout));
	return period;
}

/* Arm the timer if @ring needs it now.  It rearms itself until a run finds no need. */
void rb_timer_arm(struct rb_ring *ring)
{
	lockdep_assert_held(&ring->wait_lock);
	if (ring->timed || !timer_needed(ring))
		return;
	ring->timed = true;
	queue_delayed_work(timer_queue, &ring->timer, timer_period(ring));
}

/* Cancel the timer if @ring does not need it any more, to save a run. */
void rb_timer_settle(struct rb_ring *ring)
{
	lockdep_assert_held(&ring->wait_lock);
	/* A run in progress checks itself whether it is needed again. */
	if (ring->timed && !timer_needed(ring) && cancel_delayed_work(&ring->timer))
		ring->timed = false;
}

/* A member has begun to live in an address space, or has left it. */
void rb_timer_maps(struct rb_ring *ring, int more)
{
	spin_lock(&ring->wait_lock);
	ring->maps += more;
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/* A reader with @policy attaches.  Where a policy applies at once the timer need not haste. */
void rb_timer_policy(struct rb_ring *ring, const struct rb_policy *policy)
{
	u64 timeout = max(policy->timeout, 4 * TIMER_POLICY_NS);

	if (!rb_policy_acts(policy))
		return;
	spin_lock(&ring->wait_lock);
	ring->policy_timeout = min(ring->policy_timeout, timeout);
	spin_unlock(&ring->wait_lock);
}

int __init rb_timer_init(void)
{
	timer_queue = alloc_workqueue("ringbuf", WQ_UNBOUND, 0);
	return timer_queue ? 0 : -ENOMEM;
}

void rb_timer_exit(void)
{
	destroy_workqueue(timer_queue);
}
