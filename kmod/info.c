// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_INFO: the geometry, and who the caller is here. */
#include "internal.h"

/* Where nothing is live, the last id stays on record. */
static u32 info_id(struct rb_handle *h)
{
	struct rb_member *m;
	u32 id;

	mutex_lock(&h->lock);
	m = rb_member_here(h);
	id = m ? m->id : h->last_id;
	mutex_unlock(&h->lock);
	return id;
}

static void info_fill(struct ringbuf_info *info, struct rb_handle *h, const struct rb_layout *l)
{
	info->flags = l->flags;
	info->slot_bytes = l->slot_bytes;
	info->slot_count = l->slot_count;
	info->slot_stride = l->slot_stride;
	info->claim_offset = l->claim_offset;
	info->stamp_offset = l->stamp_offset;
	memcpy(info->region, l->region, sizeof(info->region));
	info->max_readers = l->max_readers;
	info->max_writers = l->max_writers;
	info->role = h->role;
	info->id = info_id(h);
	info->page_size = l->page_size;
	info->wait_readers = l->wait_readers;
}

long rb_ioctl_info(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_info info;
	int err;

	err = rb_arg_get(&info, sizeof(info), RINGBUF_INFO_SIZE_VER0, arg);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	info_fill(&info, h, &ring->layout);
	return rb_arg_put(arg, &info, sizeof(info));
}
