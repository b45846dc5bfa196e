/* SPDX-License-Identifier: GPL-2.0 */
/* A web server in a thread of its own, which tells Prometheus the counters of all routes. */
#ifndef BRIDGE_METRICS_H
#define BRIDGE_METRICS_H

#include <stdbool.h>
#include <stdio.h>

struct metrics;

/* Return whether @address is [HOST:]PORT with a port from 1 to 65535. */
bool metrics_is_address(const char *address);

/*
 * Serve http://@address/metrics, where @address is [HOST:]PORT, and HOST is 127.0.0.1 if it is left
 * out.  Return NULL after a message on stderr.
 */
struct metrics *metrics_start(const char *address);

/* End the server.  @m may be NULL. */
void metrics_stop(struct metrics *m);

/* Write the counters in the text format of Prometheus. */
void metrics_write(FILE *f);

#endif /* BRIDGE_METRICS_H */
