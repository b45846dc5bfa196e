/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An exhaustive model of small rings.
 *
 * Each writer, reader and host task is a coroutine that runs the real engine.
 * A shared access suspends it, unless no other task of the configuration ever
 * touches that word in a way that matters (see memory.c).  The search
 * (search.c) goes depth first through every choice of the next task, restores
 * memory and stacks to go back, and remembers the states that it has seen.
 * Of two moves that do not touch what the other one does it takes only one order
 * (sleep sets, Godefroid 1996): that leaves out no state, only ways to it.
 *
 * A task's private state is known by what it has read since the last place
 * where it stated its private state in full (model_at()).
 *
 * Memory models: SC; TSO, a store buffer per task, first in first out; PSO,
 * where stores to different words leave the buffer in any order but for
 * release, and a compare-and-swap that fails orders nothing; RC11 (views.c), where
 * loads pass each other, too, which is more than arm64 does.  Loads are in program
 * order in the first three.
 */
#ifndef MODEL_H
#define MODEL_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "engine_arch.h"

#define MAX_TASKS     5
#define MAX_SLOTS     4
#define MAX_READERS   2
#define MAX_WRITERS   3
#define MAX_POSITIONS 16
#define MAX_BUFFER    12
#define STACK_BYTES   65536
#define STACK_KEEP    4096

enum memory_model { SC, TSO, PSO, RC11, MEMORY_MODELS };

/* ---- shared memory ---------------------------------------------------------- */

/**
 * struct seat - a handle as its host sees it
 * @waiter: the engine's waiter word
 * @woken: stands for the futex: set by a wake-up, cleared before arming
 */
struct seat {
	u64 waiter;
	u64 woken;
};

struct arena {
	u64 info[(sizeof(struct ringbuf_info_page) + MAX_READERS * sizeof(struct ringbuf_row)) / 8];
	u64 head[(sizeof(struct ringbuf_head_page) +
		  MAX_WRITERS * sizeof(struct ringbuf_writer_row)) /
		 8];
	struct ringbuf_desc desc[MAX_SLOTS];
	u64 claim[MAX_SLOTS];
	struct ringbuf_cursor cursor[MAX_READERS];
	u64 payload[MAX_SLOTS];
	struct seat seat[MAX_TASKS];
	u64 lock;
};

#define ARENA_WORDS (sizeof(struct arena) / 8)

extern struct arena arena;
extern u64 arena_hash[2]; /* of it, kept up to date */

/* ---- what really happened, beside the memory ---------------------------------- */

/**
 * struct ghost - part of the state, too
 * @fate: phase of each position, 0 while unfinished
 * @owner: task + 1 that reserved it
 * @next: per reader: the position that it has to see next
 * @start: per reader: where it attached
 * @attached: per reader: gates, and knows where it starts
 * @finished: writers that have ended
 * @end: head when the last writer ended
 * @first_end: head + 1 when no writer was left for the first time
 * @evicted: the first reader
 * @skips: of the first reader's struct rb_hold: times that it was skipped
 * @resumed: the same: where it continued
 * @margin: the same
 * @want: the same: where it continues at the earliest
 */
struct ghost {
	u8 fate[MAX_POSITIONS];
	u8 owner[MAX_POSITIONS];
	u8 next[MAX_READERS];
	u8 start[MAX_READERS];
	u8 attached[MAX_READERS];
	u8 finished;
	u8 end;
	u8 first_end;
	u8 evicted;
	u8 skips;
	u8 resumed;
	u8 margin;
	u8 want;
	u8 pad[6];
};

extern struct ghost ghost;

/* ---- what a move reads and writes ---------------------------------------------- */

/* A bit for each word of the arena, each byte of the ghost, each task's status. */
#define GHOST_BIT(field) ((u32)(ARENA_WORDS + ((u8 *)&ghost.field - (u8 *)&ghost)))
#define STATUS_BIT(i)	 ((u32)(ARENA_WORDS + sizeof(struct ghost) + (i)))
#define BARRIER_BIT	 STATUS_BIT(MAX_TASKS)
#define FOOTPRINT_WORDS	 (BARRIER_BIT / 64 + 1)
#define ARENA_BIT(at)	 ((u32)((const char *)(at) - (const char *)&arena) / 8)

struct footprint {
	u64 read[FOOTPRINT_WORDS];
	u64 written[FOOTPRINT_WORDS];
};

extern struct footprint footprint; /* of the move that is being made */

static inline void foot_read(u32 bit)
{
	footprint.read[bit / 64] |= 1ULL << bit % 64;
}

