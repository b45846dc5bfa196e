/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that each pass the messages of one ring, all over one connection. */
#ifndef BRIDGE_ROUTE_H
#define BRIDGE_ROUTE_H

#include "line.h"
#include "report.h"

#define ROUTES_MOST 1024

/**
 * struct route - one ring and one stream, with a thread
 * @b: what to do, with names that the route owns
 * @report: its counters
 * @next: the next route
 * @line: the connection
 * @thread: its thread
 * @status: exit status, when the thread has ended
 * @ended: the thread is about to end
 */
struct route {
	struct bridge b;
	struct report report;
	struct route *next;
	struct line *line;
	pthread_t thread;
	int status;
	atomic_bool ended;
};

/*
 * Pass the messages of all @count bridges until each of them ends.  A ring to be published, or a
 * stream to be subscribed to, whose name has a * stands for all that exist or will exist; a * in
 * the other names stands for the same text.  Return the exit status: 0 if that of each is 0.
 */
int routes_run(const struct bridge *b, size_t count, struct line *line);

/*
 * Call @look for each route.  Routes do not begin or end meanwhile; their counters may change.  For
 * any thread.
 */
void routes_each(void (*look)(const struct route *r, void *closure), void *closure);

#endif /* BRIDGE_ROUTE_H */
