// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting on the embedded host: a futex per place.
 *
 * Nobody watches over a waker that is killed between its commit and its wake:
 * so a waiter sleeps for header->recheck at most, then looks for itself, and for dead
 * peers.
 */
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "embedded.h"

/* Sleep while @word is @value, for @ns at most, ~0 for ever. */
int emb_futex_wait(const u32 *word, u32 value, u64 ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
				    .tv_nsec = (long)(ns % 1000000000) };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, ~ns ? &t : NULL, NULL, 0) ? -errno : 0;
}

/* Add 1 to @word and wake @count of those that sleep on it. */
void emb_futex_wake(u32 *word, int count)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

static void kick(struct emb_place *p)
{
	emb_futex_wake(&p->seq, INT_MAX);
}

/* Who is about to sleep has read @seq, and looks at @h->interrupted after that. */
void emb_interrupt(struct rb_handle *h)
{
	kick(emb_place(h));
}

/**
 * struct emb_places - those that may be armed: readers by row, then writers
 * @reader: the first row
 * @writer: the first writer
 * @rows: of readers, as many as there were when the round began
 */
struct emb_places {
	struct emb_place *reader;
	struct emb_place *writer;
	u32 rows;
};

static struct emb_place *armed_place(const struct emb_places *p, u32 i)
{
	return i < p->rows ? &p->reader[i] : &p->writer[i - p->rows];
}

static u64 *wake_word(void *places, u32 pass, u32 i)
{
	(void)pass;
	return &armed_place(places, i)->waiter;
}

static void wake_kick(void *places, u32 i)
{
	kick(armed_place(places, i));
}

void emb_wake(struct rb_handle *h)
{
	const struct rb_layout *l = &h->ring->layout;
	struct emb_places p = { .reader = h->ring->header->place,
				.writer = &h->ring->header->place[l->max_readers],
				.rows = rb_rows(&h->view) };
	u32 ids = READ_ONCE(h->ring->header->ids);
	const struct rb_places places = { .count = p.rows +
						   (ids < l->max_writers ? ids : l->max_writers),
					  .word = wake_word,
					  .kick = wake_kick,
					  .host = &p };
	struct rb_wake round;

	rb_wake_round(&h->view, &round, &places);
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

/* -ETIMEDOUT: the deadline has passed.  *ns: how long to sleep, ~0 for ever. */
static int sleep_time(const struct rb_handle *h, u64 deadline, u64 *ns)
{
	u64 now;

	*ns = READ_ONCE(h->ring->header->recheck);
	if (!*ns)
		*ns = ~0ULL;
	if (deadline == ~0ULL)
		return 0;
	now = rb_clock(CLOCK_MONOTONIC);
	if (now >= deadline)
		return -ETIMEDOUT;
	if (deadline - now < *ns)
		*ns = deadline - now;
	return 0;
}

static void cancelled(void *place)
{
	rb_disarm(&((struct emb_place *)place)->waiter);
}

/* A cancellation point.  A thread that is ended here leaves @p disarmed. */
static RB_SLOW int sleep_armed(struct emb_place *p, u32 seq, u64 ns)
{
	int err, was;

	pthread_cleanup_push(cancelled, p);
	was = rb_cancel_now();
	err = emb_futex_wait(&p->seq, seq, ns);
	rb_cancel_later(was);
	pthread_cleanup_pop(0);
	return err;
}

int emb_wait(struct rb_handle *h, u64 waiter, u32 count, u64 deadline)
{
	struct emb_place *p = emb_place(h);
	u32 seq = smp_load_acquire(&p->seq);
	int err;
	u64 ns;

	(void)count;
	if (unlikely(!emb_place_is_ours(h)))
		return -ESTALE;
	err = sleep_time(h, deadline, &ns);
	if (err)
		return err;
	rb_arm(&h->view, &p->waiter, waiter);
	if (!rb_wait_over(h, waiter)) {
		p->waits++;
		err = sleep_armed(p, seq, ns);
	}
	rb_disarm(&p->waiter);
	if (err == -ETIMEDOUT) {
		emb_reap(h->ring);
		return 0;
	}
	return err == -EINTR ? err : 0;
}
