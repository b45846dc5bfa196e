// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Seats of the embedded host: attach, first use, detach, repair.
 *
 * All of these hold the slow-path lock.  Its holder may be killed at any instruction.  The
 * header's dirty flag then tells the next holder to recount writers and rows, and to end
 * members that were only half attached.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "embedded.h"

static struct emb_seat *seat_of(const struct ringbuf *ring, u32 role, u32 id)
{
	return &ring->header->seat[emb_seat_index(ring, role, id)];
}

static u32 used_byte(const struct ringbuf *ring, u32 role, u32 id)
{
	return EMB_BYTE_USED + emb_seat_index(ring, role, id);
}

static void row_take(struct ringbuf *ring, u32 row)
{
	ring->header->taken[row / 64] |= 1ULL << row % 64;
}

static void row_give(struct ringbuf *ring, u32 row)
{
	ring->header->taken[row / 64] &= ~(1ULL << row % 64);
}

/* Count the readers with a policy again. */
static void policies_count(struct ringbuf *ring)
{
	const struct rb_view *v = &ring->view;
	u32 policies = 0, i;

	for (i = 0; i < v->max_readers; i++) {
		const struct emb_seat *p = seat_of(ring, RINGBUF_ROLE_READER, i);

		if (p->state != EMB_FREE && !rb_row_evicted(v, i))
			policies += rb_policy_acts(&p->policy);
	}
	WRITE_ONCE(v->info->policies, policies);
}

/* Repair the counts that a killed holder of the slow-path lock may have left wrong. */
static void recover(struct ringbuf *ring)
{
	const struct rb_view *v = &ring->view;
	u32 writers = 0, i;

	for (i = 1; i <= v->max_writers; i++)
		writers += seat_of(ring, RINGBUF_ROLE_WRITER, i)->state != EMB_FREE;
	smp_store_release(&v->info->writers, writers);
	/* A process was killed while it attached or ended a writer: count that as a death. */
	if (!writers && v->info->writers_ever && v->info->ended == RINGBUF_END_NONE)
		WRITE_ONCE(v->info->ended, RINGBUF_END_DIED);
	for (i = 0; i < v->max_readers; i++) {
		if (seat_of(ring, RINGBUF_ROLE_READER, i)->state == EMB_FREE) {
			rb_detach_reader(v, i);
			row_give(ring, i);
		} else {
			row_take(ring, i);
		}
	}
	policies_count(ring);
	emb_wake_all(ring);
}

/*
 * The locks of this process were dropped for a while, so other processes may have taken some
 * of its seats.  Drop the bytes of those.
 */
static void renewed(struct ringbuf *ring)
{
	u32 n = ring->layout.max_readers + ring->layout.max_writers, i;
	const struct emb_seat *p = ring->header->seat;

	for (i = 0; i < n; i++, p++)
		if (emb_byte_mine(ring->file, EMB_BYTE_USED + i) &&
		    (p->state != EMB_USED || p->pid != getpid()))
			emb_byte_drop(ring->file, EMB_BYTE_USED + i);
}

static void locked(struct ringbuf *ring)
{
	if (ring->header->dirty)
		recover(ring);
	WRITE_ONCE(ring->header->dirty, 1);
	if (unlikely(emb_file_renewed(ring->file)))
		renewed(ring);
}

/*
 * Take the slow-path lock and recover from a killed holder.  -EBUSY: the lock is stuck.
 * -EBADF, or another error: the program closed the descriptor, and opening the file again
 * failed.
 */
int emb_lock(struct ringbuf *ring)
{
	int err = emb_file_lock(ring->file, &ring->header->unlocks);

	if (!err)
		locked(ring);
	return err;
}

/* Take the lock if nobody holds it.  For callers that must not wait for its holder. */
bool emb_trylock(struct ringbuf *ring)
{
	if (emb_file_trylock(ring->file))
		return false;
	locked(ring);
	return true;
}

void emb_unlock(struct ringbuf *ring)
{
	smp_store_release(&ring->header->dirty, 0);
	emb_file_unlock(ring->file, &ring->header->unlocks);
}

