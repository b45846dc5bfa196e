/* SPDX-License-Identifier: GPL-2.0 */
/* What the file of --config means: its keys are options, its tables are routes. */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include "config_file.h"
#include "options.h"

/**
 * struct config - the routes of a file
 * @file: the file, to whose texts the routes and the arguments point
 * @route: the routes
 * @count: how many these are
 */
struct config {
	struct config_file file;
	struct bridge *route;
	size_t count;
};

/*
 * Read the file @a->config.  A key before the tables is the default for all tables; an option of
 * the command line, @argv, replaces it.  Return false after a message on stderr.
 */
bool config_load(struct config *c, struct arguments *a, int argc, char **argv);

/* Free the routes, and what @a has of the file. */
void config_free(struct config *c);

#endif /* BRIDGE_CONFIG_H */
