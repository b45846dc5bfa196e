// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Policies of readers on the embedded host; see engine/hold.h.
 *
 * The writers that wait look at the readers themselves: each when a reader blocks it, then
 * every EMB_POLICY_NS while it sleeps, and on behalf of all that sleep.
 */
#include "embedded.h"

/* Evict or skip the readers that have held up a writer that wants positions below @end. */
static bool look(struct ringbuf *ring, u64 end)
{
	const struct rb_view *v = &ring->view;
	u64 now = lib_clock(CLOCK_MONOTONIC);
	bool changed = false;
	u32 row;

	for (row = 0; row < rb_rows(v); row++) {
		struct emb_seat *p = &ring->header->seat[row];
		/* A copy, which a peer that breaks the rules cannot change meanwhile. */
		struct rb_policy policy = p->policy;

		if (p->state == EMB_FREE ||
		    rb_policy_look(v, row, &policy, &p->hold, end, now) != RB_LOOK_DUE)
			continue;
		if ((policy.kind & RINGBUF_POLICY_KIND) == RINGBUF_POLICY_EVICT) {
			rb_evict_reader(v, row);
			rb_discount_policy(v, &policy);
		} else {
			rb_skip_reader(v, row, &p->hold);
		}
		changed = true;
	}
	if (changed)
		emb_wake_all(ring);
	return changed;
}

/* See struct lib_host. */
int emb_relieve(struct lib_handle *h, u32 count)
{
	LIB_NO_CANCEL;
	bool changed;

	if (!emb_trylock(h->ring))
		return -EAGAIN;
	changed = !rb_gate_closed(&h->view) && look(h->ring, rb_head(&h->view) + count);
	emb_unlock(h->ring);
	return changed ? 0 : -EAGAIN;
}

/* The end of the positions that the writers want which sleep for a reader; 0: there are none. */
static u64 wanted(const struct ringbuf *ring)
{
	const struct emb_seat *p = &ring->header->seat[ring->layout.max_readers];
	u64 end = 0;
	u32 i;

	for (i = 0; i < ring->layout.max_writers; i++) {
		u64 waiter = READ_ONCE(p[i].waiter);

		if (!READ_ONCE(p[i].asleep) || (waiter & RB_WAIT_KIND) != RB_WAIT_CURSOR)
			continue;
		if (end < rb_gate_end(waiter >> 2, ring->view.slots))
			end = rb_gate_end(waiter >> 2, ring->view.slots);
	}
	return end;
}

/* Look at the readers on behalf of all writers that sleep. */
void emb_policy_check(struct ringbuf *ring)
{
	LIB_NO_CANCEL;
	u64 end;

	if (!READ_ONCE(ring->view.info->policies) || rb_gate_closed(&ring->view))
		return;
	end = wanted(ring);
	if (!end || !emb_trylock(ring))
		return;
	look(ring, end);
	emb_unlock(ring);
}

/* See struct lib_host. */
int emb_proceed(struct lib_handle *h)
{
	LIB_NO_CANCEL;
	int err = emb_lock(h->ring);

	if (err)
		return err;
	if (!emb_seat_is_ours(h))
		err = -ESTALE;
	else if (rb_row_skipped(&h->view, h->id))
		rb_continue_reader(&h->view, h->id, &emb_seat(h)->hold);
	emb_unlock(h->ring);
	return err;
}
