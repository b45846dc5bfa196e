// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_CREATE and RINGBUF_IOC_INFO: limits of the geometry, its result, and quotas. */
#include <sys/resource.h>

#include "../harness/harness.h"
#include "../harness/device.h"

static struct ringbuf_create plain(void)
{
	struct ringbuf_create c;

	memset(&c, 0, sizeof(c));
	c.size = sizeof(c);
	c.slot_bytes = 100;
	c.slot_count = 10;
	return c;
}

/* Create a ring and close it.  Check that a CREATE that fails leaves its handle unbound. */
static int create(const struct ringbuf_create *config)
{
	struct ringbuf_create c = *config;
	int fd = device_open(), err;
	struct ringbuf_info info;

	err = call(fd, RINGBUF_IOC_CREATE, &c);
	if (memcmp(&c, config, sizeof(c)))
		err = -EBADMSG;
	if (err && info_get(fd, &info) != -EBADFD)
		err = -EBADMSG;
	close(fd);
	return err;
}

#define REFUSED(error, field, value)                \
	do {                                        \
		struct ringbuf_create c_ = plain(); \
		c_.field = (value);                 \
		EXPECT_EQ(error, create(&c_))       \
		TH_LOG("%s = %s", #field, #value);  \
	} while (0)

TEST(value_out_of_range_is_refused)
{
	REFUSED(0, slot_bytes, 1);
	REFUSED(-EINVAL, slot_bytes, 0);
	REFUSED(-EINVAL, slot_bytes, RINGBUF_MAX_SLOT_BYTES + 1);
	REFUSED(-EINVAL, slot_bytes, ~0ULL);
	REFUSED(-EINVAL, slot_count, 0);
	REFUSED(-EINVAL, slot_count, RINGBUF_MAX_SLOTS + 1);
	REFUSED(-EINVAL, slot_count, ~0ULL);
	REFUSED(-EINVAL, max_readers, RINGBUF_MAX_READERS + 1);
	REFUSED(-EINVAL, max_readers, ~0U);
	REFUSED(-EINVAL, max_writers, RINGBUF_MAX_WRITERS + 1);
	REFUSED(-EINVAL, max_writers, ~0U);
	REFUSED(-EINVAL, flags, 1U << 3);
}

/* Without the limits of the geometry each of these would overflow to a small ring. */
TEST(geometry_whose_size_overflows_is_refused)
{
	const uint64_t bytes[] = { ~0ULL, 1ULL << 63, 1ULL << 62, 64 };
	const uint64_t slots[] = { 1, 2, 4, 1ULL << 61 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		struct ringbuf_create c = plain();

		c.slot_bytes = bytes[i];
		c.slot_count = slots[i];
		EXPECT_EQ(-EINVAL, create(&c));
	}
}

TEST(largest_geometry_is_larger_than_the_largest_ring)
{
	struct ringbuf_create c = plain();

	c.slot_bytes = RINGBUF_MAX_SLOT_BYTES;
	c.slot_count = RINGBUF_MAX_SLOTS;
	c.flags = RINGBUF_CREATE_TIMESTAMP;
	c.max_readers = RINGBUF_MAX_READERS;
	c.max_writers = RINGBUF_MAX_WRITERS;
	EXPECT_EQ(-EINVAL, create(&c));
}

TEST(exclusive_ring_cannot_have_two_writers)
{
	struct ringbuf_create c = plain();

	c.flags = RINGBUF_CREATE_EXCLUSIVE;
	c.max_writers = 2;
	EXPECT_EQ(-EINVAL, create(&c));
	c.max_writers = 1;
	EXPECT_EQ(0, create(&c));
}

TEST(handle_can_be_bound_only_once)
{
	struct ringbuf_info info;
	int fd = ring_make(0, 100, 10), other = ring_make(0, 64, 3);

	EXPECT_EQ(-EBADFD, create_call(fd, 0, 5, 5));
	EXPECT_EQ(-EBADFD, attach_fd(fd, RINGBUF_ROLE_READER, other));
	EXPECT_EQ(-EBADFD, attach_fd(fd, RINGBUF_ROLE_OBSERVER, fd));
	ASSERT_OK(info_get(fd, &info));
	EXPECT_EQ(100, info.slot_bytes);
	EXPECT_EQ(RINGBUF_ROLE_OWNER, info.role);
	close(fd);
	close(other);
}

TEST(info_tells_the_uuid_of_the_ring_to_each_handle_and_no_other)
{
	struct ringbuf_info info, same, other;
	int fd = ring_make(0, 100, 10), reader = role_open(RINGBUF_ROLE_READER, fd);
	int other_fd = ring_make(0, 100, 10);

	ASSERT_OK(info_get(fd, &info));
	ASSERT_OK(info_get(reader, &same));
	ASSERT_OK(info_get(other_fd, &other));
	EXPECT_EQ(0, memcmp(info.uuid, same.uuid, sizeof(info.uuid)));
	EXPECT_NE(0, memcmp(info.uuid, other.uuid, sizeof(info.uuid)));
	EXPECT_EQ(4, info.uuid[6] >> 4);
	EXPECT_EQ(2, info.uuid[8] >> 6);
	close(other_fd);
	close(reader);
	close(fd);
}

TEST(info_for_a_caller_that_knows_no_uuid_writes_none)
{
	struct ringbuf_info info;
	int fd = ring_make(0, 100, 10);

	memset(&info, 0x5a, sizeof(info));
	info.size = offsetof(struct ringbuf_info, uuid);
	info.flags = 0;
	info.regions = 0;
	ASSERT_OK(call(fd, RINGBUF_IOC_INFO, &info));
	EXPECT_EQ(100, info.slot_bytes);
	EXPECT_EQ(0x5a, info.uuid[0]);
	EXPECT_EQ(0x5a, info.uuid[15]);
	close(fd);
}

TEST(info_describes_the_ring)
{
	struct ringbuf_region region[REGIONS];
	struct ringbuf_info info;
	int fd = ring_make(RINGBUF_CREATE_TIMESTAMP, 100, 10);
	uint64_t next = 0;
	unsigned int i;

	ASSERT_OK(info_get(fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	ASSERT_OK(regions_get(fd, region));
	EXPECT_EQ(RINGBUF_CREATE_TIMESTAMP, info.ring_flags);
	EXPECT_EQ(100, info.slot_bytes);
	EXPECT_EQ(10, info.slot_count);
	EXPECT_EQ(128, info.slot_stride);
	EXPECT_EQ(64, info.max_readers);
	EXPECT_EQ(16, info.max_writers);
	EXPECT_EQ(RINGBUF_ROLE_OWNER, info.role);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), info.page_size);
	EXPECT_EQ(0, info.wait_readers);
	EXPECT_EQ(RINGBUF_POLICY_BLOCK, info.policy);
	EXPECT_EQ(REGIONS, info.region_count);
	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(i, region[i].id);
		EXPECT_EQ(0, region[i].flags);
		EXPECT_EQ(next, region[i].offset);
		EXPECT_LT(0, region[i].bytes);
		EXPECT_EQ(0, region[i].bytes % info.page_size);
		next += region[i].bytes;
	}
	EXPECT_LE(10 * sizeof(struct ringbuf_desc), info.claim_offset);
	EXPECT_LE(info.claim_offset + 80, info.stamp_offset);
	EXPECT_LE(info.stamp_offset + 80, region[RINGBUF_REGION_SLOTS].bytes);
	EXPECT_EQ(64ULL * info.page_size, region[RINGBUF_REGION_CURSOR].bytes);
	EXPECT_LE(10 * 128, region[RINGBUF_REGION_DATA].bytes);
	close(fd);
}

