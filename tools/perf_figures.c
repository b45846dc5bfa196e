// SPDX-License-Identifier: GPL-2.0
/* The figures of a run. */
#include <math.h>

#include "common/policy.h"
#include "perf_figures.h"

void perf_figures(const struct perf_run *run, const struct perf_process *p, struct perf_figures *f)
{
	const struct perf_options *o = &run->shared->options;
	double slots = (double)p->slots;

	*f = (struct perf_figures){ 0 };
	if (p->ended > p->started && p->started)
		f->seconds = (double)(p->ended - p->started) / 1e9;
	if (f->seconds > 0)
		f->slots_per_second = slots / f->seconds;
	f->mbytes_per_second = f->slots_per_second * (double)o->slot_bytes / 1e6;
	f->target = p->role == PERF_WRITER ? o->rate : o->rate * o->writers;
	if (f->target > 0)
		f->percent = 100 * (f->slots_per_second - f->target) / f->target;
}

/* Return how many writes were due within @seconds, rounded up to whole batches. */
static uint64_t planned(const struct perf_options *o, double seconds)
{
	double due = o->rate * fmin(seconds, o->duration);

	return (uint64_t)ceil(due / o->batch - 1e-6) * o->batch;
}

static void add_writer(const struct perf_run *run, const struct perf_process *p,
		       struct perf_totals *t)
{
	struct perf_figures f;

	perf_figures(run, p, &f);
	t->written += p->slots;
	if (!run->signal)
		t->planned += planned(&run->shared->options, f.seconds);
	t->waited += p->waited;
	t->retries += p->retries;
	t->late += p->late;
	t->seconds = fmax(t->seconds, f.seconds);
}

static void add_reader(const struct perf_process *p, struct perf_totals *t)
{
	t->read += p->slots;
	t->lost += p->lost;
	t->bad += p->bad;
	t->disordered += p->disordered;
	t->holes += p->holes;
	t->evicted += p->evicted;
	if (p->lag > t->lag) {
		t->lag = p->lag;
		t->laggard = p;
	}
}

void perf_totals(const struct perf_run *run, struct perf_totals *t)
{
	const struct perf_shared *s = run->shared;
	uint32_t i;

	*t = (struct perf_totals){
		.target = s->options.rate * s->options.writers,
		.may_lose = policy_loses(s->options.policy.kind),
	};
	for (i = 0; i < s->count; i++) {
		t->died += perf_died(&s->process[i]);
		if (s->process[i].role == PERF_WRITER)
			add_writer(run, &s->process[i], t);
		else
			add_reader(&s->process[i], t);
	}
	if (t->seconds > 0)
		t->slots_per_second = (double)t->written / t->seconds;
}

bool perf_passed(const struct perf_totals *t)
{
	return !t->died && (!t->lost || t->may_lose) && !t->bad && !t->disordered;
}

int perf_exit_status(const struct perf_run *run, const struct perf_totals *t)
{
	if (!perf_passed(t))
		return PERF_EXIT_FAILED;
	return run->signal ? 128 + run->signal : 0;
}
