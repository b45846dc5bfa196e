/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The loops of writers and readers.  They are inlined into each transport with its
 * struct bench_ops as a constant, so that the compiler calls the operations
 * directly, not through pointers.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "message.h"

#include <sched.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#include "../common/clock.h"

#define BENCH_TIME_EVERY   64 /* messages from one look at the clock to the next */
#define BENCH_TIME_BATCHES 32 /* batches from one look at the clock to the next */

BENCH_INLINE uint64_t bench_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __rdtsc();
#else
	return clock_now();
#endif
}

BENCH_INLINE void bench_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

struct bench_waiter {
	enum bench_mode mode;
	unsigned int spins;
};

/* One step of waiting for the other side; see enum bench_mode. */
BENCH_INLINE void bench_wait(struct bench_waiter *w)
{
	if (w->mode != BENCH_SPIN && ++w->spins >= 32) {
		w->spins = 0;
		sched_yield();
	} else {
		bench_relax();
	}
}

/* ---- opening ------------------------------------------------------------ */

BENCH_INLINE void bench_open_tx(struct bench_run *run, int id, const struct bench_ops *ops,
				enum bench_shape shape)
{
	int i;

	for (i = 0; ops->open_tx && i < run->channels; i++)
		if (shape != BENCH_MERGE || i == id)
			ops->open_tx(run->chan[i]);
	bench_opened(run);
}

BENCH_INLINE void bench_open_rx(struct bench_run *run, int id, const struct bench_ops *ops,
				enum bench_shape shape)
{
	int i;

	for (i = 0; ops->open_rx && i < run->channels; i++)
		if (shape != BENCH_FAN || i == id)
			ops->open_rx(run->chan[i], shape == BENCH_FAN ? 0 : id);
	bench_opened(run);
}

BENCH_INLINE void bench_close_tx(struct bench_run *run, int id, const struct bench_ops *ops,
				 enum bench_shape shape)
{
	int i;

	for (i = 0; ops->close && i < run->channels; i++)
		if (shape != BENCH_MERGE || i == id)
			ops->close(run->chan[i]);
}

BENCH_INLINE void bench_close_rx(struct bench_run *run, int id, const struct bench_ops *ops,
				 enum bench_shape shape)
{
	int i;

	for (i = 0; ops->close && i < run->channels; i++)
		if (shape != BENCH_FAN || i == id)
			ops->close(run->chan[i]);
}

/* ---- writers ------------------------------------------------------------ */

/* Return the word for the writer in the header of a message of writer @id. */
BENCH_INLINE uint32_t bench_sender(int id, bool last)
{
	return (uint32_t)id | (last ? MESSAGE_LAST : 0);
}

BENCH_INLINE uint64_t bench_send_ones(struct bench_run *run, int id, const struct bench_ops *ops,
				      enum bench_shape shape, void *buf, uint64_t end)
{
	const size_t bytes = run->params.bytes;
	void *chan = run->chan[shape == BENCH_MERGE ? id : 0];
	uint64_t number = 0;
	bool last = false;
	int i;

	for (; !last; number++) {
		if (bytes > sizeof(struct message_stamp) || number % BENCH_TIME_EVERY == 0)
			last = clock_now() >= end;
		message_put_stamps(buf, bytes, number, bench_sender(id, last));
		if (shape != BENCH_FAN) {
			ops->send(chan, buf, bytes);
			continue;
		}
		for (i = 0; i < run->channels; i++)
			ops->send(run->chan[i], buf, bytes);
	}
	return number;
}

BENCH_INLINE uint64_t bench_send_batches(struct bench_run *run, int id, const struct bench_ops *ops,
					 uint64_t end)
{
	struct message_stamp msgs[BENCH_BATCH];
	uint64_t number = 0;
	bool last = false;
	int i;

	memset(msgs, 0, sizeof(msgs));
	while (!last) {
		if (number % (BENCH_TIME_BATCHES * BENCH_BATCH) == 0)
			last = clock_now() >= end;
		for (i = 0; i < BENCH_BATCH; i++, number++)
			message_put_stamps(&msgs[i], sizeof(msgs[i]), number,
					   bench_sender(id, last && i == BENCH_BATCH - 1));
		ops->send_n(run->chan[0], msgs, BENCH_BATCH);
	}
	return number;
}

BENCH_INLINE uint64_t bench_send_in_place(struct bench_run *run, int id,
					  const struct bench_ops *ops, uint64_t end)
{
	const size_t bytes = run->params.bytes;
	uint64_t number = 0;
	bool last = false;

	for (; !last; number++) {
		void *slot = ops->reserve(run->chan[0], bytes);

		last = clock_now() >= end;
		message_put_stamps(slot, bytes, number, bench_sender(id, last));
		ops->commit(run->chan[0], bytes);
	}
	return number;
}

