// SPDX-License-Identifier: GPL-2.0
/*
 * Other sudden ends than SIGKILL: a process that has slots reserved, or slots peeked in a full
 * ring, executes another program, loses a thread, forks, or runs out of memory.  And signals
 * in each call that blocks.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "../harness/attached.h"

#define SLOTS	4
#define CGROUPS "/sys/fs/cgroup"

/**
 * struct middle - what a child does in the middle of its work
 * @ring: it attaches to it
 * @reads: it peeks two slots of a full ring; otherwise it reserves two
 * @end: what it does then
 * @there: it is in the middle
 * @proceed: it may end
 */
struct middle {
	struct ringbuf *ring;
	bool reads;
	int (*end)(struct middle *m);
	int there;
	int proceed;
	struct ringbuf_writer *writer;
	struct ringbuf_slot slot[2];
};

ATTACHED_FIXTURE(ends)

FIXTURE_VARIANT(ends)
{
	uint32_t flags;
	bool reads;
};

FIXTURE_VARIANT_ADD(ends, shared_writer){ .flags = 0 };
FIXTURE_VARIANT_ADD(ends, exclusive_writer){ .flags = RINGBUF_EXCLUSIVE };
FIXTURE_VARIANT_ADD(ends, reader){ .reads = true };

FIXTURE_SETUP(ends)
{
	self->ring = ring_new(variant->flags, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->reader = reader_new(self->ring);
	ASSERT_NE(NULL, self->reader);
	/* On an exclusive ring the child is the writer. */
	if (!(variant->flags & RINGBUF_EXCLUSIVE))
		self->writer = writer_new(self->ring);
}

static int middle_writer(struct middle *m)
{
	m->writer = writer_new(m->ring);
	CHECK(m->writer);
	CHECK_EQ(0, put(m->writer, 100, RINGBUF_TRY));
	CHECK_EQ(2, ringbuf_writer_reserve(m->writer, m->slot, 2, RINGBUF_TRY));
	memset(m->slot[0].data, 0xee, 64);
	return 0;
}

static int middle_reader(struct middle *m)
{
	struct ringbuf_reader *reader = reader_new(m->ring);

	CHECK(reader);
	CHECK_EQ(-EAGAIN, ringbuf_reader_peek(reader, m->slot, 2, RINGBUF_TRY));
	FLAG_SET(m->there);
	CHECK_EQ(0, ringbuf_reader_wait(reader, SLOTS, PATIENCE));
	CHECK_EQ(2, ringbuf_reader_peek(reader, m->slot, 2, RINGBUF_TRY));
	return 0;
}

static int middle_body(void *arg)
{
	struct middle *m = arg;

	CHECK(!(m->reads ? middle_reader(m) : middle_writer(m)));
	FLAG_SET(m->there);
	UNTIL(FLAG_GET(m->proceed));
	return m->end(m);
}

static struct middle *middle_of(struct ringbuf *ring, bool reads, int (*end)(struct middle *m))
{
	struct middle *m = shared_memory(sizeof(*m));

	if (m)
		*m = (struct middle){ .ring = ring, .reads = reads, .end = end };
	return m;
}

/* Start the child; return when it is in the middle, or the ring is full for it. */
static pid_t middle_start(struct middle *m, struct ringbuf_writer *writer,
			  struct ringbuf_reader *reader)
{
	pid_t pid = child_start(middle_body, m);
	unsigned int n;

	UNTIL(FLAG_GET(m->there) || task_state(pid) == 'Z');
	for (n = 0; m->reads && n < SLOTS; n++)
		if (put(writer, n, RINGBUF_TRY) || get(reader, RINGBUF_TRY) != n)
			return -1;
	if (!m->reads && get(reader, RINGBUF_TRY) != 100)
		return -1;
	FLAG_SET(m->proceed);
	return pid;
}

/*
 * Write and read two laps.  A writer of an exclusive ring attaches when the one before has
 * ended, and this waits for that.
 */
static int others_continue(struct ringbuf *ring, struct ringbuf_writer *writer,
			   struct ringbuf_reader *reader)
{
	uint64_t end = now_ns() + PATIENCE;
	struct ringbuf_writer *own = NULL;
	unsigned int n;

	while (!writer && !own && now_ns() < end)
		own = writer_new(ring);
	if (!writer)
		writer = own;
	CHECK(writer);
	for (n = 0; n < 2 * SLOTS; n++) {
		CHECK_EQ(0, put(writer, n, PATIENCE));
		CHECK_EQ(n, get(reader, PATIENCE));
	}
	ringbuf_writer_close(own);
	return 0;
}

#define OTHERS_CONTINUE() EXPECT_EQ(0, others_continue(self->ring, self->writer, self->reader))

/* The slots that the child has reserved are holes; an exclusive writer leaves nothing. */
#define HOLES_ARE(count)                                                             \
	EXPECT_EQ(variant->flags &RINGBUF_EXCLUSIVE || variant->reads ? 0 : (count), \
		  ringbuf_reader_holes(self->reader))

/* ---- another program ------------------------------------------------------------------------- */

static int executes(struct middle *m)
{
	(void)m;
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	return check_failed(__FILE__, __LINE__, "execl");
}

TEST_F(ends, program_that_lives_on_after_exec_holds_nothing)
{
	struct middle *m = middle_of(self->ring, variant->reads, executes);
	pid_t pid = middle_start(m, self->writer, self->reader);

	ASSERT_LT(0, pid);
	OTHERS_CONTINUE();
	HOLES_ARE(2);
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
}

/* ---- threads ------------------------------------------------------------------------------------
 */

/* Commit from the thread that is left, when the driver says so. */
static void *last_thread(void *arg)
{
	struct middle *m = arg;

	UNTIL(FLAG_GET(m->proceed) == 2);
	m->slot[0].length = m->slot[1].length = sizeof(uint64_t);
	memcpy(m->slot[0].data, &(uint64_t){ 101 }, sizeof(uint64_t));
	memcpy(m->slot[1].data, &(uint64_t){ 102 }, sizeof(uint64_t));
	if (ringbuf_writer_commit(m->writer, m->slot, 2) || put(m->writer, 103, PATIENCE))
		_exit(check_failed(__FILE__, __LINE__, "the last thread commits"));
	ringbuf_writer_close(m->writer);
	_exit(0);
}

static int leaves_a_thread(struct middle *m)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, last_thread, m));
	/* The first thread ends alone: it is a zombie, and its process lives. */
	syscall(SYS_exit, 0);
	return 1;
}

