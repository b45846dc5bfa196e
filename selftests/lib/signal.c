// SPDX-License-Identifier: GPL-2.0
/* Signals during a wait: it continues with the same deadline, or ends with EINTR on request. */
#include <pthread.h>
#include "../harness/attached.h"

#define SLOTS 4

struct shared {
	int handled;
	int on;
	int ended; /* number of waits that a signal has ended */
};

static struct shared *shared;

static void handler(int sig)
{
	(void)sig;
	__atomic_add_fetch(&shared->handled, 1, __ATOMIC_SEQ_CST);
}

static void handle_usr1(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
}

ATTACHED_FIXTURE(signal)

FIXTURE_VARIANT(signal)
{
	int flags;
};

FIXTURE_VARIANT_ADD(signal, plain){ .flags = 0 };
FIXTURE_VARIANT_ADD(signal, sa_restart){ .flags = SA_RESTART };

FIXTURE_SETUP(signal)
{
	unsigned int n;

	shared = shared_memory(sizeof(*shared));
	ASSERT_NE(NULL, shared);
	handle_usr1(variant->flags);
	ATTACHED_SETUP(0, 64, SLOTS);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
}

/* Send @times signals to @pid, which must sleep again after each. */
static int disturb(pid_t pid, int times)
{
	int n;

	for (n = 1; n <= times; n++) {
		CHECK(task_asleep(pid));
		CHECK(!kill(pid, SIGUSR1));
		UNTIL(FLAG_GET(shared->handled) >= n || !task_state(pid));
		CHECK(FLAG_GET(shared->handled) == n);
	}
	CHECK(task_asleep(pid));
	return 0;
}

static int read_after_all(void *arg)
{
	struct ringbuf *ring = arg;
	struct ringbuf_reader *reader;

	CHECK(!ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
	FLAG_SET(shared->on);
	CHECK_EQ(99, get(reader, RINGBUF_FOREVER));
	return 0;
}

/* Read all messages.  The child's reader began behind them, so the writer then has room. */
static int drain(struct ringbuf_reader *reader)
{
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		CHECK_EQ(n, get(reader, RINGBUF_TRY));
	return 0;
}

TEST_F(signal, signals_do_not_end_the_wait_of_a_reader)
{
	pid_t pid = child_start(read_after_all, self->ring);

	UNTIL(FLAG_GET(shared->on));
	ASSERT_EQ(0, disturb(pid, 20));
	ASSERT_EQ(0, drain(self->reader));
	ASSERT_EQ(0, put(self->writer, 99, RINGBUF_TRY));
	EXPECT_EQ(0, child_end(pid));
}

static int write_one_more(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);

	CHECK(writer);
	FLAG_SET(shared->on);
	CHECK_EQ(0, put(writer, 99, RINGBUF_FOREVER));
	return 0;
}

TEST_F(signal, signals_do_not_end_the_wait_of_a_writer)
{
	pid_t pid = child_start(write_one_more, self->ring);

	UNTIL(FLAG_GET(shared->on));
	ASSERT_EQ(0, disturb(pid, 20));
	ASSERT_EQ(0, drain(self->reader));
	EXPECT_EQ(99, get(self->reader, PATIENCE));
	EXPECT_EQ(0, child_end(pid));
}

/* Wait with a timeout, while signals come all the time. */
static int times_out(void *arg)
{
	struct ringbuf_writer *writer = writer_new(arg);
	uint64_t start = now_ns();

	CHECK(writer);
	FLAG_SET(shared->on);
	CHECK_EQ(-ETIMEDOUT, put(writer, 99, 300 * MS));
	CHECK(now_ns() - start >= (uint64_t)(300 * MS));
	CHECK(FLAG_GET(shared->handled) > 0);
	return 0;
}

