// SPDX-License-Identifier: GPL-2.0
/*
 * read(2) and write(2) on bound handles: one message per call.
 *
 * read() copies without a lock, as a fault may take any time, and releases the
 * slot only if it still stands at the cursor then: so what it returns is whole
 * and is returned once.  write() claims a slot, so it copies with page faults
 * disabled under the handle's lock, and takes the slot back where that fell
 * short.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"

/* Words that never make sense are given up after so many looks. */
#define RW_TRIES 1000

/* User memory that is gone again as soon as it was faulted in goes through a buffer. */
#define RW_FAULTS 3

static bool rw_nonblock(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT || iocb->ki_filp->f_flags & O_NONBLOCK;
}

/* False: it would have to wait, and must not. */
static bool rw_lock(const struct kiocb *iocb, struct rb_handle *h)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return mutex_trylock(&h->lock);
	mutex_lock(&h->lock);
	return true;
}

/* Between the slot at @index and @iter, as far as that goes. */
static size_t slot_copy(const struct rb_ring *ring, u64 index, size_t length, struct iov_iter *iter,
			bool to_slot)
{
	u64 at = ring->layout.region[RINGBUF_REGION_DATA].offset + index * ring->layout.slot_stride;
	size_t done = 0;

	while (done < length) {
		struct page *page = ring->pages[at >> PAGE_SHIFT];
		size_t offset = offset_in_page(at);
		size_t want = min_t(size_t, length - done, PAGE_SIZE - offset), got;

		if (to_slot)
			got = copy_page_from_iter(page, offset, want, iter);
		else
			got = copy_page_to_iter(page, offset, want, iter);
		done += got;
		at += got;
		if (got < want)
			break;
		cond_resched();
	}
	return done;
}

/* ---- read ---------------------------------------------------------------- */

/* A message that stands at the cursor, or @pos alone: where it will. */
struct rb_message {
	u64 pos;
	u64 index;
	size_t length;
};

/* 1: @msg; 0: end of stream; -EAGAIN: nothing yet; or another error. */
static int read_look(struct rb_ring *ring, u32 row, struct rb_message *msg, bool *wake)
{
	const struct rb_view *v = &ring->view;
	bool end = rb_ended(v); /* (J): before the last look */
	struct rb_reader r;
	int n;

	rb_reader_init(v, &r, row);
	n = rb_peek(v, &r, 1, wake);
	msg->pos = r.pos;
	if (n < 0)
		return n;
	if (!n)
		return end ? 0 : -EAGAIN;
	msg->index = r.index;
	msg->length = READ_ONCE(v->desc[r.index].length);
	/* The length of a slot that we have just lost is not ours. */
	if (!rb_reader_holds(&r))
		return -ESTALE;
	return msg->length > ring->layout.slot_bytes ? -EPROTO : 1;
}

static int read_peek(const struct kiocb *iocb, struct rb_handle *h, struct rb_message *msg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool wake = false;
	struct rb_member *m;
	int got;

	if (!rw_lock(iocb, h))
		return -EAGAIN;
	m = rb_member_io(h);
	got = IS_ERR(m) ? PTR_ERR(m) : read_look(ring, m->id, msg, &wake);
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(ring);
	return got;
}

/* 0: what was copied is whole and ours; -ESTALE: it is not, look again. */
static int read_release(const struct kiocb *iocb, struct rb_handle *h, const struct rb_message *msg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool wake = false;
	struct rb_member *m;
	struct rb_reader r;
	int err = -ESTALE;

	if (!rw_lock(iocb, h))
		return -EAGAIN;
	m = rb_member_io(h);
	if (IS_ERR(m)) {
		err = PTR_ERR(m);
	} else {
		rb_reader_init(&ring->view, &r, m->id);
		/* Another thread may have taken it; a writer may break the rules. */
		smp_rmb(); /* the copy before the state */
		if (r.pos == msg->pos && rb_peek_run(&ring->view, &r, 1) == 1 &&
		    rb_release(&ring->view, &r, 1, &wake))
			err = 0;
	}
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(ring);
	return err;
}

/* The message at the cursor; -ESTALE: it went away meanwhile. */
static ssize_t read_message(const struct kiocb *iocb, struct rb_handle *h, struct iov_iter *to,
			    u64 *pos)
{
	struct rb_message msg = { 0 };
	size_t copied;
	int err;

	err = read_peek(iocb, h, &msg);
	*pos = msg.pos;
	if (err <= 0)
		return err;
	if (msg.length > iov_iter_count(to))
		return -EMSGSIZE;
	copied = slot_copy(rb_handle_ring(h), msg.index, msg.length, to, false);
	err = copied < msg.length ? -EFAULT : read_release(iocb, h, &msg);
	if (!err)
		return msg.length;
	iov_iter_revert(to, copied);
	return err;
}

ssize_t rb_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	struct rb_ring *ring = rb_handle_ring(h);
	int err = 0;

	if (!ring || h->role != RINGBUF_ROLE_READER)
		return -EBADFD;
	for (;;) {
		unsigned long events = smp_load_acquire(&ring->events); /* rb_event() */
		u64 pos = 0;
		ssize_t got = read_message(iocb, h, to, &pos);

		if (got == -ESTALE) {
			if (signal_pending(current))
				return -ERESTARTSYS;
			cond_resched();
			continue;
		}
		if (got != -EAGAIN || rw_nonblock(iocb))
			return got;
		if (err)
			return err;
		err = rb_sleep(h, rb_waiter(pos, RB_WAIT_POSITION), events, RINGBUF_NO_TIMEOUT);
	}
}

