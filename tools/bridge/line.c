// SPDX-License-Identifier: GPL-2.0
/* See line.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "alive.h"
#include "link.h"
#include "servers.h"

#define CONNECT_MS  2000
#define PING_MS	    2000 /* a server that answers no ping is noticed after three times this */
#define DEADLINE_MS 5000 /* for a write to the socket */
#define TICK	    (100 * NS_PER_MS) /* how often a link that waits looks at bridge_stop */

void line_init(struct line *line, const struct server *server)
{
	*line = (struct line){ .server = server, .first = -1 };
	pthread_mutex_init(&line->lock, NULL);
	clock_init_cond(&line->change);
}

/* ---- callbacks of libnats ------------------------------------------------------------------- */

/* Let all links leave @c.  The caller holds the lock. */
static void drop(struct connection *c)
{
	atomic_store(&c->down, true);
	for (struct link *l = c->line->links; l; l = l->next)
		if (l->connection == c && l->wake)
			l->wake(l->closure);
}

static void on_lost(natsConnection *nc, void *closure)
{
	struct connection *c = closure;

	(void)nc;
	pthread_mutex_lock(&c->line->lock);
	drop(c);
	pthread_mutex_unlock(&c->line->lock);
}

/* The last callback for this connection. */
static void on_closed(natsConnection *nc, void *closure)
{
	struct connection *c = closure;
	struct line *line = c->line;
	bool unused;

	(void)nc;
	pthread_mutex_lock(&line->lock);
	c->closed = true;
	unused = !c->users;
	if (unused && line->current == c)
		line->current = NULL;
	pthread_mutex_unlock(&line->lock);
	if (unused)
		free(c);
}

/*
 * Say which permission is missing, once: the server does not answer a call that it does not permit.
 * All other errors come back from the calls that they concern.
 */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus s, void *closure)
{
	struct line *line = ((struct connection *)closure)->line;
	const char *text = NULL;

	(void)sub;
	if (s != NATS_NOT_PERMITTED || natsConnection_GetLastError(nc, &text) == NATS_OK)
		return;
	pthread_mutex_lock(&line->lock);
	if (text && strncmp(text, line->denied, sizeof(line->denied) - 1)) {
		snprintf(line->denied, sizeof(line->denied), "%s", text);
		bridge_say("%s", text);
	}
	pthread_mutex_unlock(&line->lock);
}

/* ---- connecting -------------------------------------------------------------------------------
 */

static natsStatus set_options(natsOptions *o, struct connection *c, const struct server *server,
			      const char *url, char why[SECURE_WHY_BYTES])
{
	natsStatus s = natsOptions_SetURL(o, url);

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
		s = natsOptions_SetSendAsap(o, c->line->asks_only);
	if (s == NATS_OK)
		s = natsOptions_SetDisconnectedCB(o, on_lost, c);
	if (s == NATS_OK)
		s = natsOptions_SetClosedCB(o, on_closed, c);
	if (s == NATS_OK)
		s = natsOptions_SetErrorHandler(o, on_error, c);
	/* A server must not tell others to which the secrets then go. */
	if (s == NATS_OK)
		s = natsOptions_SetIgnoreDiscoveredServers(o, true);
	if (s == NATS_OK && server->inbox)
		s = natsOptions_SetCustomInboxPrefix(o, server->inbox);
	return s == NATS_OK ? secure_set(&server->secure, server->url, o, why) : s;
}

/* Connect to the server at @url.  If a file cannot be used, set @why. */
static natsStatus connect_to(const struct server *server, const char *url, struct connection *c,
			     char why[SECURE_WHY_BYTES])
{
	natsOptions *o = NULL;
	natsStatus s = natsOptions_Create(&o);

	if (s == NATS_OK)
		s = set_options(o, c, server, url, why);
	if (s == NATS_OK)
		s = natsConnection_Connect(&c->nc, o);
	natsOptions_Destroy(o);
	return s;
}

/*
 * Connect to one of the servers, beginning with number @first, or with any of them if that is -1.
 * Each may take seconds, so libnats, which would try all of them in one call, gets one at a time.
 */
