// SPDX-License-Identifier: GPL-2.0
/* Fences as the library shows them: a stuck writer learns of it, and the others continue. */
#include "../harness/attached.h"

#define SLOTS	4
#define TIMEOUT (20 * MS)

static struct ringbuf *fence_ring(uint32_t flags)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf *ring;
	int err;

	config.flags = flags;
	config.claim_timeout = TIMEOUT;
	err = ringbuf_create(&config, &ring);
	errno = -err;
	return ring;
}

/* Make self->ring with a claim_timeout, or skip the test where no host can. */
#define FENCE_SETUP(flags)                                               \
	do {                                                             \
		self->ring = fence_ring(flags);                          \
		if (!self->ring && errno == EOPNOTSUPP)                  \
			SKIP(return, "the embedded host has no fences"); \
		ASSERT_NE(NULL, self->ring);                             \
		ATTACHED_MEMBERS();                                      \
	} while (0)

/* ---- what a ring says ------------------------------------------------------------ */

TEST(claim_timeout_is_a_property_of_the_ring)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf_geometry g = { .size = sizeof(g) };
	struct ringbuf *ring = ring_new(0, 64, SLOTS);
	bool module = on_module(ring);
	int err;

	ASSERT_EQ(0, ringbuf_get_geometry(ring, &g));
	EXPECT_EQ(0, g.claim_timeout);
	ringbuf_close(ring);
	config.claim_timeout = MS - 1;
	EXPECT_EQ(-EINVAL, ringbuf_create(&config, &ring));
	config.claim_timeout = TIMEOUT;
	err = ringbuf_create(&config, &ring);
	EXPECT_EQ(module ? 0 : -EOPNOTSUPP, err);
	if (err)
		return;
	ASSERT_EQ(0, ringbuf_get_geometry(ring, &g));
	EXPECT_EQ(TIMEOUT, g.claim_timeout);
	ringbuf_close(ring);
}

TEST(take_over_needs_an_exclusive_ring_with_a_timeout)
{
	struct ringbuf *shared = ring_new(0, 64, SLOTS);
	struct ringbuf *exclusive = ring_new(RINGBUF_EXCLUSIVE, 64, SLOTS);
	int want = on_module(shared) ? -EINVAL : -EOPNOTSUPP;
	struct ringbuf_writer *writer;

	EXPECT_EQ(want, ringbuf_writer_take_over(shared, &writer));
	EXPECT_EQ(NULL, writer);
	EXPECT_EQ(want, ringbuf_writer_take_over(exclusive, &writer));
	EXPECT_EQ(NULL, writer);
	ringbuf_close(shared);
	ringbuf_close(exclusive);
}

/* ---- shared writers ------------------------------------------------------------- */

ATTACHED_FIXTURE(fence)

FIXTURE_SETUP(fence)
{
	FENCE_SETUP(0);
}

/* Reserve two slots, stop, and commit them later. */
static int stops_before_commit(void *arg)
{
	struct _test_data_fence *self = arg;
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_slot slots[2];

	CHECK_EQ(2, ringbuf_writer_reserve(writer, slots, 2, RINGBUF_FOREVER));
	memset(slots[0].data, 1, 64);
	raise(SIGSTOP);
	memset(slots[0].data, 2, 64);
	memset(slots[1].data, 3, 64);
	slots[0].length = 64;
	slots[1].length = 64;
	CHECK_EQ(-ESTALE, ringbuf_writer_commit(writer, slots, 2));
	CHECK_EQ(-ESTALE, put(writer, 9, RINGBUF_FOREVER));
	CHECK_EQ(-ESTALE, put(writer, 9, RINGBUF_TRY));
	CHECK_EQ(-ESTALE, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	writer = writer_new(self->ring);
	CHECK_EQ(0, put(writer, 4711, RINGBUF_FOREVER));
	ringbuf_writer_close(writer);
	return 0;
}

static pid_t stopped(int (*body)(void *), void *arg)
{
	pid_t pid = child_start(body, arg);
	int status;

	return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) ? pid : -1;
}

TEST_F(fence, stopped_writer_learns_of_the_fence)
{
	pid_t pid = stopped(stops_before_commit, self);
	uint64_t n;

	ASSERT_LT(0, pid);
	for (n = 0; n < 10 * SLOTS; n++) {
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_FOREVER));
		ASSERT_EQ((int64_t)n, get(self->reader, RINGBUF_FOREVER));
	}
	EXPECT_EQ(1, status_of(self->ring).fenced);
	EXPECT_EQ(2, status_of(self->ring).repaired);
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(4711, get(self->reader, RINGBUF_FOREVER));
}

TEST_F(fence, calls_that_never_wait_ask_too)
{
	uint64_t end = now_ns() + PATIENCE;
	pid_t pid = stopped(stops_before_commit, self);
	int64_t got = -EAGAIN;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, put(self->writer, 7, RINGBUF_TRY));
	while (got == -EAGAIN && now_ns() < end)
		got = get(self->reader, RINGBUF_TRY);
	EXPECT_EQ(7, got);
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
}

/* An interrupt that no call has taken yet must not keep a try going. */
TEST_F(fence, try_after_an_interrupt_returns)
{
	ringbuf_reader_interruptible(self->reader, 1);
	ringbuf_reader_interrupt(self->reader);
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
}

/* ---- exclusive writers ------------------------------------------------------------ */

ATTACHED_FIXTURE(takeover)

FIXTURE_SETUP(takeover)
{
	FENCE_SETUP(RINGBUF_EXCLUSIVE);
}

static int stops_between_commits(void *arg)
{
	struct _test_data_takeover *self = arg;
	struct ringbuf_slot slots[3];

	CHECK_EQ(0, put(self->writer, 1, RINGBUF_FOREVER));
	CHECK_EQ(3, ringbuf_writer_reserve(self->writer, slots, 3, RINGBUF_FOREVER));
	raise(SIGSTOP);
	slots[0].length = 8;
	CHECK_EQ(-ESTALE, ringbuf_writer_commit(self->writer, slots, 1));
	CHECK_EQ(-ESTALE, put(self->writer, 5, RINGBUF_FOREVER));
	CHECK_EQ(-ESTALE, ringbuf_writer_done(self->writer));
	return 0;
}

TEST_F(takeover, fenced_writer_learns_it_from_its_commit)
{
	pid_t pid = stopped(stops_between_commits, self);
	struct ringbuf_writer *next;
	uint64_t n;

	ASSERT_LT(0, pid);
	EXPECT_EQ(-EBUSY, ringbuf_writer_attach(self->ring, &next));
	ASSERT_EQ(0, ringbuf_writer_take_over(self->ring, &next));
	EXPECT_EQ(1, get(self->reader, RINGBUF_FOREVER));
	for (n = 0; n < 3 * SLOTS; n++) {
		ASSERT_EQ(0, put(next, n, RINGBUF_FOREVER));
		ASSERT_EQ((int64_t)n, get(self->reader, RINGBUF_FOREVER));
	}
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	ASSERT_EQ(0, put(next, 77, RINGBUF_FOREVER));
	EXPECT_EQ(77, get(self->reader, RINGBUF_FOREVER));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, status_of(self->ring).fenced);
	ringbuf_writer_close(next);
}

LIB_HARNESS_MAIN
