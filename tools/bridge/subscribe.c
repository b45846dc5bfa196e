// SPDX-License-Identifier: GPL-2.0
/*
 * From a stream to a ring, each message once and in order.
 *
 * The bridge reads the stream from the message behind the last one in the ring (memory.h), by a
 * consumer that the server forgets when the connection is lost: nothing that the server remembers
 * can differ from what is in the ring.  The parts of a message that was split stay in libnats's
 * messages until all have come: other streams may fill slots of the ring meanwhile.
 *
 * The bridge asks for as many messages as the window has room for, puts these into slots, and only
 * then asks for more.  So a ring that is full lets the messages stay in the stream.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "alive.h"
#include "batch.h"
#include "share.h"

#define FETCH_MS   500
#define ASK_PAUSE  (2 * NS_PER_S)
#define STALLS	   3 /* how often the bridge has to find that a consumer gives nothing */
#define FORGET	   (60 * NS_PER_S) /* when the server forgets the consumer of a bridge that is gone */
#define NAME_PAUSE NS_PER_S
#define MISSING	   NS_PER_S
#define SAY_PAUSE  NS_PER_S /* between two lines about what is lost */

/* ---- messages ----------------------------------------------------------------------- */

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

/* Say on stderr what was lost and not said yet. */
static void say_lost(struct subscriber *s)
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
		say_lost(s);
	s->report->lost += count;
	loss->count += count;
	loss->why = why;
	loss->sequence = s->next;
	if (clock_now() >= loss->due)
		say_lost(s);
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
	uint64_t taken = s->stream->batch == s->next ? s->stream->slots : 0;
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

/* Say that a message has another number than the next one.  Return -EAGAIN: ask for it again. */
static int wrong_number(struct subscriber *s)
{
	report_complain(s->report, "a message has not come from the server, or has a wrong number",
			true);
	return -EAGAIN;
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
	uint64_t to = memory_source_to(s->stream, l->uuid), bytes = 0;
	struct ringbuf_slot slot;

	if (l->slots <= 1)
		return l->position >= to ? l->bytes : 0;
	while (batch_get(&batch, &slot))
		if (slot.position >= to && slot.length > bytes)
			bytes = slot.length;
	return bytes;
}

/*
 * Take the message *@msg, number @next of the stream; if it is kept, *@msg becomes NULL.
 * @again: it has come before
 */
static int take_message(struct subscriber *s, natsMsg **msg, bool again)
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

/*
 * Ask the server whether the stream can have lost the messages from @s->next up to the one before
 * @sequence.
 */
static bool can_be_gone(const struct subscriber *s, uint64_t sequence)
{
	jsStreamInfo *info = NULL;
	const jsStreamState *state;
	uint64_t from = s->next;
	bool can = false;

	if (js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, NULL) == NATS_OK) {
		state = &info->State;
		from = state->FirstSeq > from ? state->FirstSeq : from;
		can = sequence <= state->LastSeq &&
		      (sequence <= from || sequence - from <= state->NumDeleted);
	}
	jsStreamInfo_Destroy(info);
	return can;
}

/* Remember the id of @msg for the next message. */
static void set_chain(struct subscriber *s, natsMsg *msg)
{
	const char *id = NULL;

	if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) != NATS_OK)
		return;
	/* No bridge has made a longer one. */
	snprintf(s->chain, sizeof(s->chain), "%s", strlen(id) < sizeof(s->chain) ? id : "");
}

/*
 * Return how many slots are missing before @msg.  If a server loses messages that this consumer has
 * given, and stores others, the consumer leaves those out which get the same numbers.  But the
 * server keeps the condition by which the other bridge has stored @msg: the id of the message
 * before it.  In a stream that others are copied into that one may be elsewhere.
 */
static uint64_t count_missing(const struct subscriber *s, natsMsg *msg)
{
	const char *before = NULL;
	char uuid[UUID_TEXT_BYTES];
	uint64_t position, to;

	if (!*s->chain || natsMsgHeader_Get(msg, "Nats-Expected-Last-Msg-Id", &before) != NATS_OK ||
	    strlen(before) <= UUID_TEXT_BYTES ||
	    strncmp(before, s->chain, UUID_TEXT_BYTES - 1) != 0 || !strcmp(before, s->chain))
		return 0;
	snprintf(uuid, sizeof(uuid), "%.*s", UUID_TEXT_BYTES - 1, before);
	/* An end, which begins with a word, has the position 0 here: it is no slot. */
	position = strtoull(before + UUID_TEXT_BYTES, NULL, 10);
	to = memory_source_to(s->stream, uuid);
	return to && position >= to ? position + 1 - to : 0;
}

