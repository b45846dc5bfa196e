// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Descriptors of the library, and where they must not be.
 *
 * A process may have closed its standard streams, and the kernel gives out the
 * lowest free number.  A ring that were open as descriptor 1 would be overwritten
 * by the next printf().
 */
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

#define FD_FIRST 3 /* above the standard streams */

/* A copy of @fd that is no standard stream, or a negative errno; @fd stays open. */
static int fd_copy(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);

	return high < 0 ? -errno : high;
}

/*
 * Move @fd, which open(2) or the like has just returned, above the standard
 * streams.  Returns the descriptor to be used, or a negative errno, where
 * @fd has been closed, or was negative with the reason in errno.
 */
int lib_fd_high(int fd)
{
	int high;

	if (fd < 0)
		return -errno;
	if (fd >= FD_FIRST)
		return fd;
	high = fd_copy(fd);
	close(fd);
	return high;
}

/*
 * Begin to take over @fd of the caller.  Returns a descriptor above the standard
 * streams for the same open file, which may be @fd itself, or a negative errno.
 * lib_fd_took() has to follow.
 */
int lib_fd_take(int fd)
{
	if (fd < 0)
		return -EBADF;
	return fd < FD_FIRST ? fd_copy(fd) : fd;
}

/*
 * End what lib_fd_take() began by returning @taken for @fd.  With @err nothing was
 * taken over, and @fd is the caller's as before.  Returns @err.
 */
int lib_fd_took(int fd, int taken, int err)
{
	if (taken != fd)
		close(err ? taken : fd);
	return err;
}
