// SPDX-License-Identifier: GPL-2.0
/*
 * Which page a map or a copy gets: one of the ring, or a private one of a fenced identity.
 *
 * ring->pages changes in one way only: a data page into which I/O may still write, though
 * its writer has ended, is replaced by a fresh one (rb_pages_renew()).  An identity changes
 * once: from rb_identity_cut() on its maps lead to private pages.
 *
 * Both changes have to reach every map.  A page fault chooses its page and installs it
 * while it holds the lock of the ring's page.  The change is stored first, then the lock of
 * each page is taken once, then the maps are zapped.  So a fault that has not seen the
 * change has installed its page by then, and loses it; a later one sees the change.
 *
 * Copies inside the kernel take a reference on each page, under RCU (rb_page_get()), and a
 * replaced page is dropped after a grace period.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * struct old_page - a page that a ring has replaced
 * @rcu: the grace period after which no copy can find it any more
 * @page: it, with the reference of the ring
 */
struct old_page {
	struct rcu_head rcu;
	struct page *page;
};

/* Return page @n of @ring, with a reference. */
struct page *rb_page_get(const struct rb_ring *ring, unsigned long n)
{
	struct page *page;

	rcu_read_lock(); /* matches page_drop() */
	page = READ_ONCE(ring->pages[n]);
	get_page(page);
	rcu_read_unlock();
	return page;
}

/* Return the region in which page @n of a ring lies. */
static enum ringbuf_region_id page_region(const struct rb_ring *ring, unsigned long n)
{
	u64 at = (u64)n << PAGE_SHIFT;
	int id = RINGBUF_REGION_DATA;

	while (id && at < ring->layout.region[id].offset)
		id--;
	return id;
}

/*
 * Return the page that page @n of the maps of @i shows, locked, and with a reference.  The
 * maps of cursor pages are not cut, since their owner may not write to other cursors.
 */
struct page *rb_page_for(const struct rb_identity *i, unsigned long n)
{
	const struct rb_ring *ring = rb_handle_ring(i->handle);

	for (;;) {
		struct page *page = rb_page_get(ring, n);

		lock_page(page);
		if (unlikely(READ_ONCE(i->fenced))) { /* matches rb_identity_cut() */
			unlock_page(page);
			put_page(page);
			page = i->private[page_region(ring, n)];
			get_page(page);
			lock_page(page);
			return page;
		}
		if (likely(page == READ_ONCE(ring->pages[n]))) /* matches page_renew() */
			return page;
		unlock_page(page);
		put_page(page);
	}
}

/* ---- a fenced identity ----------------------------------------------------- */

/* The regions that a fenced writer sees private pages of. */
static bool region_is_cut(int id)
{
	return id != RINGBUF_REGION_CURSOR;
}

void rb_private_free(struct rb_identity *i)
{
	int id;

	for (id = 0; id < RB_REGIONS; id++)
		if (i->private[id])
			put_page(i->private[id]);
}

/*
 * Fill the private pages of @i.  All pages of a region are one page, so a fenced identity
 * costs four, whatever its maps.
 *
 * No state word of the slots is free for any position, so no commit succeeds; and no claim
 * word holds a claim, so no writer skips slots for ever.  The wake words are below every
 * position, so that each commit calls RINGBUF_IOC_WAKE, which says ESTALE: a commit of an
 * exclusive writer has no other way to learn of the fence.
 */
static void private_fill(const struct rb_ring *ring, struct rb_identity *i)
{
	struct ringbuf_info_page *info = page_address(i->private[RINGBUF_REGION_INFO]);

	memcpy(info, ring->view.info, sizeof(*info));
	info->wake_position = 0;
	info->wake_cursor = 0;
	info->fenced_from = 0;
	memset(page_address(i->private[RINGBUF_REGION_SLOTS]), 0xff, PAGE_SIZE);
}

static int private_alloc(const struct rb_ring *ring, struct rb_identity *i)
{
	int id;

	for (id = 0; id < RB_REGIONS; id++) {
		if (!region_is_cut(id) || i->private[id])
			continue;
		i->private[id] = alloc_page(RB_GFP_LARGE | __GFP_ZERO);
		if (!i->private[id])
			return -ENOMEM;
	}
	private_fill(ring, i);
	return 0;
}

