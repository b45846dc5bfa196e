// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting and waking: the engine's rules (engine/wait.h) over the list of the
 * waiters that are armed.
 *
 * ring->wait_lock guards the list and the waiter words, so a round never meets a
 * waiter that is half armed, and a waiter on a stack stays there until its
 * owner has taken it off the list.  A waiter is on the list exactly while its
 * waiter word is set.
 *
 * A round may have RINGBUF_MAX_WAITERS waiters to look at, so it drops the lock
 * after every RB_WAKE_CHUNK of them.  Rounds of several callers may overlap: each
 * clears the wake words, looks at every waiter that was armed before, puts the
 * lowest target back and looks once more, which needs no lock (the embedded host
 * has none).  Waiters that are armed meanwhile lower the wake word themselves,
 * so a round looks at no more of them than there were when it began.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "internal.h"

static void waiter_unlink(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	list_del_init(&s->node);
	WARN_ON_ONCE(!ring->nr_armed);
	ring->nr_armed--;
}

/* Wake @s, whose word has been cleared.  Without a poll key: it may be polled for anything. */
static void waiter_wake(struct rb_ring *ring, struct rb_waiter *s)
{
	struct rb_handle *h = s->handle;

	waiter_unlink(ring, s);
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

/* ---- walks over the list ----------------------------------------------------- */

/**
 * struct armed_walk - a walk over ring->armed that drops the lock now and then
 * @ring: the ring, whose wait_lock is held but for the pauses
 * @mark: keeps our place in the list during a pause; has no handle
 * @prev: the next waiter to look at comes behind this entry
 * @now: the waiter that was looked at last
 */
struct armed_walk {
	struct rb_ring *ring;
	struct rb_waiter mark;
	struct list_head *prev;
	struct rb_waiter *now;
};

/* A walk over @count waiters that pauses may be stopped there: the timer looks meanwhile. */
static void walk_begin(struct rb_ring *ring, u32 count)
{
	if (count <= RB_WAKE_CHUNK)
		return;
	ring->walks++;
	rb_timer_arm(ring);
}

static void walk_end(struct rb_ring *ring, u32 count)
{
	if (count <= RB_WAKE_CHUNK)
		return;
	ring->walks--;
	rb_timer_settle(ring);
}

/* Let others have the lock. */
static void walk_pause(struct armed_walk *w)
{
	list_add(&w->mark.node, w->prev);
	spin_unlock(&w->ring->wait_lock);
	cond_resched();
	spin_lock(&w->ring->wait_lock);
	w->prev = w->mark.node.prev;
	list_del(&w->mark.node);
}

/* The waiter behind @w->prev; marks of other walks are none.  NULL: the end. */
static struct rb_waiter *walk_next(const struct armed_walk *w)
{
	struct list_head *node;

	for (node = w->prev->next; node != &w->ring->armed; node = node->next) {
		struct rb_waiter *s = list_entry(node, struct rb_waiter, node);

		if (s->handle)
			return s;
	}
	return NULL;
}

/* The waiter word of waiter @i, one after the other from 0 on; see struct rb_seats. */
static u64 *walk_word(void *walk, u32 pass, u32 i)
{
	struct armed_walk *w = walk;

	if (!i)
		w->prev = &w->ring->armed;
	else if (w->now && !list_empty(&w->now->node))
		w->prev = &w->now->node;
	if (i && i % RB_WAKE_CHUNK == 0)
		walk_pause(w);
	w->now = walk_next(w);
	return w->now ? &w->now->word : NULL;
}

static void walk_kick(void *walk, u32 i)
{
	struct armed_walk *w = walk;

	waiter_wake(w->ring, w->now);
}

/* ---- waking ------------------------------------------------------------------- */

/*
 * Wake the waiters that have reached their targets, and set the wake words to
 * the lowest of the others.  Sleeps between chunks.
 */
void rb_ring_wake(struct rb_ring *ring)
{
	struct armed_walk walk = { .ring = ring };
	struct rb_seats seats = { .word = walk_word, .kick = walk_kick, .host = &walk };
	struct rb_round round;

	spin_lock(&ring->wait_lock);
	seats.count = ring->nr_armed;
	walk_begin(ring, seats.count);
	rb_wake_round(&ring->view, &round, &seats);
	walk_end(ring, seats.count);
	spin_unlock(&ring->wait_lock);
}

/*
 * Another task may wait for the old target of @s (two tasks that poll one
 * handle): once the word holds another target no round would find the old one
 * reached.
 */
static void waiter_settle(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (list_empty(&s->node) || !rb_reached(&ring->view, s->word))
		return;
	rb_disarm(&s->word);
	waiter_wake(ring, s);
}

/* Arm @s for @waiter, which names a kind.  The caller looks again before it sleeps. */
void rb_arm_waiter(struct rb_ring *ring, struct rb_waiter *s, u64 waiter)
{
	if (WARN_ON_ONCE(!rb_waiter_valid(waiter)))
		return;
	spin_lock(&ring->wait_lock);
	if (s->word != waiter)
		waiter_settle(ring, s);
	if (list_empty(&s->node)) {
		list_add_tail(&s->node, &ring->armed);
		ring->nr_armed++;
	}
	rb_arm(&ring->view, &s->word, waiter);
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/*
 * While others are armed the target may stay in a wake word.  A wake word that is
 * too low costs the next writer or reader a call of WAKE, and hides no other
 * target: see rb_cursor_publish() and rb_position_awaited().
 */
static void disarm_locked(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (list_empty(&s->node))
		return;
	rb_disarm(&s->word);
	waiter_unlink(ring, s);
	/* An unwatched stream makes no system call. */
	if (!ring->nr_armed)
		rb_wake_words_clear(&ring->view);
}

void rb_disarm_waiter(struct rb_ring *ring, struct rb_waiter *s)
{
	spin_lock(&ring->wait_lock);
	waiter_settle(ring, s);
	disarm_locked(ring, s);
	spin_unlock(&ring->wait_lock);
}

/* For whom a notification is: one handle, all writers, or all. */
struct notified {
	const struct rb_handle *handle;
	bool writers;
};

static bool notify_concerns(const struct notified *whom, const struct rb_handle *h)
{
	if (whom->handle)
		return h == whom->handle;
	return !whom->writers || h->role == RINGBUF_ROLE_WRITER;
}

/* Make the waiters that the event is for look again. */
static void notify(struct rb_ring *ring, struct notified whom)
{
	struct armed_walk walk = { .ring = ring };
	u32 i, count;

	spin_lock(&ring->wait_lock);
	/* A waiter that reads the new number, armed or not, sees the change. */
	smp_store_release(&ring->notices, ring->notices + 1);
	count = ring->nr_armed;
	walk_begin(ring, count);
	ring->notify_walks++;
	for (i = 0; i < count; i++) {
		u64 *word = walk_word(&walk, 0, i);

		if (!word)
			break;
		if (!notify_concerns(&whom, walk.now->handle))
			continue;
		rb_disarm(word);
		walk_kick(&walk, i);
	}
	ring->notify_walks--;
	walk_end(ring, count);
	spin_unlock(&ring->wait_lock);
	rb_ring_wake(ring);
}

/* Make all waiters look again, for a task that may be stopped while it does so. */
void rb_ring_recheck(struct rb_ring *ring)
{
	notify(ring, (struct notified){ 0 });
}

/* The host has changed something: all look again. */
void rb_notify(struct rb_ring *ring)
{
	struct rb_handle *h;

	lockdep_assert_held(&ring->lock);
	notify(ring, (struct notified){ 0 });
	list_for_each_entry(h, &ring->handles, node)
		wake_up_all(&h->wq);
}

/*
 * A reader has come, gone or moved: only writers may have waited for that, so it costs
 * nothing per reader that neither sleeps nor polls.
 */
void rb_notify_writers(struct rb_ring *ring)
{
	struct rb_handle *h;

	lockdep_assert_held(&ring->lock);
	notify(ring, (struct notified){ .writers = true });
	list_for_each_entry(h, &ring->handles, node) {
		/* They stand first, see rb_handle_bind(). */
		if (h->role != RINGBUF_ROLE_WRITER)
			break;
		wake_up_all(&h->wq);
	}
}

/* Something changed for @h alone, but what it does may be what others wait for. */
void rb_notify_handle(struct rb_ring *ring, struct rb_handle *h)
{
	notify(ring, (struct notified){ .handle = h });
	wake_up_all(&h->wq);
}

/* ---- sleeping ------------------------------------------------------------------- */

/* One more call or request waits in @ring.  False: there are too many. */
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

/* Where somebody makes nonsense of the words this may be all that a loop does. */
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
	disarm_locked(ring, s);
	h->waits += slept;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_waits += slept;
	spin_unlock(&ring->wait_lock);
	return slept || err ? err : sleep_not(deadline);
}

/*
 * Sleep until @waiter is reached, or a notification after @notices, which was read
 * before the caller looked.  0: look again.  -ENOSPC: too many sleep already.
 * Else -ETIMEDOUT or -ERESTARTSYS, and the caller looks again before it gives up.
 */
int rb_sleep(struct rb_handle *h, u64 waiter, unsigned long notices, u64 deadline)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_waiter s = { .handle = h, .task = current };
	int err;

	INIT_LIST_HEAD(&s.node);
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

/* 1: @want slots, or the end; 0: not yet; -EBADFD, -EIDRM: the member has ended. */
int rb_wait_check(struct rb_handle *h, struct rb_ring *ring, u32 want, struct rb_ready *r)
{
	bool end = false;

	if (!READ_ONCE(h->members))
		return -EBADFD;
	if (h->role == RINGBUF_ROLE_READER) {
		end = rb_ended(&ring->view); /* (J): before the last look */
		rb_reader_ready(&ring->view, READ_ONCE(h->last_id), want, r);
		if (r->evicted)
			return -EIDRM;
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
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */
		int ready = rb_wait_check(h, ring, want, &r);

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

	err = rb_arg_get(w, sizeof(*w), RINGBUF_WAIT_SIZE_VER0, arg);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	w->timeout = timeout_to_host(w->timeout);
	return wait_check(h, ring, w);
}

/* The call ends, or will be restarted: store how much of @after is left, where asked. */
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
	struct ringbuf_wait w;
	u64 after;
	int err;

	err = rb_wait_get(h, &w, arg);
	if (err)
		return err;
	after = rb_wait_after(&w);
	err = wait_ready(h, rb_handle_ring(h), &w, after);
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
	/* Others change no word for which somebody could wait. */
	if (!ring || (h->role != RINGBUF_ROLE_READER && h->role != RINGBUF_ROLE_WRITER))
		return -EBADFD;
	spin_lock(&ring->wait_lock);
	ring->wake_calls++;
	spin_unlock(&ring->wait_lock);
	rb_ring_note(ring);
	rb_ring_wake(ring);
	return 0;
}
