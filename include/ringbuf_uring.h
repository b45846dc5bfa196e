/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * Rings on /dev/ringbuf with io_uring, through liburing 2.3 or later.
 *
 * The descriptors are those of ringbuf_fd(), or of open(2).  Each call fills a
 * submission queue entry, as those of liburing do; set its user_data after that.
 *
 * Leave O_NONBLOCK off: io_uring never blocks on these files, and with O_NONBLOCK
 * a request that finds nothing ends with -EAGAIN on some kernels, and waits on others.
 *
 * Only programs that include this file need liburing.
 */
#ifndef RINGBUF_URING_H
#define RINGBUF_URING_H

#include <liburing.h> /* first: it asks for the system calls that it needs */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/ringbuf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The next message into @to.  Result: its length; 0: end of stream; or -errno. */
static inline void ringbuf_prep_read(struct io_uring_sqe *sqe, int fd, void *to, unsigned int room)
{
	io_uring_prep_read(sqe, fd, to, room, (uint64_t)-1);
}

/* A message of @length bytes.  Result: @length, or -errno. */
static inline void ringbuf_prep_write(struct io_uring_sqe *sqe, int fd, const void *from,
				      unsigned int length)
{
	io_uring_prep_write(sqe, fd, from, length, (uint64_t)-1);
}

/* @events: POLLIN of a reader, POLLOUT of a writer; RINGBUF_IOC_THRESHOLD applies. */
static inline void ringbuf_prep_poll(struct io_uring_sqe *sqe, int fd, unsigned int events)
{
	io_uring_prep_poll_add(sqe, fd, events);
}

/* The same, a result for every wake-up until one without IORING_CQE_F_MORE. */
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
	sqe->off = op; /* cmd_op, and zero behind it */
	memset(&cmd, 0, sizeof(cmd));
	cmd.wait = (uint64_t)(uintptr_t)wait;
	cmd.tag = tag;
	memcpy(&sqe->addr3, &cmd, sizeof(cmd));
}

/*
 * RINGBUF_IOC_WAIT without a thread that sleeps.  @wait must stay until the
 * request has been submitted.  Result: slots ready, or -errno; -EOPNOTSUPP before
 * Linux 6.12, where ringbuf_queue_wait() does the same in another way.
 */
static inline void ringbuf_prep_wait(struct io_uring_sqe *sqe, int fd,
				     const struct ringbuf_wait *wait, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_WAIT, wait, tag);
}

/*
 * End the waits on @fd with @tag.  Result: how many, or -ENOENT.
 *
 * IORING_OP_ASYNC_CANCEL does not: it looks for polls, waitids, futexes, timeouts
 * and what its workers have, not for commands (Linux 6.12, io_uring/cancel.c,
 * io_try_cancel()).
 */
static inline void ringbuf_prep_cancel(struct io_uring_sqe *sqe, int fd, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_CANCEL, NULL, tag);
}

/* ---- waits on every kernel --------------------------------------------------- */

/* 1: the module does RINGBUF_URING_WAIT here; 0: it does not; or -errno. */
static inline int ringbuf_uring_commands(int fd)
{
	struct ringbuf_features f;

	memset(&f, 0, sizeof(f));
	f.size = sizeof(f);
	if (ioctl(fd, RINGBUF_IOC_FEATURES, &f))
		return -errno;
	return !!(f.features & RINGBUF_FEAT_URING);
}

/* The user_data of completions that are to be ignored, see ringbuf_queue_wait(). */
#define RINGBUF_URING_TIMER (~(uint64_t)1)

/*
 * struct ringbuf_uring_wait - what ringbuf_queue_wait() waits for
 * @wait: as for RINGBUF_IOC_WAIT
 * @until: for ringbuf_queue_wait() alone
 */
struct ringbuf_uring_wait {
	struct ringbuf_wait wait;
	struct __kernel_timespec until;
};

/*
 * Waits on every kernel, and fills the submission queue entries that this takes.
 * @commands is what ringbuf_uring_commands() says; @w must stay until the
 * requests have been submitted; @tag becomes the user_data.
 *
 * Without commands this is a poll: the handle's RINGBUF_IOC_THRESHOLD, which holds
 * for everything that waits on the handle, becomes @count and @after of the wait;
 * and a timeout that is linked to the poll stands for @timeout, if there is one.
 *
 * Result of the completion: positive: at least that is ready (the slots, or the
 * events of the poll: POLLIN, POLLOUT), 0 or POLLHUP: end of stream; -ECANCELED:
 * canceled; -ETIMEDOUT, and from a poll -ECANCELED too: @timeout has passed.  A
 * completion of RINGBUF_URING_TIMER may come before or after that.
 *
 * Returns 0 or, with nothing queued, -errno: -EBUSY when the submission queue has
 * not the two entries that it may take.
 */
static inline int ringbuf_queue_wait(struct io_uring *uring, int fd, int commands,
				     struct ringbuf_uring_wait *w, uint64_t tag)
{
	struct ringbuf_threshold limit;
	struct io_uring_sqe *sqe;

	if (io_uring_sq_space_left(uring) < 2)
		return -EBUSY;
	if (commands) {
		sqe = io_uring_get_sqe(uring);
		ringbuf_prep_wait(sqe, fd, &w->wait, tag);
		sqe->user_data = tag;
		return 0;
	}
	memset(&limit, 0, sizeof(limit));
	limit.size = sizeof(limit);
	limit.slots = w->wait.count;
	limit.after = w->wait.after;
	if (ioctl(fd, RINGBUF_IOC_THRESHOLD, &limit))
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

/* End those waits.  Result: 0 or how many, or -ENOENT. */
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
