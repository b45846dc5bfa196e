// SPDX-License-Identifier: GPL-2.0
/* ringbuf_create(): which configurations it accepts, what ring it makes, and on which host. */
#include <limits.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

static const struct ringbuf_config good = RINGBUF_CONFIG_INIT(100, 10);

/* Create a ring and close it.  Return 0 or the error; -EBADMSG if an error came with a ring. */
static int create(const struct ringbuf_config *config)
{
	struct ringbuf *ring = POISON;
	int err = ringbuf_create(config, &ring);

	if (err && ring)
		return -EBADMSG;
	ringbuf_close(ring);
	return err;
}

#define REFUSED(error, field, value)               \
	do {                                       \
		struct ringbuf_config c = good;    \
		c.field = (value);                 \
		EXPECT_EQ(error, create(&c))       \
		TH_LOG("%s = %s", #field, #value); \
	} while (0)

static bool on_the_module(void)
{
	struct ringbuf *ring = NULL;
	bool module;

	if (ringbuf_create(&good, &ring))
		return false;
	module = on_module(ring);
	ringbuf_close(ring);
	return module;
}

TEST(value_out_of_range_is_refused)
{
	bool module = on_the_module();

	ASSERT_EQ(0, create(&good));
	REFUSED(-EINVAL, slot_bytes, 0);
	REFUSED(-EINVAL, slot_bytes, (1ULL << 30) + 1);
	REFUSED(-EINVAL, slot_bytes, ~0ULL);
	REFUSED(-EINVAL, slot_count, 0);
	REFUSED(-EINVAL, slot_count, (1ULL << 25) + 1);
	REFUSED(-EINVAL, slot_count, ~0ULL);
	REFUSED(-EINVAL, max_readers, 4097);
	REFUSED(-EINVAL, max_writers, 256);
	REFUSED(-EINVAL, flags, 1U << 3);
	REFUSED(-EINVAL, flags, 1U << 31);
	REFUSED(-EINVAL, mode, 01000);
	REFUSED(-EINVAL, mode, 0100600);
	REFUSED(-EINVAL, host, (enum ringbuf_host)3);
	REFUSED(-EINVAL, name, "");
	/* On the module a name with a slash is a path. */
	REFUSED(module ? -ENOENT : -EINVAL, name, "a/b");
	REFUSED(module ? -ENODEV : -EINVAL, name, "/a");
}

TEST(exclusive_ring_cannot_have_two_writers)
{
	struct ringbuf_config c = good;

	c.flags = RINGBUF_EXCLUSIVE;
	EXPECT_EQ(0, create(&c));
	c.max_writers = 1;
	EXPECT_EQ(0, create(&c));
	c.max_writers = 2;
	EXPECT_EQ(-EINVAL, create(&c));
}

/*
 * Try to create the largest ring that the limits of the geometry allow, which is beyond any
 * memory.  A library that asks the kernel for it unchecked dies of SIGXFSZ.
 */
static int create_huge(void *arg)
{
	const struct rlimit limit = { 1UL << 30, 1UL << 30 };
	struct ringbuf_config c = RINGBUF_CONFIG_INIT(1ULL << 30, 1ULL << 25);
	int too_large = -ENOMEM;

	/* A name is in a mount, which has a limit of its own. */
	if (on_the_module())
		too_large = arg ? -ENOSPC : -EINVAL;

	c.name = arg;
	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(too_large, create(&c));
	c.slot_count = 1ULL << 24;
	CHECK_EQ(too_large, create(&c));
	CHECK_EQ(0, create(&good));
	return 0;
}

TEST(ring_larger_than_memory_is_refused)
{
	EXPECT_EQ(0, child_run(create_huge, NULL));
}

TEST(named_ring_larger_than_memory_is_refused)
{
	EXPECT_EQ(0, child_run(create_huge, (void *)name_of("huge")));
}

/* Create a ring larger than RLIMIT_FSIZE, with SIGXFSZ not blocked, and one that fits. */
static int create_beyond_the_file_limit(void *arg)
{
	const struct rlimit limit = { 1 << 20, 1 << 20 };
	struct ringbuf_config c = RINGBUF_CONFIG_INIT(1 << 20, 2);

	c.max_readers = 1; /* each reader takes a page */
	c.name = arg;
	c.host = RINGBUF_HOST_EMBEDDED;
	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(-EFBIG, create(&c));
	c.slot_bytes = 64;
	CHECK_EQ(0, create(&c));
	return 0;
}

TEST(file_size_limit_is_an_error_not_a_signal)
{
	EXPECT_EQ(0, child_run(create_beyond_the_file_limit, NULL));
	EXPECT_EQ(0, child_run(create_beyond_the_file_limit, (void *)name_of("limit")));
}

static int makes_and_dies(void *arg)
{
	struct ringbuf *ring;

	CHECK_EQ(0, ringbuf_create(arg, &ring));
	raise(SIGKILL);
	return 1;
}

/* Create rings in a new mount namespace, where /dev/shm has 1 MiB. */
static int create_in_a_small_folder(void *arg)
{
	struct ringbuf_config c = RINGBUF_CONFIG_INIT(1 << 20, 2);
	struct statvfs before, after;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev/shm", "tmpfs", 0, "size=1m"))
		return CHILD_SKIP;
	c.host = RINGBUF_HOST_EMBEDDED;
	c.max_readers = 1; /* each reader takes a page */
	c.name = arg;
	CHECK(!statvfs("/dev/shm", &before));
	CHECK_EQ(-ENOSPC, create(&c));
	CHECK(!statvfs("/dev/shm", &after));
	CHECK_EQ(before.f_bfree, after.f_bfree);
	/* An anonymous ring is not in that folder. */
	c.name = NULL;
	CHECK_EQ(0, create(&c));
	/* The library removes an orphan of this user, which gives its room back. */
	c.name = "orphan";
	c.slot_bytes = 300 << 10;
	CHECK_EQ(128 + SIGKILL, child_run(makes_and_dies, &c));
	CHECK(!access("/dev/shm/ringbuf.orphan", F_OK));
	c.name = arg;
	CHECK_EQ(0, create(&c));
	return 0;
}

TEST(full_folder_is_told_from_full_memory)
{
	int end = child_run(create_in_a_small_folder, (void *)name_of("full"));

	if (end == CHILD_SKIP)
		SKIP(return, "this user cannot mount");
	EXPECT_EQ(0, end);
}

/* Create rings in a root without /proc, and then in one that has no /dev/shm, either. */
static int create_in_an_empty_root(void *arg)
{
	struct ringbuf_config c = good;
	struct ringbuf *ring;

	(void)arg;
	if (chroot("/dev"))
		return CHILD_SKIP;
	c.host = RINGBUF_HOST_EMBEDDED;
	CHECK_EQ(-EOPNOTSUPP, create(&c));
	CHECK_EQ(-ENOENT, ringbuf_open("some", RINGBUF_HOST_EMBEDDED, &ring));
	CHECK(!chroot("/shm"));
	c.name = "some";
	CHECK_EQ(-EOPNOTSUPP, create(&c));
	return 0;
}

TEST(missing_proc_or_shm_is_not_supported)
{
	int end = child_run(create_in_an_empty_root, NULL);

	if (end == CHILD_SKIP)
		SKIP(return, "this user cannot change its root");
	EXPECT_EQ(0, end);
}

static void ticks(int sig)
{
	(void)sig;
}

/* Create a ring while a timer sends signals, whose handler does not restart system calls. */
static int create_while_it_ticks(void *arg)
{
	const struct itimerval often_enough = { { 0, 300 }, { 0, 300 } }, never = { 0 };
	const struct sigaction action = { .sa_handler = ticks };
	struct ringbuf_config c = RINGBUF_CONFIG_INIT(1 << 20, 100);

	c.name = arg;
	CHECK(!sigaction(SIGALRM, &action, NULL));
	CHECK(!setitimer(ITIMER_REAL, &often_enough, NULL));
	CHECK_EQ(0, create(&c));
	CHECK(!setitimer(ITIMER_REAL, &never, NULL));
	return 0;
}

TEST(create_succeeds_under_signals)
{
	EXPECT_EQ(0, child_run(create_while_it_ticks, NULL));
	EXPECT_EQ(0, child_run(create_while_it_ticks, (void *)name_of("ticks")));
}

TEST(size_tells_which_members_a_program_knows)
{
	struct {
		struct ringbuf_config config;
		char more[64];
	} big = { .config = good };
	struct ringbuf_config c = good;

	big.config.size = sizeof(big);
	EXPECT_EQ(0, create(&big.config));
	big.more[63] = 1;
	EXPECT_EQ(-E2BIG, create(&big.config));
	big.more[63] = 0;
	big.more[0] = 1;
	EXPECT_EQ(-E2BIG, create(&big.config));

	/* An older program knew fewer members; the others count as zero. */
	c.size = offsetof(struct ringbuf_config, max_writers);
	c.max_writers = 4711;
	c.mode = 4711;
	c.name = "not/looked/at";
	EXPECT_EQ(0, create(&c));
	c.size = 0;
	EXPECT_EQ(-EINVAL, create(&c));
	c.size = offsetof(struct ringbuf_config, max_writers) - 1;
	EXPECT_EQ(-EINVAL, create(&c));
	c.size = offsetof(struct ringbuf_config, mode);
	EXPECT_EQ(-EINVAL, create(&c));
	c.max_writers = 4;
	EXPECT_EQ(0, create(&c));
	/* A size must not end within a pointer. */
	c.mode = 0600;
	for (c.size = offsetof(struct ringbuf_config, name) + 1;
	     c.size < offsetof(struct ringbuf_config, host); c.size++)
		EXPECT_EQ(-EINVAL, create(&c));
	c.size = offsetof(struct ringbuf_config, name);
	EXPECT_EQ(0, create(&c));
}

static struct ringbuf_geometry geometry_of(struct __test_metadata *_metadata,
					   const struct ringbuf_config *config)
{
	struct ringbuf_geometry g;
	struct ringbuf *ring;

	memset(&g, 0x5a, sizeof(g));
	g.size = sizeof(g);
	ASSERT_EQ(0, ringbuf_create(config, &ring));
	EXPECT_EQ(0, ringbuf_get_geometry(ring, &g));
	ringbuf_close(ring);
	return g;
}

TEST(members_that_are_zero_have_defaults)
{
	struct ringbuf_config c = good;
	struct ringbuf_geometry g = geometry_of(_metadata, &c);

	EXPECT_EQ(100, g.slot_bytes);
	EXPECT_EQ(10, g.slot_count);
	EXPECT_EQ(128, g.slot_stride);
	EXPECT_EQ(0, g.flags);
	EXPECT_EQ(64, g.max_readers);
	EXPECT_EQ(16, g.max_writers);
	c.flags = RINGBUF_EXCLUSIVE | RINGBUF_TIMESTAMP;
	c.max_readers = 5;
	g = geometry_of(_metadata, &c);
	EXPECT_EQ(RINGBUF_EXCLUSIVE | RINGBUF_TIMESTAMP, g.flags);
	EXPECT_EQ(5, g.max_readers);
	EXPECT_EQ(1, g.max_writers);
}

TEST(each_ring_has_a_random_uuid_of_its_own)
{
	struct ringbuf_geometry one = geometry_of(_metadata, &good);
	struct ringbuf_geometry other = geometry_of(_metadata, &good);

	EXPECT_NE(0, memcmp(one.uuid, other.uuid, sizeof(one.uuid)));
	EXPECT_EQ(4, one.uuid[6] >> 4);
	EXPECT_EQ(2, one.uuid[8] >> 6);
	EXPECT_EQ(4, other.uuid[6] >> 4);
	EXPECT_EQ(2, other.uuid[8] >> 6);
}

TEST(uuid_travels_with_the_descriptor_of_a_ring)
{
	struct ringbuf_geometry g = { .size = sizeof(g) }, h = { .size = sizeof(h) };
	struct ringbuf *ring, *again;

	ASSERT_EQ(0, ringbuf_create(&good, &ring));
	ASSERT_EQ(0, ringbuf_import(dup(ringbuf_export(ring)), NULL, &again));
	EXPECT_EQ(0, ringbuf_get_geometry(ring, &g));
	EXPECT_EQ(0, ringbuf_get_geometry(again, &h));
	EXPECT_EQ(0, memcmp(g.uuid, h.uuid, sizeof(g.uuid)));
	ringbuf_close(ring);
	ringbuf_close(again);
}

TEST(smallest_and_largest_values_are_accepted)
{
	struct ringbuf_config c = RINGBUF_CONFIG_INIT(1, 1);
	struct ringbuf_geometry g = { .size = sizeof(g) };

	c.max_readers = 1;
	c.max_writers = 1;
	g = geometry_of(_metadata, &c);
	EXPECT_EQ(1, g.slot_bytes);
	EXPECT_EQ(64, g.slot_stride);
	EXPECT_EQ(1, g.max_writers);
	c.max_readers = 4096;
	c.max_writers = 255;
	g = geometry_of(_metadata, &c);
	EXPECT_EQ(4096, g.max_readers);
	EXPECT_EQ(255, g.max_writers);
}

/* A slot of less than a page begins on a cache line. */
TEST(slots_of_a_page_or_more_begin_on_pages)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t bytes[] = { 1, 64, 65, page - 1, page, page + 1, 3 * page };
	const uint64_t stride[] = { 64, 64, 128, page, page, 2 * page, 3 * page };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		struct ringbuf_config c = RINGBUF_CONFIG_INIT(bytes[i], 3);

		EXPECT_EQ(stride[i], geometry_of(_metadata, &c).slot_stride);
	}
}

