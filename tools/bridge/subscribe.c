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
#include "share.h"
#include "verify.h"

#define FETCH_MS  500
#define ASK_PAUSE (2 * NS_PER_S)
#define STALLS	  3 /* how often the bridge has to find that a consumer gives nothing */
#define LEADER	  (10 * NS_PER_S) /* how long the bridge reads without a consumer */
#define FORGET	  (60 * NS_PER_S) /* when the server forgets the consumer of a bridge that is gone */
#define MISSING	  NS_PER_S

/* ---- messages ----------------------------------------------------------------------- */

/* Say that a message has another number than the next one.  Return -EAGAIN: ask for it again. */
static int wrong_number(struct subscriber *s)
{
	report_complain(s->report, "a message has not come from the server, or has a wrong number",
			true);
	return -EAGAIN;
}

/* Count the messages from @s->next up to the one before @sequence as lost, each once. */
static void count_gap(struct subscriber *s, uint64_t sequence)
{
	uint64_t from = s->next > s->gap_to ? s->next : s->gap_to;

	if (s->alone && sequence > from)
		subscriber_lose(s, sequence - from, "the stream does not have them any more");
	s->gap_to = sequence > s->gap_to ? sequence : s->gap_to;
}

/* Take the message *@msg, number @sequence of the stream; if it is kept, *@msg becomes NULL. */
static int take(struct subscriber *s, natsMsg **msg, uint64_t sequence)
{
	bool again = sequence <= s->seen;
	int err;

	if (sequence < s->next || (sequence > s->next && s->alone && !verify_gap(s, sequence)))
		return wrong_number(s);
	if (sequence > s->next) {
		*s->chain = '\0';
		count_gap(s, sequence);
	}
	err = verify_next(s, *msg, sequence);
	if (err)
		return err;
	s->next = sequence;
	verify_note(s, *msg);
	err = subscriber_take(s, msg, again);
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

/*
 * Read the messages up to number @last one by one from the leader of the stream.  Return -EAGAIN,
 * or another errno if one of them cannot be put into the ring.
 */
static int read_leader(struct subscriber *s, uint64_t last)
{
	uint64_t number = s->next, until = clock_now() + LEADER;
	natsMsg *msg = NULL;
	natsStatus st;
	int err = 0;

	while (!err && number <= last && !s->end && !bridge_stop && clock_now() < until) {
		alive_beat();
		report_if_due(s->report, s->b);
		st = js_GetMsg(&msg, s->link.js, s->b->stream, number, NULL, NULL);
		if (st == NATS_OK && !strcmp(natsMsg_GetSubject(msg), s->b->subject)) {
			s->stamp = natsMsg_GetTime(msg);
			err = take(s, &msg, number);
		}
		natsMsg_Destroy(msg);
		msg = NULL;
		if (st != NATS_OK && st != NATS_NOT_FOUND)
			break;
		number++;
	}
	return err && err != -ETIMEDOUT ? err : -EAGAIN;
}

/*
 * A server that is cut off from its cluster continues with a consumer of its own.  But only the
 * leader of the stream, which has others with it, tells about the stream.  A server that does not
 * get what the others have does not say so: then our consumer, which may be there, gives nothing,
 * perhaps for ever, and the next one may be there, too.
 * *@err becomes -EAGAIN if another one is needed.
 */
static natsStatus ask_leader(struct subscriber *s, int *err)
{
	jsStreamInfo *info = NULL;
	natsStatus st = js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, NULL);
	bool less;
	uint64_t last;

	if (st != NATS_OK || s->b->share) {
		jsStreamInfo_Destroy(info);
		return st;
	}
	last = info->State.LastSeq;
	less = verify_has_less(s, &info->State);
	jsStreamInfo_Destroy(info);
	s->stalls = verify_has_more(s, last) ? s->stalls + 1 : 0;
	if (s->stalls >= STALLS) {
		report_complain(s->report,
				"the consumer gives no message, though the stream has more", true);
		*err = read_leader(s, last);
	} else if (less) {
		report_complain(s->report, "the stream has lost messages that have come", true);
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
			subscriber_say_lost(s);
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
	st = verify_stream(s, &code);
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
	subscriber_say_lost(s);
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
