// SPDX-License-Identifier: GPL-2.0
/*
 * Which page a map or a copy gets: one of the ring, or a private one of a fenced identity.
 *
 * ring->pages changes in one way only: a data page into which I/O may still write, though
 * its writer has ended, is replaced by a fresh one (rb_pages_renew()).  An identity changes
 * once: from rb_identity_cut() on its maps lead to private pages.
 *
 * Both changes have to reach every map.  A page fault chooses its page, and installs one of the
 * ring while it holds that page's lock.  The change is stored first, then the lock of each page
 * is taken once, then the maps are zapped.  So a fault that has not seen the change has
 * installed its page by then, and loses it; a later one sees the change.  Nothing replaces a
 * private page.
 *
 * All but data is mapped without references (VM_PFNMAP): the map holds the file, that the
 * handle, that the ring with its pages, and private pages stay until the last map has gone.
 *
 * Copies inside the kernel are sections of SRCU, and a replaced page is dropped when those
 * that may have found it are over.  They take no references, which would look like I/O.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "internal.h"

/* Its read-side sections may use pages of rings, and sleep.  Matches page_renew(). */
DEFINE_SRCU(rb_copies);

/**
 * struct old_page - a page that a ring has replaced
 * @rcu: until no copy uses it any more
 * @page: it, with the reference of the ring
 */
struct old_page {
	struct rcu_head rcu;
	struct page *page;
};

/* Return page @n of @ring, for a caller in a read-side section of rb_copies. */
struct page *rb_page(const struct rb_ring *ring, unsigned long n)
{
	return READ_ONCE(ring->pages[n]);
}

/* Return page @n of @ring, locked, and with a reference.  It is not replaced meanwhile. */
static struct page *page_lock(const struct rb_ring *ring, unsigned long n)
{
	for (;;) {
		int section = srcu_read_lock(&rb_copies);
		struct page *page = rb_page(ring, n);

		get_page(page);
		srcu_read_unlock(&rb_copies, section);
		lock_page(page);
		if (likely(page == rb_page(ring, n))) /* matches page_renew() */
			return page;
		unlock_page(page);
		put_page(page);
	}
}

