// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transport: ZeroMQ over ipc://, PUSH and PULL to one reader, XPUB (NODROP) and SUB to several.
 * It has no case in L1, where callers spin: the I/O thread of libzmq would get no CPU.
 */
#include "stream.h"

#include <zmq.h>

struct zmq_chan {
	void *context;
	void *socket;
	int readers;
	int mark; /* high-water mark: messages in flight at most; 0: libzmq's default */
	char address[80];
};

static int zmq_chan_setup(void *chan, const struct bench_params *p)
{
	struct zmq_chan *c = chan;

	c->readers = p->readers;
	c->mark = p->bytes > 65536 ? (int)p->depth : 0;
	snprintf(c->address, sizeof(c->address), "ipc:///tmp/%s", p->tag);
	return 0;
}

static void zmq_chan_teardown(void *chan)
{
	unlink(((struct zmq_chan *)chan)->address + strlen("ipc://"));
}

static void zmq_make(struct zmq_chan *c, int type)
{
	c->context = zmq_ctx_new();
	c->socket = c->context ? zmq_socket(c->context, type) : NULL;
	if (!c->socket)
		bench_die("zmq_socket");
	if (!c->mark)
		return;
	zmq_setsockopt(c->socket, ZMQ_SNDHWM, &c->mark, sizeof(c->mark));
	zmq_setsockopt(c->socket, ZMQ_RCVHWM, &c->mark, sizeof(c->mark));
}

static void zmq_attach(struct zmq_chan *c, bool bind)
{
	if (bind ? zmq_bind(c->socket, c->address) : zmq_connect(c->socket, c->address))
		bench_die(bind ? "zmq_bind" : "zmq_connect");
}

static void push_open_tx(void *chan)
{
	zmq_make(chan, ZMQ_PUSH);
	zmq_attach(chan, false);
}

static void push_open_rx(void *chan, int reader)
{
	(void)reader;
	zmq_make(chan, ZMQ_PULL);
	zmq_attach(chan, true);
}

/* Make the publisher, and wait until every reader has subscribed. */
static void pub_open_tx(void *chan)
{
	struct zmq_chan *c = chan;
	int yes = 1, i;
	char text[16];

	zmq_make(c, ZMQ_XPUB);
	zmq_setsockopt(c->socket, ZMQ_XPUB_NODROP, &yes, sizeof(yes));
	zmq_setsockopt(c->socket, ZMQ_XPUB_VERBOSE, &yes, sizeof(yes));
	zmq_attach(c, true);
	for (i = 0; i < c->readers; i++)
		if (zmq_recv(c->socket, text, sizeof(text), 0) < 0)
			bench_die("zmq_recv: subscription");
}

static void pub_open_rx(void *chan, int reader)
{
	struct zmq_chan *c = chan;

	(void)reader;
	zmq_make(c, ZMQ_SUB);
	zmq_setsockopt(c->socket, ZMQ_SUBSCRIBE, "", 0);
	zmq_attach(c, false);
}

static inline void zmq_send_one(void *chan, const void *msg, size_t bytes)
{
	if (zmq_send(((struct zmq_chan *)chan)->socket, msg, bytes, 0) < 0)
		bench_die("zmq_send");
}

static inline void zmq_recv_one(void *chan, void *msg, size_t bytes)
{
	int n = zmq_recv(((struct zmq_chan *)chan)->socket, msg, bytes, 0);

	if (n < 0)
		bench_die("zmq_recv");
	if ((size_t)n != bytes)
		bench_wrong("length", (uint64_t)n, bytes);
}

#define ZMQ_OPS(tx, rx)                                                                            \
	{                                                                                          \
		.size = sizeof(struct zmq_chan), .own_depth = true, .setup = zmq_chan_setup,       \
		.teardown = zmq_chan_teardown, .open_tx = tx, .open_rx = rx, .send = zmq_send_one, \
		.recv = zmq_recv_one                                                               \
	}

static const struct bench_ops push_ops = ZMQ_OPS(push_open_tx, push_open_rx);
static const struct bench_ops pub_ops = ZMQ_OPS(pub_open_tx, pub_open_rx);

BENCH_ROUND(push_echo, push_ops);
BENCH_STREAM(push_one, push_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(pub_one, pub_ops, BENCH_SHARED, BENCH_ONE);

#define PUSH "PUSH and PULL, libzmq batches"
#define PUB  "XPUB with NODROP, and SUB"

static const struct bench_case cases[] = {
	BENCH_CASE("zmq_ipc", "L2", push_echo, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "L2p", push_echo, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "L2s", push_echo, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "T1", push_one, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "T2", push_one, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "T3", pub_one, pub_ops, BENCH_BLOCK, PUB),
	BENCH_CASE("zmq_ipc", "T4", push_one, push_ops, BENCH_BLOCK, PUSH),
	BENCH_CASE("zmq_ipc", "T5", pub_one, pub_ops, BENCH_BLOCK, PUB),
};

extern const struct bench_family bench_zmq;
const struct bench_family bench_zmq = { cases, BENCH_ARRAY_SIZE(cases) };
