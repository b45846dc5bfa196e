// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_WAIT and _WAKE: deadlines, counts, signals, wake words. */
#include <sys/time.h>

#include "../harness/handles.h"

#define SLOTS 8

HANDLES_FIXTURE(wait)

SHARED_AND_EXCLUSIVE(wait, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(wait)
{
	HANDLES_SETUP(variant->flags, 64, SLOTS);
}

TEST_F(wait, count_out_of_range_is_refused)
{
	EXPECT_EQ(-EINVAL, wait_call(self->reader, 0, NEVER));
	EXPECT_EQ(-EINVAL, wait_call(self->reader, SLOTS + 1, NEVER));
	EXPECT_EQ(-EINVAL, wait_call(self->writer, 0, NEVER));
	EXPECT_EQ(-EINVAL, wait_call(self->writer, SLOTS + 1, NEVER));
	EXPECT_EQ(-EINVAL, wait_call(self->writer, ~0U, NEVER));
}

TEST(writer_cannot_wait_for_more_than_a_batch)
{
	int owner = ring_make(0, 64, 100), writer = writer_open(owner);

	EXPECT_EQ(0, wait_call(writer, RINGBUF_MAX_BATCH, NEVER));
	EXPECT_EQ(-EINVAL, wait_call(writer, RINGBUF_MAX_BATCH + 1, NEVER));
	close(writer);
	close(owner);
}

/* The deadline is a time of CLOCK_MONOTONIC.  One that has passed makes WAIT check once. */
TEST_F(wait, wait_ends_at_its_deadline)
{
	uint64_t deadline;
	unsigned int i;

	EXPECT_EQ(-ETIMEDOUT, wait_call(self->reader, 1, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_call(self->reader, 1, 1));
	EXPECT_EQ(-ETIMEDOUT, wait_call(self->reader, 1, now_ns()));
	for (i = 0; i < 4; i++) {
		deadline = now_ns() + (uint64_t)(MS << 2 * i);
		EXPECT_EQ(-ETIMEDOUT, wait_call(self->reader, 1, deadline));
		EXPECT_LE(deadline, now_ns());
	}
}

TEST_F(wait, wait_returns_at_once_if_slots_are_ready)
{
	struct ringbuf_wait w;
	unsigned int n;

	for (n = 1; n <= SLOTS; n++) {
		ASSERT_EQ(0, put(self->writer, n));
		w = wait_for(n, 0);
		ASSERT_OK(call(self->reader, RINGBUF_IOC_WAIT, &w));
		EXPECT_LE(n, w.ready);
		w = wait_for(1, NEVER);
		ASSERT_OK(call(self->reader, RINGBUF_IOC_WAIT, &w));
		EXPECT_LE(1, w.ready);
		EXPECT_EQ(n < SLOTS ? 0 : -ETIMEDOUT, wait_call(self->writer, 1, 0));
	}
	/* WAIT has taken no message. */
	for (n = 1; n <= SLOTS; n++)
		EXPECT_EQ(n, get(self->reader));
}

TEST_F(wait, wait_of_a_writer_returns_when_there_is_room)
{
	struct ringbuf_wait w;
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	for (n = 1; n <= SLOTS; n++) {
		EXPECT_EQ(-ETIMEDOUT, wait_call(self->writer, n, 0));
		ASSERT_EQ(n - 1, get(self->reader));
		w = wait_for(n, 0);
		EXPECT_OK(call(self->writer, RINGBUF_IOC_WAIT, &w));
		EXPECT_LE(n, w.ready);
	}
}

TEST_F(wait, wait_returns_at_the_end_of_the_stream)
{
	struct ringbuf_wait w = wait_for(SLOTS, NEVER);

	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_OK(done_call(self->writer));
	ASSERT_OK(call(self->reader, RINGBUF_IOC_WAIT, &w));
	EXPECT_EQ(1, w.ready);
	EXPECT_EQ(1, get(self->reader));
	w = wait_for(1, NEVER);
	ASSERT_OK(call(self->reader, RINGBUF_IOC_WAIT, &w));
	EXPECT_EQ(0, w.ready);
}

/* WAIT returns when the slots are ready, or after a time when one of them is. */
TEST_F(wait, one_slot_is_enough_after_the_time)
{
	struct ringbuf_wait w = wait_for(5, NEVER);
	uint64_t start = now_ns();

	w.after = 30 * MS;
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_EQ(0, put(self->writer, 2));
	ASSERT_OK(call(self->reader, RINGBUF_IOC_WAIT, &w));
	EXPECT_LE(30ULL * MS, now_ns() - start);
	EXPECT_LE(1, w.ready);
	/* Without any slot the wait ends at the deadline. */
	EXPECT_EQ(1, get(self->reader));
	EXPECT_EQ(2, get(self->reader));
	w = wait_for(5, now_ns() + 50 * MS);
	w.after = MS;
	EXPECT_EQ(-ETIMEDOUT, call(self->reader, RINGBUF_IOC_WAIT, &w));
	EXPECT_LE(w.timeout, now_ns());
	/* A time so long that adding it to the clock overflows is none. */
	w = wait_for(5, now_ns() + MS);
	w.after = ~0ULL;
	EXPECT_EQ(-ETIMEDOUT, call(self->reader, RINGBUF_IOC_WAIT, &w));
}

struct waiter {
	int fd;
	struct ringbuf_wait w;
	int want;
	uint64_t ready; /* least number of slots that must be ready */
};

static int waits(void *arg)
{
	struct waiter *s = arg;

	CHECK_EQ(s->want, call(s->fd, RINGBUF_IOC_WAIT, &s->w));
	CHECK(s->want || s->w.ready >= s->ready);
	return 0;
}

TEST_F(wait, wait_sleeps_until_all_slots_are_ready)
{
	struct waiter s = { self->reader, wait_for(SLOTS, NEVER), 0, SLOTS };
	pid_t pid = child_start(waits, &s);
	unsigned int n;

	for (n = 0; n < SLOTS; n++) {
		ASSERT_TRUE(task_asleep(pid));
		ASSERT_EQ(0, put(self->writer, n));
	}
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, first_slot_after_the_time_wakes_a_waiter)
{
	struct waiter s = { self->reader, wait_for(SLOTS, NEVER), 0, 1 };
	pid_t pid;

	s.w.after = MS;
	pid = child_start(waits, &s);
	usleep(5000); /* the child has then waited for longer than its time, if it sleeps */
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(wait, messages_and_detach_end_waits)
{
	struct waiter r = { self->reader, wait_for(1, NEVER), 0, 0 };
	struct waiter w = { self->writer, wait_for(1, NEVER), 0, 1 };
	unsigned int n;
	pid_t pid;

	pid = child_start(waits, &r);
	ASSERT_TRUE(task_asleep(pid));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(0, child_end(pid));
	pid = child_start(waits, &w);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(detach_call(self->reader));
	EXPECT_EQ(0, child_end(pid));
}

/* ---- signals ----------------------------------------------------------------- */

static void nothing(int sig)
{
	(void)sig;
}

static int waits_and_is_hit(void *arg)
{
	struct sigaction action = { .sa_handler = nothing };
	struct waiter *s = arg;

	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(-EINTR, wait_call(s->fd, 1, NEVER));
	raise(SIGSTOP);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(0, wait_call(s->fd, 1, NEVER));
	return 0;
}

TEST_F(wait, signal_ends_or_restarts_a_wait)
{
	struct waiter s = { .fd = self->reader };
	pid_t pid = child_start(waits_and_is_hit, &s);
	unsigned int n;

	ASSERT_TRUE(task_asleep(pid));
	kill(pid, SIGUSR1);
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	kill(pid, SIGCONT);
	for (n = 0; n < 10; n++) {
		ASSERT_TRUE(task_asleep(pid));
		kill(pid, SIGUSR1);
	}
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(0, child_end(pid));
}

static int waits_though_hit(void *arg)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 10000 }, { 0, 10000 } };
	struct waiter *s = arg;

	s->w = wait_for(5, NEVER);
	s->w.after = 200 * MS;
	s->w.flags = RINGBUF_WAIT_REMAINDER;
	sigaction(SIGALRM, &action, NULL);
	CHECK(!setitimer(ITIMER_REAL, &often, NULL));
	CHECK_EQ(0, call(s->fd, RINGBUF_IOC_WAIT, &s->w));
	CHECK_EQ(1, s->w.ready);
	/* The time that was left when the wait was restarted last. */
	CHECK(s->w.after < 200 * MS);
	return 0;
}

