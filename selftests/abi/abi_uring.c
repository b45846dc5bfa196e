// SPDX-License-Identifier: GPL-2.0
/* io_uring: reads, writes, polls and waits, all without a worker thread. */
#include <dirent.h>

#include "../harness/handles.h"

#include <ringbuf_uring.h>

#define SLOTS 4

FIXTURE(uring)
{
	HANDLES;
	struct io_uring u;
};

FIXTURE_SETUP(uring)
{
	HANDLES_SETUP(0, 64, SLOTS);
	ASSERT_EQ(0, io_uring_queue_init(256, &self->u, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->u);
	HANDLES_CLOSE();
}

/* Return the number of worker threads that io_uring has made for this process. */
static int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	int count = 0;

	while ((d = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (f && fgets(name, sizeof(name), f))
			count += !strncmp(name, "iou-wrk", 7);
		if (f)
			fclose(f);
	}
	closedir(dir);
	return count;
}

static int submit(struct io_uring *u, struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->user_data = data;
	return io_uring_submit(u) == 1 ? 0 : -EBADMSG;
}

/* Return the result of the next completion; -EBADMSG if it is not that of @data. */
static int result(struct io_uring *u, uint64_t data)
{
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_wait_cqe(u, &cqe))
		return -EBADMSG;
	res = cqe->user_data == data ? cqe->res : -EBADMSG;
	io_uring_cqe_seen(u, cqe);
	return res;
}

static bool nothing(struct io_uring *u)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(u, &cqe) == -EAGAIN;
}

static int submit_read(struct io_uring *u, int fd, void *to, unsigned int room, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);

	ringbuf_prep_read(sqe, fd, to, room);
	return submit(u, sqe, data);
}

static int submit_write(struct io_uring *u, int fd, const void *from, unsigned int n, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);

	ringbuf_prep_write(sqe, fd, from, n);
	return submit(u, sqe, data);
}

static int submit_poll(struct io_uring *u, int fd, unsigned int events, bool many, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);

	if (many)
		ringbuf_prep_poll_multishot(sqe, fd, events);
	else
		ringbuf_prep_poll(sqe, fd, events);
	return submit(u, sqe, data);
}

/* Cancel the request @data, and discard its completions. */
static int cancel_poll(struct io_uring *u, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);
	struct io_uring_cqe *cqe;
	bool canceled = false, done = false;

	io_uring_prep_cancel64(sqe, data, 0);
	CHECK_EQ(0, submit(u, sqe, ~0ULL));
	while (!canceled || !done) {
		CHECK_EQ(0, io_uring_wait_cqe(u, &cqe));
		if (cqe->user_data == data)
			done = !(cqe->flags & IORING_CQE_F_MORE);
		else
			canceled = !cqe->res;
		io_uring_cqe_seen(u, cqe);
	}
	return 0;
}

TEST_F(uring, read_completes_when_a_message_comes)
{
	uint64_t number = 0, n;

	for (n = 0; n < 50; n++) {
		ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, n));
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, n * n));
		ASSERT_EQ(8, result(&self->u, n));
		ASSERT_EQ(n * n, number);
	}
	/* With a slot ready the read completes at once. */
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, n));
	ASSERT_FALSE(nothing(&self->u));
	EXPECT_EQ(8, result(&self->u, n));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, write_completes_when_there_is_room)
{
	uint64_t number = 0, n;

	for (n = 0; n < SLOTS; n++) {
		ASSERT_EQ(0, submit_write(&self->u, self->writer, &n, 8, n));
		ASSERT_EQ(8, result(&self->u, n));
	}
	for (n = 0; n < 50; n++) {
		number = n + SLOTS;
		ASSERT_EQ(0, submit_write(&self->u, self->writer, &number, 8, n));
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ((int64_t)n, get(self->reader));
		ASSERT_EQ(8, result(&self->u, n));
	}
	EXPECT_EQ(0, workers());
}

TEST_F(uring, errors_and_end_are_those_of_read_and_write)
{
	static char big[65];
	char text[8];

	ASSERT_EQ(0, submit_write(&self->u, self->writer, big, 65, 1));
	EXPECT_EQ(-EMSGSIZE, result(&self->u, 1));
	ASSERT_EQ(0, submit_read(&self->u, self->writer, big, 65, 2));
	EXPECT_EQ(-EBADFD, result(&self->u, 2));
	ASSERT_EQ(0, submit_write(&self->u, self->writer, big, 20, 3));
	EXPECT_EQ(20, result(&self->u, 3));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, text, 8, 4));
	EXPECT_EQ(-EMSGSIZE, result(&self->u, 4));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, big, 65, 5));
	EXPECT_EQ(20, result(&self->u, 5));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, big, 65, 6));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, result(&self->u, 6));
	ASSERT_EQ(0, submit_write(&self->u, self->writer, big, 20, 7));
	EXPECT_EQ(-EPIPE, result(&self->u, 7));
	EXPECT_EQ(0, workers());
}

/* With O_NONBLOCK the request waits on some kernels and fails on others. */
TEST_F(uring, nonblocking_read_takes_no_worker)
{
	uint64_t number = 0;

	ASSERT_OK(nonblock(self->reader));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, 1));
	if (nothing(&self->u)) {
		ASSERT_EQ(0, put(self->writer, 4));
		EXPECT_EQ(8, result(&self->u, 1));
		EXPECT_EQ(4, number);
	} else {
		EXPECT_EQ(-EAGAIN, result(&self->u, 1));
	}
	EXPECT_EQ(0, workers());
}