/*
 * Return 0 if nothing is missing before *@msg, number @sequence, or if that is certain, and
 * counted; -EAGAIN: look for it again, with another consumer.
 */
static int check_next(struct subscriber *s, natsMsg *msg, uint64_t sequence)
{
	uint64_t missing = count_missing(s, msg);

	if (!missing)
		return 0;
	if (s->odd == sequence) {
		subscriber_lose(s, missing, "the stream does not have them");
		return 0;
	}
	s->odd = sequence;
	report_complain(s->report, "the stream has lost messages that have come, and got others",
			true);
	return -EAGAIN;
}

/* Take the message *@msg, number @sequence of the stream; if it is kept, *@msg becomes NULL. */
static int take(struct subscriber *s, natsMsg **msg, uint64_t sequence)
{
	bool again = sequence <= s->seen;
	int err;

	if (sequence < s->next || (sequence > s->next && s->alone && !can_be_gone(s, sequence)))
		return wrong_number(s);
	if (sequence > s->next) {
		*s->chain = '\0';
		if (s->alone && sequence > s->gap_to)
			subscriber_lose(s, sequence - s->next,
					"the stream does not have them any more");
		s->gap_to = sequence > s->gap_to ? sequence : s->gap_to;
	}
	err = check_next(s, *msg, sequence);
	if (err)
		return err;
	s->next = sequence;
	set_chain(s, *msg);
	err = take_message(s, msg, again);
	if (err)
		return err;
	s->seen = sequence > s->seen ? sequence : s->seen;
	s->report->position = sequence;
	s->next = sequence + 1;
	/* A message, or an end, that is in the ring has been passed already. */
	if (!s->parts.count && sequence > s->stream->passed)
		memory_pass(s->stream, sequence, s->stamp, s->stream->done);
	return 0;
}

/* ---- a connection ------------------------------------------------------------------- */

/*
 * Return whether the stream has message @sequence, stored at @stamp, or has dropped it.  @chain:
 * set
 * @s->chain and @s->stamp by it.  *st: NATS_OK, or why the server cannot be asked
 */
static bool has_message(struct subscriber *s, uint64_t sequence, int64_t stamp, bool chain,
			natsStatus *st)
{
	natsMsg *msg = NULL;
	bool same;

	alive_beat();
	*st = bridge_stop ? NATS_TIMEOUT
			  : js_GetMsg(&msg, s->link.js, s->b->stream, sequence, NULL, NULL);
	if (*st == NATS_NOT_FOUND) {
		*st = NATS_OK;
		return true;
	}
	if (*st != NATS_OK)
		return false;
	same = natsMsg_GetTime(msg) == stamp;
	if (same && chain) {
		set_chain(s, msg);
		s->stamp = stamp;
	}
	natsMsg_Destroy(msg);
	return same;
}

/* Return whether nothing was passed after @e. */
static bool is_last(const struct memory_stream *stream, const struct memory_entry *e)
{
	return e->sequence == stream->passed + (e->slots ? 1 : 0);
}

/*
 * Find out whether the stream still has the messages that were passed last: a server that was
 * restored, or has lost its last messages, gives their numbers to others.  Then continue behind the
 * last message in the ring that is the same.
 */
