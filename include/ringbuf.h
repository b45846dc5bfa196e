/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libringbuf: rings of slots between processes on one Linux machine.
 *
 * One rule for errors: functions that return int (or ssize_t) return 0 or a
 * count on success and a negative errno on failure; errno itself is not
 * touched in any way one may rely on.
 *
 * One rule for time: a timeout is a relative number of nanoseconds in an
 * int64_t.  RINGBUF_TRY (0) never sleeps, and makes no system call but to awaken
 * a peer; on the embedded host also, at most every 25 ms, to look for dead peers
 * when there is nothing to be had.  RINGBUF_FOREVER (-1, any negative number)
 * waits as long as it takes.  Waits are restarted after a signal handler has
 * run, with the deadline unchanged, unless the handle was made interruptible with
 * ringbuf_writer_interruptible() or ringbuf_reader_interruptible(): then they
 * end with -EINTR.
 *
 * One rule for structures that may grow: their size comes first.  A shorter one,
 * of an older program, is accepted, and so is a longer one: what this library
 * does not know must be zero (-E2BIG) on the way in, and is zero on the way out.
 * Structures that come in arrays, struct ringbuf_slot, struct ringbuf_reader_status
 * and struct ringbuf_writer_status, keep their size for ever: new members take the place of
 * reserved ones.  A program that uses such a member asks ringbuf_version_number()
 * first whether the library that it has met knows it.  Members named reserved are
 * not to be used.
 *
 * Threads: different handles may be used at the same time from different
 * threads.  One handle may be used by one thread at a time, except for
 * ringbuf_writer_interrupt() and ringbuf_reader_interrupt().  A struct ringbuf
 * may be used by any number of threads, except for ringbuf_close().
 *
 * Cancellation: ringbuf_writer_reserve(), _write() and _writev(), ringbuf_reader_peek(),
 * _read() and _wait() are cancellation points of pthread_cancel() while they wait.
 * A thread that is cancelled there has reserved, written, read and released nothing,
 * holds no lock, and its handle may be used or closed by another thread or by a
 * cleanup handler.  A call that has no need to wait is no cancellation point, and no
 * other function of this library ever is.  A thread must not use a ring while its
 * cancelability type is asynchronous.  A signal handler that interrupts a wait may be
 * cancelled in the middle, so where threads are cancelled, a handler that calls this
 * library has to disable cancellation first.
 *
 * Signal handlers: those two calls may be used anywhere; any other on a handle
 * that the code which was interrupted does not use, unless it is the first in
 * this process, attaches, closes or says done: these take locks.
 *
 * fork: a struct ringbuf and every handle may be used in a child.  A shared
 * writer handle becomes a writer of its own there, on its first use.  A reader
 * handle and an exclusive writer handle belong to the process that used them
 * first; another gets -EBUSY.  So make handles in the parent, use each of them
 * in one child.  Close them in both.  A handle that was attached and never used
 * lives as long as a process that inherited it; should such a process go on to
 * exec while its copy is the last, the handle counts as one whose user died.  On
 * the embedded host, a child made by a raw clone() holds what its parent used,
 * beyond the parent's end, until it uses the ring itself or ends.
 *
 * The lock of the embedded host: opening and unlinking a name, attaching, first
 * use, closing, done, ringbuf_stats(), ringbuf_sync() and evicting take a lock of
 * the ring.  They fail with -EBUSY if the lock has not changed hands for two
 * seconds, because its holder was stopped (SIGSTOP) or keeps it on purpose, which
 * every process that may use the ring can do.  After -EBUSY nothing has changed,
 * except that ringbuf_writer_done() has discarded an open reservation, and the call
 * may be repeated.  ringbuf_unlink() then removes the name without the lock.
 * Closing then leaves the handle to its peers, who treat it as one whose process
 * died.  Reading and writing with a handle in use take no lock.
 *
 * errno values: EAGAIN (RINGBUF_TRY and it would wait), ETIMEDOUT, EINTR,
 * EMSGSIZE (longer than a slot, or than the buffer), EPIPE (write after done),
 * ENODATA (end of the stream), ESTALE (the slot was taken away meanwhile, or the
 * handle itself), EIDRM (evicted), EBUSY (in use, or a peer keeps the lock),
 * EEXIST, ENOENT, EACCES, ENAMETOOLONG, ENOMEM, EDQUOT, ENOSPC, EFBIG, EINVAL,
 * EOPNOTSUPP (this host cannot), EPROTO (a peer broke the shared words), E2BIG,
 * EBADF (a descriptor of the library was closed).  ringbuf_strerror() says what each
 * means here, which limit it is about, and what helps.
 *
 * First use of a handle in a process can fail with what attaching it can, and
 * with -EMFILE, -ESTALE (nobody had it any more) and -EBUSY.
 */
