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

#define FLIGHT_MOST   1024 /* most parts on their way to the server; a power of two */
#define FLIGHT_ENOUGH (256 << 10) /* acknowledged bytes for which the main thread is woken */

/**
 * struct flight_part - one part that was sent and not acknowledged
 * @msg: libnats's message, only to be compared
 * @bytes: its bytes
 * @slots: how many slots are complete with it: 0 if other parts of the slot follow
 * @counted: how many of these no server has acknowledged before
 * @slot_bytes: bytes of those
 * @release_to: position behind the last one of these slots
 */
struct flight_part {
	const natsMsg *msg;
	size_t bytes;
	unsigned int slots;
	unsigned int counted;
	uint64_t slot_bytes;
	uint64_t release_to;
};

/* What the main thread waits for, besides acknowledgments. */
enum flight_wait {
	FLIGHT_AWAKE,
	FLIGHT_WAITS, /* nothing else */
	FLIGHT_WAITS_AT_RING, /* a message in the ring */
};

/**
 * struct flight - all that is on its way
 * @lock: for all below
 * @change: signaled after an acknowledgment, and when the connection was lost
 * @reader: its wait ends then, too; NULL: none
 * @js: the context whose acknowledgments count; NULL: none
 * @part: the parts, those from @tail to @head, each modulo FLIGHT_MOST
 * @bytes: sum of their bytes
 * @acked: parts that were acknowledged since flight_take_acked()
 * @acked_bytes: their bytes
 * @release_to: position behind the last slot that was acknowledged since then, 0: none
 * @sequence: highest sequence number in the stream that was acknowledged
 * @held: parts whose acknowledgment told that the server had the message already, but not where,
 *since the last one that did not tell so.  The leader of a stream says it of a message that the
 *other replicas do not have yet; if it is cut off from them, it drops the message later.  But if it
 *	stores the next one, whose condition is the id of that message, all of them have it
 * @held_to: position behind the last slot that is complete with one of these, 0: none is
 * @held_slots: how many slots are to be counted with them
 * @held_bytes: their bytes
 * @wait: whether an acknowledgment has to wake the main thread
 * @stored: slots to be counted that the server has acknowledged since then
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
	uint32_t acked;
	uint64_t acked_bytes;
	uint64_t release_to;
	uint64_t sequence;
	uint32_t held;
	uint64_t held_to;
	unsigned int held_slots;
	uint64_t held_bytes;
	enum flight_wait wait;
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

/* Return whether parts are held, and no other acknowledgment is on its way. */
bool flight_holds(struct flight *f);

/* Return whether something was refused. */
bool flight_has_failed(struct flight *f);

/* Write what was refused, or an empty text. */
void flight_why(struct flight *f, char *text, size_t bytes);

/* Return whether parts are on their way.  @acked: [out] how many were acknowledged, or NULL */
bool flight_has_parts(struct flight *f, uint32_t *acked);

/*
 * Return the position below which all slots that were sent can be released, 0 if none was
 * acknowledged since the last call, and add to the counters of @r.  Raise *@sequence to the highest
 * sequence number in the stream that was acknowledged.
 */
uint64_t flight_take_acked(struct flight *f, struct report *r, uint64_t *sequence);

/*
 * Wait, for @ns at most, until as many parts were acknowledged as are still on their way, or
 * FLIGHT_ENOUGH bytes of them: one wake for each small part would cost more than to send it.
 * Return at once if none is on its way.
 */
void flight_wait(struct flight *f, uint64_t ns);

/*
 * Let acknowledgments end a wait at the ring that the caller begins now, as they would end
 * flight_wait().  Return false if that has happened already.
 */
bool flight_wait_at_ring(struct flight *f);

/* The wait at the ring has ended. */
void flight_end_wait(struct flight *f);

#endif /* BRIDGE_FLIGHT_H */
