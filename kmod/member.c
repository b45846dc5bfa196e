// SPDX-License-Identifier: GPL-2.0
/*
 * Members: readers and writers that are attached to a ring, each with a row or an id.
 *
 * A member ends (rb_member_end) when it is done or detached, or when its address space
 * goes; its unfinished slots are repaired then.  Its row or id stays taken until its last
 * map is gone (rb_member_leave), since until then the process can still write to its
 * cursor page, which must not be another reader's.
 */
#include <linux/mm.h>
#include <linux/nospec.h>

#include "internal.h"

/*
 * Take a free row.  No handle has it, so no map of its cursor page is left, and a page of
 * that region cannot be pinned.  Returns -ENOSPC if all are taken.
 */
static int row_take(struct rb_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	for (; ring->free_row < ring->layout.max_readers; ring->free_row++)
		if (!ring->rows[ring->free_row].handle)
			return ring->free_row++;
	return -ENOSPC;
}

/* Take ring->lock.  Returns false if that would mean to wait and the caller may not @wait. */
static bool ring_lock(struct rb_ring *ring, bool wait)
{
	if (!wait)
		return mutex_trylock(&ring->lock);
	mutex_lock(&ring->lock);
	return true;
}

/*
 * Take a free writer id.  Prefer one that no unread hole carries.  If there is none, remove
 * a free id from its holes, so that a slow reader does not keep new writers out for ever.
 * Returns the id, -ENOSPC, or -EBUSY if the ring's exclusive writer is still attached.
 */
static int id_take(struct rb_ring *ring)
{
	struct rb_seat *seat;
	u32 i, row, named = 0;
	u64 min;

	lockdep_assert_held(&ring->lock);
	if (rb_exclusive(&ring->view))
		return ring->view.info->writers > ring->heirs || ring->ids[0].deferred ? -EBUSY : 1;
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
	WRITE_ONCE(h->last_id, id);
	smp_store_release(&h->members, h->members + 1); /* matches rb_handle_members() */
}

/* Whether the ring has readers that are not evicted.  Stable only under ring->lock. */
bool rb_has_readers(const struct rb_ring *ring)
{
	return READ_ONCE(ring->readers);
}

/*
 * Whether the writers of @ring must wait for a first reader: a default ring keeps its slots
 * for the next reader while it has none.
 */
bool rb_lacks_readers(const struct rb_ring *ring)
{
	return ring->is_default && !rb_has_readers(ring);
}

/*
 * Return where a new reader of a default ring continues: where the last one stopped, with
 * its leftovers, or 0 (the oldest slot) if the ring has other readers.
 */
static u64 reader_resume(struct rb_handle *h, struct rb_ring *ring)
{
	if (rb_has_readers(ring))
		return 0;
	h->skip_pos = ring->resume;
	WRITE_ONCE(h->skip, ring->resume_skip);
	list_splice_init(&ring->leftover, &h->leftover);
	return ring->resume;
}

/* Count one reader more or less: @more is 1 or -1. */
static void readers_count(struct rb_ring *ring, int more)
{
	lockdep_assert_held(&ring->lock);
	WARN_ON_ONCE(more < 0 && !ring->readers);
	WRITE_ONCE(ring->readers, ring->readers + more);
}

static int reader_begin(struct rb_handle *h, struct rb_ring *ring, u64 want,
			const struct rb_policy *policy, bool resume, bool wait, u64 *start)
{
	struct rb_seat *seat;
	int row;

	lockdep_assert_held(&h->lock);
	if (!ring_lock(ring, wait))
		return -EAGAIN;
	row = row_take(ring);
	if (row >= 0) {
		if (resume)
			want = reader_resume(h, ring);
		seat = &ring->rows[row];
		seat->handle = h;
		rb_process_set(&seat->process);
		seat->policy = *policy;
		seat->hold = (struct rb_hold){ 0 };
		h->fresh = true;
		rb_timer_policy(ring, policy);
		*start = rb_attach_reader(&ring->view, row, want, policy);
		member_begin(h, &h->self, row);
		readers_count(ring, 1);
		rb_notify_writers(ring);
	}
	mutex_unlock(&ring->lock);
	return min(row, 0);
}

/*
 * Make @h a reader from position @want on, with policy @policy.  *start is the position where
 * it starts.
 */
int rb_member_begin_reader(struct rb_handle *h, struct rb_ring *ring, u64 want,
			   const struct rb_policy *policy, u64 *start)
{
	return reader_begin(h, ring, want, policy, false, true, start);
}

/*
 * Make @h a reader that continues where the last one stopped, or, if the ring has other
 * readers, at the oldest slot.  Returns -EAGAIN if it would have to wait and may not @wait.
 */
int rb_member_resume_reader(struct rb_handle *h, struct rb_ring *ring, bool wait)
{
	u64 start;

	return reader_begin(h, ring, 0, &ring->layout.policy, true, wait, &start);
}

