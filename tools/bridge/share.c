// SPDX-License-Identifier: GPL-2.0
/* See share.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "alive.h"
#include "batch.h"
#include "share.h"

#define ROOM_NS	 (100 * NS_PER_MS) /* how long to wait for room at a time */
#define MOST_ACK 512 /* more messages than can be unacknowledged in the ring */

/* ---- acknowledgments that were not sent before the bridge was killed
 * ----------------------------- */

/**
 * struct acks - acknowledgments
 * @left: how many may be sent
 * @seen: highest sequence number
 */
struct acks {
	natsConnection *nc;
	natsStatus status;
	unsigned int left;
	uint64_t seen;
};

static void send_ack(const struct memory_shared *e, void *closure)
{
	struct acks *a = closure;

	a->seen = e->sequence > a->seen ? e->sequence : a->seen;
	if (!a->left || !*e->ack || a->status != NATS_OK)
		return;
	a->left--;
	a->status = natsConnection_PublishString(a->nc, e->ack, "+ACK");
}

/* Acknowledge what is in the ring, once more: the server ignores it if it knows. */
static natsStatus acknowledge_again(struct subscriber *s)
{
	struct acks acks = { s->link.connection->nc, NATS_OK, MOST_ACK, 0 };

	sink_each_shared(s->sink, s->stream, send_ack, &acks);
	s->seen = acks.seen;
	return acks.status;
}

/* ---- the consumer -----------------------------------------------------------------------------
 */

static natsStatus make_consumer(struct subscriber *s, jsConsumerInfo **info, jsErrCode *code)
{
	jsConsumerConfig c;
	natsStatus st = jsConsumerConfig_Init(&c);

	if (st != NATS_OK)
		return st;
	c.Durable = s->b->share;
	c.FilterSubject = s->b->subject;
	c.AckPolicy = js_AckExplicit;
	c.AckWait = (int64_t)s->b->ack_wait;
	return js_AddConsumer(info, s->link.js, s->b->stream, &c, NULL, code);
}

/* Return what is wrong with a consumer that exists, or NULL: it may be shared. */
static const char *refuse_consumer(const struct subscriber *s, const jsConsumerConfig *c)
{
	if (c->DeliverSubject && *c->DeliverSubject)
		return "it pushes messages";
	if (c->AckPolicy != js_AckExplicit)
		return "its messages are not acknowledged one by one";
	if (c->MaxDeliver > 0)
		return "it gives up a message that was refused some times";
	if (c->FilterSubject && *c->FilterSubject && strcmp(c->FilterSubject, s->b->subject))
		return "it has another subject";
	return NULL;
}

/*
 * Find the consumer, or make it: libnats would delete one that js_PullSubscribe() makes, when the
 * connection ends.
 */
static natsStatus find_consumer(struct subscriber *s, jsErrCode *code)
{
	jsConsumerInfo *info = NULL;
	const char *why;
	char text[200];
	natsStatus st =
		js_GetConsumerInfo(&info, s->link.js, s->b->stream, s->b->share, NULL, code);

	if (st == NATS_NOT_FOUND) {
		*code = 0;
		st = make_consumer(s, &info, code);
	}
	if (st != NATS_OK)
		return st;
	why = refuse_consumer(s, info->Config);
	s->ack_wait = (uint64_t)info->Config->AckWait;
	jsConsumerInfo_Destroy(info);
	if (!why)
		return NATS_OK;
	snprintf(text, sizeof(text), "consumer %s cannot be shared: %s", s->b->share, why);
	report_complain(s->report, text, true);
	return NATS_INVALID_ARG;
}

natsStatus share_consume(struct subscriber *s, natsSubscription **sub, jsErrCode *code)
{
	jsSubOptions o;
	natsStatus st = acknowledge_again(s);

	if (st == NATS_OK)
		st = find_consumer(s, code);
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
	       const struct label *l, uint32_t slots, void (*waiting)(struct subscriber *s))
{
	return subscriber_put(s, piece, count, l, slots, ack ? ack : "", waiting);
}

