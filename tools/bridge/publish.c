// SPDX-License-Identifier: GPL-2.0
/*
 * From a ring to a stream, each message once and in order.
 *
 * The slots of a message stay in the ring until the server has stored it, so a lost connection
 * loses nothing: the bridge looks up the last message that is in the stream, gives the slots up to
 * that one back, and sends the others again.  Each message of a connection is sent with the id of
 * the one before it as a condition, so the server stores none after a message that it has refused
 * or has not got.  If the server has a message already, its id tells.
 *
 * The bytes of a slot are copied once, into the client library's message; those of short messages
 * that go together in a batch are copied twice.  A batch has what the ring has at the moment: no
 * message waits for others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/inside.h"
#include "../common/clock.h"
#include "../common/error.h"
#include "alive.h"
#include "batch.h"
#include "flight.h"
#include "label.h"
#include "link.h"

#define ACK_WAIT     (10 * NS_PER_S)
#define TICK	     (100 * NS_PER_MS) /* how often the bridge looks at bridge_stop */
#define REOPEN_PAUSE NS_PER_S
#define MOST_PAYLOAD (64 << 20) /* no server allows more */
#define DUPLICATES   (120 * (int64_t)NS_PER_S)

/**
 * struct publisher - state of the bridge
 * @released: position behind the last slot that was given back, at first that at which the reader
 *	attached; what is between the last message in the stream and this is lost
 * @lost_at: the slot before which the reader has lost slots
 * @lost: how many slots it has lost there; the ring tells this once, the bridge perhaps on several
 *	connections
 * @told: how many lost slots were told since the last slot was given back
 * @slot: the slots that were peeked last
 * @slots: how many these are
 * @sent: how many of these were sent
 * @peeked_to: position behind the last slot that was peeked
 * @fresh: none was peeked on this connection, or since the reader was moved
 * @sent_to: position behind the last slot that is in the stream or on its way
 * @part_bytes: most bytes of a part
 * @batch: the payload of the batch that is sent next
 * @last: the last message of this ring that is in the stream or on its way; @last.parts is 0 if
 *	that is unknown
 * @last_id: id of the last message that was sent
 * @last_seq: sequence number of the last message of the stream, before any was sent
 * @sent_any: one was sent on this connection
 * @ended: the end of the stream is in the stream, or on its way
 * @reopen_due: when a service opens a ring without writers again
 */
struct publisher {
	const struct bridge *b;
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	struct ringbuf_geometry geometry;
	struct link link;
	struct report *report;
	uint64_t released;
	uint64_t lost_at;
	uint64_t lost;
	uint64_t told;
	struct ringbuf_slot slot[RINGBUF_BATCH_MAX];
	unsigned int slots;
	unsigned int sent;
	uint64_t peeked_to;
	bool fresh;
	uint64_t sent_to;
	size_t part_bytes;
	char batch[BATCH_MOST];
	struct label last;
	char last_id[LABEL_ID_BYTES];
	uint64_t last_seq;
	bool sent_any;
	bool ended;
	uint64_t reopen_due;
	struct flight *flight;
};

/* ---- sending ------------------------------------------------------------------ */

static bool has_failed(struct publisher *p)
{
	return flight_has_failed(p->flight) || link_is_down(&p->link);
}

/* Forget what was peeked: the next look begins at the reader's cursor. */
static void forget_slots(struct publisher *p)
{
	p->slots = 0;
	p->sent = 0;
	p->fresh = true;
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
	bridge_say("%llu slots before position %llu are lost: the writers did not wait",
		   (unsigned long long)(lost - p->told), (unsigned long long)position);
	p->told = lost;
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
		forget_slots(p);
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
		done = (struct flight_part){
			.slots = 1,
			.slot_bytes = slot->length,
			.release_to = slot->position + 1,
		};
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

	for (; p->sent + done.slots < p->slots && batch_put(&batch, slot); slot++) {
		done.slots++;
		done.slot_bytes += slot->length;
		done.release_to = slot->position + 1;
	}
	l = (struct label){ .position = done.release_to - 1, .slots = done.slots, .parts = 1 };
	strcpy(l.uuid, p->report->uuid);
	s = natsMsg_Create(&msg, p->b->subject, NULL, p->batch, (int)batch.used);
	return s == NATS_OK ? send_whole(p, msg, &l, &done) : s;
}

