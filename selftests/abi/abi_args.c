// SPDX-License-Identifier: GPL-2.0
/*
 * The argument rules that all ioctls share: sizes, flags, reserved fields,
 * pointers, roles.  A refused call changes nothing, not even its structure.
 */
#include "../harness/handles.h"

#define UNKNOWN_FLAG (1U << 31)

FIXTURE(args)
{
	HANDLES;
	int none; /* a handle that is not bound */
	int observer;
};

enum { BY_NONE, BY_OWNER, BY_READER, BY_WRITER, BY_OBSERVER, BY_ALL };

/**
 * struct args_variant - an ioctl
 * @request: number of the ioctl
 * @size: size of its structure
 * @by: result of a correct call on a handle that is not bound, on an owner, a reader, a
 *	writer and an observer; 0 stands for good_result()
 */
FIXTURE_VARIANT(args)
{
	unsigned long request;
	uint32_t size;
	int by[BY_ALL];
};

#define CALL(call, type, ...)                                                         \
	FIXTURE_VARIANT_ADD(args, type)                                               \
	{                                                                             \
		.request = RINGBUF_IOC_##call, .size = sizeof(struct ringbuf_##type), \
		.by = { __VA_ARGS__ },                                                \
	}

/* clang-format off */
#define NO -EBADFD
/*                           none, owner, reader, writer, observer */
CALL(FEATURES, features,     0,    0,     0,      0,      0);
CALL(CREATE, create,         0,    NO,    NO,     NO,     NO);
CALL(ATTACH, attach,         0,    NO,    NO,     NO,     NO);
CALL(INFO, info,             NO,   0,     0,      0,      0);
CALL(WAIT, wait,             NO,   NO,    0,      0,      NO);
CALL(WAKE, wake,             NO,   NO,    0,      0,      NO);
CALL(DONE, done,             NO,   NO,    NO,     0,      NO);
CALL(SYNC, sync,             NO,   0,     -EACCES, 0,     NO);
CALL(DETACH, detach,         NO,   NO,    0,      0,      NO);
CALL(STATS, stats,           NO,   0,     0,      0,      0);
CALL(FRAMING, framing,       NO,   NO,    0,      0,      NO);
CALL(THRESHOLD, threshold,   NO,   NO,    0,      0,      NO);
CALL(EVICT, evict,           NO,   0,     NO,     0,      NO);
CALL(ROOM, room,             NO,   NO,    NO,     0,      NO);
CALL(HOLE, hole,             NO,   0,     0,      0,      0);
/* clang-format on */

/* Room for more than any structure, so that a call can pass too large a size. */
union argument {
	uint32_t size;
	struct {
		uint32_t size;
		uint32_t flags;
	} head;
	struct ringbuf_features features;
	struct ringbuf_create create;
	struct ringbuf_attach attach;
	struct ringbuf_info info;
	struct ringbuf_wait wait;
	struct ringbuf_sync sync;
	struct ringbuf_stats stats;
	struct ringbuf_framing framing;
	struct ringbuf_threshold threshold;
	struct ringbuf_evict evict;
	struct ringbuf_room room;
	struct ringbuf_hole hole;
	unsigned char bytes[512];
};

FIXTURE_SETUP(args)
{
	self->none = device_open();
	ASSERT_LE(0, self->none);
	HANDLES_SETUP(0, 64, 4);
	self->observer = observer_open(self->owner);
	ASSERT_LE(0, self->observer);
}

FIXTURE_TEARDOWN(args)
{
	close(self->none);
	HANDLES_CLOSE();
	close(self->observer);
}

/* Return an argument with which the call succeeds on a handle that may make it. */
static union argument good(unsigned long request, const struct _test_data_args *self)
{
	union argument a;

	memset(&a, 0, sizeof(a));
	switch (request) {
	case RINGBUF_IOC_CREATE:
		a.create.slot_bytes = 64;
		a.create.slot_count = 4;
		break;
	case RINGBUF_IOC_ATTACH:
		a.attach.role = RINGBUF_ROLE_OBSERVER;
		a.attach.fd = self->owner;
		break;
	case RINGBUF_IOC_WAIT:
		a.wait.count = 1;
		a.wait.timeout = NEVER;
		break;
	case RINGBUF_IOC_SYNC:
		a.sync.flags = RINGBUF_SYNC_ALL;
		break;
	case RINGBUF_IOC_EVICT:
		a.evict.reader = 63;
		break;
	}
	return a;
}

