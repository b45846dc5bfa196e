/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Rings of mmap-able slots with in-kernel wait queues.
 *
 * This file is the whole ABI: the ioctls and the layout of the shared pages.
 *
 * A ring that has a name is a file in a file system of type "ringbuf"; one that has none
 * is made through /dev/ringbuf.  An open file of either is a *handle*.
 * RINGBUF_IOC_CREATE or RINGBUF_IOC_ATTACH binds it, once, to one ring and one
 * role.  RINGBUF_IOC_INFO then tells which byte ranges of the file may be
 * mapped.  How the shared words are used is written down in kmod/protocol.rst;
 * the same words in the same layout are used by the embedded host of
 * libringbuf, which has no device.
 *
 * Every ioctl takes a pointer to a structure whose first field, @size, is the number
 * of bytes that the caller has.  Structures grow at their end only.  The size with
 * which a structure was introduced is RINGBUF_..._SIZE_VER0; it stands in the number of
 * the command, so that number never changes.  A caller and a kernel of different age
 * understand each other:
 *
 *	@size is below VER0			EINVAL
 *	the caller has less than the kernel	what it lacks counts as 0 and is not
 *						written
 *	the caller has more than the kernel	what the kernel does not know must be 0
 *						on entry, else E2BIG, and is 0 on return
 *	@size is above the size of a page	E2BIG
 *
 * So a program clears the whole structure before it fills it in, [out] fields too.
 * @size is never written.  Beside an array that the kernel fills stands how many bytes
 * lie from one entry to the next: the entries grow by the same rules, but what the
 * kernel does not know of them is not read, only zeroed.
 *
 * Unknown flags, unknown values of an enumeration and non-zero reserved fields are
 * EINVAL, so that a later kernel can give them a meaning.  What the kernel returns may
 * have flags, values of an enumeration and ids that a program does not know yet, and is
 * to ignore.  Fields marked [out] are ignored on entry.  Pointers travel as __u64.  A
 * handle that is not bound, or bound to a role that may not do this, gets EBADFD.  An
 * unknown command is ENOTTY.  A reader that was evicted gets EIDRM.
 */
#ifndef _UAPI_LINUX_RINGBUF_H
#define _UAPI_LINUX_RINGBUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define RINGBUF_ABI_VERSION 2
#define RINGBUF_MAGIC	    0x66756230676e6972ULL /* "ring0buf", little endian */

#define RINGBUF_FS_MAGIC 0x72627566 /* statfs.f_type of the file system: "rbuf" */

/* Limits of the ABI; module parameters and RLIMITs may be lower. */
#define RINGBUF_MAX_SLOT_BYTES (1ULL << 30) /* a write(2) may be no longer than 2^31 - 4096 */
#define RINGBUF_MAX_SLOTS      (1ULL << 25)
#define RINGBUF_MAX_READERS    4096U
#define RINGBUF_MAX_WRITERS    255U
#define RINGBUF_MAX_BATCH      64U /* slots in one reservation */
#define RINGBUF_MAX_WAITERS    16384U /* calls and requests that wait in one ring */

/* ---- ioctls ---------------------------------------------------------- */

#define RINGBUF_IOC_MAGIC 0xBB /* 00-3F, see kmod/protocol.rst */

/* What the structure of each call began with. */
#define RINGBUF_FEATURES_SIZE_VER0  32
#define RINGBUF_CREATE_SIZE_VER0    40
#define RINGBUF_ATTACH_SIZE_VER0    40
#define RINGBUF_INFO_SIZE_VER0	    96
#define RINGBUF_WAIT_SIZE_VER0	    40
#define RINGBUF_WAKE_SIZE_VER0	    8
#define RINGBUF_DONE_SIZE_VER0	    8
#define RINGBUF_SYNC_SIZE_VER0	    24
#define RINGBUF_DETACH_SIZE_VER0    8
#define RINGBUF_STATS_SIZE_VER0	    128
#define RINGBUF_FRAMING_SIZE_VER0   16
#define RINGBUF_THRESHOLD_SIZE_VER0 32
#define RINGBUF_EVICT_SIZE_VER0	    16
#define RINGBUF_ROOM_SIZE_VER0	    16

/* What an entry of an array began with. */
#define RINGBUF_REGION_SIZE_VER0       24
#define RINGBUF_READER_STATS_SIZE_VER0 56
#define RINGBUF_WRITER_STATS_SIZE_VER0 24

