// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Report results: medians, a line of JSON for each, a table for each scenario. */
#include "message.h"

#include <errno.h>

#define MAX_RESULTS 1024

static struct bench_result results[MAX_RESULTS];
const struct bench_result *bench_results = results;
size_t bench_result_count;
static FILE *json;

int bench_report_open(const char *path)
{
	json = fopen(path, "w");
	return json ? 0 : -errno;
}

int bench_report_close(void)
{
	bool failed;

	if (!json)
		return 0;
	failed = ferror(json);
	if (fclose(json))
		return -errno;
	return failed ? -EIO : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Return the median of @n values; sorts @v. */
double bench_median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static const char *mode_name(enum bench_mode mode)
{
	static const char *const name[] = { "spin", "spin inside", "spin+yield", "block" };

	return name[mode];
}

static void print_params(FILE *f, const struct bench_run *run)
{
	const struct bench_scenario *sc = run->sc;

	fprintf(f, "\"bytes\":%zu,\"writers\":%d,\"readers\":%d", run->params.bytes, sc->writers,
		sc->readers);
	if (run->cs->ops->own_depth)
		fprintf(f, ",\"depth\":\"transport's own\"");
	else
		fprintf(f, ",\"depth\":%zu", run->params.depth);
	fprintf(f, ",\"mode\":\"%s\"", mode_name(run->params.mode));
	if (sc->flags & BENCH_BATCHES)
		fprintf(f, ",\"batch\":%d", BENCH_BATCH);
	if (sc->flags & BENCH_SAME_CPU)
		fprintf(f, ",\"cpus\":\"same\"");
	if (bench_options.floating)
		fprintf(f, ",\"pinned\":false");
	if (sc->pace_us)
		fprintf(f, ",\"pace_us\":%u", sc->pace_us);
	if (run->note[0])
		fprintf(f, ",\"note\":\"%s\"", run->note);
}

static void add(const struct bench_run *run, const char *metric, const char *unit, double *v, int n)
{
	struct bench_result *r = &results[bench_result_count];

	if (bench_result_count == MAX_RESULTS)
		return;
	bench_result_count++;
	r->transport = run->cs->transport;
	r->scenario = run->sc->name;
	r->metric = metric;
	r->unit = unit;
	r->depth = run->params.depth;
	r->reps = n;
	memcpy(r->rep, v, sizeof(*v) * (size_t)n);
	r->value = bench_median(v, n);
	r->min = v[0];
	r->max = v[n - 1];
	snprintf(r->note, sizeof(r->note), "%s%s%s", mode_name(run->params.mode),
		 run->note[0] ? "; " : "", run->note);
	if (!json)
		return;
	fprintf(json, "{\"transport\":\"%s\",\"scenario\":\"%s\",\"params\":{", r->transport,
		r->scenario);
	print_params(json, run);
	fprintf(json,
		"},\"metric\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"min\":%.6g,"
		"\"max\":%.6g,\"reps\":%d}\n",
		metric, unit, r->value, r->min, r->max, n);
	fflush(json);
}

/* Return messages per second, from the first start of a writer to the last end of a reader. */
static double rate(const struct bench_run *run, const struct bench_rep *rep)
{
	uint64_t start = UINT64_MAX, end = 0, sent = 0;
	int i;

	for (i = 0; i < run->sc->writers; i++) {
		sent += rep->sent[i];
		if (rep->start[i] < start)
			start = rep->start[i];
	}
	for (i = 0; i < run->sc->readers; i++)
		if (rep->end[i] > end)
			end = rep->end[i];
	return (double)sent / ((double)(end - start) / 1e9);
}

static void report_costs(const struct bench_run *run, int reps)
{
	static const char *const metric[][2] = {
		[BENCH_WAKE] = { "writer_cpu" },
		[BENCH_IDLE] = { "readers_cpu" },
		[BENCH_WAKEUPS] = { "wakeups_of_100", "wakeups_of_1" },
	};
	const char *const *name = metric[run->sc->kind];
	double v[BENCH_MAX_REPS];
	int i, k;

	for (k = 0; k < 2 && name[k]; k++) {
		for (i = 0; i < reps; i++)
			v[i] = run->shared->rep[i + 1].cost[k];
		add(run, name[k], run->sc->kind == BENCH_WAKEUPS ? "wake-ups" : "us", v, reps);
	}
}

void bench_report(const struct bench_run *run)
{
	static const char *const metric[] = { "rtt_p50", "rtt_p99", "rtt_p99.9" };
	double v[BENCH_MAX_REPS];
	int reps = run->round - 1, i, k;

	if (run->sc->kind >= BENCH_WAKE) {
		report_costs(run, reps);
		return;
	}
	if (run->sc->kind != BENCH_ROUND_TRIP) {
		bool bytes = run->sc->kind == BENCH_BANDWIDTH;

		for (i = 0; i < reps; i++)
			v[i] = rate(run, &run->shared->rep[i + 1]) *
			       (bytes ? (double)run->params.bytes / 1e6 : 1);
		add(run, "throughput", bytes ? "MB/s" : "msg/s", v, reps);
		return;
	}
	for (k = 0; k < (run->sc->pace_us ? 2 : 3); k++) {
		for (i = 0; i < reps; i++)
			v[i] = run->shared->rep[i + 1].rtt[k];
		add(run, metric[k], "ns", v, reps);
	}
}

void bench_number(char *text, size_t size, double v)
{
	if (v >= 1e6)
		snprintf(text, size, "%.2f M", v / 1e6);
	else if (v >= 1e5)
		snprintf(text, size, "%.1f k", v / 1e3);
	else if (v >= 100)
		snprintf(text, size, "%.0f", v);
	else
		snprintf(text, size, "%.3g", v);
}

/* Order results by metric, and within a metric the best first. */
static int by_rank(const void *a, const void *b)
{
	const struct bench_result *x = *(const struct bench_result *const *)a;
	const struct bench_result *y = *(const struct bench_result *const *)b;
	int metric = strcmp(x->metric, y->metric);
	bool more_is_better = strstr(x->unit, "/s");
	double better = more_is_better ? y->value - x->value : x->value - y->value;

	return metric ? metric : (better > 0) - (better < 0);
}

void bench_report_table(const struct bench_scenario *sc)
{
	const struct bench_result *row[MAX_RESULTS];
	size_t n = 0, i;

	for (i = 0; i < bench_result_count; i++)
		if (!strcmp(results[i].scenario, sc->name))
			row[n++] = &results[i];
	if (!n)
		return;
	qsort(row, n, sizeof(row[0]), by_rank);
	printf("\n### %s: %s\n\n| transport | metric | median | min - max | unit | notes |\n"
	       "| --- | --- | ---: | ---: | --- | --- |\n",
	       sc->name, sc->title);
	for (i = 0; i < n; i++) {
		char value[24], min[24], max[24];

		bench_number(value, sizeof(value), row[i]->value);
		bench_number(min, sizeof(min), row[i]->min);
		bench_number(max, sizeof(max), row[i]->max);
		printf("| %s | %s | %s | %s - %s | %s | %s |\n", row[i]->transport, row[i]->metric,
		       value, min, max, row[i]->unit, row[i]->note);
	}
	fflush(stdout);
}
