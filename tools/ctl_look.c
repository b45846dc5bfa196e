// SPDX-License-Identifier: GPL-2.0
/* How ringbufctl opens a ring that it only looks at. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rings.h"
#include "ctl.h"

/* Return 0 if the file @fd has a ring, -ENXIO if an attach would have to make it, or -errno. */
static int has_ring(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return st.st_size ? 0 : -ENXIO;
}

/*
 * Attach @fd, an open file of a ring, as an observer, and set @ring to the library's object, which
 * then owns @fd.  Return 0 or a negative errno.
 */
static int observe(int fd, struct ringbuf **ring)
{
	struct ringbuf_attach a = { .size = sizeof(a), .role = RINGBUF_ROLE_OBSERVER, .fd = -1 };
	int err = has_ring(fd);

	if (err)
		return err;
	if (ioctl(fd, RINGBUF_IOC_ATTACH, &a))
		return -errno;
	return ringbuf_import(fd, NULL, ring);
}

/*
 * Open the ring at @path.  A file of another kind is not opened, since opening a device can have
 * an effect: a tape rewinds.
 */
static int look_at_file(const char *path, struct ringbuf **ring)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st))
		return -errno;
	if (!S_ISFIFO(st.st_mode) || !rings_are_at(path))
		return -EPROTO;
	/* O_EXCL without O_CREAT opens the file without making a reader or its ring. */
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = observe(fd, ring);
	if (err)
		close(fd);
	return err;
}

int ctl_look(const char *name, enum ringbuf_host host, struct ringbuf **ring)
{
	char path[PATH_MAX], folder[PATH_MAX];
	int err;

	if (host != RINGBUF_HOST_MODULE)
		return ringbuf_open(name, host, ring);
	if (!rings_path(name, path) || !rings_folder_of(name, folder))
		return -ENAMETOOLONG;
	err = look_at_file(path, ring);
	return err == -ENOENT && rings_missing(folder) ? -ENODEV : err;
}
