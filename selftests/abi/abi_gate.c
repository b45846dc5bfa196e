// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_CREATE with wait_readers: writers get no slot before so many readers are attached. */
#include <pthread.h>
#include <sys/epoll.h>

#include "../harness/harness.h"
#include "../harness/child.h"
#include "../harness/device.h"

#define SLOTS  4
#define WANTED 3

static int create(uint32_t flags, uint64_t slots, uint32_t max_readers, uint32_t wait_readers)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.flags = flags,
		.slot_bytes = 64,
		.slot_count = slots,
		.max_readers = max_readers,
		.wait_readers = wait_readers,
	};
	int fd = device_open(), err = call(fd, RINGBUF_IOC_CREATE, &c);

	if (!err)
		return fd;
	close(fd);
	return err;
}

FIXTURE(gate)
{
	int owner;
	int writer;
	int reader[WANTED];
};

SHARED_AND_EXCLUSIVE(gate, RINGBUF_CREATE_EXCLUSIVE);

FIXTURE_SETUP(gate)
{
	int i;

	self->owner = create(variant->flags, SLOTS, 0, WANTED);
	ASSERT_LE(0, self->owner);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
	for (i = 0; i < WANTED; i++)
		self->reader[i] = -1;
}

FIXTURE_TEARDOWN(gate)
{
	int i;

	for (i = 0; i < WANTED; i++)
		close(self->reader[i]);
	close(self->writer);
	close(self->owner);
}

/* Check that a writer that must not sleep gets no slot by any call. */
static int is_closed(int writer, uint32_t lacking)
{
	CHECK_EQ(-EAGAIN, put(writer, 7));
	CHECK_EQ(0, polled(writer) & (POLLOUT | POLLERR));
	CHECK_EQ(0, room_call(writer));
	CHECK_EQ(-ETIMEDOUT, wait_call(writer, 1, 0));
	CHECK_EQ(lacking, stats_of(writer).readers_lacking);
	return 0;
}

/* Check that a writer that must not sleep gets all slots. */
static int is_open(int writer)
{
	CHECK_EQ(POLLOUT, polled(writer) & (POLLOUT | POLLERR));
	CHECK_EQ(SLOTS, room_call(writer));
	CHECK_EQ(0, wait_call(writer, SLOTS, 0));
	CHECK_EQ(0, put(writer, 7));
	CHECK_EQ(0, stats_of(writer).readers_lacking);
	return 0;
}

TEST(number_of_readers_is_checked_and_reported)
{
	struct ringbuf_create c = { .size = sizeof(c), .slot_bytes = 64, .slot_count = 4 };
	int fd = create(0, 4, 5, 5), none = device_open();
	struct ringbuf_info info;

	ASSERT_LE(0, fd);
	EXPECT_OK(info_get(fd, &info));
	EXPECT_EQ(5, info.wait_readers);
	EXPECT_EQ(5, stats_of(fd).readers_lacking);
	close(fd);
	EXPECT_EQ(-EINVAL, create(0, 4, 5, 6));
	EXPECT_EQ(-EINVAL, create(0, 4, 0, 65));
	EXPECT_EQ(-EINVAL, create(0, 4, 0, ~0U));
	c.policy = RINGBUF_POLICY_LOSSY + 1;
	EXPECT_EQ(-EINVAL, call(none, RINGBUF_IOC_CREATE, &c));
	close(none);
	fd = create(0, 4, 0, 64);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(gate, gate_opens_with_the_last_reader_and_stays_open)
{
	struct ringbuf_info info;
	int i;

	ASSERT_OK(nonblock(self->writer));
	for (i = 0; i < WANTED; i++) {
		ASSERT_OK(is_closed(self->writer, WANTED - i));
		self->reader[i] = reader_open(self->owner);
		ASSERT_LE(0, self->reader[i]);
	}
	ASSERT_OK(is_open(self->writer));
	for (i = 0; i < WANTED; i++) {
		EXPECT_EQ(7, get(self->reader[i]));
		close(self->reader[i]);
		self->reader[i] = -1;
	}
	EXPECT_OK(is_open(self->writer));
	EXPECT_OK(info_get(self->writer, &info));
	EXPECT_EQ(WANTED, info.wait_readers);
}

/* Whatever start a reader asks for, it gets all messages from the opening of the gate on. */
TEST_F(gate, all_readers_start_at_the_first_message)
{
	const uint32_t start[] = { RINGBUF_START_HEAD, RINGBUF_START_OLDEST,
				   RINGBUF_START_POSITION };
	int i;

	ASSERT_OK(nonblock(self->writer));
	for (i = 0; i < WANTED; i++) {
		struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, self->owner);

		a.start = start[i];
		a.position = start[i] == RINGBUF_START_POSITION ? 2 : 0;
		self->reader[i] = device_open();
		ASSERT_EQ(-EAGAIN, put(self->writer, 1));
		ASSERT_OK(call(self->reader[i], RINGBUF_IOC_ATTACH, &a));
		EXPECT_EQ(0, a.position);
	}
	for (i = 0; i < SLOTS; i++)
		ASSERT_OK(put(self->writer, 10 + (uint64_t)i));
	EXPECT_EQ(-EAGAIN, put(self->writer, 99));
	for (i = 0; i < WANTED; i++)
		EXPECT_EQ(10, get(self->reader[i]));
}