/*
 * Return the result of that call: 0, but -ENOENT for EVICT, whose reader does not exist, and
 * -ENODATA for HOLE, as position 0 is no hole.
 */
static int good_result(unsigned long request)
{
	if (request == RINGBUF_IOC_HOLE)
		return -ENODATA;
	return request == RINGBUF_IOC_EVICT ? -ENOENT : 0;
}

/* Return whether the ioctl needs a bound handle.  A writer may make each of these calls. */
static bool bound(const struct _fixture_variant_args *variant)
{
	return variant->by[BY_NONE] != 0;
}

static int handle_for(const struct _test_data_args *self, bool bound)
{
	return bound ? self->writer : self->none;
}

/* Check that the call fails with @error and does not change its structure. */
static int refused(int fd, unsigned long request, union argument a, int error)
{
	union argument before = a;

	CHECK_EQ(error, call(fd, request, &a));
	CHECK(!memcmp(&a, &before, sizeof(a)));
	return 0;
}

TEST_F(args, size_may_be_exact_or_longer_with_zeros_at_the_end)
{
	union argument a = good(variant->request, self);
	int fd = handle_for(self, bound(variant)), other;
	unsigned int i;

	a.size = variant->size;
	EXPECT_EQ(good_result(variant->request), call(fd, variant->request, &a));
	/* Some calls bind or end the handle, so the second call gets another one. */
	other = bound(variant) ? writer_open(self->owner) : device_open();
	ASSERT_LE(0, other);
	a = good(variant->request, self);
	a.size = variant->size + 64;
	memset(a.bytes + a.size, 0x5a, sizeof(a) - a.size);
	EXPECT_EQ(good_result(variant->request), call(other, variant->request, &a));
	EXPECT_EQ(variant->size + 64, a.size);
	for (i = variant->size; i < a.size; i++)
		EXPECT_EQ(0, a.bytes[i]);
	for (; i < sizeof(a); i++)
		EXPECT_EQ(0x5a, a.bytes[i]);
	close(other);
}

TEST_F(args, too_short_a_size_is_refused)
{
	/* The first size of the structure is a part of the ioctl's number. */
	const uint32_t least = (uint32_t)_IOC_SIZE(variant->request) ?: variant->size;
	const uint32_t sizes[] = { 0, 1, 4, least - 4, least - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		union argument a = good(variant->request, self);

		if (sizes[i] >= least)
			continue;
		a.size = sizes[i];
		EXPECT_EQ(0,
			  refused(handle_for(self, bound(variant)), variant->request, a, -EINVAL));
	}
}

TEST_F(args, longer_structure_with_unknown_bytes_set_is_refused)
{
	const uint32_t at[] = { variant->size, variant->size + 1, variant->size + 63 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		union argument a = good(variant->request, self);

		a.size = variant->size + 64;
		a.bytes[at[i]] = 1;
		EXPECT_EQ(0,
			  refused(handle_for(self, bound(variant)), variant->request, a, -E2BIG));
	}
}

TEST_F(args, absurdly_long_size_is_refused)
{
	union argument a = good(variant->request, self);

	a.size = ~0U;
	EXPECT_EQ(0, refused(handle_for(self, bound(variant)), variant->request, a, -E2BIG));
	a.size = 1U << 31;
	EXPECT_EQ(0, refused(handle_for(self, bound(variant)), variant->request, a, -E2BIG));
}

TEST_F(args, unknown_flag_is_refused)
{
	union argument a = good(variant->request, self);

	a.size = variant->size;
	a.head.flags = UNKNOWN_FLAG;
	EXPECT_EQ(0, refused(handle_for(self, bound(variant)), variant->request, a, -EINVAL));
}

