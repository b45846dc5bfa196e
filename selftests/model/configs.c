// SPDX-License-Identifier: GPL-2.0
/*
 * The small rings that are searched.
 *
 * Names: x exclusive, s shared, then the slot count; NwMr writers and readers;
 * what is special.  "spin" in the comment: a task that has to wait continues when it
 * can, so these are about the bytes; the others have the whole protocol of
 * arming, sleeping and waking, and nothing else ends a sleep.
 */
#include "model.h"

/*
 * PSO allows all that TSO allows, and that all of SC.  RC11 allows more again, but has
 * many more states.
 */
#define WEAK   (1U << PSO)
#define RC     (1U << RC11)
#define STRONG (1U << SC)
#define BOTH   (1U << SC | 1U << PSO)
#define ALL    (1U << SC | 1U << TSO | 1U << PSO)
#define NOT    0U

#define W(...)                                             \
	{                                                  \
		.role = ROLE_WRITER, .script = __VA_ARGS__ \
	}
#define R(...)                                   \
	{                                        \
		.role = ROLE_READER, __VA_ARGS__ \
	}
#define REAPER(s)                                \
	{                                        \
		.role = ROLE_REAPER, .script = s \
	}
#define SYNC(to)                               \
	{                                      \
		.role = ROLE_SYNC, .start = to \
	}
#define EVICT .role = ROLE_EVICT
#define SKIP(n)                               \
	{                                     \
		.role = ROLE_SKIP, .quota = n \
	}
#define SKIPPED	   .policy = RINGBUF_POLICY_SKIP
#define LOSSY	   .policy = RINGBUF_POLICY_LOSSY
#define HEAD	   .flags = LATE, .start = FROM_HEAD
#define AT(pos)	   .flags = LATE, .start = pos
#define STAY(n)	   .flags = STAYS, .quota = n
#define WAITED_FOR .start = FROM_HEAD, .flags = LATE | WANTED

/*
 * Two writers, a reader, and a late one, with room for two or three: beyond 35
 * million states under SC, which is more than memory has room for.  What can be
 * said of them: of each three of the four tasks all is searched, and of the four
 * with a single slot; and of these, what comes first in depth (IN_PART).
 */
#define FOUR(name, slots, late)                                           \
	{                                                                 \
		name, slots, S, SPIN, STRONG | IN_PART, STRONG | IN_PART, \
		{                                                         \
			W("1"), W("1"), R(), late                         \
		}                                                         \
	}

#define X     true
#define S     false
#define SLEEP false
#define SPIN  true

