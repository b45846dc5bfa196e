// SPDX-License-Identifier: GPL-2.0
/* ringbufctl: show rings and change them.  This file parses the command line. */
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/host.h"
#include "common/output.h"
#include "common/policy.h"
#include "common/rings.h"
#include "ctl.h"

/* Keys of argp, which takes numbers of at most 23 bits. */
enum {
	KEY_FIRST = 1 << 8,
	KEY_JSON = KEY_FIRST,
	KEY_SLOT_BYTES,
	KEY_SLOTS,
	KEY_EXCLUSIVE,
	KEY_TIMESTAMP,
	KEY_READERS,
	KEY_WRITERS,
	KEY_MODE,
	KEY_WATCH,
	KEY_COUNT,
	KEY_FROM,
	KEY_LINES,
	KEY_FOLLOW,
	KEY_WAIT_READERS,
	KEY_CLAIM_TIMEOUT,
	KEY_POLICY,
	KEY_POLICY_TIMEOUT,
	KEY_POLICY_LAG,
	KEY_AT_STOP,
	KEY_HOST,
	KEY_ESCAPED,
	KEYS_END,
};

/* A set of keys is a mask of these bits. */
#define BIT(key)  (1U << ((key)-KEY_FIRST))
#define KEYS_RING (BIT(KEY_HOST) | BIT(KEY_ESCAPED))
#define KEYS_CREATE                                                                       \
	(BIT(KEY_SLOT_BYTES) | BIT(KEY_SLOTS) | BIT(KEY_EXCLUSIVE) | BIT(KEY_TIMESTAMP) | \
	 BIT(KEY_READERS) | BIT(KEY_WRITERS) | BIT(KEY_MODE) | BIT(KEY_CLAIM_TIMEOUT))
#define KEYS_POLICY \
	(BIT(KEY_POLICY) | BIT(KEY_POLICY_TIMEOUT) | BIT(KEY_POLICY_LAG) | BIT(KEY_AT_STOP))
#define KEYS_STATS (BIT(KEY_JSON) | BIT(KEY_WATCH) | BIT(KEY_COUNT))
#define KEYS_CAT   (BIT(KEY_FROM) | BIT(KEY_COUNT) | BIT(KEY_LINES) | BIT(KEY_FOLLOW))
#define KEYS_WRITE (BIT(KEY_LINES) | BIT(KEY_WAIT_READERS))

/* @min, @max: how many arguments the command takes; @keys: the options that it takes */
static const struct command {
	const char *name;
	int (*run)(const struct ctl *c);
	int min, max;
	unsigned int keys;
} commands[] = {
	{ "list", ctl_list, 0, 1, BIT(KEY_HOST) | BIT(KEY_JSON) },
	{ "info", ctl_info, 1, 1, KEYS_RING | BIT(KEY_JSON) },
	{ "stats", ctl_stats, 1, 1, KEYS_RING | KEYS_STATS },
	{ "create", ctl_create, 1, 1,
	  KEYS_RING | KEYS_CREATE | KEYS_POLICY | BIT(KEY_WAIT_READERS) },
	{ "unlink", ctl_unlink, 1, 1, KEYS_RING },
	{ "sync", ctl_sync, 2, 3, KEYS_RING },
	{ "evict", ctl_evict, 2, 2, KEYS_RING },
	{ "cat", ctl_cat, 1, 1, KEYS_RING | KEYS_CAT | KEYS_POLICY },
	{ "write", ctl_write, 1, 1, KEYS_RING | KEYS_WRITE },
};

