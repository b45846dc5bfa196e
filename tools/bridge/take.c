// SPDX-License-Identifier: GPL-2.0
/*
 * What subscribe.c and share.c do with the messages of a stream: put them into the ring, or count
 * what is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "subscriber.h"

#define NAME_PAUSE NS_PER_S
#define SAY_PAUSE  NS_PER_S /* between two lines about what is lost */

bool subscriber_is_replaced(struct subscriber *s)
{
	if (!s->replaced && clock_now() >= s->name_due) {
		s->name_due = clock_now() + NAME_PAUSE;
		s->replaced = sink_is_replaced(s->sink);
		/* Its readers may have wanted that no others come. */
		if (s->replaced && !s->b->service)
			bridge_say("the ring has lost its name: no more readers can open it");
	}
	return s->replaced && s->b->service;
}

int subscriber_put(struct subscriber *s, const struct piece *piece, unsigned int count,
		   const struct label *l, uint32_t slots, const char *ack,
		   void (*waiting)(struct subscriber *s))
{
	struct memory_entry e = {
		.sequence = s->next,
		.source = l->position,
		.slots = slots,
		.stamp = s->stamp,
	};
	int err;

	strcpy(e.uuid, l->uuid);
	while ((err = sink_put(s->sink, s->stream, piece, count, l->flags, &e, ack)) ==
	       -ETIMEDOUT) {
		if (bridge_stop)
			return -EINTR;
		if (subscriber_is_replaced(s))
			return -EAGAIN;
		report_if_due(s->report, s->b);
		if (waiting)
			waiting(s);
	}
	if (err)
		return err;
	s->last = e;
	s->report->messages++;
	for (unsigned int i = 0; i < count; i++)
		s->report->bytes += piece[i].bytes;
	return 0;
}

/* Put the message into the ring, the last part of which is @s->next, as subscriber_put() does. */
static int commit(struct subscriber *s, const struct piece *piece, unsigned int count,
		  const struct label *l, uint32_t slots)
{
	return subscriber_put(s, piece, count, l, slots, NULL, NULL);
}

void subscriber_say_lost(struct subscriber *s)
{
	struct loss *loss = &s->loss;

	if (loss->count)
		bridge_say("%llu lost up to message %llu of the stream: %s",
			   (unsigned long long)loss->count, (unsigned long long)loss->sequence,
			   loss->why);
	loss->count = 0;
	loss->due = clock_now() + SAY_PAUSE;
}

void subscriber_lose(struct subscriber *s, uint64_t count, const char *why)
{
	struct loss *loss = &s->loss;

	if (loss->count && loss->why != why)
		subscriber_say_lost(s);
	s->report->lost += count;
	loss->count += count;
	loss->why = why;
	loss->sequence = s->next;
	if (clock_now() >= loss->due)
		subscriber_say_lost(s);
}

int subscriber_refuse(struct subscriber *s, uint64_t bytes)
{
	char text[300];

	if (s->b->drop_long || bytes <= s->sink->geometry.slot_bytes)
		return 0;
	snprintf(
		text, sizeof(text),
		"message %llu of the stream has %llu bytes, a slot of the ring %llu: make the ring "
		"again with --slot-bytes=%llu, or leave such messages out with --drop-long",
		(unsigned long long)s->next, (unsigned long long)bytes,
		(unsigned long long)s->sink->geometry.slot_bytes, (unsigned long long)bytes);
	report_complain_of_ring(s->report, s->b, text);
	return s->b->service ? -EAGAIN : -EMSGSIZE;
}

/* Drop the message of which @l is a part. */
static void drop(struct subscriber *s, const struct label *l, const char *why)
{
	if (!label_same_message(l, &s->dropped))
		subscriber_lose(s, 1, why);
	s->dropped = *l;
	parts_forget(&s->parts);
}

/* Drop the parts of a message whose other parts will not come. */
static void drop_parts(struct subscriber *s)
{
	if (s->parts.count)
		drop(s, &s->parts.label, "a part of it is missing");
}

/* Make ready for the part @l.  Return false if that part has no use. */
static bool expects(struct subscriber *s, const struct label *l)
{
	const char *why = parts_refuse(l, s->sink->geometry.slot_bytes);

	if (parts_continue(&s->parts, l))
		return true;
	/*
	 * The other bridge begins a message again if the server's max_payload has changed.  If it
	 * has lost slots before this one, the parts are of one of those, which is counted.
	 */
	if (!label_same_message(l, &s->parts.label) && !l->lost)
		drop_parts(s);
	parts_forget(&s->parts);
	if (!why && l->part)
		why = "its first part is missing";
	if (why)
		drop(s, l, why);
	return !why;
}

