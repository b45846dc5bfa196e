// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Holes of the embedded host: which writer left them, and why.
 *
 * No process sees how another one ends, so a writer that died has no signal here.  All of
 * this holds the slow-path lock.
 */
#include <string.h>

#include "embedded.h"
#include "engine/reader.h"

/* Note this process as the user of writer @id. */
void emb_writer_own(struct ringbuf *ring, u32 id)
{
	const struct emb_seat *p =
		&ring->header->seat[emb_seat_index(ring, RINGBUF_ROLE_WRITER, id)];
	struct emb_writer *w = emb_writer(ring, id);

	w->pid = p->pid;
	w->pid_space = p->pid_space;
	memset(w->comm, 0, sizeof(w->comm));
	emb_pid_comm(w->pid, w->comm);
}

/*
 * Record that writer @id has ended, by @died, and left @count holes, the last before @end.  If
 * this process is killed before the end of it, nothing is known of these holes: the end of
 * the record is 0 until all else is set.
 */
void emb_hole_record(struct ringbuf *ring, u32 id, bool died, u64 count, u64 end)
{
	struct emb_hole *r;

	if (!count)
		return;
	r = &ring->header->hole[ring->header->next_hole % EMB_HOLES];
	WRITE_ONCE(r->end, 0);
	barrier();
	r->first = end - (count < end ? count : end);
	r->id = id;
	r->cause = died ? RINGBUF_CAUSE_DIED : RINGBUF_CAUSE_LEFT;
	r->writer = *emb_writer(ring, id);
	ring->header->next_hole++;
	barrier();
	WRITE_ONCE(r->end, end);
}

/* Return the latest record that has the hole @pos, or NULL. */
static const struct emb_hole *record_find(const struct ringbuf *ring, u64 pos)
{
	u32 next = ring->header->next_hole, i;

	for (i = 1; i <= EMB_HOLES; i++) {
		const struct emb_hole *r = &ring->header->hole[(next - i) % EMB_HOLES];

		if (r->first <= pos && pos < r->end)
			return r;
	}
	return NULL;
}

static void tell(struct ringbuf_hole_status *hole, u32 cause, u32 id, const struct emb_writer *w)
{
	hole->cause = cause;
	hole->writer = id;
	hole->pid = emb_pid_here(w->pid, w->pid_space);
	if (hole->pid)
		emb_comm_copy(hole->comm, w->comm);
}

/* Fill in @hole, whose writer took the slot at @pos back. */
static void discarded(struct ringbuf *ring, u64 pos, struct ringbuf_hole_status *hole)
{
	u64 claim = READ_ONCE(ring->view.claim[rb_index(&ring->view, pos)]);
	u32 id = rb_claim_writer(claim);

	hole->cause = RINGBUF_CAUSE_DISCARDED;
	if (rb_claim_ahead(claim, pos) || !id || id > ring->layout.max_writers)
		return;
	/* Another writer may have got the id since. */
	if (pos >= emb_writer(ring, id)->first)
		tell(hole, RINGBUF_CAUSE_DISCARDED, id, emb_writer(ring, id));
}

static int hole_find(struct ringbuf *ring, u64 pos, struct ringbuf_hole_status *hole)
{
	const struct rb_view *v = &ring->view;
	u64 state = smp_load_acquire(&v->desc[rb_index(v, pos)].state); /* (A) */
	const struct emb_hole *r;

	if (!rb_state_phase(state) || rb_state_pos(state) < pos ||
	    state == rb_state(pos, RINGBUF_COMMITTED))
		return -ENODATA;
	if (state == rb_state(pos, RINGBUF_DISCARDED) && !rb_exclusive(v)) {
		discarded(ring, pos, hole);
		return 0;
	}
	r = record_find(ring, pos);
	if (r)
		tell(hole, r->cause, r->id, &r->writer);
	return r || rb_is_hole(state, pos) ? 0 : -ENODATA;
}

/* See struct lib_host. */
int emb_hole(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole)
{
	int err = emb_lock(h->ring);

	if (err)
		return err;
	err = hole_find(h->ring, position, hole);
	emb_unlock(h->ring);
	return err;
}
