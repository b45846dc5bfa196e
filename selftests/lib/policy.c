// SPDX-License-Identifier: GPL-2.0
/* Policies of readers that hold writers up: block, evict, skip, lossy; on either host. */
#include "../harness/attached.h"

#include <pthread.h>

#define SLOTS 8
#define T     (20 * MS)

static struct ringbuf *policy_ring(uint32_t flags, uint32_t policy, uint64_t timeout, uint64_t lag)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf *ring;
	int err;

	config.flags = flags;
	config.policy = policy;
	config.policy_timeout = timeout;
	config.policy_lag = lag;
	err = ringbuf_create(&config, &ring);
	errno = -err;
	return ring;
}

static int attach_with(struct ringbuf *ring, uint32_t kind, uint64_t timeout, uint64_t lag,
		       struct ringbuf_reader **reader)
{
	struct ringbuf_policy policy = {
		.size = sizeof(policy),
		.kind = kind,
		.timeout = timeout,
		.lag = lag,
	};

	return ringbuf_reader_attach_policy(ring, RINGBUF_FROM_OLDEST, 0, &policy, reader);
}

static struct ringbuf_reader_status reader_status(struct ringbuf *ring,
						  const struct ringbuf_reader *reader)
{
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status r[4] = { { 0 } };
	int n = ringbuf_stats(ring, &s, r, 4), i;

	for (i = 0; i < n; i++)
		if (r[i].id == ringbuf_reader_id(reader))
			return r[i];
	memset(&r[0], 0x5a, sizeof(r[0]));
	return r[0];
}

/* ---- what a ring says, and which policies it allows --------------------------------- */

TEST(policy_is_a_property_of_the_ring)
{
	struct ringbuf *ring = policy_ring(0, RINGBUF_SKIP, T, 5);
	struct ringbuf_geometry g = { .size = sizeof(g) };
	struct ringbuf_reader *reader;

	ASSERT_NE(NULL, ring);
	ASSERT_EQ(0, ringbuf_get_geometry(ring, &g));
	EXPECT_EQ(RINGBUF_SKIP, g.policy);
	EXPECT_EQ(T, g.policy_timeout);
	EXPECT_EQ(5, g.policy_lag);
	ASSERT_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
	EXPECT_EQ(RINGBUF_SKIP, reader_status(ring, reader).policy);
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

TEST(policies_that_make_no_sense_are_refused)
{
	static const struct {
		uint32_t kind;
		uint64_t timeout, lag;
	} bad[] = {
		{ RINGBUF_LOSSY + 1, 0, 0 },
		{ 1U << 9, 0, 0 },
		{ RINGBUF_BLOCK, T, 0 },
		{ RINGBUF_BLOCK, 0, 1 },
		{ RINGBUF_BLOCK | RINGBUF_AT_STOP, 0, 0 },
		{ RINGBUF_LOSSY, T, 0 },
		{ RINGBUF_LOSSY, 0, 1 },
		{ RINGBUF_LOSSY | RINGBUF_AT_STOP, 0, 0 },
		{ RINGBUF_EVICT, 1, 0 },
		{ RINGBUF_EVICT, MS - 1, 0 },
		{ RINGBUF_SKIP, 0, SLOTS + 1 },
		{ RINGBUF_SKIP, 0, UINT64_MAX },
	};
	struct ringbuf *ring = ring_new(0, 64, SLOTS);
	struct ringbuf_reader *reader = POISON;
	unsigned int i;

	ASSERT_NE(NULL, ring);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL,
			  attach_with(ring, bad[i].kind, bad[i].timeout, bad[i].lag, &reader));
		EXPECT_EQ(NULL, reader);
		EXPECT_EQ(NULL, policy_ring(0, bad[i].kind, bad[i].timeout, bad[i].lag));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(0, status_of(ring).readers);
	ringbuf_close(ring);
}

