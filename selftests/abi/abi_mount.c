// SPDX-License-Identifier: GPL-2.0
/* The file system as a whole: its options, its limits, permission to mount, and unmounting. */
#include "../harness/harness.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../harness/mounted.h"

#define RING MOUNTED "/ring"

FIXTURE(mount)
{
	int unused;
};

FIXTURE_SETUP(mount)
{
	if (!mounts_private())
		SKIP(return, "needs root, to mount");
	ASSERT_EQ(0, chdir("/"));
}

FIXTURE_TEARDOWN(mount)
{
}

/* ---- options -------------------------------------------------------------------------- */

/* Mount with @options, and unmount.  Return 0 or a negative errno. */
static int tried(const char *options)
{
	int err = rings_mount(options);

	return err ? err : rings_umount(0);
}

/*
 * Return the options of the smallest mount: it has room for one ring with the least slot, whose
 * readers have a page each.
 */
static const char *least_options(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "max_bytes=%ld,slot_bytes=1,slot_count=1",
		 76 * sysconf(_SC_PAGESIZE));
	return text;
}

TEST_F(mount, options_in_range_are_accepted)
{
	const char *least = least_options();
	const char *good[] = {
		"",
		least,
		"max_bytes=4194304",
		"max_bytes=0x400000",
		"max_bytes=4M",
		"max_bytes=1G",
		"max_bytes=4096t",
		"max_rings=1",
		"max_rings=4294967295",
		"mode=0",
		"mode=7777",
		"uid=0,gid=0",
		"uid=4294967294",
		"slot_bytes=1,slot_count=1",
		"slot_bytes=64k,slot_count=3",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT_EQ(0, tried(good[i])) TH_LOG("%s", good[i]);
}

TEST_F(mount, options_out_of_range_are_refused)
{
	const char *bad[] = {
		"max_bytes=0",
		"max_bytes=1",
		"max_bytes=65535,slot_bytes=1,slot_count=1",
		"max_bytes=-1",
		"max_bytes=",
		"max_bytes",
		"max_bytes=x",
		"max_bytes=1Mx",
		"max_bytes=k",
		"max_bytes=4097t",
		"max_bytes=18446744073709551615",
		"max_bytes=18446744073713745920", /* 2^64 + 4 MiB */
		"max_bytes=17592186044420m", /* 2^64 + 4 MiB */
		"max_bytes=99999999999999999999999",
		"max_bytes=000000000000000000000000004194304",
		"max_rings=0",
		"max_rings=-1",
		"max_rings=4294967296",
		"max_rings=x",
		"max_rings=",
		"mode=10000",
		"mode=8",
		"mode=-1",
		"mode=x",
		"uid=-1",
		"uid=4294967295",
		"uid=root",
		"gid=4294967295",
		"gid=x",
		"slot_bytes=0",
		"slot_bytes=1073741825",
		"slot_bytes=18446744073709551616",
		"slot_count=0",
		"slot_count=33554433",
		"slot_bytes=1g,slot_count=33554432",
		"max_bytes=64k,slot_bytes=64k,slot_count=1",
		"nonsense",
		"nonsense=1",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, tried(bad[i])) TH_LOG("%s", bad[i]);
}

/* Return the line of the mount in /proc/self/mounts, "" if it has none. */
static const char *shown(void)
{
	static char line[512];
	FILE *f = fopen("/proc/self/mounts", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " " MOUNTED " ringbuf ");
	if (f)
		fclose(f);
	return found ? line : "";
}

static bool shows(const char *option)
{
	return strstr(shown(), option);
}

TEST_F(mount, options_are_shown_in_proc_mounts)
{
	ASSERT_EQ(0, rings_mount("max_bytes=4M,max_rings=7,mode=750,uid=1,gid=2,"
				 "slot_bytes=4k,slot_count=3"));
	EXPECT_STREQ("ringbuf " MOUNTED " ringbuf rw,relatime,max_bytes=4194304,max_rings=7,"
		     "mode=750,uid=1,gid=2,slot_bytes=4096,slot_count=3 0 0\n",
		     shown());
	ASSERT_EQ(0, rings_umount(0));
	/* Without options the geometry is that of the default ring. */
	ASSERT_EQ(0, rings_mount(""));
	EXPECT_TRUE(shows(",mode=1777,slot_bytes=65536,slot_count=16 0 0"));
	EXPECT_FALSE(shows("uid="));
	EXPECT_EQ(0, rings_umount(0));
}

TEST_F(mount, root_folder_has_the_mode_and_owner_of_the_options)
{
	struct stat st;

	ASSERT_EQ(0, rings_mount("mode=2750,uid=1,gid=2"));
	ASSERT_EQ(0, stat(MOUNTED, &st));
	EXPECT_EQ(S_IFDIR | 02750, st.st_mode);
	EXPECT_EQ(1, st.st_uid);
	EXPECT_EQ(2, st.st_gid);
	EXPECT_EQ(2, st.st_nlink);
}

TEST_F(mount, each_mount_is_an_instance_of_its_own)
{
	int fd;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, rings_mount(""));
	EXPECT_FALSE(there(RING));
	EXPECT_TRUE(nothing_left(MOUNTED));
	ASSERT_EQ(0, rings_umount(0));
	EXPECT_TRUE(there(RING));
	EXPECT_FALSE(nothing_left(MOUNTED));
	close(fd);
	EXPECT_TRUE(nothing_left(MOUNTED));
}

