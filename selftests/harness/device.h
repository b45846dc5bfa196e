/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of the ABI of /dev/ringbuf without the library: ioctls, maps, and loads and stores of
 * the shared words ("by hand").  Functions that return int return 0 or a negative errno unless
 * their comment says otherwise.
 */
#ifndef SELFTESTS_DEVICE_H
#define SELFTESTS_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/ringbuf.h>

#include "child.h"

#define NEVER RINGBUF_NO_TIMEOUT

/* Pointer @p as the __u64 member of an ioctl's struct. */
#define POINTER(p) ((uint64_t)(uintptr_t)(p))

#define ASSERT_OK(call) ASSERT_EQ(0, call)
#define EXPECT_OK(call) EXPECT_EQ(0, call)

/* Expect a system call to return -1 and set errno to @error. */
#define FAILS(error, call)               \
	do {                             \
		errno = 0;               \
		EXPECT_EQ(-1, (call));   \
		EXPECT_EQ(error, errno); \
	} while (0)

static inline int device_open(void)
{
	return open("/dev/ringbuf", O_RDWR | O_CLOEXEC);
}

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* ---- binding ------------------------------------------------------------- */

static inline int create_call(int fd, uint32_t flags, uint64_t bytes, uint64_t count)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.flags = flags,
		.slot_bytes = bytes,
		.slot_count = count,
	};

	return call(fd, RINGBUF_IOC_CREATE, &c);
}

/* A handle of a new ring, with which any role may attach; -1 on failure. */
static inline int ring_make(uint32_t flags, uint64_t bytes, uint64_t count)
{
	int fd = device_open();

	if (fd < 0 || !create_call(fd, flags, bytes, count))
		return fd;
	close(fd);
	return -1;
}

static inline struct ringbuf_attach attach_to(uint32_t role, int from)
{
	struct ringbuf_attach a;

	memset(&a, 0, sizeof(a));
	a.size = sizeof(a);
	a.role = role;
	a.fd = from;
	a.id = 0x5a5a5a5a;
	return a;
}

static inline int attach_fd(int fd, uint32_t role, int from)
{
	struct ringbuf_attach a = attach_to(role, from);

	return call(fd, RINGBUF_IOC_ATTACH, &a);
}

/* A new handle that is attached in @role to the ring of @from; -1 and errno on failure. */
static inline int role_open(uint32_t role, int from)
{
	int fd = device_open(), err;

	if (fd < 0)
		return -1;
	err = attach_fd(fd, role, from);
	if (!err)
		return fd;
	close(fd);
	errno = -err;
	return -1;
}

static inline int reader_open(int from)
{
	return role_open(RINGBUF_ROLE_READER, from);
}

static inline int writer_open(int from)
{
	return role_open(RINGBUF_ROLE_WRITER, from);
}

static inline int observer_open(int from)
{
	return role_open(RINGBUF_ROLE_OBSERVER, from);
}

/* ---- files -------------------------------------------------------------------- */

#define RINGS "/dev/rings" /* where the test machine has mounted the file system */

