/* SPDX-License-Identifier: GPL-2.0 */
/* State of a subscriber, which subscribe.c and share.c use. */
#ifndef BRIDGE_SUBSCRIBER_H
#define BRIDGE_SUBSCRIBER_H

#include "link.h"
#include "parts.h"

/**
 * struct subscriber - state of the bridge
 * @stream: what is remembered of the stream
 * @next: sequence number of the next message of the stream
 * @seen: highest sequence number that has come from this stream: a message that comes again, with
 *	another connection, is not counted again as lost or left out
 * @delivered: how many messages the server's consumer has sent
 * @alone: all messages of the stream have our subject, so that a gap means lost messages
 * @last: the last message that was committed
 * @parts: the message whose parts come in
 * @dropped: headers of the last message that was dropped, which is counted once
 * @end: the end of the stream has come: enum ringbuf_end
 * @ask_due: when the server is asked, if no message comes, whether it has the consumer
 * @name_due: when a service finds out again whether the ring's name is still its name
 */
struct subscriber {
	const struct bridge *b;
	struct sink *sink;
	struct link link;
	struct report *report;
	struct memory_stream *stream;
	uint64_t next;
	uint64_t seen;
	uint64_t delivered;
	bool alone;
	struct memory_entry last;
	struct parts parts;
	struct label dropped;
	uint32_t end;
	uint64_t ask_due;
	uint64_t name_due;
};

/* Count messages that are lost, and say so. */
void subscriber_lose(struct subscriber *s, uint64_t count, const char *why);

/* Count what the headers of message @next, which has not come before, tell of lost slots. */
void subscriber_count_lost(struct subscriber *s, const struct label *l);

#endif /* BRIDGE_SUBSCRIBER_H */
