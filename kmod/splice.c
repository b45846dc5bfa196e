// SPDX-License-Identifier: GPL-2.0
/*
 * splice(2) and sendfile(2).
 *
 * A pipe gets a copy in pages of its own, so that writers can reuse the slots at once.
 * The kernel holds the pipe's mutex around both calls.  They drop it while they wait for
 * the ring, so that the task at the other end of the pipe does not wait for the ring too.
 *
 * The pages for a pipe are a leftover (leftover.c), since the output of sendfile(2) may
 * take only a part of them.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "internal.h"

/* How many pages the internal pipe of sendfile(2) holds. */
#define DIRECT_PAGES PIPE_DEF_BUFFERS

/* ---- waiting without the pipe's mutex -------------------------------------- */

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
 * Drop the pipe lock and wait for the ring.  A nonblocking caller retries once, since its
 * first attempt may have failed only to take the lock of the handle.
 */
static int ring_wait_unlocked(struct rb_handle *h, struct pipe_inode_info *pipe, bool nonblock,
			      bool *again)
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

static int room_wait_unlocked(struct pipe_inode_info *pipe, unsigned int flags)
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

/* ---- to a pipe -------------------------------------------------------------------- */

static bool splice_is_direct(const struct pipe_inode_info *pipe)
{
	return pipe == current->splice_pipe;
}

/* Read from the ring into @leftover.  @wait: the read may sleep. */
static ssize_t leftover_fill(struct file *in, struct rb_leftover *leftover, bool wait)
{
	struct bio_vec *vec = kvmalloc_array(leftover->count, sizeof(*vec), GFP_KERNEL);
	struct iov_iter to;
	struct kiocb kiocb;
	unsigned int n;
	ssize_t got;

	if (!vec)
		return -ENOMEM;
	for (n = 0; n < leftover->count; n++) {
		vec[n].bv_page = leftover->page[n];
		vec[n].bv_offset = 0;
		vec[n].bv_len = min_t(size_t, leftover->length - n * PAGE_SIZE, PAGE_SIZE);
	}
	iov_iter_bvec(&to, READ, vec, leftover->count, leftover->length);
	init_sync_kiocb(&kiocb, in);
	if (!wait)
		kiocb.ki_flags |= IOCB_NOWAIT;
	got = rb_read_iter(&kiocb, &to);
	kvfree(vec);
	return got;
}

/*
 * Return a leftover with the next bytes of the ring, at most @length.  NULL: *got is the
 * error, or 0 at the end of the stream.
 */
static struct rb_leftover *splice_piece(struct file *in, size_t length, bool wait, ssize_t *got)
{
	struct rb_leftover *leftover = rb_leftover_new(length);

	*got = -ENOMEM;
	if (!leftover)
		return NULL;
	/* The message is longer than our pages, but the pipe may have room for it. */
	if (leftover->length == length)
		*got = leftover_fill(in, leftover, wait);
	if (*got <= 0) {
		rb_leftover_free(leftover);
		return NULL;
	}
	leftover->length = *got;
	for (; leftover->count > DIV_ROUND_UP(leftover->length, PAGE_SIZE); leftover->count--)
		put_page(leftover->page[leftover->count - 1]);
	return leftover;
}

static ssize_t splice_direct(struct file *in, struct pipe_inode_info *pipe, size_t length)
{
	struct rb_handle *h = in->private_data;
	struct rb_leftover *leftover = rb_leftover_first(h);
	ssize_t got;

	if (!leftover)
		leftover = splice_piece(in, min_t(size_t, length, DIRECT_PAGES * PAGE_SIZE), true,
					&got);
	if (!leftover)
		return got;
	return rb_leftover_push(in, pipe, leftover, length);
}

static ssize_t splice_once(struct file *in, struct pipe_inode_info *pipe, size_t length)
{
	struct rb_leftover *leftover;
	ssize_t got;

	/* If it may wait, the caller waits without the pipe's mutex. */
	leftover = splice_piece(in, length, false, &got);
	if (leftover)
		rb_leftover_give(pipe, leftover);
	return got;
}

/*
 * The pipe has more room now than the kernel counted on when it chose the length.  Restart
 * a call that may wait, as after a signal; an io_uring request has no call to restart.
 */
static int splice_again(unsigned int flags)
{
	if (flags & SPLICE_F_NONBLOCK || current->flags & PF_IO_WORKER)
		return -EAGAIN;
	return restart_syscall();
}

/* How often to recheck the pipe: its readers wake writers only if it was full. */
#define PIPE_RECHECK_MS 10

/* Drop the pipe's mutex, wait until @pipe is empty or has no reader, and take it again. */
static int empty_wait_unlocked(struct pipe_inode_info *pipe)
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
 * Handle a message that is longer than the length asked for.  @cut: the kernel has cut the
 * caller's length to the room in the pipe, so wait for an empty pipe and restart the call.
 */
static int splice_too_long(struct pipe_inode_info *pipe, bool cut, unsigned int flags)
{
	int err = 0;

	if (!cut)
		return -EMSGSIZE;
	if (!(flags & SPLICE_F_NONBLOCK))
		err = empty_wait_unlocked(pipe);
	return err ? err : splice_again(flags);
}

