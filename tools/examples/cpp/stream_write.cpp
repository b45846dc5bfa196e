// SPDX-License-Identifier: GPL-2.0
/* usage: stream_write [FILE] - stdin into the default ring */
#include "ring.hpp"

int main(int argc, char **argv)
{
	return run(argc, argv, "/dev/ringbuf", [](const std::string &name) {
		File ring(name, O_WRONLY);
		std::vector<char> buffer(65536);

		while (size_t n = read_some(0, buffer.data(), buffer.size(), "stdin"))
			write_all(ring.fd, { buffer.data(), n }, name);
	});
}
