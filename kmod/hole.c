// SPDX-License-Identifier: GPL-2.0
/*
 * RINGBUF_IOC_HOLE: which writer left a hole, and why.
 *
 * An honest writer has one reservation at a time, so the slots that it leaves unfinished
 * follow each other.  The ring keeps a record of the last writers that left some, with
 * their positions.  So the answer needs neither the slot, which may have been used again,
 * nor the id, which another writer may have.
 */
#include <linux/nospec.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"

/* How many records a ring keeps at least. */
#define LEAST_RECORDS 16

/**
 * struct rb_hole_record - a writer that has ended and left holes
 * @first: the first hole
 * @end: the position after the last one; 0: the record is empty
 * @writer: the id that the writer had
 * @process: its process
 * @how: how it ended
 */
struct rb_hole_record {
	u64 first;
	u64 end;
	u32 writer;
	struct rb_process process;
	struct rb_ending how;
};

static u32 record_count(const struct rb_ring *ring)
{
	return max_t(u32, ring->layout.max_writers, LEAST_RECORDS);
}

/* Allocate the records of a new ring. */
int rb_holes_alloc(struct rb_ring *ring)
{
	ring->holes = kvcalloc(record_count(ring), sizeof(*ring->holes), RB_GFP_LARGE);
	return ring->holes ? 0 : -ENOMEM;
}

/* Free the records of @ring, which no task uses any more. */
void rb_holes_free(struct rb_ring *ring)
{
	u32 i;

	for (i = 0; ring->holes && i < record_count(ring); i++)
		rb_process_clear(&ring->holes[i].process);
	kvfree(ring->holes);
}

/*
 * Note how the writer that has @seat ends: @cause is one of RINGBUF_HOLE_*; for _DIED, find
 * out how its process ends.
 */
void rb_hole_ending(struct rb_seat *seat, u32 cause)
{
	rb_process_refresh(&seat->process);
	seat->how.cause = cause;
	seat->how.code = 0;
	if (cause == RINGBUF_HOLE_DIED)
		seat->how.cause = rb_process_end(&seat->process, &seat->how.code);
}

/* Record that writer @id has ended and left @count holes, the last one before @end. */
void rb_hole_record(struct rb_ring *ring, u32 id, u64 count, u64 end)
{
	struct rb_seat *seat = &ring->ids[id - 1];
	struct rb_hole_record *r;

	lockdep_assert_held(&ring->lock);
	if (!count)
		return;
	r = &ring->holes[ring->next_hole];
	ring->next_hole = (ring->next_hole + 1) % record_count(ring);
	r->end = end;
	r->first = end - min(count, end);
	r->writer = id;
	r->how = seat->how;
	rb_process_copy(&r->process, &seat->process);
}

/* Return the latest record that has the hole @pos, or NULL. */
static struct rb_hole_record *record_find(struct rb_ring *ring, u64 pos)
{
	u32 count = record_count(ring), at = ring->next_hole, i;

	for (i = 0; i < count; i++) {
		struct rb_hole_record *r;

		at = at ? at - 1 : count - 1;
		r = &ring->holes[at];
		if (r->first <= pos && pos < r->end)
			return r;
	}
	return NULL;
}

/* Fill in @hole, whose writer took the slot at @pos back. */
static void hole_discarded(struct rb_ring *ring, u64 pos, struct ringbuf_hole *hole)
{
	u64 claim = READ_ONCE(ring->view.claim[rb_index(&ring->view, pos)]);
	u32 id = rb_claim_writer(claim);
	struct rb_seat *seat;

	hole->cause = RINGBUF_HOLE_DISCARDED;
	if (rb_claim_ahead(claim, pos) || !id || id > ring->layout.max_writers)
		return;
	seat = &ring->ids[array_index_nospec(id - 1, ring->layout.max_writers)];
	/* Another writer may have got the id since. */
	if (pos < seat->first)
		return;
	hole->writer = id;
	if (seat->live && !seat->deferred)
		rb_process_refresh(&seat->process);
	rb_process_tell(&seat->process, task_active_pid_ns(current), &hole->pid, hole->comm);
}

static void hole_repaired(struct rb_hole_record *r, struct ringbuf_hole *hole)
{
	hole->cause = r->how.cause;
	hole->code = r->how.code;
	hole->writer = r->writer;
	rb_process_tell(&r->process, task_active_pid_ns(current), &hole->pid, hole->comm);
}

/* Fill in @hole.  Returns -ENODATA if its position is not known to be a hole. */
static int hole_find(struct rb_ring *ring, struct ringbuf_hole *hole)
{
	const struct rb_view *v = &ring->view;
	u64 pos = hole->position;
	u64 state = smp_load_acquire(&v->desc[rb_index(v, pos)].state); /* (A) */
	struct rb_hole_record *r;

	lockdep_assert_held(&ring->lock);
	if (!rb_state_phase(state) || rb_state_pos(state) < pos ||
	    state == rb_state(pos, RINGBUF_COMMITTED))
		return -ENODATA;
	/* An exclusive ring has no holes and no claims. */
	if (state == rb_state(pos, RINGBUF_DISCARDED) && !rb_exclusive(v)) {
		hole_discarded(ring, pos, hole);
		return 0;
	}
	r = record_find(ring, pos);
	if (r)
		hole_repaired(r, hole);
	return r || rb_is_hole(state, pos) ? 0 : -ENODATA;
}

long rb_ioctl_hole(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_hole hole = { 0 }, in;
	int err;

	err = rb_arg_get(&in, sizeof(in), RINGBUF_HOLE_SIZE_VER0, arg);
	if (err)
		return err;
	if (in.flags)
		return -EINVAL;
	if (!ring)
		return -EBADFD;
	hole.size = in.size;
	hole.position = in.position;
	mutex_lock(&ring->lock);
	err = hole_find(ring, &hole);
	mutex_unlock(&ring->lock);
	return err ? err : rb_arg_put(arg, &hole, sizeof(hole));
}
