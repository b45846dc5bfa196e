/* SPDX-License-Identifier: GPL-2.0 */
/* A ring in plain memory, to test the engine without a host. */
#ifndef SELFTESTS_ENGINE_RING_H
#define SELFTESTS_ENGINE_RING_H

#include <stdlib.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/host.h"
#include "engine/layout.h"
#include "engine/ready.h"

/* The policy of readers that block. */
static const struct rb_policy blocking = { 0 };

struct ring {
	struct rb_layout layout;
	struct rb_view view;
	char *memory; /* exactly as long as the layout says, so that sanitizers see each overrun */
	char *data;
};

static inline int ring_new_paged(struct ring *ring, u32 page_size, u64 slots, u32 flags,
				 u32 readers, u32 writers)
{
	struct rb_layout *l = &ring->layout;
	int err;

	memset(ring, 0, sizeof(*ring));
	l->slot_bytes = 64;
	l->slot_count = slots;
	l->flags = flags;
	l->max_readers = readers;
	l->max_writers = writers;
	l->page_size = page_size;
	err = rb_layout(l);
	if (err)
		return err;
	ring->memory = aligned_alloc(page_size, l->bytes);
	if (!ring->memory)
		return -ENOMEM;
	memset(ring->memory, 0, l->bytes);
	rb_view_init(&ring->view, l, ring->memory + l->region[RINGBUF_REGION_INFO].offset,
		     ring->memory + l->region[RINGBUF_REGION_HEAD].offset,
		     ring->memory + l->region[RINGBUF_REGION_SLOTS].offset,
		     ring->memory + l->region[RINGBUF_REGION_CURSOR].offset);
	ring->data = ring->memory + l->region[RINGBUF_REGION_DATA].offset;
	rb_host_init(&ring->view, l->slot_bytes, l->slot_stride);
	return 0;
}

static inline int ring_new(struct ring *ring, u64 slots, u32 flags, u32 readers, u32 writers)
{
	return ring_new_paged(ring, 4096, slots, flags, readers, writers);
}

static inline void ring_free(struct ring *ring)
{
	free(ring->memory);
}

/* Reserve @count slots and commit @commit of them, without waking a waiter. */
static inline enum rb_reserved ring_write(struct ring *ring, struct rb_writer *w, u32 count,
					  u32 commit)
{
	enum rb_reserved got = rb_reserve(&ring->view, w, count);
	bool wake;

	if (got == RB_RESERVED)
		rb_publish(&ring->view, w, commit, &wake);
	return got;
}

#endif
