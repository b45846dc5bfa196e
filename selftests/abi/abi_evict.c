// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_EVICT: another process ends a reader that is stuck. */
#include "../harness/handles.h"

#define SLOTS 4

HANDLES_FIXTURE(evict)

FIXTURE_SETUP(evict)
{
	HANDLES_SETUP(0, 64, SLOTS);
	HANDLES_NONBLOCK();
}

static uint32_t id_of(int fd)
{
	struct ringbuf_info info;

	return info_get(fd, &info) ? ~0U : info.id;
}

static int fill_up(int writer)
{
	int n, err;

	for (n = 0; n < SLOTS; n++) {
		err = put(writer, (uint64_t)n);
		if (err)
			return err;
	}
	return put(writer, 99) == -EAGAIN ? 0 : -EBADMSG;
}

TEST_F(evict, only_owner_and_writer_may_evict)
{
	int observer = observer_open(self->owner), none = device_open();

	EXPECT_EQ(-EBADFD, evict_call(none, 0));
	EXPECT_EQ(-EBADFD, evict_call(self->reader, 0));
	EXPECT_EQ(-EBADFD, evict_call(observer, 0));
	EXPECT_EQ(-ENOENT, evict_call(self->owner, 1));
	EXPECT_EQ(-ENOENT, evict_call(self->owner, 64));
	EXPECT_EQ(-ENOENT, evict_call(self->owner, ~0U));
	ASSERT_OK(put(self->writer, 5));
	EXPECT_EQ(5, get(self->reader));
	EXPECT_OK(evict_call(self->writer, 0));
	close(observer);
	close(none);
}

TEST_F(evict, evicted_reader_makes_room)
{
	struct ringbuf_stats s;
	int next;

	ASSERT_OK(fill_up(self->writer));
	ASSERT_OK(evict_call(self->owner, 0));
	EXPECT_OK(put(self->writer, 99));
	s = stats_of(self->owner);
	EXPECT_EQ(0, s.total);
	EXPECT_EQ(RINGBUF_BLOCKER_NONE, s.blocker_kind);
	EXPECT_EQ(-EIDRM, get(self->reader));
	EXPECT_EQ(-EIDRM, wait_call(self->reader, 1, NEVER));
	EXPECT_EQ(-EIDRM, ready_call(self->reader));
	EXPECT_EQ(POLLERR, polled(self->reader));
	EXPECT_EQ(-ENOENT, sync_call(self->owner, 0, NEVER));
	/* A second eviction has no effect. */
	EXPECT_OK(evict_call(self->owner, 0));
	/* No other reader gets its row before its handle is closed. */
	next = reader_open(self->owner);
	EXPECT_EQ(1, id_of(next));
	EXPECT_OK(detach_call(self->reader));
	close(next);
	close(self->reader);
	self->reader = reader_open(self->owner);
	EXPECT_EQ(0, id_of(self->reader));
	ASSERT_OK(put(self->writer, 7));
	EXPECT_EQ(7, get(self->reader));
	EXPECT_EQ(-ENOENT, evict_call(self->owner, 1));
}

static int waits(void *arg)
{
	int *fd = arg;

	CHECK_EQ(-EIDRM, wait_call(*fd, 1, NEVER));
	return 0;
}

static int reads(void *arg)
{
	int *fd = arg;

	CHECK(!fcntl(*fd, F_SETFL, 0));
	CHECK_EQ(-EIDRM, get(*fd));
	return 0;
}

static int polls(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	CHECK_EQ(1, poll(&p, 1, -1));
	CHECK_EQ(POLLERR, p.revents);
	return 0;
}

/* Evict each kind of waiter without a threshold and with one. */
TEST_F(evict, sleeping_reader_is_woken_by_its_eviction)
{
	int (*const sleeps[])(void *) = { waits, reads, polls };
	unsigned int i, limited;
	pid_t pid;

	for (limited = 0; limited < 2; limited++) {
		for (i = 0; i < ARRAY_SIZE(sleeps); i++) {
			if (limited)
				ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
			pid = child_start(sleeps[i], &self->reader);
			ASSERT_TRUE(task_asleep(pid));
			ASSERT_OK(evict_call(self->owner, id_of(self->reader)));
			EXPECT_EQ(0, child_end(pid));
			close(self->reader);
			self->reader = reader_open(self->owner);
			ASSERT_OK(nonblock(self->reader));
		}
	}
}

