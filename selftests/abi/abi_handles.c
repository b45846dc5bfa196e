// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that are copied or move to another process: dup, fork, exec, SCM_RIGHTS,
 * pidfd_getfd.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../harness/handles.h"
#include "../harness/passing.h"

HANDLES_FIXTURE(handles)

FIXTURE_SETUP(handles)
{
	HANDLES_SETUP(0, 64, 4);
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_STREAM));
}

static char byte_of(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1 ? byte : '?';
}

/* Both descriptors share the reader's position, even within a slot. */
TEST_F(handles, duplicated_descriptor_is_the_same_reader)
{
	int other = dup(self->reader);

	ASSERT_EQ(4, write(self->writer, "abcd", 4));
	EXPECT_EQ('a', byte_of(self->reader));
	EXPECT_EQ('b', byte_of(other));
	close(self->reader);
	EXPECT_EQ(1, stats_of(self->owner).total);
	EXPECT_EQ('c', byte_of(other));
	self->reader = dup2(other, 500);
	close(other);
	EXPECT_EQ('d', byte_of(self->reader));
	close(self->reader);
	EXPECT_EQ(0, stats_of(self->owner).total);
	self->reader = -1;
}

static int reads_byte(void *arg)
{
	int *fd = arg;

	return byte_of(*fd);
}

static int reads_byte_after_exec(void *arg)
{
	char command[64];
	int *fd = arg;

	fcntl(*fd, F_SETFD, 0);
	snprintf(command, sizeof(command), "test \"$(head -c 1 <&%d)\" = c", *fd);
	execl("/bin/sh", "sh", "-c", command, NULL);
	return 1;
}

TEST_F(handles, handle_continues_across_fork_and_exec)
{
	ASSERT_EQ(1, write(self->writer, "a", 1));
	ASSERT_EQ(1, write(self->writer, "b", 1));
	EXPECT_EQ('a', child_run(reads_byte, &self->reader));
	EXPECT_EQ('b', byte_of(self->reader));
	ASSERT_EQ(1, write(self->writer, "c", 1));
	/* head(1) may read more than a byte, so there is no more than that byte. */
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, child_run(reads_byte_after_exec, &self->reader));
	EXPECT_EQ('?', byte_of(self->reader));
}

TEST_F(handles, handle_in_a_socket_stays_attached)
{
	int s[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	ASSERT_EQ(2, write(self->writer, "ab", 2));
	EXPECT_EQ('a', byte_of(self->reader));
	ASSERT_EQ(0, send_fd(s[0], self->reader));
	close(self->reader);
	EXPECT_EQ(1, stats_of(self->owner).total);
	self->reader = receive_fd(s[1]);
	ASSERT_LE(0, self->reader);
	EXPECT_EQ('b', byte_of(self->reader));
	/* When the socket is closed with the message unread, the reader ends. */
	ASSERT_EQ(0, send_fd(s[0], self->reader));
	close(self->reader);
	self->reader = -1;
	close(s[0]);
	close(s[1]);
	UNTIL(stats_of(self->owner).total == 0);
}

static int sleeps(void *arg)
{
	(void)arg;
	while (pause())
		;
	return 0;
}

TEST_F(handles, reader_taken_by_pidfd_getfd_outlives_its_process)
{
	pid_t pid = child_start(sleeps, NULL);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), taken;

	ASSERT_LE(0, pidfd);
	close(self->reader);
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, self->reader, 0);
	ASSERT_LE(0, taken);
	self->reader = taken;
	close(pidfd);
	child_kill(pid);
	EXPECT_EQ(1, stats_of(self->owner).total);
	ASSERT_EQ(1, write(self->writer, "a", 1));
	EXPECT_EQ('a', byte_of(taken));
}

/* Map the handle, and wait to be killed. */
static int maps_and_sleeps(void *arg)
{
	int *fd = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, *fd));
	return sleeps(NULL);
}

TEST_F(handles, reader_that_another_process_maps_is_busy)
{
	pid_t pid = child_start(maps_and_sleeps, &self->reader);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), taken;
	char byte;

	ASSERT_TRUE(task_asleep_in(pid, IN_PAUSE));
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, self->reader, 0);
	ASSERT_LE(0, taken);
	ASSERT_EQ(1, write(self->writer, "a", 1));
	ASSERT_EQ(-1, read(taken, &byte, 1));
	EXPECT_EQ(EBUSY, errno);
	child_kill(pid);
	/* The killed process was the reader, since it had mapped the handle. */
	EXPECT_EQ(0, stats_of(self->owner).total);
	ASSERT_EQ(-1, read(taken, &byte, 1));
	EXPECT_EQ(EBADFD, errno);
	close(taken);
	close(pidfd);
}

TEST_F(handles, writer_taken_by_pidfd_getfd_outlives_its_process)
{
	pid_t pid = child_start(sleeps, NULL);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), taken;

	close(self->writer);
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, self->writer, 0);
	ASSERT_LE(0, taken);
	self->writer = taken;
	close(pidfd);
	ASSERT_EQ(1, write(taken, "a", 1));
	child_kill(pid);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	ASSERT_EQ(1, write(taken, "b", 1));
	EXPECT_EQ('a', byte_of(self->reader));
	EXPECT_EQ('b', byte_of(self->reader));
	close(taken);
	self->writer = -1;
	EXPECT_EQ(RINGBUF_END_DONE, stats_of(self->owner).ended);
	EXPECT_EQ('?', byte_of(self->reader));
}

/* A writer that maps the ring and claims slots until it is killed. */
struct claimer {
	int fd;
	int claimed;
};

static int claims_and_sleeps(void *arg)
{
	struct claimer *c = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, c->fd));
	claim_by_hand(&m, 0, 2);
	FLAG_SET(c->claimed);
	return sleeps(NULL);
}

TEST_F(handles, writer_that_another_process_maps_gets_an_id_of_its_own)
{
	struct claimer *c = shared_memory(sizeof(*c));
	int pidfd, taken;
	pid_t pid;

	c->fd = self->writer;
	pid = child_start(claims_and_sleeps, c);
	UNTIL(FLAG_GET(c->claimed));
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	close(self->writer);
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, self->writer, 0);
	ASSERT_LE(0, taken);
	self->writer = taken;
	close(pidfd);
	/* The caller writes beside the child, as another writer with an id of its own. */
	ASSERT_EQ(1, write(taken, "a", 1));
	EXPECT_EQ(2, stats_of(self->owner).writers);
	child_kill(pid);
	EXPECT_EQ(2, stats_of(self->owner).repaired);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	ASSERT_EQ(1, write(taken, "b", 1));
	EXPECT_EQ('a', byte_of(self->reader));
	EXPECT_EQ('b', byte_of(self->reader));
}

DEVICE_HARNESS_MAIN
