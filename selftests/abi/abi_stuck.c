// SPDX-License-Identifier: GPL-2.0
/*
 * Writers that are stuck in the middle of I/O: in write(2), in a page fault that nobody
 * serves, and stopped with a read in flight into a slot that they have claimed.  Readers that are
 * stuck in read(2) in such a fault, and fall under their policy meanwhile.
 */
#include "../harness/handles.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <ringbuf_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SLOTS	4
#define BYTES	8192
#define PAGE	4096
#define TIMEOUT (20 * MS)

/**
 * struct ring - a ring whose writers are fenced
 * @owner: its owner
 * @reader: a reader
 * @writer: a writer that is not stuck
 * @stuck: the writer that is
 * @all: the ring as an observer sees it
 */
struct ring {
	HANDLES;
	int stuck;
	struct maps all;
};

static int ring_open(struct ring *self)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.slot_bytes = BYTES,
		.slot_count = SLOTS,
		.claim_timeout = TIMEOUT,
	};

	self->owner = device_open();
	CHECK_EQ(0, call(self->owner, RINGBUF_IOC_CREATE, &c));
	self->reader = reader_open(self->owner);
	self->writer = writer_open(self->owner);
	self->stuck = writer_open(self->owner);
	CHECK(self->reader >= 0 && self->writer >= 0 && self->stuck >= 0);
	return maps_open(&self->all, observer_open(self->owner));
}

static void ring_close(struct ring *self)
{
	maps_close(&self->all);
	close(self->all.fd);
	close(self->stuck);
	HANDLES_CLOSE();
}

FIXTURE(stuck)
{
	struct ring ring;
};

FIXTURE_SETUP(stuck)
{
	ASSERT_EQ(0, ring_open(&self->ring));
}

FIXTURE_TEARDOWN(stuck)
{
	ring_close(&self->ring);
}

/* Write messages whose bytes all depend on their number, and compare each byte that arrives. */
static int laps(int writer, int reader, uint64_t count)
{
	static unsigned char sent[BYTES], got[BYTES];
	uint64_t n;

	for (n = 0; n < count * SLOTS; n++) {
		memset(sent, (int)(n * 7 + 1), BYTES);
		CHECK_EQ(BYTES, write(writer, sent, BYTES));
		CHECK_EQ(BYTES, read(reader, got, BYTES));
		CHECK(!memcmp(sent, got, BYTES));
	}
	return 0;
}

/* ---- write(2) from memory whose pages nobody serves ------------------------------------- */

/**
 * struct lazy - memory whose pages come when the test says so
 * @fd: userfaultfd
 * @at: the memory, of BYTES
 */
struct lazy {
	int fd;
	char *at;
};

