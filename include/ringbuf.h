/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libringbuf: rings of slots between processes on one Linux machine.
 *
 * One rule for errors: functions that return int (or ssize_t) return 0 or a count
 * on success and a negative errno on failure.  Do not rely on the value of errno
 * itself after a call.
 *
 * One rule for time: a timeout is a relative number of nanoseconds in an
 * int64_t.  RINGBUF_TRY (0) never sleeps.  It makes no system call but to wake a
 * waiting peer, or to apply the policies of readers; on the embedded host a call that
 * finds nothing also checks for dead peers, at most every 25 ms.  RINGBUF_FOREVER (-1, or
 * any negative number) waits without a limit.  A wait is restarted after a signal
 * handler has run, with the deadline unchanged, unless ringbuf_writer_interruptible() or
 * ringbuf_reader_interruptible() has made the handle interruptible: then the wait ends
 * with -EINTR.
 *
 * One rule for structures that may grow: their size comes first.  A shorter
 * structure, of an older program, is accepted.  A longer one is accepted too: the
 * fields that this library does not know must be zero on entry, else -E2BIG, and
 * are zero on return.  Structures that are passed in arrays, struct ringbuf_slot,
 * struct ringbuf_reader_status and struct ringbuf_writer_status, never change their
 * size: new fields replace reserved ones.  A program that uses such a field checks
 * with ringbuf_version_number() first that the library it runs with knows the
 * field.  Do not use fields named reserved.
 *
 * Threads: different handles may be used by different threads at the same time.
 * One handle may be used by one thread at a time, except that any thread may call
 * ringbuf_writer_interrupt() and ringbuf_reader_interrupt().  A struct ringbuf may
 * be used by any number of threads, except in ringbuf_close().
 *
 * Cancellation: ringbuf_writer_reserve(), _write() and _writev(), ringbuf_reader_peek(),
 * _read() and _wait() are cancellation points of pthread_cancel() while they wait.
 * A thread that is cancelled there has reserved, written, read and released nothing and
 * holds no lock; another thread or a cleanup handler may use or close its handle.  A
 * call that need not wait is no cancellation point, and neither is any other function
 * of this library.  A thread must not use a ring while its cancelability type is
 * asynchronous.  A thread can be cancelled in the middle of a signal handler that has
 * interrupted its wait, so in a program that cancels threads, a handler that calls this
 * library must disable cancellation first.
 *
 * Signal handlers: a handler may call ringbuf_writer_interrupt() and
 * ringbuf_reader_interrupt() at any time.  It may make other calls only on handles
 * that the interrupted code is not using.  It must not attach, close, call done, or be
 * a handle's first use in the process, because these take locks.
 *
 * fork: a child may use a struct ringbuf and every handle of its parent.  A shared
 * writer handle becomes a separate writer on its first use in the child.  A reader
 * handle or an exclusive writer handle belongs to the process that uses it first;
 * in any other process it fails with -EBUSY.  So make the handles in the parent, use
 * each of them in one child, and close them in both.  A handle that was attached and
 * never used lives as long as a process that inherited it.  If the last such process
 * calls exec, the handle counts as one whose user died.  On the embedded host, a
 * child made by a raw clone() keeps the handles that its parent used alive, even
 * after the parent's end, until the child uses the ring itself or ends.
 *
 * The lock of the embedded host: opening and unlinking a name, attaching, first
 * use, closing, done, ringbuf_stats(), ringbuf_sync() and evicting take a lock of
 * the ring.  They fail with -EBUSY if the lock has not changed hands for two
 * seconds.  Then its holder is stopped (SIGSTOP), or keeps the lock on purpose, which
 * every process that may use the ring can do.  A call that fails so has changed
 * nothing and may be repeated; only ringbuf_writer_done() has discarded an open
 * reservation before.  ringbuf_unlink() removes the name without the lock in this
 * case.  A close in this case leaves the handle to the peers, which treat it as a
 * handle whose process died.  Reading and writing with a handle in use take no lock, but
 * for the first call of a reader after it was skipped.  The policy of a reader is not applied
 * while a peer keeps the lock.
 *
 * errno values: EAGAIN (RINGBUF_TRY, and the call would have to wait), ETIMEDOUT,
 * EINTR, EMSGSIZE (longer than a slot, or than the buffer), EPIPE (write after done),
 * ENODATA (end of the stream), ESTALE (the host took the slot, or the handle, away),
 * EIDRM (evicted), EBUSY (in use, or a peer keeps the lock), EEXIST, ENOENT, EACCES,
 * ENAMETOOLONG, ENOMEM, EDQUOT, ENOSPC, EFBIG, EINVAL, EOPNOTSUPP (not possible on
 * this host), EPROTO (a peer broke the shared words), E2BIG, EBADF (the program
 * closed a descriptor of the library).  ringbuf_strerror() tells what each means in
 * this library, which limit was reached, and what helps.
 *
 * First use: the first call that uses a handle in a process can fail with each error
 * of the function that attaches the handle, with -EMFILE, with -ESTALE (no process
 * held the handle any more) and with -EBUSY.
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

/* The version that a program is compiled with; it may run with ringbuf_version_number(). */
#define RINGBUF_VERSION_MAJOR 0
#define RINGBUF_VERSION_MINOR 1
#define RINGBUF_VERSION_PATCH 0
#define RINGBUF_VERSION_NUMBER \
	(RINGBUF_VERSION_MAJOR << 16 | RINGBUF_VERSION_MINOR << 8 | RINGBUF_VERSION_PATCH)

#define RINGBUF_COMM_BYTES 16 /* room for the name of a process, as in /proc/PID/comm */

#define RINGBUF_UUID_BYTES 16 /* of struct ringbuf_geometry.uuid */

#define RINGBUF_TRY	((int64_t)0)
#define RINGBUF_FOREVER ((int64_t)-1)

/* A ring that this process has created or opened. */
struct ringbuf;
/* A writer handle. */
struct ringbuf_writer;
/* A reader handle. */
struct ringbuf_reader;

