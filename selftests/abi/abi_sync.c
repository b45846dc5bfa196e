// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_SYNC: floors, which roles may set them, and that no loss goes uncounted. */
#include "../harness/handles.h"

#define SLOTS 10

FIXTURE(sync)
{
	HANDLES;
	int other;
	int observer;
};

FIXTURE_SETUP(sync)
{
	unsigned int n;

	HANDLES_SETUP(0, 64, SLOTS);
	self->other = reader_open(self->owner);
	self->observer = observer_open(self->owner);
	ASSERT_OK(nonblock(self->reader));
	ASSERT_OK(nonblock(self->other));
	ASSERT_OK(nonblock(self->writer));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
}

FIXTURE_TEARDOWN(sync)
{
	HANDLES_CLOSE();
	close(self->other);
	close(self->observer);
}

/* Return the statistics of @row; the first reader has row 0. */
static struct ringbuf_reader_stats row_of(int fd, uint32_t row)
{
	struct ringbuf_reader_stats r[2];
	struct ringbuf_stats s;

	memset(r, 0x5a, sizeof(r));
	stats_call(fd, &s, r, 2);
	return r[row];
}

TEST_F(sync, reader_may_sync_only_itself)
{
	EXPECT_EQ(-EACCES, sync_call(self->reader, 1, 1));
	EXPECT_EQ(-EACCES, sync_all(self->reader, 1));
	EXPECT_EQ(-EBADFD, sync_call(self->observer, 0, 1));
	EXPECT_EQ(0, row_of(self->owner, 0).cursor);
	EXPECT_EQ(0, sync_call(self->reader, 0, 1));
	EXPECT_EQ(0, sync_call(self->writer, 0, 2));
	EXPECT_EQ(0, sync_call(self->owner, 0, 3));
	EXPECT_EQ(3, row_of(self->owner, 0).cursor);
	EXPECT_EQ(0, row_of(self->owner, 1).cursor);
}

TEST_F(sync, owner_can_be_attached_only_by_a_writer_or_owner)
{
	int fd = device_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, attach_fd(fd, RINGBUF_ROLE_OWNER, self->reader));
	EXPECT_EQ(-EACCES, attach_fd(fd, RINGBUF_ROLE_OWNER, self->observer));
	EXPECT_EQ(0, attach_fd(fd, RINGBUF_ROLE_OWNER, self->writer));
	EXPECT_EQ(0, sync_call(fd, 0, 3));
	EXPECT_EQ(3, row_of(self->owner, 0).cursor);
	EXPECT_EQ(-EBADFD, put(fd, 1));
	close(fd);
}

/* An exclusive writer is attached and waits, which must not keep the owner out. */
TEST_F(sync, owner_can_attach_by_name_beside_an_exclusive_writer)
{
	int owner = file_make(RINGS "/abi-sync", RINGBUF_CREATE_EXCLUSIVE, 64, 1), fd, writer,
	    reader;

	ASSERT_LE(0, owner);
	writer = writer_open(owner);
	reader = reader_open(owner);
	ASSERT_OK(nonblock(writer));
	ASSERT_EQ(0, put(writer, 1));
	EXPECT_EQ(-EAGAIN, put(writer, 2));
	fd = file_attach(RINGS "/abi-sync", RINGBUF_ROLE_OWNER);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, sync_with(fd, RINGBUF_SYNC_ALL | RINGBUF_SYNC_HEAD, 0, 0));
	EXPECT_EQ(0, put(writer, 2));
	close(reader);
	close(writer);
	close(fd);
	close(owner);
}

TEST_F(sync, unknown_reader_is_refused)
{
	EXPECT_EQ(-ENOENT, sync_call(self->owner, 2, 1));
	EXPECT_EQ(-ENOENT, sync_call(self->owner, 63, 1));
	EXPECT_EQ(-ENOENT, sync_call(self->owner, 64, 1));
	EXPECT_EQ(-ENOENT, sync_call(self->owner, ~0U - 1, 1));
	close(self->reader);
	self->reader = -1;
	EXPECT_EQ(-ENOENT, sync_call(self->owner, 0, 1));
	EXPECT_EQ(0, sync_call(self->owner, 1, 1));
}

