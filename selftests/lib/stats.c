// SPDX-License-Identifier: GPL-2.0
/* What ringbuf_stats() says of a ring, its readers, and what blocks it. */
#include <sched.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

#define SLOTS 10

FIXTURE(stats)
{
	struct ringbuf *ring;
};

FIXTURE_SETUP(stats)
{
	self->ring = ring_new(0, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
}

FIXTURE_TEARDOWN(stats)
{
	ringbuf_close(self->ring);
}

TEST_F(stats, new_ring)
{
	struct ringbuf_reader_status r[2];
	struct ringbuf_status s;

	memset(&s, 0x5a, sizeof(s));
	s.size = sizeof(s);
	EXPECT_EQ(0, ringbuf_stats(self->ring, &s, r, 2));
	EXPECT_EQ(sizeof(s), s.size);
	EXPECT_EQ(0, s.head);
	EXPECT_EQ(0, s.repaired);
	EXPECT_EQ(0, s.writer_waits);
	EXPECT_EQ(0, s.blocker_lag);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, s.blocker_kind);
	EXPECT_EQ(0, s.blocker_id);
	EXPECT_EQ(0, s.blocker_pid);
	EXPECT_EQ(0, s.readers);
	EXPECT_EQ(0, s.writers);
	EXPECT_EQ(0, s.writers_ever);
	EXPECT_EQ(RINGBUF_STREAM_OPEN, s.ended);
	EXPECT_EQ(0, s.readers_lacking);
	EXPECT_EQ(0, s.blocker_position);
}

TEST_F(stats, arguments)
{
	struct ringbuf_status s = { .size = sizeof(s) };

	EXPECT_EQ(-EINVAL, ringbuf_stats(self->ring, &s, NULL, 1));
	s.size = 0;
	EXPECT_EQ(-EINVAL, ringbuf_stats(self->ring, &s, NULL, 0));
	s.size = 8;
	EXPECT_EQ(-EINVAL, ringbuf_stats(self->ring, &s, NULL, 0));
}

/* A program of a later version knows more; the rest is zero. */
TEST_F(stats, longer_structure)
{
	struct {
		struct ringbuf_status status;
		unsigned char more[40];
	} big;
	unsigned int n;

	memset(&big, 0x5a, sizeof(big));
	big.status.size = sizeof(big) - 8;
	ASSERT_EQ(0, ringbuf_stats(self->ring, &big.status, NULL, 0));
	EXPECT_EQ(sizeof(big) - 8, big.status.size);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, big.status.blocker_kind);
	for (n = 0; n < 32; n++)
		EXPECT_EQ(0, big.more[n]);
	EXPECT_EQ(0x5a, big.more[32]);
}

TEST_F(stats, lags)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_reader *a = reader_new(self->ring), *b = reader_new(self->ring);
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status r[3];
	unsigned int n, i, of_a = 2;

	ASSERT_TRUE(writer && a && b);
	for (n = 0; n < 7; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	for (n = 0; n < 5; n++)
		ASSERT_EQ(n, get(a, RINGBUF_TRY));
	ASSERT_EQ(0, get(b, RINGBUF_TRY));
	memset(r, 0x5a, sizeof(r));
	ASSERT_EQ(2, ringbuf_stats(self->ring, &s, r, 3));
	for (i = 0; i < 2; i++)
		if (r[i].id == ringbuf_reader_id(a))
			of_a = i;
	ASSERT_GT(2, of_a);
	EXPECT_EQ(ringbuf_reader_id(b), r[!of_a].id);
	EXPECT_EQ(5, r[of_a].cursor);
	EXPECT_EQ(2, r[of_a].lag);
	EXPECT_EQ(1, r[!of_a].cursor);
	EXPECT_EQ(6, r[!of_a].lag);
	EXPECT_EQ(getpid(), r[0].pid);
	EXPECT_EQ(7, s.head);
	EXPECT_EQ(2, s.readers);
	EXPECT_EQ(1, s.writers);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_READER, s.blocker_kind);
	EXPECT_EQ(ringbuf_reader_id(b), s.blocker_id);
	EXPECT_EQ(6, s.blocker_lag);
	EXPECT_EQ(getpid(), s.blocker_pid);
	/* Room for one: one is written. */
	memset(r, 0x5a, sizeof(r));
	EXPECT_EQ(1, ringbuf_stats(self->ring, &s, r, 1));
	EXPECT_EQ(0x5a5a5a5a, r[1].id);
	EXPECT_EQ(2, s.readers);
	ringbuf_reader_close(b);
	EXPECT_EQ(ringbuf_reader_id(a), status_of(self->ring).blocker_id);
	ringbuf_reader_close(a);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_NOBODY, status_of(self->ring).blocker_kind);
	ringbuf_writer_close(writer);
}

