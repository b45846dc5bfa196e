// SPDX-License-Identifier: GPL-2.0
/*
 * Rings as files: which opens bind, how a ring is made while others open it, how long a name
 * lasts, what permissions allow, and which calls on files a ring refuses.
 */
#include "../harness/harness.h"

#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "../harness/mounted.h"
#include "../harness/passing.h"

#define RING  MOUNTED "/ring"
#define OTHER MOUNTED "/other"

FIXTURE(files)
{
	uint64_t before;
};

FIXTURE_SETUP(files)
{
	if (!mounts_private())
		SKIP(return, "needs root, to mount");
	umask(0);
	self->before = bytes_left();
	ASSERT_EQ(0, rings_mount("slot_bytes=100,slot_count=7"));
}

/* A test that has closed its handles must leave no ring and no memory behind. */
FIXTURE_TEARDOWN(files)
{
	EXPECT_TRUE(nothing_left(MOUNTED));
	EXPECT_EQ(0, rings_umount(0));
	EXPECT_EQ(self->before, bytes_left());
}

static uint32_t role_of(int fd)
{
	struct ringbuf_info info;

	return info_get(fd, &info) ? RINGBUF_ROLE_NONE : info.role;
}

static int closed(int fd)
{
	return fd < 0 ? fd : close(fd);
}

static uint64_t slot_bytes_of(int fd)
{
	struct ringbuf_info info;

	return info_get(fd, &info) ? 0 : info.slot_bytes;
}

/* ---- which opens bind --------------------------------------------------------------------- */

TEST_F(files, open_for_reading_or_writing_binds)
{
	int writer = file_open(RING, O_WRONLY | O_CREAT | O_NONBLOCK), reader;
	char text[8];

	ASSERT_LE(0, writer);
	reader = file_open(RING, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, reader);
	EXPECT_EQ(RINGBUF_ROLE_WRITER, role_of(writer));
	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(reader));
	EXPECT_EQ(100, slot_bytes_of(reader));
	/* The framing is that of a stream: a read may take a part of a write. */
	ASSERT_EQ(8, write(writer, "01234567", 8));
	ASSERT_EQ(3, read(reader, text, 3));
	ASSERT_EQ(5, read(reader, text, 8));
	EXPECT_EQ(0, memcmp(text, "34567", 5));
	EXPECT_EQ(-EAGAIN, (int)get(reader));
	close(writer);
	close(reader);
}

TEST_F(files, open_for_both_binds_by_the_first_use)
{
	int a = file_open(RING, O_RDWR | O_CREAT | O_NONBLOCK), b;
	char text[8];

	ASSERT_LE(0, a);
	EXPECT_EQ(POLLERR, polled(a));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(a));
	EXPECT_EQ(-EAGAIN, (int)get(a));
	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(a));
	b = file_open(RING, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, b);
	ASSERT_EQ(4, write(b, "text", 4));
	EXPECT_EQ(4, read(a, text, 8));
	FAILS(EBADFD, write(a, "text", 4));
	FAILS(EBADFD, read(b, text, 8));
	close(a);
	close(b);
}

/* O_EXCL without O_CREAT opens a handle that can attach as an observer or be named in ATTACH. */
TEST_F(files, open_with_excl_does_not_bind)
{
	int owner = file_make(RING, 0, 64, 4), fd, n;
	const int how[] = { O_RDONLY | O_EXCL, O_WRONLY | O_EXCL, O_RDWR | O_EXCL };

	for (n = 0; n < 3; n++) {
		fd = file_open(RING, how[n]);
		ASSERT_LE(0, fd);
		EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(fd));
		EXPECT_EQ(0, stats_of(owner).total);
		EXPECT_EQ(0, stats_of(owner).writers_ever);
		close(fd);
	}
	fd = file_attach_as(RING, RINGBUF_ROLE_OBSERVER, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(RINGBUF_ROLE_OBSERVER, role_of(fd));
	close(fd);
	close(owner);
}

TEST_F(files, open_without_a_free_row_fails)
{
	int owner = file_open(RING, O_RDWR | O_CREAT), reader, writer;
	struct ringbuf_create c = { .size = sizeof(c),
				    .flags = RINGBUF_CREATE_EXCLUSIVE,
				    .slot_bytes = 64,
				    .slot_count = 4,
				    .max_readers = 1 };

	ASSERT_OK(call(owner, RINGBUF_IOC_CREATE, &c));
	reader = file_open(RING, O_RDONLY);
	ASSERT_LE(0, reader);
	EXPECT_EQ(-ENOSPC, file_open(RING, O_RDONLY));
	writer = file_open(RING, O_WRONLY);
	ASSERT_LE(0, writer);
	EXPECT_EQ(-EBUSY, file_open(RING, O_WRONLY));
	close(reader);
	close(writer);
	EXPECT_EQ(0, closed(file_open(RING, O_RDONLY)));
	EXPECT_EQ(0, closed(file_open(RING, O_WRONLY)));
	close(owner);
}

