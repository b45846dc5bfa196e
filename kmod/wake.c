// SPDX-License-Identifier: GPL-2.0
/*
 * Waking: the engine's rules (engine/wait.h) over the list of the armed waiters.
 *
 * ring->wait_lock guards the list and the waiter words, so a round never meets a waiter
 * that is half armed, and a waiter on a stack is on the list until its owner takes it off.
 * A waiter is on the list exactly while its waiter word is set.
 *
 * A round may have RINGBUF_MAX_WAITERS waiters to check, so it drops the lock after every
 * RB_WAKE_CHUNK of them.  Rounds of several callers may overlap.  Each clears the wake
 * words, checks every waiter that was armed before, puts the lowest target back and checks
 * once more; this needs no lock (the embedded host has none).  A waiter that is armed
 * meanwhile lowers the wake word itself, so a round checks no more waiters than were armed
 * when it began.
 */
#include <linux/sched.h>

#include "internal.h"

static void waiter_unlink(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	list_del_init(&s->node);
	WARN_ON_ONCE(!ring->nr_armed);
	ring->nr_armed--;
}

/*
 * Wake @s, whose waiter word has been cleared.  Pass no poll key, since the handle may be
 * polled for any event.
 */
static void waiter_wake(struct rb_ring *ring, struct rb_waiter *s)
{
	struct rb_handle *h = s->handle;

	waiter_unlink(ring, s);
	h->wakeups++;
	if (h->role == RINGBUF_ROLE_WRITER)
		ring->writer_wakeups++;
	if (s->wake)
		s->wake(s);
	else if (s->task)
		wake_up_process(s->task);
	else
		wake_up(&h->wq); /* of the waiters with EPOLLEXCLUSIVE only one */
}

/* ---- walks over the list ----------------------------------------------------- */

/**
 * struct armed_walk - a walk over ring->armed that drops the lock after each chunk
 * @ring: the ring, whose wait_lock is held except in the pauses
 * @mark: keeps the position of the walk in the list during a pause; has no handle
 * @prev: list entry before the next waiter to check
 * @now: the waiter that was checked last
 */
struct armed_walk {
	struct rb_ring *ring;
	struct rb_waiter mark;
	struct list_head *prev;
	struct rb_waiter *now;
};

/* Begin a walk over @count waiters.  If it pauses, its task may be stopped there: arm the timer. */
static void walk_begin(struct rb_ring *ring, u32 count)
{
	if (count <= RB_WAKE_CHUNK)
		return;
	ring->walks++;
	rb_timer_arm(ring);
}

static void walk_end(struct rb_ring *ring, u32 count)
{
	if (count <= RB_WAKE_CHUNK)
		return;
	ring->walks--;
	rb_timer_settle(ring);
}

/* Drop the lock, so that others can take it, and keep the position in the list. */
static void walk_pause(struct armed_walk *w)
{
	list_add(&w->mark.node, w->prev);
	spin_unlock(&w->ring->wait_lock);
	cond_resched();
	spin_lock(&w->ring->wait_lock);
	w->prev = w->mark.node.prev;
	list_del(&w->mark.node);
}

/* Return the waiter behind @w->prev, past the marks of other walks.  NULL: the end. */
static struct rb_waiter *walk_next(const struct armed_walk *w)
{
	struct list_head *node;

	for (node = w->prev->next; node != &w->ring->armed; node = node->next) {
		struct rb_waiter *s = list_entry(node, struct rb_waiter, node);

		if (s->handle)
			return s;
	}
	return NULL;
}

/* Return the waiter word of waiter @i; called for each from 0 on.  See struct rb_seats. */
static u64 *walk_word(void *walk, u32 pass, u32 i)
{
	struct armed_walk *w = walk;

	if (!i)
		w->prev = &w->ring->armed;
	else if (w->now && !list_empty(&w->now->node))
		w->prev = &w->now->node;
	if (i && i % RB_WAKE_CHUNK == 0)
		walk_pause(w);
	w->now = walk_next(w);
	return w->now ? &w->now->word : NULL;
}

static void walk_kick(void *walk, u32 i)
{
	struct armed_walk *w = walk;

	waiter_wake(w->ring, w->now);
}

/* ---- waking ------------------------------------------------------------------- */

/*
 * Wake the waiters whose targets are reached, and set the wake words to the lowest of the
 * other targets.  May sleep between chunks.
 */
void rb_ring_wake(struct rb_ring *ring)
{
	struct armed_walk walk = { .ring = ring };
	struct rb_seats seats = { .word = walk_word, .kick = walk_kick, .host = &walk };
	struct rb_round round;

	spin_lock(&ring->wait_lock);
	seats.count = ring->nr_armed;
	walk_begin(ring, seats.count);
	rb_wake_round(&ring->view, &round, &seats);
	walk_end(ring, seats.count);
	spin_unlock(&ring->wait_lock);
}

/*
 * Wake @s if its target is reached, before its word changes.  Another task may wait for
 * the old target (two tasks that poll one handle), and no round would find that target
 * reached once the word holds another one.
 */
