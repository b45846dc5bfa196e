// SPDX-License-Identifier: GPL-2.0
/* The options of perf_test_ringbuffer. */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ringbuf.h>

#include "common/host.h"
#include "common/policy.h"
#include "perf_options.h"

/* Keys of argp.  A switch with "no-" before its name has the key of the switch + KEY_OFF. */
enum {
	KEY_SLOT_BYTES = 0x100,
	KEY_SLOTS,
	KEY_DURATION,
	KEY_RATE,
	KEY_READERS,
	KEY_WRITERS,
	KEY_BURN,
	KEY_BATCH,
	KEY_POLICY,
	KEY_POLICY_TIMEOUT,
	KEY_POLICY_LAG,
	KEY_HOST,
	KEY_JSON,
	KEY_SWITCHES,
	KEY_DEBUG = KEY_SWITCHES,
	KEY_VERIFY,
	KEY_BLOCKING,
	KEY_ZERO_COPY,
	KEY_EXCLUSIVE,
	KEY_AT_STOP,
	KEY_OFF = 0x100,
};

#define ON(name, key, group, doc)                                                    \
	{                                                                            \
		name, key, "BOOL", OPTION_ARG_OPTIONAL | OPTION_NO_USAGE, doc, group \
	}
#define OFF(name, key)                                              \
	{                                                           \
		name, (key) + KEY_OFF, NULL, OPTION_HIDDEN, NULL, 0 \
	}

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The load:", 1 },
	{ "slot-bytes", KEY_SLOT_BYTES, "N", 0,
	  "Size of a slot, and of every message (default 1000000, 16 to 1073741824)", 1 },
	{ "slots", KEY_SLOTS, "N", 0, "Slots of the ring (default 10)", 1 },
	{ "duration-seconds", KEY_DURATION, "S", 0, "How long the writers write (default 10)", 1 },
	{ "writes-per-second", KEY_RATE, "N", 0,
	  "Target rate of each writer; 0: as fast as it goes (default 24)", 1 },
	{ "readers", KEY_READERS, "N", 0,
	  "Reader processes, each of which gets every message (default 1)", 1 },
	{ "writers", KEY_WRITERS, "N", 0, "Writer processes (default 1)", 1 },
	{ "reader-burn-cpu-milliseconds", KEY_BURN, "N", 0,
	  "Each reader keeps a CPU busy this long for each message (default 0)", 1 },
	{ NULL, 0, NULL, 0, "How messages are written and read:", 2 },
	ON("verify-writes", KEY_VERIFY, 2,
	   "Check the CRC-32 of every message at every reader (default; "
	   "--no-verify_writes: only number, writer and length)"),
	OFF("no-verify-writes", KEY_VERIFY),
	OFF("noverify-writes", KEY_VERIFY),
	ON("blocking", KEY_BLOCKING, 2,
	   "A writer that finds no room sleeps in the ring until there is some, instead "
	   "of trying again by the clock"),
	OFF("no-blocking", KEY_BLOCKING),
	OFF("noblocking", KEY_BLOCKING),
	{ "batch", KEY_BATCH, "N", 0, "Reserve and peek N slots at a time, 1 to 64 (default 1)",
	  2 },
	ON("zero-copy", KEY_ZERO_COPY, 2, "Write and check messages in the ring, without a copy"),
	OFF("no-zero-copy", KEY_ZERO_COPY),
	OFF("nozero-copy", KEY_ZERO_COPY),
	ON("exclusive", KEY_EXCLUSIVE, 2,
	   "A ring for one writer (default with one writer; --no-exclusive: a shared one)"),
	OFF("no-exclusive", KEY_EXCLUSIVE),
	OFF("noexclusive", KEY_EXCLUSIVE),
	{ "reader-policy", KEY_POLICY, "KIND", 0,
	  "What happens to a reader that holds writers up: block (default), evict, skip or "
	  "lossy.  What it loses by its policy is no failure",
	  2 },
	{ "reader-policy-timeout", KEY_POLICY_TIMEOUT, "S", 0,
	  "With evict and skip: for how long it may do that (default 0)", 2 },
	{ "reader-policy-lag", KEY_POLICY_LAG, "N", 0,
	  "With evict and skip: how many slots it may lag behind (default: --slots)", 2 },
	ON("reader-at-stop", KEY_AT_STOP, 2,
	   "With evict and skip: no timeout while its process is stopped or frozen"),
	OFF("no-reader-at-stop", KEY_AT_STOP),
	OFF("noreader-at-stop", KEY_AT_STOP),
	{ "host", KEY_HOST, "auto|module|embedded", 0,
	  "What owns the ring (default auto: $RINGBUF_HOST, else the module if it is loaded)", 2 },
	{ NULL, 0, NULL, 0, "Output:", 3 },
	ON("debug", KEY_DEBUG, 3, "Log to stderr what each process does"),
	OFF("no-debug", KEY_DEBUG),
	OFF("nodebug", KEY_DEBUG),
	{ "json", KEY_JSON, "FILE", 0,
	  "Write all options and figures as one JSON object; -: to stdout", 3 },
	{ NULL, 0, NULL, 0, "Help:", -1 },
	{ 0 }
};

