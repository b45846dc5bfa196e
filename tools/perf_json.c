// SPDX-License-Identifier: GPL-2.0
/* The report of a run for programs: one JSON object. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "common/policy.h"
#include "perf_figures.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *reader_policy(const struct ringbuf_policy *policy)
{
	json_t *j = json_object();

	policy_json(j, policy);
	return j;
}

static json_t *config(const struct perf_run *run)
{
	const struct perf_options *o = &run->shared->options;
	json_t *j = json_object();

	json_object_set_new(j, "host",
			    json_string(run->geometry.host == RINGBUF_HOST_MODULE ? "module"
										  : "embedded"));
	json_object_set_new(j, "slot_bytes", number(o->slot_bytes));
	json_object_set_new(j, "slot_stride", number(run->geometry.slot_stride));
	json_object_set_new(j, "slots", number(o->slots));
	json_object_set_new(j, "duration_seconds", json_real(o->duration));
	json_object_set_new(j, "writes_per_second", json_real(o->rate));
	json_object_set_new(j, "readers", number(o->readers));
	json_object_set_new(j, "writers", number(o->writers));
	json_object_set_new(j, "reader_burn_cpu_milliseconds", json_real(o->burn_ms));
	json_object_set_new(j, "batch", number(o->batch));
	json_object_set_new(j, "reader_policy", reader_policy(&o->policy));
	json_object_set_new(j, "verify_writes", json_boolean(o->verify));
	json_object_set_new(j, "blocking", json_boolean(o->blocking));
	json_object_set_new(j, "zero_copy", json_boolean(o->zero_copy));
	json_object_set_new(j, "exclusive", json_boolean(o->exclusive));
	json_object_set_new(j, "debug", json_boolean(o->debug));
	return j;
}

/* Return f->percent, or null without a target. */
static json_t *percent(const struct perf_figures *f)
{
	return f->target > 0 ? json_real(f->percent) : json_null();
}

static void set_role_figures(json_t *j, const struct perf_process *p)
{
	if (p->role == PERF_WRITER) {
		json_object_set_new(j, "waited", number(p->waited));
		json_object_set_new(j, "retries", number(p->retries));
		json_object_set_new(j, "late", number(p->late));
		return;
	}
	json_object_set_new(j, "worst_lag", number(p->lag));
	json_object_set_new(j, "lost", number(p->lost));
	json_object_set_new(j, "evicted", json_boolean(p->evicted));
	json_object_set_new(j, "damaged", number(p->bad));
	json_object_set_new(j, "disordered", number(p->disordered));
	json_object_set_new(j, "holes", number(p->holes));
}

static json_t *process(const struct perf_run *run, const struct perf_process *p)
{
	json_t *j = json_object();
	struct perf_figures f;

	perf_figures(run, p, &f);
	json_object_set_new(j, "role", json_string(p->role == PERF_WRITER ? "writer" : "reader"));
	json_object_set_new(j, "number", number(p->index + 1));
	json_object_set_new(j, "pid", number((uint64_t)p->pid));
	json_object_set_new(j, "exit_status",
			    WIFEXITED(p->status) ? number((uint64_t)WEXITSTATUS(p->status))
						 : json_null());
	json_object_set_new(j, "signal",
			    WIFSIGNALED(p->status) ? number((uint64_t)WTERMSIG(p->status))
						   : json_null());
	json_object_set_new(j, "error", p->error ? json_string(strerror(-p->error)) : json_null());
	json_object_set_new(j, "slots", number(p->slots));
	json_object_set_new(j, "seconds", json_real(f.seconds));
	json_object_set_new(j, "mbytes_per_second", json_real(f.mbytes_per_second));
	json_object_set_new(j, "slots_per_second", json_real(f.slots_per_second));
	json_object_set_new(j, "percent_relative_to_target", percent(&f));
	set_role_figures(j, p);
	return j;
}

static json_t *processes(const struct perf_run *run)
{
	json_t *j = json_array();
	uint32_t i;

	for (i = 0; i < run->shared->count; i++)
		json_array_append_new(j, process(run, &run->shared->process[i]));
	return j;
}

static json_t *summary(const struct perf_run *run)
{
	json_t *j = json_object();
	struct perf_totals t;

	perf_totals(run, &t);
	json_object_set_new(j, "written", number(t.written));
	json_object_set_new(j, "due", t.planned ? number(t.planned) : json_null());
	json_object_set_new(j, "read", number(t.read));
	json_object_set_new(j, "seconds", json_real(t.seconds));
	json_object_set_new(j, "slots_per_second", json_real(t.slots_per_second));
	json_object_set_new(j, "target_slots_per_second", json_real(t.target));
	json_object_set_new(j, "waited", number(t.waited));
	json_object_set_new(j, "retries", number(t.retries));
	json_object_set_new(j, "late", number(t.late));
	json_object_set_new(j, "worst_lag", number(t.lag));
	json_object_set_new(j, "lost", number(t.lost));
	json_object_set_new(j, "evicted", number(t.evicted));
	json_object_set_new(j, "damaged", number(t.bad));
	json_object_set_new(j, "disordered", number(t.disordered));
	json_object_set_new(j, "holes", number(t.holes));
	json_object_set_new(j, "died", number(t.died));
	json_object_set_new(j, "signal", run->signal ? number((uint64_t)run->signal) : json_null());
	json_object_set_new(j, "passed", json_boolean(perf_passed(&t)));
	return j;
}

static int dump(json_t *j, FILE *out)
{
	if (json_dumpf(j, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) || fputc('\n', out) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

int perf_json(const struct perf_run *run, const char *path)
{
	FILE *out = strcmp(path, "-") ? fopen(path, "we") : stdout;
	json_t *j;
	int err;

	if (!out)
		return -errno;
	j = json_object();
	json_object_set_new(j, "tool", json_string("perf_test_ringbuffer"));
	json_object_set_new(j, "version", json_string(ringbuf_version()));
	json_object_set_new(j, "config", config(run));
	json_object_set_new(j, "processes", processes(run));
	json_object_set_new(j, "summary", summary(run));
	errno = 0;
	err = dump(j, out);
	json_decref(j);
	if (out == stdout) /* output_begin() checks it at exit */
		return 0;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}
