// SPDX-License-Identifier: GPL-2.0
/*
 * splice(2) and sendfile(2).
 *
 * What a pipe gets is a copy in pages of its own, so that slots can be written
 * again at once.  The kernel holds the pipe's mutex around both calls: so they
 * wait for the ring without it, and who uses the other end of the pipe does not
 * wait with us.
 *
 * sendfile(2) goes through a pipe of the task's own, and drops from it what its
 * output did not take.  The file position, which nothing else uses, tells how
 * much that was; and the pages of the last piece are kept until then (struct
 * rb_lent), so that the next call finds what is left of them:
 *
 *	lent_out()	before: *ppos is from; after: to, which no part of the piece is
 *	the kernel	sets the position to to, or to from + what was written
 *	lent_settle()	takes what was written off
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

/* What one call moves, and sendfile's pipe holds, at most. */
#define SPLICE_PAGES PIPE_DEF_BUFFERS

/* Positions begin anew from here on: what sendfile(2) writes to may have an end. */
#define LENT_WRAP BIT_ULL(30)

/**
 * struct rb_lent - pages that sendfile(2) has read, and may not have written
 * @page: the bytes, from the start of the first one on
 * @length: of all
 * @done: bytes of them that have been written, or read
 * @out: bytes from there on that are on their way
 * @from: file position at which they went
 * @to: file position if all of them are written
 */
struct rb_lent {
	struct page *page[SPLICE_PAGES];
	size_t length;
	size_t done;
	size_t out;
	loff_t from;
	loff_t to;
};

/* ---- waiting without the pipe's mutex -------------------------------------- */

/* Until a look is worth it; whoever looks finds out why. */
static int ring_wait(struct rb_handle *h)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool reader = h->role == RINGBUF_ROLE_READER;

	for (;;) {
		unsigned long events = smp_load_acquire(&ring->events); /* rb_event() */
		struct rb_look look = { .deadline = RINGBUF_NO_TIMEOUT };
		int err;

		if (!READ_ONCE(h->parts) || (reader && rb_ended(&ring->view)))
			return 0;
		if (reader)
			rb_look_reader(h, ring, false, &look);
		else
			rb_look_writer(h, ring, &look);
		if (look.ready)
			return 0;
		err = rb_sleep(h, look.waiter, events, look.deadline);
		if (err && err != -ETIMEDOUT)
			return err;
	}
}

static bool pipe_has_room(const struct pipe_inode_info *pipe)
{
	return !pipe->readers ||
	       !pipe_full(READ_ONCE(pipe->head), READ_ONCE(pipe->tail), pipe->max_usage);
}

/* Others may fill the pipe, or leave it, while we wait for the ring. */
static int wait_unlocked(struct rb_handle *h, struct pipe_inode_info *pipe)
{
	int err;

	pipe_unlock(pipe);
	err = ring_wait(h);
	if (!err)
		err = wait_event_interruptible(pipe->wr_wait, pipe_has_room(pipe));
	pipe_lock(pipe);
	if (!err && !pipe->readers) {
		send_sig(SIGPIPE, current, 0);
		err = -EPIPE;
	}
	return err;
}

/* ---- pages ------------------------------------------------------------------ */

static void pages_put(struct page **page, unsigned int count)
{
	while (count--)
		put_page(page[count]);
}

/* Fewer than @count where memory is short. */
static unsigned int pages_get(struct page **page, unsigned int count)
{
	unsigned int n;

	for (n = 0; n < count; n++) {
		page[n] = alloc_page(GFP_USER | __GFP_ACCOUNT);
		if (!page[n])
			break;
	}
	return n;
}

/* @length bytes from @skip on; the pipe gets references of its own. */
static void pages_push(struct pipe_inode_info *pipe, struct page **page, size_t skip, size_t length)
{
	while (length) {
		size_t offset = offset_in_page(skip), part = min(length, PAGE_SIZE - offset);
		struct pipe_buffer *buf = &pipe->bufs[pipe->head & (pipe->ring_size - 1)];

		get_page(page[skip >> PAGE_SHIFT]);
		*buf = (struct pipe_buffer){
			.ops = &nosteal_pipe_buf_ops,
			.page = page[skip >> PAGE_SHIFT],
			.offset = offset,
			.len = part,
		};
		pipe->head++;
		skip += part;
		length -= part;
	}
}

static size_t pipe_room(const struct pipe_inode_info *pipe)
{
	unsigned int used = pipe_occupancy(pipe->head, pipe->tail);

	return used < pipe->max_usage ? min(pipe->max_usage - used, SPLICE_PAGES) : 0;
}

