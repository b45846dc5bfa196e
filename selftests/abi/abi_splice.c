// SPDX-License-Identifier: GPL-2.0
/* splice(2) and sendfile(2), from a ring and into one. */
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "../harness/handles.h"

#define SLOT  4096
#define SLOTS 4

FIXTURE(splice)
{
	HANDLES;
	int in; /* read end of a pipe */
	int out; /* write end of the pipe */
};

FIXTURE_VARIANT(splice)
{
	uint32_t framing;
};

FIXTURE_VARIANT_ADD(splice, stream){ .framing = RINGBUF_FRAMING_STREAM };
FIXTURE_VARIANT_ADD(splice, message){ .framing = RINGBUF_FRAMING_MESSAGE };

FIXTURE_SETUP(splice)
{
	int p[2];

	HANDLES_SETUP(0, SLOT, SLOTS);
	ASSERT_OK(framing_call(self->reader, variant->framing));
	ASSERT_OK(framing_call(self->writer, variant->framing));
	HANDLES_NONBLOCK();
	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	self->in = p[0];
	self->out = p[1];
}

FIXTURE_TEARDOWN(splice)
{
	close(self->in);
	close(self->out);
	HANDLES_CLOSE();
}

static void fill(unsigned char *to, unsigned int seed, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		to[i] = (unsigned char)((seed + i) * 2654435761u >> 13);
}

/* The pipe has bytes of its own, so that the slots may be written again. */
TEST_F(splice, pipe_keeps_spliced_bytes_when_slots_are_reused)
{
	static unsigned char from[SLOT], to[SLOT];
	unsigned int n;

	for (n = 0; n < SLOTS; n++) {
		fill(from, n, SLOT);
		ASSERT_EQ(SLOT, write(self->writer, from, SLOT));
		ASSERT_EQ(SLOT, splice(self->reader, NULL, self->out, NULL, SLOT, 0));
	}
	memset(from, 0x77, SLOT);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(SLOT, write(self->writer, from, SLOT));
	for (n = 0; n < SLOTS; n++) {
		fill(from, n, SLOT);
		ASSERT_EQ(SLOT, read(self->in, to, SLOT));
		ASSERT_EQ(0, memcmp(from, to, SLOT));
	}
}

TEST_F(splice, splice_moves_bytes_from_a_pipe_into_the_ring)
{
	static unsigned char from[SLOT], to[SLOT];
	unsigned int n, i;

	for (n = 0; n < 20; n++) {
		size_t length = 1 + n * 997 % SLOT, got = 0;

		fill(from, n, length);
		ASSERT_EQ((ssize_t)length, write(self->out, from, length));
		ASSERT_EQ((ssize_t)length, splice(self->in, NULL, self->writer, NULL, length, 0));
		for (i = 0; got < length && i < 2; i++) {
			ssize_t part = read(self->reader, to + got, SLOT - got);

			ASSERT_LT(0, part);
			got += (size_t)part;
		}
		ASSERT_EQ(length, got);
		ASSERT_EQ(0, memcmp(from, to, length));
	}
}

TEST_F(splice, splice_reports_empty_full_and_the_end)
{
	static char text[SLOT];
	unsigned int n;

	FAILS(EAGAIN, splice(self->reader, NULL, self->out, NULL, SLOT, 0));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(1, write(self->writer, "x", 1));
	ASSERT_EQ(10, write(self->out, "0123456789", 10));
	FAILS(EAGAIN, splice(self->in, NULL, self->writer, NULL, 10, 0));
	/* The bytes stayed in the pipe. */
	ASSERT_EQ(1, read(self->reader, text, 1));
	ASSERT_EQ(10, splice(self->in, NULL, self->writer, NULL, 10, 0));
	ASSERT_OK(done_call(self->writer));
	for (n = 1; n < SLOTS; n++)
		ASSERT_EQ(1, read(self->reader, text, 1));
	ASSERT_EQ(10, splice(self->reader, NULL, self->out, NULL, SLOT, 0));
	ASSERT_EQ(0, splice(self->reader, NULL, self->out, NULL, SLOT, 0));
	ASSERT_EQ(10, read(self->in, text, SLOT));
	EXPECT_EQ(0, memcmp(text, "0123456789", 10));
	ASSERT_EQ(1, write(self->out, "x", 1));
	FAILS(EPIPE, splice(self->in, NULL, self->writer, NULL, 1, 0));
}

