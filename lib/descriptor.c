// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keep the library's descriptors off the standard streams.
 *
 * A process may have closed its standard streams, and the kernel assigns the
 * lowest free number.  A ring that is open as descriptor 1 would be overwritten
 * by the next printf().
 */
#include <fcntl.h>
#include <unistd.h>

#include "internal.h"

#define FD_FIRST 3 /* above the standard streams */

/* Copy @fd above the standard streams.  Returns the copy or a negative errno; @fd stays open. */
static int fd_copy(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);

	return high < 0 ? -errno : high;
}

/*
 * Move @fd, the result of open(2) or a similar call, above the standard streams.
 * Returns the descriptor to use.  On failure closes @fd and returns a negative errno;
 * if @fd is negative, returns the errno that the call has left.
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
 * Begin to take over @fd from the caller.  Returns a descriptor above the standard
 * streams for the same open file, which may be @fd itself, or a negative errno.
 * After success the caller must call lib_fd_took().
 */
int lib_fd_take(int fd)
{
	if (fd < 0)
		return -EBADF;
	return fd < FD_FIRST ? fd_copy(fd) : fd;
}

/*
 * Finish taking over @fd, for which lib_fd_take() returned @taken.  If @err is set, the
 * caller keeps @fd and @taken is closed; else @fd is closed.  Returns @err.
 */
int lib_fd_took(int fd, int taken, int err)
{
	if (taken != fd)
		close(err ? taken : fd);
	return err;
}