/* What there is for @pages of @length bytes; @wait: sleep for it. */
static ssize_t pages_read(struct file *in, struct page **page, size_t length, bool wait)
{
	struct bio_vec vec[SPLICE_PAGES];
	unsigned int n, count = DIV_ROUND_UP(length, PAGE_SIZE);
	struct iov_iter to;
	struct kiocb kiocb;

	for (n = 0; n < count; n++) {
		vec[n].bv_page = page[n];
		vec[n].bv_offset = 0;
		vec[n].bv_len = min_t(size_t, length - n * PAGE_SIZE, PAGE_SIZE);
	}
	iov_iter_bvec(&to, READ, vec, count, length);
	init_sync_kiocb(&kiocb, in);
	if (!wait)
		kiocb.ki_flags |= IOCB_NOWAIT;
	return rb_read_iter(&kiocb, &to);
}

/* ---- sendfile ----------------------------------------------------------------- */

static void lent_drop(struct rb_lent *lent)
{
	pages_put(lent->page, DIV_ROUND_UP(lent->length, PAGE_SIZE));
	lent->length = 0;
	lent->done = 0;
	lent->out = 0;
}

void rb_lent_free(struct rb_handle *h)
{
	if (!h->lent)
		return;
	lent_drop(h->lent);
	kfree(h->lent);
}

/* Of what was on its way, as the file position @pos tells. */
static size_t lent_written(const struct rb_lent *lent, loff_t pos)
{
	if (pos >= lent->from && pos - lent->from < lent->out)
		return pos - lent->from;
	return lent->out;
}

static void lent_settle(struct rb_lent *lent, loff_t pos)
{
	lent->done += lent_written(lent, pos);
	lent->out = 0;
	if (lent->done == lent->length)
		lent_drop(lent);
}

/* What is left goes on its way, as far as there is room for it. */
static ssize_t lent_out(struct rb_lent *lent, struct pipe_inode_info *pipe, size_t length,
			loff_t *ppos)
{
	size_t most = pipe_room(pipe) * PAGE_SIZE - offset_in_page(lent->done);

	lent->out = min3(lent->length - lent->done, length, most);
	pages_push(pipe, lent->page, lent->done, lent->out);
	lent->from = *ppos;
	*ppos = *ppos < LENT_WRAP ? *ppos + lent->out : 0;
	lent->to = *ppos;
	return lent->out;
}

static struct rb_lent *lent_of(struct rb_handle *h)
{
	lockdep_assert_held(&h->lock);
	if (!h->lent)
		h->lent = kzalloc(sizeof(*h->lent), GFP_KERNEL_ACCOUNT);
	return h->lent;
}

/* Bytes that come before those in the ring. */
size_t rb_lent_left(const struct rb_handle *h, const struct file *file)
{
	const struct rb_lent *lent = h->lent;

	lockdep_assert_held(&h->lock);
	if (!lent)
		return 0;
	return lent->length - lent->done - lent_written(lent, READ_ONCE(file->f_pos));
}

/* A piece of what is left, none of it beyond a page, with a reference. */
static struct page *lent_piece(struct rb_handle *h, const struct file *file, size_t *at,
			       size_t *length)
{
	struct rb_lent *lent = h->lent;
	struct page *page = NULL;

	mutex_lock(&h->lock);
	lent_settle(lent, READ_ONCE(file->f_pos));
	*at = lent->done;
	*length = min(lent->length - lent->done, PAGE_SIZE - offset_in_page(*at));
	if (*length) {
		page = lent->page[*at >> PAGE_SHIFT];
		get_page(page);
	}
	mutex_unlock(&h->lock);
	return page;
}

/* @length bytes at @at have been read, unless somebody else has had them. */
static bool lent_take(struct rb_handle *h, const struct page *page, size_t at, size_t length)
{
	struct rb_lent *lent = h->lent;
	bool ours;

	mutex_lock(&h->lock);
	ours = lent->length && lent->done == at && lent->page[at >> PAGE_SHIFT] == page;
	if (ours)
		lent->done += length;
	if (ours && lent->done == lent->length)
		lent_drop(lent);
	mutex_unlock(&h->lock);
	return ours;
}

/* read(2) takes what sendfile(2) has left before anything else; 0: nothing. */
ssize_t rb_lent_read(struct rb_handle *h, const struct file *file, struct iov_iter *to)
{
	size_t done = 0, at, length, got = 0;
	struct page *page;

	if (!READ_ONCE(h->lent))
		return 0;
	while (iov_iter_count(to) && (page = lent_piece(h, file, &at, &length))) {
		length = min(length, iov_iter_count(to));
		got = copy_page_to_iter(page, offset_in_page(at), length, to);
		if (lent_take(h, page, at, got))
			done += got;
		else
			iov_iter_revert(to, got);
		put_page(page);
		if (got < length)
			return done ? done : -EFAULT;
	}
	return done;
}

