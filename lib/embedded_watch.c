// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One thread that waits on behalf of many handles of the embedded host, see inside.h.
 *
 * The user arms handles, one at a time; a thread sleeps with futex_waitv(2) on the seq
 * words of all their seats and on a control word.  When a seat was kicked, the thread
 * disarms the handle, notes its tag and makes an eventfd readable.
 *
 *	user				thread
 *	lock				lock
 *	seq = seat->seq		copy all words and seqs
 *	emb_wait_begin()		unlock
 *	lib_wait_over()? disarm	futex_waitv(): returns at once if a word differs
 *	unlock				from the copied value
 *
 * The thread compares seq with the value that the user has read, or an older one.  A kick
 * after the user has read seq changes it, so no wake-up is lost.  A handle that the thread
 * has in its copy already can be armed without a system call.  A new handle, or an earlier
 * check, changes the control word.
 *
 * Only one of the armed handles of a ring counts as a waiter (EMB_SLEEPS), because one
 * thread sleeps for all of them; it holds the time of the ring's next check.  When it is
 * disarmed another handle takes over.
 *
 * A handle stays in the watch until it is closed, waits in another way, or the watch is
 * destroyed.  watch->lock protects everything but the check of a ring: a user that drops a
 * handle waits for the end of a check of its ring.  A child has no thread, and its copy of
 * the lock may be locked for ever: there these functions only free memory.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "embedded.h"
#include "inside.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* Linux 5.16 */
#endif

#define NOWHERE	 (~0U)
#define NEVER	 (~0ULL)
#define FUTEX_32 2U /* FUTEX2_SIZE_U32 */
#define POLL_NS	 1000000U /* how long to sleep if futex_waitv() fails unexpectedly */

/* struct futex_waitv and its timeout, which older headers lack. */
struct waitv {
	u64 value;
	u64 address;
	u32 flags;
	u32 reserved;
};

struct waitv_time {
	s64 seconds;
	s64 ns;
};

/**
 * struct emb_watched - a handle in a watch
 * @watch: the watch, of which it holds a reference
 * @handle: the handle, whose watched field points to this structure
 * @waiter: its waiter word while @armed
 * @tag: the user's number for the handle
 * @check: while @counted, when to check the ring, coarse ns or NEVER
 * @seq: seq of its seat when it was armed
 * @at: its index in the watch, NOWHERE after the watch was destroyed
 * @fresh: the thread has not copied its seq yet
 * @armed: the thread waits on its behalf
 * @counted: its seat is EMB_SLEEPS, those of other handles of the ring are EMB_WATCHED
 * @reported: its wait is over, and lib_watch_take() has not returned its tag yet
 */
struct emb_watched {
	struct lib_watch *watch;
	struct lib_handle *handle;
	u64 waiter;
	u64 tag;
	u64 check;
	u32 seq;
	u32 at;
	bool fresh;
	bool armed;
	bool counted;
	bool reported;
};

/**
 * struct lib_watch - see inside.h
 * @lock: protects all fields, and those of its handles
 * @checked: signalled when @checking becomes NULL
 * @checking: the ring that the thread checks without @lock, or NULL
 * @thread: the thread that sleeps
 * @process: lib_process() of the process that created the watch and has the thread
 * @refs: references: one of the creator, one of each handle
 * @fd: eventfd, readable while @told
 * @control: futex, incremented when the thread has to copy its handles again
 * @stop: the thread has to end
 * @asleep: the thread sleeps on a copy of the handles, or is about to
 * @told: a handle was reported and lib_watch_take() has not been called since
 * @recent: a handle was armed since the thread last began to sleep
 * @until: when the thread's sleep ends, coarse ns or NEVER
 * @count: number of handles
 * @watched: its handles
 */
struct lib_watch {
	pthread_mutex_t lock;
	pthread_cond_t checked;
	const struct ringbuf *checking;
	pthread_t thread;
	u64 process;
	int refs;
	int fd;
	u32 control;
	bool stop;
	bool asleep;
	bool told;
	bool recent;
	u64 until;
	u32 count;
	struct emb_watched *watched[LIB_WATCH_MAX];
};

/* The words that the thread sleeps on: the control word, then those of the seats. */
struct sleep {
	struct waitv word[1 + LIB_WATCH_MAX];
	u32 count;
	u64 until;
};

static bool ours(const struct lib_watch *watch)
{
	return watch->process == lib_process();
}

static void watch_put(struct lib_watch *watch)
{
	if (!__atomic_sub_fetch(&watch->refs, 1, __ATOMIC_ACQ_REL))
		free(watch);
}

/* ---- under the lock ---------------------------------------------------------- */

/* Make the thread copy its handles again.  A thread that is not asleep does so anyway. */
static void alert(struct lib_watch *watch)
{
	if (watch->asleep)
		emb_futex_wake(&watch->control, 1);
}