TEST_F(ends, exit_of_the_first_thread_takes_nothing_from_the_others)
{
	struct middle *m;
	pid_t pid;

	if (variant->reads)
		SKIP(return, "about writers");
	m = middle_of(self->ring, false, leaves_a_thread);
	pid = middle_start(m, self->writer, self->reader);
	ASSERT_LT(0, pid);
	UNTIL(task_state(pid) == 'Z');
	/* This looks for the dead, and so does a wait. */
	EXPECT_LE(1, status_of(self->ring).writers);
	EXPECT_EQ(-ETIMEDOUT, get(self->reader, 100 * MS));
	__atomic_store_n(&m->proceed, 2, __ATOMIC_SEQ_CST);
	EXPECT_EQ(101, get(self->reader, PATIENCE));
	EXPECT_EQ(102, get(self->reader, PATIENCE));
	EXPECT_EQ(103, get(self->reader, PATIENCE));
	EXPECT_EQ(0, child_end(pid));
	OTHERS_CONTINUE();
	HOLES_ARE(0);
}

/* ---- fork
 * ----------------------------------------------------------------------------------------- */

/* A grandchild that does not use the ring outlives the child. */
static int forks_and_dies(struct middle *m)
{
	pid_t pid = fork();

	(void)m;
	CHECK(pid >= 0);
	if (!pid) {
		pause();
		_exit(1);
	}
	__atomic_store_n(&m->proceed, pid, __ATOMIC_SEQ_CST);
	raise(SIGKILL);
	return 1;
}

TEST_F(ends, idle_child_of_a_killed_process_holds_nothing)
{
	struct middle *m = middle_of(self->ring, variant->reads, forks_and_dies);
	pid_t pid = middle_start(m, self->writer, self->reader);

	ASSERT_LT(0, pid);
	EXPECT_EQ(128 + SIGKILL, child_end(pid));
	OTHERS_CONTINUE();
	HOLES_ARE(2);
	EXPECT_EQ(0, kill(m->proceed, SIGKILL));
}