/* What is left of the last piece; 0: nothing. */
static ssize_t direct_again(struct rb_handle *h, loff_t *ppos, struct pipe_inode_info *pipe,
			    size_t length)
{
	ssize_t got = -ENOMEM;
	struct rb_lent *lent;

	mutex_lock(&h->lock);
	lent = lent_of(h);
	if (lent) {
		lent_settle(lent, *ppos);
		got = lent->length ? lent_out(lent, pipe, length, ppos) : 0;
	}
	mutex_unlock(&h->lock);
	return got;
}

/* The next piece: @page becomes the handle's. */
static ssize_t direct_first(struct rb_handle *h, loff_t *ppos, struct pipe_inode_info *pipe,
			    struct page **page, size_t length)
{
	struct rb_lent *lent = h->lent;
	ssize_t got;

	mutex_lock(&h->lock);
	lent_drop(lent);
	memcpy(lent->page, page, DIV_ROUND_UP(length, PAGE_SIZE) * sizeof(*page));
	lent->length = length;
	got = lent_out(lent, pipe, length, ppos);
	mutex_unlock(&h->lock);
	return got;
}

/* ---- the calls ------------------------------------------------------------------ */

static bool splice_is_direct(const struct pipe_inode_info *pipe)
{
	return pipe == current->splice_pipe;
}

/* Into pages of ours, and those into the pipe. */
static ssize_t splice_pages(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
			    size_t length, bool wait)
{
	struct page *page[SPLICE_PAGES];
	unsigned int count, used;
	ssize_t got;

	length = min_t(size_t, length, pipe_room(pipe) * PAGE_SIZE);
	if (!length)
		return -EAGAIN;
	count = pages_get(page, DIV_ROUND_UP(length, PAGE_SIZE));
	if (!count)
		return -ENOMEM;
	got = pages_read(in, page, min_t(size_t, length, count * PAGE_SIZE), wait);
	used = got > 0 ? DIV_ROUND_UP(got, PAGE_SIZE) : 0;
	pages_put(page + used, count - used);
	if (got <= 0)
		return got;
	if (splice_is_direct(pipe))
		return direct_first(in->private_data, ppos, pipe, page, got);
	pages_push(pipe, page, 0, got);
	pages_put(page, used);
	return got;
}

static ssize_t splice_direct(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
			     size_t length)
{
	ssize_t got = direct_again(in->private_data, ppos, pipe, length);

	return got ? got : splice_pages(in, ppos, pipe, length, true);
}

ssize_t rb_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe, size_t length,
		       unsigned int flags)
{
	struct rb_handle *h = in->private_data;
	bool nonblock = in->f_flags & O_NONBLOCK;
	ssize_t got;
	int err;

	err = rb_default_bind(in, h, RINGBUF_ROLE_READER, true);
	if (err)
		return err;
	if (splice_is_direct(pipe))
		return splice_direct(in, ppos, pipe, length);
	for (;;) {
		/* Where it may wait it does so below; what could not be locked is tried again. */
		got = splice_pages(in, ppos, pipe, length, nonblock);
		if (got != -EAGAIN || nonblock)
			return got;
		err = wait_unlocked(h, pipe);
		if (err)
			return err;
		cond_resched();
	}
}

/*
 * A stream takes what there is room for, so that nothing is waited for with the
 * mutex; others may still be faster.  sendfile's pipe is nobody else's.
 */
ssize_t rb_splice_write(struct pipe_inode_info *pipe, struct file *out, loff_t *ppos, size_t length,
			unsigned int flags)
{
	struct rb_handle *h = out->private_data;
	struct rb_ring *ring;
	int err;

	err = rb_default_bind(out, h, RINGBUF_ROLE_WRITER, true);
	if (err)
		return err;
	ring = rb_handle_ring(h);
	if (h->role == RINGBUF_ROLE_WRITER && !splice_is_direct(pipe) &&
	    !(out->f_flags & O_NONBLOCK)) {
		err = ring_wait(h);
		if (err)
			return err;
		if (READ_ONCE(h->framing) == RINGBUF_FRAMING_STREAM)
			length = min_t(u64, length,
				       max(rb_slots_ready(ring), 1ULL) * ring->layout.slot_bytes);
	}
	return iter_file_splice_write(pipe, out, ppos, length, flags);
}
