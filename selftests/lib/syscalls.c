// SPDX-License-Identifier: GPL-2.0
/*
 * System calls of the library on the module: none while no task waits, and one WAKE for each
 * wait.  A filter that kills the process at its first system call proves the former.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "../harness/harness.h"
#include "../harness/device.h"
#include <ringbuf.h>

#define SLOTS 50
#define LAPS  40

FIXTURE(syscalls)
{
	char name[64];
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	int observer; /* an observer of the same ring, for its statistics */
};

FIXTURE_VARIANT(syscalls)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(syscalls, shared){ .flags = 0 };
FIXTURE_VARIANT_ADD(syscalls, exclusive){ .flags = RINGBUF_EXCLUSIVE };

FIXTURE_SETUP(syscalls)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);

	snprintf(self->name, sizeof(self->name), RINGS "/selftest-%d-syscalls", getpid());
	config.flags = variant->flags;
	config.name = self->name;
	config.host = RINGBUF_HOST_MODULE;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
	ASSERT_EQ(0, ringbuf_writer_attach(self->ring, &self->writer));
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader));
	self->observer = file_attach(self->name, RINGBUF_ROLE_OBSERVER);
	ASSERT_LE(0, self->observer);
}

FIXTURE_TEARDOWN(syscalls)
{
	ringbuf_writer_close(self->writer);
	ringbuf_reader_close(self->reader);
	ringbuf_close(self->ring);
	close(self->observer);
}

/*
 * Let any system call but exit kill this process from now on.  Return -1 if the kernel has no
 * filters.
 */
static int no_more_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

struct stream {
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	int64_t timeout;
};

static int one(struct stream *s, uint64_t n)
{
	uint64_t got;

	CHECK(!ringbuf_writer_write(s->writer, &n, sizeof(n), s->timeout));
	CHECK(ringbuf_reader_read(s->reader, &got, sizeof(got), s->timeout) == sizeof(got));
	CHECK(got == n);
	return 0;
}

static int batch(struct stream *s)
{
	struct ringbuf_slot slot[10];
	unsigned int k;

	CHECK(ringbuf_writer_reserve(s->writer, slot, 10, s->timeout) == 10);
	for (k = 0; k < 10; k++)
		slot[k].length = k;
	CHECK(!ringbuf_writer_commit(s->writer, slot, 10));
	CHECK(ringbuf_reader_peek(s->reader, slot, 10, s->timeout) == 10);
	CHECK(!ringbuf_reader_release(s->reader, 10));
	return 0;
}

static int streams(void *arg)
{
	struct stream *s = arg;
	uint64_t n;

	/* The first use maps the ring. */
	CHECK(!one(s, 0));
	if (no_more_calls())
		return CHILD_SKIP;
	for (n = 0; n < LAPS * SLOTS; n++)
		if (one(s, n))
			return 1;
	for (n = 0; n < LAPS; n++)
		if (batch(s))
			return 1;
	/* Finding the ring full or empty needs no system call, either. */
	while (!ringbuf_writer_write(s->writer, &n, sizeof(n), RINGBUF_TRY))
		;
	while (ringbuf_reader_read(s->reader, &n, sizeof(n), RINGBUF_TRY) > 0)
		;
	return 0;
}

static int calls_once(void *arg)
{
	struct stream *s = arg;

	(void)s;
	if (no_more_calls())
		return CHILD_SKIP;
	syscall(SYS_getppid);
	return 0;
}

TEST_F(syscalls, stream_without_waiters_makes_no_system_call)
{
	struct stream s = { self->writer, self->reader, RINGBUF_FOREVER };
	int status = child_run(calls_once, &s);

	if (status == CHILD_SKIP)
		SKIP(return, "this kernel has no seccomp filters");
	/* The filter kills a process that makes a system call. */
	ASSERT_EQ(128 + SIGSYS, status);
	EXPECT_EQ(0, child_run(streams, &s));
	EXPECT_EQ(0, stats_of(self->observer).wake_calls);
}

/* ---- one WAKE for one wait ------------------------------------------------------- */

struct waiter {
	char *name;
	uint32_t count;
};

static int waits_for(void *arg)
{
	struct waiter *w = arg;
	int fd = file_attach(w->name, RINGBUF_ROLE_READER);

	CHECK(fd >= 0);
	CHECK_EQ(0, wait_call(fd, w->count, NEVER));
	return 0;
}

TEST_F(syscalls, writer_wakes_only_an_armed_waiter)
{
	struct waiter w = { self->name, 10 };
	uint64_t n, total = 0, calls = 0;
	unsigned int turn;
	pid_t pid;

	for (turn = 0; turn < 5; turn++) {
		pid = child_start(waits_for, &w);
		while (stats_of(self->observer).total < 2)
			sched_yield();
		ASSERT_TRUE(task_asleep(pid));
		for (n = 0; n < 9; n++)
			ASSERT_EQ(0,
				  ringbuf_writer_write(self->writer, &n, sizeof(n), RINGBUF_TRY));
		EXPECT_EQ(calls, stats_of(self->observer).wake_calls);
		ASSERT_EQ(0, ringbuf_writer_write(self->writer, &n, sizeof(n), RINGBUF_TRY));
		calls++;
		EXPECT_EQ(calls, stats_of(self->observer).wake_calls);
		EXPECT_EQ(0, child_end(pid));
		/* No task waits any more. */
		ASSERT_EQ(0, ringbuf_writer_write(self->writer, &n, sizeof(n), RINGBUF_TRY));
		EXPECT_EQ(calls, stats_of(self->observer).wake_calls);
		total += 11;
		while (ringbuf_reader_read(self->reader, &n, sizeof(n), RINGBUF_TRY) > 0)
			;
	}
	EXPECT_EQ(total, stats_of(self->observer).head);
	EXPECT_EQ(calls, stats_of(self->observer).wake_calls);
}

static int waits_for_room(void *arg)
{
	struct stream *s = arg;
	uint64_t n = 7;

	CHECK(!ringbuf_writer_write(s->writer, &n, sizeof(n), RINGBUF_FOREVER));
	return 0;
}

/* The fast reader must not wake the writer, which waits for the slowest reader. */
TEST_F(syscalls, slowest_reader_wakes_the_writer)
{
	struct stream s = { self->writer, self->reader, RINGBUF_TRY };
	struct ringbuf_reader *fast;
	uint64_t n;
	pid_t pid;

	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &fast));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, ringbuf_writer_write(self->writer, &n, sizeof(n), RINGBUF_TRY));
	ringbuf_writer_close(self->writer);
	ASSERT_EQ(0, ringbuf_writer_attach(self->ring, &self->writer));
	s.writer = self->writer;
	pid = child_start(waits_for_room, &s);
	ASSERT_TRUE(task_asleep(pid));
	while (ringbuf_reader_read(fast, &n, sizeof(n), RINGBUF_TRY) > 0)
		;
	/*
	 * The fast reader has passed the wake word: it may have called WAKE, but the writer
	 * sleeps.
	 */
	EXPECT_GE(1, stats_of(self->observer).wake_calls);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(sizeof(n), ringbuf_reader_read(self->reader, &n, sizeof(n), RINGBUF_TRY));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_GE(2, stats_of(self->observer).wake_calls);
	EXPECT_LE(1, stats_of(self->observer).wake_calls);
	ringbuf_reader_close(fast);
}

DEVICE_HARNESS_MAIN
