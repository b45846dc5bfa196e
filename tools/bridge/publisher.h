/* SPDX-License-Identifier: GPL-2.0 */
/* State of a publisher, which publish.c, place.c, source.c and send.c use. */
#ifndef BRIDGE_PUBLISHER_H
#define BRIDGE_PUBLISHER_H

#include "batch.h"
#include "flight.h"
#include "label.h"
#include "link.h"

/**
 * struct publisher - state of the bridge
 * @released: position behind the last slot that was given back, at first that at which the reader
 *	attached; what is between the last message in the stream and this is lost
 * @begun: a server has told what the stream has
 * @begun_at: the position at which this process began
 * @stored_to: position behind the last slot that a server has acknowledged or has told to have
 * @stored_seq: highest sequence number that was acknowledged
 * @counted_to: position behind the last slot that the report counts
 * @lost_from: the servers have lost the slots from this one on, and have acknowledged none since;
 *	UINT64_MAX: they have
 * @lacking_since: since when the stream lacks slots below @stored_to that the ring does not have
 *	either, 0: it does not
 * @lost_at: the slot before which the reader has lost slots
 * @lost: how many slots it has lost there; the ring tells this once, the bridge perhaps on several
 *	connections
 * @told: how many lost slots were told since the last slot was given back
 * @slot: the slots that were peeked last
 * @slots: how many these are
 * @sent: how many of these were sent
 * @peeked_to: position behind the last slot that was peeked
 * @fresh: none was peeked on this connection, or since the reader was moved
 * @behind: all that was peeked since then was stored: a connection that was lost stored more than
 *	it acknowledged, or the slots were retained, or the reader attached too low
 * @sent_to: position behind the last slot that is in the stream or on its way
 * @part_bytes: most bytes of a part
 * @batch: the payload of the batch that is sent next
 * @last: the last message of this ring that is in the stream or on its way; @last.parts is 0 if
 *	that is unknown
 * @last_id: id of the last message that was sent
 * @last_seq: sequence number of the last message of the stream, before any was sent
 * @sent_any: one was sent on this connection
 * @ended: the end of the stream is in the stream, or on its way
 * @held_since: since when parts are held, see struct flight; 0: none are
 * @reopen_due: when a service opens a ring without writers again
 */
struct publisher {
	const struct bridge *b;
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	struct ringbuf_geometry geometry;
	struct link link;
	struct report *report;
	uint64_t released;
	bool begun;
	uint64_t begun_at;
	uint64_t counted_to;
	uint64_t stored_to;
	uint64_t stored_seq;
	uint64_t lost_from;
	uint64_t lacking_since;
	uint64_t lost_at;
	uint64_t lost;
	uint64_t told;
	struct ringbuf_slot slot[RINGBUF_BATCH_MAX];
	unsigned int slots;
	unsigned int sent;
	uint64_t peeked_to;
	bool fresh;
	bool behind;
	uint64_t sent_to;
	size_t part_bytes;
	char batch[BATCH_MOST];
	struct label last;
	char last_id[LABEL_ID_BYTES];
	uint64_t last_seq;
	bool sent_any;
	bool ended;
	uint64_t held_since;
	uint64_t reopen_due;
	struct flight *flight;
};

/*
 * Become a reader, from @position on or the next slot that the ring has, instead of @p->reader,
 * which may be NULL.  Return 0 or a negative errno; then @p->reader stays.
 */
int publisher_attach(struct publisher *p, uint64_t position);

/* Note what was acknowledged.  Return the position behind the last slot of it, 0 if it is none. */
uint64_t publisher_note_acked(struct publisher *p);

/* Give slots that the server has stored back to the writers.  Return 0 or a negative errno. */
int publisher_release(struct publisher *p);

/*
 * Get the slots behind those that were peeked, if all of these were sent.  If @fresh, begin at the
 * reader's cursor.
 * Return 0; -ENOBUFS: slots have to be released first; or an error of ringbuf_reader_peek().
 */
int publisher_look(struct publisher *p, int64_t timeout);

/*
 * The ring is full of slots that are retained, and of holes: release the first of them.  Return as
 * publisher_look() does.
 */
int publisher_make_room(struct publisher *p);

/* Set @last_seq and *@replicas; make the stream if there is none. */
natsStatus publisher_find_stream(struct publisher *p, int64_t *replicas, jsErrCode *code);

/*
 * Find out where to continue, and go there.  Return 0, a negative errno of the ring, or -EAGAIN:
 * ask the servers again.
 */
int publisher_find_place(struct publisher *p, int64_t replicas);

/* Forget what was peeked: the next look begins at the reader's cursor. */
void publisher_forget_slots(struct publisher *p);

/* Tell, unless it was told, how many slots are lost before the next one. */
void publisher_tell_lost(struct publisher *p);

/* Send the next slots or the next part of one. */
natsStatus publisher_send_next(struct publisher *p);

/*
 * Send the end of the stream, unless the stream has it already, and how many slots before it are
 * not in the stream though they were given back: the server can have lost what it had stored.
 */
natsStatus publisher_send_end(struct publisher *p);

#endif /* BRIDGE_PUBLISHER_H */
