// SPDX-License-Identifier: GPL-2.0
/*
 * mmap(2): which region with which rights, and the identities that maps are.
 *
 * In the offset space of a handle, whole pages each:
 *
 *	0
 *	| info | head | slots | cursor pages | data ... |
 *	  r      W      W       r  (own: R)    W
 *
 *	r: all roles may read; W: writers may write; R: the reader may write
 *
 * Cursor pages are mapped by their numbers alone (VM_PFNMAP, and VM_IO, so that a
 * child gets none): no I/O can be aimed at one, and a row is free when its reader's
 * maps are gone.  All others are ordinary
 * pages, for O_DIRECT and registered buffers.
 *
 * Inside, maps lie at page offsets of their identity (vm_pgoff is base + page),
 * so that unmap_mapping_range() can take one of them alone.
 *
 * An identity begins with the first map of its region (reader: its own cursor
 * page; writer: slots) and ends with the last, by munmap(), exec or exit of
 * whatever kind.  VM_DONTCOPY keeps maps out of children, and what gets into
 * one all the same (MADV_DOFORK) belongs to another mm than its identity: it
 * faults, and counts only for the life of the structure.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/personality.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "internal.h"

/* Identities of a handle that have page offsets of their own; then they are shared. */
#define RB_MAP_RANGES (BITS_PER_LONG == 64 ? 4096 : 256)

static const struct vm_operations_struct rb_plain_ops;
static const struct vm_operations_struct rb_split_ops;
static const struct vm_operations_struct rb_identity_ops;

/**
 * struct rb_map - what is to be mapped
 * @ops: by what its maps stand for
 * @write: the role may write there
 * @bare: cursor pages: page numbers without a reference, so that no I/O can be
 *	aimed at them, which would outlive the reader
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

/* A single cursor page: its row, or -1. */
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
	map->bare = id == RINGBUF_REGION_CURSOR;
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
		/* A reader may lay its own page over the map of all of them. */
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
	unsigned int shift = order_base_2(rb_handle_ring(h)->nr_pages);

	if (!i)
		return NULL;
	i->handle = h;
	i->mm = mm;
	mmgrab(mm);
	i->base = (unsigned long)(h->sequence++ % RB_MAP_RANGES) << shift;
	list_add(&i->node, &h->identities);
	return i;
}

static void identity_free_unused(struct rb_identity *i)
{
	if (i->maps)
		return;
	list_del(&i->node);
	mmdrop(i->mm);
	kfree(i);
}

/* The first map of the identity region: the file's own member moves here, or a new one begins. */
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
	mutex_lock(&ring->lock);
	put_pid(h->pid);
	h->pid = get_task_pid(current, PIDTYPE_TGID);
	mutex_unlock(&ring->lock);
	return 0;
}

/* The identity for one more map of @h in @mm, counted. */
static struct rb_identity *identity_get(struct rb_handle *h, struct mm_struct *mm, bool pin)
{
	bool alone = h->role == RINGBUF_ROLE_READER || rb_exclusive(&rb_handle_ring(h)->view);
	struct rb_identity *i;
	int err = 0;

	if (h->detached)
		return ERR_PTR(-EBADFD);
	if (alone && rb_handle_elsewhere(h, mm))
		return ERR_PTR(-EBUSY);
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
			rb_member_end(h, &i->member, true);
		rb_member_leave(h, &i->member);
		rb_timer_maps(rb_handle_ring(h), -1);
	}
	i->maps--;
	identity_free_unused(i);
}

/* ---- VMAs ---------------------------------------------------------------- */

/* Moved by mremap(), split, or copied by a fork: the other one closes later. */
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

/* Takes no lock: all that it reads is constant. */
static vm_fault_t rb_vma_fault(struct vm_fault *vmf)
{
	const struct rb_identity *i = vmf->vma->vm_private_data;
	const struct rb_ring *ring = rb_handle_ring(i->handle);
	unsigned long page = vmf->pgoff - i->base;

	if (vmf->vma->vm_mm != i->mm || page >= ring->nr_pages)
		return VM_FAULT_SIGBUS;
	if (vmf->vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(ring->pages[page]));
	vmf->page = ring->pages[page];
	get_page(vmf->page);
	return 0;
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

/* Apart from the others only so that vma_is_pin() can tell. */
static const struct vm_operations_struct rb_identity_ops = {
	.open = rb_vma_open,
	.close = rb_vma_close,
	.may_split = rb_vma_may_split,
	.fault = rb_vma_fault,
};

/*
 * Nobody else holds our file's only maps: what the role may not have now it
 * cannot get later by mprotect().
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
	/* Whoever attached by one that may only write; what can be written can be read here. */
	if (!(h->rights & FMODE_READ))
		return -EACCES;
	/* VM_SHARED is clear where the file was opened for reading only. */
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