TEST_F(signal, signals_do_not_move_the_deadline)
{
	const struct timespec pause = { .tv_nsec = 5 * MS };
	pid_t pid = child_start(times_out, self->ring);

	UNTIL(FLAG_GET(shared->on));
	/* If each signal started the wait again, it would never end. */
	while (task_state(pid) != 'Z') {
		kill(pid, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	EXPECT_EQ(0, child_end(pid));
}

#define ENDED(call)                                                      \
	do {                                                             \
		CHECK_EQ(-EINTR, call);                                  \
		__atomic_add_fetch(&shared->ended, 1, __ATOMIC_SEQ_CST); \
	} while (0)

static int interrupted(void *arg)
{
	struct ringbuf *ring = arg;
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_reader *reader;
	struct ringbuf_slot s;

	CHECK(writer);
	CHECK(!ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
	ringbuf_writer_interruptible(writer, 1);
	ringbuf_reader_interruptible(reader, 1);
	FLAG_SET(shared->on);
	ENDED(put(writer, 99, RINGBUF_FOREVER));
	ENDED(ringbuf_writer_reserve(writer, &s, 1, PATIENCE));
	ENDED(get(reader, RINGBUF_FOREVER));
	ENDED(ringbuf_reader_peek(reader, &s, 1, PATIENCE));
	ENDED(ringbuf_reader_wait(reader, 2, RINGBUF_FOREVER));
	/* The handles are still usable. */
	CHECK_EQ(-EAGAIN, put(writer, 99, RINGBUF_TRY));
	CHECK_EQ(-EAGAIN, get(reader, RINGBUF_TRY));
	ringbuf_reader_interruptible(reader, 0);
	FLAG_SET(shared->on);
	CHECK_EQ(7, get(reader, RINGBUF_FOREVER));
	return 0;
}

/* With SA_RESTART the kernel may restart the system call, so that the library sees no EINTR. */
TEST_F(signal, signal_ends_a_wait_that_is_interruptible)
{
	pid_t pid;
	int n;

	if (variant->flags & SA_RESTART)
		SKIP(return, "SA_RESTART asks the kernel not to end the wait");
	pid = child_start(interrupted, self->ring);
	UNTIL(FLAG_GET(shared->on));
	/*
	 * A signal that comes before the reader sleeps is lost: repeat it until the wait has
	 * ended.
	 */
	for (n = 1; n <= 5; n++) {
		while (FLAG_GET(shared->ended) < n && task_state(pid) != 'Z') {
			int handled = FLAG_GET(shared->handled);

			ASSERT_TRUE(task_asleep(pid));
			/* The child may sleep in its next wait already. */
			if (FLAG_GET(shared->ended) == n)
				break;
			kill(pid, SIGUSR1);
			UNTIL(FLAG_GET(shared->handled) > handled || task_state(pid) == 'Z');
		}
		ASSERT_EQ(n, FLAG_GET(shared->ended));
	}
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, drain(self->reader));
	ASSERT_EQ(0, put(self->writer, 7, RINGBUF_TRY));
	EXPECT_EQ(0, child_end(pid));
}

static struct ringbuf_reader *to_interrupt;
static struct ringbuf_writer *writer_to_interrupt;

static void interrupts(int sig)
{
	int saved = errno;

	handler(sig);
	errno = EXDEV;
	ringbuf_reader_interrupt(to_interrupt);
	ringbuf_writer_interrupt(writer_to_interrupt);
	if (errno != EXDEV)
		abort();
	errno = saved;
}

/* Interrupts come while the calls sleep, while they spin, and before they begin. */
static int interrupted_anywhere(void *arg)
{
	struct sigaction action = { .sa_handler = interrupts, .sa_flags = *(const int *)arg };
	unsigned int n;

	sigaction(SIGUSR1, &action, NULL);
	FLAG_SET(shared->on);
	for (n = 0; n < 100; n++) {
		ringbuf_reader_spin(to_interrupt, n % 2 ? 1000 * SECOND : 0);
		ringbuf_writer_spin(writer_to_interrupt, n % 2 ? 1000 * SECOND : 0);
		CHECK_EQ(-EINTR, get(to_interrupt, RINGBUF_FOREVER));
		CHECK_EQ(-EINTR, put(writer_to_interrupt, 99, RINGBUF_FOREVER));
	}
	/* Each signal interrupts both handles, so one of them may have an interrupt left. */
	ringbuf_reader_interruptible(to_interrupt, 0);
	ringbuf_writer_interruptible(writer_to_interrupt, 0);
	ringbuf_reader_interrupt(to_interrupt);
	CHECK_EQ(-ETIMEDOUT, get(to_interrupt, MS));
	CHECK_EQ(-EAGAIN, put(writer_to_interrupt, 99, RINGBUF_TRY));
	return 0;
}

TEST_F(signal, no_interrupt_is_missed)
{
	const struct timespec pause = { .tv_nsec = 300000 };
	int flags = variant->flags;
	pid_t pid;

	writer_to_interrupt = writer_new(self->ring);
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &to_interrupt));
	ringbuf_reader_interruptible(to_interrupt, 1);
	ringbuf_writer_interruptible(writer_to_interrupt, 1);
	pid = child_start(interrupted_anywhere, &flags);
	UNTIL(FLAG_GET(shared->on));
	while (task_state(pid) != 'Z') {
		kill(pid, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	EXPECT_EQ(0, child_end(pid));
	ringbuf_reader_close(to_interrupt);
	ringbuf_writer_close(writer_to_interrupt);
}

static int waits_twice(void *arg)
{
	struct sigaction action = { .sa_handler = interrupts, .sa_flags = *(const int *)arg };

	sigaction(SIGUSR1, &action, NULL);
	CHECK(!raise(SIGUSR1));
	CHECK_EQ(-EINTR, get(to_interrupt, RINGBUF_FOREVER));
	CHECK_EQ(-ETIMEDOUT, get(to_interrupt, 60 * MS));
	ringbuf_reader_spin(to_interrupt, 1000 * SECOND);
	FLAG_SET(shared->on);
	CHECK_EQ(-EINTR, get(to_interrupt, RINGBUF_FOREVER));
	return 0;
}

/* An interrupt before the wait ends that wait alone; another one ends a wait that spins. */
TEST_F(signal, interrupt_before_or_during_a_wait_ends_it)
{
	const struct timespec pause = { .tv_nsec = 20 * MS };
	int flags = variant->flags;
	pid_t pid;

	writer_to_interrupt = writer_new(self->ring);
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &to_interrupt));
	ringbuf_reader_interruptible(to_interrupt, 1);
	pid = child_start(waits_twice, &flags);
	UNTIL(FLAG_GET(shared->on));
	nanosleep(&pause, NULL);
	ASSERT_EQ('R', task_state(pid));
	kill(pid, SIGUSR1);
	EXPECT_EQ(0, child_end(pid));
	ringbuf_reader_close(to_interrupt);
	ringbuf_writer_close(writer_to_interrupt);
}

