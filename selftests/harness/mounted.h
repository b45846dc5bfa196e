/* SPDX-License-Identifier: GPL-2.0 */
/* A mount of the file system "ringbuf" in a mount namespace of the test. */
#ifndef SELFTESTS_MOUNTED_H
#define SELFTESTS_MOUNTED_H

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "device.h"

#define NOBODY 65534

/* The mount point: a folder that every Linux system has and nothing needs. */
#define MOUNTED "/mnt"

/* Give the caller its own mount namespace; false if it does not have the permission. */
static inline bool mounts_private(void)
{
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static inline int rings_mount(const char *options)
{
	return mount("ringbuf", MOUNTED, "ringbuf", 0, options) ? -errno : 0;
}

static inline int rings_remount(const char *options)
{
	return mount("ringbuf", MOUNTED, "ringbuf", MS_REMOUNT, options) ? -errno : 0;
}

static inline int rings_umount(int flags)
{
	return umount2(MOUNTED, flags) ? -errno : 0;
}

static inline struct statfs statfs_of(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		memset(&fs, 0x5a, sizeof(fs));
	return fs;
}

/* Whether the instance at @path has no files and all of its bytes are free. */
static inline bool nothing_left(const char *path)
{
	struct statfs fs = statfs_of(path);

	return fs.f_type == RINGBUF_FS_MAGIC && fs.f_bfree == fs.f_blocks &&
	       fs.f_ffree == fs.f_files;
}

static inline bool there(const char *path)
{
	return !access(path, F_OK);
}

#endif
