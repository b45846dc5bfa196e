// SPDX-License-Identifier: GPL-2.0
/* The small rings that are searched. */
#include "model.h"

#define ALL    (1U << SC | 1U << TSO | 1U << PSO)
#define STRONG (1U << SC)

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

const struct config configs[] = {
	{ "x1-1w1r", 1, true, ALL, ALL, { W("111"), R() } },
	{ "x2-1w1r", 2, true, ALL, ALL, { W("1111"), R() } },
	{ "x3-1w1r", 3, true, ALL, ALL, { W("11111"), R() } },
	{ "x2-batch", 2, true, ALL, ALL, { W("212"), R(.max = 2) } },
	{ "x3-batch", 3, true, ALL, ALL, { W("2p2"), R(.max = 2) } },
	{ "x1-1w2r", 1, true, ALL, ALL, { W("11"), R(), R() } },
	{ "x2-1w2r", 2, true, ALL, ALL, { W("111"), R(), R() } },
	{ "x1-head", 1, true, ALL, ALL, { W("11"), R(), R(.flags = LATE, .start = FROM_HEAD) } },
	{ "x1-oldest", 1, true, ALL, ALL, { W("11"), R(), R(.flags = LATE, .start = 0) } },
	{ "x2-oldest", 2, true, ALL, ALL, { W("111"), R(), R(.flags = LATE, .start = 0) } },
	{ "x2-position", 2, true, ALL, ALL, { W("111"), R(), R(.flags = LATE, .start = 1) } },
	{ "x2-alone", 2, true, ALL, ALL, { W("1111"), R(.flags = LATE, .start = 0) } },
	{ "x1-first", 1, true, ALL, ALL, { W("11", .flags = LATE), R() } },
	{ "x2-detach", 2, true, ALL, ALL, { W("111"), R(), R(.quota = 1) } },
	{ "x2-sync", 2, true, ALL, ALL, { W("111"), R(), SYNC(~0ULL) } },
	{ "x2-killed", 2, true, ALL, ALL, { W("12", .flags = MORTAL), R(), REAPER("11") } },
	{ "x2-killed-reader", 2, true, ALL, ALL, { W("111"), R(.flags = MORTAL), REAPER(NULL) } },
	{ "s1-1w1r", 1, false, ALL, ALL, { W("111"), R() } },
	{ "s2-1w1r", 2, false, ALL, ALL, { W("1d2"), R(.max = 2) } },
	{ "s1-2w1r", 1, false, ALL, ALL, { W("1"), W("1"), R() } },
	{ "s2-2w1r", 2, false, ALL, ALL, { W("11"), W("1"), R() } },
	{ "s3-2w1r", 3, false, ALL, ALL, { W("2"), W("2"), R(.max = 2) } },
	{ "s2-killed", 2, false, ALL, ALL, { W("1", .flags = MORTAL), W("1"), R(), REAPER(NULL) } },
	{ "s2-head", 2, false, ALL, ALL, { W("1"), W("1"), R(.flags = LATE, .start = FROM_HEAD) } },
	{ "s2-held",
	  2,
	  false,
	  ALL,
	  ALL,
	  { W("h"), W("1"), R(), R(.flags = LATE, .start = FROM_HEAD, .quota = 1) } },
	{ NULL },
};