/* _IOC_WRITE: the kernel reads the structure; _IOC_READ: it writes to it. */
#define RINGBUF_IOC_FEATURES \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x00, RINGBUF_FEATURES_SIZE_VER0)
#define RINGBUF_IOC_CREATE _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x01, RINGBUF_CREATE_SIZE_VER0)
#define RINGBUF_IOC_ATTACH \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x02, RINGBUF_ATTACH_SIZE_VER0)
#define RINGBUF_IOC_INFO \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x03, RINGBUF_INFO_SIZE_VER0)
#define RINGBUF_IOC_WAIT \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x04, RINGBUF_WAIT_SIZE_VER0)
#define RINGBUF_IOC_WAKE _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x05, RINGBUF_WAKE_SIZE_VER0)
#define RINGBUF_IOC_DONE _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x06, RINGBUF_DONE_SIZE_VER0)
#define RINGBUF_IOC_SYNC \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x07, RINGBUF_SYNC_SIZE_VER0)
#define RINGBUF_IOC_DETACH _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x08, RINGBUF_DETACH_SIZE_VER0)
#define RINGBUF_IOC_STATS \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x0b, RINGBUF_STATS_SIZE_VER0)
#define RINGBUF_IOC_FRAMING   _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x0c, RINGBUF_FRAMING_SIZE_VER0)
#define RINGBUF_IOC_THRESHOLD _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x0d, RINGBUF_THRESHOLD_SIZE_VER0)
#define RINGBUF_IOC_EVICT     _IOC(_IOC_WRITE, RINGBUF_IOC_MAGIC, 0x0e, RINGBUF_EVICT_SIZE_VER0)
#define RINGBUF_IOC_ROOM \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x0f, RINGBUF_ROOM_SIZE_VER0)

/* Bits of struct ringbuf_features.features. */
#define RINGBUF_FEAT_EXCLUSIVE (1ULL << 0) /* RINGBUF_CREATE_EXCLUSIVE */
#define RINGBUF_FEAT_SHARED    (1ULL << 1) /* several writers */
#define RINGBUF_FEAT_TIMESTAMP (1ULL << 2) /* RINGBUF_CREATE_TIMESTAMP */
#define RINGBUF_FEAT_POLL      (1ULL << 3) /* poll, select, epoll */
#define RINGBUF_FEAT_READWRITE (1ULL << 4) /* read(2), write(2), message framing */
#define RINGBUF_FEAT_STREAM    (1ULL << 5) /* RINGBUF_IOC_FRAMING, default ring, FIONREAD */
#define RINGBUF_FEAT_THRESHOLD (1ULL << 6) /* RINGBUF_IOC_THRESHOLD */
#define RINGBUF_FEAT_URING     (1ULL << 7) /* struct ringbuf_uring_cmd */
#define RINGBUF_FEAT_EVICT     (1ULL << 8) /* RINGBUF_IOC_EVICT */

/**
 * struct ringbuf_features - RINGBUF_IOC_FEATURES, on any handle
 * @size: sizeof(struct ringbuf_features)
 * @flags: must be 0
 * @features: [out] RINGBUF_FEAT_*
 * @abi_version: [out] RINGBUF_ABI_VERSION
 * @page_size: [out] bytes; regions are multiples of it
 * @max_ring_bytes: [out] largest ring that may be created now
 *
 * Errors: EINVAL, E2BIG, EFAULT.
 */
struct ringbuf_features {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__u32 abi_version;
	__u32 page_size;
	__aligned_u64 max_ring_bytes;
};

/* struct ringbuf_create.flags; all but KEPT also stand in ringbuf_info_page.flags. */
#define RINGBUF_CREATE_EXCLUSIVE (1U << 0) /* one writer at a time, plain stores */
#define RINGBUF_CREATE_TIMESTAMP (1U << 1) /* the writer's CLOCK_MONOTONIC ns in every slot */
#define RINGBUF_CREATE_KEPT	 (1U << 2) /* the file stays until it is unlinked */

