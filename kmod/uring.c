// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_URING_CMD: RINGBUF_IOC_WAIT as an io_uring request, without a sleeping task.
 *
 * A request is always in one of these states and changes it by compare-and-swap:
 *
 *	BUSY	one task owns it and checks whether it is done: the submitter or the
 *		task work.  Only the owner completes it
 *	WOKEN	BUSY, and it was kicked meanwhile: the owner checks once more
 *	ARMED	no task owns it; a kick queues the task work
 *	QUEUED	the task work is queued and will make it BUSY
 *
 * A kick comes from its waiter (under ring->wait_lock), its timer (in a softirq) or a
 * cancellation.  The request holds the file, so handle and ring live until it is completed.
 * The structure is freed after that, because io_uring may ask to cancel it until then.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "internal.h"

#if RB_URING_CMD
#include <linux/io_uring/cmd.h>

enum uring_state { URING_BUSY, URING_WOKEN, URING_ARMED, URING_QUEUED };

/**
 * struct uring_wait - a request that waits
 * @cmd: the io_uring command
 * @waiter: its waiter in the ring
 * @timer: kicks it at its deadline
 * @node: entry in handle->requests
 * @state: enum uring_state, see above
 * @canceled: complete it with -ECANCELED
 * @want: number of slots to wait for
 * @timeout: deadline, as in struct ringbuf_wait
 * @after: time from which on one slot is enough; absolute, ns
 * @held: see rb_policy_ask()
 * @tag: the tag of struct ringbuf_uring_cmd
 */
struct uring_wait {
	struct io_uring_cmd *cmd;
	struct rb_waiter waiter;
	struct hrtimer timer;
	struct list_head node;
	int state;
	bool canceled;
	u32 want;
	u64 timeout;
	u64 after;
	bool held;
	u64 tag;
};

/* Our data in struct io_uring_cmd. */
struct uring_pdu {
	struct uring_wait *wait;
};

static struct uring_wait *uring_wait_of(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct uring_pdu)->wait;
}

static void uring_work(struct io_uring_cmd *cmd, unsigned int flags);

/* Have the request checked.  Any context; the caller knows that it has not been freed. */
static void uring_kick(struct uring_wait *w)
{
	int old, to, was;

	smp_mb(); /* matches uring_step(): its check sees our change, or we see it BUSY */
	for (old = READ_ONCE(w->state);; old = was) {
		if (old == URING_WOKEN || old == URING_QUEUED)
			return;
		to = old == URING_BUSY ? URING_WOKEN : URING_QUEUED;
		was = cmpxchg(&w->state, old, to);
		if (was == old)
			break;
	}
	if (to == URING_QUEUED)
		io_uring_cmd_complete_in_task(w->cmd, uring_work);
}

static void uring_waiter_wake(struct rb_waiter *s)
{
	uring_kick(container_of(s, struct uring_wait, waiter));
}

static enum hrtimer_restart uring_timer(struct hrtimer *timer)
{
	uring_kick(container_of(timer, struct uring_wait, timer));
	return HRTIMER_NORESTART;
}

/* Start the timer for the request's next deadline. */
static void uring_start_timer(struct uring_wait *w)
{
	u64 at = w->want > 1 ? min(w->after, w->timeout) : w->timeout;

	if (at <= KTIME_MAX)
		hrtimer_start(&w->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_SOFT);
}

/*
 * Check whether the request is done.  Returns 1 if slots are ready, *count of them; 0 if not
 * yet, and *waiter is what to arm; or the error with which it completes.
 */
static int uring_check(struct uring_wait *w, u32 *count, u64 *waiter)
{
	struct rb_handle *h = w->waiter.handle;
	struct rb_ready r = { 0 };
	u64 now = ktime_get_ns();
	int ready;

	if (w->want > 1 && w->after <= now)
		w->want = 1;
	ready = rb_wait_check(h, rb_handle_ring(h), w->want, &w->held, &r);
	*count = r.count;
	*waiter = r.waiter;
	if (ready)
		return ready;
	if (READ_ONCE(w->canceled))
		return -ECANCELED;
	return w->timeout <= now ? -ETIMEDOUT : 0;
}

