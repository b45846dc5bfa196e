// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting and waking: the engine's rules (engine/wait.h) over the list of who
 * is armed.  All of it happens under ring->wait_lock, so a round of waking
 * never meets somebody half armed, and a sleeper on a stack stays there until
 * its owner has taken it off the list.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "internal.h"

/* Its word has been taken down.  Without a poll key: it may be polled for anything. */
static void sleeper_wake(struct rb_ring *ring, struct rb_sleeper *s)
{
	struct rb_handle *h = s->handle;

	lockdep_assert_held(&ring->wait_lock);
	list_del_init(&s->node);
	h->wakeups++;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_wakeups++;
	if (s->wake)
		s->wake(s);
	else if (s->task)
		wake_up_process(s->task);
	else
		wake_up(&h->wq); /* of those with EPOLLEXCLUSIVE one */
}

/* True when somebody was awakened. */
static bool wake_pass(struct rb_ring *ring, struct rb_wake *round)
{
	struct rb_sleeper *s, *next;
	bool any = false;

	list_for_each_entry_safe(s, next, &ring->armed, node) {
		if (rb_wake_one(&ring->view, round, &s->word)) {
			sleeper_wake(ring, s);
			any = true;
		}
	}
	return any;
}

/* Wake who has reached his target, and set the thresholds to what is left. */
static void wake_locked(struct rb_ring *ring)
{
	struct rb_wake round;

	lockdep_assert_held(&ring->wait_lock);
	do {
		rb_wake_begin(&ring->view, &round);
		wake_pass(ring, &round);
	} while (rb_wake_end(&ring->view, &round) && wake_pass(ring, &round));
}

void rb_ring_wake(struct rb_ring *ring)
{
	spin_lock(&ring->wait_lock);
	wake_locked(ring);
	spin_unlock(&ring->wait_lock);
}

/*
 * Somebody else may wait for the old target of @s (two who poll one handle): if
 * it is reached nobody would find that out once the word is another one.
 */
static void sleeper_settle(struct rb_ring *ring, struct rb_sleeper *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (!s->word || !rb_reached(&ring->view, s->word))
		return;
	rb_disarm(&s->word);
	sleeper_wake(ring, s);
}

/*
 * A target that is given up must not stay in a threshold: a reader that steps
 * over another one above it would not call for a wake-up.
 */
void rb_arm_sleeper(struct rb_ring *ring, struct rb_sleeper *s, u64 waiter)
{
	u64 old;

	spin_lock(&ring->wait_lock);
	old = s->word;
	if (old != waiter)
		sleeper_settle(ring, s);
	if (!s->word)
		list_add_tail(&s->node, &ring->armed);
	rb_arm(&ring->view, &s->word, waiter);
	if (old && old != waiter)
		wake_locked(ring);
	rb_timer_add(ring);
	spin_unlock(&ring->wait_lock);
}

static void disarm_locked(struct rb_ring *ring, struct rb_sleeper *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (!s->word)
		return;
	rb_disarm(&s->word);
	list_del_init(&s->node);
	wake_locked(ring);
}

void rb_disarm_sleeper(struct rb_ring *ring, struct rb_sleeper *s)
{
	spin_lock(&ring->wait_lock);
	sleeper_settle(ring, s);
	disarm_locked(ring, s);
	spin_unlock(&ring->wait_lock);
}

/* All of @h, or of the ring, look again. */
static void event_wake(struct rb_ring *ring, const struct rb_handle *h)
{
	struct rb_sleeper *s, *next;

	lockdep_assert_held(&ring->wait_lock);
	list_for_each_entry_safe(s, next, &ring->armed, node) {
		if (h && s->handle != h)
			continue;
		rb_disarm(&s->word);
		sleeper_wake(ring, s);
	}
}

static void event_raise(struct rb_ring *ring, const struct rb_handle *h)
{
	spin_lock(&ring->wait_lock);
	/* Who reads the new number sees what has changed. */
	smp_store_release(&ring->events, ring->events + 1);
	event_wake(ring, h);
	wake_locked(ring);
	spin_unlock(&ring->wait_lock);
}

/* The host has changed something: all look again. */
void rb_event(struct rb_ring *ring)
{
	struct rb_handle *h;

	lockdep_assert_held(&ring->lock);
	event_raise(ring, NULL);
	list_for_each_entry(h, &ring->handles, node)
		wake_up_all(&h->wq);
}