/**
 * struct ringbuf_create - RINGBUF_IOC_CREATE: make a ring, bind the handle to it
 * @size: sizeof(struct ringbuf_create)
 * @flags: RINGBUF_CREATE_*
 * @slot_bytes: capacity of a slot, 1 to RINGBUF_MAX_SLOT_BYTES
 * @slot_count: number of slots, 1 to RINGBUF_MAX_SLOTS, any number
 * @max_readers: rows for readers, 1 to RINGBUF_MAX_READERS; 0 means 64
 * @max_writers: writers at a time, 1 to RINGBUF_MAX_WRITERS; 0 means 16,
 *	and always 1 with RINGBUF_CREATE_EXCLUSIVE
 * @wait_readers: writers get no slot before this many readers have been attached at one
 *	time; from then on they do, also when readers leave; 0 to @max_readers
 * @__reserved: must be 0
 *
 * Until then reserving fails or waits, write(2) too, and poll does not say POLLOUT; each of
 * these readers gets the stream from position 0 on.
 *
 * The handle gets the role RINGBUF_ROLE_OWNER: it may be named by ATTACH to
 * attach any role, but reads and writes nothing itself.
 *
 * On a handle of /dev/ringbuf the ring has no name.  On a file that has no ring yet, open
 * for reading and writing, it is that file's: fleeting, so that the name goes with the
 * last handle, unless RINGBUF_CREATE_KEPT is set or the file was made by mknod(2).
 *
 * Errors: EINVAL (a field out of range, slot_bytes * slot_count too large,
 * RINGBUF_CREATE_KEPT without a file),
 * E2BIG, EFAULT, EBADFD (handle already bound), EEXIST (the file has a ring), EBUSY
 * (whoever made the file with O_CREAT has not called CREATE yet), EACCES (the file is not
 * open for reading and writing), ESTALE (whoever made the file closed it without
 * CREATE), ENOSPC (max_bytes of the mount), EDQUOT (the caller's
 * share of ring memory), ENOMEM.
 */
struct ringbuf_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 slot_bytes;
	__aligned_u64 slot_count;
	__u32 max_readers;
	__u32 max_writers;
	__u32 wait_readers;
	__u32 __reserved;
};

#define RINGBUF_ROLE_NONE     0U
#define RINGBUF_ROLE_READER   1U
#define RINGBUF_ROLE_WRITER   2U
#define RINGBUF_ROLE_OBSERVER 3U
#define RINGBUF_ROLE_OWNER    4U /* what CREATE gives; reads and writes nothing */

#define RINGBUF_START_HEAD     0U /* what is written from now on */
#define RINGBUF_START_OLDEST   1U /* the oldest slot still held */
#define RINGBUF_START_POSITION 2U /* @position, or the nearest still held */

/* What it means that a reader holds the writers up. */
#define RINGBUF_POLICY_BLOCK 0U /* they wait for it */

/**
 * struct ringbuf_attach - RINGBUF_IOC_ATTACH: bind the handle to a ring that exists
 * @size: sizeof(struct ringbuf_attach)
 * @flags: must be 0
 * @role: RINGBUF_ROLE_READER, _WRITER, _OBSERVER or _OWNER
 * @fd: on a handle of /dev/ringbuf: a handle of the ring; on a file: -1
 * @start: RINGBUF_START_*, for a reader; else 0
 * @position: in: for RINGBUF_START_POSITION, else 0; [out] where the reader starts,
 *	or the position that the writer will try first
 * @id: [out] reader row (0…), or writer id (1…)
 * @policy: RINGBUF_POLICY_*, for a reader; else 0
 * @__reserved: must be 0
 *
 * A file is open for what its mode allows: reader and observer need it open for reading,
 * writer for writing, owner for both.  A ring that has none yet gets the default geometry
 * of its mount; while whoever made the file may still call CREATE, the call waits, or is
 * EAGAIN with O_NONBLOCK.
 *
 * By fd one gets at most the rights of that handle: those that it was opened with, and if
 * it is bound those of its role: owner and writer give any
 * role, reader gives reader or observer, observer gives observer.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADF (@fd is not open), EBADFD (the handle
 * is bound already, or @fd is no handle of a ring), EACCES (the rights of the file or of
 * @fd), EAGAIN, EINTR, ESTALE (whoever made the file closed it without CREATE), EBUSY (a
 * second exclusive writer), ENOSPC (all rows taken, max_bytes of the mount), EDQUOT,
 * ENOMEM.
 */
struct ringbuf_attach {
	__u32 size;
	__u32 flags;
	__u32 role;
	__s32 fd;
	__aligned_u64 position;
	__u32 start;
	__u32 id;
	__u32 policy;
	__u32 __reserved;
};

enum ringbuf_region_id {
	RINGBUF_REGION_INFO, /* struct ringbuf_info_page, and a row per reader */
	RINGBUF_REGION_HEAD, /* struct ringbuf_head_page, and a row per writer */
	RINGBUF_REGION_SLOTS, /* descriptors, claims, timestamps */
	RINGBUF_REGION_CURSOR, /* one page per reader */
	RINGBUF_REGION_DATA,
};

/**
 * struct ringbuf_region - a byte range of the handle that can be mapped
 * @id: enum ringbuf_region_id; ids that a program does not know are not for it
 * @flags: 0
 * @offset: for mmap(2); map a region whole and with MAP_SHARED.  The cursor
 *	region may also be mapped by the page (that is how a reader maps its own
 *	page writable: PROT_READ | PROT_WRITE at offset + row * page_size).
 * @bytes: length, a multiple of the page size
 */
