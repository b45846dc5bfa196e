// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_LIST and RINGBUF_IOC_UNLINK: what is said about names. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* More than this are asked for in vain. */
#define LIST_MOST 65536U

static u32 ring_readers(struct rb_ring *ring)
{
	u32 row, readers = 0;

	mutex_lock(&ring->lock);
	for (row = 0; row < rb_rows(&ring->view); row++)
		readers += !!(ring->view.info->row[row].flags & RINGBUF_ROW_ATTACHED);
	mutex_unlock(&ring->lock);
	return readers;
}

static void list_describe(struct rb_ring *ring, struct ringbuf_list_entry *e)
{
	e->slot_bytes = ring->layout.slot_bytes;
	e->slot_count = ring->layout.slot_count;
	e->head = rb_head(&ring->view);
	e->flags |= ring->layout.flags;
	e->readers = ring_readers(ring);
	e->writers = READ_ONCE(ring->view.info->writers);
}

static int list_fill(struct ringbuf_list *l, struct ringbuf_list_entry *entries,
		     struct rb_ring **rings, u32 room)
{
	u32 i;

	l->count = rb_names_collect(entries, rings, room, &l->total);
	for (i = 0; i < l->count; i++) {
		list_describe(rings[i], &entries[i]);
		rb_ring_put(rings[i]);
	}
	if (copy_to_user(u64_to_user_ptr(l->entries), entries, l->count * sizeof(*entries)))
		return -EFAULT;
	return 0;
}

static int list_names(struct ringbuf_list *l)
{
	struct ringbuf_list_entry *entries;
	struct rb_ring **rings;
	int err = -ENOMEM;
	u32 room, total;

	/* First how many there are, so that nobody makes us allocate for nothing. */
	rb_names_collect(NULL, NULL, 0, &total);
	room = min3(l->count, total, LIST_MOST);
	entries = kvcalloc(max(room, 1U), sizeof(*entries), RB_GFP_LARGE);
	rings = kvcalloc(max(room, 1U), sizeof(*rings), RB_GFP_LARGE);
	if (entries && rings)
		err = list_fill(l, entries, rings, room);
	kvfree(rings);
	kvfree(entries);
	return err;
}

long rb_ioctl_list(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_list l;
	int err;

	err = rb_arg_get(&l, sizeof(l), arg);
	if (err)
		return err;
	if (l.flags)
		return -EINVAL;
	err = list_names(&l);
	return err ? err : rb_arg_put(arg, &l, sizeof(l));
}

long rb_ioctl_unlink(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_unlink u;
	char *name;
	int err;

	err = rb_arg_get(&u, sizeof(u), arg);
	if (err)
		return err;
	if (u.flags || u.__reserved)
		return -EINVAL;
	name = rb_name_copy(u.name, u.name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = rb_name_unlink(name);
	kfree(name);
	return err;
}
