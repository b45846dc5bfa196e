// SPDX-License-Identifier: GPL-2.0
/* Waiting: what TRY, a timeout and FOREVER mean, and what ends a wait. */
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

/* @call returned @error, and not before @ns had passed. */
#define TIMES_OUT(ns, call)                                   \
	do {                                                  \
		uint64_t start_ = now_ns();                   \
		EXPECT_EQ(-ETIMEDOUT, (call));                \
		EXPECT_LE((uint64_t)(ns), now_ns() - start_); \
	} while (0)

TEST_F(wait, reader_times_out)
{
	struct ringbuf_slot s;
	int64_t ns;

	for (ns = 1; ns <= 100 * MS; ns *= 10) {
		TIMES_OUT(ns, get(self->reader, ns));
		TIMES_OUT(ns, ringbuf_reader_peek(self->reader, &s, 1, ns));
		TIMES_OUT(ns, ringbuf_reader_wait(self->reader, 1, ns));
	}
}

TEST_F(wait, writer_times_out)
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

/* Whatever can be had at once is had, whatever the timeout says. */
TEST_F(wait, no_need_to_wait)
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

/* @others: what the child does not use and closes, so that the parent's copy is the last. */
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

/* Start a child that uses the handle, and close the parent's before it does. */
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

/* A discarded slot must not leave a reader asleep before the one behind it. */
TEST_F(wait, reader_sleeps_on_over_a_hole)
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

	/* Filled by a writer of its own: the child's has to be fresh. */
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

TEST_F(wait, detach_wakes_a_writer)
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

TEST_F(wait, close_wakes_a_reader)
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

TEST_F(wait, for_many)
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

TEST_F(wait, count_out_of_range)
{
	EXPECT_EQ(-EINVAL, ringbuf_reader_wait(self->reader, 0, RINGBUF_TRY));
	EXPECT_EQ(-EINVAL, ringbuf_reader_wait(self->reader, SLOTS + 1, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, ringbuf_reader_wait(self->reader, SLOTS, RINGBUF_TRY));
}

TEST_F(wait, count_counts)
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

/* What a reader skips is no message. */
TEST_F(wait, holes_do_not_count)
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
	/* A full ring is as much as there will be. */
	for (n = 5; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_reader_wait(self->reader, SLOTS, RINGBUF_TRY));
}

/* However long it may spin. */
TEST_F(wait, deadline_while_spinning)
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

/* Nor does spinning keep it from seeing that nobody is there any more. */
TEST_F(wait, death_while_spinning)
{
	uint64_t start;
	unsigned int n;

	/* First use looks for dead peers, so that is over. */
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

TEST_F(wait, end_with_fewer)
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

TEST_F(wait, end_while_waiting_for_many)
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

/* A relay through two rings: no side sleeps while the other writes. */
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

TEST_F(wait, ping_pong)
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
