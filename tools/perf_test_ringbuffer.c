// SPDX-License-Identifier: GPL-2.0
/*
 * perf_test_ringbuffer: measure a ring under a load that the options choose.
 *
 * The parent makes the ring and a handle for each process (perf_make.c), forks
 * writers and readers that warm up (perf_warm.c) and start together
 * (perf_fork.c), and waits for them (perf_watch.c).  The writers keep a clock
 * (perf_writer.c), the readers check every message (perf_reader.c).  Their
 * figures are in memory that all share (perf_shared.h), and are printed at the
 * end (perf_report.c, perf_json.c).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/output.h"
#include "perf_figures.h"
#include "perf_options.h"
#include "perf_run.h"

/*
 * Block the signals that end a run: perf_run_watch() takes them with
 * sigtimedwait(), and each child unblocks them.  SIGHUP stays ignored if
 * nohup(1) has set that.
 */
static void block_signals(void)
{
	struct sigaction hup;
	sigset_t set;

	signal(SIGCHLD, SIG_DFL);
	sigaction(SIGHUP, NULL, &hup);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Exit if the file cannot be written: before the run, whose result would be lost. */
static void check_json(const char *path)
{
	FILE *f;

	if (!strcmp(path, "-"))
		return;
	f = fopen(path, "ae");
	if (!f) {
		fprintf(stderr, "perf_test_ringbuffer: --json=%s: %m\n", path);
		exit(PERF_EXIT_USAGE);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	struct perf_options o;
	struct perf_run run = { 0 };
	struct perf_totals t;
	FILE *out;
	int err;

	output_begin("perf_test_ringbuffer");
	perf_options_parse(&o, argc, argv);
	perf_limits_check(&o);
	if (o.json)
		check_json(o.json);
	out = o.json && !strcmp(o.json, "-") ? stderr : stdout;
	block_signals();
	fputs("Starting performance test with flags: ", out);
	perf_options_print(&o, out);
	if (!output_flush()) /* without stdout the result would be lost */
		return PERF_EXIT_FAILED;
	if (perf_run_make(&run, &o) || perf_run_fork(&run))
		return PERF_EXIT_FAILED;
	perf_run_watch(&run);
	perf_report(&run, out);
	if (o.json) {
		err = perf_json(&run, o.json);
		if (err) {
			fprintf(stderr, "perf_test_ringbuffer: --json=%s: %s\n", o.json,
				strerror(-err));
			return PERF_EXIT_FAILED;
		}
	}
	perf_totals(&run, &t);
	ringbuf_close(run.ring);
	return perf_exit_status(&run, &t);
}
