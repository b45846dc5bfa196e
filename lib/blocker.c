// SPDX-License-Identifier: LGPL-2.1-or-later
/* The blocker of a ring, and the writers that left holes: what both hosts tell. */
#include "inside.h"
#include "internal.h"

/* Sizes in the first version that had these structures. */
#define BLOCKER_SIZE_0_1 sizeof(struct ringbuf_blocker)
#define HOLE_SIZE_0_1	 sizeof(struct ringbuf_hole_status)

/* Fill in @blocker, whose size the caller has set.  See ringbuf_writer_blocker(). */
LIB_HIDDEN int lib_blocker(struct ringbuf *ring, struct ringbuf_blocker *blocker)
{
	struct ringbuf_blocker ours = { .size = blocker->size };
	int err;

	if (ours.size < BLOCKER_SIZE_0_1)
		return -EINVAL;
	err = ring->host->blocker(ring, &ours);
	if (err)
		return err;
	lib_copy_out(blocker, ours.size, &ours, sizeof(ours));
	return 0;
}

/* Fill in @hole, whose size the caller has set.  See ringbuf_reader_hole(). */
int lib_hole(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole)
{
	struct ringbuf_hole_status ours = { .size = hole->size, .position = position };
	int err;

	if (ours.size < HOLE_SIZE_0_1)
		return -EINVAL;
	err = h->host->hole(h, position, &ours);
	if (err)
		return err;
	lib_copy_out(hole, ours.size, &ours, sizeof(ours));
	return 0;
}