TEST_F(mount, remount_changes_limits_and_geometry)
{
	struct ringbuf_info info;
	struct statfs fs;
	int fd, reader;

	ASSERT_EQ(0, rings_mount("max_bytes=4M,max_rings=5,mode=700"));
	ASSERT_EQ(0, rings_remount("max_bytes=8M,max_rings=9,slot_bytes=100000,slot_count=7"));
	EXPECT_TRUE(
		shows(",max_bytes=8388608,max_rings=9,mode=700,slot_bytes=100000,slot_count=7 "));
	fs = statfs_of(MOUNTED);
	EXPECT_EQ(8 << 20, (long)(fs.f_blocks * fs.f_bsize));
	EXPECT_EQ(9, fs.f_files);
	fd = file_open(RING, O_WRONLY | O_CREAT);
	ASSERT_OK(info_get(fd, &info));
	EXPECT_EQ(100000, info.slot_bytes);
	EXPECT_EQ(7, info.slot_count);
	/* A remount that is refused changes nothing. */
	EXPECT_EQ(-EINVAL, rings_remount("max_bytes=0"));
	EXPECT_EQ(-EINVAL, rings_remount("max_bytes=16M,mode=755"));
	EXPECT_EQ(-EINVAL, rings_remount("max_bytes=16M,uid=1"));
	EXPECT_EQ(-EINVAL, rings_remount("max_bytes=16M,gid=1"));
	EXPECT_EQ(0, rings_remount("mode=700,uid=0,gid=0"));
	EXPECT_TRUE(
		shows(",max_bytes=8388608,max_rings=9,mode=700,slot_bytes=100000,slot_count=7 "));
	/* With limits below what is in use, rings stay, but no more can be made. */
	EXPECT_EQ(0, rings_remount("max_rings=1"));
	EXPECT_EQ(0, rings_remount(least_options()));
	fs = statfs_of(MOUNTED);
	EXPECT_EQ(0, fs.f_bfree);
	EXPECT_EQ(0, fs.f_ffree);
	EXPECT_EQ(-ENOSPC, file_open(MOUNTED "/more", O_WRONLY | O_CREAT));
	/* A writer has room only after a first reader. */
	reader = file_open(RING, O_RDONLY);
	ASSERT_LE(0, reader);
	EXPECT_EQ(4, write(fd, "more", 4));
	close(reader);
	close(fd);
}

TEST_F(mount, read_only_mount_makes_and_removes_no_ring)
{
	int fd;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, RINGBUF_CREATE_KEPT, 64, 4);
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, mount("ringbuf", MOUNTED, "ringbuf", MS_REMOUNT | MS_RDONLY, ""));
	EXPECT_EQ(-EROFS, file_open(MOUNTED "/new", O_RDWR | O_CREAT));
	EXPECT_EQ(-1, unlink(RING));
	EXPECT_EQ(EROFS, errno);
	/* As with a FIFO, writing to the ring is no write to the file system. */
	fd = file_open(RING, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4, write(fd, "text", 4));
	close(fd);
}

/* ---- limits ------------------------------------------------------------------------------ */

struct opening {
	int returned;
};

static int makes_a_large_ring(void *arg)
{
	struct opening *o = arg;
	int fd = file_open(RING, O_WRONLY | O_CREAT);

	FLAG_SET(o->returned);
	CHECK(fd >= 0);
	return 0;
}

