// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench - compare the ring with other ways to send messages between processes.
 *
 * It runs one scenario after the other.  Within a scenario the transports take turns:
 * each runs one repetition, then each the next one.  bench.h lists the parts,
 * README.md says what is measured.
 */
#include "message.h"

#include <getopt.h>

#include "../common/output.h"

#define MAX_RUNS 64
#define MIB	 ((size_t)1 << 20)

struct bench_options bench_options = {
	.reps = 11,
	.seconds = 0.12,
	.samples_spin = 50000,
	.samples_block = 2500,
	.samples_paced = 125,
};

static const struct bench_scenario scenarios[] = {
	{ "L1", "round trip 64 B, busy-poll", BENCH_ROUND_TRIP, 64, 1024, 1, 1, 0, 0 },
	{ "L2", "round trip 64 B, blocking, back to back", BENCH_ROUND_TRIP, 64, 1024, 1, 1, 0, 0 },
	{ "L2p", "round trip 64 B, blocking, 1 ms between pings", BENCH_ROUND_TRIP, 64, 1024, 1, 1,
	  0, 1000 },
	{ "L2s", "round trip 64 B, blocking, both processes on one CPU", BENCH_ROUND_TRIP, 64, 1024,
	  1, 1, BENCH_SAME_CPU, 0 },
	{ "T1", "64 B, 1 writer, 1 reader", BENCH_RATE, 64, 1024, 1, 1, 0, 0 },
	{ "T1b", "64 B, 1 writer, 1 reader, batches of 32", BENCH_RATE, 64, 1024, 1, 1,
	  BENCH_BATCHES, 0 },
	{ "T2", "1 MiB, 1 writer, 1 reader, copy in and out", BENCH_BANDWIDTH, MIB, 4, 1, 1, 0, 0 },
	{ "T2zc", "1 MiB, 1 writer, 1 reader, in place, 256 stamps a message", BENCH_BANDWIDTH, MIB,
	  4, 1, 1, 0, 0 },
	{ "T3", "64 B, 1 writer, 4 readers each get all", BENCH_RATE, 64, 1024, 1, 4, 0, 0 },
	{ "T4", "64 B, 4 writers, 1 reader", BENCH_RATE, 64, 1024, 4, 1, 0, 0 },
	{ "T5", "1 MiB, 1 writer, 5 readers each get all", BENCH_BANDWIDTH, MIB, 4, 1, 5, 0, 0 },
	{ "T5zc", "1 MiB, 1 writer, 5 readers each get all, in place, 256 stamps a message",
	  BENCH_BANDWIDTH, MIB, 4, 1, 5, 0, 0 },
	{ "W0", "a writer's processor time for 64 B, no reader", BENCH_WAKE, 64, 1024, 1, 0,
	  BENCH_ON_DEMAND, 0 },
	{ "W1", "a writer's processor time for 64 B, 1 reader sleeps", BENCH_WAKE, 64, 1024, 1, 1,
	  BENCH_ON_DEMAND, 0 },
	{ "W100", "a writer's processor time for 64 B, 100 readers sleep", BENCH_WAKE, 64, 1024, 1,
	  100, BENCH_ON_DEMAND, 0 },
	{ "Wi", "processor time of 100 sleeping readers in 1 s", BENCH_IDLE, 64, 1024, 1, 100,
	  BENCH_ON_DEMAND, 0 },
	{ "Wn", "wake-ups by 1000 messages one by one, by epoll", BENCH_WAKEUPS, 64, 1024, 1, 2,
	  BENCH_ON_DEMAND, 0 },
	{ "Wp", "wake-ups by 1000 messages in 1 s, by epoll", BENCH_WAKEUPS, 64, 1024, 1, 2,
	  BENCH_ON_DEMAND, 1000 },
};

/* The families of transports.  A weak one is missing if its library was when this was built. */
extern const struct bench_family bench_ring __attribute__((weak));
extern const struct bench_family bench_device;
extern const struct bench_family bench_hand;
extern const struct bench_family bench_wake;
extern const struct bench_family bench_pipe;
extern const struct bench_family bench_unix;
extern const struct bench_family bench_mqueue;
extern const struct bench_family bench_boost __attribute__((weak));
extern const struct bench_family bench_dpdk __attribute__((weak));
extern const struct bench_family bench_zmq __attribute__((weak));
extern const struct bench_family bench_iceoryx __attribute__((weak));

