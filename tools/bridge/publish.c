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
 * A server may lose what it has acknowledged: its power fails before its files are on the disk, or
 * a bug (nats-server 2.9.10 loses messages if servers of a cluster are killed and cut off).  So if
 * the stream lacks slots that were acknowledged, the bridge goes back as far as the ring still has
 * them, and sends them again.
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
#include "name.h"
#include "publisher.h"

#define ACK_WAIT     (10 * NS_PER_S)
#define TICK	     (100 * NS_PER_MS) /* how often the bridge looks at bridge_stop */
#define REOPEN_PAUSE NS_PER_S
#define HOLD	     NS_PER_S
#define LACK_WAIT    (20 * NS_PER_S) /* see is_unsure() */
#define SOON	     (10 * NS_PER_MS)
#define MOST_PAYLOAD (64 << 20) /* no server allows more */
#define DUPLICATES   (120 * (int64_t)NS_PER_S)

/* ---- the ring ------------------------------------------------------------------- */

/* Become a reader, from @position on or the next slot that the ring has, instead of @p->reader. */
static int attach(struct publisher *p, uint64_t position)
{
	struct ringbuf_reader *reader, *old = p->reader;
	int err = ringbuf_reader_attach(p->ring, RINGBUF_FROM_POSITION, position, &reader);

	if (err)
		return err;
	ringbuf_reader_interruptible(reader, 1);
	flight_set_reader(p->flight, reader);
	p->reader = reader;
	p->released = ringbuf_reader_position(reader);
	publisher_forget_slots(p);
	if (old)
		ringbuf_reader_close(old);
	return 0;
}

/*
 * The server has the slots below @position: give them back to the writers, but for the last ones,
 * as many as are retained.  Return 0 or a negative errno.
 */
static int give_back(struct publisher *p, uint64_t position)
{
	uint64_t to = position > p->b->retain ? position - p->b->retain : 0;
	int err;

	p->report->position = position;
	p->told = 0;
	if (to <= p->released)
		return 0;
	p->released = to;
	err = lib_reader_release_to(p->reader, to);
	if (err != -ESTALE)
		return err;
	/* The reader was moved forward, perhaps over slots that are not sent. */
	publisher_forget_slots(p);
	return 0;
}

/* Note what was acknowledged.  Return the position behind the last slot of it, 0 if it is none. */
static uint64_t note_acked(struct publisher *p)
{
	uint64_t position = flight_take_acked(p->flight, p->report, &p->stored_seq);

	if (position > p->stored_to)
		p->stored_to = position;
	if (position > p->counted_to)
		p->counted_to = position;
	return position;
}

/* Give slots that the server has stored back to the writers.  Return 0 or a negative errno. */
static int release(struct publisher *p)
{
	uint64_t position = note_acked(p);

	return position > p->released ? give_back(p, position) : 0;
}

/*
 * Release the slots that were peeked and that the stream has, and count those whose acknowledgment
 * was lost with a connection.  Return 0 or a negative errno.
 */
