// SPDX-License-Identifier: GPL-2.0
/* The end of the stream: what causes it, what is read before it, and what may follow. */
#include "../harness/harness.h"
#include "../harness/rings.h"

#define SLOTS 10

FIXTURE(end)
{
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
};

SHARED_AND_EXCLUSIVE(end, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(end)
{
	self->ring = ring_new(variant->flags, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->reader = reader_new(self->ring);
	ASSERT_NE(NULL, self->reader);
}

FIXTURE_TEARDOWN(end)
{
	ringbuf_reader_close(self->reader);
	ringbuf_close(self->ring);
}

TEST_F(end, stream_without_a_writer_yet_has_not_ended)
{
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ETIMEDOUT, get(self->reader, MS));
	EXPECT_EQ(RINGBUF_STREAM_OPEN, status_of(self->ring).ended);
	EXPECT_EQ(0, status_of(self->ring).writers_ever);
}

TEST_F(end, end_comes_after_the_last_message)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->ring).ended);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
	for (n = 0; n < 3; n++) {
		EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
		EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_FOREVER));
	}
}

TEST_F(end, stream_can_end_without_a_message)
{
	struct ringbuf_slot s;

	ringbuf_writer_close(writer_new(self->ring));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, ringbuf_reader_peek(self->reader, &s, 1, RINGBUF_FOREVER));
	EXPECT_EQ(-ENODATA, ringbuf_reader_wait(self->reader, 1, RINGBUF_FOREVER));
}

TEST_F(end, late_reader_gets_the_rest_and_the_end)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_reader *late;

	ASSERT_EQ(0, put(writer, 3, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	late = reader_new(self->ring);
	ASSERT_NE(NULL, late);
	EXPECT_EQ(3, get(late, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(late, RINGBUF_TRY));
	ringbuf_reader_close(late);
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &late));
	EXPECT_EQ(-ENODATA, get(late, RINGBUF_TRY));
	ringbuf_reader_close(late);
}

TEST_F(end, stream_ends_when_all_writers_are_done)
{
	struct ringbuf_writer *a = writer_new(self->ring), *b;

	if (variant->flags & RINGBUF_EXCLUSIVE) {
		ringbuf_writer_close(a);
		return;
	}
	b = writer_new(self->ring);
	ASSERT_EQ(0, put(a, 1, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_done(a));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, status_of(self->ring).writers);
	ASSERT_EQ(0, put(b, 2, RINGBUF_TRY));
	ringbuf_writer_close(b);
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(2, status_of(self->ring).writers_ever);
	ringbuf_writer_close(a);
}

TEST_F(end, stream_continues_with_the_next_writer)
{
	unsigned int n;

	for (n = 0; n < 20; n++) {
		struct ringbuf_writer *writer = writer_new(self->ring);

		ASSERT_NE(NULL, writer);
		ASSERT_EQ(RINGBUF_STREAM_OPEN, status_of(self->ring).ended);
		ASSERT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
		ringbuf_writer_close(writer);
		ASSERT_EQ(n, ringbuf_reader_position(self->reader));
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
		ASSERT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
	}
	EXPECT_EQ(20, status_of(self->ring).writers_ever);
}

static int leaves_two(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);
	struct ringbuf_slot s[3];

	CHECK(writer);
	CHECK_EQ(0, put(writer, 0, RINGBUF_TRY));
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	CHECK_EQ(3, ringbuf_writer_reserve(writer, s, 3, RINGBUF_TRY));
	memset(s[0].data, 0xff, 64);
	raise(SIGKILL);
	return 1;
}

/* Its committed messages are read, its reserved slots are not. */
TEST_F(end, stream_of_a_killed_writer_ends_as_died)
{
	bool shared = !(variant->flags & RINGBUF_EXCLUSIVE);

	ASSERT_EQ(128 + SIGKILL, child_run(leaves_two, self->ring));
	EXPECT_EQ(0, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	EXPECT_EQ(RINGBUF_STREAM_DIED, status_of(self->ring).ended);
	EXPECT_EQ(shared ? 3 : 0, ringbuf_reader_holes(self->reader));
	EXPECT_EQ(shared ? 3 : 0, status_of(self->ring).repaired);
}

static int exits(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);

	CHECK(writer);
	CHECK_EQ(0, put(writer, 6, RINGBUF_TRY));
	return 0;
}

/* The writer calls neither done nor close. */
TEST_F(end, stream_of_a_writer_that_exits_ends_as_died)
{
	ASSERT_EQ(0, child_run(exits, self->ring));
	EXPECT_EQ(6, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	EXPECT_EQ(RINGBUF_STREAM_DIED, status_of(self->ring).ended);
}

TEST_F(end, stream_continues_after_the_death_of_a_writer)
{
	unsigned int n;

	for (n = 0; n < 5; n++) {
		struct ringbuf_writer *writer;

		ASSERT_EQ(128 + SIGKILL, child_run(leaves_two, self->ring));
		writer = writer_new(self->ring);
		ASSERT_NE(NULL, writer);
		ASSERT_EQ(0, put(writer, 2, RINGBUF_TRY));
		ringbuf_writer_close(writer);
		EXPECT_EQ(0, get(self->reader, PATIENCE));
		EXPECT_EQ(1, get(self->reader, PATIENCE));
		EXPECT_EQ(2, get(self->reader, PATIENCE));
		EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	}
}

TEST_F(end, stream_ends_as_died_if_one_writer_died)
{
	struct ringbuf_writer *writer = writer_new(self->ring);

	if (!(variant->flags & RINGBUF_EXCLUSIVE)) {
		ASSERT_EQ(128 + SIGKILL, child_run(leaves_two, self->ring));
		EXPECT_EQ(0, get(self->reader, PATIENCE));
		EXPECT_EQ(1, get(self->reader, PATIENCE));
		EXPECT_EQ(-ETIMEDOUT, get(self->reader, 100 * MS));
	}
	ringbuf_writer_close(writer);
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	EXPECT_EQ(variant->flags & RINGBUF_EXCLUSIVE ? RINGBUF_STREAM_DONE : RINGBUF_STREAM_DIED,
		  status_of(self->ring).ended);
}

LIB_HARNESS_MAIN
