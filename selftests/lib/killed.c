// SPDX-License-Identifier: GPL-2.0
/*
 * What a killed process leaves behind: its claims become holes, its reader holds no slot,
 * its name is removed, and its committed messages stay.
 */
#include "../harness/harness.h"
#include "../harness/rings.h"

#define SLOTS 10

FIXTURE(killed)
{
	struct ringbuf *ring;
};

SHARED_AND_EXCLUSIVE(killed, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(killed)
{
	self->ring = ring_new(variant->flags, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
}

FIXTURE_TEARDOWN(killed)
{
	ringbuf_close(self->ring);
}

static int dies_reading(void *arg)
{
	struct ringbuf_reader *reader = reader_new(arg);
	struct ringbuf_slot s[5];

	CHECK(reader);
	CHECK(ringbuf_reader_peek(reader, s, 5, RINGBUF_TRY) > 0);
	raise(SIGKILL);
	return 1;
}

TEST_F(killed, killed_reader_blocks_no_writer)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	unsigned int n, count = rounds(50);

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	for (n = 0; n < count; n++) {
		ASSERT_EQ(128 + SIGKILL, child_run(dies_reading, self->ring));
		ASSERT_EQ(0, put(writer, n, PATIENCE));
	}
	EXPECT_EQ(0, status_of(self->ring).readers);
	ringbuf_writer_close(writer);
}

static int sleeps_as_reader(void *arg)
{
	struct ringbuf_reader *reader = reader_new(arg);

	CHECK(reader);
	return get(reader, RINGBUF_FOREVER) != 0;
}

TEST_F(killed, reader_killed_in_its_sleep_blocks_no_writer)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	pid_t pid;
	unsigned int n;

	ASSERT_NE(NULL, writer);
	pid = child_start(sleeps_as_reader, self->ring);
	UNTIL(status_of(self->ring).readers == 1);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
	for (n = 0; n < 3 * SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, PATIENCE));
	ringbuf_writer_close(writer);
}

static int dies_as_both(void *arg)
{
	struct ringbuf *ring = arg;
	struct ringbuf_reader *reader = reader_new(ring);
	struct ringbuf_writer *writer = writer_new(ring);

	CHECK(reader && writer);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	CHECK_EQ(1, get(reader, RINGBUF_TRY));
	raise(SIGKILL);
	return 1;
}

/* No process has waited, attached or closed since the death, but the statistics notice it. */
TEST_F(killed, dead_processes_are_not_counted_as_readers_or_writers)
{
	struct ringbuf_status s;

	ASSERT_EQ(128 + SIGKILL, child_run(dies_as_both, self->ring));
	s = status_of(self->ring);
	EXPECT_EQ(0, s.readers);
	EXPECT_EQ(0, s.writers);
	EXPECT_EQ(1, s.writers_ever);
	EXPECT_EQ(RINGBUF_STREAM_DIED, s.ended);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, s.blocker_kind);
}

TEST_F(killed, dead_readers_cannot_be_moved_or_evicted)
{
	ASSERT_EQ(128 + SIGKILL, child_run(dies_as_both, self->ring));
	EXPECT_EQ(-ENOENT, ringbuf_sync(self->ring, 0, 1));
	ASSERT_EQ(128 + SIGKILL, child_run(dies_as_both, self->ring));
	EXPECT_EQ(-ENOENT, ringbuf_evict_reader(self->ring, 0));
}

struct claim {
	struct ringbuf *ring;
	unsigned int reserve;
	unsigned int commit;
};

static int dies_writing(void *arg)
{
	struct claim *c = arg;
	struct ringbuf_writer *writer = writer_new(c->ring);
	struct ringbuf_slot s[SLOTS];
	unsigned int n;

	CHECK(writer);
	for (n = 0; n < c->commit; n++)
		CHECK_EQ(0, put(writer, n, RINGBUF_TRY));
	CHECK_EQ(c->reserve, ringbuf_writer_reserve(writer, s, c->reserve, RINGBUF_TRY));
	for (n = 0; n < c->reserve; n++)
		memset(s[n].data, 0xee, 64);
	raise(SIGKILL);
	return 1;
}