struct ringbuf_region {
	__u32 id;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 bytes;
};

/**
 * struct ringbuf_info - RINGBUF_IOC_INFO: geometry of the ring of a bound handle
 * @size: sizeof(struct ringbuf_info)
 * @flags: must be 0
 * @regions: pointer to an array of struct ringbuf_region, in which what can be mapped
 *	is found by its id; 0: none is wanted
 * @region_size: bytes from one entry to the next; does not matter without @regions
 * @region_count: in: entries that fit; [out] regions there are, also when @regions is 0
 * @slot_bytes: [out] capacity of a slot
 * @slot_count: [out] number of slots
 * @slot_stride: [out] bytes from one slot to the next in the data region
 * @claim_offset: [out] of the __u64 claim words in the slots region
 * @stamp_offset: [out] of the __u64 timestamps in the slots region; 0 in a ring without
 *	RINGBUF_CREATE_TIMESTAMP
 * @ring_flags: [out] RINGBUF_CREATE_*
 * @max_readers: [out] rows for readers
 * @max_writers: [out] writers at a time
 * @role: [out] RINGBUF_ROLE_* of this handle
 * @id: [out] as in struct ringbuf_attach
 * @page_size: [out] bytes from one reader's cursor page to the next
 * @wait_readers: [out] as in struct ringbuf_create
 * @__reserved: [out] 0
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD.
 */
struct ringbuf_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 regions;
	__u32 region_size;
	__u32 region_count;
	__aligned_u64 slot_bytes;
	__aligned_u64 slot_count;
	__aligned_u64 slot_stride;
	__aligned_u64 claim_offset;
	__aligned_u64 stamp_offset;
	__u32 ring_flags;
	__u32 max_readers;
	__u32 max_writers;
	__u32 role;
	__u32 id;
	__u32 page_size;
	__u32 wait_readers;
	__u32 __reserved;
};

#define RINGBUF_NO_TIMEOUT (~0ULL)

/* struct ringbuf_wait.flags */
#define RINGBUF_WAIT_REMAINDER (1U << 0) /* write back what is left of @after */

/**
 * struct ringbuf_wait - RINGBUF_IOC_WAIT: sleep until the handle can go on
 * @size: sizeof(struct ringbuf_wait)
 * @flags: RINGBUF_WAIT_*
 * @timeout: absolute CLOCK_MONOTONIC ns, or RINGBUF_NO_TIMEOUT
 * @count: a reader waits until this many slots can be read from its cursor on,
 *	a writer until this many can be reserved; 1 to slot_count
 *	(and for a writer at most RINGBUF_MAX_BATCH)
 * @__reserved: must be 0
 * @after: when not 0: ns after arming at which one slot is enough.  A call that a
 *	signal restarts counts them from its start, but with RINGBUF_WAIT_REMAINDER:
 *	then a signal that ends or restarts the call leaves here how many are left, at
 *	least 1
 * @ready: [out] slots ready when the call returned 0 (a lower bound)
 *
 * Returns 0 also at the end of the stream (a reader: @ready may be less than
 * @count, then nothing more will come).
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, ETIMEDOUT, EINTR (restarted where
 * SA_RESTART asks for it), ENOSPC (RINGBUF_MAX_WAITERS wait in this ring already;
 * read(2) and write(2) that would wait say so too).
 */
struct ringbuf_wait {
	__u32 size;
	__u32 flags;
	__aligned_u64 timeout;
	__u32 count;
	__u32 __reserved;
	__aligned_u64 after;
	__aligned_u64 ready;
};

/**
 * struct ringbuf_wake - RINGBUF_IOC_WAKE: wake the handles whose target is reached
 * @size: sizeof(struct ringbuf_wake)
 * @flags: must be 0
 *
 * A reader or writer calls it when it has changed a shared word and then, after a
 * full memory barrier, found that the wake word of struct ringbuf_info_page was
 * reached.  The call looks at every waiter of the ring twice, and may sleep.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (owners and observers change no word).
 */
struct ringbuf_wake {
	__u32 size;
	__u32 flags;
};

/**
 * struct ringbuf_done - RINGBUF_IOC_DONE: this writer will write no more
 * @size: sizeof(struct ringbuf_done)
 * @flags: must be 0
 *
 * What it had reserved and not committed becomes holes; while I/O may still
 * write to one of these slots (an O_DIRECT read, a registered buffer), that and
 * the writer's end come later, after a second at most.  Later writes fail with
 * EPIPE.  When the last writer is done readers drain and see the end.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, EPIPE (done already).
 */
