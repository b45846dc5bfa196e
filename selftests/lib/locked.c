// SPDX-License-Identifier: GPL-2.0
/*
 * A peer keeps the slow-path lock of the embedded host.  Every call that needs the lock
 * must end with an error, and every other call must not wait for it.
 */
#include "../harness/harness.h"
#include "../harness/rings.h"

#include "embedded.h"

/* A child that takes longer than so many seconds hangs, and is ended by SIGALRM. */
#define HANGS 60

/**
 * struct held - a ring whose lock a peer holds
 * @name: name of the ring
 * @ring: the ring, opened before the peer takes the lock
 * @header: header of the ring's file
 * @held: the peer has the lock
 */
struct held {
	char name[64];
	struct ringbuf *ring;
	struct emb_header *header;
	int held;
};

FIXTURE(locked)
{
	struct held *h;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
};

FIXTURE_SETUP(locked)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 4);
	struct held *h = shared_memory(sizeof(*h));

	self->h = h;
	snprintf(h->name, sizeof(h->name), "%s", name_of("locked"));
	config.host = RINGBUF_HOST_EMBEDDED;
	config.mode = 0666;
	config.name = h->name;
	ASSERT_EQ(0, ringbuf_create(&config, &h->ring));
	h->header = mmap(NULL, sizeof(*h->header), PROT_READ | PROT_WRITE, MAP_SHARED,
			 ringbuf_export(h->ring), 0);
	ASSERT_NE(MAP_FAILED, h->header);
	self->reader = reader_new(h->ring);
	self->writer = writer_new(h->ring);
	ASSERT_TRUE(self->reader && self->writer);
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(1, get(self->reader, RINGBUF_TRY));
}

FIXTURE_TEARDOWN(locked)
{
	ringbuf_reader_close(self->reader);
	ringbuf_writer_close(self->writer);
	ringbuf_close(self->h->ring);
	munmap(self->h->header, sizeof(*self->h->header));
	ringbuf_unlink(self->h->name, RINGBUF_HOST_EMBEDDED);
}

/* Take the lock of the ring, as any program can that may open the file. */
static int hold(struct held *h)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", h->name);
	if (!geteuid())
		CHECK(!setgid(65534) && !setuid(65534));
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(!fcntl(fd, F_OFD_SETLKW, &fl));
	FLAG_SET(h->held);
	return 0;
}

static int holds(void *arg)
{
	CHECK_EQ(0, hold(arg));
	pause();
	return 1;
}

static int opens(void *arg)
{
	struct held *h = arg;
	struct ringbuf *ring;

	alarm(HANGS);
	CHECK_EQ(-EBUSY, ringbuf_open(h->name, RINGBUF_HOST_EMBEDDED, &ring));
	return 0;
}

static int creates(void *arg)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 4);
	struct held *h = arg;
	struct ringbuf *ring;

	alarm(HANGS);
	config.host = RINGBUF_HOST_EMBEDDED;
	config.name = h->name;
	CHECK_EQ(-EEXIST, ringbuf_create(&config, &ring));
	return 0;
}

static int asks(void *arg)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct held *h = arg;

	alarm(HANGS);
	CHECK_EQ(-EBUSY, ringbuf_stats(h->ring, &status, NULL, 0));
	return 0;
}

static int attaches(void *arg)
{
	struct ringbuf_writer *writer = NULL;
	struct held *h = arg;

	alarm(HANGS);
	CHECK_EQ(-EBUSY, ringbuf_writer_attach(h->ring, &writer));
	return 0;
}

static int evicts(void *arg)
{
	struct held *h = arg;

	alarm(HANGS);
	CHECK_EQ(-EBUSY, ringbuf_evict_reader(h->ring, 0));
	return 0;
}

static int syncs(void *arg)
{
	struct held *h = arg;

	alarm(HANGS);
	CHECK_EQ(-EBUSY, ringbuf_sync(h->ring, RINGBUF_ALL_READERS, 0));
	return 0;
}

/* The calls run at the same time, so that the test takes no longer than one of them. */
TEST_F(locked, no_call_hangs_at_a_lock_that_a_peer_keeps)
{
	static int (*const calls[])(void *) = { opens, creates, asks, attaches, evicts, syncs };
	pid_t peer = child_start(holds, self->h), pid[ARRAY_SIZE(calls)];
	unsigned int i;

	UNTIL(FLAG_GET(self->h->held));
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		pid[i] = child_start(calls[i], self->h);
	/* Handles that have been used need no lock. */
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, put(self->writer, i, RINGBUF_TRY));
		EXPECT_EQ(i, get(self->reader, RINGBUF_TRY));
	}
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		EXPECT_EQ(0, child_end(pid[i]))
	TH_LOG("call %u", i);
	child_kill(peer);
	EXPECT_EQ(1, status_of(self->h->ring).readers);
}