/* Send the next slots or the next part of one. */
static natsStatus send_next(struct publisher *p)
{
	size_t room = p->b->batch_bytes < p->part_bytes ? p->b->batch_bytes : p->part_bytes;
	struct label l = label_of(p, &p->slot[p->sent]);

	return may_batch(p, &l, room) ? send_batch(p, room) : send_part(p, &l);
}

/*
 * Send the end of the stream, unless the stream has it already, and how many slots before it are
 * not in the stream though they were given back: the server can have lost what it had stored.
 */
static natsStatus send_end(struct publisher *p)
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

/* ---- the ring ------------------------------------------------------------------- */

/* Give the slots below @position back to the writers.  Return 0 or a negative errno. */
static int give_back(struct publisher *p, uint64_t position)
{
	int err = lib_reader_release_to(p->reader, position);

	p->released = position;
	p->report->position = position;
	p->told = 0;
	if (err != -ESTALE)
		return err;
	/* The reader was moved forward, perhaps over slots that are not sent. */
	forget_slots(p);
	return 0;
}

/* Give slots that the server has stored back to the writers.  Return 0 or a negative errno. */
static int release(struct publisher *p)
{
	uint64_t position = flight_take_acked(p->flight, p->report);

	return position > p->released ? give_back(p, position) : 0;
}

/* Release the slots that were peeked and that the stream has.  Return 0 or a negative errno. */
static int release_stored(struct publisher *p)
{
	while (p->sent < p->slots && p->slot[p->sent].position < p->sent_to)
		p->sent++;
	/* Behind these there may be more of them. */
	p->fresh = p->sent && p->sent == p->slots;
	return p->sent ? give_back(p, p->slot[p->sent - 1].position + 1) : 0;
}

/* Note how many slots the ring says are lost before the first one that was peeked. */
static void note_lost(struct publisher *p)
{
	if (!p->slot[0].lost)
		return;
	/* Keep what was lost before a slot that is not stored and was then lost itself. */
	if (p->lost_at < p->released)
		p->lost = 0;
	p->lost += p->slot[0].lost;
	p->lost_at = p->slot[0].position;
}

/*
 * Get the slots behind those that were peeked, if all of these were sent.  If @fresh, begin at the
 * reader's cursor: the slots below @sent_to are stored then, since a connection that was lost
 * stored more than it acknowledged, or the reader attached too low.
 * Return 0; -ENOBUFS: slots have to be released first; or an error of ringbuf_reader_peek().
 */
static int look(struct publisher *p, int64_t timeout)
{
	int n;

	if (p->sent < p->slots)
		return 0;
	/* What is on its way is below @sent_to, too, and may not be released yet. */
	if (p->fresh && flight_has_parts(p->flight, NULL))
		return -ENOBUFS;
	n = p->fresh ? ringbuf_reader_peek(p->reader, p->slot, RINGBUF_BATCH_MAX, timeout)
		     : lib_reader_ahead(p->reader, p->peeked_to, p->slot, RINGBUF_BATCH_MAX,
					timeout);
	if (n == -ESTALE && !p->fresh) {
		forget_slots(p);
		return -EAGAIN;
	}
	if (n < 0)
		return n;
	p->slots = (unsigned int)n;
	p->sent = 0;
	p->peeked_to = p->slot[n - 1].position + 1;
	if (!p->fresh)
		return 0;
	p->fresh = false;
	note_lost(p);
	return release_stored(p);
}

/*
 * Wait for an acknowledgment, or also for a message if look() has returned @none: there is none.
 */
static void wait_more(struct publisher *p, int none)
{
	bool ring = none == -EAGAIN || none == -EINTR;

	if (p->ended || bridge_stop || !ring) {
		flight_wait(p->flight, TICK);
	} else if (flight_wait_at_ring(p->flight)) {
		look(p, (int64_t)TICK);
		flight_end_wait(p->flight);
	}
}

