// SPDX-License-Identifier: GPL-2.0
/* ringbuf_reader_hole(): which process left a hole, and how it ended. */
#include "../harness/harness.h"
#include "../harness/rings.h"

#include <sys/prctl.h>

#define SLOTS 8
#define NAME  "leaves holes"

FIXTURE(hole)
{
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
};

FIXTURE_SETUP(hole)
{
	self->ring = ring_new(0, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->writer = writer_new(self->ring);
	ASSERT_NE(NULL, self->writer);
	self->reader = reader_new(self->ring);
	ASSERT_NE(NULL, self->reader);
}

FIXTURE_TEARDOWN(hole)
{
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(self->writer);
	ringbuf_close(self->ring);
}

static int hole_at(struct ringbuf_reader *reader, uint64_t position, struct ringbuf_hole_status *h)
{
	memset(h, 0x5a, sizeof(*h));
	h->size = sizeof(*h);
	return ringbuf_reader_hole(reader, position, h);
}

static int no_hole(struct ringbuf_reader *reader, uint64_t position)
{
	struct ringbuf_hole_status h;

	return hole_at(reader, position, &h);
}

/* Whether process @pid left @position, and @cause and @code tell how. */
static int left(struct ringbuf_reader *reader, uint64_t position, pid_t pid, uint32_t cause,
		uint32_t code)
{
	struct ringbuf_hole_status h;

	CHECK_EQ(0, hole_at(reader, position, &h));
	if (position != RINGBUF_LAST_HOLE)
		CHECK_EQ(position, h.position);
	CHECK_EQ(cause, h.cause);
	CHECK_EQ(code, h.code);
	CHECK_EQ(pid, h.pid);
	CHECK(!strcmp(NAME, h.comm));
	CHECK_EQ(2, h.writer);
	return 0;
}

static int reserves(struct ringbuf *ring, struct ringbuf_writer **writer)
{
	struct ringbuf_slot slot[2];

	CHECK_EQ(0, prctl(PR_SET_NAME, NAME));
	*writer = writer_new(ring);
	CHECK_EQ(2, ringbuf_writer_reserve(*writer, slot, 2, RINGBUF_TRY));
	return 0;
}

static int killed(void *arg)
{
	struct ringbuf_writer *writer;

	CHECK_EQ(0, reserves(arg, &writer));
	raise(SIGKILL);
	return 1;
}

static int exits(void *arg)
{
	struct ringbuf_writer *writer;

	CHECK_EQ(0, reserves(arg, &writer));
	_exit(3);
}

static int discards(void *arg)
{
	struct ringbuf_writer *writer;

	CHECK_EQ(0, reserves(arg, &writer));
	ringbuf_writer_close(writer);
	return 0;
}

/* Read the message behind two holes at position 0. */
static int reads_on(struct ringbuf_writer *writer, struct ringbuf_reader *reader)
{
	CHECK_EQ(0, put(writer, 7, RINGBUF_TRY));
	CHECK_EQ(7, get(reader, PATIENCE));
	return 0;
}

static uint32_t cause_on(const struct ringbuf *ring, uint32_t cause)
{
	return on_module(ring) ? cause : RINGBUF_CAUSE_DIED;
}

TEST_F(hole, of_a_killed_process)
{
	const uint32_t cause = cause_on(self->ring, RINGBUF_CAUSE_KILLED);
	const uint32_t code = on_module(self->ring) ? SIGKILL : 0;
	pid_t pid = child_start(killed, self->ring);
	unsigned int i;

	ASSERT_EQ(128 + SIGKILL, child_end(pid));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, RINGBUF_LAST_HOLE));
	ASSERT_EQ(0, reads_on(self->writer, self->reader));
	EXPECT_EQ(2, ringbuf_reader_holes(self->reader));
	EXPECT_EQ(0, left(self->reader, 0, pid, cause, code));
	EXPECT_EQ(0, left(self->reader, 1, pid, cause, code));
	EXPECT_EQ(0, left(self->reader, RINGBUF_LAST_HOLE, pid, cause, code));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, 2));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, 3));
	/* The record outlives its slots. */
	for (i = 0; i < 3 * SLOTS; i++)
		ASSERT_EQ(0, reads_on(self->writer, self->reader));
	EXPECT_EQ(0, left(self->reader, RINGBUF_LAST_HOLE, pid, cause, code));
}

TEST_F(hole, of_a_process_that_exited)
{
	pid_t pid = child_start(exits, self->ring);

	ASSERT_EQ(3, child_end(pid));
	ASSERT_EQ(0, reads_on(self->writer, self->reader));
	EXPECT_EQ(0,
		  left(self->reader, RINGBUF_LAST_HOLE, pid,
		       cause_on(self->ring, RINGBUF_CAUSE_EXITED), on_module(self->ring) ? 3 : 0));
}

TEST_F(hole, that_was_discarded)
{
	pid_t pid = child_start(discards, self->ring);
	struct ringbuf_writer *next[2];

	ASSERT_EQ(0, child_end(pid));
	ASSERT_EQ(0, reads_on(self->writer, self->reader));
	EXPECT_EQ(0, left(self->reader, RINGBUF_LAST_HOLE, pid, RINGBUF_CAUSE_DISCARDED, 0));
	/* A later writer with that id has not done it. */
	next[0] = writer_new(self->ring);
	next[1] = writer_new(self->ring);
	if (ringbuf_writer_id(next[0]) == 2 || ringbuf_writer_id(next[1]) == 2) {
		struct ringbuf_hole_status h;

		EXPECT_EQ(0, hole_at(self->reader, 1, &h));
		EXPECT_EQ(RINGBUF_CAUSE_DISCARDED, h.cause);
		EXPECT_EQ(0, h.writer);
		EXPECT_EQ(0, h.pid);
	}
	ringbuf_writer_close(next[0]);
	ringbuf_writer_close(next[1]);
}

TEST_F(hole, arguments)
{
	struct {
		struct ringbuf_hole_status h;
		char more[8];
	} longer = { .h = { .size = sizeof(longer) }, .more = "1234567" };
	struct ringbuf_hole_status h = { .size = sizeof(h) - 1 };

	ASSERT_EQ(128 + SIGKILL, child_run(killed, self->ring));
	ASSERT_EQ(0, reads_on(self->writer, self->reader));
	EXPECT_EQ(-EINVAL, ringbuf_reader_hole(self->reader, 0, &h));
	h.size = 0;
	EXPECT_EQ(-EINVAL, ringbuf_reader_hole(self->reader, 0, &h));
	EXPECT_EQ(0, ringbuf_reader_hole(self->reader, 0, &longer.h));
	EXPECT_STREQ("", longer.more);
	EXPECT_EQ(-ENODATA, no_hole(self->reader, UINT64_MAX - 1));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, 1ULL << 62));
}

TEST(hole_of_an_exclusive_ring)
{
	struct ringbuf *ring = ring_new(RINGBUF_EXCLUSIVE, 64, SLOTS);
	struct ringbuf_reader *reader = reader_new(ring);

	ASSERT_EQ(128 + SIGKILL, child_run(killed, ring));
	EXPECT_EQ(-ENODATA, get(reader, PATIENCE));
	EXPECT_EQ(-ENODATA, no_hole(reader, RINGBUF_LAST_HOLE));
	EXPECT_EQ(-ENODATA, no_hole(reader, 0));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
