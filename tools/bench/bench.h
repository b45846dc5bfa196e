/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The benchmark: what a case is, and what the frame offers to it.
 *
 * A case is one peer in one scenario.  Its processes are made once, and sleep
 * between their repetitions: repetition k of every peer of a scenario runs
 * before repetition k + 1 of any, so that noise hits all peers alike.
 * Repetition 0 is a warm-up.
 *
 *	bench.c		options, families, order of the runs
 *	proc.c		processes, pinning, rounds
 *	report.c	medians, JSON lines, tables
 *	targets.c	the ring beside its peers: met or not
 *	message.h	the stamps of ../common/message.h, verified by every reader
 *	wake.h		the loops of scenarios of readers that sleep
 *	stream.h	the loops that send and receive, inlined into each peer
 *	peer_*.c	one file per family of peers
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_MAX_READERS   100
#define BENCH_MAX_WRITERS   8
#define BENCH_MAX_CHANNELS  100
#define BENCH_MAX_PROCS	    (BENCH_MAX_READERS + BENCH_MAX_WRITERS)
#define BENCH_MAX_REPS	    31
#define BENCH_BATCH	    32 /* messages per call of a writer in T1b */
#define BENCH_BATCH_RX	    128 /* most messages per call of a reader in T1b */
#define BENCH_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What a side does while it cannot continue. */
enum bench_mode {
	BENCH_SPIN, /* a CPU each: pause */
	BENCH_INSIDE, /* a CPU each: the peer polls by itself, for seconds before it would sleep */
	BENCH_YIELD, /* more processes than CPUs: pause 32 times, then sched_yield() */
	BENCH_BLOCK, /* sleep in the peer's own way */
};

/* How a case lays its channels between its processes. */
enum bench_shape {
	BENCH_SHARED, /* one channel that all writers and readers use */
	BENCH_FAN, /* a channel per reader, the writer sends to each */
	BENCH_MERGE, /* a channel per writer, the reader polls them in turn */
	BENCH_ECHO, /* two channels, there and back */
};

enum bench_how {
	BENCH_ONE, /* copied in and out, one at a time */
	BENCH_BATCHED, /* copied in and out, BENCH_BATCH at a time */
	BENCH_IN_PLACE, /* written and read where they lie */
};

enum bench_kind {
	BENCH_ROUND_TRIP, /* ns */
	BENCH_RATE, /* messages per second */
	BENCH_BANDWIDTH, /* MB per second */
	BENCH_WAKE, /* us of the writer's processor time for a message */
	BENCH_IDLE, /* us of the readers' processor time */
	BENCH_WAKEUPS, /* of each reader */
};

struct bench_scenario {
	const char *name;
	const char *title;
	enum bench_kind kind;
	size_t bytes;
	size_t depth;
	int writers;
	int readers;
	enum {
		BENCH_BATCHES = 1, /* for the parameters in the results */
		BENCH_SAME_CPU = 2, /* both processes on one CPU */
		BENCH_ON_DEMAND =
			4, /* runs only if --only names it: it starts hundreds of processes */
	} flags;
	unsigned int pace_us; /* wait that long, busy, before each ping */
};

/**
 * struct bench_params - what a channel is made for
 * @bytes: of every message
 * @depth: messages it shall hold, where the peer lets one choose
 * @writers: that will open it
 * @readers: that will open it
 * @mode: see there
 * @tag: unique name, for peers with a name space
 */
struct bench_params {
	size_t bytes;
	size_t depth;
	int writers;
	int readers;
	enum bench_mode mode;
	char tag[48];
};

/**
 * struct bench_ops - a kind of channel
 * @size: bytes of its private part, which the frame allocates, zeroed
 * @own_depth: the peer chooses its depth itself
 * @clean_exit: its processes leave with exit(), for libraries that sign off there
 * @validate: NULL or why it cannot run here; may be absent
 * @setup: in the parent, before the processes are made; 0 or -1 and errno
 * @teardown: in the parent, after they are gone; may be absent
 * @describe: a few words on the channel for the notes; may be absent
 * @open_tx: in a process that will send; may be absent
 * @open_rx: in a process that will receive, @reader counts from 0; may be absent
 * @close: in each of these processes, at its end; may be absent
 * @send: returns when the channel has taken the message
 * @recv: returns with one message copied out
 * @try_recv: the same, or false at once (for BENCH_MERGE)
 * @send_n: @count messages of 64 bytes (for BENCH_BATCHED)
 * @recv_n: 1 to @max messages of 64 bytes (for BENCH_BATCHED)
 * @reserve: room for one message (this and the next three for BENCH_IN_PLACE)
 * @commit: send it
 * @peek: the next message where it lies
 * @release: give it back
 */
