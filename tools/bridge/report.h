/* SPDX-License-Identifier: GPL-2.0 */
/* What the bridge reports of itself on stdout. */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include "../common/uuid.h"
#include "bridge.h"

/**
 * struct report - counters of this process
 * @messages: messages passed on: stored by the server, or committed to the ring
 * @bytes: their bytes
 * @position: publish: position behind the last one in the ring; subscribe: its sequence number
 *	in the stream
 * @lost: slots or messages lost on the way, all of which were told on stderr
 * @repeated: messages that the other side had already
 * @connections: how often it has connected
 * @connected: it is connected now
 * @next: when the next report is due
 */
struct report {
	uint64_t messages;
	uint64_t bytes;
	uint64_t position;
	uint64_t lost;
	uint64_t repeated;
	uint64_t connections;
	bool connected;
	uint64_t next;
};

/* Print a report if one is due.  @uuid: of the ring */
void report_if_due(struct report *r, const struct bridge *b, const char *uuid);

/* Print the last report. */
void report_end(const struct report *r, const struct bridge *b, const char *uuid);

#endif /* BRIDGE_REPORT_H */
