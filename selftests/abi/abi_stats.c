// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_STATS and /proc/PID/fdinfo: positions of all members, and which of them blocks. */
#include <sched.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define SLOTS 10

FIXTURE(stats)
{
	int owner;
	int writer;
};

FIXTURE_SETUP(stats)
{
	self->owner = ring_make(0, 64, SLOTS);
	ASSERT_LE(0, self->owner);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
}

FIXTURE_TEARDOWN(stats)
{
	close(self->owner);
	close(self->writer);
}

TEST_F(stats, new_ring)
{
	struct ringbuf_stats s = stats_of(self->owner);

	EXPECT_EQ(sizeof(s), s.size);
	EXPECT_EQ(0, s.count);
	EXPECT_EQ(0, s.total);
	EXPECT_EQ(0, s.head);
	EXPECT_EQ(0, s.repaired);
	EXPECT_EQ(0, s.waits);
	EXPECT_EQ(0, s.wakeups);
	EXPECT_EQ(0, s.wake_calls);
	EXPECT_EQ(0, s.blocker_lag);
	EXPECT_EQ(RINGBUF_BLOCKER_NONE, s.blocker_kind);
	EXPECT_EQ(0, s.blocker_id);
	EXPECT_EQ(0, s.blocker_pid);
	EXPECT_EQ(1, s.writers);
	EXPECT_EQ(1, s.writers_ever);
	EXPECT_EQ(RINGBUF_END_NONE, s.ended);
	EXPECT_EQ(0, s.blocker_position);
	EXPECT_EQ(0, s.writer_count);
	EXPECT_EQ(0, s.readers_lacking);
}

TEST_F(stats, by_every_role)
{
	int reader = reader_open(self->owner), observer = observer_open(self->owner);

	EXPECT_EQ(1, stats_of(self->writer).total);
	EXPECT_EQ(1, stats_of(reader).total);
	EXPECT_EQ(1, stats_of(observer).total);
	close(reader);
	close(observer);
}

TEST_F(stats, readers)
{
	int a = reader_open(self->owner), b = reader_open(self->owner);
	struct ringbuf_reader_stats r[3];
	struct ringbuf_stats s;
	unsigned int n;

	for (n = 0; n < 7; n++)
		ASSERT_EQ(0, put(self->writer, n));
	for (n = 0; n < 5; n++)
		ASSERT_EQ(n, get(a));
	ASSERT_EQ(0, get(b));
	memset(r, 0x5a, sizeof(r));
	ASSERT_OK(stats_call(self->owner, &s, r, 3));
	EXPECT_EQ(2, s.count);
	EXPECT_EQ(2, s.total);
	EXPECT_EQ(7, s.head);
	EXPECT_EQ(5, r[0].cursor);
	EXPECT_EQ(2, r[0].lag);
	EXPECT_EQ(1, r[1].cursor);
	EXPECT_EQ(6, r[1].lag);
	EXPECT_EQ(0, r[0].id);
	EXPECT_EQ(1, r[1].id);
	EXPECT_EQ(getpid(), r[0].pid);
	EXPECT_EQ(0x5a5a5a5a, r[2].id);
	EXPECT_EQ(RINGBUF_BLOCKER_READER, s.blocker_kind);
	EXPECT_EQ(1, s.blocker_id);
	EXPECT_EQ(6, s.blocker_lag);
	EXPECT_EQ(getpid(), s.blocker_pid);

	memset(r, 0x5a, sizeof(r));
	ASSERT_OK(stats_call(self->owner, &s, r, 1));
	EXPECT_EQ(1, s.count);
	EXPECT_EQ(2, s.total);
	EXPECT_EQ(0x5a5a5a5a, r[1].id);
	EXPECT_EQ(-EFAULT, stats_call(self->owner, &s, (void *)16, 2));
	ASSERT_OK(stats_call(self->owner, &s, r, ~0U));
	EXPECT_EQ(2, s.count);
	close(a);
	close(b);
}

struct peer {
	int fd;
	int ready;
};

static int maps_and_stays(void *arg)
{
	struct peer *p = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, p->fd));
	FLAG_SET(p->ready);
	pause();
	return 0;
}