/* ---- a connection ----------------------------------------------------------------- */

static natsStatus make_stream(struct publisher *p, jsErrCode *code)
{
	const char *subjects[] = { p->b->subject };
	jsStreamConfig c;
	natsStatus s = jsStreamConfig_Init(&c);

	c.Name = p->b->stream;
	c.Subjects = subjects;
	c.SubjectsLen = 1;
	/* A stream that is full refuses messages, so that the ring fills and its writers wait. */
	c.Discard = p->b->discard_old ? js_DiscardOld : js_DiscardNew;
	c.MaxBytes = p->b->max_bytes ? (int64_t)p->b->max_bytes : -1;
	c.MaxAge = (int64_t)p->b->max_age;
	/* The server allows no longer one than the age of a message. */
	c.Duplicates = c.MaxAge && c.MaxAge < DUPLICATES ? c.MaxAge : DUPLICATES;
	c.Replicas = p->b->replicas;
	return s == NATS_OK ? js_AddStream(NULL, p->link.js, &c, NULL, code) : s;
}

/* Set @last_seq; make the stream if there is none. */
static natsStatus find_stream(struct publisher *p, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);

	if (s == NATS_NOT_FOUND) {
		s = make_stream(p, code);
		if (s == NATS_OK)
			s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);
	}
	if (s == NATS_OK)
		p->last_seq = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return s;
}

/*
 * Return whether the ring has ever had the slot, or the end, that @l describes.  *st: NATS_OK, or
 * another value if this cannot be found out now
 */
static bool is_possible(const struct publisher *p, const struct label *l, natsStatus *st)
{
	struct ringbuf_status status = { .size = sizeof(status) };

	*st = ringbuf_stats(p->ring, &status, NULL, 0) < 0 ? NATS_TIMEOUT : NATS_OK;
	if (*st != NATS_OK)
		return false;
	if (l->position < status.head || (l->end && l->position == status.head))
		return true;
	bridge_say(
		"the stream's last message claims position %llu of the ring, which ends at %llu; "
		"sending all that the ring has",
		(unsigned long long)l->position, (unsigned long long)status.head);
	return false;
}

/* Continue behind the last message of this ring in the stream, described by @l. */
static void resume(struct publisher *p, const struct label *l)
{
	p->last = *l;
	p->sent_to = l->position;
	if (!l->end && l->part + 1 == l->parts)
		p->sent_to++;
}

/* Find out which message of this ring is the last one in the stream. */
static natsStatus find_last(struct publisher *p, jsErrCode *code)
{
	natsMsg *msg = NULL;
	struct label l;
	natsStatus s = js_GetLastMsg(&msg, p->link.js, p->b->stream, p->b->subject, NULL, code);

	if (s == NATS_OK && label_get(msg, &l) && !strcmp(l.uuid, p->report->uuid) &&
	    is_possible(p, &l, &s))
		resume(p, &l);
	natsMsg_Destroy(msg);
	return s == NATS_NOT_FOUND ? NATS_OK : s;
}

/* Forget what the old connection had on its way. */
static void forget(struct publisher *p, jsCtx *js)
{
	flight_begin(p->flight, js);
	forget_slots(p);
	p->sent_any = false;
}

/*
 * Begin with a new connection.  Return 0, or a negative errno of the ring; -EAGAIN: the server does
 * not answer as it should.
 */
static int begin(struct publisher *p)
{
	int64_t said = natsConnection_GetMaxPayload(p->link.connection->nc);
	int64_t most = said < MOST_PAYLOAD ? said : MOST_PAYLOAD;
	jsErrCode code = 0;
	natsStatus s;

	forget(p, p->link.js);
	p->ended = false;
	p->last = (struct label){ 0 };
	p->sent_to = p->released;
	p->report->connections++;
	p->part_bytes = most > 2 * LABEL_BYTES ? (size_t)most - LABEL_BYTES : LABEL_BYTES;
	s = find_stream(p, &code);
	if (s == NATS_OK)
		s = find_last(p, &code);
	if (s != NATS_OK) {
		link_complain(&p->link, "cannot use the stream", s, code);
		return -EAGAIN;
	}
	return 0;
}

