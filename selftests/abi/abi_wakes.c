// SPDX-License-Identifier: GPL-2.0
/*
 * No wake-up is lost, by any call that can wait, over thousands of waits for an event on
 * another processor.  One process writes, one reads, and both sleep whenever they can.  A
 * process that is not woken sleeps for ever, and the test fails.  The module's timer hides
 * lost wake-ups, so load a test build with recheck_ms=0, which switches it off.
 */
#include <sys/resource.h>
#include <sys/select.h>

#include "../harness/harness.h"
#include "../harness/device.h"
#include "../harness/epoll.h"

#include <ringbuf.h>
#include <ringbuf_uring.h>

enum way {
	BY_CALL, /* read(2), write(2) */
	BY_LIB, /* the library, which uses maps */
	BY_LIB_AND_POLL, /* the library without waiting, and poll(2) */
	BY_WAIT,
	BY_POLL,
	BY_SELECT,
	BY_LEVEL,
	BY_EDGE,
	BY_ONESHOT,
	BY_URING,
	BY_URING_POLL,
	BY_URING_MULTISHOT,
	BY_URING_WAIT,
};

/* State that both processes share; element 0 of an array is the writer's, 1 the reader's. */
struct talk {
	enum way way;
	int owner;
	char name[64];
	int attached;
	uint64_t enough;
	uint64_t sleeps[2];
	uint64_t wakeups[2];
	uint64_t moved[2];
};

FIXTURE(wakes)
{
	struct talk *talk;
};

FIXTURE_VARIANT(wakes)
{
	uint32_t flags;
	uint64_t slots;
};

FIXTURE_VARIANT_ADD(wakes, shared){ 0, 3 };
FIXTURE_VARIANT_ADD(wakes, exclusive){ RINGBUF_CREATE_EXCLUSIVE, 1 };

/* Return how often each process has to sleep in a test. */
static uint64_t enough(void)
{
	return timer_is_off() ? 300 : 100;
}

FIXTURE_SETUP(wakes)
{
	ASSERT_LT(0, processors());
	if (processors() < 2)
		SKIP(return, "only one processor");
	self->talk = shared_memory(sizeof(*self->talk));
	self->talk->enough = enough();
	snprintf(self->talk->name, sizeof(self->talk->name), RINGS "/selftest-%d-wakes", getpid());
	self->talk->owner = file_make(self->talk->name, variant->flags, 64, variant->slots);
	ASSERT_LE(0, self->talk->owner);
}

FIXTURE_TEARDOWN(wakes)
{
	close(self->talk->owner);
}

/* ---- one side ---------------------------------------------------------------------- */

struct side {
	enum way way;
	bool reads;
	int fd;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	int ep;
	struct io_uring u;
	bool armed; /* a multishot poll is in flight */
	uint64_t seed;
};

/* Open a handle of the library that sleeps at once, without spinning. */
static int side_open_lib(struct side *s, const char *name)
{
	struct ringbuf *ring;

	CHECK_EQ(0, ringbuf_open(name, RINGBUF_HOST_MODULE, &ring));
	if (s->reads) {
		CHECK_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_OLDEST, 0, &s->reader));
		ringbuf_reader_spin(s->reader, 0);
		s->fd = ringbuf_reader_fd(s->reader);
	} else {
		CHECK_EQ(0, ringbuf_writer_attach(ring, &s->writer));
		ringbuf_writer_spin(s->writer, 0);
		s->fd = ringbuf_writer_fd(s->writer);
	}
	return 0;
}

static int side_open(struct side *s, struct talk *t, bool reads)
{
	const uint32_t flags[] = { [BY_EDGE] = EPOLLET, [BY_ONESHOT] = EPOLLONESHOT };

	*s = (struct side){ .way = t->way, .reads = reads, .ep = -1, .seed = reads + 1 };
	CHECK_EQ(0, pin(reads));
	if (s->way == BY_LIB || s->way == BY_LIB_AND_POLL)
		CHECK_EQ(0, side_open_lib(s, t->name));
	else
		s->fd = role_open(reads ? RINGBUF_ROLE_READER : RINGBUF_ROLE_WRITER, t->owner);
	CHECK(s->fd >= 0);
	if (s->way >= BY_WAIT && s->way != BY_URING)
		CHECK_EQ(0, nonblock(s->fd));
	if (s->way >= BY_URING)
		CHECK_EQ(0, io_uring_queue_init(8, &s->u, 0));
	if (s->way >= BY_LEVEL && s->way <= BY_ONESHOT) {
		s->ep = epoll_on(s->fd, (reads ? EPOLLIN : EPOLLOUT) | flags[s->way]);
		CHECK(s->ep >= 0);
	}
	/*
	 * Wait for both, or the reader would miss messages that were written before it attached.
	 */
	__atomic_add_fetch(&t->attached, 1, __ATOMIC_SEQ_CST);
	UNTIL(FLAG_GET(t->attached) == 2);
	return 0;
}

