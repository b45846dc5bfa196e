// SPDX-License-Identifier: GPL-2.0
/* Names of rings: create, open, unlink, permissions, and when a name is removed. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

static int named(const char *name, uint32_t flags, uint32_t mode, struct ringbuf **ring)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(100, 10);

	config.flags = flags;
	config.mode = mode;
	config.name = name;
	*ring = POISON;
	return ringbuf_create(&config, ring);
}

static int open_named(const char *name, struct ringbuf **ring)
{
	*ring = POISON;
	return ringbuf_open(name, RINGBUF_HOST_AUTO, ring);
}

static bool module_here(void)
{
	struct ringbuf *ring = ring_new(0, 10, 10);
	bool module = on_module(ring);

	ringbuf_close(ring);
	return module;
}

static bool name_there(const char *name)
{
	struct ringbuf *ring;
	int err = open_named(name, &ring);

	ringbuf_close(ring);
	return !err;
}

TEST(opened_name_leads_to_the_created_ring)
{
	const char *name = name_of("two");
	struct ringbuf_geometry g = { .size = sizeof(g) }, h = { .size = sizeof(h) };
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	struct ringbuf *a, *b;

	ASSERT_EQ(0, named(name, RINGBUF_TIMESTAMP, 0, &a));
	ASSERT_EQ(0, open_named(name, &b));
	ringbuf_get_geometry(a, &g);
	ringbuf_get_geometry(b, &h);
	EXPECT_EQ(g.slot_bytes, h.slot_bytes);
	EXPECT_EQ(g.slot_count, h.slot_count);
	EXPECT_EQ(g.slot_stride, h.slot_stride);
	EXPECT_EQ(g.flags, h.flags);
	EXPECT_EQ(g.max_readers, h.max_readers);
	EXPECT_EQ(g.max_writers, h.max_writers);
	EXPECT_EQ(g.host, h.host);
	EXPECT_EQ(0, memcmp(g.uuid, h.uuid, sizeof(g.uuid)));
	reader = reader_new(b);
	ASSERT_NE(NULL, reader);
	writer = writer_new(a);
	ASSERT_NE(NULL, writer);
	ASSERT_EQ(0, put(writer, 7, RINGBUF_TRY));
	EXPECT_EQ(7, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
	ringbuf_close(a);
	ringbuf_close(b);
}

TEST(name_in_use_cannot_be_created)
{
	const char *name = name_of("taken");
	struct ringbuf *a, *b;

	ASSERT_EQ(0, named(name, 0, 0, &a));
	EXPECT_EQ(-EEXIST, named(name, 0, 0, &b));
	EXPECT_EQ(NULL, b);
	EXPECT_TRUE(name_there(name));
	ringbuf_close(a);
	ASSERT_EQ(0, named(name, 0, 0, &a));
	ringbuf_close(a);
}

TEST(unknown_name_cannot_be_opened_or_removed)
{
	struct ringbuf *ring;

	EXPECT_EQ(-ENOENT, open_named(name_of("nobody"), &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(-ENOENT, ringbuf_unlink(name_of("nobody"), RINGBUF_HOST_AUTO));
}

/* Check that create, open and unlink of @name fail with these errors. */
static void refused(struct __test_metadata *_metadata, const char *name, int create, int opens,
		    int unlinks)
{
	struct ringbuf *ring;

	EXPECT_EQ(create, named(name, 0, 0, &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(opens, open_named(name, &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(unlinks, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
}

TEST(bad_name_is_refused)
{
	const char *bad[] = { "/", "a/b", "/a", "a/" };
	unsigned int i;

	refused(_metadata, "", -EINVAL, -EINVAL, -EINVAL);
	if (module_here())
		SKIP(return, "what has a slash is a path there");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		refused(_metadata, bad[i], -EINVAL, -EINVAL, -EINVAL);
}

TEST(name_with_a_slash_is_a_path_on_the_module)
{
	const char *path = "/dev/rings/selftest-paths/inside";
	struct ringbuf *ring, *again;

	if (!module_here())
		SKIP(return, "only the module's rings have paths");
	refused(_metadata, "/", -ENODEV, -EPROTO, -EPROTO);
	refused(_metadata, "/dev/rings", -ENODEV, -EPROTO, -EPROTO);
	refused(_metadata, "/dev/null", -ENODEV, -EPROTO, -EPROTO);
	refused(_metadata, "/a", -ENODEV, -ENODEV, -ENOENT);
	refused(_metadata, "a/b", -ENOENT, -ENOENT, -ENOENT);
	refused(_metadata, "/dev/rings/selftest-none/a", -ENOENT, -ENOENT, -ENOENT);
	refused(_metadata, "/dev/rings/", -EISDIR, -EPROTO, -EPROTO);
	ASSERT_EQ(0, mkdir("/dev/rings/selftest-paths", 0700));
	ASSERT_EQ(0, named(path, 0, 0, &ring));
	EXPECT_EQ(-EEXIST, named(path, 0, 0, &again));
	EXPECT_TRUE(name_there(path));
	/* The folder of a name can be RINGBUF_DIR, or the current one. */
	ASSERT_EQ(0, setenv("RINGBUF_DIR", "/dev/rings/selftest-paths", 1));
	EXPECT_TRUE(name_there("inside"));
	ASSERT_EQ(0, unsetenv("RINGBUF_DIR"));
	EXPECT_FALSE(name_there("inside"));
	ASSERT_EQ(0, chdir("/dev/rings/selftest-paths"));
	EXPECT_TRUE(name_there("./inside"));
	ringbuf_close(ring);
	EXPECT_FALSE(name_there(path));
	ASSERT_EQ(0, chdir("/"));
	EXPECT_EQ(0, rmdir("/dev/rings/selftest-paths"));
}

TEST(too_long_a_name_is_refused)
{
	char name[300];
	struct ringbuf *ring;

	memset(name, 'x', sizeof(name));
	name[256] = 0;
	EXPECT_EQ(-ENAMETOOLONG, named(name, 0, 0, &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(-ENAMETOOLONG, open_named(name, &ring));
	EXPECT_EQ(NULL, ring);
	EXPECT_EQ(-ENAMETOOLONG, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
}

TEST(name_may_have_any_bytes)
{
	char name[201];
	struct ringbuf *ring;

	memset(name, 'y', sizeof(name));
	name[200] = 0;
	snprintf(name, 64, "%s", name_of("long \n\t\x80\xff~%s.."));
	name[strlen(name)] = 'y';
	ASSERT_EQ(200, strlen(name));
	ASSERT_EQ(0, named(name, 0, 0, &ring));
	EXPECT_TRUE(name_there(name));
	ringbuf_close(ring);
	EXPECT_FALSE(name_there(name));
}

/* A file name has 255 bytes, of which the embedded host needs 8 for its prefix. */
TEST(longest_name_is_accepted)
{
	struct ringbuf *ring = ring_new(0, 10, 10);
	size_t max = on_module(ring) ? 255 : 247;
	char name[257];

	ringbuf_close(ring);
	memset(name, 'z', sizeof(name));
	snprintf(name, 32, "%s", name_of(""));
	name[strlen(name)] = 'z';
	name[max + 1] = 0;
	EXPECT_EQ(-ENAMETOOLONG, named(name, 0, 0, &ring));
	name[max] = 0;
	ASSERT_EQ(0, named(name, 0, 0, &ring));
	EXPECT_TRUE(name_there(name));
	ringbuf_close(ring);
	EXPECT_EQ(-ENOENT, open_named(name, &ring));
}

TEST(unlinked_ring_stays_usable)
{
	const char *name = name_of("unlinked");
	struct ringbuf *a, *b, *c;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;

	ASSERT_EQ(0, named(name, 0, 0, &a));
	ASSERT_EQ(0, open_named(name, &b));
	ASSERT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
	EXPECT_FALSE(name_there(name));
	EXPECT_EQ(-ENOENT, ringbuf_unlink(name, RINGBUF_HOST_AUTO));

	/* Another ring gets the name, and closing the old ring does not remove it. */
	ASSERT_EQ(0, named(name, 0, 0, &c));
	writer = writer_new(a);
	ASSERT_NE(NULL, writer);
	reader = reader_new(a);
	ASSERT_NE(NULL, reader);
	EXPECT_EQ(0, put(writer, 1, RINGBUF_TRY));
	EXPECT_EQ(1, get(reader, RINGBUF_TRY));
	EXPECT_EQ(0, status_of(c).head);
	ringbuf_writer_close(writer);
	ringbuf_reader_close(reader);
	ringbuf_close(a);
	ringbuf_close(b);
	EXPECT_TRUE(name_there(name));
	ringbuf_close(c);
	EXPECT_FALSE(name_there(name));
}

/* The name was removed, and another ring was created with it, before the handle is used. */
TEST(opened_ring_is_not_confused_with_a_later_one_of_its_name)
{
	const char *name = name_of("another");
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(3000, 10);
	struct ringbuf_writer *writer = NULL;
	struct ringbuf *a, *opened, *b;
	int err;

	config.name = name;
	ASSERT_EQ(0, ringbuf_create(&config, &a));
	ASSERT_EQ(0, open_named(name, &opened));
	ASSERT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
	config.slot_bytes = 100;
	ASSERT_EQ(0, ringbuf_create(&config, &b));
	err = ringbuf_writer_attach(opened, &writer);
	EXPECT_TRUE(err == 0 || err == -ESTALE)
	TH_LOG("%d", err);
	/* On the embedded host the writer attaches to the ring that was opened. */
	EXPECT_EQ(0, status_of(b).writers);
	ringbuf_writer_close(writer);
	ringbuf_close(opened);
	ringbuf_close(a);
	EXPECT_TRUE(name_there(name));
	ringbuf_close(b);
}

/* The name was removed by unlink(2), and another ring was created with it. */
TEST(close_does_not_remove_the_name_of_a_later_ring)
{
	const char *name = name_of("cleaned");
	struct ringbuf *a, *b;
	char path[300];

	ASSERT_EQ(0, named(name, 0, 0, &a));
	snprintf(path, sizeof(path), "%s%s", on_module(a) ? "/dev/rings/" : "/dev/shm/ringbuf.",
		 name);
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, named(name, 0, 0, &b));
	ringbuf_close(a);
	EXPECT_TRUE(name_there(name));
	ringbuf_close(b);
}

TEST(name_goes_with_the_last_handle)
{
	const char *name = name_of("last");
	struct ringbuf_reader *reader;
	struct ringbuf *a, *b;

	ASSERT_EQ(0, named(name, 0, 0, &a));
	ASSERT_EQ(0, open_named(name, &b));
	reader = reader_new(b);
	ASSERT_NE(NULL, reader);
	ringbuf_close(a);
	EXPECT_TRUE(name_there(name));
	ringbuf_close(b);
	EXPECT_TRUE(name_there(name));
	ringbuf_reader_close(reader);
	EXPECT_FALSE(name_there(name));
}

static int other_opens(void *arg)
{
	struct ringbuf *ring;

	CHECK_EQ(0, open_named(arg, &ring));
	ringbuf_close(ring);
	return 0;
}

TEST(name_goes_with_the_last_process)
{
	char name[64];
	struct ringbuf *ring;

	snprintf(name, sizeof(name), "%s", name_of("process"));
	ASSERT_EQ(0, named(name, 0, 0, &ring));
	EXPECT_EQ(0, child_run(other_opens, name));
	EXPECT_TRUE(name_there(name));
	ringbuf_close(ring);
	EXPECT_FALSE(name_there(name));
}

TEST(kept_name_stays_with_its_messages)
{
	const char *name = name_of("kept");
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	struct ringbuf *ring;

	ASSERT_EQ(0, named(name, RINGBUF_KEPT, 0, &ring));
	writer = writer_new(ring);
	ASSERT_EQ(0, put(writer, 42, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	ringbuf_close(ring);

	/* No process has the ring open now, but name and messages remain. */
	ASSERT_EQ(0, open_named(name, &ring));
	EXPECT_EQ(-EEXIST, named(name, 0, 0, &(struct ringbuf *){ NULL }));
	reader = reader_new(ring);
	EXPECT_EQ(42, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
	EXPECT_TRUE(name_there(name));
	EXPECT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
	EXPECT_FALSE(name_there(name));
}

/* What another user may do with a name, and the child that is this user. */
struct user {
	char name[64];
	int go;
	int open;
	int read;
	int write;
	int unlink;
};

static int other_user(void *arg)
{
	struct user *u = arg;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	CHECK(!setgid(65534) && !setuid(65534));
	UNTIL(FLAG_GET(u->go));
	CHECK_EQ(u->unlink, ringbuf_unlink(u->name, RINGBUF_HOST_AUTO));
	CHECK_EQ(u->open, open_named(u->name, &ring));
	if (!u->open) {
		CHECK_EQ(u->read, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
		CHECK_EQ(u->write, ringbuf_writer_attach(ring, &writer));
		ringbuf_reader_close(reader);
		ringbuf_writer_close(writer);
		ringbuf_close(ring);
	}
	return 0;
}

/*
 * Create a ring with @mode, and check what another user may do.  @embedded is the result of open on
 * the embedded host, where a reader needs to write its cursor.
 */
static int mode_check(uint32_t mode, const struct user *expect, int embedded)
{
	struct user *u = shared_memory(sizeof(*u));
	struct ringbuf *ring;
	pid_t pid;

	*u = *expect;
	snprintf(u->name, sizeof(u->name), "%s", name_of("mode"));
	pid = child_start(other_user, u);
	CHECK_EQ(0, named(u->name, 0, mode, &ring));
	if (!on_module(ring)) {
		u->open = embedded;
		u->read = u->write = 0;
	}
	FLAG_SET(u->go);
	CHECK_EQ(0, child_end(pid));
	CHECK(name_there(u->name));
	ringbuf_close(ring);
	return 0;
}

TEST(mode_decides_what_another_user_may_do)
{
	const struct user closed = { .open = -EACCES, .unlink = -EACCES };
	const struct user readable = { .write = -EACCES, .unlink = -EACCES };
	const struct user writable = { .open = -EACCES, .unlink = -EACCES };
	const struct user all = { .unlink = -EACCES };

	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	EXPECT_EQ(0, mode_check(0, &closed, -EACCES));
	EXPECT_EQ(0, mode_check(0600, &closed, -EACCES));
	EXPECT_EQ(0, mode_check(0666, &all, 0));
	if (module_here()) {
		EXPECT_EQ(0, mode_check(0644, &readable, 0));
		EXPECT_EQ(0, mode_check(0622, &writable, 0));
	}
}

/* On the embedded host a reader writes, too, so reading alone would not be enough to read. */
TEST(embedded_mode_grants_reading_and_writing_or_neither)
{
	const uint32_t half[] = { 0644, 0622, 0640, 0604, 0620, 0602, 0400, 0200, 0466, 0266 };
	const uint32_t whole[] = { 0600, 0660, 0606, 0666, 0700, 0777 };
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(100, 10);
	struct ringbuf *ring;
	unsigned int i;

	config.host = RINGBUF_HOST_EMBEDDED;
	config.name = name_of("half");
	for (i = 0; i < ARRAY_SIZE(half); i++) {
		config.mode = half[i];
		EXPECT_EQ(-EOPNOTSUPP, ringbuf_create(&config, &ring))
		TH_LOG("%o", half[i]);
		EXPECT_EQ(NULL, ring);
	}
	for (i = 0; i < ARRAY_SIZE(whole); i++) {
		config.mode = whole[i];
		ASSERT_EQ(0, ringbuf_create(&config, &ring));
		ringbuf_close(ring);
	}
	/* An anonymous ring has no mode. */
	config.name = NULL;
	config.mode = 0644;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
}

static int makes_and_dies(void *arg)
{
	struct ringbuf *ring;

	CHECK(!setgid(65533) && !setuid(65533));
	CHECK_EQ(0, named(arg, 0, 0666, &ring));
	raise(SIGKILL);
	return 1;
}

static int takes_over(const char *name)
{
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	CHECK_EQ(0, open_named(name, &ring));
	reader = reader_new(ring);
	writer = writer_new(ring);
	CHECK(reader && writer);
	CHECK_EQ(0, put(writer, 5, RINGBUF_TRY));
	CHECK_EQ(5, get(reader, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
	return 0;
}

static int uses_what_is_left(void *arg)
{
	bool module = module_here();
	struct ringbuf *ring;

	CHECK(!setgid(65534) && !setuid(65534));
	if (module) {
		/* The kernel removed the name when its owner died. */
		CHECK_EQ(-ENOENT, open_named(arg, &ring));
		CHECK_EQ(0, named(arg, 0, 0666, &ring));
		ringbuf_close(ring);
		return 0;
	}
	/* Only the owner may remove the file; its mode lets this user open it. */
	CHECK_EQ(0, takes_over(arg));
	CHECK_EQ(0, takes_over(arg));
	CHECK_EQ(-EEXIST, named(arg, 0, 0666, &ring));
	CHECK_EQ(-EACCES, ringbuf_unlink(arg, RINGBUF_HOST_AUTO));
	return 0;
}

TEST(orphan_of_another_user_can_be_opened_if_its_mode_permits)
{
	const char *name = name_of("orphan");

	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	ASSERT_EQ(128 + SIGKILL, child_run(makes_and_dies, (void *)name));
	EXPECT_EQ(0, child_run(uses_what_is_left, (void *)name));
	/* An open by root removes the orphan. */
	EXPECT_FALSE(name_there(name));
}

static bool file_there(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", name);
	return !access(path, F_OK);
}

/* End by exit(), as a return from main() does, with the ring open. */
static int ends_without_closing(void *arg)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct ringbuf *ring;
	int err;

	err = named(arg, 0, 0, &ring);
	if (err == -EEXIST)
		err = open_named(arg, &ring);
	CHECK_EQ(0, err);
	CHECK(reader_new(ring) && writer_new(ring));
	/* From now on a write to the file would be SIGXFSZ. */
	CHECK(!setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 }));
	/* exit() must not print again what the test has printed. */
	CHECK(dup2(null, STDOUT_FILENO) >= 0);
	exit(0);
}

TEST(name_goes_with_a_program_that_ends_without_closing)
{
	const char *name = name_of("exit");

	ASSERT_EQ(0, child_run(ends_without_closing, (void *)name));
	/* Check by access(2) first, since the library would remove an orphan. */
	EXPECT_FALSE(file_there(name));
	EXPECT_FALSE(name_there(name));
}

struct leaver {
	char name[64];
	int here;
	int go;
	bool swept; /* the child has removed orphans before, by making another ring */
};

static int ends_when_told(void *arg)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct leaver *l = arg;
	struct ringbuf *ring;

	CHECK_EQ(0, named(l->name, 0, 0, &ring));
	CHECK(dup2(null, STDOUT_FILENO) >= 0);
	FLAG_SET(l->here);
	UNTIL(FLAG_GET(l->go));
	exit(0);
}

/* Another user of the name that ends at the same moment would hold the lock so. */
TEST(name_goes_although_another_process_has_the_lock_for_a_moment)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	struct leaver *l = shared_memory(sizeof(*l));
	char path[300];
	pid_t pid;
	int fd;

	if (module_here())
		SKIP(return, "the kernel counts the users");
	snprintf(l->name, sizeof(l->name), "%s", name_of("moment"));
	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", l->name);
	pid = child_start(ends_when_told, l);
	UNTIL(FLAG_GET(l->here));
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_OFD_SETLK, &fl));
	FLAG_SET(l->go);
	usleep(3000);
	close(fd);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_FALSE(file_there(l->name));
}

static int ends_without_a_use(void *arg)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)arg;
	CHECK(dup2(null, STDOUT_FILENO) >= 0);
	exit(0);
}

TEST(name_stays_when_one_of_its_users_ends_without_closing)
{
	const char *name = name_of("stays");
	struct ringbuf *ring;

	ASSERT_EQ(0, named(name, 0, 0, &ring));
	/* A child that inherits the ring ends, and then a process that has opened it. */
	EXPECT_EQ(0, child_run(ends_without_a_use, NULL));
	EXPECT_TRUE(name_there(name));
	EXPECT_EQ(0, child_run(ends_without_closing, (void *)name));
	EXPECT_TRUE(name_there(name));
	ringbuf_close(ring);
	EXPECT_FALSE(name_there(name));
	/* A kept name stays in any case. */
	ASSERT_EQ(0, named(name, RINGBUF_KEPT, 0, &ring));
	ringbuf_close(ring);
	EXPECT_EQ(0, child_run(ends_without_closing, (void *)name));
	EXPECT_TRUE(name_there(name));
	EXPECT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
}

static int makes_an_orphan(void *arg)
{
	struct ringbuf *ring;

	CHECK_EQ(0, named(arg, 0, 0, &ring));
	raise(SIGKILL);
	return 1;
}

static int makes_another(void *arg)
{
	struct ringbuf *ring;

	CHECK_EQ(0, named(arg, 0, 0, &ring));
	ringbuf_close(ring);
	return 0;
}

/* The orphans may have any names, and the user does not open them. */
TEST(orphans_are_removed_when_their_user_makes_a_ring)
{
	const char *left = name_of("orphan"), *kept = name_of("kept"), *used = name_of("used");
	struct ringbuf *ring, *keeps;

	if (module_here())
		SKIP(return, "the module leaves none");
	ASSERT_EQ(0, named(used, 0, 0, &ring));
	ASSERT_EQ(0, named(kept, RINGBUF_KEPT, 0, &keeps));
	ringbuf_close(keeps);
	ASSERT_EQ(128 + SIGKILL, child_run(makes_an_orphan, (void *)left));
	ASSERT_TRUE(file_there(left));
	EXPECT_EQ(0, child_run(makes_another, (void *)name_of("another")));
	EXPECT_FALSE(file_there(left));
	EXPECT_TRUE(file_there(kept));
	EXPECT_TRUE(file_there(used));
	ringbuf_close(ring);
	EXPECT_EQ(0, ringbuf_unlink(kept, RINGBUF_HOST_AUTO));
}

static int makes_when_told(void *arg)
{
	struct leaver *l = arg;
	struct ringbuf *ring;

	if (l->swept) {
		CHECK_EQ(0, named(name_of("first"), 0, 0, &ring));
		ringbuf_close(ring);
	}
	FLAG_SET(l->here);
	while (!FLAG_GET(l->go))
		;
	CHECK_EQ(0, named(l->name, 0, 0, &ring));
	ringbuf_close(ring);
	return 0;
}

/* The first child makes the name of the orphan that the second child removes at the same time. */
TEST(orphan_that_another_process_removes_is_not_in_use)
{
	struct leaver *l = shared_memory(sizeof(*l) * 2);
	unsigned int round;
	pid_t pid[2];

	if (module_here())
		SKIP(return, "the module leaves none");
	snprintf(l[0].name, sizeof(l[0].name), "%s", name_of("swept"));
	snprintf(l[1].name, sizeof(l[1].name), "%s", name_of("sweeps"));
	l[0].swept = true;
	for (round = 0; round < often(200); round++) {
		l[0].here = l[0].go = l[1].here = l[1].go = 0;
		pid[0] = child_start(makes_when_told, &l[0]);
		UNTIL(FLAG_GET(l[0].here));
		ASSERT_EQ(128 + SIGKILL, child_run(makes_an_orphan, l[0].name));
		pid[1] = child_start(makes_when_told, &l[1]);
		UNTIL(FLAG_GET(l[1].here));
		FLAG_SET(l[0].go);
		FLAG_SET(l[1].go);
		EXPECT_EQ(0, child_end(pid[0]));
		ASSERT_EQ(0, child_end(pid[1]));
	}
}

/* Another program has made the file: first without bytes, then with wrong ones. */
TEST(file_that_is_no_ring_is_refused)
{
	const char *name = name_of("garbage");
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(100, 10);
	char path[128], junk[8192];
	struct ringbuf *ring;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(-EPROTO, ringbuf_open(name, RINGBUF_HOST_EMBEDDED, &ring));
	memset(junk, 0xa5, sizeof(junk));
	ASSERT_EQ((ssize_t)sizeof(junk), write(fd, junk, sizeof(junk)));
	EXPECT_EQ(-EPROTO, ringbuf_open(name, RINGBUF_HOST_EMBEDDED, &ring));
	config.name = name;
	config.host = RINGBUF_HOST_EMBEDDED;
	EXPECT_EQ(-EEXIST, ringbuf_create(&config, &ring));
	EXPECT_EQ(0, access(path, F_OK));
	close(fd);
	unlink(path);
}

TEST(truncated_ring_can_be_unlinked_and_made_again)
{
	const char *name = name_of("truncated");
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(100, 10);
	struct ringbuf *ring;
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm/ringbuf.%s", name);
	config.name = name;
	config.host = RINGBUF_HOST_EMBEDDED;
	config.flags = RINGBUF_KEPT;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
	ASSERT_EQ(0, truncate(path, 100));
	EXPECT_EQ(-EPROTO, ringbuf_open(name, RINGBUF_HOST_EMBEDDED, &ring));
	EXPECT_EQ(-EEXIST, ringbuf_create(&config, &ring));
	EXPECT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_EMBEDDED));
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
	EXPECT_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_EMBEDDED));
}

