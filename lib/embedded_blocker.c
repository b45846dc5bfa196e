// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The blocker on the embedded host, and since when it stands where it is.  Takes no lock, so
 * that a writer which must not wait can ask.
 *
 * Positions only grow, so two looks that find the same blocker at the same position span the
 * time between them.  Each writer that begins to wait looks.
 */
#include <string.h>

#include "embedded.h"
#include "engine/ready.h"

/* Return a number for @b and its position that is not 0; 0: there is no blocker. */
static u64 look_key(const struct rb_blocker *b)
{
	static_assert(RINGBUF_MAX_READERS <= 1 << 12, "an id fits into its bits");
	u64 key = b->position << 14;

	if (b->writer)
		return key | (u64)b->writer << 2 | RINGBUF_BLOCKED_BY_WRITER;
	return b->row == RB_NO_ROW ? 0 : key | (u64)b->row << 2 | RINGBUF_BLOCKED_BY_READER;
}

/*
 * Return since when, at least, @b is the blocker, by CLOCK_MONOTONIC; 0: there is none.  Two
 * processes that look at once store nearly the same time; one that is killed between the
 * stores leaves no key, and the time begins again.
 */
static u64 blocker_since(struct emb_header *header, const struct rb_blocker *b, u64 head)
{
	u64 key = look_key(b), now;

	if (!key)
		return 0;
	/* A reader that has read everything holds nobody up. */
	if (!b->writer && b->position >= head)
		return lib_clock(CLOCK_MONOTONIC);
	/* Matches the release below: the time is that of this key, or of a later look. */
	if (smp_load_acquire(&header->look) == key)
		return READ_ONCE(header->looked);
	now = lib_clock(CLOCK_MONOTONIC);
	WRITE_ONCE(header->look, 0);
	/* Store 0 first, so that no process takes the new time for that of the old key. */
	smp_store_release(&header->looked, now);
	smp_store_release(&header->look, key);
	return now;
}

/* Look at the blocker of @ring: a writer begins to wait. */
void emb_blocker_look(struct ringbuf *ring)
{
	u64 head = rb_head(&ring->view);
	struct rb_blocker b;

	rb_find_blocker(&ring->view, head, &b);
	blocker_since(ring->header, &b, head);
}

/* See struct lib_host. */
int emb_blocker(struct ringbuf *ring, struct ringbuf_blocker *blocker)
{
	const struct emb_seat *seat = ring->header->seat;
	u64 head = rb_head(&ring->view);
	struct rb_blocker b;

	rb_find_blocker(&ring->view, head, &b);
	blocker->position = b.position;
	blocker->lag = head > b.position ? head - b.position : 0;
	blocker->since = blocker_since(ring->header, &b, head);
	blocker->readers_lacking = rb_readers_lacking(&ring->view);
	if (!blocker->since)
		return 0;
	if (b.writer) {
		blocker->kind = RINGBUF_BLOCKED_BY_WRITER;
		blocker->id = b.writer;
		seat += emb_seat_index(ring, RINGBUF_ROLE_WRITER, b.writer);
	} else {
		blocker->kind = RINGBUF_BLOCKED_BY_READER;
		blocker->id = b.row;
		seat += b.row;
	}
	blocker->pid = emb_seat_pid(seat);
	if (blocker->pid && !emb_pid_comm(blocker->pid, blocker->comm) && b.writer)
		emb_comm_copy(blocker->comm, emb_writer(ring, b.writer)->comm);
	return 0;
}
