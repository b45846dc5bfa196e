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
 * lib_reader_ahead() - peek at messages behind slots that are still in use
 * @reader: the handle
 * @from: position to begin at, ringbuf_reader_position() or more
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first
 *
 * The call releases no slot; lib_reader_release_to() does.
 *
 * Return: the number of slots; -ENOBUFS: the unreleased slots fill the whole ring, so
 * no writer can publish another message; -ESTALE: the reader was moved forward or
 * evicted, and ringbuf_reader_peek() tells which; or an error of
 * ringbuf_reader_peek().
 */
int lib_reader_ahead(struct ringbuf_reader *reader, uint64_t from, struct ringbuf_slot *slots,
		     unsigned int max, int64_t timeout_ns);

/**
 * lib_reader_release_to() - release every slot before @position
 * @reader: the handle
 * @position: at most the position after the last slot that was seen; one that is
 *	not above the reader's position changes nothing
 *
 * Return: 0, -EINVAL, or -ESTALE as from ringbuf_reader_release().
 */
int lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position);

/**
 * lib_reader_whole() - check that the slots in use were not overwritten
 * @reader: the handle
 *
 * Return: 0, or -ESTALE: the reader was moved forward or evicted, and a writer
 * may have overwritten the slots while the caller copied them.
 */
int lib_reader_whole(const struct ringbuf_reader *reader);

/**
 * lib_reader_end() - how the stream ended
 * @reader: the handle
 *
 * Return: enum ringbuf_end, or the errors of a first use.
 */
int lib_reader_end(struct ringbuf_reader *reader);

/**
 * lib_writer_abandon() - close a handle as if its process had been killed
 * @writer: the handle, or NULL
 *
 * What was reserved becomes a hole, and the stream counts as ended by a death,
 * unless the writer had said that it was done.
 */
void lib_writer_abandon(struct ringbuf_writer *writer);

#define LIB_WATCH_MAX 127 /* handles of one watch: futex_waitv(2) takes 128 words */

/*
 * A watch: a thread that sleeps instead of the users of up to LIB_WATCH_MAX handles of
 * the embedded host.  The user arms a handle that found nothing to do, and may use it
 * meanwhile, also wait with it in another thread, which ends the wait of the watch.
 * When there is something to look at the watch has disarmed the handle and its descriptor
 * becomes readable; lib_watch_take() then tells the tag.  Handles may be of several rings,
 * and be closed at any time.  A child has no thread, and lib_watch_reader() says
 * -EOPNOTSUPP there.
 */
struct lib_watch;

/**
 * lib_watch_create() - start a thread
 * @watch: [out] to be destroyed by the caller
 *
 * The thread blocks all signals.
 *
 * Return: 0; -ENOSYS: no futex_waitv(2), which came with Linux 5.16, or a sandbox forbids
 * it; -ENOMEM, or an error of eventfd(2) or pthread_create(3).
 */
int lib_watch_create(struct lib_watch **watch);

/**
 * lib_watch_destroy() - end the thread
 * @watch: the watch, or NULL
 *
 * The handles stay, disarmed.  No other call with this watch may be in progress.
 */
void lib_watch_destroy(struct lib_watch *watch);

/**
 * lib_watch_fd() - a descriptor to poll
 * @watch: the watch, which keeps the descriptor
 *
 * Return: a descriptor that is readable while there is something to take.
 */
int lib_watch_fd(const struct lib_watch *watch);

/**
 * lib_watch_take() - which handles to look at
 * @watch: the watch
 * @tags: [out] of handles that are not armed any more
 *
 * Return: how many, also 0.
 */
int lib_watch_take(struct lib_watch *watch, uint64_t tags[LIB_WATCH_MAX]);

/**
 * lib_watch_reader() - wait for a message
 * @watch: the watch
 * @reader: the handle, with which a call with RINGBUF_TRY has found nothing
 * @from: position of the message, as for lib_reader_ahead()
 * @tag: what lib_watch_take() says, of this handle alone
 *
 * Return: 0: armed.  1: not armed, look now.  -EBUSY: armed already, or a report is to be
 * taken.  -ENOSPC: the watch has LIB_WATCH_MAX handles.  -EOPNOTSUPP: not on this host, not
 * in a child, and not before the first use.  -ESTALE: this process was taken for dead.
 * -ENOMEM.
 */
int lib_watch_reader(struct lib_watch *watch, struct ringbuf_reader *reader, uint64_t from,
		     uint64_t tag);

/**
 * lib_watch_writer() - wait for room for one message
 * @watch: the watch
 * @writer: the handle, with which a call with RINGBUF_TRY has found no room
 * @tag: what lib_watch_take() says
 *
 * Return: as lib_watch_reader().
 */
int lib_watch_writer(struct lib_watch *watch, struct ringbuf_writer *writer, uint64_t tag);

/**
 * lib_unwatch() - wait no more
 * @watch: the watch
 * @tag: of a handle that is armed, or was, or is closed by now
 *
 * After this lib_watch_take() does not tell the tag.
 */
void lib_unwatch(struct lib_watch *watch, uint64_t tag);

#endif
