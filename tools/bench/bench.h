/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The benchmark: what a case is, and the functions of the frame that runs it.
 *
 * A transport is a way to send messages, the ring or another.  A case is one transport in
 * one scenario.  Its processes are forked once, and sleep between repetitions:
 * repetition k of every transport of a scenario runs before repetition k + 1 of any,
 * so that other load of the machine disturbs all transports alike.  Repetition 0 is a
 * warm-up.
 *
 *	bench.c		options, families, order of the runs
 *	proc.c		processes, pinning, repetitions
 *	report.c	medians, JSON lines, tables
 *	targets.c	compares the ring with its transports: targets that are met or not
 *	message.h	the stamps of ../common/message.h, verified by every reader
 *	wake.h		the loops for scenarios in which readers sleep
 *	stream.h	the loops that send and receive, inlined into each transport
 *	transport_*.c	one file per family of transports
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
#define BENCH_BATCH	    32 /* messages per call of a writer, with BENCH_BATCHED */
#define BENCH_BATCH_RX	    128 /* most messages per call of a reader, with BENCH_BATCHED */
#define BENCH_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What a writer or reader does while it cannot continue. */
enum bench_mode {
	BENCH_SPIN, /* spin; for processes with a CPU each */
	BENCH_INSIDE, /* the transport itself spins, for seconds before it would sleep; as
			 BENCH_SPIN */
	BENCH_YIELD, /* spin 32 times, then sched_yield(); for more processes than CPUs */
	BENCH_BLOCK, /* sleep by the means of the transport */
};

/* How the channels of a case connect its processes. */
enum bench_shape {
	BENCH_SHARED, /* one channel that all writers and readers use */
	BENCH_FAN, /* a channel for each reader; the writer sends to all */
	BENCH_MERGE, /* a channel for each writer; the reader polls them in turn */
	BENCH_ECHO, /* a channel for the ping, and one for the answer */
};

enum bench_how {
	BENCH_ONE, /* messages are copied in and out, one at a time */
	BENCH_BATCHED, /* messages are copied in and out, BENCH_BATCH at a time */
	BENCH_IN_PLACE, /* messages are written and read in the channel, without a copy */
};

enum bench_kind {
	BENCH_ROUND_TRIP, /* time of a round trip, in ns */
	BENCH_RATE, /* messages per second */
	BENCH_BANDWIDTH, /* MB per second */
	BENCH_WAKE, /* processor time of the writer for a message, in us */
	BENCH_IDLE, /* processor time of all readers while no message comes, in us */
	BENCH_WAKEUPS, /* number of times that each reader was woken */
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
		BENCH_BATCHES = 1, /* the results say that messages go in batches */
		BENCH_SAME_CPU = 2, /* both processes on one CPU */
		BENCH_ON_DEMAND =
			4, /* runs only if --only names it: it starts hundreds of processes */
	} flags;
	unsigned int pace_us; /* before each ping, spin for that long */
};

/**
 * struct bench_params - the parameters of a channel
 * @bytes: size of every message
 * @depth: number of messages that the channel shall hold, for transports that allow a choice
 * @writers: number of writers that will open the channel
 * @readers: number of readers that will open the channel
 * @mode: what writers and readers do while they wait
 * @tag: unique name, for transports whose channels have names
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
 * @size: bytes of private memory of a channel, which the frame allocates and zeroes
 * @own_depth: the transport ignores bench_params.depth and chooses itself
 * @clean_exit: processes end with exit(), for a library whose handlers tell other processes
 * @validate: return NULL, or why the transport cannot run on this machine; may be NULL
 * @setup: make the channel; called in the parent before fork; return 0, or -1 with errno
 * @teardown: undo @setup; called in the parent after the processes ended; may be NULL
 * @describe: write a few words on the channel for the note in the results; may be NULL
 * @open_tx: called in each process that will send; may be NULL
 * @open_rx: called in each process that will receive, with its number from 0 on; may be NULL
 * @close: called in each of these processes before it ends; may be NULL
 * @send: copy a message into the channel, waiting for room
 * @recv: copy a message out of the channel, waiting for one
 * @try_recv: copy a message out, or return false if there is none (for BENCH_MERGE)
 * @send_n: send @count messages of 64 bytes (for BENCH_BATCHED)
 * @recv_n: receive 1 to @max messages of 64 bytes, and return how many (for BENCH_BATCHED)
 * @reserve: return room for one message in the channel (for BENCH_IN_PLACE)
 * @commit: send the message in that room (for BENCH_IN_PLACE)
 * @peek: return the next message in the channel, without a copy (for BENCH_IN_PLACE)
 * @release: give the room of that message back (for BENCH_IN_PLACE)
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
 * struct bench_case - a transport in a scenario
 * @transport: name of the transport in the results
 * @scenario: name of the scenario
 * @note: note in the results, or NULL
 * @ops: the kind of channel
 * @shape: how channels connect the processes
 * @mode: how to wait; BENCH_SPIN becomes BENCH_YIELD if there are more processes than CPUs
 * @depth: number of messages that a channel holds; 0: the scenario's
 * @producer: main function of writer @id; in a round trip, of the process that pings
 * @consumer: main function of reader @id; in a round trip, of the process that answers
 */
struct bench_case {
	const char *transport;
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
	uint64_t taken; /* messages that all readers have received, in the scenarios of wake.h */
};

/* Memory that the processes of a case and the frame share. */
struct bench_shared {
	uint32_t ready; /* number of processes that have opened their channels */
	uint32_t go; /* number of repetitions that may begin; processes sleep on it */
	uint32_t quit;
	uint32_t arrived; /* how often a process has begun a repetition; they begin together */
	uint32_t done; /* how often a process has ended a repetition */
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
	int round; /* number of repetitions that this process has begun */
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
	double seconds; /* duration of a repetition */
	int samples_spin;
	int samples_block;
	int samples_paced;
	const char *only;
	const char *json;
};

extern struct bench_options bench_options;
extern double bench_tick_ns; /* ns per tick of bench_ticks() */
extern int bench_cpus; /* number of CPUs that the processes use: 1 or 2 */

/* proc.c */
void bench_proc_init(void);
void *bench_shm(size_t bytes);
void bench_touch(void *p, size_t bytes);
bool bench_start(struct bench_run *run);
bool bench_wait_ready(struct bench_run *run);
bool bench_round(struct bench_run *run);
void bench_stop(struct bench_run *run);
void bench_die(const char *what) __attribute__((noreturn));
/* Functions for producers and consumers. */
void bench_opened(struct bench_run *run);
struct bench_rep *bench_next(struct bench_run *run);
void bench_done(struct bench_run *run);
void bench_percentiles(struct bench_rep *rep, uint32_t *ticks, int count);

/* report.c */
struct bench_result {
	const char *transport;
	const char *scenario;
	const char *metric;
	const char *unit;
	char note[192];
	size_t depth;
	double value; /* median */
	double min;
	double max;
	int reps;
	double rep[BENCH_MAX_REPS]; /* results of the repetitions, in the order in which they ran */
};

extern const struct bench_result *bench_results;
extern size_t bench_result_count;

int bench_report_open(const char *path);
/* Close the file of --json.  Return 0, or a negative errno if it is incomplete. */
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
