// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Compare the ring with other transports in the same run, and say which targets are met. */
#include "message.h"

/**
 * struct target - how the ring shall compare with another transport
 * @scenario: scenario of the ring
 * @transport: name of the ring in the results
 * @depth: number of its slots; 0: any
 * @metric: the metric that is compared
 * @other_scenario: scenario of the other transport
 * @other: name of the other transport; NULL: the best one that is not a ring
 * @other_depth: number of slots of the other transport; 0: any
 * @factor: the ring's result divided by the other's shall be at most this for a time, at least
 *	this for a rate
 * @worst: compare the slowest repetition of the ring, not the median
 */
struct target {
	const char *scenario;
	const char *transport;
	size_t depth;
	const char *metric;
	const char *other_scenario;
	const char *other;
	size_t other_depth;
	double factor;
	bool worst;
};

static const struct target targets[] = {
	{ "L1", "ringbuf_exclusive", 0, "rtt_p50", "L1", "shm_flag_8B", 0, 1.5, false },
	{ "L1", "ringbuf_shared", 0, "rtt_p50", "L1", "shm_flag_8B", 0, 1.5, false },
	{ "L2", "ringbuf_exclusive", 0, "rtt_p50", "L2", "futex", 0, 1.1, false },
	{ "L2", "ringbuf_shared", 0, "rtt_p50", "L2", "futex", 0, 1.1, false },
	{ "L2", "ringbuf_nospin", 0, "rtt_p50", "L2", "futex", 0, 1.1, false },
	{ "L2s", "ringbuf_exclusive", 0, "rtt_p50", "L2s", "futex", 0, 1.1, false },
	{ "L2s", "ringbuf_shared", 0, "rtt_p50", "L2s", "futex", 0, 1.1, false },
	{ "T1", "ringbuf_exclusive", 1024, "throughput", "T1", "hand_ring", 0, 0.5, false },
	{ "T1", "ringbuf_shared", 1024, "throughput", "T1", "hand_ring", 0, 0.2, false },
	{ "T1", "ringbuf_exclusive", 1000, "throughput", "T1", "ringbuf_exclusive", 1024, 0.95,
	  false },
	{ "T1", "ringbuf_shared", 1000, "throughput", "T1", "ringbuf_shared", 1024, 0.95, false },
	{ "T1b", "ringbuf_exclusive", 0, "throughput", "T1b", "hand_ring", 0, 0.6, false },
	{ "T2", "ringbuf_exclusive", 0, "throughput", "T2", NULL, 0, 0.95, false },
	{ "T3", "ringbuf_exclusive", 0, "throughput", "T3", "hand_ring_fan", 0, 0.6, false },
	{ "T4", "ringbuf_shared", 0, "throughput", "T1", "hand_ring", 0, 0.1, false },
	{ "T4", "ringbuf_shared", 0, "throughput", "T1", "hand_ring", 0, 0.1, true },
	{ "T5", "ringbuf_exclusive", 0, "throughput", "T5", "iceoryx", 0, 1.0, false },
};

static const struct target vm_targets[] = {
	{ "L2", "ringbuf_nospin", 0, "rtt_p50", "L2", "eventfd", 0, 1.1, false },
	{ "L2s", "ringbuf_nospin", 0, "rtt_p50", "L2s", "eventfd", 0, 1.1, false },
	{ "L2s", "ringbuf_exclusive", 0, "rtt_p50", "L2s", "eventfd", 0, 1.1, false },
	{ "L2s", "ringbuf_shared", 0, "rtt_p50", "L2s", "eventfd", 0, 1.1, false },
};

static bool lower_is_better(const char *metric)
{
	return !strncmp(metric, "rtt", 3);
}

static bool is_ring(const struct target *t, const struct bench_result *r)
{
	return !strcmp(r->transport, t->transport) && !strcmp(r->scenario, t->scenario) &&
	       (!t->depth || r->depth == t->depth);
}

