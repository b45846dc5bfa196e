// SPDX-License-Identifier: GPL-2.0
/*
 * mmap(2): the regions of a ring, the rights of each role, and identities.
 *
 * The offset space of a handle, each region a whole number of pages:
 *
 *	0
 *	| info | head | slots | cursor pages | data ... |
 *	  r      W      W       r  (own: R)    W
 *
 *	r: all roles may read; W: writers may write; R: the reader may write
 *
 * Only data is mapped as ordinary pages, for O_DIRECT and registered buffers.  All other pages
 * are mapped by page number without a reference (VM_PFNMAP, and VM_IO so that MADV_DOFORK
 * cannot copy them into a child).  So no I/O can use one as a buffer, which would reach it
 * after the end, or the fence, of the process that has begun it.
 *
 * The kernel's vm_pgoff of a map is the base of its identity plus the page, so that
 * unmap_mapping_range() can zap the maps of one identity alone, see pages.c.
 *
 * An identity begins with the first map of its region (reader: its own cursor page;
 * writer: the slots) and ends with the last one, by munmap(), exec or any exit.
 * VM_DONTCOPY keeps maps out of children.  A map that MADV_DOFORK copies all the same is
 * in another mm than its identity: access faults, and the map only keeps the structure.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "internal.h"

/* How many identities of a handle get page offsets of their own before bases repeat. */
#define RB_MAP_RANGES (BITS_PER_LONG == 64 ? 4096 : 256)

static const struct vm_operations_struct rb_plain_ops;
static const struct vm_operations_struct rb_split_ops;
static const struct vm_operations_struct rb_identity_ops;

/**
 * struct rb_map - how to map what the caller asks for
 * @ops: operations of the VMA
 * @write: the role may write there
 * @bare: map page numbers without references, so that no I/O can use them as a buffer
 */
struct rb_map {
	const struct vm_operations_struct *ops;
	bool write;
	bool bare;
};

static bool map_is_region(struct vm_area_struct *vma, const struct rb_span *r)
{
	return vma->vm_pgoff == r->offset >> PAGE_SHIFT && vma_pages(vma) == r->bytes >> PAGE_SHIFT;
}

/* Return the row if @vma maps a single cursor page, else -1. */
static long map_cursor_row(struct vm_area_struct *vma, const struct rb_layout *l)
{
	unsigned long first = l->region[RINGBUF_REGION_CURSOR].offset >> PAGE_SHIFT;

	if (vma_pages(vma) != 1 || vma->vm_pgoff < first || vma->vm_pgoff - first >= l->max_readers)
		return -1;
	return vma->vm_pgoff - first;
}

static void map_region(const struct rb_handle *h, enum ringbuf_region_id id, struct rb_map *map)
{
	bool writer = h->role == RINGBUF_ROLE_WRITER;

	map->ops = &rb_plain_ops;
	map->write = false;
	map->bare = id != RINGBUF_REGION_DATA;
	switch (id) {
	case RINGBUF_REGION_HEAD:
	case RINGBUF_REGION_DATA:
		map->write = writer;
		break;
	case RINGBUF_REGION_SLOTS:
		map->write = writer;
		if (writer)
			map->ops = &rb_identity_ops;
		break;
	case RINGBUF_REGION_CURSOR:
		/* A reader may map its own page over its map of all of them, which splits it. */
		map->ops = &rb_split_ops;
		break;
	default:
		break;
	}
}

static int map_find(const struct rb_handle *h, const struct rb_layout *l,
		    struct vm_area_struct *vma, struct rb_map *map)
{
	long row = map_cursor_row(vma, l);
	int id;

