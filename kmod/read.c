// SPDX-License-Identifier: GPL-2.0
/*
 * read(2), by messages or as a stream; see struct ringbuf_framing.
 *
 * A read copies without a lock, as a fault may take any time, and moves the cursor only if
 * all is still as it was before the copy: so what it returns is whole and is returned once.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "internal.h"

/**
 * struct rb_piece - the bytes of a slot that a read copies
 * @pos: position of the slot; the only field that is set where the slot is not there yet
 * @index: index of @pos
 * @skip: bytes of the slot that were read before
 * @length: bytes to copy
 * @whole: the bytes to copy are the last of the slot
 */
struct rb_piece {
	u64 pos;
	u64 index;
	size_t skip;
	size_t length;
	bool whole;
};

/*
 * Choose as many bytes of the slot of @p as fit into @room.  Return 1, -EPROTO where the
 * length of the slot makes no sense, or -EMSGSIZE.
 */
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
	return rb_is_stream(h) ? 1 : -EMSGSIZE;
}

/* Set up the engine's reader of @row, with what a lossy one keeps from call to call. */
static void read_begin(const struct rb_handle *h, u32 row, struct rb_reader *r)
{
	rb_reader_init(&rb_handle_ring(h)->view, r, row);
	r->margin = h->margin;
	r->fresh = h->fresh;
}

static void read_end(struct rb_handle *h, const struct rb_reader *r)
{
	h->margin = r->margin;
	h->fresh = r->fresh;
}

/*
 * Look for the next slot of reader @row.  Return 1 and fill @p, 0 at the end of the stream,
 * -EAGAIN where the slot is not there yet, or another error.
 */
static int read_check(struct rb_handle *h, u32 row, size_t room, struct rb_piece *p, bool *wake)
{
	const struct rb_ring *ring = rb_handle_ring(h);
	bool end = rb_ended(&ring->view); /* (J): before the last look */
	struct rb_reader r;
	int n;

	read_begin(h, row, &r);
	n = rb_peek(&ring->view, &r, 1, wake);
	read_end(h, &r);
	p->pos = r.pos;
	if (n < 0)
		return n;
	if (!n)
		return end ? 0 : -EAGAIN;
	p->index = r.index;
	n = piece_fit(h, ring, room, p);
	/* The reader may have lost the slot before its length was read. */
	return rb_reader_holds(&ring->view, &r, 1) ? n : -ESTALE;
}

static int read_peek(const struct kiocb *iocb, struct rb_handle *h, size_t room, struct rb_piece *p)
{
	bool wake = false;
	struct rb_member *m;
	int got;

	if (!rb_iocb_lock(iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rb_iocb_wait(iocb));
	got = IS_ERR(m) ? PTR_ERR(m) : read_check(h, m->id, room, p, &wake);
	if (got == -ESTALE && !IS_ERR(m) && rb_row_skipped(&rb_handle_ring(h)->view, m->id) &&
	    !rb_member_continue(rb_handle_ring(h), m->id, rb_iocb_wait(iocb)))
		got = -EAGAIN;
	mutex_unlock(&h->lock);
	if (wake)
		rb_ring_wake(rb_handle_ring(h));
	return got;
}

/*
 * Move the cursor of reader @row past @p.  Return false if the bytes that were copied are
 * not whole, or were read already; then the caller looks again.
 */
static bool read_move(struct rb_handle *h, u32 row, const struct rb_piece *p, bool *wake)
{
	const struct rb_view *v = &rb_handle_ring(h)->view;
	struct rb_reader r;

	read_begin(h, row, &r);
	/* Another thread may have read the slot, or a writer broken the rules and reused it. */
	smp_rmb(); /* load the state after the copy */
	if (r.pos != p->pos || rb_handle_skip(h, p->pos) != p->skip)
		return false;
	if (rb_peek_run(v, &r, 1) != 1 || !rb_reader_holds(v, &r, 1))
		return false;
	if (p->whole) {
		bool whole = rb_release(v, &r, 1, wake);

		read_end(h, &r);
		return whole;
	}
	WRITE_ONCE(h->skip, p->skip + p->length);
	smp_store_release(&h->skip_pos, p->pos); /* matches reader_stop() */
	return true;
}

/* Move on past @p.  Return 0, or -ESTALE: what was copied is not valid, look again. */
static int read_release(const struct kiocb *iocb, struct rb_handle *h, const struct rb_piece *p)
{
	bool wake = false;
	struct rb_member *m;
	int err;

	if (!rb_iocb_lock(iocb, &h->lock))
		return -EAGAIN;
	m = rb_member_io(h, rb_iocb_wait(iocb));
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
 * Read the message at the cursor, or what fits of it, and store its position in *pos.
 * Return the bytes read, 0 at the end or for an empty message, or -ESTALE: look again.
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
	copied = rb_slot_copy(rb_handle_ring(h), p.index, p.skip, p.length, to, false);
	err = copied < p.length ? -EFAULT : read_release(iocb, h, &p);
	if (err) {
		iov_iter_revert(to, copied);
		return err;
	}
	/* In a stream 0 means the end, so skip an empty message. */
	return p.length || !rb_is_stream(h) ? p.length : -ESTALE;
}

/*
 * Read what is ready without waiting, and store in *pos the position to wait for.  Return
 * -EAGAIN also after RB_RW_TRIES attempts that read nothing: writers may write empty
 * messages for ever, and a caller that may wait checks for signals then.
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
		if (++tries == RB_RW_TRIES) {
			/* An edge-triggered poller may have been woken for the rest already. */
			wake_up_all(&h->wq);
			return total ? total : -EAGAIN;
		}
		cond_resched();
	} while (got == -ESTALE || (got > 0 && rb_is_stream(h) && iov_iter_count(to)));
	return total ? total : got;
}

/*
 * Tell whether a read may begin: the threshold is met, or the stream has ended.  If not,
 * store in @check what to wait for.  Without a threshold the read itself finds out.
 */
static bool read_enough(const struct kiocb *iocb, struct rb_handle *h, struct rb_check *check)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_threshold_values l;
	bool end;

	check->deadline = RINGBUF_NO_TIMEOUT;
	rb_threshold_read(h, &l);
	if (!l.set || !rb_handle_members(h))
		return true;
	end = rb_ended(&ring->view);
	rb_check_reader(h, ring, &l, false, check);
	if (check->ready || end)
		return true;
	/* Another task may poll the handle, and wait for the deadline. */
	if (rb_iocb_nonblock(iocb))
		rb_check_timer(h, &l, check);
	return false;
}

ssize_t rb_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	struct rb_ring *ring = rb_iocb_ring(iocb, RINGBUF_ROLE_READER);
	ssize_t left;
	int err = 0;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (rb_is_stream(h) && !iov_iter_count(to))
		return 0;
	left = rb_handle_members(h) ? rb_leftover_read(h, to) : 0;
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
		if (got != -EAGAIN)
			return got;
		if (rb_iocb_nonblock(iocb)) {
			rb_ask(ring, check.waiter);
			return got;
		}
		if (err)
			return err;
		err = rb_sleep(h, check.waiter, notices, check.deadline);
		/* The deadline has passed: now one slot is enough. */
		if (err == -ETIMEDOUT)
			err = 0;
	}
}
