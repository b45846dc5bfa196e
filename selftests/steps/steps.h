/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the step test share.
 *
 * The driver is the test program itself.  A victim is a child that does one operation on a
 * ring, one instruction at a time.  The survivors are two children that live as long as the
 * ring: a writer that writes as many messages as the driver asks for, and a reader that
 * checks all of them.
 */
#ifndef SELFTESTS_STEPS_H
#define SELFTESTS_STEPS_H

#include "../harness/bystanders.h"
#include "../harness/rings.h"

#define STEPS_SLOT    96
#define STEPS_SLOTS   8
#define STEPS_BATCH   5
#define STEPS_WRITERS 4
#define STEPS_READERS 4
#define STEPS_SHOUT   1 /* the writer that names the survivor in messages */
#define STEPS_TIMES   64 /* more than a ring has messages that are not read */
#define HANG_NS	      (10 * SECOND) /* what takes longer never ends */
#define STALL_NS      (50 * MS)
#define CLAIM_NS      (5 * MS) /* claim_timeout of a ring that fences */
#define POLICY_NS     (5 * MS) /* how long a reader with a timeout may hold writers up */

/* What the driver does to a victim after some of its instructions. */
enum fate {
	FATE_KILL, /* SIGKILL */
	FATE_STOP, /* SIGSTOP, and SIGCONT when the survivors can do no more */
	FATE_FENCE, /* SIGSTOP, and SIGCONT after ten laps: the ring has fenced the victim */
	FATES,
};

/**
 * struct arena - memory that the driver, the victim and the survivors share
 * @ring: the ring, which all have inherited
 * @fate: what comes over the victims
 * @exclusive: it has one writer, so the survivor attaches when the victim has ended
 * @policy: of victims that read; the surviving reader has RINGBUF_BLOCK
 * @policy_timeout: how long such a victim may hold writers up, ns; 0: the policy has none
 * @module: the ring is on the module
 * @progress: futex, changed by each step of a survivor or victim
 * @orders: futex, changed by each order of the driver
 * @failed: a process has found a violation, and has printed it
 * @stop: the survivors are to end
 *
 * @life: the number that names this round's victim in messages
 * @victim: its process
 * @discards: its operation takes slots back
 * @leaves: its operation ends the writer
 * @ready: the victim, or before it the surviving reader, has attached
 * @returned: the operation has returned
 * @begun: messages that the victim may have committed
 * @committed: messages whose commit has returned
 *
 * @event_ns: when the victim was killed or continued; 0: not yet
 * @slow: messages of the victim are not due at the event: it has continued
 * @wrote_ns: when the surviving writer began to write a message
 * @reader_ns: the latest that the surviving reader got a message since the event, ns
 * @writer_ns: longest write of the surviving writer since then
 * @first_ns: from then to the end of the first write that began after it
 *
 * @target: messages that the surviving writer is to have written
 * @written: messages that it has written
 * @away: it is to leave an exclusive ring when it has written them
 * @take_over: it takes an exclusive ring over from a victim that is stopped
 * @hold: the surviving reader waits for a full ring, and keeps it
 * @held: it does so
 * @position: next position that the surviving reader will read
 * @visible: the position that it has to reach before the next write
 * @heard: messages of the surviving writer that it has seen
 * @seen: messages of this round's victim that it has seen
 * @holes: holes that it has skipped
 */
struct arena {
	struct ringbuf *ring;
	enum fate fate;
	bool exclusive;
	enum ringbuf_policy_kind policy;
	uint64_t policy_timeout;
	bool module;
	uint32_t progress;
	uint32_t orders;
	int failed;
	int stop;

	uint32_t life;
	pid_t victim;
	bool discards;
	bool leaves;
	int ready;
	int returned;
	uint64_t begun;
	uint64_t committed;

	uint64_t event_ns;
	int slow;
	uint64_t wrote_ns[STEPS_TIMES];
	uint64_t reader_ns;
	uint64_t writer_ns;
	uint64_t first_ns;

