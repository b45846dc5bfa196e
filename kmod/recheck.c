// SPDX-License-Identifier: GPL-2.0
/*
 * What the timer of a ring does: recheck the ring's waiters, end the deferred writers
 * whose I/O has ended, fence writers that hold others up, and apply the policies of readers.
 *
 * The work holds no reference on its ring: the ring waits for it before it is freed
 * (rb_recheck_stop()).
 */
#include <linux/workqueue.h>

#include "internal.h"

static void timer_run(struct work_struct *work)
{
	struct rb_ring *ring = container_of(to_delayed_work(work), struct rb_ring, timer);

	if (READ_ONCE(ring->nr_deferred))
		rb_reclaim_deferred(ring);
	/* A round wakes waiters whose targets are reached, but not those a notification is for. */
	if (READ_ONCE(ring->notify_walks))
		rb_ring_recheck(ring);
	else
		rb_ring_wake(ring);
	rb_fence_check(ring);
	rb_policy_check(ring);
	spin_lock(&ring->wait_lock);
	ring->timed = false;
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

void rb_recheck_start(struct rb_ring *ring)
{
	INIT_DELAYED_WORK(&ring->timer, timer_run);
}

/* Stop the timer of @ring, which no handle has any more, so that nothing arms it again. */
void rb_recheck_stop(struct rb_ring *ring)
{
	cancel_delayed_work_sync(&ring->timer);
}
