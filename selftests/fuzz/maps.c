// SPDX-License-Identifier: GPL-2.0
/* Maps of rings: made, changed, written to, and used as buffers of other calls. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/ringbuf.h>

#include "calls.h"

#define PAGE 4096U

char *lane_map(const struct fuzz_lane *lane, uint64_t n, uint64_t offset, size_t *bytes)
{
	const struct fuzz_map *m = &lane->world->map[n];
	size_t all = __atomic_load_n(&m->bytes, __ATOMIC_ACQUIRE), at;

	if (!all)
		return NULL;
	at = (size_t)(offset % (all / sizeof(uint64_t))) * sizeof(uint64_t);
	*bytes = all - at;
	return m->at + at;
}

/* The whole map @n; NULL: there is none. */
static char *whole_map(const struct fuzz_lane *lane, uint64_t n, size_t *bytes)
{
	return lane_map(lane, n, 0, bytes);
}

static bool region_of(int fd, uint64_t id, struct ringbuf_region *r)
{
	struct ringbuf_region list[8];
	struct ringbuf_info s = {
		.size = sizeof(s),
		.regions = (uint64_t)(uintptr_t)list,
		.region_size = sizeof(list[0]),
		.region_count = 8,
	};

	memset(list, 0, sizeof(list));
	if (ioctl(fd, RINGBUF_IOC_INFO, &s))
		return false;
	*r = list[id % 8];
	return r->bytes;
}

/* Bits of the argument "how" of mmap, beside those of the protection. */
#define HOW_PRIVATE  (1U << 3)
#define HOW_FIXED    (1U << 4) /* over the map that has this place */
#define HOW_POPULATE (1U << 5)

/* The flags of an mmap of @want bytes, and *at, where it is to lie: inside of a map, or NULL. */
static int map_flags(const struct fuzz_lane *lane, uint64_t n, uint64_t how, size_t want, char **at)
{
	int flags = how & HOW_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	size_t bytes;

	if (how & HOW_POPULATE)
		flags |= MAP_POPULATE;
	*at = how & HOW_FIXED ? whole_map(lane, n, &bytes) : NULL;
	if (!*at || want > bytes) {
		*at = NULL;
		return flags;
	}
	return flags | MAP_FIXED;
}

/*
 * mmap m f region how page: page 0 is the whole region, 1... a page of it, and a large number any
 * offset.
 */
FUZZ_CALL(mmap)
{
	int fd = lane_fd(lane, arg[1]), prot = (int)arg[3] & (PROT_READ | PROT_WRITE | PROT_EXEC);
	struct ringbuf_region r;
	int flags;
	char *at;

	if (!region_of(fd, arg[2], &r))
		return;
	if (arg[4]) {
		r.offset += (arg[4] - 1) * PAGE;
		r.bytes = PAGE;
	}
	flags = map_flags(lane, arg[0], arg[3], r.bytes, &at);
	at = mmap(at, r.bytes, prot, flags, fd, (off_t)r.offset);
	if (at == MAP_FAILED)
		return;
	lane->world->map[arg[0]].at = at;
	__atomic_store_n(&lane->world->map[arg[0]].bytes, r.bytes, __ATOMIC_RELEASE);
}

/* munmap m page pages: pages 0 are all. */
FUZZ_CALL(munmap)
{
	size_t bytes, all, from = (size_t)(arg[1] % 16) * PAGE, n = (size_t)(arg[2] % 16) * PAGE;
	char *at = whole_map(lane, arg[0], &all);

	if (!at || from >= all)
		return;
	bytes = n && n < all - from ? n : all - from;
	if (!munmap(at + from, bytes) && bytes == all)
		__atomic_store_n(&lane->world->map[arg[0]].bytes, 0, __ATOMIC_RELEASE);
}

FUZZ_CALL(mprotect)
{
	size_t bytes;
	char *at = whole_map(lane, arg[0], &bytes);

	if (at)
		mprotect(at, bytes, (int)arg[1] & (PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* mremap m pages flags: to another place, or to another size. */
FUZZ_CALL(mremap)
{
	size_t bytes, want = (size_t)(arg[1] % 64) * PAGE;
	char *at = whole_map(lane, arg[0], &bytes), *new;

	if (!at)
		return;
	/* With an old size of 0 it is a second map of the same pages. */
	new = mremap(at, arg[2] & 8 ? 0 : bytes, want ? want : bytes,
		     (int)arg[2] & (MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	if (new == MAP_FAILED)
		return;
	lane->world->map[arg[0]].at = new;
	__atomic_store_n(&lane->world->map[arg[0]].bytes, want ? want : bytes, __ATOMIC_RELEASE);
}

FUZZ_CALL(madvise)
{
	size_t bytes;
	char *at = whole_map(lane, arg[0], &bytes);

	/* MADV_HWPOISON takes pages away from the machine. */
	if (at && arg[1] < 100)
		madvise(at, bytes, (int)arg[1]);
}

FUZZ_CALL(mlock)
{
	size_t bytes;
	char *at = whole_map(lane, arg[0], &bytes);

	if (at && arg[1] & 1)
		munlock(at, bytes);
	else if (at)
		mlock(at, bytes);
}

FUZZ_CALL(msync)
{
	size_t bytes;
	char *at = whole_map(lane, arg[0], &bytes);

	if (at)
		msync(at, bytes, (int)arg[1]);
}

/* store m offset value */
FUZZ_CALL(store)
{
	size_t bytes;
	char *at = lane_map(lane, arg[0], arg[1], &bytes);

	if (at && !sigsetjmp(lane->fault, 1))
		__atomic_store_n((uint64_t *)at, arg[2], __ATOMIC_SEQ_CST);
}

/* fill m value: store it into all words, at most into those of 16 pages. */
FUZZ_CALL(fill)
{
	size_t bytes, n;
	char *at = lane_map(lane, arg[0], 0, &bytes);

	if (!at || sigsetjmp(lane->fault, 1))
		return;
	for (n = 0; n < bytes && n < 16UL * PAGE; n += sizeof(uint64_t))
		__atomic_store_n((uint64_t *)(at + n), arg[1], __ATOMIC_RELAXED);
}

FUZZ_CALL(load)
{
	size_t bytes;
	char *at = lane_map(lane, arg[0], arg[1], &bytes);

	if (at && !sigsetjmp(lane->fault, 1))
		__atomic_load_n((uint64_t *)at, __ATOMIC_SEQ_CST);
}

static size_t shorter(size_t bytes, uint64_t want)
{
	return want < bytes ? (size_t)want : bytes;
}

/* readmap f m offset bytes: read from f into the map */
FUZZ_CALL(readmap)
{
	size_t bytes;
	char *at = lane_map(lane, arg[1], arg[2], &bytes);

	if (at && read(lane_fd(lane, arg[0]), at, shorter(bytes, arg[3])) < 0)
		return;
}

FUZZ_CALL(writemap)
{
	size_t bytes;
	char *at = lane_map(lane, arg[1], arg[2], &bytes);

	if (at && write(lane_fd(lane, arg[0]), at, shorter(bytes, arg[3])) < 0)
		return;
}

/* vmsplice m offset bytes flags: put pages of the map into the pipe */
FUZZ_CALL(vmsplice)
{
	struct iovec iov;
	size_t bytes;

	iov.iov_base = lane_map(lane, arg[0], arg[1], &bytes);
	if (!iov.iov_base)
		return;
	iov.iov_len = shorter(bytes, arg[2]);
	vmsplice(lane->world->pipe[1], &iov, 1, (unsigned int)arg[3]);
}
