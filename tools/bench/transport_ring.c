// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transport: libringbuf, on the host that RINGBUF_HOST names.  The parent makes the ring,
 * each process attaches to it.
 */
#include "stream.h"

#include <errno.h>
#include <ringbuf.h>

/**
 * struct ring - a ring, and the handle of this process
 * @timeout: RINGBUF_FOREVER, or RINGBUF_TRY to retry each call until it succeeds
 * @mode: how to wait between two attempts
 * @spin: ns to spin before sleeping; negative: the library's default
 */
struct ring {
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	int64_t timeout;
	int64_t spin;
	enum bench_mode mode;
	struct ringbuf_slot slot;
};

static int ring_make(void *chan, const struct bench_params *p, uint32_t flags, int64_t spin)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(p->bytes, p->depth);
	struct ring *r = chan;
	int err;

	config.flags = flags;
	r->timeout = RINGBUF_TRY;
	if (p->mode == BENCH_BLOCK || p->mode == BENCH_INSIDE)
		r->timeout = RINGBUF_FOREVER;
	r->mode = p->mode;
	r->spin = p->mode == BENCH_INSIDE ? INT64_MAX : spin;
	err = ringbuf_create(&config, &r->ring);
	errno = -err;
	return err ? -1 : 0;
}

static int ring_make_exclusive(void *chan, const struct bench_params *p)
{
	return ring_make(chan, p, RINGBUF_EXCLUSIVE, -1);
}

static int ring_make_shared(void *chan, const struct bench_params *p)
{
	return ring_make(chan, p, 0, -1);
}

static int ring_make_nospin(void *chan, const struct bench_params *p)
{
	return ring_make(chan, p, RINGBUF_EXCLUSIVE, 0);
}

static void ring_teardown(void *chan)
{
	struct ring *r = chan;

	ringbuf_close(r->ring);
}

static void ring_describe(void *chan, char *text, size_t size)
{
	struct ring *r = chan;
	struct ringbuf_geometry g = { .size = sizeof(g) };

	ringbuf_get_geometry(r->ring, &g);
	snprintf(text, size, "%s, %s writer%s, %llu slots",
		 g.host == RINGBUF_HOST_MODULE ? "module" : "embedded",
		 g.flags & RINGBUF_EXCLUSIVE ? "exclusive" : "shared", r->spin ? "" : ", no spin",
		 (unsigned long long)g.slot_count);
}

static void ring_check(int err, const char *what)
{
	errno = -err;
	if (err)
		bench_die(what);
}

static void ring_open_tx(void *chan)
{
	struct ring *r = chan;

	ring_check(ringbuf_writer_attach(r->ring, &r->writer), "ringbuf_writer_attach");
	ringbuf_writer_spin(r->writer, r->spin);
}

static void ring_open_rx(void *chan, int reader)
{
	struct ring *r = chan;

	(void)reader;
	ring_check(ringbuf_reader_attach(r->ring, RINGBUF_FROM_HEAD, 0, &r->reader),
		   "ringbuf_reader_attach");
	ringbuf_reader_spin(r->reader, r->spin);
}

static void ring_close(void *chan)
{
	struct ring *r = chan;

	ringbuf_writer_close(r->writer);
	ringbuf_reader_close(r->reader);
}

/* Wait before the next attempt of @what.  Exit if it failed with another error than EAGAIN. */
BENCH_INLINE void ring_wait(struct bench_waiter *w, ssize_t err, const char *what)
{
	if (__builtin_expect(err != -EAGAIN, 0))
		ring_check((int)err, what);
	bench_wait(w);
}

static inline void ring_send(void *chan, const void *msg, size_t bytes)
{
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	int err;

	while ((err = ringbuf_writer_write(r->writer, msg, bytes, r->timeout)))
		ring_wait(&w, err, "ringbuf_writer_write");
}

static inline void ring_recv(void *chan, void *msg, size_t bytes)
{
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	ssize_t n;

	while ((n = ringbuf_reader_read(r->reader, msg, bytes, r->timeout)) < 0)
		ring_wait(&w, n, "ringbuf_reader_read");
	if (__builtin_expect((size_t)n != bytes, 0))
		bench_wrong("length", (uint64_t)n, bytes);
}

static inline void ring_send_n(void *chan, const void *msgs, size_t count)
{
	struct ringbuf_slot slots[BENCH_BATCH];
	const struct message_stamp *m = msgs;
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	unsigned int n = (unsigned int)count, i;
	int err;

	while ((err = ringbuf_writer_reserve(r->writer, slots, n, r->timeout)) < 0)
		ring_wait(&w, err, "ringbuf_writer_reserve");
	for (i = 0; i < n; i++) {
		memcpy(slots[i].data, &m[i], sizeof(m[i]));
		slots[i].length = sizeof(m[i]);
	}
	ring_check(ringbuf_writer_commit(r->writer, slots, n), "ringbuf_writer_commit");
}

