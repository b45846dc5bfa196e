// SPDX-License-Identifier: GPL-2.0
/*
 * What a handle costs does not grow with the number of handles: the system calls
 * of the library are counted.  The linker leads its calls of the C library here.
 */
#include "../harness/harness.h"
#include "../harness/rings.h"

#define READERS 400
#define GROUP	50 /* the first ones are compared with the last ones */

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

/* Nobody has looked for the dead: who finds no place does. */
TEST_F(growth, a_table_that_is_full_of_the_dead_has_room)
{
	ASSERT_EQ(128 + SIGKILL, child_run(dies_attached, self->ring));
	EXPECT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader[0]));
	EXPECT_EQ(1, status_of(self->ring).readers);
}

LIB_HARNESS_MAIN