/* Return whether the message of @l was put into the ring before, and count it then. */
static bool is_repeated(struct subscriber *s, const struct label *l)
{
	if (l->position >= memory_source_to(s->stream, l->uuid))
		return false;
	s->report->repeated++;
	return true;
}

/* Take the slots of a batch, but those that were taken before a kill. */
static int take_batch(struct subscriber *s, struct batch batch, const struct label *l)
{
	uint64_t taken = memory_slots(s->stream, s->next, s->stamp);
	struct ringbuf_slot slot;
	struct label one = *l;
	struct piece piece;
	int err = 0;

	for (uint32_t n = 1; !err && batch_get(&batch, &slot); n++) {
		one.position = slot.position;
		one.bytes = slot.length;
		one.flags = slot.flags;
		piece = (struct piece){ slot.data, slot.length };
		if (n <= taken) {
			s->report->repeated++;
			continue;
		}
		if (!is_repeated(s, &one) && expects(s, &one))
			err = commit(s, &piece, 1, &one, n < l->slots ? n : 0);
	}
	return err;
}

/* Take one part of a message of a ring. */
static int take_part(struct subscriber *s, natsMsg **msg, const struct label *l)
{
	struct piece piece = { natsMsg_GetData(*msg), (size_t)natsMsg_GetDataLength(*msg) };
	int err;

	if (is_repeated(s, l) || !expects(s, l))
		return 0;
	if (!parts_fit(&s->parts, l, piece.bytes)) {
		drop(s, l, "it is not as long as its headers tell");
		return 0;
	}
	if (l->parts == 1)
		return commit(s, &piece, 1, l, 0);
	err = parts_keep(&s->parts, msg, l);
	if (err || l->part + 1 < l->parts)
		return err;
	err = commit(s, s->parts.piece, s->parts.count, l, 0);
	if (!err)
		parts_forget(&s->parts);
	return err;
}

struct batch subscriber_batch(natsMsg *msg)
{
	return (struct batch){
		.data = (char *)natsMsg_GetData(msg),
		.bytes = (size_t)natsMsg_GetDataLength(msg),
	};
}

void subscriber_count_lost(struct subscriber *s, const struct label *l)
{
	uint64_t to = memory_source_to(s->stream, l->uuid);
	uint64_t since = l->position > to ? l->position - to : 0, lost = l->lost;

	/* Some of them may have come before a server lost them; shared ones come in no order. */
	if (!s->b->share && lost > since)
		lost = since;
	if (!lost || l->part)
		return;
	s->report->lost += lost;
	bridge_say("%llu slots before position %llu of the other ring are lost",
		   (unsigned long long)lost, (unsigned long long)l->position);
}

/*
 * Take the end of the ring at the other end.  If its writers died, this one says nothing to its
 * readers until the process ends, and then the ring says that its writer died, too.
 */
static int take_end(struct subscriber *s, const struct label *l)
{
	int err = 0;

	if (l->end == RINGBUF_STREAM_DONE)
		err = sink_done(s->sink, s->stream, s->next, s->stamp);
	else
		bridge_say("the writers of the ring at the other end died");
	s->end = s->b->service ? RINGBUF_STREAM_OPEN : l->end;
	return err;
}

/* Return the length of the longest slot of a message that has not come before. */
static uint64_t longest_new(const struct subscriber *s, struct batch batch, const struct label *l)
{
	uint64_t to = memory_source_to(s->stream, l->uuid);

	if (l->slots > 1)
		return batch_longest(batch, to);
	return l->position >= to ? l->bytes : 0;
}

int subscriber_take(struct subscriber *s, natsMsg **msg, bool again)
{
	struct batch batch = subscriber_batch(*msg);
	struct label l;
	int err;

	if (!label_get(*msg, &l) || (l.slots > 1 && !batch_is_whole(batch, l.slots, l.position))) {
		if (!again)
			bridge_say("message %llu is not from a ringbuf-bridge and is left out",
				   (unsigned long long)s->next);
		return 0;
	}
	err = l.end ? 0 : subscriber_refuse(s, longest_new(s, batch, &l));
	if (err)
		return err;
	if (!again)
		subscriber_count_lost(s, &l);
	if (l.slots > 1)
		return take_batch(s, batch, &l);
	if (!l.end)
		return take_part(s, msg, &l);
	drop_parts(s);
	return take_end(s, &l);
}
