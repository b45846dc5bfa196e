// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attach, export, import and close a handle, for writers and readers alike. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "internal.h"

/* Size of struct ringbuf_ticket in version 0.1. */
#define TICKET_SIZE_0_1 (offsetof(struct ringbuf_ticket, start) + sizeof(uint64_t))

LIB_HIDDEN struct ringbuf *lib_ring_get(struct ringbuf *ring)
{
	__atomic_add_fetch(&ring->refs, 1, __ATOMIC_RELAXED);
	return ring;
}

void lib_ring_put(struct ringbuf *ring)
{
	if (__atomic_sub_fetch(&ring->refs, 1, __ATOMIC_ACQ_REL))
		return;
	ring->host->destroy(ring);
	free(ring->name);
	free(ring);
}

static void handle_setup(struct lib_handle *h, struct ringbuf *ring, u32 role)
{
	h->ring = lib_ring_get(ring);
	h->host = ring->host;
	h->role = role;
	h->fd = -1;
	h->slot_bytes = ring->layout.slot_bytes;
	h->slot_stride = ring->layout.slot_stride;
	h->spin.fixed_ns = -1;
	h->spin.budget_ns = 50000;
}

int lib_handle_init(struct lib_handle *h, struct ringbuf *ring, u32 role, enum ringbuf_start start,
		    u64 position)
{
	int err;

	handle_setup(h, ring, role);
	err = h->host->attach(h, start, position);
	if (err)
		lib_ring_put(ring);
	return err;
}

int lib_handle_import(struct lib_handle *h, struct ringbuf *ring, u32 role,
		      const struct ringbuf_ticket *ticket)
{
	bool reader = role == RINGBUF_ROLE_READER;
	u32 row = reader ? ticket->id : ticket->id - 1;
	int fd;

	if (ticket->size < TICKET_SIZE_0_1 || ticket->fd < 0)
		return -EINVAL;
	if (!lib_tail_is_zero(ticket, sizeof(*ticket), ticket->size))
		return -E2BIG;
	if (row >= (reader ? ring->layout.max_readers : ring->layout.max_writers))
		return -EINVAL;
	fd = lib_fd_take(ticket->fd);
	if (fd < 0)
		return fd;
	handle_setup(h, ring, role);
	h->fd = fd;
	h->id = ticket->id;
	h->generation = ticket->generation;
	h->start = ticket->start;
	return lib_fd_took(ticket->fd, fd, 0);
}

int lib_handle_export(const struct lib_handle *h, struct ringbuf_ticket *ticket)
{
	const struct ringbuf_ticket ours = {
		.size = ticket->size,
		.fd = h->fd,
		.id = h->id,
		.generation = h->generation,
		.start = h->start,
	};

	if (ours.size < TICKET_SIZE_0_1)
		return -EINVAL;
	if (h->process || h->detached)
		return -EBUSY;
	lib_copy_out(ticket, ours.size, &ours, sizeof(ours));
	return 0;
}

void lib_handle_close(struct lib_handle *h)
{
	if (h->watched)
		lib_watch_drop(h);
	h->host->leave(h);
	lib_ring_put(h->ring);
}
