/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of perf_test_ringbuffer. */
#ifndef PERF_OPTIONS_H
#define PERF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <ringbuf.h>

/**
 * struct perf_options - the options of a run
 * @slot_bytes: size of a slot and of every message
 * @slots: slots of the ring
 * @duration: seconds for which the writers write
 * @rate: writes per second of each writer; 0: as fast as possible
 * @burn_ms: how long a reader keeps a CPU busy after each message
 * @readers: number of reader processes, each of which reads every message
 * @writers: number of writer processes
 * @batch: number of slots to reserve or peek at a time
 * @policy: policy of the readers
 * @host: host of the ring, never RINGBUF_HOST_AUTO
 * @debug: log to stderr what each process does
 * @verify: check the CRC-32 of every message
 * @blocking: sleep in the ring for room instead of trying again by the clock
 * @zero_copy: write and read messages in the slots, without a copy
 * @exclusive: ask for a ring with an exclusive writer
 * @json: file to write the figures to, "-" for stdout, or NULL
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
	struct ringbuf_policy policy;
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

/* Set @o from the command line.  Exit on --help, --version and impossible options. */
void perf_options_parse(struct perf_options *o, int argc, char **argv);

/* Print, as one line, the options that repeat this run. */
void perf_options_print(const struct perf_options *o, FILE *out);

/* Exit with a line on stderr if this machine has too few resources for @o. */
void perf_limits_check(const struct perf_options *o);

/* The largest values of the options that no limit of a ring restricts. */
#define PERF_SECONDS_MAX 1e7
#define PERF_RATE_MAX	 1e9

#endif /* PERF_OPTIONS_H */