TEST_F(uring, poll_completes_when_a_message_comes)
{
	uint64_t n;

	for (n = 0; n < 20; n++) {
		ASSERT_EQ(0, submit_poll(&self->u, self->reader, POLLIN, false, n));
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(POLLIN, result(&self->u, n) & POLLIN);
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	ASSERT_EQ(0, submit_poll(&self->u, self->reader, POLLIN, false, 77));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(POLLIN | POLLHUP, result(&self->u, 77) & (POLLIN | POLLHUP));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, multishot_poll_completes_for_every_message)
{
	struct io_uring_cqe *cqe;
	uint64_t n;

	ASSERT_EQ(0, submit_poll(&self->u, self->reader, POLLIN, true, 1));
	for (n = 0; n < 100; n++) {
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		ASSERT_EQ(POLLIN, cqe->res & POLLIN);
		ASSERT_TRUE(cqe->flags & IORING_CQE_F_MORE);
		io_uring_cqe_seen(&self->u, cqe);
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	EXPECT_EQ(0, workers());
}

TEST_F(uring, poll_and_read_keep_to_the_threshold)
{
	uint64_t number = 99, n;

	ASSERT_OK(threshold_call(self->reader, 3, 0, 0));
	ASSERT_EQ(0, submit_poll(&self->u, self->reader, POLLIN, false, 1));
	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_EQ(0, put(self->writer, 2));
	ASSERT_EQ(POLLIN, result(&self->u, 1) & POLLIN);
	for (n = 0; n < 3; n++) {
		ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, n));
		ASSERT_EQ(8, result(&self->u, n));
		ASSERT_EQ(n, number);
	}
	ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, 4));
	ASSERT_EQ(0, put(self->writer, 3));
	ASSERT_EQ(0, put(self->writer, 4));
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_EQ(0, put(self->writer, 5));
	ASSERT_EQ(8, result(&self->u, 4));
	ASSERT_EQ(3, number);
	/* With a time one slot is enough when it is over. */
	ASSERT_EQ(4, get(self->reader));
	ASSERT_EQ(5, get(self->reader));
	ASSERT_OK(threshold_call(self->reader, 3, 0, 20 * MS));
	ASSERT_EQ(0, submit_read(&self->u, self->reader, &number, 8, 5));
	ASSERT_EQ(0, put(self->writer, 6));
	ASSERT_EQ(8, result(&self->u, 5));
	ASSERT_EQ(6, number);
	EXPECT_EQ(0, workers());
}

/* Requests that wait for a threshold: a poll, a multishot poll, a read. */
enum waiter { ONCE, MANY, READ, WAITERS };

static int start_waiter(struct io_uring *u, int fd, enum waiter waiter, uint64_t *number)
{
	return waiter == READ ? submit_read(u, fd, number, 8, 1)
			      : submit_poll(u, fd, POLLIN, waiter == MANY, 1);
}

/* Wait for the request to complete, and return the number in the message, or a negative errno. */
static int64_t end_waiter(struct io_uring *u, int fd, enum waiter waiter, const uint64_t *number)
{
	int res = result(u, 1);

	if (waiter == READ)
		return res == 8 ? (int64_t)*number : -EBADMSG;
	if (res < 0 || !(res & POLLIN) || (waiter == MANY && cancel_poll(u, 1)))
		return -EBADMSG;
	return get(fd);
}

TEST_F(uring, waiters_keep_to_the_threshold_of_bytes)
{
	enum waiter i;
	uint64_t number = 99, n;

	ASSERT_OK(threshold_call(self->reader, 0, 2 * 8 + 1, 0));
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, start_waiter(&self->u, self->reader, i, &number));
		for (n = 0; n < 2; n++) {
			ASSERT_EQ(0, put(self->writer, n));
			ASSERT_TRUE(nothing(&self->u));
		}
		ASSERT_EQ(0, put(self->writer, 2));
		ASSERT_EQ(0, end_waiter(&self->u, self->reader, i, &number));
		ASSERT_EQ(1, get(self->reader));
		ASSERT_EQ(2, get(self->reader));
	}
	EXPECT_EQ(0, workers());
}

TEST_F(uring, waiters_keep_to_the_threshold_of_time)
{
	uint64_t number = 99, start;
	enum waiter i;

	for (i = 0; i < WAITERS; i++) {
		ASSERT_OK(threshold_call(self->reader, 3, 0, 30 * MS));
		ASSERT_EQ(0, put(self->writer, 5));
		start = now_ns();
		ASSERT_EQ(0, start_waiter(&self->u, self->reader, i, &number));
		ASSERT_EQ(5, end_waiter(&self->u, self->reader, i, &number));
		EXPECT_LE(start + 30 * MS, now_ns());
	}
	EXPECT_EQ(0, workers());
}