/* A file that a program has put under a name, with a lock on it: junk, or the copy of a ring. */
struct squatter {
	char path[128];
	char bytes[1 << 20];
	size_t size;
	int ready;
};

static int squats(void *arg)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
	struct squatter *s = arg;
	int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	CHECK(fd >= 0);
	CHECK_EQ(s->size, write(fd, s->bytes, s->size));
	CHECK(!fcntl(fd, F_SETLK, &fl));
	FLAG_SET(s->ready);
	pause();
	return 1;
}

static int meets_a_squatter(void *arg)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(100, 10);
	struct ringbuf *ring;

	config.name = arg;
	config.host = RINGBUF_HOST_EMBEDDED;
	alarm(20);
	CHECK_EQ(-EPROTO, ringbuf_open(arg, RINGBUF_HOST_EMBEDDED, &ring));
	CHECK_EQ(-EEXIST, ringbuf_create(&config, &ring));
	config.name = NULL;
	CHECK_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
	return 0;
}

static size_t copy_of_a_ring(char *to, size_t size)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 10);
	struct ringbuf *ring;
	ssize_t n;

	config.host = RINGBUF_HOST_EMBEDDED;
	config.max_readers = 1;
	config.max_writers = 1;
	if (ringbuf_create(&config, &ring))
		return 0;
	n = pread(ringbuf_export(ring), to, size, 0);
	ringbuf_close(ring);
	return n > 0 ? (size_t)n : 0;
}

