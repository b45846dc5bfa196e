// SPDX-License-Identifier: GPL-2.0
/* Timestamps: in a ring with RINGBUF_TIMESTAMP, CLOCK_MONOTONIC at the commit. */
#include "../harness/attached.h"

#define SLOTS 6

ATTACHED_FIXTURE(stamp)

FIXTURE_VARIANT(stamp)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(stamp, shared){ .flags = RINGBUF_TIMESTAMP };
FIXTURE_VARIANT_ADD(stamp, exclusive){ .flags = RINGBUF_TIMESTAMP | RINGBUF_EXCLUSIVE };

FIXTURE_SETUP(stamp)
{
	ATTACHED_SETUP(variant->flags, 64, SLOTS);
}

TEST_F(stamp, timestamp_is_between_the_times_before_and_after)
{
	struct ringbuf_slot s;
	unsigned int n;

	for (n = 0; n < 3 * SLOTS; n++) {
		uint64_t before = now_ns(), after;

		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		after = now_ns();
		memset(&s, 0x5a, sizeof(s));
		ASSERT_EQ(1, ringbuf_reader_peek(self->reader, &s, 1, RINGBUF_TRY));
		EXPECT_LE(before, s.timestamp);
		EXPECT_GE(after, s.timestamp);
		ASSERT_EQ(0, ringbuf_reader_release(self->reader, 1));
	}
}

/* Within a batch the timestamps do not go back. */
TEST_F(stamp, timestamp_is_the_time_of_the_commit)
{
	struct ringbuf_slot s[3];
	uint64_t before;

	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, s, 3, RINGBUF_TRY));
	EXPECT_EQ(0, s[0].timestamp);
	before = now_ns();
	ASSERT_EQ(0, ringbuf_writer_commit(self->writer, s, 3));
	ASSERT_EQ(3, ringbuf_reader_peek(self->reader, s, 3, RINGBUF_TRY));
	EXPECT_LE(before, s[0].timestamp);
	EXPECT_LE(s[0].timestamp, s[1].timestamp);
	EXPECT_LE(s[1].timestamp, s[2].timestamp);
	EXPECT_GE(now_ns(), s[2].timestamp);
}

LIB_HARNESS_MAIN
