// SPDX-License-Identifier: GPL-2.0
/* See report.h. */
#include <jansson.h>
#include <stdio.h>

#include "../common/clock.h"
#include "report.h"

static void print_json(const struct report *r, const struct bridge *b, const char *uuid)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "uuid", uuid,
			      "stream", b->stream, "server", b->server_shown, "connected",
			      r->connected, "messages", (json_int_t)r->messages, "bytes",
			      (json_int_t)r->bytes, "position", (json_int_t)r->position, "lost",
			      (json_int_t)r->lost, "repeated", (json_int_t)r->repeated,
			      "connections", (json_int_t)r->connections);

	if (j && b->ring)
		json_object_set_new(j, "ring", json_string(b->ring));
	if (j)
		json_dumpf(j, stdout, JSON_PRESERVE_ORDER);
	json_decref(j);
	putchar('\n');
}

static void print(const struct report *r, const struct bridge *b, const char *uuid)
{
	if (b->json)
		print_json(r, b, uuid);
	else
		printf("%llu messages, %llu bytes, %llu lost, %llu repeated, %llu connections%s\n",
		       (unsigned long long)r->messages, (unsigned long long)r->bytes,
		       (unsigned long long)r->lost, (unsigned long long)r->repeated,
		       (unsigned long long)r->connections,
		       r->connected ? "" : ", not connected now");
	fflush(stdout);
}

void report_if_due(struct report *r, const struct bridge *b, const char *uuid)
{
	uint64_t now = clock_now();

	if (!b->interval || now < r->next)
		return;
	if (r->next)
		print(r, b, uuid);
	r->next = now + b->interval;
}

void report_end(const struct report *r, const struct bridge *b, const char *uuid)
{
	print(r, b, uuid);
}
