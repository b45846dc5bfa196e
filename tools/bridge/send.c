// SPDX-License-Identifier: GPL-2.0
/*
 * The messages that publish.c sends: which part of which slot comes next, several short ones in a
 * batch, and what their headers tell.
 */
#include <errno.h>
#include <string.h>

#include "../../lib/inside.h"
#include "publisher.h"

void publisher_forget_slots(struct publisher *p)
{
	p->slots = 0;
	p->sent = 0;
	p->fresh = true;
	p->behind = true;
}

/* Send @msg, which this function takes, under the id of @l.  @done: what is complete with it */
static natsStatus send(struct publisher *p, natsMsg *msg, const struct label *l,
		       struct flight_part done)
{
	char id[LABEL_ID_BYTES];
	jsPubOptions o;
	natsStatus s = jsPubOptions_Init(&o);

	label_id(id, l);
	o.MsgId = id;
	/* A stream of another name that takes the subject later does not have the last id. */
	if (p->sent_any)
		o.ExpectLastMsgId = p->last_id;
	else
		o.ExpectStream = p->b->stream;
	if (!p->sent_any && p->last_seq)
		o.ExpectLastSeq = p->last_seq;
	else if (!p->sent_any)
		o.ExpectNoMessage =
			true; /* libnats takes a sequence number of 0 for no condition */
	if (s == NATS_OK)
		s = label_put(msg, l);
	if (s == NATS_OK) {
		done.msg = msg;
		done.bytes = (size_t)natsMsg_GetDataLength(msg) + LABEL_BYTES;
		flight_add(p->flight, &done);
		s = js_PublishMsgAsync(p->link.js, &msg, &o);
	}
	natsMsg_Destroy(msg);
	if (s != NATS_OK)
		return s;
	strcpy(p->last_id, id);
	p->last = *l;
	p->sent_any = true;
	return NATS_OK;
}

/* The position behind all that is in the stream, on its way, or given back to the writers. */
static uint64_t next_position(const struct publisher *p)
{
	return p->sent_to > p->released ? p->sent_to : p->released;
}

/*
 * How many slots were lost before @slot: those between it and the last one that is in the
 * stream or on its way, as far as they are no holes.
 */
static uint64_t lost_before(const struct publisher *p, const struct ringbuf_slot *slot)
{
	uint64_t from = next_position(p);
	uint64_t since = slot->position - from, before = from - p->sent_to;
	uint64_t lost = slot->position == p->lost_at ? p->lost : 0;

	return before + (lost < since ? lost : since);
}

/*
 * Set the part of @l that is to be sent next: the one behind the last message in the stream if that
 * is a part of the same slot, else the first.  The message in the stream may be from a connection
 * to a server with another max_payload, and then its parts do not fit those of this connection.
 */
static void choose_part(const struct publisher *p, struct label *l)
{
	const struct label *last = &p->last;

	if (last->position == l->position && last->parts == l->parts && last->bytes == l->bytes &&
	    last->part_bytes == l->part_bytes && last->part + 1 < last->parts)
		l->part = last->part + 1;
}

static struct label label_of(const struct publisher *p, const struct ringbuf_slot *slot)
{
	struct label l = {
		.position = slot->position,
		.slots = 1,
		.parts = slot->length ? (uint32_t)((slot->length - 1) / p->part_bytes + 1) : 1,
		.bytes = slot->length,
		.flags = slot->flags,
		.time = slot->timestamp,
	};

	strcpy(l.uuid, p->report->uuid);
	if (l.parts > 1)
		l.part_bytes = p->part_bytes;
	choose_part(p, &l);
	if (!l.part)
		l.lost = lost_before(p, slot);
	return l;
}

/* Tell of @lost slots before @position, but only once if the message must be sent again. */
static void tell_lost(struct publisher *p, uint64_t lost, uint64_t position)
{
	if (lost <= p->told)
		return;
	p->report->lost += lost - p->told;
	bridge_say("%llu slots before position %llu are lost: the ring does not have them any more",
		   (unsigned long long)(lost - p->told), (unsigned long long)position);
	p->told = lost;
}

void publisher_tell_lost(struct publisher *p)
{
	const struct ringbuf_slot *slot = &p->slot[p->sent];

	tell_lost(p, lost_before(p, slot), slot->position);
}

/*
 * Send @msg, made of the next @slots slots or of a part of one, unless a writer that does not wait
 * may have overwritten these meanwhile.  @l: its headers.  @done: what is complete with it
 */
