// SPDX-License-Identifier: GPL-2.0
/* See report.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../common/clock.h"
#include "report.h"

static const char *const direction_words[] = { "publish", "subscribe" };

void report_complain(struct report *r, const char *text, bool again)
{
	if (!strncmp(text, r->said, sizeof(r->said) - 1))
		return;
	snprintf(r->said, sizeof(r->said), "%s", text);
	r->errors++;
	r->last_error = time(NULL);
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
	if (*r->said)
		bridge_say("continuing");
	*r->said = '\0';
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

static void print_text(const struct report *r, const struct bridge *b)
{
	if (b->service)
		printf("%s %s %s: ", direction_words[b->direction], b->ring, b->stream);
	printf("%llu messages, %llu bytes, %llu lost, %llu repeated, %llu connections%s\n",
	       (unsigned long long)r->messages, (unsigned long long)r->bytes,
	       (unsigned long long)r->lost, (unsigned long long)r->repeated,
	       (unsigned long long)r->connections, r->connected ? "" : ", not connected now");
}

/* Several threads print: keep their lines whole. */
static void print(const struct report *r, const struct bridge *b)
{
	flockfile(stdout);
	if (b->json)
		print_json(r, b);
	else
		print_text(r, b);
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
		print(r, b);
	r->next = now + b->interval;
}

void report_end(const struct report *r, const struct bridge *b)
{
	print(r, b);
}
