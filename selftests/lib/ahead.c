// SPDX-License-Identifier: GPL-2.0
/* Slots that a reader reads ahead of slots that are still in use, see lib/inside.h. */
#include "../harness/attached.h"

#include "inside.h"

#define SLOTS 4

FIXTURE(ahead)
{
	struct ringbuf *ring;
	struct ringbuf_reader *lossy;
	struct ringbuf_writer *writer;
};

FIXTURE_VARIANT(ahead)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(ahead, shared){ .flags = 0 };
FIXTURE_VARIANT_ADD(ahead, exclusive){ .flags = RINGBUF_EXCLUSIVE };

FIXTURE_SETUP(ahead)
{
	struct ringbuf_policy policy = { .size = sizeof(policy), .kind = RINGBUF_LOSSY };
	uint64_t n;

	self->ring = ring_new(variant->flags, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	ASSERT_EQ(0, ringbuf_reader_attach_policy(self->ring, RINGBUF_FROM_HEAD, 0, &policy,
						  &self->lossy));
	self->writer = writer_new(self->ring);
	ASSERT_NE(NULL, self->writer);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
}

FIXTURE_TEARDOWN(ahead)
{
	ringbuf_writer_close(self->writer);
	ringbuf_reader_close(self->lossy);
	ringbuf_close(self->ring);
}

TEST_F(ahead, slot_is_whole_until_a_writer_takes_it)
{
	struct ringbuf_slot slot, taken[2];

	ASSERT_EQ(1, ringbuf_reader_peek(self->lossy, &slot, 1, RINGBUF_TRY));
	ASSERT_EQ(1, lib_reader_ahead(self->lossy, 1, &slot, 1, RINGBUF_TRY));
	ASSERT_EQ(1, slot.position);
	/* The first one is released, and the one behind it is still in use. */
	ASSERT_EQ(0, lib_reader_release_to(self->lossy, 1));
	EXPECT_EQ(0, lib_reader_whole(self->lossy, 2));
	ASSERT_EQ(2, ringbuf_writer_reserve(self->writer, taken, 2, RINGBUF_TRY));
	EXPECT_EQ(-ESTALE, lib_reader_whole(self->lossy, 2));
	EXPECT_EQ(-ESTALE, lib_reader_ahead(self->lossy, 2, &slot, 1, RINGBUF_TRY));
	EXPECT_EQ(-ESTALE, lib_reader_release_to(self->lossy, 2));
	EXPECT_EQ(0, ringbuf_writer_discard(self->writer));
}

TEST_F(ahead, lossy_reader_that_has_used_all_slots_is_overtaken)
{
	struct ringbuf_slot slot[SLOTS];
	uint64_t n;

	ASSERT_EQ(SLOTS, ringbuf_reader_peek(self->lossy, slot, SLOTS, RINGBUF_TRY));
	ASSERT_EQ(0, lib_reader_release_to(self->lossy, SLOTS));
	EXPECT_EQ(-EAGAIN, lib_reader_ahead(self->lossy, SLOTS, slot, 1, RINGBUF_TRY));
	for (n = SLOTS; n < 3 * SLOTS + 1; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	EXPECT_EQ(-ESTALE, lib_reader_ahead(self->lossy, SLOTS, slot, 1, RINGBUF_TRY));
	ASSERT_LT(0, ringbuf_reader_peek(self->lossy, slot, 1, RINGBUF_TRY));
	EXPECT_LT(0, slot[0].lost);
}

LIB_HARNESS_MAIN