#ifndef RINGBUF_H
#define RINGBUF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version that a program is compiled for; ringbuf_version_number() is the one it runs with. */
#define RINGBUF_VERSION_MAJOR 0
#define RINGBUF_VERSION_MINOR 1
#define RINGBUF_VERSION_PATCH 0
#define RINGBUF_VERSION_NUMBER \
	(RINGBUF_VERSION_MAJOR << 16 | RINGBUF_VERSION_MINOR << 8 | RINGBUF_VERSION_PATCH)

#define RINGBUF_TRY	((int64_t)0)
#define RINGBUF_FOREVER ((int64_t)-1)

/* A ring that this process has created or opened. */
struct ringbuf;
/* A writer handle. */
struct ringbuf_writer;
/* A reader handle. */
struct ringbuf_reader;

/* What owns the ring's memory and wait queues. */
enum ringbuf_host {
	RINGBUF_HOST_AUTO = 0, /* RINGBUF_HOST=module|embedded, else the module if it is there */
	RINGBUF_HOST_MODULE = 1,
	RINGBUF_HOST_EMBEDDED = 2,
};

/* config.flags and info.flags; the values are those of the kernel's ABI. */
#define RINGBUF_EXCLUSIVE (1U << 0) /* one writer at a time, faster */
#define RINGBUF_TIMESTAMP (1U << 1) /* CLOCK_MONOTONIC ns in every slot */
#define RINGBUF_KEPT	  (1U << 2) /* the name stays until it is unlinked */

/**
 * struct ringbuf_config - how to create a ring
 * @size: sizeof(struct ringbuf_config); fields beyond it count as zero
 * @flags: RINGBUF_EXCLUSIVE, RINGBUF_TIMESTAMP, RINGBUF_KEPT
 * @slot_bytes: capacity of a slot in bytes, at least 1
 * @slot_count: number of slots, at least 1, any number
 * @max_readers: readers at a time; 0 means 64
 * @max_writers: writers at a time; 0 means 16 (1 with RINGBUF_EXCLUSIVE)
 * @name: name for ringbuf_open(), at most 255 bytes (247 on the embedded host), or
 *	NULL for an anonymous ring.  On the module a file in the folder that the
 *	environment variable RINGBUF_DIR names, else in /dev/rings; with a '/' it is a
 *	path.  On the embedded host without '/'
 * @mode: permission bits of a named ring; the umask does not count; 0 means 0600;
 *	on the embedded host owner, group and others may each read and write, or
 *	neither
 * @host: which host; RINGBUF_HOST_AUTO lets the environment and the machine decide
 * @reserved: not looked at
 * @wait_readers: how many readers must have been attached at one time before a writer gets
 *	a slot, at most @max_readers.  Until then writers wait, for as long as their timeouts
 *	allow, and each of these readers gets the stream from its first message on.  Once
 *	they have been there writers wait for none that leaves.  Readers that ended, were
 *	killed or were evicted do not count.  0: writers begin at once
 */
struct ringbuf_config {
	size_t size;
	uint32_t flags;
	uint32_t max_readers;
	uint64_t slot_bytes;
	uint64_t slot_count;
	uint32_t max_writers;
	uint32_t mode;
	const char *name;
	enum ringbuf_host host;
	uint32_t reserved;
	uint32_t wait_readers;
};

#define RINGBUF_CONFIG_INIT(bytes, count)                                          \
	{                                                                          \
		sizeof(struct ringbuf_config), 0, 0, (bytes), (count), 0, 0, NULL, \
			RINGBUF_HOST_AUTO, 0, 0                                    \
	}

