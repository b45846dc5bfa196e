// SPDX-License-Identifier: GPL-2.0
/* The default ring: when a handle is bound to it, whose it is, and how its users wait. */
#include <sched.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define NOBODY 65534

static int open_as(int flags)
{
	return open("/dev/ringbuf", flags | O_CLOEXEC);
}

static uint32_t role_of(int fd)
{
	struct ringbuf_info info;

	return info_get(fd, &info) ? RINGBUF_ROLE_NONE : info.role;
}

FIXTURE(default_ring)
{
	int reader;
	int writer;
};

/* Use a new network namespace, so that no other program has the same default ring. */
FIXTURE_SETUP(default_ring)
{
	if (unshare(CLONE_NEWNET))
		SKIP(return, "needs network namespaces and root");
	self->reader = open_as(O_RDWR | O_NONBLOCK); /* the first read makes it a reader */
	ASSERT_LE(0, self->reader);
	self->writer = open_as(O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->writer);
}

FIXTURE_TEARDOWN(default_ring)
{
	close(self->reader);
	close(self->writer);
}

/* Return whether a read of the empty ring makes @fd a reader. */
static bool binds_reader(int fd)
{
	char byte;

	return read(fd, &byte, 1) < 0 && errno == EAGAIN && role_of(fd) == RINGBUF_ROLE_READER;
}

/* Close the fixture's writer, which keeps the stream open. */
static void close_writer(struct _test_data_default_ring *self)
{
	close(self->writer);
	self->writer = -1;
}

TEST_F(default_ring, open_for_reading_or_writing_binds)
{
	struct ringbuf_create c = { .size = sizeof(c), .slot_bytes = 64, .slot_count = 4 };
	int reader = open_as(O_RDONLY | O_NONBLOCK);
	char text[64];

	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(reader));
	EXPECT_EQ(RINGBUF_ROLE_WRITER, role_of(self->writer));
	ASSERT_EQ(5, write(self->writer, "hello", 5));
	ASSERT_EQ(2, read(reader, text, 2));
	ASSERT_EQ(3, read(reader, text, sizeof(text)));
	EXPECT_EQ(-EBADFD, call(reader, RINGBUF_IOC_CREATE, &c));
	close(reader);
}

/* O_EXCL without O_CREAT opens a handle that can attach as an observer or be named in ATTACH. */
TEST_F(default_ring, open_with_excl_does_not_bind)
{
	int reader = open_as(O_RDONLY | O_EXCL), writer = open_as(O_WRONLY | O_EXCL);

	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(reader));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(writer));
	EXPECT_TRUE(binds_reader(self->reader));
	EXPECT_EQ(1, stats_of(self->reader).writers);
	close(reader);
	close(writer);
}

TEST_F(default_ring, open_for_both_binds_by_the_first_use)
{
	int a = open_as(O_RDWR | O_NONBLOCK), b = open_as(O_RDWR | O_NONBLOCK);
	char text[8];

	EXPECT_EQ(POLLERR, polled(a));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(a));
	FAILS(EAGAIN, read(a, text, 8));
	ASSERT_EQ(1, write(b, "x", 1));
	FAILS(EBADFD, write(a, "x", 1));
	FAILS(EBADFD, read(b, text, 8));
	EXPECT_EQ(1, read(a, text, 8));
	close(a);
	close(b);
}

TEST_F(default_ring, poll_binds_nothing)
{
	struct pollfd p[2] = { { .fd = self->reader, .events = POLLIN | POLLOUT },
			       { .fd = open_as(O_RDONLY | O_EXCL), .events = POLLIN } };

	ASSERT_EQ(2, poll(p, 2, -1));
	EXPECT_EQ(POLLERR, p[0].revents);
	EXPECT_EQ(POLLERR, p[1].revents);
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(self->reader));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(p[1].fd));
	EXPECT_EQ(0, polled(self->writer));
	close(p[1].fd);
}

