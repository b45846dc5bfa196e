// SPDX-License-Identifier: GPL-2.0
/*
 * Repair what a writer leaves behind when it ends by death, DONE or DETACH.
 *
 * Its claims become holes.  I/O that it started may still write to their pages: then the
 * ring replaces those pages by fresh ones, and the I/O keeps the old ones.  Where that cannot
 * be, because slots are smaller than a page or there is no memory, the writer is deferred
 * until the I/O has ended, for at most DEFER_MS: the claims of a shared writer stay
 * unfinished and it still counts as a writer; an exclusive writer leaves nothing to repair,
 * but the next one may not attach.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "compat.h"
#include "internal.h"

/*
 * How many references beyond the expected ones mean that I/O may write to a page.  Direct
 * I/O and registered buffers pin pages, which adds GUP_PIN_COUNTING_BIAS references.  A
 * plain reference belongs to a pipe (vmsplice), which only reads, or to direct I/O on NFS,
 * Ceph or 9p.  Half of a pin, so that a map that goes between the two loads of
 * page_pinned() does not hide one.
 */
#ifndef RB_PIN_REFS
#define RB_PIN_REFS ((int)GUP_PIN_COUNTING_BIAS / 2)
#endif

/*
 * Whether I/O may still write to @page: it has references beyond those of the ring and of
 * maps.  Returns true as well if the number of maps changes meanwhile, since a page fault
 * between the loads could hide a reference.
 */
static bool page_pinned(struct page *page)
{
	int maps = atomic_read(&page->_mapcount) + 1;
	int held;

	smp_rmb(); /* load the maps before the references */
	held = page_ref_count(page) - maps - 1;
	smp_rmb(); /* load the references before the maps again */
	return held >= RB_PIN_REFS || atomic_read(&page->_mapcount) + 1 != maps;
}

/* How long to wait for I/O into the slots of a writer that has ended. */
#define DEFER_MS 1000

/* Most slots that an honest writer has open, and that get fresh pages when it ends. */
#define RENEW_SLOTS RINGBUF_MAX_BATCH

/**
 * struct rb_search - a search for I/O into the slots of a writer that ends
 * @ring: its ring, whose lock is held
 * @slots: how many slots may still be visited
 * @renewals: how many slots may still get fresh pages
 */
struct rb_search {
	struct rb_ring *ring;
	u64 slots;
	unsigned int renewals;
};

/*
 * Whether I/O may still write to the slot at @index.  If so, try to give the slot fresh
 * pages, into which no I/O writes.
 */
static bool slot_busy(struct rb_search *s, u64 index)
{
	const struct rb_layout *l = &s->ring->layout;
	u64 at = l->region[RINGBUF_REGION_DATA].offset + index * l->slot_stride;
	u64 i, last = (at + l->slot_bytes - 1) >> PAGE_SHIFT;

	for (i = at >> PAGE_SHIFT; i <= last; i++) {
		rb_relax(i);
		if (!page_pinned(s->ring->pages[i]))
			continue;
		if (!s->renewals)
			return true;
		s->renewals--;
		return rb_pages_renew(s->ring, index) != 0;
	}
	return false;
}

/* Whether I/O may still write to an unfinished slot of a claim. */
static bool claim_busy(struct rb_search *s, u64 pos, u32 count)
{
	const struct rb_view *v = &s->ring->view;
	u32 k;

	for (k = 0; k < count && s->slots; k++, s->slots--) {
		u64 i = rb_index(v, pos + k);

		if (k && rb_claim_ahead(READ_ONCE(v->claim[i]), pos + k) >= 0)
			break;
		if (!rb_finished(v, pos + k) && slot_busy(s, i))
			return true;
	}
	return false;
}

/*
 * The same for an exclusive writer, whose open slots are recorded nowhere.  They lie from
 * head on, below its allowance.
 */
static bool exclusive_busy(struct rb_search *s)
{
	const struct rb_view *v = &s->ring->view;
	u64 pos = rb_head(v), end = pos + min_t(u64, v->slots, RINGBUF_MAX_BATCH);

	end = min(end, rb_max_allowance(v));
	for (; pos < end; pos++)
		if (slot_busy(s, rb_index(v, pos)))
			return true;
	return false;
}

/*
 * Whether I/O may still write to slots that writer @id had open, once they have got fresh
 * pages where that is possible.  Honest claims do not overlap, so a lap and a batch of slots
 * is enough; the search is bounded for dishonest ones.
 */
static bool writer_busy(struct rb_ring *ring, u32 id)
{
	struct rb_search s = {
		.ring = ring,
		.slots = ring->view.slots + RINGBUF_MAX_BATCH,
		.renewals = RENEW_SLOTS,
	};
	const struct rb_view *v = &ring->view;
	u64 i, pos;

	if (rb_exclusive(v))
		return exclusive_busy(&s);
	for (i = 0; i < v->slots && s.slots; i++) {
		u64 claim = READ_ONCE(v->claim[i]);

		rb_relax(i);
		if (rb_claim_writer(claim) == id && rb_claim_position(v, i, claim, &pos) &&
		    claim_busy(&s, pos, rb_claim_count(claim)))
			return true;
	}
	return false;
}

static void writer_end(struct rb_ring *ring, u32 id, bool died)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	u64 end, holes;

	lockdep_assert_held(&ring->lock);
	holes = rb_repair(&ring->view, id, &end);
	ring->repaired += holes;
	rb_hole_record(ring, id, holes, end);
	seat->retired = max(seat->retired, end);
	WARN_ON_ONCE(!seat->live || !ring->view.info->writers);
	seat->live = false;
	rb_end_writer(&ring->view, id, died);
}

static void count_deferred(struct rb_ring *ring, int more)
{
	spin_lock(&ring->wait_lock);
	WRITE_ONCE(ring->nr_deferred, ring->nr_deferred + more); /* see timer_run() */
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/* Reclaim the slots and the id of a deferred writer: its I/O has ended or timed out. */
static void seat_reclaim(struct rb_ring *ring, u32 id)
{
	struct rb_seat *seat = &ring->ids[id - 1];

	seat->deferred = false;
	count_deferred(ring, -1);
	/* An exclusive writer was ended in rb_writer_stop(). */
	if (rb_exclusive(&ring->view))
		return;
	writer_end(ring, id, seat->died);
	rb_notify(ring);
}

/* Reclaim all deferred writers whose I/O has ended or timed out. */
void rb_reclaim_deferred(struct rb_ring *ring)
{
	u32 id;

	mutex_lock(&ring->lock);
	for (id = 1; ring->nr_deferred && id <= ring->layout.max_writers; id++) {
		struct rb_seat *seat = &ring->ids[id - 1];

		if (!seat->deferred)
			continue;
		if (time_before(jiffies, seat->until) && writer_busy(ring, id))
			continue;
		seat_reclaim(ring, id);
	}
	mutex_unlock(&ring->lock);
}

/*
 * End writer @id, or defer it if I/O may still write to its slots: then their repair, or
 * the next exclusive writer, waits.  @died: it ended without DONE.
 */
void rb_writer_stop(struct rb_ring *ring, u32 id, bool died)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	bool busy = writer_busy(ring, id);

	WARN_ON_ONCE(seat->deferred);
	if (!busy || rb_exclusive(&ring->view))
		writer_end(ring, id, died);
	if (!busy)
		return;
	seat->deferred = true;
	seat->died = died;
	seat->until = jiffies + msecs_to_jiffies(DEFER_MS);
	count_deferred(ring, 1);
}
