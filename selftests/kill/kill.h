/* SPDX-License-Identifier: GPL-2.0 */
/* What the processes of the kill test share. */
#ifndef SELFTESTS_KILL_H
#define SELFTESTS_KILL_H

#include "../harness/rings.h"

#define KILL_WRITERS 3
#define KILL_READERS 3
#define KILL_PLACES  (KILL_WRITERS + KILL_READERS + 1) /* the last one's: a young process */
#define KILL_LIVES   8192 /* writers in one run, one after the other */
#define KILL_SLOT    256
#define KILL_SLOTS   16
#define KILL_BATCH   5
#define KILL_CPUS    64 /* of which it is seen whether they run */
#define HANG_NS	     (20 * SECOND)

/* How many steps a survivor takes before an event is over for it: more than a lap. */
#define KILL_STEPS (2 * KILL_SLOTS)

/**
 * struct place - a process that is killed now and then, and started again
 * @event: the last event that it has survived
 * @stall: ns, the longest step since then
 * @alive: attached and at work
 */
struct place {
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
 * struct bystander - who sees whether a processor runs
 * @stolen: ns by which it woke too late, in all
 * @ticks: times it woke
 */
struct bystander {
	uint64_t stolen;
	uint64_t ticks;
	int cpu;
	pid_t pid;
} __attribute__((aligned(64)));

/**
 * struct arena - shared by all
 * @name: of the ring, where it has one
 * @second: of a ring that young processes create
 * @event: number of the event, a kill or none
 * @event_ns: when it happened
 * @window: ns, for which it is watched at least
 * @stop: writers finish
 * @ended: all writers have
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
	struct place place[KILL_PLACES];
	struct life life[KILL_LIVES];
};

/* A survivor's own clock: how long its steps take after an event. */
struct pulse {
	struct place *place;
	uint64_t last;
	uint64_t event;
	uint64_t longest;
	unsigned int left;
};

static inline void pulse_start(struct pulse *p, struct place *place, const struct arena *a)
{
	*p = (struct pulse){ .place = place, .event = FLAG_GET(a->event) };
	FLAG_SET(place->alive);
}

/* After each step; a step that was under way when the event came counts from then on. */
static inline void pulse_step(struct pulse *p, const struct arena *a)
{
	uint64_t event = __atomic_load_n(&a->event, __ATOMIC_ACQUIRE), now;

	if (!p->left && event == p->event)
		return;
	now = now_ns();
	if (event != p->event) {
		p->event = event;
		p->left = KILL_STEPS;
		p->longest = 0;
		p->last = a->event_ns;
	}
	if (now - p->last > p->longest)
		p->longest = now - p->last;
	p->last = now;
	if (p->left > 1 || now - a->event_ns >= a->window)
		p->left--;
	if (!p->left) {
		p->place->stall = p->longest;
		__atomic_store_n(&p->place->event, p->event, __ATOMIC_RELEASE);
	}
}

#endif
