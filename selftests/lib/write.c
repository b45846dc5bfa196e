// SPDX-License-Identifier: GPL-2.0
/* The calls of a writer: which arguments they refuse, and that a refused call changes nothing. */
#include <limits.h>

#include "../harness/attached.h"

#define SLOT  64
#define SLOTS 8

FIXTURE(write)
{
	ATTACHED;
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
};

SHARED_AND_EXCLUSIVE(write, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(write)
{
	ATTACHED_SETUP(variant->flags, SLOT, SLOTS);
	memset(self->slots, 0x5a, sizeof(self->slots));
}

FIXTURE_TEARDOWN(write)
{
	ATTACHED_CLOSE();
}

TEST_F(write, count_out_of_range_is_refused)
{
	EXPECT_EQ(-EINVAL, ringbuf_writer_reserve(self->writer, self->slots, 0, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL,
		  ringbuf_writer_reserve(self->writer, self->slots, SLOTS + 1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL,
		  ringbuf_writer_reserve(self->writer, self->slots, UINT_MAX, RINGBUF_TRY));
	EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
}

TEST_F(write, batch_above_the_limit_is_refused)
{
	struct ringbuf *ring = ring_new(variant->flags, SLOT, 100);
	struct ringbuf_writer *writer = writer_new(ring);

	ASSERT_NE(NULL, writer);
	EXPECT_EQ(-EINVAL,
		  ringbuf_writer_reserve(writer, self->slots, RINGBUF_BATCH_MAX + 1, RINGBUF_TRY));
	EXPECT_EQ(RINGBUF_BATCH_MAX,
		  ringbuf_writer_reserve(writer, self->slots, RINGBUF_BATCH_MAX, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

TEST_F(write, commit_without_a_reservation_is_refused)
{
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 1));
	EXPECT_EQ(-EINVAL, ringbuf_writer_discard(self->writer));
	EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 1));
	EXPECT_EQ(-EINVAL, ringbuf_writer_discard(self->writer));
}

TEST_F(write, second_reservation_is_busy)
{
	ASSERT_EQ(2, ringbuf_writer_reserve(self->writer, self->slots, 2, RINGBUF_TRY));
	EXPECT_EQ(-EBUSY, ringbuf_writer_reserve(self->writer, self->slots, 1, RINGBUF_TRY));
	EXPECT_EQ(-EBUSY, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 0));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 3));
	self->slots[0].length = self->slots[1].length = 0;
	EXPECT_EQ(0, ringbuf_writer_commit(self->writer, self->slots, 2));
	EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
}

TEST_F(write, reserved_slot_is_not_visible)
{
	ASSERT_EQ(1, ringbuf_writer_reserve(self->writer, self->slots, 1, RINGBUF_TRY));
	memset(self->slots[0].data, 1, SLOT);
	EXPECT_EQ(-EAGAIN, ringbuf_reader_peek(self->reader, self->slots + 1, 1, RINGBUF_TRY));
	self->slots[0].length = 5;
	EXPECT_EQ(0, ringbuf_writer_commit(self->writer, self->slots, 1));
	EXPECT_EQ(1, ringbuf_reader_peek(self->reader, self->slots + 1, 1, RINGBUF_TRY));
	EXPECT_EQ(5, self->slots[1].length);
}

/* Such a commit publishes no slot, and the reservation stays open. */
TEST_F(write, length_above_the_slot_is_refused)
{
	char big[SLOT + 1] = { 0 };

	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, self->slots, 3, RINGBUF_TRY));
	self->slots[0].length = 1;
	self->slots[1].length = SLOT + 1;
	EXPECT_EQ(-EMSGSIZE, ringbuf_writer_commit(self->writer, self->slots, 3));
	self->slots[1].length = SIZE_MAX;
	EXPECT_EQ(-EMSGSIZE, ringbuf_writer_commit(self->writer, self->slots, 2));
	EXPECT_EQ(-EAGAIN, ringbuf_reader_peek(self->reader, self->slots + 3, 1, RINGBUF_TRY));
	self->slots[1].length = 2;
	EXPECT_EQ(0, ringbuf_writer_commit(self->writer, self->slots, 3));
	EXPECT_EQ(3, ringbuf_reader_peek(self->reader, self->slots + 3, 8, RINGBUF_TRY));
	EXPECT_EQ(1, self->slots[3].length);
	EXPECT_EQ(SLOT, self->slots[5].length);
	EXPECT_EQ(-EMSGSIZE, ringbuf_writer_write(self->writer, big, sizeof(big), RINGBUF_TRY));
	EXPECT_EQ(3, ringbuf_reader_peek(self->reader, self->slots, 8, RINGBUF_TRY));
}