static const struct argp_option options[] = {
	{ "host", KEY_HOST, "auto|module|embedded", 0,
	  "What owns the ring (default auto: $RINGBUF_HOST, else the module if it is loaded)", 1 },
	{ "escaped", KEY_ESCAPED, NULL, 0,
	  "NAME is written as list shows it: \\n, \\\\, \\377 each stand for one byte", 1 },
	{ "json", KEY_JSON, NULL, 0, "list, info, stats: print JSON", 1 },
	{ NULL, 0, NULL, 0, "create:", 2 },
	{ "slot-bytes", KEY_SLOT_BYTES, "N[K|M|G]", 0,
	  "Capacity of a slot, which a message cannot exceed", 2 },
	{ "slots", KEY_SLOTS, "N", 0, "Number of slots", 2 },
	{ "exclusive", KEY_EXCLUSIVE, NULL, 0, "One writer at a time, which is faster", 2 },
	{ "timestamp", KEY_TIMESTAMP, NULL, 0, "Each message has the time of its commit", 2 },
	{ "max-readers", KEY_READERS, "N", 0, "Readers at a time (default 64)", 2 },
	{ "max-writers", KEY_WRITERS, "N", 0, "Writers at a time (default 16)", 2 },
	{ "mode", KEY_MODE, "OCTAL", 0, "Permission bits (default 600)", 2 },
	{ "claim-timeout", KEY_CLAIM_TIMEOUT, "SECONDS", 0,
	  "Fence a writer that keeps a slot reserved for longer while others wait for it, as it "
	  "may be stopped or stuck (default: never; not on the embedded host)",
	  2 },
	{ "wait-readers", KEY_WAIT_READERS, "N", 0,
	  "create: writers get no slot before N readers have been attached at one time; write: "
	  "begin when N readers are attached (default 0)",
	  2 },
	{ NULL, 0, NULL, 0, "create (for all readers of the ring), cat (for itself):", 3 },
	{ "policy", KEY_POLICY, "KIND", 0,
	  "What happens to a reader that holds writers up: block (nothing), evict (it is "
	  "evicted), skip (it loses what they need room for), or lossy (they never wait for it); "
	  "default: block; cat: that of the ring",
	  3 },
	{ "policy-timeout", KEY_POLICY_TIMEOUT, "SECONDS", 0,
	  "With evict and skip: for how long a reader may hold writers up (default: not at all)",
	  3 },
	{ "policy-lag", KEY_POLICY_LAG, "N", 0,
	  "With evict and skip: how many slots a reader may lag behind (default: as many as the "
	  "ring has)",
	  3 },
	{ "at-stop", KEY_AT_STOP, NULL, 0,
	  "With evict and skip: no timeout while the reader's process is stopped or frozen (not "
	  "on the embedded host)",
	  3 },
	{ NULL, 0, NULL, 0, "stats, cat, write:", 4 },
	{ "watch", KEY_WATCH, "SECONDS", OPTION_ARG_OPTIONAL,
	  "stats: print repeatedly, every SECONDS (default 1)", 4 },
	{ "count", KEY_COUNT, "N", 0, "stats --watch: end after N times; cat: after N messages",
	  4 },
	{ "from", KEY_FROM, "oldest|head|POSITION", 0, "cat: where to start (default oldest)", 4 },
	{ "follow", KEY_FOLLOW, NULL, 0,
	  "cat: when the last writer has ended, wait for the next one", 4 },
	{ "lines", KEY_LINES, NULL, 0, "cat, write: each message is a line", 4 },
	{ NULL, 0, NULL, 0, "Help:", -1 },
	{ 0 }
};

static const char usage[] =
	"list [FOLDER]\ninfo NAME\nstats NAME\ncreate --slot-bytes=N --slots=N NAME\nunlink NAME\n"
	"sync NAME READER|all [POSITION]\nevict NAME READER\ncat NAME\nwrite NAME";

static const char doc[] =
	"Shows rings and changes them.  NAME is a file in $RINGBUF_DIR, else in /dev/rings, or a "
	"path; on the embedded host a name without a slash."
	"\v"
	"Commands:\n"
	"  list    the rings that have a name, on the module those below FOLDER\n"
	"  info    sizes, limits, users and state of a ring\n"
	"  stats   its readers: process, position, messages behind, messages lost\n"
	"  create  make a ring, which is kept until unlink or rm\n"
	"  unlink  remove its name; programs that have it open keep it\n"
	"  sync    move a reader forward, to POSITION or past all that is written; it\n"
	"          loses the messages between, and is told how many\n"
	"  evict   end a reader that is stuck and holds the writers up\n"
	"  cat     print the messages, until the last writer is done; with\n"
	"          --policy=lossy it never holds the writers up\n"
	"  write   turn stdin into messages, each as long as a slot\n"
	"\n"
	"Exit status: 0 for success, 1 for a failure, which stderr explains, 2 for an "
	"impossible command line.\n"
	"\n"
	"For example:\n"
	"  ringbufctl create log --slot-bytes=4K --slots=256\n"
	"  ringbufctl cat --lines log &\n"
	"  dmesg | ringbufctl write --lines --wait-readers=1 log\n"
	"  ringbufctl unlink log";

const char *argp_program_version;

/**
 * struct parse - state of the parser
 * @ctl: the result
 * @command: the command, NULL until the parser has met it
 * @keys: the options that were given, as BIT()s
 * @name: name of the ring or folder, or NULL
 * @args: number of arguments after the command so far
 * @escaped: --escaped was given: @name has escapes
 */
