/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults that the kernel injects into the calling thread, one at a time: an allocation or a copy
 * from or to user space that fails (Documentation/fault-injection, fail-nth).  Only the debug
 * kernel does this.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_FOLDER "/sys/kernel/debug/"

static inline bool fault_option(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/*
 * Inject faults also into allocations that may sleep and into those of single pages, without a
 * message.  Return false if this kernel injects no faults.
 */
static inline bool fault_ready(void)
{
	return fault_option(FAULT_FOLDER "failslab/ignore-gfp-wait", "N") &&
	       fault_option(FAULT_FOLDER "fail_page_alloc/ignore-gfp-wait", "N") &&
	       fault_option(FAULT_FOLDER "fail_page_alloc/ignore-gfp-highmem", "N") &&
	       fault_option(FAULT_FOLDER "fail_page_alloc/min-order", "0") &&
	       fault_option(FAULT_FOLDER "failslab/verbose", "0") &&
	       fault_option(FAULT_FOLDER "fail_page_alloc/verbose", "0") &&
	       fault_option(FAULT_FOLDER "fail_usercopy/verbose", "0");
}

/* A descriptor for the two functions below, for the calling thread; -1: it may inject no faults. */
static inline int fault_open(void)
{
	return open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
}

/*
 * Let the @n-th place fail where the calling thread allocates or copies; 0: none.  This write is
 * itself such a place while a fault is due: repeat it then.
 */
static inline void fault_set(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fd, text, (size_t)len, 0) != len && pwrite(fd, text, (size_t)len, 0) != len)
		abort();
}

/* Return whether the fault has been injected, and inject none from now on. */
static inline bool fault_end(int fd)
{
	char text[16] = "";
	bool injected;

	/* If this read fails, the fault hit it.  A number of 0 means that the fault came before. */
	injected = pread(fd, text, sizeof(text) - 1, 0) < 0 || atoi(text) == 0;
	fault_set(fd, 0);
	return injected;
}

#endif
