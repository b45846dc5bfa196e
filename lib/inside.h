/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of libringbuf that only lib/python and tools/bridge need.  The library does not export
 * them; these two link the library's objects.  The rules of ringbuf.h for threads, fork
 * and errors apply to these calls too.
 */
#ifndef RINGBUF_INSIDE_H
#define RINGBUF_INSIDE_H

#include <ringbuf.h>

/**
 * struct lib_losses - messages that one call has lost while it copied them; 0 at first
 * @tries: how many, if the call must not wait
 * @end: when the call gives up, by CLOCK_MONOTONIC; 0: it has lost none yet
 */
struct lib_losses {
	unsigned int tries;
	uint64_t end;
};

/**
 * lib_lost() - decide whether a call that has lost a message may look for the next one
 * @lost: the losses of this call
 * @timeout_ns: its timeout, which counts from the first loss on, and becomes shorter
 *
 * A writer that breaks the rules may take each message away while it is copied.
 *
 * Return: 0: look again; -EAGAIN or -ETIMEDOUT, never with RINGBUF_FOREVER.
 */
int lib_lost(struct lib_losses *lost, int64_t *timeout_ns);

/**
 * lib_reader_ahead() - peek at messages after slots that are still in use
 * @reader: the handle
 * @from: position to begin at, ringbuf_reader_position() or higher
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first message
 *
 * The call releases no slot; lib_reader_release_to() does.
 *
 * Return: the number of slots; -ENOBUFS: the unreleased slots fill the whole ring, so
 * no writer can publish another message; -ESTALE: the reader was moved forward, skipped,
 * overtaken or evicted, and ringbuf_reader_peek() tells which; or an error of
 * ringbuf_reader_peek().
 */
int lib_reader_ahead(struct ringbuf_reader *reader, uint64_t from, struct ringbuf_slot *slots,
		     unsigned int max, int64_t timeout_ns);

/**
 * lib_reader_release_to() - release every slot before @position
 * @reader: the handle
 * @position: at most the position after the last slot that was peeked; a position that
 *	is not above the reader's changes nothing
 *
 * Return: 0, -EINVAL, or -ESTALE (see ringbuf_reader_release()).
 */
int lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position);

/**
 * lib_reader_whole() - check that the slots in use were not overwritten
 * @reader: the handle
 * @position: the position after the last of them
 *
 * Return: 0, or -ESTALE: the reader was moved forward, skipped, overtaken or evicted, and a
 * writer may have overwritten the slots while the caller copied them.
 */
int lib_reader_whole(const struct ringbuf_reader *reader, uint64_t position);

/**
 * lib_reader_end() - tell how the stream ended
 * @reader: the handle
 *
 * Return: enum ringbuf_end, or an error of the first use (see ringbuf.h).
 */
int lib_reader_end(struct ringbuf_reader *reader);

/**
 * lib_writer_abandon() - close a handle as if its process had been killed
 * @writer: the handle, or NULL
 *
 * Reserved slots become holes, and the stream counts as ended by a death, unless
 * the writer had called ringbuf_writer_done().
 */
void lib_writer_abandon(struct ringbuf_writer *writer);

#define LIB_WATCH_MAX 127 /* handles of one watch: futex_waitv(2) takes 128 words */

/*
 * A watch: a thread that sleeps on behalf of the users of up to LIB_WATCH_MAX handles of
 * the embedded host.  The user arms a handle with which a call found no message or no
 * room, and may still use it.  If the user waits with it in another thread, the wait of
 * the watch ends.  When the handle may be ready, the watch disarms it and the descriptor
 * of the watch becomes readable; lib_watch_take() then returns the handle's tag.  The
 * handles may belong to several rings and may be closed at any time.  A child process
 * does not have the thread: lib_watch_reader() returns -EOPNOTSUPP there.
 */
struct lib_watch;