/* Something changed for @h alone, but what it does may be what others wait for. */
void rb_event_of(struct rb_ring *ring, struct rb_handle *h)
{
	event_raise(ring, h);
	wake_up_all(&h->wq);
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

/* Where somebody makes nonsense of the words this may be all that a loop does. */
static int sleep_not(u64 deadline)
{
	cond_resched();
	if (deadline != RINGBUF_NO_TIMEOUT && ktime_get_ns() >= deadline)
		return -ETIMEDOUT;
	return 0;
}

/*
 * Sleep until @waiter is reached, or a host event after @events, which was read
 * before the caller looked.  0: look again.  Else -ETIMEDOUT or -ERESTARTSYS,
 * and the caller looks again before it gives up.
 */
int rb_sleep(struct rb_handle *h, u64 waiter, unsigned long events, u64 deadline)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_sleeper s = { .handle = h, .task = current };
	bool slept = false;
	int err = 0;

	INIT_LIST_HEAD(&s.node);
	set_current_state(TASK_INTERRUPTIBLE);
	rb_arm_sleeper(ring, &s, waiter);
	if (signal_pending(current)) {
		err = -ERESTARTSYS;
	} else if (!rb_reached(&ring->view, waiter) && READ_ONCE(ring->events) == events) {
		slept = true;
		err = sleep_until(deadline);
	}
	__set_current_state(TASK_RUNNING);

	spin_lock(&ring->wait_lock);
	disarm_locked(ring, &s);
	h->waits += slept;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_waits += slept;
	spin_unlock(&ring->wait_lock);
	return slept || err ? err : sleep_not(deadline);
}

static int wait_check(struct rb_handle *h, struct rb_ring *ring, const struct ringbuf_wait *w)
{
	u64 most = ring->layout.slot_count;

	if (h->role == RINGBUF_ROLE_WRITER)
		most = min_t(u64, most, RINGBUF_MAX_BATCH);
	else if (h->role != RINGBUF_ROLE_READER)
		return -EBADFD;
	if (w->flags || w->__reserved || !w->count || w->count > most)
		return -EINVAL;
	return 0;
}

/* 1: @want slots, or the end; 0: not yet; -EBADFD, -EIDRM: the handle's part has ended. */
int rb_wait_look(struct rb_handle *h, struct rb_ring *ring, u32 want, struct rb_ready *r)
{
	bool end = false;

	if (!READ_ONCE(h->parts))
		return -EBADFD;
	if (rb_member_evicted(h, ring))
		return -EIDRM;
	if (h->role == RINGBUF_ROLE_READER) {
		end = rb_ended(&ring->view); /* (J): before the last look */
		rb_reader_ready(&ring->view, h->last_id, want, r);
	} else if (rb_lacks_readers(ring)) {
		r->count = 0;
		r->waiter = RB_WAITER_NEVER;
	} else {
		rb_writer_ready(&ring->view, want, r);
	}
	return end || !r->waiter;
}

/* When one slot is enough. */
u64 rb_wait_after(const struct ringbuf_wait *w)
{
	u64 end;

	if (!w->after || check_add_overflow(ktime_get_ns(), (u64)w->after, &end))
		return RINGBUF_NO_TIMEOUT;
	return end;
}

static int wait_ready(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_wait *w, u64 after)
{
	u32 want = w->count;
	struct rb_ready r = { 0 };
	int err = 0;

	for (;;) {
		unsigned long events = smp_load_acquire(&ring->events); /* rb_event() */
		int look = rb_wait_look(h, ring, want, &r);

		w->ready = r.count;
		if (look)
			return min(look, 0);
		if (err == -ETIMEDOUT && want > 1 && after < w->timeout) {
			want = 1;
			err = 0;
			continue;
		}
		if (err)
			return err;
		err = rb_sleep(h, r.waiter, events,
			       want > 1 ? min_t(u64, after, w->timeout) : w->timeout);
	}
}

/* User space reads CLOCK_MONOTONIC in its time namespace: so much later. */
static s64 caller_offset(void)
{
	struct timespec64 ts = { 0 };

	timens_add_monotonic(&ts);
	return timespec64_to_ns(&ts);
}

/* What the caller's CLOCK_MONOTONIC says. */
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

/* What the caller asks for, checked; its timeout in the host's time. */
int rb_wait_get(struct rb_handle *h, struct ringbuf_wait *w, const void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	int err;

	err = rb_arg_get(w, sizeof(*w), arg);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	w->timeout = timeout_to_host(w->timeout);
	return wait_check(h, ring, w);
}

/* The call may be restarted: then only what is left of it. */
static int wait_interrupted(struct ringbuf_wait __user *to, u64 after)
{
	u64 now = ktime_get_ns();

	if (after != RINGBUF_NO_TIMEOUT && put_user(after > now ? after - now : 1, &to->after))
		return -EFAULT;
	return -ERESTARTSYS;
}

long rb_ioctl_wait(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_wait __user *to = arg;
	struct ringbuf_wait w;
	u64 after;
	int err;

	err = rb_wait_get(h, &w, arg);
	if (err)
		return err;
	after = rb_wait_after(&w);
	err = wait_ready(h, rb_handle_ring(h), &w, after);
	if (err == -ERESTARTSYS)
		return wait_interrupted(to, after);
	return err ? err : put_user(w.ready, &to->ready);
}

long rb_ioctl_wake(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_wake w;
	int err;

	err = rb_arg_get(&w, sizeof(w), arg);
	if (err)
		return err;
	if (w.flags)
		return -EINVAL;
	if (!ring)
		return -EBADFD;
	spin_lock(&ring->wait_lock);
	ring->wake_calls++;
	wake_locked(ring);
	spin_unlock(&ring->wait_lock);
	return 0;
}
