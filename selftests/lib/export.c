// SPDX-License-Identifier: GPL-2.0
/*
 * Rings and unused handles are sent to a process that was started before they were made.
 * It reads what the sender wrote, and its death is noticed.
 */
#include <sys/socket.h>

#include "../harness/attached.h"

#define MESSAGES 1000

/* The message that is sent: two tickets, with three descriptors beside them. */
struct luggage {
	struct ringbuf_ticket reader;
	struct ringbuf_ticket writer;
};

union fd_control {
	struct cmsghdr head;
	char room[CMSG_SPACE(3 * sizeof(int))];
};

static int luggage_send(int socket, int ring, struct luggage *l)
{
	int fd[3] = { ring, l->reader.fd, l->writer.fd };
	union fd_control control = { .head = { .cmsg_len = CMSG_LEN(sizeof(fd)),
					       .cmsg_level = SOL_SOCKET,
					       .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = l, .iov_len = sizeof(*l) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == sizeof(*l) ? 0 : -errno;
}

static int luggage_receive(int socket, struct ringbuf **ring, struct luggage *l)
{
	union fd_control control;
	struct iovec iov = { .iov_base = l, .iov_len = sizeof(*l) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd[3];

	if (recvmsg(socket, &msg, 0) != sizeof(*l) || control.head.cmsg_len != CMSG_LEN(sizeof(fd)))
		return -EIO;
	memcpy(fd, CMSG_DATA(&control.head), sizeof(fd));
	l->reader.fd = fd[1];
	l->writer.fd = fd[2];
	return ringbuf_import(fd[0], NULL, ring);
}

/* Receive a ring, a reader and a writer; read all messages, write one, and exit. */
static int echoes(void *arg)
{
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	struct ringbuf *ring;
	struct luggage l;
	uint64_t n;

	CHECK_EQ(0, luggage_receive(*(int *)arg, &ring, &l));
	CHECK_EQ(0, ringbuf_reader_import(ring, &l.reader, &reader));
	CHECK_EQ(0, ringbuf_writer_import(ring, &l.writer, &writer));
	for (n = 0; n < MESSAGES; n++) {
		uint64_t got = ~0ULL;

		CHECK_EQ(8, ringbuf_reader_read(reader, &got, sizeof(got), PATIENCE));
		CHECK_EQ(n, got);
	}
	ringbuf_reader_close(reader);
	CHECK_EQ(0, ringbuf_writer_write(writer, &n, sizeof(n), PATIENCE));
	ringbuf_close(ring);
	return 0; /* the writer ends with this process */
}

static int fills(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);
	uint64_t n;

	for (n = 0; n < MESSAGES; n++)
		CHECK_EQ(0, ringbuf_writer_write(writer, &n, sizeof(n), PATIENCE));
	ringbuf_writer_close(writer);
	return 0;
}

/*
 * Import a ring that this process has already, and close it.  Return the lowest free descriptor, or
 * a negative number.
 */
static int import_again(struct ringbuf *ring)
{
	struct ringbuf *again;
	int fd;

	CHECK_EQ(0, ringbuf_import(dup(ringbuf_export(ring)), NULL, &again));
	ringbuf_close(again);
	fd = dup(0);
	close(fd);
	return fd;
}

FIXTURE(export)
{
	ATTACHED;
	int socket[2];
	pid_t child;
	struct luggage l;
};

FIXTURE_SETUP(export)
{
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->socket));
	self->child = child_start(echoes, &self->socket[1]);
	ATTACHED_SETUP(0, 64, 10);
	self->l.reader.size = sizeof(self->l.reader);
	self->l.writer.size = sizeof(self->l.writer);
	ASSERT_EQ(0, ringbuf_reader_export(self->reader, &self->l.reader));
	ASSERT_EQ(0, ringbuf_writer_export(self->writer, &self->l.writer));
}

FIXTURE_TEARDOWN(export)
{
	child_kill(self->child);
	ringbuf_close(self->ring);
}