static natsStatus check_last(struct subscriber *s, uint64_t last_seq)
{
	const struct memory_stream *stream = s->stream;
	struct memory_entry e[MEMORY_ENTRIES];
	unsigned int count = sink_entries(s->sink, stream, e), i = 0;
	bool known = stream->stamp_of == stream->passed, lost = last_seq < stream->passed;
	natsStatus st = NATS_OK;

	if (!lost && known && stream->passed)
		lost = !has_message(s, stream->passed, stream->stamp, true, &st);
	/* The first of them may be in the middle of the batch behind. */
	while (st == NATS_OK && i < count &&
	       (e[i].sequence > last_seq || !has_message(s, e[i].sequence, e[i].stamp, false, &st)))
		i += st == NATS_OK;
	if (st != NATS_OK)
		return st;
	if (!lost && !i && (known || (count && is_last(stream, &e[0]))))
		return NATS_OK;
	sink_go_back(s->sink, s->stream, i < count ? &e[i] : NULL);
	*s->chain = '\0';
	s->stamp = 0;
	if (lost || i)
		bridge_say("stream %s does not have the messages any more that came last; "
			   "continuing behind %llu",
			   s->b->stream, (unsigned long long)stream->passed);
	s->seen = stream->passed;
	return NATS_OK;
}

/*
 * Find out whether the stream is still the one whose sequence numbers were remembered: if it was
 * deleted and made again, the server gives these numbers to other messages.
 */
static natsStatus check_stream(struct subscriber *s, const jsStreamInfo *info)
{
	const jsStreamConfig *c = info->Config;
	bool known = s->stream->created;

	s->alone = c && c->SubjectsLen == 1 && !strcmp(c->Subjects[0], s->b->subject);
	if (info->Created == s->stream->created)
		return s->b->share ? NATS_OK : check_last(s, info->State.LastSeq);
	if (known)
		bridge_say("stream %s is another one than before; starting at its first message",
			   s->b->stream);
	sink_restart(s->sink, s->stream, info->Created);
	s->seen = 0;
	return NATS_OK;
}

static natsStatus find_stream(struct subscriber *s, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus st = js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, code);

	if (st == NATS_OK)
		st = check_stream(s, info);
	jsStreamInfo_Destroy(info);
	return st;
}

static natsStatus consume(struct subscriber *s, natsSubscription **sub, jsErrCode *code)
{
	jsSubOptions o;
	natsStatus st = jsSubOptions_Init(&o);

	o.Stream = s->b->stream;
	o.Config.DeliverPolicy = js_DeliverByStartSequence;
	o.Config.OptStartSeq = s->next;
	o.Config.AckPolicy = js_AckNone;
	o.Config.InactiveThreshold = (int64_t)FORGET;
	o.Config.MemoryStorage = true;
	s->delivered = 0;
	return st == NATS_OK
		       ? js_PullSubscribe(sub, s->link.js, s->b->subject, NULL, NULL, &o, code)
		       : st;
}

/*
 * Take the message *@msg, if it is the one that the consumer has sent after the last one; if it is
 * kept, *@msg becomes NULL.
 */
static int take_next(struct subscriber *s, natsMsg **msg)
{
	jsMsgMetaData *data = NULL;
	int err;

	if (natsMsg_GetMetaData(&data, *msg) == NATS_OK &&
	    data->Sequence.Consumer == s->delivered + 1) {
		s->delivered++;
		s->stamp = data->Timestamp;
		err = take(s, msg, data->Sequence.Stream);
	} else {
		err = wrong_number(s);
	}
	jsMsgMetaData_Destroy(data);
	return err;
}

static int take_all(struct subscriber *s, natsMsgList *list)
{
	int err = 0;

	/* It has cut the headers off. */
	if (natsConnection_HasHeaderSupport(s->link.connection->nc) != NATS_OK) {
		report_complain(s->report, "the server gives no headers", true);
		return -EAGAIN;
	}
	if (s->b->share)
		return share_take_all(s, list);
	for (int i = 0; !err && !s->end && i < list->Count; i++) {
		err = take_next(s, &list->Msgs[i]);
		natsMsg_Destroy(list->Msgs[i]);
		list->Msgs[i] = NULL;
	}
	return err;
}

/*
 * Get the messages that the stream has, but no more than the window has room for.  If it has none,
 * wait for one.
 */
static natsStatus fetch(const struct subscriber *s, natsSubscription *sub, natsMsgList *list)
{
	jsFetchRequest request;
	natsStatus st;

	jsFetchRequest_Init(&request);
	request.Batch = (int)s->b->window;
	request.MaxBytes = (int64_t)s->b->window_bytes;
	request.Expires = FETCH_MS * (int64_t)NS_PER_MS;
	request.NoWait = true;
	st = natsSubscription_FetchRequest(list, sub, &request);
	if (st == NATS_OK)
		return st;
	/* Either there is none, or the next one alone is longer than the window. */
	request.MaxBytes = 0;
	request.Batch = 1;
	request.NoWait = false;
	return natsSubscription_FetchRequest(list, sub, &request);
}

