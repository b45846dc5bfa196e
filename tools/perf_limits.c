// SPDX-License-Identifier: GPL-2.0
/* Refuse, before the run, options that this machine cannot satisfy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "perf_options.h"
#include "perf_pool.h"

/* Return the bytes of memory that are available, UINT64_MAX if unknown. */
static uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t bytes = UINT64_MAX;
	unsigned long long kib;
	char line[128];

	if (!f)
		return bytes;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			bytes = (uint64_t)kib << 10;
	fclose(f);
	return bytes;
}

/* Return the bytes of the ring, the pool of random bytes, and a buffer for each copying reader. */
static double memory_needed(const struct perf_options *o)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	double slot = (double)o->slot_bytes;

	if (slot >= page)
		slot = (double)((o->slot_bytes + (uint64_t)page - 1) & ~((uint64_t)page - 1));
	return slot * (double)o->slots + (double)o->slot_bytes + PERF_POOL_EXTRA +
	       (o->zero_copy ? 0 : (double)o->slot_bytes * o->readers);
}

static void check_memory(const struct perf_options *o)
{
	uint64_t available = memory_available();
	double needed = memory_needed(o);

	if (needed <= (double)available)
		return;
	fprintf(stderr, "perf_test_ringbuffer: --slot-bytes=%llu --slots=%llu --readers=%u: ",
		(unsigned long long)o->slot_bytes, (unsigned long long)o->slots, o->readers);
	fprintf(stderr, "needs %.0f MB of memory, and this machine has %.0f MB available\n",
		needed / 1e6, (double)available / 1e6);
	exit(PERF_EXIT_USAGE);
}

static void check_header(const struct perf_options *o)
{
	if (o->slot_bytes >= MESSAGE_HEADER_BYTES)
		return;
	fprintf(stderr, "perf_test_ringbuffer: --slot-bytes=%llu: must be at least %d, ",
		(unsigned long long)o->slot_bytes, MESSAGE_HEADER_BYTES);
	fputs("for the CRC-32, the writer and the number of each message\n", stderr);
	exit(PERF_EXIT_USAGE);
}

/* Raise the soft limit of descriptors, often 1024: each handle may need one. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void perf_limits_check(const struct perf_options *o)
{
	check_header(o);
	check_memory(o);
	raise_descriptor_limit();
}
