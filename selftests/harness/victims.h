/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Victims: threads that make calls on a ring while a hostile peer scribbles over its words.
 *
 * A watch finds a victim whose call does not return.  It looks at a neighbour too, a pair of
 * threads that sends messages through a ring of its own: only if those make progress, a call that
 * takes long is the fault of the call.
 */
#ifndef SELFTESTS_VICTIMS_H
#define SELFTESTS_VICTIMS_H

#include <pthread.h>

#include "child.h"
#include "scribble.h"

#define VICTIMS_MAX 16

/*
 * A call is stuck if it takes longer than PATIENCE, and the neighbour, which needs the processors
 * too, sends so many messages meanwhile.
 */
#define VICTIM_PATIENCE 2000U

/**
 * struct victim - a thread that makes calls
 * @name: what it is called in messages
 * @step: makes a call; returns 0, or 1 after it has printed what is wrong
 * @arg: for @step
 * @chance: its random numbers
 * @calls: calls that have returned
 * @failed: a call did what it must not do
 * @stop: end after the present call
 */
struct victim {
	const char *name;
	int (*step)(struct victim *v);
	void *arg;
	uint64_t chance;
	uint64_t calls;
	bool failed;
	bool *stop;
	pthread_t thread;
};

/**
 * struct victims - all victims of a test
 * @stop: end after the present call
 */
struct victims {
	struct victim of[VICTIMS_MAX];
	unsigned int count;
	bool stop;
};

static inline void *victim_run(void *arg)
{
	struct victim *v = arg;

	while (!FLAG_GET(*v->stop) && !v->failed) {
		if (v->step(v)) {
			fprintf(stderr, "# victim %s, call %llu\n", v->name,
				(unsigned long long)v->calls);
			FLAG_SET(v->failed);
		}
		__atomic_fetch_add(&v->calls, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static inline int victim_start(struct victims *all, const char *name, int (*step)(struct victim *v),
			       void *arg, uint64_t seed)
{
	struct victim *v = &all->of[all->count];

	*v = (struct victim){ .name = name, .step = step, .arg = arg, .stop = &all->stop };
	v->chance = chance_fork(seed, 100 + all->count);
	all->count++;
	return -pthread_create(&v->thread, NULL, victim_run, v);
}

/**
 * struct victim_call - the call that a victim was last seen in
 * @number: the call
 * @since: when the victim was first seen in it, ns; 0: never
 * @clock: messages of the neighbour until then
 */
struct victim_call {
	uint64_t number;
	uint64_t since;
	uint64_t clock;
};

/* Look at the call of @v.  Returns whether it is stuck. */
static inline bool victim_stuck(const struct victim *v, struct victim_call *seen, uint64_t clock)
{
	uint64_t number = FLAG_GET(v->calls), now = now_ns();

	if (number != seen->number || !seen->since) {
		*seen = (struct victim_call){ number, now, clock };
		return false;
	}
	if (now - seen->since < PATIENCE || clock - seen->clock < VICTIM_PATIENCE)
		return false;
	fprintf(stderr, "# victim %s: call %llu does not return\n", v->name,
		(unsigned long long)number);
	return true;
}

/*
 * Watch the victims until each has made @calls calls.  *clock counts the messages of the
 * neighbour.  Returns 0, or 1 if a victim failed or is stuck.
 */
static inline int victims_watch(struct victims *all, uint64_t calls, const uint64_t *clock)
{
	const struct timespec pause = { .tv_nsec = MS };
	struct victim_call seen[VICTIMS_MAX] = { 0 };
	unsigned int i, done = 0;

	for (i = 0; done < all->count; i = (i + 1) % all->count) {
		const struct victim *v = &all->of[i];

		if (FLAG_GET(v->failed) || victim_stuck(v, &seen[i], FLAG_GET(*clock)))
			return 1;
		done = FLAG_GET(v->calls) >= calls ? done + 1 : 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* End all victims.  Returns 0, or 1 if one of them does not return from its last call. */
static inline int victims_end(struct victims *all)
{
	struct timespec end;
	unsigned int i;

	FLAG_SET(all->stop);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE / SECOND;
	for (i = 0; i < all->count; i++)
		if (pthread_timedjoin_np(all->of[i].thread, NULL, &end)) {
			fprintf(stderr, "# victim %s: its last call does not return\n",
				all->of[i].name);
			return 1;
		}
	return 0;
}

#endif