/* Map the ring, and wait to be killed. */
static int read_and_hang(void *arg)
{
	struct maps m;

	CHECK_EQ(0, maps_open(&m, *(int *)arg));
	for (;;)
		pause();
}

TEST_F(gate, readers_that_are_gone_do_not_count)
{
	struct ringbuf_info info;
	int fd;
	pid_t pid;

	ASSERT_OK(nonblock(self->writer));
	self->reader[0] = reader_open(self->owner);
	fd = reader_open(self->owner);
	ASSERT_OK(is_closed(self->writer, 1));
	ASSERT_OK(detach_call(fd));
	close(fd);
	ASSERT_OK(is_closed(self->writer, 2));
	fd = reader_open(self->owner);
	ASSERT_OK(info_get(fd, &info));
	ASSERT_OK(evict_call(self->owner, info.id));
	close(fd);
	ASSERT_OK(is_closed(self->writer, 2));

	self->reader[1] = reader_open(self->owner);
	pid = child_start(read_and_hang, &self->reader[1]);
	ASSERT_TRUE(task_asleep_in(pid, IN_PAUSE));
	ASSERT_OK(is_closed(self->writer, 1));
	ASSERT_EQ(128 + SIGKILL, child_kill(pid));
	ASSERT_OK(is_closed(self->writer, 2));

	self->reader[2] = reader_open(self->owner);
	ASSERT_OK(is_closed(self->writer, 1));
	fd = reader_open(self->owner);
	EXPECT_OK(is_open(self->writer));
	EXPECT_EQ(7, get(self->reader[0]));
	EXPECT_EQ(7, get(self->reader[2]));
	EXPECT_EQ(7, get(fd));
	close(fd);
}

/* A writer that maps the ring learns from the info page that it has to wait. */
TEST_F(gate, info_page_shows_how_many_readers_are_lacking)
{
	struct maps m;
	int i;

	ASSERT_OK(maps_open(&m, self->writer));
	for (i = 0; i < WANTED; i++) {
		EXPECT_EQ(WANTED, __atomic_load_n(&m.ip->readers_wanted, __ATOMIC_ACQUIRE));
		self->reader[i] = reader_open(self->owner);
	}
	EXPECT_EQ(0, __atomic_load_n(&m.ip->readers_wanted, __ATOMIC_ACQUIRE));
	maps_close(&m);
}

/* ---- writers that sleep ------------------------------------------------------ */

static int sleeps_in_write(int writer)
{
	return put(writer, 1);
}

static int sleeps_in_wait(int writer)
{
	CHECK_EQ(0, wait_call(writer, 2, NEVER));
	return put(writer, 1);
}

static int sleeps_in_poll(int writer)
{
	struct pollfd p = { .fd = writer, .events = POLLOUT };

	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(POLLOUT, p.revents);
	return put(writer, 1);
}

static int sleeps_in_limited_poll(int writer)
{
	CHECK_EQ(0, threshold_call(writer, 2, 0, 0));
	return sleeps_in_poll(writer);
}

