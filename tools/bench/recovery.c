// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * usage: recovery [ROUNDS]
 *
 * Measure how long the others stand still when a process is killed: a reader in whose full
 * channel a writer waits, to the end of that writer's send, and a writer that has a slot
 * reserved, to the next message of another writer.  10000 ms stand for more than that.  For
 * the ring, on the host that RINGBUF_HOST names, and for iceoryx if it was built in and a RouDi
 * runs.
 *
 * The channels are those of the benchmark, with many writers and 64 bytes.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/clock.h"

#define BYTES	    64
#define DEPTH	    256
#define ROUNDS	    20
#define ROUNDS_MAX  1000
#define STILL_NS    (200 * NS_PER_MS) /* a writer that sends nothing for so long waits */
#define PATIENCE_NS (30 * NS_PER_S)
#define LONGEST_NS  (10 * NS_PER_S)
#define PAUSE_US    1000

/* For the loops of the benchmark, which do not run here. */
struct bench_options bench_options;

extern const struct bench_family bench_ring;
extern const struct bench_family bench_iceoryx __attribute__((weak));

/**
 * struct round - what the processes of a round share
 * @opened: how many have opened the channel
 * @sent: messages of the writer
 * @got: messages of the reader
 * @reserved: the writer that will be killed has a slot
 * @killed: a process has been killed
 * @after_ns: when the first message after that was sent, or read; 0: not yet
 */
struct round {
	uint32_t opened;
	uint64_t sent;
	uint64_t got;
	uint32_t reserved;
	uint32_t killed;
	uint64_t after_ns;
};

#define GET(word)	 __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define SET(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)

static const struct bench_ops *ops;
static void *chan;
static struct round *round_;

static void opened(void)
{
	__atomic_add_fetch(&round_->opened, 1, __ATOMIC_SEQ_CST);
}

static void note_first(void)
{
	if (GET(round_->killed) && !round_->after_ns)
		SET(round_->after_ns, clock_now());
}

/* ---- the processes -------------------------------------------------------------------- */

static void write_until_killed(void)
{
	char message[BYTES] = { 0 };

	ops->open_tx(chan);
	opened();
	for (;;) {
		ops->send(chan, message, BYTES);
		SET(round_->sent, round_->sent + 1);
		note_first();
	}
}

static void read_one_and_pause(void)
{
	char message[BYTES];

	ops->open_rx(chan, 0);
	opened();
	ops->recv(chan, message, BYTES);
	SET(round_->got, 1);
	for (;;)
		pause();
}

static void reserve_and_pause(void)
{
	ops->open_tx(chan);
	opened();
	ops->reserve(chan, BYTES);
	SET(round_->reserved, 1);
	for (;;)
		pause();
}

static void write_slowly(void)
{
	char message[BYTES] = { 0 };

	ops->open_tx(chan);
	opened();
	while (!GET(round_->reserved))
		usleep(PAUSE_US);
	for (;; usleep(PAUSE_US)) {
		ops->send(chan, message, BYTES);
		SET(round_->sent, round_->sent + 1);
	}
}

static void read_until_killed(void)
{
	char message[BYTES];

	ops->open_rx(chan, 0);
	opened();
	for (;;) {
		ops->recv(chan, message, BYTES);
		SET(round_->got, round_->got + 1);
		note_first();
	}
}

