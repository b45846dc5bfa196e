/* SPDX-License-Identifier: GPL-2.0 */
/* What the flags of perf_test_ringbuffer say. */
#ifndef PERF_OPTIONS_H
#define PERF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <ringbuf.h>

/**
 * struct perf_options - one run
 * @slot_bytes: size of a slot and of every message
 * @slots: slots of the ring
 * @duration: seconds for which the writers write
 * @rate: writes per second of each writer; 0 means as fast as it goes
 * @burn_ms: how long a reader keeps a CPU busy after each message
 * @readers: processes that read every message
 * @writers: processes that write
 * @batch: slots in one reservation
 * @host: what the command line says; the environment may say more
 * @debug: log to stderr what happens
 * @verify: CRC-32 of every message
 * @blocking: sleep in the ring for room instead of trying again
 * @zero_copy: reserve/commit and peek/release
 * @exclusive: ask for a ring with an exclusive writer
 * @json: file for the figures, "-" is stdout, or NULL
 */
struct perf_options {
	uint64_t slot_bytes;
	uint64_t slots;
	double duration;
	double rate;
	double burn_ms;
	uint32_t readers;
	uint32_t writers;
	uint32_t batch;
	enum ringbuf_host host;
	bool debug;
	bool verify;
	bool blocking;
	bool zero_copy;
	bool exclusive;
	const char *json;
};

#define PERF_EXIT_FAILED 1
#define PERF_EXIT_USAGE	 2

/* Ends the program on --help, --version and on a mistake. */
void perf_options_parse(struct perf_options *o, int argc, char **argv);

/* The flags that give this run again, on one line. */
void perf_options_print(const struct perf_options *o, FILE *out);

/* Whether this machine can do it; else says why not on stderr and ends. */
void perf_limits_check(const struct perf_options *o);

/* Most of what the flags allow beside the limits of every ring. */
#define PERF_SECONDS_MAX 1e7
#define PERF_RATE_MAX	 1e9

#endif /* PERF_OPTIONS_H */