static pid_t peer_start(struct peer *p)
{
	pid_t pid = child_start(maps_and_stays, p);

	UNTIL(FLAG_GET(p->ready) || task_state(pid) == 'Z');
	return pid;
}

/* A handle belongs to the process that maps it, not to the one that opened it. */
TEST_F(stats, blocker_has_the_pid_of_its_user)
{
	struct peer *p = shared_memory(sizeof(*p));
	unsigned int n;
	pid_t pid;

	p->fd = reader_open(self->owner);
	EXPECT_EQ(getpid(), stats_of(self->owner).blocker_pid);
	pid = peer_start(p);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	ASSERT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, 0));
	EXPECT_EQ(pid, stats_of(self->owner).blocker_pid);
	EXPECT_EQ(SLOTS, stats_of(self->owner).blocker_lag);
	child_kill(pid);
	EXPECT_EQ(RINGBUF_BLOCKER_NONE, stats_of(self->owner).blocker_kind);
	EXPECT_EQ(0, stats_of(self->owner).blocker_pid);
	close(p->fd);
}

static int waits_a_little(void *arg)
{
	struct peer *p = arg;

	CHECK_EQ(0, wait_call(p->fd, 1, NEVER));
	return 0;
}

TEST_F(stats, waits_and_wakeups)
{
	struct peer p = { .fd = reader_open(self->owner) };
	struct ringbuf_reader_stats r;
	struct ringbuf_stats s;
	pid_t pid;

	ASSERT_OK(stats_call(self->owner, &s, &r, 1));
	EXPECT_EQ(0, r.waits);
	pid = child_start(waits_a_little, &p);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_EQ(0, child_end(pid));
	ASSERT_OK(stats_call(self->owner, &s, &r, 1));
	EXPECT_EQ(1, r.waits);
	EXPECT_LE(1, r.wakeups);
	EXPECT_EQ(0, s.waits);
	/* write(2) wakes by itself; only the ioctl counts as a call. */
	EXPECT_EQ(0, s.wake_calls);
	ASSERT_OK(wake_call(self->writer));
	EXPECT_EQ(1, stats_of(self->owner).wake_calls);
	close(p.fd);
}

/* ---- a writer that blocks --------------------------------------------------------- */

/* A writer that has claimed @count slots at @pos, and stands there. */
struct claimer {
	int fd;
	uint64_t pos;
	uint32_t count;
	bool first_only;
	int ready;
};

static int claims_and_stays(void *arg)
{
	struct claimer *c = arg;
	struct maps m;
	uint32_t k;

	CHECK_EQ(0, maps_open(&m, c->fd));
	claim_by_hand(&m, c->pos, c->count);
	/* As if it had been stopped before it named itself in the others. */
	for (k = 1; c->first_only && k < c->count; k++)
		m.claim[(c->pos + k) % m.info.slot_count] = 0;
	FLAG_SET(c->ready);
	pause();
	return 0;
}

static pid_t claimer_start(struct claimer *c, int fd, uint64_t pos, uint32_t count)
{
	pid_t pid;

	c->fd = fd;
	c->pos = pos;
	c->count = count;
	pid = child_start(claims_and_stays, c);
	UNTIL(FLAG_GET(c->ready) || task_state(pid) == 'Z');
	return pid;
}

enum {
	NOBODY = RINGBUF_BLOCKER_NONE,
	READER = RINGBUF_BLOCKER_READER,
	WRITER = RINGBUF_BLOCKER_WRITER
};

/* Whether @fd says that a reader or writer with @id, of process @pid, blocks at @position. */
static int blocks(int fd, uint32_t kind, uint32_t id, pid_t pid, uint64_t position, uint64_t lag)
{
	struct ringbuf_stats s = stats_of(fd);

	CHECK_EQ(kind, s.blocker_kind);
	CHECK_EQ(id, s.blocker_id);
	CHECK_EQ(pid, s.blocker_pid);
	CHECK_EQ(position, s.blocker_position);
	CHECK_EQ(lag, s.blocker_lag);
	return 0;
}