TEST_F(uring, registered_files_can_be_read_and_written)
{
	int fds[] = { self->reader, self->writer };
	struct io_uring_sqe *sqe;
	uint64_t number = 5, got = 0;

	ASSERT_EQ(0, io_uring_register_files(&self->u, fds, 2));
	sqe = io_uring_get_sqe(&self->u);
	ringbuf_prep_read(sqe, 0, &got, 8);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(0, submit(&self->u, sqe, 1));
	sqe = io_uring_get_sqe(&self->u);
	ringbuf_prep_write(sqe, 1, &number, 8);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(0, submit(&self->u, sqe, 2));
	EXPECT_EQ(8, result(&self->u, 2));
	EXPECT_EQ(8, result(&self->u, 1));
	EXPECT_EQ(5, got);
	/* The table of registered files keeps them open. */
	close(self->reader);
	close(self->writer);
	self->reader = -1;
	self->writer = -1;
	EXPECT_EQ(1, stats_of(self->owner).writers);
	ASSERT_EQ(0, io_uring_unregister_files(&self->u));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, read_can_be_cancelled)
{
	struct io_uring_sqe *sqe;
	char text[8];

	ASSERT_EQ(0, submit_read(&self->u, self->reader, text, 8, 1));
	ASSERT_TRUE(nothing(&self->u));
	sqe = io_uring_get_sqe(&self->u);
	io_uring_prep_cancel64(sqe, 1, 0);
	ASSERT_EQ(0, submit(&self->u, sqe, 2));
	/* The completions of the read and of the cancel may come in either order. */
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		EXPECT_EQ(cqe->user_data == 1 ? -ECANCELED : 0, cqe->res);
		io_uring_cqe_seen(&self->u, cqe);
	}
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(1, get(self->reader));
}

TEST_F(uring, one_thread_can_serve_a_hundred_rings)
{
	static uint64_t numbers[100];
	int readers[100], writers[100];
	unsigned int i, round;
	uint64_t seen;

	for (i = 0; i < 100; i++) {
		int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, 8, 2);

		ASSERT_LE(0, readers[i] = reader_open(owner));
		ASSERT_LE(0, writers[i] = writer_open(owner));
		close(owner);
		ASSERT_EQ(0, submit_read(&self->u, readers[i], &numbers[i], 8, i));
	}
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 100; i++)
			ASSERT_EQ(0, put(writers[i], i * 1000 + round));
		for (seen = 0; seen < 100; seen++) {
			struct io_uring_cqe *cqe;
			uint64_t which;

			ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
			which = cqe->user_data;
			ASSERT_EQ(8, cqe->res);
			ASSERT_EQ(which * 1000 + round, numbers[which]);
			io_uring_cqe_seen(&self->u, cqe);
			ASSERT_EQ(0,
				  submit_read(&self->u, readers[which], &numbers[which], 8, which));
		}
	}
	EXPECT_EQ(0, workers());
	for (i = 0; i < 100; i++) {
		close(readers[i]);
		close(writers[i]);
	}
}

/* End this process with requests in flight, which must end with it. */
static int goes_with_requests(void *arg)
{
	int *fds = arg;
	static uint64_t numbers[8];
	struct io_uring u;
	int i;

	CHECK_EQ(0, io_uring_queue_init(32, &u, 0));
	for (i = 0; i < 8; i++)
		CHECK_EQ(0, submit_read(&u, fds[0], &numbers[i], 8, (uint64_t)i));
	CHECK_EQ(0, submit_poll(&u, fds[0], POLLIN, true, 9));
	if (fds[2])
		raise(SIGKILL);
	return 0;
}

TEST_F(uring, requests_end_with_their_process)
{
	int fds[] = { self->reader, self->writer, 0 };

	EXPECT_EQ(0, child_run(goes_with_requests, fds));
	fds[2] = 1;
	EXPECT_EQ(128 + SIGKILL, child_run(goes_with_requests, fds));
	ASSERT_EQ(0, put(self->writer, 3));
	EXPECT_EQ(3, get(self->reader));
}

/*
 * A process that is killed while a request of it reads into a slot from an empty pipe.
 * The slot is repaired, and bytes that come into the pipe later do not get into the ring.
 */
struct fixed {
	int writer;
	int from;
	int state; /* 1: the request is in flight, 2: this kernel cannot register the buffer */
};

static int waits_with_a_slot(void *arg)
{
	struct fixed *f = arg;
	struct io_uring u;
	struct iovec data;
	struct maps m;
	int err;

	CHECK_EQ(0, maps_open(&m, f->writer));
	data = (struct iovec){ m.data, m.region[RINGBUF_REGION_DATA].bytes };
	CHECK_EQ(0, io_uring_queue_init(8, &u, 0));
	err = io_uring_register_buffers(&u, &data, 1);
	if (err) {
		CHECK_EQ(-EOPNOTSUPP, err);
		f->state = 2;
		return 0;
	}
	claim_by_hand(&m, 0, 1);
	io_uring_prep_read_fixed(io_uring_get_sqe(&u), f->from, m.data, 8, 0, 0);
	CHECK_EQ(1, io_uring_submit(&u));
	CHECK(nothing(&u));
	FLAG_SET(f->state);
	pause();
	return 1;
}

TEST_F(uring, request_of_a_killed_writer_does_not_reach_the_ring)
{
	struct fixed *f = shared_memory(sizeof(*f));
	int p[2], other = writer_open(self->owner);
	pid_t pid;

	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	*f = (struct fixed){ .writer = self->writer, .from = p[0] };
	pid = child_start(waits_with_a_slot, f);
	UNTIL(FLAG_GET(f->state));
	if (f->state == 2) {
		child_end(pid);
		SKIP(return, "this kernel registers no buffers of drivers");
	}
	child_kill(pid);
	UNTIL(stats_of(self->owner).writers == 1);
	EXPECT_EQ(1, stats_of(self->owner).repaired);
	ASSERT_EQ(8, write(p[1], "too late", 8));
	ASSERT_EQ(0, put(other, 7));
	EXPECT_EQ(7, get(self->reader));
	close(p[0]);
	close(p[1]);
	close(other);
}

/* ---- RINGBUF_URING_WAIT ---------------------------------------------------------- */

static int submit_wait(struct io_uring *u, int fd, const struct ringbuf_wait *w, uint64_t tag,
		       unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);

	ringbuf_prep_wait(sqe, fd, w, tag);
	sqe->flags |= flags;
	return submit(u, sqe, tag);
}