/* Allocating the pages of a ring can take long, and must not block others in its folder. */
TEST_F(mount, open_that_makes_a_ring_does_not_hold_its_folder)
{
	struct opening *o = shared_memory(sizeof(*o));
	int changes = 0;
	pid_t pid;

	ASSERT_EQ(0, rings_mount("slot_bytes=16M,slot_count=8"));
	pid = child_start(makes_a_large_ring, o);
	UNTIL(there(RING));
	while (!FLAG_GET(o->returned)) {
		ASSERT_EQ(0, mkdir(MOUNTED "/other", 0700));
		ASSERT_EQ(0, rmdir(MOUNTED "/other"));
		changes++;
	}
	/* If open held the folder's lock, at most a few changes could happen before it returns. */
	EXPECT_LT(20, changes);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

static int makes_ring_and_waits(void *arg)
{
	struct opening *o = arg;
	int fd = file_open(RING, O_RDWR | O_CREAT);

	CHECK(fd >= 0);
	FLAG_SET(o->returned);
	pause();
	return 0;
}

/* The maker is killed before CREATE, until which no other handle may use the file. */
TEST_F(mount, maker_that_is_killed_leaves_no_name)
{
	struct opening *o = shared_memory(sizeof(*o));
	pid_t pid;

	ASSERT_EQ(0, rings_mount(""));
	pid = child_start(makes_ring_and_waits, o);
	UNTIL(FLAG_GET(o->returned));
	EXPECT_EQ(-ENXIO, file_open(RING, O_RDONLY | O_NONBLOCK));
	child_kill(pid);
	EXPECT_FALSE(there(RING));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

/* Forbid this process to open files for reading.  Return false if this kernel has no Landlock. */
static bool forbid_reading(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE,
	};
	int fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return fd >= 0 && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_landlock_restrict_self, fd, 0);
}

static int is_refused(void *arg)
{
	int *landlock = arg;

	if (!forbid_reading())
		return 0;
	*landlock = 1;
	CHECK_EQ(-EACCES, file_open(RING, O_RDWR | O_CREAT));
	CHECK(there(RING));
	/* The module cannot tell yet that the maker will never come. */
	CHECK_EQ(-ENXIO, file_open(RING, O_WRONLY | O_NONBLOCK));
	return 0;
}

/*
 * A security module lets open(2) make the file, and then refuses the open.  After a second
 * other handles may use the file, and its name goes with the last of them.
 */
TEST_F(mount, file_of_a_refused_maker_can_be_used_after_a_while)
{
	int *landlock = shared_memory(sizeof(*landlock)), other;

	ASSERT_EQ(0, rings_mount(""));
	EXPECT_EQ(0, child_run(is_refused, landlock));
	if (!*landlock)
		SKIP(return, "this kernel has no Landlock");
	other = file_open(RING, O_RDONLY);
	ASSERT_LE(0, other);
	close(other);
	EXPECT_FALSE(there(RING));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

/* A handle that was opened within that second may set the geometry after it. */
TEST_F(mount, geometry_of_a_refused_maker_may_be_set_later)
{
	int *landlock = shared_memory(sizeof(*landlock)), other, err;

	ASSERT_EQ(0, rings_mount(""));
	EXPECT_EQ(0, child_run(is_refused, landlock));
	if (!*landlock)
		SKIP(return, "this kernel has no Landlock");
	other = file_open(RING, O_RDWR);
	ASSERT_LE(0, other);
	UNTIL((err = create_call(other, 0, 64, 4)) != -EBUSY);
	EXPECT_EQ(0, err);
	close(other);
	EXPECT_FALSE(there(RING));
}

/* The last close removes the name even if no handle has made a ring. */
TEST_F(mount, name_of_a_refused_maker_goes_with_any_handle)
{
	int *landlock = shared_memory(sizeof(*landlock));

	ASSERT_EQ(0, rings_mount(""));
	EXPECT_EQ(0, child_run(is_refused, landlock));
	if (!*landlock)
		SKIP(return, "this kernel has no Landlock");
	UNTIL(close(file_open(RING, O_RDWR)) || !there(RING));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

/* The replaced ring is freed soon, and at the latest before umount returns. */
TEST_F(mount, ring_that_is_renamed_over_is_freed)
{
	struct statfs one;
	int i;

	ASSERT_EQ(0, rings_mount("max_bytes=20M"));
	ASSERT_EQ(0, close(file_make(RING, RINGBUF_CREATE_KEPT, 1 << 20, 8)));
	one = statfs_of(MOUNTED);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, close(file_make(MOUNTED "/next", RINGBUF_CREATE_KEPT, 1 << 20, 8)));
		ASSERT_EQ(0, rename(MOUNTED "/next", RING));
		UNTIL(statfs_of(MOUNTED).f_bfree == one.f_bfree);
	}
	EXPECT_EQ(one.f_ffree, statfs_of(MOUNTED).f_ffree);
	/* Without a pause after the rename, umount waits for the ring to be freed. */
	ASSERT_EQ(0, close(file_make(MOUNTED "/next", RINGBUF_CREATE_KEPT, 1 << 20, 8)));
	ASSERT_EQ(0, rename(MOUNTED "/next", RING));
	EXPECT_EQ(0, rings_umount(0));
}