/* Return whether the stream has a message for us, as far as its leader can be asked. */
static bool has_more(const struct subscriber *s)
{
	natsMsg *msg = NULL;
	bool more = js_GetLastMsg(&msg, s->link.js, s->b->stream, s->b->subject, NULL, NULL) ==
			    NATS_OK &&
		    natsMsg_GetSequence(msg) >= s->next;

	natsMsg_Destroy(msg);
	return more;
}

/*
 * Return whether the stream ends before the last message that this consumer has given, or with
 * another one of its number.
 */
static bool has_less(const struct subscriber *s, const jsStreamState *state)
{
	uint64_t last = s->next - 1;

	return s->stamp &&
	       (state->LastSeq < last || (state->LastSeq == last && state->LastTime != s->stamp));
}

/*
 * A server that is cut off from its cluster continues with a consumer of its own.  But only the
 * leader of the stream, which has others with it, tells about the stream.  A server that does not
 * get what the others have does not say so: then our consumer, which may be there, gives nothing.
 * *@err becomes -EAGAIN if another one is needed.
 */
static natsStatus ask_leader(struct subscriber *s, int *err)
{
	jsStreamInfo *info = NULL;
	natsStatus st = js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, NULL);
	const char *why = NULL;
	bool more;

	if (st != NATS_OK || s->b->share) {
		jsStreamInfo_Destroy(info);
		return st;
	}
	/* All up to @s->examined is of other subjects, as far as it is new. */
	more = info->State.LastSeq >= s->next && info->State.LastSeq != s->examined && has_more(s);
	if (!more && info->State.LastSeq >= s->next)
		s->examined = info->State.LastSeq;
	s->stalls = more ? s->stalls + 1 : 0;
	if (s->stalls >= STALLS)
		why = "the consumer gives no message, though the stream has more";
	else if (has_less(s, &info->State))
		why = "the stream has lost messages that have come";
	jsStreamInfo_Destroy(info);
	if (why) {
		report_complain(s->report, why, true);
		*err = -EAGAIN;
	}
	return st;
}

/*
 * Find out whether the server still has the consumer, now and then: if it has not, for instance
 * because the stream was deleted, it does not answer our requests.  @err: [out] a negative errno of
 * the ring, or -EAGAIN: another consumer is needed
 */
static natsStatus ask(struct subscriber *s, natsSubscription *sub, int *err)
{
	jsConsumerInfo *info = NULL;
	natsStatus st;

	if (clock_now() < s->ask_due)
		return NATS_OK;
	s->ask_due = clock_now() + ASK_PAUSE;
	if (!s->b->share) {
		st = natsSubscription_GetConsumerInfo(&info, sub, NULL, NULL);
	} else {
		st = js_GetConsumerInfo(&info, s->link.js, s->b->stream, s->b->share, NULL, NULL);
		if (st == NATS_OK)
			*err = share_find_end(s, info);
	}
	jsConsumerInfo_Destroy(info);
	return st == NATS_OK ? ask_leader(s, err) : st;
}

/*
 * Take messages until something fails or the end has come.  Return 0 then or when bridge_stop is
 * set, -EAGAIN when another connection is needed, or a negative errno of the ring.
 */
static int run(struct subscriber *s, natsSubscription *sub)
{
	natsMsgList list = { 0 };
	natsStatus st;
	int err = 0;

	while ((!err || err == -ETIMEDOUT) && !s->end && !bridge_stop &&
	       !subscriber_is_replaced(s)) {
		err = 0;
		alive_beat();
		report_if_due(s->report, s->b);
		if (s->loss.count && clock_now() >= s->loss.due)
			say_lost(s);
		if (s->b->share)
			err = share_wait(s);
		/* While the ring is full nothing else shows that the connection was lost. */
		if (err == -ETIMEDOUT && link_is_down(&s->link))
			return -EAGAIN;
		if (err)
			continue;
		st = fetch(s, sub, &list);
		if (st == NATS_OK) {
			s->stalls = 0;
			err = take_all(s, &list);
			if (!err)
				report_calm(s->report);
			natsMsgList_Destroy(&list);
			s->ask_due = clock_now() + ASK_PAUSE;
			continue;
		}
		if (st == NATS_TIMEOUT && !link_is_down(&s->link))
			st = ask(s, sub, &err);
		if (st != NATS_OK) {
			link_complain_of_stream(&s->link, "cannot read", st, 0);
			return -EAGAIN;
		}
	}
	return err;
}