TEST(structure_of_another_size)
{
	struct {
		struct ringbuf_policy p;
		uint64_t more;
	} later = { .p = { .size = sizeof(later), .kind = RINGBUF_LOSSY } };
	struct ringbuf *ring = ring_new(0, 64, SLOTS);
	struct ringbuf_reader *reader;

	ASSERT_NE(NULL, ring);
	EXPECT_EQ(0, ringbuf_reader_attach_policy(ring, RINGBUF_FROM_HEAD, 0, &later.p, &reader));
	ringbuf_reader_close(reader);
	later.more = 1;
	EXPECT_EQ(-E2BIG,
		  ringbuf_reader_attach_policy(ring, RINGBUF_FROM_HEAD, 0, &later.p, &reader));
	later.p.size = sizeof(later.p) - 1;
	EXPECT_EQ(-EINVAL,
		  ringbuf_reader_attach_policy(ring, RINGBUF_FROM_HEAD, 0, &later.p, &reader));
	ringbuf_close(ring);
}

/* A reader may be stricter with itself than the ring, and not more lenient. */
TEST(reader_may_only_be_stricter_than_its_ring)
{
	static const struct {
		uint32_t ring;
		uint64_t ring_timeout, ring_lag;
		uint32_t kind;
		uint64_t timeout, lag;
		int err;
	} cases[] = {
		{ RINGBUF_BLOCK, 0, 0, RINGBUF_BLOCK, 0, 0, 0 },
		{ RINGBUF_BLOCK, 0, 0, RINGBUF_EVICT, 3600 * SECOND, SLOTS, 0 },
		{ RINGBUF_BLOCK, 0, 0, RINGBUF_SKIP, 0, 0, 0 },
		{ RINGBUF_BLOCK, 0, 0, RINGBUF_LOSSY, 0, 0, 0 },
		{ RINGBUF_EVICT, T, 0, RINGBUF_BLOCK, 0, 0, -EINVAL },
		{ RINGBUF_EVICT, T, 0, RINGBUF_EVICT, T, 0, 0 },
		{ RINGBUF_EVICT, T, 0, RINGBUF_EVICT, T + 1, 0, -EINVAL },
		{ RINGBUF_EVICT, T, 0, RINGBUF_SKIP, T, 4, 0 },
		{ RINGBUF_EVICT, T, 0, RINGBUF_LOSSY, 0, 0, 0 },
		{ RINGBUF_SKIP, T, 4, RINGBUF_SKIP, T, 5, -EINVAL },
		{ RINGBUF_SKIP, T, 4, RINGBUF_SKIP, T, 0, -EINVAL },
		{ RINGBUF_SKIP, T, 4, RINGBUF_EVICT, 0, 1, 0 },
		{ RINGBUF_LOSSY, 0, 0, RINGBUF_LOSSY, 0, 0, 0 },
		{ RINGBUF_LOSSY, 0, 0, RINGBUF_SKIP, 0, 1, -EINVAL },
		{ RINGBUF_LOSSY, 0, 0, RINGBUF_BLOCK, 0, 0, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ringbuf *ring =
			policy_ring(0, cases[i].ring, cases[i].ring_timeout, cases[i].ring_lag);
		struct ringbuf_reader *reader;

		ASSERT_NE(NULL, ring);
		EXPECT_EQ(cases[i].err,
			  attach_with(ring, cases[i].kind, cases[i].timeout, cases[i].lag, &reader))
		{
			TH_LOG("case %u", i);
		}
		ringbuf_reader_close(reader);
		ringbuf_close(ring);
	}
}

TEST(stopped_readers_are_told_by_the_module_alone)
{
	struct ringbuf *ring = ring_new(0, 64, SLOTS), *other;
	struct ringbuf_reader *reader;
	int want = on_module(ring) ? 0 : -EOPNOTSUPP;

	EXPECT_EQ(want, attach_with(ring, RINGBUF_SKIP | RINGBUF_AT_STOP, T, 0, &reader));
	ringbuf_reader_close(reader);
	other = policy_ring(0, RINGBUF_EVICT | RINGBUF_AT_STOP, T, 0);
	EXPECT_EQ(!want, !!other);
	ringbuf_close(other);
	ringbuf_close(ring);
}

/* ---- a reader that does nothing ------------------------------------------------- */

FIXTURE(policy)
{
	struct ringbuf *ring;
	struct ringbuf_reader *slow;
	struct ringbuf_reader *quick;
	struct ringbuf_writer *writer;
};

FIXTURE_VARIANT(policy)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(policy, shared){
	.flags = 0,
};

FIXTURE_VARIANT_ADD(policy, exclusive){
	.flags = RINGBUF_EXCLUSIVE,
};

FIXTURE_SETUP(policy)
{
	self->ring = ring_new(variant->flags, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->writer = writer_new(self->ring);
	ASSERT_NE(NULL, self->writer);
	self->quick = reader_new(self->ring);
	ASSERT_NE(NULL, self->quick);
}

FIXTURE_TEARDOWN(policy)
{
	ringbuf_writer_close(self->writer);
	ringbuf_reader_close(self->slow);
	ringbuf_reader_close(self->quick);
	ringbuf_close(self->ring);
}

/* Write the numbers from @from to @end - 1, and have the quick reader read them. */
#define WRITE(from, end, timeout)                                              \
	do {                                                                   \
		uint64_t n_;                                                   \
		for (n_ = (from); n_ < (end); n_++) {                          \
			ASSERT_EQ(0, put(self->writer, n_, (timeout)));        \
			ASSERT_EQ((int64_t)n_, get(self->quick, RINGBUF_TRY)); \
		}                                                              \
	} while (0)

TEST_F(policy, blocking_reader_holds_writers_up)
{
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_BLOCK, 0, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	EXPECT_EQ(-EAGAIN, put(self->writer, SLOTS, RINGBUF_TRY));
	EXPECT_EQ(-ETIMEDOUT, put(self->writer, SLOTS, T));
	EXPECT_EQ(0, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(0, put(self->writer, SLOTS, RINGBUF_TRY));
}

TEST_F(policy, reader_is_evicted_after_its_timeout)
{
	uint64_t begin;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_EVICT, T, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	EXPECT_EQ(RINGBUF_EVICT, reader_status(self->ring, self->slow).policy);
	begin = now_ns();
	WRITE(SLOTS, SLOTS + 1, RINGBUF_FOREVER);
	EXPECT_LE(T, (int64_t)(now_ns() - begin));
	EXPECT_EQ(1, status_of(self->ring).readers);
	EXPECT_EQ(-EIDRM, get(self->slow, RINGBUF_TRY));
	WRITE(SLOTS + 1, 10 * SLOTS, RINGBUF_TRY);
}

TEST_F(policy, reader_is_evicted_at_once_without_a_timeout)
{
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_EVICT, 0, 0, &self->slow));
	WRITE(0, 10 * SLOTS, RINGBUF_TRY);
	EXPECT_EQ(-EIDRM, get(self->slow, RINGBUF_TRY));
}

TEST_F(policy, reader_is_evicted_by_its_lag)
{
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_EVICT, 3600 * SECOND, 3, &self->slow));
	WRITE(0, 3, RINGBUF_TRY);
	EXPECT_EQ(2, status_of(self->ring).readers);
	WRITE(3, 4, RINGBUF_TRY);
	EXPECT_EQ(1, status_of(self->ring).readers);
	EXPECT_EQ(-EIDRM, get(self->slow, RINGBUF_TRY));
}

