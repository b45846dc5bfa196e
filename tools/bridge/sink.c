// SPDX-License-Identifier: GPL-2.0
/* See sink.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/inside.h"
#include "../common/clock.h"
#include "alive.h"
#include "name.h"
#include "sink.h"

#define TICK  (100 * NS_PER_MS) /* how often a wait looks at bridge_stop */
#define GRACE (2 * NS_PER_S) /* for the seat of a bridge that was killed */

/* Find out what the last process that wrote to the ring has put there. */
static bool find_last(struct sink *sink, const struct bridge *b, struct report *report)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	int err = ringbuf_stats(sink->ring, &status, NULL, 0);

	if (err < 0) {
		report_complain_of_ring(report, b, ringbuf_strerror(err));
		return false;
	}
	sink->position = status.head;
	memory_find(sink->memory, sink->geometry.uuid, sink->position);
	return true;
}

/* Open the ring, or make it.  Return 0 or a negative errno. */
static int open_ring(const struct bridge *b, struct ringbuf **ring, enum error_step *step)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(b->slot_bytes, b->slots);
	int err;

	*step = ERROR_OPEN;
	err = ringbuf_open(b->ring, b->host, ring);
	if (err != -ENOENT)
		return err;
	*step = ERROR_CREATE;
	config.flags = RINGBUF_EXCLUSIVE | RINGBUF_KEPT;
	config.name = b->ring;
	config.mode = b->mode;
	config.wait_readers = b->wait_readers;
	config.host = b->host;
	return ringbuf_create(&config, ring);
}

static void destroy(struct sink *sink)
{
	/* Its readers learn that the writer died: nothing has told that it was done. */
	lib_writer_abandon(sink->writer);
	memory_close(sink->memory);
	ringbuf_close(sink->ring);
	pthread_mutex_destroy(&sink->lock);
	free(sink->name);
	free(sink);
}

/* Make a sink of @ring, without its memory. */
static struct sink *make(const struct bridge *b, struct ringbuf *ring)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	sink->name = strdup(b->ring);
	if (!sink->name) {
		free(sink);
		return NULL;
	}
	sink->ring = ring;
	sink->geometry.size = sizeof(sink->geometry);
	ringbuf_get_geometry(ring, &sink->geometry);
	pthread_mutex_init(&sink->lock, NULL);
	return sink;
}

/* Return NULL after a complaint. */
struct sink *sink_open(const struct bridge *b, struct ringbuf *ring, struct report *report)
{
	struct sink *sink = make(b, ring);

	if (!sink) {
		report_complain(report, strerror(ENOMEM), b->service);
		ringbuf_close(ring);
		return NULL;
	}
	if (!(sink->geometry.flags & RINGBUF_EXCLUSIVE))
		report_complain_of_ring(report, b,
					"other processes may write to this ring; make one with "
					"ringbufctl create --exclusive");
	else
		sink->memory = memory_open(b, report);
	if (sink->memory && find_last(sink, b, report))
		return sink;
	destroy(sink);
	return NULL;
}

/* Return NULL after a complaint. */
static struct sink *open_named(const struct bridge *b, struct report *report)
{
	struct ringbuf_config config = { .name = b->ring, .host = b->host };
	char words[ERROR_WORDS_BYTES];
	enum error_step step;
	struct ringbuf *ring;
	struct sink *sink;
	int err = open_ring(b, &ring, &step);

	if (err) {
		report_complain_of_ring(report, b, error_words(words, step, err, &config));
		return NULL;
	}
	sink = sink_open(b, ring, report);
	if (sink)
		sink->named = true;
	return sink;
}

static pthread_mutex_t sinks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sink *sinks; /* under the lock */

struct sink *sink_get(const struct bridge *b, struct report *report)
{
	struct sink *sink;

	pthread_mutex_lock(&sinks_lock);
	for (sink = sinks; sink && (sink->stale || strcmp(sink->name, b->ring)); sink = sink->next)
		;
	if (!sink) {
		sink = open_named(b, report);
		if (sink) {
			sink->next = sinks;
			sinks = sink;
		}
	}
	if (sink)
		sink->users++;
	pthread_mutex_unlock(&sinks_lock);
	return sink;
}