/*
 * End the member at a seat.  Set the seat free last: if this process is killed before, the
 * next holder of the slow-path lock ends the member again.
 */
static void seat_end(struct ringbuf *ring, u32 role, u32 id, bool died)
{
	struct emb_seat *p = seat_of(ring, role, id);
	u64 end, holes, retired;

	if (role == RINGBUF_ROLE_WRITER) {
		/* It stays so high if this process is killed in the repair. */
		retired = p->retired;
		WRITE_ONCE(p->retired, rb_head(&ring->view) + ring->layout.slot_count);
		barrier();
		holes = rb_repair(&ring->view, id, &end);
		ring->header->repaired += holes;
		emb_hole_record(ring, id, died, holes, end);
		barrier();
		WRITE_ONCE(p->retired, retired < end ? end : retired);
		ring->header->writer_waits += p->waits;
		p->waits = 0;
		rb_end_writer(&ring->view, id, died);
	} else {
		if (!rb_row_evicted(&ring->view, id))
			rb_discount_policy(&ring->view, &p->policy);
		/* If the reader lives after all, it must not read slots that writers reuse. */
		if (died)
			rb_evict_reader(&ring->view, id);
		rb_detach_reader(&ring->view, id);
	}
	WRITE_ONCE(p->waiter, 0);
	if (READ_ONCE(p->asleep) == EMB_SLEEPS)
		__atomic_sub_fetch(&ring->header->waiters, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(p->asleep, 0);
	p->pid = 0;
	smp_store_release(&p->state, EMB_FREE);
	if (role == RINGBUF_ROLE_READER)
		row_give(ring, id);
	emb_byte_drop(ring->file, used_byte(ring, role, id));
}

/*
 * Open a descriptor that holds @seat, which has no user yet, for its present generation.  Returns
 * the descriptor or -errno.
 */
static int unused_open(const struct ringbuf *ring, const struct emb_seat *seat)
{
	int fd = emb_fd_reopen(emb_file_own(ring->file)), err;

	if (fd < 0)
		return fd;
	err = emb_byte_lock(fd, F_WRLCK,
			    EMB_BYTE_UNUSED(seat - ring->header->seat, seat->generation));
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Return whether a process has the descriptor that unused_open() returned. */
static bool unused_held(const struct ringbuf *ring, const struct emb_seat *seat)
{
	return emb_byte_elsewhere(ring->file,
				  EMB_BYTE_UNUSED(seat - ring->header->seat, seat->generation));
}

static void unused_close(struct lib_handle *h)
{
	emb_fd_close(h->ring->file, h->fd);
	h->fd = -1;
}

/*
 * Return whether a process uses the seat, or holds it unused.  Check the byte last: a first user
 * locks the byte before it closes the descriptor.
 */
static bool seat_alive(struct ringbuf *ring, u32 role, u32 id)
{
	struct emb_seat *p = seat_of(ring, role, id);

	if (READ_ONCE(p->state) == EMB_UNUSED && unused_held(ring, p))
		return true;
	return emb_byte_held(ring->file, used_byte(ring, role, id));
}

/*
 * Lock the byte of a seat that has no user, so that no process becomes its first user
 * before seat_end() drops the byte.  False: the seat has a user, or is about to get one.
 */
static bool seat_claim(struct ringbuf *ring, u32 role, u32 id)
{
	return !seat_alive(ring, role, id) && emb_byte_take(ring->file, used_byte(ring, role, id));
}

static bool reap_role(struct ringbuf *ring, u32 role, u32 first, u32 end)
{
	bool any = false;
	u32 id;

	for (id = first; id < end; id++) {
		if (READ_ONCE(seat_of(ring, role, id)->state) == EMB_FREE ||
		    !seat_claim(ring, role, id))
			continue;
		seat_end(ring, role, id, true);
		/* A repair takes long in a large ring: show that the lock is not stuck. */
		__atomic_add_fetch(&ring->header->unlocks, 1, __ATOMIC_RELAXED);
		any = true;
	}
	return any;
}

/* End the writers that died, and with @readers the readers too.  True: there were some. */
static bool reap_locked(struct ringbuf *ring, bool readers)
{
	bool any = reap_role(ring, RINGBUF_ROLE_WRITER, 1, ring->layout.max_writers + 1);
	u64 now = lib_clock(CLOCK_MONOTONIC_COARSE);

	if (readers) {
		any |= reap_role(ring, RINGBUF_ROLE_READER, 0, rb_rows(&ring->view));
		WRITE_ONCE(ring->header->reaped[0], now);
	}
	if (any)
		emb_wake_all(ring);
	WRITE_ONCE(ring->header->reaped[1], now);
	return any;
}

/*
 * End the writers that died, and with @readers the readers too, unless another process has
 * done so just before or holds the lock: a waiter must not miss its timeout because the
 * holder of the lock is stopped.  True: there were some.
 */
bool emb_reap(struct ringbuf *ring, bool readers)
{
	u64 before = READ_ONCE(ring->header->reaped[readers ? 0 : 1]);
	LIB_NO_CANCEL;
	bool any;

	if (lib_clock(CLOCK_MONOTONIC_COARSE) - before < EMB_SLICE_NS / 2)
		return false;
	if (!emb_trylock(ring))
		return false;
	any = reap_locked(ring, readers);
	emb_unlock(ring);
	return any;
}

/* Take the lock and end the members of dead processes, so that the caller reports living ones. */
int emb_lock_reap(struct ringbuf *ring)
{
	int err = emb_lock(ring);

	if (!err)
		reap_locked(ring, true);
	return err;
}

/* Find the lowest free row, so that writers have few rows to scan.  -ENOSPC: none is free. */
static int free_row(const struct ringbuf *ring)
{
	u32 row, max = ring->layout.max_readers;
	u64 free;

	for (row = 0; row < max; row += 64) {
		free = ~READ_ONCE(ring->header->taken[row / 64]);
		if (!free)
			continue;
		row += (u32)__builtin_ctzll(free);
		return row < max ? (int)row : -ENOSPC;
	}
	return -ENOSPC;
}

/* Find a free row.  Sets @id on success only. */
static int find_row(struct ringbuf *ring, u32 *id)
{
	int row = free_row(ring);

	if (row < 0) {
		reap_locked(ring, true);
		row = free_row(ring);
	}
	if (row < 0)
		return row;
	if (seat_of(ring, RINGBUF_ROLE_READER, (u32)row)->state != EMB_FREE)
		return -EPROTO;
	*id = (u32)row;
	return 0;
}

/*
 * Find the next free id that no unread hole names or, with @named, one that can be removed
 * from the claims of these holes.  0: there is none.
 */
static u32 free_writer(const struct ringbuf *ring, bool named)
{
	u32 n = ring->layout.max_writers, row, id, i;
	u64 min = rb_gate_min(&ring->view, &row);
	const struct emb_seat *p;

	for (i = 0; i < n; i++) {
		id = 1 + (ring->header->next_writer + i) % n;
		p = seat_of(ring, RINGBUF_ROLE_WRITER, id);
		if (p->state != EMB_FREE)
			continue;
		if (named ? rb_can_forget_writer(&ring->view, id) : p->retired <= min)
			return id;
	}
	return 0;
}

/*
 * Find a free writer id, if possible one that no unread hole names.  If a slow reader has
 * left only others, remove one from the claims of its holes: a slow reader must not keep
 * writers out for ever.  Sets @id on success only.
 */
static int find_writer(struct ringbuf *ring, u32 *id)
{
	u32 found;

	/* How the stream ends depends on the writers that have died, at most a few hundred. */
	reap_locked(ring, false);
	found = free_writer(ring, false);
	if (!found) {
		found = free_writer(ring, true);
		if (!found)
			return rb_exclusive(&ring->view) ? -EBUSY : -ENOSPC;
		rb_forget_writer(&ring->view, found);
		seat_of(ring, RINGBUF_ROLE_WRITER, found)->retired = 0;
	}
	ring->header->next_writer = found % ring->layout.max_writers;
	if (ring->header->ids < found)
		WRITE_ONCE(ring->header->ids, found); /* before the writer calls rb_arm() */
	*id = found;
	return 0;
}

static u64 start_position(enum ringbuf_start start, u64 position)
{
	if (start == RINGBUF_FROM_HEAD)
		return ~0ULL;
	return start == RINGBUF_FROM_OLDEST ? 0 : position;
}

static int find_seat(struct lib_handle *h, u32 *id)
{
	if (h->role == RINGBUF_ROLE_READER)
		return find_row(h->ring, id);
	return find_writer(h->ring, id);
}

/* Note this process as the user of @h's seat. */
static void seat_own(const struct lib_handle *h)
{
	emb_seat_own(emb_seat(h));
	if (h->role == RINGBUF_ROLE_WRITER)
		emb_writer_own(h->ring, h->id);
}

/* Make @h, whose seat is free, the member at its seat, in @state. */
static void seat_begin(struct lib_handle *h, u32 state, u64 start)
{
	const struct rb_view *v = &h->ring->view;
	struct emb_seat *p = emb_seat(h);

	h->generation = p->generation;
	seat_own(h);
	p->waits = 0;
	WRITE_ONCE(p->asleep, 0);
	if (h->role == RINGBUF_ROLE_READER) {
		row_take(h->ring, h->id);
		p->policy = h->policy;
		memset(&p->hold, 0, sizeof(p->hold));
		h->start = rb_attach_reader(v, h->id, start, &p->policy);
		/* This reader has not stood where the last one in this row stood. */
		WRITE_ONCE(h->ring->header->look, 0);
	} else {
		rb_attach_writer(v, h->id);
		emb_writer(h->ring, h->id)->first = rb_head(v);
	}
	smp_store_release(&p->state, state);
	/* A writer may have armed a target for the cursor that this row had for a moment. */
	if (h->role == RINGBUF_ROLE_READER)
		emb_wake_writers(h->ring);
}

static int attach_locked(struct lib_handle *h, u64 start)
{
	struct emb_seat *p;
	int err, fd;
	u32 id;

	/* End dead readers first: they must not count towards opening the gate. */
	if (h->role == RINGBUF_ROLE_READER && rb_gate_closed(&h->ring->view))
		reap_locked(h->ring, true);
	err = find_seat(h, &id);
	if (err)
		return err;
	p = seat_of(h->ring, h->role, id);
	p->generation++;
	fd = unused_open(h->ring, p);
	if (fd < 0)
		return fd;
	h->fd = fd;
	h->id = id;
	seat_begin(h, EMB_UNUSED, start);
	return 0;
}

int emb_attach(struct lib_handle *h, enum ringbuf_start start, u64 position)
{
	int err = emb_lock(h->ring);

	if (err)
		return err;
	err = attach_locked(h, start_position(start, position));
	emb_unlock(h->ring);
	return err;
}

/* Make @h a new writer, because another process has, or had, its shared writer. */
static int enter_as_new(struct lib_handle *h)
{
	u32 id;
	int err = find_writer(h->ring, &id);

	if (err)
		return err;
	if (!emb_byte_take(h->ring->file, used_byte(h->ring, h->role, id)))
		return -EBUSY;
	h->id = id;
	emb_seat(h)->generation++;
	seat_begin(h, EMB_USED, 0);
	return 0;
}

/* Make this process the user of @h's seat. */
static int enter_locked(struct lib_handle *h)
{
	struct ringbuf *ring = h->ring;
	bool shared = h->role == RINGBUF_ROLE_WRITER && !rb_exclusive(&ring->view);
	bool ours;

	/* The process that used the seat before, for example the parent, may have died. */
	if (reap_role(ring, h->role, h->id, h->id + 1))
		emb_wake_all(ring);
	ours = emb_seat_is_ours(h);
	if (ours && emb_byte_take(ring->file, used_byte(ring, h->role, h->id))) {
		seat_own(h);
		smp_store_release(&emb_seat(h)->state, EMB_USED);
		return 0;
	}
	if (shared)
		return enter_as_new(h);
	return ours ? -EBUSY : -ESTALE;
}

static bool seat_is_unused(const struct lib_handle *h)
{
	const struct emb_seat *p = emb_seat(h);

	/* Pairs with the release in seat_begin(): a later attach changes the generation first. */
	return smp_load_acquire(&p->state) == EMB_UNUSED &&
	       READ_ONCE(p->generation) == h->generation;
}

/*
 * Fast path: make this process the first user of an unused seat without the slow-path lock,
 * which costs more the more seats are unused.  Locking the byte decides between processes: if
 * the program closed @h->fd, a peer may take the seat for dead, but it locks the byte before
 * it ends the seat.  False: the caller has to take the slow-path lock.
 */
static bool enter_unused(struct lib_handle *h)
{
	u32 byte = used_byte(h->ring, h->role, h->id);
	struct emb_file *file = h->ring->file;
	bool entered = false;

	if (h->fd < 0 || !seat_is_unused(h) || emb_file_lock_threads(file))
		return false;
	if (emb_byte_take(file, byte)) {
		/* Another process may have used the seat and left it since the first check. */
		entered = seat_is_unused(h);
		if (!entered)
			emb_byte_drop(file, byte);
	}
	if (entered) {
		seat_own(h);
		smp_store_release(&emb_seat(h)->state, EMB_USED);
	}
	emb_file_unlock_threads(file, &h->ring->header->unlocks);
	return entered;
}

static int enter_slowly(struct lib_handle *h)
{
	int err = emb_lock(h->ring);

	if (err)
		return err;
	err = enter_locked(h);
	emb_unlock(h->ring);
	return err;
}

int emb_enter(struct lib_handle *h)
{
	int err = 0;

	h->view = h->ring->view;
	h->data = h->ring->data;
	if (!enter_unused(h))
		err = enter_slowly(h);
	if (!err)
		unused_close(h);
	return err;
}

/* End the member at @h's seat if this process used it, or if no other process still can. */
static void leave_locked(struct lib_handle *h)
{
	bool ours = h->process && h->process == lib_process();

	if (h->detached || !emb_seat_is_ours(h))
		return;
	/* A process that uses the seat ends it by itself; an unused seat may still get a user. */
	if (!ours &&
	    (READ_ONCE(emb_seat(h)->state) == EMB_USED || !seat_claim(h->ring, h->role, h->id)))
		return;
	seat_end(h->ring, h->role, h->id, h->abandoned);
	if (h->role == RINGBUF_ROLE_READER)
		emb_wake_writers(h->ring);
	else
		emb_wake_all(h->ring);
}

/*
 * Close the handle.  If the lock cannot be taken, drop the byte, so that peers find that the
 * seat has no user.
 */
void emb_leave(struct lib_handle *h)
{
	int err = emb_lock(h->ring);

	unused_close(h);
	if (!err) {
		leave_locked(h);
		emb_unlock(h->ring);
	} else if (h->process == lib_process() && !h->detached && emb_seat_is_ours(h)) {
		emb_byte_abandon(h->ring->file, used_byte(h->ring, h->role, h->id));
	}
	h->detached = true;
}

int emb_done(struct lib_handle *h)
{
	int err = emb_lock(h->ring);

	if (err)
		return err;
	if (emb_seat_is_ours(h))
		seat_end(h->ring, RINGBUF_ROLE_WRITER, h->id, false);
	emb_wake_all(h->ring);
	emb_unlock(h->ring);
	h->detached = true;
	return 0;
}

static int evict_reader(struct ringbuf *ring, u32 row)
{
	const struct rb_view *v = &ring->view;

	if (row >= v->max_readers || seat_of(ring, RINGBUF_ROLE_READER, row)->state == EMB_FREE)
		return -ENOENT;
	if (!rb_row_evicted(v, row)) {
		rb_evict_reader(v, row);
		rb_discount_policy(v, &seat_of(ring, RINGBUF_ROLE_READER, row)->policy);
	}
	return 0;
}

/* Evict a reader.  Its seat stays taken until its user closes the handle or dies. */
int emb_evict(struct ringbuf *ring, u32 row)
{
	int err = emb_lock_reap(ring);

	if (err)
		return err;
	err = evict_reader(ring, row);
	emb_wake_all(ring);
	emb_unlock(ring);
	return err;
}
