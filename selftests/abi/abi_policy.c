// SPDX-License-Identifier: GPL-2.0
/*
 * Policies of readers as the ABI shows them: read(2), write(2), WAIT, poll, epoll and
 * splice (io_uring: abi_uring); readers that are stopped or frozen; and readers that break the
 * rules.
 */
#include "../harness/handles.h"
#include "../harness/epoll.h"

#include <pthread.h>
#include <sys/stat.h>

#define SLOTS	8
#define BYTES	512
#define TIMEOUT (20 * MS)
#define NEVER_S (3600 * SECOND)
#define CGROUPS "/sys/fs/cgroup"

static int policy_attach(int from, uint32_t policy, uint64_t timeout, uint64_t lag)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, from);
	int fd = device_open();

	a.start = RINGBUF_START_OLDEST;
	a.policy = policy;
	a.policy_timeout = timeout;
	a.policy_lag = lag;
	return file_done(fd, call(fd, RINGBUF_IOC_ATTACH, &a));
}

static struct ringbuf_reader_stats reader_of(int owner)
{
	struct ringbuf_reader_stats r = { 0 };
	struct ringbuf_stats s;

	stats_call(owner, &s, &r, 1);
	return r;
}

FIXTURE(policy)
{
	HANDLES;
	int slow;
};

FIXTURE_VARIANT(policy)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(policy, shared){
	.flags = 0,
};

FIXTURE_VARIANT_ADD(policy, exclusive){
	.flags = RINGBUF_CREATE_EXCLUSIVE,
};

FIXTURE_SETUP(policy)
{
	self->reader = -1;
	self->slow = -1;
	self->owner = ring_make(variant->flags, BYTES, SLOTS);
	ASSERT_LE(0, self->owner);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
}

FIXTURE_TEARDOWN(policy)
{
	close(self->slow);
	HANDLES_CLOSE();
}

/* Attach the slow reader, and write until the ring is full. */
#define FULL(policy, timeout)                                                    \
	do {                                                                     \
		uint64_t n_;                                                     \
		self->slow = policy_attach(self->owner, (policy), (timeout), 0); \
		ASSERT_LE(0, self->slow);                                        \
		for (n_ = 0; n_ < SLOTS; n_++)                                   \
			ASSERT_EQ(0, put(self->writer, n_));                     \
	} while (0)

/* ---- how a writer that is held up asks ------------------------------------------------ */

TEST_F(policy, write_waits_for_the_timeout)
{
	uint64_t begin;

	FULL(RINGBUF_POLICY_EVICT, TIMEOUT);
	begin = now_ns();
	ASSERT_EQ(0, put(self->writer, SLOTS));
	EXPECT_LE(TIMEOUT, (int64_t)(now_ns() - begin));
	EXPECT_EQ(-EIDRM, get(self->slow));
	EXPECT_EQ(POLLERR, polled(self->slow));
	EXPECT_EQ(0, stats_of(self->owner).total);
}

TEST_F(policy, write_that_never_waits_counts_from_its_first_try)
{
	uint64_t end = now_ns() + PATIENCE;
	int err = -EAGAIN;

	FULL(RINGBUF_POLICY_SKIP, TIMEOUT);
	ASSERT_OK(nonblock(self->writer));
	EXPECT_EQ(-EAGAIN, put(self->writer, SLOTS));
	while (err == -EAGAIN && now_ns() < end)
		err = put(self->writer, SLOTS);
	EXPECT_EQ(0, err);
	EXPECT_EQ(1, reader_of(self->owner).skips);
}

TEST_F(policy, write_without_a_timeout_goes_through)
{
	FULL(RINGBUF_POLICY_EVICT, 0);
	ASSERT_OK(nonblock(self->writer));
	EXPECT_EQ(0, put(self->writer, SLOTS));
}

TEST_F(policy, wait_ends_after_the_timeout)
{
	FULL(RINGBUF_POLICY_EVICT, TIMEOUT);
	EXPECT_EQ(0, wait_call(self->writer, 3, NEVER));
	EXPECT_EQ(0, stats_of(self->owner).total);
}