static int wait_by_select(const struct side *s)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->fd, &set);
	CHECK_EQ(1, select(s->fd + 1, s->reads ? &set : NULL, s->reads ? NULL : &set, NULL, NULL));
	return 0;
}

static int wait_by_epoll(const struct side *s)
{
	struct epoll_event e = { .events = (s->reads ? EPOLLIN : EPOLLOUT) | EPOLLONESHOT };

	if (s->way == BY_ONESHOT)
		CHECK_EQ(0, epoll_ctl(s->ep, EPOLL_CTL_MOD, s->fd, &e));
	CHECK_EQ(1, epoll_wait(s->ep, &e, 1, -1));
	return 0;
}

/* Submit the prepared requests, and return the result of the next completion. */
static int completed(struct side *s, bool *more)
{
	struct io_uring_cqe *cqe;
	int res;

	CHECK(io_uring_submit_and_wait(&s->u, 1) >= 0);
	CHECK_EQ(0, io_uring_peek_cqe(&s->u, &cqe));
	res = cqe->res;
	*more = cqe->flags & IORING_CQE_F_MORE;
	io_uring_cqe_seen(&s->u, cqe);
	return res;
}

static int wait_by_uring(struct side *s)
{
	const struct ringbuf_wait w = wait_for(1, NEVER);
	unsigned int events = s->reads ? POLLIN : POLLOUT;
	bool more;

	if (s->way == BY_URING_WAIT)
		ringbuf_prep_wait(io_uring_get_sqe(&s->u), s->fd, &w, 0);
	else if (s->way == BY_URING_POLL)
		ringbuf_prep_poll(io_uring_get_sqe(&s->u), s->fd, events);
	else if (!s->armed)
		ringbuf_prep_poll_multishot(io_uring_get_sqe(&s->u), s->fd, events);
	CHECK(completed(s, &more) >= 0);
	s->armed = more;
	return 0;
}

static int side_wait(struct side *s)
{
	struct pollfd p = { .fd = s->fd, .events = s->reads ? POLLIN : POLLOUT };

	if (s->way >= BY_URING)
		return wait_by_uring(s);
	if (s->way >= BY_LEVEL)
		return wait_by_epoll(s);
	if (s->way == BY_SELECT)
		return wait_by_select(s);
	if (s->way == BY_WAIT)
		CHECK_EQ(0, wait_call(s->fd, 1, NEVER));
	else
		CHECK_EQ(1, poll(&p, 1, -1));
	return 0;
}

static ssize_t move_by_lib(const struct side *s, uint64_t *number, int64_t timeout)
{
	ssize_t n;

	if (s->reads) {
		n = ringbuf_reader_read(s->reader, number, 8, timeout);
		return n == -ENODATA ? 0 : n;
	}
	n = ringbuf_writer_write(s->writer, number, 8, timeout);
	return n ? n : 8;
}

/*
 * Move one number, without waiting unless the call itself waits.  Return 8, 0 at the end, or a
 * negative errno.
 */
static ssize_t move_now(struct side *s, uint64_t *number)
{
	ssize_t n;

	if (s->way == BY_LIB)
		return move_by_lib(s, number, RINGBUF_FOREVER);
	if (s->way == BY_LIB_AND_POLL)
		return move_by_lib(s, number, 0);
	n = s->reads ? read(s->fd, number, 8) : write(s->fd, number, 8);
	return n < 0 ? -errno : n;
}

/* Move one number, waiting if needed.  Return 8, 0 at the end, or a negative errno. */
static int side_move(struct side *s, uint64_t *number)
{
	ssize_t n;
	bool more;

	if (s->way == BY_URING) {
		if (s->reads)
			ringbuf_prep_read(io_uring_get_sqe(&s->u), s->fd, number, 8);
		else
			ringbuf_prep_write(io_uring_get_sqe(&s->u), s->fd, number, 8);
		return completed(s, &more);
	}
	while ((n = move_now(s, number)) == -EAGAIN)
		CHECK_EQ(0, side_wait(s));
	return (int)n;
}

/*
 * Return how often this process has given up its processor to wait.  Spin for up to 60
 * microseconds before most calls, so that the event comes at every stage of the other process's
 * falling asleep.
 */