	if (row >= 0) {
		bool own = h->role == RINGBUF_ROLE_READER && row == h->last_id;

		map->ops = own ? &rb_identity_ops : &rb_plain_ops;
		map->write = own;
		map->bare = true;
		return 0;
	}
	for (id = 0; id < RB_REGIONS; id++) {
		if (map_is_region(vma, &l->region[id])) {
			map_region(h, id, map);
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- identities ---------------------------------------------------------- */

static struct rb_identity *identity_new(struct rb_handle *h, struct mm_struct *mm)
{
	struct rb_identity *i = kzalloc(sizeof(*i), GFP_KERNEL_ACCOUNT);
	struct rb_ring *ring = rb_handle_ring(h);
	unsigned int shift = order_base_2(ring->nr_pages);

	if (!i)
		return NULL;
	i->handle = h;
	if (rb_private_alloc(i)) {
		rb_private_free(i);
		kfree(i);
		return NULL;
	}
	i->mm = mm;
	mmgrab(mm);
	i->base = (unsigned long)(h->sequence++ % RB_MAP_RANGES) << shift;
	mutex_lock(&ring->lock);
	list_add(&i->node, &h->identities);
	mutex_unlock(&ring->lock);
	return i;
}

static void identity_free_unused(struct rb_identity *i)
{
	struct rb_ring *ring = rb_handle_ring(i->handle);

	if (i->maps)
		return;
	mutex_lock(&ring->lock);
	list_del(&i->node);
	mutex_unlock(&ring->lock);
	if (i->fenced)
		WRITE_ONCE(i->handle->fenced, i->handle->fenced - 1);
	rb_private_free(i);
	mmdrop(i->mm);
	kfree(i);
}

/*
 * Begin identity @i with the first map of its region: move the handle's own member into it,
 * or begin a new one.
 */
static int identity_begin(struct rb_handle *h, struct rb_identity *i)
{
	struct rb_ring *ring = rb_handle_ring(h);
	int err;

	if (i->begun)
		return 0;
	if (h->done)
		return -EPIPE;
	if (!h->self.live) {
		if (h->role == RINGBUF_ROLE_READER)
			return -EBADFD;
		err = rb_member_begin_writer(h, &h->self, ring, true);
		if (err)
			return err;
	}
	i->member = h->self;
	memset(&h->self, 0, sizeof(h->self));
	i->begun = true;
	rb_timer_maps(ring, 1);
	rb_member_map(h, &i->member);
	return 0;
}

/* Return the identity of @h in @mm and count one more map, @pin: of its own region. */
static struct rb_identity *identity_get(struct rb_handle *h, struct mm_struct *mm, bool pin)
{
	bool alone = h->role == RINGBUF_ROLE_READER || rb_exclusive(&rb_handle_ring(h)->view);
	struct rb_identity *i;
	int err = 0;

	if (h->detached)
		return ERR_PTR(-EBADFD);
	if (alone && rb_handle_elsewhere(h, mm))
		return ERR_PTR(-EBUSY);
	if (rb_fenced_locked(h))
		return ERR_PTR(-ESTALE);
	i = rb_identity_of(h, mm);
	if (!i)
		i = identity_new(h, mm);
	if (!i)
		return ERR_PTR(-ENOMEM);
	if (pin)
		err = identity_begin(h, i);
	if (err) {
		identity_free_unused(i);
		return ERR_PTR(err);
	}
	i->maps++;
	i->pins += pin;
	return i;
}

static bool vma_is_pin(const struct vm_area_struct *vma)
{
	const struct rb_identity *i = vma->vm_private_data;

	return vma->vm_ops == &rb_identity_ops && vma->vm_mm == i->mm;
}

static void identity_put(struct rb_identity *i, bool pin)
{
	struct rb_handle *h = i->handle;

	if (pin && !--i->pins) {
		if (i->member.live)
			rb_member_end(h, &i->member, RINGBUF_HOLE_DIED);
		rb_member_leave(h, &i->member);
		rb_timer_maps(rb_handle_ring(h), -1);
	}
	i->maps--;
	identity_free_unused(i);
}

/* ---- VMAs ---------------------------------------------------------------- */

/* Count a VMA that mremap(), a split or a fork has copied; the original closes later. */
static void rb_vma_open(struct vm_area_struct *vma)
{
	struct rb_identity *i = vma->vm_private_data;

	mutex_lock(&i->handle->lock);
	i->maps++;
	i->pins += vma_is_pin(vma);
	mutex_unlock(&i->handle->lock);
}

/* The VMA still holds its file, so the handle outlives this. */
static void rb_vma_close(struct vm_area_struct *vma)
{
	struct rb_identity *i = vma->vm_private_data;
	struct rb_handle *h = i->handle;

	mutex_lock(&h->lock);
	identity_put(i, vma_is_pin(vma));
	mutex_unlock(&h->lock);
}

static int rb_vma_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

/* Takes no lock of the ring: the page is installed while its own lock is held, see pages.c. */
static vm_fault_t rb_vma_fault(struct vm_fault *vmf)
{
	const struct rb_identity *i = vmf->vma->vm_private_data;
	const struct rb_ring *ring = rb_handle_ring(i->handle);
	unsigned long page = vmf->pgoff - i->base;

	if (vmf->vma->vm_mm != i->mm || page >= ring->nr_pages)
		return VM_FAULT_SIGBUS;
	return rb_page_fault(vmf, i, page);
}

static const struct vm_operations_struct rb_plain_ops = {
	.open = rb_vma_open,
	.close = rb_vma_close,
	.may_split = rb_vma_may_split,
	.fault = rb_vma_fault,
};

static const struct vm_operations_struct rb_split_ops = {
	.open = rb_vma_open,
	.close = rb_vma_close,
	.fault = rb_vma_fault,
};

/* The same as rb_plain_ops; vma_is_pin() tells them apart by the address. */
static const struct vm_operations_struct rb_identity_ops = {
	.open = rb_vma_open,
	.close = rb_vma_close,
	.may_split = rb_vma_may_split,
	.fault = rb_vma_fault,
};

/*
 * Set the flags of @vma.  Without VM_MAYWRITE and VM_MAYEXEC mprotect() cannot add what
 * the role may not have.
 *
 * VM_DONTDUMP is not set on maps of ordinary pages: VM_DONTEXPAND keeps MADV_DODUMP
 * from clearing it again.  As shared maps of a file they are left out of a core dump
 * unless the process asks for such maps in /proc/PID/coredump_filter.
 */
static void vma_set_rights(struct vm_area_struct *vma, const struct rb_map *map)
{
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND |
				  (map->bare ? VM_PFNMAP | VM_IO | VM_DONTDUMP : 0));
	vm_flags_clear(vma, VM_EXEC | VM_MAYEXEC | (map->write ? 0 : VM_MAYWRITE));
}

/*
 * Whether the caller asked for PROT_EXEC.  A personality with READ_IMPLIES_EXEC adds it
 * to every map that can be read; vma_set_rights() takes that away again.
 */
static bool vma_asks_exec(const struct vm_area_struct *vma)
{
	bool implied = current->personality & READ_IMPLIES_EXEC && vma->vm_flags & VM_READ;

	return vma->vm_flags & VM_EXEC && !implied;
}

int rb_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct rb_handle *h = file->private_data;
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_identity *i;
	struct rb_map map;
	int err;

	if (!ring)
		return -EBADFD;
	/* Attached by a descriptor that may only write: every writable map can be read. */
	if (!(h->rights & FMODE_READ))
		return -EACCES;
	/* Test VM_MAYSHARE: VM_SHARED is clear if the file was opened for reading only. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	err = map_find(h, &ring->layout, vma, &map);
	if (err)
		return err;
	if (vma_asks_exec(vma) || (vma->vm_flags & VM_WRITE && !map.write))
		return -EACCES;

	mutex_lock(&h->lock);
	i = identity_get(h, vma->vm_mm, map.ops == &rb_identity_ops);
	mutex_unlock(&h->lock);
	if (IS_ERR(i))
		return PTR_ERR(i);
	vma_set_rights(vma, &map);
	vma->vm_private_data = i;
	vma->vm_ops = map.ops;
	vma->vm_pgoff += i->base;
	return 0;
}
