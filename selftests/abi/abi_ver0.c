// SPDX-License-Identifier: GPL-2.0
/*
 * A program of the first version on the module of today.  It is compiled with a frozen copy
 * of the header, ver0/ringbuf.h, so that each structure has its first size and each call its
 * first number.  Its calls must give the same results for ever: so do not adapt this file or
 * that header to a later version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness/harness.h"
#include "../harness/child.h"
#include "ver0/ringbuf.h"

#define SLOTS	   4
#define POINTER(p) ((uint64_t)(uintptr_t)(p))
#define POISON	   0x5a

FIXTURE(ver0)
{
	int owner;
	int writer;
	int reader;
};

static int ver0_call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int device(void)
{
	return open("/dev/ringbuf", O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static int create(int fd)
{
	struct ringbuf_create c = { .size = sizeof(c), .slot_bytes = 64, .slot_count = SLOTS };

	return ver0_call(fd, RINGBUF_IOC_CREATE, &c);
}

static int attach(int from, uint32_t role, struct ringbuf_attach *a)
{
	int fd = device(), err;

	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->role = role;
	a->fd = from;
	a->id = ~0U;
	err = ver0_call(fd, RINGBUF_IOC_ATTACH, a);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int put(int fd, uint64_t number)
{
	return write(fd, &number, sizeof(number)) < 0 ? -errno : 0;
}

static int64_t get(int fd)
{
	uint64_t number;
	ssize_t n = read(fd, &number, sizeof(number));

	return n < 0 ? -errno : n ? (int64_t)number : -ENODATA;
}

FIXTURE_SETUP(ver0)
{
	struct ringbuf_attach a;

	self->owner = device();
	ASSERT_LE(0, self->owner);
	ASSERT_EQ(0, create(self->owner));
	self->writer = attach(self->owner, RINGBUF_ROLE_WRITER, &a);
	ASSERT_LE(0, self->writer);
	self->reader = attach(self->owner, RINGBUF_ROLE_READER, &a);
	ASSERT_LE(0, self->reader);
}

FIXTURE_TEARDOWN(ver0)
{
	close(self->owner);
	close(self->writer);
	close(self->reader);
}

TEST_F(ver0, features_call_works_with_the_first_header)
{
	struct ringbuf_features f;

	memset(&f, POISON, sizeof(f));
	f.size = sizeof(f);
	f.flags = 0;
	ASSERT_EQ(0, ver0_call(self->owner, RINGBUF_IOC_FEATURES, &f));
	EXPECT_EQ(sizeof(f), f.size);
	EXPECT_LE(RINGBUF_ABI_VERSION, f.abi_version);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), f.page_size);
	EXPECT_LT(0, f.max_ring_bytes);
	EXPECT_TRUE(f.features & RINGBUF_FEAT_SHARED);
}

TEST_F(ver0, create_and_attach_work_with_the_first_header)
{
	struct ringbuf_attach a;
	int reader = attach(self->owner, RINGBUF_ROLE_READER, &a), writer, observer, owner;

	EXPECT_EQ(-EBADFD, create(self->owner));
	ASSERT_LE(0, reader);
	EXPECT_EQ(sizeof(a), a.size);
	EXPECT_EQ(1, a.id);
	EXPECT_EQ(0, a.position);
	writer = attach(self->owner, RINGBUF_ROLE_WRITER, &a);
	ASSERT_LE(0, writer);
	EXPECT_EQ(2, a.id);
	observer = attach(reader, RINGBUF_ROLE_OBSERVER, &a);
	EXPECT_LE(0, observer);
	owner = attach(writer, RINGBUF_ROLE_OWNER, &a);
	EXPECT_LE(0, owner);
	EXPECT_EQ(-EACCES, attach(observer, RINGBUF_ROLE_READER, &a));
	close(reader);
	close(writer);
	close(observer);
	close(owner);
}

static struct ringbuf_region region_of(int fd, uint32_t id, struct ringbuf_info *info)
{
	struct ringbuf_region list[32], none = { 0 };
	uint32_t i;

	memset(list, POISON, sizeof(list));
	memset(info, POISON, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	info->regions = POINTER(list);
	info->region_size = sizeof(list[0]);
	info->region_count = 32;
	if (ver0_call(fd, RINGBUF_IOC_INFO, info))
		return none;
	for (i = 0; i < info->region_count && i < 32; i++)
		if (list[i].id == id)
			return list[i];
	return none;
}

/* Check the geometry, and that the tables are where the info page says. */
TEST_F(ver0, info_and_pages_work_with_the_first_header)
{
	struct ringbuf_info info;
	struct ringbuf_region r = region_of(self->reader, RINGBUF_REGION_INFO, &info);
	struct ringbuf_region head = region_of(self->reader, RINGBUF_REGION_HEAD, &info);
	const struct ringbuf_info_page *ip;
	const struct ringbuf_row *row;

	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(64, info.slot_bytes);
	EXPECT_EQ(SLOTS, info.slot_count);
	EXPECT_EQ(64, info.slot_stride);
	EXPECT_EQ(0, info.ring_flags);
	EXPECT_EQ(64, info.max_readers);
	EXPECT_EQ(16, info.max_writers);
	EXPECT_EQ(RINGBUF_ROLE_READER, info.role);
	EXPECT_EQ(0, info.id);
	ASSERT_LT(0, r.bytes);
	ip = mmap(NULL, r.bytes, PROT_READ, MAP_SHARED, self->reader, (off_t)r.offset);
	ASSERT_NE(MAP_FAILED, ip);
	EXPECT_EQ(RINGBUF_MAGIC, ip->magic);
	EXPECT_EQ(1, ip->rows);
	EXPECT_EQ(1, ip->writers);
	EXPECT_LE(RINGBUF_ROW_SIZE_VER0, ip->row_stride);
	EXPECT_LE(RINGBUF_WRITER_ROW_SIZE_VER0, ip->writer_stride);
	EXPECT_LE(ip->row_offset + 64ULL * ip->row_stride, r.bytes);
	EXPECT_LE(ip->writer_offset + 16ULL * ip->writer_stride, head.bytes);
	row = (const void *)((const char *)ip + ip->row_offset);
	EXPECT_EQ(RINGBUF_ROW_ATTACHED | RINGBUF_ROW_GATING, row->flags);
	munmap((void *)ip, r.bytes);
	EXPECT_LT(0, region_of(self->reader, RINGBUF_REGION_SLOTS, &info).bytes);
	EXPECT_LT(0, region_of(self->reader, RINGBUF_REGION_CURSOR, &info).bytes);
	EXPECT_LT(0, region_of(self->reader, RINGBUF_REGION_DATA, &info).bytes);
}

