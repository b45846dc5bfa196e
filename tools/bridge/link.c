// SPDX-License-Identifier: GPL-2.0
/* See link.h. */
#include <stdio.h>
#include <string.h>

#include "../common/clock.h"
#include "alive.h"
#include "link.h"

#define FIRST_PAUSE   (50 * NS_PER_MS)
#define LONGEST_PAUSE (5 * NS_PER_S)

void link_clean(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* What failed, in words. */
static const char *reason(natsStatus s, jsErrCode code)
{
	const char *why = nats_GetLastError(NULL), *end;

	if (code == JSStreamNotFoundErr)
		return "it does not exist; publish makes it";
	if (s == NATS_NO_RESPONDERS)
		return "JetStream does not answer: it is not enabled, or has no leader now";
	if (!why || !*why)
		return natsStatus_GetText(s);
	/* libnats begins with the place in its source. */
	end = *why == '(' ? strstr(why, "): ") : NULL;
	return end ? end + strlen("): ") : why;
}

void link_complain(struct link *l, const char *words, natsStatus s, jsErrCode code)
{
	const char *why = reason(s, code);
	char text[sizeof(l->report->said)];

	l->doubt = l->doubt || s == NATS_TIMEOUT || s == NATS_NO_RESPONDERS ||
		   code == JSClusterNotAvailErr;
	if (code)
		snprintf(text, sizeof(text), "%s: %s (JetStream error %d)", words, why, (int)code);
	else
		snprintf(text, sizeof(text), "%s: %s", words, why);
	link_clean(text);
	report_complain(l->report, text, true);
}

void link_complain_of_stream(struct link *l, const char *words, natsStatus s, jsErrCode code)
{
	char text[400];

	snprintf(text, sizeof(text), "%s the stream %s", words, l->b->stream);
	link_complain(l, text, s, code);
}

void link_pause(struct link *l, unsigned int *tries)
{
	uint64_t ns = FIRST_PAUSE << (*tries < 7 ? *tries : 7), until, next;

	++*tries;
	until = clock_now() + (ns < LONGEST_PAUSE ? ns : LONGEST_PAUSE);
	while (!bridge_stop && clock_now() < until) {
		alive_beat();
		if (l && l->b)
			report_if_due(l->report, l->b);
		next = clock_now() + FIRST_PAUSE;
		clock_sleep_until(next < until ? next : until);
	}
}

static natsStatus open_context(struct link *l)
{
	jsOptions o;
	natsStatus s = jsOptions_Init(&o);

	if (s != NATS_OK)
		return s;
	o.PublishAsync.AckHandler = l->ack;
	o.PublishAsync.AckHandlerClosure = l->closure;
	return natsConnection_JetStream(&l->js, l->connection->nc, &o);
}

bool link_open(struct link *l, struct line *line)
{
	unsigned int tries = 0;
	natsStatus s;

	for (;;) {
		if (!line_take(line, l))
			return false;
		s = open_context(l);
		if (s == NATS_OK)
			return true;
		link_complain(l, "cannot use the connection", s, 0);
		link_close(l);
		if (bridge_stop)
			return false;
		link_pause(l, &tries);
	}
}

void link_close(struct link *l)
{
	jsCtx_Destroy(l->js);
	l->js = NULL;
	line_give(l);
}