TEST_F(wait, signals_do_not_put_off_the_time)
{
	struct waiter s = { .fd = self->reader };

	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(0, child_run(waits_though_hit, &s));
}

static int ends_by_a_signal(void *arg)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval often = { { 0, 10000 }, { 0, 10000 } };
	struct waiter *s = arg;
	uint32_t flags = s->w.flags;

	s->w = wait_for(5, NEVER);
	s->w.after = ~0ULL >> 2;
	s->w.flags = flags;
	sigaction(SIGALRM, &action, NULL);
	CHECK(!setitimer(ITIMER_REAL, &often, NULL));
	CHECK_EQ(-EINTR, call(s->fd, RINGBUF_IOC_WAIT, &s->w));
	CHECK_EQ(!flags, s->w.after == ~0ULL >> 2);
	CHECK_EQ(flags, s->w.flags);
	return 0;
}

/* WAIT changes its structure after a signal only with RINGBUF_WAIT_REMAINDER. */
TEST_F(wait, signal_writes_the_remainder_only_if_asked)
{
	struct waiter s = { .fd = self->reader };

	EXPECT_EQ(0, child_run(ends_by_a_signal, &s));
	s.w.flags = RINGBUF_WAIT_REMAINDER;
	EXPECT_EQ(0, child_run(ends_by_a_signal, &s));
}

