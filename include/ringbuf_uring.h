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

#include <liburing.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
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
 * Linux 6.12, where a threshold and ringbuf_prep_poll() do the same.
 */
static inline void ringbuf_prep_wait(struct io_uring_sqe *sqe, int fd,
				     const struct ringbuf_wait *wait, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_WAIT, wait, tag);
}

/* End the waits on @fd with @tag.  Result: how many, or -ENOENT. */
static inline void ringbuf_prep_cancel(struct io_uring_sqe *sqe, int fd, uint64_t tag)
{
	ringbuf_prep_cmd(sqe, fd, RINGBUF_URING_CANCEL, NULL, tag);
}

#ifdef __cplusplus
}
#endif

#endif
