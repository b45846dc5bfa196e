// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_DONE, _DETACH, _EVICT and _SYNC: end a member or move a reader. */
#include <linux/nospec.h>

#include "internal.h"

/*
 * End the member of the caller's address space; *ended says whether there was one.  Returns
 * -EBUSY if the handle is a member in another address space, which is not ended.
 */
static int end_here(struct rb_handle *h, bool *ended)
{
	struct rb_member *m = rb_member_here(h);

	*ended = false;
	if (m && m->live) {
		rb_member_end(h, m, RINGBUF_HOLE_LEFT);
		if (m == &h->self)
			rb_member_leave(h, m);
		*ended = true;
		return 0;
	}
	if (!m && rb_handle_elsewhere(h, current->mm))
		return -EBUSY;
	return 0;
}

static int done(struct rb_handle *h)
{
	bool ended;
	int err;

	mutex_lock(&h->lock);
	if (rb_fenced_locked(h))
		err = -ESTALE;
	else
		err = h->detached ? -EBADFD : end_here(h, &ended);
	if (!err)
		WRITE_ONCE(h->done, true);
	mutex_unlock(&h->lock);
	return err ? err : ended ? 0 : -EPIPE;
}

long rb_ioctl_done(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_done d;
	int err;

	err = rb_arg_get(&d, sizeof(d), RINGBUF_DONE_SIZE_VER0, arg);
	if (err)
		return err;
	if (d.flags)
		return -EINVAL;
	if (!rb_handle_ring(h) || h->role != RINGBUF_ROLE_WRITER)
		return -EBADFD;
	return done(h);
}

static int detach(struct rb_handle *h)
{
	bool ended;
	int err;

	mutex_lock(&h->lock);
	err = h->detached ? -EBADFD : end_here(h, &ended);
	if (!err)
		WRITE_ONCE(h->detached, true);
	mutex_unlock(&h->lock);
	return err;
}

long rb_ioctl_detach(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_detach d;
	int err;

	err = rb_arg_get(&d, sizeof(d), RINGBUF_DETACH_SIZE_VER0, arg);
	if (err)
		return err;
	if (d.flags)
		return -EINVAL;
	if (!rb_handle_ring(h) ||
	    (h->role != RINGBUF_ROLE_WRITER && h->role != RINGBUF_ROLE_READER))
		return -EBADFD;
	return detach(h);
}

long rb_ioctl_evict(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_evict e;
	int err;

	err = rb_arg_get(&e, sizeof(e), RINGBUF_EVICT_SIZE_VER0, arg);
	if (err)
		return err;
	if (e.flags || e.__reserved)
		return -EINVAL;
	if (!ring || (h->role != RINGBUF_ROLE_OWNER && h->role != RINGBUF_ROLE_WRITER))
		return -EBADFD;
	return rb_member_evict(ring, e.reader);
}

static int sync_check(struct rb_handle *h, struct rb_ring *ring, const struct ringbuf_sync *s)
{
	if (s->flags & ~(RINGBUF_SYNC_ALL | RINGBUF_SYNC_HEAD) || s->__reserved)
		return -EINVAL;
	if ((s->flags & RINGBUF_SYNC_ALL && s->reader) ||
	    (s->flags & RINGBUF_SYNC_HEAD && s->position))
		return -EINVAL;
	if (!ring || h->role == RINGBUF_ROLE_OBSERVER)
		return -EBADFD;
	if (h->role != RINGBUF_ROLE_READER)
		return 0;
	if (!rb_handle_members(h))
		return -EBADFD;
	if (rb_member_evicted(h, ring))
		return -EIDRM;
	return !(s->flags & RINGBUF_SYNC_ALL) && s->reader == h->last_id ? 0 : -EACCES;
}

/* Whether a reader is attached in @row, which comes from user space. */
static bool row_attached(const struct rb_view *v, u32 row)
{
	if (row >= v->max_readers)
		return false;
	row = array_index_nospec(row, v->max_readers);
	return rb_row(v, row)->flags & RINGBUF_ROW_ATTACHED;
}

static int sync_readers(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_sync *s)
{
	const struct rb_view *v = &ring->view;
	bool all = s->flags & RINGBUF_SYNC_ALL;
	u64 head;
	u32 row;

	lockdep_assert_held(&ring->lock);
	/* If this reader has ended meanwhile, another reader may have its row. */
	if (h->role == RINGBUF_ROLE_READER && ring->rows[h->last_id].handle != h)
		return -EBADFD;
	if (!all && !row_attached(v, s->reader))
		return -ENOENT;
	head = rb_head(v);
	if (s->flags & RINGBUF_SYNC_HEAD || s->position > head)
		s->position = head;
	for (row = 0; row < rb_rows(v); row++)
		if (row_attached(v, row) && (all || s->reader == row))
			rb_sync_reader(v, row, &ring->rows[row].hold, s->position);
	if (h->role == RINGBUF_ROLE_READER && rb_row_skipped(v, h->last_id))
		rb_continue_reader(v, h->last_id, &ring->rows[h->last_id].hold);
	/* A reader that moves itself wakes itself only. */
	if (h->role == RINGBUF_ROLE_READER)
		rb_notify_handle(ring, h);
	else
		rb_notify(ring);
	return 0;
}

long rb_ioctl_sync(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_sync s;
	int err;

	err = rb_arg_get(&s, sizeof(s), RINGBUF_SYNC_SIZE_VER0, arg);
	if (!err)
		err = sync_check(h, ring, &s);
	if (err)
		return err;
	mutex_lock(&ring->lock);
	err = sync_readers(h, ring, &s);
	mutex_unlock(&ring->lock);
	return err ? err : rb_arg_put(arg, &s, sizeof(s));
}
