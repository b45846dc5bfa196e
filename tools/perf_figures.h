/* SPDX-License-Identifier: GPL-2.0 */
/* The figures of a run, computed once for the report and for JSON. */
#ifndef PERF_FIGURES_H
#define PERF_FIGURES_H

#include "perf_run.h"

/**
 * struct perf_figures - one process
 * @seconds: from the start of the run to its end
 * @slots_per_second: achieved
 * @mbytes_per_second: achieved, in 10^6 bytes
 * @target: slots per second; 0: none
 * @percent: relative to the target, 0 is right on it
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
 * struct perf_totals - all processes
 * @written: by all writers
 * @planned: writes that were due in the time; 0 without a target, or after a signal
 * @read: by all readers
 * @waited, @retries, @late: of all writers
 * @lost, @bad, @disordered, @holes: of all readers
 * @lag: worst of all readers
 * @laggard: who had it, or NULL
 * @died: processes that failed or were killed
 * @seconds: the longest of a writer
 * @target: of all writers together
 * @slots_per_second: of all writers together
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
	unsigned int died;
	double seconds;
	double target;
	double slots_per_second;
};

void perf_totals(const struct perf_run *run, struct perf_totals *t);

/* Whether every reader got every message and nobody died. */
bool perf_passed(const struct perf_totals *t);

/* What to exit with. */
int perf_exit_status(const struct perf_run *run, const struct perf_totals *t);

/* The report for people, and the one for programs: 0 or a negative errno. */
void perf_report(const struct perf_run *run, FILE *out);
int perf_json(const struct perf_run *run, const char *path);

#endif /* PERF_FIGURES_H */
