// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transport: DPDK's rte_ring, made in shared memory by rte_ring_init(), without DPDK's
 * environment (EAL).  Small messages are elements of the ring.  Big ones are in a
 * pool, and the ring carries their numbers, as is usual with DPDK.
 */
#include "stream.h"

#include <rte_config.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/mman.h>

#define ELEMENT ((unsigned int)sizeof(struct message_stamp))

struct dpdk {
	struct rte_ring *ring;
	size_t bytes;
	enum bench_mode mode;
};

static struct rte_ring *dpdk_ring(ssize_t bytes, unsigned int count, unsigned int flags)
{
	struct rte_ring *ring;

	if (bytes < 0)
		return NULL;
	ring = bench_shm((size_t)bytes);
	return rte_ring_init(ring, "bench", count, flags) ? NULL : ring;
}

static int dpdk_make(void *chan, const struct bench_params *p, unsigned int flags)
{
	ssize_t bytes = rte_ring_get_memsize_elem(ELEMENT, (unsigned int)p->depth);
	struct dpdk *d = chan;

	d->mode = p->mode;
	d->bytes = (size_t)bytes;
	d->ring = dpdk_ring(bytes, (unsigned int)p->depth, flags);
	return d->ring ? 0 : -1;
}

static int dpdk_make_spsc(void *chan, const struct bench_params *p)
{
	return dpdk_make(chan, p, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int dpdk_make_mpsc(void *chan, const struct bench_params *p)
{
	return dpdk_make(chan, p, RING_F_SC_DEQ);
}

static int dpdk_make_rts(void *chan, const struct bench_params *p)
{
	return dpdk_make(chan, p, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ);
}

static void dpdk_teardown(void *chan)
{
	struct dpdk *d = chan;

	munmap(d->ring, d->bytes);
}

static void dpdk_open_tx(void *chan)
{
	struct dpdk *d = chan;

	bench_touch(d->ring, d->bytes);
}

static void dpdk_open_rx(void *chan, int reader)
{
	(void)reader;
	dpdk_open_tx(chan);
}

/* The three kinds of ring differ in how they enqueue. */
static inline unsigned int dpdk_put_spsc(struct rte_ring *r, const void *m, unsigned int n)
{
	return rte_ring_sp_enqueue_burst_elem(r, m, ELEMENT, n, NULL);
}

static inline unsigned int dpdk_put_mpsc(struct rte_ring *r, const void *m, unsigned int n)
{
	return rte_ring_mp_enqueue_burst_elem(r, m, ELEMENT, n, NULL);
}

static inline unsigned int dpdk_put_rts(struct rte_ring *r, const void *m, unsigned int n)
{
	return rte_ring_enqueue_burst_elem(r, m, ELEMENT, n, NULL);
}

#define DPDK_SEND(kind)                                                                \
	static inline void dpdk_send_##kind(void *chan, const void *msg, size_t bytes) \
	{                                                                              \
		struct dpdk *d = chan;                                                 \
		struct bench_waiter w = { d->mode, 0 };                                \
                                                                                       \
		(void)bytes;                                                           \
		while (!dpdk_put_##kind(d->ring, msg, 1))                              \
			bench_wait(&w);                                                \
	}                                                                              \
	enum { dpdk_send_##kind##_end }

DPDK_SEND(spsc);
DPDK_SEND(mpsc);
DPDK_SEND(rts);

static inline void dpdk_send_n(void *chan, const void *msgs, size_t count)
{
	struct dpdk *d = chan;
	struct bench_waiter w = { d->mode, 0 };
	const struct message_stamp *m = msgs;
	unsigned int n;

	while (count) {
		n = dpdk_put_spsc(d->ring, m, (unsigned int)count);
		if (!n)
			bench_wait(&w);
		m += n;
		count -= n;
	}
}

static inline size_t dpdk_recv_n(void *chan, void *msgs, size_t max)
{
	struct dpdk *d = chan;
	struct bench_waiter w = { d->mode, 0 };
	unsigned int n;

	while (!(n = rte_ring_sc_dequeue_burst_elem(d->ring, msgs, ELEMENT, (unsigned int)max,
						    NULL)))
		bench_wait(&w);
	return n;
}

static inline void dpdk_recv(void *chan, void *msg, size_t bytes)
{
	(void)bytes;
	dpdk_recv_n(chan, msg, 1);
}

#define DPDK_OPS(kind)                                                                             \
	{                                                                                          \
		.size = sizeof(struct dpdk), .setup = dpdk_make_##kind, .teardown = dpdk_teardown, \
		.open_tx = dpdk_open_tx, .open_rx = dpdk_open_rx, .send = dpdk_send_##kind,        \
		.recv = dpdk_recv, .send_n = dpdk_send_n, .recv_n = dpdk_recv_n                    \
	}

static const struct bench_ops spsc_ops = DPDK_OPS(spsc);
static const struct bench_ops mpsc_ops = DPDK_OPS(mpsc);
static const struct bench_ops rts_ops = DPDK_OPS(rts);

/* ---- numbers and a pool ----------------------------------------------------- */

/**
 * struct pool - places for messages in shared memory, and two rings of their numbers
 * @full: places with a message, from the writer to the reader
 * @free: free places, from the reader to the writer
 * @memory: the places
 * @batch: how many numbers to move to or from @free at a time
 * @mine: writer: free places that it has; reader: places to give back
 * @count: number of entries in @mine
 * @now: place of the message that is being written or read
 */
struct pool {
	struct rte_ring *full;
	struct rte_ring *free;
	char *memory;
	size_t bytes;
	size_t depth;
	enum bench_mode mode;
	unsigned int batch;
	unsigned int count;
	void *mine[BENCH_BATCH];
	void *now;
};

static struct rte_ring *pool_ring(size_t depth)
{
	ssize_t bytes = rte_ring_get_memsize(2 * (unsigned int)depth);

	return dpdk_ring(bytes, (unsigned int)depth,
			 RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

static int pool_setup(void *chan, const struct bench_params *p)
{
	struct pool *l = chan;
	uintptr_t i;

	l->full = pool_ring(p->depth);
	l->free = pool_ring(p->depth);
	if (!l->full || !l->free)
		return -1;
	l->bytes = p->bytes;
	l->depth = p->depth;
	l->mode = p->mode;
	l->batch = p->depth >= 8 * BENCH_BATCH ? BENCH_BATCH : 1;
	l->memory = bench_shm(p->bytes * p->depth);
	for (i = 1; i <= p->depth; i++)
		rte_ring_sp_enqueue(l->free, (void *)i);
	return 0;
}

static void pool_teardown(void *chan)
{
	struct pool *l = chan;

	munmap(l->memory, l->bytes * l->depth);
}

static void pool_open_tx(void *chan)
{
	struct pool *l = chan;

	bench_touch(l->memory, l->bytes * l->depth);
}

static void pool_open_rx(void *chan, int reader)
{
	(void)reader;
	pool_open_tx(chan);
}

static inline void *pool_reserve(void *chan, size_t bytes)
{
	struct pool *l = chan;
	struct bench_waiter w = { l->mode, 0 };

	while (!l->count) {
		l->count = rte_ring_sc_dequeue_burst(l->free, l->mine, l->batch, NULL);
		if (!l->count)
			bench_wait(&w);
	}
	l->now = l->mine[--l->count];
	return l->memory + ((uintptr_t)l->now - 1) * bytes;
}

static inline void pool_commit(void *chan, size_t bytes)
{
	struct pool *l = chan;
	struct bench_waiter w = { l->mode, 0 };

	(void)bytes;
	while (rte_ring_sp_enqueue(l->full, l->now))
		bench_wait(&w);
}

static inline const void *pool_peek(void *chan, size_t bytes)
{
	struct pool *l = chan;
	struct bench_waiter w = { l->mode, 0 };

	while (rte_ring_sc_dequeue(l->full, &l->now))
		bench_wait(&w);
	return l->memory + ((uintptr_t)l->now - 1) * bytes;
}

static inline void pool_release(void *chan)
{
	struct pool *l = chan;

	l->mine[l->count++] = l->now;
	if (l->count < l->batch)
		return;
	rte_ring_sp_enqueue_bulk(l->free, l->mine, l->count, NULL);
	l->count = 0;
}

static inline void pool_send(void *chan, const void *msg, size_t bytes)
{
	bench_copy(pool_reserve(chan, bytes), msg, bytes);
	pool_commit(chan, bytes);
}

static inline void pool_recv(void *chan, void *msg, size_t bytes)
{
	bench_copy(msg, pool_peek(chan, bytes), bytes);
	pool_release(chan);
}

static const struct bench_ops pool_ops = {
	.size = sizeof(struct pool),
	.setup = pool_setup,
	.teardown = pool_teardown,
	.open_tx = pool_open_tx,
	.open_rx = pool_open_rx,
	.send = pool_send,
	.recv = pool_recv,
	.reserve = pool_reserve,
	.commit = pool_commit,
	.peek = pool_peek,
	.release = pool_release,
};

BENCH_ROUND(spsc_echo, spsc_ops);
BENCH_STREAM(spsc_one, spsc_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(spsc_batch, spsc_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(spsc_fan, spsc_ops, BENCH_FAN, BENCH_ONE);
BENCH_STREAM(mpsc_one, mpsc_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(rts_one, rts_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(pool_one, pool_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(pool_place, pool_ops, BENCH_SHARED, BENCH_IN_PLACE);
BENCH_STREAM(pool_fan, pool_ops, BENCH_FAN, BENCH_ONE);

#define ELEMENTS "64 B elements in the ring"
#define POOL	 "handles in the ring, messages in a pool"

static const struct bench_case cases[] = {
	BENCH_CASE("dpdk_ring_spsc", "L1", spsc_echo, spsc_ops, BENCH_SPIN, ELEMENTS),
	BENCH_CASE("dpdk_ring_spsc", "T1", spsc_one, spsc_ops, BENCH_SPIN, ELEMENTS),
	BENCH_CASE("dpdk_ring_pool", "T1", pool_one, pool_ops, BENCH_SPIN, POOL),
	BENCH_CASE("dpdk_ring_spsc", "T1b", spsc_batch, spsc_ops, BENCH_SPIN, ELEMENTS),
	BENCH_CASE("dpdk_ring_pool", "T2", pool_one, pool_ops, BENCH_SPIN, POOL),
	BENCH_CASE("dpdk_ring_pool", "T2zc", pool_place, pool_ops, BENCH_SPIN, POOL),
	BENCH_CASE("dpdk_ring_spsc", "T3", spsc_fan, spsc_ops, BENCH_SPIN, "a ring per reader"),
	BENCH_CASE("dpdk_ring_mpsc", "T4", mpsc_one, mpsc_ops, BENCH_SPIN, "one MP/SC ring"),
	BENCH_CASE("dpdk_ring_rts", "T4", rts_one, rts_ops, BENCH_SPIN, "one MP-RTS/SC ring"),
	BENCH_CASE("dpdk_ring_pool", "T5", pool_fan, pool_ops, BENCH_SPIN, "a pool per reader"),
};

extern const struct bench_family bench_dpdk;
const struct bench_family bench_dpdk = { cases, BENCH_ARRAY_SIZE(cases) };