static const char doc[] =
	"Measures a ring buffer between processes: writers write messages at a target rate, "
	"readers read and check every one of them."
	"\v"
	"In the names of options - and _ mean the same, and each switch has a form with no- "
	"before its name: --no-verify_writes.\n\n"
	"Every write has a time when it is due. A write that finds no room is counted as waited, "
	"and is made as soon as there is room. A write that is not in the ring a full period after "
	"it was due is counted as late. Writes that are still due at the end are not made. A run "
	"fails unless every reader reads all that was written.\n\n"
	"Exit status: 0 when every reader got every message; 1 when not, or when a process "
	"died or failed; 2 for impossible options; 129, 130 or 143 when SIGHUP, SIGINT or "
	"SIGTERM ended it early, after the summary.\n\n"
	"For example:\n"
	"  perf_test_ringbuffer --debug --slot-bytes=1000000 --slots=50 \\\n"
	"    --duration-seconds=10 --writes-per-second=24 --readers=5";

static const char *option_name(int key)
{
	const struct argp_option *o;

	for (o = options; o->name || o->doc; o++)
		if (o->name && o->key == key)
			return o->name;
	return "?";
}

static uint64_t parse_count(struct argp_state *state, int key, const char *arg, uint64_t min,
			    uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (end == arg || *end || arg[strspn(arg, "0123456789")])
		argp_error(state, "--%s=%s: not a whole number from %llu to %llu", option_name(key),
			   arg, (unsigned long long)min, (unsigned long long)max);
	if (!min && (errno || value > max))
		argp_error(state, "--%s=%s: must be at most %llu", option_name(key), arg,
			   (unsigned long long)max);
	if (errno || value < min || value > max)
		argp_error(state, "--%s=%s: must be from %llu to %llu", option_name(key), arg,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

static double parse_real(struct argp_state *state, int key, const char *arg, double max)
{
	double value;
	char *end;

	errno = 0;
	value = strtod(arg, &end);
	if (end == arg || *end || arg[strspn(arg, "0123456789.eE+-")])
		argp_error(state, "--%s=%s: not a number from 0 to %g", option_name(key), arg, max);
	if (errno || !(value >= 0 && value <= max))
		argp_error(state, "--%s=%s: must be from 0 to %g", option_name(key), arg, max);
	return value;
}

static bool parse_bool(struct argp_state *state, int key, const char *arg)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	static const char *const no[] = { "0", "false", "no", "off" };
	unsigned int i;

	if (!arg)
		return true;
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcmp(arg, yes[i]))
			return true;
		if (!strcmp(arg, no[i]))
			return false;
	}
	argp_error(state, "--%s=%s: neither true nor false", option_name(key), arg);
	return false;
}

/* State of the parser. */
struct parse {
	struct perf_options *options;
	int exclusive; /* 1: --exclusive, 0: --no-exclusive, -1: neither */
};

static bool parse_switch(struct argp_state *state, int key, const char *arg)
{
	struct parse *p = state->input;
	bool off = key >= KEY_SWITCHES + KEY_OFF, on;

	if (key < KEY_SWITCHES || key > KEY_AT_STOP + KEY_OFF)
		return false;
	on = !off && parse_bool(state, key, arg);
	switch (off ? key - KEY_OFF : key) {
	case KEY_DEBUG:
		p->options->debug = on;
		return true;
	case KEY_VERIFY:
		p->options->verify = on;
		return true;
	case KEY_BLOCKING:
		p->options->blocking = on;
		return true;
	case KEY_ZERO_COPY:
		p->options->zero_copy = on;
		return true;
	case KEY_EXCLUSIVE:
		p->exclusive = on;
		return true;
	case KEY_AT_STOP:
		p->options->policy.kind &= ~RINGBUF_AT_STOP;
		p->options->policy.kind |= on ? RINGBUF_AT_STOP : 0;
		return true;
	default:
		return false;
	}
}

static bool parse_number(struct argp_state *state, int key, const char *arg)
{
	struct perf_options *o = ((struct parse *)state->input)->options;

	switch (key) {
	case KEY_SLOT_BYTES:
		o->slot_bytes = parse_count(state, key, arg, 0, RINGBUF_MAX_SLOT_BYTES);
		return true;
	case KEY_SLOTS:
		o->slots = parse_count(state, key, arg, 1, RINGBUF_MAX_SLOTS);
		return true;
	case KEY_DURATION:
		o->duration = parse_real(state, key, arg, PERF_SECONDS_MAX);
		return true;
	case KEY_RATE:
		o->rate = parse_real(state, key, arg, PERF_RATE_MAX);
		return true;
	case KEY_READERS:
		o->readers = (uint32_t)parse_count(state, key, arg, 0, RINGBUF_MAX_READERS);
		return true;
	case KEY_WRITERS:
		o->writers = (uint32_t)parse_count(state, key, arg, 1, RINGBUF_MAX_WRITERS);
		return true;
	case KEY_BURN:
		o->burn_ms = parse_real(state, key, arg, PERF_SECONDS_MAX * 1e3);
		return true;
	case KEY_BATCH:
		o->batch = (uint32_t)parse_count(state, key, arg, 1, RINGBUF_BATCH_MAX);
		return true;
	default:
		return false;
	}
}