/* Return false if the server has acknowledged nothing for too long.  @heard, @tail: of the caller
 */
static bool is_answering(struct publisher *p, uint64_t *heard, uint32_t *tail)
{
	uint32_t now;
	bool waits = flight_has_parts(p->flight, &now);

	if (now != *tail)
		report_calm(p->report);
	if (now != *tail || !waits)
		*heard = clock_now();
	*tail = now;
	if (clock_now() - *heard <= ACK_WAIT)
		return true;
	bridge_say("the server has acknowledged nothing for %d s; trying again",
		   (int)(ACK_WAIT / NS_PER_S));
	return false;
}

/* Become a reader, of a ring that has no writers if @p->reader was one. */
static int attach(struct publisher *p)
{
	struct ringbuf_reader *reader;
	int err = ringbuf_reader_attach(p->ring, RINGBUF_FROM_OLDEST, 0, &reader);

	if (err)
		return err;
	ringbuf_reader_interruptible(reader, 1);
	flight_set_reader(p->flight, reader);
	p->reader = reader;
	p->released = ringbuf_reader_position(reader);
	forget_slots(p);
	return 0;
}

static void detach(struct publisher *p)
{
	flight_set_reader(p->flight, NULL);
	ringbuf_reader_close(p->reader);
	ringbuf_close(p->ring);
	p->reader = NULL;
	p->ring = NULL;
}

/*
 * Let go of the ring and open it again: if no other process uses it, it ends by this, unless it is
 * kept.  Return whether it is the same ring still.
 */
static bool reopen(struct publisher *p)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };

	detach(p);
	if (ringbuf_open(p->b->ring, p->b->host, &p->ring)) {
		p->ring = NULL;
		return false;
	}
	ringbuf_get_geometry(p->ring, &g);
	return !memcmp(g.uuid, p->geometry.uuid, sizeof(g.uuid)) && !attach(p);
}

/* Return whether the name of the ring, which is kept, is not its name any more. */
static bool is_replaced(const struct publisher *p)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };
	struct ringbuf *ring;
	int err = ringbuf_open(p->b->ring, p->b->host, &ring);

	if (err)
		return err == -ENOENT;
	ringbuf_get_geometry(ring, &g);
	ringbuf_close(ring);
	return memcmp(g.uuid, p->geometry.uuid, sizeof(g.uuid));
}

/* Return whether the ring has writers, as far as can be told. */
static bool has_writers(const struct publisher *p)
{
	struct ringbuf_status status = { .size = sizeof(status) };

	return ringbuf_stats(p->ring, &status, NULL, 0) < 0 || status.writers;
}

/*
 * Return whether all is done.  A service waits for more messages, from other writers or from
 * another ring of the same name.  @quiet: nothing is on its way, and all is released
 */
static bool is_finished(struct publisher *p, bool quiet)
{
	if (!quiet)
		return false;
	if (bridge_stop || (p->ended && !p->b->service))
		return true;
	if (!p->b->service || p->sent < p->slots)
		return false;
	if (p->ended) {
		clock_sleep_until(clock_now() + TICK);
		p->ended = false;
	}
	if (clock_now() < p->reopen_due || has_writers(p))
		return false;
	p->reopen_due = clock_now() + REOPEN_PAUSE;
	return p->geometry.flags & RINGBUF_KEPT ? is_replaced(p) : !reopen(p);
}

/* Return whether look() has failed, not only found no message. */
static bool is_error(int err)
{
	return err && err != -EAGAIN && err != -EINTR && err != -ENODATA && err != -ENOBUFS;
}

/* Send the slots that were peeked, as many as may be on their way. */
static natsStatus send_slots(struct publisher *p)
{
	/* Long enough slots take minutes: release and report meanwhile. */
	uint64_t until = clock_now() + TICK;
	natsStatus s = NATS_OK;

	while (s == NATS_OK && p->sent < p->slots && flight_has_room(p->flight, p->b) &&
	       !bridge_stop && clock_now() < until) {
		alive_beat();
		s = send_next(p);
	}
	return s;
}

