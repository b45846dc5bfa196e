// SPDX-License-Identifier: GPL-2.0
/* Requests of io_uring.  All lanes share one ring of requests, which is made at its first use. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <ringbuf_uring.h>

#include "calls.h"

#define DEPTH 32

static pthread_mutex_t uring_lock = PTHREAD_MUTEX_INITIALIZER;
static struct io_uring uring;
static bool uring_there;
static struct ringbuf_wait waits[DEPTH];
static unsigned int queued;

/* Begin a request; NULL: there is no room.  uring_end() follows. */
static struct io_uring_sqe *uring_begin(void)
{
	struct io_uring_sqe *sqe;

	pthread_mutex_lock(&uring_lock);
	if (!uring_there)
		uring_there = !io_uring_queue_init(DEPTH, &uring, 0);
	sqe = uring_there ? io_uring_get_sqe(&uring) : NULL;
	if (!sqe)
		pthread_mutex_unlock(&uring_lock);
	return sqe;
}

static void uring_end(void)
{
	queued++;
	io_uring_submit(&uring);
	pthread_mutex_unlock(&uring_lock);
}

/* uring_read f bytes */
FUZZ_CALL(uring_read)
{
	struct io_uring_sqe *sqe = uring_begin();

	if (!sqe)
		return;
	ringbuf_prep_read(sqe, lane_fd(lane, arg[0]), lane->buffer,
			  (unsigned int)lane_bytes(arg[1]));
	uring_end();
}

/* uring_write f bytes */
FUZZ_CALL(uring_write)
{
	struct io_uring_sqe *sqe = uring_begin();

	if (!sqe)
		return;
	ringbuf_prep_write(sqe, lane_fd(lane, arg[0]), lane->buffer,
			   (unsigned int)lane_bytes(arg[1]));
	uring_end();
}

/* uring_poll f events many */
FUZZ_CALL(uring_poll)
{
	struct io_uring_sqe *sqe = uring_begin();

	if (!sqe)
		return;
	if (arg[2] & 1)
		ringbuf_prep_poll_multishot(sqe, lane_fd(lane, arg[0]), (unsigned int)arg[1]);
	else
		ringbuf_prep_poll(sqe, lane_fd(lane, arg[0]), (unsigned int)arg[1]);
	uring_end();
}

/* uring_wait f flags timeout count after tag */
FUZZ_CALL(uring_wait)
{
	struct io_uring_sqe *sqe = uring_begin();
	struct ringbuf_wait *w = &waits[queued % DEPTH];

	if (!sqe)
		return;
	*w = (struct ringbuf_wait){
		.size = sizeof(*w),
		.flags = (uint32_t)arg[1],
		.timeout = arg[2],
		.count = (uint32_t)arg[3],
		.after = arg[4],
	};
	ringbuf_prep_wait(sqe, lane_fd(lane, arg[0]), w, arg[5]);
	uring_end();
}

/* uring_cancel f tag */
FUZZ_CALL(uring_cancel)
{
	struct io_uring_sqe *sqe = uring_begin();

	if (!sqe)
		return;
	ringbuf_prep_cancel(sqe, lane_fd(lane, arg[0]), arg[1]);
	uring_end();
}

FUZZ_CALL(uring_cancel_fd)
{
	struct io_uring_sqe *sqe = uring_begin();

	if (!sqe)
		return;
	io_uring_prep_cancel_fd(sqe, lane_fd(lane, arg[0]), IORING_ASYNC_CANCEL_ALL);
	uring_end();
}

/* uring_splice f bytes in: from the ring into the pipe, or with "in" from the pipe into it */
FUZZ_CALL(uring_splice)
{
	struct io_uring_sqe *sqe = uring_begin();
	unsigned int bytes = (unsigned int)lane_bytes(arg[1]);
	int fd = lane_fd(lane, arg[0]);

	if (!sqe)
		return;
	if (arg[2] & 1)
		io_uring_prep_splice(sqe, lane->world->pipe[0], -1, fd, -1, bytes, 0);
	else
		io_uring_prep_splice(sqe, fd, -1, lane->world->pipe[1], -1, bytes, 0);
	uring_end();
}

/*
 * uring_fixed f m offset bytes: register a map as a buffer, and read from f into it.  A map of a
 * ring is the interesting one.
 */
FUZZ_CALL(uring_fixed)
{
	struct iovec iov;
	struct io_uring_sqe *sqe;
	size_t bytes;

	iov.iov_base = lane_map(lane, arg[1], arg[2], &bytes);
	if (!iov.iov_base)
		return;
	sqe = uring_begin();
	if (!sqe)
		return;
	iov.iov_len = arg[3] < bytes ? arg[3] : bytes;
	io_uring_unregister_buffers(&uring);
	io_uring_register_buffers(&uring, &iov, 1);
	io_uring_prep_read_fixed(sqe, lane_fd(lane, arg[0]), iov.iov_base,
				 (unsigned int)iov.iov_len, (uint64_t)-1, 0);
	uring_end();
}

/* Take all completions that have come. */
FUZZ_CALL(uring_reap)
{
	struct io_uring_cqe *cqe;

	(void)lane;
	(void)arg;
	pthread_mutex_lock(&uring_lock);
	while (uring_there && !io_uring_peek_cqe(&uring, &cqe))
		io_uring_cqe_seen(&uring, cqe);
	pthread_mutex_unlock(&uring_lock);
}

FUZZ_CALL(uring_exit)
{
	(void)lane;
	(void)arg;
	pthread_mutex_lock(&uring_lock);
	if (uring_there)
		io_uring_queue_exit(&uring);
	uring_there = false;
	pthread_mutex_unlock(&uring_lock);
}