/* Discarded slots of a shared writer become holes; those of an exclusive one are used again. */
TEST_F(write, discarded_slots_carry_no_message)
{
	bool shared = !(variant->flags & RINGBUF_EXCLUSIVE);
	uint64_t holes = shared ? 5 : 0;

	ASSERT_EQ(5, ringbuf_writer_reserve(self->writer, self->slots, 5, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_writer_discard(self->writer));
	EXPECT_EQ(-EINVAL, ringbuf_writer_discard(self->writer));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(holes, ringbuf_reader_holes(self->reader));
	EXPECT_EQ(0, put(self->writer, 77, RINGBUF_TRY));
	EXPECT_EQ(77, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(holes + 1, ringbuf_reader_position(self->reader));
	EXPECT_EQ(0, ringbuf_reader_lost(self->reader));
}

TEST_F(write, commit_of_fewer_slots_discards_the_rest)
{
	bool shared = !(variant->flags & RINGBUF_EXCLUSIVE);
	unsigned int k;

	ASSERT_EQ(5, ringbuf_writer_reserve(self->writer, self->slots, 5, RINGBUF_TRY));
	for (k = 0; k < 2; k++) {
		memcpy(self->slots[k].data, &(uint64_t){ k }, sizeof(uint64_t));
		self->slots[k].length = sizeof(uint64_t);
	}
	EXPECT_EQ(0, ringbuf_writer_commit(self->writer, self->slots, 2));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 1));
	EXPECT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	for (k = 0; k < 3; k++)
		EXPECT_EQ(k, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(shared ? 3 : 0, ringbuf_reader_holes(self->reader));
}

/* The writer writes nothing but holes, over many laps. */
TEST_F(write, holes_take_room_and_give_it_back)
{
	unsigned int n;

	for (n = 0; n < 10 * SLOTS; n++) {
		ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, self->slots, 3, RINGBUF_TRY));
		ASSERT_EQ(0, ringbuf_writer_discard(self->writer));
		ASSERT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	}
	EXPECT_EQ(0, put(self->writer, 5, RINGBUF_TRY));
	EXPECT_EQ(5, get(self->reader, RINGBUF_TRY));
}

TEST_F(write, close_discards_the_reservation)
{
	struct ringbuf_writer *other;

	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(2, ringbuf_writer_reserve(self->writer, self->slots, 2, RINGBUF_TRY));
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	other = writer_new(self->ring);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, put(other, 2, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	ringbuf_writer_close(other);
}

TEST_F(write, done_writer_writes_nothing_more)
{
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EPIPE, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EPIPE, put(self->writer, 2, RINGBUF_TRY));
	EXPECT_EQ(-EPIPE, put(self->writer, 2, RINGBUF_FOREVER));
	EXPECT_EQ(-EPIPE, ringbuf_writer_reserve(self->writer, self->slots, 1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 1));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
}

TEST_F(write, done_discards_the_reservation)
{
	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, self->slots, 3, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, self->slots, 3));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_FOREVER));
}

TEST_F(write, writev_gathers_one_message)
{
	char a[] = "one ", b[] = "two ", c[] = "three", got[SLOT];
	struct iovec iov[] = { { a, 4 }, { NULL, 0 }, { b, 4 }, { c, 5 } };
	struct iovec big[] = { { a, 1 }, { b, SIZE_MAX } }, full[] = { { got, 60 }, { c, 5 } };

	EXPECT_EQ(0, ringbuf_writer_writev(self->writer, iov, 4, RINGBUF_TRY));
	ASSERT_EQ(13, ringbuf_reader_read(self->reader, got, sizeof(got), RINGBUF_TRY));
	EXPECT_EQ(0, memcmp(got, "one two three", 13));
	EXPECT_EQ(0, ringbuf_writer_writev(self->writer, iov, 0, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_reader_read(self->reader, got, sizeof(got), RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_writer_writev(self->writer, iov, -1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_writer_writev(self->writer, iov, IOV_MAX + 1, RINGBUF_TRY));
	EXPECT_EQ(-EMSGSIZE, ringbuf_writer_writev(self->writer, big, 2, RINGBUF_TRY));
	EXPECT_EQ(-EMSGSIZE, ringbuf_writer_writev(self->writer, full, 2, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
}

TEST_F(write, writers_have_different_ids)
{
	struct ringbuf_writer *other = POISON;
	int err = ringbuf_writer_attach(self->ring, &other);

	EXPECT_LE(1, ringbuf_writer_id(self->writer));
	if (variant->flags & RINGBUF_EXCLUSIVE) {
		EXPECT_EQ(-EBUSY, err);
		EXPECT_EQ(NULL, other);
	} else {
		ASSERT_EQ(0, err);
		EXPECT_NE(ringbuf_writer_id(self->writer), ringbuf_writer_id(other));
		ringbuf_writer_close(other);
	}
}

TEST_F(write, exclusive_writer_continues_after_the_last_one)
{
	unsigned int n;

	for (n = 0; n < 50; n++) {
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		ringbuf_writer_close(self->writer);
		self->writer = writer_new(self->ring);
		ASSERT_NE(NULL, self->writer);
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
	}
}

TEST_F(write, attach_fails_while_all_ids_are_taken)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(SLOT, SLOTS);
	struct ringbuf_writer *w[3], *more = POISON;
	struct ringbuf *ring;
	unsigned int i, turn;

	if (variant->flags & RINGBUF_EXCLUSIVE)
		return;
	config.max_writers = 3;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	for (turn = 0; turn < 5; turn++) {
		for (i = 0; i < 3; i++) {
			w[i] = writer_new(ring);
			ASSERT_NE(NULL, w[i]);
		}
		EXPECT_EQ(-ENOSPC, ringbuf_writer_attach(ring, &more));
		EXPECT_EQ(NULL, more);
		for (i = 0; i < 3; i++)
			ringbuf_writer_close(w[i]);
	}
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
