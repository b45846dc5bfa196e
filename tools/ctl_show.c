// SPDX-License-Identifier: GPL-2.0
/* ringbufctl info and stats: one ring. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/output.h"
#include "ctl.h"

/* A ring as one look saw it. */
struct look {
	struct ringbuf_status status;
	struct ringbuf_reader_status *reader;
	int readers;
};

const char *ctl_flags(uint32_t flags, char text[64])
{
	snprintf(text, 64, "%s%s%s", flags & RINGBUF_EXCLUSIVE ? ",exclusive" : "",
		 flags & RINGBUF_TIMESTAMP ? ",timestamp" : "",
		 flags & RINGBUF_PERSISTENT ? ",persistent" : "");
	return *text ? text + 1 : "-";
}

static const char *end_name(uint32_t ended)
{
	switch (ended) {
	case RINGBUF_STREAM_OPEN:
		return "open";
	case RINGBUF_STREAM_DONE:
		return "done";
	default:
		return "died";
	}
}

static int look(struct ringbuf *ring, struct look *l)
{
	l->status.size = sizeof(l->status);
	l->readers = ringbuf_stats(ring, &l->status, l->reader, RINGBUF_MAX_READERS);
	return l->readers < 0 ? l->readers : 0;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* The row that holds up the writers; nothing: null. */
static json_t *row(uint32_t id)
{
	return id == RINGBUF_ALL_READERS ? json_null() : number(id);
}

static void say_json(json_t *j)
{
	json_dumpf(j, stdout, 0);
	putchar('\n');
	json_decref(j);
}

/* ---- info ------------------------------------------------------------------- */

static void info_json(const struct ctl *c, const struct ringbuf_geometry *g, const struct look *l)
{
	json_t *j = json_object();

	ctl_json_name(j, c->name, strlen(c->name));
	json_object_set_new(j, "host",
			    json_string(g->host == RINGBUF_HOST_MODULE ? "module" : "embedded"));
	json_object_set_new(j, "slot_bytes", number(g->slot_bytes));
	json_object_set_new(j, "slot_stride", number(g->slot_stride));
	json_object_set_new(j, "slots", number(g->slot_count));
	json_object_set_new(j, "max_readers", number(g->max_readers));
	json_object_set_new(j, "max_writers", number(g->max_writers));
	json_object_set_new(j, "exclusive", json_boolean(g->flags & RINGBUF_EXCLUSIVE));
	json_object_set_new(j, "timestamp", json_boolean(g->flags & RINGBUF_TIMESTAMP));
	json_object_set_new(j, "head", number(l->status.head));
	json_object_set_new(j, "readers", number(l->status.readers));
	json_object_set_new(j, "writers", number(l->status.writers));
	json_object_set_new(j, "stream", json_string(end_name(l->status.ended)));
	say_json(j);
}

static void info_text(const struct ctl *c, const struct ringbuf_geometry *g, const struct look *l)
{
	char flags[64];

	printf("name         ");
	ctl_print_name(c->name, strlen(c->name));
	printf("\nhost         %s\n", g->host == RINGBUF_HOST_MODULE ? "module" : "embedded");
	printf("slot bytes   %llu, one slot every %llu\n", (unsigned long long)g->slot_bytes,
	       (unsigned long long)g->slot_stride);
	printf("slots        %llu\n", (unsigned long long)g->slot_count);
	printf("flags        %s\n", ctl_flags(g->flags, flags));
	printf("head         %llu\n", (unsigned long long)l->status.head);
	printf("readers      %u of %u\n", l->status.readers, g->max_readers);
	printf("writers      %u of %u\n", l->status.writers, g->max_writers);
	printf("stream       %s\n", end_name(l->status.ended));
}

int ctl_info(const struct ctl *c)
{
	struct look l = { .reader = NULL };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	ringbuf_get_geometry(ring, &geometry);
	l.status.size = sizeof(l.status);
	err = ringbuf_stats(ring, &l.status, NULL, 0);
	ringbuf_close(ring);
	if (err < 0)
		return ctl_fail_at(c, ERROR_USE, err, NULL);
	if (c->json)
		info_json(c, &geometry, &l);
	else
		info_text(c, &geometry, &l);
	return 0;
}

/* ---- stats ------------------------------------------------------------------ */

static json_t *reader_json(const struct ringbuf_reader_status *r)
{
	json_t *j = json_object();

	json_object_set_new(j, "id", number(r->id));
	json_object_set_new(j, "pid", json_integer(r->pid));
	json_object_set_new(j, "cursor", number(r->cursor));
	json_object_set_new(j, "lag", number(r->lag));
	json_object_set_new(j, "lost", number(r->lost));
	json_object_set_new(j, "holes", number(r->holes));
	json_object_set_new(j, "waits", number(r->waits));
	return j;
}

static void stats_json(const struct look *l)
{
	const struct ringbuf_status *s = &l->status;
	json_t *j = json_object(), *blocker = json_object(), *readers = json_array();
	int i;

	json_object_set_new(j, "head", number(s->head));
	json_object_set_new(j, "repaired", number(s->repaired));
	json_object_set_new(j, "writer_waits", number(s->writer_waits));
	json_object_set_new(j, "writers", number(s->writers));
	json_object_set_new(j, "writers_ever", number(s->writers_ever));
	json_object_set_new(j, "stream", json_string(end_name(s->ended)));
	json_object_set_new(blocker, "id", row(s->blocker_id));
	json_object_set_new(blocker, "pid", json_integer(s->blocker_pid));
	json_object_set_new(blocker, "lag", number(s->blocker_lag));
	json_object_set_new(j, "blocker", blocker);
	for (i = 0; i < l->readers; i++)
		json_array_append_new(readers, reader_json(&l->reader[i]));
	json_object_set_new(j, "readers", readers);
	say_json(j);
}

static void stats_text(const struct look *l)
{
	const struct ringbuf_status *s = &l->status;
	int i;

	printf("head %llu, %u writers (%u ever), stream %s, %llu repaired, writers slept %llu times\n",
	       (unsigned long long)s->head, s->writers, s->writers_ever, end_name(s->ended),
	       (unsigned long long)s->repaired, (unsigned long long)s->writer_waits);
	if (s->blocker_id != RINGBUF_ALL_READERS)
		printf("slowest: reader %u, process %d, %llu behind\n", s->blocker_id,
		       s->blocker_pid, (unsigned long long)s->blocker_lag);
	printf("%7s %8s %12s %10s %10s %8s %10s\n", "reader", "process", "cursor", "lag", "lost",
	       "holes", "slept");
	for (i = 0; i < l->readers; i++) {
		const struct ringbuf_reader_status *r = &l->reader[i];

		printf("%7u %8d %12llu %10llu %10llu %8llu %10llu\n", r->id, r->pid,
		       (unsigned long long)r->cursor, (unsigned long long)r->lag,
		       (unsigned long long)r->lost, (unsigned long long)r->holes,
		       (unsigned long long)r->waits);
	}
}

void ctl_pause(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static int stats(const struct ctl *c, struct ringbuf *ring, struct look *l)
{
	uint64_t looks = c->watch > 0 ? c->count : 1, n;
	int err;

	for (n = 0; n < looks; n++) {
		if (n)
			ctl_pause(c->watch);
		err = look(ring, l);
		if (err)
			return ctl_fail_at(c, ERROR_USE, err, ring);
		if (c->json)
			stats_json(l);
		else
			stats_text(l);
		if (!output_flush())
			return CTL_EXIT_FAILED;
	}
	return 0;
}

int ctl_stats(const struct ctl *c)
{
	struct look l = { .reader = calloc(RINGBUF_MAX_READERS, sizeof(*l.reader)) };
	struct ringbuf *ring;
	int err = l.reader ? ringbuf_open(c->name, c->host, &ring) : -ENOMEM;

	if (err) {
		err = ctl_fail_at(c, ERROR_OPEN, err, NULL);
	} else {
		err = stats(c, ring, &l);
		ringbuf_close(ring);
	}
	free(l.reader);
	return err;
}