/**
 * lib_watch_create() - start the thread of a watch
 * @watch: [out] the watch, which the caller destroys
 *
 * The thread blocks all signals.
 *
 * Return: 0; -ENOSYS: futex_waitv(2) is missing (before Linux 5.16) or forbidden by a
 * sandbox; -ENOMEM, or an error of eventfd(2) or pthread_create(3).
 */
int lib_watch_create(struct lib_watch **watch);

/**
 * lib_ring_get() - take a reference to a ring
 * @ring: the ring
 *
 * Return: @ring, which stays until ringbuf_close(), whatever other threads close.
 */
struct ringbuf *lib_ring_get(struct ringbuf *ring);

/**
 * lib_writer_ring() - take a reference to the ring of a writer
 * @writer: the handle
 *
 * Return: the ring, see lib_ring_get().
 */
struct ringbuf *lib_writer_ring(struct ringbuf_writer *writer);

/**
 * lib_blocker() - ask what the writers of a ring have to wait for
 * @ring: the ring
 * @blocker: see ringbuf_writer_blocker()
 *
 * Return: the same values as ringbuf_writer_blocker().
 */
int lib_blocker(struct ringbuf *ring, struct ringbuf_blocker *blocker);

/**
 * lib_stats() - report on a ring, with its blocker in a structure of its own
 * @ring: the ring
 * @status: see ringbuf_stats()
 * @blocker: [out] the blocker that @status tells of too
 * @readers: see ringbuf_stats()
 * @count: see ringbuf_stats()
 *
 * Return: the same values as ringbuf_stats().
 */
int lib_stats(struct ringbuf *ring, struct ringbuf_status *status, struct ringbuf_blocker *blocker,
	      struct ringbuf_reader_status *readers, unsigned int count);

/**
 * lib_watch_destroy() - end the thread
 * @watch: the watch, or NULL
 *
 * The handles stay, disarmed.  No other call with this watch may be in progress.
 */
void lib_watch_destroy(struct lib_watch *watch);

/**
 * lib_watch_fd() - get the descriptor to poll
 * @watch: the watch, which owns the descriptor
 *
 * Return: a descriptor that is readable while lib_watch_take() has tags to return.
 */
int lib_watch_fd(const struct lib_watch *watch);

/**
 * lib_watch_take() - get the handles that may be ready
 * @watch: the watch
 * @tags: [out] tags of handles that the watch has disarmed
 *
 * Return: the number of tags, which may be 0.
 */
int lib_watch_take(struct lib_watch *watch, uint64_t tags[LIB_WATCH_MAX]);

/**
 * lib_watch_reader() - arm a reader, to wait for a message
 * @watch: the watch
 * @reader: the handle, with which a call with RINGBUF_TRY has found no message
 * @from: position of the message, ringbuf_reader_position() or higher
 * @tag: number for lib_watch_take() to return, different for each handle
 *
 * Return: 0: armed.  1: not armed, because a message may be ready: try now.  -EBUSY: the
 * handle is armed already, or lib_watch_take() has not returned its tag yet.  -ENOSPC: the
 * watch has LIB_WATCH_MAX handles.  -EOPNOTSUPP: on the module, in a child, or before the
 * first use of the handle.  -ESTALE: a peer took this process for dead.  -ENOMEM.
 */
int lib_watch_reader(struct lib_watch *watch, struct ringbuf_reader *reader, uint64_t from,
		     uint64_t tag);

/**
 * lib_watch_writer() - arm a writer, to wait for room for one message
 * @watch: the watch
 * @writer: the handle, with which a call with RINGBUF_TRY has found no room
 * @tag: number for lib_watch_take() to return, different for each handle
 *
 * Return: the same values as lib_watch_reader().
 */
int lib_watch_writer(struct lib_watch *watch, struct ringbuf_writer *writer, uint64_t tag);

/**
 * lib_unwatch() - disarm a handle
 * @watch: the watch
 * @tag: tag of a handle, which may be armed, disarmed or closed
 *
 * After this call lib_watch_take() does not return the tag.
 */
void lib_unwatch(struct lib_watch *watch, uint64_t tag);

#endif