/* Give the messages back that were fetched and not taken, so that others get them at once. */
static void refuse_rest(struct subscriber *s)
{
	for (int i = 0; s->list && i < s->list->Count; i++) {
		if (s->list->Msgs[i])
			natsMsg_Nak(s->list->Msgs[i], NULL);
		natsMsg_Destroy(s->list->Msgs[i]);
		s->list->Msgs[i] = NULL;
	}
}

/* In the middle of a batch: let no other subscriber have it. */
static void keep_batch(struct subscriber *s)
{
	refuse_rest(s);
	if (clock_now() < s->progress_due)
		return;
	s->progress_due = clock_now() + s->ack_wait / 4;
	natsConnection_PublishString(s->link.connection->nc, s->batch_ack, "+WPI");
}

/* Return the number of the last slot of @batch, from 1 on, that fits into a slot of the ring, or 0.
 */
static uint32_t last_that_fits(const struct subscriber *s, struct batch batch)
{
	struct ringbuf_slot slot;
	uint32_t last = 0;

	for (uint32_t n = 1; batch_get(&batch, &slot); n++)
		if (slot.length <= s->sink->geometry.slot_bytes)
			last = n;
	return last;
}

/*
 * Put the slots of a batch into the ring, but the first @taken ones.  A batch that was begun goes
 * into no other ring, so wait for room.
 */
static int put_batch(struct subscriber *s, const char *ack, struct batch batch,
		     const struct label *l, uint64_t taken)
{
	uint32_t last = last_that_fits(s, batch);
	struct ringbuf_slot slot;
	struct label one = *l;
	struct piece piece;
	int err = 0;

	snprintf(s->batch_ack, sizeof(s->batch_ack), "%s", ack ? ack : "");
	s->progress_due = clock_now() + s->ack_wait / 4;
	for (uint32_t n = 1; !err && batch_get(&batch, &slot); n++) {
		one.position = slot.position;
		one.flags = slot.flags;
		piece = (struct piece){ slot.data, slot.length };
		if (n <= taken)
			continue;
		err = put(s, ack, &piece, 1, &one, n < last ? n : 0,
			  *s->batch_ack ? keep_batch : NULL);
		if (err != -EMSGSIZE)
			continue;
		subscriber_lose(s, 1, "it is longer than a slot of the ring");
		err = 0;
	}
	return err;
}

/* Get message @sequence of the stream.  Return 0, -ENOENT if it exists no more, or -EAGAIN. */
static int get(struct subscriber *s, uint64_t sequence, natsMsg **msg)
{
	jsErrCode code = 0;
	natsStatus st;

	alive_beat();
	st = js_GetMsg(msg, s->link.js, s->b->stream, sequence, NULL, &code);

	if (st == NATS_OK)
		return 0;
	if (st == NATS_NOT_FOUND)
		return -ENOENT;
	link_complain_of_stream(&s->link, "cannot read", st, code);
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
	const char *ack = s->stream->ack_of == last->sequence ? s->stream->ack : NULL;
	natsMsg *msg = NULL;
	struct label l;
	bool same;
	int err;

	s->next = last->sequence;
	err = get(s, last->sequence, &msg);
	if (err && err != -ENOENT)
		return err;
	same = !err && natsMsg_GetTime(msg) == last->stamp && label_get(msg, &l) &&
	       batch_is_whole(subscriber_batch(msg), l.slots, l.position);
	s->stamp = last->stamp;
	if (same)
		err = put_batch(s, ack, subscriber_batch(msg), &l, last->slots);
	else if (err)
		subscriber_lose(s, 1, "the rest of a batch is missing");
	/* If another message has its number, a server has lost it, and its slots come again. */
	if (!same)
		ack = NULL;
	natsMsg_Destroy(msg);
	if (err && err != -ENOENT)
		return err;
	last->slots = 0;
	if (ack && *ack)
		natsConnection_PublishString(s->link.connection->nc, ack, "+ACK");
	return 0;
}