TEST_F(policy, reader_that_keeps_within_its_lag_loses_nothing)
{
	uint64_t n;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_SKIP, 0, 3, &self->slow));
	WRITE(0, 3, RINGBUF_TRY);
	for (n = 3; n < 10 * SLOTS; n++) {
		ASSERT_EQ((int64_t)n - 3, get(self->slow, RINGBUF_TRY));
		WRITE(n, n + 1, RINGBUF_TRY);
	}
	EXPECT_EQ(0, reader_status(self->ring, self->slow).skips);
	EXPECT_EQ(0, ringbuf_reader_lost(self->slow));
}

TEST_F(policy, skipped_reader_continues_at_the_oldest_slot)
{
	struct ringbuf_reader_status s;
	struct ringbuf_slot slot;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_SKIP, 0, 0, &self->slow));
	WRITE(0, 20, RINGBUF_TRY);
	s = reader_status(self->ring, self->slow);
	EXPECT_EQ(1, s.skips);
	EXPECT_EQ(1, s.skipped);
	EXPECT_EQ(2, status_of(self->ring).readers);
	ASSERT_EQ(1, ringbuf_reader_peek(self->slow, &slot, 1, RINGBUF_TRY));
	EXPECT_EQ(20 - SLOTS, slot.position);
	EXPECT_EQ(20 - SLOTS, slot.lost);
	EXPECT_EQ(20 - SLOTS, *(uint64_t *)slot.data);
	EXPECT_EQ(0, ringbuf_reader_release(self->slow, 1));
	EXPECT_EQ(20 - SLOTS + 1, get(self->slow, RINGBUF_TRY));
	s = reader_status(self->ring, self->slow);
	EXPECT_EQ(0, s.skipped);
	EXPECT_EQ(20 - SLOTS, s.lost);
	/* Two slots are free. */
	WRITE(20, 22, RINGBUF_TRY);
	EXPECT_EQ(1, reader_status(self->ring, self->slow).skips);
	WRITE(22, 23, RINGBUF_TRY);
	EXPECT_EQ(2, reader_status(self->ring, self->slow).skips);
	EXPECT_EQ(23 - SLOTS, get(self->slow, RINGBUF_TRY));
}