TEST_F(mount, mount_without_bytes_left_takes_no_ring)
{
	struct statfs before, with;
	int fd, none, reader;

	ASSERT_EQ(0, rings_mount("max_bytes=4M,slot_bytes=1M,slot_count=2"));
	before = statfs_of(MOUNTED);
	EXPECT_EQ(RINGBUF_FS_MAGIC, before.f_type);
	EXPECT_EQ(4 << 20, (long)(before.f_blocks * before.f_bsize));
	EXPECT_EQ(before.f_blocks, before.f_bfree);
	EXPECT_EQ(before.f_bfree, before.f_bavail);
	EXPECT_EQ(255, before.f_namelen);
	fd = file_make(RING, 0, 1 << 20, 2);
	ASSERT_LE(0, fd);
	with = statfs_of(MOUNTED);
	EXPECT_LT((long)(before.f_bfree - (2 << 20) / before.f_bsize - 76), (long)with.f_bfree);
	EXPECT_GE((long)(before.f_bfree - (2 << 20) / before.f_bsize), (long)with.f_bfree);
	/* A ring for which there is no room leaves no name, however it is made. */
	EXPECT_EQ(-ENOSPC, file_open(MOUNTED "/more", O_WRONLY | O_CREAT));
	EXPECT_EQ(-ENOSPC, file_open(MOUNTED "/more", O_RDONLY | O_CREAT));
	EXPECT_EQ(-ENOSPC, file_make(MOUNTED "/more", 0, 1 << 20, 2));
	EXPECT_FALSE(there(MOUNTED "/more"));
	EXPECT_EQ(with.f_ffree, statfs_of(MOUNTED).f_ffree);
	/* A file made by mkfifo can get its ring once there is room. */
	ASSERT_EQ(0, mkfifo(MOUNTED "/kept", 0600));
	EXPECT_EQ(-ENOSPC, file_open(MOUNTED "/kept", O_WRONLY));
	none = file_open(MOUNTED "/kept", O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, none);
	EXPECT_EQ(-ENOSPC, put(none, 1));
	EXPECT_EQ(-ENOSPC, create_call(none, 0, 1 << 20, 2));
	close(fd);
	reader = file_open(MOUNTED "/kept", O_RDONLY);
	ASSERT_LE(0, reader);
	EXPECT_EQ(0, put(none, 1));
	close(reader);
	close(none);
	EXPECT_EQ(0, unlink(MOUNTED "/kept"));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

TEST_F(mount, mount_without_names_left_takes_no_ring)
{
	int fd, other;

	ASSERT_EQ(0, rings_mount("max_rings=2"));
	fd = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mkdir(MOUNTED "/folder", 0700));
	EXPECT_EQ(0, statfs_of(MOUNTED).f_ffree);
	EXPECT_EQ(-ENOSPC, file_open(MOUNTED "/more", O_RDWR | O_CREAT));
	EXPECT_EQ(-1, mkfifo(MOUNTED "/more", 0600));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, mkdir(MOUNTED "/more", 0700));
	EXPECT_EQ(ENOSPC, errno);
	/* An open ring counts even without a name. */
	ASSERT_EQ(0, unlink(RING));
	EXPECT_EQ(-ENOSPC, file_open(RING, O_RDWR | O_CREAT));
	close(fd);
	other = file_open(RING, O_RDWR | O_CREAT);
	EXPECT_LE(0, other);
	close(other);
	EXPECT_EQ(0, rmdir(MOUNTED "/folder"));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

