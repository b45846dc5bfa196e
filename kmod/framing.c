// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_FRAMING, RINGBUF_IOC_ROOM and FIONREAD. */
#include <linux/uaccess.h>

#include "internal.h"

static bool framing_role(const struct rb_handle *h)
{
	return h->role == RINGBUF_ROLE_READER || h->role == RINGBUF_ROLE_WRITER;
}

long rb_ioctl_framing(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_framing f;
	int err;

	err = rb_arg_get(&f, sizeof(f), RINGBUF_FRAMING_SIZE_VER0, arg);
	if (err)
		return err;
	if (f.flags || f.__reserved || f.framing > RINGBUF_FRAMING_STREAM)
		return -EINVAL;
	if (!rb_handle_ring(h) || !framing_role(h))
		return -EBADFD;
	WRITE_ONCE(h->framing, f.framing);
	return 0;
}

/* Count the bytes of the next @slots messages, less what has been read of the first. */
static u64 bytes_ready(const struct rb_handle *h, const struct rb_ring *ring, u64 slots)
{
	u64 pos = rb_row_cursor(&ring->view, h->last_id);
	u64 bytes = rb_sum_committed(ring, pos, slots, ~0ULL).bytes;
	u32 skip = rb_handle_skip(h, pos);

	return bytes > skip ? bytes - skip : 0;
}

/* Count the slots from head on that readers and writers are done with. */
static u64 slots_ready(const struct rb_ring *ring)
{
	const struct rb_view *v = &ring->view;
	u64 head = rb_head(v), end = head + v->slots, from, first;
	u32 row;
	u64 min = rb_gate_min(v, &row);

	if (rb_lacks_readers(ring) || rb_gate_closed(v))
		return 0;
	if (row != RB_NO_ROW)
		end = min_t(u64, end, rb_gate_end(min, v->slots));
	if (end <= head)
		return 0;
	if (!rb_exclusive(v) && end > v->slots) {
		from = head > v->slots ? head - v->slots : 0;
		first = rb_first_unfinished(v, from, end - v->slots);
		end = max(head, first + v->slots);
	}
	return end - head;
}

long rb_ioctl_room(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_room r;
	int err;

	err = rb_arg_get(&r, sizeof(r), RINGBUF_ROOM_SIZE_VER0, arg);
	if (err)
		return err;
	if (r.flags)
		return -EINVAL;
	if (rb_fenced_here(h))
		return -ESTALE;
	if (!ring || h->role != RINGBUF_ROLE_WRITER || !rb_handle_members(h))
		return -EBADFD;
	r.slots = slots_ready(ring);
	return rb_arg_put(arg, &r, sizeof(r));
}

/*
 * Move reader @h to a slot that it still has, if it was skipped or overtaken, so that it is
 * told of the bytes that it would read.  The cursor of a reader that gates is left alone, as
 * its process may hold slots.
 */
static void reader_settle(const struct rb_handle *h, struct rb_ring *ring)
{
	struct rb_reader r;
	bool wake;

	if (rb_row_skipped(&ring->view, h->last_id))
		rb_member_continue(ring, h->last_id, true);
	rb_reader_init(&ring->view, &r, h->last_id);
	if (r.lossy)
		rb_peek(&ring->view, &r, 1, &wake); /* nobody waits for its cursor */
}

long rb_ioctl_fionread(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	u64 answer = 0;
	int err = 0;

	if (!ring || h->role != RINGBUF_ROLE_READER)
		return -ENOTTY;
	mutex_lock(&h->lock);
	if (!h->members)
		err = -EBADFD;
	else if (rb_member_evicted(h, ring))
		err = -EIDRM;
	else
		reader_settle(h, ring);
	if (!err && h->framing == RINGBUF_FRAMING_STREAM)
		answer = rb_leftover_bytes(h) + bytes_ready(h, ring, ~0ULL);
	else if (!err)
		answer = rb_leftover_bytes(h) ?: bytes_ready(h, ring, 1);
	mutex_unlock(&h->lock);
	return err ? err : put_user(min_t(u64, answer, INT_MAX), (int __user *)arg);
}