TEST_F(stats, losses_and_holes)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status r;
	struct ringbuf_slot slot[3];

	ASSERT_EQ(0, put(writer, 0, RINGBUF_TRY));
	ASSERT_EQ(0, put(writer, 1, RINGBUF_TRY));
	ASSERT_EQ(3, ringbuf_writer_reserve(writer, slot, 3, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_writer_discard(writer));
	ASSERT_EQ(0, put(writer, 5, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_sync(self->ring, ringbuf_reader_id(reader), 2));
	ASSERT_EQ(5, get(reader, RINGBUF_TRY));
	ASSERT_EQ(1, ringbuf_stats(self->ring, &s, &r, 1));
	EXPECT_EQ(2, r.lost);
	EXPECT_EQ(3, r.holes);
	EXPECT_EQ(6, r.cursor);
	EXPECT_EQ(0, r.lag);
	EXPECT_EQ(0, s.repaired);
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
}

struct peer {
	struct ringbuf *ring;
	int attached;
	int stop;
};

static int lazy_reader(void *arg)
{
	struct peer *p = arg;
	struct ringbuf_reader *reader = reader_new(p->ring);
	struct ringbuf_slot s;

	CHECK(reader);
	CHECK_EQ(-EAGAIN, ringbuf_reader_peek(reader, &s, 1, RINGBUF_TRY));
	FLAG_SET(p->attached);
	pause();
	return 0;
}

/* The pid of the blocker, until it is gone. */
TEST_F(stats, blocker_in_another_process)
{
	struct peer *p = shared_memory(sizeof(*p));
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_status s;
	unsigned int n;
	pid_t pid;

	p->ring = self->ring;
	pid = child_start(lazy_reader, p);
	UNTIL(FLAG_GET(p->attached));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	ASSERT_EQ(-ETIMEDOUT, put(writer, n, 60 * MS));
	s = status_of(self->ring);
	EXPECT_EQ(pid, s.blocker_pid);
	EXPECT_EQ(SLOTS, s.blocker_lag);
	EXPECT_LE(1, s.writer_waits);
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
	EXPECT_EQ(0, put(writer, n, PATIENCE));
	s = status_of(self->ring);
	EXPECT_EQ(0, s.blocker_pid);
	EXPECT_EQ(0, s.readers);
	ringbuf_writer_close(writer);
}

/* A writer that reserves a slot, tells its id, and stays. */
struct holder {
	struct ringbuf *ring;
	uint32_t id;
	int ready;
};

static int holds_a_slot(void *arg)
{
	struct holder *h = arg;
	struct ringbuf_writer *writer = writer_new(h->ring);
	struct ringbuf_slot s;

	CHECK_EQ(1, ringbuf_writer_reserve(writer, &s, 1, RINGBUF_TRY));
	h->id = ringbuf_writer_id(writer);
	FLAG_SET(h->ready);
	pause();
	return 0;
}

/* The reader that waits for the slot of a stopped writer is not to blame. */
TEST_F(stats, unfinished_slot_blames_its_writer)
{
	struct holder *h = shared_memory(sizeof(*h));
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_writer_status w[3];
	struct ringbuf_status s;
	unsigned int n;
	pid_t pid;

	h->ring = self->ring;
	ASSERT_EQ(0, put(writer, 7, RINGBUF_TRY));
	pid = child_start(holds_a_slot, h);
	UNTIL(FLAG_GET(h->ready));
	s = status_of(self->ring);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_READER, s.blocker_kind);
	EXPECT_EQ(ringbuf_reader_id(reader), s.blocker_id);
	EXPECT_EQ(0, s.blocker_position);
	ASSERT_EQ(7, get(reader, RINGBUF_TRY));
	for (n = 2; n <= SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, put(writer, n, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, get(reader, RINGBUF_TRY));
	s = status_of(self->ring);
	EXPECT_EQ(RINGBUF_BLOCKED_BY_WRITER, s.blocker_kind);
	EXPECT_EQ(h->id, s.blocker_id);
	EXPECT_EQ(pid, s.blocker_pid);
	EXPECT_EQ(1, s.blocker_position);
	EXPECT_EQ(SLOTS, s.blocker_lag);
	ASSERT_EQ(2, ringbuf_writers(self->ring, w, 3));
	EXPECT_EQ(getpid(), w[0].pid);
	EXPECT_EQ(h->id, w[1].id);
	EXPECT_EQ(pid, w[1].pid);
	EXPECT_EQ(1, ringbuf_writers(self->ring, w, 1));
	EXPECT_EQ(-EINVAL, ringbuf_writers(self->ring, NULL, 1));
	child_kill(pid);
	EXPECT_EQ(2, get(reader, PATIENCE));
	EXPECT_EQ(1, ringbuf_writers(self->ring, w, 3));
	EXPECT_NE(RINGBUF_BLOCKED_BY_WRITER, status_of(self->ring).blocker_kind);
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
}

struct seen {
	struct ringbuf *ring;
	pid_t outside;
	pid_t inside;
};

/* Process 1 of a namespace of its own: it has no number for those outside. */
static int looks_as_init(void *arg)
{
	struct seen *seen = arg;
	struct ringbuf_reader *reader;

	seen->outside = status_of(seen->ring).blocker_pid;
	reader = reader_new(seen->ring);
	CHECK_EQ(-EAGAIN, get(reader, RINGBUF_TRY));
	CHECK_EQ(0, ringbuf_sync(seen->ring, 0, UINT64_MAX));
	seen->inside = 1;
	pause();
	return 0;
}

static int makes_a_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID))
		return CHILD_SKIP;
	return child_run(looks_as_init, arg);
}

