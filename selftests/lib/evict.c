// SPDX-License-Identifier: GPL-2.0
/* ringbuf_evict_reader(), on either host. */
#include "../harness/attached.h"

#define SLOTS 4

ATTACHED_FIXTURE(evict)

FIXTURE_SETUP(evict)
{
	ATTACHED_SETUP(0, 64, SLOTS);
}

TEST_F(evict, unknown_reader_is_refused)
{
	EXPECT_EQ(-ENOENT, ringbuf_evict_reader(self->ring, 1));
	EXPECT_EQ(-ENOENT, ringbuf_evict_reader(self->ring, 64));
	EXPECT_EQ(-ENOENT, ringbuf_evict_reader(self->ring, ~0U));
	ASSERT_EQ(0, put(self->writer, 3, RINGBUF_TRY));
	EXPECT_EQ(3, get(self->reader, RINGBUF_TRY));
}

/*
 * Evict the blocker that the statistics name; writers may then overwrite the slots that it held.
 */
TEST_F(evict, reader_that_blocks_the_writer_is_evicted)
{
	struct ringbuf_reader *fast;
	struct ringbuf_slot slot;
	struct ringbuf_status s;
	uint64_t n;

	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &fast));
	for (n = 0; n < SLOTS; n++) {
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		ASSERT_EQ((int64_t)n, get(fast, RINGBUF_TRY));
	}
	ASSERT_EQ(-EAGAIN, put(self->writer, n, RINGBUF_TRY));
	ASSERT_EQ(1, ringbuf_reader_peek(self->reader, &slot, 1, RINGBUF_TRY));
	s = status_of(self->ring);
	ASSERT_EQ(RINGBUF_BLOCKED_BY_READER, s.blocker_kind);
	ASSERT_EQ(ringbuf_reader_id(self->reader), s.blocker_id);
	ASSERT_EQ(getpid(), s.blocker_pid);
	ASSERT_EQ(0, ringbuf_evict_reader(self->ring, s.blocker_id));
	for (; n < 10 * SLOTS; n++) {
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		ASSERT_EQ((int64_t)n, get(fast, RINGBUF_TRY));
	}
	EXPECT_EQ(-ESTALE, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(-EIDRM, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EIDRM, get(self->reader, RINGBUF_FOREVER));
	EXPECT_EQ(-EIDRM, ringbuf_reader_peek(self->reader, &slot, 1, RINGBUF_FOREVER));
	EXPECT_EQ(1, status_of(self->ring).readers);
	EXPECT_EQ(0, ringbuf_evict_reader(self->ring, s.blocker_id));
	ringbuf_reader_close(self->reader);
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader));
	ASSERT_EQ(0, put(self->writer, 7, RINGBUF_TRY));
	EXPECT_EQ(7, get(self->reader, RINGBUF_TRY));
	ringbuf_reader_close(fast);
}

struct other {
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
};

static int reads_for_ever(void *arg)
{
	struct other *o = arg;

	CHECK_EQ(-EIDRM, get(o->reader, RINGBUF_FOREVER));
	return 0;
}

TEST_F(evict, sleeping_reader_is_woken_by_its_eviction)
{
	struct other o = { .reader = self->reader };
	pid_t pid = child_start(reads_for_ever, &o);

	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, ringbuf_evict_reader(self->ring, ringbuf_reader_id(self->reader)));
	EXPECT_EQ(0, child_end(pid));
}

LIB_HARNESS_MAIN
