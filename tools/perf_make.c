// SPDX-License-Identifier: GPL-2.0
/* Make the ring, the handles and the shared memory of a run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/error.h"
#include "perf_run.h"

static int fail(const char *what, int err)
{
	fprintf(stderr, "perf_test_ringbuffer: %s: %s\n", what, strerror(-err));
	return err;
}

static struct ringbuf_config ring_config(const struct perf_options *o)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(o->slot_bytes, o->slots);

	config.flags = o->exclusive ? RINGBUF_EXCLUSIVE : 0;
	config.max_readers = o->readers ? o->readers : 1;
	config.max_writers = o->writers;
	config.host = o->host;
	config.policy = o->policy.kind;
	config.policy_timeout = o->policy.timeout;
	config.policy_lag = o->policy.lag;
	return config;
}

static int fail_at(const struct perf_options *o, enum error_step step, const char *what, int err)
{
	struct ringbuf_config config = ring_config(o);
	char words[ERROR_WORDS_BYTES];

	fprintf(stderr, "perf_test_ringbuffer: %s: %s\n", what,
		error_words(words, step, err, &config));
	return err;
}

static int make_shared(struct perf_run *run, const struct perf_options *o)
{
	uint32_t count = o->writers + o->readers, i;
	struct perf_shared *s;

	s = mmap(NULL, sizeof(*s) + count * sizeof(s->process[0]), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return fail("memory for the figures", -errno);
	s->options = *o;
	s->count = count;
	if (pipe(s->gate))
		return fail("pipe", -errno);
	for (i = 0; i < count; i++) {
		struct perf_process *p = &s->process[i];

		p->role = i < o->writers ? PERF_WRITER : PERF_READER;
		p->index = i < o->writers ? i : i - o->writers;
		p->reader_id = RINGBUF_ALL_READERS;
	}
	run->shared = s;
	return 0;
}

static int make_ring(struct perf_run *run, const struct perf_options *o)
{
	struct ringbuf_config config = ring_config(o);
	int err = ringbuf_create(&config, &run->ring);

	if (err)
		return fail_at(o, ERROR_CREATE, "the ring cannot be made", err);
	run->geometry.size = sizeof(run->geometry);
	ringbuf_get_geometry(run->ring, &run->geometry);
	return 0;
}

/* Attach the readers before the writers, so that they get the first message. */
static int attach(struct perf_run *run, const struct perf_options *o)
{
	uint32_t i;
	int err;

	run->reader = calloc(o->readers + 1, sizeof(struct ringbuf_reader *));
	run->writer = calloc(o->writers, sizeof(struct ringbuf_writer *));
	if (!run->reader || !run->writer)
		return fail("handles", -ENOMEM);
	for (i = 0; i < o->readers; i++) {
		err = ringbuf_reader_attach(run->ring, RINGBUF_FROM_HEAD, 0, &run->reader[i]);
		if (err)
			return fail_at(o, ERROR_READER, "a reader cannot be attached", err);
		run->shared->process[o->writers + i].reader_id = ringbuf_reader_id(run->reader[i]);
	}
	for (i = 0; i < o->writers; i++) {
		err = ringbuf_writer_attach(run->ring, &run->writer[i]);
		if (err)
			return fail_at(o, ERROR_WRITER, "a writer cannot be attached", err);
	}
	return 0;
}

int perf_run_make(struct perf_run *run, const struct perf_options *o)
{
	int err = make_shared(run, o);

	if (!err)
		err = make_ring(run, o);
	if (!err)
		err = attach(run, o);
	if (err)
		return err;
	err = perf_pool_make(&run->pool, o->slot_bytes);
	return err ? fail("memory for messages", err) : 0;
}
