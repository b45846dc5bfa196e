// SPDX-License-Identifier: GPL-2.0
/*
 * read(2) and write(2), by messages or as a stream; see struct ringbuf_framing.
 *
 * read() copies without a lock, as a fault may take any time, and moves on only
 * if all still stands as it did when it looked: so what it returns is whole and
 * is returned once.  write() claims a slot, so it copies with page faults
 * disabled under the handle's lock, and takes the slot back where that fell
 * short; if that happens again and again, it holds the pages before it copies.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"

/*
 * Looks that may find nothing to take: words that make no sense, a message that
 * another thread was faster to take, an empty message of a stream.
 */
#define RW_TRIES 1000

/*
 * After so many faults in the copy of a message, the write holds the pages of the
 * caller's memory, so that the next copy cannot fault.
 */
#define RW_FAULTS 3

/* Pages of the caller's memory that one step of write_hold() asks for. */
#define HOLD_STEP 16

static bool rw_nonblock(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT || iocb->ki_filp->f_flags & O_NONBLOCK;
}

static bool rw_stream(const struct rb_handle *h)
{
	return READ_ONCE(h->framing) == RINGBUF_FRAMING_STREAM;
}

/* Not even for a lock.  O_NONBLOCK means others' progress only. */
static bool rw_wait(const struct kiocb *iocb)
{
	return !(iocb->ki_flags & IOCB_NOWAIT);
}

/* False: it would have to wait, and must not. */
static bool rw_lock(const struct kiocb *iocb, struct mutex *lock)
{
	if (!rw_wait(iocb))
		return mutex_trylock(lock);
	mutex_lock(lock);
	return true;
}

/* The ring of a handle that is @role, or becomes it now. */
static struct rb_ring *rw_ring(struct kiocb *iocb, u32 role)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	int err = rb_bind_stream(iocb->ki_filp, h, role, rw_wait(iocb));

	if (err)
		return ERR_PTR(err);
	return h->role == role ? rb_handle_ring(h) : ERR_PTR(-EBADFD);
}

/*
 * Between the slot at @index, from byte @skip on, and @iter, as far as that
 * goes.  Always a copy: copy_page_to_iter() would give the page itself to a pipe.
 */
static size_t slot_copy(const struct rb_ring *ring, u64 index, size_t skip, size_t length,
			struct iov_iter *iter, bool to_slot)
{
	u64 at = ring->layout.region[RINGBUF_REGION_DATA].offset +
		 index * ring->layout.slot_stride + skip;
	size_t done = 0;

	while (done < length) {
		char *page = kmap_local_page(ring->pages[at >> PAGE_SHIFT]);
		size_t offset = offset_in_page(at);
		size_t want = min_t(size_t, length - done, PAGE_SIZE - offset), got;

		if (to_slot)
			got = copy_from_iter(page + offset, want, iter);
		else
			got = copy_to_iter(page + offset, want, iter);
		kunmap_local(page);
		done += got;
		at += got;
		if (got < want)
			break;
		cond_resched();
	}
	return done;
}

/* ---- read ---------------------------------------------------------------- */

/**
 * struct rb_piece - what a reader is to copy; @pos alone where there is nothing yet
 * @pos: its slot
 * @index: of @pos
 * @skip: bytes of the slot that have been read
 * @length: bytes to copy
 * @whole: they are the last of the slot
 */
struct rb_piece {
	u64 pos;
	u64 index;
	size_t skip;
	size_t length;
	bool whole;
};

/* As much of the slot at the cursor as there is @room for. */
static int piece_fit(const struct rb_handle *h, const struct rb_ring *ring, size_t room,
		     struct rb_piece *p)
{
	size_t length = READ_ONCE(ring->view.desc[p->index].length);

	if (length > ring->layout.slot_bytes)
		return -EPROTO;
	p->skip = min_t(size_t, length, rb_handle_skip(h, p->pos));
	p->length = length - p->skip;
	p->whole = p->length <= room;
	if (p->whole)
		return 1;
	p->length = room;
	return rw_stream(h) ? 1 : -EMSGSIZE;
}

/* 1: @p; 0: end of stream; -EAGAIN: nothing yet; or another error. */
static int read_check(const struct rb_handle *h, u32 row, size_t room, struct rb_piece *p,
		      bool *wake)
{
	const struct rb_ring *ring = rb_handle_ring(h);
	bool end = rb_ended(&ring->view); /* (J): before the last look */
	struct rb_reader r;
	int n;

	rb_reader_init(&ring->view, &r, row);
	n = rb_peek(&ring->view, &r, 1, wake);
	p->pos = r.pos;
	if (n < 0)
		return n;
	if (!n)
		return end ? 0 : -EAGAIN;
	p->index = r.index;
	n = piece_fit(h, ring, room, p);
	/* The length of a slot that we have just lost is not ours. */
	return rb_reader_holds(&r) ? n : -ESTALE;
}