TEST_F(export, older_process_reads_and_writes_with_sent_handles)
{
	struct ringbuf_writer *own = writer_new(self->ring);
	struct ringbuf_reader *back;
	uint64_t n, got;

	/*
	 * The descriptors in flight have to keep reader and writer attached while this process
	 * closes.
	 */
	ASSERT_EQ(0, luggage_send(self->socket[0], ringbuf_export(self->ring), &self->l));
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(self->writer);
	for (n = 0; n < MESSAGES; n++)
		ASSERT_EQ(0, ringbuf_writer_write(own, &n, sizeof(n), PATIENCE));
	back = reader_new(self->ring);
	ringbuf_writer_close(own);
	do {
		got = 0;
		ASSERT_EQ(8, ringbuf_reader_read(back, &got, sizeof(got), PATIENCE));
	} while (got < MESSAGES);
	/* The child ended without done; the end comes when its death is noticed. */
	EXPECT_EQ(-ENODATA, ringbuf_reader_read(back, &got, sizeof(got), PATIENCE));
	ringbuf_reader_close(back);
}

TEST_F(export, used_handle_cannot_be_sent)
{
	uint64_t n = 0;

	ASSERT_EQ(0, ringbuf_writer_write(self->writer, &n, sizeof(n), RINGBUF_TRY));
	ASSERT_EQ(8, ringbuf_reader_read(self->reader, &n, sizeof(n), RINGBUF_TRY));
	EXPECT_EQ(-EBUSY, ringbuf_reader_export(self->reader, &self->l.reader));
	EXPECT_EQ(-EBUSY, ringbuf_writer_export(self->writer, &self->l.writer));
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(self->writer);
}

/* A process imports the same ticket twice, beside the handle that it has. */
TEST_F(export, second_import_of_a_ticket_is_another_handle)
{
	struct ringbuf_ticket again = self->l.writer;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;

	if (on_module(self->ring))
		SKIP(return, "two descriptors of one handle are one there");
	again.fd = dup(again.fd);
	ASSERT_EQ(0, ringbuf_writer_import(self->ring, &again, &writer));
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	/* An imported shared writer gets another id, which tells it from the one here. */
	ASSERT_EQ(0, put(writer, 2, RINGBUF_TRY));
	EXPECT_NE(ringbuf_writer_id(self->writer), ringbuf_writer_id(writer));
	ringbuf_writer_close(writer);
	EXPECT_EQ(0, put(self->writer, 3, RINGBUF_TRY));
	ringbuf_writer_close(self->writer);

	again = self->l.reader;
	again.fd = dup(again.fd);
	ASSERT_EQ(0, ringbuf_reader_import(self->ring, &again, &reader));
	ASSERT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EBUSY, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	ringbuf_reader_close(self->reader);
}

/* An import must leave no descriptor open, and must not make the reader look dead meanwhile. */
TEST_F(export, import_in_the_same_process_leaves_nothing_behind)
{
	uint64_t n, got;
	pid_t child;
	int free_fd;

	ASSERT_EQ(-EAGAIN, ringbuf_reader_read(self->reader, &got, sizeof(got), RINGBUF_TRY));
	import_again(self->ring); /* the first import may open descriptors that stay */
	free_fd = import_again(self->ring);
	child = child_start(fills, self->ring);
	for (n = 0; n < MESSAGES; n++) {
		ASSERT_EQ(free_fd, import_again(self->ring));
		ASSERT_EQ(8, ringbuf_reader_read(self->reader, &got, sizeof(got), PATIENCE));
		ASSERT_EQ(n, got);
	}
	EXPECT_EQ(0, ringbuf_reader_lost(self->reader));
	EXPECT_EQ(0, child_end(child));
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(self->writer);
}

