// SPDX-License-Identifier: GPL-2.0
/* Waits: RINGBUF_TRY, timeouts and RINGBUF_FOREVER, and what ends a wait. */
#include "../harness/attached.h"

NO_RECHECK

#define SLOTS 8

ATTACHED_FIXTURE(wait)

FIXTURE_VARIANT(wait)
{
	uint32_t flags;
	int64_t spin;
};

FIXTURE_VARIANT_ADD(wait, shared){ .flags = 0, .spin = -1 };
FIXTURE_VARIANT_ADD(wait, exclusive){ .flags = RINGBUF_EXCLUSIVE, .spin = -1 };
FIXTURE_VARIANT_ADD(wait, never_spins){ .flags = 0, .spin = 0 };
FIXTURE_VARIANT_ADD(wait, spins_long){ .flags = 0, .spin = 5 * MS };

FIXTURE_SETUP(wait)
{
	ATTACHED_SETUP(variant->flags, 64, SLOTS);
	ringbuf_reader_spin(self->reader, variant->spin);
	ringbuf_writer_spin(self->writer, variant->spin);
}

static int fill(struct ringbuf_writer *writer)
{
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		CHECK_EQ(0, put(writer, n, RINGBUF_TRY));
	return 0;
}

/* Check that @call fails with ETIMEDOUT, and not before @ns have passed. */
#define TIMES_OUT(ns, call)                                   \
	do {                                                  \
		uint64_t start_ = now_ns();                   \
		EXPECT_EQ(-ETIMEDOUT, (call));                \
		EXPECT_LE((uint64_t)(ns), now_ns() - start_); \
	} while (0)

TEST_F(wait, wait_of_a_reader_ends_at_its_timeout)
{
	struct ringbuf_slot s;
	int64_t ns;

	for (ns = 1; ns <= 100 * MS; ns *= 10) {
		TIMES_OUT(ns, get(self->reader, ns));
		TIMES_OUT(ns, ringbuf_reader_peek(self->reader, &s, 1, ns));
		TIMES_OUT(ns, ringbuf_reader_wait(self->reader, 1, ns));
	}
}

TEST_F(wait, wait_of_a_writer_ends_at_its_timeout)
{
	struct ringbuf_slot s;
	int64_t ns;

	ASSERT_EQ(0, fill(self->writer));
	for (ns = 1; ns <= 100 * MS; ns *= 10) {
		TIMES_OUT(ns, put(self->writer, 1, ns));
		TIMES_OUT(ns, ringbuf_writer_reserve(self->writer, &s, 1, ns));
	}
	EXPECT_EQ(0, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
}

TEST_F(wait, call_that_need_not_wait_ignores_the_timeout)
{
	const int64_t timeouts[] = {
		RINGBUF_TRY, 1, SECOND, INT64_MAX, RINGBUF_FOREVER, INT64_MIN
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		EXPECT_EQ(0, put(self->writer, i, timeouts[i]));
		EXPECT_EQ(0, ringbuf_reader_wait(self->reader, 1, timeouts[i]));
		EXPECT_EQ(i, get(self->reader, timeouts[i]));
	}
}

/*
 * @other_reader, @other_writer: handles that the child does not use and closes, so that the
 * parent's copy is the last one
 */
struct waiter {
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	int64_t timeout;
	uint64_t want;
	struct ringbuf_reader *other_reader;
	struct ringbuf_writer *other_writer;
};

static int sleeping_reader(void *arg)
{
	struct waiter *s = arg;

	ringbuf_writer_close(s->other_writer);
	CHECK_EQ(s->want, get(s->reader, s->timeout));
	return 0;
}

static int sleeping_writer(void *arg)
{
	struct waiter *s = arg;

	ringbuf_reader_close(s->other_reader);
	CHECK_EQ(0, put(s->writer, s->want, s->timeout));
	return 0;
}

/*
 * Start a child that sleeps with the reader, and close the parent's copy.  Return its pid, or -1.
 */
static pid_t reader_asleep(struct ringbuf_writer *writer, struct ringbuf_reader **reader,
			   int64_t timeout, uint64_t want)
{
	struct waiter s = {
		.reader = *reader, .timeout = timeout, .want = want, .other_writer = writer
	};
	pid_t pid = child_start(sleeping_reader, &s);

	ringbuf_reader_close(*reader);
	*reader = NULL;
	return task_asleep(pid) ? pid : -1;
}

TEST_F(wait, commit_wakes_a_reader)
{
	const int64_t timeouts[] = { RINGBUF_FOREVER, PATIENCE, INT64_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		pid_t pid = reader_asleep(self->writer, &self->reader, timeouts[i], 31 + i);

		ASSERT_LT(0, pid);
		ASSERT_EQ(0, put(self->writer, 31 + i, RINGBUF_TRY));
		ASSERT_EQ(0, child_end(pid));
		ASSERT_EQ(0,
			  ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader));
	}
}

