// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: end a writer that is stopped, or stuck, while it holds others up.
 *
 * The timer of a ring looks for the first position that is not finished.  If a writer has
 * claimed it, if a waiter waits for it, and if both have been so for the writer's
 * claim_timeout, the maps of that writer are cut off from the ring (pages.c), and the writer
 * ends as if it had been killed: its claims become holes, and the others continue.
 *
 * A write(2) needs no fence.  It holds a claim only while it copies with page faults
 * disabled, so it cannot stop there, and a fence waits for it: both take handle->lock.
 *
 * An exclusive writer has no claims and holds nobody up but its successor, which asks for a
 * fence itself (rb_fence_take_over()).
 */
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>

#include "internal.h"

/* ---- the fence ---------------------------------------------------------------- */

/**
 * struct fence - a writer that is to be fenced
 * @h: its handle, with a reference on the memory
 * @id: its id
 * @pos: the position that it keeps unfinished, or with an exclusive writer the head
 */
struct fence {
	struct rb_handle *h;
	u32 id;
	u64 pos;
};

/* Return the handle of writer @id with a reference on its memory, or NULL: it has ended. */
static struct rb_handle *fence_handle(const struct rb_ring *ring, u32 id)
{
	struct rb_handle *h =
		ring->ids[array_index_nospec(id - 1, ring->layout.max_writers)].handle;

	lockdep_assert_held(&ring->lock);
	if (h)
		refcount_inc(&h->refs);
	return h;
}

/* Whether the writer of @f still holds others up.  Count the fence if so. */
static bool fence_begin(struct rb_ring *ring, const struct fence *f)
{
	const struct rb_view *v = &ring->view;
	bool stuck;

	mutex_lock(&ring->lock);
	stuck = ring->ids[f->id - 1].handle == f->h && ring->ids[f->id - 1].live;
	if (rb_exclusive(v))
		stuck = stuck && rb_head(v) == f->pos;
	else
		stuck = stuck && rb_open_writer(v, f->pos) == f->id;
	ring->fenced += stuck;
	if (stuck && rb_exclusive(v)) {
		/* The stream does not end, since the successor comes. */
		rb_hold_stream(v);
		ring->heirs++;
	}
	mutex_unlock(&ring->lock);
	return stuck;
}

static void fence_cut(struct rb_handle *h, struct rb_identity *i)
{
	if (i->fenced)
		return;
	/* First, so that the process cannot see private pages and not meet handle->lock. */
	WRITE_ONCE(h->fenced, h->fenced + 1); /* matches rb_fenced_here() */
	rb_identity_cut(i);
}

static void fence_end(struct rb_handle *h, struct rb_member *m)
{
	rb_member_end(h, m, RINGBUF_HOLE_FENCED);
	rb_member_leave(h, m);
}

/*
 * Fence the writer that @i is.  What this allocates is charged to the memory cgroup of that
 * writer.
 */
static void fence_identity(struct rb_handle *h, struct rb_identity *i)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(i->mm);
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct rb_identity *other;

	/* Maps of an earlier identity in this address space lead to the same ring. */
	list_for_each_entry(other, &h->identities, node)
		if (other->mm == i->mm)
			fence_cut(h, other);
	fence_end(h, &i->member);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}

/*
 * Fence an exclusive writer that has not mapped the slots.  It may have mapped other regions.
 * Its handle says ESTALE from now on.
 */
static void fence_self(struct rb_handle *h)
{
	struct rb_identity *i;

	h->cut = true;
	WRITE_ONCE(h->fenced, h->fenced + 1);
	list_for_each_entry(i, &h->identities, node)
		fence_cut(h, i);
	fence_end(h, &h->self);
}

/*
 * Fence the writer of @f, unless it has moved meanwhile, and drop the reference.  Returns
 * whether it was fenced.
 */
static bool fence(struct rb_ring *ring, const struct fence *f)
{
	struct rb_handle *h = f->h;
	struct rb_identity *i;
	bool fenced = false;

	mutex_lock(&h->lock);
	list_for_each_entry(i, &h->identities, node) {
		if (!i->member.live || i->member.id != f->id)
			continue;
		fenced = fence_begin(ring, f);
		if (fenced)
			fence_identity(h, i);
		goto out;
	}
	/* No write(2) is in progress: it would hold the lock. */
	if (rb_exclusive(&ring->view) && h->self.live) {
		fenced = fence_begin(ring, f);
		if (fenced)
			fence_self(h);
	}
out:
	mutex_unlock(&h->lock);
	rb_handle_put(h);
	return fenced;
}

/* ---- how long a writer has held others up ------------------------------------------ */

/* The timer of a busy machine may be late by so much. */
#define FENCE_PAUSE (200 * NSEC_PER_MSEC)

/*
 * Note that writer @id keeps @pos unfinished now, and return for how long it has, in ns.  The
 * time begins again if the last look is older than @pause.
 */
static u64 fence_clock(struct rb_ring *ring, u64 pos, u32 id, u64 pause)
{
	u64 now = ktime_get_ns();

	lockdep_assert_held(&ring->lock);
	if (pos != ring->fence_pos || id != ring->fence_id || now - ring->fence_looked > pause)
		ring->fence_since = now;
	ring->fence_pos = pos;
	ring->fence_id = id;
	ring->fence_looked = now;
	return now - ring->fence_since;
}

/* ---- shared writers: by the timer ---------------------------------------------- */

/*
 * Whether a waiter needs @pos, the first unfinished position, to be finished.  A waiter for
 * a position waits for @pos or a later one; a waiter for a cursor beyond @pos waits for
 * readers that cannot pass it.  Forgets callers that asked for less, or long ago.
 */
