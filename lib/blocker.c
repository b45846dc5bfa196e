// SPDX-License-Identifier: LGPL-2.1-or-later
/* The blocker of a ring, and the writers that left holes: what both hosts tell. */
#include <string.h>

#include "inside.h"
#include "internal.h"

/* Sizes in the first version that had these structures. */
#define BLOCKER_SIZE_0_1 sizeof(struct ringbuf_blocker)
#define HOLE_SIZE_0_1	 sizeof(struct ringbuf_hole_status)

/* Copy what @status tells of a blocker from @blocker. */
void lib_blocker_status(struct ringbuf_status *status, const struct ringbuf_blocker *blocker)
{
	status->blocker_kind = blocker->kind;
	status->blocker_id = blocker->id;
	status->blocker_pid = blocker->pid;
	status->blocker_position = blocker->position;
	status->blocker_lag = blocker->lag;
	status->blocker_since = blocker->since;
	status->readers_lacking = blocker->readers_lacking;
	memcpy(status->blocker_comm, blocker->comm, sizeof(status->blocker_comm));
}

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
	memset(blocker, 0, ours.size);
	memcpy(blocker, &ours, ours.size < sizeof(ours) ? ours.size : sizeof(ours));
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
	memset(hole, 0, ours.size);
	memcpy(hole, &ours, ours.size < sizeof(ours) ? ours.size : sizeof(ours));
	return 0;
}
