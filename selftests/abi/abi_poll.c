// SPDX-License-Identifier: GPL-2.0
/* poll, select and epoll: which events they report, by level and edge; see also abi_wakes. */
#include <sys/select.h>

#include "../harness/handles.h"
#include "../harness/epoll.h"

#define SLOTS 4
#define IN    (POLLIN | POLLRDNORM)
#define OUT   (POLLOUT | POLLWRNORM)

HANDLES_FIXTURE(poll)

SHARED_AND_EXCLUSIVE(poll, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(poll)
{
	HANDLES_SETUP(variant->flags, 64, SLOTS);
	HANDLES_NONBLOCK();
}

static int fill(int writer)
{
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		CHECK_EQ(0, put(writer, n));
	return 0;
}

TEST_F(poll, poll_reports_whether_a_message_or_room_is_ready)
{
	unsigned int n;

	EXPECT_EQ(0, polled(self->reader));
	EXPECT_EQ(POLLOUT, polled(self->writer));
	ASSERT_EQ(0, put(self->writer, 0));
	EXPECT_EQ(POLLIN, polled(self->reader));
	for (n = 1; n < SLOTS; n++) {
		EXPECT_EQ(POLLOUT, polled(self->writer));
		ASSERT_EQ(0, put(self->writer, n));
	}
	EXPECT_EQ(0, polled(self->writer));
	EXPECT_EQ(POLLIN, polled(self->reader));
	ASSERT_EQ(0, get(self->reader));
	EXPECT_EQ(POLLOUT, polled(self->writer));
	EXPECT_EQ(POLLIN, polled(self->reader));
	for (n = 1; n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader));
	EXPECT_EQ(0, polled(self->reader));
}

TEST_F(poll, poll_reports_the_end_as_readable_and_hang_up)
{
	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(POLLIN, polled(self->reader) & POLLIN);
	EXPECT_EQ(0, get(self->reader));
	/* At the end a read returns at once, so the reader is readable, too. */
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
}

TEST_F(poll, poll_of_a_handle_that_cannot_wait_is_an_error)
{
	int none = device_open(), observer = observer_open(self->owner);

	EXPECT_EQ(POLLERR, polled(none));
	EXPECT_EQ(POLLERR, polled(self->owner));
	EXPECT_EQ(POLLERR, polled(observer));
	ASSERT_OK(detach_call(self->reader));
	EXPECT_EQ(POLLERR, polled(self->reader));
	close(none);
	close(observer);
}

TEST_F(poll, select_reports_whether_a_message_or_room_is_ready)
{
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(self->reader, &in);
	FD_SET(self->writer, &out);
	ASSERT_EQ(1, select(32, &in, &out, NULL, NULL));
	EXPECT_FALSE(FD_ISSET(self->reader, &in));
	EXPECT_TRUE(FD_ISSET(self->writer, &out));
	ASSERT_EQ(0, put(self->writer, 1));
	FD_SET(self->reader, &in);
	ASSERT_EQ(2, select(32, &in, &out, NULL, NULL));
	EXPECT_TRUE(FD_ISSET(self->reader, &in));
}

TEST_F(poll, poll_sleeps_until_its_timeout)
{
	struct pollfd p = { .fd = self->reader, .events = POLLIN };
	uint64_t start = now_ns();

	EXPECT_EQ(0, poll(&p, 1, 20));
	EXPECT_LE(20ULL * MS, now_ns() - start);
}

/* @others: a descriptor that the child must not keep open. */
struct waiter {
	int fd;
	short events;
	short want;
	int others;
};

static int polls(void *arg)
{
	struct waiter *s = arg;
	struct pollfd p = { .fd = s->fd, .events = s->events };

	if (s->others)
		close(s->others);
	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(s->want, p.revents);
	return 0;
}

