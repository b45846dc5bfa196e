// SPDX-License-Identifier: GPL-2.0
/*
 * Each way to wait for a ring, against each call that changes what is waited for:
 * several threads wait with one reader's handle while another thread changes it.  The kernel's
 * own checks must find nothing (list debugging, KASAN, lockdep), and the ring must stay usable.
 */
#include <pthread.h>
#include <sys/epoll.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#include <ringbuf_uring.h>

#define SLOTS	4
#define WAITERS 2

/* The ring of a round; threads wait with @reader. */
struct pair {
	int owner, reader, writer;
	uint32_t id;
	struct maps m;
	int stop;
};

/* ---- ways to wait, each for a moment and with any result --------------------------- */

static void waits_by_poll(struct pair *p)
{
	struct pollfd f = { .fd = p->reader, .events = POLLIN };

	poll(&f, 1, 1);
}

static void waits_by_epoll(struct pair *p)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (!epoll_ctl(set, EPOLL_CTL_ADD, p->reader, &e))
		epoll_wait(set, &e, 1, 1);
	close(set);
}

/* This may block, since the parent writes as long as this process lives. */
static void waits_by_read(struct pair *p)
{
	char text[64];

	if (read(p->reader, text, sizeof(text)) < 0)
		sched_yield();
}

static void waits_by_wait(struct pair *p)
{
	static _Thread_local uint32_t n;

	wait_call(p->reader, 1 + n++ % SLOTS, now_ns() + MS);
}

static void waits_by_uring(struct pair *p)
{
	struct ringbuf_wait w = wait_for(1, now_ns() + MS);
	static _Thread_local struct io_uring u;
	static _Thread_local bool made;
	struct io_uring_cqe *cqe;

	if (!made && io_uring_queue_init(4, &u, 0))
		return;
	made = true;
	ringbuf_prep_wait(io_uring_get_sqe(&u), p->reader, &w, 1);
	if (io_uring_submit(&u) != 1 || io_uring_wait_cqe(&u, &cqe))
		return;
	io_uring_cqe_seen(&u, cqe);
}

static void waits_by_splice(struct pair *p)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		return;
	splice(p->reader, NULL, fds[1], NULL, 64, 0);
	close(fds[0]);
	close(fds[1]);
}

/* ---- changes meanwhile --------------------------------------------------------------- */

#define MANY 300

static void by_threshold(struct pair *p)
{
	uint64_t n, most = often(MANY * 20);

	for (n = 0; n < most; n++)
		threshold_call(p->reader, n & 1 ? 3 : 0, n & 2 ? 100 : 0, n & 4 ? MS : 0);
}

static void by_sync(struct pair *p)
{
	uint64_t n, most = often(MANY * 20);

	for (n = 0; n < most; n++)
		sync_with(n & 1 ? p->owner : p->reader, RINGBUF_SYNC_HEAD, p->id, 0);
}

static void by_evict(struct pair *p)
{
	evict_call(p->owner, p->id);
}

static void by_detach(struct pair *p)
{
	detach_call(p->reader);
}

static void by_close(struct pair *p)
{
	close(p->reader);
}

static void by_munmap(struct pair *p)
{
	maps_close(&p->m);
}

static void by_exec(struct pair *p)
{
	(void)p;
	execl("/bin/true", "true", NULL);
	_exit(1);
}

/* ---- the matrix ---------------------------------------------------------------------- */

FIXTURE(pairs)
{
	unsigned int rounds;
};

FIXTURE_VARIANT(pairs)
{
	void (*waits)(struct pair * p);
	void (*change)(struct pair * p);
};

#define PAIR(way, what)                                       \
	FIXTURE_VARIANT_ADD(pairs, way##_##what)              \
	{                                                     \
		.waits = waits_by_##way, .change = by_##what, \
	}

#define PAIRS(way)            \
	PAIR(way, threshold); \
	PAIR(way, sync);      \
	PAIR(way, evict);     \
	PAIR(way, detach);    \
	PAIR(way, close);     \
	PAIR(way, munmap);    \
	PAIR(way, exec)

PAIRS(poll);
PAIRS(epoll);
PAIRS(read);
PAIRS(wait);
PAIRS(uring);
PAIRS(splice);

FIXTURE_SETUP(pairs)
{
	self->rounds = rounds(20);
}

FIXTURE_TEARDOWN(pairs)
{
	(void)self;
}

struct task {
	struct pair *p;
	void (*waits)(struct pair *p);
	void (*change)(struct pair *p);
	unsigned int round;
};

static void *waiter(void *arg)
{
	struct task *t = arg;

	while (!FLAG_GET(t->p->stop))
		t->waits(t->p);
	return NULL;
}

/* Run a round in a child; the parent writes to the ring until the child has ended. */
static int round_of(void *arg)
{
	struct task *t = arg;
	pthread_t thread[WAITERS];
	unsigned int i;

	CHECK_EQ(0, maps_open(&t->p->m, t->p->reader));
	for (i = 0; i < WAITERS; i++)
		CHECK_EQ(0, pthread_create(&thread[i], NULL, waiter, t));
	/* Make the change at another moment in each round. */
	for (i = 0; i < t->round; i++)
		sched_yield();
	t->change(t->p);
	FLAG_SET(t->p->stop);
	/* Threads that still wait end with the process. */
	_exit(0);
}

static int pair_open(struct pair *p)
{
	struct ringbuf_info info;

	p->stop = 0;
	p->owner = ring_make(0, 64, SLOTS);
	p->reader = reader_open(p->owner);
	p->writer = writer_open(p->owner);
	if (p->writer < 0 || nonblock(p->writer) || info_get(p->reader, &info))
		return -1;
	p->id = info.id;
	return 0;
}

/* Check that the ring can still be used. */
static int pair_usable(struct pair *p)
{
	int reader = reader_open(p->owner);

	CHECK(reader >= 0);
	close(p->reader);
	CHECK_EQ(0, put(p->writer, 77));
	CHECK_EQ(77, get(reader));
	CHECK_EQ(1, stats_of(p->owner).total);
	close(reader);
	return 0;
}

static int writes_until_ended(struct pair *p, pid_t pid)
{
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		put(p->writer, 1);
		sched_yield();
	}
	return status;
}

TEST_F(pairs, ring_is_usable_after_changes_under_waiters)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	int none = device_open();
	unsigned int n;

	ASSERT_OK(call(none, RINGBUF_IOC_FEATURES, &f));
	close(none);
	if (variant->waits == waits_by_uring && !(f.features & RINGBUF_FEAT_URING))
		SKIP(return, "this kernel has no io_uring commands for modules");
	for (n = 0; n < self->rounds; n++) {
		struct pair p;
		struct task t = { &p, variant->waits, variant->change, n };

		ASSERT_EQ(0, pair_open(&p));
		ASSERT_EQ(0, writes_until_ended(&p, child_start(round_of, &t)));
		ASSERT_EQ(0, pair_usable(&p));
		close(p.writer);
		close(p.owner);
	}
}

DEVICE_HARNESS_MAIN
