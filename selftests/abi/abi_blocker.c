// SPDX-License-Identifier: GPL-2.0
/* The blocker's process and since when it blocks: RINGBUF_IOC_STATS and /proc/PID/fdinfo. */
#include "../harness/handles.h"

#include <sys/prctl.h>

#define SLOTS 4
#define NAME  "slow \\rea\nder"

HANDLES_FIXTURE(blocker)

FIXTURE_SETUP(blocker)
{
	HANDLES_SETUP(0, 64, SLOTS);
	ASSERT_OK(nonblock(self->writer));
}

struct peer {
	int fd;
	bool claims;
	int ready;
};

/* Map the handle, and claim the next slot if it is a writer. */
static int maps_and_stays(void *arg)
{
	struct peer *p = arg;
	struct maps m;

	CHECK_EQ(0, prctl(PR_SET_NAME, NAME));
	CHECK_EQ(0, maps_open(&m, p->fd));
	if (p->claims)
		claim_by_hand(&m, m.head->head, 1);
	FLAG_SET(p->ready);
	pause();
	return 0;
}

static pid_t peer_start(int fd, bool claims)
{
	struct peer *p = shared_memory(sizeof(*p));
	pid_t pid;

	p->fd = fd;
	p->claims = claims;
	pid = child_start(maps_and_stays, p);
	UNTIL(FLAG_GET(p->ready) || task_state(pid) == 'Z');
	return pid;
}

static int fill(int writer)
{
	int err;

	while (!(err = put(writer, 1)))
		;
	return err;
}

TEST_F(blocker, reader_has_a_name_and_a_time)
{
	pid_t pid = peer_start(self->reader, false);
	struct ringbuf_stats s, t;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	/* A writer that must wait looks. */
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, 1));
	s = stats_of(self->owner);
	EXPECT_EQ(RINGBUF_BLOCKER_READER, s.blocker_kind);
	EXPECT_EQ(pid, s.blocker_pid);
	EXPECT_STREQ(NAME, s.blocker_comm);
	EXPECT_LE(s.blocker_since, now_ns());
	/* Nothing moves: the time stays. */
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, now_ns() + 20 * MS));
	t = stats_of(self->owner);
	EXPECT_EQ(s.blocker_since, t.blocker_since);
	EXPECT_LE(20 * MS, now_ns() - t.blocker_since);
	child_kill(pid);
	s = stats_of(self->owner);
	EXPECT_EQ(RINGBUF_BLOCKER_NONE, s.blocker_kind);
	EXPECT_STREQ("", s.blocker_comm);
	EXPECT_EQ(0, s.blocker_since);
}

TEST_F(blocker, time_begins_when_the_reader_moves)
{
	struct ringbuf_stats s, t;
	uint64_t before;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, 1));
	s = stats_of(self->owner);
	EXPECT_EQ(0, s.blocker_position);
	ASSERT_EQ(1, get(self->reader));
	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, 1));
	t = stats_of(self->owner);
	EXPECT_EQ(1, t.blocker_position);
	EXPECT_LT(s.blocker_since, t.blocker_since);
	EXPECT_LE(t.blocker_since, now_ns());
	/* poll looks as well. */
	ASSERT_EQ(1, get(self->reader));
	ASSERT_EQ(-EAGAIN, fill(self->writer));
	EXPECT_EQ(0, polled(self->writer));
	before = now_ns();
	EXPECT_GE(before, stats_of(self->owner).blocker_since);
}

/* Another reader in the same row, at the same position, has not been there before. */
TEST_F(blocker, next_reader_of_a_row_begins_a_time)
{
	struct ringbuf_stats s, t;

	ASSERT_EQ(-ETIMEDOUT, wait_call(self->reader, 1, 1));
	s = stats_of(self->owner);
	ASSERT_EQ(RINGBUF_BLOCKER_READER, s.blocker_kind);
	close(self->reader);
	self->reader = reader_open(self->owner);
	t = stats_of(self->owner);
	EXPECT_EQ(s.blocker_id, t.blocker_id);
	EXPECT_EQ(s.blocker_position, t.blocker_position);
	EXPECT_LT(s.blocker_since, t.blocker_since);
}

TEST_F(blocker, writer_has_a_name_and_a_time)
{
	int stopped = writer_open(self->owner);
	pid_t pid = peer_start(stopped, true);
	struct ringbuf_stats s;
	uint64_t until;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	until = now_ns() + 10 * MS;
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, until));
	s = stats_of(self->owner);
	EXPECT_EQ(RINGBUF_BLOCKER_WRITER, s.blocker_kind);
	EXPECT_EQ(2, s.blocker_id);
	EXPECT_EQ(pid, s.blocker_pid);
	EXPECT_STREQ(NAME, s.blocker_comm);
	EXPECT_GT(until, s.blocker_since);
	child_kill(pid);
	close(stopped);
}

TEST_F(blocker, fdinfo_of_a_writer)
{
	pid_t pid = peer_start(self->reader, false);
	char want[32];

	EXPECT_STREQ("", fdinfo(self->writer, "blocker"));
	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, now_ns() + 20 * MS));
	EXPECT_STREQ("reader 0", fdinfo(self->writer, "blocker"));
	snprintf(want, sizeof(want), "%d", pid);
	EXPECT_STREQ(want, fdinfo(self->writer, "blocker-pid"));
	EXPECT_STREQ("slow \\134rea\\012der", fdinfo(self->writer, "blocker-comm"));
	EXPECT_STREQ("0", fdinfo(self->writer, "blocker-position"));
	EXPECT_STREQ("4", fdinfo(self->writer, "blocker-lag"));
	EXPECT_LE(20, atoi(fdinfo(self->writer, "blocker-ms")));
	/* Only a writer has one. */
	EXPECT_STREQ("", fdinfo(self->owner, "blocker"));
	EXPECT_STREQ("", fdinfo(self->reader, "blocker"));
	child_kill(pid);
	EXPECT_STREQ("", fdinfo(self->writer, "blocker"));
}

/* A handle that two processes use has two writers, and each its own process. */
TEST_F(blocker, writer_of_a_shared_handle_is_its_own_process)
{
	struct ringbuf_writer_stats w[3] = { { 0 } };
	struct ringbuf_stats s = {
		.size = sizeof(s),
		.writer_table = POINTER(w),
		.writer_count = 3,
		.writer_size = sizeof(w[0]),
	};
	struct maps m;
	pid_t pid;

	ASSERT_OK(maps_open(&m, self->writer));
	pid = peer_start(self->writer, false);
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &s));
	ASSERT_EQ(2, s.writer_count);
	EXPECT_EQ(getpid(), w[0].pid);
	EXPECT_EQ(pid, w[1].pid);
	child_kill(pid);
	maps_close(&m);
}

DEVICE_HARNESS_MAIN
