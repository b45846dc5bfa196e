// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_LIST and RINGBUF_IOC_UNLINK: what is said about names. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* More than this are asked for in vain. */
#define LIST_MOST 65536U

static int list_fill(struct ringbuf_list *l, struct ringbuf_list_entry *entries, u32 room)
{
	int count = rb_names_collect(entries, room, &l->total);

	if (count < 0)
		return count;
	l->count = count;
	if (copy_to_user(u64_to_user_ptr(l->entries), entries, l->count * sizeof(*entries)))
		return -EFAULT;
	return 0;
}

static int list_names(struct ringbuf_list *l)
{
	struct ringbuf_list_entry *entries;
	u32 room, total;
	int err;

	/* First how many there are, so that nobody makes us allocate for nothing. */
	err = rb_names_collect(NULL, 0, &total);
	if (err < 0)
		return err;
	room = min3(l->count, total, LIST_MOST);
	entries = kvcalloc(max(room, 1U), sizeof(*entries), RB_GFP_LARGE);
	if (!entries)
		return -ENOMEM;
	err = list_fill(l, entries, room);
	kvfree(entries);
	return err;
}

long rb_ioctl_list(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_list l;
	int err;

	err = rb_arg_get(&l, sizeof(l), sizeof(l), arg);
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

	err = rb_arg_get(&u, sizeof(u), sizeof(u), arg);
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