struct parse {
	struct ctl ctl;
	const struct command *command;
	unsigned int keys;
	char *name;
	int args;
	bool escaped;
};

static uint64_t number(struct argp_state *state, const char *what, const char *arg, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (end == arg || *end || arg[strspn(arg, "0123456789")])
		argp_error(state, "%s: %s: not a whole number", what, arg);
	if (errno || value > max)
		argp_error(state, "%s: %s: at most %llu", what, arg, (unsigned long long)max);
	return value;
}

static uint64_t positive(struct argp_state *state, const char *what, const char *arg, uint64_t max)
{
	uint64_t value = number(state, what, arg, max);

	if (!value)
		argp_error(state, "%s: must not be 0", what);
	return value;
}

/* Return the number of bytes that @arg gives, as digits that K, M or G may follow. */
static uint64_t size(struct argp_state *state, const char *what, const char *arg, uint64_t max)
{
	static const char suffixes[] = "KMG";
	size_t length = strlen(arg);
	const char *suffix = length > 1 ? strchr(suffixes, arg[length - 1]) : NULL;
	unsigned int shift = suffix ? 10 * (unsigned int)(suffix - suffixes + 1) : 0;
	char digits[32];

	if (!suffix || length > sizeof(digits))
		return positive(state, what, arg, max);
	snprintf(digits, sizeof(digits), "%.*s", (int)length - 1, arg);
	return positive(state, what, digits, max >> shift) << shift;
}

static uint32_t octal(struct argp_state *state, const char *arg)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 8);

	if (end == arg || *end || arg[strspn(arg, "01234567")] || value > 0777 || !value)
		argp_error(state, "--mode: %s: not from 1 to 777, octal", arg);
	return (uint32_t)value;
}

static double seconds(struct argp_state *state, const char *option, const char *arg)
{
	char *end;
	double value = arg ? strtod(arg, &end) : 1;

	if (arg && (end == arg || *end || !(value >= 0.001 && value <= 1e6)))
		argp_error(state, "%s: %s: not from 0.001 to 1000000 seconds", option, arg);
	return value;
}

