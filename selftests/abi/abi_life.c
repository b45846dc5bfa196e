// SPDX-License-Identifier: GPL-2.0
/*
 * An identity begins with a map and ends with it, by munmap, exec, exit or SIGKILL: before
 * wait() returns, even if another process keeps the file open.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../harness/handles.h"
#include "../harness/passing.h"

#define SLOTS 10

FIXTURE(life)
{
	HANDLES;
	int observer;
};

SHARED_AND_EXCLUSIVE(life, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(life)
{
	HANDLES_SETUP(variant->flags, 64, SLOTS);
	self->observer = observer_open(self->owner);
	ASSERT_LE(0, self->observer);
}

FIXTURE_TEARDOWN(life)
{
	HANDLES_CLOSE();
	close(self->observer);
}

/* What a child does with a handle once it has mapped it. */
enum ending { EXITS, IS_KILLED, UNMAPS, EXECS, WAITS };

struct child {
	int fd;
	enum ending ending;
	int mapped;
	uint32_t claims;
	uint32_t id;
};

static int maps_and_ends(void *arg)
{
	struct child *c = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, c->fd));
	c->id = m.info.id;
	if (c->claims)
		claim_by_hand(&m, 0, c->claims);
	FLAG_SET(c->mapped);
	switch (c->ending) {
	case IS_KILLED:
		raise(SIGKILL);
		break;
	case UNMAPS:
		maps_close(&m);
		pause();
		break;
	case EXECS:
		execl("/bin/sleep", "sleep", "1000", NULL);
		return 1;
	case WAITS:
		pause();
		break;
	default:
		break;
	}
	return 0;
}

/* Start a child that maps the handle and ends as @c says.  Return its pid once it has mapped. */
static pid_t end_of(struct child *c)
{
	pid_t pid = child_start(maps_and_ends, c);

	UNTIL(FLAG_GET(c->mapped) || task_state(pid) == 'Z');
	return pid;
}

static struct child *child_of(int fd, enum ending ending)
{
	struct child *c = shared_memory(sizeof(*c));

	*c = (struct child){ .fd = fd, .ending = ending };
	return c;
}

/* The parent keeps the descriptor open meanwhile. */
TEST_F(life, reader_ends_before_wait_returns)
{
	const enum ending endings[] = { EXITS, IS_KILLED };
	unsigned int i, turn, count = rounds(20);

	for (turn = 0; turn < count; turn++) {
		for (i = 0; i < ARRAY_SIZE(endings); i++) {
			int reader = reader_open(self->owner);
			pid_t pid;

			ASSERT_EQ(2, stats_of(self->owner).total);
			pid = end_of(child_of(reader, endings[i]));
			child_end(pid);
			ASSERT_EQ(1, stats_of(self->owner).total);
			/* The parent's descriptor has no reader any more. */
			ASSERT_EQ(-EBADFD, get(reader));
			close(reader);
		}
	}
}

TEST_F(life, munmap_ends_a_reader)
{
	struct child *c = child_of(self->reader, UNMAPS);
	pid_t pid = end_of(c);

	UNTIL(stats_of(self->owner).total == 0);
	EXPECT_NE('Z', task_state(pid));
	child_kill(pid);
}

/* exec keeps this descriptor, but ends the maps. */
TEST_F(life, exec_ends_a_reader)
{
	int open_across = fcntl(self->reader, F_DUPFD, 10);
	struct child *c = child_of(open_across, EXECS);
	pid_t pid = end_of(c);

	UNTIL(stats_of(self->owner).total == 0);
	ASSERT_TRUE(task_asleep_in(pid, IN_ANY));
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
	close(open_across);
}

TEST_F(life, gate_opens_when_a_reader_dies)
{
	struct child *c = child_of(self->reader, IS_KILLED);
	unsigned int n;
	pid_t pid;

	ASSERT_OK(nonblock(self->writer));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	ASSERT_EQ(-EAGAIN, put(self->writer, n));
	pid = end_of(c);
	child_end(pid);
	EXPECT_EQ(0, put(self->writer, n));
}

