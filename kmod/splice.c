// SPDX-License-Identifier: GPL-2.0
/*
 * splice(2) and sendfile(2).
 *
 * A pipe gets a copy in pages of its own, so that writers can reuse the slots at once.
 * The kernel holds the pipe's mutex around both calls.  They drop it while they wait for
 * the ring (pipe_wait.c), so that the task at the other end of the pipe does not wait for the
 * ring too.
 *
 * The pages for a pipe are a leftover (leftover.c), since the output of sendfile(2) may
 * take only a part of them.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "internal.h"

/* How many pages the internal pipe of sendfile(2) holds. */
#define DIRECT_PAGES PIPE_DEF_BUFFERS

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
		err = rb_pipe_wait_empty(pipe);
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
		err = rb_pipe_wait_ring(h, pipe, nonblock, &again);
		if (!err)
			err = rb_pipe_wait_room(pipe, flags);
		if (err)
			return err;
	}
}

/* ---- from a pipe ------------------------------------------------------------------ */

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
		got = rb_pipe_wait_data(pipe, flags);
		if (got > 0)
			got = pipe_write(pipe, out, length);
		else
			break;
		if (got && got != -EAGAIN)
			break;
		/* The pipe had only empty buffers: try again. */
		err = got ? rb_pipe_wait_ring(h, pipe, nonblock, &again) : 0;
		if (err) {
			got = err;
			break;
		}
	}
	pipe_unlock(pipe);
	return got;
}