TEST(slots_are_a_stride_apart)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct ringbuf *ring = ring_new(0, page, 3);
	struct ringbuf_writer *writer;
	struct ringbuf_slot s[3];

	ASSERT_NE(NULL, ring);
	writer = writer_new(ring);
	ASSERT_NE(NULL, writer);
	ASSERT_EQ(3, ringbuf_writer_reserve(writer, s, 3, RINGBUF_TRY));
	EXPECT_EQ(0, (uintptr_t)s[0].data % page);
	EXPECT_EQ(page, (size_t)((char *)s[1].data - (char *)s[0].data));
	EXPECT_EQ(page, (size_t)((char *)s[2].data - (char *)s[1].data));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

TEST(memory_of_a_new_ring_is_zero)
{
	struct ringbuf *ring = ring_new(0, 5000, 50);
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_slot s[50];
	unsigned int k, i;

	ASSERT_NE(NULL, writer);
	ASSERT_EQ(50, ringbuf_writer_reserve(writer, s, 50, RINGBUF_TRY));
	for (k = 0; k < 50; k++)
		for (i = 0; i < 5000; i++)
			ASSERT_EQ(0, ((char *)s[k].data)[i]);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

/*
 * Create a ring with RINGBUF_HOST set to @env, or unset, and set @got to its host.  Return 0 or a
 * negative errno.
 */
static int create_under(const char *env, enum ringbuf_host host, enum ringbuf_host *got)
{
	struct ringbuf_config c = good;
	struct ringbuf *ring;
	int err;

	if (env)
		setenv("RINGBUF_HOST", env, 1);
	else
		unsetenv("RINGBUF_HOST");
	c.host = host;
	err = ringbuf_create(&c, &ring);
	if (err)
		return err;
	*got = host_of(ring);
	ringbuf_close(ring);
	return 0;
}

TEST(environment_chooses_the_host_if_the_program_does_not)
{
	enum ringbuf_host got = RINGBUF_HOST_AUTO;

	EXPECT_EQ(0, create_under("embedded", RINGBUF_HOST_AUTO, &got));
	EXPECT_EQ(RINGBUF_HOST_EMBEDDED, got);
	EXPECT_EQ(-EINVAL, create_under("nowhere", RINGBUF_HOST_AUTO, &got));
	/* If the program chooses a host, the environment is ignored. */
	EXPECT_EQ(0, create_under("nowhere", RINGBUF_HOST_EMBEDDED, &got));
	EXPECT_EQ(0, create_under("module", RINGBUF_HOST_EMBEDDED, &got));
	EXPECT_EQ(RINGBUF_HOST_EMBEDDED, got);
	/* An empty value counts as unset. */
	EXPECT_EQ(0, create_under("", RINGBUF_HOST_AUTO, &got));
}

TEST(module_is_the_default_where_it_is_loaded)
{
	enum ringbuf_host got = RINGBUF_HOST_AUTO;

	if (access(RINGBUF_DEVICE, R_OK | W_OK))
		SKIP(return, "there is no " RINGBUF_DEVICE);
	EXPECT_EQ(0, create_under(NULL, RINGBUF_HOST_AUTO, &got));
	EXPECT_EQ(RINGBUF_HOST_MODULE, got);
	EXPECT_EQ(0, create_under("module", RINGBUF_HOST_AUTO, &got));
	EXPECT_EQ(RINGBUF_HOST_MODULE, got);
	EXPECT_EQ(0, create_under("embedded", RINGBUF_HOST_MODULE, &got));
	EXPECT_EQ(RINGBUF_HOST_MODULE, got);
}

TEST(embedded_host_is_the_default_without_the_module)
{
	enum ringbuf_host got = RINGBUF_HOST_AUTO;

	if (!access(RINGBUF_DEVICE, F_OK))
		SKIP(return, "there is a " RINGBUF_DEVICE);
	EXPECT_EQ(0, create_under(NULL, RINGBUF_HOST_AUTO, &got));
	EXPECT_EQ(RINGBUF_HOST_EMBEDDED, got);
	EXPECT_EQ(-ENOENT, create_under("module", RINGBUF_HOST_AUTO, &got));
	EXPECT_EQ(-ENOENT, create_under("embedded", RINGBUF_HOST_MODULE, &got));
}

TEST(handles_of_the_module_have_descriptors)
{
	struct ringbuf *ring = ring_new(0, 10, 10);
	struct ringbuf_reader *reader = reader_new(ring);
	struct ringbuf_writer *writer = writer_new(ring);

	ASSERT_NE(NULL, reader);
	ASSERT_NE(NULL, writer);
	if (on_module(ring)) {
		EXPECT_LE(0, fcntl(ringbuf_reader_fd(reader), F_GETFD));
		EXPECT_LE(0, fcntl(ringbuf_writer_fd(writer), F_GETFD));
	} else {
		EXPECT_EQ(-EOPNOTSUPP, ringbuf_reader_fd(reader));
		EXPECT_EQ(-EOPNOTSUPP, ringbuf_writer_fd(writer));
	}
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

static unsigned int open_descriptors(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(closing_leaves_no_descriptor_open)
{
	unsigned int before = open_descriptors(), i;

	for (i = 0; i < 20; i++) {
		struct ringbuf *ring = ring_new(0, 100, 10);
		struct ringbuf_reader *reader = reader_new(ring);
		struct ringbuf_writer *writer = writer_new(ring);

		ASSERT_EQ(0, put(writer, i, RINGBUF_TRY));
		ASSERT_EQ(i, get(reader, RINGBUF_TRY));
		/* The handles stay usable when the ring is closed first. */
		ringbuf_close(ring);
		ASSERT_EQ(0, put(writer, i, RINGBUF_TRY));
		ASSERT_EQ(i, get(reader, RINGBUF_TRY));
		ringbuf_writer_close(writer);
		ringbuf_reader_close(reader);
	}
	EXPECT_EQ(before, open_descriptors());
	ringbuf_close(NULL);
	ringbuf_reader_close(NULL);
	ringbuf_writer_close(NULL);
}

TEST(version_has_three_numbers)
{
	unsigned int major, minor, patch;

	EXPECT_EQ(3, sscanf(ringbuf_version(), "%u.%u.%u", &major, &minor, &patch));
}

/* The program's structure is shorter than the library's, as long, or longer. */
TEST(geometry_of_any_size_is_filled_as_far_as_both_know)
{
	size_t least = offsetof(struct ringbuf_geometry, host) + sizeof(enum ringbuf_host), i;
	struct {
		struct ringbuf_geometry g;
		char more[16];
	} longer;
	struct ringbuf *ring = ring_new(0, 64, 10);

	ASSERT_NE(NULL, ring);
	memset(&longer, 0x5a, sizeof(longer));
	longer.g.size = least - 1;
	EXPECT_EQ(-EINVAL, ringbuf_get_geometry(ring, &longer.g));
	longer.g.size = least;
	EXPECT_EQ(0, ringbuf_get_geometry(ring, &longer.g));
	EXPECT_EQ(10, longer.g.slot_count);
	EXPECT_EQ(0x5a, longer.more[0]);
	longer.g.size = sizeof(longer);
	EXPECT_EQ(0, ringbuf_get_geometry(ring, &longer.g));
	EXPECT_EQ(sizeof(longer), longer.g.size);
	for (i = 0; i < sizeof(longer.more); i++)
		EXPECT_EQ(0, longer.more[i]);
	ringbuf_close(ring);
}

TEST(each_error_of_ringbuf_h_has_a_text_of_its_own)
{
	static const int errors[] = { EAGAIN, ETIMEDOUT, EINTR,	 EMSGSIZE, EPIPE,	 ENODATA,
				      ESTALE, EIDRM,	 EBUSY,	 EEXIST,   ENOENT,	 EACCES,
				      ENOMEM, EDQUOT,	 ENOSPC, EINVAL,   ENAMETOOLONG, EOPNOTSUPP,
				      EPROTO, E2BIG,	 EBADF,	 EMFILE,   ENODEV,	 0 };
	const char *unknown = ringbuf_strerror(12345), *text;
	unsigned int i, k;

	ASSERT_NE(NULL, unknown);
	EXPECT_EQ(unknown, ringbuf_strerror(INT_MIN));
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		text = ringbuf_strerror(-errors[i]);
		EXPECT_EQ(text, ringbuf_strerror(errors[i]));
		EXPECT_NE(unknown, text);
		EXPECT_EQ(NULL, strchr(text, '\n'));
		for (k = 0; k < i; k++)
			EXPECT_STRNE(ringbuf_strerror(errors[k]), text);
	}
}

TEST(version_is_the_same_as_text_number_and_macros)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", RINGBUF_VERSION_MAJOR, RINGBUF_VERSION_MINOR,
		 RINGBUF_VERSION_PATCH);
	EXPECT_STREQ(text, ringbuf_version());
	EXPECT_EQ(RINGBUF_VERSION_NUMBER, ringbuf_version_number());
}

LIB_HARNESS_MAIN
