/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Several short messages of a ring in one message of a stream, since each message of a stream costs
 * the client library and the server much more than its bytes.
 *
 * The payload is, for each slot, 24 bytes and then the bytes of the slot, without padding.  The
 * 24 bytes are the position, the timestamp (64 bits each), the flags and the length (32 bits each),
 * all little-endian.
 */
#ifndef BRIDGE_BATCH_H
#define BRIDGE_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <ringbuf.h>

#define BATCH_HEAD 24

/**
 * struct batch - a payload that is being written or read
 * @data: where it begins
 * @bytes: how long it is; of one that is written, how long it may become
 * @used: how much is written, or was read
 */
struct batch {
	char *data;
	size_t bytes;
	size_t used;
};

/* Add a copy of @slot.  Return false if there is no room. */
bool batch_put(struct batch *b, const struct ringbuf_slot *slot);

/*
 * Read the next slot; its data are in @b, not copied.  Return false if there is none, or if it is
 * longer than the payload.
 */
bool batch_get(struct batch *b, struct ringbuf_slot *slot);

/* Return whether @b, of which nothing was read, is @slots slots, in order, up to @position. */
bool batch_is_whole(struct batch b, uint32_t slots, uint64_t position);

/* Return the length of the longest slot of @b at position @from or behind it, 0 if it has none. */
uint64_t batch_longest(struct batch b, uint64_t from);

#endif /* BRIDGE_BATCH_H */
