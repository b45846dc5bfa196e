// SPDX-License-Identifier: GPL-2.0
/*
 * The blocker: the reader or writer that limits the writers of a ring, and since when it
 * stands where it is.
 *
 * Positions only grow.  So if two looks find the same blocker at the same position, it has
 * been there all the time between them, and the first look is the time to report.  Each
 * writer that begins to wait looks.
 */
#include <linux/nospec.h>
#include <linux/time_namespace.h>

#include "internal.h"

/* Return since when, at least, @b is the blocker, by ktime_get_ns(); 0: there is none. */
static u64 blocker_since(struct rb_ring *ring, const struct rb_blocker *b, u64 head)
{
	struct rb_last_look look = { .blocker = *b, .since = ktime_get_ns() };
	struct rb_last_look *last = &ring->look;

	if (b->row != RB_NO_ROW)
		look.generation = READ_ONCE(rb_row(&ring->view, b->row)->generation);
	else if (!b->writer)
		return 0;
	/* A reader that has read everything holds nobody up. */
	if (!b->writer && b->position >= head)
		return look.since;
	spin_lock(&ring->wait_lock);
	if (last->generation == look.generation && last->blocker.row == b->row &&
	    last->blocker.writer == b->writer && last->blocker.position == b->position)
		look.since = min(look.since, last->since);
	*last = look;
	spin_unlock(&ring->wait_lock);
	return look.since;
}

/* Look at the blocker of @ring: a writer has to wait. */
void rb_blocker_look(struct rb_ring *ring)
{
	u64 head = rb_head(&ring->view);
	struct rb_blocker b;

	rb_find_blocker(&ring->view, head, &b);
	blocker_since(ring, &b, head);
}

/* Return the seat of @b, or NULL if the words, which user space writes, name a free one. */
static struct rb_seat *blocker_seat(struct rb_ring *ring, const struct rb_blocker *b)
{
	struct rb_seat *seat;

	if (b->writer)
		seat = &ring->ids[array_index_nospec(b->writer - 1, ring->layout.max_writers)];
	else
		seat = &ring->rows[b->row];
	return seat->handle || seat->deferred ? seat : NULL;
}

/* Fill in @r: what blocks the writers of @ring, whose head is @head, for a caller in @ns. */
void rb_blocker_report(struct rb_ring *ring, u64 head, struct pid_namespace *ns,
		       struct rb_blocker_report *r)
{
	struct rb_seat *seat;
	struct rb_blocker b;

	lockdep_assert_held(&ring->lock);
	memset(r, 0, sizeof(*r));
	rb_find_blocker(&ring->view, head, &b);
	r->position = b.position;
	r->lag = head > b.position ? head - b.position : 0;
	r->since = blocker_since(ring, &b, head);
	if (!r->since)
		return;
	r->kind = b.writer ? RINGBUF_BLOCKER_WRITER : RINGBUF_BLOCKER_READER;
	r->id = b.writer ?: b.row;
	seat = blocker_seat(ring, &b);
	if (!seat)
		return;
	rb_process_refresh(&seat->process);
	rb_process_tell(&seat->process, ns, &r->pid, r->comm);
}

/* Convert the kernel's time @ns to the caller's CLOCK_MONOTONIC; 0 stays 0. */
u64 rb_blocker_caller_ns(u64 ns)
{
	struct timespec64 ts = ns_to_timespec64(ns);

	if (!ns)
		return 0;
	timens_add_monotonic(&ts);
	return timespec64_to_ns(&ts);
}
