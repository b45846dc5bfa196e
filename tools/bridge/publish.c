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
#include "name.h"
#include "publisher.h"

#define ACK_WAIT     (10 * NS_PER_S)
#define TICK	     (100 * NS_PER_MS) /* how often the bridge looks at bridge_stop */
#define REOPEN_PAUSE NS_PER_S
#define HOLD	     NS_PER_S
#define SOON	     (10 * NS_PER_MS)
#define MOST_PAYLOAD (64 << 20) /* no server allows more */

/*
 * Wait for an acknowledgment, or also for a message if publisher_look() has returned @none: there
 * is none.
 */
static void wait_more(struct publisher *p, int none)
{
	bool ring = none == -EAGAIN || none == -EINTR;

	if (p->ended || bridge_stop || !ring) {
		flight_wait(p->flight, TICK);
	} else if (flight_wait_at_ring(p->flight)) {
		publisher_look(p, (int64_t)TICK);
		flight_end_wait(p->flight);
	}
}

/* ---- a connection ----------------------------------------------------------------- */

/* Forget what the old connection had on its way. */
static void forget(struct publisher *p, jsCtx *js)
{
	publisher_note_acked(p);
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
	s = publisher_find_stream(p, &replicas, &code);
	if (s != NATS_OK) {
		link_complain_of_stream(&p->link, "cannot use", s, code);
		return -EAGAIN;
	}
	err = publisher_find_place(p, replicas);
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
	return name_is_ring(p->ring, &p->geometry) && !publisher_attach(p, 0);
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

/* Return whether publisher_look() has failed, not only found no message. */
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
		err = publisher_release(p);
		if (err)
			return err;
		if (has_failed(p))
			return -EAGAIN;
		held = flight_holds(p->flight);
		if (is_finished(p, quiet && (bridge_stop || !held)))
			return 0;
		if (holds_for_long(p))
			return -EAGAIN;
		err = p->ended || bridge_stop ? -ENOBUFS : publisher_look(p, RINGBUF_TRY);
		if (err == -ENOBUFS && quiet && !held && !p->ended && !bridge_stop)
			err = publisher_make_room(p);
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
	if (!publisher_look(p, RINGBUF_TRY) && p->sent < p->slots)
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
	int err = publisher_attach(p, 0);

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
	p->lost_from = UINT64_MAX;
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