TEST_F(files, stream_ends_with_its_writers)
{
	int owner = file_make(RING, 0, 64, 4), reader = file_open(RING, O_RDONLY | O_NONBLOCK),
	    writers[2] = { file_open(RING, O_WRONLY), file_open(RING, O_WRONLY) };
	char text[8];

	ASSERT_LE(0, reader);
	ASSERT_EQ(1, write(writers[0], "a", 1));
	ASSERT_EQ(1, write(writers[1], "b", 1));
	close(writers[0]);
	ASSERT_EQ(2, read(reader, text, 8));
	FAILS(EAGAIN, read(reader, text, 8));
	close(writers[1]);
	EXPECT_EQ(0, read(reader, text, 8));
	/* As with a FIFO, another writer may continue the stream. */
	writers[0] = file_open(RING, O_WRONLY);
	ASSERT_EQ(1, write(writers[0], "c", 1));
	EXPECT_EQ(1, read(reader, text, 8));
	close(writers[0]);
	close(reader);
	close(owner);
}

TEST_F(files, file_can_attach_to_its_own_ring_only)
{
	int owner = file_make(RING, 0, 64, 4), fd = file_open(RING, O_RDWR), device = device_open(),
	    other = ring_make(0, 64, 4);

	EXPECT_EQ(-EINVAL, attach_fd(fd, RINGBUF_ROLE_READER, owner));
	EXPECT_EQ(-EINVAL, attach_fd(fd, RINGBUF_ROLE_READER, other));
	EXPECT_EQ(-EINVAL, attach_fd(device, RINGBUF_ROLE_READER, -1));
	EXPECT_OK(attach_fd(fd, RINGBUF_ROLE_READER, -1));
	EXPECT_EQ(-EBADFD, attach_fd(fd, RINGBUF_ROLE_READER, -1));
	close(owner);
	close(fd);
	close(device);
	close(other);
}

/* An attach that fails must not keep the file, which goes with the last handle of its ring. */
TEST_F(files, failed_attach_by_descriptor_does_not_keep_the_file)
{
	int owner = file_make(RING, RINGBUF_CREATE_EXCLUSIVE, 64, 4), writer = writer_open(owner),
	    other = device_open();

	ASSERT_LE(0, writer);
	EXPECT_EQ(-EBUSY, attach_fd(other, RINGBUF_ROLE_WRITER, owner));
	close(writer);
	close(owner);
	EXPECT_EQ(-ENOENT, file_open(RING, O_RDWR));
	close(other);
}

/* ---- the maker of the file ------------------------------------------------------------------ */

TEST_F(files, maker_sets_the_geometry_and_others_wait_for_it)
{
	int maker = file_open(RING, O_RDWR | O_CREAT | O_EXCL), other;

	ASSERT_LE(0, maker);
	EXPECT_EQ(-EEXIST, file_open(RING, O_RDWR | O_CREAT | O_EXCL));
	other = file_open(RING, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EBUSY, create_call(other, 0, 64, 4));
	EXPECT_EQ(-EAGAIN, attach_fd(other, RINGBUF_ROLE_READER, -1));
	EXPECT_EQ(-EAGAIN, (int)get(other));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(other));
	EXPECT_EQ(-ENXIO, file_open(RING, O_RDONLY | O_NONBLOCK));
	EXPECT_EQ(-ENXIO, file_open(RING, O_WRONLY | O_NONBLOCK));
	/* After a CREATE that was refused the maker may try again. */
	EXPECT_EQ(-EINVAL, create_call(maker, 0, 0, 4));
	EXPECT_EQ(-ENXIO, file_open(RING, O_RDONLY | O_NONBLOCK));
	ASSERT_OK(create_call(maker, 0, 64, 4));
	EXPECT_EQ(-EBADFD, create_call(maker, 0, 64, 4));
	EXPECT_EQ(-EEXIST, create_call(other, 0, 64, 4));
	EXPECT_EQ(0, closed(file_open(RING, O_RDONLY | O_NONBLOCK)));
	EXPECT_OK(attach_fd(other, RINGBUF_ROLE_READER, -1));
	EXPECT_EQ(64, slot_bytes_of(other));
	close(maker);
	close(other);
}

