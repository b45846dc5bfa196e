/* SPDX-License-Identifier: GPL-2.0 */
/* What the module did in the calls of a program: KCOV, if the module was built with it. */
#ifndef SELFTESTS_FUZZ_COVER_H
#define SELFTESTS_FUZZ_COVER_H

#include <stdbool.h>
#include <stdint.h>

#define COVER_TASKS 4 /* tasks of a program that are traced: its lanes */
#define COVER_EDGES (1U << 18)

/**
 * struct cover - steps from one place in the module to the next, by a hash of both
 * @edges: how many there are
 * @seen: one byte for each
 */
struct cover {
	unsigned int edges;
	uint8_t seen[COVER_EDGES];
};

/* Open KCOV.  False: this kernel has none, or not the permission; then nothing is found new. */
bool cover_open(void);

/* Trace the calling task, as number @task, until it ends; called in a child. */
void cover_trace(unsigned int task);

/* Add what the tasks did since the last call to @all.  Returns the number of new edges. */
unsigned int cover_take(struct cover *all);

/* Count the new edges in what the tasks did, but do not add them. */
unsigned int cover_count(const struct cover *all);

/* Forget what the tasks did. */
void cover_forget(void);

/* Whether a task was traced and did something in the module. */
bool cover_works(void);

#endif
