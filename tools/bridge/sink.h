/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring that gets the messages of one stream, or of several.  This process is its only writer,
 * so a slot that was reserved and not committed leaves no trace when the process is killed.
 */
#ifndef BRIDGE_SINK_H
#define BRIDGE_SINK_H

#include <pthread.h>

#include "../common/error.h"
#include "memory.h"
#include "report.h"

/**
 * struct sink - a ring and what its subscribers remember
 * @name: name of the ring
 * @ring: the ring, which is exclusive
 * @geometry: of the ring
 * @memory: what was put where
 * @lock: for all below, and for @memory but what concerns the stream of one subscriber
 * @next: the sink of another ring; for sink_get(), as are @users and @stale
 * @users: how many have it
 * @named: the ring was opened by its name
 * @stale: the name is not that of the ring any more
 * @writer: NULL while the process is not the ring's writer
 * @slot: the slot to be filled, if @reserved
 * @position: the first position that is not committed
 * @open: how many streams of subscribers have not ended
 */
struct sink {
	char *name;
	struct ringbuf *ring;
	struct ringbuf_geometry geometry;
	struct memory_file *memory;
	pthread_mutex_t lock;
	struct sink *next;
	unsigned int users;
	bool named;
	bool stale;
	struct ringbuf_writer *writer;
	struct ringbuf_slot slot;
	bool reserved;
	uint64_t position;
	unsigned int open;
};

/* Some bytes of a message. */
struct piece {
	const void *data;
	size_t bytes;
};

/*
 * Return the sink of the ring of @b, which is opened, or made if it does not exist; NULL after a
 * complaint.  All subscribers of this process to one ring have the same sink.
 */
struct sink *sink_get(const struct bridge *b, struct report *report);

/* The same for a ring that is open, which the sink takes, and that no other subscriber has. */
struct sink *sink_open(const struct bridge *b, struct ringbuf *ring, struct report *report);

/*
 * Give a sink of sink_get() back.  The last one closes the ring, unless readers are to find out,
 * when this process ends, that the writer died.
 */
void sink_put_back(struct sink *sink, const struct bridge *b);

/* Return whether the ring's name is not its name any more, as far as can be told. */
bool sink_is_replaced(struct sink *sink);

/*
 * Add a subscriber to the stream @name.
 * @last: [out] the last message that the ring has of it, as memory_last() says
 * Return what is remembered of the stream, or NULL if the ring gets too many.
 */
struct memory_stream *sink_join(struct sink *sink, const char *name, struct memory_entry *last);

/* Remove a subscriber, which will put nothing any more. */
void sink_leave(struct sink *sink, const struct memory_stream *stream);

/*
 * Become the writer of the ring, unless it is already.  The seat of a bridge that was killed
 * may take a moment to be free.  Return 0, -EINTR if bridge_stop is set, or another negative errno.
 */
int sink_attach(struct sink *sink);

/*
 * Wait, for @ns at most, until the ring has room for a message; become its writer before.  Return
 * 0, -ETIMEDOUT, or another negative errno.
 */
int sink_wait(struct sink *sink, uint64_t ns);

/* Return how many slots of the ring are free, as far as can be told. */
uint64_t sink_room(struct sink *sink);

/* Call @look as memory_each_shared() does. */
void sink_each_shared(struct sink *sink, const struct memory_stream *stream,
		      void (*look)(const struct memory_shared *e, void *closure), void *closure);

/* Return whether a message of @stream is in the ring, as memory_has_shared() does. */
bool sink_has_shared(struct sink *sink, const struct memory_stream *stream, uint64_t sequence,
		     int64_t stamp);

/* Copy what memory_entries() copies, of all that was committed.  Return the number. */
unsigned int sink_entries(struct sink *sink, const struct memory_stream *stream,
			  struct memory_entry to[MEMORY_ENTRIES]);

/* Do as memory_restart() and memory_go_back() do. */
void sink_restart(struct sink *sink, struct memory_stream *stream, int64_t created);
void sink_go_back(struct sink *sink, struct memory_stream *stream, const struct memory_entry *e);

/*
 * Put a message of @stream into the ring, and wait for room for a moment.
 * @piece, @count: its bytes
 * @flags: of the slot
 * @e: what to remember, all but its position; that is set
 * @ack: as for memory_put()
 * Return 0, -ETIMEDOUT, -EMSGSIZE if a slot has fewer bytes, or another negative errno.
 */
int sink_put(struct sink *sink, struct memory_stream *stream, const struct piece *piece,
	     unsigned int count, uint32_t flags, struct memory_entry *e, const char *ack);

/*
 * Tell that @stream has ended, up to @sequence, stored at @stamp: its writers were done.  If all
 * streams have, the ring's writer is done, too.  Return 0 or a negative errno.
 */
int sink_done(struct sink *sink, struct memory_stream *stream, uint64_t sequence, int64_t stamp);

#endif /* BRIDGE_SINK_H */
