// SPDX-License-Identifier: GPL-2.0
/* See options.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "../common/host.h"
#include "../common/rings.h"
#include "metrics.h"
#include "options.h"
#include "pattern.h"
#include "servers.h"

enum {
	KEY_HOST = 1 << 8,
	KEY_CONFIG,
	KEY_METRICS,
	KEY_INBOX,
	KEY_SUBJECT,
	KEY_SERVER,
	KEY_CREDS,
	KEY_NKEY_FILE,
	KEY_TOKEN_FILE,
	KEY_USER_FILE,
	KEY_TLS_CA,
	KEY_TLS_CERT,
	KEY_TLS_KEY,
	KEY_STATE,
	KEY_WINDOW,
	KEY_WINDOW_BYTES,
	KEY_BATCH_BYTES,
	KEY_SLOT_BYTES,
	KEY_SLOTS,
	KEY_MODE,
	KEY_WAIT_READERS,
	KEY_DROP_LONG,
	KEY_SERVICE,
	KEY_SHARE,
	KEY_ACK_WAIT,
	KEY_RETAIN,
	KEY_REPLICAS,
	KEY_MAX_BYTES,
	KEY_MAX_AGE,
	KEY_DISCARD,
	KEY_STATUS,
	KEY_JSON,
};

#define LARGEST_WINDOW 1024 /* what publish.c has room for */

static const char doc[] =
	"Passes the messages of a ring to a stream of NATS JetStream and back, each one once and in "
	"order.\n\n"
	"publish: from RING to STREAM, which it makes if it does not exist.\n"
	"subscribe: from STREAM to RING, which it makes if it does not exist.\n"
	"run: all that a file says, until a signal ends it.\n"
	"demo: from a ring to another one, through a nats-server of its own."
	"\v"
	"It ends when the writers of the ring, or of the ring at the other end, are done, or by "
	"SIGINT or SIGTERM after it has passed on what it had begun. Exit status: 0 then, 1 after an "
	"error, 2 for wrong arguments. While the server is away it tries again.";