/* Make memory of which the first @here bytes exist.  Returns 0, or a negative errno. */
static int lazy_make(struct lazy *lazy, size_t here)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg;

	lazy->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (lazy->fd < 0)
		return -errno;
	lazy->at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg = (struct uffdio_register){
		.range = { .start = POINTER(lazy->at), .len = BYTES },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	memset(lazy->at, 0x33, here);
	if (ioctl(lazy->fd, UFFDIO_API, &api) || ioctl(lazy->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

/* Wait for a fault, which a task now sleeps in, and return its page's offset. */
static int64_t lazy_fault(const struct lazy *lazy)
{
	struct uffd_msg msg;

	if (read(lazy->fd, &msg, sizeof(msg)) != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
		return -1;
	return (int64_t)(msg.arg.pagefault.address - POINTER(lazy->at)) & ~(PAGE - 1LL);
}

/* Serve the page at @offset. */
static int lazy_serve(const struct lazy *lazy, uint64_t offset)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = POINTER(lazy->at) + offset,
		.src = POINTER(page),
		.len = PAGE,
	};

	memset(page, 0x33, PAGE);
	return ioctl(lazy->fd, UFFDIO_COPY, &copy) ? -errno : 0;
}

struct lazy_io {
	struct lazy lazy;
	int fd;
	ssize_t result;
};

static void *writes_lazily(void *arg)
{
	struct lazy_io *w = arg;

	w->result = write(w->fd, w->lazy.at, BYTES);
	if (w->result < 0)
		w->result = -errno;
	return NULL;
}

static void *reads_lazily(void *arg)
{
	struct lazy_io *w = arg;

	w->result = read(w->fd, w->lazy.at, BYTES);
	if (w->result < 0)
		w->result = -errno;
	return NULL;
}

/* Let a thread do the I/O until it needs the byte at @here. */
#define LAZY_IO(function, here)                                                \
	do {                                                                   \
		int err_ = lazy_make(&w.lazy, (here));                         \
		if (err_ == -ENOSYS || err_ == -EPERM)                         \
			SKIP(return, "this kernel has no userfaultfd for us"); \
		ASSERT_EQ(0, err_);                                            \
		ASSERT_EQ(0, pthread_create(&thread, NULL, (function), &w));   \
		ASSERT_EQ((int64_t)(here), lazy_fault(&w.lazy));               \
	} while (0)

#define LAZY(here) LAZY_IO(writes_lazily, here)

/* The fault comes before the claim: the writer holds nothing while it sleeps there. */
TEST_F(stuck, writer_in_a_page_fault_holds_nobody_up)
{
	struct lazy_io w = { .fd = self->ring.stuck };
	static unsigned char got[BYTES], want[BYTES];
	pthread_t thread;
	size_t here, at;

	for (here = 0; here < BYTES; here += PAGE) {
		LAZY(here);
		ASSERT_EQ(0, laps(self->ring.writer, self->ring.reader, 10));
		EXPECT_EQ(0, stats_of(self->ring.owner).fenced);
		for (at = here; at < BYTES; at += PAGE)
			ASSERT_EQ(0, lazy_serve(&w.lazy, at));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(BYTES, w.result);
		memset(want, 0x33, BYTES);
		ASSERT_EQ(BYTES, read(self->ring.reader, got, BYTES));
		EXPECT_EQ(0, memcmp(want, got, BYTES));
		close(w.lazy.fd);
		munmap(w.lazy.at, BYTES);
	}
	ASSERT_EQ(0, laps(self->ring.writer, self->ring.reader, 1));
}

TEST_F(stuck, writer_whose_second_page_is_missing_holds_nobody_up)
{
	struct lazy_io w = { .fd = self->ring.stuck };
	pthread_t thread;

	LAZY(PAGE);
	ASSERT_EQ(0, laps(self->ring.writer, self->ring.reader, 10));
	/* The page never comes: its memory goes instead. */
	close(w.lazy.fd);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(w.result == BYTES || w.result == -EFAULT);
	munmap(w.lazy.at, BYTES);
}

static int dies_in_a_fault(void *arg)
{
	const struct ring *ring = arg;
	struct lazy_io w = { .fd = ring->stuck };
	pthread_t thread;

	CHECK_EQ(0, lazy_make(&w.lazy, PAGE));
	CHECK_EQ(0, pthread_create(&thread, NULL, writes_lazily, &w));
	CHECK_EQ(PAGE, lazy_fault(&w.lazy));
	raise(SIGKILL);
	return 1;
}

TEST_F(stuck, writer_killed_in_a_page_fault_leaves_nothing)
{
	struct lazy probe;
	int err = lazy_make(&probe, 0);

	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "this kernel has no userfaultfd for us");
	close(probe.fd);
	EXPECT_EQ(128 + SIGKILL, child_run(dies_in_a_fault, &self->ring));
	ASSERT_EQ(0, laps(self->ring.writer, self->ring.reader, 10));
}

/* ---- read(2) into memory whose pages nobody serves ---------------------------------------- */

FIXTURE(stuck_reader)
{
	struct ring ring;
	int slow;
};

FIXTURE_VARIANT(stuck_reader)
{
	uint32_t policy;
	uint64_t timeout;
};

FIXTURE_VARIANT_ADD(stuck_reader, skip){ .policy = RINGBUF_POLICY_SKIP, .timeout = TIMEOUT };
FIXTURE_VARIANT_ADD(stuck_reader, evict){ .policy = RINGBUF_POLICY_EVICT, .timeout = TIMEOUT };
FIXTURE_VARIANT_ADD(stuck_reader, lossy){ .policy = RINGBUF_POLICY_LOSSY };

FIXTURE_SETUP(stuck_reader)
{
	struct ringbuf_attach a;

	ASSERT_EQ(0, ring_open(&self->ring));
	a = attach_to(RINGBUF_ROLE_READER, self->ring.owner);
	a.policy = variant->policy;
	a.policy_timeout = variant->timeout;
	self->slow = device_open();
	ASSERT_LE(0, self->slow);
	ASSERT_EQ(0, call(self->slow, RINGBUF_IOC_ATTACH, &a));
	ASSERT_EQ(0, nonblock(self->slow));
}

FIXTURE_TEARDOWN(stuck_reader)
{
	close(self->slow);
	ring_close(&self->ring);
}

/* The bytes of a slot that a writer has reused meanwhile are not read, though some are copied. */
TEST_F(stuck_reader, reader_in_a_page_fault_gets_a_whole_message_or_none)
{
	struct lazy_io w = { .fd = self->slow };
	char first[BYTES];
	pthread_t thread;
	size_t here, at;

	for (here = 0; here < BYTES; here += PAGE) {
		memset(first, 0xee, BYTES);
		ASSERT_EQ(BYTES, write(self->ring.writer, first, BYTES));
		ASSERT_EQ(BYTES, read(self->ring.reader, first, BYTES));
		LAZY_IO(reads_lazily, here);
		ASSERT_EQ(0, laps(self->ring.writer, self->ring.reader, 10));
		for (at = here; at < BYTES; at += PAGE)
			ASSERT_EQ(0, lazy_serve(&w.lazy, at));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		if (variant->policy == RINGBUF_POLICY_EVICT) {
			EXPECT_EQ(-EIDRM, w.result);
			close(w.lazy.fd);
			munmap(w.lazy.at, BYTES);
			break;
		}
		EXPECT_EQ(BYTES, w.result);
		EXPECT_NE((char)0xee, w.lazy.at[0]);
		EXPECT_EQ(0, memcmp(w.lazy.at, w.lazy.at + 1, BYTES - 1));
		while (read(self->slow, first, BYTES) > 0)
			;
		close(w.lazy.fd);
		munmap(w.lazy.at, BYTES);
	}
}

/* ---- stopped, with a read in flight into a claimed slot ------------------------------------ */

/**
 * struct io - how the child reads into its slot
 * @ring: the ring
 * @pipe: what it reads from, empty until the ring has made some laps
 * @fixed: into a registered buffer, whose pages are pinned
 * @async: by a worker thread of io_uring
 */
struct io {
	struct ring *ring;
	int pipe[2];
	bool fixed;
	bool async;
};

#define IO_SKIP 4

static int stops_with_a_read_in_flight(void *arg)
{
	const struct io *io = arg;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring u;
	struct iovec all;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, io->ring->stuck));
	all = (struct iovec){ m.data, m.region[RINGBUF_REGION_DATA].bytes };
	CHECK_EQ(0, io_uring_queue_init(8, &u, 0));
	if (io->fixed && io_uring_register_buffers(&u, &all, 1))
		return IO_SKIP;
	claim_by_hand(&m, 0, 2);
	sqe = io_uring_get_sqe(&u);
	if (io->fixed)
		io_uring_prep_read_fixed(sqe, io->pipe[0], m.data, PAGE, 0, 0);
	else
		io_uring_prep_read(sqe, io->pipe[0], m.data, PAGE, 0);
	if (io->async)
		sqe->flags |= IOSQE_ASYNC;
	CHECK_EQ(1, io_uring_submit(&u));
	raise(SIGSTOP);
	CHECK_EQ(0, io_uring_wait_cqe(&u, &cqe));
	CHECK_EQ(PAGE, cqe->res);
	/* It has the bytes; the ring has not. */
	CHECK_EQ(-ESTALE, wake_call(m.fd));
	return 0;
}

