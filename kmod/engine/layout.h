/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The layout of a ring's pages.
 *
 *	info, rows | head, writers | slots: desc[], claim[], stamp[] | cursor pages | data
 *
 * Each region is a whole number of pages; they follow each other, data last.  Slots of
 * at least a page begin on a page boundary, so that they can be used for direct I/O;
 * smaller slots begin on a cache line.
 */
#ifndef RB_ENGINE_LAYOUT_H
#define RB_ENGINE_LAYOUT_H

#include "policy.h"
#include "words.h"

enum { RB_REGIONS = RINGBUF_REGION_DATA + 1 };

struct rb_span {
	u64 offset;
	u64 bytes;
};

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
	u64 claim_timeout; /* see struct ringbuf_create */
	struct rb_policy policy; /* of its readers */
	u8 uuid[RINGBUF_UUID_BYTES]; /* of the ring, from its host; see struct ringbuf_info */
	u64 claim_offset; /* in the slots region */
	u64 stamp_offset; /* in the slots region; 0: none */
	u64 bytes; /* of all regions */
	struct rb_span region[RB_REGIONS];
};

#define RB_DEFAULT_READERS 64
#define RB_DEFAULT_WRITERS 16

/* Round @bytes up to a multiple of @to, a power of two. */
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

/*
 * Check the fields up to @policy, which the caller has set, and replace zeros by
 * defaults.  Returns 0, or -EINVAL if one is out of range.
 */
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
	if (l->claim_timeout && l->claim_timeout < RINGBUF_MIN_CLAIM_TIMEOUT)
		return -EINVAL;
	if (!rb_policy_valid(&l->policy, l->slot_count))
		return -EINVAL;
	return l->wait_readers > l->max_readers ? -EINVAL : 0;
}

/*
 * Lay out a ring whose info and head regions have at least @info and @head bytes, both
 * below 2^31, since a later version may have longer tables there.  Returns 0 or -EINVAL.
 * Nothing overflows: 2^30 bytes times 2^25 slots is 2^55, and every other region is
 * below 2^31.
 */
static inline int rb_layout_larger(struct rb_layout *l, u64 info, u64 head)
{
	int err = rb_layout_check(l);
	u64 slots, rows, writers;

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
	rows = sizeof(struct ringbuf_info_page) + (u64)l->max_readers * sizeof(struct ringbuf_row);
	writers = sizeof(struct ringbuf_head_page) +
		  (u64)l->max_writers * sizeof(struct ringbuf_writer_row);
	l->bytes = 0;
	rb_layout_region(l, RINGBUF_REGION_INFO, rows > info ? rows : info);
	rb_layout_region(l, RINGBUF_REGION_HEAD, writers > head ? writers : head);
	rb_layout_region(l, RINGBUF_REGION_SLOTS, slots);
	rb_layout_region(l, RINGBUF_REGION_CURSOR, (u64)l->max_readers * l->page_size);
	rb_layout_region(l, RINGBUF_REGION_DATA, l->slot_stride * l->slot_count);
	return 0;
}

/* Lay out a ring with the tables of this version.  Returns 0 or -EINVAL. */
static inline int rb_layout(struct rb_layout *l)
{
	return rb_layout_larger(l, 0, 0);
}

/*
 * Set up the view of a ring whose control regions are mapped at @info to @cursor, with
 * the tables of this version.
 */
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
	v->rows = (char *)info + sizeof(struct ringbuf_info_page);
	v->row_stride = sizeof(struct ringbuf_row);
	v->writers = (char *)head + sizeof(struct ringbuf_head_page);
	v->writer_stride = sizeof(struct ringbuf_writer_row);
	v->desc = slots;
	v->claim = (u64 *)((char *)slots + l->claim_offset);
	v->stamp = l->stamp_offset ? (u64 *)((char *)slots + l->stamp_offset) : NULL;
	v->cursor = cursor;
}

/* Whether @count entries, one every @stride bytes from @offset on, lie in a region of @bytes. */
static inline bool rb_table_fits(u32 offset, u32 stride, u32 count, u64 bytes)
{
	return !((offset | stride) % sizeof(u64)) && offset + (u64)stride * count <= bytes;
}

/*
 * Read from the info page where the tables lie, since a host of another version may have
 * laid them out.  For user space, which reads these words once and trusts none of them;
 * the host itself knows where its tables are.  Returns 0 or -EPROTO.
 */
static inline int rb_view_tables(struct rb_view *v, const struct rb_layout *l)
{
	u32 row = READ_ONCE(v->info->row_offset), row_stride = READ_ONCE(v->info->row_stride);
	u32 writer = READ_ONCE(v->info->writer_offset);
	u32 writer_stride = READ_ONCE(v->info->writer_stride);

	if (row < RINGBUF_INFO_PAGE_SIZE_VER0 || row_stride < RINGBUF_ROW_SIZE_VER0 ||
	    !rb_table_fits(row, row_stride, l->max_readers, l->region[RINGBUF_REGION_INFO].bytes))
		return -EPROTO;
	if (writer < RINGBUF_HEAD_PAGE_SIZE_VER0 || writer_stride < RINGBUF_WRITER_ROW_SIZE_VER0 ||
	    !rb_table_fits(writer, writer_stride, l->max_writers,
			   l->region[RINGBUF_REGION_HEAD].bytes))
		return -EPROTO;
	v->rows = (char *)v->info + row;
	v->row_stride = row_stride;
	v->writers = (char *)v->head + writer;
	v->writer_stride = writer_stride;
	return 0;
}

#endif
