// SPDX-License-Identifier: GPL-2.0
/* See link.h. */
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "link.h"

#define CONNECT_MS    2000
#define PING_MS	      2000 /* a server that answers no ping is noticed after three times this */
#define DEADLINE_MS   5000 /* for a write to the socket */
#define FIRST_PAUSE   (50 * NS_PER_MS)
#define LONGEST_PAUSE (5 * NS_PER_S)

static char last_words[512];

void link_complain_text(const char *text)
{
	if (!strncmp(text, last_words, sizeof(last_words) - 1))
		return;
	snprintf(last_words, sizeof(last_words), "%s", text);
	bridge_say("%s; trying again", text);
}

void link_complain(const char *words, natsStatus s, jsErrCode code)
{
	const char *why = nats_GetLastError(NULL);
	char text[sizeof(last_words)];

	if (!why || !*why)
		why = natsStatus_GetText(s);
	if (code)
		snprintf(text, sizeof(text), "%s: %s (JetStream error %d)", words, why, (int)code);
	else
		snprintf(text, sizeof(text), "%s: %s", words, why);
	link_complain_text(text);
}

void link_calm(void)
{
	if (*last_words)
		bridge_say("continuing");
	*last_words = '\0';
}

void link_pause(unsigned int *tries)
{
	uint64_t ns = FIRST_PAUSE << (*tries < 7 ? *tries : 7), until, next;

	++*tries;
	until = clock_now() + (ns < LONGEST_PAUSE ? ns : LONGEST_PAUSE);
	while (!bridge_stop && clock_now() < until) {
		next = clock_now() + FIRST_PAUSE;
		clock_sleep_until(next < until ? next : until);
	}
}

static void lost(natsConnection *nc, void *closure)
{
	struct link *l = closure;

	/* This may come late, when there is another connection. */
	if (nc != atomic_load(&l->nc))
		return;
	atomic_store(&l->down, true);
	if (l->wake)
		l->wake(l->closure);
}

/* Errors come back from the calls that they concern. */
static void ignore(natsConnection *nc, natsSubscription *sub, natsStatus s, void *closure)
{
	(void)nc;
	(void)sub;
	(void)s;
	(void)closure;
}

static natsStatus set_options(natsOptions *o, struct link *l, const struct bridge *b)
{
	natsStatus s = natsOptions_SetURL(o, b->server);

	if (s == NATS_OK)
		s = natsOptions_SetName(o, "ringbuf-bridge");
	if (s == NATS_OK)
		s = natsOptions_SetAllowReconnect(o, false);
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(o, CONNECT_MS);
	if (s == NATS_OK)
		s = natsOptions_SetPingInterval(o, PING_MS);
	if (s == NATS_OK)
		s = natsOptions_SetWriteDeadline(o, DEADLINE_MS);
	if (s == NATS_OK)
		s = natsOptions_SetDisconnectedCB(o, lost, l);
	if (s == NATS_OK)
		s = natsOptions_SetErrorHandler(o, ignore, NULL);
	if (s == NATS_OK && b->creds)
		s = natsOptions_SetUserCredentialsFromFiles(o, b->creds, NULL);
	return s;
}

static natsStatus connect_once(struct link *l, const struct bridge *b)
{
	natsConnection *nc = NULL;
	natsOptions *o = NULL;
	jsOptions jo;
	natsStatus s = natsOptions_Create(&o);

	atomic_store(&l->down, false);
	if (s == NATS_OK)
		s = set_options(o, l, b);
	if (s == NATS_OK)
		s = natsConnection_Connect(&nc, o);
	atomic_store(&l->nc, nc);
	natsOptions_Destroy(o);
	if (s == NATS_OK)
		s = jsOptions_Init(&jo);
	if (s != NATS_OK)
		return s;
	jo.PublishAsync.AckHandler = l->ack;
	jo.PublishAsync.AckHandlerClosure = l->closure;
	return natsConnection_JetStream(&l->js, nc, &jo);
}

bool link_open(struct link *l, const struct bridge *b)
{
	unsigned int tries = 0;
	char words[256];
	natsStatus s;

	snprintf(words, sizeof(words), "cannot connect to %s", b->server_shown);
	for (;;) {
		s = connect_once(l, b);
		if (s == NATS_OK)
			return true;
		link_complain(words, s, 0);
		link_close(l);
		if (bridge_stop)
			return false;
		link_pause(&tries);
	}
}

void link_close(struct link *l)
{
	natsConnection *nc = atomic_exchange(&l->nc, NULL);

	jsCtx_Destroy(l->js);
	l->js = NULL;
	natsConnection_Destroy(nc);
}

/* The callback misses a connection that is lost before natsConnection_Connect() returns. */
bool link_is_down(const struct link *l)
{
	return atomic_load(&l->down) || natsConnection_IsClosed(atomic_load(&l->nc));
}