TEST_F(mount, limit_of_one_ring_allows_one_ring)
{
	int fd;

	ASSERT_EQ(0, rings_mount("max_rings=1"));
	fd = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOSPC, file_make(MOUNTED "/more", 0, 64, 4));
	close(fd);
	EXPECT_TRUE(nothing_left(MOUNTED));
}

static int number_of_names(const char *path)
{
	char command[128];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -f %s | grep -c ^[0-9]", path);
	f = popen(command, "re");
	if (!f || fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	return n;
}

TEST_F(mount, folder_can_have_many_rings)
{
	unsigned int count = rounds(10000), i, fleeting = 0;
	char path[64];
	int fd;

	ASSERT_EQ(0, rings_mount("slot_bytes=1,slot_count=1"));
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), MOUNTED "/%u", i);
		ASSERT_EQ(0, mkfifo(path, 0600));
	}
	EXPECT_EQ((int)count, number_of_names(MOUNTED));
	EXPECT_EQ(count, statfs_of(MOUNTED).f_files - statfs_of(MOUNTED).f_ffree);
	/* Files that were never opened take no memory. */
	EXPECT_EQ(statfs_of(MOUNTED).f_blocks, statfs_of(MOUNTED).f_bfree);
	fd = file_open(path, O_RDONLY);
	EXPECT_LE(0, fd);
	close(fd);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), MOUNTED "/%u", i);
		ASSERT_EQ(0, unlink(path));
		fd = file_open(path, O_RDWR | O_CREAT);
		fleeting += fd >= 0;
		close(fd);
	}
	EXPECT_EQ(count, fleeting);
	EXPECT_EQ(0, number_of_names(MOUNTED));
	EXPECT_TRUE(nothing_left(MOUNTED));
}

/* ---- unmounting -------------------------------------------------------------------------------
 */

TEST_F(mount, umount_is_busy_while_handles_are_open)
{
	int fd, device;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, RINGBUF_CREATE_KEPT, 64, 4);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, rings_umount(0));
	/* A handle of the device that is attached to the ring keeps the mount busy, too. */
	device = observer_open(fd);
	ASSERT_LE(0, device);
	close(fd);
	EXPECT_EQ(-EBUSY, rings_umount(0));
	close(device);
	EXPECT_EQ(0, rings_umount(0));
}

TEST_F(mount, umount_is_busy_while_a_ring_is_mapped)
{
	uint64_t before = bytes_left();
	size_t bytes;
	void *p;
	int fd;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, 0, 64, 4);
	bytes = region_of(fd, RINGBUF_REGION_DATA).bytes;
	p = map_region(fd, RINGBUF_REGION_DATA, PROT_READ);
	ASSERT_NE(MAP_FAILED, p);
	close(fd);
	EXPECT_EQ(-EBUSY, rings_umount(0));
	EXPECT_TRUE(there(RING));
	munmap(p, bytes);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(0, rings_umount(0));
	EXPECT_EQ(before, bytes_left());
}

/* The memory is freed with the last of the handles. */
TEST_F(mount, open_handles_work_after_a_lazy_umount)
{
	uint64_t before = bytes_left();
	int owner, writer, reader;

	ASSERT_EQ(0, rings_mount(""));
	owner = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, owner);
	ASSERT_EQ(0, mkfifo(MOUNTED "/kept", 0600));
	ASSERT_EQ(0, close(file_open(MOUNTED "/kept", O_WRONLY)));
	reader = file_attach(RING, RINGBUF_ROLE_READER);
	ASSERT_EQ(0, rings_umount(MNT_DETACH));
	EXPECT_FALSE(there(RING));
	writer = writer_open(owner);
	ASSERT_LE(0, writer);
	EXPECT_EQ(0, put(writer, 7));
	EXPECT_EQ(7, get(reader));
	close(owner);
	close(writer);
	close(reader);
	/* Another task may free the memory, a little later. */
	UNTIL(before == bytes_left());
}

/* Map a ring, unmount it lazily, and die, so that the exit of the process frees it. */
static int keeps_a_map(void *arg)
{
	struct maps m;
	int fd;

	(void)arg;
	CHECK_EQ(0, rings_mount(""));
	fd = file_make(RING, 0, 64, 4);
	CHECK(fd >= 0);
	CHECK_EQ(0, maps_open(&m, writer_open(fd)));
	CHECK_EQ(0, rings_umount(MNT_DETACH));
	raise(SIGKILL);
	return 1;
}

