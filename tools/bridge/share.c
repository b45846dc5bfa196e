// SPDX-License-Identifier: GPL-2.0
/* See share.h. */
#include <errno.h>
#include <string.h>

#include "../common/clock.h"
#include "batch.h"
#include "share.h"

#define ROOM_NS	 (100 * NS_PER_MS) /* how long to wait for room at a time */
#define MOST_ACK 512 /* more messages than can be unacknowledged in the ring */

/* ---- acknowledgments that were not sent before the bridge was killed
 * ----------------------------- */

/* @seen: highest sequence number in the ring */
struct acks {
	natsConnection *nc;
	natsStatus status;
	uint64_t seen;
};

static void send_ack(const struct memory_entry *e, void *closure)
{
	struct acks *a = closure;

	a->seen = e->sequence > a->seen ? e->sequence : a->seen;
	/* Of a batch that is not complete the rest follows; see share_wait(). */
	if (*e->ack && !e->slots && a->status == NATS_OK)
		a->status = natsConnection_PublishString(a->nc, e->ack, "+ACK");
}

/* Acknowledge what is in the ring, once more: the server ignores it if it knows. */
static natsStatus acknowledge_again(struct subscriber *s)
{
	struct acks acks = { s->link.connection->nc, NATS_OK, s->seen };

	sink_each(s->sink, s->stream, MOST_ACK, send_ack, &acks);
	s->seen = acks.seen;
	return acks.status;
}

/* libnats would delete a consumer that js_PullSubscribe() makes, when the connection ends. */
static natsStatus make_consumer(struct subscriber *s, jsErrCode *code)
{
	jsConsumerInfo *info = NULL;
	jsConsumerConfig c;
	natsStatus st =
		js_GetConsumerInfo(&info, s->link.js, s->b->stream, s->b->share, NULL, code);

	jsConsumerInfo_Destroy(info);
	if (st != NATS_NOT_FOUND)
		return st;
	st = jsConsumerConfig_Init(&c);
	if (st != NATS_OK)
		return st;
	c.Durable = s->b->share;
	c.FilterSubject = s->b->subject;
	c.AckPolicy = js_AckExplicit;
	c.AckWait = (int64_t)s->b->ack_wait;
	*code = 0;
	return js_AddConsumer(NULL, s->link.js, s->b->stream, &c, NULL, code);
}