TEST_F(policy, skipped_reader_has_its_timeout_first)
{
	uint64_t begin;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_SKIP, T, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	begin = now_ns();
	WRITE(SLOTS, SLOTS + 1, RINGBUF_FOREVER);
	EXPECT_LE(T, (int64_t)(now_ns() - begin));
	/* The time is over: it holds nobody up until it asks. */
	WRITE(SLOTS + 1, 5 * SLOTS, RINGBUF_TRY);
	EXPECT_EQ(4 * SLOTS, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(4 * SLOTS, ringbuf_reader_lost(self->slow));
}

/* What it has peeked may be overwritten once it is skipped; release tells. */
TEST_F(policy, skipped_while_it_reads_in_place)
{
	struct ringbuf_slot slots[4];

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_SKIP, 0, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	ASSERT_EQ(4, ringbuf_reader_peek(self->slow, slots, 4, RINGBUF_TRY));
	WRITE(SLOTS, SLOTS + 1, RINGBUF_TRY);
	EXPECT_EQ(-ESTALE, ringbuf_reader_release(self->slow, 1));
	EXPECT_EQ(1, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(1, ringbuf_reader_lost(self->slow));
}

/* Nobody waits for a reader that has read everything, however long it sleeps. */
TEST_F(policy, idle_reader_is_left_alone)
{
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_EVICT, MS, 0, &self->slow));
	ringbuf_reader_close(self->quick);
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_BLOCK, 0, 0, &self->quick));
	WRITE(0, 4, RINGBUF_TRY);
	EXPECT_EQ(0, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(2, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(3, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(-ETIMEDOUT, get(self->slow, 5 * MS));
	WRITE(4, 4 + SLOTS, RINGBUF_TRY);
	EXPECT_EQ(4, get(self->slow, RINGBUF_TRY));
}

/* The time of a reader begins again with each slot that it releases. */
TEST_F(policy, slow_reader_that_moves_is_left_alone)
{
	uint64_t n;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_EVICT, 10 * SECOND, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	for (n = SLOTS; n < 3 * SLOTS; n++) {
		ASSERT_EQ(-ETIMEDOUT, put(self->writer, n, MS));
		ASSERT_EQ((int64_t)n - SLOTS, get(self->slow, RINGBUF_TRY));
		WRITE(n, n + 1, RINGBUF_TRY);
	}
	EXPECT_EQ(2, status_of(self->ring).readers);
}

TEST_F(policy, lossy_reader_never_gates)
{
	struct ringbuf_slot slot;

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_LOSSY, 0, 0, &self->slow));
	WRITE(0, 4, RINGBUF_TRY);
	EXPECT_EQ(0, get(self->slow, RINGBUF_TRY));
	WRITE(4, 20, RINGBUF_TRY);
	ASSERT_EQ(1, ringbuf_reader_peek(self->slow, &slot, 1, RINGBUF_TRY));
	EXPECT_EQ(20 - SLOTS, slot.position);
	EXPECT_EQ(20 - SLOTS - 1, slot.lost);
	EXPECT_EQ(20 - SLOTS, *(uint64_t *)slot.data);
	/* The next write overwrites it. */
	WRITE(20, 21, RINGBUF_TRY);
	EXPECT_EQ(-ESTALE, ringbuf_reader_release(self->slow, 1));
	EXPECT_LE(20 - SLOTS + 1, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(RINGBUF_LOSSY, reader_status(self->ring, self->slow).policy);
}

TEST_F(policy, lossy_reader_waits_for_messages_as_others_do)
{
	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_LOSSY, 0, 0, &self->slow));
	EXPECT_EQ(-EAGAIN, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(-ETIMEDOUT, get(self->slow, MS));
	WRITE(0, 1, RINGBUF_TRY);
	EXPECT_EQ(0, get(self->slow, RINGBUF_FOREVER));
	EXPECT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-ENODATA, get(self->slow, RINGBUF_FOREVER));
}

