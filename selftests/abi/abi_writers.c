// SPDX-License-Identifier: GPL-2.0
/* Exclusive and shared writers: attaching, ids, and how one writer continues after another. */
#include "../harness/handles.h"

#define SLOTS 6

/* ---- exclusive ---------------------------------------------------------------- */

HANDLES_FIXTURE(exclusive)

FIXTURE_SETUP(exclusive)
{
	HANDLES_SETUP(RINGBUF_CREATE_EXCLUSIVE, 64, SLOTS);
	HANDLES_NONBLOCK();
}

TEST_F(exclusive, second_writer_is_busy_until_the_first_is_done)
{
	int fd = device_open();

	EXPECT_EQ(-EBUSY, attach_fd(fd, RINGBUF_ROLE_WRITER, self->owner));
	/* The first writer need not be closed, DONE is enough. */
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, attach_fd(fd, RINGBUF_ROLE_WRITER, self->owner));
	EXPECT_EQ(0, put(fd, 1));
	EXPECT_EQ(-EPIPE, put(self->writer, 2));
	close(fd);
}

TEST_F(exclusive, writer_through_maps_commits_messages)
{
	struct maps m;
	uint64_t n;

	ASSERT_OK(maps_open(&m, self->writer));
	EXPECT_EQ(1, m.info.id);
	for (n = 0; n < 5 * SLOTS; n++) {
		EXPECT_FALSE(commit_by_hand(&m, n, n * 3));
		ASSERT_EQ((int64_t)n * 3, get(self->reader));
	}
	EXPECT_EQ(5 * SLOTS, stats_of(self->owner).head);
	maps_close(&m);
}

/* write(2) continues at the position that a store through the maps has reached. */
TEST_F(exclusive, maps_and_write_can_be_mixed)
{
	struct maps m;
	uint64_t n;

	ASSERT_OK(maps_open(&m, self->writer));
	for (n = 0; n < 5 * SLOTS; n++) {
		if (n % 2) {
			ASSERT_EQ(0, put(self->writer, n));
		} else {
			commit_by_hand(&m, n, n);
		}
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	maps_close(&m);
}

/*
 * The writer was killed between its store to the state of a slot and its store to the head,
 * so the head is too low.
 */
TEST_F(exclusive, successor_continues_behind_a_commit_that_the_head_misses)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_WRITER, self->owner);
	struct maps m;
	int fd = device_open();

	ASSERT_OK(maps_open(&m, self->writer));
	commit_by_hand(&m, 0, 10);
	commit_by_hand(&m, 1, 11);
	m.head->head = 0;
	maps_close(&m);
	ASSERT_OK(call(fd, RINGBUF_IOC_ATTACH, &a));
	EXPECT_EQ(2, a.position);
	ASSERT_EQ(0, put(fd, 12));
	EXPECT_EQ(10, get(self->reader));
	EXPECT_EQ(11, get(self->reader));
	EXPECT_EQ(12, get(self->reader));
	close(fd);
}

/* ---- shared -------------------------------------------------------------------- */

FIXTURE(shared)
{
	int owner;
	int reader;
};

FIXTURE_SETUP(shared)
{
	struct ringbuf_create c = {
		.size = sizeof(c), .slot_bytes = 64, .slot_count = SLOTS, .max_writers = 4
	};

	self->owner = device_open();
	ASSERT_LE(0, self->owner);
	ASSERT_OK(call(self->owner, RINGBUF_IOC_CREATE, &c));
	self->reader = reader_open(self->owner);
	ASSERT_OK(nonblock(self->reader));
}

FIXTURE_TEARDOWN(shared)
{
	close(self->owner);
	close(self->reader);
}

TEST_F(shared, writers_have_different_ids)
{
	struct ringbuf_info info;
	uint32_t seen = 0;
	int fd[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		fd[i] = writer_open(self->owner);
		ASSERT_OK(info_get(fd[i], &info));
		EXPECT_LE(1, info.id);
		EXPECT_GE(4, info.id);
		EXPECT_FALSE(seen & 1U << info.id);
		seen |= 1U << info.id;
	}
	EXPECT_EQ(-1, writer_open(self->owner));
	EXPECT_EQ(ENOSPC, errno);
	for (i = 0; i < 4; i++)
		close(fd[i]);
}

TEST_F(shared, writers_that_take_turns_write_in_order)
{
	int fd[4];
	uint64_t n;
	unsigned int i;

	for (i = 0; i < 4; i++)
		fd[i] = writer_open(self->owner);
	for (n = 0; n < 10 * SLOTS; n++) {
		ASSERT_EQ(0, put(fd[n * 7 % 4], n));
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	for (i = 0; i < 4; i++)
		close(fd[i]);
	EXPECT_EQ(-ENODATA, get(self->reader));
}

/* Readers stop before the open claim. */
TEST_F(shared, other_writers_continue_behind_an_open_claim)
{
	int slow = writer_open(self->owner), fast = writer_open(self->owner);
	struct maps m;
	uint64_t n;

	ASSERT_OK(nonblock(fast));
	ASSERT_OK(maps_open(&m, slow));
	ASSERT_EQ(0, put(fast, 0));
	claim_by_hand(&m, 1, 2);
	for (n = 3; n < SLOTS; n++)
		ASSERT_EQ(0, put(fast, n));
	ASSERT_EQ(-EAGAIN, put(fast, n));
	EXPECT_EQ(0, get(self->reader));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	EXPECT_EQ(0, polled(self->reader));
	/* DONE turns the claim into holes. */
	ASSERT_OK(done_call(slow));
	EXPECT_EQ(2, stats_of(self->owner).repaired);
	for (n = 3; n < SLOTS; n++)
		EXPECT_EQ((int64_t)n, get(self->reader));
	maps_close(&m);
	close(slow);
	close(fast);
}

TEST_F(shared, id_stays_taken_while_a_hole_that_names_it_is_unread)
{
	int fd = writer_open(self->owner);
	struct ringbuf_info info;
	struct maps m;
	uint32_t id;
	unsigned int i;

	ASSERT_OK(maps_open(&m, fd));
	id = m.info.id;
	claim_by_hand(&m, 0, 1);
	maps_close(&m);
	close(fd);
	for (i = 0; i < 10; i++) {
		fd = writer_open(self->owner);
		ASSERT_LE(0, fd);
		ASSERT_OK(info_get(fd, &info));
		EXPECT_NE(id, info.id);
		close(fd);
	}
	/* When the reader has skipped the hole, another writer can get the id. */
	EXPECT_EQ(-ENODATA, get(self->reader));
	for (i = 0; i < 10; i++) {
		fd = writer_open(self->owner);
		ASSERT_OK(info_get(fd, &info));
		close(fd);
		if (info.id == id)
			break;
	}
	EXPECT_GT(10, i);
}

DEVICE_HARNESS_MAIN
