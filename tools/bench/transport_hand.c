// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transports written by hand, as an upper limit of what is possible: a word as a flag,
 * a ring of one writer and one reader (SPSC) with cached indices, and a ring of
 * one writer and several readers.  None of them survives the death of a process,
 * and none can sleep.
 */
#include "stream.h"

#include <sys/mman.h>

#define ROW  ((size_t)64)
#define PAGE ((size_t)4096)

/* ---- flag: 8 bytes, the limit from core to core --------------------------- */

struct flag {
	uint64_t *word[2]; /* ping, answer */
};

static int flag_setup(void *chan, const struct bench_params *p)
{
	struct flag *f = chan;

	(void)p;
	f->word[0] = bench_shm(PAGE);
	f->word[1] = f->word[0] + 8 * ROW / sizeof(uint64_t);
	return 0;
}

static void flag_teardown(void *chan)
{
	munmap(((struct flag *)chan)->word[0], PAGE);
}

BENCH_INLINE void flag_set(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

BENCH_INLINE void flag_await(uint64_t *word, uint64_t value, bool pause)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		if (pause)
			bench_relax();
}

BENCH_INLINE void flag_ping(struct bench_run *run, bool pause)
{
	uint32_t *ticks = bench_buffer(sizeof(*ticks) * (size_t)bench_options.samples_spin, 0);
	const struct flag *f = run->chan[0];
	struct bench_rep *rep;
	uint64_t value = 0;
	int i, count;

	bench_opened(run);
	while ((rep = bench_next(run))) {
		count = bench_samples(run);
		for (i = 0; i < count; i++) {
			uint64_t start = bench_ticks();

			flag_set(f->word[0], ++value);
			flag_await(f->word[1], value, pause);
			ticks[i] = (uint32_t)(bench_ticks() - start);
		}
		bench_percentiles(rep, ticks, count);
		bench_done(run);
	}
	free(ticks);
}

BENCH_INLINE void flag_pong(struct bench_run *run, bool pause)
{
	const struct flag *f = run->chan[0];
	uint64_t value = 0;
	int i, count;

	bench_opened(run);
	while (bench_next(run)) {
		count = bench_samples(run);
		for (i = 0; i < count; i++) {
			flag_await(f->word[0], ++value, pause);
			flag_set(f->word[1], value);
		}
		bench_done(run);
	}
}

static const struct bench_ops flag_ops = {
	.size = sizeof(struct flag),
	.setup = flag_setup,
	.teardown = flag_teardown,
};

static void flag_producer(struct bench_run *run, int id)
{
	(void)id;
	flag_ping(run, false);
}

static void flag_consumer(struct bench_run *run, int id)
{
	(void)id;
	flag_pong(run, false);
}

static void flag_pause_producer(struct bench_run *run, int id)
{
	(void)id;
	flag_ping(run, true);
}

static void flag_pause_consumer(struct bench_run *run, int id)
{
	(void)id;
	flag_pong(run, true);
}

enum { flag_shape = BENCH_SHARED, flag_pause_shape = BENCH_SHARED };

/* ---- SPSC ring ------------------------------------------------------------ */

/* The indices, each in a cache line of its own; the slots follow at PAGE. */
struct hand_shared {
	uint64_t head __attribute__((aligned(64)));
	uint64_t tail __attribute__((aligned(64)));
};

/**
 * struct hand - one end of the ring
 * @shared: the two indices
 * @slots: the messages
 * @stride: bytes from one slot to the next
 * @depth: number of slots, a power of two
 * @bytes: size of the mapping
 * @mode: how to wait
 * @pos: index of this end
 * @cached: index of the other end when it was read last
 */
struct hand {
	struct hand_shared *shared;
	char *slots;
	size_t stride;
	size_t depth;
	size_t bytes;
	enum bench_mode mode;
	uint64_t pos __attribute__((aligned(64)));
	uint64_t cached;
};

static int hand_setup(void *chan, const struct bench_params *p)
{
	struct hand *h = chan;

	h->stride = (p->bytes + ROW - 1) / ROW * ROW;
	h->depth = p->depth;
	h->bytes = PAGE + h->stride * h->depth;
	h->mode = p->mode;
	h->shared = bench_shm(h->bytes);
	h->slots = (char *)h->shared + PAGE;
	return 0;
}

static void hand_teardown(void *chan)
{
	struct hand *h = chan;

	munmap(h->shared, h->bytes);
}

static void hand_open_tx(void *chan)
{
	struct hand *h = chan;

	bench_touch(h->shared, h->bytes);
}

static void hand_open_rx(void *chan, int reader)
{
	(void)reader;
	hand_open_tx(chan);
}

BENCH_INLINE char *hand_slot(const struct hand *h, uint64_t pos)
{
	return h->slots + (pos & (h->depth - 1)) * h->stride;
}