/* The reader that waits for a stopped writer's slot is not to blame. */
TEST_F(stats, unfinished_slot_blames_its_writer)
{
	struct claimer *c = shared_memory(sizeof(*c));
	int reader = reader_open(self->owner), stopped = writer_open(self->owner);
	unsigned int n;
	pid_t pid;

	ASSERT_OK(nonblock(self->writer));
	EXPECT_EQ(0, blocks(self->owner, READER, 0, getpid(), 0, 0));
	pid = claimer_start(c, stopped, 0, 1);
	for (n = 1; n < SLOTS; n++)
		ASSERT_OK(put(self->writer, n));
	EXPECT_EQ(-EAGAIN, put(self->writer, n));
	EXPECT_EQ(0, blocks(self->owner, WRITER, 2, pid, 0, SLOTS));
	child_kill(pid);
	/* Its slot is a hole now; the reader can continue, and is what blocks the writers. */
	EXPECT_EQ(0, blocks(self->owner, READER, 0, getpid(), 0, SLOTS));
	EXPECT_EQ(1, get(reader));
	close(stopped);
	close(reader);
}

/* A reader that lags behind it blocks before the stopped writer does. */
TEST_F(stats, reader_below_an_unfinished_slot_blocks)
{
	struct claimer *c = shared_memory(sizeof(*c));
	int reader = reader_open(self->owner), stopped = writer_open(self->owner);
	pid_t pid;

	ASSERT_OK(put(self->writer, 7));
	pid = claimer_start(c, stopped, 1, 1);
	EXPECT_EQ(0, blocks(self->owner, READER, 0, getpid(), 0, 2));
	EXPECT_EQ(7, get(reader));
	EXPECT_EQ(0, blocks(self->owner, WRITER, 2, pid, 1, 1));
	child_kill(pid);
	close(stopped);
	close(reader);
}

/* Without a reader the writers come round to the slot a lap later. */
TEST_F(stats, unfinished_slot_blocks_writers_without_readers)
{
	struct claimer *c = shared_memory(sizeof(*c));
	int stopped = writer_open(self->owner);
	unsigned int n;
	pid_t pid;

	ASSERT_OK(nonblock(self->writer));
	EXPECT_EQ(0, blocks(self->owner, NOBODY, 0, 0, 0, 0));
	pid = claimer_start(c, stopped, 0, 1);
	for (n = 1; n < SLOTS; n++)
		ASSERT_OK(put(self->writer, n));
	EXPECT_EQ(-EAGAIN, put(self->writer, n));
	EXPECT_EQ(0, blocks(self->owner, WRITER, 2, pid, 0, SLOTS));
	child_kill(pid);
	close(stopped);
}

/* A batch whose claim stands in its first word alone blocks with each of its slots. */
TEST_F(stats, batch_without_names_blames_its_writer)
{
	struct claimer *c = shared_memory(sizeof(*c));
	int reader = reader_open(self->owner), stopped = writer_open(self->owner);
	struct maps m;
	pid_t pid;

	c->first_only = true;
	pid = claimer_start(c, stopped, 0, 3);
	ASSERT_OK(maps_open(&m, reader));
	release_by_hand(&m, 2);
	EXPECT_EQ(0, blocks(self->owner, WRITER, 2, pid, 2, 1));
	release_by_hand(&m, 3);
	EXPECT_EQ(0, blocks(self->owner, READER, 0, getpid(), 3, 0));
	child_kill(pid);
	maps_close(&m);
	close(stopped);
	close(reader);
}

/* Claim words are a writer's to write: an id that no ring has names nobody. */
TEST_F(stats, claim_of_no_known_writer_blames_the_reader)
{
	int reader = reader_open(self->owner);
	struct maps m;
	unsigned int id;

	ASSERT_OK(maps_open(&m, self->writer));
	for (id = 0; id < 1U << RINGBUF_CLAIM_WRITER_BITS; id++) {
		bool known = id && id <= m.info.max_writers;
		struct ringbuf_stats s;

		m.claim[0] = (uint64_t)id << RINGBUF_CLAIM_COUNT_BITS | 63;
		m.head->head = 1;
		s = stats_of(self->owner);
		EXPECT_EQ(known ? WRITER : READER, s.blocker_kind);
		EXPECT_EQ(known ? id : 0, s.blocker_id);
		EXPECT_EQ(id == m.info.id || !known ? getpid() : 0, s.blocker_pid);
	}
	m.claim[0] = 0;
	maps_close(&m);
	close(reader);
}

