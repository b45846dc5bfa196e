// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting on the embedded host: a futex per place.
 *
 * Nobody watches over a waker that is killed between its commit and its wake:
 * so a waiter sleeps EMB_SLICE_NS at most, then looks for itself, and for dead
 * peers.
 */
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "embedded.h"

static int futex_wait(u32 *word, u32 value, u64 ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000) };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0) ? -errno : 0;
}

static void kick(struct emb_place *p)
{
	__atomic_add_fetch(&p->seq, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &p->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Who is about to sleep has read @seq, and looks at @h->interrupted after that. */
void emb_interrupt(struct rb_handle *h)
{
	kick(emb_place(h));
}

/* One pass over all places that may be armed. */
static void wake_pass(struct ringbuf *ring, struct rb_wake *round)
{
	u32 rows = rb_rows(&ring->view), n = ring->layout.max_writers, i;
	struct emb_place *place = ring->header->place;

	for (i = 0; i < rows; i++)
		if (rb_wake_one(&ring->view, round, &place[i].waiter))
			kick(&place[i]);
	place += ring->layout.max_readers;
	for (i = 0; i < n; i++)
		if (rb_wake_one(&ring->view, round, &place[i].waiter))
			kick(&place[i]);
}

void emb_wake(struct rb_handle *h)
{
	struct rb_wake round;

	rb_wake_begin(&h->view, &round);
	wake_pass(h->ring, &round);
	if (rb_wake_end(&h->view, &round))
		wake_pass(h->ring, &round);
}

/*
 * Something changed that no threshold tells of: everybody looks again, also who
 * was disarmed by a waker that did not live to kick him.
 */
void emb_wake_all(struct ringbuf *ring)
{
	u32 n = ring->layout.max_readers + ring->layout.max_writers, i;

	smp_mb(); /* after the change; matches rb_arm() */
	for (i = 0; i < n; i++)
		if (READ_ONCE(ring->header->place[i].state) != EMB_FREE)
			kick(&ring->header->place[i]);
}

bool emb_peers(struct rb_handle *h)
{
	u64 now = rb_clock(CLOCK_MONOTONIC_COARSE);

	if (now - h->checked < EMB_SLICE_NS)
		return false;
	h->checked = now;
	return emb_reap(h->ring);
}

static bool over(const struct rb_handle *h, u64 waiter)
{
	const struct rb_view *v = &h->view;

	if (rb_reached(v, waiter) || READ_ONCE(h->interrupted))
		return true;
	if (h->role != RINGBUF_ROLE_READER)
		return false;
	return rb_ended(v) ||
	       READ_ONCE(v->info->row[h->id].floor) > READ_ONCE(rb_cursor(v, h->id)->cursor);
}

int emb_wait(struct rb_handle *h, u64 waiter, u32 count, u64 deadline)
{
	struct emb_place *p = emb_place(h);
	u32 seq = smp_load_acquire(&p->seq);
	u64 slice = EMB_SLICE_NS, now;
	int err = 0;

	(void)count;
	if (unlikely(!emb_place_is_ours(h)))
		return -ESTALE;
	if (deadline != ~0ULL) {
		now = rb_clock(CLOCK_MONOTONIC);
		if (now >= deadline)
			return -ETIMEDOUT;
		if (deadline - now < slice)
			slice = deadline - now;
	}
	rb_arm(&h->view, &p->waiter, waiter);
	if (!over(h, waiter)) {
		p->waits++;
		err = futex_wait(&p->seq, seq, slice);
	}
	rb_disarm(&p->waiter);
	if (err == -ETIMEDOUT) {
		emb_reap(h->ring);
		return 0;
	}
	return err == -EINTR ? err : 0;
}