/* clang-format off */
const struct config configs[] = {
	/* One writer, one reader. */
	{ "x1-1w1r", 1, X, SLEEP, BOTH | RC, ALL | RC, { W("111"), R() } },
	{ "x2-1w1r", 2, X, SLEEP, BOTH | RC, ALL | RC, { W("1111"), R() } },
	{ "x3-1w1r", 3, X, SLEEP, BOTH | RC, ALL | RC, { W("11111"), R() } },
	{ "x2-batch", 2, X, SLEEP, BOTH | RC, ALL | RC, { W("212"), R(.max = 2) } },
	{ "x3-batch", 3, X, SLEEP, BOTH | RC, ALL | RC, { W("2p2"), R(.max = 2) } },
	{ "s1-1w1r", 1, S, SLEEP, WEAK | RC, ALL | RC, { W("111"), R() } },
	{ "s2-1w1r", 2, S, SLEEP, WEAK | RC, ALL | RC, { W("1d2"), R(.max = 2) } },
	{ "s3-1w1r", 3, S, SLEEP, WEAK | RC, ALL | RC, { W("p12"), R(.max = 3) } },

	/* Two readers. */
	{ "x2-1w2r", 2, X, SPIN, WEAK | RC, ALL | RC, { W("1111"), R(), R() } },
	{ "x3-1w2r", 3, X, SPIN, WEAK, ALL | RC, { W("12121"), R(.max = 2), R() } },
	{ "x1-1w2r-once", 1, X, SLEEP, WEAK | RC, ALL | RC,
	  { W("1", .flags = STAYS), R(STAY(1)), R(STAY(1)) } },
	{ "x1-1w2r-wake", 1, X, SLEEP, WEAK, ALL,
	  { W("11", .flags = STAYS), R(STAY(2)), R(STAY(2)) } },
	{ "x2-1w2r-wake", 2, X, SLEEP, WEAK, ALL,
	  { W("111", .flags = STAYS), R(STAY(3)), R(STAY(3)) } },
	{ "x1-1w2r-long", 1, X, SLEEP, NOT, WEAK,
	  { W("111", .flags = STAYS), R(STAY(3)), R(STAY(3)) } },
	{ "x2-detach", 2, X, SPIN, WEAK | RC, ALL | RC, { W("1111"), R(), R(.quota = 1) } },
	{ "x1-leaves", 1, X, SPIN, WEAK | RC, ALL | RC, { W("11"), R(.flags = LEAVES, .quota = 1) } },
	{ "x1-skips", 1, X, SPIN, WEAK | RC, ALL | RC, { W("111"), R(.flags = SKIPS) } },
	{ "x1-detach-wake", 1, X, SLEEP, WEAK, ALL,
	  { W("11", .flags = STAYS), R(STAY(2)), R(.quota = 1) } },
	{ "s1-1w2r", 1, S, SPIN, BOTH | RC, ALL | RC, { W("11"), R(), R() } },
	{ "s2-1w2r", 2, S, SPIN, BOTH | RC, ALL | RC, { W("111"), R(), R() } },
	{ "s3-1w2r", 3, S, SPIN, BOTH | RC, ALL | RC, { W("1111"), R(), R() } },

	/* A reader that attaches late. */
	{ "x1-head", 1, X, SPIN, WEAK | RC, ALL | RC, { W("11"), R(), R(HEAD) } },
	{ "x1-oldest", 1, X, SPIN, WEAK | RC, ALL | RC, { W("11"), R(), R(AT(0)) } },
	{ "x2-oldest", 2, X, SPIN, BOTH, ALL, { W("111"), R(), R(AT(0)) } },
	{ "x2-position", 2, X, SPIN, WEAK, ALL, { W("111"), R(), R(AT(1)) } },
	{ "x3-position", 3, X, SPIN, WEAK, ALL, { W("1111"), R(), R(AT(1)) } },
	{ "x2-alone", 2, X, SLEEP, WEAK, ALL, { W("1111"), R(AT(0)) } },
	{ "x3-alone", 3, X, SPIN, WEAK | RC, ALL | RC, { W("212"), R(AT(1)) } },
	{ "x1-alone-head", 1, X, SPIN, BOTH | RC, ALL | RC, { W("11"), R(HEAD) } },
	{ "x2-alone-head", 2, X, SPIN, BOTH | RC, ALL | RC, { W("111"), R(HEAD) } },
	{ "x3-alone-head", 3, X, SPIN, BOTH, ALL | RC, { W("1111"), R(HEAD) } },
	{ "x1-alone-oldest", 1, X, SPIN, BOTH | RC, ALL | RC, { W("11"), R(AT(0)) } },
	{ "x3-alone-oldest", 3, X, SPIN, BOTH, ALL | RC, { W("1111"), R(AT(0)) } },
	{ "x1-alone-position", 1, X, SPIN, BOTH | RC, ALL | RC, { W("11"), R(AT(1)) } },
	{ "x2-alone-position", 2, X, SPIN, BOTH | RC, ALL | RC, { W("111"), R(AT(1)) } },
	{ "x2-head", 2, X, SPIN, WEAK, ALL, { W("111"), R(), R(HEAD) } },
	{ "x3-head", 3, X, SPIN, WEAK, ALL, { W("1111"), R(), R(HEAD) } },
	{ "x3-oldest", 3, X, SPIN, WEAK, ALL, { W("1111"), R(), R(AT(0)) } },
	{ "x1-position", 1, X, SPIN, WEAK, ALL | RC, { W("11"), R(), R(AT(1)) } },
	{ "x1-late-wake", 1, X, SLEEP, WEAK, ALL,
	  { W("11", .flags = STAYS), R(STAY(2)), R(.flags = LATE | STAYS, .quota = 1) } },
	{ "s1-oldest", 1, S, SPIN, WEAK, ALL | RC, { W("11"), R(), R(AT(0)) } },
	{ "s2-head", 2, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(HEAD) } },
	{ "s1-position", 1, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(AT(1)) } },
	{ "s2-position", 2, S, SPIN, NOT, WEAK, { W("11"), W("1"), R(AT(1)) } },
	{ "s1-head", 1, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(HEAD) } },
	{ "s3-head", 3, S, SPIN, STRONG, BOTH, { W("2"), W("2"), R(HEAD) } },
	{ "s1-2w-oldest", 1, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(AT(0)) } },
	{ "s2-2w-oldest", 2, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(AT(0)) } },
	{ "s3-2w-oldest", 3, S, SPIN, STRONG, BOTH, { W("2"), W("2"), R(AT(0)) } },
	{ "s2-2w-position", 2, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(AT(1)) } },
	{ "s3-2w-position", 3, S, SPIN, STRONG, BOTH, { W("2"), W("2"), R(AT(1)) } },
	/* Two of each. */
	{ "s1-2w2r-head", 1, S, SPIN, NOT, BOTH, { W("1"), W("1"), R(), R(HEAD) } },
	{ "s1-2w2r-oldest", 1, S, SPIN, STRONG, BOTH, { W("1"), W("1"), R(), R(AT(0)) } },
	{ "s1-2w2r-position", 1, S, SPIN, NOT, BOTH, { W("1"), W("1"), R(), R(AT(1)) } },
	FOUR("s2-2w2r-head", 2, R(HEAD)),
	FOUR("s2-2w2r-oldest", 2, R(AT(0))),
	FOUR("s2-2w2r-position", 2, R(AT(1))),
	FOUR("s3-2w2r-head", 3, R(HEAD)),
	FOUR("s3-2w2r-oldest", 3, R(AT(0))),
	FOUR("s3-2w2r-position", 3, R(AT(1))),

	/* The writers wait for readers that attach late. */
	{ "x1-wait", 1, X, SLEEP, WEAK | RC, ALL | RC, { W("11"), R(WAITED_FOR) } },
	{ "x1-wait-for-2", 1, X, SLEEP, WEAK, ALL,
	  { W("11", .flags = STAYS), R(WAITED_FOR | STAYS, .quota = 2),
	    R(WAITED_FOR | STAYS, .quota = 2) } },
	{ "s1-2w-wait", 1, S, SLEEP, WEAK, ALL,
	  { W("1", .flags = STAYS), W("1", .flags = STAYS), R(WAITED_FOR | STAYS, .quota = 2) } },
	{ "s2-2w-wait-for-2", 2, S, SPIN, WEAK, ALL,
	  { W("1"), W("1"), R(WAITED_FOR), R(WAITED_FOR) } },

	/* The first writer attaches late; the end of the stream. */
	{ "x1-first", 1, X, SLEEP, WEAK | RC, ALL | RC, { W("11", .flags = LATE), R() } },
	{ "s2-first", 2, S, SLEEP, WEAK | RC, ALL | RC, { W("1d", .flags = LATE), R() } },

	/* A reader is moved. */
	{ "x2-sync", 2, X, SPIN, WEAK | RC, ALL | RC, { W("1111"), R(), SYNC(~0ULL) } },
	{ "x1-sync-wake", 1, X, SLEEP, WEAK, ALL,
	  { W("11"), R(), SYNC(~0ULL) } },
	{ "x2-sync-batch", 2, X, SPIN, WEAK | RC, ALL | RC, { W("212"), R(.max = 2), SYNC(1) } },
	{ "s1-sync", 1, S, SPIN, WEAK, ALL, { W("1"), W("d"), R(), SYNC(2) } },
	{ "s2-sync", 2, S, SPIN, NOT, ALL, { W("11"), W("d"), R(), SYNC(2) } },

	/* A reader is evicted. */
	{ "x2-evict", 2, X, SPIN, WEAK | RC, ALL | RC, { W("1111"), R(), { EVICT } } },
	{ "x2-evict-batch", 2, X, SPIN, WEAK | RC, ALL | RC, { W("212"), R(.max = 2), { EVICT } } },
	{ "x1-evict-wake", 1, X, SLEEP, WEAK, ALL, { W("11"), R(), { EVICT } } },
	{ "s1-evict", 1, S, SPIN, BOTH | RC, ALL | RC, { W("11"), R(), { EVICT } } },

	/* A reader is skipped: by a task of the host at any time, and by writers that it blocks. */
	{ "x1-skipped", 1, X, SPIN, BOTH | RC, ALL | RC, { W("111"), R(), SKIP(1) } },
	{ "x2-skipped-batch", 2, X, SPIN, WEAK, ALL | RC, { W("212"), R(.max = 2), SKIP(1) } },
	{ "x1-skipped-wake", 1, X, SLEEP, WEAK, ALL, { W("11"), R(), SKIP(1) } },
	{ "s1-skipped", 1, S, SPIN, WEAK | RC, ALL | RC, { W("11"), R(), SKIP(1) } },
	{ "s2-skipped-batch", 2, S, SPIN, NOT, WEAK, { W("2"), W("1"), R(.max = 2), SKIP(1) } },
	{ "x2-skipped-twice", 2, X, SPIN, NOT, ALL, { W("1111"), R(), SKIP(2) } },
	{ "x1-skip", 1, X, SLEEP, WEAK, ALL | RC, { W("111"), R(SKIPPED) } },
	{ "x1-skip-stopped", 1, X, SLEEP, WEAK | RC, ALL | RC, { W("111"), R(SKIPPED, .flags = STOPS) } },
	{ "s1-skip-stopped", 1, S, SLEEP, WEAK | RC, ALL | RC,
	  { W("111"), R(SKIPPED, .flags = STOPS) } },
	{ "x2-skip-lag", 2, X, SLEEP, WEAK, ALL, { W("111"), R(SKIPPED, .lag = 1) } },
	{ "x2-skip-beside", 2, X, SPIN, WEAK, ALL, { W("111"), R(SKIPPED), R() } },
	{ "s1-skip", 1, S, SLEEP, WEAK, ALL | RC, { W("111"), R(SKIPPED) } },
	{ "s2-2w-skip", 2, S, SPIN, WEAK, ALL, { W("2"), W("1"), R(SKIPPED) } },

	/* A lossy reader. */
	{ "x1-lossy", 1, X, SLEEP, BOTH | RC, ALL | RC, { W("111"), R(LOSSY) } },
	{ "x2-lossy", 2, X, SLEEP, WEAK | RC, ALL | RC, { W("1111"), R(LOSSY) } },
	{ "x2-lossy-batch", 2, X, SLEEP, WEAK, ALL | RC, { W("212"), R(LOSSY, .max = 2) } },
	{ "x3-lossy", 3, X, SLEEP, WEAK, ALL | RC, { W("2121"), R(LOSSY, .max = 2) } },
	{ "x1-lossy-held", 1, X, SLEEP, BOTH | RC, ALL | RC, { W("11h"), R(LOSSY) } },
	{ "x2-lossy-held", 2, X, SLEEP, BOTH | RC, ALL | RC, { W("111h"), R(LOSSY) } },
	{ "x1-lossy-stopped", 1, X, SLEEP, WEAK | RC, ALL | RC, { W("111"), R(LOSSY, .flags = STOPS) } },
	{ "x2-lossy-held-batch", 2, X, SLEEP, BOTH | RC, ALL | RC, { W("1H"), R(LOSSY) } },
	{ "x1-lossy-discard", 1, X, SLEEP, WEAK, ALL | RC, { W("1d1d"), R(LOSSY) } },
	{ "x2-lossy-killed", 2, X, SLEEP, WEAK, ALL, { W("12", .flags = MORTAL), R(LOSSY), REAPER("1") } },
	{ "x2-lossy-sync", 2, X, SPIN, WEAK, ALL, { W("111"), R(LOSSY), SYNC(1) } },
	{ "x2-lossy-late", 2, X, SPIN, WEAK | RC, ALL | RC, { W("1111"), R(LOSSY, AT(0)) } },
	{ "x2-lossy-beside", 2, X, SPIN, WEAK, ALL | RC, { W("111"), R(), R(LOSSY) } },
	{ "s1-lossy", 1, S, SLEEP, WEAK | RC, ALL | RC, { W("1d1"), R(LOSSY) } },
	{ "s2-lossy", 2, S, SLEEP, WEAK | RC, ALL | RC, { W("1111"), R(LOSSY) } },
	{ "s2-lossy-batch", 2, S, SLEEP, WEAK, ALL | RC, { W("212"), R(LOSSY, .max = 2) } },
	{ "s2-lossy-held", 2, S, SLEEP, WEAK, ALL | RC, { W("111h"), R(LOSSY) } },
	{ "s1-2w-lossy", 1, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(LOSSY) } },
	{ "s1-2w-lossy-long", 1, S, SPIN, NOT, WEAK, { W("11"), W("1"), R(LOSSY) } },
	{ "s2-2w-lossy", 2, S, SPIN, WEAK, ALL, { W("2"), W("1"), R(LOSSY) } },
	{ "s2-lossy-killed", 2, S, SPIN, WEAK, ALL,
	  { W("12", .flags = MORTAL), R(LOSSY), REAPER("1") } },
	{ "s2-lossy-beside", 2, S, SPIN, WEAK, ALL | RC, { W("111"), R(), R(LOSSY) } },

	/* A task is killed between any two steps. */
	{ "x2-killed", 2, X, SLEEP, BOTH, ALL, { W("12", .flags = MORTAL), R(), REAPER("11") } },
	{ "x2-killed-reader", 2, X, SLEEP, BOTH, ALL | RC,
	  { W("111"), R(.flags = MORTAL), REAPER(NULL) } },
	{ "s1-killed", 1, S, SLEEP, WEAK, ALL, { W("11", .flags = MORTAL), R(), REAPER("1") } },
	{ "s2-killed", 2, S, SPIN, BOTH, ALL | RC,
	  { W("1", .flags = MORTAL), W("1"), R(), REAPER(NULL) } },
	{ "s2-killed-batch", 2, S, SPIN, WEAK, ALL,
	  { W("2", .flags = MORTAL), W("1"), R(), REAPER(NULL) } },
	{ "s3-killed-batch", 3, S, SPIN, NOT, WEAK,
	  { W("2", .flags = MORTAL), W("1"), R(), REAPER(NULL) } },
	{ "s1-killed-wake", 1, S, SLEEP, NOT, WEAK,
	  { W("1", .flags = MORTAL), W("1"), R(), REAPER(NULL) } },

	/* Two writers. */
	{ "s1-2w", 1, S, SPIN, WEAK | RC, ALL | RC, { W("11"), W("1") } },
	{ "s2-2w", 2, S, SPIN, WEAK | RC, ALL | RC, { W("12"), W("2") } },
	{ "s1-2w1r", 1, S, SPIN, WEAK, ALL | RC, { W("11"), W("1"), R() } },
	{ "s2-2w1r", 2, S, SPIN, WEAK, ALL, { W("11"), W("1"), R() } },
	{ "s2-2w1r-mixed", 2, S, SPIN, WEAK, ALL, { W("2"), W("d1"), R(.max = 2) } },
	{ "s3-2w1r", 3, S, SPIN, WEAK, ALL, { W("2"), W("2"), R(.max = 2) } },
	{ "s1-2w1r-wake", 1, S, SLEEP, WEAK, ALL,
	  { W("1", .flags = STAYS), W("1", .flags = STAYS), R(STAY(2)) } },
	{ "s2-2w1r-wake", 2, S, SLEEP, NOT, ALL,
	  { W("11", .flags = STAYS), W("1", .flags = STAYS), R(STAY(3)) } },
	{ "s2-2w2r", 2, S, SPIN, WEAK, ALL, { W("1"), W("1"), R(), R() } },
	{ "s1-2w2r", 1, S, SPIN, NOT, WEAK, { W("1"), W("1"), R(), R() } },
	{ "s2-held", 2, S, SLEEP, WEAK, ALL,
	  { W("h"), W("1", .flags = STAYS), R(.flags = STAYS),
	    R(.flags = STAYS, .start = 1, .quota = 1) } },
	{ .name = NULL },
};
/* clang-format on */
