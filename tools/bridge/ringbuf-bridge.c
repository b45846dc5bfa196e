// SPDX-License-Identifier: GPL-2.0
/* ringbuf-bridge: pass the messages of rings to and from NATS JetStream. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../common/output.h"
#include "config.h"
#include "metrics.h"
#include "notify.h"
#include "options.h"
#include "route.h"

const char *argp_program_version;

volatile bool bridge_stop;
_Thread_local const char *bridge_topic;

static void on_signal(int number)
{
	(void)number;
	bridge_stop = true;
}

void bridge_say(const char *form, ...)
{
	char line[1024], *whole;
	va_list ap;
	int n;

	va_start(ap, form);
	vsnprintf(line, sizeof(line), form, ap);
	va_end(ap);
	n = asprintf(&whole, "ringbuf-bridge: %s%s%s", bridge_topic ? bridge_topic : "",
		     bridge_topic ? ": " : "", line);
	if (n < 0)
		return;
	/* Names of rings may have any bytes. */
	for (char *c = whole; *c; c++)
		if ((*c >= 0 && *c < ' ') || *c == '\x7f')
			*c = '?';
	fprintf(stderr, "%s\n", whole);
	free(whole);
}

/* Set the only route of @a to what the words of the command line say. */
static void set_route(struct argp_state *state, struct arguments *a)
{
	struct bridge *b = &a->b;
	bool publishes = a->words && !strcmp(a->word[0], "publish");

	if (a->words != 3 || (!publishes && strcmp(a->word[0], "subscribe")))
		argp_error(state, "give publish RING STREAM, subscribe STREAM RING, run, or demo");
	if (a->config)
		argp_error(state, "--config is for run only");
	b->direction = publishes ? PUBLISH : SUBSCRIBE;
	b->ring = a->word[publishes ? 1 : 2];
	b->stream = a->word[publishes ? 2 : 1];
	if (a->only[!b->direction])
		argp_error(state, "--%s is for %s only", a->only[!b->direction],
			   publishes ? "subscribe" : "publish");
	options_complete(state, b);
}

/* Return whether all of @b only ask for messages, and neither publish nor acknowledge any. */
static bool only_ask(const struct bridge *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (b[i].direction == PUBLISH || b[i].share)
			return false;
	return true;
}

/* Connect to the server and pass messages. */
static int run(const struct arguments *a, const struct bridge *b, size_t count)
{
	struct metrics *metrics = NULL;
	char why[SECURE_WHY_BYTES];
	static struct line line;
	int status;

	if (!secure_begin(&a->server.secure, a->server.url, why)) {
		bridge_say("%s", why);
		return 1;
	}
	if (a->metrics) {
		metrics = metrics_start(a->metrics);
		if (!metrics)
			return 1;
	}
	line_init(&line, &a->server);
	line.asks_only = only_ask(b, count);
	notify_start();
	status = routes_run(b, count, &line);
	notify_stop();
	metrics_stop(metrics);
	return status;
}

/* Run what the file of --config says, and the options of the command line. */
static int run_config(struct arguments *a, int argc, char **argv)
{
	struct config config;
	int status = EXIT_USAGE;

	if (config_load(&config, a, argc, argv))
		status = run(a, config.route, config.count);
	config_free(&config);
	return status;
}

static bool is_word(const struct arguments *a, const char *word)
{
	return a->words == 1 && !strcmp(a->word[0], word);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct argp_state state = { .root_argp = &options_argp,
				    .name = "ringbuf-bridge",
				    .err_stream = stderr,
				    .out_stream = stdout };
	struct arguments a;
	char version[64];

	output_begin("ringbuf-bridge");
	snprintf(version, sizeof(version), "ringbuf-bridge (ringbuf) %s", ringbuf_version());
	argp_program_version = version;
	argp_err_exit_status = EXIT_USAGE;
	options_begin(&a);
	argp_parse(&options_argp, argc, argv, 0, NULL, &a);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (is_word(&a, "demo"))
		return demo(&a.b);
	if (is_word(&a, "run") && !a.config)
		argp_error(&state, "run needs --config=FILE");
	if (is_word(&a, "run"))
		return run_config(&a, argc, argv);
	set_route(&state, &a);
	return run(&a, &a.b, 1);
}