BENCH_INLINE void bench_produce(struct bench_run *run, int id, const struct bench_ops *ops,
				enum bench_shape shape, enum bench_how how)
{
	void *buf = bench_buffer(run->params.bytes, 1);
	struct bench_rep *rep;

	bench_open_tx(run, id, ops, shape);
	while ((rep = bench_next(run))) {
		double seconds = bench_options.seconds / (run->round == 1 ? 4 : 1);
		uint64_t start = clock_now(), end = start + (uint64_t)(seconds * 1e9);

		rep->start[id] = start;
		if (how == BENCH_BATCHED)
			rep->sent[id] = bench_send_batches(run, id, ops, end);
		else if (how == BENCH_IN_PLACE)
			rep->sent[id] = bench_send_in_place(run, id, ops, end);
		else
			rep->sent[id] = bench_send_ones(run, id, ops, shape, buf, end);
		bench_done(run);
	}
	bench_close_tx(run, id, ops, shape);
	free(buf);
}

/* ---- readers ------------------------------------------------------------ */

/*
 * Receive a message from any channel.  *@at is the current channel: continue with it as long as it
 * has messages.
 */
BENCH_INLINE void bench_recv_merged(struct bench_run *run, const struct bench_ops *ops, int *at,
				    void *buf, size_t bytes)
{
	struct bench_waiter w = { run->params.mode, 0 };
	int i;

	for (;; bench_wait(&w)) {
		for (i = 0; i < run->channels; i++) {
			if (ops->try_recv(run->chan[*at], buf, bytes))
				return;
			*at = *at + 1 == run->channels ? 0 : *at + 1;
		}
	}
}

BENCH_INLINE uint64_t bench_recv_ones(struct bench_run *run, int id, const struct bench_ops *ops,
				      enum bench_shape shape, void *buf)
{
	const size_t bytes = run->params.bytes;
	const uint32_t writers = (uint32_t)run->sc->writers;
	void *chan = run->chan[shape == BENCH_FAN ? id : 0];
	uint64_t expect[BENCH_MAX_WRITERS] = { 0 };
	uint32_t left = writers;
	uint64_t got = 0;
	int at = 0;

	for (; left; got++) {
		if (shape == BENCH_MERGE)
			bench_recv_merged(run, ops, &at, buf, bytes);
		else
			ops->recv(chan, buf, bytes);
		left -= bench_verify(buf, bytes, expect, writers);
	}
	return got;
}

BENCH_INLINE uint64_t bench_recv_batches(struct bench_run *run, const struct bench_ops *ops)
{
	const uint32_t writers = (uint32_t)run->sc->writers;
	struct message_stamp msgs[BENCH_BATCH_RX];
	uint64_t expect[BENCH_MAX_WRITERS] = { 0 };
	uint32_t left = writers;
	uint64_t got = 0;

	while (left) {
		size_t count = ops->recv_n(run->chan[0], msgs, BENCH_BATCH_RX), i;

		for (i = 0; i < count; i++)
			left -= bench_verify(&msgs[i], sizeof(msgs[i]), expect, writers);
		got += count;
	}
	return got;
}

BENCH_INLINE uint64_t bench_recv_in_place(struct bench_run *run, const struct bench_ops *ops)
{
	const size_t bytes = run->params.bytes;
	const uint32_t writers = (uint32_t)run->sc->writers;
	uint64_t expect[BENCH_MAX_WRITERS] = { 0 };
	uint32_t left = writers;
	uint64_t got = 0;

	for (; left; got++) {
		left -= bench_verify(ops->peek(run->chan[0], bytes), bytes, expect, writers);
		ops->release(run->chan[0]);
	}
	return got;
}

BENCH_INLINE void bench_consume(struct bench_run *run, int id, const struct bench_ops *ops,
				enum bench_shape shape, enum bench_how how)
{
	void *buf = bench_buffer(run->params.bytes, 2);
	struct bench_rep *rep;

	bench_open_rx(run, id, ops, shape);
	while ((rep = bench_next(run))) {
		if (how == BENCH_BATCHED)
			rep->got[id] = bench_recv_batches(run, ops);
		else if (how == BENCH_IN_PLACE)
			rep->got[id] = bench_recv_in_place(run, ops);
		else
			rep->got[id] = bench_recv_ones(run, id, ops, shape, buf);
		rep->end[id] = clock_now();
		bench_done(run);
	}
	bench_close_rx(run, id, ops, shape);
	free(buf);
}

/* ---- round trips -------------------------------------------------------- */

