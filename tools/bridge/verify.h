/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a stream has what a subscriber has seen of it.
 *
 * A server that was restored, or has lost its last messages, gives their numbers to others; in a
 * cluster the replicas of a stream may differ, and a consumer may be at one that gets nothing.  The
 * server says nothing of this.  So the number of a message and the time at which it was stored tell
 * whether it is the same, and the condition by which it was stored tells which one was before it.
 */
#ifndef BRIDGE_VERIFY_H
#define BRIDGE_VERIFY_H

#include "subscriber.h"

/*
 * Find out whether the stream is the one whose messages were passed, and whether it has these
 * still. If not, go back as far as needed.  Set @s->alone, and what verify_next() needs.
 */
natsStatus verify_stream(struct subscriber *s, jsErrCode *code);

/*
 * Ask the server whether the stream can have lost the messages from @s->next up to the one before
 * @sequence.
 */
bool verify_gap(const struct subscriber *s, uint64_t sequence);

/*
 * Return 0 if nothing is missing before @msg, number @sequence, or if that is certain, and counted;
 * -EAGAIN after a complaint: look for it again, with another consumer.
 */
int verify_next(struct subscriber *s, natsMsg *msg, uint64_t sequence);

/* Remember the id of @msg for the next message. */
void verify_note(struct subscriber *s, natsMsg *msg);

/*
 * Return whether the stream, which ends with @last_seq, has a message for us that has not come, as
 * far as its leader can be asked.
 */
bool verify_has_more(struct subscriber *s, uint64_t last_seq);

/*
 * Return whether the stream ends before the last message that this consumer has given, or with
 * another one of its number.
 */
bool verify_has_less(const struct subscriber *s, const jsStreamState *state);

#endif /* BRIDGE_VERIFY_H */
