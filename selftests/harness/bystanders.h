/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bystanders measure for how long the processors do not run, as in a virtual machine whose
 * host is busy.  Each processor has one: a process of real-time priority that sleeps for a
 * millisecond over and over, and adds up by how much it woke too late.
 */
#ifndef SELFTESTS_BYSTANDERS_H
#define SELFTESTS_BYSTANDERS_H

#include <sched.h>

#include "child.h"

#define BYSTANDERS_MAX	64
#define BYSTANDER_LATE	MS /* one that wakes later than this had no processor */
#define BYSTANDER_SLEEP MS

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
 * struct bystanders - one for each processor, in memory that they share
 * @count: entries in @of
 */
struct bystanders {
	unsigned int count;
	struct bystander of[BYSTANDERS_MAX];
};

/* Time that the processors lost so far, ns. */
static inline uint64_t bystanders_stolen(const struct bystanders *all)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < all->count; i++)
		sum += __atomic_load_n(&all->of[i].stolen, __ATOMIC_ACQUIRE);
	return sum;
}

/* Wait until each has woken twice, so that its @stolen has all that it lost so far. */
static inline void bystanders_wait(const struct bystanders *all)
{
	const struct timespec pause = { .tv_nsec = BYSTANDER_SLEEP };
	uint64_t ticks;
	unsigned int i;

	for (i = 0; i < all->count; i++) {
		ticks = FLAG_GET(all->of[i].ticks);
		while (FLAG_GET(all->of[i].ticks) - ticks < 2)
			nanosleep(&pause, NULL);
	}
}

static inline int bystander_run(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct timespec pause = { .tv_nsec = BYSTANDER_SLEEP };
	struct bystander *b = arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(b->cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 1;
	/* Without the right to that, its own wait for a processor counts as lost time. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	for (;;) {
		uint64_t start = now_ns(), late;

		nanosleep(&pause, NULL);
		late = now_ns() - start - BYSTANDER_SLEEP;
		if (late > BYSTANDER_LATE)
			__atomic_store_n(&b->stolen, b->stolen + late, __ATOMIC_RELEASE);
		__atomic_store_n(&b->ticks, b->ticks + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static inline void bystanders_start(struct bystanders *all)
{
	cpu_set_t here;
	int cpu;

	CPU_ZERO(&here);
	sched_getaffinity(0, sizeof(here), &here);
	for (cpu = 0; cpu < CPU_SETSIZE && all->count < BYSTANDERS_MAX; cpu++) {
		struct bystander *b = &all->of[all->count];

		if (!CPU_ISSET(cpu, &here))
			continue;
		b->cpu = cpu;
		b->pid = child_start(bystander_run, b);
		all->count++;
	}
}

static inline void bystanders_kill(struct bystanders *all)
{
	for (; all->count; all->count--)
		child_kill(all->of[all->count - 1].pid);
}

/* For how long @pid was ready to run and had no processor, ns; 0 if that is not known. */
static inline uint64_t queued_of(pid_t pid)
{
	unsigned long long ran, waited;
	bool known;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	known = fscanf(f, "%llu %llu", &ran, &waited) == 2;
	fclose(f);
	return known ? waited : 0;
}

#endif