TEST_F(mount, memory_of_a_lazy_umount_goes_with_the_last_map)
{
	uint64_t before = bytes_left();

	ASSERT_EQ(128 + SIGKILL, child_run(keeps_a_map, NULL));
	UNTIL(before == bytes_left());
}

/* A bind mount on the name of a ring does not keep the ring or its name. */
TEST_F(mount, mount_on_a_ring_goes_with_the_ring)
{
	int fd;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mount("/dev/null", RING, NULL, MS_BIND, NULL));
	EXPECT_EQ(-1, unlink(RING));
	EXPECT_EQ(EBUSY, errno);
	close(fd);
	EXPECT_FALSE(there(RING));
	EXPECT_EQ(0, rings_umount(0));
}

/* ---- one ring for a container -------------------------------------------------------------------
 */

struct container {
	int ends[2]; /* handles outside of the container */
	int ready;
	int go;
};

/* Do what podman run -v RING:/srv/cam does: a mount namespace, another user, and one ring. */
static int in_a_container(void *arg)
{
	struct container *c = arg;
	int fd;

	close(c->ends[0]);
	close(c->ends[1]);
	CHECK(mounts_private());
	CHECK_EQ(0, mount("tmpfs", "/srv", "tmpfs", 0, NULL) ? errno : 0);
	fd = file_open("/srv/cam", O_WRONLY | O_CREAT);
	CHECK(fd >= 0 && !close(fd));
	CHECK_EQ(0, mount(RING, "/srv/cam", NULL, MS_BIND, NULL) ? errno : 0);
	CHECK_EQ(0, umount2(MOUNTED, MNT_DETACH));
	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK(!there(RING));
	CHECK_EQ(-EACCES, file_open("/srv/cam", O_WRONLY));
	fd = file_open("/srv/cam", O_RDONLY);
	CHECK(fd >= 0);
	FLAG_SET(c->ready);
	CHECK_EQ(5, get(fd));
	close(fd);
	UNTIL(FLAG_GET(c->go));
	/* The ring was fleeting and its last handle is closed, so the name leads nowhere. */
	CHECK_EQ(-ESTALE, file_open("/srv/cam", O_RDONLY));
	return 0;
}

TEST_F(mount, ring_can_be_bound_into_a_container)
{
	struct container *c = shared_memory(sizeof(*c));
	int fd, writer;
	pid_t pid;

	ASSERT_EQ(0, rings_mount(""));
	fd = file_make(RING, 0, 64, 4);
	ASSERT_LE(0, fd);
	writer = writer_open(fd);
	ASSERT_EQ(0, chmod(RING, 0644));
	c->ends[0] = fd;
	c->ends[1] = writer;
	pid = child_start(in_a_container, c);
	UNTIL(FLAG_GET(c->ready) || task_state(pid) == 'Z');
	EXPECT_EQ(0, put(writer, 5));
	UNTIL(stats_of(fd).total == 0 || task_state(pid) == 'Z');
	close(writer);
	close(fd);
	EXPECT_FALSE(there(RING));
	FLAG_SET(c->go);
	EXPECT_EQ(0, child_end(pid));
}

/* ---- user namespaces ---------------------------------------------------------------------------
 */

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return ok;
}

/* Become root of a new user namespace and the user nobody outside, as unshare -Urm does. */
static bool become_root_of_a_namespace(void)
{
	return !setgid(NOBODY) && !setuid(NOBODY) && !prctl(PR_SET_DUMPABLE, 1) &&
	       !unshare(CLONE_NEWUSER | CLONE_NEWNS) &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/gid_map", "0 65534 1") &&
	       write_text("/proc/self/uid_map", "0 65534 1");
}

static int mounts_without_a_namespace(void *arg)
{
	(void)arg;
	CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	CHECK_EQ(-EPERM, rings_mount(""));
	return 0;
}

TEST_F(mount, user_without_rights_cannot_mount)
{
	EXPECT_EQ(0, child_run(mounts_without_a_namespace, NULL));
}

