/* SPDX-License-Identifier: GPL-2.0 */
/* The options of the command line, which are also the keys of the file of --config. */
#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include <argp.h>

#include "bridge.h"

/* Groups of options: those of the process, of any route, of [[publish]], and of [[subscribe]]. */
enum { GROUP_PROCESS = 1, GROUP_ROUTE, GROUP_PUBLISH, GROUP_SUBSCRIBE };

/**
 * struct arguments - what the options and the words of the command line say
 * @b: options of routes
 * @server: how to reach the server
 * @config: file with options and routes, or NULL
 * @metrics: where to serve metrics, or NULL
 * @only: an option that was set and that only this direction has, or NULL; enum direction
 * @word: the words
 * @words: how many these are
 */
struct arguments {
	struct bridge b;
	struct server server;
	const char *config;
	const char *metrics;
	const char *only[2];
	const char *word[3];
	int words;
};

extern const struct argp options_argp;

/* Set the defaults. */
void options_begin(struct arguments *a);

/* Return the option --@name, or NULL. */
const struct argp_option *options_find(const char *name);

/*
 * Set the option with the key @key in the struct arguments of @state.  Call argp_error() if @arg is
 * not a value of it.  @arg: the value, which must stay; of an option without an argument, NULL,
 * "true" or "false"
 */
error_t options_set(int key, char *arg, struct argp_state *state);

/*
 * Complete a route whose direction and names are set: its subject, for which memory is allocated,
 * and the host of its ring.  Call argp_error() if the names are wrong.
 */
void options_complete(struct argp_state *state, struct bridge *b);

#endif /* BRIDGE_OPTIONS_H */
