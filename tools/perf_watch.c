// SPDX-License-Identifier: GPL-2.0
/* Wait for the processes of a run, show progress, and end processes that hang. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "perf_log.h"
#include "perf_run.h"

#define CHECK	 (200 * NS_PER_MS)
#define PATIENCE (30 * NS_PER_S) /* without progress after the end of the writes */

bool perf_died(const struct perf_process *p)
{
	return p->reaped && (!WIFEXITED(p->status) || WEXITSTATUS(p->status));
}

static void say_how_it_died(const struct perf_shared *s, const struct perf_process *p)
{
	if (p->killed)
		perf_log(s, p, "process %d was ended: %s", (int)p->pid, p->killed);
	else if (WIFSIGNALED(p->status))
		perf_log(s, p, "process %d was killed by signal %d (%s)", (int)p->pid,
			 WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
	else
		perf_log(s, p, "process %d failed: %s", (int)p->pid, strerror(-p->error));
}

bool perf_run_reap(struct perf_run *run)
{
	struct perf_shared *s = run->shared;
	int status;
	pid_t pid;
	uint32_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < s->count; i++)
			if (s->process[i].pid == pid && !s->process[i].reaped) {
				s->process[i].reaped = true;
				s->process[i].status = status;
				if (!s->process[i].ended)
					s->process[i].ended = clock_now();
				if (perf_died(&s->process[i]))
					say_how_it_died(s, &s->process[i]);
			}
	return pid < 0 && errno == ECHILD;
}

void perf_run_kill(struct perf_run *run, const char *why)
{
	struct perf_shared *s = run->shared;
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (!s->process[i].reaped) {
			s->process[i].killed = why;
			kill(s->process[i].pid, SIGKILL);
		}
}

static void show_progress(const struct perf_run *run, bool clear)
{
	struct perf_shared *s = run->shared;
	const struct perf_options *o = &s->options;
	uint64_t written = perf_written(s), waited = 0, lag = 0, now = clock_now(), unread;
	double seconds = now > s->start ? (double)(now - s->start) / 1e9 : 0;
	uint32_t i;

	if (o->debug || !isatty(STDERR_FILENO))
		return;
	for (i = 0; i < s->count; i++) {
		waited += s->process[i].waited;
		unread = i < o->writers ? 0 : perf_unread(s, &s->process[i]);
		if (!s->process[i].reaped && unread > lag)
			lag = unread;
	}
	if (clear)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr,
			"\r\033[K%.1f of %g s: %llu slots, %.1f MB/s, %llu waited, lag %llu",
			seconds, o->duration, (unsigned long long)written,
			seconds > 0 ? (double)written * (double)o->slot_bytes / seconds / 1e6 : 0,
			(unsigned long long)waited, (unsigned long long)lag);
	fflush(stderr);
}

/* Return a number that grows as long as any process makes progress. */
static uint64_t progress(struct perf_shared *s)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->count; i++)
		sum += atomic_load(&s->process[i].slots) + s->process[i].reaped;
	return sum;
}

/*
 * Kill all processes if none makes progress after the end of the writes: the ring
 * has lost a wake-up, or a process was stopped.  The run then fails instead of
 * hanging.
 */
static void end_what_hangs(struct perf_run *run)
{
	static uint64_t last = UINT64_MAX, since;
	struct perf_shared *s = run->shared;
	uint64_t now = clock_now(), done = progress(s);

	if (done != last || now < s->end) {
		last = done;
		since = now;
	}
	if (now - since > PATIENCE + (uint64_t)(s->options.burn_ms * (double)NS_PER_MS))
		perf_run_kill(run, "no progress for 30 seconds");
}

/* End the writes at the first signal, kill all processes at the second one. */
static void on_signal(struct perf_run *run, int signal)
{
	if (run->signal)
		perf_run_kill(run, "interrupted twice");
	run->signal = signal;
	atomic_store(&run->shared->stop, true);
}

void perf_run_watch(struct perf_run *run)
{
	struct timespec check = clock_timespec(CHECK);
	sigset_t set;
	int got;

	sigprocmask(SIG_BLOCK, NULL, &set); /* get the signals that main() has blocked */
	while (!perf_run_reap(run)) {
		got = sigtimedwait(&set, NULL, &check);
		if (got == SIGHUP || got == SIGINT || got == SIGTERM)
			on_signal(run, got);
		show_progress(run, false);
		end_what_hangs(run);
	}
	show_progress(run, true);
}
