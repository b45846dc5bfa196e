// SPDX-License-Identifier: GPL-2.0
/*
 * From a stream to a ring, each message once and in order.
 *
 * The bridge is the only writer of the ring, which is exclusive, so a slot that was reserved and
 * not committed leaves no trace when the bridge is killed.  It reads the stream from the message
 * behind the last one in the ring (memory.h), by a consumer that the server forgets when the
 * connection is lost: nothing that the server remembers can differ from what is in the ring.
 *
 * The bridge asks for as many messages as the window has room for, puts these into slots, and only
 * then asks for more.  So a ring that is full lets the messages stay in the stream.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/error.h"
#include "label.h"
#include "link.h"
#include "memory.h"
#include "report.h"

#define FETCH_MS 500
#define TICK	 (100 * NS_PER_MS)
#define FORGET	 (60 * NS_PER_S) /* when the server forgets the consumer of a bridge that is gone */

/**
 * struct subscriber - state of the bridge
 * @uuid: of the ring
 * @next: sequence number of the next message of the stream
 * @seen: highest sequence number that has come from this stream: a message that comes again, with
 *	another connection, is not counted again as lost or left out
 * @alone: all messages of the stream have our subject, so that a gap means lost messages
 * @last: the last message that was committed
 * @slot: the slot that is being filled, while @filling
 * @filled: bytes of @slot that are filled
 * @label: headers of the part that came last, while @filling
 * @dropped: headers of the last message that was dropped, which is counted once
 * @end: the end of the stream has come: enum ringbuf_end
 */
struct subscriber {
	const struct bridge *b;
	struct ringbuf_writer *writer;
	struct ringbuf_geometry geometry;
	char uuid[UUID_TEXT_BYTES];
	struct link link;
	struct report report;
	struct memory_file *memory;
	uint64_t next;
	uint64_t seen;
	bool alone;
	struct memory_entry last;
	struct ringbuf_slot slot;
	bool reserved;
	bool filling;
	uint64_t filled;
	struct label label;
	struct label dropped;
	uint32_t end;
};

/* ---- the ring --------------------------------------------------------------------- */

/* Have a slot reserved in @s->slot.  Return 0, -EINTR if bridge_stop is set, or another error. */
static int reserve(struct subscriber *s)
{
	int n;

	while (!s->reserved) {
		report_if_due(&s->report, s->b, s->uuid);
		n = ringbuf_writer_reserve(s->writer, &s->slot, 1, (int64_t)TICK);
		if (n == 1)
			s->reserved = true;
		else if (n != -ETIMEDOUT)
			return n;
		else if (bridge_stop)
			return -EINTR;
	}
	return 0;
}

/* Publish the slot, which holds a whole message, the last part of which is @s->next. */
static int commit(struct subscriber *s)
{
	struct memory_entry e = {
		.position = s->slot.position,
		.sequence = s->next,
		.source = s->label.position,
	};
	int err;

	strcpy(e.uuid, s->label.uuid);
	s->slot.length = s->filled;
	s->slot.flags = s->label.flags;
	memory_put(s->memory, &e);
	err = ringbuf_writer_commit(s->writer, &s->slot, 1);
	if (err)
		return err;
	memory_pass(s->memory, e.sequence);
	s->last = e;
	s->reserved = false;
	s->filling = false;
	s->report.messages++;
	s->report.bytes += s->filled;
	return 0;
}

static void lose(struct subscriber *s, uint64_t count, const char *why)
{
	s->report.lost += count;
	bridge_say("%llu messages before sequence %llu are lost: %s", (unsigned long long)count,
		   (unsigned long long)s->next, why);
}

static bool same_message(const struct label *a, const struct label *b)
{
	return a->position == b->position && !strcmp(a->uuid, b->uuid);
}

/* Drop the message of which @l is a part. */
static void drop(struct subscriber *s, const struct label *l, const char *why)
{
	if (!same_message(l, &s->dropped))
		lose(s, 1, why);
	s->dropped = *l;
	s->filling = false;
	s->filled = 0;
}

/* Drop the parts of a message whose other parts will not come. */
static void drop_parts(struct subscriber *s)
{
	if (s->filling)
		drop(s, &s->label, "a part of it is missing");
}

/* Return whether @l is the part that follows what is in the slot. */
static bool follows(const struct subscriber *s, const struct label *l)
{
	return s->filling && same_message(l, &s->label) && l->part == s->label.part + 1 &&
	       l->parts == s->label.parts && l->part_bytes == s->label.part_bytes &&
	       l->bytes == s->label.bytes;
}