/*
 * Begin with a new connection.  What was taken of a message that is not complete is taken again,
 * from the stream.  Return 0, -EAGAIN: the server does not answer as it should, or -ENOENT: there
 * is no such stream, which was found before.
 */
static int begin(struct subscriber *s, natsSubscription **sub)
{
	jsErrCode code = 0;
	natsStatus st;

	parts_forget(&s->parts);
	*s->chain = '\0';
	s->stamp = 0;
	s->stalls = 0;
	s->examined = 0;
	st = find_stream(s, &code);
	s->next = s->stream->passed + 1;
	if (st == NATS_OK)
		st = s->b->share ? share_consume(s, sub, &code) : consume(s, sub, &code);
	if (st == NATS_OK) {
		s->report->connections++;
		s->link.heard = true;
		s->missing_since = 0;
		return 0;
	}
	if (st == NATS_NOT_FOUND && s->b->found)
		return -ENOENT;
	if (code == JSStreamNotFoundErr && !s->missing_since)
		s->missing_since = clock_now();
	/* A publisher that was started at the same time is about to make it. */
	if (code != JSStreamNotFoundErr || clock_now() - s->missing_since > MISSING)
		link_complain_of_stream(&s->link, "cannot read", st, code);
	return -EAGAIN;
}

static int fail(const struct subscriber *s, enum error_step step, int err)
{
	struct ringbuf_config config = { .name = s->b->ring, .host = s->sink->geometry.host };
	char words[ERROR_WORDS_BYTES];

	report_complain_of_ring(s->report, s->b, error_words(words, step, err, &config));
	return 1;
}

/* Pass messages on until all is done.  Return 0 or a negative errno of the ring. */
static int pass(struct subscriber *s, struct line *line)
{
	natsSubscription *sub;
	unsigned int tries = 0;
	uint64_t before;
	int err = -EAGAIN;

	while (err == -EAGAIN && !bridge_stop && !subscriber_is_replaced(s) &&
	       link_open(&s->link, line)) {
		sub = NULL;
		before = s->report->messages;
		s->report->connected = true;
		err = begin(s, &sub);
		if (!err)
			err = run(s, sub);
		s->report->connected = false;
		natsSubscription_Destroy(sub);
		link_close(&s->link);
		if (s->report->messages != before)
			tries = 0;
		if (err == -EAGAIN && !subscriber_is_replaced(s))
			link_pause(&s->link, &tries);
	}
	return err == -EAGAIN ? 0 : err;
}

/* Pass messages to the ring, whose writer this process is if it is not a service. */
static int pass_all(struct subscriber *s, struct line *line)
{
	int err = s->b->service ? 0 : sink_attach(s->sink);

	if (err)
		return err == -EINTR ? 0 : fail(s, ERROR_WRITER, err);
	err = pass(s, line);
	say_lost(s);
	parts_forget(&s->parts);
	report_end(s->report, s->b);
	if (err == -ENOENT)
		return BRIDGE_GONE;
	/* subscriber_refuse() has said why. */
	if (err == -EMSGSIZE)
		return 1;
	return err && err != -EINTR ? fail(s, ERROR_USE, err) : 0;
}

int subscribe(const struct bridge *b, struct line *line, struct sink *sink, struct report *report)
{
	struct subscriber s = {
		.b = b, .sink = sink, .link = { .report = report, .b = b }, .report = report
	};
	int status;

	uuid_text(report->uuid, sink->geometry.uuid);
	s.stream = sink_join(sink, b->stream, &s.last);
	if (!s.stream) {
		report_complain_of_ring(report, b, "it gets the messages of too many streams");
		return 1;
	}
	status = pass_all(&s, line);
	sink_leave(sink, s.stream);
	parts_free(&s.parts);
	return status;
}