natsStatus share_consume(struct subscriber *s, natsSubscription **sub, jsErrCode *code)
{
	jsSubOptions o;
	natsStatus st = acknowledge_again(s);

	if (st == NATS_OK)
		st = make_consumer(s, code);
	if (st == NATS_OK)
		st = jsSubOptions_Init(&o);
	if (st != NATS_OK)
		return st;
	o.Stream = s->b->stream;
	o.Consumer = s->b->share;
	return js_PullSubscribe(sub, s->link.js, s->b->subject, s->b->share, NULL, &o, code);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

/*
 * Put a message into the ring.
 * @ack: subject by which it is acknowledged, NULL: unknown
 * @slots: number of slots of its batch up to it, 0 if others do not follow
 */
static int put(struct subscriber *s, const char *ack, const struct piece *piece, unsigned int count,
	       const struct label *l, uint64_t slots)
{
	struct memory_entry e = { .sequence = s->next, .source = l->position, .slots = slots };
	int err;

	strcpy(e.uuid, l->uuid);
	if (ack && strlen(ack) < sizeof(e.ack))
		strcpy(e.ack, ack);
	err = sink_put(s->sink, s->stream, piece, count, l->flags, &e);
	if (err)
		return err;
	s->report->messages++;
	for (unsigned int i = 0; i < count; i++)
		s->report->bytes += piece[i].bytes;
	return 0;
}

/*
 * Put the slots of a batch into the ring, but those that it has.  A batch that was begun goes into
 * no other ring, so wait for room.
 */
static int put_batch(struct subscriber *s, const char *ack, struct batch batch,
		     const struct label *l)
{
	uint64_t taken = s->stream->batch == s->next ? s->stream->slots : 0;
	struct ringbuf_slot slot;
	struct label one = *l;
	struct piece piece;
	int err = 0;

	for (uint32_t n = 1; !err && batch_get(&batch, &slot); n++) {
		one.position = slot.position;
		one.flags = slot.flags;
		piece = (struct piece){ slot.data, slot.length };
		if (n <= taken)
			continue;
		if (slot.length > s->sink->geometry.slot_bytes)
			subscriber_lose(s, 1, "it is longer than a slot of the ring");
		else
			err = put(s, ack, &piece, 1, &one, n < l->slots ? n : 0);
	}
	return err;
}

static struct batch batch_of(natsMsg *msg)
{
	return (struct batch){
		.data = (char *)natsMsg_GetData(msg),
		.bytes = (size_t)natsMsg_GetDataLength(msg),
	};
}

/* Get message @sequence of the stream.  Return 0, -ENOENT if it exists no more, or -EAGAIN. */
static int get(struct subscriber *s, uint64_t sequence, natsMsg **msg)
{
	jsErrCode code = 0;
	natsStatus st = js_GetMsg(msg, s->link.js, s->b->stream, sequence, NULL, &code);

	if (st == NATS_OK)
		return 0;
	if (st == NATS_NOT_FOUND)
		return -ENOENT;
	link_complain(&s->link, "cannot read the stream", st, code);
	return -EAGAIN;
}

/*
 * Get the parts before @last, which is the last one: other subscribers may have got them, but they
 * are in the stream, one behind the other.  Return 0, -ENOENT if one of them is missing, or another
 * negative errno.
 */
static int collect(struct subscriber *s, const struct label *last)
{
	natsMsg *msg = NULL;
	struct label l;
	int err = 0;

	for (uint32_t i = 0; !err && i < last->part; i++) {
		err = s->next > last->part - i ? get(s, s->next - last->part + i, &msg) : -ENOENT;
		if (err)
			break;
		if (!label_get(msg, &l) || l.part != i || l.parts != last->parts ||
		    (i ? !parts_continue(&s->parts, &l) : !label_same_message(&l, last)) ||
		    !parts_fit(&s->parts, &l, (size_t)natsMsg_GetDataLength(msg)))
			err = -ENOENT;
		else
			err = parts_keep(&s->parts, &msg, &l);
		natsMsg_Destroy(msg);
		msg = NULL;
	}
	return err;
}

/* Put the rest of the batch of @s->last into the ring. */
static int resume(struct subscriber *s)
{
	struct memory_entry *last = &s->last;
	natsMsg *msg = NULL;
	struct label l;
	int err;

	s->next = last->sequence;
	err = get(s, last->sequence, &msg);
	if (err && err != -ENOENT)
		return err;
	if (!err && label_get(msg, &l) && batch_is_whole(batch_of(msg), l.slots, l.position))
		err = put_batch(s, last->ack, batch_of(msg), &l);
	else
		subscriber_lose(s, 1, "the rest of a batch is missing");
	natsMsg_Destroy(msg);
	if (err && err != -ENOENT)
		return err;
	last->slots = 0;
	if (*last->ack)
		natsConnection_PublishString(s->link.connection->nc, last->ack, "+ACK");
	return 0;
}

int share_wait(struct subscriber *s)
{
	int err = 0;

	if (s->last.slots && s->last.epoch == s->stream->epoch)
		err = resume(s);
	return err ? err : sink_wait(s->sink, ROOM_NS);
}

/* Take the last part of a message that was split.  Of the other parts nothing is to be done. */
static int take_last(struct subscriber *s, natsMsg **msg, const struct label *l)
{
	natsMsg *last = *msg;
	int err = collect(s, l);

	if (!err && (!parts_continue(&s->parts, l) ||
		     !parts_fit(&s->parts, l, (size_t)natsMsg_GetDataLength(last))))
		err = -ENOENT;
	if (!err)
		err = parts_keep(&s->parts, msg, l);
	if (!err)
		err = sink_wait(s->sink, ROOM_NS);
	if (!err)
		err = put(s, natsMsg_GetReply(last), s->parts.piece, s->parts.count, l, 0);
	/* parts_keep() has taken the message, unless it failed before. */
	if (!*msg && err)
		share_refuse(last);
	else if (!*msg)
		natsMsg_Ack(last, NULL);
	parts_forget(&s->parts);
	return err;
}

/* Take a message that was not split, or a batch. */
static int take_whole(struct subscriber *s, natsMsg *msg, const struct label *l)
{
	struct piece piece = { natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg) };
	const char *ack = natsMsg_GetReply(msg);
	int err = sink_wait(s->sink, ROOM_NS);

	if (err)
		return err;
	return l->slots > 1 ? put_batch(s, ack, batch_of(msg), l) : put(s, ack, &piece, 1, l, 0);
}

