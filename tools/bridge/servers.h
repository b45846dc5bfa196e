/* SPDX-License-Identifier: GPL-2.0 */
/* The list of URLs of --server, with commas between them. */
#ifndef BRIDGE_SERVERS_H
#define BRIDGE_SERVERS_H

#include <stdbool.h>

#define SERVERS_MOST 64

/* Return NULL, or what is wrong with the list. */
const char *servers_check(const char *list);

/* Return whether one of the URLs asks for TLS; then all servers are used with it. */
bool servers_want_tls(const char *list);

/* The URLs of a list; the caller frees @copy. */
struct servers {
	char *copy;
	const char *url[SERVERS_MOST];
	int count;
};

/* Cut @list, which is right, into URLs.  Return false if there is no memory. */
bool servers_split(struct servers *to, const char *list);

/* Return whether @text is a port, from 1 to 65535. */
bool servers_is_port(const char *text);

#endif /* BRIDGE_SERVERS_H */