static void from(struct argp_state *state, struct ctl *c, const char *arg)
{
	if (!strcmp(arg, "oldest")) {
		c->start = RINGBUF_FROM_OLDEST;
	} else if (!strcmp(arg, "head")) {
		c->start = RINGBUF_FROM_HEAD;
	} else {
		c->start = RINGBUF_FROM_POSITION;
		c->position = number(state, "--from", arg, INT64_MAX);
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct ctl *c = &p->ctl;

	switch (key) {
	case KEY_ESCAPED:
		p->escaped = true;
		return 0;
	case KEY_JSON:
		c->json = true;
		return 0;
	case KEY_LINES:
		c->lines = true;
		return 0;
	case KEY_FOLLOW:
		c->follow = true;
		return 0;
	case KEY_WAIT_READERS:
		c->wait_readers =
			(uint32_t)number(state, "--wait-readers", arg, RINGBUF_MAX_READERS);
		return 0;
	case KEY_WATCH:
		c->watch = seconds(state, "--watch", arg);
		return 0;
	case KEY_COUNT:
		c->count = positive(state, "--count", arg, INT64_MAX);
		return 0;
	case KEY_FROM:
		from(state, c, arg);
		return 0;
	case KEY_HOST:
		c->host = host_option(state, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_create(int key, const char *arg, struct argp_state *state)
{
	struct ringbuf_config *config = &((struct parse *)state->input)->ctl.config;

	switch (key) {
	case KEY_SLOT_BYTES:
		config->slot_bytes = size(state, "--slot-bytes", arg, RINGBUF_MAX_SLOT_BYTES);
		return 0;
	case KEY_SLOTS:
		config->slot_count = positive(state, "--slots", arg, RINGBUF_MAX_SLOTS);
		return 0;
	case KEY_READERS:
		config->max_readers =
			(uint32_t)positive(state, "--max-readers", arg, RINGBUF_MAX_READERS);
		return 0;
	case KEY_WRITERS:
		config->max_writers =
			(uint32_t)positive(state, "--max-writers", arg, RINGBUF_MAX_WRITERS);
		return 0;
	case KEY_CLAIM_TIMEOUT:
		config->claim_timeout = (uint64_t)(seconds(state, "--claim-timeout", arg) * 1e9);
		return 0;
	case KEY_MODE:
		config->mode = octal(state, arg);
		return 0;
	case KEY_EXCLUSIVE:
		config->flags |= RINGBUF_EXCLUSIVE;
		return 0;
	case KEY_TIMESTAMP:
		config->flags |= RINGBUF_TIMESTAMP;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_policy(int key, const char *arg, struct argp_state *state)
{
	struct ctl *c = &((struct parse *)state->input)->ctl;

	c->own_policy = true;
	switch (key) {
	case KEY_POLICY:
		policy_option(state, "policy", arg, &c->policy);
		return 0;
	case KEY_POLICY_TIMEOUT:
		c->policy.timeout = (uint64_t)(seconds(state, "--policy-timeout", arg) * 1e9);
		return 0;
	case KEY_POLICY_LAG:
		c->policy.lag = positive(state, "--policy-lag", arg, RINGBUF_MAX_SLOTS);
		return 0;
	case KEY_AT_STOP:
		c->policy.kind |= RINGBUF_AT_STOP;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void parse_command(struct argp_state *state, struct parse *p, const char *arg)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(arg, commands[i].name))
			p->command = &commands[i];
	if (!p->command)
		argp_error(state, "%s: no such command", arg);
}

static void parse_argument(struct argp_state *state, struct parse *p, char *arg)
{
	struct ctl *c = &p->ctl;

	if (!p->command) {
		parse_command(state, p, arg);
		return;
	}
	if (++p->args > p->command->max)
		argp_error(state, "%s: one argument too many", arg);
	if (p->args == 1)
		p->name = arg;
	else if (p->args == 2)
		c->reader =
			strcmp(arg, "all") || p->command->run != ctl_sync
				? (uint32_t)number(state, "READER", arg, RINGBUF_MAX_READERS - 1)
				: RINGBUF_ALL_READERS;
	else
		c->position = number(state, "POSITION", arg, INT64_MAX);
}

/* Return whether the name, or the folder to list, is in a file system of rings. */
static bool is_file(const struct parse *p)
{
	if (p->command->run == ctl_list)
		return rings_are_at(p->name ?: rings_folder());
	return rings_has(p->name);
}

/* Check what depends on several arguments together, and choose the host. */
static void parse_end(struct argp_state *state, struct parse *p)
{
	const struct argp_option *o;

	if (!p->command)
		argp_error(state, "a command is missing");
	for (o = options; o->name || o->doc; o++)
		if (o->name && BIT(o->key) & p->keys & ~p->command->keys)
			argp_error(state, "%s does not take --%s", p->command->name, o->name);
	if (p->args < p->command->min)
		argp_error(state, "%s: an argument is missing", p->command->name);
	if (p->command->run == ctl_create &&
	    (!p->ctl.config.slot_bytes || !p->ctl.config.slot_count))
		argp_error(state, "create needs --slot-bytes and --slots");
	policy_check(state, "", &p->ctl.policy, p->ctl.config.slot_count);
	if (p->keys & BIT(KEY_COUNT) && p->command->run == ctl_stats && p->ctl.watch == 0)
		argp_error(state, "stats takes --count with --watch only");
	if (p->name && !*p->name)
		argp_error(state, "NAME is empty");
	if (p->escaped && !unescape(p->name))
		argp_error(state, "--escaped: not a name as list shows it");
	p->ctl.name = p->name;
	p->ctl.host = host_choose(state, p->ctl.host, is_file(p));
	if (p->name && p->command->run == ctl_list && p->ctl.host != RINGBUF_HOST_MODULE)
		argp_error(state, "list: %s: the rings of the embedded host are in no folder",
			   p->name);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		parse_argument(state, p, arg);
		return 0;
	case ARGP_KEY_END:
		parse_end(state, p);
		return 0;
	}
	if (key >= KEY_FIRST && key < KEYS_END) {
		p->keys |= BIT(key);
		if (BIT(key) & KEYS_POLICY)
			return parse_policy(key, arg, state);
		return BIT(key) & KEYS_CREATE ? parse_create(key, arg, state)
					      : parse_option(key, arg, state);
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	const struct argp argp = { options, parse_one, usage, doc, NULL, NULL, NULL };
	struct parse p = {
		.ctl = { .start = RINGBUF_FROM_OLDEST,
			 .position = UINT64_MAX,
			 .count = UINT64_MAX,
			 .config.size = sizeof(p.ctl.config),
			 .policy.size = sizeof(p.ctl.policy) },
	};
	static char version[64];

	output_begin("ringbufctl");
	setlocale(LC_CTYPE, ""); /* for escape(): the characters that can be shown */
	snprintf(version, sizeof(version), "ringbufctl (ringbuf) %s", ringbuf_version());
	argp_program_version = version;
	argp_err_exit_status = CTL_EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
	return p.command->run(&p.ctl);
}
