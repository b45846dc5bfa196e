// SPDX-License-Identifier: GPL-2.0
/* A reader process: read and check every message, and keep a CPU busy if asked to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/message.h"
#include "perf_log.h"

#define COMPLAINTS 5 /* the most messages about which one reader prints a line */
#define LOG_GAP	   (20 * NS_PER_MS) /* between lines about lost messages, at least */

struct perf_reader {
	struct perf_shared *s;
	struct perf_process *self;
	struct ringbuf_reader *handle;
	unsigned char *buffer; /* NULL with --zero-copy */
	uint64_t *next; /* number of the next message of each writer */
	uint64_t logged; /* when a line about lost messages was printed last */
	uint64_t unlogged; /* messages lost since then */
};

/**
 * struct perf_found - what a reader found in a slot or in its buffer
 * @header: the header, unless the length is wrong
 * @bytes: the length
 * @fault: what is wrong with the message, or NULL
 */
struct perf_found {
	struct message_header header;
	size_t bytes;
	const char *fault;
};

static bool may_complain(const struct perf_reader *r)
{
	return r->self->bad + r->self->disordered <= COMPLAINTS;
}

static void count_lost(struct perf_reader *r, uint64_t more)
{
	uint64_t now;

	if (!more)
		return;
	perf_count(&r->self->lost, more);
	r->unlogged += more;
	if (!r->s->options.debug)
		return;
	now = clock_now();
	if (now - r->logged < LOG_GAP)
		return;
	perf_log(r->s, r->self, "lost %llu messages, %llu so far", (unsigned long long)r->unlogged,
		 (unsigned long long)atomic_load(&r->self->lost));
	r->logged = now;
	r->unlogged = 0;
}

static void check_order(struct perf_reader *r, const struct message_header *header)
{
	uint64_t *next = &r->next[header->writer];

	if (header->number < *next) {
		r->self->disordered++;
		if (may_complain(r))
			perf_log(r->s, r->self, "got write %llu of Writer %u, after write %llu",
				 (unsigned long long)header->number, header->writer + 1,
				 (unsigned long long)*next - 1);
		return;
	}
	count_lost(r, header->number - *next);
	*next = header->number + 1;
}

static struct perf_found look(const struct perf_options *o, const void *data, size_t bytes)
{
	struct perf_found found = { .bytes = bytes };

	if (bytes != o->slot_bytes) {
		found.fault = "wrong length";
		return found;
	}
	memcpy(&found.header, data, sizeof(found.header));
	if (o->verify && !message_is_whole(data, bytes))
		found.fault = "wrong CRC-32";
	else if (found.header.writer >= o->writers)
		found.fault = "no writer has its number";
	return found;
}

static void check(struct perf_reader *r, const struct perf_found *found)
{
	if (!found->fault) {
		check_order(r, &found->header);
		return;
	}
	r->self->bad++;
	if (may_complain(r))
		perf_log(r->s, r->self, "message %llu is damaged: %zu bytes, %s",
			 (unsigned long long)atomic_load(&r->self->slots), found->bytes,
			 found->fault);
}

static void burn(const struct perf_reader *r)
{
	uint64_t end;

	if (!(r->s->options.burn_ms > 0))
		return;
	end = clock_now() + (uint64_t)(r->s->options.burn_ms * (double)NS_PER_MS);
	while (clock_now() < end && !perf_stopped(r->s))
		;
}

static void count(struct perf_reader *r, const struct perf_found *found)
{
	const struct perf_options *o = &r->s->options;
	uint64_t second = (uint64_t)(o->rate * o->writers), slots;

	check(r, found);
	perf_count(&r->self->slots, 1);
	slots = atomic_load_explicit(&r->self->slots, memory_order_relaxed);
	if (o->debug && second && slots % second == 0)
		perf_log(r->s, r->self, "read %llu slots so far", (unsigned long long)slots);
}

/*
 * Record how many written messages this reader has still to read, if that is its most so far.
 * By its policy it may have lost messages without knowing yet: these are more than the slots.
 */
static void note_lag(struct perf_reader *r)
{
	uint64_t ready = perf_unread(r->s, r->self);

	if (ready > r->s->options.slots && r->s->options.policy.kind != RINGBUF_BLOCK)
		ready = r->s->options.slots;
	if (ready > atomic_load_explicit(&r->self->lag, memory_order_relaxed))
		atomic_store_explicit(&r->self->lag, ready, memory_order_relaxed);
}

static int take_one(struct perf_reader *r)
{
	struct perf_found found;
	ssize_t bytes;

	note_lag(r);
	bytes = ringbuf_reader_read(r->handle, r->buffer, r->s->options.slot_bytes,
				    RINGBUF_FOREVER);
	if (bytes < 0)
		return (int)bytes;
	found = look(&r->s->options, r->buffer, (size_t)bytes);
	burn(r);
	count(r, &found);
	return 0;
}

static int take_slots(struct perf_reader *r)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	struct perf_found found[RINGBUF_BATCH_MAX];
	int i, n, err;

	note_lag(r);
	n = ringbuf_reader_peek(r->handle, slots, r->s->options.batch, RINGBUF_FOREVER);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		const void *data = slots[i].data;

		if (r->buffer && slots[i].length <= r->s->options.slot_bytes)
			data = memcpy(r->buffer, data, slots[i].length);
		found[i] = look(&r->s->options, data, slots[i].length);
		burn(r);
	}
	err = ringbuf_reader_release(r->handle, (unsigned int)n);
	/* By the policy writers may have overwritten what was checked: it is lost. */
	if (err == -ESTALE && r->s->options.policy.kind != RINGBUF_BLOCK)
		return 0;
	for (i = 0; !err && i < n; i++)
		count(r, &found[i]);
	return err;
}

/* Count as lost what each writer has written after the last message that this reader got. */
static void count_missing(struct perf_reader *r)
{
	uint32_t i;

	for (i = 0; i < r->s->options.writers; i++) {
		uint64_t written = atomic_load(&r->s->process[i].slots);

		if (written > r->next[i])
			count_lost(r, written - r->next[i]);
	}
}

/* Allocate and touch all memory, so that the first message takes no longer than others. */
static int get_ready(struct perf_reader *r)
{
	const struct perf_options *o = &r->s->options;

	r->next = calloc(o->writers, sizeof(*r->next));
	if (!r->next)
		return -ENOMEM;
	if (o->zero_copy)
		return 0;
	r->buffer = malloc(o->slot_bytes);
	if (!r->buffer)
		return -ENOMEM;
	memset(r->buffer, 0xff, o->slot_bytes);
	return 0;
}

int perf_reader_run(struct perf_shared *s, struct perf_process *self, struct ringbuf_reader *handle)
{
	struct perf_reader r = { .s = s, .self = self, .handle = handle };
	bool slots = s->options.zero_copy || s->options.batch > 1;
	int err = get_ready(&r);

	if (!err)
		err = perf_warm_reader(s, handle, r.buffer);
	if (err)
		return err;
	perf_await_start(s, self);
	while (!err)
		err = slots ? take_slots(&r) : take_one(&r);
	self->ended = clock_now();
	self->holes = ringbuf_reader_holes(handle);
	self->evicted = err == -EIDRM && s->options.policy.kind != RINGBUF_BLOCK;
	if (self->evicted) {
		perf_log(s, self, "was evicted");
		return 0;
	}
	if (err != -ENODATA)
		return err;
	count_missing(&r);
	return 0;
}