/* socat and event loops poll a handle before they read it. */
TEST_F(default_ring, poll_may_come_before_the_first_read_or_write)
{
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), reader;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->writer, &e));
	EXPECT_EQ(0, epoll_wait(ep, &e, 1, 0));
	reader = open_as(O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(0, polled(reader));
	EXPECT_EQ(1, epoll_wait(ep, &e, 1, -1));
	ASSERT_EQ(1, write(self->writer, "x", 1));
	EXPECT_EQ(POLLIN, polled(reader));
	close(reader);
	close(ep);
}

/* Before the first reader, and after the last one has closed, a writer has no room. */
TEST_F(default_ring, writer_waits_for_a_reader)
{
	char text[8];

	FAILS(EAGAIN, write(self->writer, "x", 1));
	EXPECT_EQ(0, room_call(self->writer));
	FAILS(EAGAIN, read(self->reader, text, 8));
	EXPECT_EQ(16, room_call(self->writer));
	ASSERT_EQ(1, write(self->writer, "x", 1));
	close(self->reader);
	FAILS(EAGAIN, write(self->writer, "y", 1));
	EXPECT_EQ(0, polled(self->writer));
	self->reader = open_as(O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, read(self->reader, text, 0));
	EXPECT_EQ(POLLIN, polled(self->reader));
	ASSERT_EQ(1, write(self->writer, "y", 1));
	ASSERT_EQ(2, read(self->reader, text, 8));
	EXPECT_EQ(0, memcmp(text, "xy", 2));
}

static int writes_one(void *arg)
{
	int fd = open_as(O_WRONLY);

	(void)arg;
	CHECK_EQ(6, write(fd, "golden", 6));
	return 0;
}

static int polls_then_writes(void *arg)
{
	struct pollfd p = { .fd = open_as(O_WRONLY | O_NONBLOCK), .events = POLLOUT };

	(void)arg;
	CHECK_EQ(-1, write(p.fd, "golden", 6));
	CHECK_EQ(EAGAIN, errno);
	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(POLLOUT, p.revents);
	CHECK_EQ(6, write(p.fd, "golden", 6));
	return 0;
}

static int reads_golden(void *arg)
{
	int fd = open_as(O_RDONLY);
	char text[16];

	(void)arg;
	CHECK_EQ(6, read(fd, text, sizeof(text)));
	CHECK(!memcmp(text, "golden", 6));
	CHECK_EQ(0, read(fd, text, sizeof(text)));
	return 0;
}

TEST_F(default_ring, sleeping_writer_is_woken_by_the_first_reader)
{
	pid_t pid;

	close_writer(self);
	pid = child_start(writes_one, NULL);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, reads_golden(NULL));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(default_ring, polling_writer_is_woken_by_the_first_reader)
{
	pid_t pid;

	close_writer(self);
	pid = child_start(polls_then_writes, NULL);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, reads_golden(NULL));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(default_ring, sleeping_reader_is_woken_by_a_writer)
{
	pid_t pid;

	close_writer(self);
	pid = child_start(reads_golden, NULL);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, child_run(writes_one, NULL));
	EXPECT_EQ(0, child_end(pid));
}

/* The next reader continues where the last one stopped, even in the middle of a slot. */
TEST_F(default_ring, next_reader_continues_the_stream)
{
	char text[16];
	int n;

	EXPECT_TRUE(binds_reader(self->reader));
	ASSERT_EQ(10, write(self->writer, "0123456789", 10));
	ASSERT_EQ(3, write(self->writer, "abc", 3));
	for (n = 0; n < 12; n += 2) {
		ASSERT_EQ(2, read(self->reader, text, 2));
		EXPECT_EQ("0123456789abc"[n], text[0]);
		close(self->reader);
		self->reader = open_as(O_RDONLY | O_NONBLOCK);
	}
	ASSERT_EQ(1, read(self->reader, text, 16));
	EXPECT_EQ('c', text[0]);
}