TEST_F(splice, message_is_spliced_whole_or_stays)
{
	static unsigned char from[2 * SLOT], to[2 * SLOT];

	if (variant->framing != RINGBUF_FRAMING_MESSAGE)
		SKIP(return, "of messages");
	fill(from, 1, sizeof(from));
	ASSERT_EQ(100, write(self->writer, from, 100));
	ASSERT_EQ(200, write(self->writer, from, 200));
	FAILS(EMSGSIZE, splice(self->reader, NULL, self->out, NULL, 99, 0));
	ASSERT_EQ(100, splice(self->reader, NULL, self->out, NULL, SLOT, 0));
	ASSERT_EQ(100, read(self->in, to, sizeof(to)));
	ASSERT_EQ(200, read(self->reader, to, sizeof(to)));
	/* The bytes of one splice become a message; more than a slot are refused. */
	ASSERT_EQ((ssize_t)sizeof(from), write(self->out, from, sizeof(from)));
	FAILS(EMSGSIZE, splice(self->in, NULL, self->writer, NULL, SLOT + 1, 0));
	ASSERT_EQ(SLOT, splice(self->in, NULL, self->writer, NULL, SLOT, 0));
	ASSERT_EQ(SLOT, read(self->reader, to, sizeof(to)));
	EXPECT_EQ(0, memcmp(from, to, SLOT));
}

/* Splice pieces of many sizes from a pipe into the ring, and from there into another pipe. */
TEST_F(splice, stream_through_pipe_ring_and_pipe_arrives_whole)
{
	static unsigned char from[9000], to[9000];
	unsigned int n;

	if (variant->framing != RINGBUF_FRAMING_STREAM)
		SKIP(return, "of streams");
	for (n = 0; n < 30; n++) {
		size_t length = 1 + n * 7919 % sizeof(from), done = 0, moved = 0;
		int p[2];

		ASSERT_EQ(0, pipe2(p, O_NONBLOCK | O_CLOEXEC));
		fill(from, n, length);
		ASSERT_EQ((ssize_t)length, write(p[1], from, length));
		ASSERT_EQ((ssize_t)length, splice(p[0], NULL, self->writer, NULL, length, 0));
		while (moved < length) {
			ssize_t part = splice(self->reader, NULL, self->out, NULL, 1 + n * 511, 0);

			ASSERT_LT(0, part);
			moved += (size_t)part;
		}
		while (done < length) {
			ssize_t part = read(self->in, to + done, sizeof(to) - done);

			ASSERT_LT(0, part);
			done += (size_t)part;
		}
		ASSERT_EQ(0, memcmp(from, to, length));
		close(p[0]);
		close(p[1]);
	}
}

