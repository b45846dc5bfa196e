/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the subscribers of one ring remember in a file, so that they continue at the right messages
 * after they were killed at any moment.
 *
 * Before a message is committed to the ring, the file gets its position there, its stream and its
 * sequence number in the stream.  The next subscriber finds out from the ring which position was
 * committed last, and from the file which message that was.  If the ring is another one, since the
 * machine was booted, it continues behind the last message that was committed to the old ring.
 *
 * Sequence numbers mean something in one stream only.  If the stream was deleted and made again, a
 * new epoch begins, and the numbers of the epochs before it are not used any more.
 *
 * Nothing is flushed to the disk: the file survives a SIGKILL of the bridge and an orderly reboot.
 * After a crash of the machine it may be older, and then messages come again.
 */
#ifndef BRIDGE_MEMORY_H
#define BRIDGE_MEMORY_H

#include "../common/uuid.h"
#include "report.h"

#define MEMORY_ENTRIES 256
#define MEMORY_SHARED  4096 /* more than messages can be unacknowledged; see share.h */
#define MEMORY_STREAMS 256 /* most streams whose messages one ring gets */
#define MEMORY_SOURCES 8 /* rings whose messages a stream has in turns */

/**
 * struct memory_entry - a message that was committed, or was about to be
 * @position: its position in the ring
 * @sequence: sequence number, in the stream, of its last part
 * @source: its position in the ring from which it came
 * @epoch: to which @sequence belongs
 * @stream: number of its stream
 * @slots: number of slots of the batch @sequence up to this message, 0 if others do not follow
 * @stamp: when the server has stored message @sequence, which with that number tells it from all
 *	others: a server that has lost its last messages gives their numbers to others
 * @uuid: that ring, as text; empty if there is no such message
 */
struct memory_entry {
	uint64_t position;
	uint64_t sequence;
	uint64_t source;
	uint64_t epoch;
	uint64_t stream;
	uint64_t slots;
	int64_t stamp;
	char uuid[40];
};

/**
 * struct memory_shared - a message that was committed, or was about to be, and that the server
 *	waits for an acknowledgment of; see share.h
 * @sequence: sequence number in the stream, 0 if there is no such message
 * @position: its position in the ring, that of the last slot of a batch
 * @epoch: to which @sequence belongs
 * @stream: number of its stream
 * @stamp: when the server has stored it
 * @ack: subject by which the message is acknowledged
 */
struct memory_shared {
	uint64_t sequence;
	uint64_t position;
	uint64_t epoch;
	uint64_t stream;
	int64_t stamp;
	char ack[256];
};

/**
 * struct memory_source - a ring from which messages of a stream come
 * @to: position there behind the last message that was committed; 0: not known
 * @uuid: that ring, as text
 */
struct memory_source {
	uint64_t to;
	char uuid[40];
};

/**
 * struct memory_stream - a stream whose messages the ring gets
 * @name: its name, empty if this is none
 * @passed: all up to this sequence number are surely committed, or left out
 * @stamp_of: @passed if @stamp is known, else another number
 * @stamp: when the server has stored message @stamp_of
 * @batch: sequence number of the batch that was begun last; it may be passed
 * @batch_stamp: when the server has stored that one
 * @slots: how many slots of it are surely committed, or left out
 * @ack: subject by which the batch @ack_of is acknowledged, if messages are shared
 * @ack_of: sequence number of that batch, 0: none
 * @epoch: counts the streams of this name
 * @created: when the server has made the stream, 0: not known yet
 * @done: the last message that was passed was the end of a ring whose writers were done
 * @sources: counts the rings that @source has got
 * @source: what is surely committed of the rings that the messages come from
 */
struct memory_stream {
	char name[256];
	uint64_t passed;
	uint64_t stamp_of;
	int64_t stamp;
	uint64_t batch;
	int64_t batch_stamp;
	uint64_t slots;
	uint64_t ack_of;
	char ack[256];
	uint64_t epoch;
	int64_t created;
	uint64_t done;
	uint64_t sources;
	struct memory_source source[MEMORY_SOURCES];
};