struct mapped {
	int fd;
	int go; /* read end of a pipe; a byte says to continue */
};

/* Peek a slot through the maps, stop, and check after the eviction that all calls fail. */
static int holds_a_slot(void *arg)
{
	struct mapped *a = arg;
	struct maps m;
	char byte;

	CHECK_EQ(0, maps_open(&m, a->fd));
	CHECK_EQ(0, peek_by_hand(&m, 0));
	raise(SIGSTOP);
	CHECK_EQ(1, read(a->go, &byte, 1));
	CHECK_EQ(RINGBUF_FLOOR_EVICTED, reader_row(&m, m.info.id)->floor);
	CHECK_EQ(RINGBUF_ROW_EVICTED, reader_row(&m, m.info.id)->flags);
	/* The reader can still store to its cursor, without effect. */
	release_by_hand(&m, 3);
	CHECK_EQ(-EIDRM, wait_call(a->fd, 1, NEVER));
	CHECK_EQ(-EIDRM, get(a->fd));
	return 0;
}

TEST_F(evict, stopped_reader_that_was_evicted_blocks_no_writer)
{
	int go[2], next;
	struct mapped a = { .fd = self->reader };
	uint64_t n;
	pid_t pid;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	a.go = go[0];
	ASSERT_OK(fill_up(self->writer));
	pid = child_start(holds_a_slot, &a);
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	ASSERT_OK(evict_call(self->owner, 0));
	next = reader_open(self->owner);
	for (n = 0; n < 10 * SLOTS; n++) {
		ASSERT_OK(put(self->writer, n));
		ASSERT_EQ((int64_t)n, get(next));
	}
	/* The stopped reader still maps its cursor page, so the next reader gets another row. */
	EXPECT_EQ(1, id_of(next));
	kill(pid, SIGCONT);
	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(0, child_end(pid));
	close(next);
	close(go[0]);
	close(go[1]);
}

TEST_F(evict, eviction_and_death_of_a_reader_may_come_together)
{
	unsigned int n;

	for (n = 0; n < 50; n++) {
		int other = writer_open(self->owner), reader = reader_open(self->owner);
		struct mapped a = { .fd = reader };
		int go[2];
		pid_t pid;

		ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
		a.go = go[0];
		pid = child_start(holds_a_slot, &a);
		kill(pid, n % 2 ? SIGKILL : SIGCONT);
		evict_call(self->owner, 1);
		close(other);
		child_kill(pid);
		close(reader);
		close(go[0]);
		close(go[1]);
		ASSERT_EQ(1, stats_of(self->owner).total);
		ASSERT_EQ(1, stats_of(self->owner).writers);
	}
	ASSERT_OK(put(self->writer, 1));
	EXPECT_EQ(1, get(self->reader));
}

/* I/O on a cursor page could outlive its reader, so these pages cannot be pinned. */
TEST_F(evict, cursor_page_cannot_be_pinned)
{
	struct iovec iov;
	struct maps m;
	int ends[2];

	ASSERT_OK(maps_open(&m, self->reader));
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	m.own->cpu = 1;
	iov.iov_base = m.page;
	iov.iov_len = m.info.page_size;
	EXPECT_EQ(-1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	iov.iov_base = m.map[RINGBUF_REGION_CURSOR];
	EXPECT_EQ(-1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	/* A child cannot inherit a cursor page. */
	EXPECT_EQ(-1, madvise(m.page, m.info.page_size, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	/* A slot can be pinned. */
	iov.iov_base = m.data;
	EXPECT_EQ(m.info.page_size, vmsplice(ends[1], &iov, 1, 0));
	maps_close(&m);
	close(ends[0]);
	close(ends[1]);
}

DEVICE_HARNESS_MAIN
