// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_ATTACH and _DETACH: permissions, where readers start, and how many can attach. */
#include "../harness/harness.h"
#include "../harness/device.h"

#define SLOTS 10

FIXTURE(attach)
{
	int owner;
	int fd;
};

FIXTURE_SETUP(attach)
{
	self->owner = ring_make(0, 64, SLOTS);
	ASSERT_LE(0, self->owner);
	self->fd = device_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(attach)
{
	close(self->owner);
	close(self->fd);
}

#define REFUSED(error, field, value)                                                    \
	do {                                                                            \
		struct ringbuf_attach a_ = attach_to(RINGBUF_ROLE_READER, self->owner); \
		struct ringbuf_info i_;                                                 \
		a_.field = (value);                                                     \
		EXPECT_EQ(error, call(self->fd, RINGBUF_IOC_ATTACH, &a_))               \
		TH_LOG("%s = %s", #field, #value);                                      \
		EXPECT_EQ(0x5a5a5a5a, a_.id);                                           \
		EXPECT_EQ(-EBADFD, info_get(self->fd, &i_));                            \
	} while (0)

TEST_F(attach, bad_field_is_refused)
{
	REFUSED(-EINVAL, role, RINGBUF_ROLE_NONE);
	REFUSED(-EINVAL, role, 5);
	REFUSED(-EINVAL, flags, 1);
	REFUSED(-EINVAL, start, 3);
	REFUSED(-EINVAL, position, 1); /* START_HEAD takes no position */
	REFUSED(-EINVAL, fd, -1); /* -1 is the ring of the handle's own file; the device has none */
	REFUSED(-EINVAL, fd, -2);
	REFUSED(-EBADF, fd, 1 << 20);
	REFUSED(-EBADFD, fd, STDIN_FILENO);
	REFUSED(-EBADFD, fd, self->fd);
	EXPECT_EQ(0, stats_of(self->owner).total);
}

TEST_F(attach, only_a_reader_may_ask_for_a_start)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_WRITER, self->owner);

	a.start = RINGBUF_START_OLDEST;
	EXPECT_EQ(-EINVAL, call(self->fd, RINGBUF_IOC_ATTACH, &a));
	a = attach_to(RINGBUF_ROLE_OBSERVER, self->owner);
	a.start = RINGBUF_START_POSITION;
	EXPECT_EQ(-EINVAL, call(self->fd, RINGBUF_IOC_ATTACH, &a));
}

TEST_F(attach, attached_handle_gets_at_most_the_rights_of_the_named_one)
{
	int writer = writer_open(self->owner), reader = reader_open(self->owner);
	int observer = observer_open(self->owner);
	const int from[] = { self->owner, writer, reader, observer };
	const int want[4][3] = {
		/* reader, writer, observer */
		{ 0, 0, 0 },
		{ 0, 0, 0 },
		{ 0, -EACCES, 0 },
		{ -EACCES, -EACCES, 0 },
	};
	unsigned int i, role;

	for (i = 0; i < 4; i++) {
		for (role = 0; role < 3; role++) {
			int fd = device_open();

			EXPECT_EQ(want[i][role], attach_fd(fd, RINGBUF_ROLE_READER + role, from[i]))
			TH_LOG("from %u as %u", i, role);
			close(fd);
		}
	}
	close(writer);
	close(reader);
	close(observer);
}

TEST_F(attach, handle_gives_no_right_that_its_file_was_not_opened_for)
{
	int writes = open(RINGBUF_DEVICE, O_WRONLY | O_EXCL | O_CLOEXEC), other = device_open();

	ASSERT_EQ(0, attach_fd(writes, RINGBUF_ROLE_WRITER, self->owner));
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_READER, writes));
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_OBSERVER, writes));
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_OWNER, writes));
	EXPECT_EQ(0, attach_fd(other, RINGBUF_ROLE_WRITER, writes));
	close(other);
	close(writes);
}

/*
 * Attach a reader, read the message at its start if there is one, and close it.  Return the
 * position of the start, or a negative errno.
 */
static int64_t first_of(int owner, uint32_t start, uint64_t position)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, owner);
	int fd = device_open(), err;
	int64_t got;

	a.start = start;
	a.position = position;
	err = call(fd, RINGBUF_IOC_ATTACH, &a);
	nonblock(fd);
	got = get(fd);
	close(fd);
	if (err)
		return err;
	return got == -EAGAIN || got == (int64_t)a.position ? (int64_t)a.position : -EBADMSG;
}

