// SPDX-License-Identifier: GPL-2.0
/*
 * A descriptor of KCOV for each lane.  The parent maps the buffers and its children inherit them,
 * so what a task did can be read after its end.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kcov.h>

#include "cover.h"

#define WORDS (1UL << 16)

static int kcov[COVER_TASKS];
static uint64_t *trace[COVER_TASKS];
static bool works;

bool cover_open(void)
{
	unsigned int i;

	for (i = 0; i < COVER_TASKS; i++) {
		kcov[i] = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
		if (kcov[i] < 0 || ioctl(kcov[i], KCOV_INIT_TRACE, WORDS))
			return false;
		trace[i] = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
				kcov[i], 0);
		if (trace[i] == MAP_FAILED) {
			trace[i] = NULL;
			return false;
		}
	}
	return true;
}

void cover_trace(unsigned int task)
{
	if (trace[task])
		ioctl(kcov[task], KCOV_ENABLE, KCOV_TRACE_PC);
}

static unsigned int edge_of(uint64_t from, uint64_t to)
{
	uint64_t x = (from * 0x9e3779b97f4a7c15ULL ^ to) * 0xff51afd7ed558ccdULL;

	return (unsigned int)(x >> 40) % COVER_EDGES;
}

/* Count the edges of one task that @all lacks, and add them to @into, if there is one. */
static unsigned int task_edges(const struct cover *all, struct cover *into, unsigned int task)
{
	uint64_t n = trace[task][0], i, from = 0;
	unsigned int fresh = 0;

	for (i = 1; i <= n && i < WORDS; i++) {
		unsigned int edge = edge_of(from, trace[task][i]);

		from = trace[task][i];
		if (all->seen[edge])
			continue;
		fresh++;
		if (into)
			into->seen[edge] = 1;
	}
	works |= n;
	return fresh;
}

unsigned int cover_count(const struct cover *all)
{
	unsigned int fresh = 0, i;

	for (i = 0; i < COVER_TASKS; i++)
		if (trace[i])
			fresh += task_edges(all, NULL, i);
	return fresh;
}

void cover_forget(void)
{
	unsigned int i;

	for (i = 0; i < COVER_TASKS; i++)
		if (trace[i])
			trace[i][0] = 0;
}

unsigned int cover_take(struct cover *all)
{
	unsigned int fresh = 0, i;

	for (i = 0; i < COVER_TASKS; i++)
		if (trace[i])
			fresh += task_edges(all, all, i);
	cover_forget();
	all->edges += fresh;
	return fresh;
}

bool cover_works(void)
{
	return works;
}
