// SPDX-License-Identifier: GPL-2.0
/* See host.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

static enum ringbuf_host parse(struct argp_state *state, const char *what, const char *word)
{
	if (!strcmp(word, "module"))
		return RINGBUF_HOST_MODULE;
	if (!strcmp(word, "embedded"))
		return RINGBUF_HOST_EMBEDDED;
	if (strcmp(word, "auto"))
		argp_error(state, "%s=%s: not one of auto, module, embedded", what, word);
	return RINGBUF_HOST_AUTO;
}

enum ringbuf_host host_option(struct argp_state *state, const char *arg)
{
	return parse(state, "--host", arg);
}

enum ringbuf_host host_choose(struct argp_state *state, enum ringbuf_host host, bool is_file)
{
	const char *env = getenv("RINGBUF_HOST");

	if (host == RINGBUF_HOST_AUTO && env && *env)
		host = parse(state, "environment variable RINGBUF_HOST", env);
	if (host != RINGBUF_HOST_AUTO)
		return host;
	if (is_file || !access("/dev/ringbuf", R_OK | W_OK))
		return RINGBUF_HOST_MODULE;
	return RINGBUF_HOST_EMBEDDED;
}