static int does_nothing(void *arg)
{
	(void)arg;
	return 0;
}

TEST_F(life, unmapped_handle_outlives_a_child)
{
	EXPECT_EQ(0, child_run(does_nothing, NULL));
	EXPECT_EQ(1, stats_of(self->owner).total);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	EXPECT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(1, get(self->reader));
	close(self->reader);
	self->reader = -1;
	EXPECT_EQ(0, stats_of(self->owner).total);
}

/* ---- claims ------------------------------------------------------------------- */

TEST_F(life, claims_of_a_killed_writer_become_holes)
{
	struct child *c = child_of(self->writer, IS_KILLED);
	int other, reader = self->reader;
	struct maps m;
	uint32_t i;
	pid_t pid;

	if (variant->flags & RINGBUF_CREATE_EXCLUSIVE)
		SKIP(return, "of shared writers");
	other = writer_open(self->owner);
	c->claims = 3;
	pid = end_of(c);
	child_end(pid);
	EXPECT_EQ(3, stats_of(self->owner).repaired);
	EXPECT_EQ(3, stats_of(self->owner).head);
	ASSERT_OK(maps_open(&m, self->observer));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(i << RINGBUF_STATE_SHIFT | RINGBUF_REPAIRED, m.desc[i].state);
		/* The claim word still names the writer. */
		EXPECT_EQ(c->id, m.claim[i] >> RINGBUF_CLAIM_COUNT_BITS & 0xff);
	}
	ASSERT_EQ(0, put(other, 77));
	EXPECT_EQ(77, get(reader));
	maps_close(&m);
	close(other);
}

/* The process and its descriptor continue after exec, but its maps and claims end. */
TEST_F(life, exec_ends_a_writer)
{
	int open_across = fcntl(self->writer, F_DUPFD, 10);
	struct child *c = child_of(open_across, EXECS);
	uint32_t claims = variant->flags & RINGBUF_CREATE_EXCLUSIVE ? 0 : 3;
	struct maps m;
	uint32_t i;
	pid_t pid;

	c->claims = claims;
	pid = end_of(c);
	UNTIL(stats_of(self->owner).writers == 0);
	EXPECT_EQ(RINGBUF_END_DIED, stats_of(self->owner).ended);
	EXPECT_EQ(claims, stats_of(self->owner).repaired);
	ASSERT_OK(maps_open(&m, self->observer));
	for (i = 0; i < claims; i++)
		EXPECT_EQ(i << RINGBUF_STATE_SHIFT | RINGBUF_REPAIRED, m.desc[i].state);
	EXPECT_EQ(-ENODATA, get(self->reader));
	maps_close(&m);
	EXPECT_EQ(128 + SIGKILL, child_kill(pid));
	close(open_across);
}

static int reads_one(void *arg)
{
	struct child *c = arg;

	CHECK_EQ(5, get(c->fd));
	return 0;
}

/* The reader sleeps at the slot that the writer had claimed. */
TEST_F(life, repair_wakes_a_reader)
{
	struct child *c = child_of(self->writer, WAITS), r = { .fd = self->reader };
	pid_t waiter, pid;
	int other;

	if (variant->flags & RINGBUF_CREATE_EXCLUSIVE)
		SKIP(return, "of shared writers");
	other = writer_open(self->owner);
	c->claims = 2;
	pid = end_of(c);
	ASSERT_EQ(0, put(other, 5));
	waiter = child_start(reads_one, &r);
	ASSERT_TRUE(task_asleep(waiter));
	child_kill(pid);
	EXPECT_EQ(0, child_end(waiter));
	close(other);
}

TEST_F(life, stream_ends_when_the_last_writer_dies)
{
	struct child *c = child_of(self->writer, IS_KILLED);

	child_end(end_of(c));
	EXPECT_EQ(RINGBUF_END_DIED, stats_of(self->owner).ended);
	EXPECT_EQ(-ENODATA, get(self->reader));
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, polled(self->reader));
}