TEST_F(policy, poll_and_epoll_report_room_after_the_timeout)
{
	struct pollfd p = { .fd = self->writer, .events = POLLOUT };
	int ep;

	FULL(RINGBUF_POLICY_SKIP, TIMEOUT);
	EXPECT_EQ(1, poll(&p, 1, 60000));
	EXPECT_EQ(1, reader_of(self->owner).skips);
	/* It continues: the ring is full again. */
	EXPECT_EQ(0, get(self->slow));
	EXPECT_EQ(0, put(self->writer, SLOTS));
	ep = epoll_on(self->writer, EPOLLOUT | EPOLLET);
	ASSERT_LE(0, ep);
	EXPECT_EQ(EPOLLOUT, epolled(ep, 60000));
	EXPECT_EQ(2, reader_of(self->owner).skips);
	close(ep);
}

/* A handle that polls, and is closed: the ring does not look for it any more. */
TEST_F(policy, poller_that_is_gone_is_not_held_up)
{
	int other;

	if (variant->flags)
		SKIP(return, "two writers");
	other = writer_open(self->owner);
	FULL(RINGBUF_POLICY_EVICT, SECOND);
	EXPECT_EQ(0, polled(other) & POLLOUT);
	close(other);
	/* Longer than the timeout and the period of the timer. */
	EXPECT_EQ(0, poll(NULL, 0, 1600));
	EXPECT_EQ(1, stats_of(self->owner).total);
}

/* ---- how the reader learns ------------------------------------------------------------ */