/* ---- wake words --------------------------------------------------------------- */

TEST_F(wait, waiting_reader_sets_the_wake_word)
{
	struct waiter r = { self->reader, wait_for(3, NEVER), 0, 3 };
	int observer = observer_open(self->owner);
	struct maps m;
	unsigned int n;
	pid_t pid;

	ASSERT_OK(maps_open(&m, observer));
	EXPECT_EQ(RINGBUF_WAKE_NONE, m.ip->wake_position);
	EXPECT_EQ(RINGBUF_WAKE_NONE, m.ip->wake_cursor);
	pid = child_start(waits, &r);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(2, FLAG_GET(m.ip->wake_position));
	EXPECT_EQ(RINGBUF_WAKE_NONE, FLAG_GET(m.ip->wake_cursor));
	for (n = 0; n < 3; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(RINGBUF_WAKE_NONE, FLAG_GET(m.ip->wake_position));
	maps_close(&m);
	close(observer);
}

TEST_F(wait, waiting_writer_sets_the_wake_word)
{
	struct waiter w = { self->writer, wait_for(2, NEVER), 0, 2 };
	int observer = observer_open(self->owner);
	struct maps m;
	unsigned int n;
	pid_t pid;

	ASSERT_OK(maps_open(&m, observer));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	pid = child_start(waits, &w);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(2, FLAG_GET(m.ip->wake_cursor));
	ASSERT_EQ(0, get(self->reader));
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(1, get(self->reader));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(RINGBUF_WAKE_NONE, FLAG_GET(m.ip->wake_cursor));
	maps_close(&m);
	close(observer);
}

/* A WAKE that reaches no waiter does no harm, either. */
TEST_F(wait, killed_waiter_leaves_no_wake_word)
{
	struct waiter r = { self->reader, wait_for(1, NEVER), 0, 1 };
	int observer = observer_open(self->owner);
	struct maps m;
	pid_t pid;

	ASSERT_OK(maps_open(&m, observer));
	pid = child_start(waits, &r);
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, FLAG_GET(m.ip->wake_position));
	ASSERT_OK(wake_call(self->writer));
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(0, FLAG_GET(m.ip->wake_position));
	child_kill(pid);
	EXPECT_EQ(RINGBUF_WAKE_NONE, FLAG_GET(m.ip->wake_position));
	ASSERT_OK(wake_call(self->writer));
	EXPECT_EQ(1, stats_of(self->owner).total);
	maps_close(&m);
	close(observer);
}

/*
 * The writer stores through its maps and never calls WAKE, as if it had been stopped
 * between the two.
 */
TEST(timer_wakes_a_waiter_whose_writer_did_not_call_wake)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, 64, SLOTS);
	int reader = reader_open(owner), writer = writer_open(owner);
	struct waiter r = { reader, wait_for(1, NEVER), 0, 1 };
	struct maps m;
	pid_t pid;

	if (timer_is_off())
		SKIP(return, "the module does not look again (recheck_ms=0)");
	ASSERT_OK(maps_open(&m, writer));
	pid = child_start(waits, &r);
	ASSERT_TRUE(task_asleep(pid));
	commit_by_hand(&m, 0, 42);
	EXPECT_EQ(0, child_end(pid));
	maps_close(&m);
	close(reader);
	close(writer);
	close(owner);
}

#define SHORT (SECOND / 2)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int waits_until_the_deadline(void *arg)
{
	CHECK_EQ(-ETIMEDOUT, wait_call(*(int *)arg, 1, now_ns() + SHORT));
	return 0;
}

/*
 * Set CLOCK_MONOTONIC of later children ahead by @seconds.  Return false if this kernel has no time
 * namespaces.
 */
static bool clock_shift(const char *seconds)
{
	char line[64];
	int fd, n = snprintf(line, sizeof(line), "monotonic %s 0\n", seconds);
	bool ok;

	if (unshare(CLONE_NEWTIME))
		return false;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, line, (size_t)n) == n;
	close(fd);
	return ok;
}

/* A time namespace shifts the clock of its processes, and so the deadlines that they pass. */
TEST(deadline_follows_the_time_namespace)
{
	int owner = ring_make(0, 64, 2), reader = reader_open(owner);
	uint64_t start = now_ns();

	if (!clock_shift("100000"))
		SKIP(return, "no time namespaces here");
	EXPECT_EQ(0, child_run(waits_until_the_deadline, &reader));
	EXPECT_GE(now_ns() - start, SHORT);
	close(reader);
	close(owner);
}

DEVICE_HARNESS_MAIN