/*
 * How often a step checks and arms.  Other handles can make each attempt futile, by SYNC or
 * by words that make no sense, but the submitter and the task work must return.
 */
#define URING_TRIES 16

/* How long the request rests then, until its timer has it checked again. */
#define URING_REST_NS (10 * NSEC_PER_MSEC)

/* Whether @waiter is not reached yet, and no notification has come since @notices. */
static bool uring_settled(const struct rb_ring *ring, u64 waiter, unsigned long notices)
{
	return READ_ONCE(ring->notices) == notices && !rb_reached(&ring->view, waiter);
}

/*
 * Leave the request ARMED until its timer kicks it, ignoring kicks so far.  Each repetition
 * of the loop needs another kick: the waiter, which is not armed again here, gives at most
 * one, and the timer one in URING_REST_NS.  So the timer ignores the deadline of the request:
 * if that has passed since the last check, it would kick at once, each time.
 */
static int uring_rest(struct uring_wait *w)
{
	do {
		WRITE_ONCE(w->state, URING_BUSY);
		hrtimer_start(&w->timer, ns_to_ktime(ktime_get_ns() + URING_REST_NS),
			      HRTIMER_MODE_ABS_SOFT);
	} while (cmpxchg(&w->state, URING_BUSY, URING_ARMED) != URING_BUSY);
	return -EIOCBQUEUED;
}

/*
 * Check and arm the request, which the caller owns (BUSY).  Returns its result, or
 * -EIOCBQUEUED: it is ARMED, and the caller must not touch it any more.
 */
static int uring_step(struct uring_wait *w)
{
	struct rb_handle *h = w->waiter.handle;
	struct rb_ring *ring = rb_handle_ring(h);
	int tries;

	for (tries = 0; tries < URING_TRIES; tries++) {
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */
		u64 waiter;
		u32 count;
		int ready;

		WRITE_ONCE(w->state, URING_BUSY);
		smp_mb(); /* matches uring_kick() */
		ready = uring_check(w, &count, &waiter);
		if (ready)
			return ready < 0 ? ready : count;
		rb_arm_waiter(ring, &w->waiter, waiter);
		uring_start_timer(w);
		cond_resched();
		if (uring_settled(ring, waiter, notices) &&
		    cmpxchg(&w->state, URING_BUSY, URING_ARMED) == URING_BUSY)
			return -EIOCBQUEUED;
	}
	return uring_rest(w);
}

/* Free a request that has not been published. */
static void uring_drop(struct uring_wait *w)
{
	rb_policy_leave(w->waiter.handle, rb_handle_ring(w->waiter.handle), &w->held);
	kfree(w);
}

/* Complete the request, which the caller owns, with @result, and free it. */
static void uring_complete(struct uring_wait *w, int result, unsigned int flags)
{
	struct rb_ring *ring = rb_handle_ring(w->waiter.handle);

	hrtimer_cancel(&w->timer);
	rb_disarm_waiter(ring, &w->waiter);
	spin_lock(&ring->wait_lock);
	list_del(&w->node);
	w->waiter.handle->nr_requests--;
	spin_unlock(&ring->wait_lock);
	rb_waiters_leave(ring);
	rb_policy_leave(w->waiter.handle, ring, &w->held);
	rb_uring_done(w->cmd, result, flags);
	kfree(w);
}

/* Task work: of the submitter, or of a kernel thread if the submitter has exited. */
static void uring_work(struct io_uring_cmd *cmd, unsigned int flags)
{
	struct uring_wait *w = uring_wait_of(cmd);
	int result;

	if (flags & IO_URING_F_TASK_DEAD)
		WRITE_ONCE(w->canceled, true);
	result = uring_step(w);
	if (result != -EIOCBQUEUED)
		uring_complete(w, result, flags);
}