static uint64_t side_slept(struct side *s)
{
	uint64_t until = now_ns();
	struct rusage r;

	s->seed = s->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	until += (s->seed >> 33) % 8 ? (s->seed >> 40) % 60000 : 0;
	while (now_ns() < until)
		;
	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)r.ru_nvcsw;
}

/* ---- both sides ---------------------------------------------------------------------- */

/* Record the counts of this process before it ends, since its handle takes them along. */
static int side_counts(const struct side *s, struct talk *t)
{
	struct ringbuf_reader_stats reader;
	struct ringbuf_stats stats;

	CHECK_EQ(0, stats_call(t->owner, &stats, &reader, 1));
	t->wakeups[0] = stats.wakeups;
	if (s->reads) {
		CHECK_EQ(1, stats.count);
		t->wakeups[1] = reader.wakeups;
	}
	return 0;
}

static int writes(void *arg)
{
	struct talk *t = arg;
	struct side s;
	uint64_t n;

	CHECK_EQ(0, side_open(&s, t, false));
	for (n = 0; t->sleeps[0] < t->enough || FLAG_GET(t->sleeps[1]) < t->enough; n++) {
		CHECK_EQ(8, side_move(&s, &n));
		t->sleeps[0] = side_slept(&s);
	}
	t->moved[0] = n;
	if (s.writer)
		CHECK_EQ(0, ringbuf_writer_done(s.writer));
	else
		CHECK_EQ(0, done_call(s.fd));
	return side_counts(&s, t);
}

static int reads(void *arg)
{
	struct talk *t = arg;
	uint64_t number;
	struct side s;
	int got;

	CHECK_EQ(0, side_open(&s, t, true));
	while ((got = side_move(&s, &number)) == 8) {
		CHECK_EQ(t->moved[1], number);
		t->moved[1]++;
		__atomic_store_n(&t->sleeps[1], side_slept(&s), __ATOMIC_SEQ_CST);
	}
	CHECK_EQ(0, got);
	return side_counts(&s, t);
}

static int talk_run(struct talk *t, enum way way)
{
	pid_t a, b;
	int i;

	t->way = way;
	a = child_start(writes, t);
	b = child_start(reads, t);
	CHECK_EQ(0, child_end(a));
	CHECK_EQ(0, child_end(b));
	CHECK_EQ(t->moved[0], t->moved[1]);
	for (i = 0; i < 2; i++) {
		printf("# %s slept %llu times, was woken %llu times, over %llu messages\n",
		       i ? "reader" : "writer", (unsigned long long)t->sleeps[i],
		       (unsigned long long)t->wakeups[i], (unsigned long long)t->moved[i]);
		CHECK(t->sleeps[i] >= t->enough);
		/* Some of the sleeps were for something else, such as a page. */
		CHECK(t->wakeups[i] >= t->enough / 2);
	}
	return 0;
}

#define WAKES(name, by)                                 \
	TEST_F(wakes, name)                             \
	{                                               \
		EXPECT_EQ(0, talk_run(self->talk, by)); \
	}

WAKES(read_and_write_miss_no_wake_up, BY_CALL)
WAKES(library_misses_no_wake_up, BY_LIB)
WAKES(library_with_poll_misses_no_wake_up, BY_LIB_AND_POLL)
WAKES(wait_misses_no_wake_up, BY_WAIT)
WAKES(poll_misses_no_wake_up, BY_POLL)
WAKES(select_misses_no_wake_up, BY_SELECT)
WAKES(level_triggered_epoll_misses_no_wake_up, BY_LEVEL)
WAKES(edge_triggered_epoll_misses_no_wake_up, BY_EDGE)
WAKES(oneshot_epoll_misses_no_wake_up, BY_ONESHOT)
WAKES(uring_read_and_write_miss_no_wake_up, BY_URING)
WAKES(uring_poll_misses_no_wake_up, BY_URING_POLL)
WAKES(uring_multishot_poll_misses_no_wake_up, BY_URING_MULTISHOT)

TEST_F(wakes, uring_wait_misses_no_wake_up)
{
	struct ringbuf_features f = { .size = sizeof(f) };

	ASSERT_OK(call(self->talk->owner, RINGBUF_IOC_FEATURES, &f));
	if (!(f.features & RINGBUF_FEAT_URING))
		SKIP(return, "this kernel has no commands for modules");
	EXPECT_EQ(0, talk_run(self->talk, BY_URING_WAIT));
}

DEVICE_HARNESS_MAIN
