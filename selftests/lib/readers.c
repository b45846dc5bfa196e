// SPDX-License-Identifier: GPL-2.0
/* Many readers: where they start, what they hold, and how many can attach. */
#include "../harness/harness.h"
#include "../harness/rings.h"

#define SLOTS 10
#define MANY  100

static struct ringbuf *ring_for(uint32_t readers, uint64_t slots)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, slots);
	struct ringbuf *ring;

	config.max_readers = readers;
	errno = -ringbuf_create(&config, &ring);
	return ring;
}

static int64_t first_of(struct ringbuf *ring, enum ringbuf_start start, uint64_t position)
{
	struct ringbuf_reader *reader;
	int64_t at, got;
	int err = ringbuf_reader_attach(ring, start, position, &reader);

	if (err)
		return err;
	at = (int64_t)ringbuf_reader_position(reader);
	got = get(reader, RINGBUF_TRY);
	ringbuf_reader_close(reader);
	return got == -EAGAIN || got == at ? at : -EBADMSG;
}

TEST(reader_starts_at_the_head_the_oldest_or_a_position)
{
	struct ringbuf *ring = ring_for(4, SLOTS);
	struct ringbuf_writer *writer = writer_new(ring);
	uint64_t n;

	ASSERT_NE(NULL, writer);
	EXPECT_EQ(0, first_of(ring, RINGBUF_FROM_HEAD, 0));
	EXPECT_EQ(0, first_of(ring, RINGBUF_FROM_OLDEST, 0));
	EXPECT_EQ(0, first_of(ring, RINGBUF_FROM_POSITION, 5));
	for (n = 0; n < 7; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	EXPECT_EQ(7, first_of(ring, RINGBUF_FROM_HEAD, 3));
	EXPECT_EQ(0, first_of(ring, RINGBUF_FROM_OLDEST, 3));
	EXPECT_EQ(3, first_of(ring, RINGBUF_FROM_POSITION, 3));
	EXPECT_EQ(7, first_of(ring, RINGBUF_FROM_POSITION, 7));
	EXPECT_EQ(7, first_of(ring, RINGBUF_FROM_POSITION, 8));
	EXPECT_EQ(7, first_of(ring, RINGBUF_FROM_POSITION, UINT64_MAX));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

/* Without readers the writer has overwritten all but the last lap. */
TEST(reader_starts_in_the_last_lap_at_the_earliest)
{
	struct ringbuf *ring = ring_for(4, SLOTS);
	struct ringbuf_writer *writer = writer_new(ring);
	uint64_t n;

	for (n = 0; n < 95; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	EXPECT_EQ(95, first_of(ring, RINGBUF_FROM_HEAD, 0));
	EXPECT_EQ(85, first_of(ring, RINGBUF_FROM_OLDEST, 0));
	EXPECT_EQ(85, first_of(ring, RINGBUF_FROM_POSITION, 0));
	EXPECT_EQ(85, first_of(ring, RINGBUF_FROM_POSITION, 84));
	EXPECT_EQ(90, first_of(ring, RINGBUF_FROM_POSITION, 90));
	EXPECT_EQ(95, first_of(ring, RINGBUF_FROM_POSITION, 96));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

TEST(attached_reader_holds_the_slots_from_its_start_on)
{
	struct ringbuf *ring = ring_for(4, SLOTS);
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_reader *reader;
	uint64_t n;

	for (n = 0; n < 23; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_POSITION, 15, &reader));
	for (; n < 25; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	ASSERT_EQ(-EAGAIN, put(writer, n, RINGBUF_TRY));
	for (n = 15; n < 25; n++)
		ASSERT_EQ((int64_t)n, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

TEST(attach_fails_while_all_rows_are_taken)
{
	struct ringbuf *ring = ring_for(3, SLOTS);
	struct ringbuf_reader *r[3], *more;
	unsigned int turn, i;

	for (turn = 0; turn < 5; turn++) {
		for (i = 0; i < 3; i++) {
			r[i] = reader_new(ring);
			ASSERT_NE(NULL, r[i]);
		}
		more = POISON;
		EXPECT_EQ(-ENOSPC, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &more));
		EXPECT_EQ(NULL, more);
		/* The next reader gets the row that was freed. */
		ringbuf_reader_close(r[turn % 3]);
		more = reader_new(ring);
		EXPECT_NE(NULL, more);
		r[turn % 3] = more;
		for (i = 0; i < 3; i++)
			ringbuf_reader_close(r[i]);
	}
	ringbuf_close(ring);
}

TEST(slow_reader_that_leaves_frees_the_writer)
{
	struct ringbuf *ring = ring_for(2, SLOTS);
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_reader *fast = reader_new(ring), *slow = reader_new(ring);
	uint64_t n;

	for (n = 0; n < SLOTS; n++) {
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
		ASSERT_EQ((int64_t)n, get(fast, RINGBUF_TRY));
	}
	ASSERT_EQ(-EAGAIN, put(writer, n, RINGBUF_TRY));
	ringbuf_reader_close(slow);
	for (; n < 3 * SLOTS; n++) {
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
		ASSERT_EQ((int64_t)n, get(fast, RINGBUF_TRY));
	}
	ringbuf_reader_close(fast);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

struct many {
	struct ringbuf *ring;
	uint64_t count;
	unsigned int attached;
};

static int one_of_many(void *arg)
{
	struct many *m = arg;
	struct ringbuf_reader *reader = reader_new(m->ring);
	uint64_t n;

	CHECK(reader);
	__atomic_add_fetch(&m->attached, 1, __ATOMIC_SEQ_CST);
	for (n = 0; n < m->count; n++)
		CHECK_EQ(n, get(reader, PATIENCE));
	CHECK_EQ(-ENODATA, get(reader, PATIENCE));
	return 0;
}

TEST(hundred_readers_get_every_message)
{
	struct many *m = shared_memory(sizeof(*m));
	struct ringbuf_writer *writer;
	pid_t pid[MANY];
	unsigned int i;
	uint64_t n;

	m->ring = ring_for(MANY, SLOTS);
	ASSERT_NE(NULL, m->ring);
	m->count = often(300);
	writer = writer_new(m->ring);
	/* Use the handle before the children do, so that none of them becomes the writer. */
	ASSERT_EQ(0, put(writer, 0, RINGBUF_TRY));
	for (i = 0; i < MANY; i++)
		pid[i] = child_start(one_of_many, m);
	UNTIL(FLAG_GET(m->attached) == MANY);
	EXPECT_EQ(MANY, status_of(m->ring).readers);
	for (n = 1; n < m->count; n++)
		ASSERT_EQ(0, put(writer, n, PATIENCE));
	ASSERT_EQ(0, ringbuf_writer_done(writer));
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	ringbuf_writer_close(writer);
	ringbuf_close(m->ring);
}

/* Attach, read a few messages without a gap, and close, again and again. */
static int visitor(void *arg)
{
	struct many *m = arg;
	unsigned int visit;

	for (visit = 0; visit < m->count; visit++) {
		struct ringbuf_reader *reader;
		uint64_t at;
		unsigned int n;

		CHECK_EQ(0, ringbuf_reader_attach(m->ring, (enum ringbuf_start)(visit % 3), visit,
						  &reader));
		at = ringbuf_reader_position(reader);
		for (n = 0; n < visit % 7; n++)
			CHECK_EQ(at + n, get(reader, PATIENCE));
		ringbuf_reader_close(reader);
	}
	return 0;
}

struct host_of_visitors {
	struct many many;
	int stop;
};

static int writes_until_told(void *arg)
{
	struct host_of_visitors *h = arg;
	struct ringbuf_writer *writer = writer_new(h->many.ring);
	uint64_t n = 0;

	CHECK(writer);
	while (!FLAG_GET(h->stop)) {
		int err = put(writer, n, MS);

		CHECK(!err || err == -ETIMEDOUT);
		n += !err;
	}
	return 0;
}

TEST(readers_that_come_and_go_see_no_gap)
{
	struct host_of_visitors *h = shared_memory(sizeof(*h));
	pid_t pid[3], writer;
	unsigned int i;

	h->many.count = often(1000);
	h->many.ring = ring_for(8, 3);
	writer = child_start(writes_until_told, h);
	for (i = 0; i < 3; i++)
		pid[i] = child_start(visitor, &h->many);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	FLAG_SET(h->stop);
	EXPECT_EQ(0, child_end(writer));
	ringbuf_close(h->many.ring);
}

LIB_HARNESS_MAIN
