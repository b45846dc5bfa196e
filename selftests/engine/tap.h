/* SPDX-License-Identifier: GPL-2.0 */
/* TAP output for test programs without kselftest_harness.h. */
#ifndef SELFTESTS_ENGINE_TAP_H
#define SELFTESTS_ENGINE_TAP_H

#include <stdio.h>

static int tap_failures; /* failed checks of the current test */
static int tap_tests;
static int tap_bad;

#define CHECK(condition)                                                         \
	do {                                                                     \
		if (!(condition) && tap_failures++ < 5)                          \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
	} while (0)

static inline void tap_run(const char *name, void (*test)(void))
{
	tap_failures = 0;
	test();
	tap_bad += tap_failures != 0;
	printf("%s %d - %s\n", tap_failures ? "not ok" : "ok", ++tap_tests, name);
	fflush(stdout);
}

struct tap_test {
	const char *name;
	void (*test)(void);
};

static inline int tap_all(const struct tap_test *tests, unsigned int count)
{
	unsigned int i;

	printf("TAP version 13\n1..%u\n", count);
	for (i = 0; i < count; i++)
		tap_run(tests[i].name, tests[i].test);
	return tap_bad != 0;
}

#define TAP_ALL(tests) tap_all(tests, sizeof(tests) / sizeof(*(tests)))

#endif