TEST_F(poll, write_wakes_a_polling_reader)
{
	struct waiter s = { self->reader, POLLIN, POLLIN, 0 };
	pid_t pid = child_start(polls, &s);

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(poll, read_wakes_a_polling_writer)
{
	struct waiter s = { self->writer, POLLOUT, POLLOUT, 0 };
	pid_t pid;

	ASSERT_EQ(0, fill(self->writer));
	pid = child_start(polls, &s);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, get(self->reader));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(poll, end_of_the_stream_wakes_a_polling_reader)
{
	struct waiter s = { self->reader, POLLIN, POLLIN | POLLHUP, self->writer };
	pid_t pid = child_start(polls, &s);

	ASSERT_TRUE(task_asleep(pid));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(0, child_end(pid));
}

/* A poll reports a hang-up even if it asks for no events. */
TEST_F(poll, hang_up_wakes_a_poll_for_no_events)
{
	struct waiter s = { self->reader, 0, POLLHUP, 0 };
	pid_t pid = child_start(polls, &s);

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(poll, detach_of_a_reader_wakes_a_polling_writer)
{
	struct waiter s = { self->writer, POLLOUT, POLLOUT, 0 };
	pid_t pid;

	ASSERT_EQ(0, fill(self->writer));
	pid = child_start(polls, &s);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(detach_call(self->reader));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(poll, sync_wakes_a_polling_writer)
{
	struct waiter s = { self->writer, POLLOUT, POLLOUT, 0 };
	pid_t pid;

	ASSERT_EQ(0, fill(self->writer));
	pid = child_start(polls, &s);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(sync_all(self->owner, 1));
	EXPECT_EQ(0, child_end(pid));
}

/* ---- epoll ---------------------------------------------------------------------- */

TEST_F(poll, epoll_reports_a_message_until_it_is_read)
{
	int ep = epoll_on(self->reader, EPOLLIN);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epolled(ep, 0));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(EPOLLIN, epolled(ep, -1));
	EXPECT_EQ(EPOLLIN, epolled(ep, -1));
	ASSERT_EQ(1, get(self->reader));
	EXPECT_EQ(0, epolled(ep, 0));
	close(ep);
}

TEST_F(poll, edge_triggered_epoll_reports_each_message_once)
{
	int ep = epoll_on(self->reader, EPOLLIN | EPOLLET);
	uint64_t n;

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epolled(ep, 0));
	for (n = 0; n < 20; n++) {
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(EPOLLIN, epolled(ep, -1));
		ASSERT_EQ(0, epolled(ep, 0));
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	close(ep);
}

TEST_F(poll, edge_comes_also_while_messages_are_unread)
{
	int ep = epoll_on(self->reader, EPOLLIN | EPOLLET);
	uint64_t n;

	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_EQ(EPOLLIN, epolled(ep, -1));
	for (n = 1; n < 20; n++) {
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(EPOLLIN, epolled(ep, -1));
		ASSERT_EQ((int64_t)n - 1, get(self->reader));
	}
	close(ep);
}

/* A reader through maps makes no system call in which the kernel could arm it again. */
TEST_F(poll, edge_comes_also_if_messages_are_read_through_maps)
{
	int ep = epoll_on(self->reader, EPOLLIN | EPOLLET);
	struct maps m;
	uint64_t n;

	ASSERT_OK(maps_open(&m, self->reader));
	for (n = 0; n < 50; n++) {
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(EPOLLIN, epolled(ep, -1));
		ASSERT_EQ((int64_t)n, peek_by_hand(&m, n));
		if (release_by_hand(&m, n + 1))
			wake_call(self->reader);
	}
	maps_close(&m);
	close(ep);
}

TEST_F(poll, edge_triggered_epoll_reports_room)
{
	int ep = epoll_on(self->writer, EPOLLOUT | EPOLLET);
	uint64_t n, next = SLOTS;

	EXPECT_EQ(EPOLLOUT, epolled(ep, -1));
	ASSERT_EQ(0, fill(self->writer));
	while (epolled(ep, 0))
		;
	for (n = 0; n < 20; n++) {
		ASSERT_EQ((int64_t)n, get(self->reader));
		ASSERT_EQ(EPOLLOUT, epolled(ep, -1));
		ASSERT_EQ(0, put(self->writer, next++));
	}
	close(ep);
}

TEST_F(poll, oneshot_epoll_reports_once_until_it_is_armed_again)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };
	int ep = epoll_on(self->reader, EPOLLIN | EPOLLONESHOT);

	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(EPOLLIN, epolled(ep, -1));
	ASSERT_EQ(0, put(self->writer, 2));
	EXPECT_EQ(0, epolled(ep, 0));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->reader, &e));
	EXPECT_EQ(EPOLLIN, epolled(ep, -1));
	close(ep);
}