TEST_F(files, first_read_of_the_maker_makes_the_default_geometry)
{
	int maker = file_open(RING, O_RDWR | O_CREAT | O_NONBLOCK), other;

	EXPECT_EQ(-EAGAIN, (int)get(maker));
	other = file_open(RING, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	EXPECT_EQ(100, slot_bytes_of(other));
	EXPECT_EQ(-EBADFD, create_call(maker, 0, 64, 4));
	close(other);
	close(maker);
}

TEST_F(files, open_that_makes_a_ring_for_reading_gives_the_default_geometry)
{
	int fd = file_open(RING, O_RDONLY | O_CREAT), other = file_open(RING, O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(100, slot_bytes_of(fd));
	EXPECT_EQ(-EACCES, create_call(fd, 0, 64, 4));
	EXPECT_EQ(-EEXIST, create_call(other, 0, 64, 4));
	close(fd);
	close(other);
}

/* A file made by mkfifo has no maker: any user who may read and write it can set its geometry. */
TEST_F(files, fifo_gets_its_geometry_at_the_first_use)
{
	int fd;

	ASSERT_EQ(0, mkfifo(RING, 0600));
	fd = file_open(RING, O_RDONLY | O_EXCL);
	EXPECT_EQ(-EACCES, create_call(fd, 0, 64, 4));
	close(fd);
	fd = file_open(RING, O_RDWR);
	ASSERT_OK(create_call(fd, 0, 64, 4));
	close(fd);
	fd = file_open(RING, O_RDONLY);
	EXPECT_EQ(64, slot_bytes_of(fd));
	close(fd);
	ASSERT_EQ(0, unlink(RING));
	ASSERT_EQ(0, mkfifo(RING, 0600));
	fd = file_open(RING, O_RDONLY);
	EXPECT_EQ(100, slot_bytes_of(fd));
	close(fd);
	ASSERT_EQ(0, unlink(RING));
}

struct opener {
	int how;
	int maker; /* the maker's descriptor, which the child inherits and has to close */
	int result;
	uint64_t bytes;
};

static int opens(void *arg)
{
	struct opener *o = arg;
	int fd;

	close(o->maker);
	fd = file_open(RING, o->how);
	o->result = fd < 0 ? fd : 0;
	o->bytes = fd < 0 ? 0 : slot_bytes_of(fd);
	return 0;
}

/* Start a child whose open(2) waits for the maker, which is the caller.  Return its pid, or -1. */
static pid_t opens_and_waits(struct opener *o, int how)
{
	pid_t pid;

	o->how = how;
	o->result = 1;
	pid = child_start(opens, o);
	return task_asleep_in(pid, SYS_openat) ? pid : -1;
}

TEST_F(files, open_waits_for_the_maker)
{
	struct opener *o = shared_memory(2 * sizeof(*o));
	pid_t pid[2];

	o[0].maker = o[1].maker = file_open(RING, O_RDWR | O_CREAT);
	pid[0] = opens_and_waits(&o[0], O_RDONLY);
	pid[1] = opens_and_waits(&o[1], O_WRONLY | O_CREAT);
	ASSERT_LT(0, pid[0]);
	ASSERT_LT(0, pid[1]);
	ASSERT_OK(create_call(o[0].maker, 0, 64, 4));
	EXPECT_EQ(0, child_end(pid[0]));
	EXPECT_EQ(0, child_end(pid[1]));
	EXPECT_EQ(0, o[0].result);
	EXPECT_EQ(64, o[0].bytes);
	EXPECT_EQ(0, o[1].result);
	EXPECT_EQ(64, o[1].bytes);
	close(o[0].maker);
}

/* The open that waited fails with ENOENT; with O_CREAT it makes the file itself. */
TEST_F(files, waiting_open_finds_no_file_when_the_maker_closes_it)
{
	struct opener *o = shared_memory(2 * sizeof(*o));
	pid_t pid[2];

	o[0].maker = o[1].maker = file_open(RING, O_RDWR | O_CREAT);
	pid[0] = opens_and_waits(&o[0], O_RDONLY);
	ASSERT_LT(0, pid[0]);
	close(o[0].maker);
	EXPECT_EQ(0, child_end(pid[0]));
	EXPECT_EQ(-ENOENT, o[0].result);
	o[1].maker = file_open(RING, O_RDWR | O_CREAT);
	pid[1] = opens_and_waits(&o[1], O_WRONLY | O_CREAT);
	ASSERT_LT(0, pid[1]);
	close(o[1].maker);
	EXPECT_EQ(0, child_end(pid[1]));
	EXPECT_EQ(0, o[1].result);
	EXPECT_EQ(100, o[1].bytes);
	EXPECT_FALSE(there(RING));
}

static int makes_and_waits(void *arg)
{
	int *made = arg;

	CHECK(file_open(RING, O_RDWR | O_CREAT) >= 0);
	FLAG_SET(*made);
	pause();
	return 1;
}

TEST_F(files, waiting_open_finds_no_file_when_the_maker_dies)
{
	struct opener *o = shared_memory(sizeof(*o));
	int *made = shared_memory(sizeof(*made));
	pid_t maker = child_start(makes_and_waits, made), pid;

	UNTIL(FLAG_GET(*made));
	o->maker = -1;
	pid = opens_and_waits(o, O_RDONLY);
	ASSERT_LT(0, pid);
	child_kill(maker);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(-ENOENT, o->result);
}

TEST_F(files, handles_of_a_ring_that_was_never_made_are_stale)
{
	int maker = file_open(RING, O_RDWR | O_CREAT), fd = file_open(RING, O_RDWR), path;

	path = file_open(RING, O_PATH);
	close(maker);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(-ESTALE, attach_fd(fd, RINGBUF_ROLE_READER, -1));
	EXPECT_EQ(-ESTALE, (int)get(fd));
	EXPECT_EQ(-ESTALE, put(fd, 1));
	EXPECT_EQ(-ESTALE, create_call(fd, 0, 64, 4));
	EXPECT_EQ(-ESTALE, create_call(fd, RINGBUF_CREATE_KEPT, 64, 4));
	EXPECT_EQ(RINGBUF_ROLE_NONE, role_of(fd));
	close(fd);
	close(path);
}

static int waits_and_dies(void *arg)
{
	struct opener *o = arg;

	close(o->maker);
	alarm(1);
	file_open(RING, O_RDONLY);
	return 1;
}

TEST_F(files, waiting_open_can_be_killed)
{
	struct opener *o = shared_memory(sizeof(*o));

	o->maker = file_open(RING, O_RDWR | O_CREAT);
	EXPECT_EQ(128 + SIGALRM, child_run(waits_and_dies, o));
	EXPECT_TRUE(there(RING));
	EXPECT_OK(create_call(o->maker, 0, 64, 4));
	close(o->maker);
}

/* ---- how long a name lasts --------------------------------------- */

TEST_F(files, fleeting_ring_goes_with_its_last_handle)
{
	int fd = file_make(RING, 0, 64, 4), device = observer_open(fd),
	    other = file_open(RING, O_RDONLY);

	close(fd);
	EXPECT_TRUE(there(RING));
	close(other);
	EXPECT_TRUE(there(RING));
	close(device);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(-ENOENT, file_open(RING, O_RDONLY));
}

TEST_F(files, kept_ring_stays_with_its_messages)
{
	int fd = file_make(RING, RINGBUF_CREATE_KEPT, 64, 4), writer = writer_open(fd);

	ASSERT_EQ(0, put(writer, 5));
	close(writer);
	close(fd);
	fd = file_open(RING, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(5, get(fd));
	close(fd);
	EXPECT_EQ(-EEXIST, file_make(RING, 0, 64, 4));
	EXPECT_EQ(0, unlink(RING));
}

TEST_F(files, unlinked_ring_stays_usable)
{
	int fd = file_make(RING, RINGBUF_CREATE_KEPT, 64, 4), writer = writer_open(fd),
	    reader = reader_open(fd), other;
	struct maps m;

	ASSERT_OK(maps_open(&m, writer));
	ASSERT_EQ(0, unlink(RING));
	EXPECT_FALSE(there(RING));
	other = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, put(writer, 5));
	EXPECT_EQ(5, get(reader));
	EXPECT_EQ(0, stats_of(other).head);
	close(writer);
	close(fd);
	close(reader);
	maps_close(&m);
	EXPECT_TRUE(there(RING));
	close(other);
	EXPECT_FALSE(there(RING));
}

static int has_it_by_fork(void *arg)
{
	int *go = arg;

	UNTIL(FLAG_GET(*go));
	return 0;
}

TEST_F(files, handle_of_a_child_keeps_the_ring)
{
	int *go = shared_memory(sizeof(*go)), fd = file_make(RING, 0, 64, 4);
	pid_t pid = child_start(has_it_by_fork, go);

	close(fd);
	EXPECT_TRUE(there(RING));
	FLAG_SET(*go);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_FALSE(there(RING));
}

TEST_F(files, handle_in_a_socket_keeps_the_ring)
{
	int fd = file_make(RING, 0, 64, 4), sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_OK(send_fd(sockets[0], fd));
	close(fd);
	EXPECT_TRUE(there(RING));
	fd = receive_fd(sockets[1]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(64, slot_bytes_of(fd));
	close(fd);
	EXPECT_FALSE(there(RING));
	close(sockets[0]);
	close(sockets[1]);
}

/* Keep a descriptor across exec, as a shell does after "exec 3<>ring". */
static int executes(void *arg)
{
	int *pipes = arg;

	close(pipes[1]);
	CHECK_EQ(STDIN_FILENO, dup2(pipes[0], STDIN_FILENO));
	CHECK_EQ(0, fcntl(pipes[2], F_SETFD, 0));
	execl("/bin/cat", "cat", NULL);
	return 1;
}

TEST_F(files, handle_across_exec_keeps_the_ring)
{
	int pipes[3] = { -1, -1, file_make(RING, 0, 64, 4) };
	pid_t pid;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	pid = child_start(executes, pipes);
	ASSERT_TRUE(task_asleep_in(pid, IN_ANY));
	close(pipes[2]);
	EXPECT_TRUE(there(RING));
	close(pipes[1]);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_FALSE(there(RING));
	close(pipes[0]);
}

TEST_F(files, ring_can_be_opened_through_proc_self_fd)
{
	int fd = file_make(RING, 0, 64, 4), again, path;
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, unlink(RING));
	again = file_open(link, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, again);
	EXPECT_EQ(RINGBUF_ROLE_READER, role_of(again));
	close(fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", again);
	fd = file_open(link, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, put(fd, 7));
	EXPECT_EQ(7, get(again));
	close(fd);
	/* A descriptor of O_PATH does not keep the ring, and leads nowhere once it is gone. */
	path = file_open(link, O_PATH);
	close(again);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
	EXPECT_EQ(-ESTALE, file_open(link, O_RDONLY));
	EXPECT_EQ(-ESTALE, file_open(link, O_RDWR | O_CREAT));
	close(path);
}

/* ---- rename ------------------------------------------------------ */

TEST_F(files, open_ring_can_be_renamed)
{
	int fd = file_make(RING, 0, 64, 4);

	ASSERT_EQ(0, mkdir(MOUNTED "/folder", 0700));
	ASSERT_EQ(0, rename(RING, OTHER));
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(0, closed(file_open(OTHER, O_RDONLY)));
	ASSERT_EQ(0, rename(OTHER, MOUNTED "/folder/ring"));
	FAILS(ENOTEMPTY, rmdir(MOUNTED "/folder"));
	ASSERT_EQ(0, rename(MOUNTED "/folder", MOUNTED "/renamed"));
	EXPECT_TRUE(there(MOUNTED "/renamed/ring"));
	close(fd);
	EXPECT_FALSE(there(MOUNTED "/renamed/ring"));
	EXPECT_EQ(0, rmdir(MOUNTED "/renamed"));
}

TEST_F(files, ring_that_a_rename_replaced_stays_usable)
{
	int under = file_make(RING, 0, 64, 4), fd = file_make(OTHER, 0, 128, 4), writer;

	FAILS(EEXIST, renameat2(AT_FDCWD, OTHER, AT_FDCWD, RING, RENAME_NOREPLACE));
	FAILS(EINVAL, renameat2(AT_FDCWD, OTHER, AT_FDCWD, RING, RENAME_WHITEOUT));
	ASSERT_EQ(0, rename(OTHER, RING));
	/* The replaced ring stays usable without a name.  Its last close removes no name. */
	writer = writer_open(under);
	EXPECT_EQ(0, put(writer, 1));
	close(writer);
	close(under);
	writer = file_open(RING, O_WRONLY);
	ASSERT_LE(0, writer);
	EXPECT_EQ(128, slot_bytes_of(writer));
	close(writer);
	close(fd);
	EXPECT_FALSE(there(RING));
}

TEST_F(files, names_of_two_rings_can_be_exchanged)
{
	int a = file_make(RING, 0, 64, 4), b = file_make(OTHER, 0, 128, 4), fd;

	ASSERT_EQ(0, renameat2(AT_FDCWD, OTHER, AT_FDCWD, RING, RENAME_EXCHANGE));
	fd = file_open(RING, O_RDONLY);
	EXPECT_EQ(128, slot_bytes_of(fd));
	close(fd);
	close(a);
	EXPECT_FALSE(there(OTHER));
	EXPECT_TRUE(there(RING));
	close(b);
	EXPECT_FALSE(there(RING));
}

TEST_F(files, rename_to_another_kind_or_mount_is_refused)
{
	int fd = file_make(RING, 0, 64, 4);

	ASSERT_EQ(0, mkdir(MOUNTED "/folder", 0700));
	FAILS(EISDIR, rename(RING, MOUNTED "/folder"));
	FAILS(ENOTDIR, rename(MOUNTED "/folder", RING));
	FAILS(EXDEV, rename(RING, "/tmp/selftest-ring"));
	FAILS(EXDEV, rename(RING, RINGS "/selftest-ring"));
	close(fd);
	EXPECT_EQ(0, rmdir(MOUNTED "/folder"));
}

/* ---- permissions ------------------------------------------------- */

/* A mode, and whether another user may read and write by it. */
struct rights {
	mode_t mode;
	bool reads;
	bool writes;
};

/* Attach a handle of the device to the ring, through a descriptor that is opened with @how. */
static int attach_through(uint32_t role, int how)
{
	int file = file_open(RING, how), fd;

	if (file < 0)
		return file;
	fd = role_open(role, file);
	close(file);
	return fd < 0 ? -errno : close(fd);
}

static int other_user(void *arg)
{
	const struct rights *r = arg;
	int reads = r->reads ? 0 : -EACCES, writes = r->writes ? 0 : -EACCES;

	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK_EQ(reads, closed(file_open(RING, O_RDONLY)));
	CHECK_EQ(writes, closed(file_open(RING, O_WRONLY)));
	CHECK_EQ(reads ? reads : writes, closed(file_open(RING, O_RDWR)));
	CHECK_EQ(reads, attach_through(RINGBUF_ROLE_READER, O_RDONLY | O_EXCL));
	CHECK_EQ(reads, attach_through(RINGBUF_ROLE_OBSERVER, O_RDONLY | O_EXCL));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_WRITER, O_RDONLY | O_EXCL));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_OWNER, O_RDONLY | O_EXCL));
	CHECK_EQ(writes, attach_through(RINGBUF_ROLE_WRITER, O_WRONLY | O_EXCL));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_READER, O_WRONLY | O_EXCL));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_OBSERVER, O_WRONLY | O_EXCL));
	/* A descriptor that its open has bound gives the rights of its role. */
	CHECK_EQ(reads, attach_through(RINGBUF_ROLE_READER, O_RDONLY));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_WRITER, O_RDONLY));
	CHECK_EQ(writes, attach_through(RINGBUF_ROLE_WRITER, O_WRONLY));
	CHECK_EQ(-EACCES, attach_through(RINGBUF_ROLE_READER, O_WRONLY));
	CHECK_EQ(-1, chmod(RING, 0666));
	CHECK_EQ(EPERM, errno);
	/* The folder is sticky like /tmp: a user may remove only its own files. */
	CHECK_EQ(-1, unlink(RING));
	CHECK_EQ(EPERM, errno);
	CHECK_EQ(-1, rename(RING, OTHER));
	CHECK_EQ(EPERM, errno);
	CHECK_EQ(0, mkfifo(OTHER, 0600));
	CHECK_EQ(0, unlink(OTHER));
	return 0;
}