void sink_put_back(struct sink *sink, const struct bridge *b)
{
	struct sink **at = &sinks;

	pthread_mutex_lock(&sinks_lock);
	sink->users--;
	if (!sink->users && !bridge_stop && (!sink->writer || b->service)) {
		while (*at != sink)
			at = &(*at)->next;
		*at = sink->next;
		destroy(sink);
	}
	pthread_mutex_unlock(&sinks_lock);
}

bool sink_is_replaced(struct sink *sink)
{
	bool replaced = sink->named && name_is_taken(sink->name, &sink->geometry);

	pthread_mutex_lock(&sinks_lock);
	sink->stale = sink->stale || replaced;
	replaced = sink->stale;
	pthread_mutex_unlock(&sinks_lock);
	return replaced;
}

/* Wait for the lock as long as it takes: its holder may wait for room in the ring. */
static void take_lock(struct sink *sink)
{
	alive_wait();
	pthread_mutex_lock(&sink->lock);
	alive_beat();
}

struct memory_stream *sink_join(struct sink *sink, const char *name, struct memory_entry *last)
{
	struct memory_stream *stream;

	take_lock(sink);
	stream = memory_stream(sink->memory, name);
	if (stream) {
		sink->open += !stream->done;
		memory_last(sink->memory, stream, sink->position, last);
	}
	pthread_mutex_unlock(&sink->lock);
	return stream;
}

void sink_leave(struct sink *sink, const struct memory_stream *stream)
{
	take_lock(sink);
	sink->open -= !stream->done;
	pthread_mutex_unlock(&sink->lock);
}

/* ---- writing; the caller holds the lock --------------------------------------------------- */

static int attach(struct sink *sink)
{
	uint64_t until = clock_now() + GRACE;
	int err = sink->writer ? 0 : ringbuf_writer_attach(sink->ring, &sink->writer);

	while (err == -EBUSY && clock_now() < until && !bridge_stop) {
		clock_sleep_until(clock_now() + 10 * NS_PER_MS);
		err = ringbuf_writer_attach(sink->ring, &sink->writer);
	}
	if (err)
		sink->writer = NULL;
	return err;
}

/* Reserve a slot, unless one is.  Return 0, -ETIMEDOUT, or another negative errno. */
static int reserve(struct sink *sink, uint64_t ns)
{
	int n = 1;

	alive_beat();
	if (!sink->reserved)
		n = ringbuf_writer_reserve(sink->writer, &sink->slot, 1,
					   bridge_stop ? RINGBUF_TRY : (int64_t)ns);
	sink->reserved = n == 1;
	if (n == -EAGAIN)
		n = -ETIMEDOUT;
	return n < 0 ? n : 0;
}

static void fill(struct ringbuf_slot *slot, const struct piece *piece, unsigned int count)
{
	slot->length = 0;
	for (unsigned int i = 0; i < count; i++) {
		memcpy((char *)slot->data + slot->length, piece[i].data, piece[i].bytes);
		slot->length += piece[i].bytes;
	}
}

/* Publish the slot.  @e->sequence is passed when the ring has it. */
static int commit(struct sink *sink, struct memory_stream *stream, struct memory_entry *e,
		  const char *ack)
{
	int err;

	e->position = sink->slot.position;
	memory_put(sink->memory, stream, e, ack);
	err = ringbuf_writer_commit(sink->writer, &sink->slot, 1);
	if (err) {
		memory_drop(sink->memory, e);
		return err;
	}
	sink->open += stream->done;
	memory_commit(stream, e);
	sink->position = e->position + 1;
	sink->reserved = false;
	return 0;
}

static bool is_too_long(const struct sink *sink, const struct piece *piece, unsigned int count)
{
	uint64_t room = sink->geometry.slot_bytes;

	for (unsigned int i = 0; i < count; i++) {
		if (piece[i].bytes > room)
			return true;
		room -= piece[i].bytes;
	}
	return false;
}

