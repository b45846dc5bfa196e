// SPDX-License-Identifier: GPL-2.0
/* Rings whose writers wait for a number of readers, on either host. */
#include <pthread.h>

#include "../harness/harness.h"

#include "../harness/child.h"
#include "../harness/rings.h"

NO_RECHECK

#define SLOTS  4
#define WANTED 3

static struct ringbuf *ring_waiting(uint32_t flags, uint64_t slots, uint32_t max, uint32_t wanted)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, slots);
	struct ringbuf *ring;
	int err;

	config.flags = flags;
	config.max_readers = max;
	config.wait_readers = wanted;
	err = ringbuf_create(&config, &ring);
	errno = -err;
	return ring;
}

FIXTURE(gate)
{
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader[WANTED];
};

SHARED_AND_EXCLUSIVE(gate, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(gate)
{
	self->ring = ring_waiting(variant->flags, SLOTS, 0, WANTED);
	ASSERT_NE(NULL, self->ring);
	self->writer = writer_new(self->ring);
	ASSERT_NE(NULL, self->writer);
	memset(self->reader, 0, sizeof(self->reader));
}

FIXTURE_TEARDOWN(gate)
{
	int i;

	for (i = 0; i < WANTED; i++)
		ringbuf_reader_close(self->reader[i]);
	ringbuf_writer_close(self->writer);
	ringbuf_close(self->ring);
}

TEST(number_of_readers_is_checked_and_reported)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };
	const char *name = name_of("gate");
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf *ring, *again;

	EXPECT_EQ(NULL, ring_waiting(0, SLOTS, 5, 6));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, ring_waiting(0, SLOTS, 0, 65));
	config.name = name;
	config.max_readers = 5;
	config.wait_readers = 5;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	EXPECT_EQ(0, ringbuf_get_geometry(ring, &g));
	EXPECT_EQ(5, g.wait_readers);
	ASSERT_EQ(0, ringbuf_open(name, RINGBUF_HOST_AUTO, &again));
	EXPECT_EQ(0, ringbuf_get_geometry(again, &g));
	EXPECT_EQ(5, g.wait_readers);
	EXPECT_EQ(5, status_of(again).readers_lacking);
	ringbuf_close(again);
	ringbuf_close(ring);
}

/* A program that was compiled before wait_readers existed must not wait. */
TEST(older_configuration_waits_for_no_reader)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	config.size = offsetof(struct ringbuf_config, wait_readers);
	config.reserved = 0x5a5a5a5a;
	config.wait_readers = 1;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	writer = writer_new(ring);
	EXPECT_EQ(0, put(writer, 1, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
	config.reserved = 0;
	for (config.size++; config.size < sizeof(config); config.size++) {
		/* A size must not end within a field; two fields have a gap behind them. */
		bool fits = (config.size >= offsetof(struct ringbuf_config, wait_readers) + 4 &&
			     config.size <= offsetof(struct ringbuf_config, claim_timeout)) ||
			    config.size == offsetof(struct ringbuf_config, policy_timeout) ||
			    config.size == offsetof(struct ringbuf_config, policy_lag) ||
			    config.size == offsetof(struct ringbuf_config, policy) ||
			    config.size >= offsetof(struct ringbuf_config, policy) + 4;
		int err = ringbuf_create(&config, &ring);

		EXPECT_EQ(fits ? 0 : -EINVAL, err);
		ringbuf_close(ring);
	}
}

TEST_F(gate, gate_opens_with_the_last_reader_and_stays_open)
{
	int i;

	for (i = 0; i < WANTED; i++) {
		EXPECT_EQ(-EAGAIN, put(self->writer, 1, RINGBUF_TRY));
		EXPECT_EQ(-ETIMEDOUT, put(self->writer, 1, MS));
		EXPECT_EQ(WANTED - i, status_of(self->ring).readers_lacking);
		ASSERT_EQ(0, ringbuf_reader_attach(self->ring, (enum ringbuf_start)i, 3,
						   &self->reader[i]));
		EXPECT_EQ(0, ringbuf_reader_position(self->reader[i]));
	}
	EXPECT_EQ(0, status_of(self->ring).readers_lacking);
	for (i = 0; i < SLOTS; i++)
		EXPECT_EQ(0, put(self->writer, 10 + (uint64_t)i, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, put(self->writer, 99, RINGBUF_TRY));
	for (i = 0; i < WANTED; i++) {
		EXPECT_EQ(10, get(self->reader[i], RINGBUF_TRY));
		ringbuf_reader_close(self->reader[i]);
		self->reader[i] = NULL;
	}
	for (i = 0; i < 2 * SLOTS; i++)
		EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
}

/* Use the reader @arg, so that it belongs to this process, and wait to be killed. */
static int hang(void *arg)
{
	struct ringbuf_slot slot;

	CHECK_EQ(-EAGAIN, ringbuf_reader_peek(arg, &slot, 1, RINGBUF_TRY));
	for (;;)
		pause();
}

TEST_F(gate, readers_that_are_gone_do_not_count)
{
	struct ringbuf_reader *gone;
	pid_t pid;
	int i;

	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &gone));
	ringbuf_reader_close(gone);
	EXPECT_EQ(WANTED, status_of(self->ring).readers_lacking);

	gone = reader_new(self->ring);
	ASSERT_EQ(0, ringbuf_evict_reader(self->ring, ringbuf_reader_id(gone)));
	EXPECT_EQ(WANTED, status_of(self->ring).readers_lacking);
	ringbuf_reader_close(gone);

	gone = reader_new(self->ring);
	pid = child_start(hang, gone);
	ASSERT_TRUE(task_asleep_in(pid, IN_PAUSE));
	EXPECT_EQ(WANTED - 1, status_of(self->ring).readers_lacking);
	ASSERT_EQ(128 + SIGKILL, child_kill(pid));
	ringbuf_reader_close(gone);
	/* The attach of the next reader notices the death; no other call has checked before. */
	for (i = 0; i < WANTED; i++) {
		ASSERT_EQ(-EAGAIN, put(self->writer, 1, RINGBUF_TRY));
		self->reader[i] = reader_new(self->ring);
		ASSERT_NE(NULL, self->reader[i]);
	}
	EXPECT_EQ(0, put(self->writer, 5, RINGBUF_TRY));
	for (i = 0; i < WANTED; i++)
		EXPECT_EQ(5, get(self->reader[i], RINGBUF_TRY));
}

