// SPDX-License-Identifier: GPL-2.0
/*
 * write(2), by messages or as a stream; see struct ringbuf_framing.
 *
 * A write claims a slot, so it copies with page faults disabled under the lock of the
 * handle, and takes the slot back where a page is missing.  If that happens again and
 * again, it holds the pages of the caller before it copies.
 */
#include <linux/bvec.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"

/*
 * Faults in the copy of one message after which the write holds the pages of the caller's
 * memory, so that the next copy cannot fault.
 */
#define WRITE_FAULTS 3

/* Pages of the caller's memory that one step of write_hold() asks for. */
#define HOLD_STEP 16

/**
 * struct rb_write - a message that is being written
 * @iocb: the call
 * @from: the caller's memory
 * @length: length of the message
 * @faults: times that the copy met a missing page
 * @tries: times that the engine found no way, or that the slot was repaired meanwhile
 * @waiter: waiter word to sleep for, 0: none
 * @held: the pages of the caller's memory, referenced for one attempt; or NULL
 * @nr_held: entries of @held that have a reference
 * @copy: iterator over @held
 */
struct rb_write {
	const struct kiocb *iocb;
	struct iov_iter *from;
	size_t length;
	unsigned int faults;
	unsigned int tries;
	u64 waiter;
	struct bio_vec *held;
	unsigned int nr_held;
	struct iov_iter copy;
};

/* Copy the message into the slot of @w.  False: a page was missing, and @from is as before. */
static bool write_copy(struct rb_ring *ring, const struct rb_writer *w, struct rb_write *wr)
{
	struct iov_iter *from = wr->held ? &wr->copy : wr->from;
	size_t copied;

	copied = rb_slot_copy(ring, w->index, 0, wr->length, from, true);
	if (copied == wr->length) {
		if (wr->held)
			iov_iter_advance(wr->from, wr->length);
		return true;
	}
	WARN_ON_ONCE(wr->held);
	iov_iter_revert(from, copied);
	return false;
}

/* Fill the slot of @w, which is reserved, and commit it, or give it back. */
static int write_fill(struct rb_ring *ring, struct rb_writer *w, struct rb_write *wr, bool *wake)
{
	const struct rb_view *v = &ring->view;
	struct ringbuf_desc *desc = &v->desc[w->index];

	if (!write_copy(ring, w, wr)) {
		rb_publish(v, w, 0, wake);
		return -EFAULT;
	}
	WRITE_ONCE(desc->length, wr->length);
	WRITE_ONCE(desc->flags, 0);
	if (v->stamp)
		WRITE_ONCE(v->stamp[w->index], rb_caller_ns());
	if (rb_publish(v, w, 1, wake))
		return 0;
	/* The slot was repaired meanwhile: copy the message once more. */
	iov_iter_revert(wr->from, wr->length);
	return -ESTALE;
}

/*
 * Reserve a slot of a default ring, if it has a reader: without one it keeps its slots for
 * the next reader.  While ring->lock is held no reader comes or goes.
 */
static int write_reserve_default(struct rb_ring *ring, struct rb_writer *w,
				 const struct rb_write *wr)
{
	int got = -EAGAIN;

	if (!rb_iocb_lock(wr->iocb, &ring->lock))
		return got;
	if (rb_has_readers(ring))
		got = rb_reserve(&ring->view, w, 1);
	mutex_unlock(&ring->lock);
	return got;
}

static int write_reserve(struct rb_ring *ring, struct rb_writer *w, const struct rb_write *wr)
{
	if (ring->is_default)
		return write_reserve_default(ring, w, wr);
	/* The caller may have moved the head through its map since the last write. */
	if (rb_exclusive(&ring->view))
		rb_writer_seek(&ring->view, w, rb_head(&ring->view));
	return rb_reserve(&ring->view, w, 1);
}