static const struct argp_option options[] = {
	{ "config", KEY_CONFIG, "FILE", 0, "run: the file, in TOML", GROUP_PROCESS },
	{ "server", KEY_SERVER, "URL[,URL]...", 0,
	  "The server (default nats://127.0.0.1:4222); tls://HOST:PORT for TLS", GROUP_PROCESS },
	{ "creds", KEY_CREDS, "FILE", 0, "Credentials for the server: a JWT and a seed",
	  GROUP_PROCESS },
	{ "nkey-file", KEY_NKEY_FILE, "FILE", 0, "Or the seed and the public key of an nkey",
	  GROUP_PROCESS },
	{ "token-file", KEY_TOKEN_FILE, "FILE", 0, "Or a token", GROUP_PROCESS },
	{ "user-file", KEY_USER_FILE, "FILE", 0, "Or a user, and a password on the next line",
	  GROUP_PROCESS },
	{ "tls-ca", KEY_TLS_CA, "FILE", 0,
	  "Use TLS, and trust these authorities (default: the system's)", GROUP_PROCESS },
	{ "tls-cert", KEY_TLS_CERT, "FILE", 0, "Use TLS with this certificate of the client",
	  GROUP_PROCESS },
	{ "tls-key", KEY_TLS_KEY, "FILE", 0, "Its private key", GROUP_PROCESS },
	{ "inbox", KEY_INBOX, "SUBJECT", 0,
	  "Begin of the subjects for the server's answers (default _INBOX)", GROUP_PROCESS },
	{ "metrics", KEY_METRICS, "[HOST:]PORT", 0,
	  "Serve metrics for Prometheus there (default host 127.0.0.1)", GROUP_PROCESS },
	{ "subject", KEY_SUBJECT, "SUBJECT", 0, "Subject of the messages (default ringbuf.STREAM)",
	  GROUP_ROUTE },
	{ "host", KEY_HOST, "auto|module|embedded", 0, "What owns the ring (default auto)",
	  GROUP_ROUTE },
	{ "window", KEY_WINDOW, "N", 0, "Messages on their way at a time (default 256)",
	  GROUP_ROUTE },
	{ "window-bytes", KEY_WINDOW_BYTES, "N", 0,
	  "Bytes on their way at a time (default 8388608)", GROUP_ROUTE },
	{ "batch-bytes", KEY_BATCH_BYTES, "N", 0,
	  "publish: send short messages that are there together, up to so many bytes (default and "
	  "most 65536; 1: one by one)",
	  GROUP_PUBLISH },
	{ "retain", KEY_RETAIN, "N", 0,
	  "publish: keep the last N slots in the ring, to send them again if a server loses what it "
	  "has acknowledged (default 0)",
	  GROUP_PUBLISH },
	{ "replicas", KEY_REPLICAS, "N", 0,
	  "publish: on how many servers of the cluster a new stream is (default 1)",
	  GROUP_PUBLISH },
	{ "max-bytes", KEY_MAX_BYTES, "N", 0,
	  "publish: how many bytes a new stream keeps (default: any number)", GROUP_PUBLISH },
	{ "max-age", KEY_MAX_AGE, "SECONDS", 0,
	  "publish: how long a new stream keeps a message (default: for ever)", GROUP_PUBLISH },
	{ "discard", KEY_DISCARD, "new|old", 0,
	  "publish: which messages a new stream does not keep when it is full: new ones, so that "
	  "writers wait, or the oldest ones, which are lost (default new)",
	  GROUP_PUBLISH },
	{ "status", KEY_STATUS, "SECONDS", 0, "Print a report that often, not only at the end",
	  GROUP_ROUTE },
	{ "json", KEY_JSON, NULL, 0, "Print reports as JSON", GROUP_ROUTE },
	{ "service", KEY_SERVICE, NULL, 0,
	  "Continue after the end of the messages, and wait for a ring that does not exist",
	  GROUP_ROUTE },
	{ "slot-bytes", KEY_SLOT_BYTES, "N", 0, "subscribe: slots of a new ring (default 65536)",
	  GROUP_SUBSCRIBE },
	{ "slots", KEY_SLOTS, "N", 0, "subscribe: number of slots of a new ring (default 64)",
	  GROUP_SUBSCRIBE },
	{ "mode", KEY_MODE, "OCTAL", 0,
	  "subscribe: permissions of a new ring, which the umask does not change (default 600)",
	  GROUP_SUBSCRIBE },
	{ "wait-readers", KEY_WAIT_READERS, "N", 0,
	  "subscribe: in a new ring, wait for so many readers before the first message (default 0)",
	  GROUP_SUBSCRIBE },
	{ "drop-long", KEY_DROP_LONG, NULL, 0,
	  "subscribe: leave out messages that are longer than a slot, and count them as lost",
	  GROUP_SUBSCRIBE },
	{ "share", KEY_SHARE, "NAME", 0,
	  "subscribe: take turns with all subscribers of this NAME: each message goes into one ring",
	  GROUP_SUBSCRIBE },
	{ "ack-wait", KEY_ACK_WAIT, "SECONDS", 0,
	  "subscribe, with a new --share: after which time another one gets a message that is not "
	  "acknowledged (default 30)",
	  GROUP_SUBSCRIBE },
	{ "state", KEY_STATE, "FOLDER", 0,
	  "subscribe: where to remember what is in the ring (default $STATE_DIRECTORY, else "
	  "~/.local/state/ringbuf-bridge)",
	  GROUP_SUBSCRIBE },
	{ 0 }
};

const struct argp_option *options_find(const char *name)
{
	for (const struct argp_option *o = options; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

void options_begin(struct arguments *a)
{
	*a = (struct arguments){
		.b = {
			.window = 256,
			.window_bytes = 8 << 20,
			.batch_bytes = BATCH_MOST,
			.slot_bytes = 65536,
			.slots = 64,
			.ack_wait = 30 * NS_PER_S,
			.replicas = 1,
		},
		.server = { .url = "nats://127.0.0.1:4222" },
	};
}

static uint64_t count(struct argp_state *state, const char *flag, const char *arg, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || errno || !value || value > max)
		argp_error(state, "--%s=%s: not a whole number from 1 to %llu", flag, arg,
			   (unsigned long long)max);
	return value;
}

static uint64_t seconds(struct argp_state *state, const char *flag, const char *arg)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= 0.001) || value > 1e6)
		argp_error(state, "--%s=%s: not a number of seconds from 0.001 to 1000000", flag,
			   arg);
	return (uint64_t)(value * 1e9);
}