TEST_F(files, mode_decides_what_another_user_may_do)
{
	const struct rights rights[] = {
		{ 0600, false, false }, { 0660, false, false }, { 0604, true, false },
		{ 0602, false, true },	{ 0606, true, true },	{ 0000, false, false },
		{ 0777, true, true },	{ 0444, true, false },	{ 0222, false, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		struct rights r = rights[i];
		int fd = file_make(RING, 0, 64, 4);

		ASSERT_EQ(0, fchmod(fd, r.mode));
		EXPECT_EQ(0, child_run(other_user, &r))
		TH_LOG("mode %o", r.mode);
		close(fd);
	}
}

TEST_F(files, handle_opened_for_writing_only_maps_and_reads_nothing)
{
	int owner = file_make(RING, 0, 64, 4), fd = file_open(RING, O_WRONLY);
	unsigned int i;

	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(MAP_FAILED, map_region(fd, i, PROT_READ));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(MAP_FAILED, map_region(fd, i, PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
	}
	EXPECT_EQ(-EBADF, (int)get(fd));
	close(fd);
	fd = file_open(RING, O_RDONLY);
	EXPECT_EQ(-EBADF, put(fd, 1));
	EXPECT_EQ(MAP_FAILED, map_region(fd, RINGBUF_REGION_DATA, PROT_READ | PROT_WRITE));
	close(fd);
	close(owner);
}

/* A handle of the device that attached through a write-only descriptor maps nothing, either. */
TEST_F(files, rights_do_not_grow_through_the_device)
{
	int owner = file_make(RING, 0, 64, 4), fd = file_open(RING, O_WRONLY | O_EXCL);
	int writer = device_open(), other = device_open();
	unsigned int i;

	ASSERT_EQ(0, attach_fd(writer, RINGBUF_ROLE_WRITER, fd));
	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(MAP_FAILED, map_region(writer, i, PROT_READ));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(MAP_FAILED, map_region(writer, i, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
	}
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_READER, writer));
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_OBSERVER, writer));
	EXPECT_EQ(-EACCES, attach_fd(other, RINGBUF_ROLE_OWNER, writer));
	EXPECT_EQ(0, put(writer, 1));
	EXPECT_EQ(0, attach_fd(other, RINGBUF_ROLE_WRITER, writer));
	EXPECT_EQ(MAP_FAILED, map_region(other, RINGBUF_REGION_DATA, PROT_READ));
	EXPECT_EQ(0, put(other, 2));
	close(other);
	close(writer);
	close(fd);
	close(owner);
}

