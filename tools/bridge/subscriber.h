/* SPDX-License-Identifier: GPL-2.0 */
/* State of a subscriber, which subscribe.c and share.c use, and what both do with messages. */
#ifndef BRIDGE_SUBSCRIBER_H
#define BRIDGE_SUBSCRIBER_H

#include "batch.h"
#include "link.h"
#include "parts.h"

/**
 * struct loss - messages that were lost and are not said yet: there may be many
 * @count: how many
 * @sequence: sequence number of the message at which the last one was found to be lost
 * @why: for which reason
 * @due: when to say it
 */
struct loss {
	uint64_t count;
	uint64_t sequence;
	const char *why;
	uint64_t due;
};

/**
 * struct subscriber - state of the bridge
 * @stream: what is remembered of the stream
 * @next: sequence number of the next message of the stream
 * @seen: highest sequence number that has come from this stream: a message that comes again, with
 *	another connection, is not counted again as lost or left out
 * @delivered: how many messages the server's consumer has sent
 * @chain: id of the last message of this consumer, empty if that is unknown
 * @stamp: when that was stored, 0 if that is unknown
 * @odd: the last message before which slots are missing: when it comes again they are counted
 * @odd_counted: the last one for which they were
 * @gap_to: up to the message before this one, missing numbers are counted
 * @alone: all messages of the stream have our subject, so that a gap means lost messages
 * @last: the last message that was committed
 * @parts: the message whose parts come in
 * @loss: what was lost last
 * @dropped: headers of the last message that was dropped, which is counted once
 * @end: the end of the stream has come: enum ringbuf_end
 * @ask_due: when the server is asked, if no message comes, whether it has the consumer
 * @examined: number of the last message of the stream when that had none for us
 * @missing_since: since when there is no such stream, 0: there is one
 * @stalls: how often in a row the stream had a message for us that the consumer did not give
 * @replaced: another ring has the name of this one
 * @ack_wait: with @b->share: how long the server waits for an acknowledgment, in ns
 * @batch_ack: subject by which the batch that is being put is acknowledged
 * @progress_due: when the server is told that this batch is still being put
 * @want: how many slots the last batch needed that found no room, 0: none
 * @list: with @b->share: the messages that were fetched and not taken yet
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
	char chain[LABEL_ID_BYTES];
	int64_t stamp;
	uint64_t odd;
	uint64_t odd_counted;
	uint64_t gap_to;
	bool alone;
	struct memory_entry last;
	struct parts parts;
	struct loss loss;
	struct label dropped;
	uint32_t end;
	uint64_t ask_due;
	uint64_t examined;
	uint64_t missing_since;
	unsigned int stalls;
	uint64_t name_due;
	bool replaced;
	uint64_t ack_wait;
	char batch_ack[256];
	uint64_t progress_due;
	uint64_t want;
	natsMsgList *list;
};

/* Count messages that are lost, and say so, now or in a second.  @why: a constant */
void subscriber_lose(struct subscriber *s, uint64_t count, const char *why);

/* Say on stderr what was lost and not said yet. */
void subscriber_say_lost(struct subscriber *s);

/*
 * Return 0 if a message of @bytes bytes fits into a slot of the ring, or is to be left out if it
 * does not; else, after a complaint, -EAGAIN: try again later, when the ring may be another one, or
 * -EMSGSIZE.
 */
int subscriber_refuse(struct subscriber *s, uint64_t bytes);

/* Count what the headers of message @next, which has not come before, tell of lost slots. */
void subscriber_count_lost(struct subscriber *s, const struct label *l);

/*
 * Put a message into the ring, as sink_put() does, but wait for room; count it, and set @s->last.
 * @piece, @count: its bytes
 * @l: its headers
 * @slots: how many slots of a batch are complete with it, 0 if no others follow
 * @ack: as for memory_put()
 * @waiting: called now and then meanwhile, or NULL
 * Return 0, -EINTR if bridge_stop is set, -EAGAIN if the ring was replaced, or another negative
 * errno.
 */
int subscriber_put(struct subscriber *s, const struct piece *piece, unsigned int count,
		   const struct label *l, uint32_t slots, const char *ack,
		   void (*waiting)(struct subscriber *s));

/*
 * Take the message *@msg, number @s->next of the stream; if it is kept, *@msg becomes NULL.
 * @again: it has come before
 * Return 0, -EAGAIN: try again later, or another negative errno.
 */
int subscriber_take(struct subscriber *s, natsMsg **msg, bool again);

/* The payload of @msg as a batch, which lives as long as @msg. */
struct batch subscriber_batch(natsMsg *msg);

/* Return whether a service has to use another ring of the same name, as far as can be told. */
bool subscriber_is_replaced(struct subscriber *s);

#endif /* BRIDGE_SUBSCRIBER_H */