TEST_F(default_ring, full_ring_keeps_everything_for_the_next_reader)
{
	static char big[65536 * 16 + 1], text[65536];
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i / 65536 + i);
	EXPECT_TRUE(binds_reader(self->reader));
	ASSERT_EQ(65536 * 16, write(self->writer, big, sizeof(big)));
	ASSERT_EQ(1, read(self->reader, text, 1));
	close(self->reader);
	FAILS(EAGAIN, write(self->writer, "x", 1));
	self->reader = open_as(O_RDONLY | O_NONBLOCK);
	for (i = 1; i < 65536 * 16;) {
		ssize_t n = read(self->reader, text, 65536);

		ASSERT_LT(0, n);
		ASSERT_EQ(0, memcmp(text, big + i, (size_t)n));
		i += (size_t)n;
	}
}

TEST_F(default_ring, second_reader_gets_what_the_first_has_not_released)
{
	int second = open_as(O_RDONLY | O_NONBLOCK);
	char text[16];

	EXPECT_TRUE(binds_reader(self->reader));
	ASSERT_EQ(3, write(self->writer, "abc", 3));
	ASSERT_EQ(1, read(self->reader, text, 1));
	ASSERT_EQ(3, read(second, text, 16));
	ASSERT_EQ(3, write(self->writer, "def", 3));
	ASSERT_EQ(5, read(self->reader, text, 16));
	ASSERT_EQ(3, read(second, text, 16));
	close(second);
}

TEST_F(default_ring, stream_ends_with_the_last_writer_and_continues_with_the_next)
{
	int other = open_as(O_WRONLY | O_NONBLOCK);
	char text[16];

	FAILS(EAGAIN, read(self->reader, text, 16));
	ASSERT_EQ(3, write(self->writer, "abc", 3));
	ASSERT_EQ(1, write(other, "d", 1));
	close(self->writer);
	ASSERT_EQ(4, read(self->reader, text, 16));
	FAILS(EAGAIN, read(self->reader, text, 16));
	close(other);
	EXPECT_EQ(0, read(self->reader, text, 16));
	EXPECT_EQ(0, read(self->reader, text, 16));
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
	/* As with a FIFO, another writer may continue the stream. */
	self->writer = open_as(O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(1, write(self->writer, "e", 1));
	EXPECT_EQ(1, read(self->reader, text, 16));
}

/*
 * Make a socket pair with a small buffer, fill it by sendfile(), and return how many bytes it
 * took.
 */
static ssize_t sendfile_until_full(int reader, int s[2])
{
	ssize_t n, taken = 0;
	int small = 4096;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) ||
	    setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)))
		return -1;
	while ((n = sendfile(s[0], reader, NULL, 1 << 20)) > 0)
		taken += n;
	return taken;
}

/* Read until no byte is left.  Return the number of bytes, or -1. */
static ssize_t read_all(int reader)
{
	static char bytes[65536];
	ssize_t n, total = 0;

	while ((n = read(reader, bytes, sizeof(bytes))) > 0)
		total += n;
	return errno == EAGAIN ? total : -1;
}

/* The next reader gets each byte once, whether the last one closed its file or only detached. */
TEST_F(default_ring, next_reader_gets_the_leftover_of_sendfile)
{
	static char bytes[10 * 60000];
	ssize_t taken;
	int s[2], n;

	for (n = 0; n < 2; n++) {
		int before = self->reader;

		ASSERT_TRUE(binds_reader(before));
		ASSERT_EQ((ssize_t)sizeof(bytes), write(self->writer, bytes, sizeof(bytes)));
		taken = sendfile_until_full(before, s);
		ASSERT_LT(0, taken);
		ASSERT_GT((ssize_t)sizeof(bytes), taken);
		if (n) {
			ASSERT_OK(detach_call(before));
		} else {
			close(before);
		}
		self->reader = open_as(O_RDONLY | O_NONBLOCK);
		EXPECT_EQ((ssize_t)sizeof(bytes) - taken, read_all(self->reader));
		if (n)
			close(before);
		EXPECT_EQ(0, read_all(self->reader));
		close(self->reader);
		self->reader = open_as(O_RDONLY | O_NONBLOCK);
		EXPECT_EQ(0, read_all(self->reader));
		close(s[0]);
		close(s[1]);
	}
}