/* A reserved slot may be filled already: its old message is not given out any more. */
TEST_F(policy, lossy_reader_does_not_take_a_slot_that_is_being_filled)
{
	struct ringbuf_slot slots[3];

	ASSERT_EQ(0, attach_with(self->ring, RINGBUF_LOSSY, 0, 0, &self->slow));
	WRITE(0, SLOTS, RINGBUF_TRY);
	ASSERT_EQ(3, ringbuf_writer_reserve(self->writer, slots, 3, RINGBUF_TRY));
	memset(slots[0].data, 0x5a, 64);
	memset(slots[2].data, 0x5a, 64);
	EXPECT_LE(3, get(self->slow, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_writer_discard(self->writer));
}

/* ---- under load: what arrives is whole, in order, and counted --------------------------- */

#define BYTES 256
#define MANY  20000

struct load {
	struct ringbuf *ring;
};

static int writes_fast(void *arg)
{
	struct load *load = arg;
	struct ringbuf_writer *writer = writer_new(load->ring);
	uint64_t data[BYTES / 8], n;
	unsigned int i;

	CHECK(writer);
	for (n = 0; n < MANY; n++) {
		for (i = 0; i < BYTES / 8; i++)
			data[i] = n;
		CHECK_EQ(0, ringbuf_writer_write(writer, data, BYTES, PATIENCE));
	}
	ringbuf_writer_close(writer);
	return 0;
}

FIXTURE(load)
{
	struct ringbuf *ring;
};

FIXTURE_VARIANT(load)
{
	uint32_t flags, policy;
	uint64_t lag;
};

FIXTURE_VARIANT_ADD(load, skip_shared){ .flags = 0, .policy = RINGBUF_SKIP };
FIXTURE_VARIANT_ADD(load, skip_exclusive){ .flags = RINGBUF_EXCLUSIVE, .policy = RINGBUF_SKIP };
FIXTURE_VARIANT_ADD(load, skip_lag){ .flags = 0, .policy = RINGBUF_SKIP, .lag = 2 };
FIXTURE_VARIANT_ADD(load, lossy_shared){ .flags = 0, .policy = RINGBUF_LOSSY };
FIXTURE_VARIANT_ADD(load, lossy_exclusive){ .flags = RINGBUF_EXCLUSIVE, .policy = RINGBUF_LOSSY };

FIXTURE_SETUP(load)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(BYTES, SLOTS);

	config.flags = variant->flags;
	config.policy = variant->policy;
	config.policy_lag = variant->lag;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
}

