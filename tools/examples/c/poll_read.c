// SPDX-License-Identifier: GPL-2.0
/*
 * usage: poll_read FILE... - numbered messages of several rings to stdout, as they
 * come, each ring until its writers are done; in one thread, by poll(2).
 */
#include <poll.h>

#include "ring.h"

struct source {
	const char *name;
	struct ring ring;
	uint64_t wanted;
};

/* Read the message that poll has announced.  Return 0 at the end of the stream. */
static int take(struct source *s, char *message)
{
	size_t n = read_some(s->ring.fd, message, s->ring.is.slot_bytes, s->name);

	if (!n)
		return 0;
	if (n < 8 || memcmp(message, &s->wanted, 8)) {
		fprintf(stderr, "%s: message %llu is missing\n", s->name,
			(unsigned long long)s->wanted);
		exit(1);
	}
	s->wanted++;
	write_all(1, message + 8, n - 8, "stdout");
	return 1;
}

int main(int argc, char **argv)
{
	int count = argc - 1, open = count, i;
	struct source *s = calloc((size_t)argc, sizeof(*s));
	struct pollfd *p = calloc((size_t)argc, sizeof(*p));
	size_t room = 1;
	char *message;

	if (!count)
		return fprintf(stderr, "usage: poll_read FILE...\n"), 2;
	for (i = 0; i < count; i++) {
		s[i].name = argv[i + 1];
		s[i].ring = ring_attach(s[i].name, RINGBUF_ROLE_READER);
		p[i] = (struct pollfd){ .fd = s[i].ring.fd, .events = POLLIN };
		room = s[i].ring.is.slot_bytes > room ? s[i].ring.is.slot_bytes : room;
	}
	message = malloc(room);
	while (open && (poll(p, (nfds_t)count, -1) >= 0 || errno == EINTR)) {
		for (i = 0; i < count; i++) {
			/* poll() ignores a negative descriptor. */
			if (p[i].fd >= 0 && p[i].revents && !take(&s[i], message)) {
				p[i].fd = -1;
				open--;
			}
		}
	}
	return open ? 1 : 0;
}
