// SPDX-License-Identifier: GPL-2.0
/*
 * Messages through rings of many sizes: one by one, in batches, across the end of the ring,
 * of every length, and from one process to another.
 */
#include "../harness/attached.h"

NO_RECHECK

#define SLOT 100

ATTACHED_FIXTURE(stream)

FIXTURE_VARIANT(stream)
{
	uint64_t slots;
	uint32_t flags;
};

#define SHAPE(n)                                                           \
	FIXTURE_VARIANT_ADD(stream, shared_##n){ .slots = n, .flags = 0 }; \
	FIXTURE_VARIANT_ADD(stream, exclusive_##n)                         \
	{                                                                  \
		.slots = n, .flags = RINGBUF_EXCLUSIVE                     \
	}

SHAPE(1);
SHAPE(2);
SHAPE(3);
SHAPE(10);
SHAPE(50);
SHAPE(1000);

FIXTURE_SETUP(stream)
{
	ATTACHED_SETUP(variant->flags, SLOT, variant->slots);
}

TEST_F(stream, messages_arrive_one_by_one)
{
	uint64_t n;

	for (n = 0; n < 3 * variant->slots + 5; n++) {
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		ASSERT_EQ((int64_t)n, get(self->reader, RINGBUF_TRY));
		ASSERT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	}
}

TEST_F(stream, ring_can_be_filled_and_emptied)
{
	uint64_t lap, n, next = 0;

	for (lap = 0; lap < 3; lap++) {
		for (n = 0; n < variant->slots; n++)
			ASSERT_EQ(0, put(self->writer, next + n, RINGBUF_TRY));
		ASSERT_EQ(-EAGAIN, put(self->writer, 0, RINGBUF_TRY));
		for (n = 0; n < variant->slots; n++)
			ASSERT_EQ((int64_t)(next + n), get(self->reader, RINGBUF_TRY));
		ASSERT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
		next += n;
	}
}

/* Return the largest batch of a ring. */
static unsigned int batch_max(uint64_t slots)
{
	return slots < RINGBUF_BATCH_MAX ? (unsigned int)slots : RINGBUF_BATCH_MAX;
}

static int batch_write(struct ringbuf_writer *writer, unsigned int count, uint64_t first)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	unsigned int k;

	CHECK_EQ(count, ringbuf_writer_reserve(writer, slots, count, RINGBUF_TRY));
	for (k = 0; k < count; k++) {
		CHECK_EQ(first + k, slots[k].position);
		CHECK_EQ(SLOT, slots[k].length);
		CHECK_EQ(0, slots[k].flags);
		slots[k].length = sizeof(struct message) + (first + k) % 40;
		slots[k].flags = (uint32_t)(first + k) * 7;
		message_make(slots[k].data, 1, first + k, slots[k].length);
	}
	CHECK_EQ(0, ringbuf_writer_commit(writer, slots, count));
	return 0;
}

static int batch_read(struct ringbuf_reader *reader, unsigned int count, uint64_t first)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	unsigned int k;

	CHECK_EQ(count, ringbuf_reader_peek(reader, slots, RINGBUF_BATCH_MAX, RINGBUF_TRY));
	for (k = 0; k < count; k++) {
		CHECK_EQ(first + k, slots[k].position);
		CHECK_EQ(0, slots[k].lost);
		CHECK_EQ(0, slots[k].timestamp);
		CHECK_EQ((uint32_t)(first + k) * 7, slots[k].flags);
		CHECK(message_is(slots[k].data, slots[k].length, 1, first + k));
	}
	CHECK_EQ(0, ringbuf_reader_release(reader, count));
	return 0;
}