static int put(struct sink *sink, struct memory_stream *stream, const struct piece *piece,
	       unsigned int count, uint32_t flags, struct memory_entry *e, const char *ack)
{
	int err = is_too_long(sink, piece, count) ? -EMSGSIZE : attach(sink);

	if (!err)
		err = reserve(sink, TICK);
	if (err)
		return err;
	fill(&sink->slot, piece, count);
	sink->slot.flags = flags;
	return commit(sink, stream, e, ack);
}

/* ---- for subscribers ------------------------------------------------------------------------ */

int sink_attach(struct sink *sink)
{
	int err;

	take_lock(sink);
	err = attach(sink);
	pthread_mutex_unlock(&sink->lock);
	return err;
}

int sink_wait(struct sink *sink, uint64_t ns)
{
	int err;

	take_lock(sink);
	err = attach(sink);
	if (!err)
		err = reserve(sink, ns);
	pthread_mutex_unlock(&sink->lock);
	return err;
}

uint64_t sink_room(struct sink *sink)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	uint64_t room = sink->geometry.slot_count;

	if (ringbuf_stats(sink->ring, &status, NULL, 0) < 0 || status.blocker_lag > room)
		return 0;
	return room - status.blocker_lag;
}

void sink_each_shared(struct sink *sink, const struct memory_stream *stream,
		      void (*look)(const struct memory_shared *e, void *closure), void *closure)
{
	take_lock(sink);
	memory_each_shared(sink->memory, stream, look, closure);
	pthread_mutex_unlock(&sink->lock);
}

bool sink_has_shared(struct sink *sink, const struct memory_stream *stream, uint64_t sequence,
		     int64_t stamp)
{
	bool has;

	take_lock(sink);
	has = memory_has_shared(sink->memory, stream, sequence, stamp);
	pthread_mutex_unlock(&sink->lock);
	return has;
}

unsigned int sink_entries(struct sink *sink, const struct memory_stream *stream,
			  struct memory_entry to[MEMORY_ENTRIES])
{
	unsigned int count;

	take_lock(sink);
	count = memory_entries(sink->memory, stream, sink->position, to);
	pthread_mutex_unlock(&sink->lock);
	return count;
}

void sink_restart(struct sink *sink, struct memory_stream *stream, int64_t created)
{
	take_lock(sink);
	sink->open += stream->done;
	memory_restart(stream, created);
	pthread_mutex_unlock(&sink->lock);
}

void sink_go_back(struct sink *sink, struct memory_stream *stream, const struct memory_entry *e)
{
	take_lock(sink);
	sink->open += stream->done;
	memory_go_back(sink->memory, stream, e);
	pthread_mutex_unlock(&sink->lock);
}

int sink_put(struct sink *sink, struct memory_stream *stream, const struct piece *piece,
	     unsigned int count, uint32_t flags, struct memory_entry *e, const char *ack)
{
	int err;

	take_lock(sink);
	err = put(sink, stream, piece, count, flags, e, ack);
	pthread_mutex_unlock(&sink->lock);
	return err;
}

/* Tell readers that this is the end of the messages, which takes a writer.  The caller holds the
 * lock. */
static int finish(struct sink *sink)
{
	int err = attach(sink);

	if (err)
		return err;
	err = ringbuf_writer_done(sink->writer);
	ringbuf_writer_close(sink->writer);
	sink->writer = NULL;
	sink->reserved = false;
	return err;
}

int sink_done(struct sink *sink, struct memory_stream *stream, uint64_t sequence, int64_t stamp)
{
	int err = 0;

	take_lock(sink);
	/* The file says so after the ring does, so that after a kill between the two it is done
	 * again. */
	if (sink->open == !stream->done)
		err = finish(sink);
	if (!err) {
		sink->open -= !stream->done;
		memory_pass(stream, sequence, stamp, true);
	}
	pthread_mutex_unlock(&sink->lock);
	return err;
}