static size_t data_bytes(const struct maps *m)
{
	return m->region[RINGBUF_REGION_DATA].bytes;
}

FIXTURE(flight)
{
	struct ring ring;
};

FIXTURE_VARIANT(flight)
{
	bool fixed, async;
};

FIXTURE_VARIANT_ADD(flight, plain){ .fixed = false, .async = false };
FIXTURE_VARIANT_ADD(flight, plain_by_a_worker){ .fixed = false, .async = true };
FIXTURE_VARIANT_ADD(flight, registered){ .fixed = true, .async = false };
FIXTURE_VARIANT_ADD(flight, registered_by_a_worker){ .fixed = true, .async = true };

FIXTURE_SETUP(flight)
{
	ASSERT_EQ(0, ring_open(&self->ring));
}

FIXTURE_TEARDOWN(flight)
{
	ring_close(&self->ring);
}

TEST_F(flight, bytes_that_arrive_after_the_fence_reach_no_slot)
{
	struct ring *s = &self->ring;
	struct io io = { .ring = s, .fixed = variant->fixed, .async = variant->async };
	size_t bytes = data_bytes(&s->all);
	char *before = malloc(bytes), page[PAGE];
	pid_t pid;
	int status;

	ASSERT_EQ(0, pipe2(io.pipe, O_CLOEXEC));
	pid = child_start(stops_with_a_read_in_flight, &io);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	if (WIFEXITED(status) && WEXITSTATUS(status) == IO_SKIP)
		SKIP(return, "this kernel registers no buffers of drivers");
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, laps(s->writer, s->reader, 10));
	EXPECT_EQ(1, stats_of(s->owner).fenced);
	EXPECT_EQ(2, stats_of(s->owner).repaired);
	memcpy(before, s->all.data, bytes);
	memset(page, 0x77, PAGE);
	ASSERT_EQ(PAGE, write(io.pipe[1], page, PAGE));
	EXPECT_EQ(0, memcmp(before, s->all.data, bytes));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(0, memcmp(before, s->all.data, bytes));
	ASSERT_EQ(0, laps(s->writer, s->reader, 3));
	free(before);
}

DEVICE_HARNESS_MAIN