/* The descriptor that open(2) returns, or a negative errno. */
static inline int file_open(const char *path, int how)
{
	int fd = open(path, how | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* @fd if @err is 0; otherwise close @fd and return @err. */
static inline int file_done(int fd, int err)
{
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* The owner's handle of a new ring in a new file @path, or a negative errno. */
static inline int file_make(const char *path, uint32_t flags, uint64_t bytes, uint64_t count)
{
	int fd = file_open(path, O_RDWR | O_CREAT | O_EXCL);

	return fd < 0 ? fd : file_done(fd, create_call(fd, flags, bytes, count));
}

/*
 * A handle that is attached in @role to the ring in file @path, which is opened with access
 * mode @how; or a negative errno.
 */
static inline int file_attach_as(const char *path, uint32_t role, int how)
{
	int fd = file_open(path, how | O_EXCL);

	return fd < 0 ? fd : file_done(fd, attach_fd(fd, role, -1));
}

static inline int file_attach(const char *path, uint32_t role)
{
	return file_attach_as(path, role, O_RDWR);
}

/* ---- the other calls -------------------------------------------------------- */

static inline int info_get(int fd, struct ringbuf_info *info)
{
	memset(info, 0x5a, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	info->regions = 0;
	return call(fd, RINGBUF_IOC_INFO, info);
}

/* The number of regions that the tests know. */
enum { REGIONS = RINGBUF_REGION_DATA + 1 };

/* Store the regions of the ring of @fd in @region, each at the index that is its id. */
static inline int regions_get(int fd, struct ringbuf_region region[REGIONS])
{
	struct ringbuf_region list[REGIONS + 1];
	struct ringbuf_info info = {
		.size = sizeof(info),
		.regions = POINTER(list),
		.region_size = sizeof(list[0]),
		.region_count = REGIONS + 1,
	};
	int err = call(fd, RINGBUF_IOC_INFO, &info);
	unsigned int i;

	memset(region, 0, REGIONS * sizeof(*region));
	for (i = 0; !err && i < info.region_count && i <= REGIONS; i++)
		if (list[i].id < REGIONS)
			region[list[i].id] = list[i];
	return err;
}

static inline struct ringbuf_region region_of(int fd, unsigned int id)
{
	struct ringbuf_region region[REGIONS];

	regions_get(fd, region);
	return region[id];
}

static inline struct ringbuf_wait wait_for(uint32_t count, uint64_t timeout)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = timeout, .count = count };

	w.ready = 0x5a5a5a5a5a5a5a5aULL;
	return w;
}

static inline int wait_call(int fd, uint32_t count, uint64_t timeout)
{
	struct ringbuf_wait w = wait_for(count, timeout);

	return call(fd, RINGBUF_IOC_WAIT, &w);
}

static inline int wake_call(int fd)
{
	struct ringbuf_wake w = { .size = sizeof(w) };

	return call(fd, RINGBUF_IOC_WAKE, &w);
}

static inline int done_call(int fd)
{
	struct ringbuf_done d = { .size = sizeof(d) };

	return call(fd, RINGBUF_IOC_DONE, &d);
}

static inline int detach_call(int fd)
{
	struct ringbuf_detach d = { .size = sizeof(d) };

	return call(fd, RINGBUF_IOC_DETACH, &d);
}

static inline int sync_with(int fd, uint32_t flags, uint32_t reader, uint64_t position)
{
	struct ringbuf_sync s = {
		.size = sizeof(s), .flags = flags, .reader = reader, .position = position
	};

	return call(fd, RINGBUF_IOC_SYNC, &s);
}

static inline int sync_call(int fd, uint32_t reader, uint64_t position)
{
	return sync_with(fd, 0, reader, position);
}

static inline int sync_all(int fd, uint64_t position)
{
	return sync_with(fd, RINGBUF_SYNC_ALL, 0, position);
}

static inline int evict_call(int fd, uint32_t reader)
{
	struct ringbuf_evict e = { .size = sizeof(e), .reader = reader };

	return call(fd, RINGBUF_IOC_EVICT, &e);
}

static inline int stats_call(int fd, struct ringbuf_stats *s, struct ringbuf_reader_stats *readers,
			     uint32_t count)
{
	memset(s, 0x5a, sizeof(*s));
	s->size = sizeof(*s);
	s->flags = 0;
	s->readers = POINTER(readers);
	s->count = count;
	s->reader_size = sizeof(*readers);
	s->writer_table = 0;
	s->writer_count = 0;
	return call(fd, RINGBUF_IOC_STATS, s);
}

static inline struct ringbuf_stats stats_of(int fd)
{
	struct ringbuf_stats s;

	if (stats_call(fd, &s, NULL, 0))
		memset(&s, 0x5a, sizeof(s));
	return s;
}

/* The value behind "ringbuf-@key:", or "". */
static inline const char *fdinfo(int fd, const char *key)
{
	static char value[128];
	char path[64], line[256], want[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "ringbuf-%s:\t", key);
	value[0] = 0;
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, want, strlen(want)))
			snprintf(value, sizeof(value), "%.*s",
				 (int)strcspn(line + strlen(want), "\n"), line + strlen(want));
	if (f)
		fclose(f);
	return value;
}

/* Why @position is a hole, as @fd says. */
static inline int hole_call(int fd, uint64_t position, struct ringbuf_hole *hole)
{
	memset(hole, 0x5a, sizeof(*hole));
	hole->size = sizeof(*hole);
	hole->flags = 0;
	hole->position = position;
	return call(fd, RINGBUF_IOC_HOLE, hole);
}

