// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: a writer that is stopped while it holds a slot is cut off from the ring, and not
 * a byte that it stores afterwards reaches the ring.
 */
#include "../harness/handles.h"

#include <pthread.h>
#include <sys/uio.h>

#define SLOTS	4
#define BYTES	4096
#define TIMEOUT (20 * MS)
#define NEVER_S (3600 * SECOND)

static int fence_ring(uint32_t flags, uint64_t timeout)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.flags = flags,
		.slot_bytes = BYTES,
		.slot_count = SLOTS,
		.claim_timeout = timeout,
	};
	int fd = device_open(), err = call(fd, RINGBUF_IOC_CREATE, &c);

	return err ? file_done(fd, err) : fd;
}

/* A new handle of the ring of @from, opened with @how; or a negative errno. */
static int fence_attach(int from, uint32_t role, uint32_t flags, uint64_t timeout, int how)
{
	struct ringbuf_attach a = attach_to(role, from);
	int fd = device_open();

	a.flags = flags;
	a.claim_timeout = timeout;
	fcntl(fd, F_SETFL, how);
	return file_done(fd, call(fd, RINGBUF_IOC_ATTACH, &a));
}

static int fence_writer(int from, uint32_t flags, uint64_t timeout)
{
	return fence_attach(from, RINGBUF_ROLE_WRITER, flags, timeout, 0);
}

FIXTURE(fence)
{
	HANDLES;
	int stuck; /* the writer that a child maps */
	struct maps all; /* the ring as an observer sees it */
};

FIXTURE_VARIANT(fence)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(fence, plain){
	.flags = 0,
};

FIXTURE_VARIANT_ADD(fence, stamped){
	.flags = RINGBUF_CREATE_TIMESTAMP,
};

FIXTURE_SETUP(fence)
{
	self->owner = fence_ring(variant->flags, TIMEOUT);
	ASSERT_LE(0, self->owner);
	self->reader = reader_open(self->owner);
	ASSERT_LE(0, self->reader);
	self->stuck = writer_open(self->owner);
	ASSERT_LE(0, self->stuck);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
	ASSERT_OK(maps_open(&self->all, observer_open(self->owner)));
}

FIXTURE_TEARDOWN(fence)
{
	maps_close(&self->all);
	close(self->all.fd);
	close(self->stuck);
	HANDLES_CLOSE();
}

/* ---- the child ------------------------------------------------------------------ */

/**
 * struct stuck - a child that claims slots by hand, and stops
 * @fd: its handle
 * @pos: the first position that it claims
 * @count: how many
 * @again: it maps the slots twice: its other maps belong to a member that has ended
 * @after: what it does when it is continued
 */
struct stuck {
	int fd;
	uint64_t pos;
	uint32_t count;
	bool again;
	int (*after)(struct maps *m, const struct stuck *s);
};

static int map_slots_again(struct maps *m)
{
	munmap(m->map[RINGBUF_REGION_SLOTS], m->region[RINGBUF_REGION_SLOTS].bytes);
	m->map[RINGBUF_REGION_SLOTS] =
		map_region(m->fd, RINGBUF_REGION_SLOTS, PROT_READ | PROT_WRITE);
	if (m->map[RINGBUF_REGION_SLOTS] == MAP_FAILED)
		return -errno;
	m->desc = m->map[RINGBUF_REGION_SLOTS];
	m->claim = (uint64_t *)((char *)m->desc + m->info.claim_offset);
	return info_get(m->fd, &m->info);
}

static int stuck_body(void *arg)
{
	const struct stuck *s = arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, s->fd));
	if (s->again)
		CHECK_EQ(0, map_slots_again(&m));
	claim_by_hand(&m, s->pos, s->count);
	raise(SIGSTOP);
	return s->after ? s->after(&m, s) : 0;
}