TEST_F(stats, writers)
{
	struct ringbuf_writer_stats w[3];
	struct ringbuf_stats s = { .size = sizeof(s),
				   .writer_count = 3,
				   .writer_size = sizeof(w[0]) };
	int second = writer_open(self->owner);

	memset(w, 0x5a, sizeof(w));
	s.writer_table = POINTER(w);
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &s));
	EXPECT_EQ(2, s.writer_count);
	EXPECT_EQ(1, w[0].id);
	EXPECT_EQ(2, w[1].id);
	EXPECT_EQ(getpid(), w[0].pid);
	EXPECT_EQ(0, w[0].waits);
	EXPECT_EQ(0, w[0].wakeups);
	EXPECT_EQ(0x5a5a5a5a, w[2].id);
	s.writer_count = 1;
	memset(w, 0x5a, sizeof(w));
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &s));
	EXPECT_EQ(1, s.writer_count);
	EXPECT_EQ(2, s.writers);
	EXPECT_EQ(0x5a5a5a5a, w[1].id);
	/* A writer that is done does not count, though its id stays taken. */
	ASSERT_OK(done_call(self->writer));
	s.writer_count = ~0U;
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &s));
	EXPECT_EQ(1, s.writer_count);
	EXPECT_EQ(2, w[0].id);
	s.writer_count = 2;
	s.writer_table = 16;
	EXPECT_EQ(-EFAULT, call(self->owner, RINGBUF_IOC_STATS, &s));
	close(second);
}

/* ---- entries of another size -------------------------------------------------------- */

/* A caller whose entries have grown; bytes between two of them are zeroed. */
struct long_reader {
	struct ringbuf_reader_stats now;
	uint64_t later[3];
};

struct long_writer {
	struct ringbuf_writer_stats now;
	uint64_t later;
};

TEST_F(stats, longer_entries_end_in_zeros)
{
	struct long_reader r[3];
	struct long_writer w[3];
	struct ringbuf_stats s = {
		.size = sizeof(s),
		.readers = POINTER(r),
		.count = 3,
		.reader_size = sizeof(r[0]),
		.writer_table = POINTER(w),
		.writer_count = 3,
		.writer_size = sizeof(w[0]),
	};
	int a = reader_open(self->owner), b = reader_open(self->owner);
	int second = writer_open(self->owner);
	unsigned int i;

	memset(r, 0x5a, sizeof(r));
	memset(w, 0x5a, sizeof(w));
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &s));
	ASSERT_EQ(2, s.count);
	ASSERT_EQ(2, s.writer_count);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(i, r[i].now.id);
		EXPECT_EQ(getpid(), r[i].now.pid);
		EXPECT_EQ(0, r[i].later[0] | r[i].later[1] | r[i].later[2]);
		EXPECT_EQ(i + 1, w[i].now.id);
		EXPECT_EQ(getpid(), w[i].now.pid);
		EXPECT_EQ(0, w[i].later);
	}
	/* No entry, no zeros. */
	EXPECT_EQ(0x5a5a5a5a, r[2].now.id);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, r[2].later[0]);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, w[2].later);
	EXPECT_EQ(sizeof(r[0]), s.reader_size);
	EXPECT_EQ(sizeof(w[0]), s.writer_size);
	close(a);
	close(b);
	close(second);
}

TEST_F(stats, entry_sizes)
{
	struct ringbuf_reader_stats r;
	struct ringbuf_writer_stats w;
	const struct {
		uint32_t reader, writer;
		int err;
	} sizes[] = {
		{ sizeof(r), sizeof(w), 0 },
		{ RINGBUF_READER_STATS_SIZE_VER0, sizeof(w), 0 },
		{ RINGBUF_READER_STATS_SIZE_VER0 - 1, sizeof(w), -EINVAL },
		{ sizeof(r), sizeof(w) - 1, -EINVAL },
		{ 0, sizeof(w), -EINVAL },
		{ sizeof(r), 0, -EINVAL },
		{ ~0U, sizeof(w), -E2BIG },
		{ sizeof(r), ~0U, -E2BIG },
	};
	int reader = reader_open(self->owner);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ringbuf_stats s = {
			.size = sizeof(s),
			.readers = POINTER(&r),
			.count = 1,
			.reader_size = sizes[i].reader,
			.writer_table = POINTER(&w),
			.writer_count = 1,
			.writer_size = sizes[i].writer,
		};

		EXPECT_EQ(sizes[i].err, call(self->owner, RINGBUF_IOC_STATS, &s));
		/* Without an array its size does not matter. */
		s.readers = 0;
		s.writer_table = 0;
		EXPECT_EQ(0, call(self->owner, RINGBUF_IOC_STATS, &s));
		EXPECT_EQ(0, s.count);
		EXPECT_EQ(0, s.writer_count);
	}
	close(reader);
}

