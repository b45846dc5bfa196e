/* SPDX-License-Identifier: GPL-2.0 */
/* The connection to the server. */
#ifndef BRIDGE_LINK_H
#define BRIDGE_LINK_H

#include <nats/nats.h>
#include <stdatomic.h>

#include "bridge.h"

/**
 * struct link - one connection, from link_open() to link_close()
 * @nc: the connection, NULL while there is none; it does not reconnect by itself, since a message
 *that was lost with the old connection would then be overtaken by those that follow it
 * @js: its JetStream context
 * @down: the connection was lost
 * @ack: called, by a thread of libnats, for each acknowledgment; NULL: none
 * @wake: called, by a thread of libnats, when the connection was lost; NULL: none
 * @closure: for @ack and @wake
 */
struct link {
	_Atomic(natsConnection *) nc;
	jsCtx *js;
	atomic_bool down;
	jsPubAckHandler ack;
	void (*wake)(void *closure);
	void *closure;
};

/* Wait before another try: 50 ms at first, then longer, up to 5 s.  @tries counts the tries. */
void link_pause(unsigned int *tries);

/*
 * Connect, and try until it succeeds.  Say on stderr why not, once for each reason.  @l->ack, @wake
 * and
 * @closure are set.  Return false if bridge_stop was set before.
 */
bool link_open(struct link *l, const struct bridge *b);

/* Close the connection.  @l->ack may still be called, for a context that is not @l->js. */
void link_close(struct link *l);

/* Return whether the connection was lost. */
bool link_is_down(const struct link *l);

/*
 * Say on stderr what failed, unless it is what was said last.
 * @words: what was tried
 */
void link_complain(const char *words, natsStatus s, jsErrCode code);

/* Say @text on stderr, unless it is what was said last. */
void link_complain_text(const char *text);

/* Forget what was said last, since all is well again. */
void link_calm(void);

#endif /* BRIDGE_LINK_H */
