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
static bool row_pinned(const struct rb_ring *ring, u32 row)
{
	struct page *page = row_page(ring, row);

	return page_ref_count(page) != 1 + atomic_read(&page->_mapcount) + 1;
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

static int row_take(const struct rb_ring *ring)
{
	int row, tries;

	lockdep_assert_held(&ring->lock);
	for (tries = 0; tries < ROW_TRIES; tries++) {
		row = row_find(ring);
		if (row != -EBUSY)
			return row;
		usleep_range(500, 1000);
	}
	return -ENOSPC;
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
		if (!ring->ids[i].handle && ring->ids[i].retired <= min)
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

/* Become a reader from @want on; *start is where it begins. */
int rb_member_begin_reader(struct rb_handle *h, struct rb_ring *ring, u64 want, u64 *start)
{
	int row;

	lockdep_assert_held(&h->lock);
	mutex_lock(&ring->lock);
	row = row_take(ring);
	if (row >= 0) {
		ring->rows[row].handle = h;
		member_begin(h, &h->self, row);
		*start = rb_attach_reader(&ring->view, row, want);
		rb_event(ring);
	}
	mutex_unlock(&ring->lock);
	return min(row, 0);
}

/* Become a writer as @m. */
int rb_member_begin_writer(struct rb_handle *h, struct rb_member *m, struct rb_ring *ring)
{
	int id;

	lockdep_assert_held(&h->lock);
	mutex_lock(&ring->lock);
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

static void writer_end(struct rb_ring *ring, struct rb_member *m, bool died)
{
	struct rb_seat *seat = &ring->ids[m->id - 1];
	u64 end;

	ring->repaired += rb_repair(&ring->view, m->id, &end);
	seat->retired = max(seat->retired, end);
	rb_end_writer(&ring->view, m->id, died);
	/* One exclusive writer may follow another before that has unmapped. */
	if (rb_exclusive(&ring->view)) {
		seat->handle = NULL;
		m->seated = false;
	}
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
		rb_detach_reader(&ring->view, m->id);
	else
		writer_end(ring, m, died);
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
