// SPDX-License-Identifier: GPL-2.0
/* usage: stream_read [FILE] - the default ring to stdout, until its writers are done */
#include "ring.hpp"

int main(int argc, char **argv)
{
	return run(argc, argv, "/dev/ringbuf", [](const std::string &name) {
		File ring(name, O_RDONLY);
		std::vector<char> buffer(65536);

		while (size_t n = read_some(ring.fd, buffer.data(), buffer.size(), name))
			write_all(1, { buffer.data(), n }, "stdout");
	});
}
