// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Places of the embedded host: attach, first use, detach, repair.
 *
 * All of it happens under the slow-path lock.  Its holder may be killed at any
 * instruction: the header says that he was at work, and the next one recounts
 * what is counted and ends what was half begun.
 */
#include <unistd.h>

#include "embedded.h"

static struct emb_place *place_of(const struct ringbuf *ring, u32 role, u32 id)
{
	return &ring->header->place[emb_place_index(ring, role, id)];
}

static u32 used_byte(const struct ringbuf *ring, u32 role, u32 id)
{
	return EMB_BYTE_USED + emb_place_index(ring, role, id);
}

static void recover(struct ringbuf *ring)
{
	const struct rb_view *v = &ring->view;
	u32 writers = 0, i;

	for (i = 1; i <= v->max_writers; i++)
		writers += place_of(ring, RINGBUF_ROLE_WRITER, i)->state != EMB_FREE;
	smp_store_release(&v->info->writers, writers);
	for (i = 0; i < v->max_readers; i++)
		if (place_of(ring, RINGBUF_ROLE_READER, i)->state == EMB_FREE)
			rb_detach_reader(v, i);
	emb_wake_all(ring);
}

static void locked(struct ringbuf *ring)
{
	if (ring->header->dirty)
		recover(ring);
	WRITE_ONCE(ring->header->dirty, 1);
}

void emb_lock(struct ringbuf *ring)
{
	emb_file_lock(ring->file);
	locked(ring);
}

void emb_unlock(struct ringbuf *ring)
{
	smp_store_release(&ring->header->dirty, 0);
	emb_file_unlock(ring->file);
}

/* The place becomes free last: who finds it half ended ends it again. */
static void place_end(struct ringbuf *ring, u32 role, u32 id, bool died)
{
	struct emb_place *p = place_of(ring, role, id);
	u64 end;

	if (role == RINGBUF_ROLE_WRITER) {
		ring->header->repaired += rb_repair(&ring->view, id, &end);
		if (end > p->retired)
			p->retired = end;
		ring->header->writer_waits += p->waits;
		p->waits = 0;
		rb_end_writer(&ring->view, id, died);
	} else {
		rb_detach_reader(&ring->view, id);
	}
	WRITE_ONCE(p->waiter, 0);
	p->pid = 0;
	smp_store_release(&p->state, EMB_FREE);
	emb_byte_drop(ring->file, used_byte(ring, role, id));
}

static bool place_alive(struct ringbuf *ring, u32 role, u32 id)
{
	struct emb_place *p = place_of(ring, role, id);

	if (p->state == EMB_KEPT)
		return emb_kept(ring, p);
	return emb_byte_held(ring->file, used_byte(ring, role, id));
}

static bool reap_role(struct ringbuf *ring, u32 role, u32 first, u32 end)
{
	bool any = false;
	u32 id;

	for (id = first; id < end; id++) {
		if (place_of(ring, role, id)->state == EMB_FREE || place_alive(ring, role, id))
			continue;
		place_end(ring, role, id, true);
		any = true;
	}
	return any;
}

static bool reap_locked(struct ringbuf *ring)
{
	bool any = reap_role(ring, RINGBUF_ROLE_WRITER, 1, ring->layout.max_writers + 1);

	any |= reap_role(ring, RINGBUF_ROLE_READER, 0, rb_rows(&ring->view));
	if (any)
		emb_wake_all(ring);
	WRITE_ONCE(ring->header->reaped, rb_clock(CLOCK_MONOTONIC_COARSE));
	return any;
}

/*
 * End what dead processes have left, unless somebody has just looked for it or
 * is at it: who waits must not miss its timeout because another is stopped with
 * the lock.  True when there was something.
 */
bool emb_reap(struct ringbuf *ring)
{
	bool any;

	if (rb_clock(CLOCK_MONOTONIC_COARSE) - READ_ONCE(ring->header->reaped) < EMB_SLICE_NS / 2)
		return false;
	if (!emb_file_trylock(ring->file))
		return false;
	locked(ring);
	any = reap_locked(ring);
	emb_unlock(ring);
	return any;
}

/* These two touch @id on success only: a handle that fails keeps the one it had. */
static int find_row(struct ringbuf *ring, u32 *id)
{
	u32 i;

	for (i = 0; i < ring->layout.max_readers; i++) {
		if (place_of(ring, RINGBUF_ROLE_READER, i)->state != EMB_FREE)
			continue;
		*id = i;
		return 0;
	}
	return -ENOSPC;
}

