// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_THRESHOLD: a waiter sleeps below its threshold, and is woken when it is reached. */

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

TEST_F(threshold, reader_is_ready_at_the_threshold_of_slots)
{
	uint64_t n;

	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	for (n = 0; n < 12; n += 4) {
		EXPECT_EQ(0, polled(self->reader));
		ASSERT_EQ(0, put_many(self->writer, n, 2));
		EXPECT_EQ(0, polled(self->reader));
		EXPECT_EQ(-EAGAIN, get(self->reader));
		ASSERT_EQ(0, put_many(self->writer, n + 2, 2));
		/* Once the threshold was reached, all slots that were ready can be read. */
		EXPECT_EQ(POLLIN, polled(self->reader));
		ASSERT_EQ(0, get_many(self->reader, n, 3));
		EXPECT_EQ(POLLIN, polled(self->reader));
		ASSERT_EQ(0, get_many(self->reader, n + 3, 1));
	}
	ASSERT_OK(threshold_call(self->reader, 0, 0, 0));
	ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(POLLIN, polled(self->reader));
}

/* A read checks the threshold even if no poll has done so before. */
TEST_F(threshold, read_without_poll_keeps_to_the_threshold)
{
	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	ASSERT_EQ(0, put_many(self->writer, 0, 2));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	ASSERT_EQ(0, put_many(self->writer, 2, 1));
	EXPECT_EQ(0, get_many(self->reader, 0, 1));
	/*
	 * Two slots of those that reached the threshold are left; the new one is not among them.
	 */
	ASSERT_EQ(0, put_many(self->writer, 3, 1));
	EXPECT_EQ(0, get_many(self->reader, 1, 2));
	EXPECT_EQ(-EAGAIN, get(self->reader));
}

TEST_F(threshold, reader_is_ready_at_the_threshold_of_bytes)
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

/* The slot of a writer that ends before it commits holds no bytes. */
TEST(hole_counts_for_no_bytes)
{
	int owner = ring_make(0, SLOT, SLOTS), reader = reader_open(owner);
	int leaver = writer_open(owner), writer = writer_open(owner);
	struct maps m;

	ASSERT_OK(threshold_call(reader, 0, 16, 0));
	ASSERT_OK(maps_open(&m, leaver));
	claim_by_hand(&m, 0, 1);
	maps_close(&m);
	ASSERT_OK(put(writer, 1));
	EXPECT_EQ(0, polled(reader));
	EXPECT_EQ(8, ready_call(reader));
	ASSERT_OK(put(writer, 2));
	EXPECT_EQ(POLLIN, polled(reader));
	EXPECT_EQ(0, get_many(reader, 1, 2));
	close(leaver);
	close(writer);
	close(reader);
	close(owner);
}

TEST_F(threshold, either_threshold_makes_a_reader_ready)
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

/* A threshold larger than the ring is reached when the ring is full, be it of empty messages. */
TEST_F(threshold, full_ring_reaches_any_threshold)
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

TEST_F(threshold, end_of_the_stream_reaches_any_threshold)
{
	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
	EXPECT_EQ(0, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
}

TEST_F(threshold, only_readers_and_writers_have_a_threshold)
{
	int observer = observer_open(self->owner);

	EXPECT_EQ(-EBADFD, threshold_call(self->owner, 1, 0, 0));
	EXPECT_EQ(-EBADFD, threshold_call(observer, 1, 0, 0));
	close(observer);
}

/* ---- waiters ------------------------------------------------------------------- */

struct waiter {
	int fd;
	short events;
	int64_t first;
};

static int polls(void *arg)
{
	struct waiter *s = arg;
	struct pollfd p = { .fd = s->fd, .events = s->events };

	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(s->events, p.revents);
	return 0;
}

static int reads(void *arg)
{
	struct waiter *s = arg;

	fcntl(s->fd, F_SETFL, 0);
	CHECK_EQ(s->first, get(s->fd));
	return 0;
}

static int writes(void *arg)
{
	struct waiter *s = arg;

	fcntl(s->fd, F_SETFL, 0);
	CHECK_EQ(0, put(s->fd, (uint64_t)s->first));
	return 0;
}

/* Take @count steps.  Check that @pid sleeps before each of them, and ends after the last. */
#define STEPS(pid, count, step)                        \
	do {                                           \
		unsigned int i_;                       \
		for (i_ = 0; i_ < (count); i_++) {     \
			ASSERT_TRUE(task_asleep(pid)); \
			step;                          \
		}                                      \
		EXPECT_EQ(0, child_end(pid));          \
	} while (0)

TEST_F(threshold, poll_sleeps_below_the_threshold)
{
	struct waiter s = { self->reader, POLLIN, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 0));
	pid = child_start(polls, &s);
	STEPS(pid, 5, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, read_sleeps_below_the_threshold)
{
	struct waiter s = { self->reader, 0, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 0));
	pid = child_start(reads, &s);
	STEPS(pid, 5, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, read_sleeps_below_the_threshold_of_bytes)
{
	struct waiter s = { self->reader, 0, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 0, 7 * 8 - 3, 0));
	pid = child_start(reads, &s);
	STEPS(pid, 7, ASSERT_EQ(0, put(self->writer, n++)));
}

