/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a subscriber remembers in a file, so that it continues at the right message after it was
 * killed at any moment.
 *
 * Before a message is committed to the ring, the file gets its position there and its sequence
 * number in the stream.  The next subscriber finds out from the ring which position was committed
 * last, and from the file which message that was.  If the ring is another one, since the machine
 * was booted, it continues behind the last message that was committed to the old ring.
 */
#ifndef BRIDGE_MEMORY_H
#define BRIDGE_MEMORY_H

#include "../common/uuid.h"
#include "bridge.h"

#define MEMORY_ENTRIES 256 /* more than there are slots in a batch */

/**
 * struct memory_entry - a message that was committed, or was about to be
 * @position: its position in the ring
 * @sequence: sequence number, in the stream, of its last part
 * @source: its position in the ring from which it came
 * @uuid: that ring, as text
 */
struct memory_entry {
	uint64_t position;
	uint64_t sequence;
	uint64_t source;
	char uuid[40];
};

struct memory_file {
	uint64_t magic;
	uint64_t committed; /* sequence number of the last message that is surely committed */
	uint8_t ring[RINGBUF_UUID_BYTES]; /* the ring to which the entries belong */
	struct memory_entry entry[MEMORY_ENTRIES];
};

/*
 * Map the file of @b's stream and ring, and lock it against a second subscriber.
 * Return NULL after a message on stderr.
 */
struct memory_file *memory_open(const struct bridge *b);

/*
 * Find what was committed last.
 * @ring: UUID of the ring
 * @position: the first position of the ring that is not committed
 * @last: [out] the message, with sequence 0 if there was none
 */
void memory_find(struct memory_file *m, const uint8_t ring[RINGBUF_UUID_BYTES], uint64_t position,
		 struct memory_entry *last);

/* Remember @e before it is committed. */
void memory_put(struct memory_file *m, const struct memory_entry *e);

/* Remember that all up to @e are committed. */
void memory_commit(struct memory_file *m, const struct memory_entry *e);

#endif /* BRIDGE_MEMORY_H */