static inline int framing_call(int fd, uint32_t framing)
{
	struct ringbuf_framing f = { .size = sizeof(f), .framing = framing };

	return call(fd, RINGBUF_IOC_FRAMING, &f);
}

static inline int threshold_call(int fd, uint32_t slots, uint64_t bytes, uint64_t after)
{
	struct ringbuf_threshold t = {
		.size = sizeof(t), .slots = slots, .bytes = bytes, .after = after
	};

	return call(fd, RINGBUF_IOC_THRESHOLD, &t);
}

/* The number of slots that a writer can write without waiting, or a negative errno. */
static inline int64_t room_call(int fd)
{
	struct ringbuf_room r = { .size = sizeof(r), .slots = 0x5a5a5a5a5a5a5a5aULL };
	int err = call(fd, RINGBUF_IOC_ROOM, &r);

	return err ? err : (int64_t)r.slots;
}

/* What FIONREAD tells of a reader: bytes that it can read without waiting; or a negative errno. */
static inline int ready_call(int fd)
{
	int n = -12345;

	return ioctl(fd, FIONREAD, &n) < 0 ? -errno : n;
}

/* Whether the module does not recheck for waiters that were not woken (recheck_ms=0). */
static inline bool timer_is_off(void)
{
	char text[16] = "";
	FILE *f = fopen("/sys/module/ringbuf/parameters/recheck_ms", "re");

	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	return !strcmp(text, "0\n");
}

/*
 * A process that stores by hand what a waiter waits for has to call WAKE if the wake words say
 * so: @called_for.  But a test may only rely on that where the module does not recheck, since a
 * recheck at that moment clears the wake words and wakes the waiter itself.
 */
static inline bool is_to_wake(bool called_for)
{
	return called_for || !timer_is_off();
}

/* The number of bytes that new rings of the caller may still have. */
static inline uint64_t bytes_left(void)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	int fd = device_open();

	if (call(fd, RINGBUF_IOC_FEATURES, &f))
		f.max_ring_bytes = 0;
	close(fd);
	return f.max_ring_bytes;
}

/* ---- messages by read(2) and write(2) ----------------------------------------- */

static inline int put(int fd, uint64_t number)
{
	ssize_t n = write(fd, &number, sizeof(number));

	if (n < 0)
		return -errno;
	return n == sizeof(number) ? 0 : -EBADMSG;
}

/* Read a number; returns the number, or a negative errno: -ENODATA at the end of the ring. */
static inline int64_t get(int fd)
{
	uint64_t number;
	ssize_t n = read(fd, &number, sizeof(number));

	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	return n == sizeof(number) ? (int64_t)number : -EBADMSG;
}

static inline int nonblock(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

/* The events that poll reports of @fd without waiting; -1 on an error. */
static inline short polled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	return poll(&p, 1, 0) < 0 ? (short)-1 : p.revents;
}

/* ---- maps -------------------------------------------------------------------- */

/* The maps of a handle, as its role may map them; @own: the cursor of a reader. */
struct maps {
	int fd;
	struct ringbuf_info info;
	struct ringbuf_region region[REGIONS];
	void *map[REGIONS];
	void *page; /* the page with the cursor of a reader, which is mapped writable */
	struct ringbuf_info_page *ip;
	struct ringbuf_head_page *head;
	struct ringbuf_desc *desc;
	uint64_t *claim;
	char *data;
	struct ringbuf_cursor *own;
};

static inline void *map_region(int fd, unsigned int id, int prot)
{
	struct ringbuf_region region[REGIONS];
	int err = regions_get(fd, region);

	if (err) {
		errno = -err;
		return MAP_FAILED;
	}
	return mmap(NULL, region[id].bytes, prot, MAP_SHARED, fd, (off_t)region[id].offset);
}

static inline void *map_cursor(int fd, const struct ringbuf_info *info, uint32_t row, int prot)
{
	return mmap(NULL, info->page_size, prot, MAP_SHARED, fd,
		    (off_t)(region_of(fd, RINGBUF_REGION_CURSOR).offset +
			    (uint64_t)row * info->page_size));
}

