/* SPDX-License-Identifier: GPL-2.0 */
/* Attach to the ring of a file, and map it. */
#ifndef EXAMPLE_RING_H
#define EXAMPLE_RING_H

#include <fcntl.h>
#include <linux/ringbuf.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "io.h"

/* Load a word that other processes store, store one that they load: as a whole and in order. */
#define load(p)	    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define fence()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)

struct ring {
	int fd;
	uint64_t position; /* of the first message to read or write */
	struct ringbuf_info is;
	struct ringbuf_region region[8]; /* the first is.region_count are valid, at most 8 */
};

static inline struct ring ring_attach(const char *name, uint32_t role)
{
	struct ringbuf_attach a = {
		.size = sizeof(a),
		.role = role,
		.fd = -1, /* attach to the ring of this file */
		.start = role == RINGBUF_ROLE_READER ? RINGBUF_START_OLDEST : 0,
	};
	struct ring r = { .fd = open(name, O_RDWR), .is.size = sizeof(r.is) };

	r.is.regions = (uintptr_t)r.region;
	r.is.region_size = sizeof(r.region[0]);
	r.is.region_count = sizeof(r.region) / sizeof(r.region[0]);
	if (r.fd < 0 || ioctl(r.fd, RINGBUF_IOC_ATTACH, &a) || ioctl(r.fd, RINGBUF_IOC_INFO, &r.is))
		die(name);
	r.position = a.position;
	return r;
}

static inline void *ring_map(const struct ring *r, uint64_t offset, uint64_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, r->fd, (off_t)offset);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static inline const struct ringbuf_region *ring_find(const struct ring *r, uint32_t id)
{
	size_t i, most = sizeof(r->region) / sizeof(r->region[0]);

	for (i = 0; i < r->is.region_count && i < most; i++)
		if (r->region[i].id == id)
			return &r->region[i];
	errno = ENOENT;
	die("region");
}

static inline void *ring_region(const struct ring *r, enum ringbuf_region_id id, int prot)
{
	const struct ringbuf_region *region = ring_find(r, id);

	return ring_map(r, region->offset, region->bytes, prot);
}

static inline struct ringbuf_row *ring_row(const struct ringbuf_info_page *info, uint32_t i)
{
	return (void *)((char *)info + info->row_offset + (size_t)i * info->row_stride);
}

/* Wait until one more slot can be read or written. */
static inline void ring_wait(const struct ring *r)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = RINGBUF_NO_TIMEOUT, .count = 1 };

	if (ioctl(r->fd, RINGBUF_IOC_WAIT, &w) && errno != EINTR)
		die("wait");
}

/* Wake others after a store, if it has reached @word, their wake word. */
static inline void ring_wake(const struct ring *r, const __u64 *word, uint64_t reached)
{
	struct ringbuf_wake w = { .size = sizeof(w) };

	fence();
	if (load(word) <= reached && ioctl(r->fd, RINGBUF_IOC_WAKE, &w))
		die("wake");
}

#endif