TEST_F(sync, position_is_limited_to_the_head_and_never_goes_back)
{
	struct ringbuf_sync s = { .size = sizeof(s), .reader = 0, .position = 4 };

	ASSERT_OK(call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(4, s.position);
	s.position = NEVER;
	ASSERT_OK(call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(SLOTS, s.position);
	s.position = SLOTS + 1;
	ASSERT_OK(call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(SLOTS, s.position);
	/* A position before the cursor does not move the reader back. */
	s.position = 1;
	ASSERT_OK(call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	EXPECT_EQ(0, get(self->other));
}

TEST_F(sync, skipped_messages_are_counted_as_lost)
{
	ASSERT_EQ(0, get(self->reader));
	ASSERT_OK(sync_call(self->owner, 0, 5));
	EXPECT_EQ(5, get(self->reader));
	EXPECT_EQ(4, row_of(self->owner, 0).lost);
	ASSERT_OK(sync_call(self->owner, 0, 8));
	EXPECT_EQ(8, get(self->reader));
	EXPECT_EQ(6, row_of(self->owner, 0).lost);
	EXPECT_EQ(0, row_of(self->owner, 1).lost);
	EXPECT_EQ(0, row_of(self->owner, 0).holes);
}

/* The cursor is the reader's word; SYNC sets the floor, which is the host's. */
TEST_F(sync, sync_sets_the_floor_and_not_the_cursor)
{
	struct maps m;

	ASSERT_OK(maps_open(&m, self->reader));
	ASSERT_OK(sync_call(self->owner, 0, 6));
	EXPECT_EQ(0, m.own->cursor);
	EXPECT_EQ(6, reader_row(&m, 0)->floor);
	EXPECT_EQ(0, reader_row(&m, 1)->floor);
	EXPECT_EQ(6, row_of(self->owner, 0).cursor);
	EXPECT_EQ(6, get(self->reader));
	EXPECT_EQ(7, m.own->cursor);
	EXPECT_EQ(6, m.own->lost);
	maps_close(&m);
}

TEST_F(sync, sync_makes_room_for_writers)
{
	unsigned int n;

	ASSERT_EQ(-EAGAIN, put(self->writer, 99));
	ASSERT_OK(sync_all(self->writer, 4));
	for (n = 0; n < 4; n++)
		EXPECT_EQ(0, put(self->writer, SLOTS + n));
	EXPECT_EQ(-EAGAIN, put(self->writer, 99));
	for (n = 4; n < SLOTS + 4; n++)
		EXPECT_EQ(n, get(self->reader));
	EXPECT_EQ(4, get(self->other));
}

struct overrun {
	int owner;
	int writer;
	int stop;
};

static int overruns(void *arg)
{
	struct overrun *o = arg;
	uint64_t n;

	for (n = SLOTS; !FLAG_GET(o->stop); n++) {
		int err;

		while ((err = put(o->writer, n)) == -EAGAIN)
			CHECK_EQ(0, sync_all(o->writer, n - n / 3 % SLOTS));
		CHECK_EQ(0, err);
	}
	return 0;
}

/* A writer overruns the reader again and again: messages read and messages lost must add up. */
TEST_F(sync, every_gap_of_an_overrun_reader_is_counted)
{
	struct overrun *o = shared_memory(sizeof(*o));
	uint64_t n, seen = 0, rounds = often(50000);
	pid_t pid;

	close(self->other);
	self->other = -1;
	ASSERT_EQ(0, fcntl(self->reader, F_SETFL, 0));
	*o = (struct overrun){ .owner = self->owner, .writer = self->writer };
	pid = child_start(overruns, o);
	for (n = 0; n < rounds; n++) {
		int64_t got = get(self->reader);

		ASSERT_LE((int64_t)seen, got);
		seen = (uint64_t)got + 1;
	}
	FLAG_SET(o->stop);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(seen, rounds + row_of(self->owner, 0).lost);
}

TEST_F(sync, flags_exclude_the_fields_that_they_replace)
{
	struct ringbuf_sync s = { .size = sizeof(s), .flags = RINGBUF_SYNC_HEAD };

	EXPECT_EQ(-EINVAL, sync_with(self->owner, 1U << 2, 0, 1));
	EXPECT_EQ(-EINVAL, sync_with(self->owner, RINGBUF_SYNC_ALL, 1, 1));
	EXPECT_EQ(-EINVAL, sync_with(self->owner, RINGBUF_SYNC_HEAD, 0, 1));
	EXPECT_EQ(-ENOENT, sync_with(self->owner, RINGBUF_SYNC_HEAD, ~0U, 0));
	EXPECT_EQ(0, row_of(self->owner, 0).cursor);
	ASSERT_OK(call(self->reader, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(SLOTS, s.position);
	EXPECT_EQ(SLOTS, row_of(self->owner, 0).cursor);
	EXPECT_EQ(0, row_of(self->owner, 1).cursor);
	EXPECT_EQ(RINGBUF_SYNC_HEAD, s.flags);
}

DEVICE_HARNESS_MAIN