FIXTURE_TEARDOWN(load)
{
	ringbuf_close(self->ring);
}

/* A message of one number, again and again. */
static bool whole(const uint64_t *data)
{
	unsigned int i;

	for (i = 1; i < BYTES / 8; i++)
		if (data[i] != data[0])
			return false;
	return true;
}

TEST_F(load, slow_reader_gets_whole_messages_in_order)
{
	struct load load = { .ring = self->ring };
	struct ringbuf_reader *reader = reader_new(self->ring);
	uint64_t data[BYTES / 8], next = 0, got = 0, lost = 0;
	struct ringbuf_slot slot;
	pid_t pid;
	int n;

	ASSERT_NE(NULL, reader);
	pid = child_start(writes_fast, &load);
	while ((n = ringbuf_reader_peek(reader, &slot, 1, PATIENCE)) > 0) {
		uint64_t at = slot.position;

		lost += slot.lost;
		ASSERT_EQ(at, next + slot.lost);
		next = at;
		memcpy(data, slot.data, BYTES);
		if (at % 64 == 0)
			sched_yield();
		if (ringbuf_reader_release(reader, 1))
			continue;
		ASSERT_TRUE(whole(data) && data[0] == at && slot.length == BYTES);
		next = at + 1;
		got++;
	}
	EXPECT_EQ(-ENODATA, n);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(MANY, next);
	EXPECT_EQ(MANY, got + lost);
	EXPECT_LT(0, got);
	EXPECT_EQ(lost, ringbuf_reader_lost(reader));
	ringbuf_reader_close(reader);
}

/* ---- stopped readers --------------------------------------------------------------- */

static int reads_for_ever(void *arg)
{
	struct load *load = arg;
	struct ringbuf_reader *reader;
	int64_t got;

	CHECK_EQ(0, attach_with(load->ring, RINGBUF_EVICT | RINGBUF_AT_STOP, 3600 * SECOND, 0,
				&reader));
	do
		got = get(reader, RINGBUF_FOREVER);
	while (got >= 0);
	CHECK_EQ(-EIDRM, got);
	return 0;
}

TEST(reader_is_evicted_when_it_is_stopped)
{
	struct ringbuf *ring = ring_new(0, 64, SLOTS);
	struct load load = { .ring = ring };
	struct ringbuf_writer *writer;
	int status, n;
	pid_t pid;

	if (!on_module(ring))
		SKIP(return, "the embedded host does not know who is stopped");
	writer = writer_new(ring);
	pid = child_start(reads_for_ever, &load);
	while (!status_of(ring).readers)
		sched_yield();
	for (n = 0; n < 5 * SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, PATIENCE));
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	for (n = 0; n < 5 * SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, PATIENCE));
	EXPECT_EQ(0, status_of(ring).readers);
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

static int stops_without_reading(void *arg)
{
	struct load *load = arg;
	struct ringbuf_reader *reader;

	CHECK_EQ(0, attach_with(load->ring, RINGBUF_SKIP | RINGBUF_AT_STOP, 3600 * SECOND, 0,
				&reader));
	CHECK(task_asleep(getppid()));
	raise(SIGSTOP);
	CHECK_EQ(1, get(reader, RINGBUF_FOREVER));
	return 0;
}

TEST(sleeping_writer_learns_that_the_reader_was_stopped)
{
	struct ringbuf *ring = ring_new(0, 64, 1);
	struct load load = { .ring = ring };
	struct ringbuf_writer *writer;
	int status;
	pid_t pid;

	if (!on_module(ring))
		SKIP(return, "the embedded host does not know who is stopped");
	writer = writer_new(ring);
	pid = child_start(stops_without_reading, &load);
	while (!status_of(ring).readers)
		sched_yield();
	ASSERT_EQ(0, put(writer, 0, RINGBUF_TRY));
	/* It sleeps, and is woken by the timer of the ring. */
	ASSERT_EQ(0, put(writer, 1, PATIENCE));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