TEST_F(policy, skipped_reader_reads_polls_and_waits)
{
	uint64_t n;

	FULL(RINGBUF_POLICY_SKIP, 0);
	for (n = SLOTS; n < 20; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(1, reader_of(self->owner).skipped);
	EXPECT_EQ(POLLIN, polled(self->slow));
	EXPECT_EQ(0, wait_call(self->slow, SLOTS, 0));
	EXPECT_EQ(sizeof(n), ready_call(self->slow));
	EXPECT_EQ(20 - SLOTS, get(self->slow));
	EXPECT_EQ(0, reader_of(self->owner).skipped);
	EXPECT_EQ(20 - SLOTS, reader_of(self->owner).lost);
	for (n = 20 - SLOTS + 1; n < 20; n++)
		ASSERT_EQ((int64_t)n, get(self->slow));
	ASSERT_OK(nonblock(self->slow));
	EXPECT_EQ(-EAGAIN, get(self->slow));
}

TEST_F(policy, sync_lets_a_skipped_reader_continue)
{
	FULL(RINGBUF_POLICY_SKIP, 0);
	ASSERT_EQ(0, put(self->writer, SLOTS));
	EXPECT_EQ(1, reader_of(self->owner).skipped);
	EXPECT_OK(sync_call(self->slow, 0, 5));
	EXPECT_EQ(0, reader_of(self->owner).skipped);
	EXPECT_EQ(5, get(self->slow));
	/* It gates again. */
	EXPECT_EQ(SLOTS + 1 - 6, reader_of(self->owner).lag);
}

TEST_F(policy, skipped_reader_can_be_evicted_and_closed)
{
	FULL(RINGBUF_POLICY_SKIP, 0);
	ASSERT_EQ(0, put(self->writer, SLOTS));
	EXPECT_OK(evict_call(self->owner, 0));
	EXPECT_EQ(-EIDRM, get(self->slow));
	close(self->slow);
	self->slow = policy_attach(self->owner, RINGBUF_POLICY_SKIP, 0, 0);
	ASSERT_LE(0, self->slow);
	EXPECT_EQ(0, reader_of(self->owner).skips);
	EXPECT_EQ(1, get(self->slow));
}

TEST_F(policy, splice_of_a_skipped_and_of_a_lossy_reader)
{
	uint64_t n, number;
	int fds[2], lossy;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	FULL(RINGBUF_POLICY_SKIP, 0);
	lossy = policy_attach(self->owner, RINGBUF_POLICY_LOSSY, 0, 0);
	ASSERT_LE(0, lossy);
	for (n = SLOTS; n < 20; n++)
		ASSERT_EQ(0, put(self->writer, n));
	ASSERT_EQ(8, splice(self->slow, NULL, fds[1], NULL, 8, 0));
	ASSERT_EQ(8, read(fds[0], &number, 8));
	EXPECT_EQ(20 - SLOTS, number);
	EXPECT_EQ(8, ready_call(lossy));
	ASSERT_EQ(8, splice(lossy, NULL, fds[1], NULL, 8, 0));
	ASSERT_EQ(8, read(fds[0], &number, 8));
	EXPECT_LE(20 - SLOTS, number);
	close(fds[0]);
	close(fds[1]);
	close(lossy);
}

/* ---- read(2) beside writers that overtake it --------------------------------------------- */

#define MANY 5000

struct flood {
	int writer;
	uint64_t count;
};

static void *floods(void *arg)
{
	struct flood *f = arg;
	uint64_t data[BYTES / 8], n;
	unsigned int i;

	for (n = 0; n < f->count; n++) {
		for (i = 0; i < BYTES / 8; i++)
			data[i] = n;
		if (write(f->writer, data, BYTES) != BYTES)
			return "write";
	}
	return done_call(f->writer) ? "done" : NULL;
}

static const char *reads_whole(int reader, uint64_t *got, uint64_t *last)
{
	uint64_t data[BYTES / 8];
	unsigned int i;
	ssize_t n;

	*got = 0;
	while ((n = read(reader, data, BYTES)) > 0) {
		if (n != BYTES)
			return "length";
		for (i = 1; i < BYTES / 8; i++)
			if (data[i] != data[0])
				return "torn";
		if (*got && data[0] <= *last)
			return "order";
		*last = data[0];
		++*got;
	}
	return n ? "read" : NULL;
}

static int flood(int owner, int writer, int reader)
{
	struct flood f = { .writer = writer, .count = often(MANY * 10) };
	uint64_t got, last = 0;
	pthread_t thread;
	void *err;
	const char *bad;

	CHECK_EQ(0, pthread_create(&thread, NULL, floods, &f));
	bad = reads_whole(reader, &got, &last);
	pthread_join(thread, &err);
	if (bad || err)
		fprintf(stderr, "# %s %s\n", bad ? bad : "", err ? (char *)err : "");
	CHECK(!bad && !err);
	CHECK_EQ(f.count - 1, last);
	CHECK_EQ(f.count, got + reader_of(owner).lost);
	return 0;
}

TEST_F(policy, skipped_reader_reads_whole_messages)
{
	self->slow = policy_attach(self->owner, RINGBUF_POLICY_SKIP, 0, 2);
	ASSERT_LE(0, self->slow);
	EXPECT_EQ(0, flood(self->owner, self->writer, self->slow));
}

TEST_F(policy, lossy_reader_reads_whole_messages)
{
	self->slow = policy_attach(self->owner, RINGBUF_POLICY_LOSSY, 0, 0);
	ASSERT_LE(0, self->slow);
	EXPECT_EQ(0, flood(self->owner, self->writer, self->slow));
}

/* The slot counts as finished, so that a read(2) which found nothing in it would never sleep. */
TEST_F(policy, lossy_reader_of_a_message_that_nobody_claimed_gets_an_error)
{
	uint64_t number;
	struct maps m;

	self->slow = policy_attach(self->owner, RINGBUF_POLICY_LOSSY, 0, 0);
	ASSERT_LE(0, self->slow);
	ASSERT_OK(maps_open(&m, self->writer));
	m.desc[0].state = (uint64_t)SLOTS << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED;
	FAILS(EPROTO, read(self->slow, &number, sizeof(number)));
	maps_close(&m);
}

/* ---- stopped and frozen ------------------------------------------------------------------ */

static int pauses(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

/* The reader belongs to the process that opened it. */
static int holds_reader(void *arg)
{
	int reader = policy_attach(*(int *)arg, RINGBUF_POLICY_EVICT | RINGBUF_POLICY_AT_STOP,
				   NEVER_S, 0);

	CHECK(reader >= 0);
	return pauses(NULL);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -errno : 0;
}

#define HELD(pid)                                                \
	do {                                                     \
		uint64_t n_;                                     \
		(pid) = child_start(holds_reader, &self->owner); \
		UNTIL(stats_of(self->owner).total);              \
		for (n_ = 0; n_ < SLOTS; n_++)                   \
			ASSERT_EQ(0, put(self->writer, n_));     \
		ASSERT_OK(nonblock(self->writer));               \
		EXPECT_EQ(-EAGAIN, put(self->writer, SLOTS));    \
	} while (0)

TEST_F(policy, stopped_reader_is_evicted_at_once)
{
	int status;
	pid_t pid;

	HELD(pid);
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_EQ(0, put(self->writer, SLOTS));
	EXPECT_EQ(0, stats_of(self->owner).total);
	child_kill(pid);
}

TEST_F(policy, frozen_reader_is_evicted_at_once)
{
	char group[64], path[96], text[128];
	pid_t pid;
	FILE *f;

	if (access(CGROUPS "/cgroup.controllers", F_OK))
		SKIP(return, "no cgroup2 here");
	snprintf(group, sizeof(group), CGROUPS "/policy-%d", getpid());
	ASSERT_EQ(0, mkdir(group, 0755));
	HELD(pid);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", pid);
	ASSERT_EQ(0, write_text(path, text));
	snprintf(path, sizeof(path), "%s/cgroup.freeze", group);
	ASSERT_EQ(0, write_text(path, "1"));
	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	do {
		f = fopen(path, "re");
		ASSERT_NE(NULL, f);
		ASSERT_LT(0, fread(text, 1, sizeof(text) - 1, f));
		fclose(f);
	} while (!strstr(text, "frozen 1"));
	EXPECT_EQ(0, put(self->writer, SLOTS));
	EXPECT_EQ(0, stats_of(self->owner).total);
	snprintf(path, sizeof(path), "%s/cgroup.freeze", group);
	ASSERT_EQ(0, write_text(path, "0"));
	child_kill(pid);
	EXPECT_EQ(0, rmdir(group));
}

/* ---- bad input ------------------------------------------------------------------------- */

TEST_F(policy, only_readers_have_policies)
{
	static const uint32_t roles[] = { RINGBUF_ROLE_WRITER, RINGBUF_ROLE_OBSERVER,
					  RINGBUF_ROLE_OWNER };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct ringbuf_attach a = attach_to(roles[i], self->owner);
		int fd = device_open();

		a.policy = RINGBUF_POLICY_SKIP;
		EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_ATTACH, &a));
		a.policy = 0;
		a.policy_timeout = TIMEOUT;
		EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_ATTACH, &a));
		a.policy_timeout = 0;
		a.policy_lag = 1;
		EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_ATTACH, &a));
		close(fd);
	}
	EXPECT_EQ(-EINVAL, policy_attach(self->owner, 0, TIMEOUT, 0));
	EXPECT_EQ(-EINVAL, policy_attach(self->owner, 0, 0, 1));
	EXPECT_EQ(-EINVAL, policy_attach(self->owner, RINGBUF_POLICY_SKIP, 0, SLOTS + 1));
}

