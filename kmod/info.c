// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_INFO: the geometry of the ring, and the caller's role and id. */
#include "internal.h"

/* The id of the caller's member; the last one of the handle if it has none here. */
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
	info->ring_flags = l->flags | (rb_file_kept(h) ? RINGBUF_CREATE_KEPT : 0);
	info->slot_bytes = l->slot_bytes;
	info->slot_count = l->slot_count;
	info->slot_stride = l->slot_stride;
	info->claim_offset = l->claim_offset;
	info->stamp_offset = l->stamp_offset;
	info->max_readers = l->max_readers;
	info->max_writers = l->max_writers;
	info->role = h->role;
	info->id = info_id(h);
	info->page_size = l->page_size;
	info->wait_readers = l->wait_readers;
	info->claim_timeout = l->claim_timeout;
	info->policy = l->policy.kind;
	info->policy_timeout = l->policy.timeout;
	info->policy_lag = l->policy.lag;
	memcpy(info->uuid, l->uuid, sizeof(info->uuid));
}

static int info_check(const struct ringbuf_info *info)
{
	if (info->flags)
		return -EINVAL;
	return info->regions ? rb_table_check(info->region_size, RINGBUF_REGION_SIZE_VER0) : 0;
}

/*
 * Copy as many regions as the caller has room for, and set region_count to how many the
 * ring has.
 */
static int info_put_regions(struct ringbuf_info *info, const struct rb_layout *l)
{
	struct ringbuf_region region[RB_REGIONS];
	u32 room = info->regions ? min_t(u32, info->region_count, RB_REGIONS) : 0, id;

	for (id = 0; id < RB_REGIONS; id++)
		region[id] = (struct ringbuf_region){
			.id = id,
			.offset = l->region[id].offset,
			.bytes = l->region[id].bytes,
		};
	info->region_count = RB_REGIONS;
	return rb_table_put(info->regions, info->region_size, region, sizeof(region[0]), room);
}

long rb_ioctl_info(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_info info;
	int err;

	err = rb_arg_get(&info, sizeof(info), RINGBUF_INFO_SIZE_VER0, arg);
	if (!err)
		err = info_check(&info);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	info_fill(&info, h, &ring->layout);
	err = info_put_regions(&info, &ring->layout);
	return err ? err : rb_arg_put(arg, &info, sizeof(info));
}
