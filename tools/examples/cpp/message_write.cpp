// SPDX-License-Identifier: GPL-2.0
/* usage: message_write FILE - stdin in numbered messages, one write(2) each */
#include "ring.hpp"

int main(int argc, char **argv)
{
	return run(argc, argv, nullptr, [](const std::string &name) {
		Ring ring(name, RINGBUF_ROLE_WRITER);
		std::vector<char> message(ring.is.slot_bytes);
		uint64_t number = 0;

		if (message.size() <= sizeof(number))
			throw std::runtime_error(name + ": no room for a message");
		while (size_t n = read_some(0, message.data() + sizeof(number),
					    message.size() - sizeof(number), "stdin")) {
			std::memcpy(message.data(), &number, sizeof(number));
			write_all(ring.fd, { message.data(), sizeof(number) + n }, name);
			number++;
		}
	});
}
