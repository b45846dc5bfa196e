// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Transport: AF_UNIX sockets of type SOCK_SEQPACKET. */
#include "stream.h"
#include "wake.h"

#include <errno.h>
#include <sys/socket.h>

#define BIG_BUFFER (4 << 20)

struct unix_chan {
	int fd[2]; /* socket of the sender, socket of the receiver */
	int flags;
};

static int unix_setup(void *chan, const struct bench_params *p)
{
	struct unix_chan *c = chan;
	int size = BIG_BUFFER;

	c->flags = p->mode == BENCH_SPIN ? MSG_DONTWAIT : 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, c->fd))
		return -1;
	if (p->bytes > 65536 &&
	    setsockopt(c->fd[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		return setsockopt(c->fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static void unix_teardown(void *chan)
{
	struct unix_chan *c = chan;

	close(c->fd[0]);
	close(c->fd[1]);
}

static inline void unix_send(void *chan, const void *msg, size_t bytes)
{
	struct unix_chan *c = chan;

	while (send(c->fd[0], msg, bytes, c->flags) != (ssize_t)bytes)
		if (errno != EAGAIN && errno != ENOBUFS)
			bench_die("send");
}

static inline void unix_recv(void *chan, void *msg, size_t bytes)
{
	struct unix_chan *c = chan;
	ssize_t n;

	while ((n = recv(c->fd[1], msg, bytes, c->flags)) != (ssize_t)bytes)
		if (n >= 0 || errno != EAGAIN)
			bench_die("recv");
}

BENCH_INLINE void unix_headers(struct mmsghdr *head, struct iovec *iov, void *msgs, size_t count)
{
	struct message_stamp *m = msgs;
	size_t i;

	memset(head, 0, sizeof(*head) * count);
	for (i = 0; i < count; i++) {
		iov[i].iov_base = &m[i];
		iov[i].iov_len = sizeof(m[i]);
		head[i].msg_hdr.msg_iov = &iov[i];
		head[i].msg_hdr.msg_iovlen = 1;
	}
}

static inline void unix_send_n(void *chan, const void *msgs, size_t count)
{
	struct unix_chan *c = chan;
	struct mmsghdr head[BENCH_BATCH];
	struct iovec iov[BENCH_BATCH];
	size_t sent = 0;

	unix_headers(head, iov, (void *)(uintptr_t)msgs, count);
	while (sent < count) {
		int n = sendmmsg(c->fd[0], head + sent, (unsigned int)(count - sent), 0);

		if (n < 0)
			bench_die("sendmmsg");
		sent += (size_t)n;
	}
}

static inline size_t unix_recv_n(void *chan, void *msgs, size_t max)
{
	struct unix_chan *c = chan;
	struct mmsghdr head[BENCH_BATCH_RX];
	struct iovec iov[BENCH_BATCH_RX];
	int n;

	unix_headers(head, iov, msgs, max);
	n = recvmmsg(c->fd[1], head, (unsigned int)max, MSG_WAITFORONE, NULL);
	if (n < 1)
		bench_die("recvmmsg");
	return (size_t)n;
}

static const struct bench_ops unix_ops = {
	.size = sizeof(struct unix_chan),
	.own_depth = true,
	.setup = unix_setup,
	.teardown = unix_teardown,
	.send = unix_send,
	.recv = unix_recv,
	.send_n = unix_send_n,
	.recv_n = unix_recv_n,
};

BENCH_ROUND(unix_echo, unix_ops);
BENCH_STREAM(unix_one, unix_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(unix_batch, unix_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(unix_fan, unix_ops, BENCH_FAN, BENCH_ONE);

#define TRANSPORT "unix_seqpacket"

static const struct bench_case cases[] = {
	BENCH_CASE(TRANSPORT, "L1", unix_echo, unix_ops, BENCH_SPIN, NULL),
	BENCH_CASE(TRANSPORT, "L2", unix_echo, unix_ops, BENCH_BLOCK, NULL),
	BENCH_CASE(TRANSPORT, "L2p", unix_echo, unix_ops, BENCH_BLOCK, NULL),
	BENCH_CASE(TRANSPORT, "L2s", unix_echo, unix_ops, BENCH_BLOCK, NULL),
	BENCH_CASE(TRANSPORT, "T1", unix_one, unix_ops, BENCH_BLOCK, NULL),
	BENCH_CASE(TRANSPORT, "T1b", unix_batch, unix_ops, BENCH_BLOCK, "sendmmsg, recvmmsg"),
	BENCH_CASE(TRANSPORT, "T2", unix_one, unix_ops, BENCH_BLOCK, NULL),
	BENCH_CASE(TRANSPORT, "T3", unix_fan, unix_ops, BENCH_BLOCK, "a socket pair per reader"),
	BENCH_CASE(TRANSPORT, "T4", unix_one, unix_ops, BENCH_BLOCK, "one socket for all writers"),
	BENCH_CASE(TRANSPORT, "T5", unix_fan, unix_ops, BENCH_BLOCK, "a socket pair per reader"),
	BENCH_WAKE_CASES(TRANSPORT, unix_ops),
};

extern const struct bench_family bench_unix;
const struct bench_family bench_unix = { cases, BENCH_ARRAY_SIZE(cases) };
