// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of a handle does not grow with the number of handles.  This is checked by the
 * number of system calls: the linker lets the library call the functions of this file.
 */
#include <pthread.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

#define READERS 400
#define GROUP	50 /* compare the first and the last of so many readers */

static unsigned long calls;

int __real_fcntl64(int fd, int command, void *arg);
int __wrap_fcntl64(int fd, int command, void *arg);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_fcntl(int fd, int command, void *arg);
int __wrap_fcntl(int fd, int command, void *arg);

int __wrap_fcntl64(int fd, int command, void *arg)
{
	calls++;
	return __real_fcntl64(fd, command, arg);
}

int __wrap_fcntl(int fd, int command, void *arg)
{
	calls++;
	return __real_fcntl(fd, command, arg);
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	calls++;
	return __real_syscall(number, a, b, c, d, e, f);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	calls++;
	return __real_ioctl(fd, request, arg);
}

FIXTURE(growth)
{
	struct ringbuf *ring;
	struct ringbuf_reader *reader[READERS];
	unsigned long cost[READERS];
};

FIXTURE_SETUP(growth)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 4);

	config.max_readers = READERS;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
}

FIXTURE_TEARDOWN(growth)
{
	unsigned int i;

	for (i = 0; i < READERS; i++)
		ringbuf_reader_close(self->reader[i]);
	ringbuf_close(self->ring);
}

static unsigned long sum(const unsigned long *cost, unsigned int count)
{
	unsigned long all = 0;

	while (count--)
		all += *cost++;
	return all;
}

TEST_F(growth, attach_and_first_use_cost_the_same_beside_many_readers)
{
	unsigned long first, last;
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		calls = 0;
		ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0,
						   &self->reader[i]));
		self->cost[i] = calls;
	}
	first = sum(self->cost, GROUP);
	last = sum(&self->cost[READERS - GROUP], GROUP);
	EXPECT_LT(0, first);
	EXPECT_GE(2 * first, last);
	for (i = 0; i < READERS; i++) {
		calls = 0;
		ASSERT_EQ(-EAGAIN, get(self->reader[i], RINGBUF_TRY));
		self->cost[i] = calls;
	}
	first = sum(self->cost, GROUP);
	last = sum(&self->cost[READERS - GROUP], GROUP);
	EXPECT_LT(0, first);
	EXPECT_GE(2 * first, last);
}

TEST_F(growth, close_costs_the_same_beside_many_readers)
{
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0,
						   &self->reader[i]));
		ASSERT_EQ(-EAGAIN, get(self->reader[i], RINGBUF_TRY));
	}
	for (i = 0; i < READERS; i++) {
		calls = 0;
		ringbuf_reader_close(self->reader[i]);
		self->reader[i] = NULL;
		self->cost[i] = calls;
	}
	EXPECT_GE(2 * sum(&self->cost[READERS - GROUP], GROUP), sum(self->cost, GROUP));
}

static int dies_attached(void *arg)
{
	struct ringbuf_reader *reader;

	while (!ringbuf_reader_attach(arg, RINGBUF_FROM_HEAD, 0, &reader))
		CHECK_EQ(-EAGAIN, get(reader, RINGBUF_TRY));
	raise(SIGKILL);
	return 1;
}

/* No process has checked for dead peers yet: an attach that finds no free row has to do it. */
TEST_F(growth, table_full_of_dead_readers_has_room)
{
	ASSERT_EQ(128 + SIGKILL, child_run(dies_attached, self->ring));
	EXPECT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader[0]));
	EXPECT_EQ(1, status_of(self->ring).readers);
}

#define WAITERS 60

struct waiter {
	pthread_t thread;
	struct ringbuf_reader *reader;
	int64_t got;
};

static void *sleeps(void *arg)
{
	struct waiter *s = arg;

	s->got = get(s->reader, RINGBUF_FOREVER);
	return NULL;
}

static int waiters_start(struct ringbuf *ring, struct waiter *s, unsigned int count)
{
	for (; count; count--, s++) {
		s->reader = reader_new(ring);
		CHECK(s->reader);
		CHECK_EQ(0, pthread_create(&s->thread, NULL, sleeps, s));
	}
	return 0;
}

/* Return how often the readers of @ring have gone to sleep, all together. */
static uint64_t waits_of(struct ringbuf *ring)
{
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status r[WAITERS];
	int n = ringbuf_stats(ring, &s, r, WAITERS);
	uint64_t all = 0;

	while (n-- > 0)
		all += r[n].waits;
	return all;
}

static int writes_and_pauses(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);

	CHECK(writer);
	CHECK_EQ(-EBUSY, ringbuf_writer_attach(arg, &writer));
	pause();
	return 1;
}

/* Many waiters together check as often as one alone, since each check is for all of them. */
TEST(many_waiters_share_the_check_for_dead_peers)
{
	struct ringbuf *many = ring_new(RINGBUF_EXCLUSIVE, 64, 4);
	struct ringbuf *one = ring_new(0, 64, 4);
	struct waiter s[WAITERS], alone;
	uint64_t before, before_one;
	unsigned int i;
	pid_t pid;

	ASSERT_TRUE(many && one);
	if (on_module(many))
		SKIP(return, "the kernel looks");
	pid = child_start(writes_and_pauses, many);
	UNTIL(status_of(many).writers == 1);
	ASSERT_EQ(0, waiters_start(many, s, WAITERS));
	ASSERT_EQ(0, waiters_start(one, &alone, 1));
	/* Wait until each has slept twice, and knows that the others check, too. */
	UNTIL(waits_of(many) >= 2 * WAITERS);
	before = waits_of(many);
	before_one = waits_of(one);
	UNTIL(waits_of(one) >= before_one + 30);
	EXPECT_GT(30 * WAITERS / 2, waits_of(many) - before);
	ASSERT_EQ(128 + SIGKILL, child_kill(pid));
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, pthread_join(s[i].thread, NULL));
		EXPECT_EQ(-ENODATA, s[i].got);
		ringbuf_reader_close(s[i].reader);
	}
	ASSERT_EQ(0, pthread_cancel(alone.thread));
	ASSERT_EQ(0, pthread_join(alone.thread, NULL));
	ringbuf_reader_close(alone.reader);
	ringbuf_close(many);
	ringbuf_close(one);
}

LIB_HARNESS_MAIN