/* Try every number of committed and of reserved slots, on the same ring. */
TEST_F(killed, slots_of_a_killed_writer_become_holes)
{
	bool shared = !(variant->flags & RINGBUF_EXCLUSIVE);
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_writer *writer;
	uint64_t holes = 0;
	struct claim c = { .ring = self->ring };
	unsigned int n;

	for (c.reserve = 1; c.reserve < SLOTS; c.reserve++) {
		for (c.commit = 0; c.commit + c.reserve < SLOTS; c.commit++) {
			ASSERT_EQ(128 + SIGKILL, child_run(dies_writing, &c));
			writer = writer_new(self->ring);
			ASSERT_NE(NULL, writer);
			ASSERT_EQ(0, put(writer, 1234, PATIENCE));
			for (n = 0; n < c.commit; n++)
				ASSERT_EQ(n, get(reader, PATIENCE));
			ASSERT_EQ(1234, get(reader, PATIENCE));
			holes += shared ? c.reserve : 0;
			ASSERT_EQ(holes, ringbuf_reader_holes(reader));
			ringbuf_writer_close(writer);
		}
	}
	EXPECT_EQ(holes, status_of(self->ring).repaired);
	EXPECT_EQ(0, ringbuf_reader_lost(reader));
	ringbuf_reader_close(reader);
}

/* More writers die than there are ids, while the reader has not passed the first hole. */
TEST(crashed_writers_do_not_keep_new_ones_out)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 100);
	struct claim c = { .reserve = 2, .commit = 1 };
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	unsigned int n;

	config.max_writers = 3;
	ASSERT_EQ(0, ringbuf_create(&config, &c.ring));
	reader = reader_new(c.ring);
	ASSERT_NE(NULL, reader);
	for (n = 0; n < 10; n++)
		ASSERT_EQ(128 + SIGKILL, child_run(dies_writing, &c));
	writer = writer_new(c.ring);
	ASSERT_NE(NULL, writer);
	ASSERT_EQ(0, put(writer, 1234, RINGBUF_TRY));
	for (n = 0; n < 10; n++)
		ASSERT_EQ(0, get(reader, RINGBUF_TRY));
	EXPECT_EQ(1234, get(reader, RINGBUF_TRY));
	EXPECT_EQ(20, ringbuf_reader_holes(reader));
	ringbuf_writer_close(writer);
	ringbuf_reader_close(reader);
	ringbuf_close(c.ring);
}

/* The reader has to be woken for the message behind the claim of the dead writer. */
TEST_F(killed, reader_before_a_dead_claim_is_woken)
{
	struct claim c = { .ring = self->ring, .reserve = 3, .commit = 0 };
	struct ringbuf_writer *writer;
	pid_t pid;

	if (variant->flags & RINGBUF_EXCLUSIVE)
		SKIP(return, "about shared writers");
	writer = writer_new(self->ring);
	ASSERT_NE(NULL, writer);
	pid = child_start(sleeps_as_reader, self->ring);
	UNTIL(status_of(self->ring).readers == 1);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(128 + SIGKILL, child_run(dies_writing, &c));
	ASSERT_EQ(0, put(writer, 0, PATIENCE));
	EXPECT_EQ(0, child_end(pid));
	ringbuf_writer_close(writer);
}

static int writes_and_dies(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);

	CHECK(writer);
	CHECK_EQ(0, put(writer, 5, RINGBUF_TRY));
	raise(SIGKILL);
	return 1;
}

TEST_F(killed, claim_of_a_living_writer_stays)
{
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_writer *writer;
	struct ringbuf_slot s[2];

	if (variant->flags & RINGBUF_EXCLUSIVE) {
		ringbuf_reader_close(reader);
		SKIP(return, "about shared writers");
	}
	writer = writer_new(self->ring);
	ASSERT_EQ(2, ringbuf_writer_reserve(writer, s, 2, RINGBUF_TRY));
	ASSERT_EQ(128 + SIGKILL, child_run(writes_and_dies, self->ring));
	ASSERT_EQ(-ETIMEDOUT, get(reader, 150 * MS));
	memcpy(s[0].data, &(uint64_t){ 3 }, 8);
	memcpy(s[1].data, &(uint64_t){ 4 }, 8);
	s[0].length = s[1].length = 8;
	ASSERT_EQ(0, ringbuf_writer_commit(writer, s, 2));
	EXPECT_EQ(3, get(reader, PATIENCE));
	EXPECT_EQ(4, get(reader, PATIENCE));
	EXPECT_EQ(5, get(reader, PATIENCE));
	EXPECT_EQ(0, ringbuf_reader_holes(reader));
	ringbuf_writer_close(writer);
	ringbuf_reader_close(reader);
}

