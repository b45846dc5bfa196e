// SPDX-License-Identifier: GPL-2.0
/* A reader that is moved forward is told so, counts what it lost, and reads no torn message. */
#include "../harness/attached.h"

NO_RECHECK

#define SLOTS 10

ATTACHED_FIXTURE(sync)

SHARED_AND_EXCLUSIVE(sync, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(sync)
{
	unsigned int n;

	ATTACHED_SETUP(variant->flags, 64, SLOTS);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
}

TEST_F(sync, sync_moves_a_reader_forward_only)
{
	uint32_t id = ringbuf_reader_id(self->reader);

	EXPECT_EQ(-EAGAIN, put(self->writer, 99, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_sync(self->ring, id, 4));
	EXPECT_EQ(4, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(4, ringbuf_reader_lost(self->reader));
	EXPECT_EQ(0, ringbuf_reader_holes(self->reader));
	/* A position before the cursor does not move the reader back. */
	ASSERT_EQ(0, ringbuf_sync(self->ring, id, 2));
	EXPECT_EQ(5, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(4, ringbuf_reader_lost(self->reader));
}

TEST_F(sync, sync_makes_room_for_writers)
{
	unsigned int n;

	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(self->reader), 3));
	for (n = 10; n < 13; n++)
		EXPECT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, put(self->writer, n, RINGBUF_TRY));
	for (n = 3; n < 13; n++)
		EXPECT_EQ(n, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(3, ringbuf_reader_lost(self->reader));
}

TEST_F(sync, sync_beyond_head_moves_to_head)
{
	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(self->reader), UINT64_MAX));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(10, ringbuf_reader_lost(self->reader));
	ASSERT_EQ(0, put(self->writer, 10, RINGBUF_TRY));
	EXPECT_EQ(10, get(self->reader, RINGBUF_TRY));
}

TEST_F(sync, peek_reports_lost_messages_once)
{
	struct ringbuf_slot s[SLOTS];

	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(self->reader), 6));
	ASSERT_EQ(4, ringbuf_reader_peek(self->reader, s, SLOTS, RINGBUF_TRY));
	EXPECT_EQ(6, s[0].position);
	EXPECT_EQ(6, s[0].lost);
	EXPECT_EQ(0, s[1].lost);
	ASSERT_EQ(0, ringbuf_reader_release(self->reader, 1));
	ASSERT_EQ(3, ringbuf_reader_peek(self->reader, s, SLOTS, RINGBUF_TRY));
	EXPECT_EQ(0, s[0].lost);
}

/* The reader holds slots when it is moved: release reports that their contents may be torn. */
TEST_F(sync, release_after_a_sync_is_stale)
{
	struct ringbuf_slot s[SLOTS];

	ASSERT_EQ(5, ringbuf_reader_peek(self->reader, s, 5, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(self->reader), 2));
	EXPECT_EQ(-ESTALE, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(2, ringbuf_reader_lost(self->reader));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
}

TEST_F(sync, sync_moves_all_readers)
{
	struct ringbuf_reader *other = reader_new(self->ring);

	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, get(other, RINGBUF_TRY));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	ASSERT_EQ(1, get(self->reader, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_sync(self->ring, RINGBUF_ALL_READERS, 8));
	EXPECT_EQ(8, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(8, get(other, RINGBUF_TRY));
	EXPECT_EQ(6, ringbuf_reader_lost(self->reader));
	EXPECT_EQ(7, ringbuf_reader_lost(other));
	ringbuf_reader_close(other);
}

TEST_F(sync, unknown_reader_is_refused)
{
	uint32_t id = ringbuf_reader_id(self->reader);

	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, id + 1, 5));
	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, 63, 5));
	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, 64, 5));
	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, 100000, 5));
	EXPECT_EQ(0, get(self->reader, RINGBUF_TRY));
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, id, 5));
	/* Without readers, a sync of all of them succeeds. */
	EXPECT_EQ(0, ringbuf_sync(self->ring, RINGBUF_ALL_READERS, 5));
}

static int blocked_writer(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);

	CHECK(writer);
	CHECK_EQ(0, put(writer, 99, RINGBUF_FOREVER));
	return 0;
}

TEST_F(sync, sync_wakes_a_writer)
{
	pid_t pid;

	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	pid = child_start(blocked_writer, self->ring);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(self->reader), 1));
	EXPECT_EQ(0, child_end(pid));
}

struct mover {
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	int stop;
};

/* Write as fast as possible, and move the reader forward whenever there is no room. */
static int writes_over(void *arg)
{
	struct mover *m = arg;
	struct ringbuf_writer *writer = writer_new(m->ring);
	char text[sizeof(struct message) + 1000];
	uint64_t n;

	CHECK(writer);
	for (n = 0; !FLAG_GET(m->stop); n++) {
		size_t length = sizeof(struct message) + n % 1000;

		message_make(text, 3, n, length);
		while (ringbuf_writer_write(writer, text, length, RINGBUF_TRY) == -EAGAIN)
			CHECK_EQ(0, ringbuf_sync(m->ring, RINGBUF_ALL_READERS, n - n / 2 % SLOTS));
	}
	return 0;
}

/* A message's number must be the number of messages read, lost and skipped before it. */
TEST_F(sync, overrun_reader_counts_losses_and_reads_whole_messages)
{
	struct mover *m = shared_memory(sizeof(*m));
	struct ringbuf *ring = ring_new(variant->flags, 1100, SLOTS);
	struct ringbuf_reader *reader = reader_new(ring);
	uint64_t n, rounds = often(100000);
	char text[1100];
	pid_t pid;

	m->ring = ring;
	pid = child_start(writes_over, m);
	for (n = 0; n < rounds; n++) {
		ssize_t length = ringbuf_reader_read(reader, text, sizeof(text), PATIENCE);
		struct message head;

		ASSERT_LT(0, length);
		ASSERT_TRUE(message_whole(text, (size_t)length, &head));
		ASSERT_EQ(n + ringbuf_reader_lost(reader) + ringbuf_reader_holes(reader),
			  head.number);
	}
	FLAG_SET(m->stop);
	EXPECT_EQ(0, child_end(pid));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
