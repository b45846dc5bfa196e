// SPDX-License-Identifier: GPL-2.0
/*
 * mmap(2): every region for every role with every protection; mprotect, munmap, mremap
 * and fork of such maps; and the contents of the pages.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define RW    (PROT_READ | PROT_WRITE)
#define SLOTS 100

FIXTURE(mmap)
{
	int owner;
	int fd; /* a handle in the role of the variant */
	struct ringbuf_info info;
	struct ringbuf_region region[REGIONS];
};

FIXTURE_VARIANT(mmap)
{
	uint32_t role;
	bool writes; /* the role may write to head, slots and data */
};

FIXTURE_VARIANT_ADD(mmap, owner){ RINGBUF_ROLE_OWNER, false };
FIXTURE_VARIANT_ADD(mmap, reader){ RINGBUF_ROLE_READER, false };
FIXTURE_VARIANT_ADD(mmap, writer){ RINGBUF_ROLE_WRITER, true };
FIXTURE_VARIANT_ADD(mmap, observer){ RINGBUF_ROLE_OBSERVER, false };

FIXTURE_SETUP(mmap)
{
	self->owner = ring_make(RINGBUF_CREATE_TIMESTAMP, 5000, SLOTS);
	ASSERT_LE(0, self->owner);
	self->fd = variant->role == RINGBUF_ROLE_OWNER ? dup(self->owner)
						       : role_open(variant->role, self->owner);
	ASSERT_LE(0, self->fd);
	ASSERT_OK(info_get(self->fd, &self->info));
	ASSERT_OK(regions_get(self->fd, self->region));
}

FIXTURE_TEARDOWN(mmap)
{
	close(self->fd);
	close(self->owner);
}

static bool may_write(unsigned int region, bool writes)
{
	return writes && region != RINGBUF_REGION_INFO && region != RINGBUF_REGION_CURSOR;
}

/* Map and unmap a part of @fd.  Return 0 or the negative errno of mmap(2). */
static int try_map(int fd, uint64_t offset, uint64_t bytes, int prot, int flags)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, bytes);
	return 0;
}

static int try_region(const struct _test_data_mmap *self, unsigned int id, int prot, int flags)
{
	const struct ringbuf_region *r = &self->region[id];

	return try_map(self->fd, r->offset, r->bytes, prot, flags);
}

TEST_F(mmap, each_role_may_map_each_region_as_documented)
{
	unsigned int id;

	for (id = 0; id < REGIONS; id++) {
		int write = may_write(id, variant->writes) ? 0 : -EACCES;

		EXPECT_EQ(0, try_region(self, id, PROT_READ, MAP_SHARED));
		EXPECT_EQ(0, try_region(self, id, PROT_READ, MAP_SHARED_VALIDATE));
		EXPECT_EQ(0, try_region(self, id, PROT_NONE, MAP_SHARED));
		EXPECT_EQ(write, try_region(self, id, RW, MAP_SHARED));
		EXPECT_EQ(write, try_region(self, id, PROT_WRITE, MAP_SHARED));
		EXPECT_EQ(-EACCES, try_region(self, id, PROT_READ | PROT_EXEC, MAP_SHARED));
		EXPECT_EQ(-EACCES, try_region(self, id, PROT_EXEC, MAP_SHARED));
		EXPECT_EQ(-EINVAL, try_region(self, id, PROT_READ, MAP_PRIVATE));
		EXPECT_EQ(-EINVAL, try_region(self, id, RW, MAP_PRIVATE));
	}
}

