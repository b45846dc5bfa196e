// SPDX-License-Identifier: GPL-2.0
/* See route.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/error.h"
#include "../common/rings.h"
#include "alive.h"
#include "link.h"
#include "pattern.h"
#include "route.h"
#include "sink.h"

#define FIND_PAUSE NS_PER_S /* between two searches for names that match a pattern */
#define TICK	   (100 * NS_PER_MS)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct route
	*routes; /* under the lock for all but the main thread, which alone changes it */

void routes_each(void (*look)(const struct route *r, void *closure), void *closure)
{
	pthread_mutex_lock(&lock);
	for (const struct route *r = routes; r; r = r->next)
		look(r, closure);
	pthread_mutex_unlock(&lock);
}

/* ---- one route --------------------------------------------------------------------------------
 */

/* Return the exit status, or BRIDGE_GONE if there is no ring of that name. */
static int publish_once(struct route *r)
{
	const struct bridge *b = &r->b;
	struct ringbuf_config config = { .name = b->ring, .host = b->host };
	char words[ERROR_WORDS_BYTES];
	struct ringbuf *ring;
	int err = ringbuf_open(b->ring, b->host, &ring);

	if (err == -ENOENT && b->found)
		return BRIDGE_GONE;
	if (err) {
		report_complain_of_ring(&r->report, b,
					error_words(words, ERROR_OPEN, err, &config));
		return err == -ENOENT ? BRIDGE_GONE : 1;
	}
	return publish(b, r->line, ring, &r->report);
}

/* Return the exit status, or BRIDGE_GONE if there is no such stream. */
static int subscribe_once(struct route *r)
{
	struct sink *sink = sink_get(&r->b, &r->report);
	int status;

	if (!sink)
		return 1;
	status = subscribe(&r->b, r->line, sink, &r->report);
	sink_put_back(sink, &r->b);
	return status;
}

/*
 * Run until bridge_stop is set, or what was found is gone.  Return 0: a service tries again after
 * each failure, so that only a signal ends it.
 */
static int serve(struct route *r, int (*once)(struct route *r))
{
	unsigned int tries = 0;
	uint64_t before;

	do {
		before = r->report.messages;
		if (once(r) == BRIDGE_GONE && r->b.found)
			break;
		if (r->report.messages != before)
			tries = 0;
		link_pause(NULL, &tries);
	} while (!bridge_stop);
	return 0;
}

static void *run(void *arg)
{
	struct route *r = arg;
	int (*once)(struct route * r) = r->b.direction == PUBLISH ? publish_once : subscribe_once;

	if (r->b.service)
		bridge_topic = r->b.direction == PUBLISH ? r->b.ring : r->b.stream;
	alive_begin(r->b.direction == PUBLISH ? "publish" : "subscribe");
	r->status = r->b.service ? serve(r, once) : once(r);
	alive_end();
	atomic_store(&r->ended, true);
	return NULL;
}

static void destroy(struct route *r)
{
	free((char *)r->b.ring);
	free((char *)r->b.stream);
	free((char *)r->b.subject);
	free(r);
}