/* Make the slot ready for the part @l.  Return false if that part has no use. */
static bool expects(struct subscriber *s, const struct label *l)
{
	if (follows(s, l))
		return true;
	/* The other bridge begins a message again if the server's max_payload has changed. */
	if (!same_message(l, &s->label))
		drop_parts(s);
	s->filling = false;
	s->filled = 0;
	if (l->bytes > s->geometry.slot_bytes)
		drop(s, l, "it is longer than a slot of the ring");
	else if (l->part)
		drop(s, l, "its first part is missing");
	else
		return true;
	return false;
}

/* Take one part of a message of a ring. */
static int take_part(struct subscriber *s, natsMsg *msg, const struct label *l)
{
	uint64_t bytes = (uint64_t)natsMsg_GetDataLength(msg);
	bool last = l->part + 1 == l->parts;
	int err;

	if (!strcmp(l->uuid, s->last.uuid) && l->position <= s->last.source) {
		s->report.repeated++;
		return 0;
	}
	if (!expects(s, l))
		return 0;
	err = reserve(s);
	if (err)
		return err;
	if (s->filled + bytes > l->bytes || (last && s->filled + bytes != l->bytes)) {
		drop(s, l, "it is not as long as its headers tell");
		return 0;
	}
	memcpy((char *)s->slot.data + s->filled, natsMsg_GetData(msg), bytes);
	s->filled += bytes;
	s->label = *l;
	s->filling = true;
	if (!last)
		return 0;
	err = commit(s);
	s->filled = 0;
	return err;
}

/* Count what the headers of message @next, which has not come before, tell of lost slots. */
static void count_lost(struct subscriber *s, const struct label *l)
{
	if (!l->lost || l->part)
		return;
	s->report.lost += l->lost;
	bridge_say("%llu slots before position %llu of the other ring are lost",
		   (unsigned long long)l->lost, (unsigned long long)l->position);
}

/* Take the message @msg, number @next of the stream.  @again: it has come before. */
static int take_message(struct subscriber *s, natsMsg *msg, bool again)
{
	struct label l;

	if (!label_get(msg, &l)) {
		if (!again)
			bridge_say("message %llu is not from a ringbuf-bridge and is left out",
				   (unsigned long long)s->next);
		return 0;
	}
	if (!again)
		count_lost(s, &l);
	if (!l.end)
		return take_part(s, msg, &l);
	drop_parts(s);
	s->end = l.end;
	return 0;
}

/* Take the message @msg, number @sequence of the stream. */
static int take(struct subscriber *s, natsMsg *msg, uint64_t sequence)
{
	bool again = sequence <= s->seen;
	int err;

	if (sequence < s->next)
		return 0;
	if (sequence > s->next && s->alone && !again)
		lose(s, sequence - s->next, "the stream does not have them any more");
	s->next = sequence;
	err = take_message(s, msg, again);
	if (err)
		return err;
	s->seen = sequence > s->seen ? sequence : s->seen;
	s->report.position = sequence;
	s->next = sequence + 1;
	/* An end is passed when the ring has got it, too; see subscribe(). */
	if (!s->filling && !s->end)
		memory_pass(s->memory, sequence);
	return 0;
}

/* ---- a connection ------------------------------------------------------------------- */

/*
 * Find out whether the stream is still the one whose sequence numbers were remembered: if it was
 * deleted and made again, or is older than it was, the server gives these numbers to other
 * messages.
 */
static void check_stream(struct subscriber *s, const jsStreamInfo *info)
{
	const jsStreamConfig *c = info->Config;
	bool known = s->memory->created;

	s->alone = c && c->SubjectsLen == 1 && !strcmp(c->Subjects[0], s->b->subject);
	if (info->Created == s->memory->created && info->State.LastSeq >= s->memory->passed)
		return;
	if (known)
		bridge_say("stream %s is another one than before; starting at its first message",
			   s->b->stream);
	memory_restart(s->memory, info->Created);
	s->seen = 0;
}

static natsStatus find_stream(struct subscriber *s, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus st = js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, code);

	if (st == NATS_OK)
		check_stream(s, info);
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
	return st == NATS_OK
		       ? js_PullSubscribe(sub, s->link.js, s->b->subject, NULL, NULL, &o, code)
		       : st;
}

/* The number of @msg in the stream, 0 if the server did not send it from there. */
static uint64_t sequence_of(natsMsg *msg)
{
	jsMsgMetaData *data = NULL;
	uint64_t sequence = 0;

	if (natsMsg_GetMetaData(&data, msg) == NATS_OK)
		sequence = data->Sequence.Stream;
	jsMsgMetaData_Destroy(data);
	return sequence;
}