static void waiter_settle(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (list_empty(&s->node) || !rb_reached(&ring->view, s->word))
		return;
	rb_disarm(&s->word);
	waiter_wake(ring, s);
}

/*
 * Note that the caller needs what @waiter says, but does not wait for it.  It counts as a
 * waiter for a while, so that it can find the writer fenced when it tries again.
 */
void rb_ask(struct rb_ring *ring, u64 waiter)
{
	u64 target = waiter >> 2;

	if ((waiter & RB_WAIT_KIND) == RB_WAIT_POSITION)
		target++;
	if (!READ_ONCE(ring->claim_timeout) || target >= RB_MOST_TARGET)
		return;
	spin_lock(&ring->wait_lock);
	ring->asked = max(ring->asked, target);
	ring->asked_end = jiffies + 2 * nsecs_to_jiffies(ring->layout.claim_timeout) + HZ / 10;
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/* Arm @s for @waiter, which names a kind.  The caller checks again before it sleeps. */
void rb_arm_waiter(struct rb_ring *ring, struct rb_waiter *s, u64 waiter)
{
	if (WARN_ON_ONCE(!rb_waiter_valid(waiter)))
		return;
	spin_lock(&ring->wait_lock);
	if (s->word != waiter)
		waiter_settle(ring, s);
	if (list_empty(&s->node)) {
		list_add_tail(&s->node, &ring->armed);
		ring->nr_armed++;
	}
	rb_arm(&ring->view, &s->word, waiter);
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/*
 * Disarm @s.  Its target may stay in a wake word while other waiters are armed.  A wake
 * word that is too low costs the next writer or reader a call of WAKE, and hides no other
 * target: see rb_cursor_publish() and rb_position_awaited().
 */
void rb_disarm_locked(struct rb_ring *ring, struct rb_waiter *s)
{
	lockdep_assert_held(&ring->wait_lock);
	if (list_empty(&s->node))
		return;
	rb_disarm(&s->word);
	waiter_unlink(ring, s);
	/* With no waiter left, writers and readers need no system call. */
	if (!ring->nr_armed)
		rb_wake_words_clear(&ring->view);
}

void rb_disarm_waiter(struct rb_ring *ring, struct rb_waiter *s)
{
	spin_lock(&ring->wait_lock);
	waiter_settle(ring, s);
	rb_disarm_locked(ring, s);
	spin_unlock(&ring->wait_lock);
}

/* The waiters that a notification is for: those of a handle, of all writers, or all. */
struct notified {
	const struct rb_handle *handle;
	bool writers;
};

static bool notify_concerns(const struct notified *whom, const struct rb_handle *h)
{
	if (whom->handle)
		return h == whom->handle;
	return !whom->writers || h->role == RINGBUF_ROLE_WRITER;
}

/* Make the waiters that the notification is for check again. */
static void notify(struct rb_ring *ring, struct notified whom)
{
	struct armed_walk walk = { .ring = ring };
	u32 i, count;

	spin_lock(&ring->wait_lock);
	/* A waiter that reads the new number, armed or not, sees what has changed. */
	smp_store_release(&ring->notices, ring->notices + 1);
	count = ring->nr_armed;
	walk_begin(ring, count);
	/* The timer reads it without the lock. */
	WRITE_ONCE(ring->notify_walks, ring->notify_walks + 1);
	for (i = 0; i < count; i++) {
		u64 *word = walk_word(&walk, 0, i);

		if (!word)
			break;
		if (!notify_concerns(&whom, walk.now->handle))
			continue;
		rb_disarm(word);
		walk_kick(&walk, i);
	}
	WRITE_ONCE(ring->notify_walks, ring->notify_walks - 1);
	walk_end(ring, count);
	spin_unlock(&ring->wait_lock);
	rb_ring_wake(ring);
}

/* Make all waiters check again, in place of a task that may be stopped while it does so. */
void rb_ring_recheck(struct rb_ring *ring)
{
	notify(ring, (struct notified){ 0 });
}

/* Make all waiters and pollers check again, as the host has changed something. */
void rb_notify(struct rb_ring *ring)
{
	struct rb_handle *h;

	lockdep_assert_held(&ring->lock);
	notify(ring, (struct notified){ 0 });
	list_for_each_entry(h, &ring->handles, node)
		wake_up_all(&h->wq);
}

/*
 * Make the writers check again, as a reader has come, gone or moved.  Only writers can wait
 * for that, so the call costs nothing for each reader that neither sleeps nor polls.
 */
void rb_notify_writers(struct rb_ring *ring)
{
	struct rb_handle *h;

	lockdep_assert_held(&ring->lock);
	notify(ring, (struct notified){ .writers = true });
	list_for_each_entry(h, &ring->handles, node) {
		/* Writers stand first, see rb_handle_bind(). */
		if (h->role != RINGBUF_ROLE_WRITER)
			break;
		wake_up_all(&h->wq);
	}
}

/* Make @h check again; what it does then may be what other waiters wait for. */
void rb_notify_handle(struct rb_ring *ring, struct rb_handle *h)
{
	notify(ring, (struct notified){ .handle = h });
	wake_up_all(&h->wq);
}
