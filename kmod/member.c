// SPDX-License-Identifier: GPL-2.0
/*
 * A member of a ring: a reader's row or a writer's id, from where it
 * begins to where it ends.
 *
 * A member ends (rb_member_end) when it is done, detached, or its address space
 * has gone; what it had open is repaired then.  Its row or id stays taken until
 * nothing maps it any more (rb_member_leave): who has left may still write to
 * its cursor page, and must not write to another reader's.
 */
#include <linux/mm.h>
#include <linux/nospec.h>

#include "internal.h"

/* A row that nobody has, and so nobody can write to: its page cannot be pinned. */
static int row_take(struct rb_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	for (; ring->free_row < ring->layout.max_readers; ring->free_row++)
		if (!ring->rows[ring->free_row].handle)
			return ring->free_row++;
	return -ENOSPC;
}

/* False: it would have to wait, and must not. */
static bool ring_lock(struct rb_ring *ring, bool wait)
{
	if (!wait)
		return mutex_trylock(&ring->lock);
	mutex_lock(&ring->lock);
	return true;
}

/*
 * Find an id that nobody has.  One that no unread hole names comes first; where there is
 * none, take the name out of the holes of another, so that a slow reader does not keep
 * writers out for ever.
 */
static int id_take(struct rb_ring *ring)
{
	struct rb_seat *seat;
	u32 i, row, named = 0;
	u64 min;

	lockdep_assert_held(&ring->lock);
	if (rb_exclusive(&ring->view))
		return ring->view.info->writers || ring->ids[0].deferred ? -EBUSY : 1;
	min = rb_gate_min(&ring->view, &row);
	for (i = 0; i < ring->layout.max_writers; i++) {
		seat = &ring->ids[i];
		if (seat->handle || seat->deferred)
			continue;
		if (seat->retired <= min)
			return i + 1;
		if (rb_can_forget_writer(&ring->view, i + 1))
			named = i + 1;
	}
	if (!named)
		return -ENOSPC;
	rb_forget_writer(&ring->view, named);
	ring->ids[named - 1].retired = 0;
	return named;
}

static void member_begin(struct rb_handle *h, struct rb_member *m, u32 id)
{
	m->id = id;
	m->live = true;
	m->seated = true;
	h->last_id = id;
	WRITE_ONCE(h->members, h->members + 1);
}

/* What is true under ring->lock stays so. */
bool rb_has_readers(const struct rb_ring *ring)
{
	u32 row;

	rb_gate_min(&ring->view, &row);
	return row != RB_NO_ROW;
}

/* Its slots are kept for a reader that is not there yet: its writers wait. */
bool rb_lacks_readers(const struct rb_ring *ring)
{
	return ring->is_default && !rb_has_readers(ring);
}

/* Where the last reader stopped, if no other is there that knows better. */
static u64 reader_resume(struct rb_handle *h, struct rb_ring *ring)
{
	if (rb_has_readers(ring))
		return 0;
	h->skip_pos = ring->resume;
	h->skip = ring->resume_skip;
	list_splice_init(&ring->leftover, &h->leftover);
	return ring->resume;
}

/* @more: 1, or -1. */
static void readers_count(struct rb_ring *ring, int more)
{
	lockdep_assert_held(&ring->lock);
	WARN_ON_ONCE(more < 0 && !ring->readers);
	WRITE_ONCE(ring->readers, ring->readers + more);
}

static int reader_begin(struct rb_handle *h, struct rb_ring *ring, u64 want, bool resume, bool wait,
			u64 *start)
{
	int row;

	lockdep_assert_held(&h->lock);
	if (!ring_lock(ring, wait))
		return -EAGAIN;
	row = row_take(ring);
	if (row >= 0) {
		if (resume)
			want = reader_resume(h, ring);
		ring->rows[row].handle = h;
		member_begin(h, &h->self, row);
		*start = rb_attach_reader(&ring->view, row, want);
		readers_count(ring, 1);
		rb_notify_writers(ring);
	}
	mutex_unlock(&ring->lock);
	return min(row, 0);
}

/* Become a reader from @want on; *start is where it begins. */
int rb_member_begin_reader(struct rb_handle *h, struct rb_ring *ring, u64 want, u64 *start)
{
	return reader_begin(h, ring, want, false, true, start);
}

/*
 * Become a reader where the last one stopped, or beside others from the oldest
 * slot on.  Where it may not @wait: -EAGAIN.
 */
int rb_member_resume_reader(struct rb_handle *h, struct rb_ring *ring, bool wait)
{
	u64 start;

	return reader_begin(h, ring, 0, true, wait, &start);
}

