// SPDX-License-Identifier: GPL-2.0
/* usage: stream_write [FILE] - stdin into the default ring */
#include <fcntl.h>

#include "io.h"

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "/dev/ringbuf";
	char buffer[65536];
	int fd = open(name, O_WRONLY);
	size_t n;

	if (fd < 0)
		die(name);
	while ((n = read_some(0, buffer, sizeof(buffer), "stdin")))
		write_all(fd, buffer, n, name);
	if (close(fd))
		die(name);
	return 0;
}