/* What owns the ring's memory and wakes its waiters. */
enum ringbuf_host {
	RINGBUF_HOST_AUTO = 0, /* RINGBUF_HOST=module|embedded, else the module if loaded */
	RINGBUF_HOST_MODULE = 1,
	RINGBUF_HOST_EMBEDDED = 2,
};

/* Flags of struct ringbuf_config and struct ringbuf_geometry, with the values of the ABI. */
#define RINGBUF_EXCLUSIVE (1U << 0) /* one writer at a time, faster */
#define RINGBUF_TIMESTAMP (1U << 1) /* CLOCK_MONOTONIC ns in every slot */
#define RINGBUF_KEPT	  (1U << 2) /* the name stays until it is unlinked */

/*
 * What happens to a reader that holds writers up.  A reader *holds up* a writer while that
 * writer waits for it to release a slot, or has just failed because it may not wait, and the
 * reader could read its next message.
 */
enum ringbuf_policy_kind {
	RINGBUF_BLOCK = 0, /* nothing: writers wait for it */
	RINGBUF_EVICT = 1, /* it is evicted, see ringbuf_evict_reader() */
	RINGBUF_SKIP = 2, /* it loses the slots that writers need, and is told how many */
	RINGBUF_LOSSY = 3, /* writers never wait for it; it is told what it has lost */
};

/* Flag for RINGBUF_EVICT and RINGBUF_SKIP: no timeout while the reader is stopped or frozen. */
#define RINGBUF_AT_STOP (1U << 8)

/**
 * struct ringbuf_policy - the policy of a reader
 * @size: sizeof(struct ringbuf_policy)
 * @kind: enum ringbuf_policy_kind, and RINGBUF_AT_STOP: the policy applies at once if all
 *	threads of the reader's process are stopped (SIGSTOP) or frozen (cgroup.freeze).
 *	The embedded host refuses RINGBUF_AT_STOP with -EOPNOTSUPP
 * @reserved: 0
 * @timeout: for RINGBUF_EVICT and RINGBUF_SKIP: how long, in ns, the reader may hold up
 *	writers without releasing a slot; 0: not at all, else at least 1 ms.  The time runs
 *	only while it holds a writer up
 * @lag: for RINGBUF_EVICT and RINGBUF_SKIP: how many slots the reader may lag behind a
 *	writer, at most slot_count; 0: as many as the ring has
 *
 * RINGBUF_EVICT and RINGBUF_SKIP apply when @timeout has passed, or when a writer wants a slot
 * that lies @lag slots ahead of the reader's next one, or further; a reservation of more than
 * @lag slots always does.  A reader that was skipped continues at the oldest slot within its @lag
 * that the ring still holds when it asks for its next message, and so does a reader with
 * RINGBUF_LOSSY that writers have overtaken.  Either finds in struct ringbuf_slot.lost how many
 * slots it has lost, and never gets torn bytes as a message: ringbuf_reader_read() discards them,
 * ringbuf_reader_release() returns -ESTALE.
 */
struct ringbuf_policy {
	size_t size;
	uint32_t kind;
	uint32_t reserved;
	uint64_t timeout;
	uint64_t lag;
};

/**
 * struct ringbuf_config - how to create a ring
 * @size: sizeof(struct ringbuf_config); fields beyond it count as zero
 * @flags: RINGBUF_EXCLUSIVE, RINGBUF_TIMESTAMP, RINGBUF_KEPT
 * @slot_bytes: capacity of a slot in bytes, at least 1
 * @slot_count: number of slots, at least 1, any number
 * @max_readers: readers at a time; 0 means 64
 * @max_writers: writers at a time; 0 means 16 (1 with RINGBUF_EXCLUSIVE)
 * @name: name for ringbuf_open(), at most 255 bytes (247 on the embedded host), or
 *	NULL for an anonymous ring.  On the module it is a file in the folder that the
 *	environment variable RINGBUF_DIR names, else in /dev/rings; with a '/' it is a
 *	path.  On the embedded host it must not contain a '/'
 * @mode: permission bits of a named ring, not changed by the umask; 0 means 0600.  On
 *	the embedded host owner, group and others may each have both read and write
 *	permission or neither
 * @host: which host; with RINGBUF_HOST_AUTO the environment and the machine decide
 * @reserved: ignored
 * @wait_readers: how many readers must have been attached at the same time before a
 *	writer gets a slot, at most @max_readers.  Until then writers wait, as long as
 *	their timeouts allow, and each of these readers gets the stream from its first
 *	message on.  After that writers do not wait for a reader that leaves.  Readers
 *	that ended, were killed or were evicted do not count.  0: writers begin at once
 * @claim_timeout: how long, in ns, a writer may keep slots reserved while readers or
 *	other writers wait for them, at least 1 ms; 0: for ever.  The module then *fences* it,
 *	which may be stopped or stuck: its slots become holes, nothing that it stores
 *	later reaches the ring, and its calls return -ESTALE.  It closes the handle, and
 *	may attach another one.  With RINGBUF_EXCLUSIVE only ringbuf_writer_take_over()
 *	fences.  The embedded host refuses it with -EOPNOTSUPP, since a process cannot
 *	take the memory of another one away
 * @policy_timeout: see struct ringbuf_policy
 * @policy_lag: see struct ringbuf_policy
 * @policy: enum ringbuf_policy_kind and RINGBUF_AT_STOP: what happens to a reader that holds
 *	writers up, unless it attaches with a policy of its own
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
	uint64_t claim_timeout;
	uint64_t policy_timeout;
	uint64_t policy_lag;
	uint32_t policy;
};

#define RINGBUF_CONFIG_INIT(bytes, count)                                          \
	{                                                                          \
		sizeof(struct ringbuf_config), 0, 0, (bytes), (count), 0, 0, NULL, \
			RINGBUF_HOST_AUTO, 0, 0, 0, 0, 0, 0                        \
	}

/**
 * ringbuf_create() - make a ring
 * @config: see struct ringbuf_config; the library does not keep the pointer
 * @ring: [out] the ring, which the caller closes with ringbuf_close(); NULL on failure
 *
 * With RINGBUF_HOST_AUTO the environment variable RINGBUF_HOST=module|embedded
 * decides; without it the library uses the module if /dev/ringbuf can be opened, or if
 * @config->name is in a file system of type "ringbuf".
 *
 * The memory is freed when no handle, map or process holds the ring any more.  A child
 * that inherited the ring holds it too, even if it has not used the ring yet.  A name is
 * removed at the same time unless RINGBUF_KEPT is set: then the name stays, and with it
 * the memory.
 *
 * Core dumps leave out the memory of rings on the embedded host, unless the environment
 * variable RINGBUF_CORE=1 is set at the time of ringbuf_create() or ringbuf_open().
 *
 * On the embedded host a named ring is the file /dev/shm/ringbuf.NAME.  A program
 * that returns from main() or calls exit() without closing the ring removes the file
 * too, if it is the last user.  When the last user is killed or calls _exit(), the
 * file stays until a process of the same user creates a named ring for the first
 * time, or until ringbuf_create(), ringbuf_open() or ringbuf_unlink() is called
 * for that name.  Until then the file uses memory, and a user who may not remove it
 * but has the permission of @mode can open the ring.
 *
 * The embedded host needs /proc, and /dev/shm for names; it fails with -EOPNOTSUPP
 * without them.  Every process that has an anonymous ring may open its file; the
 * permission for the file of a named ring is @mode.  Readers write to the file too, so a
 * @mode that grants only one of reading and writing is refused with -EOPNOTSUPP.  A
 * process that may use a named ring can also truncate its file, which kills all
 * users of the ring by SIGBUS.  An anonymous ring is sealed against that.
 *
 * Return: 0, or -EINVAL, -E2BIG (@config has fields that this library does not
 * know), -EEXIST, -ENAMETOOLONG, -EACCES, -ENOMEM, -ENOSPC (/dev/shm, or the mount
 * on the module, is full), -EFBIG (more than RLIMIT_FSIZE), -EDQUOT, -EOPNOTSUPP (no
 * /proc or /dev/shm, or a @mode, @claim_timeout or @policy that the host does not support),
 * -ENOENT (the module is required and /dev/ringbuf or the folder does not exist), -ENODEV
 * (the folder is not in a file system of type "ringbuf"), -EMFILE.
 */
