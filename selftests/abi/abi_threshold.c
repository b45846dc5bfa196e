// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_THRESHOLD: no waiter is woken below its threshold or sleeps above it. */

#include "../harness/handles.h"
#include "../harness/epoll.h"

#define SLOT  64
#define SLOTS 16

HANDLES_FIXTURE(threshold)

SHARED_AND_EXCLUSIVE(threshold, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(threshold)
{
	HANDLES_SETUP(variant->flags, SLOT, SLOTS);
	HANDLES_NONBLOCK();
}

static int put_many(int fd, uint64_t from, uint64_t count)
{
	for (; count; count--)
		CHECK_EQ(0, put(fd, from++));
	return 0;
}

static int get_many(int fd, uint64_t from, uint64_t count)
{
	for (; count; count--)
		CHECK_EQ((int64_t)from++, get(fd));
	return 0;
}

TEST_F(threshold, slots)
{
	uint64_t n;

	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	for (n = 0; n < 12; n += 4) {
		EXPECT_EQ(0, polled(self->reader));
		ASSERT_EQ(0, put_many(self->writer, n, 2));
		EXPECT_EQ(0, polled(self->reader));
		EXPECT_EQ(-EAGAIN, get(self->reader));
		ASSERT_EQ(0, put_many(self->writer, n + 2, 2));
		/* Read all of them, one after the other. */
		EXPECT_EQ(POLLIN, polled(self->reader));
		ASSERT_EQ(0, get_many(self->reader, n, 3));
		EXPECT_EQ(POLLIN, polled(self->reader));
		ASSERT_EQ(0, get_many(self->reader, n + 3, 1));
	}
	ASSERT_OK(threshold_call(self->reader, 0, 0, 0));
	ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(POLLIN, polled(self->reader));
}

/* Without poll, read finds out for itself. */
TEST_F(threshold, slots_by_read)
{
	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	ASSERT_EQ(0, put_many(self->writer, 0, 2));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	ASSERT_EQ(0, put_many(self->writer, 2, 1));
	EXPECT_EQ(0, get_many(self->reader, 0, 1));
	/* Two are left, and were announced; the next is not. */
	ASSERT_EQ(0, put_many(self->writer, 3, 1));
	EXPECT_EQ(0, get_many(self->reader, 1, 2));
	EXPECT_EQ(-EAGAIN, get(self->reader));
}

TEST_F(threshold, bytes)
{
	char text[SLOT] = "";
	int n;

	ASSERT_OK(threshold_call(self->reader, 0, 100, 0));
	for (n = 0; n < 9; n++) {
		ASSERT_EQ(10, write(self->writer, text, 10));
		EXPECT_EQ(0, polled(self->reader));
	}
	ASSERT_EQ(10, write(self->writer, text, 10));
	EXPECT_EQ(POLLIN, polled(self->reader));
	for (n = 0; n < 10; n++)
		ASSERT_EQ(10, read(self->reader, text, SLOT));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(SLOT, write(self->writer, text, SLOT));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(36, write(self->writer, text, 36));
	EXPECT_EQ(POLLIN, polled(self->reader));
}

TEST_F(threshold, slots_or_bytes)
{
	char text[SLOT] = "";

	ASSERT_OK(threshold_call(self->reader, 3, 100, 0));
	ASSERT_EQ(SLOT, write(self->writer, text, SLOT));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(SLOT, write(self->writer, text, SLOT));
	EXPECT_EQ(POLLIN, polled(self->reader));
	ASSERT_EQ(SLOT, read(self->reader, text, SLOT));
	ASSERT_EQ(SLOT, read(self->reader, text, SLOT));
	ASSERT_EQ(0, put_many(self->writer, 0, 2));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put_many(self->writer, 0, 1));
	EXPECT_EQ(POLLIN, polled(self->reader));
}

/* More than there can be: a full ring is enough; empty messages fill it too. */
TEST_F(threshold, more_than_the_ring)
{
	unsigned int n;

	ASSERT_OK(threshold_call(self->reader, ~0U, ~0ULL, 0));
	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS - 1));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put(self->writer, SLOTS - 1));
	EXPECT_EQ(POLLIN, polled(self->reader));
	ASSERT_EQ(0, get_many(self->reader, 0, SLOTS));
	for (n = 0; n < SLOTS; n++) {
		EXPECT_EQ(0, polled(self->reader));
		ASSERT_EQ(0, write(self->writer, "", 0));
	}
	EXPECT_EQ(POLLIN, polled(self->reader));
}