/* ---- pid namespaces --------------------------------------------------------------- */

struct inside {
	int owner;
	int reader;
	int ready;
	pid_t seen;
};

/* Process 1 of a namespace of its own. */
static int as_init(void *arg)
{
	struct inside *in = arg;
	struct maps m;

	/* A process outside of the pid namespace has no pid in it. */
	CHECK_EQ(0, stats_of(in->owner).blocker_pid);
	CHECK_EQ(0, maps_open(&m, in->reader));
	in->seen = stats_of(in->owner).blocker_pid;
	FLAG_SET(in->ready);
	pause();
	return 0;
}

static int makes_a_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID))
		return CHILD_SKIP;
	return child_run(as_init, arg);
}

TEST_F(stats, pid_namespaces)
{
	struct inside *in = shared_memory(sizeof(*in));
	struct ringbuf_stats s;
	pid_t pid;

	in->owner = self->owner;
	in->reader = reader_open(self->owner);
	pid = child_start(makes_a_namespace, in);
	UNTIL(FLAG_GET(in->ready) || task_state(pid) == 'Z');
	if (!in->ready) {
		int status = child_end(pid);

		ASSERT_EQ(CHILD_SKIP, status);
		SKIP(return, "no pid namespaces, or no right to make one");
	}
	EXPECT_EQ(1, in->seen);
	s = stats_of(self->owner);
	EXPECT_NE(0, s.blocker_pid);
	EXPECT_NE(1, s.blocker_pid);
	EXPECT_NE(pid, s.blocker_pid);
	EXPECT_EQ(0, kill(s.blocker_pid, 0));
	child_kill(pid);
	close(in->reader);
}

/* ---- fdinfo ------------------------------------------------------------------------- */

TEST_F(stats, fdinfo)
{
	int reader = reader_open(self->owner), none = device_open(), named;
	unsigned int n;

	for (n = 0; n < 7; n++)
		ASSERT_EQ(0, put(self->writer, n));
	for (n = 0; n < 3; n++)
		ASSERT_EQ(n, get(reader));
	EXPECT_STREQ("none", fdinfo(none, "role"));
	EXPECT_STREQ("owner", fdinfo(self->owner, "role"));
	EXPECT_STREQ("writer", fdinfo(self->writer, "role"));
	EXPECT_STREQ("1", fdinfo(self->writer, "id"));
	EXPECT_STREQ("reader", fdinfo(reader, "role"));
	EXPECT_STREQ("64", fdinfo(reader, "slot-bytes"));
	EXPECT_STREQ("10", fdinfo(reader, "slot-count"));
	EXPECT_STREQ("7", fdinfo(reader, "head"));
	EXPECT_STREQ("3", fdinfo(reader, "cursor"));
	EXPECT_STREQ("4", fdinfo(reader, "lag"));
	EXPECT_STREQ("", fdinfo(reader, "file"));
	named = file_make(RINGS "/selftest\nfdinfo\\", 0, 64, 4);
	ASSERT_LE(0, named);
	EXPECT_STREQ("/dev/rings/selftest\\012fdinfo\\134", fdinfo(named, "file"));
	ASSERT_OK(done_call(self->writer));
	EXPECT_STREQ("writer (done)", fdinfo(self->writer, "role"));
	ASSERT_OK(detach_call(reader));
	EXPECT_STREQ("reader (detached)", fdinfo(reader, "role"));
	close(reader);
	close(none);
	close(named);
}

DEVICE_HARNESS_MAIN