static const struct {
	const struct bench_family *family;
	const char *name;
	const char *needs;
} families[] = {
	{ &bench_ring, "ringbuf", "libringbuf" },
	{ &bench_device, "device", NULL },
	{ &bench_hand, "hand_ring", NULL },
	{ &bench_wake, "futex, eventfd", NULL },
	{ &bench_pipe, "pipe", NULL },
	{ &bench_unix, "unix_seqpacket", NULL },
	{ &bench_mqueue, "mqueue", NULL },
	{ &bench_boost, "boost", "libboost-dev" },
	{ &bench_dpdk, "dpdk", "libdpdk-dev" },
	{ &bench_zmq, "zmq", "libzmq3-dev" },
	{ &bench_iceoryx, "iceoryx", "iceoryx libiceoryx-posh-dev libiceoryx-hoofs-dev" },
};

static struct bench_run runs[MAX_RUNS];
static int run_count;
static int failures;
static unsigned int tags;

static const char usage_text[] =
	"usage: bench [options]\n"
	"\n"
	"  --quick          short repetitions: about 40 s in all\n"
	"  --reps=N         repetitions of each measurement (11; 5 with --quick), at most 31\n"
	"  --only=TEXT      only what has TEXT in its transport/scenario, as in hand_ring/T1 or /L2;\n"
	"                   /W for readers that sleep, which nothing else starts\n"
	"  --float          do not pin processes to CPUs\n"
	"  --vm             round trips that sleep, sized for an emulated machine\n"
	"  --json=FILE      a JSON line per result into FILE\n"
	"  --list           name every case and end\n"
	"  --help           this text\n";

static void quick(void)
{
	bench_options.quick = true;
	bench_options.seconds = 0.03;
	bench_options.samples_spin = 12000;
	bench_options.samples_block = 600;
	bench_options.samples_paced = 30;
}

static void small(void)
{
	bench_options.vm = true;
	bench_options.seconds = 0.03;
	bench_options.samples_spin = 2000;
	bench_options.samples_block = 600;
	bench_options.samples_paced = 30;
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "reps", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "float", no_argument, NULL, 'f' },
		{ "vm", no_argument, NULL, 'v' },
		{ "json", required_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, reps = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			quick();
			break;
		case 'v':
			small();
			break;
		case 'f':
			bench_options.floating = true;
			break;
		case 'l':
			bench_options.list = true;
			break;
		case 'o':
			bench_options.only = optarg;
			break;
		case 'j':
			bench_options.json = optarg;
			break;
		case 'r':
			reps = atoi(optarg);
			if (reps >= 1 && reps <= BENCH_MAX_REPS)
				break;
			fprintf(stderr, "bench: --reps: 1 to %d\n", BENCH_MAX_REPS);
			return false;
		case 'h':
			fputs(usage_text, stdout);
			exit(0);
		default:
			fputs(usage_text, stderr);
			return false;
		}
	}
	if (optind < argc) {
		fputs(usage_text, stderr);
		return false;
	}
	if (reps || bench_options.quick || bench_options.vm)
		bench_options.reps = reps ? reps : 5;
	return true;
}

/*
 * Return whether --vm runs the case: a round trip between processes that sleep.  Rates and
 * processes that spin say nothing on emulated processors.
 */
static bool in_vm_set(const struct bench_case *cs)
{
	return cs->scenario[0] == 'L' && cs->scenario[1] == '2' &&
	       (!strncmp(cs->transport, "ringbuf", 7) || !strcmp(cs->transport, "eventfd") ||
		!strcmp(cs->transport, "pipe") || !strcmp(cs->transport, "futex"));
}

static bool wanted(const struct bench_scenario *sc, const struct bench_case *cs)
{
	bool demanded = bench_options.only && strstr(bench_options.only, "/W");
	char name[96];

	if (sc->flags & BENCH_ON_DEMAND ? !demanded : bench_options.vm && !in_vm_set(cs))
		return false;
	if (!bench_options.only)
		return true;
	snprintf(name, sizeof(name), "%s/%s", cs->transport, cs->scenario);
	return strstr(name, bench_options.only);
}