/* Start a route of @b, whose names it copies.  Return 0 or a negative errno. */
static int start(const struct bridge *b, struct line *line)
{
	struct route *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return err;
	r->b = *b;
	r->b.ring = strdup(b->ring);
	r->b.stream = strdup(b->stream);
	r->b.subject = strdup(b->subject);
	r->line = line;
	r->report.server = line->server->url;
	if (r->b.ring && r->b.stream && r->b.subject)
		err = -pthread_create(&r->thread, NULL, run, r);
	if (err) {
		destroy(r);
		return err;
	}
	pthread_mutex_lock(&lock);
	r->next = routes;
	routes = r;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* Wait for the end of the route *@at, and remove it.  Return whether its status is not 0. */
static bool remove_route(struct route **at)
{
	struct route *r = *at;
	bool failed;

	pthread_join(r->thread, NULL);
	pthread_mutex_lock(&lock);
	*at = r->next;
	pthread_mutex_unlock(&lock);
	failed = r->status;
	destroy(r);
	return failed;
}

/* Remove the routes that have ended. */
static void reap(void)
{
	struct route **at = &routes;

	while (*at)
		if (atomic_load(&(*at)->ended))
			remove_route(at);
		else
			at = &(*at)->next;
}

static unsigned int count_routes(void)
{
	unsigned int count = 0;

	for (const struct route *r = routes; r; r = r->next)
		count++;
	return count;
}

/* Return whether there is a route between these. */
static bool exists(const struct bridge *b)
{
	for (const struct route *r = routes; r; r = r->next)
		if (r->b.direction == b->direction && !strcmp(r->b.ring, b->ring) &&
		    !strcmp(r->b.stream, b->stream))
			return true;
	return false;
}

/* ---- names with a * ----------------------------------------------------------------------------
 */

/**
 * struct finder - a bridge with a pattern, and how to find the names that match it
 * @b: the bridge
 * @line: the connection
 * @link: for streams
 * @report: for complaints
 * @failed: something failed in this search
 */
struct finder {
	const struct bridge *b;
	struct line *line;
	struct link link;
	struct report report;
	bool failed;
};

/* The names become parts of what is sent to the server: a ring may have any name. */
static bool can_be_sent(const struct bridge *found)
{
	return pattern_is_stream(found->stream) && !pattern_is(found->stream) &&
	       pattern_is_subject(found->subject) && !pattern_is(found->subject);
}

/* Start a route for @name, if it matches the pattern and has no route. */
static void look_at(struct finder *f, const char *name)
{
	const struct bridge *b = f->b;
	bool publishes = b->direction == PUBLISH;
	const char *pattern = publishes ? b->ring : b->stream;
	struct bridge found = *b;
	char *other, *subject;
	char text[300];
	int err = 0;

	other = pattern_other(pattern, name, publishes ? b->stream : b->ring);
	subject = pattern_other(pattern, name, b->subject);
	found.ring = publishes ? name : other;
	found.stream = publishes ? other : name;
	found.subject = subject;
	found.found = true;
	if (other && subject && !can_be_sent(&found))
		err = -EINVAL;
	else if (other && subject && !exists(&found))
		err = count_routes() < ROUTES_MOST ? start(&found, f->line) : -EMFILE;
	free(other);
	free(subject);
	/* The first complaint of a search is enough: others would alternate with it. */
	if (!err || f->failed)
		return;
	f->failed = true;
	if (err == -EMFILE)
		snprintf(text, sizeof(text), "more than %d rings or streams match", ROUTES_MOST);
	else
		snprintf(text, sizeof(text), "%.200s: %s", name,
			 err == -EINVAL ? "no stream can have this name" : strerror(-err));
	report_complain(&f->report, text, true);
}

/* Look at the rings of @folder, which are the files there with @prefix. */
static void find_rings_in(struct finder *f, const char *folder, const char *prefix)
{
	const char *slash = strrchr(f->b->ring, '/');
	char name[PATH_MAX];
	struct dirent *d;
	DIR *dir = opendir(folder);

	if (!dir) {
		f->failed = true;
		snprintf(name, sizeof(name), "%s: %s", folder, strerror(errno));
		report_complain(&f->report, name, true);
		return;
	}
	while ((d = readdir(dir)))
		if (d->d_type != DT_DIR && !strncmp(d->d_name, prefix, strlen(prefix)) &&
		    snprintf(name, sizeof(name), "%.*s%s",
			     slash ? (int)(slash + 1 - f->b->ring) : 0, f->b->ring,
			     d->d_name + strlen(prefix)) < (int)sizeof(name))
			look_at(f, name);
	closedir(dir);
}

static void find_rings(struct finder *f)
{
	char folder[PATH_MAX];

	if (f->b->host == RINGBUF_HOST_EMBEDDED)
		find_rings_in(f, SHM_DIR, SHM_PREFIX);
	else if (rings_folder_of(f->b->ring, folder))
		find_rings_in(f, folder, "");
}

static void find_streams(struct finder *f)
{
	jsStreamNamesList *list = NULL;
	jsErrCode code = 0;
	natsStatus s;

	if (!f->link.connection && !link_open(&f->link, f->line))
		return;
	s = js_StreamNames(&list, f->link.js, NULL, &code);
	if (s != NATS_OK && s != NATS_NOT_FOUND) {
		f->failed = true;
		link_complain(&f->link, "cannot list the streams", s, code);
		link_close(&f->link);
		return;
	}
	f->link.heard = true;
	for (int i = 0; list && i < list->Count; i++)
		if (pattern_is_stream(list->List[i]))
			look_at(f, list->List[i]);
	jsStreamNamesList_Destroy(list);
}

/* ---- all routes
 * ---------------------------------------------------------------------------------- */

static bool has_pattern(const struct bridge *b)
{
	return pattern_is(b->direction == PUBLISH ? b->ring : b->stream);
}

/* Look for names once. */
static void find_names(struct finder *f)
{
	f->failed = false;
	if (f->b->direction == PUBLISH)
		find_rings(f);
	else
		find_streams(f);
	if (!f->failed)
		report_calm(&f->report);
}

/* Look for names until bridge_stop is set. */
static void find(struct finder *finder, size_t count)
{
	uint64_t due = 0;

	alive_begin(NULL);
	while (!bridge_stop) {
		alive_beat();
		reap();
		if (clock_now() < due) {
			clock_sleep_until(clock_now() + TICK);
			continue;
		}
		for (struct finder *f = finder; f < finder + count && !bridge_stop; f++) {
			alive_beat();
			find_names(f);
		}
		due = clock_now() + FIND_PAUSE;
	}
	for (struct finder *f = finder; f < finder + count; f++)
		if (f->link.connection)
			link_close(&f->link);
	alive_end();
}

/* Wait until all routes have ended.  Return whether the status of one of them is not 0. */
static bool wait_all(void)
{
	bool failed = false;

	while (routes)
		failed = remove_route(&routes) || failed;
	return failed;
}

int routes_run(const struct bridge *b, size_t count, struct line *line)
{
	struct finder *finder = calloc(count, sizeof(*finder));
	size_t finders = 0;
	int err = finder ? 0 : -ENOMEM;
	bool failed;

	for (size_t i = 0; i < count && !err; i++) {
		if (has_pattern(&b[i])) {
			finder[finders].b = &b[i];
			finder[finders].line = line;
			finder[finders].link.report = &finder[finders].report;
			finders++;
		} else {
			err = start(&b[i], line);
		}
	}
	if (err) {
		bridge_say("%s", strerror(-err));
		bridge_stop = true;
	}
	if (finders)
		find(finder, finders);
	failed = wait_all();
	free(finder);
	return err || failed;
}