static int submit_cancel(struct io_uring *u, int fd, uint64_t tag, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(u);

	ringbuf_prep_cancel(sqe, fd, tag);
	return submit(u, sqe, data);
}

static bool has_commands(void)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	int fd = device_open(), err = call(fd, RINGBUF_IOC_FEATURES, &f);

	close(fd);
	return !err && f.features & RINGBUF_FEAT_URING;
}

FIXTURE(wait)
{
	HANDLES;
	struct io_uring u;
};

/* @flags: flags of the requests; with IOSQE_ASYNC a worker issues them, and does not sleep. */
FIXTURE_VARIANT(wait)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(wait, inline){ .flags = 0 };
FIXTURE_VARIANT_ADD(wait, async){ .flags = IOSQE_ASYNC };

FIXTURE_SETUP(wait)
{
	struct ringbuf_wait w = wait_for(1, NEVER);

	HANDLES_SETUP(0, 64, SLOTS);
	ASSERT_EQ(0, io_uring_queue_init(64, &self->u, 0));
	if (has_commands())
		return;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, 0));
	EXPECT_EQ(-EOPNOTSUPP, result(&self->u, 1));
	SKIP(return, "this kernel has no commands for modules: refused");
}

FIXTURE_TEARDOWN(wait)
{
	io_uring_queue_exit(&self->u);
	HANDLES_CLOSE();
}

/*
 * One of the words says that the wait is over, the other that it is not.  The request
 * must not loop in the kernel for ever.
 */
TEST_F(wait, contradicting_words_do_not_keep_a_wait_in_the_kernel)
{
	struct ringbuf_wait w = wait_for(1, NEVER);
	struct io_uring_cqe *cqe;
	struct maps m;
	uint64_t data;
	int res;

	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_EQ(0, maps_open(&m, self->reader));
	m.own->cursor = 1ULL << 62;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	/* A cancel may come too early, so repeat it; completions of 2 are those of cancels. */
	do {
		ASSERT_EQ(0, submit_cancel(&self->u, self->reader, 1, 2));
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		data = cqe->user_data;
		res = cqe->res;
		io_uring_cqe_seen(&self->u, cqe);
	} while (data == 2);
	EXPECT_EQ(-ECANCELED, res);
	maps_close(&m);
}

/*
 * The same, and the deadline passes while the request looks at the words again and again: its timer
 * must not have it look at once, for ever.
 */
TEST_F(wait, deadline_amid_contradicting_words_ends_a_wait)
{
	struct ringbuf_wait w;
	struct maps m;
	uint64_t us;

	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_EQ(0, maps_open(&m, self->reader));
	m.own->cursor = 1ULL << 62;
	for (us = 0; us < often(20000); us++) {
		w = wait_for(1, now_ns() + us % 1000 * 1000);
		ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, us, variant->flags));
		ASSERT_EQ(-ETIMEDOUT, result(&self->u, us));
	}
	maps_close(&m);
}

/* Wait until @n requests sleep in the module. */
#define UNTIL_WAITING(fd, n) UNTIL(waits_of(self->owner) >= (n))

static uint64_t waits_of(int owner)
{
	struct ringbuf_reader_stats reader;
	struct ringbuf_stats s;

	if (stats_call(owner, &s, &reader, 1))
		return 0;
	return s.waits + (s.count ? reader.waits : 0);
}

TEST_F(wait, wait_of_a_reader_completes_when_a_message_comes)
{
	struct ringbuf_wait w = wait_for(1, NEVER);
	uint64_t n;

	for (n = 0; n < 20; n++) {
		ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, n, variant->flags));
		UNTIL_WAITING(self->reader, n + 1);
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(1, result(&self->u, n));
		ASSERT_EQ((int64_t)n, get(self->reader));
	}
	EXPECT_TRUE(variant->flags || !workers());
}

TEST_F(wait, wait_completes_when_several_slots_are_ready)
{
	struct ringbuf_wait w = wait_for(3, NEVER);

	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	UNTIL_WAITING(self->reader, 1);
	ASSERT_EQ(0, put(self->writer, 0));
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_EQ(0, put(self->writer, 2));
	ASSERT_EQ(3, result(&self->u, 1));
	/* The slots are ready, so the next wait completes at once. */
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 2, variant->flags));
	ASSERT_EQ(3, result(&self->u, 2));
}

TEST_F(wait, wait_of_a_writer_completes_when_there_is_room)
{
	struct ringbuf_wait w = wait_for(2, NEVER);
	uint64_t n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	ASSERT_EQ(0, submit_wait(&self->u, self->writer, &w, 1, variant->flags));
	UNTIL_WAITING(self->writer, 1);
	ASSERT_EQ(0, get(self->reader));
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_EQ(1, get(self->reader));
	ASSERT_EQ(2, result(&self->u, 1));
}