	uint64_t target;
	uint64_t written;
	int away;
	int take_over;
	int hold;
	int held;
	uint64_t position;
	uint64_t visible;
	uint64_t heard;
	uint64_t seen;
	uint64_t holes;
};

#define GET(word)	 __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define SET(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)

/* ---- futex.c ------------------------------------------------------------------- */

/* Change @word and wake all that sleep on it. */
void notify(uint32_t *word);

/* Sleep while @word is @value, at most 20 ms. */
void doze(const uint32_t *word, uint32_t value);

/* ---- operations.c ---------------------------------------------------------------- */

/**
 * struct victim - what a victim works with; its own memory
 * @a: shared with the others
 * @text: messages that it writes next; [0] also: the message that it has read
 * @length: their lengths
 * @reserved: slots that it has reserved
 * @peeked: slots that it has peeked
 * @few: it has peeked fewer than the full ring had
 * @stale: it has lost what it released last
 * @first: the position where it began to read
 * @consumed: messages that it has read or released
 * @fd: a handle of the device, or -1
 * @pipe: a pipe with one message in it
 */
struct victim {
	struct arena *a;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	struct ringbuf_slot slot[STEPS_SLOTS];
	char text[STEPS_BATCH][STEPS_SLOT];
	size_t length[STEPS_BATCH];
	unsigned int reserved;
	unsigned int peeked;
	bool few;
	bool stale;
	uint64_t first;
	uint64_t consumed;
	int fd;
	int pipe[2];
};

/* The survivor that wakes an operation which sleeps. */
enum waker {
	WAKER_NONE, /* it does not sleep */
	WAKER_READER, /* a reader, which releases */
	WAKER_WRITER,
};

/**
 * struct operation - what a victim does one instruction at a time
 * @prepare: in the victim, at full speed; 0 or 1
 * @run: the operation; 0 or 1
 * @inherit: in the driver, before the victim is forked: make handles for it; or NULL
 * @reader: the victim reads: the ring is filled when it has attached
 * @empty: the ring is not filled for this reader
 * @attaches: the victim is no writer before
 * @claims: the driver may fence a victim that is stopped in this operation
 * @discards: it takes slots back
 * @leaves: it ends the writer
 * @module: the embedded host has none
 * @waker: who ends its sleep
 */
struct operation {
	const char *name;
	int (*prepare)(struct victim *v);
	int (*run)(struct victim *v);
	int (*inherit)(struct victim *v);
	bool reader;
	bool empty;
	bool attaches;
	bool claims;
	bool discards;
	bool leaves;
	bool module;
	enum waker waker;
};

extern const struct operation operations[];
extern const unsigned int operation_count;

/* Make the next @count messages of @v, which the operation only copies. */
void draft(struct victim *v, unsigned int count);

/* Tell the survivors that the victim is ready.  Return 0. */
int be_ready(struct victim *v);

/* What a victim that was continued does last: use its handles once more, and close them. */
int victim_finish(struct victim *v);

/* ---- stepper.c -------------------------------------------------------------------- */

/* Why a victim cannot be stepped on this machine, or NULL. */
const char *stepper_missing(void);

/* Start the child that does @op; it returns when the child has stopped before it. */
pid_t victim_start(const struct victim *v, const struct operation *op);

/* Wait until the child has prepared @op, and has stopped; false if it has ended. */
bool victim_prepared(pid_t pid);

/*
 * Let the driver and the victim run on one processor, or again on all: a step on another
 * processor takes ten times as long in a virtual machine.
 */
void stepper_together(pid_t pid);
void stepper_apart(pid_t pid);

enum step {
	STEP_DONE, /* one instruction further */
	STEP_END, /* the operation has returned */
	STEP_SLEEP, /* the instruction is a call that sleeps */
	STEP_GONE, /* the victim has ended; a violation */
};