TEST(info_fits_a_caller_with_longer_or_fewer_entries)
{
	struct long_region {
		struct ringbuf_region now;
		uint64_t later;
	} list[REGIONS + 1];
	struct ringbuf_region region[REGIONS];
	struct ringbuf_info info = {
		.size = sizeof(info),
		.regions = POINTER(list),
		.region_size = sizeof(list[0]),
		.region_count = REGIONS + 1,
	};
	int fd = ring_make(0, 100, 10);
	unsigned int i;

	ASSERT_OK(regions_get(fd, region));
	memset(list, 0x5a, sizeof(list));
	ASSERT_OK(call(fd, RINGBUF_IOC_INFO, &info));
	EXPECT_EQ(0, info.wait_readers);
	EXPECT_EQ(RINGBUF_POLICY_BLOCK, info.policy);
	EXPECT_EQ(REGIONS, info.region_count);
	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(0, memcmp(&list[i].now, &region[i], sizeof(region[i])));
		EXPECT_EQ(0, list[i].later);
	}
	EXPECT_EQ(0x5a5a5a5aU, list[REGIONS].now.id);
	info.region_count = 1;
	memset(list, 0x5a, sizeof(list));
	ASSERT_OK(call(fd, RINGBUF_IOC_INFO, &info));
	EXPECT_EQ(REGIONS, info.region_count);
	EXPECT_EQ(0, list[0].now.id);
	EXPECT_EQ(0x5a5a5a5aU, list[1].now.id);
	info.region_count = 1;
	info.region_size = sizeof(list[0].now) - 1;
	EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_INFO, &info));
	info.region_size = ~0U;
	EXPECT_EQ(-E2BIG, call(fd, RINGBUF_IOC_INFO, &info));
	info.region_size = sizeof(list[0]);
	info.regions = 16;
	EXPECT_EQ(-EFAULT, call(fd, RINGBUF_IOC_INFO, &info));
	/* Without an array the size of its entries does not matter. */
	info.regions = 0;
	info.region_size = 0;
	ASSERT_OK(call(fd, RINGBUF_IOC_INFO, &info));
	EXPECT_EQ(REGIONS, info.region_count);
	close(fd);
}

