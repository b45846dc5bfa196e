// SPDX-License-Identifier: GPL-2.0
/* Waiting: sleeping until a target is reached, RINGBUF_IOC_WAIT and RINGBUF_IOC_WAKE. */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "internal.h"

/* Count one more call or request that waits in @ring.  Returns false if there are too many. */
bool rb_waiters_enter(struct rb_ring *ring)
{
	if (atomic_inc_return(&ring->nr_waiters) <= RINGBUF_MAX_WAITERS)
		return true;
	atomic_dec(&ring->nr_waiters);
	return false;
}

void rb_waiters_leave(struct rb_ring *ring)
{
	WARN_ON_ONCE(atomic_dec_return(&ring->nr_waiters) < 0);
}

static int sleep_until(u64 deadline)
{
	ktime_t at = min_t(u64, deadline, KTIME_MAX);

	if (deadline == RINGBUF_NO_TIMEOUT) {
		schedule();
		return 0;
	}
	if (schedule_hrtimeout_range(&at, current->timer_slack_ns, HRTIMER_MODE_ABS))
		return 0;
	return -ETIMEDOUT;
}

/*
 * Return without sleeping: the target is reached already.  If a process corrupts the words,
 * this may be all that the caller's loop does.
 */
static int sleep_not(u64 deadline)
{
	cond_resched();
	if (deadline != RINGBUF_NO_TIMEOUT && ktime_get_ns() >= deadline)
		return -ETIMEDOUT;
	return 0;
}

static int sleep_armed(struct rb_ring *ring, struct rb_waiter *s, u64 waiter, unsigned long notices,
		       u64 deadline)
{
	struct rb_handle *h = s->handle;
	bool slept = false;
	int err = 0;

	set_current_state(TASK_INTERRUPTIBLE);
	rb_arm_waiter(ring, s, waiter);
	if (signal_pending(current)) {
		err = -ERESTARTSYS;
	} else if (!rb_reached(&ring->view, waiter) && READ_ONCE(ring->notices) == notices) {
		slept = true;
		err = sleep_until(deadline);
	}
	__set_current_state(TASK_RUNNING);

	spin_lock(&ring->wait_lock);
	rb_disarm_locked(ring, s);
	h->waits += slept;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_waits += slept;
	spin_unlock(&ring->wait_lock);
	return slept || err ? err : sleep_not(deadline);
}

/*
 * Sleep until @waiter is reached or a notification comes after @notices, which the caller
 * read before its check.  Returns 0 to check again, -ENOSPC if too many tasks wait already,
 * or -ETIMEDOUT or -ERESTARTSYS: the caller checks once more before it gives up.
 */
int rb_sleep(struct rb_handle *h, u64 waiter, unsigned long notices, u64 deadline)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_waiter s = { .handle = h, .task = current };
	int err;

	INIT_LIST_HEAD(&s.node);
	if (deadline != RINGBUF_NO_TIMEOUT && deadline <= ktime_get_ns())
		rb_ask(ring, waiter);
	if (!rb_waiters_enter(ring))
		return -ENOSPC;
	err = sleep_armed(ring, &s, waiter, notices, deadline);
	rb_waiters_leave(ring);
	return err;
}

static int wait_check(struct rb_handle *h, struct rb_ring *ring, const struct ringbuf_wait *w)
{
	u64 most = ring->layout.slot_count;

	if (h->role == RINGBUF_ROLE_WRITER)
		most = min_t(u64, most, RINGBUF_MAX_BATCH);
	else if (h->role != RINGBUF_ROLE_READER)
		return -EBADFD;
	if (w->flags & ~RINGBUF_WAIT_REMAINDER || w->__reserved || !w->count || w->count > most)
		return -EINVAL;
	return 0;
}

/*
 * Check whether @want slots are ready.  Returns 1 if they are or the stream has ended, 0 if
 * not yet, and @r says what to wait for; -EBADFD, -EIDRM or -ESTALE if the member has ended.
 * @held: as in rb_policy_ask().
 */
int rb_wait_check(struct rb_handle *h, struct rb_ring *ring, u32 want, bool *held,
		  struct rb_ready *r)
{
	bool end = false;

