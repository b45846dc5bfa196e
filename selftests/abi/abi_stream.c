// SPDX-License-Identifier: GPL-2.0
/* Stream framing: bytes without boundaries, for any size of calls and slots. */
#include <sys/uio.h>

#include "../harness/handles.h"
#include "../harness/epoll.h"

#define SLOT  5000 /* more than a page */
#define SLOTS 3

HANDLES_FIXTURE(stream)

SHARED_AND_EXCLUSIVE(stream, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(stream)
{
	HANDLES_SETUP(variant->flags, SLOT, SLOTS);
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_STREAM));
	ASSERT_OK(framing_call(self->writer, RINGBUF_FRAMING_STREAM));
	HANDLES_NONBLOCK();
}

/* Return byte @at of the stream that these tests write. */
static unsigned char stream_byte(uint64_t at)
{
	return (unsigned char)(at * 2654435761u >> 16 ^ at);
}

static void stream_fill(unsigned char *to, uint64_t at, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		to[i] = stream_byte(at + i);
}

static bool stream_is(const unsigned char *text, uint64_t at, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] != stream_byte(at + i))
			return false;
	return true;
}

/* A long write fills all free slots, and returns how many bytes it wrote. */
TEST_F(stream, long_write_fills_several_slots)
{
	static unsigned char from[SLOT * SLOTS + 100], to[sizeof(from)];

	stream_fill(from, 0, sizeof(from));
	ASSERT_EQ(SLOT * SLOTS, write(self->writer, from, sizeof(from)));
	FAILS(EAGAIN, write(self->writer, from, 1));
	ASSERT_EQ(SLOT * SLOTS, read(self->reader, to, sizeof(to)));
	EXPECT_TRUE(stream_is(to, 0, SLOT * SLOTS));
	FAILS(EAGAIN, read(self->reader, to, sizeof(to)));
}

/* After a short read the slot stays taken until the next reads have read the rest. */
TEST_F(stream, short_read_continues_in_the_same_slot)
{
	static unsigned char from[SLOT * SLOTS], to[SLOT];
	size_t at, length = 1;

	stream_fill(from, 0, sizeof(from));
	ASSERT_EQ(SLOT * SLOTS, write(self->writer, from, sizeof(from)));
	ASSERT_EQ(SLOT - 1, read(self->reader, to, SLOT - 1));
	FAILS(EAGAIN, write(self->writer, from, 1));
	for (at = SLOT - 1; at < sizeof(from); at += length, length = length * 2 % 4999) {
		size_t left = sizeof(from) - at;

		length = length < left ? length : left;
		ASSERT_EQ((ssize_t)length, read(self->reader, to, length));
		ASSERT_TRUE(stream_is(to, at, length));
	}
	FAILS(EAGAIN, read(self->reader, to, 1));
}

/* A read takes exactly as many bytes as it asks for, from several slots if needed. */
TEST_F(stream, read_takes_bytes_of_several_slots)
{
	unsigned char text[64];

	ASSERT_EQ(3, write(self->writer, "abc", 3));
	ASSERT_EQ(4, write(self->writer, "defg", 4));
	memset(text, 0x5a, sizeof(text));
	ASSERT_EQ(5, read(self->reader, text, 5));
	EXPECT_EQ(0, memcmp(text, "abcde\x5a", 6));
	ASSERT_EQ(2, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, "fg", 2));
}

TEST_F(stream, vectors_are_gathered_and_scattered)
{
	static unsigned char a[SLOT - 1], b[2], c[SLOT];
	struct iovec out[] = { { a, sizeof(a) }, { NULL, 0 }, { b, sizeof(b) }, { c, sizeof(c) } };
	static unsigned char d[7], e[2 * SLOT + 1 - 7];
	struct iovec in[] = { { d, sizeof(d) }, { e, sizeof(e) } };

	stream_fill(a, 0, sizeof(a));
	stream_fill(b, sizeof(a), sizeof(b));
	stream_fill(c, sizeof(a) + sizeof(b), sizeof(c));
	ASSERT_EQ(2 * SLOT + 1, writev(self->writer, out, 4));
	ASSERT_EQ(2 * SLOT + 1, readv(self->reader, in, 2));
	EXPECT_TRUE(stream_is(d, 0, sizeof(d)));
	EXPECT_TRUE(stream_is(e, sizeof(d), sizeof(e)));
}

