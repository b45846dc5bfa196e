/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Several subscribers share the messages of a stream: each message goes into the ring of one of
 * them.  The server remembers, by a durable consumer, which messages it has given to which of them,
 * and gives a message again if it is not acknowledged in time.
 *
 * A message is acknowledged after it is in the ring.  How to acknowledge it is in the file of
 * memory.h before that, so a bridge that was killed between the two does it when it starts again.
 * A message reaches a second ring only if the bridge is away, or stopped, for longer than
 * @b->ack_wait between the two, or if the server was killed and has forgotten an acknowledgment:
 * then it gives the message to another bridge.  It never comes twice into one ring.
 */
#ifndef BRIDGE_SHARE_H
#define BRIDGE_SHARE_H

#include "subscriber.h"

/* Use the durable consumer @s->b->share, which is made if it does not exist. */
natsStatus share_consume(struct subscriber *s, natsSubscription **sub, jsErrCode *code);

/*
 * Put the rest of a batch into the ring, if the bridge was killed in the middle of one: no other
 * subscriber must get it.  Then wait for a moment until the ring has room, since a message that
 * waits for it would keep others from having it.  Return 0, -ETIMEDOUT, or another negative errno.
 */
int share_wait(struct subscriber *s);

/*
 * Take the messages of @list, or give them back if the ring has no room.  Return 0, -ETIMEDOUT if
 * it has no room, -EAGAIN if another connection is needed, or another negative errno.
 */
int share_take_all(struct subscriber *s, natsMsgList *list);

/*
 * Set @s->end if all messages of the stream are acknowledged, and the last one is an end.
 * Return 0 or a negative errno.
 */
int share_find_end(struct subscriber *s, const jsConsumerInfo *info);

#endif /* BRIDGE_SHARE_H */