static inline void foot_written(u32 bit)
{
	footprint.written[bit / 64] |= 1ULL << bit % 64;
}

/* Neither does anything that the other one could tell. */
static inline bool foot_independent(const struct footprint *a, const struct footprint *b)
{
	u64 both = 0;
	u32 i;

#ifndef MODEL_ALL_COMMUTE /* a mistake that ways.sh makes */
	for (i = 0; i < FOOTPRINT_WORDS; i++)
		both |= (a->written[i] & (b->read[i] | b->written[i])) |
			(a->read[i] & b->written[i]);
#endif
	return !both;
}

/* The ghost's only ways in and out, but for what looks at it as a whole. */
#define GHOST_GET(field)	(foot_read(GHOST_BIT(field)), ghost.field)
#define GHOST_SET(field, value) (foot_written(GHOST_BIT(field)), ghost.field = (u8)(value))

/* ---- tasks -------------------------------------------------------------------- */

enum task_status {
	TASK_RUNS,
	TASK_DONE,
	TASK_HOLDS, /* stopped for good, with a reservation or a message */
	TASK_DEAD, /* killed */
};

struct op {
	enum model_op_kind kind;
	u32 flags;
	u32 word; /* offset in the arena */
	u32 size;
	u64 value;
	u64 expect;
	const struct model_site *site;
};

struct buffered {
	u32 word;
	u32 size;
	u64 value;
	bool release;
	bool fence; /* no later store leaves before this one and those before it */
};

/**
 * struct task_state - what a snapshot has of a task, beside its stack
 * @context: where it is suspended
 * @stack: lowest live byte
 * @op: its next step
 * @result: of its last step
 * @choice: RC11: how many messages before the newest its next step is about
 * @seen: hash of its private state
 * @status: see there
 * @guard: above 0: in the host, cannot be killed
 * @buffers: how many in @buffer
 * @buffer: stores that are not in memory yet
 */
struct task_state {
	jmp_buf context;
	char *stack;
	struct op op;
	u64 result;
	u32 choice;
	u64 seen[2];
	enum task_status status;
	int guard;
	u32 buffers;
	struct buffered buffer[MAX_BUFFER];
};

struct task {
	struct task_state s;
	char name[12];
	void (*body)(struct task *task);
	const struct actor_spec *spec;
	u32 index; /* of the task */
	u32 id; /* row of a reader, id of a writer */
	bool killable;
	char *stack;
};

extern struct task tasks[MAX_TASKS];
extern u32 task_count;
extern struct task *current; /* NULL in the search itself: accesses are direct */
extern enum memory_model memory_model;
extern bool verbose;
extern bool all_ways; /* no move is left for later */

/* ---- memory.c ------------------------------------------------------------------ */

void memory_reset(void);
void memory_forget_conflicts(void);
bool memory_conflicts_changed(void);
u8 memory_writers(u32 word);
void memory_write(const struct task *t, u32 word, u32 size, u64 value);
void memory_hash(u64 hash[2]);
void memory_rehash(void);
bool op_enabled(const struct task *t);
bool op_local(const struct task *t);
u64 op_execute(struct task *t);
bool flush_enabled(const struct task *t, u32 entry);
void flush_execute(struct task *t, u32 entry);
void name_of(u32 word, char *name, size_t size);

/* ---- views.c ------------------------------------------------------------------- */

#define MAX_PLACES   48 /* a multiple of 8 */
#define MAX_MESSAGES 120

/**
 * struct message - a store
 * @value: stored
 * @glued: by a read-modify-write: no other store comes between it and the one before
 * @view: of each place, the message that a load with acquire order has seen after it
 */
struct message {
	u64 value;
	bool glued;
	u8 view[MAX_PLACES];
};

/**
 * struct task_views - for each place, a message by its number there
 * @now: the first one that the task can still load
 * @loaded: what was loaded without acquire order: a barrier adds it to @now
 * @barrier: @now at the last full barrier: what a store without release order carries
 */
struct task_views {
	u8 now[MAX_PLACES];
	u8 loaded[MAX_PLACES];
	u8 barrier[MAX_PLACES];
};

/**
 * struct views - the memory of RC11
 * @task: see there
 * @barrier: @now of the last task that passed a full barrier
 * @marked: of a place that stands for loads of a slot's bytes: there were some
 * @first: index of the first message of each place
 * @message: of all places, one after the other; those of a place in coherence order
 */
struct views {
	struct task_views task[MAX_TASKS];
	u8 barrier[MAX_PLACES];
	u8 marked[MAX_PLACES];
	u8 first[MAX_PLACES + 1];
	struct message message[MAX_MESSAGES];
};