/* ---- one handle, two address spaces -------------------------------------------- */

static int is_busy(void *arg)
{
	struct child *c = arg;
	struct maps m;
	char byte = 0;

	CHECK_EQ(-EBUSY, maps_open(&m, c->fd));
	if (c->id) {
		CHECK(read(c->fd, &byte, 1) == -1 && errno == EBUSY);
	} else {
		CHECK(write(c->fd, &byte, 1) == -1 && errno == EBUSY);
	}
	return 0;
}

TEST_F(life, mapped_reader_is_busy_in_another_process)
{
	struct child c = { .fd = self->reader, .id = 1 };
	struct maps m;

	ASSERT_OK(maps_open(&m, self->reader));
	EXPECT_EQ(0, child_run(is_busy, &c));
	EXPECT_EQ(1, stats_of(self->owner).total);
	ASSERT_EQ(0, put(self->writer, 3));
	EXPECT_EQ(3, get(self->reader));
	maps_close(&m);
}

TEST_F(life, mapped_exclusive_writer_is_busy_in_another_process)
{
	struct child c = { .fd = self->writer, .id = 0 };
	struct maps m;

	if (!(variant->flags & RINGBUF_CREATE_EXCLUSIVE))
		SKIP(return, "of an exclusive writer");
	ASSERT_OK(maps_open(&m, self->writer));
	EXPECT_EQ(0, child_run(is_busy, &c));
	EXPECT_EQ(0, put(self->writer, 3));
	maps_close(&m);
}

TEST_F(life, shared_writer_gets_an_id_of_its_own_in_another_process)
{
	struct child *c = child_of(self->writer, WAITS);
	struct maps m;
	pid_t pid;

	if (variant->flags & RINGBUF_CREATE_EXCLUSIVE)
		SKIP(return, "of shared writers");
	ASSERT_OK(maps_open(&m, self->writer));
	pid = end_of(c);
	EXPECT_NE(m.info.id, c->id);
	EXPECT_EQ(2, stats_of(self->owner).writers);
	child_kill(pid);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	EXPECT_EQ(0, put(self->writer, 1));
	maps_close(&m);
}

/* Two children map a handle that had no map: the second one finds it busy. */
TEST_F(life, process_that_maps_a_reader_first_keeps_it)
{
	struct child *a = child_of(self->reader, WAITS);
	struct child b = { .fd = self->reader, .id = 1 };
	pid_t pid = end_of(a);

	EXPECT_EQ(0, child_run(is_busy, &b));
	child_kill(pid);
	EXPECT_EQ(0, stats_of(self->owner).total);
}

/* ---- threads -------------------------------------------------------------------- */

static struct maps thread_maps;

static void *maps_in_a_thread(void *arg)
{
	int *fd = arg;

	return maps_open(&thread_maps, *fd) ? arg : NULL;
}

TEST_F(life, threads_share_one_reader)
{
	pthread_t thread;
	void *failed;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, maps_in_a_thread, &self->reader));
	pthread_join(thread, &failed);
	ASSERT_EQ(NULL, failed);
	EXPECT_EQ(1, stats_of(self->owner).total);
	ASSERT_EQ(0, put(self->writer, 6));
	EXPECT_EQ(6, peek_by_hand(&thread_maps, 0));
	/*
	 * A child of vfork() shares the memory, so it is the same identity; its exit ends nothing.
	 */
	pid = vfork();
	if (!pid)
		_exit(get(self->reader) == 6 ? 0 : 1);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(1, stats_of(self->owner).total);
	maps_close(&thread_maps);
	EXPECT_EQ(0, stats_of(self->owner).total);
}