static int mounts_in_a_namespace(void *arg)
{
	uint64_t before;
	struct stat st;
	int fd;

	(void)arg;
	if (!become_root_of_a_namespace())
		return CHILD_SKIP;
	before = bytes_left();
	CHECK_EQ(-EINVAL, rings_mount("uid=1")); /* the namespace has no such user */
	CHECK_EQ(-EINVAL, rings_mount("gid=1"));
	CHECK_EQ(0, rings_mount("max_bytes=64M,uid=0"));
	CHECK(shows(",max_bytes=67108864,"));
	CHECK(!shows("uid="));
	CHECK_EQ(0, stat(MOUNTED, &st));
	CHECK_EQ(0, st.st_uid);
	fd = file_make(RING, 0, 1 << 20, 4);
	CHECK(fd >= 0);
	CHECK_EQ(0, put(writer_open(fd), 1));
	/* The user who has made the namespace pays. */
	CHECK(bytes_left() + (4 << 20) <= before);
	CHECK_EQ(-1, mknod(MOUNTED "/null", S_IFCHR | 0666, makedev(1, 3)));
	CHECK_EQ(EPERM, errno);
	CHECK_EQ(0, rings_remount("max_bytes=32M"));
	CHECK_EQ(-EBUSY, rings_umount(0));
	return 0;
}

/* In a namespace that root has made the user who is root there pays: here that is root, too. */
static int pays_in_a_namespace_of_root(void *arg)
{
	uint64_t before;
	int fd;

	(void)arg;
	if (unshare(CLONE_NEWUSER) || !write_text("/proc/self/uid_map", "0 0 1"))
		return CHILD_SKIP;
	before = bytes_left();
	fd = ring_make(0, 1 << 20, 4);
	CHECK(fd >= 0);
	CHECK(bytes_left() + (4 << 20) <= before);
	close(fd);
	CHECK_EQ(before, bytes_left());
	return 0;
}

TEST(root_of_a_namespace_of_root_pays)
{
	int status = child_run(pays_in_a_namespace_of_root, NULL);

	if (status == CHILD_SKIP)
		SKIP(return, "needs root, and user namespaces");
	EXPECT_EQ(0, status);
}

TEST_F(mount, root_of_a_user_namespace_can_mount)
{
	int status = child_run(mounts_in_a_namespace, NULL);

	if (status == CHILD_SKIP)
		SKIP(return, "this kernel has no user namespaces for users");
	EXPECT_EQ(0, status);
}

struct guest {
	int ready;
	int go;
	uint64_t nobody; /* bytes that are left for the creator of the namespace */
};

static int serves_a_mount(void *arg)
{
	struct guest *g = arg;

	if (!become_root_of_a_namespace())
		return CHILD_SKIP;
	CHECK_EQ(0, rings_mount("mode=777"));
	g->nobody = bytes_left();
	FLAG_SET(g->ready);
	UNTIL(FLAG_GET(g->go));
	CHECK(bytes_left() + (4 << 20) <= g->nobody);
	return 0;
}

/*
 * The administrator outside of a user namespace has no uid in it, and so cannot make a file
 * in a mount of the namespace.  If the administrator creates the ring of a file there, the
 * user who made the file pays.
 */
TEST_F(mount, maker_of_a_file_pays_if_its_creator_has_no_user_in_the_mount)
{
	struct guest *g = shared_memory(sizeof(*g));
	uint64_t mine = bytes_left();
	char path[64];
	pid_t pid = child_start(serves_a_mount, g);
	int fd = -1;

	UNTIL(FLAG_GET(g->ready) || task_state(pid) == 'Z');
	if (FLAG_GET(g->ready)) {
		snprintf(path, sizeof(path), "/proc/%d/root" RING, pid);
		EXPECT_EQ(-EOVERFLOW, file_open(path, O_RDWR | O_CREAT));
		EXPECT_EQ(0, setegid(NOBODY) || seteuid(NOBODY));
		EXPECT_EQ(0, prctl(PR_SET_DUMPABLE, 1));
		EXPECT_EQ(0, mkfifo(path, 0666) ? errno : 0);
		EXPECT_EQ(0, seteuid(0) || setegid(0));
		fd = file_open(path, O_RDWR);
		EXPECT_LE(0, fd);
		EXPECT_OK(create_call(fd, 0, 1 << 20, 4));
		EXPECT_EQ(mine, bytes_left());
		FLAG_SET(g->go);
	}
	if (child_end(pid) == CHILD_SKIP)
		SKIP(return, "this kernel has no user namespaces for users");
	close(fd);
}

DEVICE_HARNESS_MAIN