TEST_F(threshold, end_counts)
{
	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
	EXPECT_EQ(0, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
}

TEST_F(threshold, roles)
{
	int observer = observer_open(self->owner);

	EXPECT_EQ(-EBADFD, threshold_call(self->owner, 1, 0, 0));
	EXPECT_EQ(-EBADFD, threshold_call(observer, 1, 0, 0));
	close(observer);
}

/* ---- sleepers ------------------------------------------------------------------- */

struct sleeper {
	int fd;
	short events;
	int64_t first;
};

static int polls(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .fd = s->fd, .events = s->events };

	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(s->events, p.revents);
	return 0;
}

static int reads(void *arg)
{
	struct sleeper *s = arg;

	fcntl(s->fd, F_SETFL, 0);
	CHECK_EQ(s->first, get(s->fd));
	return 0;
}

static int writes(void *arg)
{
	struct sleeper *s = arg;

	fcntl(s->fd, F_SETFL, 0);
	CHECK_EQ(0, put(s->fd, (uint64_t)s->first));
	return 0;
}

/* Check that @pid sleeps after each of @count steps but the last. */
#define STEPS(pid, count, step)                        \
	do {                                           \
		unsigned int i_;                       \
		for (i_ = 0; i_ < (count); i_++) {     \
			ASSERT_TRUE(task_asleep(pid)); \
			step;                          \
		}                                      \
		EXPECT_EQ(0, child_end(pid));          \
	} while (0)

TEST_F(threshold, poll_sleeps)
{
	struct sleeper s = { self->reader, POLLIN, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 0));
	pid = child_start(polls, &s);
	STEPS(pid, 5, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, read_sleeps)
{
	struct sleeper s = { self->reader, 0, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 0));
	pid = child_start(reads, &s);
	STEPS(pid, 5, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, read_sleeps_for_bytes)
{
	struct sleeper s = { self->reader, 0, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 0, 7 * 8 - 3, 0));
	pid = child_start(reads, &s);
	STEPS(pid, 7, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, poll_of_a_writer_sleeps)
{
	struct sleeper s = { self->writer, POLLOUT, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 5, 0, 0));
	pid = child_start(polls, &s);
	STEPS(pid, 5, ASSERT_EQ((int64_t)n++, get(self->reader)));
	ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(0, polled(self->writer));
}

TEST_F(threshold, write_sleeps)
{
	struct sleeper s = { self->writer, 0, SLOTS };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 0, 4 * SLOT + 1, 0));
	pid = child_start(writes, &s);
	STEPS(pid, 5, ASSERT_EQ((int64_t)n++, get(self->reader)));
	ASSERT_EQ(0, get_many(self->reader, 5, SLOTS - 4));
}

/* A sleeping reader sees that the threshold has changed. */
TEST_F(threshold, change_wakes)
{
	struct sleeper s = { self->reader, POLLIN, 0 };
	pid_t a, b;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 0));
	a = child_start(polls, &s);
	ASSERT_TRUE(task_asleep(a));
	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_TRUE(task_asleep(a));
	ASSERT_OK(threshold_call(self->reader, 1, 0, 0));
	EXPECT_EQ(0, child_end(a));
	ASSERT_OK(threshold_call(self->reader, 2, 0, 0));
	b = child_start(reads, &s);
	ASSERT_TRUE(task_asleep(b));
	ASSERT_OK(threshold_call(self->reader, 0, 1, 0));
	EXPECT_EQ(0, child_end(b));
}

/* ---- time -------------------------------------------------------------------------- */

TEST_F(threshold, after)
{
	struct pollfd p = { .fd = self->reader, .events = POLLIN };
	uint64_t start;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 30 * MS));
	ASSERT_EQ(0, put(self->writer, 0));
	start = now_ns();
	EXPECT_EQ(0, polled(self->reader));
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_LE(30ULL * MS, now_ns() - start);
	EXPECT_EQ(0, get(self->reader));
	/* The time begins again; once it is over, the first slot is enough. */
	start = now_ns();
	EXPECT_EQ(-EAGAIN, get(self->reader));
	EXPECT_EQ(0, poll(&p, 1, 40));
	EXPECT_LE(30ULL * MS, now_ns() - start);
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(POLLIN, polled(self->reader));
	EXPECT_EQ(1, get(self->reader));
	/* Enough before the time. */
	ASSERT_OK(threshold_call(self->reader, 2, 0, 1000 * SECOND));
	ASSERT_EQ(0, put(self->writer, 2));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put(self->writer, 3));
	EXPECT_EQ(1, poll(&p, 1, -1));
}