static inline int maps_own(struct maps *m)
{
	m->page = map_cursor(m->fd, &m->info, m->info.id, PROT_READ | PROT_WRITE);
	if (m->page == MAP_FAILED)
		return -errno;
	m->own = (struct ringbuf_cursor *)((char *)m->page + RINGBUF_CURSOR_OFFSET(m->info.id));
	return 0;
}

static inline int maps_open(struct maps *m, int fd)
{
	int err = info_get(fd, &m->info), prot;
	unsigned int i;

	m->fd = fd;
	if (!err)
		err = regions_get(fd, m->region);
	for (i = 0; !err && i < REGIONS; i++) {
		prot = PROT_READ;
		if (m->info.role == RINGBUF_ROLE_WRITER && i != RINGBUF_REGION_INFO &&
		    i != RINGBUF_REGION_CURSOR)
			prot |= PROT_WRITE;
		m->map[i] = map_region(fd, i, prot);
		if (m->map[i] == MAP_FAILED)
			err = -errno;
	}
	if (err)
		return err;
	m->ip = m->map[RINGBUF_REGION_INFO];
	m->head = m->map[RINGBUF_REGION_HEAD];
	m->desc = m->map[RINGBUF_REGION_SLOTS];
	m->claim = (uint64_t *)((char *)m->desc + m->info.claim_offset);
	m->data = m->map[RINGBUF_REGION_DATA];
	m->page = NULL;
	if (m->info.role == RINGBUF_ROLE_READER)
		err = maps_own(m);
	/* In a child process a writer gets its own id at its first map. */
	return err ? err : info_get(fd, &m->info);
}

static inline void maps_close(struct maps *m)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		munmap(m->map[i], m->region[i].bytes);
	if (m->page)
		munmap(m->page, m->info.page_size);
}

/* The row of reader @row, and of the writer of @m, in their tables. */
static inline struct ringbuf_row *reader_row(const struct maps *m, uint32_t row)
{
	return (void *)((char *)m->ip + m->ip->row_offset + (size_t)row * m->ip->row_stride);
}

static inline struct ringbuf_writer_row *writer_row(const struct maps *m)
{
	return (void *)((char *)m->head + m->ip->writer_offset +
			(size_t)(m->info.id - 1) * m->ip->writer_stride);
}

/* ---- the shared words by hand --------------------------------------------------- */

/*
 * Store one number at @pos as an exclusive writer does; the caller knows that the gate allows
 * the slot.  Returns true if a waiter has to be woken.
 */
static inline bool commit_by_hand(struct maps *m, uint64_t pos, uint64_t number)
{
	struct ringbuf_desc *d = &m->desc[pos % m->info.slot_count];

	__atomic_store_n(&writer_row(m)->allowance, pos + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(m->data + pos % m->info.slot_count * m->info.slot_stride, &number, sizeof(number));
	d->length = sizeof(number);
	d->flags = 0;
	__atomic_store_n(&m->head->head, pos + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state, pos << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED,
			 __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&m->ip->wake_position, __ATOMIC_RELAXED) <= pos;
}

/* Reserve @count unclaimed slots at @pos as a shared writer does. */
static inline void claim_by_hand(struct maps *m, uint64_t pos, uint32_t count)
{
	uint32_t k;

	for (k = 0; k < count; k++)
		m->claim[(pos + k) % m->info.slot_count] =
			(pos + k) << RINGBUF_CLAIM_SHIFT |
			(uint64_t)m->info.id << RINGBUF_CLAIM_COUNT_BITS | (count - k - 1);
	m->head->head = pos + count;
}

/* The number at @pos, or -EAGAIN if that slot is not committed. */
static inline int64_t peek_by_hand(const struct maps *m, uint64_t pos)
{
	uint64_t i = pos % m->info.slot_count, number;

	if (__atomic_load_n(&m->desc[i].state, __ATOMIC_ACQUIRE) !=
	    (pos << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED))
		return -EAGAIN;
	memcpy(&number, m->data + i * m->info.slot_stride, sizeof(number));
	return (int64_t)number;
}

/* Release all slots before @pos as a reader does.  Returns true if a writer has to be woken. */
static inline bool release_by_hand(struct maps *m, uint64_t pos)
{
	uint64_t threshold;

	__atomic_store_n(&m->own->cursor, pos, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	threshold = __atomic_load_n(&m->ip->wake_cursor, __ATOMIC_RELAXED);
	return threshold <= pos;
}

#endif
