// SPDX-License-Identifier: GPL-2.0
/* How ringbufctl opens a ring that it only looks at. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rings.h"
#include "ctl.h"

/* Whether the file @fd has a ring yet, so that an attach makes none. */
static int has_ring(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return st.st_size ? 0 : -ENXIO;
}

/* Attach @fd, a file of the file system, as an observer, and make @ring of it. */
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

/* What is no ring is not opened: to open a device may change what it does. */
static int look_at_file(const char *path, struct ringbuf **ring)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st))
		return -errno;
	if (!S_ISFIFO(st.st_mode) || !rings_are_at(path))
		return -EPROTO;
	/* O_EXCL without O_CREAT: neither a reader nor the first use. */
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
