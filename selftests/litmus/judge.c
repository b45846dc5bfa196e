// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a litmus test as tasks of the model checker (selftests/model).
 *
 * The script `run` turns the test into C, in test.h: bad_outcome(), and one function for each
 * process, which ends in RESULT() for each register of the process.  The variables of the test
 * become words of the ring of the model: a variable that a process accesses plainly becomes
 * bytes of a slot, so that data races are found as well.
 */
#include "model.h"

#define WORD(i)	  ((int *)&arena.head[i])
#define SLOT(i)	  ((int *)&arena.payload[i])
#define MEMORY(p) (*(p))

#define PLAIN_LOAD(p)	    READ_ONCE(*(p))
#define PLAIN_STORE(p, v)   WRITE_ONCE(*(p), v)
#define REGISTERS	    4
#define RESULT(p, r, value) GHOST_SET(fate[(p)*REGISTERS + (r)], value)
#define REGISTER(p, r)	    GHOST_GET(fate[(p)*REGISTERS + (r)])

#include "test.h"

const struct config *config;
const struct config configs[1];

static const struct actor_spec nothing;

static void process(struct task *t)
{
	bodies[t->index]();
	GHOST_SET(finished, GHOST_GET(finished) + 1);
	if (GHOST_GET(finished) == task_count && bad_outcome())
		violation("the outcome that must not be");
}

void actors_reset(void)
{
	u32 i;

	task_count = sizeof(bodies) / sizeof(*bodies);
	for (i = 0; i < task_count; i++) {
		tasks[i].body = process;
		tasks[i].spec = &nothing;
		snprintf(tasks[i].name, sizeof(tasks[i].name), "P%u", i);
	}
	words_begin();
}

bool actors_spin_over(const struct task *t)
{
	(void)t;
	return true;
}

bool actors_stuck(char *why, size_t size)
{
	(void)why;
	(void)size;
	return false;
}

bool races_matter(void)
{
	return true;
}

void check_store(const struct task *t, u32 word, u64 old, u64 value)
{
	(void)t;
	(void)word;
	(void)old;
	(void)value;
}

/* Exits with 0 if the outcome does not occur, with 1 if it does. */
int main(void)
{
	struct result r;

	memory_model = RC11;
	search(actors_reset, 1000000, &r);
	printf("# %llu states\n", (unsigned long long)r.states);
	return r.error[0] ? 1 : r.complete ? 0 : 2;
}
