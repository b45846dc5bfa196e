// SPDX-License-Identifier: GPL-2.0
/* usage: message_read FILE - numbered messages to stdout, one read(2) each */
#include "ring.h"

int main(int argc, char **argv)
{
	struct ring r;
	uint64_t wanted, number;
	char *message;
	size_t n;

	if (argc != 2)
		return fprintf(stderr, "usage: message_read FILE\n"), 2;
	r = ring_attach(argv[1], RINGBUF_ROLE_READER);
	message = malloc(r.is.slot_bytes);
	if (!message)
		die(argv[1]);
	for (wanted = 0; (n = read_some(r.fd, message, r.is.slot_bytes, argv[1])); wanted++) {
		memcpy(&number, message, sizeof(number));
		if (n < sizeof(number) || number != wanted)
			return fprintf(stderr, "%s: message %llu is missing\n", argv[1],
				       (unsigned long long)wanted),
			       1;
		write_all(1, message + sizeof(number), n - sizeof(number), "stdout");
	}
	free(message);
	return 0;
}
