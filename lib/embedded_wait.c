// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting on the embedded host: a futex per seat.  One thread may wait for many of them,
 * see embedded_watch.c.
 *
 * No kernel watches over a waker that is killed between its commit and its wake.  So a
 * lone waiter wakes up every header->recheck, and looks for itself and for dead peers.
 * Many waiters share that work: each sleeps longer the more of them there are, and
 * looks on behalf of all when it wakes up.  Where most of them are killed at once, together
 * with the peer that the others wait for, one of these may sleep STRETCH_MAX times longer
 * before it finds out.
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

/* Wake @count of those that sleep on @word, which stays as it is. */
void emb_futex_kick(const u32 *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Add 1 to @word and wake @count of those that sleep on it. */
void emb_futex_wake(u32 *word, int count)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	emb_futex_kick(word, count);
}

#define LOOKERS	    4 /* waiters that each look every header->recheck */
#define WAKE_ROUNDS 100 /* of one waker at most */
#define STRETCH_MAX 40 /* how many times longer one sleeps at most */

static void kick(struct emb_seat *p)
{
	emb_futex_wake(&p->seq, INT_MAX);
}

static struct emb_seat *writer_seats(const struct ringbuf *ring)
{
	return &ring->header->seat[ring->layout.max_readers];
}

/* How many of them have ever been used. */
static u32 writer_count(const struct ringbuf *ring)
{
	u32 ids = READ_ONCE(ring->header->ids);

	return ids < ring->layout.max_writers ? ids : ring->layout.max_writers;
}

/* Who is about to sleep has read @seq, and looks at @h->interrupted after that. */
void emb_interrupt(struct lib_handle *h)
{
	kick(emb_seat(h));
}

/**
 * struct emb_seats - those that may be armed: readers by row, then writers
 * @reader: the first row
 * @writer: the first writer
 * @rows: of readers, as many as there were when the round began
 */
struct emb_seats {
	struct emb_seat *reader;
	struct emb_seat *writer;
	u32 rows;
};

static struct emb_seat *armed_seat(const struct emb_seats *p, u32 i)
{
	return i < p->rows ? &p->reader[i] : &p->writer[i - p->rows];
}

static u64 *wake_word(void *seats, u32 pass, u32 i)
{
	(void)pass;
	return &armed_seat(seats, i)->waiter;
}

static void wake_kick(void *seats, u32 i)
{
	kick(armed_seat(seats, i));
}

/* Wake those of the first @rows readers and @ids writers that have reached their targets. */
static void wake_round(struct ringbuf *ring, u32 rows, u32 ids)
{
	struct emb_seats p = { .reader = ring->header->seat,
			       .writer = writer_seats(ring),
			       .rows = rows };
	const struct rb_seats seats = {
		.count = rows + ids, .word = wake_word, .kick = wake_kick, .host = &p
	};
	struct rb_round round;

	rb_wake_round(&ring->view, &round, &seats);
}

/*
 * The counts are read before the round clears the wake words.  A seat that attached and
 * armed in between is not visited, and its wake word is gone, so make another round where
 * a count has grown.  A seat that the last reading of the counts does not show has armed
 * after the wake words were cleared.
 */
static void wake_reached(struct ringbuf *ring)
{
	u32 rows = rb_rows(&ring->view), ids = writer_count(ring), n;
	u32 rows_seen, ids_seen;

	/* Bounded, since a peer may write anything into the counts. */
	for (n = 0; n < WAKE_ROUNDS; n++) {
		rows_seen = rows;
		ids_seen = ids;
		wake_round(ring, rows_seen, ids_seen);
		rows = rb_rows(&ring->view);
		ids = writer_count(ring);
		if (likely(rows <= rows_seen && ids <= ids_seen))
			return;
	}
}

void emb_wake(struct lib_handle *h)
{
	wake_reached(h->ring);
}

static void kick_waiters(struct emb_seat *p, u32 count)
{
	for (; count; count--, p++)
		if (READ_ONCE(p->asleep))
			kick(p);
}

/*
 * Let the writers look again: a reader attached, moved or left, which no wake word
 * tells of.  Readers do not wait for one another.
 */
void emb_wake_writers(struct ringbuf *ring)
{
	smp_mb(); /* after the change; matches rb_arm(), which comes after asleep is set */
	kick_waiters(writer_seats(ring), writer_count(ring));
}

/*
 * Let all waiters look again: something changed that no wake word tells of.  That
 * includes a waiter whose waker disarmed it and died before it kicked.
 */
void emb_wake_all(struct ringbuf *ring)
{
	emb_wake_writers(ring);
	kick_waiters(ring->header->seat, rb_rows(&ring->view));
}

/* Whether a writer sleeps, which may be waiting for a dead reader. */
static bool writer_sleeps(const struct ringbuf *ring)
{
	const struct emb_seat *p = writer_seats(ring);
	u32 i, n = writer_count(ring);

	for (i = 0; i < n; i++)
		if (READ_ONCE(p[i].asleep))
			return true;
	return false;
}

/* A reader that polls waits for writers only. */
bool emb_peers(struct lib_handle *h)
{
	u64 now = lib_clock(CLOCK_MONOTONIC_COARSE);

	if (now - h->checked < EMB_SLICE_NS)
		return false;
	h->checked = now;
	return emb_reap(h->ring, h->role == RINGBUF_ROLE_WRITER);
}

/* Kick those that a waker disarmed and has not kicked: it may have been stopped or killed. */
static void kick_disarmed(struct emb_seat *p, u32 count)
{
	for (; count; count--, p++)
		if (READ_ONCE(p->asleep) && !READ_ONCE(p->waiter))
			kick(p);
}