TEST_F(splice, sendfile_copies_the_ring_into_a_file)
{
	static unsigned char from[SLOT], to[SLOT];
	FILE *file = tmpfile();
	unsigned int n;

	ASSERT_NE(NULL, file);
	EXPECT_EQ((off_t)-1, lseek(self->reader, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	for (n = 0; n < 10; n++) {
		fill(from, n, SLOT);
		ASSERT_EQ(SLOT, write(self->writer, from, SLOT));
		ASSERT_EQ(SLOT, sendfile(fileno(file), self->reader, NULL, SLOT));
	}
	FAILS(EAGAIN, sendfile(fileno(file), self->reader, NULL, SLOT));
	for (n = 0; n < 10; n++) {
		fill(from, n, SLOT);
		ASSERT_EQ(SLOT, pread(fileno(file), to, SLOT, n * SLOT));
		ASSERT_EQ(0, memcmp(from, to, SLOT));
	}
	fclose(file);
}

TEST_F(splice, sendfile_copies_the_ring_into_a_socket)
{
	static unsigned char from[SLOT], to[SLOT];
	int s[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	fill(from, 5, SLOT);
	ASSERT_EQ(SLOT, write(self->writer, from, SLOT));
	ASSERT_EQ(SLOT, sendfile(s[0], self->reader, NULL, SLOT));
	ASSERT_EQ(SLOT, recv(s[1], to, SLOT, MSG_WAITALL));
	EXPECT_EQ(0, memcmp(from, to, SLOT));
	close(s[0]);
	close(s[1]);
}

/*
 * Make a ring that takes little at a time; s[0] is its writer, s[1] its reader.  Return 0 or
 * -errno.
 */
static int narrow_ring(int s[2])
{
	int owner = ring_make(0, 3000, 2), err;

	s[0] = writer_open(owner);
	s[1] = reader_open(owner);
	close(owner);
	err = framing_call(s[0], RINGBUF_FRAMING_STREAM);
	if (!err)
		err = framing_call(s[1], RINGBUF_FRAMING_STREAM);
	if (!err)
		err = nonblock(s[0]);
	return err ? err : nonblock(s[1]);
}

/* Repeat sendfile() until the output is full.  Return the number of bytes that it took. */
static size_t send_all(int to, int reader)
{
	size_t total = 0;
	ssize_t part;

	while ((part = sendfile(to, reader, NULL, 3 * SLOT)) > 0)
		total += (size_t)part;
	return total;
}

/*
 * sendfile() keeps the bytes that it took out of the ring and the output did not take.
 * The next sendfile() sends them first, and read(), poll() and FIONREAD see them.
 */
TEST_F(splice, leftover_of_sendfile_is_read_next)
{
	static unsigned char from[SLOTS * SLOT], to[SLOTS * SLOT], text[SLOT];
	size_t sent = 0, got = 0;
	unsigned int round, n;
	ssize_t part;
	int s[2];

	ASSERT_OK(narrow_ring(s));
	for (round = 0; round < 40; round++) {
		fill(from, round, sizeof(from));
		for (n = 0; n < SLOTS; n++)
			ASSERT_EQ(SLOT, write(self->writer, from + n * SLOT, SLOT));
		sent = send_all(s[0], self->reader);
		/* The output took a part; poll and FIONREAD report the rest. */
		ASSERT_LT(sent, sizeof(from));
		EXPECT_EQ(POLLIN, polled(self->reader));
		EXPECT_LT(0, ready_call(self->reader));
		for (got = 0; got < sizeof(to); got += (size_t)part) {
			part = read(s[1], to + got, 1 + round * 97 % 2000);
			if (part > 0)
				continue;
			ASSERT_EQ(EAGAIN, errno);
			part = 0;
			/*
			 * In every second round the rest is read by read(), otherwise by
			 * sendfile().
			 */
			if (round % 2) {
				ASSERT_LT(0, send_all(s[0], self->reader));
				continue;
			}
			part = read(self->reader, text, sizeof(text));
			ASSERT_LT(0, part);
			memcpy(to + got, text, (size_t)part);
		}
		ASSERT_EQ(sizeof(to), got);
		ASSERT_EQ(0, memcmp(from, to, sizeof(to)));
		EXPECT_EQ(0, polled(self->reader));
		EXPECT_EQ(0, ready_call(self->reader));
		FAILS(EAGAIN, read(self->reader, text, sizeof(text)));
	}
	close(s[0]);
	close(s[1]);
}

/* kmemleak would report a leftover that is not freed. */
TEST_F(splice, leftover_of_sendfile_is_freed_with_the_handle)
{
	static unsigned char from[SLOT];
	unsigned int n;
	int s[2];

	ASSERT_OK(narrow_ring(s));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(SLOT, write(self->writer, from, SLOT));
	ASSERT_LT(send_all(s[0], self->reader), SLOTS * SLOT);
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(POLLIN, polled(self->reader) & POLLIN);
	close(s[0]);
	close(s[1]);
}

struct blocked {
	int from;
	int to;
	int times;
};

static int splices(void *arg)
{
	struct blocked *b = arg;
	int n;

	fcntl(b->from, F_SETFL, 0);
	fcntl(b->to, F_SETFL, 0);
	for (n = 0; n < b->times; n++)
		CHECK_EQ(5, splice(b->from, NULL, b->to, NULL, 5, 0));
	return 0;
}

TEST_F(splice, splice_sleeps_until_a_message_comes)
{
	struct blocked b = { self->reader, self->out, 1 };
	char text[8];
	pid_t pid = child_start(splices, &b);

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(5, write(self->writer, "hello", 5));
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(5, read(self->in, text, 8));
	EXPECT_EQ(0, memcmp(text, "hello", 5));
}

/* A splice that waits for the ring does not hold the lock of the pipe. */
TEST_F(splice, splice_that_waits_for_a_message_leaves_the_pipe_unlocked)
{
	struct blocked b = { self->reader, self->out, 2 };
	char text[8];
	pid_t pid;

	ASSERT_EQ(5, write(self->writer, "hello", 5));
	pid = child_start(splices, &b);
	ASSERT_EQ(5, read(self->in, text, 8));
	ASSERT_TRUE(task_asleep(pid));
	/* If the splice held the lock of the pipe, this read would block. */
	ASSERT_OK(nonblock(self->in));
	FAILS(EAGAIN, read(self->in, text, 8));
	ASSERT_EQ(5, write(self->writer, "again", 5));
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(5, read(self->in, text, 8));
	EXPECT_EQ(0, memcmp(text, "again", 5));
}

/* Fill the pipe while the splice waits for the ring: then it has to wait for the pipe, too. */
TEST_F(splice, splice_waits_for_a_pipe_that_filled_meanwhile)
{
	struct blocked b = { self->reader, self->out, 1 };
	static char page[4096];
	char text[8];
	pid_t pid = child_start(splices, &b);
	unsigned int n, pages;

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(nonblock(self->out));
	for (pages = 0; write(self->out, page, sizeof(page)) == sizeof(page); pages++)
		;
	ASSERT_EQ(5, write(self->writer, "hello", 5));
	for (n = 0; n < pages; n++)
		ASSERT_EQ((ssize_t)sizeof(page), read(self->in, page, sizeof(page)));
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(5, read(self->in, text, 8));
	EXPECT_EQ(0, memcmp(text, "hello", 5));
}

TEST_F(splice, splice_that_waits_for_room_leaves_the_pipe_unlocked)
{
	struct blocked b = { self->in, self->writer, 1 };
	char text[SLOT];
	unsigned int n;
	pid_t pid;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(1, write(self->writer, "x", 1));
	ASSERT_EQ(5, write(self->out, "hello", 5));
	pid = child_start(splices, &b);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(1, write(self->out, "y", 1));
	ASSERT_LT(0, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, child_end(pid));
	for (n = 0; n < SLOTS && read(self->reader, text, sizeof(text)) > 0; n++)
		;
	ASSERT_EQ(1, read(self->in, text, 8));
	EXPECT_EQ('y', text[0]);
}

/* Fill the ring while the splice waits for the pipe: then it has to wait for the ring, too. */
TEST_F(splice, splice_waits_for_a_ring_that_filled_meanwhile)
{
	struct blocked b = { self->in, self->writer, 1 };
	char text[SLOT];
	unsigned int n;
	pid_t pid = child_start(splices, &b);

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(nonblock(self->writer));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(1, write(self->writer, "x", 1));
	ASSERT_EQ(0, fcntl(self->writer, F_SETFL, 0));
	ASSERT_EQ(5, write(self->out, "hello", 5));
	ASSERT_TRUE(task_asleep(pid));
	/* A writer of the pipe need not wait for the ring. */
	ASSERT_EQ(1, write(self->out, "y", 1));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(1, read(self->reader, text,
				  variant->framing == RINGBUF_FRAMING_STREAM ? 1 : sizeof(text)));
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(5, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, "hello", 5));
}

/* The ring is full, but splice still sees that the pipe is empty, or has ended. */
TEST_F(splice, splice_sees_the_end_of_the_pipe_at_a_full_ring)
{
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(1, write(self->writer, "x", 1));
	ASSERT_EQ(0, fcntl(self->writer, F_SETFL, 0));
	FAILS(EAGAIN, splice(self->in, NULL, self->writer, NULL, 5, SPLICE_F_NONBLOCK));
	close(self->out);
	EXPECT_EQ(0, splice(self->in, NULL, self->writer, NULL, 5, 0));
	self->out = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* The message is larger than the free part of the pipe, but not than the whole pipe. */
TEST_F(splice, message_that_fits_an_empty_pipe_waits_for_it)
{
	static unsigned char from[9000], to[9000];
	int big = ring_make(0, sizeof(from), 2), writer = writer_open(big),
	    reader = reader_open(big);

	if (variant->framing != RINGBUF_FRAMING_MESSAGE)
		SKIP(return, "about messages");
	ASSERT_LE(0, fcntl(self->out, F_SETPIPE_SZ, 4 * 4096));
	fill(from, 3, sizeof(from));
	ASSERT_EQ((ssize_t)sizeof(from), write(writer, from, sizeof(from)));
	ASSERT_EQ((ssize_t)sizeof(from), write(writer, from, sizeof(from)));
	ASSERT_EQ((ssize_t)sizeof(from), splice(reader, NULL, self->out, NULL, 1 << 20, 0));
	FAILS(EAGAIN, splice(reader, NULL, self->out, NULL, 1 << 20, SPLICE_F_NONBLOCK));
	ASSERT_EQ((ssize_t)sizeof(to), read(self->in, to, sizeof(to)));
	ASSERT_EQ((ssize_t)sizeof(from), splice(reader, NULL, self->out, NULL, 1 << 20, 0));
	ASSERT_EQ((ssize_t)sizeof(to), read(self->in, to, sizeof(to)));
	EXPECT_EQ(0, memcmp(from, to, sizeof(to)));
	close(reader);
	close(writer);
	close(big);
}

struct long_splice {
	int reader;
	int out;
	ssize_t length;
};

static int splices_long(void *arg)
{
	struct long_splice *l = arg;

	CHECK_EQ(l->length, splice(l->reader, NULL, l->out, NULL, 1 << 20, 0));
	return 0;
}

/* A call that may wait sleeps until the pipe is empty, and then takes the message. */
TEST_F(splice, blocking_splice_waits_until_the_message_fits_the_pipe)
{
	static unsigned char from[9000], to[9000];
	int big = ring_make(0, sizeof(from), 2), writer = writer_open(big),
	    reader = reader_open(big);
	struct long_splice l = { reader, self->out, sizeof(from) };
	pid_t pid;

	if (variant->framing != RINGBUF_FRAMING_MESSAGE)
		SKIP(return, "about messages");
	ASSERT_LE(0, fcntl(self->out, F_SETPIPE_SZ, 4 * 4096));
	fill(from, 3, sizeof(from));
	ASSERT_EQ(l.length, write(writer, from, sizeof(from)));
	ASSERT_EQ(l.length, write(writer, from, sizeof(from)));
	ASSERT_EQ(l.length, splice(reader, NULL, self->out, NULL, 1 << 20, 0));
	pid = child_start(splices_long, &l);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(l.length, read(self->in, to, sizeof(to)));
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(l.length, read(self->in, to, sizeof(to)));
	EXPECT_EQ(0, memcmp(from, to, sizeof(to)));
	close(reader);
	close(writer);
	close(big);
}

static int splices_for_nobody(void *arg)
{
	struct blocked *b = arg;

	signal(SIGPIPE, SIG_IGN);
	close(b->times);
	fcntl(b->from, F_SETFL, 0);
	CHECK_EQ(-1, splice(b->from, NULL, b->to, NULL, 5, 0));
	CHECK_EQ(EPIPE, errno);
	return 0;
}

TEST_F(splice, splice_into_a_pipe_without_readers_takes_no_message)
{
	struct blocked b = { self->reader, self->out, self->in };
	pid_t pid = child_start(splices_for_nobody, &b);

	ASSERT_TRUE(task_asleep(pid));
	close(self->in);
	ASSERT_EQ(5, write(self->writer, "hello", 5));
	EXPECT_EQ(0, child_end(pid));
	/* The ring still has all five bytes. */
	EXPECT_EQ(5, ready_call(self->reader));
}

/* ---- signals ----------------------------------------------------------------------- */

/* A child that sleeps for five bytes, or for room for them, and gets signals. */
struct hit {
	enum { READS, WRITES, SPLICES_OUT, SPLICES_IN } what;
	int ring;
	int pipe;
};

static ssize_t moves_five(const struct hit *h)
{
	char text[5] = "hello";

	switch (h->what) {
	case READS:
		return read(h->ring, text, 5);
	case WRITES:
		return write(h->ring, text, 5);
	case SPLICES_OUT:
		return splice(h->ring, NULL, h->pipe, NULL, 5, 0);
	default:
		return splice(h->pipe, NULL, h->ring, NULL, 5, 0);
	}
}

static void nothing(int sig)
{
	(void)sig;
}

static int is_hit(void *arg)
{
	struct sigaction action = { .sa_handler = nothing };
	struct hit *h = arg;

	fcntl(h->ring, F_SETFL, 0);
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(-1, moves_five(h));
	CHECK_EQ(EINTR, errno);
	raise(SIGSTOP);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(5, moves_five(h));
	return 0;
}

/* Send signals to the child: the first ends its first call, the others must not end the second. */
static int hit_often(pid_t pid)
{
	int n;

	CHECK(task_asleep(pid));
	kill(pid, SIGUSR1);
	CHECK_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	kill(pid, SIGCONT);
	for (n = 0; n < 5; n++) {
		CHECK(task_asleep(pid));
		kill(pid, SIGUSR1);
	}
	CHECK(task_asleep(pid));
	return 0;
}

/* Read all that is available, up to @room bytes.  Return the number of bytes. */
static size_t drain(int fd, char *to, size_t room)
{
	size_t got = 0;
	ssize_t n;

	while (got < room && (n = read(fd, to + got, room - got)) > 0)
		got += (size_t)n;
	return got;
}

TEST_F(splice, signal_ends_or_restarts_a_wait_for_a_message)
{
	struct hit h = { .ring = self->reader, .pipe = self->out };
	char text[SLOT];
	pid_t pid;

	ASSERT_OK(nonblock(self->in));
	for (h.what = READS; h.what <= SPLICES_OUT; h.what += SPLICES_OUT - READS) {
		pid = child_start(is_hit, &h);
		ASSERT_EQ(0, hit_often(pid));
		ASSERT_EQ(5, write(self->writer, "hello", 5));
		EXPECT_EQ(0, child_end(pid));
		EXPECT_EQ(0, ready_call(self->reader));
	}
	ASSERT_EQ(5, drain(self->in, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, "hello", 5));
}

/* The call that the signal ends has moved no byte; the next call moves each byte once. */
TEST_F(splice, signal_ends_or_restarts_a_wait_for_room)
{
	struct hit h = { .ring = self->writer, .pipe = self->in };
	char text[SLOT];
	unsigned int n;
	pid_t pid;

	ASSERT_EQ(5, write(self->out, "hello", 5));
	for (h.what = WRITES; h.what <= SPLICES_IN; h.what += SPLICES_IN - WRITES) {
		for (n = 0; n < SLOTS; n++)
			ASSERT_EQ(1, write(self->writer, "x", 1));
		pid = child_start(is_hit, &h);
		ASSERT_EQ(0, hit_often(pid));
		ASSERT_EQ(1, read(self->reader, text, 1));
		EXPECT_EQ(0, child_end(pid));
		ASSERT_OK(nonblock(self->reader));
		ASSERT_EQ(SLOTS - 1 + 5, drain(self->reader, text, sizeof(text)));
		EXPECT_EQ(0, memcmp(text, "xxxhello", SLOTS - 1 + 5));
		ASSERT_OK(nonblock(self->writer));
	}
	EXPECT_EQ(0, ready_call(self->in));
}

/* ---- several with one handle ---------------------------------------------------------- */

/* Counts of each byte value, in words to which a 32-bit program can add atomically. */
struct heap {
	uint32_t of[256];
};

struct team {
	int reader;
	uint64_t sent[4]; /* bytes that each process sent and has not read back */
	struct heap got;
	uint32_t next;
};

static void heap_add(struct heap *h, const unsigned char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		__atomic_fetch_add(&h->of[text[i]], 1, __ATOMIC_RELAXED);
}

/* Send from the shared reader to a ring that takes less than is sent, and count what arrives. */
static int sends(void *arg)
{
	struct team *t = arg;
	uint32_t me = __atomic_fetch_add(&t->next, 1, __ATOMIC_SEQ_CST);
	static unsigned char text[3000];
	ssize_t part, n;
	int s[2];

	CHECK_EQ(0, narrow_ring(s));
	do {
		part = sendfile(s[0], t->reader, NULL, 3 * SLOT);
		CHECK(part >= 0 || errno == EAGAIN);
		if (part > 0)
			t->sent[me] += (uint64_t)part;
		while ((n = read(s[1], text, sizeof(text))) > 0) {
			heap_add(&t->got, text, (size_t)n);
			t->sent[me] -= (uint64_t)n;
		}
		CHECK(n == -1 && errno == EAGAIN);
	} while (part);
	/* sendfile() returned as many bytes as arrived. */
	CHECK_EQ(0, t->sent[me]);
	return 0;
}

/* Four processes send from one reader; each byte goes to one of them, once. */
TEST_F(splice, four_sendfiles_on_one_handle_send_each_byte_once)
{
	struct team *t = shared_memory(sizeof(*t));
	static unsigned char from[SLOT];
	struct heap *put = calloc(1, sizeof(*put));
	unsigned int i, n;
	pid_t pid[4];

	t->reader = self->reader;
	fcntl(self->reader, F_SETFL, 0);
	fcntl(self->writer, F_SETFL, 0);
	for (i = 0; i < 4; i++)
		pid[i] = child_start(sends, t);
	for (n = 0; n < often(40000); n++) {
		size_t length = 1 + n * 997 % SLOT;

		fill(from, n, length);
		heap_add(put, from, length);
		ASSERT_EQ((ssize_t)length, write(self->writer, from, length));
	}
	ASSERT_OK(done_call(self->writer));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	EXPECT_EQ(0, memcmp(put, &t->got, sizeof(*put)));
	EXPECT_EQ(0, ready_call(self->reader));
}

DEVICE_HARNESS_MAIN