/* Whatever a reader stores in its cursor, writers continue and the kernel copies no other slot. */
TEST_F(policy, reader_stores_any_cursor)
{
	static const uint32_t kinds[] = { RINGBUF_POLICY_EVICT, RINGBUF_POLICY_SKIP,
					  RINGBUF_POLICY_LOSSY };
	static const uint64_t cursors[] = { 0,		1,	   SLOTS,     SLOTS * 3, 1ULL << 61,
					    1ULL << 62, ~0ULL - 2, ~0ULL - 1, ~0ULL };
	unsigned int k, i, n;
	uint64_t data[BYTES / 8];

	ASSERT_OK(nonblock(self->writer));
	for (k = 0; k < 3; k++) {
		struct maps m;

		self->slow = policy_attach(self->owner, kinds[k], 0, 0);
		ASSERT_LE(0, self->slow);
		ASSERT_OK(nonblock(self->slow));
		ASSERT_OK(maps_open(&m, self->slow));
		for (i = 0; i < ARRAY_SIZE(cursors); i++) {
			for (n = 0; n < 3 * SLOTS; n++) {
				__atomic_store_n(&m.own->cursor, cursors[i], __ATOMIC_SEQ_CST);
				ASSERT_EQ(0, put(self->writer, n));
				polled(self->slow);
				polled(self->writer);
				if (read(self->slow, data, sizeof(data)) < 0)
					ASSERT_TRUE(errno == EAGAIN || errno == EIDRM ||
						    errno == EPROTO);
			}
		}
		maps_close(&m);
		close(self->slow);
	}
	self->slow = -1;
}

DEVICE_HARNESS_MAIN
