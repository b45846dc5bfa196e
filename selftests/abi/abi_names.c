// SPDX-License-Identifier: GPL-2.0
/* Names: what may be one, who may use it, how long it lasts, and where it is seen. */
#include <sched.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define NOBODY 65534

static const char *name_of(const char *what)
{
	static char names[4][64];
	static unsigned int turn;
	char *name = names[turn++ % 4];

	snprintf(name, sizeof(names[0]), "selftest-%d-%s", getpid(), what);
	return name;
}

/* A handle of a new ring of that name, or a negative errno. */
static int named(const char *name, uint32_t flags, uint32_t mode)
{
	int fd = device_open(), err = create_named(fd, flags, 64, 4, name, mode);

	if (!err)
		return fd;
	close(fd);
	return err;
}

static int found(const char *name, uint32_t role)
{
	int fd = device_open(), err = attach_name(fd, role, name);

	close(fd);
	return err;
}

static int unlinked(const char *name)
{
	int fd = device_open(), err = unlink_call(fd, name);

	close(fd);
	return err;
}

/* Any bytes: @length of them at @name. */
static int raw_name(const void *name, uint32_t length)
{
	struct ringbuf_create c = { .size = sizeof(c),
				    .slot_bytes = 1,
				    .slot_count = 1,
				    .name = POINTER(name),
				    .name_len = length };
	struct ringbuf_unlink u = { .size = sizeof(u), .name = c.name, .name_len = length };
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_OBSERVER, -1);
	int fd = device_open(), other = device_open(), err;

	a.name = c.name;
	a.name_len = length;
	err = call(fd, RINGBUF_IOC_CREATE, &c);
	/* The others agree on what a name is. */
	if (call(other, RINGBUF_IOC_ATTACH, &a) != err)
		err = -EBADMSG;
	if (call(other, RINGBUF_IOC_UNLINK, &u) != err)
		err = -EBADMSG;
	close(fd);
	close(other);
	return err;
}

TEST(what_may_be_a_name)
{
	char longest[256];

	memset(longest, 'x', sizeof(longest));
	EXPECT_EQ(0, raw_name("a", 1));
	EXPECT_EQ(0, raw_name("..", 2));
	EXPECT_EQ(0, raw_name("\x01\xff\n ", 4));
	EXPECT_EQ(0, raw_name(longest, 255));
	EXPECT_EQ(-ENAMETOOLONG, raw_name(longest, 256));
	EXPECT_EQ(-ENAMETOOLONG, raw_name(longest, ~0U));
	EXPECT_EQ(-EINVAL, raw_name("/", 1));
	EXPECT_EQ(-EINVAL, raw_name("a/b", 3));
	EXPECT_EQ(-EINVAL, raw_name("ab/", 3));
	EXPECT_EQ(-EINVAL, raw_name("", 1));
	EXPECT_EQ(-EINVAL, raw_name("a\0b", 3));
	EXPECT_EQ(-EINVAL, raw_name("ab\0", 3));
	EXPECT_EQ(-EFAULT, raw_name((void *)16, 5));
}

TEST(an_empty_name_cannot_be_looked_for)
{
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_OBSERVER, -1);
	struct ringbuf_unlink u = { .size = sizeof(u) };
	int fd = device_open();

	EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_ATTACH, &a));
	EXPECT_EQ(-EINVAL, call(fd, RINGBUF_IOC_UNLINK, &u));
	close(fd);
}

TEST(taken_and_free)
{
	const char *name = name_of("taken");
	int fd = named(name, 0, 0600);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, named(name, 0, 0600));
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_READER));
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_WRITER));
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_OBSERVER));
	close(fd);
	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_READER));
	EXPECT_EQ(-ENOENT, unlinked(name));
	fd = named(name, 0, 0600);
	EXPECT_LE(0, fd);
	close(fd);
}

/* A prefix of a name is another name. */
TEST(whole_names)
{
	const char *name = name_of("whole"), *other = name_of("whole2");
	int fd = named(other, 0, 0600);

	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_READER));
	EXPECT_EQ(0, found(other, RINGBUF_ROLE_READER));
	close(fd);
}

TEST(goes_with_the_last_handle)
{
	const char *name = name_of("last");
	int fd = named(name, 0, 0600), reader = device_open();

	ASSERT_OK(attach_name(reader, RINGBUF_ROLE_READER, name));
	close(fd);
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_OBSERVER));
	close(reader);
	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_OBSERVER));
}