static uint32_t octal(struct argp_state *state, const char *flag, const char *arg)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 8);

	if (*arg < '0' || *arg > '7' || *end || !value || value > 0777)
		argp_error(state, "--%s=%s: not an octal number from 1 to 777", flag, arg);
	return (uint32_t)value;
}

/* The name of a consumer becomes a part of subjects, as that of a stream. */
static void check_share(struct argp_state *state, const char *name)
{
	if (!*name || strlen(name) > 64 || strpbrk(name, ".*> \t\r\n/\\"))
		argp_error(
			state,
			"--share=%s: not 1 to 64 characters without dot, star, slash, > or space",
			name);
}

static bool is_true(const char *arg)
{
	return !arg || !strcmp(arg, "true");
}

/* Remember an option that only one direction has. */
static void note_direction(struct arguments *a, int key)
{
	for (const struct argp_option *o = options; o->name; o++) {
		if (o->key == key && o->group == GROUP_PUBLISH)
			a->only[PUBLISH] = o->name;
		if (o->key == key && o->group == GROUP_SUBSCRIBE)
			a->only[SUBSCRIBE] = o->name;
	}
}

error_t options_set(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct bridge *b = &a->b;
	struct secure *x = &a->server.secure;

	note_direction(a, key);

	switch (key) {
	case KEY_HOST:
		b->host = host_option(state, arg);
		break;
	case KEY_CONFIG:
		a->config = arg;
		break;
	case KEY_INBOX:
		if (!pattern_is_subject(arg) || strchr(arg, '*'))
			argp_error(state, "--inbox=%s: not words with dots between them", arg);
		a->server.inbox = arg;
		break;
	case KEY_METRICS:
		if (!metrics_is_address(arg))
			argp_error(state, "--metrics=%s: not [HOST:]PORT, a port from 1 to 65535",
				   arg);
		a->metrics = arg;
		break;
	case KEY_SUBJECT:
		b->subject = arg;
		break;
	case KEY_SERVER:
		if (servers_check(arg))
			argp_error(state, "--server: %s", servers_check(arg));
		a->server.url = arg;
		break;
	case KEY_CREDS:
		x->creds = arg;
		break;
	case KEY_NKEY_FILE:
		x->nkey_file = arg;
		break;
	case KEY_TOKEN_FILE:
		x->token_file = arg;
		break;
	case KEY_USER_FILE:
		x->user_file = arg;
		break;
	case KEY_TLS_CA:
		x->tls_ca = arg;
		break;
	case KEY_TLS_CERT:
		x->tls_cert = arg;
		break;
	case KEY_TLS_KEY:
		x->tls_key = arg;
		break;
	case KEY_SHARE:
		check_share(state, arg);
		b->share = arg;
		break;
	case KEY_ACK_WAIT:
		b->ack_wait = seconds(state, "ack-wait", arg);
		break;
	case KEY_STATE:
		b->state = arg;
		break;
	case KEY_WINDOW:
		b->window = (unsigned int)count(state, "window", arg, LARGEST_WINDOW);
		break;
	case KEY_BATCH_BYTES:
		b->batch_bytes = count(state, "batch-bytes", arg, BATCH_MOST);
		break;
	case KEY_MAX_BYTES:
		b->max_bytes = count(state, "max-bytes", arg, INT64_MAX);
		break;
	case KEY_MAX_AGE:
		b->max_age = seconds(state, "max-age", arg);
		break;
	case KEY_DISCARD:
		b->discard_old = !strcmp(arg, "old");
		if (!b->discard_old && strcmp(arg, "new"))
			argp_error(state, "--discard=%s: not new or old", arg);
		break;
	case KEY_RETAIN:
		b->retain = strcmp(arg, "0") ? count(state, "retain", arg, 1ULL << 25) : 0;
		break;
	case KEY_REPLICAS:
		b->replicas = (unsigned int)count(state, "replicas", arg, REPLICAS_MOST);
		break;
	case KEY_WINDOW_BYTES:
		b->window_bytes = count(state, "window-bytes", arg, 1ULL << 40);
		break;
	case KEY_SLOT_BYTES:
		b->slot_bytes = count(state, "slot-bytes", arg, 1ULL << 30);
		break;
	case KEY_SLOTS:
		b->slots = count(state, "slots", arg, 1ULL << 25);
		break;
	case KEY_MODE:
		b->mode = octal(state, "mode", arg);
		break;
	case KEY_WAIT_READERS:
		b->wait_readers = (uint32_t)count(state, "wait-readers", arg, 64);
		break;
	case KEY_DROP_LONG:
		b->drop_long = is_true(arg);
		break;
	case KEY_SERVICE:
		b->service = is_true(arg);
		break;
	case KEY_STATUS:
		b->interval = seconds(state, "status", arg);
		break;
	case KEY_JSON:
		b->json = is_true(arg);
		break;
	case ARGP_KEY_END:
		if (secure_conflict(x))
			argp_error(state, "%s", secure_conflict(x));
		break;
	case ARGP_KEY_ARG:
		if (a->words == 3)
			argp_error(state, "%s: too many arguments", arg);
		a->word[a->words++] = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Return whether @name has more than one *. */
static bool has_stars(const char *name)
{
	const char *star = strchr(name, '*');

	return star && strchr(star + 1, '*');
}

/*
 * A name of a stream becomes a part of subjects, in which some characters have a meaning.  One *
 * may stand for any text.
 */
static void check_stream(struct argp_state *state, const char *stream)
{
	if (!pattern_is_stream(stream))
		argp_error(
			state,
			"%s: a stream's name has 1 to 255 characters of ASCII, but no dot, slash, "
			"quote, > or space",
			stream);
	if (has_stars(stream))
		argp_error(state, "%s: a name has one * at most", stream);
}

/* A subject is words with dots between them.  One * may stand for any text, within a word. */
static void check_subject(struct argp_state *state, const char *subject)
{
	if (!pattern_is_subject(subject) || has_stars(subject))
		argp_error(state, "--subject=%s: not words with dots between them, without * and >",
			   subject);
}

static void check_ring(struct argp_state *state, const char *ring)
{
	const char *star = strchr(ring, '*');

	if (!*ring)
		argp_error(state, "the name of the ring is empty");
	if (has_stars(ring))
		argp_error(state, "%s: a name has one * at most", ring);
	if (star && strchr(star, '/'))
		argp_error(state, "%s: a folder's name has no *", ring);
}

/* Only a name that matches others gives a * in another name a meaning. */
static void check_names(struct argp_state *state, const struct bridge *b)
{
	bool publishes = b->direction == PUBLISH;
	const char *pattern = publishes ? b->ring : b->stream;
	const char *other = publishes ? b->stream : b->ring;

	check_ring(state, b->ring);
	check_stream(state, b->stream);
	check_subject(state, b->subject);
	if (pattern_is(other) && !pattern_is(pattern))
		argp_error(state, "%s: has a *, but %s has none", other, pattern);
	if (pattern_is(b->subject) && !pattern_is(pattern))
		argp_error(state, "--subject=%s: has a *, but %s has none", b->subject, pattern);
	if (publishes && pattern_is(pattern) && (!pattern_is(other) || !pattern_is(b->subject)))
		argp_error(state,
			   "%s: each ring that matches needs a stream and a subject of its own: "
			   "give these a *",
			   pattern);
}

const struct argp options_argp = {
	.options = options,
	.parser = options_set,
	.args_doc = "publish RING STREAM\nsubscribe STREAM RING\nrun\ndemo",
	.doc = doc,
};

void options_complete(struct argp_state *state, struct bridge *b)
{
	char *subject;

	if (!b->subject && asprintf(&subject, "ringbuf.%s", b->stream) >= 0)
		b->subject = subject;
	if (!b->subject) {
		argp_failure(state, 1, ENOMEM, "%s", b->stream);
		return;
	}
	check_names(state, b);
	b->service = b->service || pattern_is(b->direction == PUBLISH ? b->ring : b->stream);
	b->host = host_choose(state, b->host, rings_has(b->ring));
}
