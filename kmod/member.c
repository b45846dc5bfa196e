// SPDX-License-Identifier: GPL-2.0
/*
 * A handle's part in a ring: a reader's row or a writer's id, from where it
 * begins to where it ends.
 *
 * The part ends (rb_member_end) when it is done, detached, or its address space
 * has gone; what it had open is repaired then.  Its row or id stays taken until
 * nothing maps it any more (rb_member_leave): who has left may still write to
 * its cursor page, and must not write to another reader's.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "internal.h"

/* Times to look again for a row whose page is held by what is just going away. */
#define ROW_TRIES 20

static struct page *row_page(const struct rb_ring *ring, u32 row)
{
	return ring->pages[(ring->layout.region[RINGBUF_REGION_CURSOR].offset >> PAGE_SHIFT) + row];
}

/*
 * Whether the page of @row has references other than the ring's own and those
 * of maps (read-only ones, as nobody has the row): I/O that its last reader
 * began may still write to it.
 */
static bool page_pinned(struct page *page)
{
	int maps = atomic_read(&page->_mapcount);
	int refs;

	smp_rmb(); /* a fault between the two looks must not hide a reference */
	refs = page_ref_count(page);
	smp_rmb(); /* likewise */
	return refs != 1 + maps + 1 || atomic_read(&page->_mapcount) != maps;
}

static bool row_pinned(const struct rb_ring *ring, u32 row)
{
	return page_pinned(row_page(ring, row));
}

/* A row that nobody has; -EBUSY: only such that are pinned. */
static int row_find(const struct rb_ring *ring)
{
	int err = -ENOSPC;
	u32 row;

	for (row = 0; row < ring->layout.max_readers; row++) {
		if (ring->rows[row].handle)
			continue;
		if (!row_pinned(ring, row))
			return row;
		err = -EBUSY;
	}
	return err;
}

static int row_take(const struct rb_ring *ring, bool wait)
{
	int row, tries;

	lockdep_assert_held(&ring->lock);
	for (tries = 0; tries < ROW_TRIES; tries++) {
		row = row_find(ring);
		if (row != -EBUSY)
			return row;
		if (!wait)
			return -EAGAIN;
		usleep_range(500, 1000);
	}
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

/* An id that nobody has and no hole that can still be read names. */
static int id_take(const struct rb_ring *ring)
{
	u64 min;
	u32 i, row;

	lockdep_assert_held(&ring->lock);
	if (rb_exclusive(&ring->view))
		return ring->view.info->writers ? -EBUSY : 1;
	min = rb_gate_min(&ring->view, &row);
	for (i = 0; i < ring->layout.max_writers; i++)
		if (!ring->ids[i].handle && !ring->ids[i].mourned && ring->ids[i].retired <= min)
			return i + 1;
	return -ENOSPC;
}

static void member_begin(struct rb_handle *h, struct rb_member *m, u32 id)
{
	m->id = id;
	m->live = true;
	m->seated = true;
	h->last_id = id;
	WRITE_ONCE(h->parts, h->parts + 1);
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
	return ring->standard && !rb_has_readers(ring);
}

/* Where the last reader stopped, if no other is there that knows better. */
static u64 reader_resume(struct rb_handle *h, struct rb_ring *ring)
{
	if (rb_has_readers(ring))
		return 0;
	h->skip_pos = ring->resume;
	h->skip = ring->resume_skip;
	return ring->resume;
}

static int reader_begin(struct rb_handle *h, struct rb_ring *ring, u64 want, bool resume, bool wait,
			u64 *start)
{
	int row;

	lockdep_assert_held(&h->lock);
	if (!ring_lock(ring, wait))
		return -EAGAIN;
	row = row_take(ring, wait);
	if (row >= 0) {
		if (resume)
			want = reader_resume(h, ring);
		ring->rows[row].handle = h;
		member_begin(h, &h->self, row);
		*start = rb_attach_reader(&ring->view, row, want);
		rb_event(ring);
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
		member_begin(h, m, id);
		rb_attach_writer(&ring->view, id);
		rb_writer_init(&ring->view, &m->writer, id);
		rb_event(ring);
	}
	mutex_unlock(&ring->lock);
	return min(id, 0);
}

/* I/O into slots of a writer that is gone is waited for so long. */
#define MOURN_MS 1000

static bool slot_pinned(const struct rb_ring *ring, u64 index)
{
	const struct rb_layout *l = &ring->layout;
	u64 at = l->region[RINGBUF_REGION_DATA].offset + index * l->slot_stride;
	u64 i, last = (at + l->slot_bytes - 1) >> PAGE_SHIFT;

	for (i = at >> PAGE_SHIFT; i <= last; i++) {
		rb_relax(i);
		if (page_pinned(ring->pages[i]))
			return true;
	}
	return false;
}

static bool claim_pinned(const struct rb_ring *ring, u64 pos, u32 count)
{
	const struct rb_view *v = &ring->view;
	u32 k;

	for (k = 0; k < count; k++) {
		u64 i = rb_index(v, pos + k);

		if (k && rb_claim_ahead(READ_ONCE(v->claim[i]), pos + k) >= 0)
			break;
		if (!rb_finished(v, pos + k) && slot_pinned(ring, i))
			return true;
	}
	return false;
}

/* Whether I/O may still write to slots that writer @id had open. */
static bool writer_pinned(const struct rb_ring *ring, u32 id)
{
	const struct rb_view *v = &ring->view;
	u64 i, pos, head;

	if (rb_exclusive(v)) {
		head = rb_head(v);
		for (i = 0; i < min_t(u64, v->slots, RINGBUF_MAX_BATCH); i++)
			if (slot_pinned(ring, rb_index(v, head + i)))
				return true;
		return false;
	}
	for (i = 0; i < v->slots; i++) {
		u64 claim = READ_ONCE(v->claim[i]);

		rb_relax(i);
		if (rb_claim_writer(claim) == id && rb_claim_position(v, i, claim, &pos) &&
		    claim_pinned(ring, pos, rb_claim_count(claim)))
			return true;
	}
	return false;
}

static void writer_end(struct rb_ring *ring, u32 id, bool died)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	u64 end;

	ring->repaired += rb_repair(&ring->view, id, &end);
	seat->retired = max(seat->retired, end);
	rb_end_writer(&ring->view, id, died);
}

