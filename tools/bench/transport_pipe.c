// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Transport: pipe(2). */
#include "stream.h"
#include "wake.h"

#include <errno.h>
#include <fcntl.h>

#define PIPE_BYTES (1 << 20)

/**
 * struct pipe_chan - a pipe
 * @fd: read end, write end
 * @mode: how to wait; with BENCH_SPIN the descriptors do not block
 * @part: in batches: the beginning of a message of which read(2) has returned a part
 * @have: number of bytes in @part
 */
struct pipe_chan {
	int fd[2];
	enum bench_mode mode;
	size_t have;
	struct message_stamp part;
};

static int pipe_setup(void *chan, const struct bench_params *p)
{
	struct pipe_chan *c = chan;

	c->mode = p->mode;
	if (pipe2(c->fd, p->mode == BENCH_SPIN ? O_NONBLOCK : 0))
		return -1;
	if (p->bytes > 65536 && fcntl(c->fd[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		return -1;
	return 0;
}

static void pipe_teardown(void *chan)
{
	struct pipe_chan *c = chan;

	close(c->fd[0]);
	close(c->fd[1]);
}

static inline void pipe_send(void *chan, const void *msg, size_t bytes)
{
	struct pipe_chan *c = chan;
	const char *p = msg;

	while (bytes) {
		ssize_t n = write(c->fd[1], p, bytes);

		if (n < 0 && errno != EAGAIN)
			bench_die("write");
		if (n < 0)
			continue;
		p += n;
		bytes -= (size_t)n;
	}
}

static inline ssize_t pipe_read(const struct pipe_chan *c, void *buf, size_t bytes)
{
	ssize_t n;

	while ((n = read(c->fd[0], buf, bytes)) < 0)
		if (errno != EAGAIN)
			bench_die("read");
	if (!n)
		bench_die("read: end of file");
	return n;
}

static inline void pipe_recv(void *chan, void *msg, size_t bytes)
{
	char *p = msg;

	while (bytes) {
		ssize_t n = pipe_read(chan, p, bytes);

		p += n;
		bytes -= (size_t)n;
	}
}

static inline void pipe_send_n(void *chan, const void *msgs, size_t count)
{
	pipe_send(chan, msgs, count * sizeof(struct message_stamp));
}

/* Read what the pipe has, and return whole messages; keep the rest for the next call. */
static inline size_t pipe_recv_n(void *chan, void *msgs, size_t max)
{
	const size_t one = sizeof(struct message_stamp);
	struct pipe_chan *c = chan;
	char *p = msgs;
	size_t got = c->have;

	memcpy(p, &c->part, got);
	do {
		got += (size_t)pipe_read(c, p + got, max * one - got);
	} while (got < one);
	c->have = got % one;
	memcpy(&c->part, p + got - c->have, c->have);
	return got / one;
}

static const struct bench_ops pipe_ops = {
	.size = sizeof(struct pipe_chan),
	.own_depth = true,
	.setup = pipe_setup,
	.teardown = pipe_teardown,
	.send = pipe_send,
	.recv = pipe_recv,
	.send_n = pipe_send_n,
	.recv_n = pipe_recv_n,
};

BENCH_ROUND(pipe_echo, pipe_ops);
BENCH_STREAM(pipe_one, pipe_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(pipe_batch, pipe_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(pipe_fan, pipe_ops, BENCH_FAN, BENCH_ONE);

static const struct bench_case cases[] = {
	BENCH_CASE("pipe", "L1", pipe_echo, pipe_ops, BENCH_SPIN, NULL),
	BENCH_CASE("pipe", "L2", pipe_echo, pipe_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("pipe", "L2p", pipe_echo, pipe_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("pipe", "L2s", pipe_echo, pipe_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("pipe", "T1", pipe_one, pipe_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("pipe", "T1b", pipe_batch, pipe_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("pipe", "T2", pipe_one, pipe_ops, BENCH_BLOCK, "1 MiB of pipe"),
	BENCH_CASE("pipe", "T3", pipe_fan, pipe_ops, BENCH_BLOCK, "a pipe per reader"),
	BENCH_CASE("pipe", "T4", pipe_one, pipe_ops, BENCH_BLOCK, "one pipe for all writers"),
	BENCH_CASE("pipe", "T5", pipe_fan, pipe_ops, BENCH_BLOCK, "1 MiB of pipe per reader"),
	BENCH_WAKE_CASES("pipe", pipe_ops),
};

extern const struct bench_family bench_pipe;
const struct bench_family bench_pipe = { cases, BENCH_ARRAY_SIZE(cases) };