/* ---- memory
 * ------------------------------------------------------------------------------------------ */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = fd < 0;

	err = err || write(fd, text, strlen(text)) < 0;
	close(fd);
	return err;
}

/* Only what this process touches from here on is charged to the group. */
static int runs_out_of_memory(struct middle *m)
{
	(void)m;
	CHECK(!write_text(CGROUPS "/ringbuf-ends/cgroup.procs", "0"));
	for (;;)
		CHECK(memset(malloc(1 << 20), 1, 1 << 20));
	return 0;
}

TEST_F(ends, oom_kill_by_a_memory_cgroup)
{
	const char *group = CGROUPS "/ringbuf-ends";
	struct middle *m;
	pid_t pid;

	if (access(CGROUPS "/cgroup.controllers", F_OK) || mkdir(group, 0755))
		SKIP(return, "no cgroup2 here, or no right to make a group");
	if (write_text(CGROUPS "/ringbuf-ends/memory.max", "16777216")) {
		rmdir(group);
		SKIP(return, "no memory controller here");
	}
	write_text(CGROUPS "/ringbuf-ends/memory.swap.max", "0");
	m = middle_of(self->ring, variant->reads, runs_out_of_memory);
	pid = middle_start(m, self->writer, self->reader);
	ASSERT_LT(0, pid);
	EXPECT_EQ(128 + SIGKILL, child_end(pid));
	OTHERS_CONTINUE();
	HOLES_ARE(2);
	EXPECT_EQ(0, rmdir(group));
}

/* ---- signals in each call that blocks
 * -------------------------------------------------------------------- */

/**
 * struct blocking - a call that blocks, on a ring that is full or empty
 * @ring: the ring
 * @call: the call; 0 or 1
 * @writes: it waits for room
 * @handled: signals that its process has handled
 */
struct blocking {
	struct ringbuf *ring;
	int (*call)(struct blocking *b);
	bool writes;
	int ready;
};

static struct blocking *blocking;
static int *handled;

static struct ringbuf_writer *arrived_writer(struct blocking *b)
{
	struct ringbuf_writer *writer = writer_new(b->ring);

	FLAG_SET(b->ready);
	return writer;
}

static struct ringbuf_reader *arrived_reader(struct blocking *b)
{
	struct ringbuf_reader *reader = reader_new(b->ring);

	if (reader && get(reader, RINGBUF_TRY) != -EAGAIN)
		return NULL;
	FLAG_SET(b->ready);
	return reader;
}

static int in_reserve(struct blocking *b)
{
	struct ringbuf_writer *writer = arrived_writer(b);
	struct ringbuf_slot s;

	CHECK_EQ(1, ringbuf_writer_reserve(writer, &s, 1, RINGBUF_FOREVER));
	s.length = sizeof(uint64_t);
	memcpy(s.data, &(uint64_t){ 50 }, sizeof(uint64_t));
	CHECK_EQ(0, ringbuf_writer_commit(writer, &s, 1));
	return 0;
}

static int in_write(struct blocking *b)
{
	CHECK_EQ(0, put(arrived_writer(b), 50, PATIENCE));
	return 0;
}

static int in_writev(struct blocking *b)
{
	uint64_t number = 50;
	struct iovec part = { .iov_base = &number, .iov_len = sizeof(number) };

	CHECK_EQ(0, ringbuf_writer_writev(arrived_writer(b), &part, 1, RINGBUF_FOREVER));
	return 0;
}

static int in_peek(struct blocking *b)
{
	struct ringbuf_reader *reader = arrived_reader(b);
	struct ringbuf_slot s;

	CHECK_EQ(1, ringbuf_reader_peek(reader, &s, 1, RINGBUF_FOREVER));
	CHECK_EQ(0, ringbuf_reader_release(reader, 1));
	return 0;
}

static int in_read(struct blocking *b)
{
	CHECK_EQ(50, get(arrived_reader(b), PATIENCE));
	return 0;
}

static int in_reader_wait(struct blocking *b)
{
	CHECK_EQ(0, ringbuf_reader_wait(arrived_reader(b), 1, RINGBUF_FOREVER));
	return 0;
}