int share_wait(struct subscriber *s)
{
	int err = 0;

	if (s->last.slots && s->last.epoch == s->stream->epoch)
		err = resume(s);
	if (err)
		return err;
	if (s->want && sink_room(s->sink) < s->want) {
		clock_sleep_until(clock_now() + ROOM_NS);
		return -ETIMEDOUT;
	}
	s->want = 0;
	/* Become the writer of a ring that has ended only for a message. */
	return s->stream->done ? 0 : sink_wait(s->sink, ROOM_NS);
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
		err = put(s, natsMsg_GetReply(last), s->parts.piece, s->parts.count, l, 0, NULL);
	/* parts_keep() has taken the message, unless it failed before. */
	if (!*msg && err)
		natsMsg_Nak(last, NULL);
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
	uint64_t most = s->sink->geometry.slot_count, want = l->slots < most ? l->slots : most;
	int err = sink_wait(s->sink, ROOM_NS);

	if (err)
		return err;
	/* A batch that is begun has to be put as a whole. */
	if (want > 1 && sink_room(s->sink) < want) {
		s->want = want;
		return -ETIMEDOUT;
	}
	return l->slots > 1 ? put_batch(s, ack, subscriber_batch(msg), l, 0)
			    : put(s, ack, &piece, 1, l, 0, NULL);
}

/* Take a message that this ring does not have yet, or a part of it. */
static int take_new(struct subscriber *s, natsMsg **msg, const struct label *l)
{
	const char *why = l->slots > 1 ? NULL : parts_refuse(l, s->sink->geometry.slot_bytes);
	bool last = l->part + 1 == l->parts;
	int err = subscriber_refuse(s, l->slots > 1 ? batch_longest(subscriber_batch(*msg), 0)
						    : l->bytes);

	if (err)
		return err;

	if (!why && l->parts == 1 && (uint64_t)natsMsg_GetDataLength(*msg) != l->bytes)
		why = "it is not as long as its headers tell";
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

/* Take the message *@msg; if it is kept, *@msg becomes NULL. */
static int take(struct subscriber *s, natsMsg **msg)
{
	struct label l;

	if (!label_get(*msg, &l) ||
	    (l.slots > 1 && !batch_is_whole(subscriber_batch(*msg), l.slots, l.position))) {
		bridge_say("message %llu is not from a ringbuf-bridge and is left out",
			   (unsigned long long)s->next);
		return 0;
	}
	/*
	 * Ask for each message: a server that was killed may have forgotten how often it has
	 * delivered one.
	 */
	if (s->next <= s->seen && sink_has_shared(s->sink, s->stream, s->next, s->stamp)) {
		s->report->repeated++;
		return 0;
	}
	if (!l.end)
		return take_new(s, msg, &l);
	/* All subscribers have to find the end: see share_find_end(). */
	subscriber_count_lost(s, &l);
	return 0;
}

/* Take the message *@msg, and acknowledge it. */
static int take_one(struct subscriber *s, natsMsg **msg)
{
	jsMsgMetaData *data = NULL;
	int err;

	if (natsMsg_GetMetaData(&data, *msg) != NATS_OK)
		return 0;
	s->next = data->Sequence.Stream;
	s->stamp = data->Timestamp;
	jsMsgMetaData_Destroy(data);
	err = take(s, msg);
	/* Others may have room for it, or longer slots. */
	if ((err == -ETIMEDOUT || err == -EAGAIN || err == -EMSGSIZE) && *msg)
		natsMsg_Nak(*msg, NULL);
	if (err)
		return err;
	s->report->position = s->next;
	s->seen = s->next > s->seen ? s->next : s->seen;
	if (*msg)
		natsMsg_Ack(*msg, NULL);
	return 0;
}

int share_take_all(struct subscriber *s, natsMsgList *list)
{
	/* After this time the server would soon give them to others. */
	uint64_t late = clock_now() + s->ack_wait / 2;
	natsMsg *msg;
	int err = 0;

	s->list = list;
	for (int i = 0; !err && i < list->Count && clock_now() < late; i++) {
		msg = list->Msgs[i];
		list->Msgs[i] = NULL;
		if (msg)
			err = take_one(s, &msg);
		natsMsg_Destroy(msg);
	}
	refuse_rest(s);
	s->list = NULL;
	return err;
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
			err = sink_done(s->sink, s->stream, natsMsg_GetSequence(msg),
					natsMsg_GetTime(msg));
		s->end = s->b->service ? RINGBUF_STREAM_OPEN : l.end;
	}
	natsMsg_Destroy(msg);
	return err;
}