/* Become a writer as @m.  Where it may not @wait: -EAGAIN. */
int rb_member_begin_writer(struct rb_handle *h, struct rb_member *m, struct rb_ring *ring,
			   bool wait)
{
	int id;

	lockdep_assert_held(&h->lock);
	if (!ring_lock(ring, wait))
		return -EAGAIN;
	id = id_take(ring);
	if (id > 0) {
		ring->ids[id - 1].handle = h;
		ring->ids[id - 1].live = true;
		member_begin(h, m, id);
		rb_attach_writer(&ring->view, id);
		rb_writer_init(&ring->view, &m->writer, id);
		rb_notify(ring);
	}
	mutex_unlock(&ring->lock);
	return min(id, 0);
}

static void reader_stop(struct rb_handle *h, struct rb_ring *ring, u32 row)
{
	rb_leftover_leave(h, ring);
	ring->resume = rb_row_cursor(&ring->view, row);
	/* Who evicts has not locked the handle: its reader may be at it just now (read_move()). */
	if (smp_load_acquire(&h->skip_pos) == ring->resume)
		ring->resume_skip = READ_ONCE(h->skip);
	else
		ring->resume_skip = 0;
}

static void reader_end(struct rb_handle *h, struct rb_ring *ring, u32 row)
{
	if (!rb_row_evicted(&ring->view, row)) {
		reader_stop(h, ring, row);
		readers_count(ring, -1);
	}
	rb_detach_reader(&ring->view, row);
}

static int reader_evict(struct rb_ring *ring, u32 row)
{
	const struct rb_view *v = &ring->view;

	if (row >= v->max_readers)
		return -ENOENT;
	row = array_index_nospec(row, v->max_readers);
	if (!(rb_row(v, row)->flags & RINGBUF_ROW_ATTACHED))
		return rb_row_evicted(v, row) ? 0 : -ENOENT;
	reader_stop(ring->rows[row].handle, ring, row);
	rb_evict_reader(v, row);
	readers_count(ring, -1);
	return 0;
}

static void writer_leave(struct rb_ring *ring, struct rb_member *m, bool died)
{
	struct rb_seat *seat = &ring->ids[m->id - 1];

	rb_writer_stop(ring, m->id, died);
	/* One exclusive writer may follow another before that has unmapped. */
	if (rb_exclusive(&ring->view)) {
		seat->handle = NULL;
		m->seated = false;
	}
}

/* Reader @h has ended: it looks again, and the writers that it may have kept. */
static void reader_notify(struct rb_ring *ring, struct rb_handle *h)
{
	rb_notify_handle(ring, h);
	rb_notify_writers(ring);
}

/* End the reader that has @row, whoever it is. */
int rb_member_evict(struct rb_ring *ring, u32 row)
{
	struct rb_handle *h;
	int err;

	mutex_lock(&ring->lock);
	err = reader_evict(ring, row);
	if (!err) {
		h = ring->rows[array_index_nospec(row, ring->layout.max_readers)].handle;
		/* An evicted row is its handle's until that member ends, which clears it. */
		if (!WARN_ON_ONCE(!h))
			reader_notify(ring, h);
	}
	mutex_unlock(&ring->lock);
	return err;
}

/* Whether the live member of @h was evicted. */
bool rb_member_evicted(const struct rb_handle *h, const struct rb_ring *ring)
{
	return h->role == RINGBUF_ROLE_READER && rb_row_evicted(&ring->view, READ_ONCE(h->last_id));
}

/* @m reads or writes no more. @died: without having said so. */
void rb_member_end(struct rb_handle *h, struct rb_member *m, bool died)
{
	struct rb_ring *ring = rb_handle_ring(h);

	lockdep_assert_held(&h->lock);
	mutex_lock(&ring->lock);
	m->live = false;
	WRITE_ONCE(h->members, h->members - 1);
	if (h->role == RINGBUF_ROLE_READER) {
		reader_end(h, ring, m->id);
		reader_notify(ring, h);
	} else {
		writer_leave(ring, m, died);
		rb_notify(ring);
	}
	mutex_unlock(&ring->lock);
}

/* Nothing maps @m any more: others may have its row or id. */
void rb_member_leave(struct rb_handle *h, struct rb_member *m)
{
	struct rb_ring *ring = rb_handle_ring(h);

	lockdep_assert_held(&h->lock);
	if (!m->seated)
		return;
	mutex_lock(&ring->lock);
	m->seated = false;
	if (h->role == RINGBUF_ROLE_READER) {
		ring->rows[m->id].handle = NULL;
		ring->free_row = min(ring->free_row, m->id);
	} else {
		ring->ids[m->id - 1].handle = NULL;
	}
	mutex_unlock(&ring->lock);
}