static int read_peek(const struct kiocb *iocb, struct rb_handle *h, size_t room, struct rb_piece *p)
{
	bool wake = false;
	struct rb_member *m;
	int got;

	if (!rw_lock(iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rw_wait(iocb));
	got = IS_ERR(m) ? PTR_ERR(m) : read_check(h, m->id, room, p, &wake);
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(rb_handle_ring(h));
	return got;
}

/* What was copied is whole and ours: move on.  False: look again. */
static bool read_move(struct rb_handle *h, u32 row, const struct rb_piece *p, bool *wake)
{
	const struct rb_view *v = &rb_handle_ring(h)->view;
	struct rb_reader r;

	rb_reader_init(v, &r, row);
	/* Another thread may have taken it; a writer may break the rules. */
	smp_rmb(); /* the copy before the state */
	if (r.pos != p->pos || rb_handle_skip(h, p->pos) != p->skip)
		return false;
	if (rb_peek_run(v, &r, 1) != 1 || !rb_reader_holds(&r))
		return false;
	if (p->whole)
		return rb_release(v, &r, 1, wake);
	WRITE_ONCE(h->skip, p->skip + p->length);
	smp_store_release(&h->skip_pos, p->pos); /* matches reader_stop() */
	return true;
}

/* 0: it has moved on; -ESTALE: what was copied is not ours, look again. */
static int read_release(const struct kiocb *iocb, struct rb_handle *h, const struct rb_piece *p)
{
	bool wake = false;
	struct rb_member *m;
	int err;

	if (!rw_lock(iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rw_wait(iocb));
	if (IS_ERR(m))
		err = PTR_ERR(m);
	else
		err = read_move(h, m->id, p, &wake) ? 0 : -ESTALE;
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(rb_handle_ring(h));
	return err;
}

/*
 * The message at the cursor, or what fits of it; 0: the end, or an empty
 * message; -ESTALE: look again.
 */
static ssize_t read_piece(const struct kiocb *iocb, struct rb_handle *h, struct iov_iter *to,
			  u64 *pos)
{
	struct rb_piece p = { 0 };
	size_t copied;
	int err;

	err = read_peek(iocb, h, iov_iter_count(to), &p);
	*pos = p.pos;
	if (err <= 0)
		return err;
	copied = slot_copy(rb_handle_ring(h), p.index, p.skip, p.length, to, false);
	err = copied < p.length ? -EFAULT : read_release(iocb, h, &p);
	if (err) {
		iov_iter_revert(to, copied);
		return err;
	}
	/* In a stream only the end is 0. */
	return p.length || !rw_stream(h) ? p.length : -ESTALE;
}

/*
 * What there is without waiting; @pos: what to wait for.  -EAGAIN too after
 * RW_TRIES looks that were worth nothing: writers may go on with empty messages
 * for ever, and a caller that may wait looks for signals then.
 */
static ssize_t read_now(const struct kiocb *iocb, struct rb_handle *h, struct iov_iter *to,
			u64 *pos)
{
	unsigned int tries = 0;
	size_t total = 0;
	ssize_t got;

	do {
		got = read_piece(iocb, h, to, pos);
		if (got > 0)
			total += got;
		if (got != -ESTALE)
			continue;
		if (signal_pending(current))
			return total ? total : -ERESTARTSYS;
		if (++tries == RW_TRIES) {
			/* There may be more, which an edge-triggered poller was told of before. */
			wake_up_all(&h->wq);
			return total ? total : -EAGAIN;
		}
		cond_resched();
	} while (got == -ESTALE || (got > 0 && rw_stream(h) && iov_iter_count(to)));
	return total ? total : got;
}

/*
 * Whether there is enough to begin; the end of the stream is.  Else what to wait
 * for.  Without a threshold the read itself finds out.
 */
static bool read_enough(const struct kiocb *iocb, struct rb_handle *h, struct rb_check *check)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_threshold_values l;
	bool end;

	check->deadline = RINGBUF_NO_TIMEOUT;
	rb_threshold_read(h, &l);
	if (!l.set || !READ_ONCE(h->members))
		return true;
	end = rb_ended(&ring->view);
	rb_check_reader(h, ring, &l, false, check);
	if (check->ready || end)
		return true;
	/* Another task may poll for it. */
	if (rw_nonblock(iocb))
		rb_check_timer(h, &l, check);
	return false;
}

ssize_t rb_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	struct rb_ring *ring = rw_ring(iocb, RINGBUF_ROLE_READER);
	ssize_t left;
	int err = 0;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (rw_stream(h) && !iov_iter_count(to))
		return 0;
	left = READ_ONCE(h->members) ? rb_leftover_read(h, to) : 0;
	if (left)
		return left;
	for (;;) {
		unsigned long notices = smp_load_acquire(&ring->notices); /* rb_notify() */
		ssize_t got = -EAGAIN;
		struct rb_check check;
		u64 pos = 0;

		if (read_enough(iocb, h, &check)) {
			got = read_now(iocb, h, to, &pos);
			check.waiter = rb_waiter_word(pos, RB_WAIT_POSITION);
		}
		if (got != -EAGAIN || rw_nonblock(iocb))
			return got;
		if (err)
			return err;
		err = rb_sleep(h, check.waiter, notices, check.deadline);
		/* Now one slot is enough. */
		if (err == -ETIMEDOUT)
			err = 0;
	}
}

