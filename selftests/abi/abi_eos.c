// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_DONE, and when and how the stream ends. */
#include "../harness/harness.h"
#include "../harness/device.h"

#define SLOTS 5

FIXTURE(eos)
{
	int owner;
	int reader;
};

SHARED_AND_EXCLUSIVE(eos, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(eos)
{
	self->owner = ring_make(variant->flags, 64, SLOTS);
	ASSERT_LE(0, self->owner);
	self->reader = reader_open(self->owner);
	ASSERT_OK(nonblock(self->reader));
}

FIXTURE_TEARDOWN(eos)
{
	close(self->owner);
	close(self->reader);
}

/* Check what STATS reports on the writers. */
static int writers_are(int owner, uint32_t now, uint32_t ever, uint32_t ended)
{
	struct ringbuf_stats s = stats_of(owner);

	CHECK_EQ(now, s.writers);
	CHECK_EQ(ever, s.writers_ever);
	CHECK_EQ(ended, s.ended);
	return 0;
}

TEST_F(eos, stream_without_a_writer_yet_has_not_ended)
{
	EXPECT_EQ(0, writers_are(self->owner, 0, 0, RINGBUF_END_NONE));
	EXPECT_EQ(-EAGAIN, get(self->reader));
}

TEST_F(eos, stream_ends_when_the_writer_is_done)
{
	int writer = writer_open(self->owner);

	EXPECT_EQ(0, writers_are(self->owner, 1, 1, RINGBUF_END_NONE));
	ASSERT_EQ(0, put(writer, 1));
	ASSERT_OK(done_call(writer));
	EXPECT_EQ(0, writers_are(self->owner, 0, 1, RINGBUF_END_DONE));
	EXPECT_EQ(-EPIPE, done_call(writer));
	EXPECT_EQ(-EPIPE, put(writer, 2));
	EXPECT_EQ(1, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
	close(writer);
	EXPECT_EQ(0, writers_are(self->owner, 0, 1, RINGBUF_END_DONE));
}

/* The process closes a handle that it has not mapped, without DONE. */
TEST_F(eos, stream_ends_when_the_writer_closes_its_handle)
{
	int writer = writer_open(self->owner);

	ASSERT_EQ(0, put(writer, 1));
	close(writer);
	EXPECT_EQ(1, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
	EXPECT_NE(RINGBUF_END_NONE, stats_of(self->owner).ended);
}

static int maps_and_exits(void *arg)
{
	int *fd = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, *fd));
	CHECK_EQ(0, put(*fd, 4));
	return 0;
}

TEST_F(eos, stream_ends_as_died_when_the_writer_exits_without_done)
{
	int writer = writer_open(self->owner);

	ASSERT_EQ(0, child_run(maps_and_exits, &writer));
	EXPECT_EQ(0, writers_are(self->owner, 0, 1, RINGBUF_END_DIED));
	EXPECT_EQ(4, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
	close(writer);
}

TEST_F(eos, stream_continues_with_the_next_writer)
{
	unsigned int n;

	for (n = 0; n < 3 * SLOTS; n++) {
		int writer = writer_open(self->owner);

		ASSERT_EQ(0, writers_are(self->owner, 1, n + 1, RINGBUF_END_NONE));
		ASSERT_EQ(-EAGAIN, get(self->reader));
		ASSERT_EQ(0, put(writer, n));
		ASSERT_OK(done_call(writer));
		ASSERT_EQ(n, get(self->reader));
		ASSERT_EQ(-ENODATA, get(self->reader));
		close(writer);
	}
}

TEST_F(eos, info_page_shows_the_end_of_the_stream)
{
	int writer = writer_open(self->owner), observer = observer_open(self->owner);
	struct maps m;

	ASSERT_OK(maps_open(&m, observer));
	EXPECT_EQ(1, m.ip->writers);
	EXPECT_EQ(RINGBUF_END_NONE, m.ip->ended);
	ASSERT_OK(done_call(writer));
	EXPECT_EQ(0, m.ip->writers);
	EXPECT_EQ(1, m.ip->writers_ever);
	EXPECT_EQ(RINGBUF_END_DONE, m.ip->ended);
	maps_close(&m);
	close(writer);
	close(observer);
}

TEST_F(eos, late_reader_gets_what_the_ring_still_holds)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, self->owner);
	int writer = writer_open(self->owner), late = device_open();
	unsigned int n;

	close(self->reader);
	self->reader = -1;
	for (n = 0; n < 2 * SLOTS; n++)
		ASSERT_EQ(0, put(writer, n));
	ASSERT_OK(done_call(writer));
	a.start = RINGBUF_START_OLDEST;
	ASSERT_OK(call(late, RINGBUF_IOC_ATTACH, &a));
	for (n = SLOTS; n < 2 * SLOTS; n++)
		EXPECT_EQ(n, get(late));
	EXPECT_EQ(-ENODATA, get(late));
	close(late);
	close(writer);
}

TEST(stream_ends_when_all_writers_are_done)
{
	int owner = ring_make(0, 64, SLOTS), reader = reader_open(owner);
	int a = writer_open(owner), b = writer_open(owner);

	ASSERT_OK(nonblock(reader));
	ASSERT_OK(done_call(a));
	EXPECT_EQ(-EAGAIN, get(reader));
	EXPECT_EQ(0, writers_are(owner, 1, 2, RINGBUF_END_NONE));
	ASSERT_EQ(0, put(b, 3));
	ASSERT_OK(done_call(b));
	EXPECT_EQ(3, get(reader));
	EXPECT_EQ(-ENODATA, get(reader));
	EXPECT_EQ(0, writers_are(owner, 0, 2, RINGBUF_END_DONE));
	close(a);
	close(b);
	close(reader);
	close(owner);
}

TEST(stream_ends_as_died_if_one_writer_died)
{
	int owner = ring_make(0, 64, SLOTS), a = writer_open(owner), b = writer_open(owner);

	ASSERT_EQ(0, child_run(maps_and_exits, &a));
	EXPECT_EQ(1, stats_of(owner).writers);
	ASSERT_OK(done_call(b));
	EXPECT_EQ(0, writers_are(owner, 0, 2, RINGBUF_END_DIED));
	close(a);
	close(b);
	close(owner);
}

DEVICE_HARNESS_MAIN