TEST_F(args, bad_pointer_is_refused)
{
	int fd = handle_for(self, bound(variant));
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union argument a = good(variant->request, self);

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + page, (size_t)page, PROT_NONE));
	EXPECT_EQ(-EFAULT, call(fd, variant->request, NULL));
	EXPECT_EQ(-EFAULT, call(fd, variant->request, (void *)-4096L));
	EXPECT_EQ(-EFAULT, call(fd, variant->request, two + page));
	EXPECT_EQ(-EFAULT, call(fd, variant->request, two + page - 2));
	/* The kernel can read the size here, but not the rest of the structure. */
	a.size = variant->size;
	memcpy(two + page - 4, &a, 4);
	EXPECT_EQ(-EFAULT, call(fd, variant->request, two + page - 4));
	munmap(two, 2 * (size_t)page);
}

TEST_F(args, structure_needs_no_alignment)
{
	union argument a = good(variant->request, self);
	char room[sizeof(a) + 8];

	a.size = variant->size;
	memcpy(room + 3, &a, sizeof(a));
	EXPECT_EQ(good_result(variant->request),
		  call(handle_for(self, bound(variant)), variant->request, room + 3));
}

TEST_F(args, only_the_documented_roles_may_make_the_call)
{
	const int fd[BY_ALL] = { self->none, self->owner, self->reader, self->writer,
				 self->observer };
	union argument a = good(variant->request, self);
	struct ringbuf_stats s;
	unsigned int i;

	a.size = variant->size;
	/* One message, so that neither the reader nor the writer has to wait. */
	ASSERT_EQ(0, put(self->writer, 7));
	for (i = 0; i < BY_ALL; i++)
		if (variant->by[i])
			EXPECT_EQ(0, refused(fd[i], variant->request, a, variant->by[i]))
	TH_LOG("handle %u", i);
	s = stats_of(self->owner);
	EXPECT_EQ(1, s.head);
	EXPECT_EQ(1, s.total);
	EXPECT_EQ(1, s.writers);
	for (i = 0; i < BY_ALL; i++) {
		union argument b = a;

		if (!variant->by[i])
			EXPECT_EQ(good_result(variant->request), call(fd[i], variant->request, &b))
		TH_LOG("handle %u", i);
	}
}

TEST_F(args, refused_calls_change_nothing)
{
	union argument a = good(variant->request, self);
	int fd = handle_for(self, bound(variant));
	struct ringbuf_stats s;

	a.size = 0;
	EXPECT_EQ(-EINVAL, call(fd, variant->request, &a));
	EXPECT_EQ(-EFAULT, call(fd, variant->request, NULL));
	a = good(variant->request, self);
	a.size = variant->size + 8;
	a.bytes[variant->size] = 1;
	EXPECT_EQ(-E2BIG, call(fd, variant->request, &a));
	EXPECT_EQ(0, put(self->writer, 7));
	EXPECT_EQ(7, get(self->reader));
	s = stats_of(self->owner);
	EXPECT_EQ(1, s.head);
	EXPECT_EQ(1, s.total);
	EXPECT_EQ(1, s.writers);
	EXPECT_EQ(1, s.writers_ever);
	EXPECT_EQ(0, attach_fd(self->none, RINGBUF_ROLE_OBSERVER, self->owner));
}

/* ---- rules of single calls ---------------------------------------------------- */

TEST(unknown_ioctl_is_refused_as_no_call_of_the_device)
{
	const unsigned long unknown[] = {
		0xbb7f,
		0xbbff,
		0xba00,
		0,
		0x5401,
		~0UL,
		/* The number of INFO with another direction or size. */
		_IOC(_IOC_READ, RINGBUF_IOC_MAGIC, 0x03, RINGBUF_INFO_SIZE_VER0),
		RINGBUF_IOC_INFO + (8UL << _IOC_SIZESHIFT),
		_IO(RINGBUF_IOC_MAGIC, 0x03),
	};
	int none = device_open(), owner = ring_make(0, 64, 4);
	uint32_t room[64] = { sizeof(room) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_EQ(-ENOTTY, call(none, unknown[i], room));
		EXPECT_EQ(-ENOTTY, call(owner, unknown[i], room));
	}
	close(none);
	close(owner);
}

