// SPDX-License-Identifier: GPL-2.0
/* ringbuf_writer_blocker(): which process a writer waits for, where it stands, since when. */
#include "../harness/harness.h"
#include "../harness/rings.h"

#include <sys/prctl.h>

#define SLOTS 4
#define NAME  "slow one"

FIXTURE(blocker)
{
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
};

FIXTURE_SETUP(blocker)
{
	self->ring = ring_new(0, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->writer = writer_new(self->ring);
	ASSERT_NE(NULL, self->writer);
}

FIXTURE_TEARDOWN(blocker)
{
	ringbuf_writer_close(self->writer);
	ringbuf_close(self->ring);
}

static struct ringbuf_blocker blocker_of(struct ringbuf_writer *writer)
{
	struct ringbuf_blocker b;
	int err;

	memset(&b, 0x5a, sizeof(b));
	b.size = sizeof(b);
	err = ringbuf_writer_blocker(writer, &b);
	if (err)
		fprintf(stderr, "# ringbuf_writer_blocker: %d\n", err);
	return b;
}

TEST_F(blocker, none)
{
	struct ringbuf_blocker b = blocker_of(self->writer);

	EXPECT_EQ(sizeof(b), b.size);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, b.kind);
	EXPECT_EQ(0, b.id);
	EXPECT_EQ(0, b.pid);
	EXPECT_EQ(0, b.position);
	EXPECT_EQ(0, b.lag);
	EXPECT_EQ(0, b.since);
	EXPECT_EQ(0, b.readers_lacking);
	EXPECT_STREQ("", b.comm);
}

TEST_F(blocker, sizes)
{
	struct {
		struct ringbuf_blocker b;
		char more[8];
	} longer = { .b = { .size = sizeof(longer) }, .more = "1234567" };
	struct ringbuf_blocker b = { .size = sizeof(b) - 1 };

	EXPECT_EQ(-EINVAL, ringbuf_writer_blocker(self->writer, &b));
	b.size = 0;
	EXPECT_EQ(-EINVAL, ringbuf_writer_blocker(self->writer, &b));
	EXPECT_EQ(0, ringbuf_writer_blocker(self->writer, &longer.b));
	EXPECT_STREQ("", longer.more);
}

TEST_F(blocker, first_readers)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	struct ringbuf *ring;

	config.wait_readers = 2;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	writer = writer_new(ring);
	ASSERT_EQ(-EAGAIN, put(writer, 1, RINGBUF_TRY));
	EXPECT_EQ(2, blocker_of(writer).readers_lacking);
	reader = reader_new(ring);
	EXPECT_EQ(1, blocker_of(writer).readers_lacking);
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

struct peer {
	struct ringbuf *ring;
	bool writes;
	int ready;
};

/* Read one message of two, or leave a reserved slot open. */
static int blocks(void *arg)
{
	struct peer *p = arg;
	struct ringbuf_slot slot;

	CHECK_EQ(0, prctl(PR_SET_NAME, NAME));
	if (p->writes)
		CHECK_EQ(1, ringbuf_writer_reserve(writer_new(p->ring), &slot, 1, RINGBUF_TRY));
	else
		CHECK_EQ(-EAGAIN, get(reader_new(p->ring), RINGBUF_TRY));
	FLAG_SET(p->ready);
	pause();
	return 0;
}

static pid_t peer_start(struct ringbuf *ring, bool writes)
{
	struct peer *p = shared_memory(sizeof(*p));
	pid_t pid;

	p->ring = ring;
	p->writes = writes;
	pid = child_start(blocks, p);
	UNTIL(FLAG_GET(p->ready) || task_state(pid) == 'Z');
	return pid;
}

static int fill(struct ringbuf_writer *writer)
{
	int err;

	while (!(err = put(writer, 1, RINGBUF_TRY)))
		;
	return err;
}

/* A wait of @ns ends for nothing; it has seen the blocker at its begin, after some spinning. */
static int waited(struct ringbuf_writer *writer, int64_t ns, struct ringbuf_blocker *b)
{
	CHECK_EQ(-ETIMEDOUT, put(writer, 1, ns));
	*b = blocker_of(writer);
	CHECK(b->since && b->since <= now_ns() && now_ns() - b->since >= (uint64_t)ns / 2);
	return 0;
}

TEST_F(blocker, reader)
{
	pid_t pid = peer_start(self->ring, false);
	struct ringbuf_blocker b, c;
	struct ringbuf_status s;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(0, waited(self->writer, 20 * MS, &b));
	EXPECT_EQ(RINGBUF_BLOCKED_BY_READER, b.kind);
	EXPECT_EQ(0, b.id);
	EXPECT_EQ(pid, b.pid);
	EXPECT_EQ(0, b.position);
	EXPECT_EQ(SLOTS, b.lag);
	EXPECT_STREQ(NAME, b.comm);
	ASSERT_EQ(0, waited(self->writer, 20 * MS, &c));
	EXPECT_EQ(b.since, c.since);
	s = status_of(self->ring);
	EXPECT_STREQ(NAME, s.blocker_comm);
	EXPECT_EQ(b.since, s.blocker_since);
	EXPECT_EQ(pid, s.blocker_pid);
	child_kill(pid);
	ASSERT_EQ(0, put(self->writer, 1, PATIENCE));
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, blocker_of(self->writer).kind);
}

TEST_F(blocker, writer)
{
	pid_t pid = peer_start(self->ring, true);
	struct ringbuf_blocker b;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(0, waited(self->writer, 20 * MS, &b));
	EXPECT_EQ(RINGBUF_BLOCKED_BY_WRITER, b.kind);
	EXPECT_EQ(2, b.id);
	EXPECT_EQ(pid, b.pid);
	EXPECT_EQ(0, b.position);
	EXPECT_STREQ(NAME, b.comm);
	child_kill(pid);
	EXPECT_EQ(0, put(self->writer, 1, PATIENCE));
}

TEST_F(blocker, time_begins_when_the_reader_moves)
{
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_blocker b, c;

	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(0, waited(self->writer, 20 * MS, &b));
	ASSERT_EQ(1, get(reader, RINGBUF_TRY));
	ASSERT_EQ(-EAGAIN, fill(self->writer));
	ASSERT_EQ(0, waited(self->writer, 20 * MS, &c));
	EXPECT_EQ(1, c.position);
	EXPECT_LT(b.since, c.since);
	/* Another reader with the same id has not been there either. */
	ringbuf_reader_close(reader);
	reader = reader_new(self->ring);
	EXPECT_EQ(b.id, blocker_of(self->writer).id);
	EXPECT_LT(c.since, blocker_of(self->writer).since);
	ringbuf_reader_close(reader);
}

LIB_HARNESS_MAIN
