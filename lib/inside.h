/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of libringbuf that only lib/python needs.  The library does not export them;
 * lib/python links the library's objects.  The rules of ringbuf.h for threads, fork
 * and errors apply to these calls too.
 */
#ifndef RINGBUF_INSIDE_H
#define RINGBUF_INSIDE_H

#include <ringbuf.h>

/**
 * rb_reader_ahead() - peek at messages behind slots that are still in use
 * @reader: the handle
 * @from: position to begin at, ringbuf_reader_position() or more
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first
 *
 * The call releases no slot; rb_reader_release_to() does.
 *
 * Return: the number of slots; -ENOBUFS: the unreleased slots fill the whole ring, so
 * no writer can publish another message; -ESTALE: the reader was moved forward or
 * evicted, and ringbuf_reader_peek() tells which; or an error of
 * ringbuf_reader_peek().
 */
int rb_reader_ahead(struct ringbuf_reader *reader, uint64_t from, struct ringbuf_slot *slots,
		    unsigned int max, int64_t timeout_ns);

/**
 * rb_reader_release_to() - release every slot before @position
 * @reader: the handle
 * @position: at most the position after the last slot that was seen; one that is
 *	not above the reader's position changes nothing
 *
 * Return: 0, -EINVAL, or -ESTALE as from ringbuf_reader_release().
 */
int rb_reader_release_to(struct ringbuf_reader *reader, uint64_t position);

/**
 * rb_reader_whole() - check that the slots in use were not overwritten
 * @reader: the handle
 *
 * Return: 0, or -ESTALE: the reader was moved forward or evicted, and a writer
 * may have overwritten the slots while the caller copied them.
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