ssize_t rb_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe, size_t length,
		       unsigned int flags)
{
	struct rb_handle *h = in->private_data;
	bool nonblock = in->f_flags & O_NONBLOCK, again = false;
	bool cut = length >= rb_pipe_room(pipe) && !pipe_empty(pipe->head, pipe->tail);
	ssize_t got;
	int err;

	err = rb_bind_stream(in, h, RINGBUF_ROLE_READER, true);
	if (err)
		return err;
	if (splice_is_direct(pipe))
		return splice_direct(in, pipe, length);
	for (;;) {
		size_t most = min(length, rb_pipe_room(pipe));

		got = most ? splice_once(in, pipe, most) : -EAGAIN;
		if (got == -EMSGSIZE)
			return splice_too_long(pipe, cut, flags);
		if (got != -EAGAIN)
			return got;
		err = ring_wait_unlocked(h, pipe, nonblock, &again);
		if (!err)
			err = room_wait_unlocked(pipe, flags);
		if (err)
			return err;
	}
}

/* ---- from a pipe ------------------------------------------------------------------ */

/*
 * Wait for bytes in the pipe, whose mutex is held.  Returns 1 if it has some, 0 if it is empty
 * and has no writer, or an error.
 */
static int data_wait_unlocked(struct pipe_inode_info *pipe, unsigned int flags)
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

/*
 * Point @vec at the bytes in the pipe, at most *length of them.  Returns the number of entries
 * used.
 */
static int pipe_gather(struct pipe_inode_info *pipe, struct bio_vec *vec, size_t *length)
{
	unsigned int mask = pipe->ring_size - 1, at, n = 0;
	size_t left = *length;

	for (at = pipe->tail; left && !pipe_empty(pipe->head, at); at++) {
		struct pipe_buffer *buf = &pipe->bufs[at & mask];
		int err = pipe_buf_confirm(pipe, buf);

		if (err)
			return err;
		if (!buf->len)
			continue;
		vec[n].bv_page = buf->page;
		vec[n].bv_offset = buf->offset;
		vec[n].bv_len = min_t(size_t, buf->len, left);
		left -= vec[n++].bv_len;
	}
	*length -= left;
	return n;
}

/* Consume @length bytes of the pipe. */
static void pipe_eat(struct pipe_inode_info *pipe, size_t length)
{
	while (!pipe_empty(pipe->head, pipe->tail)) {
		struct pipe_buffer *buf = &pipe->bufs[pipe->tail & (pipe->ring_size - 1)];
		size_t part = min_t(size_t, buf->len, length);

		buf->offset += part;
		buf->len -= part;
		length -= part;
		if (buf->len)
			break;
		pipe_buf_release(pipe, buf);
		pipe->tail++;
	}
	wake_up_interruptible(&pipe->wr_wait);
	kill_fasync(&pipe->fasync_writers, SIGIO, POLL_OUT);
}

/* Write to the ring what it has room for, without waiting. */
static ssize_t pipe_write(struct pipe_inode_info *pipe, struct file *out, size_t length)
{
	struct bio_vec *vec = kvmalloc_array(pipe->ring_size, sizeof(*vec), GFP_KERNEL);
	struct iov_iter from;
	struct kiocb kiocb;
	ssize_t got;
	int n;

	if (!vec)
		return -ENOMEM;
	n = pipe_gather(pipe, vec, &length);
	got = n;
	if (n > 0) {
		iov_iter_bvec(&from, WRITE, vec, n, length);
		init_sync_kiocb(&kiocb, out);
		kiocb.ki_flags |= IOCB_NOWAIT;
		got = rb_write_iter(&kiocb, &from);
	}
	if (n == 0 || got > 0)
		pipe_eat(pipe, n ? got : 0);
	kvfree(vec);
	return got;
}

/* No other task uses the internal pipe of sendfile(2), so wait with its mutex held. */
ssize_t rb_splice_write(struct pipe_inode_info *pipe, struct file *out, loff_t *ppos, size_t length,
			unsigned int flags)
{
	struct rb_handle *h = out->private_data;
	bool nonblock = out->f_flags & O_NONBLOCK, again = false;
	ssize_t got;
	int err;

	err = rb_bind_stream(out, h, RINGBUF_ROLE_WRITER, true);
	if (err)
		return err;
	if (h->role != RINGBUF_ROLE_WRITER)
		return -EBADFD;
	if (splice_is_direct(pipe))
		return iter_file_splice_write(pipe, out, ppos, length, flags);
	pipe_lock(pipe);
	for (;;) {
		got = data_wait_unlocked(pipe, flags);
		if (got > 0)
			got = pipe_write(pipe, out, length);
		else
			break;
		if (got && got != -EAGAIN)
			break;
		/* The pipe had only empty buffers: try again. */
		err = got ? ring_wait_unlocked(h, pipe, nonblock, &again) : 0;
		if (err) {
			got = err;
			break;
		}
	}
	pipe_unlock(pipe);
	return got;
}