TEST_F(wait, writer_at_a_closed_gate_waits_for_the_last_reader)
{
	struct ringbuf_create c = { .size = sizeof(c), .slot_bytes = 64, .slot_count = SLOTS };
	struct ringbuf_wait w = wait_for(2, NEVER);
	int owner = device_open(), writer[3], reader[2], i;
	struct io_uring_cqe *cqe;
	uint64_t number = 5;
	bool done[4] = { false };

	c.wait_readers = 2;
	ASSERT_OK(call(owner, RINGBUF_IOC_CREATE, &c));
	for (i = 0; i < 3; i++)
		writer[i] = writer_open(owner);
	ASSERT_EQ(0, submit_wait(&self->u, writer[0], &w, 1, variant->flags));
	ASSERT_EQ(0, submit_poll(&self->u, writer[1], POLLOUT, false, 2));
	ASSERT_EQ(0, submit_write(&self->u, writer[2], &number, sizeof(number), 3));
	reader[0] = reader_open(owner);
	EXPECT_TRUE(nothing(&self->u));
	reader[1] = reader_open(owner);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		ASSERT_LT(cqe->user_data, 4);
		EXPECT_LT(0, cqe->res);
		done[cqe->user_data] = true;
		io_uring_cqe_seen(&self->u, cqe);
	}
	EXPECT_TRUE(done[1] && done[2] && done[3]);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(5, get(reader[i]));
		close(reader[i]);
	}
	for (i = 0; i < 3; i++)
		close(writer[i]);
	close(owner);
}

TEST_F(wait, wait_ends_at_its_timeout)
{
	uint64_t deadline = now_ns() + 20 * MS;
	struct ringbuf_wait w = wait_for(1, deadline);

	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	EXPECT_EQ(-ETIMEDOUT, result(&self->u, 1));
	EXPECT_LE(deadline, now_ns());
	w.timeout = 0;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 2, variant->flags));
	EXPECT_EQ(-ETIMEDOUT, result(&self->u, 2));
	/* With a time one slot is enough when it is over. */
	w = wait_for(3, NEVER);
	w.after = 20 * MS;
	ASSERT_EQ(0, put(self->writer, 0));
	deadline = now_ns() + 20 * MS;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 3, variant->flags));
	EXPECT_EQ(1, result(&self->u, 3));
	EXPECT_LE(deadline, now_ns());
}

TEST_F(wait, wait_ends_at_the_end_of_the_stream_and_at_detach)
{
	struct ringbuf_wait w = wait_for(1, NEVER);

	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	UNTIL_WAITING(self->reader, 1);
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, result(&self->u, 1));
	close(self->writer);
	self->writer = writer_open(self->owner);
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 2, variant->flags));
	UNTIL_WAITING(self->reader, 2);
	ASSERT_OK(detach_call(self->reader));
	EXPECT_EQ(-EBADFD, result(&self->u, 2));
}

TEST_F(wait, cancel_ends_the_waits_with_its_tag)
{
	struct ringbuf_wait w = wait_for(1, NEVER);
	struct io_uring_cqe *cqe;
	int i, canceled = 0;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 7, variant->flags));
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 8, variant->flags));
	UNTIL_WAITING(self->reader, 4);
	ASSERT_EQ(0, submit_cancel(&self->u, self->reader, 9, 90));
	EXPECT_EQ(-ENOENT, result(&self->u, 90));
	ASSERT_EQ(0, submit_cancel(&self->u, self->writer, 7, 91));
	EXPECT_EQ(-ENOENT, result(&self->u, 91));
	ASSERT_EQ(0, submit_cancel(&self->u, self->reader, 7, 92));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		if (cqe->user_data == 92) {
			EXPECT_EQ(3, cqe->res);
		} else {
			EXPECT_EQ(7, cqe->user_data);
			EXPECT_EQ(-ECANCELED, cqe->res);
			canceled++;
		}
		io_uring_cqe_seen(&self->u, cqe);
	}
	EXPECT_EQ(3, canceled);
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(1, result(&self->u, 8));
}

TEST_F(wait, bad_commands_are_refused)
{
	/* The number of an ioctl is not the number of a command. */
	const uint32_t unknown[] = { 0, 3, (uint32_t)RINGBUF_IOC_WAIT, ~0U };
	struct ringbuf_wait w = wait_for(0, NEVER);
	struct io_uring_sqe *sqe;
	int none = device_open();
	unsigned int i;

	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	EXPECT_EQ(-EINVAL, result(&self->u, 1));
	w.count = SLOTS + 1;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 2, variant->flags));
	EXPECT_EQ(-EINVAL, result(&self->u, 2));
	w.count = 1;
	w.size = 8;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 3, variant->flags));
	EXPECT_EQ(-EINVAL, result(&self->u, 3));
	w.size = sizeof(w);
	/* A command does not write to its structure, so it refuses the flag that asks for it. */
	w.flags = RINGBUF_WAIT_REMAINDER;
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 3, variant->flags));
	EXPECT_EQ(-EINVAL, result(&self->u, 3));
	w.flags = 0;
	ASSERT_EQ(0, submit_wait(&self->u, self->owner, &w, 4, variant->flags));
	EXPECT_EQ(-EBADFD, result(&self->u, 4));
	ASSERT_EQ(0, submit_wait(&self->u, none, &w, 5, variant->flags));
	EXPECT_EQ(-EBADFD, result(&self->u, 5));
	ASSERT_EQ(0, submit_cancel(&self->u, none, 1, 6));
	EXPECT_EQ(-EBADFD, result(&self->u, 6));
	ASSERT_EQ(0, submit_wait(&self->u, self->reader, (void *)16, 7, variant->flags));
	EXPECT_EQ(-EFAULT, result(&self->u, 7));
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		sqe = io_uring_get_sqe(&self->u);
		ringbuf_prep_cmd(sqe, self->reader, unknown[i], NULL, 0);
		ASSERT_EQ(0, submit(&self->u, sqe, 8));
		EXPECT_EQ(-ENOTTY, result(&self->u, 8));
	}
	sqe = io_uring_get_sqe(&self->u);
	ringbuf_prep_cmd(sqe, self->reader, RINGBUF_URING_CANCEL, &w, 0);
	ASSERT_EQ(0, submit(&self->u, sqe, 9));
	EXPECT_EQ(-EINVAL, result(&self->u, 9));
	close(none);
}

