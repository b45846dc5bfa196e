/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of libringbuf that lib/python needs and that are not exported: it is linked
 * with the static library.  Threads, fork and errors as in ringbuf.h.
 */
#ifndef RINGBUF_INSIDE_H
#define RINGBUF_INSIDE_H

#include <ringbuf.h>

/**
 * rb_reader_ahead() - look at messages behind those that are still in use
 * @reader: the handle
 * @from: position to begin at, ringbuf_reader_position() or more
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first
 *
 * Nothing is given back to the writers: that is rb_reader_release_to().
 *
 * Return: the number of slots, or -ENOBUFS: the slots from the reader's position on
 * are the whole ring, so no message can come; -ESTALE: the reader was moved forward
 * or evicted, ringbuf_reader_peek() tells which; or the errors of
 * ringbuf_reader_peek().
 */
int rb_reader_ahead(struct ringbuf_reader *reader, uint64_t from, struct ringbuf_slot *slots,
		    unsigned int max, int64_t timeout_ns);

/**
 * rb_reader_release_to() - give every slot before @position back to the writers
 * @reader: the handle
 * @position: at most the position after the last slot that was seen; one that is
 *	not above the reader's position changes nothing
 *
 * Return: 0, -EINVAL, or -ESTALE as from ringbuf_reader_release().
 */
int rb_reader_release_to(struct ringbuf_reader *reader, uint64_t position);

/**
 * rb_reader_whole() - whether what was copied from slots in use is whole
 * @reader: the handle
 *
 * Return: 0, or -ESTALE: the reader was moved forward or evicted, and what was read
 * may have been overwritten while it was read.
 */
int rb_reader_whole(const struct ringbuf_reader *reader);

/**
 * rb_reader_end() - how the stream ended
 * @reader: the handle
 *
 * Return: enum ringbuf_end, or the errors of a first use.
 */
int rb_reader_end(struct ringbuf_reader *reader);

/**
 * rb_writer_abandon() - close a handle as if its process had been killed
 * @writer: the handle, or NULL
 *
 * What was reserved becomes a hole, and the stream counts as ended by a death,
 * unless the writer had said that it was done.
 */
void rb_writer_abandon(struct ringbuf_writer *writer);

#endif