TEST_F(ver0, wait_and_wake_work_with_the_first_header)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = 1, .count = 1 };
	struct ringbuf_wake wake = { .size = sizeof(wake) };

	EXPECT_EQ(-ETIMEDOUT, ver0_call(self->reader, RINGBUF_IOC_WAIT, &w));
	ASSERT_EQ(0, put(self->writer, 1));
	w.timeout = RINGBUF_NO_TIMEOUT;
	w.flags = RINGBUF_WAIT_REMAINDER;
	ASSERT_EQ(0, ver0_call(self->reader, RINGBUF_IOC_WAIT, &w));
	EXPECT_EQ(1, w.ready);
	EXPECT_EQ(RINGBUF_NO_TIMEOUT, w.timeout);
	EXPECT_EQ(0, ver0_call(self->writer, RINGBUF_IOC_WAKE, &wake));
	EXPECT_EQ(-EBADFD, ver0_call(self->owner, RINGBUF_IOC_WAKE, &wake));
}

TEST_F(ver0, done_and_detach_work_with_the_first_header)
{
	struct ringbuf_done d = { .size = sizeof(d) };
	struct ringbuf_detach leave = { .size = sizeof(leave) };

	ASSERT_EQ(0, put(self->writer, 7));
	EXPECT_EQ(0, ver0_call(self->writer, RINGBUF_IOC_DONE, &d));
	EXPECT_EQ(-EPIPE, ver0_call(self->writer, RINGBUF_IOC_DONE, &d));
	EXPECT_EQ(7, get(self->reader));
	EXPECT_EQ(-ENODATA, get(self->reader));
	EXPECT_EQ(0, ver0_call(self->reader, RINGBUF_IOC_DETACH, &leave));
	EXPECT_EQ(-EBADFD, ver0_call(self->reader, RINGBUF_IOC_DETACH, &leave));
}