struct ringbuf_done {
	__u32 size;
	__u32 flags;
};

/* struct ringbuf_sync.flags */
#define RINGBUF_SYNC_ALL  (1U << 0) /* all readers, instead of @reader */
#define RINGBUF_SYNC_HEAD (1U << 1) /* to head, instead of @position */

/**
 * struct ringbuf_sync - RINGBUF_IOC_SYNC: move readers forward
 * @size: sizeof(struct ringbuf_sync)
 * @flags: RINGBUF_SYNC_*
 * @reader: row of the reader; 0 with RINGBUF_SYNC_ALL.  A reader may name only
 *	itself; owners and writers may name any, or all
 * @__reserved: must be 0
 * @position: in: the new floor, 0 with RINGBUF_SYNC_HEAD; a reader that is there or
 *	beyond stays, and none moves beyond head.  [out] the position used
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, EACCES, ENOENT (no such reader).
 */
struct ringbuf_sync {
	__u32 size;
	__u32 flags;
	__u32 reader;
	__u32 __reserved;
	__aligned_u64 position;
};

/**
 * struct ringbuf_detach - RINGBUF_IOC_DETACH: end this handle's part in the ring
 * @size: sizeof(struct ringbuf_detach)
 * @flags: must be 0
 *
 * A reader leaves the gate; a writer is done, as by RINGBUF_IOC_DONE.  Maps
 * stay readable until unmapped.  The handle cannot be bound again.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD.
 */
struct ringbuf_detach {
	__u32 size;
	__u32 flags;
};

/**
 * struct ringbuf_evict - RINGBUF_IOC_EVICT: end a reader that is stuck
 * @size: sizeof(struct ringbuf_evict)
 * @flags: must be 0
 * @reader: its row
 * @__reserved: must be 0
 *
 * For owners and writers.  The reader leaves the gate, whatever it still maps; what
 * it reads meanwhile may be overwritten, and its next step finds that out.  From
 * then on reading, waiting and moving are EIDRM, and poll says POLLERR; the row
 * stays taken until its handle and maps are gone.  It may attach anew, with another
 * handle.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, ENOENT (no such reader).
 */
struct ringbuf_evict {
	__u32 size;
	__u32 flags;
	__u32 reader;
	__u32 __reserved;
};

/**
 * struct ringbuf_reader_stats - one reader in RINGBUF_IOC_STATS
 * @cursor: next position it will read (the floor, if that is higher)
 * @lag: head - cursor, never below 0
 * @lost: slots that it was moved over (as the reader itself counts them)
 * @holes: discarded or repaired slots that it skipped (likewise)
 * @waits: times it slept
 * @wakeups: times it was awakened
 * @id: row
 * @pid: process that maps or opened it, in the caller's pid namespace, or 0
 */
struct ringbuf_reader_stats {
	__aligned_u64 cursor;
	__aligned_u64 lag;
	__aligned_u64 lost;
	__aligned_u64 holes;
	__aligned_u64 waits;
	__aligned_u64 wakeups;
	__u32 id;
	__s32 pid;
};

/**
 * struct ringbuf_writer_stats - one writer, as filled in by RINGBUF_IOC_STATS
 * @waits: times it slept
 * @wakeups: times it was woken
 * @id: its id
 * @pid: process that uses it, as the caller sees it; 0: not visible to the caller
 */
struct ringbuf_writer_stats {
	__aligned_u64 waits;
	__aligned_u64 wakeups;
	__u32 id;
	__s32 pid;
};

/* struct ringbuf_stats.blocker_kind */
#define RINGBUF_BLOCKER_NONE   0U
#define RINGBUF_BLOCKER_READER 1U /* the one that lags most, and so limits the writers */
#define RINGBUF_BLOCKER_WRITER 2U /* has not finished the slot for which the others wait */