/* Take a message that this ring does not have yet, or a part of it. */
static int take_new(struct subscriber *s, natsMsg **msg, const struct label *l)
{
	const char *why = l->slots > 1 ? NULL : parts_refuse(l, s->sink->geometry.slot_bytes);
	bool last = l->part + 1 == l->parts;
	int err = 0;

	if (!why && l->parts == 1)
		err = take_whole(s, *msg, l);
	else if (!why && last)
		err = take_last(s, msg, l);
	if (err == -ENOENT) {
		why = "a part of it is missing";
		err = 0;
	}
	if (err)
		return err;
	if (why && last)
		subscriber_lose(s, 1, why);
	subscriber_count_lost(s, l);
	return 0;
}

/* @known: the ring has it already */
static int take(struct subscriber *s, natsMsg **msg, bool known)
{
	struct label l;

	if (known) {
		s->report->repeated++;
		return 0;
	}
	if (!label_get(*msg, &l) ||
	    (l.slots > 1 && !batch_is_whole(batch_of(*msg), l.slots, l.position))) {
		bridge_say("message %llu is not from a ringbuf-bridge and is left out",
			   (unsigned long long)s->next);
		return 0;
	}
	/* All subscribers have to find the end: see share_find_end(). */
	return l.end ? 0 : take_new(s, msg, &l);
}

int share_take(struct subscriber *s, natsMsg **msg)
{
	jsMsgMetaData *data = NULL;
	bool known;
	int err;

	if (natsMsg_GetMetaData(&data, *msg) != NATS_OK)
		return 0;
	s->next = data->Sequence.Stream;
	/* A server that was killed may have forgotten how often it has delivered a message. */
	known = s->next <= s->seen && sink_has(s->sink, s->stream, s->next);
	jsMsgMetaData_Destroy(data);
	err = take(s, msg, known);
	if (err)
		return err;
	s->report->position = s->next;
	s->seen = s->next > s->seen ? s->next : s->seen;
	if (*msg)
		natsMsg_Ack(*msg, NULL);
	return 0;
}

void share_refuse(natsMsg *msg)
{
	natsMsg_Nak(msg, NULL);
}

/* ---- the end
 * -------------------------------------------------------------------------------------- */

int share_find_end(struct subscriber *s, const jsConsumerInfo *info)
{
	natsMsg *msg = NULL;
	struct label l;
	int err = 0;

	if (info->NumPending || info->NumAckPending ||
	    js_GetLastMsg(&msg, s->link.js, s->b->stream, s->b->subject, NULL, NULL) != NATS_OK)
		return 0;
	if (label_get(msg, &l) && l.end && natsMsg_GetSequence(msg) == info->Delivered.Stream) {
		if (l.end == RINGBUF_STREAM_DONE && !s->stream->done)
			err = sink_done(s->sink, s->stream, natsMsg_GetSequence(msg));
		s->end = s->b->service ? RINGBUF_STREAM_OPEN : l.end;
	}
	natsMsg_Destroy(msg);
	return err;
}