static pid_t start(void (*body)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		bench_die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	body();
	_exit(0);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		bench_die("waitpid");
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void until(const uint64_t begin, const char *what)
{
	if (clock_now() - begin > PATIENCE_NS) {
		errno = ETIMEDOUT;
		bench_die(what);
	}
	usleep(PAUSE_US / 10);
}

static void wait_opened(uint32_t count)
{
	uint64_t begin = clock_now();

	while (GET(round_->opened) < count)
		until(begin, "opening the channel");
}

/* Wait until the writer waits, since the reader has got a message and reads no other. */
static void wait_still(void)
{
	uint64_t begin = clock_now(), since = begin, sent = 0, now;

	do {
		until(begin, "a writer that waits");
		now = clock_now();
		if (GET(round_->sent) != sent || !GET(round_->got)) {
			sent = GET(round_->sent);
			since = now;
		}
	} while (now - since < STILL_NS);
}

/* Kill @pid; return how long the others needed for the next message, ns, or LONGEST_NS. */
static uint64_t kill_and_wait(pid_t pid)
{
	uint64_t begin = clock_now();

	SET(round_->killed, 1);
	end(pid);
	while (!GET(round_->after_ns)) {
		if (clock_now() - begin > LONGEST_NS)
			return LONGEST_NS;
		usleep(PAUSE_US / 10);
	}
	return round_->after_ns > begin ? round_->after_ns - begin : 0;
}

static uint64_t reader_dies(void)
{
	pid_t reader = start(read_one_and_pause), writer = start(write_until_killed);
	uint64_t ns;

	wait_opened(2);
	wait_still();
	ns = kill_and_wait(reader);
	end(writer);
	return ns;
}

static uint64_t writer_dies(void)
{
	pid_t dies = start(reserve_and_pause), reader, writer;
	uint64_t begin = clock_now(), ns;

	reader = start(read_until_killed);
	writer = start(write_slowly);
	wait_opened(3);
	while (!GET(round_->reserved) || GET(round_->sent) < 10)
		until(begin, "a slot, and messages behind it");
	ns = kill_and_wait(dies);
	end(reader);
	end(writer);
	return ns;
}

static uint64_t round_run(uint64_t (*event)(void), int number)
{
	struct bench_params params = {
		.bytes = BYTES, .depth = DEPTH, .writers = 2, .readers = 1, .mode = BENCH_BLOCK
	};
	uint64_t ns;

	snprintf(params.tag, sizeof(params.tag), "recovery-%d-%d", (int)getpid(), number);
	memset(round_, 0, sizeof(*round_));
	chan = bench_shm(ops->size);
	if (ops->setup(chan, &params))
		bench_die("setup");
	ns = event();
	if (ops->teardown)
		ops->teardown(chan);
	return ns;
}

/* ---- results --------------------------------------------------------------------------------- */

static int by_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const char *transport, const char *what, uint64_t (*event)(void), int rounds)
{
	static uint64_t ns[ROUNDS_MAX];
	static int number;
	int i;

	for (i = 0; i < rounds; i++)
		ns[i] = round_run(event, number++);
	qsort(ns, (size_t)rounds, sizeof(*ns), by_ns);
	printf("%-18s %-42s %7d %9.3f %9.3f %9.3f\n", transport, what, rounds,
	       (double)ns[rounds / 2] / 1e6, (double)ns[rounds * 9 / 10] / 1e6,
	       (double)ns[rounds - 1] / 1e6);
	fflush(stdout);
}

/* The channel of a family with many writers and one reader. */
static const struct bench_ops *ops_of(const struct bench_family *family)
{
	size_t i;

	for (i = 0; i < family->count; i++)
		if (!strcmp(family->cases[i].scenario, "T4"))
			return family->cases[i].ops;
	return NULL;
}

static void measure_family(const char *transport, const struct bench_family *family, int rounds)
{
	const char *why;

	ops = ops_of(family);
	if (!ops)
		bench_die("T4");
	why = ops->validate ? ops->validate() : NULL;
	if (why) {
		printf("%-18s skipped: %s\n", transport, why);
		return;
	}
	measure(transport, "a reader in whose full channel one waits", reader_dies, rounds);
	measure(transport, "a writer that has a slot reserved", writer_dies, rounds);
}

int main(int argc, char **argv)
{
	const char *host = getenv("RINGBUF_HOST");
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	char ring[32];

	if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: recovery [ROUNDS], 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	bench_proc_init();
	round_ = bench_shm(sizeof(*round_));
	snprintf(ring, sizeof(ring), "ring, %s", host ? host : "embedded");
	printf("%-18s %-42s %7s %9s %9s %9s\n", "", "killed", "rounds", "p50 ms", "p90 ms",
	       "max ms");
	measure_family(ring, &bench_ring, rounds);
	if (&bench_iceoryx)
		measure_family("iceoryx", &bench_iceoryx, rounds);
	else
		printf("%-18s skipped: not built without its headers\n", "iceoryx");
	return 0;
}