static natsStatus send_whole(struct publisher *p, natsMsg *msg, const struct label *l,
			     const struct flight_part *done)
{
	uint64_t first = p->slot[p->sent].position;
	natsStatus s;

	if (lib_reader_whole(p->reader, l->position + 1)) {
		natsMsg_Destroy(msg);
		publisher_forget_slots(p);
		return NATS_OK;
	}
	s = send(p, msg, l, *done);
	if (s != NATS_OK)
		return s;
	tell_lost(p, l->lost, first);
	p->sent += done->slots;
	if (done->slots)
		p->sent_to = done->release_to;
	return NATS_OK;
}

/* Add @slot to what is complete with a part. */
static void complete(const struct publisher *p, struct flight_part *done,
		     const struct ringbuf_slot *slot)
{
	done->slots++;
	done->release_to = slot->position + 1;
	if (slot->position < p->counted_to)
		return;
	done->counted++;
	done->slot_bytes += slot->length;
}

/* Send the next part of the next slot, whose headers are @l. */
static natsStatus send_part(struct publisher *p, const struct label *l)
{
	const struct ringbuf_slot *slot = &p->slot[p->sent];
	size_t from = (size_t)l->part * p->part_bytes, bytes = slot->length - from;
	struct flight_part done = { 0 };
	natsMsg *msg = NULL;
	natsStatus s;

	if (bytes > p->part_bytes)
		bytes = p->part_bytes;
	if (l->part + 1 == l->parts)
		complete(p, &done, slot);
	s = natsMsg_Create(&msg, p->b->subject, NULL, (const char *)slot->data + from, (int)bytes);
	return s == NATS_OK ? send_whole(p, msg, l, &done) : s;
}

/* Return whether the next two slots have room in a batch.  @l: headers of the first one */
static bool may_batch(const struct publisher *p, const struct label *l, size_t room)
{
	const struct ringbuf_slot *slot = &p->slot[p->sent];

	return l->parts == 1 && !l->lost && p->sent + 1 < p->slots && slot[0].length < room &&
	       slot[1].length < room &&
	       slot[0].length + slot[1].length + (size_t)(2 * BATCH_HEAD) <= room;
}

/* Send the next slots in a batch, as many as have room in @room bytes. */
static natsStatus send_batch(struct publisher *p, size_t room)
{
	struct batch batch = { .data = p->batch, .bytes = room };
	const struct ringbuf_slot *slot = &p->slot[p->sent];
	struct flight_part done = { 0 };
	natsMsg *msg = NULL;
	struct label l;
	natsStatus s;

	for (; p->sent + done.slots < p->slots && batch_put(&batch, slot); slot++)
		complete(p, &done, slot);
	l = (struct label){ .position = done.release_to - 1, .slots = done.slots, .parts = 1 };
	strcpy(l.uuid, p->report->uuid);
	s = natsMsg_Create(&msg, p->b->subject, NULL, p->batch, (int)batch.used);
	return s == NATS_OK ? send_whole(p, msg, &l, &done) : s;
}

natsStatus publisher_send_next(struct publisher *p)
{
	size_t room = p->b->batch_bytes < p->part_bytes ? p->b->batch_bytes : p->part_bytes;
	struct label l = label_of(p, &p->slot[p->sent]);

	return may_batch(p, &l, room) ? send_batch(p, room) : send_part(p, &l);
}

natsStatus publisher_send_end(struct publisher *p)
{
	struct label l = { .position = next_position(p), .slots = 1, .parts = 1 };
	int end = lib_reader_end(p->reader);
	natsMsg *msg = NULL;
	natsStatus s;

	/* Another writer may have come meanwhile. */
	if (end <= RINGBUF_STREAM_OPEN)
		return NATS_OK;
	l.end = (uint32_t)end;
	p->ended = p->last.end && p->last.position == l.position;
	if (p->ended)
		return NATS_OK;
	s = natsMsg_Create(&msg, p->b->subject, NULL, "", 0);
	if (s != NATS_OK)
		return s;
	strcpy(l.uuid, p->report->uuid);
	l.lost = l.position - p->sent_to;
	p->ended = true;
	s = send(p, msg, &l, (struct flight_part){ 0 });
	if (s != NATS_OK)
		return s;
	tell_lost(p, l.lost, l.position);
	p->sent_to = l.position;
	return NATS_OK;
}
