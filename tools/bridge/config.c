// SPDX-License-Identifier: GPL-2.0
/* See config.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "pattern.h"

#define WHERE_BYTES 512

static const char *const directions[] = { "publish", "subscribe", NULL }; /* enum direction */

/**
 * struct errors - collects what argp_error() says, which ends the program otherwise
 * @state: what argp_error() gets
 * @where: begins each error: file and line
 * @text: the errors
 * @bytes: length of @text
 */
struct errors {
	struct argp_state state;
	char where[WHERE_BYTES];
	char *text;
	size_t bytes;
};

/* Return false if there is no memory. */
static bool errors_begin(struct errors *e, const char *path, unsigned int line, void *input)
{
	*e = (struct errors){ 0 };
	snprintf(e->where, sizeof(e->where), "%s:%u", path, line);
	e->state.root_argp = &options_argp;
	e->state.flags = ARGP_NO_EXIT;
	e->state.input = input;
	e->state.name = e->where;
	e->state.err_stream = open_memstream(&e->text, &e->bytes);
	return e->state.err_stream;
}

/* Say the first error on stderr.  Return whether there was none. */
static bool errors_end(struct errors *e)
{
	bool good;

	fclose(e->state.err_stream);
	good = !e->bytes;
	if (!good)
		bridge_say("%.*s", (int)strcspn(e->text, "\n"), e->text);
	free(e->text);
	return good;
}

/* Return whether the argument of an option is a number. */
static bool is_number(const struct argp_option *o)
{
	return !strcmp(o->arg, "N") || !strcmp(o->arg, "SECONDS");
}

/* Return whether the argument of an option may be a number or a text. */
static bool is_address(const struct argp_option *o)
{
	return !strcmp(o->arg, "[HOST:]PORT");
}

/* Check the type of a value, and set the option. */
static void set_option(struct argp_state *state, const struct argp_option *o,
		       const struct config_entry *e)
{
	if (!o->arg && e->type != CONFIG_FLAG)
		argp_error(state, "%s: not true or false", e->key);
	else if (o->arg && is_number(o) && e->type != CONFIG_NUMBER)
		argp_error(state, "%s: not a number", e->key);
	else if (o->arg && !is_number(o) && e->type != CONFIG_TEXT &&
		 !(is_address(o) && e->type == CONFIG_NUMBER))
		argp_error(state, "%s: not a text in quotation marks", e->key);
	else
		options_set(o->key, e->value, state);
}

/* Set the name @name of a route. */
static void set_name(struct argp_state *state, const char **name, const struct config_entry *e)
{
	if (e->type != CONFIG_TEXT)
		argp_error(state, "%s: not a text in quotation marks", e->key);
	*name = e->value;
}

/* Set a key before the tables. */
static void set_default(struct argp_state *state, const struct config_entry *e)
{
	const struct argp_option *o = options_find(e->key);

	if (!o || !strcmp(e->key, "config"))
		argp_error(state, "%s: unknown key", e->key);
	else
		set_option(state, o, e);
}

/* Set a key of a table.  @state->input: a struct arguments whose @b is the route */
static void set_key(struct argp_state *state, const struct config_entry *e)
{
	struct bridge *b = &((struct arguments *)state->input)->b;
	const struct argp_option *o = options_find(e->key);

	if (!strcmp(e->key, "ring"))
		set_name(state, &b->ring, e);
	else if (!strcmp(e->key, "stream"))
		set_name(state, &b->stream, e);
	else if (!o || !strcmp(e->key, "config"))
		argp_error(state, "%s: unknown key", e->key);
	else if (o->group == GROUP_PROCESS)
		argp_error(state, "%s: belongs before the tables, as all routes share it", e->key);
	else if (o->group == GROUP_SUBSCRIBE && b->direction == PUBLISH)
		argp_error(state, "%s: only for [[subscribe]]", e->key);
	else if (o->group == GROUP_PUBLISH && b->direction == SUBSCRIBE)
		argp_error(state, "%s: only for [[publish]]", e->key);
	else
		set_option(state, o, e);
}

/* Return whether @name matches @pattern, and @other is what @pattern's other name is for it. */
static bool leads_to(const char *pattern, const char *name, const char *to, const char *other)
{
	char *text = pattern_other(pattern, name, to);
	bool same = text && !strcmp(text, other);

	free(text);
	return same;
}

