/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where things lie in a ring's pages.
 *
 *	info | head | slots: desc[], claim[], stamp[] | cursor pages | data
 *
 * Regions are whole pages, one after the other, data last.  Slots of a page or
 * more begin on a page, so that they can be used for direct I/O; smaller ones
 * begin on a cache line.
 */
#ifndef RB_ENGINE_LAYOUT_H
#define RB_ENGINE_LAYOUT_H

#include "words.h"

struct rb_layout {
	u64 slot_bytes;
	u64 slot_count;
	u64 slot_stride;
	u32 flags;
	u32 max_readers;
	u32 max_writers;
	u32 page_size;
	u32 wait_readers; /* see struct ringbuf_create */
	u32 pad; /* 0 */
	u64 claim_offset; /* in the slots region */
	u64 stamp_offset; /* in the slots region; 0: none */
	u64 bytes; /* of all regions */
	struct ringbuf_region region[RINGBUF_REGIONS];
};

#define RB_DEFAULT_READERS 64
#define RB_DEFAULT_WRITERS 16

/* @to is a power of two. */
static inline u64 rb_align(u64 bytes, u64 to)
{
	return (bytes + to - 1) & ~(to - 1);
}

static inline void rb_layout_region(struct rb_layout *l, enum ringbuf_region_id id, u64 bytes)
{
	l->region[id].offset = l->bytes;
	l->region[id].bytes = rb_align(bytes, l->page_size);
	l->bytes += l->region[id].bytes;
}

/* The fields up to @wait_readers are set; zeros become defaults.  -EINVAL: out of range. */
static inline int rb_layout_check(struct rb_layout *l)
{
	bool exclusive = l->flags & RINGBUF_CREATE_EXCLUSIVE;

	if (!l->max_readers)
		l->max_readers = RB_DEFAULT_READERS;
	if (!l->max_writers)
		l->max_writers = exclusive ? 1 : RB_DEFAULT_WRITERS;
	if (l->flags & ~(RINGBUF_CREATE_EXCLUSIVE | RINGBUF_CREATE_TIMESTAMP))
		return -EINVAL;
	if (!l->slot_bytes || l->slot_bytes > RINGBUF_MAX_SLOT_BYTES)
		return -EINVAL;
	if (!l->slot_count || l->slot_count > RINGBUF_MAX_SLOTS)
		return -EINVAL;
	if (l->max_readers > RINGBUF_MAX_READERS || l->max_writers > RINGBUF_MAX_WRITERS)
		return -EINVAL;
	if (exclusive && l->max_writers != 1)
		return -EINVAL;
	return l->wait_readers > l->max_readers ? -EINVAL : 0;
}

/*
 * Lay a ring out.  Nothing here overflows: 2^31 bytes times 2^25 slots is 2^56,
 * and all that lies before the data is below 2^31.
 */
static inline int rb_layout(struct rb_layout *l)
{
	int err = rb_layout_check(l);
	u64 slots;

	if (err)
		return err;
	l->slot_stride = rb_align(l->slot_bytes,
				  l->slot_bytes >= l->page_size ? l->page_size : RINGBUF_LINE);
	l->claim_offset = rb_align(l->slot_count * sizeof(struct ringbuf_desc), RINGBUF_LINE);
	slots = l->claim_offset + rb_align(l->slot_count * sizeof(u64), RINGBUF_LINE);
	l->stamp_offset = 0;
	if (l->flags & RINGBUF_CREATE_TIMESTAMP) {
		l->stamp_offset = slots;
		slots += l->slot_count * sizeof(u64);
	}
	l->bytes = 0;
	rb_layout_region(l, RINGBUF_REGION_INFO,
			 sizeof(struct ringbuf_info_page) +
				 (u64)l->max_readers * sizeof(struct ringbuf_row));
	rb_layout_region(l, RINGBUF_REGION_HEAD,
			 sizeof(struct ringbuf_head_page) +
				 (u64)l->max_writers * sizeof(struct ringbuf_writer_row));
	rb_layout_region(l, RINGBUF_REGION_SLOTS, slots);
	rb_layout_region(l, RINGBUF_REGION_CURSOR, (u64)l->max_readers * l->page_size);
	rb_layout_region(l, RINGBUF_REGION_DATA, l->slot_stride * l->slot_count);
	return 0;
}

/* The view of a ring whose control regions are mapped at @info … @cursor. */
static inline void rb_view_init(struct rb_view *v, const struct rb_layout *l, void *info,
				void *head, void *slots, void *cursor)
{
	v->slots = l->slot_count;
	v->page_size = l->page_size;
	v->flags = l->flags;
	v->max_readers = l->max_readers;
	v->max_writers = l->max_writers;
	v->info = info;
	v->head = head;
	v->desc = slots;
	v->claim = (u64 *)((char *)slots + l->claim_offset);
	v->stamp = l->stamp_offset ? (u64 *)((char *)slots + l->stamp_offset) : NULL;
	v->cursor = cursor;
}

#endif