static void page_unlock(struct page *page)
{
	unlock_page(page);
	put_page(page);
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

/* Whether a fenced writer sees a private page of the region: not of one that it only reads. */
static bool region_is_cut(int id)
{
	return id != RINGBUF_REGION_CURSOR;
}

/* Let the fault @vmf of a map of @i have the page that page @n of the map shows. */
vm_fault_t rb_page_fault(struct vm_fault *vmf, const struct rb_identity *i, unsigned long n)
{
	const struct rb_ring *ring = rb_handle_ring(i->handle);
	enum ringbuf_region_id id = page_region(ring, n);
	struct page *page = page_lock(ring, n);
	vm_fault_t fault;

	/* Matches rb_identity_cut(). */
	if (unlikely(smp_load_acquire(&i->fenced)) && region_is_cut(id)) {
		page_unlock(page);
		page = i->private[id];
		/* Any number of maps may show this page. */
		if (!try_get_page(page))
			return VM_FAULT_SIGBUS;
		lock_page(page);
	}
	/* The caller would look for its other maps, by an address space that it has not. */
	if (unlikely(PageHWPoison(page))) {
		page_unlock(page);
		return VM_FAULT_HWPOISON;
	}
	if (vmf->vma->vm_flags & VM_PFNMAP) {
		fault = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
		page_unlock(page);
		return fault;
	}
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

/* ---- a fenced identity ----------------------------------------------------- */

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
 * exclusive writer has no other way to learn of the fence.  The gate is closed, so that a
 * program that ignores this waits, and learns it from RINGBUF_IOC_WAIT.
 */
static void private_fill(const struct rb_ring *ring, struct rb_identity *i)
{
	struct ringbuf_info_page *info = page_address(i->private[RINGBUF_REGION_INFO]);

	memcpy(info, ring->view.info, sizeof(*info));
	info->wake_position = 0;
	info->wake_cursor = 0;
	info->readers_wanted = 1;
	memset(page_address(i->private[RINGBUF_REGION_SLOTS]), 0xff, PAGE_SIZE);
}

/*
 * Allocate the private pages of the new identity @i, if it may have to be fenced: then there
 * may be no memory.
 */
int rb_private_alloc(struct rb_identity *i)
{
	int id;

	if (!rb_handle_ring(i->handle)->layout.claim_timeout ||
	    i->handle->role != RINGBUF_ROLE_WRITER)
		return 0;
	for (id = 0; id < RB_REGIONS; id++) {
		if (!region_is_cut(id))
			continue;
		i->private[id] = alloc_page(RB_GFP_LARGE | __GFP_ZERO);
		if (!i->private[id])
			return -ENOMEM;
	}
	return 0;
}

/* Wait until no page fault holds the lock of one of the pages from @from to before @to. */
static void pages_pass(const struct rb_ring *ring, unsigned long from, unsigned long to)
{
	unsigned long n;

	for (n = from; n < to; n++) {
		page_unlock(page_lock(ring, n));
		cond_resched();
	}
}

/* Zap the maps of @i that show pages from @from to before @to. */
static void identity_zap(const struct rb_identity *i, unsigned long from, unsigned long to)
{
	unmap_mapping_pages(i->handle->inode->i_mapping, i->base + from, to - from, true);
}

/*
 * Lead the maps of @i to private pages.  When this returns, nothing that its process stores
 * reaches the ring any more; I/O that has pinned pages before still may.
 *
 * The info region comes first: a writer that has stored a state on a private page finds the
 * private wake word, too.
 */
void rb_identity_cut(struct rb_identity *i)
{
	struct rb_ring *ring = rb_handle_ring(i->handle);
	struct ringbuf_info_page *info = page_address(i->private[RINGBUF_REGION_INFO]);
	int id;

	lockdep_assert_held(&i->handle->lock);
	private_fill(ring, i);
	/* Matches rb_page_fault(), which then finds the pages filled. */
	smp_store_release(&i->fenced, true);
	for (id = 0; id < RB_REGIONS; id++) {
		const struct rb_span *r = &ring->layout.region[id];
		unsigned long from = r->offset >> PAGE_SHIFT;
		unsigned long to = (r->offset + r->bytes) >> PAGE_SHIFT;

		if (!region_is_cut(id))
			continue;
		pages_pass(ring, from, to);
		identity_zap(i, from, to);
	}
	if (!rb_exclusive(&ring->view))
		return;
	rb_retract(&ring->view, rb_head(&ring->view));
	/* The process reads it after RINGBUF_IOC_WAKE, which waits for handle->lock. */
	WRITE_ONCE(info->fenced_from, rb_head(&ring->view) + 1);
}

/* ---- fresh pages ------------------------------------------------------------ */

static void page_drop(struct rcu_head *rcu)
{
	struct old_page *old = container_of(rcu, struct old_page, rcu);

	put_page(old->page);
	kfree(old);
}

/* Swap page @n for a fresh one. */
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
	old->page = page_lock(ring, n);
	WRITE_ONCE(ring->pages[n], fresh); /* matches page_lock() */
	page_unlock(old->page);
	call_srcu(&rb_copies, &old->rcu, page_drop);
	return 0;
}

/* Zap all maps that show pages from @from to before @to. */
static void pages_zap(struct rb_ring *ring, unsigned long from, unsigned long to)
{
	struct rb_handle *h;
	struct rb_identity *i;

	list_for_each_entry(h, &ring->handles, node)
		list_for_each_entry(i, &h->identities, node)
			identity_zap(i, from, to);
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
	unsigned long first = at >> PAGE_SHIFT, last = (at + l->slot_bytes - 1) >> PAGE_SHIFT, n;
	int err = 0;

	lockdep_assert_held(&ring->lock);
	if (l->slot_stride % PAGE_SIZE)
		return -EOPNOTSUPP;
	for (n = first; n <= last && !err; n++) {
		err = page_renew(ring, n);
		cond_resched();
	}
	pages_zap(ring, first, last + 1);
	return err;
}

void rb_pages_exit(void)
{
	srcu_barrier(&rb_copies); /* page_drop() is code of this module */
}
