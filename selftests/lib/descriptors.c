// SPDX-License-Identifier: GPL-2.0
/*
 * A process closes descriptors of the library: copies of them, one of the name's file, or
 * all.  Its peers must still see that the process lives.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../harness/attached.h"

#define SLOTS 8

/* The embedded host keeps its private descriptors from this number on. */
#define HIGH 512

/* What a child gets from its parent; @step tells each of them how far the other is. */
struct given {
	struct ringbuf *ring;
	const char *name;
	int *step;
};

static int close_from(unsigned int first)
{
	return (int)syscall(SYS_close_range, first, ~0U, 0);
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Attach a writer, which checks for dead peers, and check that it takes none for dead. */
static int finds_all_alive(void *arg)
{
	struct given *g = arg;
	struct ringbuf_writer *writer;
	unsigned int n;

	CHECK_EQ(0, ringbuf_writer_attach(g->ring, &writer));
	CHECK_EQ(1, status_of(g->ring).readers);
	CHECK_EQ(2, status_of(g->ring).writers);
	for (n = 1; n < SLOTS; n++)
		CHECK_EQ(0, put(writer, n, RINGBUF_TRY));
	/* The writer has to wait for the reader. */
	CHECK_EQ(-ETIMEDOUT, put(writer, n, 100 * MS));
	CHECK_EQ(RINGBUF_STREAM_OPEN, status_of(g->ring).ended);
	ringbuf_writer_close(writer);
	return 0;
}

FIXTURE(descriptors)
{
	ATTACHED;
	struct given g;
	char name[64];
};

FIXTURE_SETUP(descriptors)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);

	snprintf(self->name, sizeof(self->name), "%s", name_of("descriptors"));
	config.name = self->name;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
	ATTACHED_MEMBERS();
	/* Use both handles, without reading a message. */
	ASSERT_EQ(0, put(self->writer, 0, RINGBUF_TRY));
	ASSERT_EQ(0, ringbuf_reader_wait(self->reader, 1, RINGBUF_TRY));
	self->g = (struct given){ .ring = self->ring, .step = shared_memory(sizeof(int)) };
}

FIXTURE_TEARDOWN(descriptors)
{
	ATTACHED_CLOSE();
	/* An idle child may have kept the ring, and so its name. */
	ringbuf_unlink(self->name, RINGBUF_HOST_AUTO);
}

static int in_order(struct ringbuf_reader *reader)
{
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		CHECK_EQ(n, get(reader, RINGBUF_TRY));
	return 0;
}

TEST_F(descriptors, closing_a_copy_ends_nothing)
{
	int fd = ringbuf_export(self->ring);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, close(dup(fd)));
	EXPECT_EQ(0, child_run(finds_all_alive, &self->g));
	EXPECT_EQ(0, in_order(self->reader));
}

TEST_F(descriptors, closing_the_file_of_the_name_ends_nothing)
{
	char path[128];
	int fd;

	if (on_module(self->ring))
		SKIP(return, "there is no file");
	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", self->name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, child_run(finds_all_alive, &self->g));
	EXPECT_EQ(0, in_order(self->reader));
}

/* The exported descriptor is not the one that shows that this process lives. */
TEST_F(descriptors, closing_the_exported_descriptor_ends_nothing)
{
	if (on_module(self->ring))
		SKIP(return, "that is the handle itself");
	ASSERT_EQ(0, close(ringbuf_export(self->ring)));
	self->g.ring = NULL;
	ASSERT_EQ(0, ringbuf_open(self->name, RINGBUF_HOST_AUTO, &self->g.ring));
	EXPECT_EQ(0, child_run(finds_all_alive, &self->g));
	EXPECT_EQ(0, in_order(self->reader));
	ringbuf_close(self->g.ring);
}

