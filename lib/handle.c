// SPDX-License-Identifier: LGPL-2.1-or-later
/* What writers and readers have in common: their life. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void rb_ring_put(struct ringbuf *ring)
{
	if (__atomic_sub_fetch(&ring->refs, 1, __ATOMIC_ACQ_REL))
		return;
	ring->host->destroy(ring);
	free(ring->name);
	free(ring);
}

int rb_handle_init(struct rb_handle *h, struct ringbuf *ring, u32 role, enum ringbuf_start start,
		   u64 position)
{
	int err;

	h->ring = ring;
	h->host = ring->host;
	h->role = role;
	h->fd = -1;
	h->slot_bytes = ring->layout.slot_bytes;
	h->slot_stride = ring->layout.slot_stride;
	h->spin.fixed_ns = -1;
	h->spin.budget_ns = 50000;
	__atomic_add_fetch(&ring->refs, 1, __ATOMIC_RELAXED);
	err = h->host->attach(h, start, position);
	if (err)
		rb_ring_put(ring);
	return err;
}

void rb_handle_close(struct rb_handle *h)
{
	h->host->leave(h);
	rb_ring_put(h->ring);
}