struct memory_file {
	uint64_t magic;
	uint8_t ring[RINGBUF_UUID_BYTES]; /* the ring to which the entries belong */
	struct memory_entry entry[MEMORY_ENTRIES];
	struct memory_stream stream[MEMORY_STREAMS];
	uint64_t shared_next; /* counts the messages that @shared has got */
	struct memory_shared shared[MEMORY_SHARED];
};

/*
 * Map the file of the ring of @b, and lock it against another process.  Return NULL after a
 * complaint.
 */
struct memory_file *memory_open(const struct bridge *b, struct report *report);

/* Unmap the file and unlock it, unless @m is NULL. */
void memory_close(struct memory_file *m);

/*
 * Find out which message was committed last, and set what is passed of its stream.
 * @ring: UUID of the ring
 * @position: the first position of the ring that is not committed
 */
void memory_find(struct memory_file *m, const uint8_t ring[RINGBUF_UUID_BYTES], uint64_t position);

/* Find the stream @name, or make it.  Return NULL if there are too many. */
struct memory_stream *memory_stream(struct memory_file *m, const char *name);

/*
 * Find the last message of @stream that was committed before @position.
 * @last: [out] the message, with an empty uuid if it is not known
 */
void memory_last(const struct memory_file *m, const struct memory_stream *stream, uint64_t position,
		 struct memory_entry *last);

/* Call @look for each message of @stream in @m->shared, the last one first. */
void memory_each_shared(const struct memory_file *m, const struct memory_stream *stream,
			void (*look)(const struct memory_shared *e, void *closure), void *closure);

/* Return whether message @sequence of @stream, stored at @stamp, is in @m->shared. */
bool memory_has_shared(const struct memory_file *m, const struct memory_stream *stream,
		       uint64_t sequence, int64_t stamp);

/* Return how many slots of the batch @sequence, stored at @stamp, are committed or left out. */
uint64_t memory_slots(const struct memory_stream *stream, uint64_t sequence, int64_t stamp);

/*
 * Return the position behind the last message that came by @stream from the ring @uuid, whichever
 * ring it was put into; 0: not known.
 */
uint64_t memory_source_to(const struct memory_stream *stream, const char *uuid);

/*
 * Copy what is remembered of the last messages of @stream that were committed before @position, the
 * last one first, but not those of an epoch before.  Return their number.
 */
unsigned int memory_entries(const struct memory_file *m, const struct memory_stream *stream,
			    uint64_t position, struct memory_entry to[MEMORY_ENTRIES]);

/* Begin a new epoch: the stream is another one, made at @created. */
void memory_restart(struct memory_stream *stream, int64_t created);

/*
 * Continue behind message @e of a stream that has lost those after it, and forget these; NULL: none
 * that is known, so begin with the first one.
 */
void memory_go_back(struct memory_file *m, struct memory_stream *stream,
		    const struct memory_entry *e);

/*
 * Remember @e of @stream before it is committed.  Set @e->epoch and @e->stream.
 * @ack: subject by which the message of the stream is acknowledged, NULL: not at all
 */
void memory_put(struct memory_file *m, struct memory_stream *stream, struct memory_entry *e,
		const char *ack);

/* Forget @e, which could not be committed. */
void memory_drop(struct memory_file *m, const struct memory_entry *e);

/*
 * Remember that all up to @sequence, stored at @stamp, are committed, or left out.
 * @done: the last one of these was an end
 */
void memory_pass(struct memory_stream *stream, uint64_t sequence, int64_t stamp, bool done);

/* Remember that all up to @e, also in its batch, are committed, or left out. */
void memory_commit(struct memory_stream *stream, const struct memory_entry *e);

#endif /* BRIDGE_MEMORY_H */