TEST_F(threshold, poll_of_a_writer_sleeps_below_the_threshold)
{
	struct waiter s = { self->writer, POLLOUT, 0 };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 5, 0, 0));
	pid = child_start(polls, &s);
	STEPS(pid, 5, ASSERT_EQ((int64_t)n++, get(self->reader)));
	ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(0, polled(self->writer));
}

TEST_F(threshold, write_sleeps_below_the_threshold)
{
	struct waiter s = { self->writer, 0, SLOTS };
	uint64_t n = 0;
	pid_t pid;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 0, 4 * SLOT + 1, 0));
	pid = child_start(writes, &s);
	STEPS(pid, 5, ASSERT_EQ((int64_t)n++, get(self->reader)));
	ASSERT_EQ(0, get_many(self->reader, 5, SLOTS - 4));
}

TEST_F(threshold, change_of_the_threshold_wakes_a_waiter)
{
	struct waiter s = { self->reader, POLLIN, 0 };
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

TEST_F(threshold, one_slot_is_enough_after_the_time)
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
	/* The time begins again with each wait; when it is over, the first slot is enough. */
	start = now_ns();
	EXPECT_EQ(-EAGAIN, get(self->reader));
	EXPECT_EQ(0, poll(&p, 1, 40));
	EXPECT_LE(30ULL * MS, now_ns() - start);
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(POLLIN, polled(self->reader));
	EXPECT_EQ(1, get(self->reader));
	/* The threshold is reached before the time is over. */
	ASSERT_OK(threshold_call(self->reader, 2, 0, 1000 * SECOND));
	ASSERT_EQ(0, put(self->writer, 2));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, put(self->writer, 3));
	EXPECT_EQ(1, poll(&p, 1, -1));
}

TEST_F(threshold, sleeping_read_returns_one_slot_after_the_time)
{
	uint64_t start;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 30 * MS));
	fcntl(self->reader, F_SETFL, 0);
	ASSERT_EQ(0, put(self->writer, 0));
	start = now_ns();
	EXPECT_EQ(0, get(self->reader));
	EXPECT_LE(30ULL * MS, now_ns() - start);
}

TEST_F(threshold, first_slot_after_the_time_wakes_a_reader)
{
	struct waiter s = { self->reader, 0, 0 };
	pid_t pid;

	ASSERT_OK(threshold_call(self->reader, 5, 0, 1 * MS));
	pid = child_start(reads, &s);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, poll(NULL, 0, 5));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(threshold, room_for_one_slot_is_enough_after_the_time)
{
	uint64_t start;

	ASSERT_EQ(0, put_many(self->writer, 0, SLOTS));
	ASSERT_OK(threshold_call(self->writer, 5, 0, 30 * MS));
	ASSERT_EQ(0, get(self->reader));
	EXPECT_EQ(0, polled(self->writer));
	/* A write that succeeds starts the time again. */
	start = now_ns();
	fcntl(self->writer, F_SETFL, 0);
	/* The first write finds room for its slot and does not wait, the second finds none. */
	ASSERT_EQ(0, put(self->writer, SLOTS));
	fcntl(self->writer, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, put(self->writer, SLOTS));
	ASSERT_EQ(1, get(self->reader));
	EXPECT_EQ(1, poll(&(struct pollfd){ .fd = self->writer, .events = POLLOUT }, 1, -1));
	EXPECT_LE(29ULL * MS, now_ns() - start);
}

TEST_F(threshold, epoll_reports_one_slot_after_the_time)
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

TEST_F(threshold, epoll_keeps_to_the_threshold_of_bytes)
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

/* Such a time must not overflow. */
TEST_F(threshold, time_that_no_clock_reaches_never_ends)
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
 * A logger that wants ten slots at a time is woken for every tenth, and a player
 * beside it, which wants each slot, for each.
 */
TEST_F(threshold, each_reader_is_woken_at_its_own_threshold)
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

TEST(writer_through_maps_calls_wake_only_at_the_threshold)
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
 * A writer and a reader that change their thresholds often.  The sum of both is at most
 * the ring, so one of them can always continue.
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

TEST_F(threshold, no_waiter_sleeps_past_a_changing_threshold)
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
