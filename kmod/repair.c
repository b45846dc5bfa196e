// SPDX-License-Identifier: GPL-2.0
/*
 * What a writer leaves behind when its member ends, by death, DONE or DETACH.
 *
 * Its claims become holes, but not while I/O that it began may still write to
 * their pages.  Until that I/O has ended, or for a second, the writer is deferred:
 * a shared writer's claims stay open and it counts as a writer; after an exclusive
 * writer, which leaves nothing to repair, no other one may begin.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "compat.h"
#include "internal.h"

/*
 * The references that one I/O which may write to a page takes at least: direct I/O pins
 * pages, as registered buffers do, and a plain reference is that of a pipe (vmsplice),
 * which reads only, or of direct I/O on NFS, Ceph or 9p.  Half of a pin, so that maps that
 * come and go between two looks do not hide one.
 */
#ifndef RB_PIN_REFS
#define RB_PIN_REFS ((int)GUP_PIN_COUNTING_BIAS / 2)
#endif

/*
 * Whether I/O may still write to @page: it holds references beyond that of the ring
 * and those of maps.  A page that is being mapped meanwhile counts too, so that a
 * fault between the two looks does not hide a reference.
 */
static bool page_pinned(struct page *page)
{
	int maps = atomic_read(&page->_mapcount) + 1;
	int held;

	smp_rmb(); /* the maps before the references */
	held = page_ref_count(page) - maps - 1;
	smp_rmb(); /* the references before the maps, again */
	return held >= RB_PIN_REFS || atomic_read(&page->_mapcount) + 1 != maps;
}

/* I/O into slots of a writer that is gone is waited for so long. */
#define DEFER_MS 1000

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

/* @budget: slots that may still be looked at. */
static bool claim_pinned(const struct rb_ring *ring, u64 pos, u32 count, u64 *budget)
{
	const struct rb_view *v = &ring->view;
	u32 k;

	for (k = 0; k < count && *budget; k++, --*budget) {
		u64 i = rb_index(v, pos + k);

		if (k && rb_claim_ahead(READ_ONCE(v->claim[i]), pos + k) >= 0)
			break;
		if (!rb_finished(v, pos + k) && slot_pinned(ring, i))
			return true;
	}
	return false;
}

/* From head on: what it has open is not written down. */
static bool exclusive_pinned(const struct rb_ring *ring)
{
	const struct rb_view *v = &ring->view;
	u64 head = rb_head(v), i;

	for (i = 0; i < min_t(u64, v->slots, RINGBUF_MAX_BATCH); i++)
		if (slot_pinned(ring, rb_index(v, head + i)))
			return true;
	return false;
}

/*
 * Whether I/O may still write to slots that writer @id had open.  Honest claims
 * do not overlap, so others do not keep us longer than a lap.
 */
static bool writer_pinned(const struct rb_ring *ring, u32 id)
{
	const struct rb_view *v = &ring->view;
	u64 budget = v->slots + RINGBUF_MAX_BATCH, i, pos;

	if (rb_exclusive(v))
		return exclusive_pinned(ring);
	for (i = 0; i < v->slots && budget; i++) {
		u64 claim = READ_ONCE(v->claim[i]);

		rb_relax(i);
		if (rb_claim_writer(claim) == id && rb_claim_position(v, i, claim, &pos) &&
		    claim_pinned(ring, pos, rb_claim_count(claim), &budget))
			return true;
	}
	return false;
}

static void writer_end(struct rb_ring *ring, u32 id, bool died)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	u64 end;

	lockdep_assert_held(&ring->lock);
	ring->repaired += rb_repair(&ring->view, id, &end);
	seat->retired = max(seat->retired, end);
	WARN_ON_ONCE(!seat->live || !ring->view.info->writers);
	seat->live = false;
	rb_end_writer(&ring->view, id, died);
}

static void count_deferred(struct rb_ring *ring, int more)
{
	spin_lock(&ring->wait_lock);
	ring->nr_deferred += more;
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/* The I/O of @id has ended, or its time is over. */
static void seat_reclaim(struct rb_ring *ring, u32 id)
{
	struct rb_seat *seat = &ring->ids[id - 1];

	seat->deferred = false;
	count_deferred(ring, -1);
	/* An exclusive writer ended at once. */
	if (rb_exclusive(&ring->view))
		return;
	writer_end(ring, id, seat->died);
	rb_notify(ring);
}

/* End those whose I/O has ended, or whose time is over. */
void rb_reclaim_deferred(struct rb_ring *ring)
{
	u32 id;

	mutex_lock(&ring->lock);
	for (id = 1; ring->nr_deferred && id <= ring->layout.max_writers; id++) {
		struct rb_seat *seat = &ring->ids[id - 1];

		if (!seat->deferred)
			continue;
		if (time_before(jiffies, seat->until) && writer_pinned(ring, id))
			continue;
		seat_reclaim(ring, id);
	}
	mutex_unlock(&ring->lock);
}

/*
 * End writer @id; where I/O may still write to its slots, the repair of these, or a
 * successor, waits.
 */
void rb_writer_stop(struct rb_ring *ring, u32 id, bool died)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	bool pinned = writer_pinned(ring, id);

	WARN_ON_ONCE(seat->deferred);
	if (!pinned || rb_exclusive(&ring->view))
		writer_end(ring, id, died);
	if (!pinned)
		return;
	seat->deferred = true;
	seat->died = died;
	seat->until = jiffies + msecs_to_jiffies(DEFER_MS);
	count_deferred(ring, 1);
}