FIXTURE(signals)
{
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
};

FIXTURE_VARIANT(signals)
{
	int (*call)(struct blocking * b);
	bool writes;
};

FIXTURE_VARIANT_ADD(signals, reserve){ .call = in_reserve, .writes = true };
FIXTURE_VARIANT_ADD(signals, write){ .call = in_write, .writes = true };
FIXTURE_VARIANT_ADD(signals, writev){ .call = in_writev, .writes = true };
FIXTURE_VARIANT_ADD(signals, peek){ .call = in_peek };
FIXTURE_VARIANT_ADD(signals, read){ .call = in_read };
FIXTURE_VARIANT_ADD(signals, wait){ .call = in_reader_wait };

FIXTURE_SETUP(signals)
{
	unsigned int n;

	ATTACHED_SETUP(0, 64, SLOTS);
	for (n = 0; variant->writes && n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	handled = shared_memory(sizeof(*handled));
	blocking = shared_memory(sizeof(*blocking));
	ASSERT_TRUE(handled && blocking);
	*blocking = (struct blocking){ .ring = self->ring,
				       .call = variant->call,
				       .writes = variant->writes };
}

FIXTURE_TEARDOWN(signals)
{
	ATTACHED_CLOSE();
}

static void count_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(handled, 1, __ATOMIC_SEQ_CST);
}

static int blocking_body(void *arg)
{
	const struct sigaction action = { .sa_handler = count_signal };
	struct blocking *b = arg;

	sigaction(SIGUSR1, &action, NULL);
	return b->call(b);
}

/* Let the call end: a message, or room for one, which is read then. */
#define END_THE_CALL()                                                     \
	do {                                                               \
		if (variant->writes) {                                     \
			for (n = 0; n < SLOTS; n++)                        \
				ASSERT_EQ(n, get(self->reader, PATIENCE)); \
			EXPECT_EQ(50, get(self->reader, PATIENCE));        \
		} else {                                                   \
			ASSERT_EQ(0, put(self->writer, 50, PATIENCE));     \
		}                                                          \
	} while (0)

TEST_F(signals, handler_runs_and_the_call_continues)
{
	pid_t pid = child_start(blocking_body, blocking);
	int n;

	UNTIL(FLAG_GET(blocking->ready));
	for (n = 1; n <= 20; n++) {
		ASSERT_TRUE(task_asleep(pid));
		ASSERT_EQ(0, kill(pid, SIGUSR1));
		UNTIL(FLAG_GET(*handled) == n);
	}
	ASSERT_TRUE(task_asleep(pid));
	END_THE_CALL();
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(signals, stop_and_continue)
{
	pid_t pid = child_start(blocking_body, blocking);
	int n, status;

	UNTIL(FLAG_GET(blocking->ready));
	for (n = 0; n < 20; n++) {
		ASSERT_TRUE(task_asleep(pid));
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		ASSERT_EQ(0, kill(pid, SIGCONT));
	}
	ASSERT_TRUE(task_asleep(pid));
	END_THE_CALL();
	EXPECT_EQ(0, child_end(pid));
}

/* What ends the wait comes while the process is stopped. */
TEST_F(signals, ring_changes_while_it_is_stopped)
{
	pid_t pid = child_start(blocking_body, blocking);
	int n, status;

	UNTIL(FLAG_GET(blocking->ready));
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	for (n = 0; variant->writes && n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader, PATIENCE));
	if (!variant->writes)
		ASSERT_EQ(0, put(self->writer, 50, PATIENCE));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(50, get(self->reader, PATIENCE));
}

TEST_F(signals, killed_in_the_call)
{
	pid_t pid = child_start(blocking_body, blocking);
	int n;

	UNTIL(FLAG_GET(blocking->ready));
	ASSERT_TRUE(task_asleep(pid));
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
	for (n = 0; variant->writes && n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader, PATIENCE));
	for (n = 0; n < 2 * SLOTS; n++) {
		ASSERT_EQ(0, put(self->writer, (uint64_t)n, PATIENCE));
		ASSERT_EQ(n, get(self->reader, PATIENCE));
	}
	EXPECT_EQ(0, ringbuf_reader_holes(self->reader));
}

LIB_HARNESS_MAIN