/* A map alone keeps ring and name. */
TEST(goes_with_the_last_map)
{
	const char *name = name_of("map");
	int fd = named(name, 0, 0600);
	struct ringbuf_region data = region_of(fd, RINGBUF_REGION_DATA);
	void *p;

	p = map_region(fd, RINGBUF_REGION_DATA, PROT_READ);
	close(fd);
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_OBSERVER));
	munmap(p, data.bytes);
	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_OBSERVER));
}

TEST(unlink_leaves_the_ring)
{
	const char *name = name_of("unlink");
	int fd = named(name, 0, 0600), second;

	ASSERT_EQ(0, unlinked(name));
	EXPECT_EQ(-ENOENT, unlinked(name));
	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_READER));
	second = named(name, 0, 0600);
	ASSERT_LE(0, second);
	/* The first ring goes on, and does not take the name with it. */
	EXPECT_EQ(0, put(writer_open(fd), 1));
	close(fd);
	EXPECT_EQ(0, found(name, RINGBUF_ROLE_READER));
	close(second);
}

TEST(persistent)
{
	const char *name = name_of("persistent");
	int fd = named(name, RINGBUF_CREATE_PERSISTENT, 0600), writer = writer_open(fd), reader;

	ASSERT_EQ(0, put(writer, 5));
	close(writer);
	close(fd);
	EXPECT_EQ(-EEXIST, named(name, 0, 0600));
	reader = device_open();
	ASSERT_OK(attach_name(reader, RINGBUF_ROLE_OBSERVER, name));
	EXPECT_EQ(1, stats_of(reader).head);
	ASSERT_EQ(0, unlinked(name));
	close(reader);
	EXPECT_EQ(-ENOENT, found(name, RINGBUF_ROLE_OBSERVER));
}

/* ---- permissions --------------------------------------------------------------- */

struct stranger {
	const char *name;
	int reads;
	int writes;
	int unlinks;
};

static int as_a_stranger(void *arg)
{
	struct stranger *s = arg;

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK_EQ(s->reads, found(s->name, RINGBUF_ROLE_READER));
	CHECK_EQ(s->reads, found(s->name, RINGBUF_ROLE_OBSERVER));
	CHECK_EQ(s->writes, found(s->name, RINGBUF_ROLE_WRITER));
	CHECK_EQ(s->reads ? s->reads : s->writes, found(s->name, RINGBUF_ROLE_OWNER));
	CHECK_EQ(-EEXIST, named(s->name, 0, 0666));
	CHECK_EQ(s->unlinks, unlinked(s->name));
	return 0;
}

TEST(modes)
{
	const struct {
		uint32_t mode;
		int reads;
		int writes;
	} rights[] = {
		{ 0600, -EACCES, -EACCES },
		{ 0660, -EACCES, -EACCES },
		{ 0604, 0, -EACCES },
		{ 0602, -EACCES, 0 },
		{ 0606, 0, 0 },
		{ 0000, -EACCES, -EACCES },
		{ 0777, 0, 0 },
	};
	unsigned int i;

	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		struct stranger s = { name_of("mode"), rights[i].reads, rights[i].writes, -EACCES };
		int fd = named(s.name, 0, rights[i].mode);

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, child_run(as_a_stranger, &s)) TH_LOG("mode %o", rights[i].mode);
		EXPECT_EQ(0, found(s.name, RINGBUF_ROLE_WRITER));
		close(fd);
	}
}

static int with_the_group(void *arg)
{
	struct stranger *s = arg;

	CHECK(!setuid(NOBODY));
	CHECK_EQ(s->reads, found(s->name, RINGBUF_ROLE_READER));
	CHECK_EQ(s->writes, found(s->name, RINGBUF_ROLE_WRITER));
	return 0;
}

TEST(group_modes)
{
	struct stranger s = { name_of("group"), 0, -EACCES, 0 };
	int fd = named(s.name, 0, 0640);

	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	EXPECT_EQ(0, child_run(with_the_group, &s));
	close(fd);
}