TEST(info_tells_role_and_id_of_each_handle)
{
	int owner = ring_make(0, 100, 10);
	int fd[] = { reader_open(owner), writer_open(owner), observer_open(owner) };
	struct ringbuf_info info;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_OK(info_get(fd[i], &info));
		EXPECT_EQ(RINGBUF_ROLE_READER + i, info.role);
		EXPECT_EQ(i == 1, info.id);
		EXPECT_EQ(0, info.stamp_offset);
		close(fd[i]);
	}
	close(owner);
}

TEST(slots_of_a_page_or_more_begin_on_pages)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t bytes[] = { 1, 64, 65, page - 1, page, page + 1 };
	const uint64_t stride[] = { 64, 64, 128, page, page, 2 * page };
	struct ringbuf_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		int fd = ring_make(0, bytes[i], 3);

		ASSERT_OK(info_get(fd, &info));
		EXPECT_EQ(stride[i], info.slot_stride);
		close(fd);
	}
}

TEST(closed_ring_gives_its_memory_back)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	uint64_t bytes;
	int fd = device_open();

	ASSERT_OK(call(fd, RINGBUF_IOC_FEATURES, &f));
	close(fd);
	for (bytes = 0; bytes < f.max_ring_bytes * 5 / 4; bytes += 32 << 20) {
		fd = ring_make(0, 1 << 20, 32);
		ASSERT_LE(0, fd) TH_LOG("after %llu bytes", (unsigned long long)bytes);
		close(fd);
	}
}

TEST(user_may_create_rings_up_to_the_quota)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	struct ringbuf_create c = plain();
	int fd[64], n, err = 0;

	fd[0] = device_open();
	ASSERT_OK(call(fd[0], RINGBUF_IOC_FEATURES, &f));
	c.slot_bytes = 1 << 20;
	c.slot_count = f.max_ring_bytes / 8 >> 20;
	for (n = 0; n < 64; n++) {
		fd[n] = n ? device_open() : fd[0];
		err = call(fd[n], RINGBUF_IOC_CREATE, &c);
		if (err)
			break;
	}
	EXPECT_EQ(-EDQUOT, err) TH_LOG("after %d rings", n);
	ASSERT_LT(0, n);
	if (n < 64) {
		close(fd[0]);
		EXPECT_EQ(0, call(fd[n], RINGBUF_IOC_CREATE, &c));
		close(fd[n]);
	}
	while (--n > 0)
		close(fd[n]);
}

/* Return the size of the largest ring that this process may create now. */
static uint64_t may_create(void)
{
	struct ringbuf_features f = { .size = sizeof(f) };
	int fd = device_open(), err = call(fd, RINGBUF_IOC_FEATURES, &f);

	close(fd);
	return err ? 0 : f.max_ring_bytes;
}

#define NOBODY 65534

static int creates_with_another_fsuid(void *arg)
{
	uint64_t root = may_create(), nobody;
	int fd;

	fd = arg ? file_open(arg, O_RDWR | O_CREAT | O_EXCL) : device_open();
	CHECK(fd >= 0);
	CHECK_EQ(0, seteuid(NOBODY));
	nobody = may_create();
	CHECK_EQ(0, create_call(fd, 0, 1 << 20, 4));
	CHECK(may_create() + (4 << 20) <= nobody);
	CHECK_EQ(0, seteuid(0));
	CHECK_EQ(root, may_create());
	/* When another user has the handle, the creator still pays. */
	CHECK_EQ(0, setuid(NOBODY));
	CHECK(may_create() + (4 << 20) <= nobody);
	close(fd);
	CHECK_EQ(nobody, may_create());
	return 0;
}

/* The quota is that of the caller's fsuid, not of its real uid nor of the file's opener. */
TEST(caller_of_create_pays)
{
	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	EXPECT_EQ(0, child_run(creates_with_another_fsuid, NULL));
	EXPECT_EQ(0, child_run(creates_with_another_fsuid, RINGS "/selftest-payer"));
}

static uint64_t parameter(const char *name)
{
	char path[64], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/ringbuf/parameters/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return strtoull(text, NULL, 10);
}

/* Above max_ring_bytes the error is EINVAL, above what is left of the user's quota EDQUOT. */
TEST(too_large_a_ring_is_refused)
{
	struct ringbuf_create c = plain();
	int fd;

	c.slot_bytes = 4096;
	c.slot_count = parameter("max_ring_bytes") / 4096 + 1;
	EXPECT_EQ(-EINVAL, create(&c));
	c.slot_count = 10;
	fd = ring_make(0, 1 << 20, 32);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, create(&c));
	/* A user without rings could create this one, but this user has one of 32 MiB. */
	c.slot_count = (parameter("max_user_bytes") - (16 << 20)) / 4096;
	EXPECT_LT(parameter("max_user_bytes"), parameter("max_ring_bytes"));
	EXPECT_EQ(-EDQUOT, create(&c));
	close(fd);
}

TEST(ring_that_is_no_file_cannot_be_kept)
{
	struct ringbuf_create c = plain();

	c.flags = RINGBUF_CREATE_KEPT;
	EXPECT_EQ(-EINVAL, create(&c));
}

DEVICE_HARNESS_MAIN