/**
 * ringbuf_create() - make a ring
 * @config: see struct ringbuf_config; not kept
 * @ring: [out] the ring, to be closed with ringbuf_close(); NULL on failure
 *
 * With RINGBUF_HOST_AUTO the environment variable RINGBUF_HOST=module|embedded
 * decides; without it the module is used where /dev/ringbuf can be opened, or where
 * @config->name is in a file system of type "ringbuf".
 *
 * The memory goes when the last handle, map and process that holds the ring is
 * gone; a name goes then too unless RINGBUF_KEPT was given (then the memory stays with
 * the name).  A child that inherited the ring and has not used it yet has it too.
 *
 * Core dumps leave the memory of rings on the embedded host out; with the environment
 * variable RINGBUF_CORE=1, at the time of ringbuf_create() or ringbuf_open(), they have it.
 *
 * On the embedded host a named ring is the file /dev/shm/ringbuf.NAME.  A program
 * that returns from main() or calls exit() without closing the ring removes it,
 * too, if it is the last user.  When the last user is killed or calls _exit(), the
 * file stays until a process of the same user creates a named ring for the first
 * time, or until ringbuf_create(), ringbuf_open() or ringbuf_unlink() is called
 * for that name.  Until then its memory is in use, and a user who may not remove
 * the file but has the permission of @mode can open the ring.
 *
 * The embedded host needs /proc, and /dev/shm for names; it fails with -EOPNOTSUPP
 * without them.  Every process that has an anonymous ring may open its file; @mode
 * decides about the file of a named ring.  Readers write to it as well, so a @mode
 * that grants only one of reading and writing is refused with -EOPNOTSUPP.  A
 * process that may use a named ring can also truncate its file, which ends all
 * its users by SIGBUS.  An anonymous ring is sealed against that.
 *
 * Return: 0, or -EINVAL, -E2BIG (@config has fields this library does not
 * know), -EEXIST, -ENAMETOOLONG, -EACCES, -ENOMEM, -ENOSPC (/dev/shm, or the mount
 * on the module, is full), -EFBIG (more than RLIMIT_FSIZE), -EDQUOT, -EOPNOTSUPP (see
 * above), -ENOENT (the module was asked for and there is no /dev/ringbuf, or no such
 * folder), -ENODEV (the folder is not in a file system of type "ringbuf"), -EMFILE.
 */
int ringbuf_create(const struct ringbuf_config *config, struct ringbuf **ring);

/**
 * ringbuf_open() - open a named ring
 * @name: its name, as in struct ringbuf_config
 * @host: where to look; RINGBUF_HOST_AUTO as in ringbuf_create()
 * @ring: [out] as in ringbuf_create()
 *
 * On the module it takes the permission to read the file.  Writers, ringbuf_sync() and
 * ringbuf_evict_reader() need the permission to write it, too; readers of who lacks that
 * need /dev/ringbuf.  Where another process has made the file and not yet the ring, the
 * call waits for that.
 *
 * Return: 0, or -ENOENT, -EACCES, -EINVAL, -ENAMETOOLONG, -EPROTO (an object
 * of that name that is not a ring of this version), -EMFILE, -ENOMEM, -EBUSY
 * (its lock is stuck, see above), -EOPNOTSUPP (no /proc), -ENODEV (no file system of
 * type "ringbuf" is mounted there), -EINTR.
 */
int ringbuf_open(const char *name, enum ringbuf_host host, struct ringbuf **ring);

/**
 * ringbuf_unlink() - remove the name of a ring; who has it open keeps it
 * @name: its name
 * @host: as in ringbuf_open()
 *
 * On the module who may unlink(2) the file may; on the embedded host who may remove it
 * from /dev/shm and open it.  There it also removes a file that is in the place of a ring,
 * but is none, or is truncated.
 *
 * Return: 0, or -ENOENT (also if the ring had no user left, so that this call
 * removed its name), -EACCES, -EPERM, -EINVAL, -ENAMETOOLONG, -EPROTO (the module: it is
 * no ring).
 */
int ringbuf_unlink(const char *name, enum ringbuf_host host);

/**
 * ringbuf_close() - close a ring; handles attached through it stay usable
 * @ring: the ring, or NULL
 */
void ringbuf_close(struct ringbuf *ring);