/* An id is not given away while a hole that names it may still be read. */
static int find_writer(struct ringbuf *ring, u32 *id)
{
	u32 n = ring->layout.max_writers, row, try, i;
	u64 min = rb_gate_min(&ring->view, &row);
	struct emb_place *p;

	for (i = 0; i < n; i++) {
		try = 1 + (ring->header->next_writer + i) % n;
		p = place_of(ring, RINGBUF_ROLE_WRITER, try);
		if (p->state != EMB_FREE || p->retired > min)
			continue;
		ring->header->next_writer = try % n;
		*id = try;
		return 0;
	}
	return rb_exclusive(&ring->view) ? -EBUSY : -ENOSPC;
}

static u64 start_position(enum ringbuf_start start, u64 position)
{
	if (start == RINGBUF_FROM_HEAD)
		return ~0ULL;
	return start == RINGBUF_FROM_OLDEST ? 0 : position;
}

static int attach_locked(struct rb_handle *h, enum ringbuf_start start, u64 position)
{
	struct ringbuf *ring = h->ring;
	struct emb_place *p;
	int err;

	reap_locked(ring);
	err = h->role == RINGBUF_ROLE_READER ? find_row(ring, &h->id) : find_writer(ring, &h->id);
	if (err)
		return err;
	p = place_of(ring, h->role, h->id);
	h->generation = ++p->generation;
	h->fd = emb_keep(ring, p);
	if (h->fd < 0)
		return h->fd;
	p->pid = getpid();
	p->waits = 0;
	if (h->role == RINGBUF_ROLE_READER)
		h->start = rb_attach_reader(&ring->view, h->id, start_position(start, position));
	else
		rb_attach_writer(&ring->view, h->id);
	smp_store_release(&p->state, EMB_KEPT);
	/* A writer may have armed a cursor that this row was at for a moment. */
	emb_wake_all(ring);
	return 0;
}

int emb_attach(struct rb_handle *h, enum ringbuf_start start, u64 position)
{
	int err;

	emb_lock(h->ring);
	err = attach_locked(h, start, position);
	emb_unlock(h->ring);
	return err;
}

static void keep_close(struct rb_handle *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static bool place_is_ours(struct rb_handle *h)
{
	struct emb_place *p = emb_place(h);

	return p->state != EMB_FREE && p->generation == h->generation;
}

/* Become its user.  A shared writer of another process gets a place of its own. */
static int enter_locked(struct rb_handle *h)
{
	struct ringbuf *ring = h->ring;
	bool shared = h->role == RINGBUF_ROLE_WRITER && !rb_exclusive(&ring->view);
	int err;

	reap_locked(ring);
	if (!place_is_ours(h) && !shared)
		return -ESTALE;
	if (!place_is_ours(h) || !emb_byte_take(ring->file, used_byte(ring, h->role, h->id))) {
		if (!shared)
			return -EBUSY;
		keep_close(h);
		err = attach_locked(h, RINGBUF_FROM_HEAD, 0);
		if (err)
			return err;
		if (!emb_byte_take(ring->file, used_byte(ring, h->role, h->id)))
			return -EBUSY;
	}
	emb_place(h)->pid = getpid();
	smp_store_release(&emb_place(h)->state, EMB_USED);
	keep_close(h);
	return 0;
}

int emb_enter(struct rb_handle *h)
{
	int err;

	h->view = h->ring->view;
	h->data = h->ring->data;
	emb_lock(h->ring);
	err = enter_locked(h);
	emb_unlock(h->ring);
	return err;
}

/* The handle goes here; the place too, if this process used it or nobody else may. */
void emb_leave(struct rb_handle *h)
{
	struct ringbuf *ring = h->ring;
	struct emb_place *p = emb_place(h);

	emb_lock(ring);
	keep_close(h);
	if (!h->detached && place_is_ours(h) &&
	    (p->state == EMB_USED ? h->process == rb_process() : !emb_kept(ring, p))) {
		place_end(ring, h->role, h->id, false);
		emb_wake_all(ring);
	}
	emb_unlock(ring);
	h->detached = true;
}

int emb_done(struct rb_handle *h)
{
	emb_lock(h->ring);
	place_end(h->ring, RINGBUF_ROLE_WRITER, h->id, false);
	emb_wake_all(h->ring);
	emb_unlock(h->ring);
	h->detached = true;
	return 0;
}