/* A ring without handles takes no memory, although a descriptor of O_PATH holds its inode. */
TEST_F(files, descriptor_of_o_path_keeps_no_memory)
{
	unsigned long before = statfs_of(MOUNTED).f_bfree;
	int owner = file_make(RING, 0, 1 << 16, 16), path = file_open(RING, O_PATH);

	ASSERT_LE(0, path);
	EXPECT_LT(statfs_of(MOUNTED).f_bfree, before);
	close(owner);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(before, statfs_of(MOUNTED).f_bfree);
	close(path);
}

TEST_F(files, handle_keeps_its_rights_when_mode_and_owner_change)
{
	int fd = file_make(RING, 0, 64, 4), writer = writer_open(fd), reader = reader_open(fd);
	struct stat st;
	struct rights r = { 0, true, false };

	ASSERT_EQ(0, chmod(RING, 0));
	ASSERT_EQ(0, chown(RING, 1, 2));
	ASSERT_EQ(0, stat(RING, &st));
	EXPECT_EQ(S_IFIFO, st.st_mode);
	EXPECT_EQ(1, st.st_uid);
	EXPECT_EQ(2, st.st_gid);
	EXPECT_EQ(0, put(writer, 1));
	EXPECT_EQ(1, get(reader));
	ASSERT_EQ(0, fchmod(fd, 0644));
	EXPECT_EQ(0, child_run(other_user, &r));
	EXPECT_EQ(0, put(writer, 2));
	close(writer);
	close(reader);
	close(fd);
}