int ringbuf_create(const struct ringbuf_config *config, struct ringbuf **ring);

/**
 * ringbuf_open() - open a named ring
 * @name: its name, as in struct ringbuf_config
 * @host: where to look; with RINGBUF_HOST_AUTO the choice of ringbuf_create()
 * @ring: [out] the ring, which the caller closes with ringbuf_close(); NULL on failure
 *
 * On the module the caller needs the permission to read the file.  Writers,
 * ringbuf_sync() and ringbuf_evict_reader() also need the permission to write it.  A
 * reader without that permission needs /dev/ringbuf.  If another process has made the
 * file but not yet its ring, the call waits until it has.
 *
 * Return: 0, or -ENOENT, -EACCES, -EINVAL, -ENAMETOOLONG, -EPROTO (the object of
 * that name is not a ring of this version), -EMFILE, -ENOMEM, -EBUSY (a peer keeps the
 * lock of the ring, see ringbuf(7)), -EOPNOTSUPP (no /proc), -ENODEV (no file system of
 * type "ringbuf" is mounted there), -EINTR.
 */
int ringbuf_open(const char *name, enum ringbuf_host host, struct ringbuf **ring);

/**
 * ringbuf_unlink() - remove the name of a ring, which stays usable where it is open
 * @name: its name
 * @host: where to look; with RINGBUF_HOST_AUTO the choice of ringbuf_create()
 *
 * On the module the caller needs the permission to unlink(2) the file, on the embedded
 * host the permission to remove it from /dev/shm and to open it.  On the embedded host
 * the call also removes a file of that name that is truncated or is not a ring.
 *
 * Return: 0, or -ENOENT (also if the ring had no user left, so that this call
 * removed its name), -EACCES, -EPERM, -EINVAL, -ENAMETOOLONG, -EPROTO (on the module:
 * the file is not a ring).
 */
int ringbuf_unlink(const char *name, enum ringbuf_host host);

/**
 * ringbuf_close() - close a ring; handles attached through it stay usable
 * @ring: the ring, or NULL
 */
void ringbuf_close(struct ringbuf *ring);

/**
 * struct ringbuf_geometry - the properties of a ring that never change
 * @size: sizeof(struct ringbuf_geometry), set by the caller
 * @slot_bytes: capacity of a slot
 * @slot_count: number of slots
 * @slot_stride: bytes from one slot to the next.  Slots of a page or more begin
 *	on a page, smaller ones on a cache line
 * @flags: RINGBUF_EXCLUSIVE, RINGBUF_TIMESTAMP, RINGBUF_KEPT
 * @max_readers: readers at a time
 * @max_writers: writers at a time
 * @host: RINGBUF_HOST_MODULE or RINGBUF_HOST_EMBEDDED
 * @wait_readers: how many readers must have been attached at the same time before a
 *	writer gets a slot
 * @claim_timeout: as in struct ringbuf_config, in ns
 * @policy_timeout: as in struct ringbuf_config
 * @policy_lag: as in struct ringbuf_config
 * @policy: as in struct ringbuf_config
 * @reserved: 0
 * @uuid: name of the ring that no other ring has, as long as it lives: 16 random bytes,
 *	version 4 of RFC 4122; all 0 if the module is older than this field
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
	uint64_t claim_timeout;
	uint64_t policy_timeout;
	uint64_t policy_lag;
	uint32_t policy;
	uint32_t reserved;
	uint8_t uuid[RINGBUF_UUID_BYTES];
};

/**
 * ringbuf_get_geometry() - get the properties of a ring that never change
 * @ring: the ring
 * @geometry: [out] the properties; the caller sets @geometry->size
 *
 * Return: 0, or -EINVAL (@geometry->size is too small).
 */