/* The reader stays attached until the request ends. */
TEST_F(wait, wait_keeps_a_closed_handle_attached)
{
	struct ringbuf_wait w = wait_for(1, NEVER);

	ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, 1, variant->flags));
	UNTIL_WAITING(self->reader, 1);
	close(self->reader);
	self->reader = -1;
	EXPECT_EQ(1, stats_of(self->owner).total);
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(1, result(&self->u, 1));
	UNTIL(stats_of(self->owner).total == 0);
}

struct going {
	int reader;
	int writer;
	int owner;
	int how;
	unsigned int flags;
};

static int goes_waiting(void *arg)
{
	struct going *g = arg;
	struct ringbuf_wait w = wait_for(1, NEVER), soon = wait_for(SLOTS, now_ns() + 5 * MS);
	uint64_t before = waits_of(g->owner);
	struct io_uring u;
	int i;

	CHECK_EQ(0, io_uring_queue_init(32, &u, 0));
	for (i = 0; i < 8; i++)
		CHECK_EQ(0, submit_wait(&u, g->reader, &w, (uint64_t)i, g->flags));
	CHECK_EQ(0, submit_wait(&u, g->reader, &soon, 9, g->flags));
	UNTIL(waits_of(g->owner) >= before + 8);
	if (g->how == 1)
		raise(SIGKILL);
	if (g->how == 2)
		io_uring_queue_exit(&u);
	if (g->how == 3)
		execl("/bin/true", "true", NULL);
	return 0;
}

TEST_F(wait, waits_end_with_their_process)
{
	struct going g = { self->reader, self->writer, self->owner, 0, variant->flags };
	int round;

	for (round = 0; round < 3; round++) {
		for (g.how = 0; g.how < 4; g.how++)
			EXPECT_EQ(g.how == 1 ? 128 + SIGKILL : 0, child_run(goes_waiting, &g));
		ASSERT_EQ(0, put(self->writer, 3));
		EXPECT_EQ(3, get(self->reader));
	}
}

/* Write until killed. */
static int writes_on(void *arg)
{
	int *fd = arg;

	for (;;)
		CHECK_EQ(0, put(*fd, 1));
}

/* ---- bounds ------------------------------------------------------------------------- */

#define CROWD	 16384 /* RINGBUF_MAX_WAITERS */
#define BY_ONE	 1024 /* requests of one handle */
#define IN_A_ROW 256

/* Submit @count waits of @fd, for @count slots, one less, and so on. */
static int crowd(struct io_uring *u, int fd, uint32_t count)
{
	static struct ringbuf_wait w[BY_ONE];
	uint32_t n;

	for (n = 0; n < count; n++) {
		w[n] = wait_for(count - n, NEVER);
		ringbuf_prep_wait(io_uring_get_sqe(u), fd, &w[n], n);
		if (n % IN_A_ROW == IN_A_ROW - 1)
			CHECK_EQ(IN_A_ROW, io_uring_submit(u));
	}
	return 0;
}

TEST(waiters_of_a_ring_are_limited)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, 1, CROWD), writer = writer_open(owner), n;
	struct ringbuf_wait one = wait_for(1, NEVER);
	int reader[CROWD / BY_ONE + 1];
	struct io_uring_cqe *cqe;
	struct io_uring u;
	char byte;

	if (!has_commands())
		SKIP(return, "this kernel has no io_uring commands for modules");
	ASSERT_EQ(CROWD, RINGBUF_MAX_WAITERS);
	ASSERT_EQ(0, io_uring_queue_init(2 * IN_A_ROW, &u, 0));
	for (n = 0; n <= CROWD / BY_ONE; n++) {
		reader[n] = reader_open(owner);
		ASSERT_LE(0, reader[n]);
	}
	/* So are those of a handle. */
	ASSERT_EQ(0, crowd(&u, reader[0], BY_ONE));
	ASSERT_EQ(0, submit_wait(&u, reader[0], &one, 7, 0));
	EXPECT_EQ(-ENOSPC, result(&u, 7));
	for (n = 1; n < CROWD / BY_ONE; n++)
		ASSERT_EQ(0, crowd(&u, reader[n], BY_ONE));
	EXPECT_TRUE(nothing(&u));
	/* One waiter more fails with ENOSPC, but can still poll. */
	ASSERT_EQ(0, submit_wait(&u, reader[n], &one, 7, 0));
	EXPECT_EQ(-ENOSPC, result(&u, 7));
	EXPECT_EQ(-ENOSPC, wait_call(reader[n], 1, NEVER));
	EXPECT_EQ(-1, read(reader[n], &byte, 1));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, polled(reader[n]));
	/* A waiter that ends makes room for another. */
	ASSERT_EQ(0, submit_cancel(&u, reader[0], 5, ~0ULL));
	ASSERT_EQ(0, io_uring_wait_cqe_nr(&u, &cqe, 2));
	io_uring_cq_advance(&u, 2);
	EXPECT_EQ(-ETIMEDOUT, wait_call(reader[n], 1, now_ns() + MS));
	io_uring_queue_exit(&u);
	EXPECT_EQ(-ETIMEDOUT, wait_call(reader[n], 1, now_ns() + MS));
	for (n = 0; n <= CROWD / BY_ONE; n++)
		close(reader[n]);
	close(writer);
	close(owner);
}

