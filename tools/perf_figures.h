/* SPDX-License-Identifier: GPL-2.0 */
/* The figures of a run, computed once for the report and for JSON. */
#ifndef PERF_FIGURES_H
#define PERF_FIGURES_H

#include "perf_run.h"

/**
 * struct perf_figures - rates of one process
 * @seconds: time from the start of the run to the end of the process
 * @slots_per_second: achieved rate
 * @mbytes_per_second: achieved rate, in 10^6 bytes per second
 * @target: wanted rate, in slots per second; 0: none
 * @percent: by how many percent the achieved rate is above @target, negative if below
 */
struct perf_figures {
	double seconds;
	double slots_per_second;
	double mbytes_per_second;
	double target;
	double percent;
};

void perf_figures(const struct perf_run *run, const struct perf_process *p, struct perf_figures *f);

/**
 * struct perf_totals - sums over the processes of a run
 * @written: messages that the writers have written
 * @planned: writes that were due until the writers ended; 0 without a target rate or after a
 *	signal
 * @read: messages that the readers have read
 * @waited, @retries, @late: sums over the writers, see struct perf_process
 * @lost, @bad, @disordered, @holes: sums over the readers, see struct perf_process
 * @lag: the largest lag of a reader
 * @laggard: the reader with that lag, or NULL
 * @evicted: number of readers that were evicted by their policy
 * @may_lose: the policy of the readers lets them lose messages
 * @died: number of processes that failed or were killed
 * @seconds: the longest time of a writer
 * @target: wanted rate of all writers together, in slots per second
 * @slots_per_second: achieved rate of all writers together
 */
struct perf_totals {
	uint64_t written;
	uint64_t planned;
	uint64_t read;
	uint64_t waited;
	uint64_t retries;
	uint64_t late;
	uint64_t lost;
	uint64_t bad;
	uint64_t disordered;
	uint64_t holes;
	uint64_t lag;
	const struct perf_process *laggard;
	unsigned int evicted;
	bool may_lose;
	unsigned int died;
	double seconds;
	double target;
	double slots_per_second;
};

void perf_totals(const struct perf_run *run, struct perf_totals *t);

/* Return whether every reader got every message that its policy let it get and no process died. */
bool perf_passed(const struct perf_totals *t);

/* Return the exit status of the program. */
int perf_exit_status(const struct perf_run *run, const struct perf_totals *t);

/* Print the summary as text. */
void perf_report(const struct perf_run *run, FILE *out);

/* Write options and figures as JSON to the file @path.  Return 0 or a negative errno. */
int perf_json(const struct perf_run *run, const char *path);

#endif /* PERF_FIGURES_H */