/* Start it, and return when it has stopped; its pid. */
static pid_t stuck_start(struct stuck *s)
{
	pid_t pid = child_start(stuck_body, s);
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
		fprintf(stderr, "# the child did not stop: status 0x%x\n", status);
		return -1;
	}
	return pid;
}

static int stuck_continue(pid_t pid)
{
	kill(pid, SIGCONT);
	return child_end(pid);
}

/* Overwrite all that the maps of a writer reach, several times. */
static void scribble(struct maps *m)
{
	static const unsigned int regions[] = { RINGBUF_REGION_DATA, RINGBUF_REGION_HEAD,
						RINGBUF_REGION_SLOTS };
	unsigned int i, k;

	for (i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		void *map = m->map[regions[i]];
		size_t bytes = m->region[regions[i]].bytes;

		for (k = 0; k < 3; k++) {
			memset(map, 0x11 * (int)(k + 1), bytes);
			/* Have the next store fault again. */
			madvise(map, bytes, MADV_DONTNEED);
		}
	}
}

/* The state that a commit of @pos replaces, as the rules say. */
static uint64_t state_before(const struct maps *m, uint64_t pos)
{
	if (pos < m->info.slot_count)
		return 0;
	return (pos - m->info.slot_count) << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED;
}

static int is_fenced(struct maps *m, const struct stuck *s)
{
	uint32_t k;

	for (k = 0; k < s->count; k++) {
		uint64_t pos = s->pos + k, was = state_before(m, pos);
		uint64_t to = pos << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED;

		CHECK(!__atomic_compare_exchange_n(&m->desc[pos % SLOTS].state, &was, to, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	}
	/* No position is above this wake word: each commit calls WAKE. */
	CHECK_EQ(0, m->ip->wake_position);
	CHECK_EQ(-ESTALE, wake_call(m->fd));
	CHECK_EQ(-ESTALE, wait_call(m->fd, 1, NEVER));
	CHECK_EQ(-ESTALE, put(m->fd, 1));
	CHECK_EQ(-ESTALE, room_call(m->fd));
	CHECK_EQ(-ESTALE, done_call(m->fd));
	scribble(m);
	CHECK_EQ(-ESTALE, wake_call(m->fd));
	return 0;
}

static int is_fenced_and_returns(struct maps *m, const struct stuck *s)
{
	int err = is_fenced(m, s);

	if (err)
		return err;
	maps_close(m);
	CHECK_EQ(0, maps_open(m, s->fd));
	CHECK_EQ(0, put(m->fd, 4711));
	maps_close(m);
	return 0;
}

/* ---- shared writers ---------------------------------------------------------------- */

/* Write @laps and read them, whatever holes there are. */
#define GO_ON(laps)                                                    \
	do {                                                           \
		uint64_t n_;                                           \
		for (n_ = 0; n_ < (uint64_t)(laps)*SLOTS; n_++) {      \
			ASSERT_EQ(0, put(self->writer, n_ * 3));       \
			ASSERT_EQ((int64_t)n_ * 3, get(self->reader)); \
		}                                                      \
	} while (0)

/* The shared words and the bytes of the ring, to compare. */
static void snapshot(const struct maps *m, void *to)
{
	unsigned int i;
	char *at = to;

	for (i = RINGBUF_REGION_HEAD; i < REGIONS; at += m->region[i].bytes, i++)
		memcpy(at, m->map[i], m->region[i].bytes);
}

static size_t snapshot_bytes(const struct maps *m)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = RINGBUF_REGION_HEAD; i < REGIONS; i++)
		bytes += m->region[i].bytes;
	return bytes;
}

