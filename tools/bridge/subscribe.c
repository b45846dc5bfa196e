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
 * @last: the last message that was committed
 * @slot: the slot that is being filled, while @filling
 * @filled: bytes of @slot that are filled
 * @label: headers of the part that came last, while @filling
 * @done: the end of the stream has come
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
	struct memory_entry last;
	struct ringbuf_slot slot;
	bool reserved;
	bool filling;
	uint64_t filled;
	struct label label;
	bool done;
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
	memory_commit(s->memory, &e);
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

/* Drop the parts of a message whose other parts will not come. */
static void drop_parts(struct subscriber *s)
{
	if (s->filling)
		lose(s, 1, "a part of it is missing");
	s->filling = false;
	s->filled = 0;
}

/* Return whether @l is the part that follows what is in the slot. */
static bool follows(const struct subscriber *s, const struct label *l)
{
	return s->filling && !strcmp(l->uuid, s->label.uuid) && l->position == s->label.position &&
	       l->part == s->label.part + 1 && l->parts == s->label.parts &&
	       l->bytes == s->label.bytes;
}

/* Take one part of a message of a ring. */
static int take_part(struct subscriber *s, natsMsg *msg, const struct label *l)
{
	uint64_t bytes = (uint64_t)natsMsg_GetDataLength(msg);
	int err;

	if (!strcmp(l->uuid, s->last.uuid) && s->last.sequence && l->position <= s->last.source) {
		s->report.repeated++;
		return 0;
	}
	if (!follows(s, l)) {
		drop_parts(s);
		if (l->part) {
			lose(s, l->part + 1 == l->parts, "its first part is missing");
			return 0;
		}
	}
	if (l->bytes > s->geometry.slot_bytes) {
		if (!l->part)
			lose(s, 1, "it is longer than a slot of the ring");
		return 0;
	}
	err = reserve(s);
	if (err)
		return err;
	if (s->filled + bytes > l->bytes) {
		drop_parts(s);
		return 0;
	}
	memcpy((char *)s->slot.data + s->filled, natsMsg_GetData(msg), bytes);
	s->filled += bytes;
	s->label = *l;
	s->filling = true;
	if (l->part + 1 < l->parts)
		return 0;
	if (s->filled != l->bytes) {
		drop_parts(s);
		return 0;
	}
	err = commit(s);
	s->filled = 0;
	return err;
}

/* Take the message @msg, number @sequence of the stream. */
static int take(struct subscriber *s, natsMsg *msg, uint64_t sequence)
{
	struct label l;
	int err = 0;

	if (sequence < s->next)
		return 0;
	if (sequence > s->next)
		lose(s, sequence - s->next, "the stream does not have them any more");
	s->next = sequence;
	if (!label_get(msg, &l)) {
		bridge_say("message %llu is not from a ringbuf-bridge and is left out",
			   (unsigned long long)sequence);
	} else {
		if (l.lost && !l.part) {
			s->report.lost += l.lost;
			bridge_say("%llu slots before position %llu of the other ring are lost",
				   (unsigned long long)l.lost, (unsigned long long)l.position);
		}
		if (l.end)
			s->done = true;
		else
			err = take_part(s, msg, &l);
	}
	if (!err) {
		s->report.position = sequence;
		s->next = sequence + 1;
	}
	return err;
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

	for (int i = 0; !err && !s->done && i < list->Count; i++) {
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
	if (st != NATS_TIMEOUT && st != NATS_NOT_FOUND)
		return st;
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

	while (!err && !s->done && !bridge_stop) {
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
	s->next = s->last.sequence + 1;
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
	if (s.done)
		ringbuf_writer_done(s.writer);
	ringbuf_writer_close(s.writer);
	return 0;
}
