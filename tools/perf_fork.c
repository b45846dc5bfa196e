// SPDX-License-Identifier: GPL-2.0
/* Fork the processes of a run, and start them at the same moment. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "perf_log.h"
#include "perf_run.h"

#define READY_POLL  (2 * NS_PER_MS)
#define START_DELAY (20 * NS_PER_MS) /* time for all processes to wake up */

void perf_await_start(struct perf_shared *s, struct perf_process *self)
{
	char byte;

	close(s->gate[1]);
	atomic_store(&self->state, PERF_READY);
	while (read(s->gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(s->gate[0]);
	self->started = s->start;
	atomic_store(&self->state, PERF_RUNNING);
}

/*
 * Ignore the signals that Ctrl-C and timeout(1) send to the whole process group.
 * The parent handles them and sets s->stop, upon which the children end.
 */
static void set_signals(void)
{
	sigset_t none;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_name(const struct perf_process *self)
{
	char name[16];

	snprintf(name, sizeof(name), "perf-%s-%u", self->role == PERF_WRITER ? "writer" : "reader",
		 self->index + 1);
	prctl(PR_SET_NAME, name);
}

__attribute__((noreturn)) static void child(struct perf_run *run, struct perf_process *self,
					    pid_t parent)
{
	struct perf_shared *s = run->shared;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(PERF_EXIT_FAILED);
	set_signals();
	set_name(self);
	if (self->role == PERF_WRITER)
		err = perf_writer_run(s, self, run->writer[self->index], &run->pool);
	else
		err = perf_reader_run(s, self, run->reader[self->index]);
	self->error = err;
	if (s->options.debug)
		perf_log(s, self, "exiting");
	if (self->role == PERF_WRITER)
		ringbuf_writer_close(run->writer[self->index]);
	else
		ringbuf_reader_close(run->reader[self->index]);
	atomic_store(&self->state, PERF_ENDED);
	_exit(err ? PERF_EXIT_FAILED : 0);
}

static bool all_ready(const struct perf_run *run)
{
	struct perf_shared *s = run->shared;
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (!s->process[i].reaped && atomic_load(&s->process[i].state) < PERF_READY)
			return false;
	return true;
}

static void close_handles(struct perf_run *run)
{
	const struct perf_options *o = &run->shared->options;
	uint32_t i;

	for (i = 0; i < o->writers; i++)
		ringbuf_writer_close(run->writer[i]);
	for (i = 0; i < o->readers; i++)
		ringbuf_reader_close(run->reader[i]);
}

int perf_run_fork(struct perf_run *run)
{
	struct perf_shared *s = run->shared;
	pid_t parent = getpid(), pid;
	uint32_t i;

	fflush(NULL);
	for (i = 0; i < s->count; i++) {
		pid = fork();
		if (!pid)
			child(run, &s->process[i], parent);
		if (pid < 0) {
			fprintf(stderr,
				"perf_test_ringbuffer: process %u of %u cannot be made: %s\n",
				i + 1, s->count, strerror(errno));
			return -EAGAIN; /* PR_SET_PDEATHSIG ends the children */
		}
		s->process[i].pid = pid;
	}
	while (!all_ready(run) && !perf_run_reap(run))
		clock_sleep_until(clock_now() + READY_POLL);
	close_handles(run);
	s->start = clock_now() + START_DELAY;
	s->end = s->start + (uint64_t)(s->options.duration * (double)NS_PER_S);
	close(s->gate[0]);
	close(s->gate[1]);
	return 0;
}
