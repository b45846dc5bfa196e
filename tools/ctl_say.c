// SPDX-License-Identifier: GPL-2.0
/* How ringbufctl prints names, which may have any byte but 0 and '/', and its error messages. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "ctl.h"

void ctl_print_name(const char *name, size_t length)
{
	char *text = escape(name, length, ESCAPE_FOR_PEOPLE);

	fputs(text, stdout);
	free(text);
}

void ctl_json_name(json_t *j, const char *name, size_t length)
{
	char *text = escape(name, length, ESCAPE_ASCII);

	json_object_set_new(j, "name", json_stringn(name, length) ?: json_null());
	json_object_set_new(j, "escaped", json_string(text));
	free(text);
}

void ctl_json_comm(json_t *j, const char *comm)
{
	json_object_set_new(j, "comm", json_string(comm) ?: json_null());
}

const char *ctl_process(int32_t pid, const char *comm, char text[CTL_PROCESS_BYTES])
{
	char *name = escape(comm, strlen(comm), ESCAPE_FOR_PEOPLE);

	snprintf(text, CTL_PROCESS_BYTES, pid ? *comm ? "%d (%s)" : "%d" : "-", pid, name);
	free(name);
	return text;
}

/* One fprintf(), since stdio makes one write(2) of it: lines of several processes do not mix. */
void ctl_say(const char *what, const char *format, ...)
{
	char *shown = escape(what, strlen(what), ESCAPE_FOR_PEOPLE);
	char words[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	fprintf(stderr, "ringbufctl: %s: %s\n", shown, words);
	free(shown);
}

int ctl_fail(const char *what, int err)
{
	ctl_say(what, "%s", strerror(-err));
	return CTL_EXIT_FAILED;
}

int ctl_fail_at(const struct ctl *c, enum error_step step, int err, struct ringbuf *ring)
{
	struct ringbuf_config config = c->config;
	char words[ERROR_WORDS_BYTES];

	config.host = c->host;
	config.name = c->name;
	config.policy = c->policy.kind;
	if (ring)
		error_describe(&config, ring);
	ctl_say(c->name ?: "list", "%s", error_words(words, step, err, &config));
	return CTL_EXIT_FAILED;
}