static inline size_t ring_recv_n(void *chan, void *msgs, size_t max)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	struct message_stamp *m = msgs;
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	int n, i;

	if (max > RINGBUF_BATCH_MAX)
		max = RINGBUF_BATCH_MAX;
	while ((n = ringbuf_reader_peek(r->reader, slots, (unsigned int)max, r->timeout)) < 0)
		ring_wait(&w, n, "ringbuf_reader_peek");
	for (i = 0; i < n; i++)
		memcpy(&m[i], slots[i].data, sizeof(m[i]));
	ring_check(ringbuf_reader_release(r->reader, (unsigned int)n), "ringbuf_reader_release");
	return (size_t)n;
}

static inline void *ring_reserve(void *chan, size_t bytes)
{
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	int err;

	while ((err = ringbuf_writer_reserve(r->writer, &r->slot, 1, r->timeout)) < 0)
		ring_wait(&w, err, "ringbuf_writer_reserve");
	r->slot.length = bytes;
	return r->slot.data;
}

static inline void ring_commit(void *chan, size_t bytes)
{
	struct ring *r = chan;

	(void)bytes;
	ring_check(ringbuf_writer_commit(r->writer, &r->slot, 1), "ringbuf_writer_commit");
}

static inline const void *ring_peek(void *chan, size_t bytes)
{
	struct ring *r = chan;
	struct bench_waiter w = { r->mode, 0 };
	int err;

	while ((err = ringbuf_reader_peek(r->reader, &r->slot, 1, r->timeout)) < 0)
		ring_wait(&w, err, "ringbuf_reader_peek");
	if (__builtin_expect(r->slot.length != bytes, 0))
		bench_wrong("length", r->slot.length, bytes);
	return r->slot.data;
}

static inline void ring_release(void *chan)
{
	struct ring *r = chan;

	ring_check(ringbuf_reader_release(r->reader, 1), "ringbuf_reader_release");
}

#define RING_OPS(setup_fn)                                                                        \
	{                                                                                         \
		.size = sizeof(struct ring), .setup = setup_fn, .teardown = ring_teardown,        \
		.describe = ring_describe, .open_tx = ring_open_tx, .open_rx = ring_open_rx,      \
		.close = ring_close, .send = ring_send, .recv = ring_recv, .send_n = ring_send_n, \
		.recv_n = ring_recv_n, .reserve = ring_reserve, .commit = ring_commit,            \
		.peek = ring_peek, .release = ring_release                                        \
	}

static const struct bench_ops exclusive_ops = RING_OPS(ring_make_exclusive);
static const struct bench_ops shared_ops = RING_OPS(ring_make_shared);
static const struct bench_ops nospin_ops = RING_OPS(ring_make_nospin);

/* The three kinds of ring differ only in setup, so the same loops serve for all. */
BENCH_ROUND(echo, exclusive_ops);
BENCH_STREAM(one, exclusive_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(batch, exclusive_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(place, exclusive_ops, BENCH_SHARED, BENCH_IN_PLACE);

#define NOT_A_POWER 1000

#define RING_CASES(transport, ops)                                                          \
	BENCH_CASE(transport, "L1", echo, ops, BENCH_INSIDE, NULL),                         \
		BENCH_CASE(transport, "L2", echo, ops, BENCH_BLOCK, NULL),                  \
		BENCH_CASE(transport, "L2p", echo, ops, BENCH_BLOCK, NULL),                 \
		BENCH_CASE(transport, "L2s", echo, ops, BENCH_BLOCK, NULL),                 \
		BENCH_CASE(transport, "T1", one, ops, BENCH_SPIN, NULL),                    \
		BENCH_CASE_DEPTH(transport, "T1", one, ops, BENCH_SPIN, NOT_A_POWER, NULL), \
		BENCH_CASE(transport, "T1b", batch, ops, BENCH_SPIN, NULL),                 \
		BENCH_CASE(transport, "T2", one, ops, BENCH_SPIN, NULL),                    \
		BENCH_CASE(transport, "T2zc", place, ops, BENCH_SPIN, NULL),                \
		BENCH_CASE(transport, "T3", one, ops, BENCH_SPIN, NULL),                    \
		BENCH_CASE(transport, "T5", one, ops, BENCH_SPIN, NULL),                    \
		BENCH_CASE(transport, "T5zc", place, ops, BENCH_SPIN, NULL)

static const struct bench_case cases[] = {
	RING_CASES("ringbuf_exclusive", exclusive_ops),
	RING_CASES("ringbuf_shared", shared_ops),
	BENCH_CASE("ringbuf_shared", "T4", one, shared_ops, BENCH_SPIN, NULL),
	BENCH_CASE("ringbuf_nospin", "L2", echo, nospin_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("ringbuf_nospin", "L2p", echo, nospin_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("ringbuf_nospin", "L2s", echo, nospin_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("ringbuf_waiting", "T3", one, exclusive_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("ringbuf_waiting", "T5", one, exclusive_ops, BENCH_BLOCK, NULL),
	BENCH_CASE("ringbuf_waiting", "T5zc", place, exclusive_ops, BENCH_BLOCK, NULL),
};

extern const struct bench_family bench_ring;
const struct bench_family bench_ring = { cases, BENCH_ARRAY_SIZE(cases) };