/**
 * struct ringbuf_stats - RINGBUF_IOC_STATS: the ring, its readers and writers, who blocks it
 * @size: sizeof(struct ringbuf_stats)
 * @flags: must be 0
 * @readers: pointer to an array of struct ringbuf_reader_stats; 0: none is wanted, and
 *	@count and @reader_size do not matter
 * @count: in: entries that fit; [out] entries written
 * @reader_size: bytes from one entry to the next, see the top of this file
 * @writer_table: pointer to an array of struct ringbuf_writer_stats; 0: none is wanted,
 *	and @writer_count and @writer_size do not matter
 * @writer_count: in: entries that fit; [out] entries written
 * @writer_size: bytes from one entry to the next
 * @head: [out] next position to be written
 * @repaired: [out] slots made holes because their writer went away
 * @waits: [out] times a writer slept
 * @wakeups: [out] times a writer was awakened
 * @wake_calls: [out] times RINGBUF_IOC_WAKE was called
 * @blocker_lag: [out] slots between @blocker_position and @head; 0 if nobody blocks
 * @blocker_position: [out] the slot that the writer has not finished, or the reader's
 *	cursor; head if nobody blocks
 * @blocker_kind: [out] RINGBUF_BLOCKER_*.  Where the reader that lags most waits itself
 *	for a slot that a writer has reserved and not finished, it is that writer; without
 *	a reader, if the writers wait for such a slot
 * @blocker_id: [out] row of the reader, or id of the writer, that blocks
 * @blocker_pid: [out] its process, as in struct ringbuf_reader_stats
 * @total: [out] readers attached
 * @writers: [out] attached and not done
 * @writers_ever: [out] ever attached
 * @ended: [out] RINGBUF_END_*
 * @readers_lacking: [out] readers that must still attach before a writer gets a slot, see
 *	struct ringbuf_create.wait_readers
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, ENOMEM.
 */
struct ringbuf_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 readers;
	__u32 count;
	__u32 reader_size;
	__aligned_u64 writer_table;
	__u32 writer_count;
	__u32 writer_size;
	__aligned_u64 head;
	__aligned_u64 repaired;
	__aligned_u64 waits;
	__aligned_u64 wakeups;
	__aligned_u64 wake_calls;
	__aligned_u64 blocker_lag;
	__aligned_u64 blocker_position;
	__u32 blocker_kind;
	__u32 blocker_id;
	__s32 blocker_pid;
	__u32 total;
	__u32 writers;
	__u32 writers_ever;
	__u32 ended;
	__u32 readers_lacking;
};

/* ---- read(2) and write(2) --------------------------------------------- */

/* struct ringbuf_framing.framing */
#define RINGBUF_FRAMING_MESSAGE 0U /* one call, one message */
#define RINGBUF_FRAMING_STREAM	1U /* bytes without boundaries, as in a pipe */

/**
 * struct ringbuf_framing - RINGBUF_IOC_FRAMING: how read(2) and write(2) see the ring
 * @size: sizeof(struct ringbuf_framing)
 * @flags: must be 0
 * @framing: RINGBUF_FRAMING_*
 * @__reserved: must be 0
 *
 * Of this handle alone, at any time; others of the same ring may differ.
 *
 * Message: write(2) makes one message of what it is given, also of nothing;
 * more than a slot holds is EMSGSIZE.  read(2) returns the next message, or
 * EMSGSIZE, and leaves it there, when the buffer is too small.  At the end of
 * the stream it returns 0.
 *
 * Stream: write(2) fills as many slots as it takes, and returns less than it
 * was given only when it would have to wait and may not, or is interrupted.
 * read(2) returns what there is, from as many slots as fit, and goes on in the
 * middle of a slot.  What one write(2) of at most a slot has written is not
 * mixed with what others write.  Empty messages are skipped.  Who changes to
 * messages in the middle of a slot gets its rest as the first one.
 *
 * In both, ioctl(FIONREAD) gives a reader, as an int, the bytes that can be read
 * without waiting (message framing: of the next message).  On any other handle it
 * is ENOTTY.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (neither reader nor writer).
 */
struct ringbuf_framing {
	__u32 size;
	__u32 flags;
	__u32 framing;
	__u32 __reserved;
};

/**
 * struct ringbuf_room - RINGBUF_IOC_ROOM: how much a writer can write without waiting
 * @size: sizeof(struct ringbuf_room)
 * @flags: must be 0
 * @slots: [out] slots that can be reserved now
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (not a writer).
 */
struct ringbuf_room {
	__u32 size;
	__u32 flags;
	__aligned_u64 slots;
};

/**
 * struct ringbuf_threshold - RINGBUF_IOC_THRESHOLD: when it is worth waking this handle
 * @size: sizeof(struct ringbuf_threshold)
 * @flags: must be 0
 * @slots: this many can be read or written; 0: do not count them
 * @__reserved: must be 0
 * @bytes: a reader: this many can be read; a writer: slots for this many can be
 *	written; 0: do not count them
 * @after: when not 0: ns after arming at which one slot is enough
 *
 * For poll, epoll, io_uring, read(2) and write(2) that wait; whichever is first.
 * More than the ring holds means a full ring (or an empty one, for a writer).
 * All 0, as it is at first: one slot.  The end of the stream counts always.
 * A reader and a writer that together want more than the ring has slots may
 * wait for each other, unless one of them has set @after.
 *
 * A reader that has been told that enough is there finds all of that: only when
 * it has read what was there then does the threshold hold for it again, for
 * read(2) too, which gives EAGAIN below it where it may not wait.  Arming is to
 * begin to wait, or to be told by poll how things stand.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (neither reader nor writer).
 */