/* A write of 0 bytes takes no slot in stream framing, but takes one in message framing. */
TEST_F(stream, empty_messages_are_skipped)
{
	char text[8];

	ASSERT_EQ(0, write(self->writer, "", 0));
	EXPECT_EQ(SLOTS, room_call(self->writer));
	FAILS(EAGAIN, read(self->reader, text, 8));
	EXPECT_EQ(0, read(self->reader, text, 0));
	ASSERT_OK(framing_call(self->writer, RINGBUF_FRAMING_MESSAGE));
	ASSERT_EQ(0, write(self->writer, "", 0));
	ASSERT_EQ(0, write(self->writer, "", 0));
	FAILS(EAGAIN, read(self->reader, text, 8));
	ASSERT_EQ(0, write(self->writer, "", 0));
	ASSERT_EQ(1, write(self->writer, "x", 1));
	EXPECT_EQ(1, read(self->reader, text, 8));
}

/*
 * After a change to message framing the rest of the slot is a message; EMSGSIZE does not lose it.
 */
TEST_F(stream, rest_of_a_slot_becomes_a_message_when_framing_changes)
{
	char text[16];

	ASSERT_EQ(10, write(self->writer, "0123456789", 10));
	ASSERT_EQ(5, write(self->writer, "abcde", 5));
	ASSERT_EQ(4, read(self->reader, text, 4));
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_MESSAGE));
	EXPECT_EQ(6, ready_call(self->reader));
	FAILS(EMSGSIZE, read(self->reader, text, 5));
	ASSERT_EQ(6, read(self->reader, text, 16));
	EXPECT_EQ(0, memcmp(text, "456789", 6));
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_STREAM));
	ASSERT_EQ(1, read(self->reader, text, 1));
	EXPECT_EQ('a', text[0]);
	ASSERT_EQ(4, read(self->reader, text, 16));
}

/* A reader that is moved forward continues at the beginning of a slot. */
TEST_F(stream, sync_drops_the_rest_of_a_slot)
{
	char text[16];

	ASSERT_EQ(5, write(self->writer, "01234", 5));
	ASSERT_EQ(5, write(self->writer, "abcde", 5));
	ASSERT_EQ(3, read(self->reader, text, 3));
	ASSERT_OK(sync_all(self->owner, 1));
	ASSERT_EQ(5, ready_call(self->reader));
	ASSERT_EQ(5, read(self->reader, text, 16));
	EXPECT_EQ(0, memcmp(text, "abcde", 5));
}

TEST_F(stream, bad_framing_and_roles_are_refused)
{
	int observer = observer_open(self->owner);
	struct ringbuf_framing f = { .size = sizeof(f), .framing = 2 };

	EXPECT_EQ(-EINVAL, call(self->reader, RINGBUF_IOC_FRAMING, &f));
	f.framing = RINGBUF_FRAMING_STREAM;
	f.__reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->reader, RINGBUF_IOC_FRAMING, &f));
	EXPECT_EQ(-EBADFD, framing_call(self->owner, RINGBUF_FRAMING_STREAM));
	EXPECT_EQ(-EBADFD, framing_call(observer, RINGBUF_FRAMING_STREAM));
	close(observer);
}

TEST_F(stream, fionread_and_room_report_bytes_and_slots)
{
	int observer = observer_open(self->owner), none = device_open();
	char text[64];

	EXPECT_EQ(0, ready_call(self->reader));
	EXPECT_EQ(SLOTS, room_call(self->writer));
	ASSERT_EQ(10, write(self->writer, "0123456789", 10));
	ASSERT_EQ(7, write(self->writer, "0123456", 7));
	EXPECT_EQ(17, ready_call(self->reader));
	EXPECT_EQ(SLOTS - 2, room_call(self->writer));
	ASSERT_EQ(4, read(self->reader, text, 4));
	EXPECT_EQ(13, ready_call(self->reader));
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_MESSAGE));
	EXPECT_EQ(6, ready_call(self->reader));
	ASSERT_EQ(6, read(self->reader, text, 64));
	EXPECT_EQ(7, ready_call(self->reader));
	EXPECT_EQ(SLOTS - 1, room_call(self->writer));
	/* A handle that cannot read has no FIONREAD. */
	EXPECT_EQ(-ENOTTY, ready_call(self->writer));
	EXPECT_EQ(-ENOTTY, ready_call(self->owner));
	EXPECT_EQ(-ENOTTY, ready_call(observer));
	EXPECT_EQ(-ENOTTY, ready_call(none));
	ASSERT_EQ(-1, ioctl(self->reader, FIONREAD, NULL));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_OK(detach_call(self->reader));
	EXPECT_EQ(-EBADFD, ready_call(self->reader));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(-EBADFD, room_call(self->writer));
	close(observer);
	close(none);
}