static natsStatus connect_to_any(const struct server *server, int first, struct connection *c,
				 char why[SECURE_WHY_BYTES])
{
	struct servers servers;
	natsStatus s = NATS_NO_MEMORY;

	if (!servers_split(&servers, server->url))
		return s;
	if (first < 0)
		first = (int)(clock_now() / NS_PER_MS % (uint64_t)servers.count);
	for (int i = 0; i < servers.count && !*why && !(i && bridge_stop); i++) {
		alive_beat();
		c->number = (first + i) % servers.count;
		s = connect_to(server, servers.url[c->number], c, why);
		if (s == NATS_OK)
			break;
	}
	free(servers.copy);
	return s;
}

/*
 * Connect.  Return NULL after a message on stderr.  @l is a user of the connection at once, since
 * libnats may close it at any moment.
 */
static struct connection *connect_once(struct line *line, struct link *l, int first)
{
	struct connection *c = calloc(1, sizeof(*c));
	natsStatus s = NATS_NO_MEMORY;
	char words[256], why[SECURE_WHY_BYTES] = "";

	if (c) {
		c->line = line;
		c->users = 1;
		s = connect_to_any(line->server, first, c, why);
	}
	if (s == NATS_OK)
		return c;
	/* libnats calls on_closed() only for a connection that was made. */
	free(c);
	snprintf(words, sizeof(words), "cannot connect to %s", line->server->url);
	if (*why)
		report_complain(l->report, why, true);
	else
		link_complain(l, words, s, 0);
	return NULL;
}

/* Connect until it succeeds.  Return NULL if bridge_stop was set before. */
static struct connection *connect_until(struct line *line, struct link *l, int first)
{
	struct connection *c;
	unsigned int tries = 0;

	for (;;) {
		c = connect_once(line, l, first);
		if (c || bridge_stop)
			return c;
		link_pause(l, &tries);
	}
}

/* The callback misses a connection that is lost before natsConnection_Connect() returns. */
static bool is_lost(const struct connection *c)
{
	return atomic_load(&c->down) || natsConnection_IsClosed(c->nc);
}

bool link_is_down(const struct link *l)
{
	return is_lost(l->connection);
}

/* Return whether there is no connection at @c, or one that was lost. */
static bool is_useless(const struct connection *c)
{
	return !c || is_lost(c);
}

/* Let @l, which is counted as a user, have the current connection.  The caller holds the lock. */
static void join(struct line *line, struct link *l)
{
	l->connection = line->current;
	l->doubt = false;
	l->next = line->links;
	line->links = l;
}

bool line_take(struct line *line, struct link *l)
{
	struct connection *c;
	struct timespec tick;
	int first;

	pthread_mutex_lock(&line->lock);
	while (is_useless(line->current) && !bridge_stop) {
		alive_beat();
		if (line->connecting) {
			tick = clock_timespec(clock_now() + TICK);
			pthread_cond_timedwait(&line->change, &line->lock, &tick);
			if (!l->b)
				continue;
			/* The reader of the report may be slow. */
			pthread_mutex_unlock(&line->lock);
			report_if_due(l->report, l->b);
			pthread_mutex_lock(&line->lock);
			continue;
		}
		line->connecting = true;
		first = line->first;
		pthread_mutex_unlock(&line->lock);
		c = connect_until(line, l, first);
		pthread_mutex_lock(&line->lock);
		line->connecting = false;
		pthread_cond_broadcast(&line->change);
		if (!c)
			break;
		/* One that is lost already has this first user, too, which closes it. */
		line->current = c;
		line->first = -1;
		join(line, l);
		break;
	}
	if (!l->connection && !is_useless(line->current)) {
		line->current->users++;
		join(line, l);
	}
	pthread_mutex_unlock(&line->lock);
	return l->connection;
}

void line_give(struct link *l)
{
	struct connection *c = l->connection;
	struct line *line = c->line;
	struct link **at = &line->links;
	bool last, closed;
	natsConnection *nc = c->nc;

	pthread_mutex_lock(&line->lock);
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->connection = NULL;
	last = !--c->users;
	closed = c->closed;
	/* A link that was never heard may get no answer because it may not ask. */
	l->doubt = l->doubt && l->heard;
	if ((last || l->doubt) && line->current == c)
		line->current = NULL;
	if (l->doubt) {
		line->first = c->number + 1;
		if (++c->doubts > c->users)
			drop(c);
	}
	l->doubt = false;
	pthread_mutex_unlock(&line->lock);
	if (last)
		natsConnection_Destroy(nc);
	/* Else on_closed() frees it, which comes after the last user has gone. */
	if (last && closed)
		free(c);
}
