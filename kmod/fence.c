// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: end a writer that is stopped, or stuck, while it holds others up.
 *
 * The timer of a ring looks for the first position that is not finished.  If a writer has
 * claimed it, if a waiter waits for it, and if both has been so for the writer's
 * claim_timeout, the maps of that writer are cut off from the ring (pages.c), and the writer
 * ends as if it had been killed: its claims become holes, and the others continue.
 *
 * A write(2) needs no fence.  It holds a claim only while it copies with page faults
 * disabled, so it cannot stop there, and a fence waits for it: both take handle->lock.
 *
 * An exclusive writer has no claims and holds nobody up but its successor, which asks for a
 * fence itself (rb_fence_take_over()).
 */
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>

#include "internal.h"

/* ---- the fence ---------------------------------------------------------------- */

/* Return the identity of @h that is writer @id, or NULL. */
static struct rb_identity *fence_identity(struct rb_handle *h, u32 id)
{
	struct rb_identity *i;

	list_for_each_entry(i, &h->identities, node)
		if (i->member.live && i->member.id == id)
			return i;
	return NULL;
}

/* End the member @m, whose process can no longer write to the ring. */
static void fence_end(struct rb_handle *h, struct rb_member *m)
{
	struct rb_ring *ring = rb_handle_ring(h);

	/* Count it before the others continue. */
	mutex_lock(&ring->lock);
	ring->fenced++;
	mutex_unlock(&ring->lock);
	rb_member_end(h, m, true);
	rb_member_leave(h, m);
}

/*
 * Fence the writer @i.  The memory that this takes is charged to the memory cgroup of that
 * writer.  If there is none, nothing changes, and the timer tries again.
 */
static void fence_mapped(struct rb_handle *h, struct rb_identity *i)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(i->mm);
	struct mem_cgroup *old = set_active_memcg(memcg);

	/* First, so that the process cannot see private pages and not meet handle->lock. */
	WRITE_ONCE(h->fenced, h->fenced + 1); /* matches rb_fenced_here() */
	if (rb_identity_cut(i))
		WRITE_ONCE(h->fenced, h->fenced - 1);
	else
		fence_end(h, &i->member);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}

/* Fence writer @id of @h, if it has not ended meanwhile, and drop the caller's reference. */
static void fence(struct rb_ring *ring, struct rb_handle *h, u32 id)
{
	struct rb_identity *i;

	mutex_lock(&h->lock);
	i = fence_identity(h, id);
	if (i)
		fence_mapped(h, i);
	else if (rb_exclusive(&ring->view) && h->self.live)
		fence_end(h, &h->self); /* it has no map, and no write(2) is in progress */
	mutex_unlock(&h->lock);
	rb_handle_put(h);
}

/* Return the handle of writer @id with a reference on its memory, or NULL: it has ended. */
static struct rb_handle *fence_handle(const struct rb_ring *ring, u32 id)
{
	struct rb_handle *h = ring->ids[id - 1].handle;

	lockdep_assert_held(&ring->lock);
	if (h)
		refcount_inc(&h->refs);
	return h;
}

/* ---- shared writers: by the timer ---------------------------------------------- */

/*
 * Whether a waiter needs @pos, the first unfinished position, to be finished.  A waiter for
 * a position waits for @pos or a later one; a waiter for a cursor beyond @pos waits for
 * readers that cannot pass it.
 */
static bool fence_awaited(struct rb_ring *ring, u64 pos)
{
	u64 position = READ_ONCE(ring->view.info->wake_position);
	u64 cursor = READ_ONCE(ring->view.info->wake_cursor);
	u64 asked;

	spin_lock(&ring->wait_lock);
	asked = ring->asked;
	ring->asked = 0;
	spin_unlock(&ring->wait_lock);
	return pos < asked || position < RB_MOST_TARGET ||
	       (cursor != RINGBUF_WAKE_NONE && cursor > pos);
}

/*
 * Return the writer that has claimed the first unfinished position and kept it for too
 * long, or 0.  The words that tell this belong to user space: a writer that forges them can
 * have another writer of its ring fenced, and could as well overwrite its messages.
 */
static u32 fence_find(struct rb_ring *ring)
{
	const struct rb_view *v = &ring->view;
	u64 head = rb_head(v), low = head > v->slots ? head - v->slots : 0;
	u64 pos = ring->fence_pos, now = ktime_get_ns();
	bool awaited;
	u32 id;

	lockdep_assert_held(&ring->lock);
	if (pos < low || pos > head)
		pos = low;
	pos = rb_first_unfinished(v, pos, head);
	id = pos < head ? rb_open_writer(v, pos) : 0;
	awaited = fence_awaited(ring, pos);
	if (pos != ring->fence_pos || id != ring->fence_id) {
		ring->fence_pos = pos;
		ring->fence_id = id;
		ring->fence_since = now;
	}
	if (!id || !awaited || now - ring->fence_since < ring->ids[id - 1].claim_timeout)
		return 0;
	return id;
}

/* Fence the writer that holds others up for too long, if there is one. */
void rb_fence_check(struct rb_ring *ring)
{
	struct rb_handle *h = NULL;
	u32 id;

	if (!ring->claim_timeout || rb_exclusive(&ring->view))
		return;
	mutex_lock(&ring->lock);
	id = fence_find(ring);
	if (id)
		h = fence_handle(ring, id);
	mutex_unlock(&ring->lock);
	if (h)
		fence(ring, h, id);
}

/* ---- exclusive writers: for a successor ----------------------------------------- */

/*
 * Whether @ring has an exclusive writer.  Then *h is its handle with a reference, NULL if
 * that is closed already, and *pos is the position that it writes next; ~0 while readers
 * do not let it write.
 */
static bool fence_taken(struct rb_ring *ring, struct rb_handle **h, u64 *pos)
{
	struct rb_ready ready;
	bool taken;

	mutex_lock(&ring->lock);
	*h = fence_handle(ring, 1);
	taken = ring->view.info->writers || ring->ids[0].deferred;
	rb_writer_ready(&ring->view, 1, &ready);
	*pos = ready.count ? rb_head(&ring->view) : ~0ULL;
	mutex_unlock(&ring->lock);
	return taken;
}

/*
 * Wait until the exclusive writer of @ring has ended, or has committed nothing for the
 * ring's claim_timeout although readers would have let it; then fence it.  Returns 0,
 * -EBUSY: it has not ended and the caller may not @wait, or -ERESTARTSYS.
 */
int rb_fence_take_over(struct rb_ring *ring, bool wait)
{
	u64 seen = ~0ULL, since = 0, pos;
	struct rb_handle *h;

	while (fence_taken(ring, &h, &pos)) {
		u64 now = ktime_get_ns();

		if (pos == ~0ULL || pos != seen) {
			seen = pos;
			since = now;
		}
		if (h && now - since >= ring->claim_timeout) {
			since = now;
			fence(ring, h, 1);
			continue;
		}
		if (h)
			rb_handle_put(h);
		if (!wait)
			return -EBUSY;
		schedule_timeout_interruptible(rb_claim_period(ring->claim_timeout));
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
	if (h)
		rb_handle_put(h);
	return 0;
}