TEST_F(threshold, read_after)
{
	uint64_t start;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 30 * MS));
	fcntl(self->reader, F_SETFL, 0);
	ASSERT_EQ(0, put(self->writer, 0));
	start = now_ns();
	EXPECT_EQ(0, get(self->reader));
	EXPECT_LE(30ULL * MS, now_ns() - start);
}

TEST_F(threshold, late_reader_takes_the_first)
{
	struct sleeper s = { self->reader, 0, 0 };
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 1 * MS));
	pid = child_start(reads, &s);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, poll(NULL, 0, 5));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(threshold, write_after)
{
	uint64_t start;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 5, 0, 30 * MS));
	ASSERT_EQ(0, get(self->reader));
	EXPECT_EQ(0, polled(self->writer));
	/* A write that succeeds ends what has run of the time. */
	start = now_ns();
	fcntl(self->writer, F_SETFL, 0);
	/* There is room for one slot, which needs no waiting; then for none. */
	ASSERT_EQ(0, put(self->writer, SLOTS));
	fcntl(self->writer, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, put(self->writer, SLOTS));
	ASSERT_EQ(1, get(self->reader));
	EXPECT_EQ(1, poll(&(struct pollfd){ .fd = self->writer, .events = POLLOUT }, 1, -1));
	EXPECT_LE(29ULL * MS, now_ns() - start);
}

/* epoll, level and edge, reports one slot only after the time, and no fewer bytes. */
TEST_F(threshold, epoll_after)
{
	const uint32_t flags[] = { 0, EPOLLET, EPOLLONESHOT };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		uint64_t start;
		int ep;

		ASSERT_OK(threshold_call(self->reader, 5, 0, 30 * MS));
		start = now_ns();
		ep = epoll_on(self->reader, EPOLLIN | flags[i]);
		ASSERT_EQ(0, put(self->writer, i));
		ASSERT_EQ(EPOLLIN, epolled(ep, -1));
		EXPECT_LE(30ULL * MS, now_ns() - start);
		ASSERT_EQ(i, get(self->reader));
		close(ep);
	}
}

TEST_F(threshold, epoll_bytes)
{
	const uint32_t flags[] = { 0, EPOLLET, EPOLLONESHOT };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		int ep;

		ASSERT_OK(threshold_call(self->reader, 0, 7 * 8 - 3, 0));
		ep = epoll_on(self->reader, EPOLLIN | flags[i]);
		for (n = 0; n < 6; n++) {
			ASSERT_EQ(0, put(self->writer, n));
			ASSERT_EQ(0, epolled(ep, 0));
		}
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(EPOLLIN, epolled(ep, -1));
		ASSERT_EQ(0, get_many(self->reader, 0, 7));
		close(ep);
	}
}

/* No end of time, and no overflow. */
TEST_F(threshold, after_for_ever)
{
	struct pollfd p = { .fd = self->reader, .events = POLLIN };

	ASSERT_OK(threshold_call(self->reader, 5, 0, ~0ULL));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(0, poll(&p, 1, 20));
	ASSERT_OK(threshold_call(self->reader, 5, 0, ~0ULL >> 1));
	EXPECT_EQ(0, poll(&p, 1, 20));
}

/* ---- how often --------------------------------------------------------------------- */

static uint64_t wakeups_of(int fd)
{
	struct ringbuf_reader_stats readers[4];
	struct ringbuf_info info;
	struct ringbuf_stats s;
	unsigned int i;

	if (info_get(fd, &info) || stats_call(fd, &s, readers, 4))
		return ~0ULL;
	for (i = 0; i < s.count; i++)
		if (readers[i].id == info.id)
			return readers[i].wakeups;
	return ~0ULL;
}

/*
 * A logger that wants ten at a time beside a reader that wants each: they are
 * woken for every tenth and for every one.
 */
