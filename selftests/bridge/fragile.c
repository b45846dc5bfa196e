// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into ringbuf-bridge for its tests: kills the process right before or after one of its
 * steps. RINGBUF_FRAGILE=STEP:BEFORE:AFTER, such as commit:0:7, counts the calls of that step: the
 * process dies before the call BEFORE, or after the call AFTER; 0 is none.  The steps are send,
 * release, commit.
 */
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringbuf.h>

natsStatus __real_js_PublishMsgAsync(jsCtx *js, natsMsg **msg, jsPubOptions *options);
natsStatus __wrap_js_PublishMsgAsync(jsCtx *js, natsMsg **msg, jsPubOptions *options);
int __real_lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position);
int __wrap_lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position);
int __real_ringbuf_writer_commit(struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
				 unsigned int count);
int __wrap_ringbuf_writer_commit(struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
				 unsigned int count);

static char step[16];
static unsigned int before, after, calls;

__attribute__((constructor)) static void read_environment(void)
{
	const char *text = getenv("RINGBUF_FRAGILE");

	if (text && sscanf(text, "%15[a-z]:%u:%u", step, &before, &after) != 3)
		abort();
}

static void begin(const char *name)
{
	if (!strcmp(step, name) && ++calls == before)
		kill(getpid(), SIGKILL);
}

static void end(const char *name)
{
	if (!strcmp(step, name) && calls == after)
		kill(getpid(), SIGKILL);
}

natsStatus __wrap_js_PublishMsgAsync(jsCtx *js, natsMsg **msg, jsPubOptions *options)
{
	natsStatus s;

	begin("send");
	s = __real_js_PublishMsgAsync(js, msg, options);
	end("send");
	return s;
}

int __wrap_lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position)
{
	int err;

	begin("release");
	err = __real_lib_reader_release_to(reader, position);
	end("release");
	return err;
}

int __wrap_ringbuf_writer_commit(struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
				 unsigned int count)
{
	int err;

	begin("commit");
	err = __real_ringbuf_writer_commit(writer, slots, count);
	end("commit");
	return err;
}
