/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * Rings of the module with io_uring, through liburing 2.3 or later.
 *
 * The descriptors are those of open(2), or of ringbuf_reader_fd() and
 * ringbuf_writer_fd().  Each ringbuf_prep_*() function fills a submission queue entry, as
 * those of liburing do; set its user_data after the call.
 *
 * Do not set O_NONBLOCK: io_uring never blocks on these files.  With O_NONBLOCK a request
 * that finds no message or slot ends with -EAGAIN on some kernels and waits on others.
 *
 * Only programs that include this file need liburing.
 */
#ifndef RINGBUF_URING_H
#define RINGBUF_URING_H

#include <liburing.h> /* first: it defines _GNU_SOURCE */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/ringbuf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Read the next message into @to.  Result: its length; 0: end of stream; or -errno. */
static inline void ringbuf_prep_read(struct io_uring_sqe *sqe, int fd, void *to, unsigned int room)
{
	io_uring_prep_read(sqe, fd, to, room, (uint64_t)-1);
}

/* Write a message of @length bytes.  Result: @length, or -errno. */
static inline void ringbuf_prep_write(struct io_uring_sqe *sqe, int fd, const void *from,
				      unsigned int length)
{
	io_uring_prep_write(sqe, fd, from, length, (uint64_t)-1);
}

/*
 * Poll a reader for POLLIN or a writer for POLLOUT.  The threshold that
 * RINGBUF_IOC_THRESHOLD has set for the handle applies.
 */
static inline void ringbuf_prep_poll(struct io_uring_sqe *sqe, int fd, unsigned int events)
{
	io_uring_prep_poll_add(sqe, fd, events);
}

/* Poll with a result for every wake-up; the last result lacks IORING_CQE_F_MORE. */
static inline void ringbuf_prep_poll_multishot(struct io_uring_sqe *sqe, int fd,
					       unsigned int events)
{
	io_uring_prep_poll_multishot(sqe, fd, events);
}

static inline void ringbuf_prep_cmd(struct io_uring_sqe *sqe, int fd, uint32_t op, const void *wait,
				    uint64_t tag)
{
	struct ringbuf_uring_cmd cmd;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->off = op; /* cmd_op, and zero in the padding that follows it */
	memset(&cmd, 0, sizeof(cmd));
	cmd.wait = (uint64_t)(uintptr_t)wait;
	cmd.tag = tag;
	memcpy(&sqe->addr3, &cmd, sizeof(cmd));
}

/*
 * Wait as RINGBUF_IOC_WAIT does, without a sleeping thread.  @wait must stay valid until
 * the request has been submitted.  Result: slots ready, or -errno.  Before Linux 6.12 it
 * is -EOPNOTSUPP; ringbuf_queue_wait() works there too.
 */
static inline void ringbuf_prep_wait(struct io_uring_sqe *sqe, int fd,
				     const struct ringbuf_wait *wait, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_WAIT, wait, tag);
}

/*
 * End the waits on @fd that have this @tag.  Result: how many, or -ENOENT.
 *
 * IORING_OP_ASYNC_CANCEL does not end them: it searches polls, waitids, futexes, timeouts
 * and requests of io_uring's workers, but not commands (Linux 6.12, io_uring/cancel.c,
 * io_try_cancel()).
 */
static inline void ringbuf_prep_cancel(struct io_uring_sqe *sqe, int fd, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_CANCEL, NULL, tag);
}

/* ---- waits on every kernel --------------------------------------------------- */

/* Return 1 if the module supports RINGBUF_URING_WAIT on this kernel, 0 if not, or -errno. */
static inline int ringbuf_uring_commands(int fd)
{
	struct ringbuf_features f;

	memset(&f, 0, sizeof(f));
	f.size = sizeof(f);
	if (ioctl(fd, RINGBUF_IOC_FEATURES, &f))
		return -errno;
	return !!(f.features & RINGBUF_FEAT_URING);
}

/* user_data of completions that the program must ignore, see ringbuf_queue_wait(). */
#define RINGBUF_URING_TIMER (~(uint64_t)1)

/*
 * struct ringbuf_uring_wait - arguments of ringbuf_queue_wait()
 * @wait: the arguments of RINGBUF_IOC_WAIT; only count, after and timeout are used
 *	without RINGBUF_URING_WAIT
 * @until: private to ringbuf_queue_wait()
 */
struct ringbuf_uring_wait {
	struct ringbuf_wait wait;
	struct __kernel_timespec until;
};

/*
 * Queue a wait that works on every kernel, as one or two submission queue entries.
 * @commands is the result of ringbuf_uring_commands().  @w must stay valid until the
 * requests have been submitted.  @tag becomes the user_data.
 *
 * Without commands the wait is a poll.  The call then sets the threshold of the handle,
 * which applies to everything that waits on the handle, to count and after of the wait.
 * If the wait has a timeout, a timeout request is linked to the poll.
 *
 * Result of the completion: if positive, the number of slots that are ready at least or,
 * from a poll, its events (POLLIN, POLLOUT); 0 or POLLHUP at the end of the stream;
 * -ECANCELED if the wait was canceled; -ETIMEDOUT, or from a poll -ECANCELED too, if the
 * timeout has passed.  A completion of RINGBUF_URING_TIMER may come before or after it.
 *
 * Return 0, or -errno with nothing queued: -EBUSY if the submission queue has not two
 * free entries.
 */
static inline int ringbuf_queue_wait(struct io_uring *uring, int fd, int commands,
				     struct ringbuf_uring_wait *w, uint64_t tag)
{
	struct ringbuf_threshold threshold;
	struct io_uring_sqe *sqe;

	if (io_uring_sq_space_left(uring) < 2)
		return -EBUSY;
	if (commands) {
		sqe = io_uring_get_sqe(uring);
		ringbuf_prep_wait(sqe, fd, &w->wait, tag);
		sqe->user_data = tag;
		return 0;
	}
	memset(&threshold, 0, sizeof(threshold));
	threshold.size = sizeof(threshold);
	threshold.slots = w->wait.count;
	threshold.after = w->wait.after;
	if (ioctl(fd, RINGBUF_IOC_THRESHOLD, &threshold))
		return -errno;
	sqe = io_uring_get_sqe(uring);
	ringbuf_prep_poll(sqe, fd, POLLIN | POLLOUT);
	sqe->user_data = tag;
	if (w->wait.timeout == RINGBUF_NO_TIMEOUT)
		return 0;
	sqe->flags |= IOSQE_IO_LINK;
	w->until.tv_sec = (int64_t)(w->wait.timeout / 1000000000);
	w->until.tv_nsec = (long long)(w->wait.timeout % 1000000000);
	sqe = io_uring_get_sqe(uring);
	io_uring_prep_link_timeout(sqe, &w->until, IORING_TIMEOUT_ABS);
	sqe->user_data = RINGBUF_URING_TIMER;
	return 0;
}

/* End the waits of ringbuf_queue_wait() with @tag.  Result: 0 or how many, or -ENOENT. */
static inline void ringbuf_prep_cancel_wait(struct io_uring_sqe *sqe, int fd, int commands,
					    uint64_t tag)
{
	if (commands)
		ringbuf_prep_cancel(sqe, fd, tag);
	else
		io_uring_prep_cancel64(sqe, tag, IORING_ASYNC_CANCEL_ALL);
}

#ifdef __cplusplus
}
#endif

#endif
