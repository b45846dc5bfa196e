// SPDX-License-Identifier: GPL-2.0
/*
 * usage: model [--full] [--only NAME] [--model sc|tso|pso|rc11] [--limit STATES] [--all-ways]
 *              [--list]
 *
 * Searches every configuration under each of its memory models and prints TAP.
 * --full: under more of them, which takes long.  --model: under this one alone, and with
 * --only even if it is none of the configuration's.
 * --all-ways: in each order of moves that commute, too.
 */
#include <stdlib.h>
#include <strings.h>

#include "model.h"

/* Of a configuration that is too large; with --full, ten times as many. */
#define PART_STATES 300000

static const char *const model_name[MEMORY_MODELS] = { "SC", "TSO", "PSO", "RC11" };

struct options {
	bool full;
	bool list;
	const char *only;
	int model;
	u64 limit;
};

static int usage(void)
{
	fprintf(stderr, "usage: model [--full] [--list] [--only NAME] [--model sc|tso|pso|rc11]\n"
			"             [--limit STATES] [--all-ways]\n");
	return 2;
}

static int parse_model(const char *name)
{
	int i;

	for (i = 0; i < MEMORY_MODELS; i++)
		if (!strcasecmp(name, model_name[i]))
			return i;
	return -1;
}

static bool parse(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--full")) {
			o->full = true;
		} else if (!strcmp(argv[i], "--list")) {
			o->list = true;
		} else if (!strcmp(argv[i], "--all-ways")) {
			all_ways = true;
		} else if (i + 1 == argc) {
			return false;
		} else if (!strcmp(argv[i], "--only")) {
			o->only = argv[++i];
		} else if (!strcmp(argv[i], "--limit")) {
			o->limit = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--model")) {
			o->model = parse_model(argv[++i]);
			if (o->model < 0)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static bool selected(const struct options *o, const struct config *c, int model)
{
	if (o->only && strcmp(o->only, c->name))
		return false;
	if (o->model >= 0 && o->model != model)
		return false;
	if (o->model >= 0 && o->only)
		return true;
	return (o->full ? c->full : c->models) >> model & 1;
}

static u32 for_each(const struct options *o, bool (*run)(const struct options *o, u32 n))
{
	const struct config *c;
	u32 n = 0, bad = 0;
	int model;

	for (c = configs; c->name; c++) {
		for (model = 0; model < MEMORY_MODELS; model++) {
			if (!selected(o, c, model))
				continue;
			config = c;
			memory_model = (enum memory_model)model;
			bad += !run(o, ++n);
		}
	}
	return bad;
}

static bool run_one(const struct options *o, u32 n)
{
	const char *model = model_name[memory_model];
	bool part = config->models & IN_PART, ok;
	u64 limit = part ? PART_STATES * (o->full ? 10 : 1) : o->limit;
	struct result r;

	search(actors_reset, limit, &r);
	ok = !r.error[0] && (r.complete || part);
	if (!ok && !r.error[0])
		snprintf(r.error, sizeof(r.error), "more than %llu states",
			 (unsigned long long)limit);
	printf("%s %u - %s under %s%s%s%s\n", ok ? "ok" : "not ok", n, config->name, model,
	       ok && !r.complete ? ", in part" : "", ok ? "" : ": ", r.error);
	printf("#   %llu states, %llu transitions, depth %u, %.2f s\n",
	       (unsigned long long)r.states, (unsigned long long)r.transitions, r.depth, r.seconds);
	fflush(stdout);
	return ok;
}

static bool count_one(const struct options *o, u32 n)
{
	(void)n;
	if (o->list)
		printf("%s %s\n", config->name, model_name[memory_model]);
	return false;
}

int main(int argc, char **argv)
{
	struct options o = { .model = -1, .limit = 60000000 };
	u32 n;

	if (!parse(argc, argv, &o))
		return usage();
	n = for_each(&o, count_one);
	if (o.list)
		return 0;
	printf("TAP version 13\n1..%u\n", n);
	return for_each(&o, run_one) || !n;
}