static bool parse_policy(struct argp_state *state, int key, const char *arg)
{
	struct ringbuf_policy *policy = &((struct parse *)state->input)->options->policy;

	switch (key) {
	case KEY_POLICY:
		policy_option(state, option_name(key), arg, policy);
		return true;
	case KEY_POLICY_TIMEOUT:
		policy->timeout = (uint64_t)(parse_real(state, key, arg, PERF_SECONDS_MAX) * 1e9);
		if (policy->timeout && policy->timeout < RINGBUF_MIN_POLICY_TIMEOUT)
			argp_error(state, "--%s=%s: must be 0 or at least 0.001", option_name(key),
				   arg);
		return true;
	case KEY_POLICY_LAG:
		policy->lag = parse_count(state, key, arg, 0, RINGBUF_MAX_SLOTS);
		return true;
	default:
		return false;
	}
}

/* Check options against each other, and set the defaults that depend on others. */
static void parse_end(struct argp_state *state)
{
	struct parse *p = state->input;
	struct perf_options *o = p->options;

	if (p->exclusive == 1 && o->writers > 1)
		argp_error(state, "--exclusive: a ring for one writer, but --writers=%u",
			   o->writers);
	o->exclusive = p->exclusive < 0 ? o->writers == 1 : p->exclusive;
	if (o->batch > o->slots)
		argp_error(state, "--batch=%u: larger than --slots=%llu", o->batch,
			   (unsigned long long)o->slots);
	if (o->duration == 0)
		argp_error(state, "--duration-seconds=0: must be more than 0");
	policy_check(state, "reader-", &o->policy, o->slots);
	o->host = host_choose(state, o->host, false);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct perf_options *o = ((struct parse *)state->input)->options;

	if (parse_number(state, key, arg) || parse_switch(state, key, arg) ||
	    parse_policy(state, key, arg))
		return 0;
	switch (key) {
	case KEY_HOST:
		o->host = host_option(state, arg);
		return 0;
	case KEY_JSON:
		if (!*arg)
			argp_error(state, "--json: the name of the file is empty");
		o->json = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': there are no arguments but options", arg);
		return 0;
	case ARGP_KEY_END:
		parse_end(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Replace _ by - in the names of options, before '=', so that --slot_bytes=1 is --slot-bytes=1. */
static void dash_names(int argc, char **argv)
{
	int i;
	char *c;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (strncmp(argv[i], "--", 2))
			continue;
		for (c = argv[i] + 2; *c && *c != '='; c++)
			if (*c == '_')
				*c = '-';
	}
}

static void print_version(FILE *out, struct argp_state *state)
{
	(void)state;
	fprintf(out, "perf_test_ringbuffer (ringbuf) %s\n", ringbuf_version());
}

void perf_options_parse(struct perf_options *o, int argc, char **argv)
{
	static const struct argp argp = { options, parse_option, NULL, doc, NULL, NULL, NULL };
	struct parse p = { .options = o, .exclusive = -1 };

	*o = (struct perf_options){
		.slot_bytes = 1000000,
		.slots = 10,
		.duration = 10,
		.rate = 24,
		.readers = 1,
		.writers = 1,
		.batch = 1,
		.policy.size = sizeof(o->policy),
		.verify = true,
	};
	argp_err_exit_status = PERF_EXIT_USAGE;
	argp_program_version_hook = print_version;
	dash_names(argc, argv);
	argp_parse(&argp, argc, argv, 0, NULL, &p);
}

void perf_options_print(const struct perf_options *o, FILE *out)
{
	static const char *const host[] = { "auto", "module", "embedded" };

	fprintf(out, "--slot-bytes=%llu --slots=%llu --duration-seconds=%g --writes-per-second=%g",
		(unsigned long long)o->slot_bytes, (unsigned long long)o->slots, o->duration,
		o->rate);
	fprintf(out, " --readers=%u --writers=%u --reader-burn-cpu-milliseconds=%g --batch=%u",
		o->readers, o->writers, o->burn_ms, o->batch);
	if (o->policy.kind != RINGBUF_BLOCK)
		fprintf(out,
			" --reader-policy=%s --reader-policy-timeout=%g --reader-policy-lag=%llu%s",
			policy_word(o->policy.kind), (double)o->policy.timeout / 1e9,
			(unsigned long long)o->policy.lag,
			o->policy.kind & RINGBUF_AT_STOP ? " --reader-at-stop" : "");
	fprintf(out, " --host=%s --%sverify_writes", host[o->host], o->verify ? "" : "no-");
	fprintf(out, "%s%s%s%s\n", o->exclusive ? " --exclusive" : " --no-exclusive",
		o->blocking ? " --blocking" : "", o->zero_copy ? " --zero-copy" : "",
		o->debug ? " --debug" : "");
}