/* Return the handle of @ring that counts as a waiter, or NULL if none is armed. */
static struct emb_watched *counted(const struct lib_watch *watch, const struct ringbuf *ring)
{
	u32 i;

	for (i = 0; i < watch->count; i++)
		if (watch->watched[i]->counted && watch->watched[i]->handle->ring == ring)
			return watch->watched[i];
	return NULL;
}

/* Make the next armed handle of the ring of @e, if any, count as a waiter instead of @e. */
static void hand_over(struct emb_watched *e)
{
	const struct lib_watch *watch = e->watch;
	struct emb_watched *o;
	u32 n;

	e->counted = false;
	for (n = 1; n < watch->count; n++) {
		o = watch->watched[(e->at + n) % watch->count];
		if (!o->armed || o->handle->ring != e->handle->ring || !emb_seat_is_ours(o->handle))
			continue;
		o->counted = true;
		o->check = e->check;
		emb_wait_count(o->handle);
		return;
	}
}

static void disarm(struct emb_watched *e)
{
	e->armed = false;
	if (e->counted)
		hand_over(e);
	emb_wait_end(e->handle);
}

static void report(struct emb_watched *e)
{
	const u64 one = 1;

	disarm(e);
	e->reported = true;
	if (e->watch->told)
		return;
	e->watch->told = true;
	/* It cannot fail: the counter is 0. */
	if (write(e->watch->fd, &one, sizeof(one)) != sizeof(one))
		e->watch->told = false;
}

static void enlist(struct lib_watch *watch, struct emb_watched *e)
{
	e->at = watch->count++;
	e->fresh = true;
	watch->watched[e->at] = e;
}

static void delist(struct emb_watched *e)
{
	struct lib_watch *watch = e->watch;
	struct emb_watched *last = watch->watched[--watch->count];

	watch->watched[e->at] = last;
	last->at = e->at;
	e->at = NOWHERE;
	alert(watch);
}

/* ---- the thread ---------------------------------------------------------------- */

static void sleep_add(struct sleep *s, const u32 *word, u32 value)
{
	s->word[s->count++] =
		(struct waitv){ .value = value, .address = (uintptr_t)word, .flags = FUTEX_32 };
}

/*
 * Return when the thread's sleep ends.  If a handle was armed recently, sleep one slice at
 * most: a handle that is armed again and again then need not wake the thread.
 */
static u64 sleep_until(struct lib_watch *watch)
{
	u64 until = NEVER;
	u32 i;

	for (i = 0; i < watch->count; i++)
		if (watch->watched[i]->counted && watch->watched[i]->check < until)
			until = watch->watched[i]->check;
	if (until == NEVER && watch->recent)
		until = lib_clock(CLOCK_MONOTONIC_COARSE) + EMB_SLICE_NS;
	watch->recent = false;
	return until;
}

/* Report the handles that were kicked, and copy all words.  False: the thread has to end. */
static bool sleep_begin(struct lib_watch *watch, struct sleep *s)
{
	u32 i;

	pthread_mutex_lock(&watch->lock);
	s->count = 0;
	sleep_add(s, &watch->control, READ_ONCE(watch->control));
	for (i = 0; i < watch->count; i++) {
		struct emb_watched *e = watch->watched[i];
		const u32 *word = &emb_seat(e->handle)->seq;
		u32 seq = smp_load_acquire(word);

		if (e->armed && seq != e->seq)
			report(e);
		e->fresh = false;
		sleep_add(s, word, seq);
	}
	s->until = sleep_until(watch);
	watch->until = s->until;
	watch->asleep = !watch->stop;
	pthread_mutex_unlock(&watch->lock);
	return watch->asleep;
}

/* Return whether to copy the words again.  EFAULT: the seat of a closed handle was unmapped. */
static bool sleep_is_over(int err)
{
	return !err || err == EAGAIN || err == EINTR || err == ETIMEDOUT || err == EFAULT;
}

static void sleep_now(const struct sleep *s)
{
	const struct waitv_time t = { .seconds = (s64)(s->until / 1000000000),
				      .ns = (s64)(s->until % 1000000000) };
	const u32 *control = (const u32 *)(uintptr_t)s->word[0].address;
	long n = syscall(SYS_futex_waitv, s->word, s->count, 0, s->until == NEVER ? NULL : &t,
			 CLOCK_MONOTONIC);

	/* Out of memory, or a sandbox now forbids the call: poll. */
	if (n < 0 && !sleep_is_over(errno))
		emb_futex_wait(control, (u32)s->word[0].value, POLL_NS);
}

/* Return when the next check of a ring is due.  @slice: time between checks, 0: never. */
static u64 next_check(u64 slice)
{
	return slice ? lib_clock(CLOCK_MONOTONIC_COARSE) + slice : NEVER;
}