extern struct views views;

void views_forget(void);
void views_reset(void);
void views_share(const struct op *op, u32 mask);
bool views_shared(const struct op *op);
u32 views_choices(const struct task *t);
bool views_can(const struct task *t, u32 choice);
u64 views_step(const struct task *t, const struct op *op);
void views_barrier(const struct task *t, u32 flags);
void views_inherit(const struct task *t, u32 of);
void views_tidy(void);
void views_hash(u64 hash[2]);
void views_copy(struct views *to, const struct views *from);

/* ---- seen.c -------------------------------------------------------------------- */

/* A move's name as a bit, where that may be left for later. */
#define MOVES_OF_TASK 8U
#define MOVE_BITS     (MAX_TASKS * MOVES_OF_TASK)

void seen_reset(void);
void seen_soon(const u64 hash[2]);
u64 seen_put(const u64 hash[2], u64 *asleep, bool *is_new);

/* ---- search.c ------------------------------------------------------------------ */

struct result {
	u64 states;
	u64 transitions;
	u32 depth;
	double seconds;
	bool complete;
	char error[256];
};

void violation(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void model_at(struct task *t, u64 tag, const void *state, size_t bytes);
void task_end(struct task *t, enum task_status status) __attribute__((noreturn));
void search(void (*reset)(void), u64 limit, struct result *result);

static inline void mix(u64 hash[2], u64 value)
{
	__uint128_t a = (__uint128_t)(hash[0] ^ value) * 0x9e3779b97f4a7c15ULL;
	__uint128_t b = (__uint128_t)(hash[1] + value) * 0xd6e8feb86659fd93ULL;

	hash[0] = (u64)a ^ (u64)(a >> 64) ^ 0x2545f4914f6cdd1dULL;
	hash[1] = (u64)b ^ (u64)(b >> 64) ^ hash[0] * 5;
}

/* ---- actors.c ------------------------------------------------------------------ */

/* What a task does. */
enum role {
	ROLE_NONE,
	ROLE_WRITER,
	ROLE_READER,
	ROLE_REAPER, /* repairs after task @victim, then continues as a writer with @script */
	ROLE_SYNC, /* moves reader @row to @start */
	ROLE_EVICT, /* evicts the first reader */
	ROLE_SKIP, /* skips the first reader if that gates, @quota times */
};

#define LATE   1U /* attaches while the others run */
#define MORTAL 2U /* may be killed between any two steps */
#define STAYS  4U /* does not leave at its end: neither done nor detached */
#define WANTED 8U /* a reader for which the writers wait */
#define LEAVES 16U /* a reader that detaches with its last message still in use */
#define STOPS  64U /* a reader that is stopped for good when it has a message or was skipped */
#define SKIPS  32U /* a reader that moves itself to head, with its message still in use */

/**
 * struct actor_spec - one task
 * @role: see there
 * @script: writer: a step per letter: 1-3 reserve and commit so many, d reserve
 *	one and discard it, p reserve two and commit one, h reserve one and hold
 *	it for ever, H the same with two
 * @flags: LATE, MORTAL, STAYS, WANTED, LEAVES, STOPS, SKIPS
 * @start: reader: where it attaches; sync: where it moves the reader
 * @max: reader: slots per peek, 1 if 0
 * @quota: reader: detaches after so many messages, 0: at the end of the stream
 * @policy: reader: RINGBUF_POLICY_*; the first reader alone may have RINGBUF_POLICY_SKIP
 * @lag: reader: the lag of its policy
 */
struct actor_spec {
	enum role role;
	const char *script;
	u32 flags;
	u64 start;
	u32 max;
	u32 quota;
	u32 policy;
	u32 lag;
};

#define FROM_HEAD (~0ULL)

/* Beside the memory models of a configuration: it is too large to be searched. */
#define IN_PART (1U << 8)

struct config {
	const char *name;
	u32 slots;
	bool exclusive;
	bool spin; /* no task sleeps: one that waits continues when it can */
	u32 models; /* bits 1 << SC and so on: in the default set */
	u32 full; /* in the full set */
	struct actor_spec actor[MAX_TASKS];
};

extern const struct config configs[];
extern const struct config *config;

void actors_reset(void);
bool races_matter(void);
bool actors_spin_over(const struct task *t);
bool actors_stuck(char *why, size_t size); /* nobody can step: is that an error? */
void check_store(const struct task *t, u32 word, u64 old, u64 value);

#endif
