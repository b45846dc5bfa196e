// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2), select(2), epoll, io_uring's poll.
 *
 * Every call arms the handle, even if it is ready or the caller passes no queue function.
 * With EPOLLET the caller does not poll again before the next wake-up, and meanwhile it
 * may read or write what is ready without a system call.  So a call arms for what happens
 * after everything that is ready now:
 *
 *	reader		the first position that is not finished
 *	writer		one step of the slowest reader; and, if writers share the
 *			ring, the first unfinished position, which the writer
 *			will meet a lap later
 *
 * A handle with a threshold is armed for as many more slots as the threshold says.
 */
#include <linux/poll.h>

#include "internal.h"

/* How often to arm before a call wakes its own pollers instead. */
#define ARM_TRIES 4

/* Arm for @target.  No position or cursor reaches one that a waiter word cannot hold. */
static void poll_arm(struct rb_ring *ring, struct rb_handle *h, int which, u64 target, u64 kind)
{
	if (target > RB_MOST_TARGET)
		rb_disarm_waiter(ring, &h->poll[which]);
	else
		rb_arm_waiter(ring, &h->poll[which], rb_waiter_word(target, kind));
}

/* Arm for the first unfinished position; h->seen says where the last walk stopped. */
static void poll_arm_position(struct rb_ring *ring, struct rb_handle *h, u64 from, u64 end)
{
	u64 seen = atomic64_read(&h->seen), pos;

	pos = rb_first_unfinished(&ring->view, seen > from && seen <= end ? seen : from, end);
	atomic64_set(&h->seen, pos);
	poll_arm(ring, h, RB_POLL_POSITION, pos, RB_WAIT_POSITION);
}

/* Arm reader @h by its threshold, again if the target was reached before it was armed. */
static void poll_arm_threshold(struct rb_ring *ring, struct rb_handle *h,
			       const struct rb_threshold_values *l)
{
	struct rb_check check;
	int tries;

	for (tries = 0; tries < ARM_TRIES; tries++) {
		u64 waiter;

		rb_check_reader(h, ring, l, true, &check);
		if (check.evicted)
			return;
		waiter = check.ready ? check.next : check.waiter;
		rb_arm_waiter(ring, &h->poll[RB_POLL_POSITION], waiter);
		if (!rb_reached(&ring->view, waiter))
			return;
	}
	rb_ring_wake(ring);
}

static __poll_t poll_reader(struct rb_ring *ring, struct rb_handle *h)
{
	const struct rb_view *v = &ring->view;
	u64 pos = rb_row_cursor(v, READ_ONCE(h->last_id));
	struct rb_threshold_values l;
	struct rb_check check;
	__poll_t mask = 0;

	rb_threshold_read(h, &l);
	if (l.set)
		poll_arm_threshold(ring, h, &l);
	else
		poll_arm_position(ring, h, pos, pos + v->slots);
	/* (J): load this before the last check for slots. */
	if (rb_ended(v))
		mask |= EPOLLHUP | EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	rb_check_reader(h, ring, &l, true, &check);
	if (check.evicted)
		return EPOLLERR;
	rb_check_timer(h, &l, &check);
	if (check.ready || rb_has_leftover(h))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

/*
 * Arm for a step of the slowest reader.  A step that it took before we were armed woke
 * nobody, so arm for the next one then.
 */
static void poll_arm_cursor(struct rb_ring *ring, struct rb_handle *h)
{
	const struct rb_view *v = &ring->view;
	int tries;

	for (tries = 0; tries < ARM_TRIES; tries++) {
		u32 row, row_now;
		u64 min = rb_gate_min(v, &row);

		poll_arm(ring, h, RB_POLL_CURSOR, row == RB_NO_ROW ? ~0ULL : min + 1,
			 RB_WAIT_CURSOR);
		if (rb_gate_min(v, &row_now) <= min)
			return;
	}
	rb_ring_wake(ring);
}

/* Arm for the step of the slowest reader that makes enough room, not for the next one. */
static void poll_arm_room(struct rb_ring *ring, struct rb_handle *h, const struct rb_check *check)
{
	if ((check->waiter & RB_WAIT_KIND) != RB_WAIT_CURSOR)
		return;
	rb_arm_waiter(ring, &h->poll[RB_POLL_CURSOR], check->waiter);
	if (rb_reached(&ring->view, check->waiter))
		rb_ring_wake(ring);
}

static __poll_t poll_writer(struct rb_ring *ring, struct rb_handle *h)
{
	const struct rb_view *v = &ring->view;
	struct rb_threshold_values l;
	struct rb_check check;
	u64 head;

	rb_threshold_read(h, &l);
	poll_arm_cursor(ring, h);
	if (!rb_exclusive(v)) {
		head = rb_head(v);
		poll_arm_position(ring, h, head > v->slots ? head - v->slots : 0, head);
	}
	rb_check_writer_held(h, ring, &l, &h->poll_held, &check);
	rb_check_timer(h, &l, &check);
	if (check.ready)
		return EPOLLOUT | EPOLLWRNORM;
	if (l.set)
		poll_arm_room(ring, h, &check);
	return 0;
}

__poll_t rb_poll(struct file *file, struct poll_table_struct *wait)
{
	struct rb_handle *h = file->private_data;
	struct rb_ring *ring = rb_handle_ring(h);

	poll_wait(file, &h->wq, wait);
	/* poll_reader() handles an eviction, in the same check that finds what is ready. */
	if (!ring || !rb_handle_members(h))
		return EPOLLERR;
	return h->role == RINGBUF_ROLE_READER ? poll_reader(ring, h) : poll_writer(ring, h);
}