/**
 * struct ringbuf_geometry - what does not change in a ring's life
 * @size: sizeof(struct ringbuf_geometry), set by the caller
 * @slot_bytes: capacity of a slot
 * @slot_count: number of slots
 * @slot_stride: bytes from one slot to the next; slots of a page or more begin
 *	on a page, smaller ones on a cache line
 * @flags: RINGBUF_EXCLUSIVE, RINGBUF_TIMESTAMP, RINGBUF_KEPT
 * @max_readers: readers at a time
 * @max_writers: writers at a time
 * @host: RINGBUF_HOST_MODULE or RINGBUF_HOST_EMBEDDED
 * @wait_readers: as in struct ringbuf_config
 */
struct ringbuf_geometry {
	size_t size;
	uint64_t slot_bytes;
	uint64_t slot_count;
	uint64_t slot_stride;
	uint32_t flags;
	uint32_t max_readers;
	uint32_t max_writers;
	enum ringbuf_host host;
	uint32_t wait_readers;
};

/**
 * ringbuf_get_geometry() - ask what does not change in a ring's life
 * @ring: the ring
 * @geometry: [out] filled; @geometry->size must be set
 *
 * Return: 0, or -EINVAL (@geometry->size is too small).
 */
int ringbuf_get_geometry(const struct ringbuf *ring, struct ringbuf_geometry *geometry);

/**
 * struct ringbuf_slot - one slot, while it is reserved or peeked
 * @data: the bytes, in the ring itself; a reader must not write them
 * @length: reserve: capacity, to be set to the length of the message before
 *	commit; peek: length of the message
 * @position: number of the slot in the stream
 * @timestamp: peek: CLOCK_MONOTONIC ns at commit with RINGBUF_TIMESTAMP, else 0
 * @lost: peek: slots lost between this one and the one before (see
 *	ringbuf_sync()); 0 unless somebody moved the reader
 * @flags: any 32 bits from the writer to the readers; 0 after reserve
 * @reserved: to be left as it is
 */
struct ringbuf_slot {
	void *data;
	size_t length;
	uint64_t position;
	uint64_t timestamp;
	uint64_t lost;
	uint32_t flags;
	uint32_t reserved[5];
};

#define RINGBUF_BATCH_MAX 64 /* most slots in one reserve or peek */

/* ---- writers ----------------------------------------------------------- */

/**
 * ringbuf_writer_attach() - become a writer of @ring
 * @ring: the ring; may be closed while the writer is in use
 * @writer: [out] the handle, to be closed with ringbuf_writer_close()
 *
 * The stream ends for readers when every writer has called
 * ringbuf_writer_done(), closed its handle or ended.
 *
 * Return: 0, or -EBUSY (a second exclusive writer, or the lock is stuck), -ENOSPC
 * (max_writers are attached), -EACCES, -ENOMEM, -EMFILE, -EBADF.
 */
int ringbuf_writer_attach(struct ringbuf *ring, struct ringbuf_writer **writer);

