// SPDX-License-Identifier: GPL-2.0
/* What several do with one handle, or at an unlucky moment, as a review found it. */
#include <poll.h>
#include <sched.h>

#include "../harness/handles.h"
#include "../harness/epoll.h"

#define SHORT (SECOND / 2)

HANDLES_FIXTURE(two)

FIXTURE_VARIANT(two)
{
	uint32_t events;
};

FIXTURE_VARIANT_ADD(two, level){};

FIXTURE_VARIANT_ADD(two, edge){ .events = EPOLLET };

FIXTURE_SETUP(two)
{
	HANDLES_SETUP(RINGBUF_CREATE_EXCLUSIVE, 64, 2);
}

/*
 * A writer stands between its commit and its WAKE.  Somebody else polls the
 * handle meanwhile, and so waits for the next position: the first one must not
 * be forgotten.
 */
TEST_F(two, who_polls_does_not_hide_who_waits_for_a_slot)
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

TEST_F(two, who_polls_does_not_hide_who_waits_for_room)
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

/* Whoever polls a handle before it is bound hears of it when it is. */
TEST_F(two, polled_before_attach)
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

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int waits_shortly(void *arg)
{
	CHECK_EQ(-ETIMEDOUT, wait_call(*(int *)arg, 1, now_ns() + SHORT));
	return 0;
}

/* Seconds by which the children's CLOCK_MONOTONIC is ahead; false: no such kernel. */
static bool clock_shift(const char *seconds)
{
	char line[64];
	int fd, n = snprintf(line, sizeof(line), "monotonic %s 0\n", seconds);
	bool ok;

	if (unshare(CLONE_NEWTIME))
		return false;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, line, (size_t)n) == n;
	close(fd);
	return ok;
}

/* A deadline is of the caller's clock. */
TEST(time_namespace)
{
	int owner = ring_make(0, 64, 2), reader = reader_open(owner);
	uint64_t start = now_ns();

	if (!clock_shift("100000"))
		SKIP(return, "no time namespaces here");
	EXPECT_EQ(0, child_run(waits_shortly, &reader));
	EXPECT_GE(now_ns() - start, SHORT);
	close(reader);
	close(owner);
}

DEVICE_HARNESS_MAIN
