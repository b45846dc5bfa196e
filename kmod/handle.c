// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: open files of /dev/ringbuf or of the file system, and the address spaces in
 * which they are readers or writers.
 *
 * Binding makes the handle a member of the ring, h->self.  That member belongs to the
 * file until an address space maps the identity region (map.c); then the member moves
 * into that identity, and ends with its last map.  A shared writer begins another member
 * in each further address space that uses it.
 */
#include <linux/sched.h>

#include "internal.h"

/* Bind @h to @ring as @role, once, and take over the caller's reference on the ring. */
void rb_handle_bind(struct rb_handle *h, struct rb_ring *ring, u32 role)
{
	lockdep_assert_held(&h->lock);
	h->role = role;
	i_size_write(h->inode, ring->layout.bytes);
	mutex_lock(&ring->lock);
	/* Writers first, for rb_notify_writers(). */
	if (role == RINGBUF_ROLE_WRITER)
		list_add(&h->node, &ring->handles);
	else
		list_add_tail(&h->node, &ring->handles);
	mutex_unlock(&ring->lock);
	smp_store_release(&h->ring, ring); /* matches rb_handle_ring() */
	/* Tasks that polled the unbound handle have armed nothing. */
	wake_up_all(&h->wq);
}

/* Return the identity of @h in @mm that has begun or may still begin, or NULL. */
struct rb_identity *rb_identity_of(struct rb_handle *h, struct mm_struct *mm)
{
	struct rb_identity *i;

	lockdep_assert_held(&h->lock);
	list_for_each_entry(i, &h->identities, node)
		if (i->mm == mm && (i->pins || !i->begun))
			return i;
	return NULL;
}

/* Whether @h has a live member in an address space other than @mm. */
bool rb_handle_elsewhere(struct rb_handle *h, struct mm_struct *mm)
{
	struct rb_identity *i;

	lockdep_assert_held(&h->lock);
	list_for_each_entry(i, &h->identities, node)
		if (i->mm != mm && i->member.live)
			return true;
	return false;
}

/* Return the member of the caller's address space, or the file's own, or NULL. */
struct rb_member *rb_member_here(struct rb_handle *h)
{
	struct rb_identity *i = rb_identity_of(h, current->mm);

	if (i && i->begun)
		return &i->member;
	return h->self.live ? &h->self : NULL;
}

/* The same as rb_fenced_here(), with handle->lock held. */
bool rb_fenced_locked(struct rb_handle *h)
{
	struct rb_identity *i = rb_identity_of(h, current->mm);

	return h->cut || (i && i->fenced);
}

/* Whether the caller's address space is a writer that was fenced; until it unmaps the ring. */
bool rb_fenced_here(struct rb_handle *h)
{
	bool fenced;

	/* Matches fence_cut(): the lock waits for a fence in progress. */
	if (likely(!READ_ONCE(h->fenced)))
		return false;
	mutex_lock(&h->lock);
	fenced = rb_fenced_locked(h);
	mutex_unlock(&h->lock);
	return fenced;
}

/*
 * Return the member for a read(2) or write(2) of the caller.  If a shared writer has none in
 * this address space, begin one; without @wait that may fail with -EAGAIN.
 */
struct rb_member *rb_member_io(struct rb_handle *h, bool wait)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_member *m = rb_member_here(h);
	int err;

	if (m && m->live)
		return m;
	if (rb_fenced_locked(h))
		return ERR_PTR(-ESTALE);
	if (h->detached)
		return ERR_PTR(-EBADFD);
	if (h->done)
		return ERR_PTR(-EPIPE);
	if (h->role == RINGBUF_ROLE_READER || rb_exclusive(&ring->view)) {
		if (rb_handle_elsewhere(h, current->mm))
			return ERR_PTR(-EBUSY);
	}
	if (h->role != RINGBUF_ROLE_WRITER)
		return ERR_PTR(-EBADFD);
	err = rb_member_begin_writer(h, &h->self, ring, wait);
	return err ? ERR_PTR(err) : &h->self;
}