/** ringbuf_writer_close() - done, and give the handle back; NULL is allowed */
void ringbuf_writer_close(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_reserve() - get slots to be filled in place
 * @writer: the handle
 * @slots: [out] @count slots in position order; need not be contiguous in memory
 * @count: 1 to the smaller of slot_count and RINGBUF_BATCH_MAX; all or none
 * @timeout_ns: how long to wait for readers to make room, or to attach, see
 *	struct ringbuf_config.wait_readers
 *
 * One reservation at a time: it must be committed or discarded before the next.
 *
 * Return: @count, or -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EINVAL (@count),
 * -EBUSY (a reservation is open, or the handle is used by another process),
 * -ESTALE (the handle was taken away), -EPROTO; first use as above, -ENOSPC too.
 */
int ringbuf_writer_reserve(struct ringbuf_writer *writer, struct ringbuf_slot *slots,
			   unsigned int count, int64_t timeout_ns);

/**
 * ringbuf_writer_commit() - publish the first @count reserved slots
 * @writer: the handle
 * @slots: as given by reserve, with @length (and @flags) set
 * @count: 1 to the reserved number; the others are discarded
 *
 * Return: 0, or -EINVAL (nothing reserved, or fewer than @count), -EMSGSIZE
 * (a length above slot_bytes: nothing was committed, the reservation stands),
 * -ESTALE (taken from this writer meanwhile; the readers see holes).
 */
int ringbuf_writer_commit(struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
			  unsigned int count);

/** ringbuf_writer_discard() - give the reservation back; 0, or -EINVAL, -ESTALE */
int ringbuf_writer_discard(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_write() - copy one message in and publish it
 * @writer: the handle
 * @data: the message
 * @length: bytes, 0 to slot_bytes
 * @timeout_ns: as in ringbuf_writer_reserve()
 *
 * Return: 0, or the errors of reserve, or -EMSGSIZE (nothing was written).
 */
int ringbuf_writer_write(struct ringbuf_writer *writer, const void *data, size_t length,
			 int64_t timeout_ns);

/** ringbuf_writer_writev() - the same, one message gathered from @count pieces */
int ringbuf_writer_writev(struct ringbuf_writer *writer, const struct iovec *iov, int count,
			  int64_t timeout_ns);

/**
 * ringbuf_writer_done() - end this writer's part of the stream
 * @writer: the handle
 *
 * Discards an open reservation first, also where the call then fails.
 *
 * Return: 0, or -EPIPE if this writer was done.  After -EBUSY, -EMFILE or -EBADF it is
 * not done: it can write on, or the call can be repeated.  First use as above.
 */
int ringbuf_writer_done(struct ringbuf_writer *writer);

/** ringbuf_writer_position() - the next position that this writer would try */
uint64_t ringbuf_writer_position(const struct ringbuf_writer *writer);

/** ringbuf_writer_fd() - a descriptor for poll (POLLOUT), owned by the handle; -EOPNOTSUPP on the
 * embedded host */
int ringbuf_writer_fd(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_interruptible() - whether waits can be interrupted
 * @writer: the handle
 * @on: 1: yes; 0, as after attach: no
 *
 * Then a wait ends with -EINTR when a signal handler has run while it slept
 * (without SA_RESTART), and when somebody calls ringbuf_writer_interrupt().  A
 * signal that comes while it spins, or just before it sleeps, interrupts nothing:
 * a handler that must not be missed makes that call.
 */
void ringbuf_writer_interruptible(struct ringbuf_writer *writer, int on);

/**
 * ringbuf_writer_interrupt() - end a wait of @writer, or its next one, with -EINTR
 * @writer: an interruptible handle that stays open meanwhile
 *
 * May be called from any thread and from a signal handler; keeps errno.  On the
 * module the wait notices within 50 ms.
 */
void ringbuf_writer_interrupt(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_spin() - how long to spin before sleeping
 * @writer: the handle
 * @ns: nanoseconds; 0 never spins and never yields; a negative number restores the
 *	default, which adapts, and does not spin while the other side is on this CPU
 *
 * Unless @ns is 0, who waits also yields the CPU to peers that are on it.
 */
void ringbuf_writer_spin(struct ringbuf_writer *writer, int64_t ns);

/* ---- readers ------------------------------------------------------------ */

enum ringbuf_start {
	RINGBUF_FROM_HEAD = 0, /* what is written from now on */
	RINGBUF_FROM_OLDEST = 1, /* the oldest slot still held */
	RINGBUF_FROM_POSITION = 2, /* a position, or the nearest still held */
};

/**
 * ringbuf_reader_attach() - become a reader of @ring
 * @ring: the ring; may be closed while the reader is in use
 * @start: where to begin
 * @position: for RINGBUF_FROM_POSITION, else ignored
 * @reader: [out] the handle, to be closed with ringbuf_reader_close()
 *
 * From here on no writer reuses a slot that this reader has not released.
 *
 * Return: 0, or -ENOSPC (max_readers are attached), -EACCES, -EINVAL, -ENOMEM,
 * -EMFILE, -EBADF, -EBUSY (the lock is stuck).
 */
int ringbuf_reader_attach(struct ringbuf *ring, enum ringbuf_start start, uint64_t position,
			  struct ringbuf_reader **reader);

/** ringbuf_reader_close() - leave the ring and give the handle back; NULL is allowed */
void ringbuf_reader_close(struct ringbuf_reader *reader);

/**
 * ringbuf_reader_peek() - look at the next messages in place
 * @reader: the handle
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first
 *
 * The slots stay valid until ringbuf_reader_release().  Peeking again before
 * that starts at the same message again.
 *
 * Return: the number of slots, or -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA,
 * -EINVAL, -EBUSY (the handle is used by another process), -ESTALE (the handle
 * was taken away), -EPROTO; first use as above.
 */
int ringbuf_reader_peek(struct ringbuf_reader *reader, struct ringbuf_slot *slots, unsigned int max,
			int64_t timeout_ns);

/**
 * ringbuf_reader_release() - give the first @count peeked slots back to the writers
 * @reader: the handle
 * @count: 1 to the number that peek gave
 *
 * Return: 0, -EINVAL, or -ESTALE: the reader was moved forward meanwhile, and
 * what was read in the slots may have been overwritten while it was read.
 */
int ringbuf_reader_release(struct ringbuf_reader *reader, unsigned int count);

/**
 * ringbuf_reader_read() - copy the next message out and release its slot
 * @reader: the handle
 * @data: room for it
 * @size: bytes at @data
 * @timeout_ns: how long to wait
 *
 * Return: the length of the message, or the errors of peek, or -EMSGSIZE: the
 * message is longer than @size and stays.
 */
ssize_t ringbuf_reader_read(struct ringbuf_reader *reader, void *data, size_t size,
			    int64_t timeout_ns);

/**
 * ringbuf_reader_wait() - wait until @count messages can be read
 * @reader: the handle
 * @count: 1 to slot_count
 * @timeout_ns: how long
 *
 * Return: 0 (also with fewer, but at least one, when the stream ended, or when
 * the ring holds no more because of slots that were discarded), or the errors of
 * peek.
 */
int ringbuf_reader_wait(struct ringbuf_reader *reader, unsigned int count, int64_t timeout_ns);

/** ringbuf_reader_position() - the next position that this reader will read */
uint64_t ringbuf_reader_position(const struct ringbuf_reader *reader);

/** ringbuf_reader_lost() - slots that this reader was moved over in its life */
uint64_t ringbuf_reader_lost(const struct ringbuf_reader *reader);

/** ringbuf_reader_holes() - discarded or repaired slots that this reader skipped */
uint64_t ringbuf_reader_holes(const struct ringbuf_reader *reader);

/** ringbuf_reader_fd() - a descriptor for poll (POLLIN), owned by the handle; -EOPNOTSUPP on the
 * embedded host */
int ringbuf_reader_fd(struct ringbuf_reader *reader);

/** ringbuf_reader_interruptible() - as ringbuf_writer_interruptible() */
void ringbuf_reader_interruptible(struct ringbuf_reader *reader, int on);

/** ringbuf_reader_interrupt() - as ringbuf_writer_interrupt() */
void ringbuf_reader_interrupt(struct ringbuf_reader *reader);

/** ringbuf_reader_spin() - as ringbuf_writer_spin() */
void ringbuf_reader_spin(struct ringbuf_reader *reader, int64_t ns);

/* ---- control ------------------------------------------------------------- */

#define RINGBUF_ALL_READERS UINT32_MAX

/** ringbuf_reader_id() - row of the reader, as in struct ringbuf_reader_status */
uint32_t ringbuf_reader_id(const struct ringbuf_reader *reader);

/** ringbuf_writer_id() - id of the writer in this process, 1 or more */
uint32_t ringbuf_writer_id(const struct ringbuf_writer *writer);

/**
 * ringbuf_sync() - move readers forward
 * @ring: the ring
 * @reader: ringbuf_reader_id(), or RINGBUF_ALL_READERS
 * @position: readers below it go there; UINT64_MAX means head
 *
 * A reader learns at its next step how many slots it lost; one that holds a
 * slot in place learns it as -ESTALE from release.
 *
 * On the module the one who has opened the ring by its name needs the
 * permission to read and to write its file.
 *
 * Return: 0, or -ENOENT (no such reader), -EACCES, -EBADF, -EBUSY.
 */
int ringbuf_sync(struct ringbuf *ring, uint32_t reader, uint64_t position);

/**
 * ringbuf_evict_reader() - end a reader that is stuck
 * @ring: the ring
 * @reader: ringbuf_reader_id(), or what ringbuf_stats() says of who blocks
 *
 * It holds nobody up any more, whatever it still maps.  All that it tries from
 * then on is -EIDRM (releasing a slot that it held in place: -ESTALE); it closes
 * its handle and attaches anew.  Its id stays taken until it does.
 *
 * On the module the one who has opened the ring by its name needs the
 * permission to read and to write its file.
 *
 * Return: 0, also when it was evicted already; or -ENOENT (no such reader),
 * -EACCES, -EBADF, -EBUSY.
 */
int ringbuf_evict_reader(struct ringbuf *ring, uint32_t reader);

/* Seen by stats.ended. */
enum ringbuf_end {
	RINGBUF_STREAM_OPEN = 0, /* writers are there, or none has been yet */
	RINGBUF_STREAM_DONE = 1, /* all writers said that they are done */
	RINGBUF_STREAM_DIED = 2, /* none is left, and one ended without saying so */
};

/* Seen by stats.blocker_kind. */
enum ringbuf_blocked_by {
	RINGBUF_BLOCKED_BY_NOBODY = 0,
	RINGBUF_BLOCKED_BY_READER = 1, /* the one that lags most, and so limits the writers */
	RINGBUF_BLOCKED_BY_WRITER = 2, /* has not finished the slot for which the others wait */
};

/**
 * struct ringbuf_status - a ring at one moment, see ringbuf_stats()
 * @size: sizeof(struct ringbuf_status), set by the caller
 * @head: next position to be written
 * @repaired: slots made holes because their writer went away
 * @writer_waits: times a writer slept
 * @blocker_lag: slots from @blocker_position to @head
 * @blocker_id: id of the reader or writer that blocks; 0 if nobody does
 * @blocker_pid: process of the reader or writer that blocks; 0 if it is unknown, or in a
 *	pid namespace where the caller has no number for it
 * @readers: attached now
 * @writers: attached now and not done
 * @writers_ever: ever attached
 * @ended: enum ringbuf_end
 * @blocker_kind: enum ringbuf_blocked_by.  It is a writer where that has reserved the
 *	slot for which the slowest reader waits, and has not committed it: that reader is
 *	not to blame, and it does not help to evict it.  Without readers: the slot that
 *	the writers need next
 * @readers_lacking: readers that must still attach before a writer gets a slot, see
 *	struct ringbuf_config.wait_readers; 0 from then on
 * @blocker_position: the slot that the writer has not committed, or the cursor of the
 *	reader; head if nobody blocks
 */
struct ringbuf_status {
	size_t size;
	uint64_t head;
	uint64_t repaired;
	uint64_t writer_waits;
	uint64_t blocker_lag;
	uint32_t blocker_id;
	int32_t blocker_pid;
	uint32_t readers;
	uint32_t writers;
	uint32_t writers_ever;
	uint32_t ended;
	uint32_t blocker_kind;
	uint32_t readers_lacking;
	uint64_t blocker_position;
};

/** struct ringbuf_reader_status - one reader; fields as in struct ringbuf_status, @reserved zero */
struct ringbuf_reader_status {
	uint64_t cursor;
	uint64_t lag;
	uint64_t lost;
	uint64_t holes;
	uint64_t waits;
	uint32_t id;
	int32_t pid;
	uint64_t reserved[2];
};

/**
 * ringbuf_stats() - look at a ring
 * @ring: the ring
 * @status: [out] the ring; @status->size must be set
 * @readers: [out] up to @count readers, or NULL
 * @count: entries at @readers
 *
 * On the embedded host this first ends what dead processes have left.
 *
 * Return: the number of readers written, or -EINVAL, -ENOMEM, -EBADF, -EBUSY.
 */
int ringbuf_stats(struct ringbuf *ring, struct ringbuf_status *status,
		  struct ringbuf_reader_status *readers, unsigned int count);

/**
 * struct ringbuf_writer_status - one writer
 * @waits: times it slept
 * @id: ringbuf_writer_id()
 * @pid: its process, as in struct ringbuf_status
 * @reserved: zero
 */
struct ringbuf_writer_status {
	uint64_t waits;
	uint32_t id;
	int32_t pid;
	uint64_t reserved[2];
};

/**
 * ringbuf_writers() - look at the writers of a ring
 * @ring: the ring
 * @writers: [out] up to @count writers that are attached and not done
 * @count: entries at @writers
 *
 * On the embedded host this first ends what dead processes have left.  May be called
 * from any thread, and in a child.
 *
 * Return: the number of writers written, or -EINVAL, -ENOMEM, -EBADF, -EBUSY.
 */
int ringbuf_writers(struct ringbuf *ring, struct ringbuf_writer_status *writers,
		    unsigned int count);

/* ---- to a process that is no child -------------------------------------- */

/**
 * ringbuf_export() - the descriptor by which another process can have the ring
 * @ring: the ring, which owns the descriptor
 *
 * To be sent with SCM_RIGHTS or left open across exec.  Copies of it may be
 * closed; it itself is closed with the ring.  It is never 0, 1 or 2, and no other
 * descriptor of this library is, also where the standard streams are closed.
 *
 * Return: the descriptor, or -EOPNOTSUPP (opened on the module by who may only read the
 * file: let the other one open the name).
 */
int ringbuf_export(struct ringbuf *ring);

/**
 * ringbuf_import() - have the ring of a descriptor that another process exported
 * @fd: the descriptor; belongs to the ring on success, which moves it where it is 0,
 *	1 or 2
 * @name: its name if it was created with one on the embedded host, or NULL
 * @ring: [out] as in ringbuf_create()
 *
 * On the embedded host a memfd is sealed, so that its sender cannot truncate it.
 * The file of a named ring cannot be sealed: accept one only from a sender that
 * you trust.
 *
 * Return: 0, or -EBADF, -EINVAL, -ENAMETOOLONG, -EPROTO (not of a ring of this
 * version, or a file outside this process's /dev/shm that its sender can still
 * truncate), -EACCES, -EMFILE, -ENOMEM, -EOPNOTSUPP (no /proc).
 */
int ringbuf_import(int fd, const char *name, struct ringbuf **ring);

/**
 * struct ringbuf_ticket - a handle on its way to another process
 * @size: sizeof(struct ringbuf_ticket)
 * @fd: descriptor that has to travel along; who imports has his own number
 * @id: row or writer id
 * @generation: of the row or id
 * @start: where a reader begins
 */
struct ringbuf_ticket {
	size_t size;
	int fd;
	uint32_t id;
	uint32_t generation;
	uint64_t start;
};

/**
 * ringbuf_reader_export() - what another process needs to use this reader
 * @reader: a handle that nobody has used yet; keeps @ticket->fd
 * @ticket: [out] filled; @ticket->size must be set
 *
 * The place stays taken while this handle or the other process's lives.
 * Return: 0, -EINVAL, or -EBUSY: this process uses it.
 */
int ringbuf_reader_export(const struct ringbuf_reader *reader, struct ringbuf_ticket *ticket);

/**
 * ringbuf_reader_import() - the reader of a ticket
 * @ring: the same ring, as imported or opened by this process
 * @ticket: as exported, with @fd as it arrived; belongs to the reader on success
 * @reader: [out] as in ringbuf_reader_attach()
 *
 * Return: 0, -EINVAL, -ENOMEM, or -EBADF or -EMFILE (@fd is 0, 1 or 2 and cannot be moved).  First
 * use says -EBUSY or -ESTALE where somebody else has it or it is gone.
 */
int ringbuf_reader_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
			  struct ringbuf_reader **reader);

/** ringbuf_writer_export() - the same for a writer */
int ringbuf_writer_export(const struct ringbuf_writer *writer, struct ringbuf_ticket *ticket);

/** ringbuf_writer_import() - the same for a writer */
int ringbuf_writer_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
			  struct ringbuf_writer **writer);

/** ringbuf_version() - "major.minor.patch" of the library */
const char *ringbuf_version(void);

/** ringbuf_version_number() - RINGBUF_VERSION_NUMBER of the library that the program runs with */
unsigned int ringbuf_version_number(void);

/**
 * ringbuf_strerror() - what an error of this library means, in words
 * @err: what a function returned; the sign does not matter
 *
 * The text names the limit that was met and what helps, where that is known.  It is
 * one line in English without a full stop at its end, and stays valid and unchanged
 * for ever.  May be called from any thread and from a signal handler.
 *
 * Return: the text; never NULL, also for numbers that no function returns.
 */
const char *ringbuf_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif /* RINGBUF_H */