/* A reader is attached as long as its cursor page is mapped, a writer as long as its slots are. */
TEST_F(life, only_one_map_of_a_handle_keeps_its_member)
{
	struct maps m;
	unsigned int i;

	ASSERT_OK(maps_open(&m, self->reader));
	for (i = 0; i < REGIONS; i++)
		munmap(m.map[i], m.region[i].bytes);
	EXPECT_EQ(1, stats_of(self->owner).total);
	m.own->cursor = 0;
	munmap(m.page, m.info.page_size);
	EXPECT_EQ(0, stats_of(self->owner).total);

	ASSERT_OK(maps_open(&m, self->writer));
	munmap(m.map[RINGBUF_REGION_DATA], m.region[RINGBUF_REGION_DATA].bytes);
	munmap(m.map[RINGBUF_REGION_HEAD], m.region[RINGBUF_REGION_HEAD].bytes);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	munmap(m.map[RINGBUF_REGION_SLOTS], m.region[RINGBUF_REGION_SLOTS].bytes);
	EXPECT_EQ(0, stats_of(self->owner).writers);
	munmap(m.map[RINGBUF_REGION_INFO], m.region[RINGBUF_REGION_INFO].bytes);
	munmap(m.map[RINGBUF_REGION_CURSOR], m.region[RINGBUF_REGION_CURSOR].bytes);
}

TEST_F(life, maps_outlive_the_descriptor)
{
	struct maps m;

	ASSERT_OK(maps_open(&m, self->reader));
	close(self->reader);
	self->reader = -1;
	EXPECT_EQ(1, stats_of(self->owner).total);
	ASSERT_EQ(0, put(self->writer, 8));
	EXPECT_EQ(8, peek_by_hand(&m, 0));
	maps_close(&m);
	EXPECT_EQ(0, stats_of(self->owner).total);
}

/* ---- sending a handle ------------------------------------------------------------ */

/* Receive a reader and read with it; this process was started before the ring was made. */
static int receives_a_reader(void *arg)
{
	int *sockets = arg, fd = receive_fd(sockets[1]);
	struct maps m;

	CHECK(fd >= 0);
	CHECK_EQ(0, maps_open(&m, fd));
	CHECK_EQ(11, get(fd));
	CHECK_EQ(12, peek_by_hand(&m, 1));
	CHECK_EQ(-ENODATA, (release_by_hand(&m, 2), get(fd)));
	return 0;
}

TEST_F(life, reader_can_be_sent_to_an_older_process)
{
	int sockets[2];
	pid_t pid;

	close(self->owner);
	close(self->reader);
	close(self->writer);
	close(self->observer);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = child_start(receives_a_reader, sockets);
	self->owner = ring_make(variant->flags, 64, SLOTS);
	self->reader = reader_open(self->owner);
	self->writer = writer_open(self->owner);
	self->observer = observer_open(self->owner);
	/* Write all messages before the child gets the reader, since it peeks without waiting. */
	ASSERT_EQ(0, put(self->writer, 11));
	ASSERT_EQ(0, put(self->writer, 12));
	ASSERT_OK(done_call(self->writer));
	ASSERT_OK(send_fd(sockets[0], self->reader));
	close(self->reader);
	self->reader = -1;
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(0, stats_of(self->owner).total);
}

/* ---- the module -------------------------------------------------------------------- */

static int remove_module(void)
{
	return syscall(SYS_delete_module, "ringbuf", O_NONBLOCK) ? -errno : 0;
}

TEST(module_cannot_be_removed_while_in_use)
{
	int fd = device_open();
	struct ringbuf_region data;
	void *p;

	if (geteuid())
		SKIP(return, "not root: may not ask for it");
	EXPECT_EQ(-EAGAIN, remove_module());
	ASSERT_OK(create_call(fd, 0, 64, 4));
	EXPECT_EQ(-EAGAIN, remove_module());
	data = region_of(fd, RINGBUF_REGION_DATA);
	p = map_region(fd, RINGBUF_REGION_DATA, PROT_READ);
	close(fd);
	EXPECT_EQ(-EAGAIN, remove_module());
	munmap(p, data.bytes);
}

DEVICE_HARNESS_MAIN