/* The library notices on the slow path that they are closed, and opens new ones. */
TEST_F(descriptors, closing_private_descriptors_ends_nothing)
{
	if (on_module(self->ring))
		SKIP(return, "it has none");
	ASSERT_EQ(0, close_from(HIGH));
	EXPECT_EQ(1, status_of(self->ring).readers);
	EXPECT_EQ(0, child_run(finds_all_alive, &self->g));
	EXPECT_EQ(0, in_order(self->reader));
}

/*
 * Close the descriptor of the lock, and lower the limit so that it cannot be opened again.  Return
 * the old limit.
 */
static rlim_t lock_lose(void)
{
	struct rlimit limit;
	rlim_t was;

	close_from(HIGH);
	getrlimit(RLIMIT_NOFILE, &limit);
	was = limit.rlim_cur;
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	return was;
}

static void descriptors_allow(rlim_t count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = count;
	setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_F(descriptors, reader_that_was_closed_without_the_lock_blocks_no_writer)
{
	unsigned int n;
	rlim_t was;

	if (on_module(self->ring))
		SKIP(return, "the kernel knows");
	was = lock_lose();
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	descriptors_allow(was);
	EXPECT_EQ(0, status_of(self->ring).readers);
	for (n = 0; n < 3 * SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n, PATIENCE));
}

TEST_F(descriptors, done_that_failed_can_be_repeated)
{
	rlim_t was;

	if (on_module(self->ring))
		SKIP(return, "it needs no lock");
	was = lock_lose();
	EXPECT_EQ(-EMFILE, ringbuf_writer_done(self->writer));
	EXPECT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	descriptors_allow(was);
	EXPECT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(-EPIPE, ringbuf_writer_done(self->writer));
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->ring).ended);
}