struct ringbuf_threshold {
	__u32 size;
	__u32 flags;
	__u32 slots;
	__u32 __reserved;
	__aligned_u64 bytes;
	__aligned_u64 after;
};

/*
 * Files.  open(2) of a ring for reading makes a reader of the handle, for writing a writer,
 * with stream framing; for both, or with O_EXCL and without O_CREAT, it stays unbound: CREATE
 * or ATTACH, or the first read(2) or write(2), binds it.  ENXIO: whoever made the file may
 * still call CREATE, and O_NONBLOCK is set.  EBUSY and ENOSPC are as in ATTACH.
 */

/*
 * The default ring.  A handle of /dev/ringbuf that is open for one of reading and writing is
 * bound by its open, unless O_EXCL is set, and one that is open for both by its first read(2)
 * or write(2): to the ring that the user who opened it has in the caller's network namespace,
 * as a reader or a writer with stream framing.  The ring has the module's
 * default_slot_bytes and default_slot_count, is there while handles are bound to
 * it, and has no name.  Writers wait while it has no reader.  A reader that
 * comes then goes on where the last one has stopped; another one gets what the
 * ring still holds, and what follows.
 */

/* ---- io_uring ----------------------------------------------------------- */

/* The cmd_op of IORING_OP_URING_CMD on a handle; numbers of their own, from 1 on. */
#define RINGBUF_URING_WAIT   1U
#define RINGBUF_URING_CANCEL 2U

/**
 * struct ringbuf_uring_cmd - what stands in sqe->cmd
 * @wait: RINGBUF_URING_WAIT: pointer to a struct ringbuf_wait, which is read when
 *	the request is issued and never written; RINGBUF_URING_CANCEL: 0
 * @tag: of the request, for RINGBUF_URING_CANCEL
 *
 * RINGBUF_URING_WAIT is RINGBUF_IOC_WAIT without a thread that sleeps.  The
 * result is what that would give as @ready, or its negative errno; ECANCELED
 * when it was canceled.
 *
 * RINGBUF_URING_CANCEL ends what waits on the same handle with the same @tag;
 * its result is how many, or ENOENT.  IORING_OP_ASYNC_CANCEL does not reach the
 * requests of drivers before that is in io_uring itself; the exit of the ring,
 * of the process and of its threads does.
 *
 * Where RINGBUF_FEAT_URING is missing (before Linux 6.12) all is EOPNOTSUPP: then
 * set a threshold, and wait by IORING_OP_POLL_ADD.
 */
struct ringbuf_uring_cmd {
	__aligned_u64 wait;
	__aligned_u64 tag;
};

/* ---- layout of the shared pages --------------------------------------- */

#define RINGBUF_LINE 64 /* stride of words that must not share a line */

/*
 * The pages grow at their ends, and so do the entries of the tables behind them.  The
 * info page says where these lie and how far one entry is from the next, so a program
 * that does not know the newest fields finds its way.  These are the first sizes:
 */
#define RINGBUF_INFO_PAGE_SIZE_VER0  256
#define RINGBUF_ROW_SIZE_VER0	     16
#define RINGBUF_HEAD_PAGE_SIZE_VER0  64
#define RINGBUF_WRITER_ROW_SIZE_VER0 64

#define RINGBUF_ROW_ATTACHED (1U << 0) /* the row belongs to a reader */
#define RINGBUF_ROW_GATING   (1U << 1) /* writers wait for it */
#define RINGBUF_ROW_EVICTED  (1U << 2) /* its reader may read no more */

#define RINGBUF_FLOOR_EVICTED (~0ULL) /* the floor of such a row */

/**
 * struct ringbuf_row - what the host says of a reader
 * @floor: positions below may no longer be read
 * @flags: RINGBUF_ROW_*
 * @generation: +1 whenever the row is given to a reader
 */
struct ringbuf_row {
	__aligned_u64 floor;
	__u32 flags;
	__u32 generation;
};

#define RINGBUF_END_NONE 0U /* writers are there, or none has been yet */
#define RINGBUF_END_DONE 1U /* all writers said that they are done */
#define RINGBUF_END_DIED 2U /* none is left, and one ended without saying so */

#define RINGBUF_WAKE_NONE (~0ULL) /* a wake word that nobody waits for */