static int write_one(void *arg)
{
	ringbuf_writer_spin(arg, 0);
	CHECK_EQ(0, put(arg, 5, RINGBUF_FOREVER));
	return 0;
}

TEST_F(gate, last_reader_wakes_a_writer_that_sleeps)
{
	pid_t pid = child_start(write_one, self->writer);
	int i;

	for (i = 0; i < WANTED; i++) {
		ASSERT_TRUE(task_asleep(pid));
		EXPECT_EQ(0, status_of(self->ring).head);
		self->reader[i] = reader_new(self->ring);
		ASSERT_NE(NULL, self->reader[i]);
	}
	ASSERT_EQ(0, child_end(pid));
	for (i = 0; i < WANTED; i++)
		EXPECT_EQ(5, get(self->reader[i], RINGBUF_TRY));
}

/* ---- stress ------------------------------------------------------------------- */

struct storm {
	struct ringbuf *ring;
	pthread_barrier_t start;
	int errors;
	bool spins;
};

/* Messages of each of the two writers in a round, more than there are slots. */
#define STORM_MESSAGES 5

static void *storm_reader(void *arg)
{
	struct storm *s = arg;
	struct ringbuf_reader *reader;
	uint64_t first;
	int n = 0;

	pthread_barrier_wait(&s->start);
	if (ringbuf_reader_attach(s->ring, RINGBUF_FROM_HEAD, 0, &reader))
		abort();
	first = ringbuf_reader_position(reader);
	while (get(reader, RINGBUF_FOREVER) >= 0)
		n++;
	if (first || n != 2 * STORM_MESSAGES)
		__atomic_add_fetch(&s->errors, 1, __ATOMIC_RELAXED);
	ringbuf_reader_close(reader);
	return NULL;
}

static void *storm_writer(void *arg)
{
	struct storm *s = arg;
	struct ringbuf_writer *writer = writer_new(s->ring);
	uint64_t i;

	if (!writer)
		abort();
	if (!s->spins)
		ringbuf_writer_spin(writer, 0);
	pthread_barrier_wait(&s->start);
	for (i = 0; i < STORM_MESSAGES; i++)
		if (put(writer, i, RINGBUF_FOREVER))
			__atomic_add_fetch(&s->errors, 1, __ATOMIC_RELAXED);
	ringbuf_writer_close(writer);
	return NULL;
}

/* Readers attach at the head, all at once, while writers block; no reader misses a message. */
TEST(readers_that_attach_at_once_miss_nothing)
{
	uint64_t round, rounds = often(3000);

	for (round = 0; round < rounds; round++) {
		struct storm s = { .ring = ring_waiting(0, 1 + round % 3, WANTED, WANTED),
				   .spins = round % 2 };
		pthread_t thread[WANTED + 2];
		int i;

		ASSERT_NE(NULL, s.ring);
		pthread_barrier_init(&s.start, NULL, WANTED + 2);
		for (i = 0; i < WANTED + 2; i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL,
						    i < 2 ? storm_writer : storm_reader, &s));
		for (i = 0; i < WANTED + 2; i++)
			pthread_join(thread[i], NULL);
		pthread_barrier_destroy(&s.start);
		ringbuf_close(s.ring);
		ASSERT_EQ(0, s.errors)
		TH_LOG("round %lu", round);
	}
}

LIB_HARNESS_MAIN
