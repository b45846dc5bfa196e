// SPDX-License-Identifier: GPL-2.0
/*
 * Order under load: several writers that begin together, and several readers.  Each message
 * carries writer, number and checksum.  Every reader gets every message whole and in its
 * writer's order, and all readers see the same sequence.
 */
#include "../harness/harness.h"
#include "../harness/rings.h"

NO_RECHECK

#define WRITERS 4
#define READERS 4
#define SLOT	200

struct stage {
	struct ringbuf *ring;
	unsigned int writers;
	unsigned int batch;
	unsigned int zero_copy;
	uint64_t count; /* messages of each writer */
	unsigned int attached; /* number of readers and writers that are attached */
	int gate;
	uint32_t next_writer;
	uint32_t next_reader;
	uint64_t order[READERS]; /* a hash of the sequence that each reader saw */
};

FIXTURE(order)
{
	struct stage *stage;
};

FIXTURE_VARIANT(order)
{
	uint32_t flags;
	unsigned int writers;
	unsigned int readers;
	uint64_t slots;
	unsigned int batch;
	unsigned int zero_copy;
};

FIXTURE_VARIANT_ADD(order, one_slot){ 0, 3, 3, 1, 1, 0 };
FIXTURE_VARIANT_ADD(order, two_slots){ 0, 2, 2, 2, 2, 1 };
FIXTURE_VARIANT_ADD(order, three_slots){ 0, 4, 2, 3, 1, 1 };
FIXTURE_VARIANT_ADD(order, batches){ 0, 4, 4, 50, 7, 1 };
FIXTURE_VARIANT_ADD(order, large_batches){ 0, 3, 2, 64, 64, 1 };
FIXTURE_VARIANT_ADD(order, many_slots){ 0, 4, 4, 1000, 1, 0 };
FIXTURE_VARIANT_ADD(order, exclusive_one_slot){ RINGBUF_EXCLUSIVE, 1, 3, 1, 1, 1 };
FIXTURE_VARIANT_ADD(order, exclusive){ RINGBUF_EXCLUSIVE, 1, 4, 10, 1, 0 };
FIXTURE_VARIANT_ADD(order, exclusive_batches){ RINGBUF_EXCLUSIVE, 1, 4, 50, 16, 1 };

FIXTURE_SETUP(order)
{
	self->stage = shared_memory(sizeof(*self->stage));
	ASSERT_NE(NULL, self->stage);
	self->stage->ring = ring_new(variant->flags, SLOT, variant->slots);
	ASSERT_NE(NULL, self->stage->ring);
	self->stage->writers = variant->writers;
	self->stage->batch = variant->batch;
	self->stage->zero_copy = variant->zero_copy;
	self->stage->count = often(30000);
}

FIXTURE_TEARDOWN(order)
{
	ringbuf_close(self->stage->ring);
}

static size_t length_of(uint64_t number)
{
	return sizeof(struct message) + number * 7 % (SLOT - sizeof(struct message) + 1);
}

/* Write @count messages, the first with @number, as one batch. */
static int write_batch(struct ringbuf_writer *writer, uint32_t me, uint64_t number,
		       unsigned int count)
{
	struct ringbuf_slot s[RINGBUF_BATCH_MAX];
	unsigned int k;

	CHECK_EQ(count, ringbuf_writer_reserve(writer, s, count, PATIENCE));
	for (k = 0; k < count; k++) {
		s[k].length = length_of(number + k);
		message_make(s[k].data, me, number + k, s[k].length);
	}
	CHECK_EQ(0, ringbuf_writer_commit(writer, s, count));
	return 0;
}

static int order_writer(void *arg)
{
	struct stage *st = arg;
	uint32_t me = __atomic_fetch_add(&st->next_writer, 1, __ATOMIC_SEQ_CST);
	struct ringbuf_writer *writer = writer_new(st->ring);
	unsigned int count;
	uint64_t n;

	CHECK(writer);
	__atomic_add_fetch(&st->attached, 1, __ATOMIC_SEQ_CST);
	UNTIL(FLAG_GET(st->gate));
	for (n = 0; n < st->count; n += count) {
		count = 1 + (unsigned int)(message_mix(n + me) % st->batch);
		if (count > st->count - n)
			count = (unsigned int)(st->count - n);
		CHECK(!write_batch(writer, me, n, count));
	}
	ringbuf_writer_close(writer);
	return 0;
}

struct seen {
	uint64_t next[WRITERS];
	uint64_t total;
	uint64_t order;
};

static int see(struct seen *seen, const struct stage *st, const void *data, size_t length)
{
	struct message m;

	CHECK(message_whole(data, length, &m));
	CHECK(m.writer < st->writers);
	CHECK_EQ(seen->next[m.writer], m.number);
	CHECK_EQ(length_of(m.number), length);
	seen->next[m.writer]++;
	seen->total++;
	seen->order = message_mix(seen->order * 31 + m.writer + 1);
	return 0;
}

static int see_in_place(struct seen *seen, const struct stage *st, struct ringbuf_reader *reader)
{
	struct ringbuf_slot s[RINGBUF_BATCH_MAX];
	int n = ringbuf_reader_peek(reader, s, st->batch, PATIENCE), k;

	CHECK_EQ(n > 0 ? n : 1, n);
	for (k = 0; k < n; k++)
		CHECK(!see(seen, st, s[k].data, s[k].length));
	CHECK_EQ(0, ringbuf_reader_release(reader, (unsigned int)n));
	return 0;
}

static int see_copied(struct seen *seen, const struct stage *st, struct ringbuf_reader *reader)
{
	char text[SLOT];
	ssize_t length = ringbuf_reader_read(reader, text, sizeof(text), PATIENCE);

	CHECK(length > 0);
	return see(seen, st, text, (size_t)length);
}

static int order_reader(void *arg)
{
	struct stage *st = arg;
	uint32_t me = __atomic_fetch_add(&st->next_reader, 1, __ATOMIC_SEQ_CST);
	struct ringbuf_reader *reader = reader_new(st->ring);
	struct seen seen = { .total = 0 };

	CHECK(reader);
	__atomic_add_fetch(&st->attached, 1, __ATOMIC_SEQ_CST);
	while (seen.total < st->writers * st->count)
		CHECK(!(st->zero_copy ? see_in_place : see_copied)(&seen, st, reader));
	CHECK_EQ(-ENODATA, get(reader, PATIENCE));
	CHECK_EQ(0, ringbuf_reader_lost(reader));
	CHECK_EQ(0, ringbuf_reader_holes(reader));
	st->order[me] = seen.order;
	return 0;
}

TEST_F(order, every_reader_gets_all_messages_in_one_order)
{
	struct stage *st = self->stage;
	pid_t pid[WRITERS + READERS];
	unsigned int i;

	for (i = 0; i < variant->readers; i++)
		pid[i] = child_start(order_reader, st);
	for (; i < variant->readers + variant->writers; i++)
		pid[i] = child_start(order_writer, st);
	/*
	 * Wait for the writers, too: the stream would end if the first ones were done before
	 * others.
	 */
	UNTIL(FLAG_GET(st->attached) == variant->readers + variant->writers);
	FLAG_SET(st->gate);
	for (i = 0; i < variant->readers + variant->writers; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	for (i = 1; i < variant->readers; i++)
		EXPECT_EQ(st->order[0], st->order[i]);
	EXPECT_EQ(st->count * st->writers, status_of(st->ring).head);
}

LIB_HARNESS_MAIN
