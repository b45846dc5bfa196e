/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the bridge tells of a message in the headers of NATS.
 *
 * Nats-Msg-Id      UUID:POSITION of the ring and the slot; UUID:POSITION.PART.SIZE for part PART,
 *                  from 0 on, of a message that was split into parts of SIZE bytes;
 *                  UUID:end.POSITION for the end of the stream, POSITION being behind the last
 *                  slot.  By it the server finds messages that it has already, and a bridge that
 *                  restarts where to continue.  UUID:POSITION-SLOTS for a batch, POSITION being
 *                  that of its last slot: another batch may end there, too
 * Nats-Expected-Last-Msg-Id  the id of the message before, but for the first one of a connection of
 *                  the bridge: the server stores the message only behind that one, and subscribe
 *                  sees by it whether one is missing
 * Ringbuf-Slots    how many slots the message has, see batch.h; only if it is a batch of several,
 *                  and then it has no flags and no timestamp
 * Ringbuf-Parts    in how many parts the message was split; only if there are several
 * Ringbuf-Bytes    length of the whole message; only if there are several
 * Ringbuf-Flags    flags of the slot, unless 0
 * Ringbuf-Time     timestamp of the slot, ns of CLOCK_MONOTONIC where it was written, unless 0
 * Ringbuf-Lost     slots lost before this one, or this end, on the way to the stream, unless 0
 * Ringbuf-End      "done" or "died", as in enum ringbuf_end
 */
#ifndef BRIDGE_LABEL_H
#define BRIDGE_LABEL_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "../common/uuid.h"

#define LABEL_ID_BYTES 96
/* More than all headers of a message take: the server counts them to its payload. */
#define LABEL_BYTES 1024

/**
 * struct label - the headers of one message of the stream
 * @uuid: the ring, as text
 * @position: position of the slot; of a batch, that of its last slot; of an end, the position
 *	behind the last slot
 * @slots: number of slots; if there are several, this is a batch
 * @part: number of this part, from 0 on
 * @parts: number of parts
 * @part_bytes: most bytes of a part, if there are several
 * @bytes: length of the whole message
 * @flags: flags of the slot
 * @time: timestamp of the slot
 * @lost: slots lost before this one
 * @end: enum ringbuf_end; if it is not RINGBUF_STREAM_OPEN, this is no message of the ring
 */
struct label {
	char uuid[UUID_TEXT_BYTES];
	uint64_t position;
	uint32_t slots;
	uint32_t part;
	uint32_t parts;
	uint64_t part_bytes;
	uint64_t bytes;
	uint32_t flags;
	uint64_t time;
	uint64_t lost;
	uint32_t end;
};

/* Write the message id of @l. */
void label_id(char id[LABEL_ID_BYTES], const struct label *l);

/* Set the headers of @msg, but for the message id. */
natsStatus label_put(natsMsg *msg, const struct label *l);

/* Return whether both are of the same message of the same ring. */
bool label_same_message(const struct label *a, const struct label *b);

/* Read the headers of @msg.  Return false if no bridge has made them. */
bool label_get(natsMsg *msg, struct label *l);

#endif /* BRIDGE_LABEL_H */