static void prepare(const struct bench_scenario *sc, const struct bench_case *cs)
{
	struct bench_run *run = &runs[run_count];
	const char *why = cs->ops->validate ? cs->ops->validate() : NULL;
	bool crowded = sc->writers + sc->readers > bench_cpus || (sc->flags & BENCH_SAME_CPU);

	if (run_count == MAX_RUNS)
		return;
	if (!why && bench_cpus < 2 && sc->kind == BENCH_ROUND_TRIP && !(sc->flags & BENCH_SAME_CPU))
		why = "needs two CPUs";
	if (why) {
		fprintf(stderr, "bench: %s/%s skipped: %s\n", cs->transport, cs->scenario, why);
		return;
	}
	memset(run, 0, sizeof(*run));
	run->cs = cs;
	run->sc = sc;
	run->params.bytes = sc->bytes;
	run->params.depth = cs->depth ? cs->depth : sc->depth;
	run->params.writers = sc->writers;
	run->params.readers = sc->readers;
	run->params.mode = cs->mode == BENCH_SPIN && crowded ? BENCH_YIELD : cs->mode;
	snprintf(run->params.tag, sizeof(run->params.tag), "rbbench-%d-%u", (int)getpid(), tags++);
	snprintf(run->note, sizeof(run->note), "%s", cs->note ? cs->note : "");
	run_count++;
}

static void progress(const struct bench_scenario *sc, int rep)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (rep < 0)
		fprintf(stderr, "\r\033[K");
	else
		fprintf(stderr, "\r\033[K%s: repetition %d of %d, %d transports", sc->name, rep,
			bench_options.reps, run_count);
}

/* Measure all transports of a scenario, in turns. */
static void measure(const struct bench_scenario *sc)
{
	int i, rep;

	for (i = 0; i < run_count; i++)
		bench_start(&runs[i]);
	for (i = 0; i < run_count; i++)
		if (!runs[i].failed)
			bench_wait_ready(&runs[i]);
	for (rep = 0; rep <= bench_options.reps; rep++) {
		progress(sc, rep);
		for (i = 0; i < run_count; i++)
			if (!runs[i].failed)
				bench_round(&runs[i]);
	}
	progress(sc, -1);
	for (i = 0; i < run_count; i++) {
		bench_stop(&runs[i]);
		if (runs[i].failed)
			failures++;
		else
			bench_report(&runs[i]);
	}
	bench_report_table(sc);
}

static void scenario(const struct bench_scenario *sc)
{
	size_t f, c;

	run_count = 0;
	for (f = 0; f < BENCH_ARRAY_SIZE(families); f++) {
		const struct bench_family *family = families[f].family;

		for (c = 0; family && c < family->count; c++) {
			const struct bench_case *cs = &family->cases[c];

			if (strcmp(cs->scenario, sc->name) || !wanted(sc, cs))
				continue;
			if (bench_options.list)
				printf("%s/%s\n", cs->transport, cs->scenario);
			else
				prepare(sc, cs);
		}
	}
	if (run_count)
		measure(sc);
}

static void name_absent(void)
{
	size_t f;

	for (f = 0; f < BENCH_ARRAY_SIZE(families); f++)
		if (!families[f].family)
			printf("skipped: %s (built without %s)\n", families[f].name,
			       families[f].needs);
}

int main(int argc, char **argv)
{
	size_t i;
	int err;

	output_begin("bench");
	if (!parse(argc, argv))
		return 2;
	bench_proc_init();
	if (bench_options.json && bench_report_open(bench_options.json)) {
		perror(bench_options.json);
		return 2;
	}
	for (i = 0; i < BENCH_ARRAY_SIZE(scenarios); i++)
		scenario(&scenarios[i]);
	if (bench_options.list)
		return 0;
	bench_report_targets();
	printf("\n");
	name_absent();
	if (failures)
		printf("%d cases FAILED: see above\n", failures);
	err = bench_report_close();
	if (err) {
		fprintf(stderr, "bench: %s: %s\n", bench_options.json, strerror(-err));
		return 1;
	}
	return failures ? 1 : 0;
}
