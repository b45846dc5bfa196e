// SPDX-License-Identifier: GPL-2.0
/*
 * A ring's memory is charged to the memory cgroup of its creator.  CREATE of too large a ring
 * fails with ENOMEM, and no process is killed.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define CGROUPS "/sys/fs/cgroup"
#define MIB	(1ULL << 20)

/* The kernel charges ahead for each processor and uncharges in batches: allow this difference. */
#define SLACK MIB

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

FIXTURE(group)
{
	char path[64];
};

static int group_set(const struct _test_data_group *self, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	return write_text(path, text);
}

/*
 * Return the number after @key in @file, or at its beginning without a key; ~0 if there is none.
 */
static uint64_t group_get(const struct _test_data_group *self, const char *file, const char *key)
{
	char path[128], text[1024], *at = text;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return ~0ULL;
	text[n] = 0;
	if (key)
		at = strstr(text, key);
	return at ? strtoull(at + (key ? strlen(key) : 0), NULL, 10) : ~0ULL;
}

static uint64_t group_charged(const struct _test_data_group *self)
{
	return group_get(self, "memory.current", NULL);
}

/* Wait until the charge is at most @bytes: freed pages pass through a cache of each processor. */
static bool group_falls_to(const struct _test_data_group *self, uint64_t bytes)
{
	uint64_t start = now_ns();

	while (group_charged(self) > bytes) {
		if (now_ns() - start > 10ULL * SECOND)
			return false;
		sched_yield();
	}
	return true;
}

FIXTURE_SETUP(group)
{
	snprintf(self->path, sizeof(self->path), CGROUPS "/ringbuf-%d", getpid());
	if (access(CGROUPS "/cgroup.controllers", F_OK))
		SKIP(return, "no cgroup2 here");
	ASSERT_EQ(0, mkdir(self->path, 0755));
	if (group_get(self, "memory.current", NULL) == ~0ULL)
		SKIP(rmdir(self->path); return, "no memory controller here");
	ASSERT_EQ(0, group_set(self, "memory.max", "33554432"));
	ASSERT_EQ(0, group_set(self, "cgroup.procs", "0"));
}

FIXTURE_TEARDOWN(group)
{
	EXPECT_EQ(0, group_get(self, "memory.events", "oom_kill "));
	EXPECT_EQ(0, write_text(CGROUPS "/cgroup.procs", "0"));
	EXPECT_EQ(0, rmdir(self->path));
}

TEST_F(group, ring_larger_than_the_cgroup_limit_is_refused)
{
	uint64_t before = group_charged(self);
	struct ringbuf_info info;
	int fd = device_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, group_get(self, "memory.events", "max "));
	EXPECT_EQ(-ENOMEM, create_call(fd, 0, MIB, 64));
	EXPECT_EQ(-EBADFD, info_get(fd, &info));
	EXPECT_LT(0, group_get(self, "memory.events", "max "));
	EXPECT_TRUE(group_falls_to(self, before + SLACK));
	/* The same handle can create a ring that fits. */
	EXPECT_EQ(0, create_call(fd, 0, MIB, 16));
	close(fd);
}

/* With many small slots it is the tables of the slots that exceed the limit, not the data. */
TEST_F(group, tables_of_the_slots_are_charged)
{
	uint64_t before = group_charged(self);
	int fd = device_open();

	EXPECT_EQ(-ENOMEM, create_call(fd, 0, 1, 1 << 20));
	EXPECT_TRUE(group_falls_to(self, before + SLACK));
	close(fd);
}

/*
 * The limit leaves room for what the test itself touches, but not for the table of the
 * pages of so large a ring.
 */
TEST_F(group, table_of_the_pages_is_charged)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	char limit[32];
	int fd = device_open();

	ASSERT_OK(call(fd, RINGBUF_IOC_FEATURES, &f));
	snprintf(limit, sizeof(limit), "%llu", (unsigned long long)group_charged(self) + 32 * 1024);
	ASSERT_EQ(0, group_set(self, "memory.max", limit));
	EXPECT_EQ(-ENOMEM, create_call(fd, 0, MIB, f.max_ring_bytes / MIB - 2));
	ASSERT_EQ(0, group_set(self, "memory.max", "33554432"));
	close(fd);
}

#define MESSAGE (16 * MIB)
#define WRITES	4

struct vanishing {
	char *memory;
	bool stop;
};

static void *vanish(void *arg)
{
	struct vanishing *v = arg;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED))
		madvise(v->memory + MESSAGE - page, page, MADV_DONTNEED);
	return NULL;
}

/*
 * The limit leaves no room for a copy of the message beside the ring.  The message itself
 * takes no memory, since it is never written, and another thread removes a page of it again
 * and again while it is copied.
 */
TEST_F(group, write_charges_no_second_copy_of_the_message)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, MESSAGE, 1), writer = writer_open(owner);
	struct vanishing v = { .stop = false };
	pthread_t thread;
	int i;

	ASSERT_LE(0, writer);
	v.memory = mmap(NULL, MESSAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, v.memory);
	ASSERT_EQ(0, pthread_create(&thread, NULL, vanish, &v));
	for (i = 0; i < WRITES; i++)
		EXPECT_EQ((ssize_t)MESSAGE, write(writer, v.memory, MESSAGE));
	__atomic_store_n(&v.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(v.memory, MESSAGE);
	close(writer);
	close(owner);
}

TEST_F(group, ring_is_charged_until_it_is_closed)
{
	uint64_t before = group_charged(self);
	int fd = ring_make(0, MIB, 16), other;

	ASSERT_LE(0, fd);
	EXPECT_LE(before + 16 * MIB, group_charged(self));
	/* The rest of the limit is too little for another ring. */
	other = device_open();
	EXPECT_EQ(-ENOMEM, create_call(other, 0, MIB, 16));
	EXPECT_LE(before + 16 * MIB, group_charged(self));
	close(fd);
	EXPECT_TRUE(group_falls_to(self, before + SLACK));
	EXPECT_EQ(0, create_call(other, 0, MIB, 16));
	close(other);
	EXPECT_TRUE(group_falls_to(self, before + SLACK));
}

/* CREATE charges all memory of a ring, so that touching it later cannot fail. */
TEST_F(group, touching_a_ring_charges_nothing_more)
{
	int fd = ring_make(0, MIB, 16), writer = writer_open(fd);
	struct maps m;
	uint64_t charged, i;

	ASSERT_LE(0, writer);
	ASSERT_OK(maps_open(&m, writer));
	charged = group_charged(self);
	for (i = 0; i < 16; i++)
		memset(m.data + i * m.info.slot_stride, 1, MIB);
	/* Only the page tables of the mapping may have been charged. */
	EXPECT_LE(group_charged(self), charged + SLACK);
	maps_close(&m);
	close(writer);
	close(fd);
}

DEVICE_HARNESS_MAIN