TEST(locked_file_of_another_program_delays_no_call)
{
	struct squatter *s = shared_memory(sizeof(*s));
	const char *name = name_of("squatter");
	pid_t pid;
	int turn;

	snprintf(s->path, sizeof(s->path), "/dev/shm/ringbuf.%s", name);
	for (turn = 0; turn < 2; turn++) {
		s->size = turn ? copy_of_a_ring(s->bytes, sizeof(s->bytes)) : 100;
		ASSERT_LT(0, s->size);
		ASSERT_GT(sizeof(s->bytes), s->size);
		s->ready = 0;
		pid = child_start(squats, s);
		UNTIL(FLAG_GET(s->ready));
		EXPECT_EQ(0, child_run(meets_a_squatter, (void *)name));
		child_kill(pid);
		unlink(s->path);
	}
}

struct heir {
	struct ringbuf *ring;
	int go;
	char name[64];
};

static int inherits(void *arg)
{
	struct heir *h = arg;
	struct ringbuf_writer *writer;

	UNTIL(FLAG_GET(h->go));
	CHECK(name_there(h->name));
	CHECK_EQ(0, ringbuf_writer_attach(h->ring, &writer));
	ringbuf_writer_close(writer);
	ringbuf_close(h->ring);
	CHECK(!name_there(h->name));
	return 0;
}