static int write_slot(struct rb_ring *ring, struct rb_writer *w, struct rb_write *wr, bool *wake)
{
	wr->waiter = RB_WAITER_NEVER;
	switch (write_reserve(ring, w, wr)) {
	case RB_RESERVED:
		return write_fill(ring, w, wr, wake);
	case -EAGAIN:
		return -EAGAIN;
	case RB_BLOCKED_BY_READER:
		wr->waiter = rb_waiter_word(w->blocked, RB_WAIT_CURSOR);
		return -EAGAIN;
	case RB_BLOCKED_BY_SLOT:
		wr->waiter = rb_waiter_word(w->blocked, RB_WAIT_POSITION);
		return -EAGAIN;
	default:
		return -ESTALE;
	}
}

/* Try to write.  Return 0, -EAGAIN: wait, -EFAULT: a page was missing, or -ESTALE: try again. */
static int write_message(struct rb_handle *h, struct rb_write *wr)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool wake = false;
	struct rb_member *m;
	int err;

	if (!rb_iocb_lock(wr->iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rb_iocb_wait(wr->iocb));
	err = IS_ERR(m) ? PTR_ERR(m) : write_slot(ring, &m->writer, wr, &wake);
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(ring);
	return err;
}

/* Drop the pages that write_hold() holds. */
static void write_drop(struct rb_write *wr)
{
	while (wr->nr_held) {
		put_page(wr->held[--wr->nr_held].bv_page);
		rb_relax(wr->nr_held);
	}
	kvfree(wr->held);
	wr->held = NULL;
}

/* Take references on the next pages of @rest, and advance it past them. */
static int write_hold_step(struct rb_write *wr, unsigned int most, struct iov_iter *rest)
{
	struct page *pages[HOLD_STEP];
	unsigned int room = min_t(unsigned int, most - wr->nr_held, HOLD_STEP), i;
	size_t at;
	ssize_t got = iov_iter_get_pages2(rest, pages, iov_iter_count(rest), room, &at);

	if (got <= 0)
		return -EFAULT;
	for (i = 0; got; i++, at = 0) {
		size_t part = min_t(size_t, got, PAGE_SIZE - at);

		wr->held[wr->nr_held++] = (struct bio_vec){
			.bv_page = pages[i],
			.bv_len = part,
			.bv_offset = at,
		};
		got -= part;
	}
	cond_resched();
	return 0;
}

/*
 * Hold the pages of the message for one attempt.  What this allocates is a small part
 * of the message, and the pages are the caller's own, so a large message takes no
 * memory beyond what its writer and the ring have already.
 */
static int write_hold(struct rb_write *wr)
{
	struct iov_iter rest = *wr->from;
	unsigned int most;
	int err = 0;

	iov_iter_truncate(&rest, wr->length);
	if (WARN_ON_ONCE(iov_iter_count(&rest) < wr->length))
		return -EFAULT;
	most = iov_iter_npages(&rest, INT_MAX);
	wr->held = kvmalloc_array(most, sizeof(*wr->held), RB_GFP_LARGE);
	if (!wr->held)
		return -ENOMEM;
	while (!err && iov_iter_count(&rest))
		err = write_hold_step(wr, most, &rest);
	if (err)
		write_drop(wr);
	else
		iov_iter_bvec(&wr->copy, WRITE, wr->held, wr->nr_held, wr->length);
	return err;
}

/*
 * Bring the caller's memory in.  Return 0 if the copy is worth trying.  Pages of a device
 * cannot be held, so such memory is only faulted in again.
 */
static int write_prepare(struct rb_write *wr)
{
	int err;

	if (wr->faults >= WRITE_FAULTS) {
		err = write_hold(wr);
		if (err != -EFAULT)
			return err;
	}
	return fault_in_iov_iter_readable(wr->from, wr->length) ? -EFAULT : 0;
}

/*
 * Sleep until a slot is free, or as many slots as the threshold says.  Returns 0 to try
 * again.  @held: see rb_policy_ask().
 */