/* Writers wake more waiters than they look at in one piece (RB_WAKE_CHUNK), each at its target. */
TEST(each_of_many_waits_completes)
{
	int owner = ring_make(0, sizeof(uint64_t), IN_A_ROW), reader = reader_open(owner),
	    writer = writer_open(owner);
	struct io_uring_cqe *cqe;
	struct io_uring u;
	uint64_t n;

	if (!has_commands())
		SKIP(return, "this kernel has no io_uring commands for modules");
	ASSERT_EQ(0, io_uring_queue_init(2 * IN_A_ROW, &u, 0));
	ASSERT_EQ(0, crowd(&u, reader, IN_A_ROW));
	EXPECT_TRUE(nothing(&u));
	for (n = 0; n < IN_A_ROW; n++) {
		ASSERT_OK(put(writer, n));
		/* The one that waits for so many slots, and no other one. */
		ASSERT_EQ(0, io_uring_wait_cqe(&u, &cqe));
		EXPECT_EQ(n + 1, cqe->res);
		io_uring_cqe_seen(&u, cqe);
		EXPECT_TRUE(nothing(&u));
	}
	io_uring_queue_exit(&u);
	close(writer);
	close(reader);
	close(owner);
}

TEST_F(wait, waits_survive_writes_cancels_and_timeouts_at_once)
{
	pid_t pid = child_start(writes_on, &self->writer);
	uint64_t count = often(20000), n, done = 0, made = 0, tag = 0;
	struct io_uring_cqe *cqe;

	ASSERT_OK(nonblock(self->reader));
	for (n = 0; n < count; n++) {
		struct ringbuf_wait w = wait_for((uint32_t)(1 + n % SLOTS),
						 n % 3 ? NEVER : now_ns() + n % 7 * 100000);

		ASSERT_EQ(0, submit_wait(&self->u, self->reader, &w, ++tag, variant->flags));
		made++;
		if (n % 2) {
			ASSERT_EQ(0, submit_cancel(&self->u, self->reader, tag - n % 4, 0));
			made++;
		}
		get(self->reader);
		while (!io_uring_peek_cqe(&self->u, &cqe)) {
			ASSERT_TRUE(cqe->res >= 0 || cqe->res == -ECANCELED ||
				    cqe->res == -ETIMEDOUT || cqe->res == -ENOENT);
			io_uring_cqe_seen(&self->u, cqe);
			done++;
		}
		while (made - done > 30) {
			get(self->reader);
			io_uring_submit_and_wait(&self->u, 0);
			if (io_uring_peek_cqe(&self->u, &cqe))
				continue;
			io_uring_cqe_seen(&self->u, cqe);
			done++;
		}
	}
	child_kill(pid);
}

/* ---- waits on every kernel: ringbuf_queue_wait() ------------------------------------ */

FIXTURE(any)
{
	HANDLES;
	int commands;
	struct io_uring u;
};

/* @poll: wait as on a kernel without commands */
FIXTURE_VARIANT(any)
{
	bool poll;
};

FIXTURE_VARIANT_ADD(any, by_poll){ .poll = true };
FIXTURE_VARIANT_ADD(any, as_it_can){ .poll = false };

FIXTURE_SETUP(any)
{
	HANDLES_SETUP(0, 64, SLOTS);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->u, 0));
	self->commands = ringbuf_uring_commands(self->owner);
	ASSERT_EQ(has_commands(), self->commands);
	if (variant->poll)
		self->commands = 0;
}

FIXTURE_TEARDOWN(any)
{
	EXPECT_EQ(0, workers());
	io_uring_queue_exit(&self->u);
	HANDLES_CLOSE();
}

#define QUEUE(fd, w, tag)                                                                  \
	do {                                                                               \
		ASSERT_EQ(0, ringbuf_queue_wait(&self->u, fd, self->commands, &(w), tag)); \
		ASSERT_LE(1, io_uring_submit(&self->u));                                   \
	} while (0)

/* Like result(), but skip completions of timers. */
static int result_of_wait(struct io_uring *u, uint64_t tag)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_wait_cqe(u, &cqe) && cqe->user_data == RINGBUF_URING_TIMER)
		io_uring_cqe_seen(u, cqe);
	return result(u, tag);
}

TEST_F(any, queued_wait_completes_when_slots_are_ready)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(3, NEVER) };
	uint64_t n;

	for (n = 0; n < 30; n += 3) {
		QUEUE(self->reader, w, n);
		ASSERT_EQ(0, put(self->writer, n));
		ASSERT_EQ(0, put(self->writer, n + 1));
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, n + 2));
		ASSERT_LT(0, result(&self->u, n));
		ASSERT_EQ((int64_t)n, get(self->reader));
		ASSERT_EQ((int64_t)n + 1, get(self->reader));
		ASSERT_EQ((int64_t)n + 2, get(self->reader));
	}
}

TEST_F(any, queued_wait_completes_when_there_is_room)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(2, NEVER) };
	uint64_t n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	QUEUE(self->writer, w, 1);
	ASSERT_EQ(0, get(self->reader));
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_EQ(1, get(self->reader));
	EXPECT_LT(0, result(&self->u, 1));
}

TEST_F(any, queued_wait_is_content_with_one_slot_after_the_time)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(3, NEVER) };
	uint64_t start = now_ns();

	w.wait.after = 20 * MS;
	ASSERT_EQ(0, put(self->writer, 0));
	QUEUE(self->reader, w, 1);
	EXPECT_LT(0, result(&self->u, 1));
	EXPECT_LE(start + 20 * MS, now_ns());
}