TEST_F(ver0, sync_works_with_the_first_header)
{
	struct ringbuf_sync s = { .size = sizeof(s), .reader = 0, .position = 2 };
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	ASSERT_EQ(0, ver0_call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(2, s.position);
	EXPECT_EQ(2, get(self->reader));
	s.flags = RINGBUF_SYNC_ALL | RINGBUF_SYNC_HEAD;
	s.position = 0;
	ASSERT_EQ(0, ver0_call(self->owner, RINGBUF_IOC_SYNC, &s));
	EXPECT_EQ(SLOTS, s.position);
	EXPECT_EQ(-EAGAIN, get(self->reader));
}

TEST_F(ver0, stats_work_with_the_first_header)
{
	struct ringbuf_reader_stats r[2];
	struct ringbuf_writer_stats w[2];
	struct ringbuf_stats s;
	unsigned int n;

	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	memset(&s, POISON, sizeof(s));
	memset(r, POISON, sizeof(r));
	memset(w, POISON, sizeof(w));
	s.size = sizeof(s);
	s.flags = 0;
	s.readers = POINTER(r);
	s.count = 2;
	s.reader_size = sizeof(r[0]);
	s.writer_table = POINTER(w);
	s.writer_count = 2;
	s.writer_size = sizeof(w[0]);
	ASSERT_EQ(0, ver0_call(self->owner, RINGBUF_IOC_STATS, &s));
	EXPECT_EQ(sizeof(s), s.size);
	EXPECT_EQ(1, s.count);
	EXPECT_EQ(1, s.total);
	EXPECT_EQ(1, s.writer_count);
	EXPECT_EQ(1, s.writers);
	EXPECT_EQ(1, s.writers_ever);
	EXPECT_EQ(SLOTS, s.head);
	EXPECT_EQ(RINGBUF_BLOCKER_READER, s.blocker_kind);
	EXPECT_EQ(0, s.blocker_id);
	EXPECT_EQ(SLOTS, s.blocker_lag);
	EXPECT_EQ(getpid(), s.blocker_pid);
	EXPECT_EQ(RINGBUF_END_NONE, s.ended);
	EXPECT_EQ(SLOTS, r[0].lag);
	EXPECT_EQ(getpid(), r[0].pid);
	EXPECT_EQ(1, w[0].id);
	/* A kernel whose entries are longer must not write beyond these. */
	EXPECT_EQ(0x5a5a5a5aU, r[1].id);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, r[1].cursor);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, w[1].waits);
}

TEST_F(ver0, framing_and_room_work_with_the_first_header)
{
	struct ringbuf_framing f = { .size = sizeof(f), .framing = RINGBUF_FRAMING_STREAM };
	struct ringbuf_room room = { .size = sizeof(room), .slots = ~0ULL };
	char text[4];

	ASSERT_EQ(0, ver0_call(self->reader, RINGBUF_IOC_FRAMING, &f));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(4, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(4, read(self->reader, text, sizeof(text)));
	ASSERT_EQ(0, put(self->writer, 2));
	ASSERT_EQ(0, ver0_call(self->writer, RINGBUF_IOC_ROOM, &room));
	EXPECT_EQ(SLOTS - 1, room.slots);
}

TEST_F(ver0, threshold_works_with_the_first_header)
{
	struct ringbuf_threshold t = { .size = sizeof(t), .slots = 2 };

	ASSERT_EQ(0, ver0_call(self->reader, RINGBUF_IOC_THRESHOLD, &t));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(-EAGAIN, get(self->reader));
	ASSERT_EQ(0, put(self->writer, 2));
	EXPECT_EQ(1, get(self->reader));
}

TEST_F(ver0, evict_works_with_the_first_header)
{
	struct ringbuf_evict e = { .size = sizeof(e), .reader = 0 };

	ASSERT_EQ(0, ver0_call(self->owner, RINGBUF_IOC_EVICT, &e));
	EXPECT_EQ(-EIDRM, get(self->reader));
	e.reader = 1;
	EXPECT_EQ(-ENOENT, ver0_call(self->owner, RINGBUF_IOC_EVICT, &e));
}

/* Each structure ends at a page that cannot be accessed. */
TEST_F(ver0, nothing_is_written_behind_the_structures)
{
	const struct {
		unsigned long request;
		uint32_t size;
		int fd;
	} calls[] = {
		{ RINGBUF_IOC_FEATURES, sizeof(struct ringbuf_features), self->owner },
		{ RINGBUF_IOC_INFO, sizeof(struct ringbuf_info), self->owner },
		{ RINGBUF_IOC_STATS, sizeof(struct ringbuf_stats), self->owner },
		{ RINGBUF_IOC_SYNC, sizeof(struct ringbuf_sync), self->owner },
		{ RINGBUF_IOC_FRAMING, sizeof(struct ringbuf_framing), self->writer },
		{ RINGBUF_IOC_THRESHOLD, sizeof(struct ringbuf_threshold), self->writer },
		{ RINGBUF_IOC_ROOM, sizeof(struct ringbuf_room), self->writer },
		{ RINGBUF_IOC_WAKE, sizeof(struct ringbuf_wake), self->writer },
		{ RINGBUF_IOC_DONE, sizeof(struct ringbuf_done), self->writer },
		{ RINGBUF_IOC_DETACH, sizeof(struct ringbuf_detach), self->writer },
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char *arg = two + page - calls[i].size;

		memset(two, 0, page);
		memcpy(arg, &calls[i].size, sizeof(calls[i].size));
		EXPECT_EQ(calls[i].size, _IOC_SIZE(calls[i].request));
		EXPECT_EQ(0, ver0_call(calls[i].fd, calls[i].request, arg))
		TH_LOG("call %u", i);
	}
	munmap(two, 2 * page);
}

DEVICE_HARNESS_MAIN
