/* SPDX-License-Identifier: GPL-2.0 */
/* The memory that the processes of the kill test share, and their functions. */
#ifndef SELFTESTS_KILL_H
#define SELFTESTS_KILL_H

#include "../harness/bystanders.h"
#include "../harness/rings.h"

#define KILL_WRITERS 3
#define KILL_READERS 3
#define KILL_VICTIMS (KILL_WRITERS + KILL_READERS + 1) /* the last one is the newcomer */
#define KILL_LIVES   8192 /* most writers of a run, those started again included */
#define KILL_SLOT    256
#define KILL_SLOTS   16
#define KILL_BATCH   5
#define HANG_NS	     (20 * SECOND)

/* A survivor has survived an event when it has taken so many steps, more than a lap. */
#define KILL_STEPS (2 * KILL_SLOTS)

/**
 * struct victim - a process that may be killed, and is then started again
 * @event: number of the last event that it has survived
 * @stall: its longest step after that event, in ns
 * @alive: it is attached and works
 * @pid: its pid
 */
struct victim {
	uint64_t event;
	uint64_t stall;
	int alive;
	pid_t pid;
} __attribute__((aligned(64)));

/**
 * struct life - one writer, from its start to its end
 * @committed: number of messages whose commit has returned
 */
struct life {
	uint64_t committed;
};

/**
 * struct arena - memory that all processes share
 * @ring: the ring
 * @name: name of the ring, if it has one
 * @second: name of another ring, which newcomers create
 * @event: number of the last event, with or without a kill
 * @event_ns: time of that event
 * @window: least time for which survivors measure their steps after it, in ns
 * @stop: the writers shall finish
 * @ended: all writers have finished
 * @lives: number of writers that have started so far
 */
struct arena {
	struct ringbuf *ring;
	char name[64];
	char second[64];
	uint64_t event;
	uint64_t event_ns;
	uint64_t window;
	int stop;
	int ended;
	uint32_t lives;
	struct bystanders bystanders;
	struct victim victim[KILL_VICTIMS];
	struct life life[KILL_LIVES];
};

/*
 * The main functions of the processes.  Each runs until it is killed, or returns 0 at the end of
 * the stream and 1 when a check has failed.
 */
int writer_run(struct arena *a, struct victim *v);
int reader_run(struct arena *a, struct victim *v);
int newcomer_run(struct arena *a, struct victim *v);

/*
 * Attach a writer.  Wait as long as dead writers keep all ids, until their holes have been read.
 * Return NULL and set errno on an error.
 */
struct ringbuf_writer *writer_attach(struct ringbuf *ring);

/*
 * Reserve, fill and commit @count messages of writer @life from @number on.  Return 0, or 1 if a
 * check failed.
 */
int write_batch(struct ringbuf_writer *writer, uint32_t life, uint64_t number, unsigned int count);

#endif
