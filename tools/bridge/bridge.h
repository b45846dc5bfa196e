/* SPDX-License-Identifier: GPL-2.0 */
/* ringbuf-bridge: pass the messages of rings to and from NATS JetStream. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include <ringbuf.h>

#define EXIT_USAGE 2

/**
 * struct bridge - what the command line says
 * @ring: name of the ring
 * @stream: name of the stream
 * @subject: subject of the messages in the stream
 * @server: URL of the server
 * @server_shown: @server without the name and the password of the user, for output
 * @creds: file with the credentials of the user, or NULL
 * @state: folder for what a subscriber remembers, or NULL for the default one
 * @host: host of the ring
 * @window: how many messages may be on their way to the server
 * @window_bytes: how many bytes of messages may be on their way, but always one message
 * @slot_bytes: subscribe: capacity of a slot, if the ring has to be made
 * @slots: subscribe: number of slots, if the ring has to be made
 * @interval: time between two reports, in ns; 0: only one, at the end
 * @json: reports are JSON
 */
struct bridge {
	const char *ring;
	const char *stream;
	const char *subject;
	const char *server;
	const char *server_shown;
	const char *creds;
	const char *state;
	enum ringbuf_host host;
	unsigned int window;
	uint64_t window_bytes;
	uint64_t slot_bytes;
	uint64_t slots;
	uint64_t interval;
	bool json;
};

/* Set by SIGINT and SIGTERM: finish what is on its way, and end. */
extern volatile bool bridge_stop;

/* Print a line on stderr, after the name of the program. */
void bridge_say(const char *form, ...) __attribute__((format(printf, 1, 2)));

/*
 * Pass the messages of @ring to the stream until the ring's stream has ended, or bridge_stop is
 * set. Return the exit status.
 */
int publish(const struct bridge *b, struct ringbuf *ring);

/*
 * Pass the messages of the stream to @ring until the writers at the other end are done, or
 * bridge_stop is set.  Return the exit status.
 */
int subscribe(const struct bridge *b, struct ringbuf *ring);

/* Pass messages through a ring, a server of its own, and another ring.  Return the exit status. */
int demo(const struct bridge *b);

#endif /* BRIDGE_H */