TEST_F(files, new_ring_gets_mode_and_group_like_a_file)
{
	struct stat st;
	int fd;

	umask(027);
	fd = open(RING, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(S_IFIFO | 0640, st.st_mode);
	close(fd);
	ASSERT_EQ(0, mkdir(MOUNTED "/folder", 0777));
	ASSERT_EQ(0, stat(MOUNTED "/folder", &st));
	EXPECT_EQ(S_IFDIR | 0750, st.st_mode);
	/* In a folder with the setgid bit a new file gets the group of the folder. */
	ASSERT_EQ(0, chown(MOUNTED "/folder", 0, 7));
	ASSERT_EQ(0, chmod(MOUNTED "/folder", 02775));
	ASSERT_EQ(0, mkfifo(MOUNTED "/folder/ring", 0666));
	ASSERT_EQ(0, stat(MOUNTED "/folder/ring", &st));
	EXPECT_EQ(S_IFIFO | 0640, st.st_mode);
	EXPECT_EQ(7, st.st_gid);
	ASSERT_EQ(0, unlink(MOUNTED "/folder/ring"));
	ASSERT_EQ(0, rmdir(MOUNTED "/folder"));
}

static int makes_in_a_closed_folder(void *arg)
{
	(void)arg;
	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK_EQ(-EACCES, file_open(RING, O_RDWR | O_CREAT));
	CHECK_EQ(-ENOENT, file_open(RING, O_RDWR));
	CHECK_EQ(-1, mkfifo(RING, 0600));
	CHECK_EQ(EACCES, errno);
	return 0;
}

TEST_F(files, folder_without_write_permission_takes_no_ring)
{
	ASSERT_EQ(0, chmod(MOUNTED, 0755));
	EXPECT_EQ(0, child_run(makes_in_a_closed_folder, NULL));
}

/* ---- calls that a ring refuses ----------------------------------- */

TEST_F(files, calls_for_other_kinds_of_files_are_refused)
{
	int fd = file_make(RING, 0, 64, 4), writer = file_open(RING, O_WRONLY);
	char text[8];

	FAILS(ESPIPE, lseek(writer, 0, SEEK_SET));
	FAILS(ESPIPE, lseek(writer, 0, SEEK_END));
	FAILS(ESPIPE, pwrite(writer, "x", 1, 0));
	FAILS(ESPIPE, pread(fd, text, 1, 0));
	FAILS(EINVAL, ftruncate(writer, 0));
	FAILS(EINVAL, truncate(RING, 0));
	FAILS(ESPIPE, fallocate(writer, 0, 0, 4096));
	FAILS(EINVAL, fsync(writer));
	FAILS(EINVAL, fcntl(writer, F_SETFL, O_DIRECT));
	FAILS(EACCES, execl(RING, RING, NULL));
	FAILS(EOPNOTSUPP, setxattr(RING, "trusted.x", "x", 1, 0));
	FAILS(EPERM, link(RING, OTHER));
	FAILS(ENOTDIR, chdir(RING));
	FAILS(ENOTDIR, rmdir(RING));
	FAILS(EISDIR, unlink(MOUNTED "/."));
	EXPECT_EQ(-ENOTTY, ioctl(writer, 0x5401, text) ? -errno : 0);
	EXPECT_EQ(-ENOTDIR, file_open(RING "/x", O_RDONLY));
	EXPECT_EQ(-EINVAL, file_open(RING, O_RDONLY | O_DIRECT));
	EXPECT_EQ(-EINVAL, file_open(RING, O_WRONLY | O_DIRECT));
	EXPECT_EQ(-ENOTDIR, file_open(RING, O_RDONLY | O_DIRECTORY));
	EXPECT_EQ(0, stats_of(fd).total);
	close(writer);
	close(fd);
}

TEST_F(files, opens_that_fail_leave_no_file)
{
	int fd;

	EXPECT_EQ(-EINVAL, file_open(RING, O_RDWR | O_CREAT | O_DIRECT));
	EXPECT_EQ(-EINVAL, file_open(RING, O_WRONLY | O_CREAT | O_DIRECT));
	EXPECT_FALSE(there(RING));
	/* Linux 6.1 makes the file before it fails with ENOTDIR. */
	fd = file_open(RING, O_RDONLY | O_CREAT | O_DIRECTORY);
	EXPECT_TRUE(fd == -EINVAL || fd == -ENOTDIR)
	TH_LOG("%d", fd);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(-EOPNOTSUPP, file_open(MOUNTED, O_TMPFILE | O_RDWR));
	EXPECT_EQ(-EISDIR, file_open(MOUNTED, O_RDWR | O_CREAT));
	EXPECT_EQ(-EISDIR, file_open(MOUNTED, O_WRONLY));
	EXPECT_EQ(-EISDIR, file_open(MOUNTED "/ring/", O_RDWR | O_CREAT));
}

/* A shell uses these flags for "> ring" and ">> ring". */
TEST_F(files, flags_to_truncate_or_append_change_nothing)
{
	int fd = file_make(RING, 0, 64, 4), reader = file_open(RING, O_RDONLY), writer;
	char text[8];

	writer = file_open(RING, O_WRONLY | O_CREAT | O_TRUNC);
	ASSERT_EQ(1, write(writer, "a", 1));
	close(writer);
	writer = file_open(RING, O_WRONLY | O_CREAT | O_TRUNC);
	ASSERT_EQ(1, write(writer, "b", 1));
	close(writer);
	writer = file_open(RING, O_WRONLY | O_CREAT | O_APPEND);
	ASSERT_EQ(1, write(writer, "c", 1));
	close(writer);
	EXPECT_EQ(3, read(reader, text, 8));
	EXPECT_EQ(0, memcmp(text, "abc", 3));
	close(reader);
	close(fd);
}

TEST_F(files, unbound_handle_cannot_be_mapped)
{
	int fd = file_open(RING, O_RDWR | O_CREAT);

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EBADFD, errno);
	close(fd);
}

