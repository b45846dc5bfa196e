// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waiting on the embedded host: a futex per seat.  One thread may wait on many of them,
 * see embedded_watch.c.
 *
 * The kernel does not notice when a waker is killed between its commit and its wake.  So a
 * waiter that is the only one wakes up every header->recheck, and checks its target and its
 * peers.  Several waiters share that work: the more there are, the longer each sleeps, and
 * one that wakes up checks on behalf of all.  If most of them are killed at once, together
 * with the peer that the others wait for, a waiter may sleep STRETCH_MAX times longer before
 * it finds out.
 */
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "embedded.h"

/* Sleep while @word is @value, for at most @ns; ~0: without a limit.  Returns 0 or -errno. */
int emb_futex_wait(const u32 *word, u32 value, u64 ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
				    .tv_nsec = (long)(ns % 1000000000) };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, ~ns ? &t : NULL, NULL, 0) ? -errno : 0;
}

/* Wake @count tasks that sleep on @word, without changing @word. */
void emb_futex_kick(const u32 *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Increment @word and wake @count tasks that sleep on it. */
void emb_futex_wake(u32 *word, int count)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	emb_futex_kick(word, count);
}

#define CHECKERS    4 /* each further CHECKERS waiters make all sleep one header->recheck longer */
#define WAKE_ROUNDS 100 /* most rounds that one waker makes */
#define STRETCH_MAX 40 /* most times header->recheck that a waiter sleeps */

static void kick(struct emb_seat *p)
{
	emb_futex_wake(&p->seq, INT_MAX);
}

static struct emb_seat *writer_seats(const struct ringbuf *ring)
{
	return &ring->header->seat[ring->layout.max_readers];
}

/* Return how many writer seats have ever been used. */
static u32 writer_count(const struct ringbuf *ring)
{
	u32 ids = READ_ONCE(ring->header->ids);

	return ids < ring->layout.max_writers ? ids : ring->layout.max_writers;
}

/*
 * End the sleep of @h's user.  A user that is about to sleep is not missed: it checks
 * @h->interrupted after it has read the seat's seq.
 */
void emb_interrupt(struct lib_handle *h)
{
	kick(emb_seat(h));
}

/**
 * struct emb_seats - seats that a round visits: readers by row, then writers
 * @reader: seat of the first row
 * @writer: seat of the first writer
 * @rows: number of rows when the round began
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

/* Wake the waiters among the first @rows readers and @ids writers whose targets are reached. */
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
 * Wake all waiters whose targets are reached.  The counts are read before the round clears
 * the wake words.  A member that attaches and arms in between is not visited, and the wake
 * word that it lowered is cleared, so make another round if a count has grown.  A member
 * that the last read of the counts does not show has armed after the wake words were
 * cleared.
 */