static void ring_mourn(struct rb_ring *ring, int more)
{
	spin_lock(&ring->wait_lock);
	ring->mourned += more;
	if (ring->mourned)
		rb_timer_add(ring);
	spin_unlock(&ring->wait_lock);
}

/* End those whose I/O has ended, or whose time is over. */
void rb_members_bury(struct rb_ring *ring)
{
	u32 id;

	mutex_lock(&ring->lock);
	for (id = 1; ring->mourned && id <= ring->layout.max_writers; id++) {
		struct rb_seat *seat = &ring->ids[id - 1];

		if (!seat->mourned)
			continue;
		if (time_before(jiffies, seat->until) && writer_pinned(ring, id))
			continue;
		seat->mourned = false;
		ring_mourn(ring, -1);
		writer_end(ring, id, true);
		rb_event(ring);
	}
	mutex_unlock(&ring->lock);
}

static void writer_leave(struct rb_ring *ring, struct rb_member *m, bool died)
{
	struct rb_seat *seat = &ring->ids[m->id - 1];

	if (died && writer_pinned(ring, m->id)) {
		seat->mourned = true;
		seat->until = jiffies + msecs_to_jiffies(MOURN_MS);
		ring_mourn(ring, 1);
	} else {
		writer_end(ring, m->id, died);
	}
	/* One exclusive writer may follow another before that has unmapped. */
	if (rb_exclusive(&ring->view)) {
		seat->handle = NULL;
		m->seated = false;
	}
}

static void reader_end(struct rb_handle *h, struct rb_ring *ring, struct rb_member *m)
{
	ring->resume = rb_row_cursor(&ring->view, m->id);
	ring->resume_skip = rb_handle_skip(h, ring->resume);
	rb_detach_reader(&ring->view, m->id);
}

/* @m reads or writes no more. @died: without having said so. */
void rb_member_end(struct rb_handle *h, struct rb_member *m, bool died)
{
	struct rb_ring *ring = rb_handle_ring(h);

	lockdep_assert_held(&h->lock);
	mutex_lock(&ring->lock);
	m->live = false;
	WRITE_ONCE(h->parts, h->parts - 1);
	if (h->role == RINGBUF_ROLE_READER)
		reader_end(h, ring, m);
	else
		writer_leave(ring, m, died);
	rb_event(ring);
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
	if (h->role == RINGBUF_ROLE_READER)
		ring->rows[m->id].handle = NULL;
	else
		ring->ids[m->id - 1].handle = NULL;
	mutex_unlock(&ring->lock);
}