/* A hole that ends a wait must not keep the reader from waking for the next message. */
TEST_F(wait, reader_skips_a_hole_and_sleeps_again)
{
	pid_t pid = reader_asleep(self->writer, &self->reader, RINGBUF_FOREVER, 5);
	struct ringbuf_slot s[3];

	ASSERT_LT(0, pid);
	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, s, 3, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_discard(self->writer));
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 5, RINGBUF_TRY));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, release_wakes_a_writer)
{
	struct waiter s = { .writer = self->writer, .timeout = RINGBUF_FOREVER, .want = SLOTS };
	unsigned int n;
	pid_t pid;

	/*
	 * Fill the ring by another writer, since a child can use only a handle that was not used
	 * yet.
	 */
	ringbuf_writer_close(self->writer);
	self->writer = writer_new(self->ring);
	ASSERT_EQ(0, fill(self->writer));
	ringbuf_writer_close(self->writer);
	s.writer = writer_new(self->ring);
	ASSERT_NE(NULL, s.writer);
	pid = child_start(sleeping_writer, &s);
	ringbuf_writer_close(s.writer);
	self->writer = NULL;
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(0, child_end(pid));
	for (n = 1; n <= SLOTS; n++)
		EXPECT_EQ(n, get(self->reader, RINGBUF_TRY));
}

TEST_F(wait, close_of_a_reader_wakes_a_writer)
{
	struct waiter s = { .timeout = RINGBUF_FOREVER,
			    .want = SLOTS,
			    .other_reader = self->reader };
	pid_t pid;

	ASSERT_EQ(0, fill(self->writer));
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	s.writer = writer_new(self->ring);
	pid = child_start(sleeping_writer, &s);
	ringbuf_writer_close(s.writer);
	ASSERT_TRUE(task_asleep(pid));
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, done_wakes_a_reader)
{
	pid_t pid = reader_asleep(self->writer, &self->reader, RINGBUF_FOREVER, (uint64_t)-ENODATA);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, close_of_a_writer_wakes_a_reader)
{
	pid_t pid = reader_asleep(self->writer, &self->reader, RINGBUF_FOREVER, (uint64_t)-ENODATA);

	ASSERT_LT(0, pid);
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	EXPECT_EQ(0, child_end(pid));
}

static int sleeping_for_many(void *arg)
{
	struct waiter *s = arg;
	unsigned int n;

	CHECK_EQ(0, ringbuf_reader_wait(s->reader, (unsigned int)s->want, s->timeout));
	for (n = 0; n < s->want; n++)
		CHECK_EQ(n, get(s->reader, RINGBUF_TRY));
	return 0;
}