BENCH_INLINE size_t hand_room(struct hand *h)
{
	if (h->pos - h->cached >= h->depth)
		h->cached = __atomic_load_n(&h->shared->tail, __ATOMIC_ACQUIRE);
	return h->depth - (h->pos - h->cached);
}

BENCH_INLINE size_t hand_filled(struct hand *h)
{
	if (h->cached == h->pos)
		h->cached = __atomic_load_n(&h->shared->head, __ATOMIC_ACQUIRE);
	return h->cached - h->pos;
}

static inline void *hand_reserve(void *chan, size_t bytes)
{
	struct hand *h = chan;
	struct bench_waiter w = { h->mode, 0 };

	(void)bytes;
	while (!hand_room(h))
		bench_wait(&w);
	return hand_slot(h, h->pos);
}

static inline void hand_commit(void *chan, size_t bytes)
{
	struct hand *h = chan;

	(void)bytes;
	__atomic_store_n(&h->shared->head, ++h->pos, __ATOMIC_RELEASE);
}

static inline const void *hand_peek(void *chan, size_t bytes)
{
	struct hand *h = chan;
	struct bench_waiter w = { h->mode, 0 };

	(void)bytes;
	while (!hand_filled(h))
		bench_wait(&w);
	return hand_slot(h, h->pos);
}

static inline void hand_release(void *chan)
{
	struct hand *h = chan;

	__atomic_store_n(&h->shared->tail, ++h->pos, __ATOMIC_RELEASE);
}

static inline void hand_send(void *chan, const void *msg, size_t bytes)
{
	bench_copy(hand_reserve(chan, bytes), msg, bytes);
	hand_commit(chan, bytes);
}

static inline void hand_recv(void *chan, void *msg, size_t bytes)
{
	bench_copy(msg, hand_peek(chan, bytes), bytes);
	hand_release(chan);
}

static inline bool hand_try_recv(void *chan, void *msg, size_t bytes)
{
	struct hand *h = chan;

	if (!hand_filled(h))
		return false;
	bench_copy(msg, hand_slot(h, h->pos), bytes);
	hand_release(h);
	return true;
}

static inline void hand_send_n(void *chan, const void *msgs, size_t count)
{
	struct hand *h = chan;
	struct bench_waiter w = { h->mode, 0 };
	const struct message_stamp *m = msgs;
	size_t room, i;

	while (count) {
		room = hand_room(h);
		if (!room) {
			bench_wait(&w);
			continue;
		}
		if (room > count)
			room = count;
		for (i = 0; i < room; i++)
			memcpy(hand_slot(h, h->pos + i), m++, sizeof(*m));
		h->pos += room;
		__atomic_store_n(&h->shared->head, h->pos, __ATOMIC_RELEASE);
		count -= room;
	}
}

static inline size_t hand_recv_n(void *chan, void *msgs, size_t max)
{
	struct hand *h = chan;
	struct bench_waiter w = { h->mode, 0 };
	struct message_stamp *m = msgs;
	size_t count, i;

	while (!(count = hand_filled(h)))
		bench_wait(&w);
	if (count > max)
		count = max;
	for (i = 0; i < count; i++)
		memcpy(m++, hand_slot(h, h->pos + i), sizeof(*m));
	h->pos += count;
	__atomic_store_n(&h->shared->tail, h->pos, __ATOMIC_RELEASE);
	return count;
}

static const struct bench_ops hand_ops = {
	.size = sizeof(struct hand),
	.setup = hand_setup,
	.teardown = hand_teardown,
	.open_tx = hand_open_tx,
	.open_rx = hand_open_rx,
	.send = hand_send,
	.recv = hand_recv,
	.try_recv = hand_try_recv,
	.send_n = hand_send_n,
	.recv_n = hand_recv_n,
	.reserve = hand_reserve,
	.commit = hand_commit,
	.peek = hand_peek,
	.release = hand_release,
};

/* ---- one writer, many readers ---------------------------------------------- */

/**
 * struct cast - one end of the broadcast ring
 * @row: rows of ROW bytes: the writer's index, then that of each reader
 * @mine: number of this reader's row
 * @cached: writer: the lowest index of a reader; reader: the writer's index; as read last
 */
struct cast {
	char *row;
	char *slots;
	size_t stride;
	size_t depth;
	size_t bytes;
	int readers;
	int mine;
	enum bench_mode mode;
	uint64_t pos __attribute__((aligned(64)));
	uint64_t cached;
};

static int cast_setup(void *chan, const struct bench_params *p)
{
	struct cast *c = chan;

	c->stride = (p->bytes + ROW - 1) / ROW * ROW;
	c->depth = p->depth;
	c->bytes = PAGE + c->stride * c->depth;
	c->readers = p->readers;
	c->mode = p->mode;
	c->row = bench_shm(c->bytes);
	c->slots = c->row + PAGE;
	return 0;
}