/* ---- names ------------------------------------------------------------------ */

static int named(const char *name, uint32_t flags, struct ringbuf **ring)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);

	config.name = name;
	config.flags = flags;
	return ringbuf_create(&config, ring);
}

static int makes_a_name(void *arg)
{
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	CHECK_EQ(0, named(arg, 0, &ring));
	writer = writer_new(ring);
	CHECK(writer);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	raise(SIGKILL);
	return 1;
}

static int makes_a_lasting_name(void *arg)
{
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	CHECK_EQ(0, named(arg, RINGBUF_KEPT, &ring));
	writer = writer_new(ring);
	CHECK(writer);
	CHECK_EQ(0, put(writer, 17, RINGBUF_TRY));
	raise(SIGKILL);
	return 1;
}

TEST(name_of_a_killed_process_can_be_made_again)
{
	const char *name = name_of("again");
	struct ringbuf *ring;
	unsigned int n;

	for (n = 0; n < 5; n++)
		ASSERT_EQ(128 + SIGKILL, child_run(makes_a_name, (void *)name));
	ASSERT_EQ(0, named(name, 0, &ring));
	EXPECT_EQ(0, status_of(ring).head);
	ringbuf_close(ring);
}

TEST(name_of_a_killed_process_cannot_be_opened)
{
	const char *name = name_of("gone");
	struct ringbuf *ring;

	ASSERT_EQ(128 + SIGKILL, child_run(makes_a_name, (void *)name));
	EXPECT_EQ(-ENOENT, ringbuf_open(name, RINGBUF_HOST_AUTO, &ring));
	EXPECT_EQ(-ENOENT, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
}

TEST(kept_name_of_a_killed_process_stays)
{
	const char *name = name_of("stays");
	struct ringbuf_reader *reader;
	struct ringbuf *ring;

	ASSERT_EQ(128 + SIGKILL, child_run(makes_a_lasting_name, (void *)name));
	ASSERT_EQ(0, ringbuf_open(name, RINGBUF_HOST_AUTO, &ring));
	reader = reader_new(ring);
	EXPECT_EQ(17, get(reader, PATIENCE));
	EXPECT_EQ(-ENODATA, get(reader, PATIENCE));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
	EXPECT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
}

/* Open the ring of a process that is killed then: name and messages stay until this one closes. */
static int opens_and_waits(void *arg)
{
	struct ringbuf_reader *reader;
	struct ringbuf *ring;
	int err;

	UNTIL((err = ringbuf_open(arg, RINGBUF_HOST_AUTO, &ring)) != -ENOENT);
	CHECK_EQ(0, err);
	reader = reader_new(ring);
	CHECK_EQ(1, get(reader, PATIENCE));
	CHECK_EQ(-ENODATA, get(reader, PATIENCE));
	ringbuf_close(ring);
	CHECK_EQ(0, ringbuf_open(arg, RINGBUF_HOST_AUTO, &ring));
	ringbuf_close(ring);
	ringbuf_reader_close(reader);
	/* The descriptors of a killed process are closed a little after its maps. */
	while (!(err = ringbuf_open(arg, RINGBUF_HOST_AUTO, &ring)))
		ringbuf_close(ring);
	CHECK_EQ(-ENOENT, err);
	return 0;
}

static int makes_and_is_killed_later(void *arg)
{
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	CHECK_EQ(0, named(arg, 0, &ring));
	writer = writer_new(ring);
	CHECK(writer);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	UNTIL(status_of(ring).readers == 1);
	raise(SIGKILL);
	return 1;
}

TEST(name_stays_while_another_process_has_the_ring_open)
{
	char name[64];
	pid_t pid;

	snprintf(name, sizeof(name), "%s", name_of("lives"));
	pid = child_start(opens_and_waits, name);
	EXPECT_EQ(128 + SIGKILL, child_run(makes_and_is_killed_later, name));
	EXPECT_EQ(0, child_end(pid));
}

LIB_HARNESS_MAIN