TEST_F(fence, stopped_writer_holds_nobody_up_and_reaches_no_byte)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = is_fenced };
	size_t bytes = snapshot_bytes(&self->all);
	char *before = malloc(bytes), *after = malloc(bytes);
	pid_t pid = stuck_start(&s);
	struct ringbuf_stats st;

	ASSERT_LT(0, pid);
	GO_ON(10);
	st = stats_of(self->owner);
	EXPECT_EQ(1, st.fenced);
	EXPECT_EQ(1, st.repaired);
	EXPECT_EQ(1, st.writers);
	snapshot(&self->all, before);
	EXPECT_EQ(0, stuck_continue(pid));
	snapshot(&self->all, after);
	EXPECT_EQ(0, memcmp(before, after, bytes));
	GO_ON(3);
	free(before);
	free(after);
}

TEST_F(fence, maps_of_an_earlier_member_reach_no_byte)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .again = true, .after = is_fenced };
	size_t bytes = snapshot_bytes(&self->all);
	char *before = malloc(bytes), *after = malloc(bytes);
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	GO_ON(3);
	snapshot(&self->all, before);
	EXPECT_EQ(0, stuck_continue(pid));
	snapshot(&self->all, after);
	EXPECT_EQ(0, memcmp(before, after, bytes));
	free(before);
	free(after);
}

TEST_F(fence, all_slots_of_a_batch_become_holes)
{
	struct stuck s = { .fd = self->stuck, .count = 3, .after = is_fenced };
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	GO_ON(3);
	EXPECT_EQ(3, stats_of(self->owner).repaired);
	EXPECT_EQ(0, stuck_continue(pid));
	GO_ON(1);
}

TEST_F(fence, in_a_later_lap)
{
	struct stuck s = { .fd = self->stuck, .pos = 2 * SLOTS, .count = 2, .after = is_fenced };
	pid_t pid;

	GO_ON(2);
	pid = stuck_start(&s);
	ASSERT_LT(0, pid);
	GO_ON(3);
	EXPECT_EQ(0, stuck_continue(pid));
	GO_ON(1);
}

TEST_F(fence, fenced_writer_may_map_the_ring_anew)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = is_fenced_and_returns };
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	GO_ON(3);
	EXPECT_EQ(0, stuck_continue(pid));
	EXPECT_EQ(4711, get(self->reader));
	GO_ON(1);
}

/* The next writer waits for the slot of the previous lap; no reader does. */
TEST_F(fence, writers_without_readers)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = is_fenced };
	pid_t pid;
	uint64_t n;

	close(self->reader);
	pid = stuck_start(&s);
	ASSERT_LT(0, pid);
	for (n = 0; n < 5 * SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(1, stats_of(self->owner).fenced);
	EXPECT_EQ(0, stuck_continue(pid));
	self->reader = reader_open(self->owner);
}

TEST_F(fence, callers_that_never_wait_ask_too)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = is_fenced };
	uint64_t end = now_ns() + PATIENCE;
	int64_t got = -EAGAIN;
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	ASSERT_OK(nonblock(self->reader));
	ASSERT_EQ(0, put(self->writer, 7));
	while (got == -EAGAIN && now_ns() < end)
		got = get(self->reader);
	EXPECT_EQ(7, got);
	EXPECT_EQ(0, stuck_continue(pid));
}

TEST_F(fence, poll_asks_too)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = is_fenced };
	struct pollfd p = { .fd = self->reader, .events = POLLIN };
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, put(self->writer, 7));
	ASSERT_EQ(1, poll(&p, 1, (int)(PATIENCE / MS)));
	EXPECT_EQ(7, get(self->reader));
	EXPECT_EQ(0, stuck_continue(pid));
}