struct bench_ops {
	size_t size;
	bool own_depth;
	bool clean_exit;
	const char *(*validate)(void);
	int (*setup)(void *chan, const struct bench_params *p);
	void (*teardown)(void *chan);
	void (*describe)(void *chan, char *text, size_t size);
	void (*open_tx)(void *chan);
	void (*open_rx)(void *chan, int reader);
	void (*close)(void *chan);
	void (*send)(void *chan, const void *msg, size_t bytes);
	void (*recv)(void *chan, void *msg, size_t bytes);
	bool (*try_recv)(void *chan, void *msg, size_t bytes);
	void (*send_n)(void *chan, const void *msgs, size_t count);
	size_t (*recv_n)(void *chan, void *msgs, size_t max);
	void *(*reserve)(void *chan, size_t bytes);
	void (*commit)(void *chan, size_t bytes);
	const void *(*peek)(void *chan, size_t bytes);
	void (*release)(void *chan);
};

struct bench_run;

/**
 * struct bench_case - a peer in a scenario
 * @peer: its name in the results
 * @scenario: name of the scenario
 * @note: for the results; NULL: none
 * @ops: validate, setup and the channel itself
 * @shape: of the channels
 * @mode: BENCH_SPIN becomes BENCH_YIELD where there are more processes than CPUs
 * @depth: 0: as the scenario says
 * @producer: body of writer @id; of the one that pings, in a round trip
 * @consumer: body of reader @id; of the one that answers, in a round trip
 *
 * How it is reported follows from the scenario.
 */
struct bench_case {
	const char *peer;
	const char *scenario;
	const char *note;
	const struct bench_ops *ops;
	enum bench_shape shape;
	enum bench_mode mode;
	size_t depth;
	void (*producer)(struct bench_run *run, int id);
	void (*consumer)(struct bench_run *run, int id);
};

struct bench_family {
	const struct bench_case *cases;
	size_t count;
};

struct bench_rep {
	uint64_t start[BENCH_MAX_WRITERS];
	uint64_t sent[BENCH_MAX_WRITERS];
	uint64_t end[BENCH_MAX_READERS];
	uint64_t got[BENCH_MAX_READERS];
	double rtt[3]; /* p50, p99, p99.9 in ns */
	double cost[2]; /* what BENCH_WAKE, BENCH_IDLE and BENCH_WAKEUPS measure */
	uint64_t taken; /* by all readers, in the scenarios of wake.h */
};

/* One page set per case, shared by its processes and the frame. */
struct bench_shared {
	uint32_t ready; /* processes that have opened their channels */
	uint32_t go; /* repetitions begun */
	uint32_t quit;
	uint32_t arrived; /* barrier at the start of a repetition */
	uint32_t done; /* processes times repetitions that ended */
	pid_t reader[BENCH_MAX_READERS];
	struct bench_rep rep[BENCH_MAX_REPS + 1];
};

/* A case while it runs. */
struct bench_run {
	const struct bench_case *cs;
	const struct bench_scenario *sc;
	struct bench_params params;
	struct bench_shared *shared;
	void *chan[BENCH_MAX_CHANNELS];
	int channels;
	int procs;
	int alive;
	int round; /* repetitions begun, as this process knows it */
	bool failed;
	char note[160];
	pid_t pid[BENCH_MAX_PROCS];
};

struct bench_options {
	bool quick;
	bool floating;
	bool list;
	bool vm;
	int reps;
	double seconds; /* of a repetition */
	int samples_spin;
	int samples_block;
	int samples_paced;
	const char *only;
	const char *json;
};

extern struct bench_options bench_options;
extern double bench_tick_ns; /* ns per bench_ticks() */
extern int bench_cpus; /* that may be used: 1 or 2 */

/* proc.c */
void bench_proc_init(void);
void *bench_shm(size_t bytes);
void bench_touch(void *p, size_t bytes);
bool bench_start(struct bench_run *run);
bool bench_wait_ready(struct bench_run *run);
bool bench_round(struct bench_run *run);
void bench_stop(struct bench_run *run);
void bench_die(const char *what) __attribute__((noreturn));
/* for producers and consumers */
void bench_opened(struct bench_run *run);
struct bench_rep *bench_next(struct bench_run *run);
void bench_done(struct bench_run *run);
void bench_percentiles(struct bench_rep *rep, uint32_t *ticks, int count);

/* report.c */
struct bench_result {
	const char *peer;
	const char *scenario;
	const char *metric;
	const char *unit;
	char note[192];
	size_t depth;
	double value; /* median */
	double min;
	double max;
	int reps;
	double rep[BENCH_MAX_REPS]; /* in the order in which they ran */
};

extern const struct bench_result *bench_results;
extern size_t bench_result_count;

int bench_report_open(const char *path);
/* 0, or a negative errno: not all of it is in the file. */
int bench_report_close(void);
void bench_report(const struct bench_run *run);
void bench_report_table(const struct bench_scenario *sc);
double bench_median(double *v, int n);
void bench_number(char *text, size_t size, double v);

/* targets.c */
void bench_report_targets(void);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