TEST_F(threshold, logger_and_player)
{
	int player = reader_open(self->owner), n;
	int slow = epoll_on(self->reader, EPOLLIN | EPOLLET);
	int fast = epoll_on(player, EPOLLIN | EPOLLET);
	struct epoll_event e;
	uint64_t logger, other;

	ASSERT_OK(threshold_call(self->reader, 10, 0, 0));
	EXPECT_EQ(0, epoll_wait(slow, &e, 1, 0));
	EXPECT_EQ(0, epoll_wait(fast, &e, 1, 0));
	logger = wakeups_of(self->reader);
	other = wakeups_of(player);
	for (n = 0; n < 200; n++) {
		ASSERT_EQ(0, put(self->writer, (uint64_t)n));
		ASSERT_EQ(1, epoll_wait(fast, &e, 1, -1));
		ASSERT_EQ(n, get(player));
		ASSERT_EQ(n % 10 == 9, epoll_wait(slow, &e, 1, 0));
		if (n % 10 == 9)
			ASSERT_EQ(0, get_many(self->reader, (uint64_t)n - 9, 10));
	}
	EXPECT_EQ(logger + 20, wakeups_of(self->reader));
	EXPECT_EQ(other + 200, wakeups_of(player));
	close(slow);
	close(fast);
	close(player);
}

/* By edges, through maps: the writer calls WAKE only at the tenth slot. */
TEST(maps)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, SLOT, SLOTS);
	int reader = reader_open(owner), writer = writer_open(owner);
	int ep = epoll_on(reader, EPOLLIN | EPOLLET), calls = 0;
	struct epoll_event e;
	struct maps w, r;
	uint64_t n;

	ASSERT_OK(maps_open(&w, writer));
	ASSERT_OK(maps_open(&r, reader));
	ASSERT_OK(threshold_call(reader, 10, 0, 0));
	EXPECT_EQ(0, epoll_wait(ep, &e, 1, 0));
	for (n = 0; n < 100; n++) {
		if (commit_by_hand(&w, n, n)) {
			calls++;
			ASSERT_OK(wake_call(writer));
		}
		if (n % 10 != 9)
			continue;
		ASSERT_EQ(1, epoll_wait(ep, &e, 1, -1));
		release_by_hand(&r, n + 1);
	}
	EXPECT_EQ(10, calls);
	maps_close(&w);
	maps_close(&r);
	close(ep);
	close(reader);
	close(writer);
	close(owner);
}

/*
 * Two processes; nobody sleeps for ever, whatever the threshold: what both want
 * fits into the ring.
 */
struct relay {
	int writer;
	uint64_t count;
};

static int relay_writer(void *arg)
{
	struct relay *r = arg;
	int ep = epoll_on(r->writer, EPOLLOUT | EPOLLET);
	uint64_t n;

	for (n = 0; n < r->count; n++) {
		struct epoll_event e;
		int err;

		if (n % 64 == 0)
			CHECK_EQ(0, threshold_call(r->writer, n / 64 % 9, 0, 0));
		while ((err = put(r->writer, n)) == -EAGAIN)
			CHECK_EQ(1, epoll_wait(ep, &e, 1, 60000));
		CHECK_EQ(0, err);
	}
	CHECK_EQ(0, done_call(r->writer));
	return 0;
}

TEST_F(threshold, reader_does_not_sleep_past_its_threshold)
{
	struct relay r = { self->writer, often(50000) };
	int ep = epoll_on(self->reader, EPOLLIN | EPOLLET);
	pid_t pid = child_start(relay_writer, &r);
	struct epoll_event e;
	uint64_t n = 0;
	int64_t got;

	while ((got = get(self->reader)) != -ENODATA) {
		if (got == -EAGAIN) {
			ASSERT_EQ(1, epoll_wait(ep, &e, 1, 60000))
			TH_LOG("after %llu", (long long)n);
			continue;
		}
		ASSERT_EQ((int64_t)n, got);
		n++;
		if (n % 50 == 0)
			ASSERT_OK(threshold_call(self->reader, n / 50 % 9, n % 100 ? 60 : 0,
						 n % 200 ? 0 : MS));
	}
	EXPECT_EQ(r.count, n);
	EXPECT_EQ(0, child_end(pid));
	close(ep);
}

DEVICE_HARNESS_MAIN