/* Commit the slot: nobody has taken it. */
static int commits(struct maps *m, const struct stuck *s)
{
	uint64_t was = state_before(m, s->pos);

	m->desc[s->pos % SLOTS].length = 8;
	memcpy(m->data + s->pos % SLOTS * m->info.slot_stride, &(uint64_t){ 99 }, 8);
	CHECK(__atomic_compare_exchange_n(&m->desc[s->pos % SLOTS].state, &was,
					  s->pos << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED, false,
					  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	CHECK_EQ(0, wake_call(m->fd));
	return 0;
}

/* The clock of a fence does not run while nobody waits for the slot. */
TEST_F(fence, claim_is_kept_while_nobody_waits)
{
	struct stuck s = { .fd = self->stuck, .count = 1, .after = commits };
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	/* A waiter for a slot that is not claimed waits for no writer. */
	EXPECT_EQ(0, put(self->writer, 5));
	usleep(10 * TIMEOUT / 1000);
	EXPECT_EQ(0, stats_of(self->owner).fenced);
	EXPECT_EQ(0, stuck_continue(pid));
	EXPECT_EQ(99, get(self->reader));
	EXPECT_EQ(5, get(self->reader));
}

/* A writer that waits for readers holds nobody up: its claims are finished. */
TEST_F(fence, writer_that_waits_for_readers_is_not_fenced)
{
	uint64_t until = now_ns() + 10 * TIMEOUT;
	struct maps m;
	uint64_t n;

	ASSERT_OK(maps_open(&m, self->stuck));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_EQ(-ETIMEDOUT, wait_call(self->stuck, 1, until));
	EXPECT_EQ(0, stats_of(self->owner).fenced);
	maps_close(&m);
}

TEST(long_claim_timeout_fences_nobody)
{
	int owner = fence_ring(0, NEVER_S), reader = reader_open(owner);
	struct stuck s = { .fd = writer_open(owner), .count = 1, .after = commits };
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	EXPECT_EQ(-ETIMEDOUT, wait_call(reader, 1, now_ns() + 10 * TIMEOUT));
	EXPECT_EQ(0, stats_of(owner).fenced);
	EXPECT_EQ(0, stuck_continue(pid));
	EXPECT_EQ(99, get(reader));
}

TEST(writer_may_have_a_shorter_timeout_of_its_own)
{
	int owner = fence_ring(0, NEVER_S), reader = reader_open(owner);
	struct stuck s = { .fd = fence_writer(owner, 0, TIMEOUT), .count = 1, .after = is_fenced };
	int other = writer_open(owner);
	pid_t pid = stuck_start(&s);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, put(other, 8));
	EXPECT_EQ(8, get(reader));
	EXPECT_EQ(1, stats_of(owner).fenced);
	EXPECT_EQ(0, stuck_continue(pid));
}

/* Several writers, all stopped, in a ring that each of them fills in part. */
TEST(many_stopped_writers)
{
	int owner = fence_ring(0, TIMEOUT), reader = reader_open(owner), k;
	struct stuck s[SLOTS - 1];
	pid_t pid[SLOTS - 1];
	int writer = writer_open(owner);

	for (k = 0; k < SLOTS - 1; k++) {
		s[k] = (struct stuck){
			.fd = writer_open(owner), .pos = (uint64_t)k, .count = 1, .after = is_fenced
		};
		pid[k] = stuck_start(&s[k]);
		ASSERT_LT(0, pid[k]);
	}
	ASSERT_EQ(0, put(writer, 12));
	EXPECT_EQ(12, get(reader));
	EXPECT_EQ(SLOTS - 1, stats_of(owner).fenced);
	for (k = 0; k < SLOTS - 1; k++)
		EXPECT_EQ(0, stuck_continue(pid[k]));
}

/* ---- page faults during the fence ---------------------------------------------- */

/**
 * struct storm - a writer that keeps a slot, and several threads that write to it
 * @fd: its handle
 * @m: its maps
 * @stop: the threads end
 */
struct storm {
	int fd;
	struct maps m;
	bool stop;
};

/* Write to the slot at index 0 and unmap its page, again and again. */
static void *storm_thread(void *arg)
{
	struct storm *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		memset(s->m.data, 0xee, BYTES);
		madvise(s->m.data, BYTES, MADV_DONTNEED);
	}
	return NULL;
}