#define ROUNDS 300

/* Send a message and then an interrupt in each round, each time a little later. */
static void *message_and_interrupt(void *writer)
{
	volatile int wait;
	int n;

	if (pin(1))
		return NULL;
	for (n = 1; n <= ROUNDS; n++) {
		UNTIL(FLAG_GET(shared->on) == 2 * n - 1);
		for (wait = 0; wait < 1000; wait++)
			;
		put(writer, (uint64_t)n, PATIENCE);
		UNTIL(FLAG_GET(shared->on) == 2 * n);
		for (wait = 0; wait < 20 * n; wait++)
			;
		ringbuf_reader_interrupt(to_interrupt);
	}
	return NULL;
}

/*
 * A reader whose last wait ended while it was spinning, with the writer on another processor,
 * first watches only the next slot.  Interrupt it before, during and after that time.
 */
TEST_F(signal, interrupt_ends_a_wait_that_watches_the_next_slot)
{
	struct ringbuf_writer *writer;
	pthread_t thread;
	int n;

	ASSERT_LT(0, processors());
	if (processors() < 2)
		SKIP(return, "only one processor");
	writer = writer_new(self->ring);
	ASSERT_NE(NULL, writer);
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &to_interrupt));
	ASSERT_EQ(0, drain(self->reader));
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	ringbuf_reader_interruptible(to_interrupt, 1);
	ringbuf_reader_spin(to_interrupt, 1000 * SECOND);
	ASSERT_EQ(0, pthread_create(&thread, NULL, message_and_interrupt, writer));
	ASSERT_EQ(0, pin(0));
	for (n = 1; n <= ROUNDS; n++) {
		__atomic_add_fetch(&shared->on, 1, __ATOMIC_SEQ_CST);
		ASSERT_EQ(n, get(to_interrupt, PATIENCE));
		__atomic_add_fetch(&shared->on, 1, __ATOMIC_SEQ_CST);
		ASSERT_EQ(-EINTR, get(to_interrupt, PATIENCE));
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ringbuf_writer_close(writer);
	ringbuf_reader_close(to_interrupt);
}

LIB_HARNESS_MAIN