/*
 * Send and release, until something fails or all is done.  Return 0 when all is done, -EAGAIN when
 * another connection is needed, or a negative errno of the ring.
 */
static int run(struct publisher *p)
{
	uint64_t heard = clock_now();
	uint32_t tail = 0;
	natsStatus s = NATS_OK;
	bool quiet;
	int err;

	for (;;) {
		alive_beat();
		report_if_due(p->report, p->b);
		/* Look first, so that all is released and counted when nothing was on its way. */
		quiet = !flight_has_parts(p->flight, NULL);
		err = release(p);
		if (err)
			return err;
		if (has_failed(p))
			return -EAGAIN;
		if (is_finished(p, quiet))
			return 0;
		err = p->ended || bridge_stop ? -ENOBUFS : look(p, RINGBUF_TRY);
		if (is_error(err))
			return err;
		if (!err)
			s = send_slots(p);
		else if (err == -ENODATA && quiet)
			s = send_end(p);
		if (s != NATS_OK) {
			link_complain(&p->link, "cannot send", s, 0);
			return -EAGAIN;
		}
		if (!is_answering(p, &heard, &tail))
			return -EAGAIN;
		if (err || p->sent < p->slots)
			wait_more(p, err);
	}
}

/* Say why the connection is given up, unless the server is away, which link_open() tells. */
static void tell_why(struct publisher *p)
{
	char why[sizeof(p->flight->why)], text[sizeof(why) + 40];

	flight_why(p->flight, why, sizeof(why));
	if (!*why)
		return;
	link_clean(why);
	snprintf(text, sizeof(text), "the server refused a message: %s", why);
	report_complain(p->report, text, true);
}

static int fail(const struct publisher *p, enum error_step step, int err)
{
	struct ringbuf_config config = { .name = p->b->ring, .host = p->geometry.host };
	char words[ERROR_WORDS_BYTES];

	report_complain_of_ring(p->report, p->b, error_words(words, step, err, &config));
	return 1;
}

/* Pass messages on until all is done.  Return 0 or a negative errno of the ring. */
static int pass(struct publisher *p, struct line *line)
{
	unsigned int tries = 0;
	uint64_t before;
	int err = -EAGAIN;

	while (err == -EAGAIN && !bridge_stop && link_open(&p->link, line)) {
		before = p->report->messages;
		p->report->connected = true;
		err = begin(p);
		if (!err)
			err = run(p);
		p->report->connected = false;
		tell_why(p);
		forget(p, NULL);
		link_close(&p->link);
		if (p->report->messages != before)
			tries = 0;
		if (err == -EAGAIN)
			link_pause(&p->link, &tries);
	}
	return err == -EAGAIN ? 0 : err;
}

static int pass_all(struct publisher *p, struct line *line)
{
	/* Before the first connection, so that writers wait while the server is away. */
	int err = attach(p);

	if (err)
		return fail(p, ERROR_READER, err);
	err = pass(p, line);
	report_end(p->report, p->b);
	return err ? fail(p, ERROR_USE, err) : 0;
}

static struct publisher *make(const struct bridge *b, struct ringbuf *ring, struct report *report)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->flight = flight_new();
	if (!p->flight) {
		free(p);
		return NULL;
	}
	p->b = b;
	p->ring = ring;
	p->report = report;
	p->geometry.size = sizeof(p->geometry);
	p->link.ack = flight_on_ack;
	p->link.wake = flight_wake;
	p->link.closure = p->flight;
	p->link.report = report;
	p->link.b = b;
	ringbuf_get_geometry(ring, &p->geometry);
	uuid_text(report->uuid, p->geometry.uuid);
	return p;
}

int publish(const struct bridge *b, struct line *line, struct ringbuf *ring, struct report *report)
{
	struct publisher *p = make(b, ring, report);
	int status;

	if (!p) {
		report_complain(report, strerror(ENOMEM), b->service);
		ringbuf_close(ring);
		return 1;
	}
	status = pass_all(p, line);
	detach(p);
	flight_drop(p->flight);
	free(p);
	return status;
}