static void cast_teardown(void *chan)
{
	struct cast *c = chan;

	munmap(c->row, c->bytes);
}

static void cast_open_tx(void *chan)
{
	struct cast *c = chan;

	bench_touch(c->row, c->bytes);
}

static void cast_open_rx(void *chan, int reader)
{
	struct cast *c = chan;

	bench_touch(c->row, c->bytes);
	c->mine = reader + 1;
}

BENCH_INLINE uint64_t *cast_word(const struct cast *c, int row)
{
	return (uint64_t *)(c->row + (size_t)row * ROW);
}

BENCH_INLINE char *cast_slot(const struct cast *c)
{
	return c->slots + (c->pos & (c->depth - 1)) * c->stride;
}

BENCH_INLINE bool cast_room(struct cast *c)
{
	uint64_t min = UINT64_MAX;
	int i;

	if (c->pos - c->cached < c->depth)
		return true;
	for (i = 1; i <= c->readers; i++) {
		uint64_t at = __atomic_load_n(cast_word(c, i), __ATOMIC_ACQUIRE);

		if (at < min)
			min = at;
	}
	c->cached = min;
	return c->pos - c->cached < c->depth;
}

static inline void cast_send(void *chan, const void *msg, size_t bytes)
{
	struct cast *c = chan;
	struct bench_waiter w = { c->mode, 0 };

	while (!cast_room(c))
		bench_wait(&w);
	bench_copy(cast_slot(c), msg, bytes);
	__atomic_store_n(cast_word(c, 0), ++c->pos, __ATOMIC_RELEASE);
}

static inline void cast_recv(void *chan, void *msg, size_t bytes)
{
	struct cast *c = chan;
	struct bench_waiter w = { c->mode, 0 };

	while (c->cached == c->pos) {
		c->cached = __atomic_load_n(cast_word(c, 0), __ATOMIC_ACQUIRE);
		if (c->cached == c->pos)
			bench_wait(&w);
	}
	bench_copy(msg, cast_slot(c), bytes);
	__atomic_store_n(cast_word(c, c->mine), ++c->pos, __ATOMIC_RELEASE);
}

static const struct bench_ops cast_ops = {
	.size = sizeof(struct cast),
	.setup = cast_setup,
	.teardown = cast_teardown,
	.open_tx = cast_open_tx,
	.open_rx = cast_open_rx,
	.send = cast_send,
	.recv = cast_recv,
};

BENCH_ROUND(hand_echo, hand_ops);
BENCH_STREAM(hand_one, hand_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(hand_batch, hand_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(hand_place, hand_ops, BENCH_SHARED, BENCH_IN_PLACE);
BENCH_STREAM(hand_fan, hand_ops, BENCH_FAN, BENCH_ONE);
BENCH_STREAM(hand_merge, hand_ops, BENCH_MERGE, BENCH_ONE);
BENCH_STREAM(cast_one, cast_ops, BENCH_SHARED, BENCH_ONE);

#define BROADCAST "one ring, an index per reader"
#define FAN	  "an SPSC ring per reader"
#define MERGE	  "an SPSC ring per writer, the reader polls"

static const struct bench_case cases[] = {
	BENCH_CASE("shm_flag_8B", "L1", flag, flag_ops, BENCH_SPIN, "no pause instruction"),
	BENCH_CASE("shm_flag_8B", "L1", flag_pause, flag_ops, BENCH_SPIN, "pause instruction"),
	BENCH_CASE("hand_ring", "L1", hand_echo, hand_ops, BENCH_SPIN, NULL),
	BENCH_CASE("hand_ring", "T1", hand_one, hand_ops, BENCH_SPIN, NULL),
	BENCH_CASE("hand_ring", "T1b", hand_batch, hand_ops, BENCH_SPIN, NULL),
	BENCH_CASE("hand_ring", "T2", hand_one, hand_ops, BENCH_SPIN, NULL),
	BENCH_CASE("hand_ring", "T2zc", hand_place, hand_ops, BENCH_SPIN, NULL),
	BENCH_CASE("hand_ring", "T3", cast_one, cast_ops, BENCH_SPIN, BROADCAST),
	BENCH_CASE("hand_ring_fan", "T3", hand_fan, hand_ops, BENCH_SPIN, FAN),
	BENCH_CASE("hand_ring", "T4", hand_merge, hand_ops, BENCH_SPIN, MERGE),
	BENCH_CASE("hand_ring", "T5", cast_one, cast_ops, BENCH_SPIN, BROADCAST),
	BENCH_CASE("hand_ring_fan", "T5", hand_fan, hand_ops, BENCH_SPIN, FAN),
};

extern const struct bench_family bench_hand;
const struct bench_family bench_hand = { cases, BENCH_ARRAY_SIZE(cases) };
