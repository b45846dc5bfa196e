// SPDX-License-Identifier: GPL-2.0
/*
 * The timer: while anybody is armed anywhere, his ring is looked at now and
 * then.  So who is stopped between changing a word and calling for a wake-up
 * delays nobody for longer than this.  Only who has mapped the ring can be.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "internal.h"

/* The promise; a ring with mourned writers is looked at so often in any case. */
#define TIMER_MS   50
#define TIMER_MOST 1000

static unsigned int recheck_ms = TIMER_MS;
module_param(recheck_ms, uint, 0444);
MODULE_PARM_DESC(recheck_ms, "ms between looks at rings with sleepers (50; 0: never, for tests)");

static void timer_run(struct work_struct *work);

static DEFINE_SPINLOCK(timer_lock);
static LIST_HEAD(timed_rings); /* under timer_lock */
static DECLARE_DELAYED_WORK(timer_work, timer_run);

static void timer_start(void)
{
	queue_delayed_work(system_unbound_wq, &timer_work,
			   msecs_to_jiffies(recheck_ms ?: TIMER_MS));
}

/* Whether anything may happen in @ring that nobody tells of. */
static bool timer_needed(const struct rb_ring *ring)
{
	lockdep_assert_held(&ring->wait_lock);
	return ring->mourned || (recheck_ms && ring->maps && !list_empty(&ring->armed));
}

/* Somebody was armed in @ring.  It stays in the list until a run finds nobody. */
void rb_timer_add(struct rb_ring *ring)
{
	lockdep_assert_held(&ring->wait_lock);
	if (!list_empty_careful(&ring->timed) || !timer_needed(ring))
		return;
	spin_lock(&timer_lock);
	list_add_tail(&ring->timed, &timed_rings);
	spin_unlock(&timer_lock);
	timer_start();
}

/* A part has begun to live in an address space, or lives there no more. */
void rb_timer_maps(struct rb_ring *ring, int more)
{
	spin_lock(&ring->wait_lock);
	ring->maps += more;
	rb_timer_add(ring);
	spin_unlock(&ring->wait_lock);
}

void rb_timer_remove(struct rb_ring *ring)
{
	spin_lock(&timer_lock);
	list_del_init(&ring->timed);
	spin_unlock(&timer_lock);
}

static void timer_check(struct rb_ring *ring)
{
	if (READ_ONCE(ring->mourned))
		rb_members_bury(ring);
	rb_ring_wake(ring);
	spin_lock(&ring->wait_lock);
	if (!timer_needed(ring))
		rb_timer_remove(ring);
	spin_unlock(&ring->wait_lock);
}

static void timer_run(struct work_struct *work)
{
	LIST_HEAD(todo);
	struct rb_ring *ring;
	bool again;

	spin_lock(&timer_lock);
	list_splice_init(&timed_rings, &todo);
	while ((ring = list_first_entry_or_null(&todo, struct rb_ring, timed))) {
		list_move_tail(&ring->timed, &timed_rings);
		/* At zero it is about to take itself out. */
		if (!kref_get_unless_zero(&ring->refs))
			continue;
		spin_unlock(&timer_lock);
		timer_check(ring);
		rb_ring_put(ring);
		cond_resched();
		spin_lock(&timer_lock);
	}
	again = !list_empty(&timed_rings);
	spin_unlock(&timer_lock);
	if (again)
		timer_start();
}

int __init rb_timer_init(void)
{
	if (recheck_ms <= TIMER_MOST)
		return 0;
	pr_err("ringbuf: recheck_ms=%u is not between 0 and %u\n", recheck_ms, TIMER_MOST);
	return -EINVAL;
}

void rb_timer_exit(void)
{
	cancel_delayed_work_sync(&timer_work);
}
