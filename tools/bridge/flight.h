/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of messages that are on their way to the server, and its acknowledgments, which come in
 * a thread of libnats.
 */
#ifndef BRIDGE_FLIGHT_H
#define BRIDGE_FLIGHT_H

#include <nats/nats.h>
#include <pthread.h>

#include "report.h"

#define FLIGHT_MOST 256 /* most parts on their way to the server; a power of two */

/**
 * struct flight_part - one part that was sent and not acknowledged
 * @msg: libnats's message, only to be compared
 * @bytes: its bytes
 * @slot_bytes: bytes of its slot, if it is the last part of one, else 0
 * @last: it is the last part of a slot that is still in the ring
 */
struct flight_part {
	const natsMsg *msg;
	size_t bytes;
	uint64_t slot_bytes;
	bool last;
};

/**
 * struct flight - all that is on its way
 * @lock: for all below
 * @change: signaled after an acknowledgment, and when the connection was lost
 * @reader: its wait ends then, too; NULL: none
 * @js: the context whose acknowledgments count; NULL: none
 * @part: the parts, those from @tail to @head, each modulo FLIGHT_MOST
 * @bytes: sum of their bytes
 * @acked: slots that can be released
 * @stored: slots that the server has acknowledged, since flight_take_acked()
 * @stored_bytes: their bytes
 * @repeated: acknowledgments since then that told of a message that the server had already
 * @failed: the connection is of no use any more: something was refused
 * @why: what was refused, unless the connection was lost
 * @unused: the next one that flight_new() may return, while nothing uses this one
 */
struct flight {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct ringbuf_reader *reader;
	jsCtx *js;
	struct flight_part part[FLIGHT_MOST];
	uint32_t head;
	uint32_t tail;
	uint64_t bytes;
	unsigned int acked;
	uint64_t stored;
	uint64_t stored_bytes;
	uint64_t repeated;
	bool failed;
	char why[256];
	struct flight *unused;
};

/*
 * Return an empty flight, or NULL if there is no memory.  flight_drop() takes it back; the
 * structure stays, since a callback of libnats may come late, and is used again by another flight.
 */
struct flight *flight_new(void);
void flight_drop(struct flight *f);

/* Let acknowledgments end the current wait of @reader; NULL: of no reader any more. */
void flight_set_reader(struct flight *f, struct ringbuf_reader *reader);

/* Forget what the old connection had on its way.  @js: of the new connection, NULL: none */
void flight_begin(struct flight *f, jsCtx *js);

/* Handle an acknowledgment; a jsPubAckHandler for struct link.  @closure: the struct flight */
void flight_on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure);

/* End the current wait of the main thread; for struct link.  @closure: the struct flight */
void flight_wake(void *closure);

/* Add @part, before it is sent. */
void flight_add(struct flight *f, const struct flight_part *part);

/* Return whether another part may be sent now. */
bool flight_has_room(struct flight *f, const struct bridge *b);

/* Return whether something was refused. */
bool flight_has_failed(struct flight *f);

/* Write what was refused, or an empty text. */
void flight_why(struct flight *f, char *text, size_t bytes);

/* Return whether parts are on their way.  @acked: [out] how many were acknowledged, or NULL */
bool flight_has_parts(struct flight *f, uint32_t *acked);

/* Return how many slots can be released since the last call, and add to the counters of @r. */
unsigned int flight_take_acked(struct flight *f, struct report *r);

/* Wait, for @ns at most, for an acknowledgment.  Return at once if none is to come. */
void flight_wait(struct flight *f, uint64_t ns);

#endif /* BRIDGE_FLIGHT_H */