static int sleeps_in_epoll(int writer)
{
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET };
	int fd = epoll_create1(0);

	CHECK(fd >= 0);
	CHECK(!epoll_ctl(fd, EPOLL_CTL_ADD, writer, &e));
	CHECK_EQ(1, epoll_wait(fd, &e, 1, -1));
	CHECK_EQ(EPOLLOUT, e.events);
	return put(writer, 1);
}

static int sleeps_in_splice(int writer)
{
	const uint64_t number = 1;
	int p[2];

	CHECK(!pipe(p));
	CHECK_EQ(sizeof(number), write(p[1], &number, sizeof(number)));
	CHECK_EQ(sizeof(number), splice(p[0], NULL, writer, NULL, sizeof(number), 0));
	return 0;
}

static int (*const waiter[])(int) = {
	sleeps_in_write,	sleeps_in_wait,	 sleeps_in_poll,
	sleeps_in_limited_poll, sleeps_in_epoll, sleeps_in_splice,
};

struct sleep {
	int (*body)(int writer);
	int writer;
};

static int write_asleep(void *arg)
{
	const struct sleep *s = arg;

	CHECK_EQ(0, s->body(s->writer));
	return 0;
}

TEST(last_reader_wakes_writers_that_sleep)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(waiter); i++) {
		int owner = create(0, SLOTS, 0, WANTED), reader[WANTED];
		struct sleep s = { waiter[i], writer_open(owner) };
		pid_t pid = child_start(write_asleep, &s);

		for (k = 0; k < WANTED; k++) {
			ASSERT_TRUE(task_asleep(pid))
			TH_LOG("waiter %u, reader %u", i, k);
			reader[k] = reader_open(owner);
			ASSERT_LE(0, reader[k]);
		}
		ASSERT_EQ(0, child_end(pid))
		TH_LOG("waiter %u", i);
		for (k = 0; k < WANTED; k++) {
			EXPECT_EQ(1, get(reader[k]));
			close(reader[k]);
		}
		close(s.writer);
		close(owner);
	}
}

TEST_F(gate, wait_ends_at_its_timeout)
{
	EXPECT_EQ(-ETIMEDOUT, wait_call(self->writer, 1, now_ns() + MS));
}

/* ---- stress ------------------------------------------------------------------- */

struct storm {
	int owner;
	pthread_barrier_t start;
	int errors;
};

/* Messages of each of the two writers in a round, more than there are slots. */
#define STORM_MESSAGES 5

static void *storm_reader(void *arg)
{
	struct storm *s = arg;
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, s->owner);
	int fd = device_open(), n = 0;
	bool ok;

	pthread_barrier_wait(&s->start);
	ok = !call(fd, RINGBUF_IOC_ATTACH, &a) && !a.position;
	while (get(fd) >= 0)
		n++;
	if (!ok || n != 2 * STORM_MESSAGES)
		__atomic_add_fetch(&s->errors, 1, __ATOMIC_RELAXED);
	close(fd);
	return NULL;
}

static void *storm_writer(void *arg)
{
	struct storm *s = arg;
	int fd = writer_open(s->owner), i;

	pthread_barrier_wait(&s->start);
	for (i = 0; i < STORM_MESSAGES; i++)
		if (put(fd, (uint64_t)i))
			__atomic_add_fetch(&s->errors, 1, __ATOMIC_RELAXED);
	close(fd);
	return NULL;
}

/* Readers attach at the head, all at once, while writers block; no reader misses a message. */
TEST(readers_that_attach_at_once_miss_nothing)
{
	uint64_t round, rounds = often(2000);

	for (round = 0; round < rounds; round++) {
		struct storm s = { .owner = create(0, 1 + round % 3, WANTED, WANTED) };
		pthread_t thread[WANTED + 2];
		int i;

		ASSERT_LE(0, s.owner);
		pthread_barrier_init(&s.start, NULL, WANTED + 2);
		for (i = 0; i < WANTED + 2; i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL,
						    i < 2 ? storm_writer : storm_reader, &s));
		for (i = 0; i < WANTED + 2; i++)
			pthread_join(thread[i], NULL);
		pthread_barrier_destroy(&s.start);
		close(s.owner);
		ASSERT_EQ(0, s.errors)
		TH_LOG("round %lu", round);
	}
}

DEVICE_HARNESS_MAIN