/* The child inherits the ring and uses it only after its parent has closed it. */
TEST(name_stays_with_a_child_that_has_not_used_it)
{
	struct heir *h = shared_memory(sizeof(*h));
	pid_t pid;

	snprintf(h->name, sizeof(h->name), "%s", name_of("heir"));
	ASSERT_EQ(0, named(h->name, 0, 0, &h->ring));
	pid = child_start(inherits, h);
	ringbuf_close(h->ring);
	EXPECT_TRUE(name_there(h->name));
	FLAG_SET(h->go);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_FALSE(name_there(h->name));
}

static int one_of_many(void *arg)
{
	struct ringbuf *ring;
	unsigned int i;
	int err;

	for (i = 0; i < often(200); i++) {
		err = named(arg, 0, 0, &ring);
		if (err == -EEXIST)
			err = open_named(arg, &ring);
		CHECK(!err || err == -ENOENT);
		ringbuf_close(ring);
	}
	return 0;
}

TEST(name_that_many_make_and_drop_is_gone_at_the_end)
{
	char name[64];
	pid_t pid[4];
	unsigned int i;

	snprintf(name, sizeof(name), "%s", name_of("race"));
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = child_start(one_of_many, name);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		EXPECT_EQ(0, child_end(pid[i]));
	EXPECT_FALSE(name_there(name));
}

LIB_HARNESS_MAIN