static int makes_and_unlinks(void *arg)
{
	const char *name = arg;
	int fd;

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	fd = named(name, 0, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(0, found(name, RINGBUF_ROLE_WRITER));
	CHECK_EQ(0, unlinked(name));
	return 0;
}

TEST(owner_needs_no_privilege)
{
	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	EXPECT_EQ(0, child_run(makes_and_unlinks, (void *)name_of("own")));
}

/* ---- LIST ------------------------------------------------------------------------ */

static int list(struct ringbuf_list *l, struct ringbuf_list_entry *entries, uint32_t count)
{
	int fd = device_open(), err;

	memset(l, 0x5a, sizeof(*l));
	l->size = sizeof(*l);
	l->flags = 0;
	l->entries = POINTER(entries);
	l->count = count;
	err = call(fd, RINGBUF_IOC_LIST, l);
	close(fd);
	return err;
}

static const struct ringbuf_list_entry *entry_of(const struct ringbuf_list_entry *entries,
						 uint32_t count, const char *name)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (entries[i].name_len == strlen(name) && !strcmp(entries[i].name, name))
			return &entries[i];
	return NULL;
}

TEST(list_tells_all)
{
	static struct ringbuf_list_entry entries[100];
	const struct ringbuf_list_entry *e;
	const char *a = name_of("list-a"), *b = name_of("list-b");
	int fd[2] = { named(a, RINGBUF_CREATE_EXCLUSIVE, 0640), named(b, 0, 0600) };
	struct ringbuf_list l;
	uint32_t total;

	ASSERT_EQ(0, put(writer_open(fd[0]), 1));
	ASSERT_LE(0, reader_open(fd[0]));
	memset(entries, 0x5a, sizeof(entries));
	ASSERT_OK(list(&l, entries, 100));
	total = l.total;
	EXPECT_LE(2, total);
	EXPECT_EQ(total, l.count);
	e = entry_of(entries, l.count, a);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(64, e->slot_bytes);
	EXPECT_EQ(4, e->slot_count);
	EXPECT_EQ(1, e->head);
	EXPECT_EQ(geteuid(), e->uid);
	EXPECT_EQ(0640, e->mode);
	EXPECT_EQ(RINGBUF_CREATE_EXCLUSIVE, e->flags);
	EXPECT_EQ(1, e->readers);
	EXPECT_EQ(1, e->writers);
	EXPECT_NE(NULL, entry_of(entries, l.count, b));
	EXPECT_EQ(0x5a5a5a5a, entries[l.count].uid);

	/* Less room: as many as fit, and how many there are. */
	memset(entries, 0x5a, sizeof(entries));
	ASSERT_OK(list(&l, entries, 1));
	EXPECT_EQ(1, l.count);
	EXPECT_EQ(total, l.total);
	EXPECT_EQ(0x5a5a5a5a, entries[1].uid);
	ASSERT_OK(list(&l, NULL, 0));
	EXPECT_EQ(0, l.count);
	EXPECT_EQ(total, l.total);
	EXPECT_EQ(-EFAULT, list(&l, NULL, 100));
	EXPECT_EQ(-EFAULT, list(&l, NULL, ~0U));
	ASSERT_EQ(0, unlinked(a));
	ASSERT_OK(list(&l, entries, 100));
	EXPECT_EQ(NULL, entry_of(entries, l.count, a));
	close(fd[0]);
	close(fd[1]);
}

static int lists_as_a_stranger(void *arg)
{
	static struct ringbuf_list_entry entries[100];
	const char **names = arg;
	struct ringbuf_list l;

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK_EQ(0, list(&l, entries, 100));
	CHECK(!entry_of(entries, l.count, names[0]));
	CHECK(entry_of(entries, l.count, names[1]));
	return 0;
}

/* Names that the caller may attach to. */
TEST(list_shows_what_one_may_use)
{
	const char *names[] = { name_of("mine"), name_of("everybody") };
	int fd[2] = { named(names[0], 0, 0600), named(names[1], 0, 0644) };

	if (geteuid())
		SKIP(return, "not root: there is no other user to become");
	EXPECT_EQ(0, child_run(lists_as_a_stranger, names));
	close(fd[0]);
	close(fd[1]);
}

/* The entry of @name, which is there; all zero if it is not. */
static struct ringbuf_list_entry listed(const char *name)
{
	static struct ringbuf_list_entry entries[100], none;
	const struct ringbuf_list_entry *e = NULL;
	struct ringbuf_list l;