static int release_stored(struct publisher *p)
{
	const struct ringbuf_slot *slot = p->slot;

	if (!p->behind)
		return 0;
	for (; p->sent < p->slots && slot->position < p->sent_to; slot++, p->sent++) {
		p->stored_to = p->sent_to;
		if (slot->position < p->counted_to)
			continue;
		p->counted_to = slot->position + 1;
		p->report->messages++;
		p->report->bytes += slot->length;
	}
	p->behind = p->sent == p->slots;
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
 * reader's cursor.
 * Return 0; -ENOBUFS: slots have to be released first; or an error of ringbuf_reader_peek().
 */
static int look(struct publisher *p, int64_t timeout)
{
	bool fresh = p->fresh;
	int n;

	if (p->sent < p->slots)
		return 0;
	/* What is on its way is below @sent_to, too, and may not be released yet. */
	if (fresh && (flight_has_parts(p->flight, NULL) || flight_holds(p->flight)))
		return -ENOBUFS;
	n = fresh ? ringbuf_reader_peek(p->reader, p->slot, RINGBUF_BATCH_MAX, timeout)
		  : lib_reader_ahead(p->reader, p->peeked_to, p->slot, RINGBUF_BATCH_MAX, timeout);
	if (n == -ESTALE && !fresh) {
		publisher_forget_slots(p);
		return -EAGAIN;
	}
	if (n < 0)
		return n;
	p->slots = (unsigned int)n;
	p->sent = 0;
	p->peeked_to = p->slot[n - 1].position + 1;
	p->fresh = false;
	if (fresh)
		note_lost(p);
	return release_stored(p);
}

/*
 * The ring is full of slots that are retained, and of holes: release the first of them.  Return as
 * look() does.
 */
static int make_room(struct publisher *p)
{
	uint64_t to = ringbuf_reader_position(p->reader) + 1;
	int err = 0;

	if (to <= p->peeked_to) {
		err = lib_reader_release_to(p->reader, to);
		p->released = to > p->released ? to : p->released;
	}
	publisher_forget_slots(p);
	return err && err != -ESTALE ? err : look(p, RINGBUF_TRY);
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

/* Set @last_seq and *@replicas; make the stream if there is none. */
static natsStatus find_stream(struct publisher *p, int64_t *replicas, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);

	if (s == NATS_NOT_FOUND) {
		s = make_stream(p, code);
		if (s == NATS_OK)
			s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);
	}
	if (s == NATS_OK) {
		p->last_seq = info->State.LastSeq;
		*replicas = info->Config ? info->Config->Replicas : 1;
	}
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

/*
 * Find out which message of this ring is the last one in the stream.
 * @found: [out] its sequence number, 0: there is none
 */
static natsStatus find_last(struct publisher *p, uint64_t *found, jsErrCode *code)
{
	natsMsg *msg = NULL;
	struct label l;
	natsStatus s = js_GetLastMsg(&msg, p->link.js, p->b->stream, p->b->subject, NULL, code);

	*found = 0;
	if (s == NATS_OK && label_get(msg, &l) && !strcmp(l.uuid, p->report->uuid) &&
	    is_possible(p, &l, &s))
		*found = natsMsg_GetSequence(msg);
	if (*found)
		resume(p, &l);
	natsMsg_Destroy(msg);
	return s == NATS_NOT_FOUND ? NATS_OK : s;
}

/*
 * The leader of a stream that is cut off from the others tells of the stream as it was, for up to
 * 20 s, and meanwhile another leader may have acknowledged more.  Return whether the servers are to
 * be asked again, before slots are counted as lost that the stream lacks and the ring, too.
 * @replicas: of the stream
 */
static bool is_unsure(struct publisher *p, int64_t replicas)
{
	if (p->sent_to >= p->released || replicas < 2)
		return false;
	if (!p->lacking_since)
		p->lacking_since = clock_now();
	return clock_now() - p->lacking_since < LACK_WAIT;
}

/*
 * Find out whether the servers have lost slots that one of them has acknowledged, *@lost.  They
 * have not if the number of the last acknowledged message is that of none: then the stream has
 * dropped it, by a limit, a purge, or because it was read.
 */
static natsStatus find_loss(struct publisher *p, uint64_t found, bool *lost)
{
	natsMsg *msg = NULL;
	natsStatus s;
	struct label l;

	*lost = false;
	if (!p->stored_seq || (found && p->sent_to >= p->stored_to))
		return NATS_OK;
	*lost = p->last_seq < p->stored_seq;
	if (*lost)
		return NATS_OK;
	s = js_GetMsg(&msg, p->link.js, p->b->stream, p->stored_seq, NULL, NULL);
	if (s == NATS_OK)
		*lost = !label_get(msg, &l) || strcmp(l.uuid, p->report->uuid) != 0 ||
			l.position + 1 < p->stored_to;
	natsMsg_Destroy(msg);
	return s == NATS_NOT_FOUND ? NATS_OK : s;
}

/*
 * The servers have lost the slots from @sent_to on, or if none was @found, all: go back to these,
 * as far as the ring still has them.  @replicas: of the stream.  Return 0 or a negative errno of
 * the ring, -EAGAIN: ask the servers again.
 */
static int go_back(struct publisher *p, bool found, int64_t replicas)
{
	uint64_t to = found ? p->sent_to : 0;
	int err = to < p->released ? attach(p, to) : 0;

	/* With as many readers as the ring allows, this one stays where it is. */
	if (err && err != -ENOSPC)
		return err == -EMFILE || err == -ENOMEM || err == -EBUSY ? -EAGAIN : err;
	/* Those are lost that this process knows of and that the ring does not have. */
	if (!found)
		p->sent_to = p->begun_at < p->released ? p->begun_at : p->released;
	if (is_unsure(p, replicas)) {
		/* Another server may know another leader. */
		p->link.doubt = true;
		report_complain(p->report, "the stream lacks slots that a server has acknowledged",
				true);
		return -EAGAIN;
	}
	bridge_say(
		"the stream lacks the slots from position %llu on, which a server has acknowledged; "
		"sending again what the ring still has of them",
		(unsigned long long)p->sent_to);
	p->stored_to = p->sent_to;
	p->stored_seq = p->last_seq;
	p->lacking_since = 0;
	return 0;
}

/*
 * Find out where to continue, and go there.  Return 0, a negative errno of the ring, or -EAGAIN:
 * ask the servers again.
 */
static int find_place(struct publisher *p, int64_t replicas)
{
	jsErrCode code = 0;
	uint64_t found;
	bool lost;
	natsStatus s = find_last(p, &found, &code);

	if (s == NATS_OK && !p->begun) {
		/* What the stream has at first is from an earlier process. */
		p->begun = true;
		p->begun_at = found ? p->sent_to : p->released;
		p->stored_to = p->begun_at;
		p->counted_to = p->begun_at;
	}
	if (found && p->sent_to >= p->stored_to && found > p->stored_seq)
		p->stored_seq = found;
	if (s == NATS_OK)
		s = find_loss(p, found, &lost);
	if (s != NATS_OK) {
		link_complain_of_stream(&p->link, "cannot use", s, found ? 0 : code);
		return -EAGAIN;
	}
	if (lost)
		return go_back(p, found, replicas);
	p->lacking_since = 0;
	if (p->sent_to < p->stored_to)
		p->sent_to = p->stored_to;
	return 0;
}

/* Forget what the old connection had on its way. */
static void forget(struct publisher *p, jsCtx *js)
{
	note_acked(p);
	flight_begin(p->flight, js);
	publisher_forget_slots(p);
	p->sent_any = false;
	p->held_since = 0;
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
	int64_t replicas;
	natsStatus s;
	int err;

	forget(p, p->link.js);
	p->ended = false;
	p->last = (struct label){ 0 };
	p->sent_to = p->released;
	p->part_bytes = most > 2 * LABEL_BYTES ? (size_t)most - LABEL_BYTES : LABEL_BYTES;
	s = find_stream(p, &replicas, &code);
	if (s != NATS_OK) {
		link_complain_of_stream(&p->link, "cannot use", s, code);
		return -EAGAIN;
	}
	err = find_place(p, replicas);
	p->report->connections += !err;
	return err;
}

static bool has_failed(struct publisher *p)
{
	return flight_has_failed(p->flight) || link_is_down(&p->link);
}

/*
 * Return whether parts are held for so long that the bridge has to begin again, to find out whether
 * the stream has them: else a ring that is full of them would stay full.
 */
static bool holds_for_long(struct publisher *p)
{
	if (!flight_holds(p->flight))
		p->held_since = 0;
	else if (!p->held_since)
		p->held_since = clock_now();
	return p->held_since && clock_now() - p->held_since > HOLD;
}

/* Return false if the server has acknowledged nothing for too long.  @heard, @tail: of the caller
 */
static bool is_answering(struct publisher *p, uint64_t *heard, uint32_t *tail)
{
	uint32_t now;
	bool waits = flight_has_parts(p->flight, &now);

	if (now != *tail) {
		report_calm(p->report);
		p->link.heard = true;
	}
	if (now != *tail || !waits)
		*heard = clock_now();
	*tail = now;
	if (clock_now() - *heard <= ACK_WAIT)
		return true;
	p->link.doubt = true;
	bridge_say("the server has acknowledged nothing for %d s; trying again",
		   (int)(ACK_WAIT / NS_PER_S));
	return false;
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
	detach(p);
	if (ringbuf_open(p->b->ring, p->b->host, &p->ring)) {
		p->ring = NULL;
		return false;
	}
	return name_is_ring(p->ring, &p->geometry) && !attach(p, 0);
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
	return p->geometry.flags & RINGBUF_KEPT ? name_is_taken(p->b->ring, &p->geometry)
						: !reopen(p);
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
		s = publisher_send_next(p);
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
	bool quiet, held;
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
		held = flight_holds(p->flight);
		if (is_finished(p, quiet && (bridge_stop || !held)))
			return 0;
		if (holds_for_long(p))
			return -EAGAIN;
		err = p->ended || bridge_stop ? -ENOBUFS : look(p, RINGBUF_TRY);
		if (err == -ENOBUFS && quiet && !held && !p->ended && !bridge_stop)
			err = make_room(p);
		if (is_error(err))
			return err;
		if (!err)
			s = send_slots(p);
		else if (err == -ENODATA && quiet)
			s = publisher_send_end(p);
		if (s != NATS_OK) {
			link_complain(&p->link, "cannot send", s, 0);
			return -EAGAIN;
		}
		if (!is_answering(p, &heard, &tail))
			return -EAGAIN;
		if (err && held)
			clock_sleep_until(clock_now() + SOON);
		else if (err || p->sent < p->slots)
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

/* Tell what the ring has lost since the last message was sent, if the server was away until now. */
static void tell_unsent(struct publisher *p)
{
	publisher_forget_slots(p);
	p->sent_to = p->begun ? p->stored_to : p->released;
	if (!look(p, RINGBUF_TRY) && p->sent < p->slots)
		publisher_tell_lost(p);
}

/* Return whether the ring lets as many slots stay as are to be retained; else complain. */
static bool can_retain(const struct publisher *p)
{
	const struct ringbuf_geometry *g = &p->geometry;
	uint32_t kind = g->policy & ~RINGBUF_AT_STOP;
	bool lags = (kind == RINGBUF_EVICT || kind == RINGBUF_SKIP) && g->policy_lag;
	uint64_t most = lags ? g->policy_lag : g->slot_count;
	char text[150];

	if (p->b->retain < most)
		return true;
	snprintf(text, sizeof(text), "%s %llu slots, so --retain must be less",
		 lags ? "its policy allows readers to lag" : "it has", (unsigned long long)most);
	report_complain_of_ring(p->report, p->b, text);
	return false;
}

static int pass_all(struct publisher *p, struct line *line)
{
	/* Before the first connection, so that writers wait while the server is away. */
	int err = attach(p, 0);

	if (err)
		return fail(p, ERROR_READER, err);
	if (!can_retain(p))
		return 1;
	err = pass(p, line);
	if (!err && p->reader)
		tell_unsent(p);
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