/*
 * A reader with a leftover of sendfile() closes while another reader stays, which gets all
 * bytes from the ring.  The leftover must not be given to a reader that comes later.
 */
TEST_F(default_ring, leftover_of_a_reader_beside_others_is_dropped)
{
	static char bytes[10 * 60000];
	int s[2], other;

	ASSERT_TRUE(binds_reader(self->reader));
	other = open_as(O_RDONLY | O_NONBLOCK);
	EXPECT_TRUE(binds_reader(other));
	ASSERT_EQ((ssize_t)sizeof(bytes), write(self->writer, bytes, sizeof(bytes)));
	ASSERT_GT((ssize_t)sizeof(bytes), sendfile_until_full(other, s));
	close(other);
	ASSERT_EQ((ssize_t)sizeof(bytes), read_all(self->reader));
	close(self->reader);
	self->reader = open_as(O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(0, read_all(self->reader));
	close(s[0]);
	close(s[1]);
}

static int waits_for_flag(void *arg)
{
	int *flag = arg;

	UNTIL(FLAG_GET(*flag));
	return 0;
}

static int writes_and_closes(void *arg)
{
	int fd = open_as(O_WRONLY);

	CHECK_EQ(1, write(fd, arg, 1));
	close(fd);
	return 0;
}

/* A shell does so with `exec 3>/dev/ringbuf`, to write by several commands. */
TEST_F(default_ring, open_for_writing_keeps_the_stream_open)
{
	char text[16];

	FAILS(EAGAIN, read(self->reader, text, 16));
	ASSERT_EQ(0, child_run(writes_and_closes, "a"));
	ASSERT_EQ(1, read(self->reader, text, 16));
	FAILS(EAGAIN, read(self->reader, text, 16));
	EXPECT_EQ(0, polled(self->reader));
	ASSERT_EQ(0, child_run(writes_and_closes, "b"));
	ASSERT_EQ(1, read(self->reader, text, 16));
	FAILS(EAGAIN, read(self->reader, text, 16));
	close_writer(self);
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
	EXPECT_EQ(0, read(self->reader, text, 16));
}

TEST_F(default_ring, inherited_writer_keeps_the_stream_open)
{
	int *fds = shared_memory(2 * sizeof(*fds));
	char text[16];
	pid_t pid;

	FAILS(EAGAIN, read(self->reader, text, 16));
	pid = child_start(waits_for_flag, fds);
	close_writer(self);
	FAILS(EAGAIN, read(self->reader, text, 16));
	FLAG_SET(fds[0]);
	ASSERT_EQ(0, child_end(pid));
	EXPECT_EQ(0, read(self->reader, text, 16));
}

/* Each open for writing is a writer, and a ring can have RINGBUF_MAX_WRITERS of them. */
TEST_F(default_ring, many_may_open_it_for_writing)
{
	int fds[RINGBUF_MAX_WRITERS], i;

	for (i = 1; i < (int)RINGBUF_MAX_WRITERS; i++) {
		fds[i] = open_as(O_WRONLY | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	FAILS(ENOSPC, open_as(O_WRONLY));
	while (--i)
		close(fds[i]);
}

/* O_WRONLY | O_RDWR opens for ioctls only. */
TEST_F(default_ring, open_without_rights_does_not_bind)
{
	int fd = open_as(O_WRONLY | O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(fd));
	close(fd);
}

/* The error of making the ring is that of open(2), as ENOSPC of a file would be. */
TEST_F(default_ring, open_says_why_there_is_no_ring)
{
	static const char quota[] = "/sys/module/ringbuf/parameters/max_user_bytes";
	int owner = ring_make(0, 8, 4), late, fd = open(quota, O_WRONLY | O_CLOEXEC);
	/* This is more than the least quota, 16 pages, but not enough for a default ring. */
	long few = 25 * sysconf(_SC_PAGESIZE);

	if (fd < 0)
		SKIP(return, "needs root, to change a quota of the module");
	close_writer(self);
	ASSERT_LT(0, dprintf(fd, "%ld", few));
	FAILS(EDQUOT, open_as(O_WRONLY | O_NONBLOCK));
	FAILS(EDQUOT, open_as(O_RDONLY | O_NONBLOCK));
	/* A handle that is not bound by its open can still attach to another ring. */
	late = open_as(O_WRONLY | O_NONBLOCK | O_EXCL);
	EXPECT_LE(0, late);
	EXPECT_OK(attach_fd(late, RINGBUF_ROLE_WRITER, owner));
	EXPECT_EQ(8, write(late, "message", 8));
	ASSERT_EQ(1, write(fd, "0", 1));
	close(fd);
	close(late);
	close(owner);
}

TEST_F(default_ring, ring_is_gone_with_its_last_handle)
{
	struct ringbuf_info info;
	char text[16];

	EXPECT_TRUE(binds_reader(self->reader));
	ASSERT_EQ(3, write(self->writer, "abc", 3));
	ASSERT_OK(info_get(self->writer, &info));
	EXPECT_EQ(65536, info.slot_bytes);
	EXPECT_EQ(16, info.slot_count);
	EXPECT_EQ(0, info.ring_flags);
	close(self->writer);
	close(self->reader);
	self->reader = open_as(O_RDONLY | O_NONBLOCK);
	FAILS(EAGAIN, read(self->reader, text, 16));
	self->writer = open_as(O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(1, write(self->writer, "x", 1));
	ASSERT_EQ(1, read(self->reader, text, 16));
}

/*
 * Become another user: a descriptor that was opened before stays with the ring of its opener, and
 * a new open gets another ring.
 */
static int nobody(void *arg)
{
	int *fds = arg, own = open_as(O_WRONLY | O_NONBLOCK), theirs;
	char text[16];

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	theirs = open_as(O_WRONLY | O_NONBLOCK);
	CHECK(theirs >= 0);
	CHECK_EQ(-1, write(theirs, "x", 1));
	CHECK_EQ(EAGAIN, errno);
	CHECK_EQ(1, write(own, "y", 1));
	CHECK_EQ(1, write(fds[1], "z", 1));
	fds[0] = open_as(O_RDONLY | O_NONBLOCK);
	CHECK_EQ(-1, read(fds[0], text, 16));
	CHECK_EQ(1, write(theirs, "w", 1));
	CHECK_EQ(1, read(fds[0], text, 16));
	CHECK_EQ('w', text[0]);
	return 0;
}

TEST_F(default_ring, each_user_has_a_default_ring)
{
	int fds[2] = { self->reader, self->writer };
	char text[16];

	if (getuid())
		SKIP(return, "needs root");
	EXPECT_TRUE(binds_reader(self->reader));
	EXPECT_EQ(0, child_run(nobody, fds));
	ASSERT_EQ(2, read(self->reader, text, 16));
	EXPECT_EQ(0, memcmp(text, "yz", 2));
}

static int elsewhere(void *arg)
{
	int fd;

	(void)arg;
	CHECK(!unshare(CLONE_NEWNET));
	fd = open_as(O_WRONLY | O_NONBLOCK);
	CHECK_EQ(-1, write(fd, "x", 1));
	CHECK_EQ(EAGAIN, errno);
	return 0;
}

TEST_F(default_ring, each_network_namespace_has_a_default_ring)
{
	EXPECT_TRUE(binds_reader(self->reader));
	EXPECT_EQ(0, child_run(elsewhere, NULL));
}

/* Open the ring at the same time as other processes, and read a byte. */
static int joins(void *arg)
{
	int *gate = arg, fd = open_as(O_RDONLY);
	char byte;

	UNTIL(FLAG_GET(*gate));
	CHECK_EQ(1, read(fd, &byte, 1));
	return 0;
}

TEST_F(default_ring, readers_that_begin_together_share_one_ring)
{
	int *gate = shared_memory(sizeof(*gate));
	struct ringbuf_stats s;
	unsigned int i, round, count = rounds(10);
	pid_t pid[8];

	for (round = 0; round < count; round++) {
		*gate = 0;
		for (i = 0; i < 8; i++)
			pid[i] = child_start(joins, gate);
		FLAG_SET(*gate);
		for (i = 0; i < 8; i++)
			ASSERT_TRUE(task_asleep(pid[i]));
		ASSERT_EQ(0, write(self->writer, "", 0));
		UNTIL((s = stats_of(self->writer)).total == 8);
		ASSERT_EQ(1, write(self->writer, "x", 1));
		for (i = 0; i < 8; i++)
			ASSERT_EQ(0, child_end(pid[i]));
		close(self->writer);
		self->writer = open_as(O_WRONLY | O_NONBLOCK);
	}
}

/* Read the next three bytes with an inherited descriptor, and return the first. */
static int reads_three(void *arg)
{
	int *fd = arg;
	char text[3];

	CHECK_EQ(3, read(*fd, text, 3));
	return text[0];
}

TEST_F(default_ring, inherited_reader_continues_the_stream)
{
	EXPECT_TRUE(binds_reader(self->reader));
	ASSERT_EQ(9, write(self->writer, "abcdefghi", 9));
	EXPECT_EQ('a', child_run(reads_three, &self->reader));
	EXPECT_EQ('d', child_run(reads_three, &self->reader));
	EXPECT_EQ('g', child_run(reads_three, &self->reader));
}

/* A read with RWF_NOWAIT binds, too: otherwise a program that reads only so would never bind. */
TEST_F(default_ring, read_with_rwf_nowait_binds)
{
	int fd = open_as(O_RDWR);
	char text[8];
	struct iovec iov = { text, sizeof(text) };

	FAILS(EAGAIN, preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(fd));
	ASSERT_EQ(1, write(self->writer, "x", 1));
	EXPECT_EQ(1, preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
	close(fd);
}

/* Nobody reads the ring yet, so no slot can be reserved. */
TEST_F(default_ring, writer_without_a_reader_waits)
{
	close(self->reader);
	EXPECT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, now_ns() + MS));
	self->reader = open_as(O_RDONLY);
	EXPECT_OK(wait_call(self->writer, 1, NEVER));
}

/* splice(2) binds a handle, too, and makes the ring if there is none. */
TEST_F(default_ring, splice_binds)
{
	int in = open_as(O_RDWR), out = open_as(O_RDWR), pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	close(self->reader);
	close(self->writer);
	ASSERT_OK(nonblock(in));
	FAILS(EAGAIN, splice(in, NULL, pipes[1], NULL, 8, 0));
	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(in));
	close(in);
	ASSERT_OK(nonblock(out));
	ASSERT_EQ(3, write(pipes[1], "abc", 3));
	FAILS(EAGAIN, splice(pipes[0], NULL, out, NULL, 8, 0));
	EXPECT_EQ(RINGBUF_ROLE_WRITER, role_of(out));
	self->reader = open_as(O_RDONLY);
	self->writer = out;
	EXPECT_EQ(3, splice(pipes[0], NULL, out, NULL, 8, 0));
	EXPECT_EQ(3, splice(self->reader, NULL, pipes[1], NULL, 8, 0));
	close(pipes[0]);
	close(pipes[1]);
}

static int reads_as_nobody(void *arg)
{
	int *fd = arg;
	uint64_t before;

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	before = bytes_left();
	CHECK(binds_reader(*fd));
	CHECK_EQ(before, bytes_left());
	return 0;
}

TEST_F(default_ring, user_who_opened_the_file_pays)
{
	uint64_t before;

	if (getuid())
		SKIP(return, "needs root");
	/* The writer has kept a ring since it was opened. */
	close_writer(self);
	before = bytes_left();
	EXPECT_EQ(0, child_run(reads_as_nobody, &self->reader));
	EXPECT_LT(bytes_left(), before);
}

DEVICE_HARNESS_MAIN
