/* SPDX-License-Identifier: GPL-2.0 */
/* What one ring has of the connection to the server: a JetStream context of its own. */
#ifndef BRIDGE_LINK_H
#define BRIDGE_LINK_H

#include "line.h"
#include "report.h"

/**
 * struct link - one JetStream context, from link_open() to link_close()
 * @connection: the connection that it belongs to, NULL while there is none
 * @next: for struct line
 * @js: the context
 * @ack: called, by a thread of libnats, for each acknowledgment; NULL: none
 * @wake: called, by a thread of libnats, when the connection was lost; NULL: none
 * @closure: for @ack and @wake
 * @heard: a server has answered as it should, so that this link may do what it does
 * @doubt: the server did not answer; it may be cut off from its cluster
 * @report: for complaints
 * @b: whose @report it is, NULL: none that is printed
 */
struct link {
	struct connection *connection;
	struct link *next;
	jsCtx *js;
	jsPubAckHandler ack;
	void (*wake)(void *closure);
	void *closure;
	bool heard;
	bool doubt;
	struct report *report;
	const struct bridge *b;
};

/*
 * Wait before another try: 50 ms at first, then longer, up to 5 s.  Print the reports that are due.
 * @l: or NULL
 * @tries: counts the tries
 */
void link_pause(struct link *l, unsigned int *tries);

/*
 * Connect, or use the connection that @line has, and try until it succeeds.  Say on stderr why not,
 * once for each reason.  @l->report, @ack, @wake and @closure are set.  Return false if bridge_stop
 * was set before.
 */
bool link_open(struct link *l, struct line *line);

/*
 * Give the context back, and the connection.  @l->ack may still be called, for a context that is
 * not
 * @l->js.
 */
void link_close(struct link *l);

/* Return whether the connection was lost. */
bool link_is_down(const struct link *l);

/* Replace what is not printable in @text, which a server has sent: a terminal might obey it. */
void link_clean(char *text);

/*
 * Say on stderr what failed, unless it is what was said last.
 * @words: what was tried
 */
void link_complain(struct link *l, const char *words, natsStatus s, jsErrCode code);

/* The same with the name of the stream of @l->b behind @words. */
void link_complain_of_stream(struct link *l, const char *words, natsStatus s, jsErrCode code);

#endif /* BRIDGE_LINK_H */