/**
 * struct ringbuf_info_page - start of the info region, written by the host only
 * @magic: RINGBUF_MAGIC
 * @abi_version: RINGBUF_ABI_VERSION
 * @flags: RINGBUF_CREATE_*
 * @slot_bytes: capacity of a slot
 * @slot_count: number of slots
 * @slot_stride: bytes from one slot to the next
 * @max_readers: entries in the table of struct ringbuf_row
 * @max_writers: entries in the table of struct ringbuf_writer_row
 * @row_offset: of the first row in the info region; reader i has row i
 * @row_stride: bytes from one row to the next
 * @writer_offset: of the first writer's row in the head region; entry i belongs to
 *	writer id i + 1
 * @writer_stride: bytes from one writer's row to the next
 * @wake_position: lowest position whose completion somebody waits for
 * @wake_cursor: lowest cursor that somebody waits for
 * @generation: +1 whenever a row begins to gate
 * @allowance: largest allowance of the writers that are gone
 * @rows: rows at and above this one have never been used
 * @writers: attached and not done
 * @writers_ever: ever attached, stops at its largest value
 * @ended: RINGBUF_END_*
 * @readers_wanted: readers that must be attached at one time before a writer may take a
 *	position; 0 once they have been
 */
struct ringbuf_info_page {
	__aligned_u64 magic;
	__u32 abi_version;
	__u32 flags;
	__aligned_u64 slot_bytes;
	__aligned_u64 slot_count;
	__aligned_u64 slot_stride;
	__u32 max_readers;
	__u32 max_writers;
	__u32 row_offset;
	__u32 row_stride;
	__u32 writer_offset;
	__u32 writer_stride;

	__aligned_u64 wake_position;
	__aligned_u64 __pad1[7];

	__aligned_u64 wake_cursor;
	__aligned_u64 __pad2[7];

	__aligned_u64 generation;
	__aligned_u64 allowance;
	__u32 rows;
	__u32 writers;
	__u32 writers_ever;
	__u32 ended;
	__u32 readers_wanted;
	__u32 __pad3;
	__aligned_u64 __pad4[3];
};

/**
 * struct ringbuf_writer_row - what a writer says of itself, in a line of its own
 * @allowance: it may take positions below this one
 * @cpu: where it last slept or woke somebody, + 1; 0: not known.  A hint, for
 *	who considers spinning
 */
struct ringbuf_writer_row {
	__aligned_u64 allowance;
	__u32 cpu;
	__u32 __pad0;
	__aligned_u64 __pad1[6];
};

/**
 * struct ringbuf_head_page - start of the head region, written by all writers
 * @head: a position not above the next one to be reserved (a hint)
 */
struct ringbuf_head_page {
	__aligned_u64 head;
	__aligned_u64 __pad[7];
};

/* A state word is position << 2 | phase; a finished slot has a phase that is not 0. */
#define RINGBUF_STATE_SHIFT 2
#define RINGBUF_STATE_MASK  3ULL
#define RINGBUF_COMMITTED   1ULL
#define RINGBUF_DISCARDED   2ULL /* a hole: its writer took it back */
#define RINGBUF_REPAIRED    3ULL /* a hole: its writer went away */

/**
 * struct ringbuf_desc - one slot; entry i is for positions p with p % slot_count == i
 * @state: position and phase; all zero: never used
 * @length: bytes of the message, 0 to slot_bytes
 * @flags: free for the writer's use
 */
struct ringbuf_desc {
	__aligned_u64 state;
	__u32 length;
	__u32 flags;
};

/*
 * A claim word (shared writers only) is
 *	low bits of the position | writer id | slots - 1
 * and names who has reserved the slot and how many from there on.  Writer id 0: the host
 * has given the id of that writer, which is gone, to another.
 */
#define RINGBUF_CLAIM_COUNT_BITS  6
#define RINGBUF_CLAIM_WRITER_BITS 8
#define RINGBUF_CLAIM_SHIFT	  (RINGBUF_CLAIM_COUNT_BITS + RINGBUF_CLAIM_WRITER_BITS)

/**
 * struct ringbuf_cursor - what a reader says of itself
 * @cursor: next position that it will read
 * @lost: slots that it was moved over
 * @holes: holes that it skipped
 * @cpu: as in struct ringbuf_writer_row
 *
 * It lies in the reader's page at RINGBUF_CURSOR_OFFSET(row).
 */
struct ringbuf_cursor {
	__aligned_u64 cursor;
	__aligned_u64 lost;
	__aligned_u64 holes;
	__u32 cpu;
	__u32 __pad0;
	__aligned_u64 __pad1[4];
};

/* Rows take turns through the lines of a page, or all would share one cache set. */
#define RINGBUF_CURSOR_OFFSET(row) (((row) % 64U) * RINGBUF_LINE)

#endif /* _UAPI_LINUX_RINGBUF_H */