TEST_F(wait, wait_sleeps_until_all_slots_are_ready)
{
	struct waiter s = { .reader = self->reader, .timeout = RINGBUF_FOREVER, .want = SLOTS };
	pid_t pid = child_start(sleeping_for_many, &s);
	unsigned int n;

	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	for (n = 0; n < SLOTS; n++) {
		ASSERT_TRUE(task_asleep(pid));
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	}
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, count_out_of_range_is_refused)
{
	EXPECT_EQ(-EINVAL, ringbuf_reader_wait(self->reader, 0, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_reader_wait(self->reader, SLOTS + 1, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, ringbuf_reader_wait(self->reader, SLOTS, RINGBUF_TRY));
}

TEST_F(wait, wait_counts_the_slots_that_are_ready)
{
	unsigned int n;

	for (n = 1; n <= SLOTS; n++) {
		EXPECT_EQ(-EAGAIN, ringbuf_reader_wait(self->reader, n, RINGBUF_TRY));
		TIMES_OUT(MS, ringbuf_reader_wait(self->reader, n, MS));
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		EXPECT_EQ(0, ringbuf_reader_wait(self->reader, n, RINGBUF_TRY));
		EXPECT_EQ(0, ringbuf_reader_wait(self->reader, n, RINGBUF_FOREVER));
	}
	EXPECT_EQ(0, ringbuf_reader_position(self->reader));
}

TEST_F(wait, wait_does_not_count_holes)
{
	struct ringbuf_slot s[SLOTS];
	unsigned int n;

	if (variant->flags & RINGBUF_EXCLUSIVE)
		SKIP(return, "an exclusive writer leaves none");
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, s, 3, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_discard(self->writer));
	EXPECT_EQ(-EAGAIN, ringbuf_reader_wait(self->reader, 2, RINGBUF_TRY));
	TIMES_OUT(MS, ringbuf_reader_wait(self->reader, 2, MS));
	ASSERT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_reader_wait(self->reader, 2, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, ringbuf_reader_wait(self->reader, 3, RINGBUF_TRY));
	/* A full ring is enough for any count, since no more can come. */
	for (n = 5; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_reader_wait(self->reader, SLOTS, RINGBUF_TRY));
}

/* The handle may spin for longer than the timeout. */
TEST_F(wait, spinning_wait_ends_at_its_timeout)
{
	uint64_t start = now_ns();

	ringbuf_reader_spin(self->reader, 1000 * SECOND);
	EXPECT_EQ(-ETIMEDOUT, get(self->reader, 20 * MS));
	ASSERT_EQ(0, fill(self->writer));
	ringbuf_writer_spin(self->writer, 1000 * SECOND);
	EXPECT_EQ(-ETIMEDOUT, put(self->writer, 0, 20 * MS));
	EXPECT_GT((uint64_t)(2 * SECOND), now_ns() - start);
}

static int dies_reading(void *arg)
{
	struct ringbuf_reader *reader = reader_new(arg);

	CHECK(reader);
	CHECK(get(reader, RINGBUF_TRY) <= 0);
	raise(SIGKILL);
	return 1;
}

/* A writer that spins must also check whether the readers that it waits for have died. */
TEST_F(wait, spinning_writer_notices_a_dead_reader)
{
	uint64_t start;
	unsigned int n;

	/* The first use of a handle checks for dead peers, so do it before the reader dies. */
	ASSERT_EQ(0, put(self->writer, 0, RINGBUF_TRY));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	ASSERT_EQ(128 + SIGKILL, child_run(dies_reading, self->ring));
	ASSERT_EQ(0, fill(self->writer));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
	ringbuf_writer_spin(self->writer, 4 * SECOND);
	start = now_ns();
	EXPECT_EQ(0, put(self->writer, 0, PATIENCE));
	EXPECT_GT((uint64_t)(2 * SECOND), now_ns() - start);
}

TEST_F(wait, wait_returns_at_the_end_with_fewer_slots)
{
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(0, ringbuf_reader_wait(self->reader, SLOTS, RINGBUF_FOREVER));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, ringbuf_reader_wait(self->reader, 1, RINGBUF_FOREVER));
	EXPECT_EQ(-ENODATA, ringbuf_reader_wait(self->reader, 1, RINGBUF_TRY));
}

static int many_and_the_end(void *arg)
{
	struct waiter *s = arg;

	CHECK_EQ(0, ringbuf_reader_wait(s->reader, 3, RINGBUF_FOREVER));
	CHECK_EQ(0, get(s->reader, RINGBUF_TRY));
	CHECK_EQ(-ENODATA, get(s->reader, RINGBUF_TRY));
	return 0;
}

TEST_F(wait, end_of_the_stream_ends_a_wait_for_many)
{
	struct waiter s = { .reader = self->reader };
	pid_t pid;

	ASSERT_EQ(0, put(self->writer, 0, RINGBUF_TRY));
	pid = child_start(many_and_the_end, &s);
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(0, child_end(pid));
}

/* Return each message through another ring. */
static int relay(void *arg)
{
	struct waiter *s = arg;
	uint64_t n;

	for (n = 0; n < s->want; n++) {
		CHECK_EQ(n, get(s->reader, PATIENCE));
		CHECK_EQ(0, put(s->writer, n, PATIENCE));
	}
	return 0;
}

TEST_F(wait, relay_through_two_rings_loses_no_wake_up)
{
	struct ringbuf *back = ring_new(variant->flags, 64, 1);
	struct ringbuf_reader *answers = reader_new(back);
	struct waiter s = { .reader = self->reader, .writer = writer_new(back) };
	uint64_t n;
	pid_t pid;

	ASSERT_NE(NULL, s.writer);
	ASSERT_NE(NULL, answers);
	ringbuf_reader_spin(answers, variant->spin);
	s.want = often(2000);
	pid = child_start(relay, &s);
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(s.writer);
	self->reader = NULL;
	for (n = 0; n < s.want; n++) {
		ASSERT_EQ(0, put(self->writer, n, PATIENCE));
		ASSERT_EQ((int64_t)n, get(answers, PATIENCE));
	}
	EXPECT_EQ(0, child_end(pid));
	ringbuf_reader_close(answers);
	ringbuf_close(back);
}

LIB_HARNESS_MAIN
