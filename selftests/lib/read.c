// SPDX-License-Identifier: GPL-2.0
/* The calls of a reader: which arguments they refuse, and that a refused call changes nothing. */
#include <limits.h>

#include "../harness/attached.h"

#define SLOT  64
#define SLOTS 100

FIXTURE(read)
{
	ATTACHED;
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
};

FIXTURE_SETUP(read)
{
	ATTACHED_SETUP(0, SLOT, SLOTS);
}

FIXTURE_TEARDOWN(read)
{
	ATTACHED_CLOSE();
}

static int peek(struct ringbuf_reader *reader, struct ringbuf_slot *slots, unsigned int max)
{
	return ringbuf_reader_peek(reader, slots, max, RINGBUF_TRY);
}

TEST_F(read, number_of_slots_out_of_range_is_refused)
{
	EXPECT_EQ(-EINVAL, peek(self->reader, self->slots, 0));
	EXPECT_EQ(-EINVAL, peek(self->reader, self->slots, RINGBUF_BATCH_MAX + 1));
	EXPECT_EQ(-EINVAL, peek(self->reader, self->slots, UINT_MAX));
	EXPECT_EQ(-EAGAIN, peek(self->reader, self->slots, 1));
	EXPECT_EQ(-EAGAIN, peek(self->reader, self->slots, RINGBUF_BATCH_MAX));
}

TEST_F(read, start_out_of_range_is_refused)
{
	struct ringbuf_reader *r = POISON;

	EXPECT_EQ(-EINVAL, ringbuf_reader_attach(self->ring, (enum ringbuf_start)3, 0, &r));
	EXPECT_EQ(NULL, r);
}

TEST_F(read, second_peek_returns_the_same_slots)
{
	unsigned int k;

	for (k = 0; k < 5; k++)
		ASSERT_EQ(0, put(self->writer, k, RINGBUF_TRY));
	for (k = 1; k <= 5; k++) {
		ASSERT_EQ((int)k, peek(self->reader, self->slots, k));
		EXPECT_EQ(0, self->slots[0].position);
		EXPECT_EQ(0, *(uint64_t *)self->slots[0].data);
	}
	EXPECT_EQ(5, peek(self->reader, self->slots, 6));
	EXPECT_EQ(0, ringbuf_reader_position(self->reader));
}

TEST_F(read, release_without_a_peek_is_refused)
{
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
	ASSERT_EQ(0, put(self->writer, 0, RINGBUF_TRY));
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
	ASSERT_EQ(1, peek(self->reader, self->slots, 1));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 0));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 2));
	EXPECT_EQ(0, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
}

TEST_F(read, message_longer_than_the_buffer_stays)
{
	char text[SLOT];
	size_t size;

	ASSERT_EQ(0, ringbuf_writer_write(self->writer, "0123456789", 10, RINGBUF_TRY));
	for (size = 0; size < 10; size++) {
		memset(text, 'x', sizeof(text));
		ASSERT_EQ(-EMSGSIZE, ringbuf_reader_read(self->reader, text, size, RINGBUF_TRY));
		ASSERT_EQ(0, ringbuf_reader_position(self->reader));
	}
	EXPECT_EQ(10, ringbuf_reader_read(self->reader, text, 10, RINGBUF_TRY));
	EXPECT_EQ(0, memcmp(text, "0123456789x", 11));
}

TEST_F(read, peeked_slots_have_what_was_written)
{
	struct ringbuf_slot written[2];

	ASSERT_EQ(2, ringbuf_writer_reserve(self->writer, written, 2, RINGBUF_TRY));
	memcpy(written[0].data, "first", 5);
	memcpy(written[1].data, "second", 6);
	written[0].length = 5;
	written[1].length = 6;
	written[1].flags = 0xfeedbee5;
	ASSERT_EQ(0, ringbuf_writer_commit(self->writer, written, 2));
	ASSERT_EQ(2, peek(self->reader, self->slots, 2));
	EXPECT_EQ(5, self->slots[0].length);
	EXPECT_EQ(6, self->slots[1].length);
	EXPECT_EQ(0, self->slots[0].flags);
	EXPECT_EQ(0xfeedbee5, self->slots[1].flags);
	EXPECT_EQ(0, memcmp(self->slots[0].data, "first", 5));
	EXPECT_EQ(0, memcmp(self->slots[1].data, "second", 6));
}

/* Writers that find no room do not overwrite peeked slots. */
TEST_F(read, peeked_slots_stay_valid)
{
	unsigned int k;

	for (k = 0; k < SLOTS; k++)
		ASSERT_EQ(0, put(self->writer, k, RINGBUF_TRY));
	ASSERT_EQ(10, peek(self->reader, self->slots, 10));
	ASSERT_EQ(-EAGAIN, put(self->writer, 999, RINGBUF_TRY));
	for (k = 0; k < 10; k++)
		EXPECT_EQ(k, *(uint64_t *)self->slots[k].data);
	ASSERT_EQ(0, ringbuf_reader_release(self->reader, 3));
	for (k = 0; k < 3; k++)
		ASSERT_EQ(0, put(self->writer, 1000 + k, RINGBUF_TRY));
	ASSERT_EQ(-EAGAIN, put(self->writer, 999, RINGBUF_TRY));
	for (k = 3; k < 10; k++)
		EXPECT_EQ(k, *(uint64_t *)self->slots[k].data);
	EXPECT_EQ(0, ringbuf_reader_release(self->reader, 7));
}

/* A peek ends before a hole, and the next one begins behind it. */
TEST_F(read, peek_skips_holes)
{
	struct ringbuf_slot s;
	unsigned int k;

	for (k = 0; k < 3; k++) {
		ASSERT_EQ(0, put(self->writer, k, RINGBUF_TRY));
		ASSERT_EQ(1, ringbuf_writer_reserve(self->writer, &s, 1, RINGBUF_TRY));
		ASSERT_EQ(0, ringbuf_writer_discard(self->writer));
	}
	for (k = 0; k < 3; k++) {
		ASSERT_EQ(1, peek(self->reader, self->slots, 10));
		EXPECT_EQ(2 * k, self->slots[0].position);
		EXPECT_EQ(0, self->slots[0].lost);
		EXPECT_EQ(k, ringbuf_reader_holes(self->reader));
		ASSERT_EQ(0, ringbuf_reader_release(self->reader, 1));
	}
	EXPECT_EQ(-EAGAIN, peek(self->reader, self->slots, 10));
	EXPECT_EQ(3, ringbuf_reader_holes(self->reader));
	EXPECT_EQ(6, ringbuf_reader_position(self->reader));
	EXPECT_EQ(0, ringbuf_reader_lost(self->reader));
}

TEST_F(read, readers_have_different_ids)
{
	struct ringbuf_reader *other = reader_new(self->ring);

	ASSERT_NE(NULL, other);
	EXPECT_NE(ringbuf_reader_id(self->reader), ringbuf_reader_id(other));
	ringbuf_reader_close(other);
}

TEST_F(read, close_gives_peeked_slots_back)
{
	unsigned int k;

	for (k = 0; k < SLOTS; k++)
		ASSERT_EQ(0, put(self->writer, k, RINGBUF_TRY));
	ASSERT_EQ(64, peek(self->reader, self->slots, 64));
	ASSERT_EQ(-EAGAIN, put(self->writer, k, RINGBUF_TRY));
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	EXPECT_EQ(0, put(self->writer, k, RINGBUF_TRY));
}

LIB_HARNESS_MAIN