TEST_F(attach, reader_starts_at_the_head_the_oldest_or_a_position)
{
	int writer = writer_open(self->owner);
	uint64_t n;

	EXPECT_EQ(0, first_of(self->owner, RINGBUF_START_HEAD, 0));
	EXPECT_EQ(0, first_of(self->owner, RINGBUF_START_OLDEST, 0));
	EXPECT_EQ(0, first_of(self->owner, RINGBUF_START_POSITION, 100));
	for (n = 0; n < 25; n++)
		ASSERT_EQ(0, put(writer, n));
	EXPECT_EQ(25, first_of(self->owner, RINGBUF_START_HEAD, 0));
	EXPECT_EQ(15, first_of(self->owner, RINGBUF_START_OLDEST, 0));
	EXPECT_EQ(15, first_of(self->owner, RINGBUF_START_POSITION, 0));
	EXPECT_EQ(20, first_of(self->owner, RINGBUF_START_POSITION, 20));
	EXPECT_EQ(25, first_of(self->owner, RINGBUF_START_POSITION, 26));
	EXPECT_EQ(25, first_of(self->owner, RINGBUF_START_POSITION, ~0ULL));
	close(writer);
}

TEST_F(attach, writer_is_told_the_position_that_it_tries_first)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_WRITER, self->owner);
	int writer = writer_open(self->owner);

	ASSERT_EQ(0, put(writer, 0));
	ASSERT_EQ(0, put(writer, 1));
	ASSERT_OK(call(self->fd, RINGBUF_IOC_ATTACH, &a));
	EXPECT_EQ(2, a.position);
	EXPECT_LE(1, a.id);
	close(writer);
}

TEST_F(attach, attach_fails_while_all_rows_or_ids_are_taken)
{
	struct ringbuf_create c = { .size = sizeof(c),
				    .slot_bytes = 64,
				    .slot_count = 3,
				    .max_readers = 2,
				    .max_writers = 2 };
	int owner = device_open(), fd[2];
	uint32_t role;

	ASSERT_OK(call(owner, RINGBUF_IOC_CREATE, &c));
	for (role = RINGBUF_ROLE_READER; role <= RINGBUF_ROLE_WRITER; role++) {
		fd[0] = role_open(role, owner);
		fd[1] = role_open(role, owner);
		ASSERT_LE(0, fd[1]);
		EXPECT_EQ(-ENOSPC, attach_fd(self->fd, role, owner));
		close(fd[0]);
		fd[0] = role_open(role, owner);
		EXPECT_LE(0, fd[0]);
		EXPECT_EQ(-ENOSPC, attach_fd(self->fd, role, owner));
		/* An observer takes no row. */
		EXPECT_LE(0, observer_open(owner));
		ASSERT_EQ(0, detach_call(fd[1]));
		close(fd[1]);
		fd[1] = role_open(role, owner);
		EXPECT_LE(0, fd[1]);
		close(fd[0]);
		close(fd[1]);
	}
	close(owner);
}

TEST_F(attach, exclusive_ring_takes_one_writer_at_a_time)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, 64, 3), writer = writer_open(owner);

	ASSERT_LE(0, writer);
	EXPECT_EQ(-EBUSY, attach_fd(self->fd, RINGBUF_ROLE_WRITER, owner));
	close(writer);
	EXPECT_EQ(0, attach_fd(self->fd, RINGBUF_ROLE_WRITER, owner));
	close(owner);
}

TEST_F(attach, detached_reader_holds_no_writer_up)
{
	int reader = reader_open(self->owner), writer = writer_open(self->owner);
	uint64_t n;

	nonblock(writer);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(writer, n));
	ASSERT_EQ(-EAGAIN, put(writer, n));
	ASSERT_EQ(0, detach_call(reader));
	EXPECT_EQ(0, put(writer, n));
	EXPECT_EQ(0, stats_of(self->owner).total);
	EXPECT_EQ(-EBADFD, detach_call(reader));
	EXPECT_EQ(-EBADFD, get(reader));
	EXPECT_EQ(-EBADFD, wait_call(reader, 1, NEVER));
	EXPECT_EQ(-EBADFD, attach_fd(reader, RINGBUF_ROLE_READER, self->owner));
	close(reader);
	close(writer);
}

TEST_F(attach, detached_writer_is_done)
{
	int reader = reader_open(self->owner), writer = writer_open(self->owner);

	ASSERT_EQ(0, put(writer, 5));
	ASSERT_EQ(0, detach_call(writer));
	EXPECT_EQ(5, get(reader));
	EXPECT_EQ(-ENODATA, get(reader));
	EXPECT_EQ(RINGBUF_END_DONE, stats_of(self->owner).ended);
	EXPECT_EQ(-EBADFD, detach_call(writer));
	EXPECT_GT(0, put(writer, 6));
	close(reader);
	close(writer);
}

TEST_F(attach, ring_outlives_its_owner)
{
	int reader = reader_open(self->owner), writer = writer_open(self->owner), other;

	close(self->owner);
	self->owner = -1;
	ASSERT_EQ(0, put(writer, 1));
	EXPECT_EQ(1, get(reader));
	other = observer_open(reader);
	EXPECT_LE(0, other);
	close(writer);
	EXPECT_EQ(-ENODATA, get(reader));
	close(reader);
	EXPECT_EQ(1, stats_of(other).head);
	close(other);
}

DEVICE_HARNESS_MAIN