/* Return whether two routes of [[publish]] give one stream to two rings. */
static bool share_stream(const struct bridge *a, const struct bridge *b)
{
	if (pattern_is(a->stream) && pattern_is(b->stream))
		return !strcmp(a->stream, b->stream) && strcmp(a->ring, b->ring) != 0;
	if (pattern_is(b->stream))
		return share_stream(b, a);
	if (!pattern_is(a->stream))
		return !strcmp(a->stream, b->stream);
	/* The ring of @b may match @a, too: then it has one route. */
	return pattern_meet(a->stream, b->stream) &&
	       !leads_to(a->stream, b->stream, a->ring, b->ring);
}

/* Return whether messages of a ring that is published may come into the same ring. */
static bool is_circle(const struct bridge *publish, const struct bridge *subscribe)
{
	const char *ring = publish->ring, *stream = publish->stream;

	if (pattern_is(ring) && !pattern_is(subscribe->stream))
		return leads_to(ring, subscribe->ring, stream, subscribe->stream);
	if (!pattern_is(ring) && pattern_is(subscribe->stream))
		return leads_to(subscribe->stream, stream, subscribe->ring, ring);
	return pattern_meet(ring, subscribe->ring) && pattern_meet(stream, subscribe->stream);
}

/* Check that two routes do not disturb each other. */
static void compare(struct argp_state *state, const struct bridge *a, const struct bridge *b)
{
	bool same = a->direction == b->direction;

	if (same && !strcmp(a->ring, b->ring) && !strcmp(a->stream, b->stream))
		argp_error(state, "ring %s and stream %s have a table before", b->ring, b->stream);
	else if (same && b->direction == PUBLISH && share_stream(a, b))
		argp_error(state,
			   "stream %s: another ring has it in a table before; each needs one of "
			   "its own",
			   b->stream);
	else if (!same && (b->direction == PUBLISH ? is_circle(b, a) : is_circle(a, b)))
		argp_error(state,
			   "ring %s and stream %s: a table before has the other direction, so "
			   "messages would go round for ever",
			   b->ring, b->stream);
}

/* Check the names of the route, which is the last one of @c. */
static void complete(struct argp_state *state, const struct config *c)
{
	struct bridge *b = &c->route[c->count - 1];

	if (!b->ring || !b->stream) {
		argp_error(state, "[[%s]] needs ring and stream", directions[b->direction]);
		return;
	}
	options_complete(state, b);
	for (const struct bridge *other = c->route; other < b; other++)
		compare(state, other, b);
}

/* Add the route of the table that begins at @e.  Set @next to the entry behind the table. */
static bool add_route(struct config *c, const struct arguments *a, const struct config_entry *e,
		      const struct config_entry **next)
{
	const struct config_entry *end = c->file.entry + c->file.count, *key;
	struct arguments route = *a;
	struct errors errors;

	route.b.direction = strcmp(e->value, directions[PUBLISH]) ? SUBSCRIBE : PUBLISH;
	for (key = e + 1; key < end && key->key; key++) {
		if (!errors_begin(&errors, a->config, key->line, &route))
			return false;
		set_key(&errors.state, key);
		if (!errors_end(&errors))
			return false;
	}
	c->route[c->count++] = route.b;
	*next = key;
	if (!errors_begin(&errors, a->config, e->line, &route))
		return false;
	complete(&errors.state, c);
	return errors_end(&errors);
}

static bool add_routes(struct config *c, const struct arguments *a, const struct config_entry *e)
{
	const struct config_entry *end = c->file.entry + c->file.count;

	if (e == end) {
		bridge_say("%s: no [[publish]] and no [[subscribe]]", a->config);
		return false;
	}
	c->route = calloc((size_t)(end - e), sizeof(*c->route));
	while (c->route && e < end)
		if (!add_route(c, a, e, &e))
			return false;
	return c->route;
}

bool config_load(struct config *c, struct arguments *a, int argc, char **argv)
{
	const char *path = a->config;
	const struct config_entry *e;
	struct errors errors;

	*c = (struct config){ 0 };
	if (!config_file_read(&c->file, path, directions)) {
		if (c->file.line)
			bridge_say("%s:%u: %s", path, c->file.line, c->file.why);
		else
			bridge_say("%s: %s", path, c->file.why);
		return false;
	}
	options_begin(a);
	a->b.service = true;
	for (e = c->file.entry; e < c->file.entry + c->file.count && e->key; e++) {
		if (!errors_begin(&errors, path, e->line, a))
			return false;
		set_default(&errors.state, e);
		if (!errors_end(&errors))
			return false;
	}
	argp_parse(&options_argp, argc, argv, 0, NULL, a);
	return add_routes(c, a, e);
}

void config_free(struct config *c)
{
	free(c->route);
	config_file_free(&c->file);
}