TEST_F(mmap, reader_may_write_its_own_cursor_page_only)
{
	uint64_t page = self->info.page_size, base = self->region[RINGBUF_REGION_CURSOR].offset;
	bool reader = variant->role == RINGBUF_ROLE_READER;
	void *own = map_cursor(self->fd, &self->info, 0, RW);

	/* The only reader has row 0. */
	EXPECT_EQ(!reader, own == MAP_FAILED);
	EXPECT_EQ(0, try_map(self->fd, base, page, PROT_READ, MAP_SHARED));
	EXPECT_EQ(reader ? 0 : -EACCES, try_map(self->fd, base, page, RW, MAP_SHARED));
	/* The page of another row, and more than one page. */
	EXPECT_EQ(-EACCES, try_map(self->fd, base + page, page, RW, MAP_SHARED));
	EXPECT_EQ(0, try_map(self->fd, base + page, page, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(self->fd, base, 2 * page, RW, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(self->fd, base + 63 * page, page, RW, MAP_SHARED));
	if (!reader)
		return;
	EXPECT_EQ(1, stats_of(self->owner).total);
	EXPECT_EQ(0, *(char *)own);
	/* The reader ends when its cursor page is unmapped. */
	munmap(own, page);
	EXPECT_EQ(0, stats_of(self->owner).total);
	EXPECT_EQ(-EBADFD, try_map(self->fd, base, page, RW, MAP_SHARED));
}

TEST_F(mmap, only_whole_regions_can_be_mapped)
{
	uint64_t page = self->info.page_size, end = 0;
	unsigned int id;

	for (id = 0; id < REGIONS; id++) {
		const struct ringbuf_region *r = &self->region[id];

		end = r->offset + r->bytes;
		EXPECT_EQ(-EINVAL,
			  try_map(self->fd, r->offset, r->bytes + page, PROT_READ, MAP_SHARED));
		if (id == RINGBUF_REGION_CURSOR)
			continue;
		if (r->bytes > page) {
			EXPECT_EQ(-EINVAL, try_map(self->fd, r->offset, r->bytes - page, PROT_READ,
						   MAP_SHARED));
			EXPECT_EQ(-EINVAL, try_map(self->fd, r->offset + page, r->bytes - page,
						   PROT_READ, MAP_SHARED));
		}
	}
	EXPECT_EQ(-EINVAL, try_map(self->fd, 0, end, PROT_READ, MAP_SHARED));
	EXPECT_GT(0, try_map(self->fd, end, page, PROT_READ, MAP_SHARED));
	EXPECT_GT(0, try_map(self->fd, end + (1ULL << 40), page, PROT_READ, MAP_SHARED));
	EXPECT_GT(0, try_map(self->fd, 1ULL << 62, page, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(self->fd, 1, page, PROT_READ, MAP_SHARED));
}

TEST_F(mmap, mprotect_cannot_add_write_or_exec_permission)
{
	unsigned int id;

	for (id = 0; id < REGIONS; id++) {
		uint64_t bytes = self->region[id].bytes;
		void *p = map_region(self->fd, id, PROT_READ);
		int want = may_write(id, variant->writes) ? 0 : -1;

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_EQ(want, mprotect(p, bytes, RW)) TH_LOG("region %u", id);
		EXPECT_EQ(-1, mprotect(p, bytes, PROT_READ | PROT_EXEC));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(0, mprotect(p, bytes, PROT_NONE));
		EXPECT_EQ(0, mprotect(p, bytes, PROT_READ));
		munmap(p, bytes);
	}
}

static int reads_from(void *arg)
{
	return *(volatile char *)arg;
}

/*
 * Access @at in a child, and return its exit status.  The child is one of vfork(), which shares the
 * memory, since other children inherit no maps.
 */
static int touched(volatile char *at, bool write)
{
	pid_t pid = vfork();

	if (!pid) {
		if (write)
			*at = 1;
		_exit(*at);
	}
	return child_end(pid);
}

TEST_F(mmap, store_to_a_read_only_map_is_a_fault)
{
	unsigned int id;

	for (id = 0; id < REGIONS; id++) {
		char *p = map_region(self->fd, id, PROT_READ);

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_EQ(*p, touched(p, false));
		EXPECT_EQ(128 + SIGSEGV, touched(p, true));
		EXPECT_EQ(id == RINGBUF_REGION_INFO ? 'r' : 0, *p);
		munmap(p, self->region[id].bytes);
	}
}

TEST_F(mmap, part_of_a_map_cannot_be_changed)
{
	uint64_t page = self->info.page_size;
	unsigned int id;

	for (id = 0; id < REGIONS; id++) {
		uint64_t bytes = self->region[id].bytes;
		char *p = map_region(self->fd, id, PROT_READ);

		if (bytes < 3 * page || id == RINGBUF_REGION_CURSOR) {
			munmap(p, bytes);
			continue;
		}
		EXPECT_EQ(-1, munmap(p, page));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, munmap(p + page, page));
		EXPECT_EQ(-1, munmap(p + bytes - page, page));
		EXPECT_EQ(-1, mprotect(p + page, page, PROT_NONE));
		EXPECT_EQ(MAP_FAILED, mremap(p, bytes, bytes + page, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(p, bytes, bytes - page, 0));
		EXPECT_EQ(0, p[bytes - 1]);
		EXPECT_EQ(0, munmap(p, bytes));
	}
}

TEST_F(mmap, whole_map_can_be_moved)
{
	uint64_t bytes = self->region[RINGBUF_REGION_DATA].bytes;
	char *p = map_region(self->fd, RINGBUF_REGION_DATA, PROT_READ), *q;
	void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	q = mremap(p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, q);
	EXPECT_EQ(0, q[0] | q[bytes - 1]);
	EXPECT_EQ(0, munmap(q, bytes));
}

/*
 * A request that has pinned a page may store into it after its process has ended or was fenced:
 * only data may be pinned, see "fresh pages" in kmod/pages.c.
 */
TEST_F(mmap, io_can_use_no_buffer_but_in_data)
{
	struct iovec v = { .iov_len = sizeof(uint64_t) };
	int pipes[2];
	unsigned int id;

	ASSERT_EQ(0, pipe(pipes));
	for (id = 0; id < REGIONS; id++) {
		char *p = map_region(self->fd, id, PROT_READ);

		ASSERT_NE(MAP_FAILED, p);
		v.iov_base = p;
		if (id == RINGBUF_REGION_DATA) {
			EXPECT_EQ(sizeof(uint64_t), vmsplice(pipes[1], &v, 1, 0));
		} else {
			FAILS(EFAULT, vmsplice(pipes[1], &v, 1, 0));
		}
		/* A copy by the processor is no such I/O. */
		EXPECT_EQ(sizeof(uint64_t), write(pipes[1], p, sizeof(uint64_t)));
		munmap(p, self->region[id].bytes);
	}
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(mmap, child_inherits_no_map)
{
	char *p = map_region(self->fd, RINGBUF_REGION_DATA, PROT_READ);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(128 + SIGSEGV, child_run(reads_from, p));
	/* With MADV_DOFORK a child inherits the map, but cannot access it. */
	if (!madvise(p, self->region[RINGBUF_REGION_DATA].bytes, MADV_DOFORK)) {
		EXPECT_EQ(128 + SIGBUS, child_run(reads_from, p));
		EXPECT_EQ(0, *p);
	}
	munmap(p, self->region[RINGBUF_REGION_DATA].bytes);
}

TEST_F(mmap, new_ring_is_zero)
{
	uint64_t i, bytes;
	unsigned int id;

	for (id = RINGBUF_REGION_HEAD; id < REGIONS; id++) {
		char *p = map_region(self->fd, id, PROT_READ), any = 0;

		bytes = self->region[id].bytes;
		for (i = 0; i < bytes; i++)
			any |= p[i];
		EXPECT_EQ(0, any) TH_LOG("region %u", id);
		munmap(p, bytes);
	}
}

TEST_F(mmap, info_page_describes_the_ring)
{
	struct ringbuf_info_page *ip = map_region(self->fd, RINGBUF_REGION_INFO, PROT_READ);
	uint32_t readers = variant->role == RINGBUF_ROLE_READER;
	const struct ringbuf_row *row;

	ASSERT_NE(MAP_FAILED, ip);
	EXPECT_EQ(RINGBUF_MAGIC, ip->magic);
	EXPECT_EQ(RINGBUF_ABI_VERSION, ip->abi_version);
	EXPECT_EQ(RINGBUF_CREATE_TIMESTAMP, ip->flags);
	EXPECT_EQ(5000, ip->slot_bytes);
	EXPECT_EQ(SLOTS, ip->slot_count);
	EXPECT_EQ(self->info.slot_stride, ip->slot_stride);
	EXPECT_EQ(64, ip->max_readers);
	EXPECT_EQ(16, ip->max_writers);
	EXPECT_EQ(RINGBUF_WAKE_NONE, ip->wake_position);
	EXPECT_EQ(RINGBUF_WAKE_NONE, ip->wake_cursor);
	EXPECT_EQ(readers, ip->rows);
	EXPECT_EQ(variant->role == RINGBUF_ROLE_WRITER, ip->writers);
	EXPECT_EQ(RINGBUF_END_NONE, ip->ended);
	EXPECT_EQ(sizeof(*ip), ip->row_offset);
	EXPECT_EQ(sizeof(struct ringbuf_row), ip->row_stride);
	EXPECT_EQ(sizeof(struct ringbuf_head_page), ip->writer_offset);
	EXPECT_EQ(sizeof(struct ringbuf_writer_row), ip->writer_stride);
	row = (void *)((char *)ip + ip->row_offset);
	EXPECT_EQ(readers * (RINGBUF_ROW_ATTACHED | RINGBUF_ROW_GATING), row->flags);
	row = (void *)((char *)row + ip->row_stride);
	EXPECT_EQ(0, row->flags);
	munmap(ip, self->region[RINGBUF_REGION_INFO].bytes);
}

TEST_F(mmap, all_handles_map_the_same_pages)
{
	int writer = variant->role == RINGBUF_ROLE_WRITER ? dup(self->fd)
							  : writer_open(self->owner);
	struct maps w;
	char *p = map_region(self->fd, RINGBUF_REGION_DATA, PROT_READ);
	uint64_t i, bytes = self->region[RINGBUF_REGION_DATA].bytes;

	ASSERT_OK(maps_open(&w, writer));
	for (i = 0; i < bytes; i += 1000)
		w.data[i] = (char)(i / 1000);
	for (i = 0; i < bytes; i += 1000)
		ASSERT_EQ((char)(i / 1000), p[i]);
	maps_close(&w);
	munmap(p, bytes);
	close(writer);
}

/* ---- file modes --------------------------------------------------------------- */

TEST(writable_map_needs_an_open_for_both)
{
	int owner = ring_make(0, 64, 4), fd = open("/dev/ringbuf", O_RDONLY | O_EXCL | O_CLOEXEC);
	struct ringbuf_info info;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, attach_fd(fd, RINGBUF_ROLE_WRITER, owner));
	ASSERT_OK(info_get(fd, &info));
	EXPECT_EQ(-EACCES, try_map(fd, region_of(fd, RINGBUF_REGION_DATA).offset,
				   region_of(fd, RINGBUF_REGION_DATA).bytes, RW, MAP_SHARED));
	close(fd);
	fd = open("/dev/ringbuf", O_WRONLY | O_EXCL | O_CLOEXEC);
	ASSERT_EQ(0, attach_fd(fd, RINGBUF_ROLE_WRITER, owner));
	EXPECT_EQ(-EACCES, try_map(fd, 0, region_of(fd, 0).bytes, PROT_READ, MAP_SHARED));
	close(fd);
	close(owner);
}

/* Such a map has no VM_SHARED, so the check of mprotect() has to be another one. */
TEST(map_of_a_read_only_open_stays_read_only)
{
	int owner = ring_make(0, 64, 4), fd = open("/dev/ringbuf", O_RDONLY | O_EXCL | O_CLOEXEC);
	struct ringbuf_info info;
	void *p;

	ASSERT_EQ(0, attach_fd(fd, RINGBUF_ROLE_READER, owner));
	ASSERT_OK(info_get(fd, &info));
	EXPECT_EQ(MAP_FAILED, map_cursor(fd, &info, info.id, RW));
	p = map_region(fd, RINGBUF_REGION_DATA, PROT_READ);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-1, mprotect(p, region_of(fd, RINGBUF_REGION_DATA).bytes, RW));
	munmap(p, region_of(fd, RINGBUF_REGION_DATA).bytes);
	close(fd);
	close(owner);
}

TEST(unbound_handle_cannot_be_mapped)
{
	int fd = device_open();

	EXPECT_EQ(-EBADFD, try_map(fd, 0, 4096, PROT_READ, MAP_SHARED));
	close(fd);
}

/* ---- a personality that makes every map executable -------------------------------- */

/* Return whether /proc/self/maps shows the map at @p as executable; -1: there is no such map. */
static int map_executes(const void *p)
{
	char line[512], rights[5];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start;
	int executes = -1;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%*x %4s", &start, rights) == 2 && start == (unsigned long)p)
			executes = rights[2] == 'x';
	if (maps)
		fclose(maps);
	return executes;
}

static int maps_with_read_implies_exec(void *arg)
{
	int owner = *(int *)arg, writer = writer_open(owner), reader = reader_open(owner);
	struct maps m;

	CHECK_EQ(0, personality(READ_IMPLIES_EXEC) < 0);
	CHECK_EQ(0, maps_open(&m, writer));
	CHECK_EQ(0, map_executes(m.data));
	CHECK_EQ(0, map_executes(m.head));
	CHECK_EQ(0, mprotect(m.data, m.region[RINGBUF_REGION_DATA].bytes, PROT_READ));
	CHECK_EQ(0, map_executes(m.data));
	maps_close(&m);
	CHECK_EQ(0, maps_open(&m, reader));
	CHECK_EQ(0, map_executes(m.data));
	maps_close(&m);
	return 0;
}

TEST(read_implies_exec_maps_without_exec)
{
	int owner = ring_make(0, 5000, SLOTS);

	EXPECT_EQ(0, child_run(maps_with_read_implies_exec, &owner));
	close(owner);
}

/* ---- core dumps ------------------------------------------------------------------ */

#define DUMPED (8U << 20)

struct dump {
	const char *folder;
	const char *filter; /* for /proc/self/coredump_filter; NULL: leave it */
};

static int dumps_core(void *arg)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct dump *d = arg;
	int owner = ring_make(0, DUMPED, 1), writer = writer_open(owner), fd;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, writer));
	memset(m.data, 'x', DUMPED);
	CHECK_EQ(0, chdir(d->folder));
	CHECK_EQ(0, setrlimit(RLIMIT_CORE, &all));
	if (d->filter) {
		fd = open("/proc/self/coredump_filter", O_WRONLY);
		CHECK_EQ((ssize_t)strlen(d->filter), write(fd, d->filter, strlen(d->filter)));
	}
	abort();
}