int ringbuf_get_geometry(const struct ringbuf *ring, struct ringbuf_geometry *geometry);

/**
 * struct ringbuf_slot - one slot, while it is reserved or peeked
 * @data: the bytes, in the ring itself; a reader must not write to them
 * @length: after reserve: the capacity, which the writer replaces by the length of the
 *	message before commit; after peek: the length of the message
 * @position: number of the slot in the stream
 * @timestamp: after peek: CLOCK_MONOTONIC ns at commit with RINGBUF_TIMESTAMP, else 0
 * @lost: after peek: slots lost between this one and the one before; 0 unless
 *	ringbuf_sync() moved the reader, or its policy lets it lose slots
 * @flags: any 32 bits that the writer passes to the readers; 0 after reserve
 * @reserved: the caller does not change it
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
 * @ring: the ring, which may be closed while the writer is in use
 * @writer: [out] the handle, which the caller closes with ringbuf_writer_close()
 *
 * The stream ends for readers when every writer has called
 * ringbuf_writer_done(), closed its handle or ended.
 *
 * Return: 0, or -EBUSY (a second exclusive writer, or a peer keeps the lock), -ENOSPC
 * (max_writers are attached), -EACCES, -ENOMEM, -EMFILE, -EBADF.
 */
int ringbuf_writer_attach(struct ringbuf *ring, struct ringbuf_writer **writer);

/**
 * ringbuf_writer_take_over() - take the place of the writer of an exclusive ring
 * @ring: the ring, with RINGBUF_EXCLUSIVE and a claim_timeout
 * @writer: [out] the handle, which the caller closes with ringbuf_writer_close()
 *
 * If the ring has a writer, wait until that one has ended, or has committed nothing for
 * the ring's claim_timeout although readers would have let it.  Then fence it: see
 * claim_timeout of struct ringbuf_config.
 *
 * Return: 0, or -EINVAL (another kind of ring), -EOPNOTSUPP (embedded host), -EINTR, -EBUSY
 * (another process has taken the place first), or an error of ringbuf_writer_attach().
 */
int ringbuf_writer_take_over(struct ringbuf *ring, struct ringbuf_writer **writer);

