// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Check that enough memory is available for a ring.  A memfd has no size limit: a process
 * that allocates more than the machine has gets no error, but meets the OOM killer.
 */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "embedded.h"

static FILE *text_open(const char *path)
{
	int fd = lib_fd_high(open(path, O_RDONLY | O_CLOEXEC));
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

/* Read a number from a file.  False: no such file, or no number, as in "max". */
static bool read_u64(const char *path, u64 *value)
{
	FILE *f = text_open(path);
	unsigned long long v = 0;
	bool ok;

	if (!f)
		return false;
	ok = fscanf(f, "%llu", &v) == 1;
	fclose(f);
	*value = v;
	return ok;
}

static u64 memory_available(void)
{
	FILE *f = text_open("/proc/meminfo");
	unsigned long long kib = 0;
	char line[128];
	u64 room = ~0ULL;

	if (!f)
		return room;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			room = (u64)kib * 1024;
	fclose(f);
	return room;
}

/* Get the path of this process in the cgroup2 tree, without the newline. */
static bool cgroup_path(char path[256])
{
	FILE *f = text_open("/proc/self/cgroup");
	char line[256];
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		found = !strncmp(line, "0::/", 4);
		if (found)
			snprintf(path, 256, "%s", line + 3);
	}
	fclose(f);
	return found;
}

/* Return the page cache of a group, which is charged to it but can be reclaimed. */
static u64 group_cache(const char *folder)
{
	char path[320], line[128], key[32];
	unsigned long long bytes;
	u64 sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.stat", folder);
	f = text_open(path);
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %llu", key, &bytes) == 2 &&
		    (!strcmp(key, "inactive_file") || !strcmp(key, "active_file")))
			sum += bytes;
	fclose(f);
	return sum;
}

static u64 group_available(const char *folder)
{
	char path[320];
	u64 max, now, cache;

	snprintf(path, sizeof(path), "%s/memory.max", folder);
	if (!read_u64(path, &max))
		return ~0ULL;
	snprintf(path, sizeof(path), "%s/memory.current", folder);
	if (!read_u64(path, &now))
		return max;
	cache = group_cache(folder);
	now -= cache < now ? cache : now;
	return max > now ? max - now : 0;
}

/* Return the least that is available in this process's group and the groups above it. */
static u64 cgroup_available(void)
{
	char group[256], folder[288];
	u64 room = ~0ULL, here;

	if (!cgroup_path(group))
		return room;
	for (;;) {
		snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s", group);
		here = group_available(folder);
		if (here < room)
			room = here;
		if (!strrchr(group, '/'))
			return room;
		*strrchr(group, '/') = 0;
	}
}

/* Return whether the file system of @fd has @bytes left. */
static bool folder_has_room(int fd, u64 bytes)
{
	struct statvfs st;

	/* A file system without a limit, like that of a memfd, reports no blocks. */
	if (fstatvfs(fd, &st) || !st.f_blocks)
		return true;
	return bytes <= (u64)st.f_bavail * st.f_frsize;
}

/*
 * Return 0 if @bytes can be allocated for @fd, an empty file, without the risk of a signal
 * or the OOM killer.  -ENOMEM: more than the machine, the control group or the address space
 * has.  -EFBIG: more than RLIMIT_FSIZE, for which the kernel would send SIGXFSZ.  -ENOSPC:
 * more than /dev/shm has left.
 */
int emb_room_check(int fd, u64 bytes)
{
	struct rlimit limit;

	if (bytes > PTRDIFF_MAX || bytes > memory_available() || bytes > cgroup_available())
		return -ENOMEM;
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    bytes > limit.rlim_cur)
		return -EFBIG;
	return folder_has_room(fd, bytes) ? 0 : -ENOSPC;
}