TEST_F(export, bad_argument_is_refused)
{
	struct ringbuf_ticket bad = self->l.reader;
	struct {
		struct ringbuf_ticket ticket;
		char more[16];
	} big;
	struct ringbuf_reader *reader = POISON;
	struct ringbuf *ring = POISON;

	EXPECT_EQ(-EBADF, ringbuf_import(-1, NULL, &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(-EPROTO, ringbuf_import(self->socket[0], NULL, &ring));
	EXPECT_EQ(-EINVAL, ringbuf_import(self->socket[0], "a/b", &ring));
	bad.id = UINT32_MAX;
	EXPECT_EQ(-EINVAL, ringbuf_reader_import(self->ring, &bad, &reader));
	EXPECT_EQ(NULL, reader);
	bad = self->l.reader;
	bad.size--;
	EXPECT_EQ(-EINVAL, ringbuf_reader_import(self->ring, &bad, &reader));
	EXPECT_EQ(-EINVAL, ringbuf_reader_export(self->reader, &bad));
	/* A longer ticket is accepted if its unknown bytes are 0. */
	memset(&big, 0x5a, sizeof(big));
	big.ticket.size = sizeof(big);
	EXPECT_EQ(0, ringbuf_reader_export(self->reader, &big.ticket));
	EXPECT_EQ(0, big.more[0] | big.more[15]);
	big.more[15] = 1;
	EXPECT_EQ(-E2BIG, ringbuf_reader_import(self->ring, &big.ticket, &reader));
	/* Writer ids begin at 1. */
	bad = self->l.writer;
	bad.id = 0;
	EXPECT_EQ(-EINVAL, ringbuf_writer_import(self->ring, &bad, &self->writer));
}

/* Return a memfd with the bytes of a ring, not sealed, as a peer may send it. */
static int unsealed_copy(unsigned int flags)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 10);
	int fd = memfd_create("copy", MFD_CLOEXEC | flags);
	struct ringbuf *ring;
	char block[4096];
	off_t at = 0;
	ssize_t n;

	config.host = RINGBUF_HOST_EMBEDDED;
	if (ringbuf_create(&config, &ring))
		return -1;
	while ((n = pread(ringbuf_export(ring), block, sizeof(block), at)) > 0)
		at += pwrite(fd, block, (size_t)n, at);
	ringbuf_close(ring);
	return fd;
}

TEST(memory_that_was_sent_cannot_be_cut_off)
{
	int fd = unsealed_copy(MFD_ALLOW_SEALING), again = dup(fd);
	struct ringbuf *ring;

	ASSERT_EQ(0, ringbuf_import(fd, NULL, &ring));
	EXPECT_EQ(-1, ftruncate(again, 0));
	EXPECT_EQ(EPERM, errno);
	ringbuf_close(ring);
	close(again);
}

TEST(memory_that_the_sender_could_cut_off_is_refused)
{
	int fd = unsealed_copy(MFD_ALLOW_SEALING), again;
	struct ringbuf *ring;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, again);
	EXPECT_EQ(-EPROTO, ringbuf_import(again, NULL, &ring));
	close(again);
	close(fd);
}

/* F_SEAL_SEAL does not keep the sender from changing the size. */
TEST(memory_that_cannot_be_sealed_is_refused)
{
	int born = unsealed_copy(0), closed = unsealed_copy(MFD_ALLOW_SEALING);
	struct ringbuf *ring;

	EXPECT_EQ(-EPROTO, ringbuf_import(born, NULL, &ring));
	ASSERT_EQ(0, fcntl(closed, F_ADD_SEALS, F_SEAL_SEAL));
	EXPECT_EQ(-EPROTO, ringbuf_import(closed, NULL, &ring));
	close(born);
	close(closed);
}

TEST(file_of_a_name_is_accepted)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 10);
	struct ringbuf *ring, *again;

	config.host = RINGBUF_HOST_EMBEDDED;
	config.name = name_of("sent");
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	ASSERT_EQ(0, ringbuf_import(dup(ringbuf_export(ring)), config.name, &again));
	ringbuf_close(again);
	ringbuf_close(ring);
}

TEST(file_that_is_no_ring_is_given_back_as_it_was)
{
	int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ringbuf *ring;

	ASSERT_EQ(0, ftruncate(fd, 65536));
	EXPECT_EQ(-EPROTO, ringbuf_import(fd, NULL, &ring));
	EXPECT_EQ(0, fcntl(fd, F_GET_SEALS));
	EXPECT_EQ(0, ftruncate(fd, 0));
	close(fd);
}

LIB_HARNESS_MAIN