/* Return how often the process has given up its processor to wait. */
static long switches_of(pid_t pid)
{
	char path[64], line[128];
	long count = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %ld", &count);
	if (f)
		fclose(f);
	return count;
}

static int takes_one(void *arg)
{
	int *fd = arg, ep = epoll_on(*fd, EPOLLIN | EPOLLEXCLUSIVE);

	CHECK_EQ(EPOLLIN, epolled(ep, -1));
	return (int)get(*fd);
}

TEST_F(poll, exclusive_epoll_wakes_one_waiter_for_a_message)
{
	pid_t pid[2], first;
	long before[2];
	int i, status;

	for (i = 0; i < 2; i++) {
		pid[i] = child_start(takes_one, &self->reader);
		ASSERT_TRUE(task_asleep(pid[i]));
	}
	for (i = 0; i < 2; i++)
		before[i] = switches_of(pid[i]);
	ASSERT_EQ(0, put(self->writer, 7));
	first = wait(&status);
	ASSERT_EQ(7, WEXITSTATUS(status));
	i = first == pid[0];
	ASSERT_TRUE(task_asleep(pid[i]));
	EXPECT_EQ(before[i], switches_of(pid[i]));
	ASSERT_EQ(0, put(self->writer, 8));
	EXPECT_EQ(8, child_end(pid[i]));
}

/* ---- two waiters on one handle -------------------------------------------------------- */

HANDLES_FIXTURE(two_waiters)

FIXTURE_VARIANT(two_waiters)
{
	uint32_t events;
};

FIXTURE_VARIANT_ADD(two_waiters, level){};

FIXTURE_VARIANT_ADD(two_waiters, edge){ .events = EPOLLET };

FIXTURE_SETUP(two_waiters)
{
	HANDLES_SETUP(RINGBUF_CREATE_EXCLUSIVE, 64, 2);
}

/*
 * Stop the writer between its commit and its WAKE, and poll the reader's handle meanwhile,
 * which arms the next position: WAKE must still wake the waiter armed before.
 */
TEST_F(two_waiters, poll_waiter_does_not_hide_a_reader_waiting_for_a_slot)
{
	struct maps m;
	bool wake;
	int set;

	ASSERT_OK(maps_open(&m, self->writer));
	set = epoll_on(self->reader, EPOLLIN | variant->events);
	ASSERT_EQ(0, epolled(set, 0));
	wake = commit_by_hand(&m, 0, 42);
	EXPECT_TRUE(is_to_wake(wake));
	EXPECT_EQ(POLLIN, polled(self->reader));
	ASSERT_OK(wake_call(self->writer));
	EXPECT_EQ(EPOLLIN, epolled(set, PATIENCE / MS) & EPOLLIN);
	maps_close(&m);
	close(set);
}

TEST_F(two_waiters, poll_waiter_does_not_hide_a_writer_waiting_for_room)
{
	struct maps m;
	int set;

	ASSERT_OK(maps_open(&m, self->reader));
	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_EQ(0, put(self->writer, 1));
	set = epoll_on(self->writer, EPOLLOUT | variant->events);
	ASSERT_EQ(0, epolled(set, 0));
	EXPECT_TRUE(is_to_wake(release_by_hand(&m, 1)));
	EXPECT_NE(0, polled(self->writer) & POLLOUT);
	ASSERT_OK(wake_call(self->reader));
	EXPECT_EQ(EPOLLOUT, epolled(set, PATIENCE / MS) & EPOLLOUT);
	maps_close(&m);
	close(set);
}

/* An epoll set that took a handle before ATTACH reports the first slot after it. */
TEST_F(two_waiters, epoll_before_attach_reports_the_first_slot)
{
	int late = device_open(), set;

	ASSERT_GE(late, 0);
	set = epoll_on(late, EPOLLIN | variant->events);
	epolled(set, 0);
	ASSERT_OK(attach_fd(late, RINGBUF_ROLE_READER, self->owner));
	ASSERT_EQ(0, put(self->writer, 7));
	EXPECT_EQ(EPOLLIN, epolled(set, PATIENCE / MS) & EPOLLIN);
	close(set);
	close(late);
}

DEVICE_HARNESS_MAIN
