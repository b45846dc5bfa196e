// SPDX-License-Identifier: GPL-2.0
/* See metrics.h. */
#include <jansson.h>

#include "metrics.h"
#include "route.h"

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
	bool (*get)(const struct route *r, double *value);
};

/* Where one metric of a route is written to. */
struct target {
	FILE *f;
	const struct metric *metric;
};

#define COUNTER(field)                                                \
	static bool get_##field(const struct route *r, double *value) \
	{                                                             \
		*value = (double)r->report.field;                     \
		return true;                                          \
	}

COUNTER(messages)
COUNTER(bytes)
COUNTER(position)
COUNTER(lost)
COUNTER(repeated)
COUNTER(connections)
COUNTER(errors)
COUNTER(connected)

static bool get_last_error(const struct route *r, double *value)
{
	*value = (double)r->report.last_error;
	return r->report.last_error;
}

/* Open the ring of a route, which may not exist yet. */
static bool get_ring(const struct route *r, struct ringbuf_geometry *g, struct ringbuf_status *s)
{
	struct ringbuf *ring;
	bool got;

	if (ringbuf_open(r->b.ring, r->b.host, &ring))
		return false;
	g->size = sizeof(*g);
	s->size = sizeof(*s);
	got = !ringbuf_get_geometry(ring, g) && ringbuf_stats(ring, s, NULL, 0) >= 0;
	ringbuf_close(ring);
	return got;
}

static bool get_fill(const struct route *r, double *value)
{
	struct ringbuf_geometry g;
	struct ringbuf_status s;

	if (!get_ring(r, &g, &s))
		return false;
	*value = (double)s.blocker_lag;
	return true;
}

static bool get_slots(const struct route *r, double *value)
{
	struct ringbuf_geometry g;
	struct ringbuf_status s;

	if (!get_ring(r, &g, &s))
		return false;
	*value = (double)g.slot_count;
	return true;
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

static void write_one(const struct route *r, void *closure)
{
	const struct target *t = closure;
	double value;

	if (!t->metric->get(r, &value))
		return;
	fprintf(t->f, "ringbuf_bridge_%s{", t->metric->name);
	write_label(t->f, "direction", r->b.direction == PUBLISH ? "publish" : "subscribe");
	putc(',', t->f);
	write_label(t->f, "ring", r->b.ring);
	putc(',', t->f);
	write_label(t->f, "stream", r->b.stream);
	fprintf(t->f, "} %.17g\n", value);
}

void metrics_write(FILE *f)
{
	struct target t = { .f = f };

	for (t.metric = metrics; t.metric < metrics + sizeof(metrics) / sizeof(*metrics);
	     t.metric++) {
		fprintf(f, "# HELP ringbuf_bridge_%s %s\n", t.metric->name, t.metric->help);
		fprintf(f, "# TYPE ringbuf_bridge_%s %s\n", t.metric->name, t.metric->type);
		routes_each(write_one, &t);
	}
}