/* Only the first half of the buffer exists: its bytes are written or read once. */
TEST_F(stream, bad_buffer_loses_and_repeats_no_byte)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *two =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char text[100];

	ASSERT_EQ(0, mprotect(two + 2 * page, page, PROT_NONE));
	stream_fill(two, 0, 2 * page);
	FAILS(EFAULT, write(self->writer, two + 2 * page, 10));
	/* The buffer has the bytes of one slot and a half. */
	ASSERT_EQ(SLOT, write(self->writer, two + 2 * page - SLOT - 50, SLOT + 100));
	ASSERT_EQ(50, read(self->reader, text, 50));
	FAILS(EFAULT, read(self->reader, two + 2 * page - 10, 20));
	ASSERT_EQ(100, read(self->reader, text, 100));
	EXPECT_TRUE(stream_is(text, 2 * page - SLOT, 100));
	EXPECT_EQ(SLOT - 150, ready_call(self->reader));
	munmap(two, 3 * page);
}

/* A process that writes by calls of many sizes, blocking or not. */
struct pump {
	int fd;
	int flags;
	uint64_t total;
};

static size_t pump_size(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return 1 + (*seed >> 33) % ((*seed >> 60) < 4 ? 4 * SLOT : 300);
}

static int pump_wait(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK_EQ(1, poll(&p, 1, -1));
	return 0;
}

static int pump_writer(void *arg)
{
	static unsigned char text[4 * SLOT + 1];
	struct pump *p = arg;
	uint64_t seed = 1, at = 0;

	fcntl(p->fd, F_SETFL, p->flags);
	while (at < p->total) {
		size_t length = pump_size(&seed);
		ssize_t n;

		stream_fill(text, at, length);
		n = write(p->fd, text, length);
		if (n < 0) {
			CHECK_EQ(EAGAIN, errno);
			CHECK(p->flags & O_NONBLOCK && !pump_wait(p->fd, POLLOUT));
			continue;
		}
		CHECK(p->flags & O_NONBLOCK || n == (ssize_t)length);
		at += (size_t)n;
	}
	CHECK_EQ(0, done_call(p->fd));
	return 0;
}

static int pump_run(struct pump *w, int reader, int flags)
{
	static unsigned char text[4 * SLOT + 1];
	uint64_t seed = 99, at = 0;
	pid_t pid = child_start(pump_writer, w);

	fcntl(reader, F_SETFL, flags);
	for (;;) {
		ssize_t n = read(reader, text, pump_size(&seed));

		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(EAGAIN, errno);
			CHECK(flags & O_NONBLOCK && !pump_wait(reader, POLLIN));
			continue;
		}
		CHECK(stream_is(text, at, (size_t)n));
		at += (size_t)n;
	}
	CHECK(at >= w->total);
	CHECK_EQ(0, child_end(pid));
	return 0;
}

TEST_F(stream, blocking_calls_of_any_size_move_each_byte_once)
{
	struct pump w = { self->writer, 0, often(40000000) };

	EXPECT_EQ(0, pump_run(&w, self->reader, 0));
}

TEST_F(stream, nonblocking_calls_of_any_size_move_each_byte_once)
{
	struct pump w = { self->writer, O_NONBLOCK, often(40000000) };

	EXPECT_EQ(0, pump_run(&w, self->reader, O_NONBLOCK));
}

/* Two processes that read one handle; together they must get each byte once. */
struct pair {
	int fd;
	uint32_t sum;
	uint32_t bytes;
};

static int pair_reader(void *arg)
{
	struct pair *p = arg;
	uint32_t sum = 0, bytes = 0;
	unsigned char text[97];
	ssize_t n, i;

	fcntl(p->fd, F_SETFL, 0);
	while ((n = read(p->fd, text, sizeof(text))) > 0) {
		for (i = 0; i < n; i++)
			sum += text[i];
		bytes += (uint32_t)n;
	}
	__atomic_fetch_add(&p->sum, sum, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&p->bytes, bytes, __ATOMIC_SEQ_CST);
	CHECK_EQ(0, n);
	return 0;
}

TEST_F(stream, two_processes_read_one_handle_without_losses)
{
	struct pair *p = shared_memory(sizeof(*p));
	struct pump w = { self->writer, 0, often(4000000) };
	uint32_t at, sum = 0;
	pid_t a, b;

	p->fd = self->reader;
	a = child_start(pair_reader, p);
	b = child_start(pair_reader, p);
	ASSERT_EQ(0, child_run(pump_writer, &w));
	EXPECT_EQ(0, child_end(a));
	EXPECT_EQ(0, child_end(b));
	ASSERT_LE(w.total, p->bytes);
	for (at = 0; at < p->bytes; at++)
		sum += stream_byte(at);
	EXPECT_EQ(sum, p->sum);
}

static void nothing(int sig)
{
	(void)sig;
}

