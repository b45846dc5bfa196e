// SPDX-License-Identifier: GPL-2.0
/* usage: stream_read [FILE] - the default ring to stdout, until its writers are done */
#include <fcntl.h>

#include "io.h"

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "/dev/ringbuf";
	char buffer[65536];
	int fd = open(name, O_RDONLY);
	size_t n;

	if (fd < 0)
		die(name);
	while ((n = read_some(fd, buffer, sizeof(buffer), name)))
		write_all(1, buffer, n, "stdout");
	return 0;
}
