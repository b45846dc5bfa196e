/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Include kselftest_harness.h without its compiler warnings, and set a timeout that is long
 * enough for an emulated machine.  The angle brackets let a kernel tree, which has this file
 * but not the copies beside it, use its own kselftest_harness.h.
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H
#pragma GCC system_header

#include <stdbool.h>

#include <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

#define RINGBUF_DEVICE "/dev/ringbuf"

/*
 * Run each case of fixture @name twice: with variant->flags of 0, for a ring with shared
 * writers, and of @flag, which makes a ring for one exclusive writer.
 */
#define SHARED_AND_EXCLUSIVE(name, flag)                 \
	FIXTURE_VARIANT(name)                            \
	{                                                \
		uint32_t flags;                          \
	};                                               \
                                                         \
	FIXTURE_VARIANT_ADD(name, shared){ .flags = 0 }; \
	FIXTURE_VARIANT_ADD(name, exclusive)             \
	{                                                \
		.flags = (flag)                          \
	}

/* Print that the whole program is skipped: in TAP that is a plan of 0 tests. */
static inline int harness_skip_all(const char *reason)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", reason);
	return KSFT_SKIP;
}

static inline int harness_main(int argc, char **argv, const char *skip)
{
	return skip ? harness_skip_all(skip) : test_harness_run(argc, argv);
}

/* Whether calls are tried with faults, see faults.c: then there are more than a test has made. */
static inline bool harness_has_faults(void)
{
	return getenv("RINGBUF_FAULTS");
}

static inline bool harness_has_device(void)
{
	return !access(RINGBUF_DEVICE, F_OK);
}

static inline const char *harness_device_missing(void)
{
	return harness_has_device() ? NULL : "there is no " RINGBUF_DEVICE;
}

static inline const char *harness_host_missing(void)
{
	const char *host = getenv("RINGBUF_HOST");

	return host && !strcmp(host, "module") ? harness_device_missing() : NULL;
}

/* main() of tests that need the device. */
#define DEVICE_HARNESS_MAIN                                                \
	int main(int argc, char **argv)                                    \
	{                                                                  \
		return harness_main(argc, argv, harness_device_missing()); \
	}

/* main() of tests of the library, which run on the host that RINGBUF_HOST names. */
#define LIB_HARNESS_MAIN                                                 \
	int main(int argc, char **argv)                                  \
	{                                                                \
		return harness_main(argc, argv, harness_host_missing()); \
	}

#endif
