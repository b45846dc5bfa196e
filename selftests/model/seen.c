// SPDX-License-Identifier: GPL-2.0
/*
 * The set of the states that were seen, and what has not been tried from there.
 *
 * 88 bits of hash stand for a state: that two of the ten million of the largest
 * search share them has a chance of one in 10^12.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "model.h"

#define ASLEEP ((1ULL << MOVE_BITS) - 1)

struct entry {
	u64 hash;
	u64 rest; /* more of the hash; the moves that are asleep */
};

static struct entry *seen;
static u64 seen_size, seen_used;

/* Looked at all over the place: huge pages save a second miss, that of the page's entry. */
static struct entry *seen_new(u64 size)
{
	struct entry *set = mmap(NULL, size * sizeof(*set), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (set == MAP_FAILED)
		abort();
	madvise(set, size * sizeof(*set), MADV_HUGEPAGE);
	return set;
}

static void seen_free(void)
{
	if (seen)
		munmap(seen, seen_size * sizeof(*seen));
}

void seen_reset(void)
{
	seen_free();
	seen_size = 1 << 16;
	seen_used = 0;
	seen = seen_new(seen_size);
}

/* Where it is or should be. */
static struct entry *seen_at(struct entry *set, u64 size, u64 hash, u64 more)
{
	u64 i = hash & (size - 1);

	for (; set[i].hash || set[i].rest; i = (i + 1) & (size - 1))
		if (set[i].hash == hash && (set[i].rest | ASLEEP) == more)
			break;
	return &set[i];
}

static void seen_grow(void)
{
	struct entry *more = seen_new(seen_size * 2);
	u64 i;

	for (i = 0; i < seen_size; i++)
		if (seen[i].hash || seen[i].rest)
			*seen_at(more, seen_size * 2, seen[i].hash, seen[i].rest | ASLEEP) =
				seen[i];
	seen_free();
	seen = more;
	seen_size *= 2;
}

/* It will be asked for: a miss takes as long as the rest of a move. */
void seen_soon(const u64 hash[2])
{
	__builtin_prefetch(&seen[hash[0] & (seen_size - 1)], 1);
}

/*
 * The state is reached, and moves @asleep need not be made from here.  Returns those
 * that have to be made: all others of a new state; of one that was seen, those that
 * were asleep each time, and are not now.  Leaves in @asleep those that always were.
 */
u64 seen_put(const u64 hash[2], u64 *asleep, bool *is_new)
{
	u64 more = hash[1] | ASLEEP, todo;
	struct entry *e;

	if (seen_used * 4 > seen_size * 3)
		seen_grow();
	e = seen_at(seen, seen_size, hash[0], more);
	*is_new = !e->hash && !e->rest;
	if (*is_new) {
		seen_used++;
		*e = (struct entry){ hash[0], more };
	}
	todo = e->rest & ASLEEP & ~*asleep;
	e->rest &= ~todo;
	*asleep = e->rest & ASLEEP;
	return todo;
}