	if (rb_fenced_here(h))
		return -ESTALE;
	if (!rb_handle_members(h))
		return -EBADFD;
	if (h->role == RINGBUF_ROLE_READER) {
		end = rb_ended(&ring->view); /* (J): before the last check */
		rb_reader_ready(&ring->view, READ_ONCE(h->last_id), want, r);
		if (r->evicted)
			return -EIDRM;
	} else if (rb_lacks_readers(ring)) {
		r->count = 0;
		r->waiter = RB_WAITER_NEVER;
	} else {
		/* First, since a reader's lag can keep a writer from slots that are free. */
		rb_policy_ask(h, ring, want, held);
		rb_writer_ready(&ring->view, want, r);
		if (r->waiter)
			rb_blocker_look(ring);
	}
	return end || !r->waiter;
}

/* The time from which on one slot is enough, by CLOCK_MONOTONIC. */
u64 rb_wait_after(const struct ringbuf_wait *w)
{
	u64 end;

	if (!w->after || check_add_overflow(ktime_get_ns(), (u64)w->after, &end))
		return RINGBUF_NO_TIMEOUT;
	return end;
}

static int wait_ready(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_wait *w, u64 after,
		      bool *held)
{
	u32 want = w->count;
	struct rb_ready r = { 0 };
	int err = 0;

	for (;;) {
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */
		int ready = rb_wait_check(h, ring, want, held, &r);

		w->ready = r.count;
		if (ready)
			return min(ready, 0);
		if (err == -ETIMEDOUT && want > 1 && after < w->timeout) {
			want = 1;
			err = 0;
			continue;
		}
		if (err)
			return err;
		err = rb_sleep(h, r.waiter, notices,
			       want > 1 ? min_t(u64, after, w->timeout) : w->timeout);
	}
}

/* How far the caller's CLOCK_MONOTONIC is ahead, by its time namespace. */
static s64 caller_offset(void)
{
	struct timespec64 ts = { 0 };

	timens_add_monotonic(&ts);
	return timespec64_to_ns(&ts);
}

/* Convert kernel time @ns to the caller's CLOCK_MONOTONIC. */
u64 rb_caller_ns(void)
{
	return ktime_get_ns() + caller_offset();
}

static u64 timeout_to_host(u64 timeout)
{
	s64 offset = caller_offset();

	if (!offset || timeout == RINGBUF_NO_TIMEOUT)
		return timeout;
	if (offset > 0)
		return timeout > (u64)offset ? timeout - offset : 0;
	return min_t(u64, timeout, KTIME_MAX) - offset;
}

/* Copy and check the caller's arguments, with its timeout converted to kernel time. */
int rb_wait_get(struct rb_handle *h, struct ringbuf_wait *w, const void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	int err;

	err = rb_arg_get(w, sizeof(*w), RINGBUF_WAIT_SIZE_VER0, arg);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	w->timeout = timeout_to_host(w->timeout);
	return wait_check(h, ring, w);
}

/*
 * Store how much of @after is left, if the caller asked for it: the call ends or will be
 * restarted.
 */
static int wait_interrupted(const struct ringbuf_wait *w, struct ringbuf_wait __user *to, u64 after)
{
	u64 now = ktime_get_ns();

	if (w->flags & RINGBUF_WAIT_REMAINDER && after != RINGBUF_NO_TIMEOUT &&
	    put_user(after > now ? after - now : 1, &to->after))
		return -EFAULT;
	return -ERESTARTSYS;
}

long rb_ioctl_wait(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_wait __user *to = arg;
	bool held = false;
	struct ringbuf_wait w;
	u64 after;
	int err;

	err = rb_wait_get(h, &w, arg);
	if (err)
		return err;
	after = rb_wait_after(&w);
	err = wait_ready(h, rb_handle_ring(h), &w, after, &held);
	rb_policy_leave(h, rb_handle_ring(h), &held);
	if (err == -ERESTARTSYS)
		return wait_interrupted(&w, to, after);
	return err ? err : put_user(w.ready, &to->ready);
}

long rb_ioctl_wake(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_wake w;
	int err;

	err = rb_arg_get(&w, sizeof(w), RINGBUF_WAKE_SIZE_VER0, arg);
	if (err)
		return err;
	if (w.flags)
		return -EINVAL;
	/* Only readers and writers change a word that a waiter can wait for. */
	if (!ring || (h->role != RINGBUF_ROLE_READER && h->role != RINGBUF_ROLE_WRITER))
		return -EBADFD;
	if (rb_fenced_here(h))
		return -ESTALE;
	spin_lock(&ring->wait_lock);
	ring->wake_calls++;
	spin_unlock(&ring->wait_lock);
	rb_ring_note(ring);
	rb_ring_wake(ring);
	return 0;
}
