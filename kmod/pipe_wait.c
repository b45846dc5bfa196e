// SPDX-License-Identifier: GPL-2.0
/*
 * How splice(2) waits, for the ring or for the pipe, with the pipe's mutex dropped meanwhile.
 *
 * The callers hold the mutex, before and after each call.
 */
#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>

#include "internal.h"

/* See ring_wait().  @held: see rb_policy_ask(). */
static int ring_wait_held(struct rb_handle *h, struct rb_ring *ring, bool *held)
{
	bool reader = h->role == RINGBUF_ROLE_READER;

	for (;;) {
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */
		struct rb_threshold_values l;
		struct rb_check check;
		int err;

		if (!rb_handle_members(h) || (reader && rb_ended(&ring->view)))
			return 0;
		rb_threshold_read(h, &l);
		if (reader)
			rb_check_reader(h, ring, &l, false, &check);
		else
			rb_check_writer_held(h, ring, &l, held, &check);
		if (check.ready)
			return 0;
		err = rb_sleep(h, check.waiter, notices, check.deadline);
		if (err && err != -ETIMEDOUT)
			return err;
	}
}

/* Wait until a read or write of the ring is worth an attempt, which tells the outcome. */
static int ring_wait(struct rb_handle *h)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool held = false;
	int err = ring_wait_held(h, ring, &held);

	rb_policy_leave(h, ring, &held);
	return err;
}

static bool pipe_has_room(const struct pipe_inode_info *pipe)
{
	return !pipe->readers ||
	       !pipe_full(READ_ONCE(pipe->head), READ_ONCE(pipe->tail), pipe->max_usage);
}

/* Whether the pipe is empty, or has no reader that could empty it. */
static bool pipe_drained(const struct pipe_inode_info *pipe)
{
	return !pipe->readers || pipe_empty(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
}

static bool pipe_has_data(const struct pipe_inode_info *pipe)
{
	return !pipe->writers || !pipe_empty(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
}

/* Other tasks may fill the pipe, or close it, while we wait for the ring. */
static int pipe_wait_room(struct pipe_inode_info *pipe, unsigned int flags)
{
	if (pipe_has_room(pipe))
		return 0;
	if (flags & SPLICE_F_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible(pipe->wr_wait, pipe_has_room(pipe));
}

/* Wait for h->lock, which the last attempt could not take. */
static int lock_wait(struct rb_handle *h)
{
	if (mutex_lock_interruptible(&h->lock))
		return -ERESTARTSYS;
	mutex_unlock(&h->lock);
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

/*
 * Wait for the ring, without the pipe's mutex.  A nonblocking caller retries once, since its
 * first attempt may have failed only to take the lock of the handle.
 */
int rb_pipe_wait_ring(struct rb_handle *h, struct pipe_inode_info *pipe, bool nonblock, bool *again)
{
	int err = -EAGAIN;

	if (nonblock && *again)
		return err;
	*again = true;
	pipe_unlock(pipe);
	err = nonblock ? 0 : ring_wait(h);
	if (!err)
		err = lock_wait(h);
	pipe_lock(pipe);
	return err;
}

/* Wait until the pipe has room.  -EPIPE: it has no reader any more. */
int rb_pipe_wait_room(struct pipe_inode_info *pipe, unsigned int flags)
{
	int err;

	pipe_unlock(pipe);
	err = pipe_wait_room(pipe, flags);
	pipe_lock(pipe);
	if (!err && !pipe->readers) {
		send_sig(SIGPIPE, current, 0);
		err = -EPIPE;
	}
	return err;
}

/* How often to recheck the pipe: its readers wake writers only if it was full. */
#define PIPE_RECHECK_MS 10

/* Wait until @pipe is empty or has no reader. */
int rb_pipe_wait_empty(struct pipe_inode_info *pipe)
{
	const unsigned long recheck = msecs_to_jiffies(PIPE_RECHECK_MS);
	long left;

	pipe_unlock(pipe);
	do {
		left = wait_event_interruptible_timeout(pipe->wr_wait, pipe_drained(pipe), recheck);
	} while (!left);
	pipe_lock(pipe);
	return left < 0 ? left : 0;
}

/*
 * Wait for bytes in the pipe.  Returns 1 if it has some, 0 if it is empty and has no writer, or
 * an error.
 */
int rb_pipe_wait_data(struct pipe_inode_info *pipe, unsigned int flags)
{
	int err = 0;

	while (!err && pipe_empty(pipe->head, pipe->tail)) {
		if (!pipe->writers)
			return 0;
		if (flags & SPLICE_F_NONBLOCK)
			return -EAGAIN;
		pipe_unlock(pipe);
		err = wait_event_interruptible(pipe->rd_wait, pipe_has_data(pipe));
		pipe_lock(pipe);
	}
	return err ? err : 1;
}