	if (!list(&l, entries, 100))
		e = entry_of(entries, l.count, name);
	return e ? *e : none;
}

TEST(list_counts_attached_readers)
{
	const char *name = name_of("readers");
	int fd = named(name, 0, 0600),
	    readers[] = { reader_open(fd), reader_open(fd), reader_open(fd) };
	struct ringbuf_info info;

	ASSERT_LE(0, readers[2]);
	EXPECT_EQ(3, listed(name).readers);
	ASSERT_OK(info_get(readers[0], &info));
	ASSERT_EQ(0, evict_call(fd, info.id));
	EXPECT_EQ(2, listed(name).readers);
	EXPECT_EQ(0, evict_call(fd, info.id));
	EXPECT_EQ(2, listed(name).readers);
	close(readers[0]);
	EXPECT_EQ(2, listed(name).readers);
	ASSERT_EQ(0, detach_call(readers[1]));
	EXPECT_EQ(1, listed(name).readers);
	close(readers[1]);
	EXPECT_EQ(1, listed(name).readers);
	close(readers[2]);
	EXPECT_EQ(0, listed(name).readers);
	close(fd);
}

/* Whoever lists names does not pay for a hint that a writer has set back. */
TEST(list_looks_for_the_head_over_one_batch_only)
{
	const char *name = name_of("hint");
	int fd = device_open(), writer;
	struct maps m;
	uint64_t n;

	ASSERT_OK(create_named(fd, 0, 8, 4096, name, 0600));
	writer = writer_open(fd);
	ASSERT_OK(maps_open(&m, writer));
	for (n = 0; n < 4096; n++)
		claim_by_hand(&m, n, 1);
	EXPECT_EQ(4096, listed(name).head);
	m.head->head = 0;
	EXPECT_GE(RINGBUF_MAX_BATCH + 1, listed(name).head);
	EXPECT_EQ(4096, stats_of(fd).head);
	maps_close(&m);
	close(writer);
	close(fd);
}

/* ---- network namespaces ------------------------------------------------------------ */

static int in_another_namespace(void *arg)
{
	static struct ringbuf_list_entry entries[100];
	const char *name = arg;
	struct ringbuf_list l;
	int fd;

	if (unshare(CLONE_NEWNET))
		return CHILD_SKIP;
	CHECK_EQ(-ENOENT, found(name, RINGBUF_ROLE_READER));
	CHECK_EQ(-ENOENT, unlinked(name));
	CHECK_EQ(0, list(&l, entries, 100));
	CHECK_EQ(0, l.total);
	/* The same name once more, and one that outlives this namespace's last process. */
	fd = named(name, 0, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(0, found(name, RINGBUF_ROLE_WRITER));
	CHECK_EQ(0, put(writer_open(fd), 1));
	CHECK(named(name_of("left"), RINGBUF_CREATE_PERSISTENT, 0600) >= 0);
	return 0;
}

TEST(namespaces)
{
	const char *name = name_of("net");
	int fd = named(name, 0, 0600), status;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		status = child_run(in_another_namespace, (void *)name);
		if (status == CHILD_SKIP)
			SKIP(return, "no network namespaces, or no right to make one");
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, found(name, RINGBUF_ROLE_READER));
		EXPECT_EQ(0, stats_of(fd).head);
	}
	close(fd);
}

/* A handle taken along works there; by its descriptor, not by its name. */
static int takes_a_handle_along(void *arg)
{
	int *fd = arg, reader;

	if (unshare(CLONE_NEWNET))
		return CHILD_SKIP;
	reader = reader_open(*fd);
	CHECK(reader >= 0);
	CHECK_EQ(9, get(reader));
	return 0;
}

TEST(handles_cross_namespaces)
{
	const char *name = name_of("cross");
	int fd = named(name, 0, 0600), status, writer = writer_open(fd);
	pid_t pid = child_start(takes_a_handle_along, &fd);

	while (stats_of(fd).total == 0 && task_state(pid) != 'Z')
		sched_yield();
	put(writer, 9);
	status = child_end(pid);
	if (status == CHILD_SKIP)
		SKIP(return, "no network namespaces, or no right to make one");
	EXPECT_EQ(0, status);
	close(fd);
}

DEVICE_HARNESS_MAIN
