// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rings of the module that have a name: files in a file system of type "ringbuf".
 *
 * A name without a slash is looked for in $RINGBUF_DIR, else in /dev/rings; one with a slash
 * is a path.
 */
#include <fcntl.h>
#include <linux/ringbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "module.h"

#define FOLDER "/dev/rings"

static const char *folder(void)
{
	const char *dir = secure_getenv("RINGBUF_DIR");

	return dir && *dir ? dir : FOLDER;
}

/* The path of @name.  -EINVAL, -ENAMETOOLONG */
static int path_of(const char *name, char path[PATH_MAX])
{
	int n;

	if (!*name)
		return -EINVAL;
	if (strchr(name, '/'))
		n = snprintf(path, PATH_MAX, "%s", name);
	else
		n = snprintf(path, PATH_MAX, "%s/%s", folder(), name);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* 0, if @path lies in a file system of type "ringbuf"; @missing: if not. */
static int path_check(const char *path, int missing)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return fs.f_type == RINGBUF_FS_MAGIC ? 0 : missing;
}

/* What there is at @path is a ring.  -EPROTO: it is something else. */
int lib_module_is_ring(const char *path)
{
	struct stat st;
	int err = path_check(path, -EPROTO);

	if (err)
		return err;
	if (stat(path, &st))
		return -errno;
	return S_ISFIFO(st.st_mode) ? 0 : -EPROTO;
}

/* The folder of @path; -ENODEV: no file system "ringbuf" is mounted there. */
static int path_check_folder(const char *path)
{
	char dir[PATH_MAX], *slash;
	int err;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	err = path_check(dir, -ENODEV);
	/* Without a folder of the caller's choice it is the mount that is missing. */
	return err == -ENOENT && !strcmp(dir, FOLDER) ? -ENODEV : err;
}

/*
 * Whether @name is a ring of the module, or would be made in a file system of such rings.
 * The folder of a ring that is bound into a container alone is in another file system.
 */
bool lib_module_has(const char *name)
{
	char path[PATH_MAX];

	return !path_of(name, path) && (!lib_module_is_ring(path) || !path_check_folder(path));
}

/* Make the file of @name.  Its descriptor, open for both, on which CREATE is to follow. */
int lib_module_make(const char *name)
{
	char path[PATH_MAX];
	int err = path_of(name, path), fd;

	if (!err)
		err = path_check_folder(path);
	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return lib_fd_high(fd);
}

/*
 * Open the file of @name, as far as its mode allows: for reading and writing, else for
 * reading, unbound.  *both says which.
 */
int lib_module_look(const char *name, bool *both)
{
	char path[PATH_MAX];
	int err = path_of(name, path), fd;

	if (!err)
		err = lib_module_is_ring(path);
	if (err == -ENOENT)
		err = path_check_folder(path) == -ENODEV ? -ENODEV : err;
	if (err)
		return err;
	fd = open(path, O_RDWR | O_CLOEXEC);
	*both = fd >= 0;
	if (fd < 0 && errno == EACCES)
		fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	return lib_fd_high(fd);
}

int lib_module_remove(const char *name)
{
	char path[PATH_MAX];
	int err = path_of(name, path);

	if (!err)
		err = lib_module_is_ring(path);
	if (err || !unlink(path))
		return err;
	return errno == EPERM ? -EACCES : -errno; /* EPERM: another user's, in a sticky folder */
}