static int attaches_late(void *arg)
{
	struct given *g = arg;
	struct ringbuf_writer *writer;
	unsigned int n;

	UNTIL(FLAG_GET(*g->step) == 1);
	CHECK_EQ(0, ringbuf_writer_attach(g->ring, &writer));
	/* The other process has closed its descriptors, so it looks dead. */
	CHECK_EQ(0, status_of(g->ring).readers);
	for (n = 0; n < 3 * SLOTS; n++)
		CHECK_EQ(0, put(writer, n, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	return 0;
}

/*
 * A peer takes the reader for dead before it can notice; it must not read slots that may be torn.
 */
TEST_F(descriptors, reader_taken_for_dead_reads_nothing_more)
{
	struct ringbuf_slot s;
	pid_t pid;

	if (on_module(self->ring))
		SKIP(return, "the kernel knows");
	ASSERT_EQ(1, ringbuf_reader_peek(self->reader, &s, 1, RINGBUF_TRY));
	pid = child_start(attaches_late, &self->g);
	ASSERT_EQ(0, close_from(HIGH));
	FLAG_SET(*self->g.step);
	ASSERT_EQ(0, child_end(pid));
	EXPECT_EQ(-ESTALE, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(-ESTALE, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-ESTALE, ringbuf_reader_wait(self->reader, 1, PATIENCE));
	EXPECT_EQ(0, status_of(self->ring).readers);
}

/* Close all descriptors, as a daemon does, and open other files under their numbers. */
static int closes_all(void *arg)
{
	struct given *g = arg;
	struct ringbuf_reader *reader = reader_new(g->ring);
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_writer *writer;
	unsigned int n;
	int fd[64];

	CHECK(reader);
	CHECK_EQ(0, get(reader, RINGBUF_TRY));
	CHECK_EQ(0, close_from(3));
	for (n = 0; n < 64; n++) {
		fd[n] = open("/dev/null", O_RDWR | O_CLOEXEC);
		CHECK(fd[n] >= 0);
	}
	CHECK_EQ(-EBADF, ringbuf_stats(g->ring, &s, NULL, 0));
	CHECK_EQ(-EBADF, ringbuf_sync(g->ring, RINGBUF_ALL_READERS, 0));
	CHECK_EQ(-EBADF, ringbuf_writer_attach(g->ring, &writer));
	CHECK_EQ(-ETIMEDOUT, get(reader, 50 * MS));
	ringbuf_reader_close(reader);
	ringbuf_close(g->ring);
	for (n = 0; n < 64; n++)
		CHECK(fcntl(fd[n], F_GETFD) >= 0);
	return 0;
}

TEST_F(descriptors, process_that_closed_all_descriptors_gets_errors)
{
	if (on_module(self->ring))
		SKIP(return, "the kernel's own answers");
	EXPECT_EQ(0, child_run(closes_all, &self->g));
	EXPECT_EQ(0, get(self->reader, RINGBUF_TRY));
}

TEST_F(descriptors, import_leaks_no_descriptor)
{
	unsigned int before = 0, n;
	struct ringbuf *again;

	for (n = 0; n < 20; n++) {
		int fd = fcntl(ringbuf_export(self->ring), F_DUPFD_CLOEXEC, 0);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ringbuf_import(fd, NULL, &again));
		ringbuf_close(again);
		if (!n)
			before = descriptors();
	}
	EXPECT_EQ(before, descriptors());
}

static int idles(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

static int uses_and_leaves_a_child(void *arg)
{
	struct given *g = arg;
	struct ringbuf_writer *writer = writer_new(g->ring);
	pid_t pid;

	CHECK(writer);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	pid = fork();
	if (!pid)
		_exit(idles(NULL));
	*g->step = pid;
	raise(SIGKILL);
	return 1;
}

/* The locks of a process must end with it, although its child inherits descriptors. */
TEST_F(descriptors, idle_child_of_a_killed_process_keeps_nothing)
{
	EXPECT_EQ(128 + SIGKILL, child_run(uses_and_leaves_a_child, &self->g));
	EXPECT_EQ(0, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	kill(*self->g.step, SIGKILL);
}

struct opener {
	char name[64];
	int stop;
};

static int opens_and_writes(const char *name)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf_writer *writer;
	struct ringbuf *ring;
	int err;

	config.name = name;
	err = ringbuf_create(&config, &ring);
	if (err == -EEXIST)
		err = ringbuf_open(name, RINGBUF_HOST_AUTO, &ring);
	if (err)
		return err == -ENOENT || err == -EEXIST ? 0 : err;
	err = ringbuf_writer_attach(ring, &writer);
	if (!err) {
		err = put(writer, 1, PATIENCE); /* another writer may have an open slot */
		ringbuf_writer_close(writer);
	}
	ringbuf_close(ring);
	return err;
}

static void *opens_over_and_over(void *arg)
{
	struct opener *o = arg;
	intptr_t err = 0;

	while (!err && !FLAG_GET(o->stop))
		err = opens_and_writes(o->name);
	return (void *)err;
}

static int opens_once(void *arg)
{
	struct opener *o = arg;

	alarm(60);
	CHECK_EQ(0, opens_and_writes(NULL));
	CHECK_EQ(0, opens_and_writes(o->name));
	return 0;
}

/*
 * Fork while other threads open rings: the child can use the library, and no descriptor is left.
 */
TEST_F(descriptors, child_is_usable_while_other_threads_open_rings)
{
	unsigned int before = descriptors(), n;
	struct opener o = { .stop = 0 };
	pthread_t thread[3];
	void *err;

	snprintf(o.name, sizeof(o.name), "%s", name_of("openers"));
	for (n = 0; n < ARRAY_SIZE(thread); n++)
		ASSERT_EQ(0, pthread_create(&thread[n], NULL, opens_over_and_over, &o));
	for (n = 0; n < often(300); n++)
		EXPECT_EQ(0, child_run(opens_once, &o));
	FLAG_SET(o.stop);
	for (n = 0; n < ARRAY_SIZE(thread); n++) {
		ASSERT_EQ(0, pthread_join(thread[n], &err));
		EXPECT_EQ(NULL, err);
	}
	EXPECT_EQ(before, descriptors());
	ringbuf_unlink(o.name, RINGBUF_HOST_AUTO);
}

static int attaches_elsewhere(void *arg)
{
	struct given *g = arg;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return CHILD_SKIP;
	CHECK(reader_new(g->ring));
	raise(SIGKILL);
	return 1;
}

/* The reader was attached in another network namespace and never used. */
TEST_F(descriptors, death_in_another_namespace_is_noticed)
{
	int end = child_run(attaches_elsewhere, &self->g);
	unsigned int n;

	if (end == CHILD_SKIP)
		SKIP(return, "no namespaces for this user");
	ASSERT_EQ(128 + SIGKILL, end);
	for (n = 0; n < 3 * SLOTS; n++) {
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
		ASSERT_EQ(0, put(self->writer, n + 1, PATIENCE));
	}
}

/* Check that no standard stream is open. */
static int streams_stay_closed(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		CHECK(fcntl(fd, F_GETFD) < 0);
	return 0;
}

/* Copy @from to the number that it gets in a process without standard streams; -1: above 2. */
static int arrives_low(int from)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);

	return fd < 3 ? fd : -1;
}

static int import_low(struct ringbuf *ring)
{
	struct ringbuf_ticket ticket = { .size = sizeof(ticket) };
	struct ringbuf_reader *reader, *same;
	struct ringbuf *again;
	int fd;

	/* A descriptor that cannot be imported still belongs to the caller. */
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK_EQ(0, fd);
	CHECK_EQ(-EPROTO, ringbuf_import(fd, NULL, &again));
	CHECK_EQ(0, close(fd));
	CHECK_EQ(0, streams_stay_closed());
	fd = arrives_low(ringbuf_export(ring));
	CHECK_EQ(0, fd);
	CHECK_EQ(0, ringbuf_import(fd, NULL, &again));
	CHECK_EQ(0, streams_stay_closed());
	CHECK_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
	CHECK_EQ(0, ringbuf_reader_export(reader, &ticket));
	ticket.fd = arrives_low(ticket.fd);
	CHECK_EQ(0, ticket.fd);
	CHECK_EQ(0, ringbuf_reader_import(again, &ticket, &same));
	CHECK_EQ(0, streams_stay_closed());
	ringbuf_reader_close(reader);
	CHECK_EQ(-EAGAIN, get(same, RINGBUF_TRY));
	CHECK_EQ(0, streams_stay_closed());
	ringbuf_reader_close(same);
	ringbuf_close(again);
	return 0;
}

static int lives_without_streams(void *arg)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	const struct given *g = arg;
	struct ringbuf_writer *writer;
	struct ringbuf *ring, *again;
	int fd;

	for (fd = 0; fd < 3; fd++)
		close(fd);
	CHECK_EQ(0, ringbuf_create(&config, &ring));
	CHECK_EQ(0, streams_stay_closed());
	CHECK(ringbuf_export(ring) > 2);
	CHECK_EQ(0, ringbuf_writer_attach(ring, &writer));
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	CHECK_EQ(0, streams_stay_closed());
	CHECK_EQ(0, import_low(ring));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
	CHECK_EQ(0, ringbuf_open(g->name, RINGBUF_HOST_AUTO, &again));
	CHECK_EQ(1, status_of(again).readers);
	CHECK_EQ(0, ringbuf_sync(again, RINGBUF_ALL_READERS, 0));
	ringbuf_close(again);
	config.name = name_of("streams");
	CHECK_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
	return streams_stay_closed();
}

/* Otherwise a program without standard streams could print into a ring. */
TEST_F(descriptors, no_descriptor_becomes_a_standard_stream)
{
	self->g.name = self->name;
	EXPECT_EQ(0, child_run(lives_without_streams, &self->g));
}

LIB_HARNESS_MAIN
