// SPDX-License-Identifier: GPL-2.0
/* usage: message_write FILE - stdin in numbered messages, one write(2) each */
#include "ring.h"

int main(int argc, char **argv)
{
	struct ring r;
	uint64_t number;
	char *message;
	size_t n;

	if (argc != 2)
		return fprintf(stderr, "usage: message_write FILE\n"), 2;
	r = ring_attach(argv[1], RINGBUF_ROLE_WRITER);
	message = malloc(r.is.slot_bytes);
	if (!message || r.is.slot_bytes <= sizeof(number))
		return fprintf(stderr, "%s: no room for a message\n", argv[1]), 1;
	for (number = 0;; number++) {
		n = read_some(0, message + sizeof(number), r.is.slot_bytes - sizeof(number),
			      "stdin");
		if (!n)
			break;
		memcpy(message, &number, sizeof(number));
		write_all(r.fd, message, sizeof(number) + n, argv[1]);
	}
	free(message);
	return 0;
}