static int storm_body(void *arg)
{
	struct storm *s = arg;
	pthread_t thread[2];
	int k;

	CHECK_EQ(0, maps_open(&s->m, s->fd));
	claim_by_hand(&s->m, 0, 1);
	for (k = 0; k < 2; k++)
		CHECK(!pthread_create(&thread[k], NULL, storm_thread, s));
	/* No other writer uses its slot before the fence. */
	while (wake_call(s->fd) != -ESTALE)
		usleep(1000);
	usleep(20000);
	s->stop = true;
	for (k = 0; k < 2; k++)
		pthread_join(thread[k], NULL);
	return 0;
}

TEST(page_faults_during_a_fence_reach_no_byte)
{
	char text[BYTES], back[BYTES];
	int round, n;

	for (round = 0; round < 20; round++) {
		int owner = fence_ring(0, MS), reader = reader_open(owner);
		struct storm s = { .fd = writer_open(owner) };
		int writer = writer_open(owner);
		pid_t pid = child_start(storm_body, &s);
		uint64_t end = now_ns() + PATIENCE;

		while (stats_of(owner).head == 0 && now_ns() < end)
			usleep(1000);
		for (n = 0; n < 5 * SLOTS; n++) {
			memset(text, n, BYTES);
			ASSERT_EQ(BYTES, write(writer, text, BYTES));
			ASSERT_EQ(BYTES, read(reader, back, BYTES));
			ASSERT_EQ(0, memcmp(text, back, BYTES));
		}
		EXPECT_EQ(1, stats_of(owner).fenced);
		ASSERT_EQ(0, child_end(pid));
		close(writer);
		close(s.fd);
		close(reader);
		close(owner);
	}
}

/* ---- exclusive writers ---------------------------------------------------------- */

FIXTURE(takeover)
{
	HANDLES;
};

FIXTURE_SETUP(takeover)
{
	self->owner = fence_ring(RINGBUF_CREATE_EXCLUSIVE, TIMEOUT);
	ASSERT_LE(0, self->owner);
	self->reader = reader_open(self->owner);
	ASSERT_LE(0, self->reader);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
}

FIXTURE_TEARDOWN(takeover)
{
	HANDLES_CLOSE();
}

/* Commit two, stop, and find out that the third one has not reached the ring. */
static int exclusive_body(void *arg)
{
	int fd = *(int *)arg;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, fd));
	commit_by_hand(&m, 0, 10);
	commit_by_hand(&m, 1, 11);
	CHECK_EQ(0, m.ip->fenced_from);
	raise(SIGSTOP);
	CHECK(commit_by_hand(&m, 2, 12));
	CHECK_EQ(-ESTALE, wake_call(fd));
	CHECK_EQ(3, m.ip->fenced_from);
	scribble(&m);
	CHECK_EQ(-ESTALE, wait_call(fd, 1, NEVER));
	return 0;
}

