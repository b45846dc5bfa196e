/* SPDX-License-Identifier: GPL-2.0 */
/* What the bridge reports of itself on stdout. */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include <stdatomic.h>

#include "../common/uuid.h"
#include "bridge.h"

/**
 * struct report - counters of one pair of ring and stream
 * @uuid: of the ring, as text
 * @server: URL of the server, for output
 * @messages: messages passed on: stored by the server, or committed to the ring
 * @bytes: their bytes
 * @position: publish: position behind the last one in the ring; subscribe: its sequence number
 *	in the stream
 * @lost: slots or messages lost on the way, all of which were told on stderr
 * @repeated: messages that the other side had already
 * @connections: how often it has connected
 * @errors: how many complaints there were
 * @last_error: when the last one was, in seconds of CLOCK_REALTIME; 0: none
 * @said: the last complaint that was printed; this and the next three are only for the thread that
 *	changes the counters
 * @said_at: when that was
 * @trouble: something was complained of, and has not ended
 * @quiet: the complaint was not printed, since it came again so soon
 * @connected: it is connected now
 * @next: when the next report is due
 *
 * One thread changes the counters; others may read them.
 */
struct report {
	char uuid[UUID_TEXT_BYTES];
	const char *server;
	_Atomic uint64_t messages;
	_Atomic uint64_t bytes;
	_Atomic uint64_t position;
	_Atomic uint64_t lost;
	_Atomic uint64_t repeated;
	_Atomic uint64_t connections;
	_Atomic uint64_t errors;
	_Atomic int64_t last_error;
	atomic_bool connected;
	uint64_t next;
	char said[512];
	uint64_t said_at;
	bool trouble;
	bool quiet;
};

/*
 * Say @text on stderr, unless it is what was said last and that was not long ago.
 * @again: add that this is tried again
 */
void report_complain(struct report *r, const char *text, bool again);

/* The same for what is wrong with the ring of @b, whose name is added unless it is the topic. */
void report_complain_of_ring(struct report *r, const struct bridge *b, const char *text);

/* Say that it continues, if anything was said. */
void report_calm(struct report *r);

/* Print a report if one is due. */
void report_if_due(struct report *r, const struct bridge *b);

/* Print the last report. */
void report_end(const struct report *r, const struct bridge *b);

#endif /* BRIDGE_REPORT_H */