/** ringbuf_writer_close() - end the writer and free its handle; NULL is allowed */
void ringbuf_writer_close(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_reserve() - reserve slots, to be filled in place
 * @writer: the handle
 * @slots: [out] @count slots in position order; need not be contiguous in memory
 * @count: 1 to the smaller of slot_count and RINGBUF_BATCH_MAX; the call reserves all
 *	of them or none
 * @timeout_ns: how long to wait for readers to release slots, or to attach (see
 *	wait_readers of struct ringbuf_config)
 *
 * A writer has one reservation at a time: commit or discard it before the next.
 *
 * Return: @count, or -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EINVAL (@count),
 * -EBUSY (a reservation is open, or the handle is used by another process),
 * -ESTALE (the host took the handle away), -EPROTO, an error of the first use (see
 * ringbuf(7)), or at the first use -ENOSPC (max_writers are attached).
 */
int ringbuf_writer_reserve(struct ringbuf_writer *writer, struct ringbuf_slot *slots,
			   unsigned int count, int64_t timeout_ns);

/**
 * ringbuf_writer_commit() - publish the first @count reserved slots
 * @writer: the handle
 * @slots: the slots from ringbuf_writer_reserve(), with @length (and @flags) set
 * @count: 1 to the number of reserved slots; the other slots are discarded
 *
 * Return: 0, or -EINVAL (fewer than @count slots are reserved), -EMSGSIZE (a length
 * above slot_bytes: nothing was committed, the reservation stays open), -ESTALE (the
 * host took slots away, and the readers skip them as holes; the first slots of a batch may
 * have been published before).
 */
int ringbuf_writer_commit(struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
			  unsigned int count);

/** ringbuf_writer_discard() - turn the reserved slots into holes; 0, or -EINVAL, -ESTALE */
int ringbuf_writer_discard(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_write() - copy one message into a slot and publish it
 * @writer: the handle
 * @data: the message
 * @length: bytes, 0 to slot_bytes
 * @timeout_ns: how long to wait for a slot
 *
 * Return: 0, or an error of ringbuf_writer_reserve(), or -EMSGSIZE (nothing was
 * written).
 */
int ringbuf_writer_write(struct ringbuf_writer *writer, const void *data, size_t length,
			 int64_t timeout_ns);

/** ringbuf_writer_writev() - copy @count pieces into a slot and publish them as one message */
int ringbuf_writer_writev(struct ringbuf_writer *writer, const struct iovec *iov, int count,
			  int64_t timeout_ns);

/**
 * ringbuf_writer_done() - declare that this writer will write no more
 * @writer: the handle
 *
 * The call discards an open reservation first, even if it then fails.
 *
 * Return: 0, or -EPIPE (this writer is done already), or an error of the first use (see
 * ringbuf(7)).  After -EBUSY, -EMFILE or -EBADF the writer is not done: it can
 * continue to write or repeat the call.
 */
int ringbuf_writer_done(struct ringbuf_writer *writer);

/** ringbuf_writer_position() - the next position that this writer will try to reserve */
uint64_t ringbuf_writer_position(const struct ringbuf_writer *writer);

/** ringbuf_writer_fd() - a descriptor for poll (POLLOUT), owned by the handle; -EOPNOTSUPP on the
 * embedded host */
int ringbuf_writer_fd(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_interruptible() - choose whether waits of the writer can be interrupted
 * @writer: the handle
 * @on: 1: they can; 0, as after attach: they cannot
 *
 * A wait of an interruptible handle ends with -EINTR when a signal handler without
 * SA_RESTART has run while it slept, and when ringbuf_writer_interrupt() is called.  A
 * signal that arrives while the wait spins, or just before it sleeps, does not interrupt
 * it.  A handler whose signal must not be missed calls ringbuf_writer_interrupt().
 */
void ringbuf_writer_interruptible(struct ringbuf_writer *writer, int on);

/**
 * ringbuf_writer_interrupt() - end the current or next wait of @writer with -EINTR
 * @writer: an interruptible handle, which must stay open during the call
 *
 * May be called from any thread and from a signal handler; does not change errno.  On
 * the module the wait ends within 50 ms.
 */
void ringbuf_writer_interrupt(struct ringbuf_writer *writer);

/**
 * ringbuf_writer_spin() - set how long the writer spins before it sleeps
 * @writer: the handle
 * @ns: nanoseconds; 0 never spins and never yields; a negative number restores the
 *	default, which adapts, and does not spin while the other side is on this CPU
 *
 * Unless @ns is 0, a waiting writer also yields the CPU to peers that are on it.
 */
void ringbuf_writer_spin(struct ringbuf_writer *writer, int64_t ns);

/* ---- readers ------------------------------------------------------------ */

enum ringbuf_start {
	RINGBUF_FROM_HEAD = 0, /* the next message to be written */
	RINGBUF_FROM_OLDEST = 1, /* the oldest slot still held */
	RINGBUF_FROM_POSITION = 2, /* a position, or the nearest slot still held */
};

/**
 * ringbuf_reader_attach() - become a reader of @ring
 * @ring: the ring, which may be closed while the reader is in use
 * @start: where to begin
 * @position: where to begin with RINGBUF_FROM_POSITION, else ignored
 * @reader: [out] the handle, which the caller closes with ringbuf_reader_close()
 *
 * The reader has the ring's policy, see struct ringbuf_config.  With RINGBUF_BLOCK no writer
 * reuses a slot from the attach on that this reader has not released.
 *
 * Return: 0, or -ENOSPC (max_readers are attached), -EACCES, -EINVAL, -ENOMEM,
 * -EMFILE, -EBADF, -EBUSY (a peer keeps the lock).
 */
int ringbuf_reader_attach(struct ringbuf *ring, enum ringbuf_start start, uint64_t position,
			  struct ringbuf_reader **reader);

/**
 * ringbuf_reader_attach_policy() - become a reader of @ring with a policy of its own
 * @ring: as in ringbuf_reader_attach()
 * @start: as in ringbuf_reader_attach()
 * @position: as in ringbuf_reader_attach()
 * @policy: the policy; the library does not keep the pointer
 * @reader: as in ringbuf_reader_attach()
 *
 * The policy may not let the reader hold up writers for longer than the ring's policy does.
 * In a ring with RINGBUF_BLOCK it may be any.  With RINGBUF_EVICT or RINGBUF_SKIP it may be
 * either of these, with a timeout and a lag that are not larger than the ring's, and with
 * RINGBUF_AT_STOP if the ring has it.  RINGBUF_LOSSY may always be had.
 *
 * Return: 0, or -EINVAL (also: the ring does not allow the policy), -E2BIG (@policy has
 * fields that this library does not know), -EOPNOTSUPP (RINGBUF_AT_STOP on the embedded
 * host, or a module of an older version), or another error of ringbuf_reader_attach().
 */
int ringbuf_reader_attach_policy(struct ringbuf *ring, enum ringbuf_start start, uint64_t position,
				 const struct ringbuf_policy *policy,
				 struct ringbuf_reader **reader);

/** ringbuf_reader_close() - end the reader and free its handle; NULL is allowed */
void ringbuf_reader_close(struct ringbuf_reader *reader);

/**
 * ringbuf_reader_peek() - get the next messages in place
 * @reader: the handle
 * @slots: [out] at least 1, at most @max slots, in position order
 * @max: 1 to RINGBUF_BATCH_MAX
 * @timeout_ns: how long to wait for the first message
 *
 * The slots stay valid until ringbuf_reader_release().  A second peek before
 * the release starts at the same message.
 *
 * Return: the number of slots, or -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA,
 * -EINVAL, -EBUSY (the handle is used by another process), -ESTALE (the host took
 * the handle away), -EPROTO, or an error of the first use (see ringbuf(7)).
 */
int ringbuf_reader_peek(struct ringbuf_reader *reader, struct ringbuf_slot *slots, unsigned int max,
			int64_t timeout_ns);

/**
 * ringbuf_reader_release() - give the first @count peeked slots back to the writers
 * @reader: the handle
 * @count: 1 to the number that ringbuf_reader_peek() returned
 *
 * Return: 0, -EINVAL, or -ESTALE: the reader was moved forward, skipped or overtaken since
 * the peek, and a writer may have overwritten the slots while the program read them.
 */
int ringbuf_reader_release(struct ringbuf_reader *reader, unsigned int count);

/**
 * ringbuf_reader_read() - copy the next message out and release its slot
 * @reader: the handle
 * @data: buffer for the message
 * @size: bytes at @data
 * @timeout_ns: how long to wait for a message
 *
 * Return: the length of the message, or an error of ringbuf_reader_peek(), or
 * -EMSGSIZE: the message is longer than @size and stays.
 */
ssize_t ringbuf_reader_read(struct ringbuf_reader *reader, void *data, size_t size,
			    int64_t timeout_ns);

/**
 * ringbuf_reader_wait() - wait until @count messages can be read
 * @reader: the handle
 * @count: 1 to slot_count
 * @timeout_ns: how long to wait
 *
 * Return: 0, or an error of ringbuf_reader_peek().  Fewer than @count messages, but at
 * least one, are enough if the stream has ended, or if discarded slots leave no room for
 * more in the ring.
 */
int ringbuf_reader_wait(struct ringbuf_reader *reader, unsigned int count, int64_t timeout_ns);

/** ringbuf_reader_position() - the next position that this reader will read */
uint64_t ringbuf_reader_position(const struct ringbuf_reader *reader);

/** ringbuf_reader_lost() - slots that this reader has lost so far (ringbuf_sync(), policy) */
uint64_t ringbuf_reader_lost(const struct ringbuf_reader *reader);

/** ringbuf_reader_holes() - discarded or repaired slots that this reader has skipped so far */
uint64_t ringbuf_reader_holes(const struct ringbuf_reader *reader);

/** ringbuf_reader_fd() - a descriptor for poll (POLLIN), owned by the handle; -EOPNOTSUPP on the
 * embedded host */
int ringbuf_reader_fd(struct ringbuf_reader *reader);

/**
 * ringbuf_reader_interruptible() - choose whether waits of the reader can be interrupted
 * @reader: the handle
 * @on: 1: they can; 0, as after attach: they cannot
 *
 * See ringbuf_writer_interruptible().
 */
void ringbuf_reader_interruptible(struct ringbuf_reader *reader, int on);

/**
 * ringbuf_reader_interrupt() - end the current or next wait of @reader with -EINTR
 * @reader: an interruptible handle, which must stay open during the call
 *
 * See ringbuf_writer_interrupt().
 */
void ringbuf_reader_interrupt(struct ringbuf_reader *reader);

/**
 * ringbuf_reader_spin() - set how long the reader spins before it sleeps
 * @reader: the handle
 * @ns: nanoseconds; 0 never spins and never yields; a negative number restores the default
 *
 * See ringbuf_writer_spin().
 */
void ringbuf_reader_spin(struct ringbuf_reader *reader, int64_t ns);

/* ---- control ------------------------------------------------------------- */

#define RINGBUF_ALL_READERS UINT32_MAX

/** ringbuf_reader_id() - row of the reader, the id of struct ringbuf_reader_status */
uint32_t ringbuf_reader_id(const struct ringbuf_reader *reader);

/** ringbuf_writer_id() - id of the writer in this process, 1 or higher */
uint32_t ringbuf_writer_id(const struct ringbuf_writer *writer);

/**
 * ringbuf_sync() - move readers forward
 * @ring: the ring
 * @reader: ringbuf_reader_id(), or RINGBUF_ALL_READERS
 * @position: readers below this position move to it; UINT64_MAX means head
 *
 * A reader is told how many slots it lost when it gets its next message.  If it
 * has peeked slots that it lost, ringbuf_reader_release() returns -ESTALE.
 *
 * On the module a caller that has opened the ring by its name needs the
 * permission to read and to write its file.
 *
 * Return: 0, or -ENOENT (no such reader), -EACCES, -EBADF, -EBUSY.
 */
int ringbuf_sync(struct ringbuf *ring, uint32_t reader, uint64_t position);

/**
 * ringbuf_evict_reader() - end a reader that is stuck
 * @ring: the ring
 * @reader: ringbuf_reader_id(), or the blocker_id that ringbuf_stats() reports
 *
 * Writers no longer wait for the reader, even if it still maps the ring.  All its
 * calls then fail with -EIDRM, and with -ESTALE if it releases slots that it has peeked.
 * It can close its handle and attach again.  Its id stays taken until it does.
 *
 * On the module a caller that has opened the ring by its name needs the
 * permission to read and to write its file.
 *
 * Return: 0, also if the reader was evicted already, or -ENOENT (no such reader),
 * -EACCES, -EBADF, -EBUSY.
 */
int ringbuf_evict_reader(struct ringbuf *ring, uint32_t reader);

/* Values of struct ringbuf_status.ended. */
enum ringbuf_end {
	RINGBUF_STREAM_OPEN = 0, /* a writer is attached, or none has ever been */
	RINGBUF_STREAM_DONE = 1, /* all writers called done or close */
	RINGBUF_STREAM_DIED = 2, /* no writer is left, and one ended without doing so */
};

/* Values of struct ringbuf_status.blocker_kind. */
enum ringbuf_blocked_by {
	RINGBUF_BLOCKED_BY_NOBODY = 0,
	RINGBUF_BLOCKED_BY_READER = 1, /* it lags most, so the writers wait for it */
	RINGBUF_BLOCKED_BY_WRITER = 2, /* it has not finished a slot that the others wait for */
};

/**
 * struct ringbuf_status - a ring at one moment, see ringbuf_stats()
 * @size: sizeof(struct ringbuf_status), set by the caller
 * @head: next position to be written
 * @repaired: slots made holes because their writer went away
 * @writer_waits: times a writer slept
 * @blocker_lag: slots from @blocker_position to @head
 * @blocker_id: id of the reader or writer that blocks; 0 without a blocker
 * @blocker_pid: process of the blocker; 0 if it is unknown, or has no number in the
 *	caller's pid namespace
 * @readers: readers attached now
 * @writers: writers attached now and not done
 * @writers_ever: writers that have ever attached
 * @ended: enum ringbuf_end
 * @blocker_kind: enum ringbuf_blocked_by.  The blocker is the reader that lags most,
 *	unless that reader waits for a slot that a writer has reserved and not committed:
 *	then it is that writer, and evicting the reader does not help.  Without readers
 *	it is the writer of an uncommitted slot that the other writers wait for
 * @readers_lacking: readers that must still attach before a writer gets a slot (see
 *	wait_readers of struct ringbuf_config); 0 from then on
 * @blocker_position: the slot that the blocking writer has not committed, or the cursor
 *	of the blocking reader; head without a blocker
 * @fenced: writers that were fenced (see claim_timeout of struct ringbuf_config)
 * @blocker_comm: name of the blocker's process, see struct ringbuf_blocker
 * @blocker_since: since when it blocks, see struct ringbuf_blocker
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
	uint64_t fenced;
	char blocker_comm[RINGBUF_COMM_BYTES];
	uint64_t blocker_since;
};

/**
 * struct ringbuf_reader_status - one reader, see ringbuf_stats()
 * @cursor: next position that it will read
 * @lag: slots from @cursor to head
 * @lost: slots that it has lost, by ringbuf_sync() or its policy
 * @holes: discarded or repaired slots that it skipped
 * @waits: times it slept
 * @id: ringbuf_reader_id()
 * @pid: its process; 0 if it is unknown, or has no number in the caller's pid namespace
 * @policy: its policy: enum ringbuf_policy_kind and RINGBUF_AT_STOP
 * @skipped: 1: it is skipped now, and no writer waits for it; else 0
 * @skips: times it was skipped
 */
struct ringbuf_reader_status {
	uint64_t cursor;
	uint64_t lag;
	uint64_t lost;
	uint64_t holes;
	uint64_t waits;
	uint32_t id;
	int32_t pid;
	uint32_t policy;
	uint32_t skipped;
	uint64_t skips;
};

/**
 * ringbuf_stats() - get the state of a ring and of its readers
 * @ring: the ring
 * @status: [out] the ring; the caller sets @status->size
 * @readers: [out] up to @count readers, or NULL
 * @count: entries at @readers
 *
 * On the embedded host this first ends the members of dead processes.
 *
 * Return: the number of entries filled in @readers, or -EINVAL, -ENOMEM, -EBADF, -EBUSY.
 */
int ringbuf_stats(struct ringbuf *ring, struct ringbuf_status *status,
		  struct ringbuf_reader_status *readers, unsigned int count);

/**
 * struct ringbuf_writer_status - one writer
 * @waits: times it slept
 * @id: ringbuf_writer_id()
 * @pid: its process; 0 if it is unknown, or has no number in the caller's pid namespace
 * @reserved: zero
 */
struct ringbuf_writer_status {
	uint64_t waits;
	uint32_t id;
	int32_t pid;
	uint64_t reserved[2];
};

/**
 * ringbuf_writers() - get the state of the writers of a ring
 * @ring: the ring
 * @writers: [out] up to @count writers that are attached and not done
 * @count: entries at @writers
 *
 * On the embedded host this first ends the members of dead processes.  May be called
 * from any thread, and in a child.
 *
 * Return: the number of entries filled in @writers, or -EINVAL, -ENOMEM, -EBADF, -EBUSY.
 */
int ringbuf_writers(struct ringbuf *ring, struct ringbuf_writer_status *writers,
		    unsigned int count);

/* ---- what blocks a writer, what left a hole ------------------------------- */

/**
 * struct ringbuf_blocker - the reader or writer that limits the writers of a ring
 * @size: sizeof(struct ringbuf_blocker), set by the caller
 * @position: the slot that the blocking writer has not committed, or the cursor of the
 *	blocking reader; head without a blocker
 * @lag: slots from @position to head
 * @since: the blocker has been at @position since this time at least, in ns of
 *	CLOCK_MONOTONIC; 0 without a blocker.  The ring looks when a writer begins to wait, and
 *	when it is asked, so the true time may be earlier
 * @kind: enum ringbuf_blocked_by
 * @id: ringbuf_reader_id() or ringbuf_writer_id() of the blocker; 0 without a blocker
 * @pid: its process; 0 if it is unknown, or has no number in the caller's pid namespace
 * @readers_lacking: readers that must still attach before a writer gets a slot (see
 *	wait_readers of struct ringbuf_config); 0 from then on
 * @comm: name of the process, as in /proc/PID/comm, with a 0 at its end; empty if @pid is 0
 */
struct ringbuf_blocker {
	size_t size;
	uint64_t position;
	uint64_t lag;
	uint64_t since;
	uint32_t kind;
	uint32_t id;
	int32_t pid;
	uint32_t readers_lacking;
	char comm[RINGBUF_COMM_BYTES];
};

/**
 * ringbuf_writer_blocker() - ask what a writer has to wait for
 * @writer: the handle
 * @blocker: [out] the reader or writer that limits all writers now; the caller sets
 *	@blocker->size
 *
 * For a writer whose reservation has failed with -EAGAIN or -ETIMEDOUT.  The answer is that
 * of this moment: the blocker may have moved since.  The call never waits for another process
 * that is stopped: the embedded host takes no lock, and no process can be stopped while it has
 * that of the module.
 *
 * Return: 0, -EINVAL, -ENOMEM, or -EBADF.
 */
int ringbuf_writer_blocker(struct ringbuf_writer *writer, struct ringbuf_blocker *blocker);

/* Values of struct ringbuf_hole_status.cause. */
enum ringbuf_hole_cause {
	RINGBUF_CAUSE_UNKNOWN = 0, /* not known any more */
	RINGBUF_CAUSE_DISCARDED = 1, /* its writer took it back */
	RINGBUF_CAUSE_LEFT = 2, /* its writer called done or close */
	RINGBUF_CAUSE_UNMAPPED = 3, /* its writer called exec, or unmapped the ring */
	RINGBUF_CAUSE_EXITED = 4, /* its process exited without close; the code is the status */
	RINGBUF_CAUSE_KILLED = 5, /* its process was killed; the code is the signal */
	RINGBUF_CAUSE_DIED = 6, /* its process ended, or gave the ring up; how is not known */
	RINGBUF_CAUSE_FENCED = 7, /* its writer was fenced */
};

/**
 * struct ringbuf_hole_status - why a position is a hole
 * @size: sizeof(struct ringbuf_hole_status), set by the caller
 * @position: the position
 * @cause: enum ringbuf_hole_cause
 * @code: the signal or the exit status; 0 with other causes
 * @writer: ringbuf_writer_id() that the writer had; 0: not known
 * @pid: its process; 0 if it is unknown, or has no number in the caller's pid namespace.  The
 *	process may have ended, and another one may have its number
 * @comm: name of the process, with a 0 at its end; empty if @pid is 0
 */
struct ringbuf_hole_status {
	size_t size;
	uint64_t position;
	uint32_t cause;
	uint32_t code;
	uint32_t writer;
	int32_t pid;
	char comm[RINGBUF_COMM_BYTES];
};

#define RINGBUF_LAST_HOLE UINT64_MAX

/**
 * ringbuf_reader_hole() - ask which writer left a hole, and why
 * @reader: the handle
 * @position: the hole, or RINGBUF_LAST_HOLE: the last one that this reader has skipped in
 *	this process
 * @hole: [out] the writer and the cause; the caller sets @hole->size
 *
 * The ring remembers the last writers that left holes, 16 or more, also after the slots have
 * been used again.  What a writer took back is known until the slot is used again.  On the
 * embedded host, which cannot see how a process ends, RINGBUF_CAUSE_DIED takes the place of
 * the causes UNMAPPED, EXITED and KILLED.
 *
 * Return: 0, or -ENODATA (no hole, or nothing is known of it any more), -EINVAL,
 * -EOPNOTSUPP (the module is too old), -EBUSY (a peer keeps the lock), or an error of the
 * first use (see ringbuf(7)).
 */
int ringbuf_reader_hole(struct ringbuf_reader *reader, uint64_t position,
			struct ringbuf_hole_status *hole);

/* ---- to a process that is no child -------------------------------------- */

/**
 * ringbuf_export() - get a descriptor through which another process can use the ring
 * @ring: the ring, which owns the descriptor
 *
 * Send the descriptor with SCM_RIGHTS or leave it open across exec.  The caller may
 * close copies of it; the descriptor itself is closed with the ring.  No descriptor of
 * this library is ever 0, 1 or 2, even if the standard streams are closed.
 *
 * Return: the descriptor, or -EOPNOTSUPP (the ring was opened on the module with only the
 * permission to read its file: let the other process open the name).
 */
int ringbuf_export(struct ringbuf *ring);

/**
 * ringbuf_import() - open the ring of a descriptor that another process exported
 * @fd: the descriptor, which the ring owns on success; the library moves it if it is 0,
 *	1 or 2
 * @name: the name of the ring if it has one and is on the embedded host, or NULL
 * @ring: [out] the ring, which the caller closes with ringbuf_close(); NULL on failure
 *
 * On the embedded host a memfd is sealed, so that its sender cannot truncate it.
 * The file of a named ring cannot be sealed: accept one only from a sender that
 * you trust.
 *
 * Return: 0, or -EBADF, -EINVAL, -ENAMETOOLONG, -EPROTO (@fd is not a ring of this
 * version, or is a file outside this process's /dev/shm that its sender can still
 * truncate), -EACCES, -EMFILE, -ENOMEM, -EOPNOTSUPP (no /proc).
 */
int ringbuf_import(int fd, const char *name, struct ringbuf **ring);

/**
 * struct ringbuf_ticket - a handle on its way to another process
 * @size: sizeof(struct ringbuf_ticket)
 * @fd: descriptor that must be sent too; the importing process stores here the number
 *	under which it received the descriptor
 * @id: row of the reader, or id of the writer
 * @generation: generation of the row or id
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
 * ringbuf_reader_export() - get a ticket through which another process can use this reader
 * @reader: a handle that no process has used yet; it still owns @ticket->fd
 * @ticket: [out] the ticket; the caller sets @ticket->size
 *
 * The seat of the reader stays taken while this handle or the imported one lives.
 * Return: 0, -EINVAL, or -EBUSY: this process uses the handle.
 */
int ringbuf_reader_export(const struct ringbuf_reader *reader, struct ringbuf_ticket *ticket);

/**
 * ringbuf_reader_import() - make a reader handle from a ticket
 * @ring: the same ring, imported or opened by this process
 * @ticket: the exported ticket, with @fd as this process received it; the reader owns
 *	@fd on success
 * @reader: [out] the handle, which the caller closes with ringbuf_reader_close()
 *
 * Return: 0, -EINVAL, -ENOMEM, or -EBADF or -EMFILE (@fd is 0, 1 or 2 and cannot be
 * moved).  The first use fails with -EBUSY if another process uses the reader, and with
 * -ESTALE if the reader has ended.
 */
int ringbuf_reader_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
			  struct ringbuf_reader **reader);

/**
 * ringbuf_writer_export() - get a ticket through which another process can use this writer
 * @writer: a handle that no process has used yet; it still owns @ticket->fd
 * @ticket: [out] the ticket; the caller sets @ticket->size
 *
 * The seat of the writer stays taken while this handle or the imported one lives.
 * Return: 0, -EINVAL, or -EBUSY: this process uses the handle.
 */
int ringbuf_writer_export(const struct ringbuf_writer *writer, struct ringbuf_ticket *ticket);

/**
 * ringbuf_writer_import() - make a writer handle from a ticket
 * @ring: the same ring, imported or opened by this process
 * @ticket: the exported ticket, with @fd as this process received it; the writer owns
 *	@fd on success
 * @writer: [out] the handle, which the caller closes with ringbuf_writer_close()
 *
 * Return: 0, -EINVAL, -ENOMEM, or -EBADF or -EMFILE (@fd is 0, 1 or 2 and cannot be
 * moved).  The first use fails with -EBUSY if another process uses the writer, and with
 * -ESTALE if the writer has ended.
 */
int ringbuf_writer_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
			  struct ringbuf_writer **writer);

/** ringbuf_version() - "major.minor.patch" of the library */
const char *ringbuf_version(void);

/** ringbuf_version_number() - RINGBUF_VERSION_NUMBER of the library that the program runs with */
unsigned int ringbuf_version_number(void);

/**
 * ringbuf_strerror() - describe an error of this library
 * @err: the value that a function returned; the sign does not matter
 *
 * The text names the limit that was reached and what helps, if that is known.  It is
 * one line in English without a full stop, and stays valid and unchanged for ever.
 * May be called from any thread and from a signal handler.
 *
 * Return: the text; never NULL, even for numbers that no function returns.
 */
const char *ringbuf_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif /* RINGBUF_H */