BENCH_INLINE int bench_samples(const struct bench_run *run)
{
	int n = bench_options.samples_spin;

	if (run->sc->pace_us)
		n = bench_options.samples_paced;
	else if (run->params.mode == BENCH_BLOCK)
		n = bench_options.samples_block;
	return run->round == 1 ? n / 4 : n;
}

BENCH_INLINE void bench_pace(unsigned int us)
{
	uint64_t end;

	if (!us)
		return;
	end = clock_now() + us * 1000ULL;
	while (clock_now() < end)
		bench_relax();
}

BENCH_INLINE void bench_check_echo(const struct message_stamp *m, uint64_t number)
{
	if (__builtin_expect(m->head.number != number, 0))
		bench_wrong("number", m->head.number, number);
	if (__builtin_expect(!message_has_stamps(m, sizeof(*m), number, 0), 0))
		bench_damaged(number);
}

/* Measure round trips: channel 0 carries the ping, channel 1 the answer. */
BENCH_INLINE void bench_ping(struct bench_run *run, const struct bench_ops *ops)
{
	uint32_t *ticks =
		(uint32_t *)bench_buffer(sizeof(*ticks) * (size_t)bench_options.samples_spin, 0);
	struct message_stamp ping, pong;
	struct bench_rep *rep;
	int i, count;

	memset(&ping, 0, sizeof(ping));
	if (ops->open_rx)
		ops->open_rx(run->chan[1], 0);
	if (ops->open_tx)
		ops->open_tx(run->chan[0]);
	bench_opened(run);
	while ((rep = bench_next(run))) {
		count = bench_samples(run);
		for (i = 0; i < count; i++) {
			uint64_t start, took;

			message_put_stamps(&ping, sizeof(ping), (uint64_t)i, 0);
			bench_pace(run->sc->pace_us);
			start = bench_ticks();
			ops->send(run->chan[0], &ping, sizeof(ping));
			ops->recv(run->chan[1], &pong, sizeof(pong));
			took = bench_ticks() - start;
			bench_check_echo(&pong, (uint64_t)i + 1);
			ticks[i] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
		}
		bench_percentiles(rep, ticks, count);
		bench_done(run);
	}
	if (ops->close) {
		ops->close(run->chan[0]);
		ops->close(run->chan[1]);
	}
	free(ticks);
}

BENCH_INLINE void bench_pong(struct bench_run *run, const struct bench_ops *ops)
{
	struct message_stamp m;
	int i, count;

	if (ops->open_rx)
		ops->open_rx(run->chan[0], 0);
	if (ops->open_tx)
		ops->open_tx(run->chan[1]);
	bench_opened(run);
	while (bench_next(run)) {
		count = bench_samples(run);
		for (i = 0; i < count; i++) {
			ops->recv(run->chan[0], &m, sizeof(m));
			bench_check_echo(&m, (uint64_t)i);
			message_put_stamps(&m, sizeof(m), (uint64_t)i + 1, 0);
			ops->send(run->chan[1], &m, sizeof(m));
		}
		bench_done(run);
	}
	if (ops->close) {
		ops->close(run->chan[0]);
		ops->close(run->chan[1]);
	}
}

/* ---- for the tables of the transports ---------------------------------------- */

/* Define fn_producer() and fn_consumer(), for BENCH_CASE(). */
#define BENCH_STREAM(fn, ops, shape, how)                        \
	enum { fn##_shape = (shape) };                           \
	static void fn##_producer(struct bench_run *run, int id) \
	{                                                        \
		bench_produce(run, id, &(ops), shape, how);      \
	}                                                        \
	static void fn##_consumer(struct bench_run *run, int id) \
	{                                                        \
		bench_consume(run, id, &(ops), shape, how);      \
	}                                                        \
	enum { fn##_end }

#define BENCH_ROUND(fn, ops)                                     \
	enum { fn##_shape = BENCH_ECHO };                        \
	static void fn##_producer(struct bench_run *run, int id) \
	{                                                        \
		(void)id;                                        \
		bench_ping(run, &(ops));                         \
	}                                                        \
	static void fn##_consumer(struct bench_run *run, int id) \
	{                                                        \
		(void)id;                                        \
		bench_pong(run, &(ops));                         \
	}                                                        \
	enum { fn##_end }

#define BENCH_CASE_DEPTH(transport, scenario, fn, ops, mode, depth, note)                     \
	{                                                                                     \
		transport, scenario, note, &(ops), (enum bench_shape)fn##_shape, mode, depth, \
			fn##_producer, fn##_consumer                                          \
	}
#define BENCH_CASE(transport, scenario, fn, ops, mode, note) \
	BENCH_CASE_DEPTH(transport, scenario, fn, ops, mode, 0, note)

#endif /* BENCH_STREAM_H */
