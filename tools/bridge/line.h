/* SPDX-License-Identifier: GPL-2.0 */
/* The connection to the server, which all rings of this process share. */
#ifndef BRIDGE_LINE_H
#define BRIDGE_LINE_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bridge.h"

struct link;

/**
 * struct connection - one connection, which does not reconnect by itself: a message that was lost
 *	with the old connection would then be overtaken by those that follow it
 * @nc: the connection
 * @line: where it belongs
 * @down: it was lost, or most links that had it doubt it
 * @closed: libnats does not use this structure any more; under the lock of @line
 * @users: the links that have it; under the lock of @line
 * @doubts: the links that gave it back in doubt; under the lock of @line
 * @number: number of its server in the list
 */
struct connection {
	natsConnection *nc;
	struct line *line;
	atomic_bool down;
	bool closed;
	unsigned int users;
	unsigned int doubts;
	int number;
};

/**
 * struct line - connections to one server, one after the other
 * @server: where it is
 * @asks_only: requests are all that is sent, so let none wait for others to be sent with it
 * @lock: for all below
 * @change: signaled when @connecting becomes false
 * @connecting: one link is connecting; the others wait for it
 * @current: the newest connection, NULL: none, or a link has doubted it
 * @first: number of the server to try first, -1: any
 * @denied: what the server has not permitted last
 * @links: the links that have a connection, which are woken when it is lost
 */
struct line {
	const struct server *server;
	bool asks_only;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool connecting;
	struct connection *current;
	int first;
	char denied[256];
	struct link *links;
};

void line_init(struct line *line, const struct server *server);

/*
 * Set @l->connection.  Connect if there is no connection, and try until it succeeds; say on stderr
 * why not.  Return false if bridge_stop was set before.
 */
bool line_take(struct line *line, struct link *l);

/*
 * Give the connection of @l back.  The last link that does so closes it.  If @l doubts it, a link
 * that connects does so to another server, if there is one; if most links do, the others leave it,
 * too.
 */
void line_give(struct link *l);

#endif /* BRIDGE_LINE_H */
