// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Named rings of the module: files in a file system of type "ringbuf".
 *
 * A name without a slash is a file in $RINGBUF_DIR, or in /dev/rings if that is not set; a
 * name with a slash is a path.
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

/* Get the path of @name.  Returns 0, -EINVAL (empty name) or -ENAMETOOLONG. */
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

/* Return 0 if @path lies in a file system of type "ringbuf", @missing if not, or -errno. */
static int path_check(const char *path, int missing)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return fs.f_type == RINGBUF_FS_MAGIC ? 0 : missing;
}

/* Return 0 if the file at @path is a ring, -EPROTO if it is not, or -errno. */
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

/* Check the folder of @path.  -ENODEV: no file system of type "ringbuf" is mounted there. */
static int path_check_folder(const char *path)
{
	char dir[PATH_MAX], *slash;
	int err;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	err = path_check(dir, -ENODEV);
	/* If the default folder does not exist, the file system is not mounted. */
	return err == -ENOENT && !strcmp(dir, FOLDER) ? -ENODEV : err;
}

/*
 * Return whether @name is a ring of the module, or would be created in a file system of
 * type "ringbuf".  Check the file itself too: if a container has a bind mount of a single
 * ring, the folder of the ring is in another file system.
 */
bool lib_module_has(const char *name)
{
	char path[PATH_MAX];

	return !path_of(name, path) && (!lib_module_is_ring(path) || !path_check_folder(path));
}

/*
 * Make the file of @name.  Returns its descriptor, open for reading and writing, or -errno.
 * The caller then calls RINGBUF_IOC_CREATE on it.
 */
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
 * Open the file of @name, unbound: for reading and writing if its mode allows both, else for
 * reading.  *both tells which.  Returns a descriptor or -errno.
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
	return errno == EPERM ? -EACCES : -errno; /* EPERM: not the owner, in a sticky folder */
}