TEST_F(files, only_rings_and_folders_can_be_made)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = RING };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	FAILS(EPERM, mknod(RING, S_IFREG | 0600, 0));
	FAILS(EPERM, mknod(RING, 0600, 0));
	FAILS(EPERM, mknod(RING, S_IFCHR | 0600, makedev(1, 3)));
	FAILS(EPERM, mknod(RING, S_IFBLK | 0600, makedev(7, 0)));
	FAILS(EPERM, mknod(RING, S_IFSOCK | 0600, 0));
	FAILS(EPERM, bind(s, (struct sockaddr *)&name, sizeof(name)));
	FAILS(EPERM, symlink("/dev/null", RING));
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(0, mknod(RING, S_IFIFO | 0600, 0));
	EXPECT_EQ(0, unlink(RING));
	close(s);
}

TEST_F(files, name_may_have_any_bytes_and_255_of_them)
{
	char longest[300];
	int fd;

	memset(longest, 'x', sizeof(longest));
	memcpy(longest, MOUNTED "/", strlen(MOUNTED "/"));
	longest[strlen(MOUNTED "/") + 256] = 0;
	EXPECT_EQ(-ENAMETOOLONG, file_open(longest, O_RDWR | O_CREAT));
	EXPECT_EQ(-ENAMETOOLONG, file_open(longest, O_RDWR));
	FAILS(ENAMETOOLONG, mkfifo(longest, 0600));
	FAILS(ENAMETOOLONG, mkdir(longest, 0700));
	longest[strlen(MOUNTED "/") + 255] = 0;
	fd = file_open(longest, O_RDWR | O_CREAT);
	EXPECT_LE(0, fd);
	close(fd);
	fd = file_open(MOUNTED "/\x01\xff\n ", O_RDWR | O_CREAT);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-ENOENT, file_open(MOUNTED "/none/ring", O_RDWR | O_CREAT));
}