/* Check the ring of @e.  Drops the lock meanwhile. */
static void check_ring(struct lib_watch *watch, struct emb_watched *e)
{
	struct ringbuf *ring = e->handle->ring;
	u32 i;

	e->check = next_check(emb_slice(ring));
	watch->checking = ring;
	pthread_mutex_unlock(&watch->lock);
	emb_check_peers(ring, false);
	pthread_mutex_lock(&watch->lock);
	watch->checking = NULL;
	pthread_cond_broadcast(&watch->checked);
	for (i = 0; i < watch->count; i++) {
		e = watch->watched[i];
		if (e->armed && e->handle->ring == ring && lib_wait_over(e->handle, e->waiter))
			report(e);
	}
}

/* Return the first handle whose ring is due for a check at @now, or NULL. */
static struct emb_watched *due(const struct lib_watch *watch, u64 now)
{
	u32 i;

	for (i = 0; i < watch->count; i++)
		if (watch->watched[i]->counted && watch->watched[i]->check <= now)
			return watch->watched[i];
	return NULL;
}

/* Check the rings whose time has come, as a waiter does, see embedded_wait.c. */
static void sleep_end(struct lib_watch *watch)
{
	/* Not the coarse clock: by that a check may not be due until some ms later. */
	u64 now = lib_clock(CLOCK_MONOTONIC);
	struct emb_watched *e;

	pthread_mutex_lock(&watch->lock);
	watch->asleep = false;
	while (!watch->stop && (e = due(watch, now)))
		check_ring(watch, e);
	pthread_mutex_unlock(&watch->lock);
}