TEST_F(any, queued_wait_ends_at_its_timeout)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(3, NEVER) };
	uint64_t n;

	for (n = 0; n < 3; n++) {
		w.wait.timeout = now_ns() + 20 * MS;
		QUEUE(self->reader, w, n);
		EXPECT_EQ(self->commands ? -ETIMEDOUT : -ECANCELED, result_of_wait(&self->u, n));
		EXPECT_LE(w.wait.timeout, now_ns());
	}
	/* The slots are ready before the timeout. */
	w.wait.timeout = now_ns() + 1000 * SECOND;
	QUEUE(self->reader, w, n);
	for (n = 0; n < 3; n++)
		ASSERT_EQ(0, put(self->writer, n));
	EXPECT_LT(0, result_of_wait(&self->u, 3));
}

TEST_F(any, queued_wait_ends_at_the_end_of_the_stream)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(3, NEVER) };
	int res;

	QUEUE(self->reader, w, 1);
	ASSERT_TRUE(nothing(&self->u));
	ASSERT_OK(done_call(self->writer));
	res = result(&self->u, 1);
	EXPECT_TRUE(self->commands ? !res : res & POLLHUP);
	EXPECT_EQ(-ENODATA, get(self->reader));
}

TEST_F(any, queued_wait_can_be_cancelled_by_its_tag)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(1, NEVER) };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int i;

	QUEUE(self->reader, w, 7);
	QUEUE(self->reader, w, 8);
	ASSERT_TRUE(nothing(&self->u));
	sqe = io_uring_get_sqe(&self->u);
	ringbuf_prep_cancel_wait(sqe, self->reader, self->commands, 9);
	ASSERT_EQ(0, submit(&self->u, sqe, 1));
	i = result(&self->u, 1);
	EXPECT_TRUE(i == -ENOENT || !i);
	sqe = io_uring_get_sqe(&self->u);
	ringbuf_prep_cancel_wait(sqe, self->reader, self->commands, 7);
	ASSERT_EQ(0, submit(&self->u, sqe, 2));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		EXPECT_EQ(cqe->user_data == 2 ? 1 : -ECANCELED, cqe->res);
		EXPECT_NE(8, cqe->user_data);
		io_uring_cqe_seen(&self->u, cqe);
	}
	/* The wait with the other tag continues. */
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_LT(0, result(&self->u, 8));
}

TEST_F(any, async_cancel_ends_a_poll_but_not_a_command)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(1, NEVER) };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int i;

	QUEUE(self->reader, w, 7);
	sqe = io_uring_get_sqe(&self->u);
	io_uring_prep_cancel64(sqe, 7, 0);
	ASSERT_EQ(0, submit(&self->u, sqe, 1));
	if (self->commands) {
		EXPECT_EQ(-ENOENT, result(&self->u, 1));
		ASSERT_TRUE(nothing(&self->u));
		ASSERT_EQ(0, put(self->writer, 1));
		EXPECT_EQ(1, result(&self->u, 7));
		return;
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->u, &cqe));
		EXPECT_EQ(cqe->user_data == 7 ? -ECANCELED : 0, cqe->res);
		io_uring_cqe_seen(&self->u, cqe);
	}
	ASSERT_EQ(0, put(self->writer, 1));
	ASSERT_TRUE(nothing(&self->u));
}

TEST_F(any, queue_without_room_and_bad_handles_are_refused)
{
	struct ringbuf_uring_wait w = { .wait = wait_for(1, NEVER) };
	unsigned int i;

	for (i = 0; i < 7; i++)
		ASSERT_EQ(0, ringbuf_queue_wait(&self->u, self->reader, self->commands, &w, i));
	EXPECT_EQ(-EBUSY, ringbuf_queue_wait(&self->u, self->reader, self->commands, &w, 8));
	ASSERT_EQ(7, io_uring_submit(&self->u));
	if (!self->commands) {
		EXPECT_EQ(-EBADFD, ringbuf_queue_wait(&self->u, self->owner, 0, &w, 9));
		EXPECT_EQ(0, io_uring_sq_ready(&self->u));
	}
	EXPECT_EQ(-EBADF, ringbuf_uring_commands(-1));
}

/* ---- readers that fall under their policy --------------------------------------------- */

/* A full ring, whose reader is skipped after 20 ms. */
static int policy_full(int owner, int writer)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, owner);
	int fd = device_open();
	unsigned int n;

	a.policy = RINGBUF_POLICY_SKIP;
	a.policy_timeout = 20 * MS;
	CHECK_EQ(0, call(fd, RINGBUF_IOC_ATTACH, &a));
	for (n = 0; n < SLOTS; n++)
		CHECK_EQ(0, put(writer, n));
	return 0;
}

TEST_F(uring, write_goes_through_once_the_reader_is_skipped)
{
	uint64_t number = SLOTS;

	close(self->reader);
	ASSERT_EQ(0, policy_full(self->owner, self->writer));
	ASSERT_EQ(0, submit_write(&self->u, self->writer, &number, sizeof(number), 1));
	EXPECT_EQ(sizeof(number), result(&self->u, 1));
}

TEST_F(uring, wait_ends_once_the_reader_is_skipped)
{
	struct ringbuf_wait w = wait_for(2, NEVER);

	if (!has_commands())
		SKIP(return, "this kernel has no io_uring commands for modules");
	close(self->reader);
	ASSERT_EQ(0, policy_full(self->owner, self->writer));
	ASSERT_EQ(0, submit_wait(&self->u, self->writer, &w, 7, 0));
	EXPECT_EQ(2, result(&self->u, 7));
	EXPECT_EQ(0, put(self->writer, SLOTS));
}

DEVICE_HARNESS_MAIN
