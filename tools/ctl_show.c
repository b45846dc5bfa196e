// SPDX-License-Identifier: GPL-2.0
/* ringbufctl info and stats: one ring. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/output.h"
#include "common/policy.h"
#include "common/uuid.h"
#include "ctl.h"

/* A ring as one look saw it. */
struct look {
	struct ringbuf_status status;
	struct ringbuf_reader_status *reader;
	struct ringbuf_writer_status *writer;
	int readers;
	int writers;
};

const char *ctl_flags(uint32_t flags, uint32_t policy, char text[64])
{
	snprintf(text, 64, "%s%s%s%s%s", flags & RINGBUF_EXCLUSIVE ? ",exclusive" : "",
		 flags & RINGBUF_TIMESTAMP ? ",timestamp" : "", flags & RINGBUF_KEPT ? ",kept" : "",
		 policy == RINGBUF_BLOCK ? "" : ",",
		 policy == RINGBUF_BLOCK ? "" : policy_word(policy));
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
	l->writers = ringbuf_writers(ring, l->writer, RINGBUF_MAX_WRITERS);
	return l->readers < 0 ? l->readers : l->writers < 0 ? l->writers : 0;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void say_json(json_t *j)
{
	json_dumpf(j, stdout, 0);
	putchar('\n');
	json_decref(j);
}

/* ---- info ------------------------------------------------------------------- */

static struct ringbuf_policy ring_policy(const struct ringbuf_geometry *g)
{
	return (struct ringbuf_policy){
		.kind = g->policy,
		.timeout = g->policy_timeout,
		.lag = g->policy_lag,
	};
}

static void info_json(const struct ctl *c, const struct ringbuf_geometry *g, const struct look *l)
{
	struct ringbuf_policy policy = ring_policy(g);
	char uuid[UUID_TEXT_BYTES];
	json_t *j = json_object();

	ctl_json_name(j, c->name, strlen(c->name));
	json_object_set_new(j, "uuid", json_string(uuid_text(uuid, g->uuid)));
	json_object_set_new(j, "host",
			    json_string(g->host == RINGBUF_HOST_MODULE ? "module" : "embedded"));
	json_object_set_new(j, "slot_bytes", number(g->slot_bytes));
	json_object_set_new(j, "slot_stride", number(g->slot_stride));
	json_object_set_new(j, "slots", number(g->slot_count));
	json_object_set_new(j, "max_readers", number(g->max_readers));
	json_object_set_new(j, "max_writers", number(g->max_writers));
	json_object_set_new(j, "wait_readers", number(g->wait_readers));
	json_object_set_new(j, "readers_lacking", number(l->status.readers_lacking));
	json_object_set_new(j, "claim_timeout", json_real((double)g->claim_timeout / 1e9));
	policy_json(j, &policy);
	json_object_set_new(j, "exclusive", json_boolean(g->flags & RINGBUF_EXCLUSIVE));
	json_object_set_new(j, "timestamp", json_boolean(g->flags & RINGBUF_TIMESTAMP));
	json_object_set_new(j, "kept", json_boolean(g->flags & RINGBUF_KEPT));
	json_object_set_new(j, "head", number(l->status.head));
	json_object_set_new(j, "readers", number(l->status.readers));
	json_object_set_new(j, "writers", number(l->status.writers));
	json_object_set_new(j, "stream", json_string(end_name(l->status.ended)));
	say_json(j);
}

static void info_text(const struct ctl *c, const struct ringbuf_geometry *g, const struct look *l)
{
	struct ringbuf_policy policy = ring_policy(g);
	char flags[64], text[POLICY_TEXT_BYTES], uuid[UUID_TEXT_BYTES];

	printf("name         ");
	ctl_print_name(c->name, strlen(c->name));
	printf("\nuuid         %s\n", uuid_text(uuid, g->uuid));
	printf("host         %s\n", g->host == RINGBUF_HOST_MODULE ? "module" : "embedded");
	printf("slot bytes   %llu, one slot every %llu\n", (unsigned long long)g->slot_bytes,
	       (unsigned long long)g->slot_stride);
	printf("slots        %llu\n", (unsigned long long)g->slot_count);
	printf("flags        %s\n", ctl_flags(g->flags, RINGBUF_BLOCK, flags));
	printf("head         %llu\n", (unsigned long long)l->status.head);
	printf("readers      %u of %u\n", l->status.readers, g->max_readers);
	printf("writers      %u of %u\n", l->status.writers, g->max_writers);
	if (g->wait_readers)
		printf("wait for     %u readers, of which %u are lacking\n", g->wait_readers,
		       l->status.readers_lacking);
	if (g->claim_timeout)
		printf("fence after  %g s\n", (double)g->claim_timeout / 1e9);
	printf("policy       %s\n", policy_text(text, &policy));
	printf("stream       %s\n", end_name(l->status.ended));
}

int ctl_info(const struct ctl *c)
{
	struct look l = { .reader = NULL };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	struct ringbuf *ring;
	int err = ctl_look(c->name, c->host, &ring);

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
	json_object_set_new(j, "policy", json_string(policy_word(r->policy)));
	json_object_set_new(j, "at_stop", json_boolean(r->policy & RINGBUF_AT_STOP));
	json_object_set_new(j, "skipped", json_boolean(r->skipped));
	json_object_set_new(j, "skips", number(r->skips));
	return j;
}

static json_t *writer_json(const struct ringbuf_writer_status *w)
{
	json_t *j = json_object();

	json_object_set_new(j, "id", number(w->id));
	json_object_set_new(j, "pid", json_integer(w->pid));
	json_object_set_new(j, "waits", number(w->waits));
	return j;
}

/* For how long, at least, the blocker has been where it is. */
static double blocker_seconds(const struct ringbuf_status *s)
{
	uint64_t now = clock_now();

	return s->blocker_since && now > s->blocker_since ? (double)(now - s->blocker_since) / 1e9
							  : 0;
}

/* The reader or writer for which the others wait; without one its role is null. */
static json_t *blocker_json(const struct ringbuf_status *s)
{
	bool writer = s->blocker_kind == RINGBUF_BLOCKED_BY_WRITER;
	bool nobody = s->blocker_kind == RINGBUF_BLOCKED_BY_NOBODY;
	json_t *j = json_object();

	json_object_set_new(j, "role",
			    nobody ? json_null() : json_string(writer ? "writer" : "reader"));
	json_object_set_new(j, "id", nobody ? json_null() : number(s->blocker_id));
	json_object_set_new(j, "pid", json_integer(s->blocker_pid));
	ctl_json_comm(j, s->blocker_comm);
	json_object_set_new(j, "seconds", nobody ? json_null() : json_real(blocker_seconds(s)));
	json_object_set_new(j, "position", number(s->blocker_position));
	json_object_set_new(j, "lag", number(s->blocker_lag));
	return j;
}

static void stats_json(const struct look *l)
{
	const struct ringbuf_status *s = &l->status;
	json_t *j = json_object(), *readers = json_array(), *writers = json_array();
	int i;

	json_object_set_new(j, "head", number(s->head));
	json_object_set_new(j, "repaired", number(s->repaired));
	json_object_set_new(j, "fenced", number(s->fenced));
	json_object_set_new(j, "writer_waits", number(s->writer_waits));
	json_object_set_new(j, "writers", number(s->writers));
	json_object_set_new(j, "writers_ever", number(s->writers_ever));
	json_object_set_new(j, "stream", json_string(end_name(s->ended)));
	json_object_set_new(j, "readers_lacking", number(s->readers_lacking));
	json_object_set_new(j, "blocker", blocker_json(s));
	for (i = 0; i < l->readers; i++)
		json_array_append_new(readers, reader_json(&l->reader[i]));
	json_object_set_new(j, "readers", readers);
	for (i = 0; i < l->writers; i++)
		json_array_append_new(writers, writer_json(&l->writer[i]));
	json_object_set_new(j, "writer_list", writers);
	say_json(j);
}

/* A process of another pid namespace has no number here. */
static const char *process(int32_t pid, char text[16])
{
	snprintf(text, 16, pid ? "%d" : "-", pid);
	return text;
}

static void blocker_text(const struct ringbuf_status *s)
{
	char text[CTL_PROCESS_BYTES];

	if (s->blocker_kind == RINGBUF_BLOCKED_BY_WRITER)
		printf("blocker: writer %u, process %s, has not finished slot %llu, %llu behind "
		       "head, for %.1f s\n",
		       s->blocker_id, ctl_process(s->blocker_pid, s->blocker_comm, text),
		       (unsigned long long)s->blocker_position, (unsigned long long)s->blocker_lag,
		       blocker_seconds(s));
	else if (s->blocker_kind == RINGBUF_BLOCKED_BY_READER)
		printf("slowest: reader %u, process %s, %llu behind head, there for %.1f s\n",
		       s->blocker_id, ctl_process(s->blocker_pid, s->blocker_comm, text),
		       (unsigned long long)s->blocker_lag, blocker_seconds(s));
}

static void stats_text(const struct look *l)
{
	const struct ringbuf_status *s = &l->status;
	char pid[16];
	int i;

	printf("head %llu, %u writers (%u ever), stream %s, %llu repaired, writers slept %llu times\n",
	       (unsigned long long)s->head, s->writers, s->writers_ever, end_name(s->ended),
	       (unsigned long long)s->repaired, (unsigned long long)s->writer_waits);
	if (s->readers_lacking)
		printf("writers wait for %u more readers\n", s->readers_lacking);
	if (s->fenced)
		printf("writers fenced: %llu\n", (unsigned long long)s->fenced);
	blocker_text(s);
	printf("%7s %8s %12s %10s %10s %8s %10s %6s %8s\n", "reader", "process", "cursor", "lag",
	       "lost", "holes", "slept", "policy", "skips");
	for (i = 0; i < l->readers; i++) {
		const struct ringbuf_reader_status *r = &l->reader[i];

		printf("%7u %8s %12llu %10llu %10llu %8llu %10llu %6s %8llu%s\n", r->id,
		       process(r->pid, pid), (unsigned long long)r->cursor,
		       (unsigned long long)r->lag, (unsigned long long)r->lost,
		       (unsigned long long)r->holes, (unsigned long long)r->waits,
		       policy_word(r->policy), (unsigned long long)r->skips,
		       r->skipped ? ", now too" : "");
	}
	printf("%7s %8s %54s\n", "writer", "process", "slept");
	for (i = 0; i < l->writers; i++)
		printf("%7u %8s %54llu\n", l->writer[i].id, process(l->writer[i].pid, pid),
		       (unsigned long long)l->writer[i].waits);
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
	struct look l = { .reader = calloc(RINGBUF_MAX_READERS, sizeof(*l.reader)),
			  .writer = calloc(RINGBUF_MAX_WRITERS, sizeof(*l.writer)) };
	struct ringbuf *ring;
	int err = l.reader && l.writer ? ctl_look(c->name, c->host, &ring) : -ENOMEM;

	if (err) {
		err = ctl_fail_at(c, ERROR_OPEN, err, NULL);
	} else {
		err = stats(c, ring, &l);
		ringbuf_close(ring);
	}
	free(l.writer);
	free(l.reader);
	return err;
}
