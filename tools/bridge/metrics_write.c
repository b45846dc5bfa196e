// SPDX-License-Identifier: GPL-2.0
/* See metrics.h. */
#include <jansson.h>
#include <stdlib.h>

#include "metrics.h"
#include "route.h"

/**
 * struct sample - what is known of one route
 * @has_ring: its ring exists, and the others below are set
 */
struct sample {
	const struct route *route;
	bool has_ring;
	struct ringbuf_geometry geometry;
	struct ringbuf_status status;
};

/**
 * struct metric - one number of each route
 * @name: its name behind "ringbuf_bridge_"
 * @type: counter or gauge
 * @help: what it means
 * @get: set the value; return false if there is none
 */
struct metric {
	const char *name;
	const char *type;
	const char *help;
	bool (*get)(const struct sample *s, double *value);
};

#define COUNTER(field)                                                 \
	static bool get_##field(const struct sample *s, double *value) \
	{                                                              \
		*value = (double)s->route->report.field;               \
		return true;                                           \
	}

COUNTER(messages)
COUNTER(bytes)
COUNTER(position)
COUNTER(lost)
COUNTER(repeated)
COUNTER(connections)
COUNTER(errors)
COUNTER(connected)

static bool get_last_error(const struct sample *s, double *value)
{
	*value = (double)s->route->report.last_error;
	return s->route->report.last_error;
}

static bool get_fill(const struct sample *s, double *value)
{
	*value = (double)s->status.blocker_lag;
	return s->has_ring;
}

static bool get_slots(const struct sample *s, double *value)
{
	*value = (double)s->geometry.slot_count;
	return s->has_ring;
}

static const struct metric metrics[] = {
	{ "messages_total", "counter", "Messages passed on.", get_messages },
	{ "bytes_total", "counter", "Bytes of the messages passed on.", get_bytes },
	{ "lost_total", "counter", "Slots or messages lost on the way.", get_lost },
	{ "repeated_total", "counter", "Messages that the other side had already.", get_repeated },
	{ "connections_total", "counter", "How often the route has connected.", get_connections },
	{ "errors_total", "counter", "Complaints about the server, the stream or the ring.",
	  get_errors },
	{ "last_error_timestamp_seconds", "gauge", "When the last complaint was.", get_last_error },
	{ "connected", "gauge", "1: the route is connected to the server.", get_connected },
	{ "position", "gauge", "Position in the ring; of a subscriber, in the stream.",
	  get_position },
	{ "ring_fill_slots", "gauge", "Slots that the slowest reader of the ring has not read.",
	  get_fill },
	{ "ring_slots", "gauge", "Slots of the ring.", get_slots },
};

#define METRICS (sizeof(metrics) / sizeof(*metrics))

/* The lines of each metric, in the order of the routes. */
struct lines {
	FILE *f[METRICS];
};

/* Look at the ring of a route, once for all metrics: it may not exist yet. */
static void look(struct sample *s)
{
	struct ringbuf *ring;

	s->geometry.size = sizeof(s->geometry);
	s->status.size = sizeof(s->status);
	if (ringbuf_open(s->route->b.ring, s->route->b.host, &ring))
		return;
	s->has_ring = !ringbuf_get_geometry(ring, &s->geometry) &&
		      ringbuf_stats(ring, &s->status, NULL, 0) >= 0;
	ringbuf_close(ring);
}

/*
 * Write a label.  In its value a quote, a backslash and the end of a line have a backslash.  One
 * that is not UTF-8 would make Prometheus refuse all labels: its bytes above 127 are written as ?.
 */
static void write_label(FILE *f, const char *name, const char *value)
{
	json_t *text = json_string(value);
	bool plain = text;

	json_decref(text);
	fprintf(f, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			putc(plain || !(*value & 0x80) ? *value : '?', f);
	}
	putc('"', f);
}

static void write_one(FILE *f, const struct metric *metric, const struct sample *s)
{
	const struct route *r = s->route;
	double value;

	if (!metric->get(s, &value))
		return;
	fprintf(f, "ringbuf_bridge_%s{", metric->name);
	write_label(f, "direction", r->b.direction == PUBLISH ? "publish" : "subscribe");
	putc(',', f);
	write_label(f, "ring", r->b.ring);
	putc(',', f);
	write_label(f, "stream", r->b.stream);
	fprintf(f, "} %.17g\n", value);
}

static void write_route(const struct route *r, void *closure)
{
	struct lines *lines = closure;
	struct sample s = { .route = r };

	look(&s);
	for (size_t i = 0; i < METRICS; i++)
		if (lines->f[i])
			write_one(lines->f[i], &metrics[i], &s);
}

void metrics_write(FILE *f)
{
	struct lines lines;
	char *text[METRICS] = { 0 };
	size_t bytes[METRICS];

	for (size_t i = 0; i < METRICS; i++)
		lines.f[i] = open_memstream(&text[i], &bytes[i]);
	routes_each(write_route, &lines);
	for (size_t i = 0; i < METRICS; i++) {
		if (lines.f[i] && !fclose(lines.f[i])) {
			fprintf(f, "# HELP ringbuf_bridge_%s %s\n", metrics[i].name,
				metrics[i].help);
			fprintf(f, "# TYPE ringbuf_bridge_%s %s\n", metrics[i].name,
				metrics[i].type);
			fwrite(text[i], 1, bytes[i], f);
		}
		free(text[i]);
	}
}