static void *watch_thread(void *arg)
{
	struct lib_watch *watch = arg;
	struct sleep s;

	while (sleep_begin(watch, &s)) {
		sleep_now(&s);
		sleep_end(watch);
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------- */

/* Start the thread with all signals blocked, so that the user's threads get them. */
static int thread_start(struct lib_watch *watch)
{
	sigset_t all, was;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	err = pthread_create(&watch->thread, NULL, watch_thread, watch);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (!err)
		pthread_setname_np(watch->thread, "ringbuf-watch");
	return -err;
}

/* Return whether futex_waitv() exists and is allowed: then it fails with EINVAL for no words. */
static bool waitv_works(void)
{
	return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == EINVAL;
}

LIB_HIDDEN int lib_watch_create(struct lib_watch **watch)
{
	LIB_NO_CANCEL;
	struct lib_watch *w;
	int err;

	*watch = NULL;
	if (!waitv_works())
		return -ENOSYS;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->checked, NULL);
	w->refs = 1;
	w->process = lib_process();
	w->fd = lib_fd_high(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	err = w->fd < 0 ? w->fd : thread_start(w);
	if (!err) {
		*watch = w;
		return 0;
	}
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return err;
}

static void thread_end(struct lib_watch *watch)
{
	u32 i;

	pthread_mutex_lock(&watch->lock);
	for (i = 0; i < watch->count; i++)
		if (watch->watched[i]->armed)
			disarm(watch->watched[i]);
	for (i = 0; i < watch->count; i++) {
		watch->watched[i]->at = NOWHERE;
		watch->watched[i]->reported = false;
	}
	watch->count = 0;
	watch->stop = true;
	alert(watch);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
}

LIB_HIDDEN void lib_watch_destroy(struct lib_watch *watch)
{
	LIB_NO_CANCEL;

	if (!watch)
		return;
	if (ours(watch))
		thread_end(watch);
	close(watch->fd);
	watch_put(watch);
}

LIB_HIDDEN int lib_watch_fd(const struct lib_watch *watch)
{
	return watch->fd;
}

LIB_HIDDEN int lib_watch_take(struct lib_watch *watch, uint64_t tags[LIB_WATCH_MAX])
{
	LIB_NO_CANCEL;
	int n = 0;
	u64 count;
	u32 i;

	if (!ours(watch))
		return 0;
	pthread_mutex_lock(&watch->lock);
	if (watch->told && read(watch->fd, &count, sizeof(count)) == sizeof(count))
		watch->told = false;
	for (i = 0; i < watch->count; i++) {
		if (watch->watched[i]->reported)
			tags[n++] = watch->watched[i]->tag;
		watch->watched[i]->reported = false;
	}
	pthread_mutex_unlock(&watch->lock);
	return n;
}

/* ---- handles -------------------------------------------------------------------- */

/* Take @h out of its watch.  After this call the thread does not use the ring of @h. */
void lib_watch_drop(struct lib_handle *h)
{
	LIB_NO_CANCEL;
	struct emb_watched *e = h->watched;
	struct lib_watch *watch = e->watch;

	h->watched = NULL;
	if (ours(watch)) {
		pthread_mutex_lock(&watch->lock);
		if (e->armed)
			disarm(e);
		if (e->at != NOWHERE)
			delist(e);
		while (watch->checking == h->ring)
			pthread_cond_wait(&watch->checked, &watch->lock);
		pthread_mutex_unlock(&watch->lock);
	}
	free(e);
	watch_put(watch);
}

/* Return whether @e is armed, or reported and not taken yet. */
static bool in_use(struct emb_watched *e)
{
	struct lib_watch *watch = e->watch;
	bool used;

	if (!ours(watch))
		return false;
	pthread_mutex_lock(&watch->lock);
	used = e->armed || e->reported;
	pthread_mutex_unlock(&watch->lock);
	return used;
}

/* Add @h to @watch, not armed.  Returns 0, -EBUSY, -ENOMEM or -ENOSPC. */
static int join(struct lib_watch *watch, struct lib_handle *h)
{
	struct emb_watched *e = h->watched;
	bool room;

	if (e && in_use(e))
		return -EBUSY;
	if (e && e->watch == watch && e->at != NOWHERE)
		return 0;
	if (e)
		lib_watch_drop(h);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->watch = watch;
	e->handle = h;
	pthread_mutex_lock(&watch->lock);
	room = watch->count < LIB_WATCH_MAX;
	if (room) {
		__atomic_add_fetch(&watch->refs, 1, __ATOMIC_RELAXED);
		enlist(watch, e);
		h->watched = e;
	}
	pthread_mutex_unlock(&watch->lock);
	if (!room)
		free(e);
	return room ? 0 : -ENOSPC;
}

/* Return whether @h was interrupted, and forget it: an interrupt ends one wait. */
static bool interrupted(struct lib_handle *h)
{
	if (likely(!READ_ONCE(h->interrupted)))
		return false;
	WRITE_ONCE(h->interrupted, false);
	return true;
}

/* Arm @e.  False: not armed, because the wait is over already. */
static bool arm(struct emb_watched *e, u64 waiter)
{
	struct lib_watch *watch = e->watch;
	struct lib_handle *h = e->handle;

	e->counted = !counted(watch, h->ring);
	e->check = e->counted ? next_check(emb_slice_first(h)) : NEVER;
	e->waiter = waiter;
	e->seq = smp_load_acquire(&emb_seat(h)->seq);
	e->armed = true;
	emb_wait_begin(h, waiter, e->counted ? EMB_SLEEPS : EMB_WATCHED);
	if (interrupted(h) || lib_wait_over(h, waiter)) {
		disarm(e);
		return false;
	}
	emb_seat(h)->waits++;
	watch->recent |= e->check != NEVER;
	if (e->fresh || e->check < watch->until)
		alert(watch);
	return true;
}

/*
 * Have the thread of @watch wait for @waiter on behalf of the user of @h.  Returns 0 if it
 * does, 1 if the wait is over already, or an error of lib_watch_reader().
 */
int lib_watch_arm(struct lib_watch *watch, struct lib_handle *h, u64 waiter, u64 tag)
{
	LIB_NO_CANCEL;
	bool armed;
	int err;

	if (h->host != &lib_embedded_host || !ours(watch))
		return -EOPNOTSUPP;
	if (!emb_seat_is_ours(h))
		return -ESTALE;
	err = join(watch, h);
	if (err)
		return err;
	pthread_mutex_lock(&watch->lock);
	h->watched->tag = tag;
	armed = arm(h->watched, waiter);
	pthread_mutex_unlock(&watch->lock);
	return !armed;
}

LIB_HIDDEN void lib_unwatch(struct lib_watch *watch, uint64_t tag)
{
	LIB_NO_CANCEL;
	u32 i;

	if (!ours(watch))
		return;
	pthread_mutex_lock(&watch->lock);
	for (i = 0; i < watch->count; i++) {
		struct emb_watched *e = watch->watched[i];

		if (e->tag != tag)
			continue;
		if (e->armed)
			disarm(e);
		e->reported = false;
	}
	pthread_mutex_unlock(&watch->lock);
}

/*
 * Prepare @h, which is in a watch, for a sleep of its own user.  A seat has only one waiter
 * word, so end the wait of the thread with a report; the user of the watch then checks
 * again.  If @h is neither armed nor reported, take it out of the watch, so that its
 * wake-ups no longer wake the thread.
 */
void emb_watched_elsewhere(struct lib_handle *h)
{
	LIB_NO_CANCEL;
	struct emb_watched *e = h->watched;

	if (!in_use(e)) {
		lib_watch_drop(h);
		return;
	}
	pthread_mutex_lock(&e->watch->lock);
	if (e->armed)
		report(e);
	pthread_mutex_unlock(&e->watch->lock);
}