/* Return the size of the core file of a writer that aborts; -1 if it leaves none. */
static long long core_size(const char *filter)
{
	struct dump d = { "/tmp/ringbuf-core-XXXXXX", filter };
	char folder[64], core[128];
	struct stat st = { .st_size = -1 };
	int status;

	strcpy(folder, d.folder);
	d.folder = mkdtemp(folder);
	if (!d.folder)
		return -1;
	status = child_run(dumps_core, &d);
	snprintf(core, sizeof(core), "%s/core", folder);
	if (status != 128 + SIGABRT || stat(core, &st))
		st.st_size = -1;
	unlink(core);
	rmdir(folder);
	return st.st_size;
}

static bool cores_are_files(void)
{
	char pattern[16] = "", uses_pid = '1';
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	ssize_t n = read(fd, pattern, sizeof(pattern) - 1);

	close(fd);
	fd = open("/proc/sys/kernel/core_uses_pid", O_RDONLY);
	n = read(fd, &uses_pid, 1) == 1 ? n : -1;
	close(fd);
	return n == 5 && !strcmp(pattern, "core\n") && uses_pid == '0';
}

TEST(core_dump_leaves_the_ring_out)
{
	if (!cores_are_files())
		SKIP(return, "core dumps do not become files named core here");
	EXPECT_LT(0, core_size("0x33"));
	EXPECT_GT(DUMPED, core_size("0x33"));
	EXPECT_GT(DUMPED, core_size(NULL));
}

TEST(core_dump_has_the_ring_if_its_filter_asks_for_shared_files)
{
	if (!cores_are_files())
		SKIP(return, "core dumps do not become files named core here");
	EXPECT_LT(DUMPED, core_size("0x3b"));
}

DEVICE_HARNESS_MAIN