/*
 * Do what each waiter of @ring would do if it woke up now: look at its target, and for
 * the dead peers that it may be waiting for.  @writer: the caller waits as a writer.
 */
void emb_check_peers(struct ringbuf *ring, bool writer)
{
	u64 now = lib_clock(CLOCK_MONOTONIC_COARSE);

	if (now - READ_ONCE(ring->header->checked) >= EMB_SLICE_NS / 2) {
		WRITE_ONCE(ring->header->checked, now);
		wake_reached(ring);
		kick_disarmed(writer_seats(ring), writer_count(ring));
		kick_disarmed(ring->header->seat, rb_rows(&ring->view));
	}
	emb_reap(ring, writer || writer_sleeps(ring));
}

/* Return how many times @ring->header->recheck each of its waiters sleeps before a look. */
static u32 stretch(const struct ringbuf *ring)
{
	s32 many = READ_ONCE(ring->header->waiters) / LOOKERS;

	if (many < 1)
		return 1;
	return many < STRETCH_MAX ? (u32)many : STRETCH_MAX;
}

/*
 * Return how long to sleep before a look, in ns, so that all waiters together look often
 * enough; 0: for ever.
 */
u64 emb_slice(const struct ringbuf *ring)
{
	return READ_ONCE(ring->header->recheck) * stretch(ring);
}

/*
 * The same before a first look.  One message may have let all waiters fall asleep at the
 * same moment, so their first looks are spread by seat, and each keeps its phase from
 * there on.
 */
u64 emb_slice_first(const struct lib_handle *h)
{
	u32 phase = emb_seat_index(h->ring, h->role, h->id) % stretch(h->ring);

	return READ_ONCE(h->ring->header->recheck) * (1 + phase);
}

/* -ETIMEDOUT: the deadline has passed.  *ns: how long to sleep, ~0 for ever. */
static int sleep_time(const struct lib_handle *h, u64 deadline, u64 *ns)
{
	u64 now;

	*ns = h->phased ? emb_slice(h->ring) : emb_slice_first(h);
	if (!*ns)
		*ns = ~0ULL;
	if (deadline == ~0ULL)
		return 0;
	now = lib_clock(CLOCK_MONOTONIC);
	if (now >= deadline)
		return -ETIMEDOUT;
	if (deadline - now < *ns)
		*ns = deadline - now;
	return 0;
}

/*
 * Begin to sleep: arm @waiter.  The caller has read its seat's seq before, and looks at
 * lib_wait_over() after it.  @asleep: EMB_SLEEPS or EMB_WATCHED.
 */
void emb_wait_begin(struct lib_handle *h, u64 waiter, u32 asleep)
{
	struct emb_seat *p = emb_seat(h);

	/* Before rb_arm(), whose barriers emb_wake_writers() matches. */
	WRITE_ONCE(p->asleep, asleep);
	if (asleep == EMB_SLEEPS)
		__atomic_add_fetch(&h->ring->header->waiters, 1, __ATOMIC_RELAXED);
	rb_arm(&h->view, &p->waiter, waiter);
}

/* From now on a look depends on @h, which began with EMB_WATCHED. */
void emb_wait_count(const struct lib_handle *h)
{
	WRITE_ONCE(emb_seat(h)->asleep, EMB_SLEEPS);
	__atomic_add_fetch(&h->ring->header->waiters, 1, __ATOMIC_RELAXED);
}

/*
 * Count before the flag is cleared: a kill in between must not leave the count too high.
 * A process that was taken for dead has been counted by seat_end(), and the seat is
 * another's by now.  Matches emb_wait_begin().
 */
void emb_wait_end(const struct lib_handle *h)
{
	struct emb_seat *p = emb_seat(h);

	if (unlikely(!emb_seat_is_ours(h)))
		return;
	rb_disarm(&p->waiter);
	if (READ_ONCE(p->asleep) == EMB_SLEEPS)
		__atomic_sub_fetch(&h->ring->header->waiters, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(p->asleep, 0);
}

static void cancelled(void *handle)
{
	emb_wait_end(handle);
}

/* A cancellation point.  A thread that is cancelled here leaves its seat disarmed. */
static LIB_SLOW int sleep_armed(struct lib_handle *h, u32 seq, u64 ns)
{
	struct emb_seat *p = emb_seat(h);
	int err, was;

	p->waits++;
	pthread_cleanup_push(cancelled, h);
	was = lib_cancel_now();
	err = emb_futex_wait(&p->seq, seq, ns);
	lib_cancel_later(was);
	pthread_cleanup_pop(0);
	return err;
}

int emb_wait(struct lib_handle *h, u64 waiter, u32 count, u64 deadline)
{
	u32 seq;
	int err;
	u64 ns;

	(void)count;
	if (unlikely(h->watched))
		emb_watched_elsewhere(h);
	seq = smp_load_acquire(&emb_seat(h)->seq);
	if (unlikely(!emb_seat_is_ours(h)))
		return -ESTALE;
	err = sleep_time(h, deadline, &ns);
	if (err)
		return err;
	emb_wait_begin(h, waiter, EMB_SLEEPS);
	if (!lib_wait_over(h, waiter))
		err = sleep_armed(h, seq, ns);
	emb_wait_end(h);
	h->phased = err == -ETIMEDOUT;
	if (h->phased) {
		emb_check_peers(h->ring, h->role == RINGBUF_ROLE_WRITER);
		return 0;
	}
	return err == -EINTR ? err : 0;
}
