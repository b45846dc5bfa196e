// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Transport: /dev/ringbuf without the library, with each of the ways in which a reader can sleep.
 */
#include "wake.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "stream.h"

#ifdef BENCH_URING
#include <ringbuf_uring.h>
#else
#include <linux/ringbuf.h>
#endif

#define DEVICE	    "/dev/ringbuf"
#define MAX_READERS 256
#define HUNDRED	    100

/**
 * struct device - a ring, and the handle of this process
 * @owner: the handle that made the ring
 * @fd: the handle of this process, a reader or a writer
 * @ep: epoll(7) descriptor, for device_epoll
 * @uring: io_uring, for device_uring
 */
struct device {
	int owner;
	int fd;
	int ep;
#ifdef BENCH_URING
	struct io_uring uring;
#endif
};

static const char *device_missing(void)
{
	return access(DEVICE, R_OK | W_OK) ? "no " DEVICE " that may be used" : NULL;
}

static int device_setup(void *chan, const struct bench_params *p)
{
	struct ringbuf_create c = { .size = sizeof(c),
				    .slot_bytes = p->bytes,
				    .slot_count = p->depth,
				    .max_readers = MAX_READERS };
	struct device *d = chan;

	d->owner = open(DEVICE, O_RDWR | O_CLOEXEC);
	return d->owner < 0 || ioctl(d->owner, RINGBUF_IOC_CREATE, &c) ? -1 : 0;
}

static void device_teardown(void *chan)
{
	close(((struct device *)chan)->owner);
}

static void attach(struct device *d, uint32_t role)
{
	struct ringbuf_attach a = { .size = sizeof(a), .role = role, .fd = d->owner };

	d->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || ioctl(d->fd, RINGBUF_IOC_ATTACH, &a))
		bench_die("RINGBUF_IOC_ATTACH");
}

static void device_open_tx(void *chan)
{
	attach(chan, RINGBUF_ROLE_WRITER);
}

static void device_open_rx(void *chan, int reader)
{
	(void)reader;
	attach(chan, RINGBUF_ROLE_READER);
}

static void device_send(void *chan, const void *msg, size_t bytes)
{
	if (write(((struct device *)chan)->fd, msg, bytes) != (ssize_t)bytes)
		bench_die("write");
}

static void device_recv(void *chan, void *msg, size_t bytes)
{
	if (read(((struct device *)chan)->fd, msg, bytes) != (ssize_t)bytes)
		bench_die("read");
}

static void wait_recv(void *chan, void *msg, size_t bytes)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = RINGBUF_NO_TIMEOUT, .count = 1 };

	if (ioctl(((struct device *)chan)->fd, RINGBUF_IOC_WAIT, &w))
		bench_die("RINGBUF_IOC_WAIT");
	device_recv(chan, msg, bytes);
}

static void poll_recv(void *chan, void *msg, size_t bytes)
{
	struct pollfd p = { .fd = ((struct device *)chan)->fd, .events = POLLIN };

	if (poll(&p, 1, -1) != 1)
		bench_die("poll");
	device_recv(chan, msg, bytes);
}

static void epoll_open_rx(void *chan, int reader)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct device *d = chan;

	device_open_rx(chan, reader);
	d->ep = epoll_create1(EPOLL_CLOEXEC);
	if (d->ep < 0 || epoll_ctl(d->ep, EPOLL_CTL_ADD, d->fd, &e))
		bench_die("epoll_ctl");
}

static void epoll_recv(void *chan, void *msg, size_t bytes)
{
	struct epoll_event e;

	if (epoll_wait(((struct device *)chan)->ep, &e, 1, -1) != 1)
		bench_die("epoll_wait");
	device_recv(chan, msg, bytes);
}

#ifdef BENCH_URING
#define uring_missing device_missing

static void uring_open_rx(void *chan, int reader)
{
	struct device *d = chan;

	device_open_rx(chan, reader);
	if (io_uring_queue_init(4, &d->uring, 0))
		bench_die("io_uring_queue_init");
}

static void uring_recv(void *chan, void *msg, size_t bytes)
{
	struct device *d = chan;
	struct io_uring_cqe *cqe;

	ringbuf_prep_read(io_uring_get_sqe(&d->uring), d->fd, msg, (unsigned int)bytes);
	io_uring_submit_and_wait(&d->uring, 1);
	if (io_uring_peek_cqe(&d->uring, &cqe) || cqe->res != (int)bytes)
		bench_die("io_uring read");
	io_uring_cqe_seen(&d->uring, cqe);
}
#else
static const char *uring_missing(void)
{
	return "built without liburing-dev";
}