/* Batches of every size cross the end of the ring at every place. */
TEST_F(stream, batches_of_every_size_arrive)
{
	unsigned int max = batch_max(variant->slots), count;
	uint64_t next = 0;

	while (next < 3 * variant->slots) {
		for (count = 1; count <= max; count++) {
			ASSERT_EQ(0, batch_write(self->writer, count, next));
			ASSERT_EQ(0, batch_read(self->reader, count, next));
			next += count;
		}
	}
	EXPECT_EQ(next, ringbuf_writer_position(self->writer));
	EXPECT_EQ(next, ringbuf_reader_position(self->reader));
	EXPECT_EQ(0, ringbuf_reader_holes(self->reader));
}

TEST_F(stream, batch_waits_for_all_its_room)
{
	unsigned int max = batch_max(variant->slots), count = max;
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	uint64_t n;

	for (n = 0; n + max < variant->slots + 1; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	/* One slot fewer is free than the batch needs. */
	ASSERT_EQ(-EAGAIN, ringbuf_writer_reserve(self->writer, slots, count, RINGBUF_TRY));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	ASSERT_EQ((int)count, ringbuf_writer_reserve(self->writer, slots, count, RINGBUF_TRY));
	ASSERT_EQ(n, slots[0].position);
	ASSERT_EQ(0, ringbuf_writer_commit(self->writer, slots, count));
}

TEST_F(stream, message_of_every_length_arrives)
{
	unsigned char to[SLOT], from[SLOT];
	size_t length, i;

	for (length = 0; length <= SLOT; length++) {
		memset(to, 0xff, sizeof(to));
		for (i = 0; i < sizeof(from); i++)
			from[i] = (unsigned char)(length * 3 + i);
		ASSERT_EQ(0, ringbuf_writer_write(self->writer, from, length, RINGBUF_TRY));
		ASSERT_EQ((ssize_t)length,
			  ringbuf_reader_read(self->reader, to, sizeof(to), RINGBUF_TRY));
		ASSERT_EQ(0, memcmp(to, from, length));
		for (i = length; i < sizeof(to); i++)
			ASSERT_EQ(0xff, to[i]);
	}
}

TEST_F(stream, slots_can_be_released_one_at_a_time)
{
	unsigned int max = batch_max(variant->slots), k;
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];

	for (k = 0; k < max; k++)
		ASSERT_EQ(0, put(self->writer, k, RINGBUF_TRY));
	ASSERT_EQ((int)max, ringbuf_reader_peek(self->reader, slots, max, RINGBUF_TRY));
	for (k = 0; k < max; k++) {
		ASSERT_EQ(k, *(uint64_t *)slots[k].data);
		ASSERT_EQ(0, ringbuf_reader_release(self->reader, 1));
		ASSERT_EQ(k + 1, ringbuf_reader_position(self->reader));
	}
	ASSERT_EQ(-EINVAL, ringbuf_reader_release(self->reader, 1));
}

struct other {
	struct ringbuf_writer *writer;
	uint64_t count;
};

static int other_writes(void *arg)
{
	struct other *o = arg;
	char text[SLOT];
	uint64_t n;

	for (n = 0; n < o->count; n++) {
		size_t length = sizeof(struct message) + n % 60;

		message_make(text, 9, n, length);
		CHECK_EQ(0, ringbuf_writer_write(o->writer, text, length, PATIENCE));
	}
	CHECK_EQ(0, ringbuf_writer_done(o->writer));
	return 0;
}

TEST_F(stream, messages_of_another_process_arrive)
{
	struct other o = { self->writer, often(5 * variant->slots + 5000) };
	pid_t pid = child_start(other_writes, &o);
	char text[SLOT];
	uint64_t n;

	ASSERT_LT(0, pid);
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	for (n = 0; n < o.count; n++) {
		ssize_t length = ringbuf_reader_read(self->reader, text, sizeof(text), PATIENCE);

		ASSERT_LT(0, length);
		ASSERT_TRUE(message_is(text, (size_t)length, 9, n));
	}
	ASSERT_EQ(-ENODATA, ringbuf_reader_read(self->reader, text, sizeof(text), PATIENCE));
	ASSERT_EQ(0, child_end(pid));
}

LIB_HARNESS_MAIN