TEST_F(locked, name_can_be_removed_though_a_peer_keeps_the_lock)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 4);
	pid_t peer = child_start(holds, self->h);
	struct ringbuf *ring;

	UNTIL(FLAG_GET(self->h->held));
	EXPECT_EQ(0, ringbuf_unlink(self->h->name, RINGBUF_HOST_EMBEDDED));
	config.host = RINGBUF_HOST_EMBEDDED;
	config.name = self->h->name;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	child_kill(peer);
	ringbuf_close(ring);
	EXPECT_EQ(-ENOENT, ringbuf_open(self->h->name, RINGBUF_HOST_EMBEDDED, &ring));
}

TEST_F(locked, reader_closed_while_a_peer_keeps_the_lock_blocks_no_writer)
{
	pid_t peer = child_start(holds, self->h);
	unsigned int n;

	UNTIL(FLAG_GET(self->h->held));
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	child_kill(peer);
	for (n = 0; n < 12; n++)
		ASSERT_EQ(0, put(self->writer, n, PATIENCE));
	EXPECT_EQ(0, status_of(self->h->ring).readers);
}

TEST_F(locked, done_that_failed_for_the_lock_can_be_repeated)
{
	pid_t peer = child_start(holds, self->h);

	UNTIL(FLAG_GET(self->h->held));
	EXPECT_EQ(-EBUSY, ringbuf_writer_done(self->writer));
	EXPECT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	child_kill(peer);
	EXPECT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EPIPE, ringbuf_writer_done(self->writer));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->h->ring).ended);
}

/* The call fails, but discards the reservation. */
TEST_F(locked, writer_that_could_not_be_done_can_reserve_again)
{
	pid_t peer = child_start(holds, self->h);
	struct ringbuf_slot slot;

	UNTIL(FLAG_GET(self->h->held));
	ASSERT_EQ(1, ringbuf_writer_reserve(self->writer, &slot, 1, RINGBUF_TRY));
	EXPECT_EQ(-EBUSY, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EINVAL, ringbuf_writer_commit(self->writer, &slot, 1));
	EXPECT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	child_kill(peer);
	EXPECT_EQ(0, ringbuf_writer_done(self->writer));
}

/* Hold the lock for long, but count unlocks, as if many processes held it one after the other. */
static int holds_long_and_moves(void *arg)
{
	const struct timespec pause = { .tv_nsec = 10 * MS };
	struct held *h = arg;
	uint64_t end;

	CHECK_EQ(0, hold(h));
	for (end = now_ns() + EMB_PATIENCE_NS * 3 / 2; now_ns() < end; nanosleep(&pause, NULL))
		__atomic_add_fetch(&h->header->unlocks, 1, __ATOMIC_SEQ_CST);
	return 0;
}

TEST_F(locked, lock_that_changes_hands_is_waited_for)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	pid_t peer = child_start(holds_long_and_moves, self->h);

	UNTIL(FLAG_GET(self->h->held));
	EXPECT_EQ(0, ringbuf_stats(self->h->ring, &status, NULL, 0));
	EXPECT_EQ(0, child_end(peer));
}

/*
 * A process that waits for the lock waits longer if it sees the word "unlocks" change, so a call
 * without the lock must not change it.
 */
TEST_F(locked, first_use_without_the_lock_does_not_look_like_a_lock_in_use)
{
	struct ringbuf_reader *reader = reader_new(self->h->ring);
	uint32_t unlocks = READ_ONCE(self->h->header->unlocks);

	ASSERT_NE(NULL, reader);
	EXPECT_EQ(1, get(reader, RINGBUF_TRY));
	EXPECT_EQ(unlocks, READ_ONCE(self->h->header->unlocks));
	ringbuf_reader_close(reader);
}

static int asks_and_is_told(void *arg)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct held *h = arg;

	CHECK_EQ(0, ringbuf_stats(h->ring, &status, NULL, 0));
	return 0;
}

/* The kernel releases the lock of a process that dies, but wakes no waiter. */
TEST_F(locked, waiter_finds_out_that_the_holder_died)
{
	pid_t peer = child_start(holds, self->h), pid;

	UNTIL(FLAG_GET(self->h->held));
	pid = child_start(asks_and_is_told, self->h);
	EXPECT_TRUE(task_asleep(pid));
	child_kill(peer);
	EXPECT_EQ(0, child_end(pid));
}

LIB_HARNESS_MAIN
