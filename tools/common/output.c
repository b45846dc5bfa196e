// SPDX-License-Identifier: GPL-2.0 OR MIT
/* See output.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

static const char *program;
static bool told;
static char buffer[1 << 16];

/*
 * Say once that stdout has failed with @err; 0 if an earlier write failed, whose errno stdio has
 * not kept.
 */
static void tell(int err)
{
	if (told)
		return;
	told = true;
	fprintf(stderr, "%s: stdout: %s\n", program,
		err == EBADF ? "it is closed"
		: err	     ? strerror(err)
			     : "a part could not be written");
}

bool output_flush(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return true;
	tell(errno);
	return false;
}

/* Flush stdout and close it: some file systems report a full disk only to close(2). */
static void check(void)
{
	bool arrived = output_flush();

	if (fclose(stdout) && arrived) {
		tell(errno);
		arrived = false;
	}
	if (!arrived || ferror(stderr))
		_exit(EXIT_FAILURE);
}

/*
 * Open each of the descriptors 0, 1 and 2 that is closed, on the root directory: it always exists,
 * and a descriptor that was opened with O_PATH can be neither read nor written.
 */
static void occupy(void)
{
	int fd;

	do {
		fd = open("/", O_PATH);
	} while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void output_begin(const char *name)
{
	program = name;
	occupy();
	/* So much that a help text is one write, whose error is kept. */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	atexit(check);
}