/* Wait until no page fault holds the lock of one of the pages from @from to before @to. */
static void pages_pass(const struct rb_ring *ring, unsigned long from, unsigned long to)
{
	unsigned long n;

	for (n = from; n < to; n++) {
		lock_page(ring->pages[n]);
		unlock_page(ring->pages[n]);
		cond_resched();
	}
}

/* Zap the maps of @i that show pages from @from to before @to. */
static void identity_zap(const struct rb_identity *i, unsigned long from, unsigned long to)
{
	unmap_mapping_range(i->handle->inode->i_mapping, (loff_t)(i->base + from) << PAGE_SHIFT,
			    (loff_t)(to - from) << PAGE_SHIFT, 1);
}

/*
 * Lead the maps of @i to private pages.  When this returns, nothing that its process stores
 * reaches the ring any more; I/O that has pinned pages before still may.  Returns 0, or
 * -ENOMEM: nothing has changed.
 */
int rb_identity_cut(struct rb_identity *i)
{
	struct rb_ring *ring = rb_handle_ring(i->handle);
	struct ringbuf_info_page *info;
	int err, id;

	lockdep_assert_held(&i->handle->lock);
	err = private_alloc(ring, i);
	if (err)
		return err;
	smp_store_release(&i->fenced, true); /* matches rb_page_for(): the pages are filled */
	for (id = 0; id < RB_REGIONS; id++) {
		const struct rb_span *r = &ring->layout.region[id];
		unsigned long from = r->offset >> PAGE_SHIFT;
		unsigned long to = (r->offset + r->bytes) >> PAGE_SHIFT;

		if (!region_is_cut(id))
			continue;
		pages_pass(ring, from, to);
		identity_zap(i, from, to);
	}
	info = page_address(i->private[RINGBUF_REGION_INFO]);
	/* The process reads it after RINGBUF_IOC_WAKE, which takes handle->lock. */
	if (rb_exclusive(&ring->view))
		WRITE_ONCE(info->fenced_from, rb_head(&ring->view));
	return 0;
}

/* ---- fresh pages ------------------------------------------------------------ */

static void page_drop(struct rcu_head *rcu)
{
	struct old_page *old = container_of(rcu, struct old_page, rcu);

	put_page(old->page);
	kfree(old);
}

static void page_zap(struct rb_ring *ring, unsigned long n)
{
	struct rb_handle *h;
	struct rb_identity *i;

	list_for_each_entry(h, &ring->handles, node)
		list_for_each_entry(i, &h->identities, node)
			identity_zap(i, n, n + 1);
}

static int page_renew(struct rb_ring *ring, unsigned long n)
{
	struct page *fresh = alloc_page(RB_GFP_LARGE | __GFP_ZERO);
	struct old_page *old = kmalloc(sizeof(*old), GFP_KERNEL_ACCOUNT);

	if (!fresh || !old) {
		if (fresh)
			put_page(fresh);
		kfree(old);
		return -ENOMEM;
	}
	old->page = ring->pages[n];
	lock_page(old->page);
	WRITE_ONCE(ring->pages[n], fresh); /* matches rb_page_for() */
	unlock_page(old->page);
	page_zap(ring, n);
	call_rcu(&old->rcu, page_drop); /* matches rb_page_get() */
	return 0;
}

/*
 * Give the slot at @index pages of its own, fresh ones: I/O that was begun on the old ones
 * keeps those.  Returns -ENOMEM, or -EOPNOTSUPP if slots are smaller than a page: then other
 * slots lie on the same page.
 */
int rb_pages_renew(struct rb_ring *ring, u64 index)
{
	const struct rb_layout *l = &ring->layout;
	u64 at = l->region[RINGBUF_REGION_DATA].offset + index * l->slot_stride;
	unsigned long n, last = (at + l->slot_bytes - 1) >> PAGE_SHIFT;
	int err = 0;

	lockdep_assert_held(&ring->lock);
	if (l->slot_stride % PAGE_SIZE)
		return -EOPNOTSUPP;
	for (n = at >> PAGE_SHIFT; n <= last && !err; n++) {
		err = page_renew(ring, n);
		cond_resched();
	}
	return err;
}

void rb_pages_exit(void)
{
	rcu_barrier(); /* page_drop() is code of this module */
}