/* A pid of another namespace is told as 0, or as what it is in the caller's. */
TEST_F(stats, pid_of_another_namespace_is_not_told)
{
	struct seen *seen = shared_memory(sizeof(*seen));
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_reader_status r[2];
	struct ringbuf_status s = { .size = sizeof(s) };
	pid_t pid;

	seen->ring = self->ring;
	seen->outside = -1;
	EXPECT_EQ(getpid(), status_of(self->ring).blocker_pid);
	pid = child_start(makes_a_namespace, seen);
	UNTIL(FLAG_GET(seen->inside) || task_state(pid) == 'Z');
	if (!seen->inside) {
		ASSERT_EQ(CHILD_SKIP, child_end(pid));
		SKIP(return, "no pid namespaces, or no right to make one");
	}
	EXPECT_EQ(0, seen->outside);
	ASSERT_EQ(2, ringbuf_stats(self->ring, &s, r, 2));
	EXPECT_EQ(getpid(), r[0].pid);
	/* The module can translate it; 1 would be another process. */
	EXPECT_NE(1, r[1].pid);
	EXPECT_TRUE(!r[1].pid || !kill(r[1].pid, 0));
	child_kill(pid);
	ringbuf_reader_close(reader);
}

TEST_F(stats, waits)
{
	struct ringbuf_writer *writer = writer_new(self->ring);
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status r;
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(writer, n, RINGBUF_TRY));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(n, get(reader, RINGBUF_TRY));
	ASSERT_EQ(1, ringbuf_stats(self->ring, &s, &r, 1));
	EXPECT_EQ(0, s.writer_waits);
	EXPECT_EQ(0, r.waits);
	ringbuf_reader_spin(reader, 0);
	ASSERT_EQ(-ETIMEDOUT, get(reader, 5 * MS));
	ASSERT_EQ(1, ringbuf_stats(self->ring, &s, &r, 1));
	EXPECT_EQ(0, s.writer_waits);
	EXPECT_LE(1, r.waits);
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
}

LIB_HARNESS_MAIN