/* ---- write --------------------------------------------------------------- */

/**
 * struct rb_write - a message on its way
 * @iocb: the call
 * @from: the caller's memory, or our buffer
 * @length: of the message
 * @faults: times the copy fell short
 * @tries: times the engine found no way, or the slot was taken from us
 * @waiter: what to wait for, 0: nothing
 * @buffer: a copy, where the caller's memory does not stay
 * @kvec: of @buffer
 * @buffered: over @kvec
 */
struct rb_write {
	const struct kiocb *iocb;
	struct iov_iter *from;
	size_t length;
	unsigned int faults;
	unsigned int tries;
	u64 waiter;
	void *buffer;
	struct kvec kvec;
	struct iov_iter buffered;
};

/* The slot is ours: fill it and commit it, or take it back. */
static int write_fill(struct rb_ring *ring, struct rb_writer *w, struct rb_write *wr, bool *wake)
{
	const struct rb_view *v = &ring->view;
	struct ringbuf_desc *desc = &v->desc[w->index];
	size_t copied;

	pagefault_disable();
	copied = slot_copy(ring, w->index, wr->length, wr->from, true);
	pagefault_enable();
	if (copied < wr->length) {
		iov_iter_revert(wr->from, copied);
		rb_publish(v, w, 0, wake);
		return -EFAULT;
	}
	WRITE_ONCE(desc->length, wr->length);
	WRITE_ONCE(desc->flags, 0);
	if (v->stamp)
		WRITE_ONCE(v->stamp[w->index], ktime_get_ns());
	return rb_publish(v, w, 1, wake) ? 0 : -ESTALE;
}

static int write_reserve(struct rb_ring *ring, struct rb_writer *w, struct rb_write *wr, bool *wake)
{
	/* The caller may have written through its map since. */
	if (rb_exclusive(&ring->view))
		rb_writer_seek(&ring->view, w, rb_head(&ring->view));
	wr->waiter = 0;
	switch (rb_reserve(&ring->view, w, 1)) {
	case RB_RESERVED:
		return write_fill(ring, w, wr, wake);
	case RB_BLOCKED_BY_READER:
		wr->waiter = rb_waiter(w->blocked, RB_WAIT_CURSOR);
		return -EAGAIN;
	case RB_BLOCKED_BY_SLOT:
		wr->waiter = rb_waiter(w->blocked, RB_WAIT_POSITION);
		return -EAGAIN;
	default:
		return -ESTALE;
	}
}

/* 0: written; -EAGAIN: wait; -EFAULT: the copy fell short; -ESTALE: look again. */
static int write_message(struct rb_handle *h, struct rb_write *wr)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool wake = false;
	struct rb_member *m;
	int err;

	if (!rw_lock(wr->iocb, h))
		return -EAGAIN;
	m = rb_member_io(h);
	err = IS_ERR(m) ? PTR_ERR(m) : write_reserve(ring, &m->writer, wr, &wake);
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(ring);
	return err;
}

static int write_buffer(struct rb_write *wr)
{
	wr->buffer = kvmalloc(wr->length, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!wr->buffer)
		return -ENOMEM;
	if (!copy_from_iter_full(wr->buffer, wr->length, wr->from))
		return -EFAULT;
	wr->kvec.iov_base = wr->buffer;
	wr->kvec.iov_len = wr->length;
	iov_iter_kvec(&wr->buffered, WRITE, &wr->kvec, 1, wr->length);
	wr->from = &wr->buffered;
	return 0;
}

/* Bring the caller's memory in; 0: the copy is worth trying. */
static int write_prepare(struct rb_write *wr)
{
	if (wr->faults == RW_FAULTS && !wr->buffer)
		return write_buffer(wr);
	return fault_in_iov_iter_readable(wr->from, wr->length) ? -EFAULT : 0;
}

static int write_all(struct rb_handle *h, struct rb_write *wr)
{
	struct rb_ring *ring = rb_handle_ring(h);
	int slept = 0, err;

	for (;;) {
		unsigned long events = smp_load_acquire(&ring->events); /* rb_event() */

		err = write_prepare(wr);
		if (err)
			return err;
		err = write_message(h, wr);
		if (err == -EFAULT || err == -ESTALE) {
			wr->faults += err == -EFAULT;
			wr->tries += err == -ESTALE;
			if (wr->tries == RW_TRIES)
				return -EPROTO;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			continue;
		}
		if (err != -EAGAIN || rw_nonblock(wr->iocb))
			return err;
		if (slept)
			return slept;
		slept = rb_sleep(h, wr->waiter, events, RINGBUF_NO_TIMEOUT);
	}
}

ssize_t rb_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_write wr = {
		.iocb = iocb,
		.from = from,
		.length = iov_iter_count(from),
	};
	int err;

	if (!ring || h->role != RINGBUF_ROLE_WRITER)
		return -EBADFD;
	if (wr.length > ring->layout.slot_bytes)
		return -EMSGSIZE;
	err = write_all(h, &wr);
	kvfree(wr.buffer);
	return err ? err : wr.length;
}