/* Execute one instruction; @sleeps: it may be a call that sleeps. */
enum step victim_step(pid_t pid, bool sleeps);

/* Wait for the end of a step that sleeps. */
enum step victim_woken(pid_t pid);

/* Where the victim is, for addr2line. */
unsigned long victim_at(pid_t pid);

/* Wait for the end of a victim that was continued; its exit status, or 128 + signal. */
int victim_end(pid_t pid);

/* Leave the victim stopped by a SIGSTOP; @sleeps: in a call.  False if it has ended. */
bool victim_stop(pid_t pid, bool sleeps);

/* ---- survivors.c --------------------------------------------------------------------- */

int survivor_writer(void *arena);
int survivor_reader(void *arena);

/* ---- returns.c ----------------------------------------------------------------------- */

/* How many descriptors this process has, and locks the file of @ring. */
unsigned int descriptors(void);
unsigned int locks_of(struct ringbuf *ring);

/* Whether a process has kept the slow-path lock of the embedded host for a while. */
bool lock_is_kept(struct ringbuf *ring);

/* Check that nobody is attached, and that all ids and but @locks locks are free; 0 or 1. */
int all_returns(struct ringbuf *ring, unsigned int locks);

/* Make and drop @count rings, one after the other; 0 or 1. */
int many_rings(unsigned int count);

/* ---- times.c ------------------------------------------------------------------------------ */

/**
 * struct times - how long something took, each time
 * @count: entries in @ns
 * @room: entries that there are
 */
struct times {
	uint64_t *ns;
	size_t count;
	size_t room;
};

void times_add(struct times *t, uint64_t ns);

/* Print the median, the 99th percentile and the longest of @t, which this sorts. */
void times_print(struct times *t, const char *what);

/* ---- round.c -------------------------------------------------------------------------- */

/**
 * struct kind - a kind of ring, and what comes over the victims
 * @name: for the reader of the results
 * @flags: of the ring
 * @policy: of victims that read; not RINGBUF_BLOCK: no others
 */
struct kind {
	const char *name;
	uint32_t flags;
	enum fate fate;
	enum ringbuf_policy_kind policy;
};

/**
 * struct session - one ring with its survivors, and an operation that victims do on it
 * @kind: of the ring, and what comes over the victims
 * @op: what the victims do
 * @bystanders: they measure for how long processors did not run, when a stall is repeated
 * @times: from the death of a victim to the end of the next write
 *
 * @a: shared with the survivors
 * @writer: pid of the surviving writer
 * @reader: pid of the surviving reader
 * @descriptors: that the driver had before it made the ring
 * @locks: on the file of the ring before the survivors attached
 *
 * @instructions: of the operation, as its first victim has counted
 * @victims: so far
 * @violations: so far
 * @longest: longest that a survivor waited, less what it waited for a processor, ns
 * @at: where the last victim was
 * @sleeps: it sleeps in a call
 * @step: after how many instructions
 * @lost: time that the survivors had lost to others before the event, ns
 */
struct session {
	const struct kind *kind;
	const struct operation *op;
	struct bystanders *bystanders;
	struct times *times;

	struct arena *a;
	pid_t writer;
	pid_t reader;
	unsigned int descriptors;
	unsigned int locks;

	uint64_t instructions;
	unsigned int victims;
	unsigned int violations;
	uint64_t longest;
	unsigned long at;
	bool sleeps;
	uint64_t step;
	uint64_t lost;
};

/* Let a victim execute @k instructions and have its fate; false after a violation. */
bool session_round(struct session *s, uint64_t k);

/* Wait until the survivors are at work, or order their end. */
bool survivors_start(struct session *s);
void survivors_stop(struct arena *a);

/* ---- session.c ------------------------------------------------------------------------- */

/* Run victims up to @count different instructions of s->op, or with 0 up to every one. */
void session_run(struct session *s, uint64_t count, uint64_t seed);

#endif
