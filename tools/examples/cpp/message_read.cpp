// SPDX-License-Identifier: GPL-2.0
/* usage: message_read FILE - numbered messages to stdout, one read(2) each */
#include "ring.hpp"

int main(int argc, char **argv)
{
	return run(argc, argv, nullptr, [](const std::string &name) {
		Ring ring(name, RINGBUF_ROLE_READER);
		std::vector<char> message(ring.is.slot_bytes);
		uint64_t wanted = 0;

		while (size_t n = read_some(ring.fd, message.data(), message.size(), name)) {
			std::string_view bytes(message.data(), n);

			if (n < 8 || std::memcmp(bytes.data(), &wanted, 8))
				throw std::runtime_error(name + ": message " +
							 std::to_string(wanted) + " is missing");
			write_all(1, bytes.substr(8), "stdout");
			wanted++;
		}
	});
}