static int write_wait(struct rb_handle *h, struct rb_write *wr, unsigned long notices, bool *held)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_check check = { .deadline = RINGBUF_NO_TIMEOUT };
	struct rb_threshold_values l;
	int err;

	rb_threshold_read(h, &l);
	if (wr->waiter != RB_WAITER_NEVER) {
		rb_check_writer_held(h, ring, &l, held, &check);
		if (check.ready) {
			cond_resched();
			return signal_pending(current) ? -ERESTARTSYS : 0;
		}
		wr->waiter = check.waiter;
	}
	err = rb_sleep(h, wr->waiter, notices, check.deadline);
	return err == -ETIMEDOUT ? 0 : err;
}

/* A call that must not wait: whether a reader has been evicted or skipped for it. */
static bool write_relieved(struct rb_handle *h, const struct rb_write *wr)
{
	/* With IOCB_NOWAIT the caller polls next, and that asks. */
	return rb_iocb_wait(wr->iocb) && rb_policy_ask(h, rb_handle_ring(h), 1, NULL);
}

/* Write the message, once.  @held: see rb_policy_ask(). */
static int write_try(struct rb_handle *h, struct rb_write *wr, bool *held)
{
	struct rb_ring *ring = rb_handle_ring(h);
	int slept = 0, err;

	for (;;) {
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */

		err = write_prepare(wr);
		if (err)
			return err;
		err = write_message(h, wr);
		/* Never hold the caller's pages while it sleeps. */
		write_drop(wr);
		/* The wait is over: the next one gets a deadline of its own. */
		if (!err)
			WRITE_ONCE(h->threshold.deadline, 0);
		if (err == -ESTALE && rb_fenced_here(h))
			return err;
		if (err == -EFAULT || err == -ESTALE) {
			wr->faults += err == -EFAULT;
			wr->tries += err == -ESTALE;
			if (wr->tries == RB_RW_TRIES)
				return -EPROTO;
			if (wr->faults == RB_RW_TRIES)
				return -EFAULT;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			continue;
		}
		if (err != -EAGAIN)
			return err;
		if (rb_iocb_nonblock(wr->iocb)) {
			if (++wr->tries < RB_RW_TRIES && !signal_pending(current) &&
			    write_relieved(h, wr)) {
				cond_resched();
				continue;
			}
			rb_ask(ring, wr->waiter);
			return err;
		}
		if (slept)
			return slept;
		slept = write_wait(h, wr, notices, held);
	}
}

static int write_all(struct rb_handle *h, struct rb_write *wr)
{
	bool held = false;
	int err = write_try(h, wr, &held);

	rb_policy_leave(h, rb_handle_ring(h), &held);
	return err;
}

/* Write slot by slot, until the next one is not free and must not be waited for. */
static ssize_t write_stream(const struct kiocb *iocb, struct rb_handle *h, struct iov_iter *from)
{
	u64 most = rb_handle_ring(h)->layout.slot_bytes;
	size_t total = 0, count;
	int err = 0;

	while ((count = iov_iter_count(from)) && !err) {
		struct rb_write wr = {
			.iocb = iocb,
			.from = from,
			.length = min_t(u64, count, most),
		};

		err = write_all(h, &wr);
		if (!err)
			total += wr.length;
		if (fatal_signal_pending(current))
			err = -EINTR;
	}
	return total ? total : err;
}

static ssize_t write_one(const struct kiocb *iocb, struct rb_handle *h, struct iov_iter *from)
{
	struct rb_write wr = {
		.iocb = iocb,
		.from = from,
		.length = iov_iter_count(from),
	};
	int err;

	if (wr.length > rb_handle_ring(h)->layout.slot_bytes)
		return -EMSGSIZE;
	err = write_all(h, &wr);
	return err ? err : wr.length;
}

ssize_t rb_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	struct rb_ring *ring = rb_iocb_ring(iocb, RINGBUF_ROLE_WRITER);
	ssize_t written;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	written = rb_is_stream(h) ? write_stream(iocb, h, from) : write_one(iocb, h, from);
	rb_ring_note(ring);
	return written;
}
