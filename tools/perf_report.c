// SPDX-License-Identifier: GPL-2.0
/* The summary of a run for people. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "common/policy.h"
#include "perf_figures.h"
#include "perf_log.h"

static void print_process(const struct perf_run *run, const struct perf_process *p, FILE *out)
{
	struct perf_figures f;

	perf_figures(run, p, &f);
	fprintf(out, "%s (pid %d)%s\n", perf_name(p), (int)p->pid,
		perf_died(p) ? ", which died" : "");
	fprintf(out, "%" PRIu64 " slots in %f seconds\n", p->slots, f.seconds);
	fprintf(out, "%f MBytes per second\n", f.mbytes_per_second);
	fprintf(out, "%f slots/second", f.slots_per_second);
	if (f.target > 0)
		fprintf(out, ", %.1f%% relative to target", f.percent + 0.0);
	fputs("\n\n", out);
}

static void print_written(const struct perf_run *run, const struct perf_totals *t, FILE *out)
{
	const struct perf_options *o = &run->shared->options;

	fprintf(out, "  written    %" PRIu64, t->written);
	if (t->planned)
		fprintf(out, " of %" PRIu64 " due", t->planned);
	fprintf(out, " in %.2f s by %u writer%s: %.2f/s", t->seconds, o->writers,
		o->writers == 1 ? "" : "s", t->slots_per_second);
	if (t->target > 0)
		fprintf(out, ", target %g/s (%.1f%%)", t->target,
			100 * t->slots_per_second / t->target);
	fprintf(out, ", %.1f MB/s\n", t->slots_per_second * (double)o->slot_bytes / 1e6);
}

static void print_pace(const struct perf_run *run, const struct perf_totals *t, FILE *out)
{
	fprintf(out,
		"  waited     %" PRIu64 " writes found a slow reader (%" PRIu64 " further tries)\n",
		t->waited, t->retries);
	if (t->target > 0)
		fprintf(out, "  late       %" PRIu64 " writes, by more than a period\n", t->late);
	fprintf(out, "  worst lag  %" PRIu64 " of %" PRIu64 " slots", t->lag,
		run->shared->options.slots);
	if (t->laggard)
		fprintf(out, ", %s", perf_name(t->laggard));
	fputc('\n', out);
}

static void print_checks(const struct perf_run *run, const struct perf_totals *t, FILE *out)
{
	const struct perf_options *o = &run->shared->options;

	fprintf(out, "  read       %" PRIu64 " by %u reader%s, each checked for number, length%s\n",
		t->read, o->readers, o->readers == 1 ? "" : "s", o->verify ? " and CRC-32" : "");
	fprintf(out, "  lost       %" PRIu64 "%s\n", t->lost,
		t->lost && t->may_lose ? ", as the policy allows" : "");
	if (t->evicted)
		fprintf(out, "  evicted    %u of %u readers, as the policy demands\n", t->evicted,
			o->readers);
	if (t->bad || t->disordered)
		fprintf(out, "  damaged    %" PRIu64 ", and %" PRIu64 " doubled or out of order\n",
			t->bad, t->disordered);
	if (t->holes)
		fprintf(out, "  holes      %" PRIu64 " slots given up by a writer that died\n",
			t->holes);
	if (t->died)
		fprintf(out, "  died       %u of %u processes\n", t->died, run->shared->count);
}

void perf_report(const struct perf_run *run, FILE *out)
{
	const struct perf_shared *s = run->shared;
	char policy[POLICY_TEXT_BYTES + 16] = "", text[POLICY_TEXT_BYTES];
	struct perf_totals t;
	uint32_t i;

	if (s->options.policy.kind != RINGBUF_BLOCK)
		snprintf(policy, sizeof(policy), ", readers: %s",
			 policy_text(text, &s->options.policy));
	perf_totals(run, &t);
	for (i = 0; i < s->count; i++)
		print_process(run, &s->process[i], out);
	fprintf(out, "Summary (%s host, %s writer%s%s%s%s)\n",
		run->geometry.host == RINGBUF_HOST_MODULE ? "module" : "embedded",
		s->options.exclusive ? "exclusive" : "shared", s->options.writers == 1 ? "" : "s",
		s->options.zero_copy ? ", zero-copy" : "", s->options.blocking ? ", blocking" : "",
		policy);
	print_written(run, &t, out);
	print_pace(run, &t, out);
	print_checks(run, &t, out);
	if (run->signal)
		fprintf(out, "  ended early by signal %d (%s)\n", run->signal,
			strsignal(run->signal));
	fprintf(out, "%s\n", perf_passed(&t) ? "OK" : "FAILED");
	fflush(out);
}
