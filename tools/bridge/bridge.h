/* SPDX-License-Identifier: GPL-2.0 */
/* ringbuf-bridge: pass the messages of rings to and from NATS JetStream. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include <ringbuf.h>

#include "secure.h"

#define EXIT_USAGE  2
#define BATCH_MOST  65536 /* most bytes of a batch */
#define BRIDGE_GONE (-1) /* in place of an exit status: what to pass on exists no more */

#define REPLICAS_MOST 5 /* the most that a stream can have */

/**
 * struct server - how to reach the server
 * @url: its URL, or several with commas between them
 * @inbox: how the subjects for its answers begin, or NULL
 * @secure: files with secrets and certificates
 */
struct server {
	const char *url;
	const char *inbox;
	struct secure secure;
};

enum direction { PUBLISH, SUBSCRIBE };

/**
 * struct bridge - from one ring to one stream, or back, as the command line says it
 * @direction: PUBLISH: from the ring to the stream; SUBSCRIBE: from the stream to the ring
 * @ring: name of the ring
 * @stream: name of the stream
 * @subject: subject of the messages in the stream
 * @state: folder for what a subscriber remembers, or NULL for the default one
 * @host: host of the ring
 * @share: subscribe: name of a consumer that several subscribers share, or NULL
 * @ack_wait: subscribe, with @share: how long the server waits for an acknowledgment, in ns
 * @window: how many messages may be on their way to the server
 * @window_bytes: how many bytes of messages may be on their way, but always one message
 * @batch_bytes: publish: most bytes of a batch
 * @slot_bytes: subscribe: capacity of a slot, if the ring has to be made
 * @slots: subscribe: number of slots, if the ring has to be made
 * @wait_readers: subscribe: how many readers the ring waits for, if it has to be made
 * @drop_long: subscribe: leave out messages that are longer than a slot, and count them as lost
 * @mode: subscribe: permissions of the ring, if it has to be made; 0: the default ones
 * @retain: publish: how many slots that are stored stay in the ring
 * @replicas: publish: on how many servers the stream is, if it has to be made
 * @max_bytes: publish: how many bytes such a stream keeps, 0: any number
 * @max_age: publish: how long such a stream keeps a message, in ns, 0: for ever
 * @discard_old: publish: such a stream drops its oldest messages when it is full
 * @interval: time between two reports, in ns; 0: only one, at the end
 * @json: reports are JSON
 * @service: continue after the end of a stream, and wait for a ring that does not exist
 * @found: the names matched a pattern: end when the one that matched exists no more
 */
struct bridge {
	enum direction direction;
	const char *ring;
	const char *stream;
	const char *subject;
	const char *state;
	const char *share;
	uint64_t ack_wait;
	enum ringbuf_host host;
	unsigned int window;
	uint64_t window_bytes;
	uint64_t batch_bytes;
	uint64_t slot_bytes;
	uint64_t slots;
	uint32_t wait_readers;
	bool drop_long;
	uint32_t mode;
	uint64_t retain;
	unsigned int replicas;
	uint64_t max_bytes;
	uint64_t max_age;
	bool discard_old;
	uint64_t interval;
	bool json;
	bool service;
	bool found;
};

struct line;
struct report;
struct sink;

/* Set by SIGINT and SIGTERM: finish what is on its way, and end. */
extern volatile bool bridge_stop;

/* What bridge_say() says that a line of this thread is about; NULL: nothing. */
extern _Thread_local const char *bridge_topic;

/* Print a line on stderr, after the name of the program. */
void bridge_say(const char *form, ...) __attribute__((format(printf, 1, 2)));

/*
 * Pass the messages of @ring, which this function takes, to the stream until the ring's stream has
 * ended, or bridge_stop is set.  A service continues after that, until the name @b->ring is not
 * that of @ring any more. Return the exit status.
 */
int publish(const struct bridge *b, struct line *line, struct ringbuf *ring, struct report *report);

/*
 * Pass the messages of the stream to @sink until the writers at the other end are done, or
 * bridge_stop is set.  A service continues after that, until another ring has the name @b->ring.
 * Return the exit status, or BRIDGE_GONE if @b->found and there is no such stream any more.
 */
int subscribe(const struct bridge *b, struct line *line, struct sink *sink, struct report *report);

/* Pass messages through a ring, a server of its own, and another ring.  Return the exit status. */
int demo(const struct bridge *b);

#endif /* BRIDGE_H */
