/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Scenarios in which the readers sleep: they measure the processor time that a message costs its
 * writer, the processor time of readers without messages, and how often each reader is woken.
 * The writer waits before each message until all readers sleep.
 */
#ifndef BENCH_WAKE_H
#define BENCH_WAKE_H

#include "bench.h"

/* Measure the writer's processor time for a message; the result is its 10th percentile. */
void bench_wake_producer(struct bench_run *run, int id);
void bench_wake_consumer(struct bench_run *run, int id);
/* Measure the readers' processor time in a second without messages. */
void bench_idle_producer(struct bench_run *run, int id);
/*
 * Send messages, each when all readers sleep, or at the pace of the scenario.  The consumer of the
 * case counts the wake-ups.
 */
void bench_count_producer(struct bench_run *run, int id);

#define BENCH_SLEEP_CASE(transport, scenario, ops, shape, note, what)                              \
	{                                                                                          \
		transport, scenario, note, &(ops), shape, BENCH_BLOCK, 0, bench_##what##_producer, \
			bench_wake_consumer                                                        \
	}

/* A transport whose messages reach only one reader has a channel for each reader of the scenario.
 */
#define BENCH_WAKE_CASES(transport, ops)                                                \
	BENCH_SLEEP_CASE(transport, "W1", ops, BENCH_FAN, "one for each reader", wake), \
		BENCH_SLEEP_CASE(transport, "W100", ops, BENCH_FAN, "one for each reader", wake)

#endif /* BENCH_WAKE_H */
