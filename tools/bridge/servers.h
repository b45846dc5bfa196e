/* SPDX-License-Identifier: GPL-2.0 */
/* The list of URLs of --server, with commas between them. */
#ifndef BRIDGE_SERVERS_H
#define BRIDGE_SERVERS_H

#include <nats/nats.h>
#include <stdbool.h>

#define SERVERS_MOST 64

/* Return NULL, or what is wrong with the list. */
const char *servers_check(const char *list);

/* Return whether one of the URLs asks for TLS; then all servers are used with it. */
bool servers_want_tls(const char *list);

/* Set the servers of a connection.  @list is right. */
natsStatus servers_set(const char *list, natsOptions *o);

#endif /* BRIDGE_SERVERS_H */