static int write_is_cut(void *arg)
{
	static unsigned char text[SLOT * SLOTS + 1];
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	int *fd = arg;

	sigaction(SIGUSR1, &action, NULL);
	fcntl(*fd, F_SETFL, 0);
	CHECK_EQ(SLOT * SLOTS, write(*fd, text, sizeof(text)));
	action.sa_flags = 0;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGSTOP);
	CHECK_EQ(-1, write(*fd, text, 1));
	CHECK_EQ(EINTR, errno);
	return 0;
}

TEST_F(stream, signal_makes_a_long_write_return_what_it_wrote)
{
	pid_t pid = child_start(write_is_cut, &self->writer);

	ASSERT_TRUE(task_asleep(pid));
	kill(pid, SIGUSR1);
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	kill(pid, SIGCONT);
	ASSERT_TRUE(task_asleep(pid));
	kill(pid, SIGUSR1);
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(stream, calls_with_rwf_nowait_do_not_sleep)
{
	static unsigned char text[SLOT * SLOTS + 1];
	struct iovec iov = { text, sizeof(text) };

	fcntl(self->reader, F_SETFL, 0);
	fcntl(self->writer, F_SETFL, 0);
	FAILS(EAGAIN, preadv2(self->reader, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(SLOT * SLOTS, pwritev2(self->writer, &iov, 1, -1, RWF_NOWAIT));
	FAILS(EAGAIN, pwritev2(self->writer, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(SLOT * SLOTS, preadv2(self->reader, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ((off_t)-1, lseek(self->reader, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	FAILS(ESPIPE, pread(self->reader, text, 1, 0));
}

/*
 * Without a limit, a writer of endless empty messages could keep a nonblocking call in
 * the kernel for ever.
 */
TEST(one_call_skips_a_limited_number_of_empty_messages)
{
	int owner = ring_make(0, 8, 3000), writer = writer_open(owner), reader = reader_open(owner);
	unsigned int calls = 0, n;
	uint64_t before, after = 0;
	char text[8];

	if (harness_has_faults())
		SKIP(return, "a call that fails has skipped some messages, too");
	ASSERT_OK(framing_call(reader, RINGBUF_FRAMING_STREAM));
	ASSERT_OK(nonblock(reader));
	for (n = 0; n < 2999; n++)
		ASSERT_EQ(0, write(writer, text, 0));
	ASSERT_EQ(5, write(writer, "hello", 5));
	do {
		errno = 0;
		before = after;
		if (read(reader, text, sizeof(text)) == 5)
			break;
		ASSERT_EQ(EAGAIN, errno);
		after = 3000 - stats_of(owner).blocker_lag;
		/* Each call skips some messages, and leaves the rest to the next one. */
		ASSERT_GT(after, before);
		ASSERT_LE(after, before + 1000);
		EXPECT_EQ(POLLIN, polled(reader));
	} while (++calls < 100);
	EXPECT_EQ(2, calls);
	EXPECT_EQ(0, memcmp(text, "hello", 5));
	close(reader);
	close(writer);
	close(owner);
}

/* A call that skips messages and finds none must cause another edge for the rest. */
TEST(edge_comes_again_after_a_call_that_skipped_empty_messages)
{
	int owner = ring_make(0, 8, 3000), writer = writer_open(owner), reader = reader_open(owner);
	int set = epoll_on(reader, EPOLLIN | EPOLLET);
	unsigned int n;
	char text[8];

	ASSERT_OK(framing_call(reader, RINGBUF_FRAMING_STREAM));
	ASSERT_OK(nonblock(reader));
	for (n = 0; n < 2000; n++)
		ASSERT_EQ(0, write(writer, text, 0));
	ASSERT_EQ(1, write(writer, "x", 1));
	for (n = 0; n < 10; n++) {
		ASSERT_EQ(EPOLLIN, epolled(set, PATIENCE / MS));
		if (read(reader, text, sizeof(text)) == 1)
			break;
		ASSERT_EQ(EAGAIN, errno);
	}
	EXPECT_EQ('x', text[0]);
	EXPECT_GT(10, n);
	close(set);
	close(reader);
	close(writer);
	close(owner);
}

TEST(blocking_read_skips_all_empty_messages)
{
	int owner = ring_make(0, 8, 3000), writer = writer_open(owner), reader = reader_open(owner);
	unsigned int n;
	char text[8];

	ASSERT_OK(framing_call(reader, RINGBUF_FRAMING_STREAM));
	for (n = 0; n < 2999; n++)
		ASSERT_EQ(0, write(writer, text, 0));
	ASSERT_EQ(5, write(writer, "hello", 5));
	EXPECT_EQ(5, read(reader, text, sizeof(text)));
	close(reader);
	close(writer);
	close(owner);
}

DEVICE_HARNESS_MAIN