static int take_all(struct subscriber *s, natsMsgList *list)
{
	int err = 0;

	for (int i = 0; !err && !s->end && i < list->Count; i++) {
		err = take(s, list->Msgs[i], sequence_of(list->Msgs[i]));
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
 * Take messages until something fails or the end has come.  Return 0 then or when bridge_stop is
 * set, -EAGAIN when another connection is needed, or a negative errno of the ring.
 */
static int run(struct subscriber *s, natsSubscription *sub)
{
	natsMsgList list = { 0 };
	natsStatus st;
	int err = 0;

	while (!err && !s->end && !bridge_stop) {
		report_if_due(&s->report, s->b, s->uuid);
		st = fetch(s, sub, &list);
		if (st == NATS_OK) {
			link_calm();
			err = take_all(s, &list);
			natsMsgList_Destroy(&list);
		} else if (link_is_down(&s->link) || st != NATS_TIMEOUT) {
			link_complain("cannot read the stream", st, 0);
			return -EAGAIN;
		}
	}
	return err;
}

/*
 * Begin with a new connection.  What was taken of a message that is not complete is taken again,
 * from the stream.  Return 0, or -EAGAIN: the server does not answer as it should.
 */
static int begin(struct subscriber *s, natsSubscription **sub)
{
	jsErrCode code = 0;
	natsStatus st;

	s->report.connections++;
	s->filling = false;
	s->filled = 0;
	st = find_stream(s, &code);
	s->next = s->memory->passed + 1;
	if (st == NATS_OK)
		st = consume(s, sub, &code);
	if (st == NATS_OK)
		return 0;
	link_complain("cannot read the stream", st, code);
	return -EAGAIN;
}

static int fail(const struct subscriber *s, enum error_step step, int err)
{
	struct ringbuf_config config = { .name = s->b->ring, .host = s->geometry.host };
	char words[ERROR_WORDS_BYTES];

	bridge_say("%s: %s", s->b->ring ? s->b->ring : "ring",
		   error_words(words, step, err, &config));
	return 1;
}

/* Become the writer.  The seat of a bridge that was killed may take a moment to be free. */
static int attach(struct subscriber *s, struct ringbuf *ring)
{
	uint64_t until = clock_now() + 2 * NS_PER_S;
	int err;

	do {
		err = ringbuf_writer_attach(ring, &s->writer);
		if (!err)
			err = reserve(s);
		if (err) {
			ringbuf_writer_close(s->writer);
			s->writer = NULL;
		}
	} while (err == -EBUSY && clock_now() < until && !bridge_stop);
	return err;
}

/* Pass messages on until all is done.  Return 0 or a negative errno of the ring. */
static int pass(struct subscriber *s)
{
	natsSubscription *sub;
	unsigned int tries = 0;
	uint64_t before;
	int err = -EAGAIN;

	while (err == -EAGAIN && !bridge_stop && link_open(&s->link, s->b)) {
		sub = NULL;
		before = s->report.messages;
		s->report.connected = true;
		err = begin(s, &sub);
		if (!err)
			err = run(s, sub);
		s->report.connected = false;
		natsSubscription_Destroy(sub);
		link_close(&s->link);
		if (s->report.messages != before)
			tries = 0;
		if (err == -EAGAIN)
			link_pause(&tries);
	}
	return err == -EAGAIN ? 0 : err;
}

int subscribe(const struct bridge *b, struct ringbuf *ring)
{
	static struct subscriber s;
	int err;

	s.b = b;
	s.geometry.size = sizeof(s.geometry);
	ringbuf_get_geometry(ring, &s.geometry);
	uuid_text(s.uuid, s.geometry.uuid);
	if (!(s.geometry.flags & RINGBUF_EXCLUSIVE)) {
		bridge_say("%s: other processes may write to this ring; make one with "
			   "ringbufctl create --exclusive",
			   b->ring);
		return 1;
	}
	s.memory = memory_open(b);
	if (!s.memory)
		return 1;
	err = attach(&s, ring);
	if (!err) {
		memory_find(s.memory, s.geometry.uuid, s.slot.position, &s.last);
		err = pass(&s);
	} else if (err != -EINTR) {
		return fail(&s, ERROR_WRITER, err);
	}
	report_end(&s.report, b, s.uuid);
	if (err && err != -EINTR)
		return fail(&s, ERROR_USE, err);
	/*
	 * Without done or close the ring says, when this process ends, that its writer died: so its
	 * readers know that this is not the end of the messages.
	 */
	if (s.end == RINGBUF_STREAM_DONE) {
		ringbuf_writer_done(s.writer);
		ringbuf_writer_close(s.writer);
	}
	if (s.end)
		memory_pass(s.memory, s.next - 1);
	return 0;
}