static bool fence_awaited(struct rb_ring *ring, u64 pos)
{
	u64 position = READ_ONCE(ring->view.info->wake_position);
	u64 cursor = READ_ONCE(ring->view.info->wake_cursor);
	u64 asked;

	spin_lock(&ring->wait_lock);
	if (pos >= ring->asked || time_after(jiffies, ring->asked_end))
		ring->asked = 0;
	asked = ring->asked;
	spin_unlock(&ring->wait_lock);
	return pos < asked || position < RB_MOST_TARGET ||
	       (cursor != RINGBUF_WAKE_NONE && cursor > pos);
}

/*
 * Find the writer that has claimed the first unfinished position and held it for too long.
 * Returns false if there is none.  The words that tell this belong to user space: a writer
 * that forges them can have another writer of its ring fenced, and could as well overwrite
 * its messages.
 */
static bool fence_find(struct rb_ring *ring, struct fence *f)
{
	const struct rb_view *v = &ring->view;
	u64 head = rb_head_nearby(v), low = head > v->slots ? head - v->slots : 0, timeout;
	bool awaited;

	lockdep_assert_held(&ring->lock);
	f->pos = ring->fence_pos;
	if (f->pos < low || f->pos > head)
		f->pos = low;
	f->pos = rb_first_unfinished(v, f->pos, head);
	awaited = fence_awaited(ring, f->pos);
	f->id = f->pos < head && awaited ? rb_open_writer(v, f->pos) : 0;
	timeout =
		ring->ids[f->id ? array_index_nospec(f->id - 1, v->max_writers) : 0].claim_timeout;
	if (fence_clock(ring, f->pos, f->id, timeout + FENCE_PAUSE) < timeout || !f->id)
		return false;
	f->h = fence_handle(ring, f->id);
	return f->h;
}

/* Fence the writer that holds others up for too long, if there is one. */
void rb_fence_check(struct rb_ring *ring)
{
	struct fence f;
	bool found;

	if (!READ_ONCE(ring->claim_timeout))
		return;
	mutex_lock(&ring->lock);
	found = fence_find(ring, &f);
	mutex_unlock(&ring->lock);
	if (found)
		fence(ring, &f);
}

/* ---- exclusive writers: for a successor ----------------------------------------- */

/* How often a successor looks, at least. */
#define TAKE_OVER_MS 50

/* What a successor finds; or a negative errno. */
enum { TAKE_OVER_FREE, TAKE_OVER_STUCK, TAKE_OVER_WAIT };

/*
 * Look at the exclusive writer of @ring.  Return -EBUSY if it is not the writer number
 * @number of the ring's life, TAKE_OVER_FREE if it has ended, TAKE_OVER_STUCK if it is to be
 * fenced, as @f says, else TAKE_OVER_WAIT.  While readers do not let it write, its time does
 * not run.
 */
static int take_over_look(struct rb_ring *ring, u32 number, struct fence *f)
{
	u64 timeout = ring->layout.claim_timeout;
	struct rb_ready ready;
	int found = TAKE_OVER_WAIT;

	lockdep_assert_held(&ring->lock);
	if (ring->view.info->writers_ever != number)
		return -EBUSY;
	if (ring->view.info->writers == ring->heirs && !ring->ids[0].deferred)
		return TAKE_OVER_FREE;
	rb_writer_ready(&ring->view, 1, &ready);
	f->id = 1;
	f->pos = rb_head(&ring->view);
	if (fence_clock(ring, f->pos, ready.count ? number : 0, U64_MAX) >= timeout &&
	    ready.count) {
		f->h = fence_handle(ring, 1);
		if (f->h)
			found = TAKE_OVER_STUCK;
	}
	return found;
}

/*
 * A successor for which rb_fence_take_over() fenced a writer has attached, or, if @failed, it
 * could not: then the stream may end.
 */
void rb_fence_settle(struct rb_ring *ring, bool failed)
{
	mutex_lock(&ring->lock);
	WARN_ON_ONCE(!ring->heirs);
	ring->heirs--;
	rb_discount_writer(&ring->view, failed && ring->view.info->writers == 1);
	if (failed)
		rb_notify(ring);
	mutex_unlock(&ring->lock);
}

/* Sleep between two looks.  False: a signal has come.  The fenced writer's I/O ends soon. */
static bool take_over_pause(unsigned long pause, bool fenced)
{
	if (fenced)
		return !schedule_timeout_killable(pause) || !fatal_signal_pending(current);
	schedule_timeout_interruptible(pause);
	return !signal_pending(current);
}

/*
 * Wait until the exclusive writer of @ring has ended, or has committed nothing for the
 * ring's claim_timeout although readers would have let it; then fence it.  Returns 0: the
 * caller attaches; -EBUSY: the writer has not ended and the caller may not @wait, or another
 * successor came first; or -ERESTARTSYS.  *fenced: the caller calls rb_fence_settle() in any
 * case.
 */
int rb_fence_take_over(struct rb_ring *ring, bool wait, bool *fenced)
{
	unsigned long pause =
		min(rb_claim_period(ring->layout.claim_timeout), msecs_to_jiffies(TAKE_OVER_MS));
	u32 number = READ_ONCE(ring->view.info->writers_ever);
	struct fence f;
	int found;

	for (;;) {
		mutex_lock(&ring->lock);
		found = take_over_look(ring, number, &f);
		mutex_unlock(&ring->lock);
		if (found <= TAKE_OVER_FREE)
			return found;
		if (found == TAKE_OVER_STUCK) {
			*fenced |= fence(ring, &f);
			continue;
		}
		if (!wait && !*fenced)
			return -EBUSY;
		if (!take_over_pause(pause, *fenced))
			return -ERESTARTSYS;
	}
}