#define uring_open_rx device_open_rx
#define uring_recv    device_recv
#endif

#define DEVICE_OPS(missing, open, receive)                                                 \
	{                                                                                  \
		.size = sizeof(struct device), .validate = missing, .setup = device_setup, \
		.teardown = device_teardown, .open_tx = device_open_tx, .open_rx = open,   \
		.send = device_send, .recv = receive                                       \
	}

static const struct bench_ops read_ops = DEVICE_OPS(device_missing, device_open_rx, device_recv);
static const struct bench_ops wait_ops = DEVICE_OPS(device_missing, device_open_rx, wait_recv);
static const struct bench_ops poll_ops = DEVICE_OPS(device_missing, device_open_rx, poll_recv);
static const struct bench_ops epoll_ops = DEVICE_OPS(device_missing, epoll_open_rx, epoll_recv);
static const struct bench_ops uring_ops = DEVICE_OPS(uring_missing, uring_open_rx, uring_recv);

/* ---- one reader that is woken for every message, one for every hundredth --------- */

static uint64_t wakeups_of(int fd)
{
	struct ringbuf_info info = { .size = sizeof(info) };
	struct ringbuf_reader_stats readers[2];
	struct ringbuf_stats s = { .size = sizeof(s),
				   .readers = (uint64_t)(uintptr_t)readers,
				   .count = BENCH_ARRAY_SIZE(readers),
				   .reader_size = sizeof(readers[0]) };
	uint32_t i;

	if (ioctl(fd, RINGBUF_IOC_INFO, &info) || ioctl(fd, RINGBUF_IOC_STATS, &s))
		bench_die("RINGBUF_IOC_STATS");
	for (i = 0; i < s.count; i++)
		if (readers[i].id == info.id)
			return readers[i].wakeups;
	return 0;
}

static void count_consumer(struct bench_run *run, int id)
{
	/*
	 * With a pace the reader may find more than a hundred messages.  The limit of a second then
	 * wakes it for the fewer than a hundred that are left at the end.
	 */
	struct ringbuf_threshold t = { .size = sizeof(t),
				       .slots = HUNDRED,
				       .after = run->sc->pace_us ? NS_PER_S : 0 };
	struct device *d = run->chan[0];
	struct message_stamp m;
	struct bench_rep *rep;

	epoll_open_rx(d, id);
	if (!id && ioctl(d->fd, RINGBUF_IOC_THRESHOLD, &t))
		bench_die("RINGBUF_IOC_THRESHOLD");
	bench_opened(run);
	while ((rep = bench_next(run))) {
		uint64_t expect = 0, before = wakeups_of(d->fd);

		do
			epoll_recv(d, &m, sizeof(m));
		while (!bench_verify(&m, sizeof(m), &expect, 1));
		rep->cost[id] = (double)(wakeups_of(d->fd) - before);
		bench_done(run);
	}
}

#define DEVICE_CASE(transport, scenario, ops, what) \
	BENCH_SLEEP_CASE(transport, scenario, ops, BENCH_SHARED, NULL, what)
#define DEVICE_CASES(transport, ops)                                                      \
	DEVICE_CASE(transport, "W0", ops, wake), DEVICE_CASE(transport, "W1", ops, wake), \
		DEVICE_CASE(transport, "W100", ops, wake), DEVICE_CASE(transport, "Wi", ops, idle)
#define COUNT_CASE(scenario)                                                              \
	{                                                                                 \
		"device_epoll", scenario, NULL, &epoll_ops, BENCH_SHARED, BENCH_BLOCK, 0, \
			bench_count_producer, count_consumer                              \
	}

static const struct bench_case cases[] = {
	DEVICE_CASES("device_read", read_ops),
	DEVICE_CASES("device_wait", wait_ops),
	DEVICE_CASES("device_poll", poll_ops),
	DEVICE_CASES("device_epoll", epoll_ops),
	DEVICE_CASES("device_uring", uring_ops),
	COUNT_CASE("Wn"),
	COUNT_CASE("Wp"),
};

extern const struct bench_family bench_device;
const struct bench_family bench_device = { cases, BENCH_ARRAY_SIZE(cases) };
