// SPDX-License-Identifier: GPL-2.0
/* See servers.h. */
#include <stdlib.h>
#include <string.h>

#include "servers.h"

static const char *const schemes[] = { "nats://", "tls://" };

/* Return the part of @url behind the scheme, or NULL for another scheme. */
static const char *host_of(const char *url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (!strncmp(url, schemes[i], strlen(schemes[i])))
			return url + strlen(schemes[i]);
	return strstr(url, "://") ? NULL : url;
}

/*
 * Cut a copy of the list, @copy, into URLs.
 * Return their number, or SERVERS_MOST + 1 if there are more than that.
 */
static int split(char *copy, const char *url[SERVERS_MOST])
{
	int count = 0;

	for (char *word = strsep(&copy, ","); word; word = strsep(&copy, ",")) {
		if (count == SERVERS_MOST)
			return SERVERS_MOST + 1;
		url[count++] = word;
	}
	return count;
}

bool servers_is_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && port > 0 && port <= 65535;
}

/* Return whether what stands behind the colon of @host, if it has one, is a port. */
static bool has_good_port(const char *host)
{
	const char *port = strrchr(host, ':'), *bracket = strchr(host, ']');

	if (!port || port < bracket)
		return true;
	return strlen(port + 1) <= 5 && servers_is_port(port + 1);
}

const char *servers_check(const char *list)
{
	const char *url[SERVERS_MOST], *host, *wrong = NULL;
	char *copy = strdup(list);
	int count = copy ? split(copy, url) : 0;

	/* Look at the whole list first: an error must not show a password. */
	if (strchr(list, '@'))
		wrong = "a URL with a password or token shows it to all users of this machine; "
			"use --user-file or --token-file";
	else if (count > SERVERS_MOST)
		wrong = "more than 64 servers";
	for (int i = 0; !wrong && i < count; i++) {
		host = host_of(url[i]);
		if (!host || !*host || strchr(host, '/') || strpbrk(host, " \t"))
			wrong = "not nats://HOST:PORT or tls://HOST:PORT, or several of them with "
				"commas between them";
		else if (!has_good_port(host))
			wrong = "a port is a number from 1 to 65535";
	}
	free(copy);
	return wrong;
}

bool servers_want_tls(const char *list)
{
	return strstr(list, "tls://");
}

bool servers_split(struct servers *to, const char *list)
{
	to->copy = strdup(list);
	to->count = to->copy ? split(to->copy, to->url) : 0;
	return to->copy;
}