/*
 * Make @h a writer, with @m as the member.  Returns -EAGAIN if it would have to wait and may
 * not @wait.
 */
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
		rb_process_set(&ring->ids[id - 1].process);
		ring->ids[id - 1].live = true;
		ring->ids[id - 1].claim_timeout = h->claim_timeout ?: ring->layout.claim_timeout;
		WRITE_ONCE(ring->claim_timeout,
			   min(ring->claim_timeout, ring->ids[id - 1].claim_timeout));
		member_begin(h, m, id);
		/* A successor begins the stream again, though it seems never to have ended. */
		if (ring->view.info->writers == ring->heirs)
			WRITE_ONCE(ring->view.info->ended, RINGBUF_END_NONE);
		rb_attach_writer(&ring->view, id);
		rb_writer_init(&ring->view, &m->writer, id);
		ring->ids[id - 1].first = m->writer.pos;
		rb_notify(ring);
	}
	mutex_unlock(&ring->lock);
	return min(id, 0);
}

static void reader_stop(struct rb_handle *h, struct rb_ring *ring, u32 row)
{
	rb_leftover_leave(h, ring);
	ring->resume = rb_row_cursor(&ring->view, row);
	/* An eviction does not hold h->lock, so read_move() may be storing these words. */
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
		rb_discount_policy(&ring->view, &ring->rows[row].policy);
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
	rb_discount_policy(v, &ring->rows[row].policy);
	readers_count(ring, -1);
	return 0;
}

static void writer_leave(struct rb_ring *ring, struct rb_member *m, u32 cause)
{
	struct rb_seat *seat = &ring->ids[m->id - 1];

	rb_hole_ending(seat, cause);
	rb_writer_stop(ring, m->id, cause != RINGBUF_HOLE_LEFT);
	/* The next exclusive writer may attach before this one has unmapped the ring. */
	if (rb_exclusive(&ring->view)) {
		seat->handle = NULL;
		m->seated = false;
	}
}

/* Notify the reader @h, which has ended, and the writers, which may have waited for it. */
static void reader_notify(struct rb_ring *ring, struct rb_handle *h)
{
	rb_notify_handle(ring, h);
	rb_notify_writers(ring);
}

/* Evict the reader in @row.  Returns 0, also if it was evicted before, or -ENOENT. */
int rb_member_evict_locked(struct rb_ring *ring, u32 row)
{
	struct rb_handle *h;
	int err;

	lockdep_assert_held(&ring->lock);
	err = reader_evict(ring, row);
	if (!err) {
		h = ring->rows[array_index_nospec(row, ring->layout.max_readers)].handle;
		/* The row stays the handle's until its member ends, which clears the eviction. */
		if (!WARN_ON_ONCE(!h))
			reader_notify(ring, h);
	}
	return err;
}

int rb_member_evict(struct rb_ring *ring, u32 row)
{
	int err;

	mutex_lock(&ring->lock);
	err = rb_member_evict_locked(ring, row);
	mutex_unlock(&ring->lock);
	return err;
}

/*
 * Let the reader in @row, which was skipped, continue.  Returns false if it would have to wait
 * and may not @wait.
 */
bool rb_member_continue(struct rb_ring *ring, u32 row, bool wait)
{
	if (!ring_lock(ring, wait))
		return false;
	if (rb_row_skipped(&ring->view, row))
		rb_continue_reader(&ring->view, row, &ring->rows[row].hold);
	mutex_unlock(&ring->lock);
	return true;
}

/* Whether the reader @h has been evicted. */
bool rb_member_evicted(const struct rb_handle *h, const struct rb_ring *ring)
{
	return h->role == RINGBUF_ROLE_READER && rb_row_evicted(&ring->view, READ_ONCE(h->last_id));
}

/* Note that the caller's process has mapped the identity region of @m. */
void rb_member_map(struct rb_handle *h, struct rb_member *m)
{
	struct rb_ring *ring = rb_handle_ring(h);
	bool reader = h->role == RINGBUF_ROLE_READER;

	lockdep_assert_held(&h->lock);
	mutex_lock(&ring->lock);
	rb_process_set(reader ? &ring->rows[m->id].process : &ring->ids[m->id - 1].process);
	mutex_unlock(&ring->lock);
}

/*
 * End the member @m of @h.  @cause: for a writer, why its open slots become holes,
 * RINGBUF_HOLE_*.  Without RINGBUF_HOLE_LEFT it counts as one that died.
 */
void rb_member_end(struct rb_handle *h, struct rb_member *m, u32 cause)
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
		writer_leave(ring, m, cause);
		rb_notify(ring);
	}
	mutex_unlock(&ring->lock);
}

/* Give the row or id of @m back: no map of it is left. */
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
		rb_process_clear(&ring->rows[m->id].process);
		ring->free_row = min(ring->free_row, m->id);
	} else {
		ring->ids[m->id - 1].handle = NULL;
	}
	mutex_unlock(&ring->lock);
}
