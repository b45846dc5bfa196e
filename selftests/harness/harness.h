/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h of linux-source-6.12, with kselftest_harness.patch: quiet under
 * our warnings, and patient enough for an emulated machine.
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H
#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

/* For the harness: memory that it shares with the processes it makes, never given back. */
static inline void *harness_shared(size_t size)
{
	static const size_t block = 1 << 16;
	static char *next;
	static size_t left;
	void *got;

	size = (size + 63) & ~(size_t)63;
	if (size > left) {
		left = size > block ? size : block;
		next = mmap(NULL, left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	got = next;
	next += size;
	left -= size;
	return got;
}

#include <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

#define RINGBUF_DEVICE "/dev/ringbuf"

/* The whole program skips; TAP has a plan of nothing for that. */
static inline int harness_skip_all(const char *reason)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", reason);
	return KSFT_SKIP;
}

static inline int harness_main(int argc, char **argv, const char *skip)
{
	return skip ? harness_skip_all(skip) : test_harness_run(argc, argv);
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

/* For tests of the device. */
#define DEVICE_HARNESS_MAIN                                                \
	int main(int argc, char **argv)                                    \
	{                                                                  \
		return harness_main(argc, argv, harness_device_missing()); \
	}

/* For tests of the library: they run on either host, see RINGBUF_HOST. */
#define LIB_HARNESS_MAIN                                                 \
	int main(int argc, char **argv)                                  \
	{                                                                \
		return harness_main(argc, argv, harness_host_missing()); \
	}

#endif
