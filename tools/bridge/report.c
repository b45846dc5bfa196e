// SPDX-License-Identifier: GPL-2.0
/* See report.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../common/clock.h"
#include "report.h"

#define REMIND	 (60 * NS_PER_S) /* a complaint that stays true is said again after this time */
#define TOO_SOON (10 * NS_PER_S) /* one that ended is not said again within this time */

static const char *const direction_words[] = { "publish", "subscribe" };

void report_complain(struct report *r, const char *text, bool again)
{
	uint64_t pause = r->trouble && !r->quiet ? REMIND : TOO_SOON;
	bool same = r->said_at && !strncmp(text, r->said, sizeof(r->said) - 1) &&
		    clock_now() - r->said_at < pause;

	if (!r->trouble || !same) {
		r->errors++;
		r->last_error = time(NULL);
	}
	if (!r->trouble)
		r->quiet = same;
	r->trouble = true;
	if (same)
		return;
	r->quiet = false;
	r->said_at = clock_now();
	snprintf(r->said, sizeof(r->said), "%s", text);
	bridge_say("%s%s", text, again ? "; trying again" : "");
}

void report_complain_of_ring(struct report *r, const struct bridge *b, const char *words)
{
	char text[sizeof(r->said)];
	bool known = !b->ring || (bridge_topic && !strcmp(bridge_topic, b->ring));

	snprintf(text, sizeof(text), "%.255s%s%s", known ? "" : b->ring, known ? "" : ": ", words);
	report_complain(r, text, b->service);
}

void report_calm(struct report *r)
{
	if (r->trouble && !r->quiet)
		bridge_say("continuing");
	r->trouble = false;
}

static void print_json(const struct report *r, const struct bridge *b)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			      "direction", direction_words[b->direction], "uuid", r->uuid, "stream",
			      b->stream, "server", r->server, "connected", (int)r->connected,
			      "messages", (json_int_t)r->messages, "bytes", (json_int_t)r->bytes,
			      "position", (json_int_t)r->position, "lost", (json_int_t)r->lost,
			      "repeated", (json_int_t)r->repeated, "connections",
			      (json_int_t)r->connections, "errors", (json_int_t)r->errors);

	if (j && b->ring)
		json_object_set_new(j, "ring", json_string(b->ring));
	if (j)
		json_dumpf(j, stdout, JSON_PRESERVE_ORDER);
	json_decref(j);
	putchar('\n');
}

/* @last: this is the last report */
static void print_text(const struct report *r, const struct bridge *b, bool last)
{
	bool publishes = b->direction == PUBLISH;

	printf("%s", direction_words[b->direction]);
	if (b->service)
		printf(" %s %s", publishes ? b->ring : b->stream, publishes ? b->stream : b->ring);
	printf(": %llu messages, %llu bytes, %llu lost, %llu repeated, %llu connections%s\n",
	       (unsigned long long)r->messages, (unsigned long long)r->bytes,
	       (unsigned long long)r->lost, (unsigned long long)r->repeated,
	       (unsigned long long)r->connections,
	       last || r->connected ? "" : ", not connected now");
}

/* Several threads print: keep their lines whole. */
static void print(const struct report *r, const struct bridge *b, bool last)
{
	flockfile(stdout);
	if (b->json)
		print_json(r, b);
	else
		print_text(r, b, last);
	fflush(stdout);
	funlockfile(stdout);
}

void report_if_due(struct report *r, const struct bridge *b)
{
	uint64_t now;

	if (!b->interval)
		return;
	now = clock_now();
	if (now < r->next)
		return;
	if (r->next)
		print(r, b, false);
	r->next = now + b->interval;
}

void report_end(const struct report *r, const struct bridge *b)
{
	print(r, b, true);
}