static void wake_reached(struct ringbuf *ring)
{
	u32 rows = rb_rows(&ring->view), ids = writer_count(ring), n;
	u32 rows_seen, ids_seen;

	/* Bounded, because a peer may write anything into the counts. */
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
 * Notify the writers that a reader attached, moved or left, which no wake word covers.
 * Readers do not wait for one another.
 */
void emb_wake_writers(struct ringbuf *ring)
{
	smp_mb(); /* after the change; matches rb_arm(), which follows the store of asleep */
	kick_waiters(writer_seats(ring), writer_count(ring));
}

/*
 * Notify all waiters of a change that no wake word covers.  Kick every sleeping user, also
 * a waiter whose waker died after disarming it.
 */
void emb_wake_all(struct ringbuf *ring)
{
	emb_wake_writers(ring);
	kick_waiters(ring->header->seat, rb_rows(&ring->view));
}

/* Return whether a writer sleeps: it may be waiting for a dead reader. */
static bool writer_sleeps(const struct ringbuf *ring)
{
	const struct emb_seat *p = writer_seats(ring);
	u32 i, n = writer_count(ring);

	for (i = 0; i < n; i++)
		if (READ_ONCE(p[i].asleep))
			return true;
	return false;
}

/* See struct lib_host.  A reader that polls waits for writers only, a writer for both. */
bool emb_peers(struct lib_handle *h)
{
	u64 now = lib_clock(CLOCK_MONOTONIC_COARSE);

	if (now - h->checked < EMB_SLICE_NS)
		return false;
	h->checked = now;
	return emb_reap(h->ring, h->role == RINGBUF_ROLE_WRITER);
}

/* Kick disarmed waiters: their waker may have been stopped or killed before it kicked them. */
static void kick_disarmed(struct emb_seat *p, u32 count)
{
	for (; count; count--, p++)
		if (READ_ONCE(p->asleep) && !READ_ONCE(p->waiter))
			kick(p);
}

/*
 * Check on behalf of all waiters of @ring: wake those whose targets are reached, and end the
 * dead peers that they may be waiting for.  @writer: the caller waits as a writer.
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
	emb_policy_check(ring);
}

/* Return how many times @ring->header->recheck each of its waiters sleeps before a check. */
static u32 stretch(const struct ringbuf *ring)
{
	s32 many = READ_ONCE(ring->header->waiters) / CHECKERS;

	if (many < 1)
		return 1;
	return many < STRETCH_MAX ? (u32)many : STRETCH_MAX;
}

/*
 * Return how long to sleep before a check, in ns, so that all waiters together check often
 * enough; 0: without a limit.
 */
u64 emb_slice(const struct ringbuf *ring)
{
	return READ_ONCE(ring->header->recheck) * stretch(ring);
}

/*
 * Return how long to sleep before the first check, in ns; 0: without a limit.  All waiters
 * may have begun to sleep after the same message, so spread their first checks by seat;
 * emb_slice() then keeps the phase of each.
 */
u64 emb_slice_first(const struct lib_handle *h)
{
	u32 phase = emb_seat_index(h->ring, h->role, h->id) % stretch(h->ring);

	return READ_ONCE(h->ring->header->recheck) * (1 + phase);
}

/* Set *ns to how long to sleep, ~0: without a limit.  -ETIMEDOUT: the deadline has passed. */
static int sleep_time(const struct lib_handle *h, u64 deadline, u64 *ns)
{
	u64 now;

	*ns = h->phased ? emb_slice(h->ring) : emb_slice_first(h);
	if (!*ns)
		*ns = ~0ULL;
	if (h->role == RINGBUF_ROLE_WRITER && *ns > EMB_POLICY_NS &&
	    READ_ONCE(h->view.info->policies))
		*ns = EMB_POLICY_NS;
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
 * Arm @waiter, before the user of @h sleeps.  The caller reads the seat's seq before this
 * call and checks lib_wait_over() after it.  @asleep: EMB_SLEEPS or EMB_WATCHED.
 */
void emb_wait_begin(struct lib_handle *h, u64 waiter, u32 asleep)
{
	struct emb_seat *p = emb_seat(h);

	/* Store asleep before rb_arm(), whose barriers match that of emb_wake_writers(). */
	WRITE_ONCE(p->asleep, asleep);
	if (asleep == EMB_SLEEPS)
		__atomic_add_fetch(&h->ring->header->waiters, 1, __ATOMIC_RELAXED);
	rb_arm(&h->view, &p->waiter, waiter);
	if (h->role == RINGBUF_ROLE_WRITER)
		emb_blocker_look(h->ring);
}

/* Count @h, which was armed with EMB_WATCHED, as a waiter from now on. */
void emb_wait_count(const struct lib_handle *h)
{
	WRITE_ONCE(emb_seat(h)->asleep, EMB_SLEEPS);
	__atomic_add_fetch(&h->ring->header->waiters, 1, __ATOMIC_RELAXED);
}

/*
 * End the wait that emb_wait_begin() has begun.  Decrement the count before clearing the
 * flag, so that a kill in between does not leave the count too high.  If a peer took this
 * process for dead, seat_end() has decremented the count, and the seat is no longer that of
 * @h.
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

/* Sleep; a cancellation point, which disarms the seat of a cancelled thread. */
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