/* ---- write --------------------------------------------------------------- */

/**
 * struct rb_write - a message on its way
 * @iocb: the call
 * @from: the caller's memory
 * @length: of the message
 * @faults: times the copy fell short
 * @tries: times the engine found no way, or the slot was taken from us
 * @waiter: what to wait for, 0: nothing
 * @held: the pages of the caller's memory, referenced for one attempt; or NULL
 * @nr_held: entries of @held that have a reference
 * @copy: over @held
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

/* Copy the message into the slot of @w.  False: a page was not there, nothing is taken. */
static bool write_copy(struct rb_ring *ring, const struct rb_writer *w, struct rb_write *wr)
{
	struct iov_iter *from = wr->held ? &wr->copy : wr->from;
	size_t copied;

	pagefault_disable();
	copied = slot_copy(ring, w->index, 0, wr->length, from, true);
	pagefault_enable();
	if (copied == wr->length) {
		if (wr->held)
			iov_iter_advance(wr->from, wr->length);
		return true;
	}
	WARN_ON_ONCE(wr->held);
	iov_iter_revert(from, copied);
	return false;
}

/* The slot is ours: fill it and commit it, or take it back. */
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
	/* The slot was repaired under us: the message is to be copied once more. */
	iov_iter_revert(wr->from, wr->length);
	return -ESTALE;
}

/*
 * The default ring keeps its slots for the next reader: a reader that is there
 * when one is reserved has left those that it did not read.
 */
static int write_reserve_standard(struct rb_ring *ring, struct rb_writer *w,
				  const struct rb_write *wr)
{
	int got = -EAGAIN;

	if (!rw_lock(wr->iocb, &ring->lock))
		return got;
	if (rb_has_readers(ring))
		got = rb_reserve(&ring->view, w, 1);
	mutex_unlock(&ring->lock);
	return got;
}

static int write_reserve(struct rb_ring *ring, struct rb_writer *w, const struct rb_write *wr)
{
	if (ring->is_default)
		return write_reserve_standard(ring, w, wr);
	/* The caller may have written through its map since. */
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

/* 0: written; -EAGAIN: wait; -EFAULT: the copy fell short; -ESTALE: look again. */
static int write_message(struct rb_handle *h, struct rb_write *wr)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool wake = false;
	struct rb_member *m;
	int err;

	if (!rw_lock(wr->iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rw_wait(wr->iocb));
	err = IS_ERR(m) ? PTR_ERR(m) : write_slot(ring, &m->writer, wr, &wake);
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(ring);
	return err;
}

/* Drop what write_hold() holds. */
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
 * Bring the caller's memory in; 0: the copy is worth trying.  Pages of a device cannot
 * be held, so such memory is only faulted in again.
 */
static int write_prepare(struct rb_write *wr)
{
	int err;

	if (wr->faults >= RW_FAULTS) {
		err = write_hold(wr);
		if (err != -EFAULT)
			return err;
	}
	return fault_in_iov_iter_readable(wr->from, wr->length) ? -EFAULT : 0;
}

/* It found no slot: sleep until there is one, or as many as the threshold says. */
static int write_wait(struct rb_handle *h, struct rb_write *wr, unsigned long notices)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_check check = { .deadline = RINGBUF_NO_TIMEOUT };
	struct rb_threshold_values l;
	int err;

	rb_threshold_read(h, &l);
	if (l.set && wr->waiter != RB_WAITER_NEVER) {
		rb_check_writer(h, ring, &l, &check);
		if (check.ready) {
			cond_resched();
			return signal_pending(current) ? -ERESTARTSYS : 0;
		}
		wr->waiter = check.waiter;
	}
	err = rb_sleep(h, wr->waiter, notices, check.deadline);
	return err == -ETIMEDOUT ? 0 : err;
}

static int write_all(struct rb_handle *h, struct rb_write *wr)
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
		/* What it waited for has come: the next wait begins anew. */
		if (!err)
			WRITE_ONCE(h->threshold.deadline, 0);
		if (err == -EFAULT || err == -ESTALE) {
			wr->faults += err == -EFAULT;
			wr->tries += err == -ESTALE;
			if (wr->tries == RW_TRIES)
				return -EPROTO;
			if (wr->faults == RW_TRIES)
				return -EFAULT;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			continue;
		}
		if (err != -EAGAIN || rw_nonblock(wr->iocb))
			return err;
		if (slept)
			return slept;
		slept = write_wait(h, wr, notices);
	}
}

/* Slot by slot, until one would have to be waited for and may not. */
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
	struct rb_ring *ring = rw_ring(iocb, RINGBUF_ROLE_WRITER);
	ssize_t written;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	written = rw_stream(h) ? write_stream(iocb, h, from) : write_one(iocb, h, from);
	rb_ring_note(ring);
	return written;
}
