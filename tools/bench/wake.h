/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Scenarios of readers that sleep: what a message costs its writer, what the readers cost
 * while nothing happens, and how often each of them is woken.  The writer waits until all
 * readers sleep before each message.
 */
#ifndef BENCH_WAKE_H
#define BENCH_WAKE_H

#include "bench.h"

/* The writer's processor time for a message: the lowest tenth of the rounds. */
void bench_wake_producer(struct bench_run *run, int id);
void bench_wake_consumer(struct bench_run *run, int id);
/* The readers' processor time in a second without a message. */
void bench_idle_producer(struct bench_run *run, int id);
/* Messages, one by one or paced; the consumer of the case counts. */
void bench_count_producer(struct bench_run *run, int id);

#define BENCH_SLEEP_CASE(peer, scenario, ops, shape, note, what)                              \
	{                                                                                     \
		peer, scenario, note, &(ops), shape, BENCH_BLOCK, 0, bench_##what##_producer, \
			bench_wake_consumer                                                   \
	}

/* Where one message cannot reach several readers, there is a channel for each reader. */
#define BENCH_WAKE_CASES(peer, ops)                                                \
	BENCH_SLEEP_CASE(peer, "W1", ops, BENCH_FAN, "one for each reader", wake), \
		BENCH_SLEEP_CASE(peer, "W100", ops, BENCH_FAN, "one for each reader", wake)

#endif /* BENCH_WAKE_H */
