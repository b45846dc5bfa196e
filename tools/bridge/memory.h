/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a subscriber remembers in a file, so that it continues at the right message after it was
 * killed at any moment.
 *
 * Before a message is committed to the ring, the file gets its position there and its sequence
 * number in the stream.  The next subscriber finds out from the ring which position was committed
 * last, and from the file which message that was.  If the ring is another one, since the machine
 * was booted, it continues behind the last message that was committed to the old ring.
 *
 * Sequence numbers mean something in one stream only.  If the stream was deleted and made again, a
 * new epoch begins, and the numbers of the epochs before it are not used any more.
 *
 * Nothing is flushed to the disk: the file survives a SIGKILL of the bridge and an orderly reboot.
 * After a crash of the machine it may be older, and then messages come again.
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
 * @epoch: to which @sequence belongs
 * @uuid: that ring, as text; empty if there is no such message
 */
struct memory_entry {
	uint64_t position;
	uint64_t sequence;
	uint64_t source;
	uint64_t epoch;
	char uuid[40];
};

struct memory_file {
	uint64_t magic;
	uint64_t passed; /* all up to this sequence number are surely committed, or left out */
	uint64_t epoch; /* counts the streams of this name */
	int64_t created; /* when the server has made the stream, 0: not known yet */
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
 * @last: [out] the message, with an empty uuid if it is not known
 * Set @m->passed.
 */
void memory_find(struct memory_file *m, const uint8_t ring[RINGBUF_UUID_BYTES], uint64_t position,
		 struct memory_entry *last);

/* Begin a new epoch: the stream is another one, made at @created. */
void memory_restart(struct memory_file *m, int64_t created);

/* Remember @e before it is committed.  Set @e->epoch. */
void memory_put(struct memory_file *m, struct memory_entry *e);

/* Remember that all up to @sequence are committed, or left out. */
void memory_pass(struct memory_file *m, uint64_t sequence);

#endif /* BRIDGE_MEMORY_H */