TEST(features_names_all_features_and_limits)
{
	struct ringbuf_features f;
	int fd = device_open();

	memset(&f, 0x5a, sizeof(f));
	f.size = sizeof(f);
	f.flags = 0;
	ASSERT_OK(call(fd, RINGBUF_IOC_FEATURES, &f));
	EXPECT_EQ(RINGBUF_FEAT_EXCLUSIVE | RINGBUF_FEAT_SHARED | RINGBUF_FEAT_TIMESTAMP |
			  RINGBUF_FEAT_POLL | RINGBUF_FEAT_READWRITE | RINGBUF_FEAT_STREAM |
			  RINGBUF_FEAT_THRESHOLD | RINGBUF_FEAT_EVICT | RINGBUF_FEAT_FENCE |
			  RINGBUF_FEAT_POLICY | RINGBUF_FEAT_HOLE,
		  f.features & ~RINGBUF_FEAT_URING);
	EXPECT_EQ(RINGBUF_ABI_VERSION, f.abi_version);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), f.page_size);
	EXPECT_LT(1U << 20, f.max_ring_bytes);
	EXPECT_EQ(sizeof(f), f.size);
	close(fd);
}

/* Fields that must be 0, so that a later version can give them a meaning. */
static const struct reserved {
	unsigned long request;
	size_t offset;
} reserved[] = {
	{ RINGBUF_IOC_ATTACH, offsetof(struct ringbuf_attach, __reserved) },
	{ RINGBUF_IOC_WAIT, offsetof(struct ringbuf_wait, __reserved) },
	{ RINGBUF_IOC_SYNC, offsetof(struct ringbuf_sync, __reserved) },
	{ RINGBUF_IOC_EVICT, offsetof(struct ringbuf_evict, __reserved) },
	{ RINGBUF_IOC_FRAMING, offsetof(struct ringbuf_framing, __reserved) },
	{ RINGBUF_IOC_THRESHOLD, offsetof(struct ringbuf_threshold, __reserved) },
};

TEST_F(args, reserved_field_that_is_set_is_refused)
{
	const uint32_t one = 1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reserved); i++) {
		union argument a = good(variant->request, self);

		if (reserved[i].request != variant->request)
			continue;
		a.size = variant->size;
		memcpy(a.bytes + reserved[i].offset, &one, sizeof(one));
		EXPECT_EQ(0,
			  refused(handle_for(self, bound(variant)), variant->request, a, -EINVAL));
	}
}

/* Fields that are enumerations, with values next to the known ones. */
static const struct unknown {
	unsigned long request;
	size_t offset;
	uint32_t value;
} unknown_values[] = {
	{ RINGBUF_IOC_ATTACH, offsetof(struct ringbuf_attach, role), RINGBUF_ROLE_NONE },
	{ RINGBUF_IOC_ATTACH, offsetof(struct ringbuf_attach, role), RINGBUF_ROLE_OWNER + 1 },
	{ RINGBUF_IOC_ATTACH, offsetof(struct ringbuf_attach, start), RINGBUF_START_POSITION + 1 },
	{ RINGBUF_IOC_ATTACH, offsetof(struct ringbuf_attach, policy), RINGBUF_POLICY_LOSSY + 1 },
	{ RINGBUF_IOC_CREATE, offsetof(struct ringbuf_create, policy), RINGBUF_POLICY_LOSSY + 1 },
	{ RINGBUF_IOC_FRAMING, offsetof(struct ringbuf_framing, framing),
	  RINGBUF_FRAMING_STREAM + 1 },
};

TEST_F(args, unknown_value_of_an_enumeration_is_refused)
{
	const uint32_t all = ~0U;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown_values); i++) {
		const struct unknown *u = &unknown_values[i];
		int fd = handle_for(self, bound(variant));
		union argument a = good(variant->request, self);

		if (u->request != variant->request)
			continue;
		/* Only a reader has a start and a policy. */
		if (u->request == RINGBUF_IOC_ATTACH)
			a.attach.role = RINGBUF_ROLE_READER;
		a.size = variant->size;
		memcpy(a.bytes + u->offset, &u->value, sizeof(u->value));
		EXPECT_EQ(0, refused(fd, variant->request, a, -EINVAL));
		memcpy(a.bytes + u->offset, &all, sizeof(all));
		EXPECT_EQ(0, refused(fd, variant->request, a, -EINVAL));
	}
}

TEST(handle_cannot_seek)
{
	int fd = ring_make(0, 64, 4);
	char byte;

	EXPECT_GT(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(-1, pread(fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	close(fd);
}

DEVICE_HARNESS_MAIN