static struct uring_wait *uring_new(struct io_uring_cmd *cmd, const struct ringbuf_wait *wait,
				    u64 tag)
{
	struct uring_wait *w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);

	if (!w)
		return NULL;
	w->cmd = cmd;
	w->state = URING_BUSY;
	w->want = wait->count;
	w->timeout = wait->timeout;
	w->after = rb_wait_after(wait);
	w->tag = tag;
	w->waiter.handle = cmd->file->private_data;
	w->waiter.wake = uring_waiter_wake;
	INIT_LIST_HEAD(&w->waiter.node);
	rb_hrtimer_setup(&w->timer, uring_timer);
	io_uring_cmd_to_pdu(cmd, struct uring_pdu)->wait = w;
	return w;
}

/* Requests of one handle; uring_cancel() walks all of them under ring->wait_lock. */
#define URING_MOST 1024

/*
 * Publish the request: it can be cancelled from here on, so only uring_complete() may end
 * it.  Returns false if there are too many requests.
 */
static bool uring_begin(struct uring_wait *w, unsigned int flags)
{
	struct rb_handle *h = w->waiter.handle;
	struct rb_ring *ring = rb_handle_ring(h);

	if (!rb_waiters_enter(ring))
		return false;
	spin_lock(&ring->wait_lock);
	if (h->nr_requests == URING_MOST) {
		spin_unlock(&ring->wait_lock);
		rb_waiters_leave(ring);
		return false;
	}
	h->nr_requests++;
	list_add_tail(&w->node, &h->requests);
	h->waits++;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_waits++;
	spin_unlock(&ring->wait_lock);
	io_uring_cmd_mark_cancelable(w->cmd, flags);
	return true;
}

static int uring_wait(struct io_uring_cmd *cmd, u64 arg, u64 tag, unsigned int flags)
{
	struct rb_handle *h = cmd->file->private_data;
	struct ringbuf_wait wait;
	struct uring_wait *w;
	u64 waiter;
	u32 count;
	int err;

	err = rb_wait_get(h, &wait, u64_to_user_ptr(arg));
	if (err)
		return err;
	/* Signals do not interrupt a request, and it writes nothing to @arg: no flag applies. */
	if (wait.flags)
		return -EINVAL;
	w = uring_new(cmd, &wait, tag);
	if (!w)
		return -ENOMEM;
	err = uring_check(w, &count, &waiter);
	if (err) {
		uring_drop(w);
		return err < 0 ? err : count;
	}
	if (!uring_begin(w, flags)) {
		uring_drop(w);
		return -ENOSPC;
	}
	err = uring_step(w);
	if (err != -EIOCBQUEUED)
		uring_complete(w, err, flags);
	return -EIOCBQUEUED;
}

static int uring_cancel(struct rb_handle *h, u64 tag)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct uring_wait *w;
	int count = 0;

	if (!ring)
		return -EBADFD;
	spin_lock(&ring->wait_lock);
	list_for_each_entry(w, &h->requests, node) {
		if (w->tag != tag || w->canceled)
			continue;
		WRITE_ONCE(w->canceled, true);
		uring_kick(w);
		count++;
	}
	spin_unlock(&ring->wait_lock);
	return count ? count : -ENOENT;
}

int rb_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags)
{
	const struct ringbuf_uring_cmd *c;
	u64 arg, tag;

	if (flags & IO_URING_F_CANCEL) {
		/* uring_complete() removes it from io_uring's list before it is freed. */
		WRITE_ONCE(uring_wait_of(cmd)->canceled, true);
		uring_kick(uring_wait_of(cmd));
		return 0;
	}
	c = io_uring_sqe_cmd(cmd->sqe);
	arg = READ_ONCE(c->wait);
	tag = READ_ONCE(c->tag);
	if (cmd->flags & IORING_URING_CMD_MASK)
		return -EINVAL;
	switch (cmd->cmd_op) {
	case RINGBUF_URING_WAIT:
		return uring_wait(cmd, arg, tag, flags);
	case RINGBUF_URING_CANCEL:
		return arg ? -EINVAL : uring_cancel(cmd->file->private_data, tag);
	default:
		return -ENOTTY;
	}
}

#endif