TEST_F(takeover, successor_of_a_stopped_writer)
{
	pid_t pid = child_start(exclusive_body, &self->writer);
	int status, fd;
	uint64_t n;

	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(-EBUSY, fence_writer(self->owner, 0, 0));
	fd = fence_writer(self->owner, RINGBUF_ATTACH_TAKE_OVER, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(10, get(self->reader));
	EXPECT_EQ(11, get(self->reader));
	ASSERT_EQ(0, put(fd, 20));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(20, get(self->reader));
	for (n = 0; n < 3 * SLOTS; n++) {
		ASSERT_EQ(0, put(fd, n));
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	EXPECT_EQ(1, stats_of(self->owner).fenced);
	EXPECT_EQ(1, stats_of(self->owner).writers);
	/* The stream ends as the successor ends it. */
	ASSERT_OK(done_call(fd));
	EXPECT_EQ(RINGBUF_END_DONE, stats_of(self->owner).ended);
	EXPECT_EQ(-ENODATA, get(self->reader));
	close(fd);
}

/* A writer that has mapped the data alone: it is not the member of that address space. */
TEST_F(takeover, of_a_writer_that_has_mapped_the_data_alone)
{
	struct ringbuf_region data = region_of(self->writer, RINGBUF_REGION_DATA);
	char *map = map_region(self->writer, RINGBUF_REGION_DATA, PROT_READ | PROT_WRITE);
	int fd;

	ASSERT_NE(MAP_FAILED, map);
	memset(map, 1, data.bytes);
	fd = fence_writer(self->owner, RINGBUF_ATTACH_TAKE_OVER, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, put(fd, 3));
	memset(map, 2, data.bytes);
	EXPECT_EQ(3, get(self->reader));
	EXPECT_EQ(MAP_FAILED, map_region(self->writer, RINGBUF_REGION_SLOTS, PROT_READ));
	EXPECT_EQ(ESTALE, errno);
	munmap(map, data.bytes);
	close(fd);
}

/* The writer was stopped between the stores of a batch, of which the second one came first. */
TEST_F(takeover, slots_published_out_of_order_are_taken_back)
{
	struct maps m;
	int fd;

	ASSERT_OK(nonblock(self->reader));
	ASSERT_OK(maps_open(&m, self->writer));
	m.desc[1].state = 1 << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED;
	fd = fence_writer(self->owner, RINGBUF_ATTACH_TAKE_OVER, 0);
	ASSERT_LE(0, fd);
	ASSERT_OK(put(fd, 3));
	EXPECT_EQ(3, get(self->reader));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	ASSERT_OK(put(fd, 4));
	EXPECT_EQ(4, get(self->reader));
	maps_close(&m);
	close(fd);
}

static int takes_over_or_is_busy(void *arg)
{
	int fd = fence_writer(*(int *)arg, RINGBUF_ATTACH_TAKE_OVER, 0);

	CHECK(fd >= 0 || fd == -EBUSY);
	/* Keep the seat until the parent has counted. */
	if (fd >= 0)
		raise(SIGSTOP);
	return fd < 0;
}

/* The one that comes first has the seat; it has not been stuck yet. */
TEST_F(takeover, second_successor_does_not_fence_the_first)
{
	pid_t pid[2];
	int status[2], k, stopped = 0;

	if (harness_has_faults())
		SKIP(return, "an attach that fails has fenced a writer, and so does the next one");
	for (k = 0; k < 2; k++)
		pid[k] = child_start(takes_over_or_is_busy, &self->owner);
	for (k = 0; k < 2; k++) {
		ASSERT_EQ(pid[k], waitpid(pid[k], &status[k], WUNTRACED));
		if (WIFSTOPPED(status[k]))
			stopped++;
		else
			EXPECT_EQ(1, WEXITSTATUS(status[k]));
	}
	EXPECT_EQ(1, stopped);
	EXPECT_EQ(1, stats_of(self->owner).fenced);
	for (k = 0; k < 2; k++)
		if (WIFSTOPPED(status[k]))
			EXPECT_EQ(0, stuck_continue(pid[k]));
}

/* It has no maps: it ends, and so does its next write(2). */
TEST_F(takeover, of_a_writer_without_maps)
{
	int fd;

	ASSERT_EQ(0, put(self->writer, 1));
	fd = fence_writer(self->owner, RINGBUF_ATTACH_TAKE_OVER, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ESTALE, put(self->writer, 2));
	EXPECT_EQ(0, put(fd, 3));
	EXPECT_EQ(1, get(self->reader));
	EXPECT_EQ(3, get(self->reader));
	close(fd);
}

static int waits_to_take_over(void *arg)
{
	int fd = fence_writer(*(int *)arg, RINGBUF_ATTACH_TAKE_OVER, 0);

	CHECK(fd >= 0);
	CHECK_EQ(0, put(fd, 77));
	return 0;
}

/* Readers keep it from writing, which is no fault of its own. */
TEST_F(takeover, not_of_a_writer_that_waits_for_readers)
{
	uint64_t n;
	pid_t pid;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	pid = child_start(waits_to_take_over, &self->owner);
	usleep(10 * TIMEOUT / 1000);
	EXPECT_EQ(0, stats_of(self->owner).fenced);
	for (n = 0; n < SLOTS; n++)
		EXPECT_EQ((int64_t)n, get(self->reader));
	EXPECT_EQ(77, get(self->reader));
	EXPECT_EQ(0, child_end(pid));
}

TEST_F(takeover, of_a_writer_that_is_done_meanwhile)
{
	uint64_t n;
	pid_t pid;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	pid = child_start(waits_to_take_over, &self->owner);
	ASSERT_EQ(0, done_call(self->writer));
	for (n = 0; n < SLOTS; n++)
		EXPECT_EQ((int64_t)n, get(self->reader));
	/* Without a writer the stream may have ended for a moment. */
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(77, get(self->reader));
	EXPECT_EQ(0, stats_of(self->owner).fenced);
}

static int nonblocking_take_over(int owner)
{
	return fence_attach(owner, RINGBUF_ROLE_WRITER, RINGBUF_ATTACH_TAKE_OVER, 0, O_NONBLOCK);
}

TEST_F(takeover, without_waiting)
{
	int fd;

	EXPECT_EQ(-EBUSY, nonblocking_take_over(self->owner));
	close(self->writer);
	fd = nonblocking_take_over(self->owner);
	EXPECT_LE(0, fd);
	close(fd);
	self->writer = writer_open(self->owner);
}

/* ---- bad input ---------------------------------------------------------------- */

static int attach_bad(int owner, uint32_t role, uint32_t flags, uint64_t timeout)
{
	return fence_attach(owner, role, flags, timeout, 0);
}

TEST(bad_input)
{
	int shared = fence_ring(0, TIMEOUT), none = fence_ring(0, 0);
	int exclusive = fence_ring(RINGBUF_CREATE_EXCLUSIVE, 0);
	struct ringbuf_info info;

	EXPECT_EQ(-EINVAL, fence_ring(0, RINGBUF_MIN_CLAIM_TIMEOUT - 1));
	EXPECT_EQ(-EINVAL, fence_ring(0, 1));
	EXPECT_EQ(-EINVAL, attach_bad(shared, RINGBUF_ROLE_WRITER, 0, TIMEOUT + 1));
	EXPECT_EQ(-EINVAL, attach_bad(shared, RINGBUF_ROLE_WRITER, 0, 1));
	EXPECT_EQ(-EINVAL, attach_bad(none, RINGBUF_ROLE_WRITER, 0, TIMEOUT));
	EXPECT_EQ(-EINVAL, attach_bad(shared, RINGBUF_ROLE_READER, 0, TIMEOUT));
	EXPECT_EQ(-EINVAL, attach_bad(shared, RINGBUF_ROLE_WRITER, 2, 0));
	/* Nothing to take over, or no timeout after which. */
	EXPECT_EQ(-EINVAL, attach_bad(shared, RINGBUF_ROLE_WRITER, RINGBUF_ATTACH_TAKE_OVER, 0));
	EXPECT_EQ(-EINVAL, attach_bad(exclusive, RINGBUF_ROLE_WRITER, RINGBUF_ATTACH_TAKE_OVER, 0));
	EXPECT_EQ(-EINVAL, attach_bad(exclusive, RINGBUF_ROLE_OWNER, RINGBUF_ATTACH_TAKE_OVER, 0));
	ASSERT_OK(info_get(shared, &info));
	EXPECT_EQ(TIMEOUT, info.claim_timeout);
	ASSERT_OK(info_get(none, &info));
	EXPECT_EQ(0, info.claim_timeout);
	/* A timeout that no clock reaches is never. */
	EXPECT_LE(0, fence_ring(0, ~0ULL));
}

DEVICE_HARNESS_MAIN
