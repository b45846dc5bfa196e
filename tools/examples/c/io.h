/* SPDX-License-Identifier: GPL-2.0 */
/* What every example needs: reads and writes that continue after a signal, and error exits. */
#ifndef EXAMPLE_IO_H
#define EXAMPLE_IO_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noreturn)) static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Read up to @size bytes, as many as are available.  Return their number, 0 at the end. */
static inline size_t read_some(int fd, void *to, size_t size, const char *name)
{
	ssize_t n;

	do
		n = read(fd, to, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		die(name);
	return (size_t)n;
}

static inline void write_all(int fd, const void *from, size_t size, const char *name)
{
	const char *at = from;
	ssize_t n;

	while (size) {
		n = write(fd, at, size);
		if (n < 0 && errno != EINTR)
			die(name);
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

#endif