/* ---- stat and inotify --------------------------------------------- */

static uint64_t mtime_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * SECOND + (uint64_t)st.st_mtim.tv_nsec;
}

TEST_F(files, stat_tells_size_and_last_write)
{
	int fd = file_open(RING, O_RDWR | O_CREAT), writer;
	uint64_t made;
	struct statx x;
	struct stat st;

	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(S_IFIFO | 0600, st.st_mode);
	EXPECT_EQ(1, st.st_nlink);
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
	ASSERT_OK(create_call(fd, 0, 5000, 3));
	ASSERT_EQ(0, stat(RING, &st));
	EXPECT_EQ(15000, st.st_size);
	EXPECT_LT(15000, st.st_blocks * 512);
	ASSERT_EQ(0, statx(AT_FDCWD, RING, 0, STATX_BTIME, &x));
	EXPECT_TRUE(x.stx_mask & STATX_BTIME);
	made = (uint64_t)x.stx_btime.tv_sec * SECOND + x.stx_btime.tv_nsec;
	EXPECT_LE(made, mtime_of(fd));
	made = mtime_of(fd);
	writer = file_open(RING, O_WRONLY);
	EXPECT_EQ(made, mtime_of(fd));
	/* The time of a file advances in coarse steps, so write until it has changed. */
	UNTIL(put(writer, 1) || mtime_of(fd) > made);
	EXPECT_LT(made, mtime_of(fd));
	made = mtime_of(fd);
	EXPECT_EQ(made, mtime_of(fd));
	close(writer);
	close(fd);
}

/*
 * Read the next events of @watch.  Return the masks of those on the ring, 16 bits each, in order.
 */
static uint64_t events(int watch)
{
	char room[4096] __attribute__((aligned(8)));
	ssize_t n = read(watch, room, sizeof(room)), at;
	uint64_t kinds = 0;

	for (at = 0; at < n;) {
		struct inotify_event *e = (struct inotify_event *)(room + at);

		if (e->len && !strcmp(e->name, "ring"))
			kinds = kinds << 16 | (e->mask & 0xffff);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return kinds;
}

TEST_F(files, inotify_reports_when_a_ring_comes_and_goes)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), fd, other;

	if (watch < 0)
		SKIP(return, "this kernel has no inotify");
	if (harness_has_faults())
		SKIP(return, "an open that fails makes a file and removes it");
	ASSERT_LE(0,
		  inotify_add_watch(watch, MOUNTED, IN_CREATE | IN_DELETE | IN_OPEN | IN_MOVED_TO));
	fd = file_make(RING, 0, 64, 4);
	EXPECT_EQ((uint64_t)IN_CREATE << 16 | IN_OPEN, events(watch));
	other = file_open(RING, O_WRONLY);
	EXPECT_EQ(IN_OPEN, events(watch));
	close(other);
	EXPECT_EQ(0, events(watch));
	close(fd);
	EXPECT_EQ(IN_DELETE, events(watch));
	ASSERT_EQ(0, mkfifo(OTHER, 0600));
	EXPECT_EQ(0, rename(OTHER, RING));
	EXPECT_EQ(IN_MOVED_TO, events(watch));
	ASSERT_EQ(0, unlink(RING));
	EXPECT_EQ(IN_DELETE, events(watch));
	close(watch);
}

DEVICE_HARNESS_MAIN
