/* SPDX-License-Identifier: GPL-2.0 */
/* What the processes of the kill test share. */
#ifndef SELFTESTS_KILL_H
#define SELFTESTS_KILL_H

#include "../harness/rings.h"

#define KILL_WRITERS 3
#define KILL_READERS 3
#define KILL_VICTIMS (KILL_WRITERS + KILL_READERS + 1) /* the last is the newcomer */
#define KILL_LIVES   8192 /* writers in one run, one after the other */
#define KILL_SLOT    256
#define KILL_SLOTS   16
#define KILL_BATCH   5
#define KILL_CPUS    64 /* processors that have a bystander */
#define HANG_NS	     (20 * SECOND)

/* A survivor has survived an event after so many steps, which is more than a lap. */
#define KILL_STEPS (2 * KILL_SLOTS)

/**
 * struct victim - a process that is killed now and then, and started again
 * @event: the last event that it has survived
 * @stall: ns, the longest step since then
 * @alive: attached and at work
 */
struct victim {
	uint64_t event;
	uint64_t stall;
	int alive;
	pid_t pid;
} __attribute__((aligned(64)));

/**
 * struct life - one writer, from its start to its end
 * @committed: messages whose commit has returned
 */
struct life {
	uint64_t committed;
};

/**
 * struct bystander - a process that measures whether its processor runs
 * @stolen: sum of the times by which it woke too late, in ns
 * @ticks: how often it woke
 */
struct bystander {
	uint64_t stolen;
	uint64_t ticks;
	int cpu;
	pid_t pid;
} __attribute__((aligned(64)));

/**
 * struct arena - memory that all processes share
 * @name: of the ring, if it has one
 * @second: name of a ring that newcomers create
 * @event: number of the event, a kill or none
 * @event_ns: when it happened
 * @window: ns for which survivors watch their steps at least
 * @stop: writers are to finish
 * @ended: all writers have finished
 * @lives: writers so far
 * @bystanders: entries in @bystander
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
	unsigned int bystanders;
	struct bystander bystander[KILL_CPUS];
	struct victim victim[KILL_VICTIMS];
	struct life life[KILL_LIVES];
};

/*
 * What the processes run until they are killed; each returns only at the end of the stream
 * (0) or when a check has failed (1).
 */
int writer_run(struct arena *a, struct victim *v);
int reader_run(struct arena *a, struct victim *v);
int newcomer_run(struct arena *a, struct victim *v);

/* Attach a writer, and wait if a dead one still holds its row; NULL and errno on failure. */
struct ringbuf_writer *writer_attach(struct ringbuf *ring);

/* Reserve, fill and commit @count messages of writer @life from @number on; 0 or 1. */
int write_batch(struct ringbuf_writer *writer, uint32_t life, uint64_t number, unsigned int count);

#endif