static bool is_other(const struct target *t, const struct bench_result *r)
{
	if (strcmp(r->scenario, t->other_scenario) ||
	    (t->other_depth && r->depth != t->other_depth))
		return false;
	return t->other ? !strcmp(r->transport, t->other)
			: strncmp(r->transport, "ringbuf", 7) != 0;
}

/*
 * Return the ring's result divided by the other's.  In the same scenario repetition
 * k of both ran within seconds of each other, under the same other load: so take the
 * median of the ratios of repetition k.
 */
static double ratio_of(const struct target *t, const struct bench_result *ring,
		       const struct bench_result *other)
{
	double ratio[BENCH_MAX_REPS];
	int i;

	if (t->worst)
		return (lower_is_better(t->metric) ? ring->max : ring->min) / other->value;
	if (ring->reps != other->reps || strcmp(t->scenario, t->other_scenario))
		return ring->value / other->value;
	for (i = 0; i < ring->reps; i++)
		ratio[i] = ring->rep[i] / other->rep[i];
	return bench_median(ratio, ring->reps);
}

static const struct bench_result *find_ring(const struct target *t)
{
	size_t i;

	for (i = 0; i < bench_result_count; i++)
		if (is_ring(t, &bench_results[i]) && !strcmp(bench_results[i].metric, t->metric))
			return &bench_results[i];
	return NULL;
}

/* Return the other transport of @t; if several match, the one with which the ring compares worst.
 */
static const struct bench_result *find_other(const struct target *t,
					     const struct bench_result *ring, double *ratio)
{
	const struct bench_result *found = NULL;
	size_t i;

	for (i = 0; i < bench_result_count; i++) {
		const struct bench_result *r = &bench_results[i];
		double x;

		if (!is_other(t, r) || strcmp(r->metric, t->metric))
			continue;
		x = ring ? ratio_of(t, ring, r) : 0;
		if (found && (lower_is_better(t->metric) ? x <= *ratio : x >= *ratio))
			continue;
		found = r;
		*ratio = x;
	}
	return found;
}

static void print_target(const struct target *t)
{
	bool lower = lower_is_better(t->metric);
	const struct bench_result *ring = find_ring(t);
	double ratio = 0;
	const struct bench_result *other = find_other(t, ring, &ratio);
	char mine[24] = "-", theirs[24] = "-";

	if (ring)
		bench_number(mine, sizeof(mine),
			     !t->worst ? ring->value
			     : lower   ? ring->max
				       : ring->min);
	if (other)
		bench_number(theirs, sizeof(theirs), other->value);
	printf("| %s | %s", t->scenario, t->transport);
	if (t->depth)
		printf(" %zu slots", t->depth);
	printf("%s | %s | ", t->worst ? ", slowest" : "", mine);
	if (strcmp(t->scenario, t->other_scenario))
		printf("%s ", t->other_scenario);
	printf("%s", other ? other->transport : t->other ? t->other : "best other");
	if (t->other_depth)
		printf(" %zu slots", t->other_depth);
	printf(" | %s | %s %.2f | ", theirs, lower ? "at most" : "at least", t->factor);
	if (!ring || !other)
		printf("- | not measured |\n");
	else
		printf("%.2f | %s |\n", ratio,
		       (lower ? ratio <= t->factor : ratio >= t->factor) ? "met" : "NOT met");
}

void bench_report_targets(void)
{
	const struct target *list = bench_options.vm ? vm_targets : targets;
	size_t n = bench_options.vm ? BENCH_ARRAY_SIZE(vm_targets) : BENCH_ARRAY_SIZE(targets);
	size_t i;

	printf("\n### targets\n\n| scenario | ring | measured | other | measured | aim, times the other"
	       " | ratio | |\n| --- | --- | ---: | --- | ---: | --- | ---: | --- |\n");
	for (i = 0; i < n; i++)
		print_target(&list[i]);
}
