/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Rings of mmap-able slots with in-kernel wait queues.
 *
 * This file is the whole ABI: the ioctls and the layout of the shared pages.
 *
 * A named ring is a file in a file system of type "ringbuf"; an anonymous ring is
 * created through /dev/ringbuf.  An open file of either kind is a *handle*.
 * RINGBUF_IOC_CREATE or RINGBUF_IOC_ATTACH binds the handle, once, to one ring and one
 * role.  RINGBUF_IOC_INFO then reports which byte ranges of the file can be mapped.
 * kmod/protocol.rst describes how to use the shared words.  The embedded host of
 * libringbuf, which has no device, uses the same words in the same layout.
 *
 * Every ioctl takes a pointer to a structure.  Its first field, @size, is the number of
 * bytes of the caller's structure.  Structures grow at their end only.
 * RINGBUF_..._SIZE_VER0 is the size with which a structure was introduced; it is encoded
 * in the number of the command, so that number never changes.  A program and a kernel of
 * different versions agree on these rules:
 *
 *	@size is below VER0			EINVAL
 *	the caller's structure is shorter	the kernel takes the missing fields as 0
 *						and does not write them
 *	the caller's structure is longer	the fields that the kernel does not know
 *						must be 0 on entry, else E2BIG, and are
 *						0 on return
 *	@size is above the size of a page	E2BIG
 *
 * So clear the whole structure before filling it in, [out] fields too.  The kernel
 * never writes @size.  Each array that the kernel fills comes with the number of bytes
 * from one entry to the next.  Entries grow by the same rules, but the kernel does not
 * read the fields of an entry that it does not know; it only clears them.
 *
 * Unknown flags, unknown values of an enumeration and non-zero reserved fields are
 * EINVAL, so that a later kernel can give them a meaning.  The kernel may return flags,
 * values of an enumeration and ids that a program does not know yet; the program must
 * ignore them.  Fields marked [out] are ignored on entry.  Pointers are passed as __u64.
 * A handle that is not bound, or is bound to a role that the command does not allow,
 * gets EBADFD.  An unknown command is ENOTTY.  A reader that was evicted gets EIDRM.
 */
#ifndef _UAPI_LINUX_RINGBUF_H
#define _UAPI_LINUX_RINGBUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define RINGBUF_ABI_VERSION 2
#define RINGBUF_MAGIC	    0x66756230676e6972ULL /* "ring0buf", little endian */

#define RINGBUF_FS_MAGIC 0x72627566 /* statfs.f_type of the file system: "rbuf" */

/* Limits of the ABI; module parameters and RLIMITs may set lower ones. */
#define RINGBUF_MAX_SLOT_BYTES (1ULL << 30) /* one write(2) takes at most 2^31 - 4096 */
#define RINGBUF_MAX_SLOTS      (1ULL << 25)
#define RINGBUF_MAX_READERS    4096U
#define RINGBUF_MAX_WRITERS    255U
#define RINGBUF_MAX_BATCH      64U /* slots in one reservation */
#define RINGBUF_MAX_WAITERS    16384U /* calls and requests that wait in one ring */

#define RINGBUF_UUID_BYTES 16 /* of struct ringbuf_info.uuid */
#define RINGBUF_COMM_BYTES 16 /* room for the name of a process, as in /proc/PID/comm */

/* ---- ioctls ---------------------------------------------------------- */

#define RINGBUF_IOC_MAGIC 0xBB /* 00-3F, see kmod/protocol.rst */

/* The size of each command's structure in the first version of the ABI. */
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
#define RINGBUF_HOLE_SIZE_VER0	    48

/* The size of each array's entry in the first version of the ABI. */
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
#define RINGBUF_IOC_HOLE \
	_IOC(_IOC_READ | _IOC_WRITE, RINGBUF_IOC_MAGIC, 0x10, RINGBUF_HOLE_SIZE_VER0)

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
#define RINGBUF_FEAT_FENCE     (1ULL << 9) /* claim_timeout, RINGBUF_ATTACH_TAKE_OVER */
#define RINGBUF_FEAT_POLICY    (1ULL << 10) /* RINGBUF_POLICY_* besides BLOCK */
#define RINGBUF_FEAT_HOLE      (1ULL << 11) /* RINGBUF_IOC_HOLE, and the blocker's comm and since */

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

/* struct ringbuf_create.flags; all but KEPT also appear in ringbuf_info_page.flags. */
#define RINGBUF_CREATE_EXCLUSIVE (1U << 0) /* one writer at a time, plain stores */
#define RINGBUF_CREATE_TIMESTAMP (1U << 1) /* the writer's CLOCK_MONOTONIC ns in every slot */
#define RINGBUF_CREATE_KEPT	 (1U << 2) /* the file stays until it is unlinked */

#define RINGBUF_MIN_CLAIM_TIMEOUT 1000000ULL /* ns; 0 means never */

/*
 * What happens to a reader that holds writers up.  A reader *holds up* a writer while that
 * writer waits for the reader to release a slot, or has just failed because it may not wait,
 * and the message at the reader's cursor can be read.
 */
#define RINGBUF_POLICY_BLOCK 0U /* nothing: writers wait for it */
#define RINGBUF_POLICY_EVICT 1U /* it is evicted, see RINGBUF_IOC_EVICT */
#define RINGBUF_POLICY_SKIP  2U /* it loses the slots that writers need, and is told how many */
#define RINGBUF_POLICY_LOSSY 3U /* writers never wait for it; it is told what it has lost */
#define RINGBUF_POLICY_KIND  0xffU /* mask of the values above */

/* A flag for EVICT and SKIP: do not wait for the timeout while the reader is stopped or frozen. */
#define RINGBUF_POLICY_AT_STOP (1U << 8)

#define RINGBUF_MIN_POLICY_TIMEOUT 1000000ULL /* ns; 0 means at once */

/**
 * struct ringbuf_create - RINGBUF_IOC_CREATE: make a ring, bind the handle to it
 * @size: sizeof(struct ringbuf_create)
 * @flags: RINGBUF_CREATE_*
 * @slot_bytes: capacity of a slot, 1 to RINGBUF_MAX_SLOT_BYTES
 * @slot_count: number of slots, 1 to RINGBUF_MAX_SLOTS, any number
 * @max_readers: rows for readers, 1 to RINGBUF_MAX_READERS; 0 means 64
 * @max_writers: writers at a time, 1 to RINGBUF_MAX_WRITERS; 0 means 16,
 *	and always 1 with RINGBUF_CREATE_EXCLUSIVE
 * @wait_readers: writers get no slot before this many readers have been attached at the
 *	same time; after that they do, even if readers leave; 0 to @max_readers
 * @policy: RINGBUF_POLICY_*, of all readers that ask for none of their own
 * @claim_timeout: how long, in ns, a writer may keep a slot reserved while others wait for
 *	it, see below; 0: as long as it likes; else at least RINGBUF_MIN_CLAIM_TIMEOUT
 * @policy_timeout: with EVICT and SKIP: how long, in ns, a reader may hold up writers
 *	without releasing a slot; 0: not at all; else at least RINGBUF_MIN_POLICY_TIMEOUT
 * @policy_lag: with EVICT and SKIP: how many slots a reader may lag behind a writer, at most
 *	@slot_count, whether it holds that writer up or not; 0: as many as the ring has
 *
 * Until @wait_readers readers have been attached, reserving a slot and write(2) fail or
 * wait, and poll does not report POLLOUT.  Each of these readers gets the stream from
 * position 0 on.
 *
 * The handle gets the role RINGBUF_ROLE_OWNER: another handle may name it in ATTACH to
 * get any role, but the owner itself reads and writes nothing.
 *
 * A writer that has mapped the ring, and keeps a slot reserved for longer than
 * @claim_timeout while a reader or another writer waits for that slot, is *fenced*: its
 * maps no longer lead to the ring but to private pages, its reserved slots become holes,
 * and it counts as a writer that died.  So whatever it stores later reaches no slot of the
 * ring.  (Of I/O that its process has begun before, see "Identity" in kmod/protocol.rst.)
 * Its process is not disturbed: it learns of the fence by ESTALE, from the commit,
 * RINGBUF_IOC_WAIT, _WAKE, _DONE and write(2).  To write again it unmaps the ring and maps
 * it once more, or attaches another handle.  With RINGBUF_CREATE_EXCLUSIVE a writer holds
 * nobody up; there @claim_timeout allows a successor to fence it, see
 * RINGBUF_ATTACH_TAKE_OVER.
 *
 * With RINGBUF_POLICY_EVICT a reader is evicted, with RINGBUF_POLICY_SKIP it is skipped, once
 * it has held up a writer for @policy_timeout without releasing a slot, or once a writer
 * wants a slot that lies @policy_lag slots ahead of the reader's cursor, or further (more than
 * @policy_lag slots at once always do).  The time
 * runs only while the reader holds a writer up.  With RINGBUF_POLICY_AT_STOP it is not waited
 * for while all threads of the reader's process are stopped (SIGSTOP) or frozen
 * (cgroup.freeze).  No writer waits for a reader that is skipped, until that reader asks for
 * its next message: then it continues at the oldest slot that the ring still holds.  A reader
 * with RINGBUF_POLICY_LOSSY is never waited for; when it finds that writers have overwritten
 * its next message, it continues at the oldest slot as well.  Both are told how many slots
 * they have lost, and neither takes a message that a writer has begun to overwrite for a
 * whole one.
 *
 * On a handle of /dev/ringbuf the new ring has no name.  On a handle of a file, the file
 * must have no ring yet and be open for reading and writing; the ring becomes the file's.
 * The file is then fleeting, so its name is removed with its last handle, unless
 * RINGBUF_CREATE_KEPT is set or the file was made by mknod(2).
 *
 * Errors: EINVAL (a field is out of range, slot_bytes * slot_count is too large, or
 * RINGBUF_CREATE_KEPT without a file), E2BIG, EFAULT, EBADFD (the handle is bound
 * already), EEXIST (the file has a ring), EBUSY (another handle made the file with O_CREAT
 * and has not called CREATE yet), EACCES (the file is not open for reading and writing),
 * ESTALE (the handle that made the file was closed without CREATE), ENOSPC (max_bytes of
 * the mount), EDQUOT (the caller's quota of ring memory), ENOMEM.
 */
struct ringbuf_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 slot_bytes;
	__aligned_u64 slot_count;
	__u32 max_readers;
	__u32 max_writers;
	__u32 wait_readers;
	__u32 policy;
	__aligned_u64 claim_timeout;
	__aligned_u64 policy_timeout;
	__aligned_u64 policy_lag;
};

#define RINGBUF_ROLE_NONE     0U
#define RINGBUF_ROLE_READER   1U
#define RINGBUF_ROLE_WRITER   2U
#define RINGBUF_ROLE_OBSERVER 3U
#define RINGBUF_ROLE_OWNER    4U /* what CREATE gives; reads and writes nothing */

#define RINGBUF_START_HEAD     0U /* the next message to be written */
#define RINGBUF_START_OLDEST   1U /* the oldest slot still held */
#define RINGBUF_START_POSITION 2U /* @position, or the nearest slot still held */

/* struct ringbuf_attach.flags */
#define RINGBUF_ATTACH_TAKE_OVER (1U << 0) /* fence an exclusive writer that is stuck */

/**
 * struct ringbuf_attach - RINGBUF_IOC_ATTACH: bind the handle to a ring that exists
 * @size: sizeof(struct ringbuf_attach)
 * @flags: RINGBUF_ATTACH_*
 * @role: RINGBUF_ROLE_READER, _WRITER, _OBSERVER or _OWNER
 * @fd: on a handle of /dev/ringbuf: a handle of the ring; on a file: -1
 * @start: RINGBUF_START_*, for a reader; else 0
 * @position: in: where to start with RINGBUF_START_POSITION, else 0; [out] where the
 *	reader starts, or the position that the writer will try first
 * @id: [out] reader row (0…), or writer id (1…)
 * @policy: for a reader: its own RINGBUF_POLICY_*, see below; 0: the ring's; else 0
 * @__reserved: must be 0
 * @claim_timeout: for a writer: its own, at most the ring's, see struct ringbuf_create; 0:
 *	the ring's; else 0
 * @policy_timeout: for a reader with a policy of its own, see struct ringbuf_create; else 0
 * @policy_lag: for a reader with a policy of its own, see struct ringbuf_create; else 0
 *
 * On a handle of a file, a reader or observer needs the file open for reading, a writer
 * for writing, an owner for both.  If the file has no ring yet, the call creates one in
 * the default geometry of the mount.  While the handle that made the file may still call
 * CREATE, the call waits, or fails with EAGAIN if O_NONBLOCK is set.
 *
 * Through @fd the caller gets at most the rights of that handle: those that it was opened
 * with and, if it is bound, those of its role.  An owner or writer gives any role, a
 * reader gives reader or observer, an observer gives observer.
 *
 * A reader's own policy may not let it hold up writers for longer than the ring's policy does.
 * In a ring with RINGBUF_POLICY_BLOCK it may have any.  With EVICT or SKIP it may have EVICT
 * or SKIP, with a timeout and a lag that are not larger than the ring's, and with
 * RINGBUF_POLICY_AT_STOP if the ring has it.  RINGBUF_POLICY_LOSSY it may always have.
 *
 * RINGBUF_ATTACH_TAKE_OVER is for a writer of a ring that has RINGBUF_CREATE_EXCLUSIVE and a
 * claim_timeout.  If the ring has a writer, the call waits until that one has ended, or has
 * committed nothing for claim_timeout; then it fences that writer and takes its place.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADF (@fd is not open), EBADFD (the handle is bound
 * already, or @fd is not a handle of a ring), EACCES (the rights of the file or of @fd do
 * not suffice), EAGAIN, EINTR, ESTALE (the handle that made the file was closed without
 * CREATE), EBUSY (a second exclusive writer; with RINGBUF_ATTACH_TAKE_OVER only if
 * O_NONBLOCK is set, or if the writer could not be fenced), ENOSPC (all rows or ids are taken, or
 * max_bytes of the mount), EDQUOT, ENOMEM.
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
	__aligned_u64 claim_timeout;
	__aligned_u64 policy_timeout;
	__aligned_u64 policy_lag;
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
 * @id: enum ringbuf_region_id; a program ignores ids that it does not know
 * @flags: 0
 * @offset: for mmap(2); map the whole region, with MAP_SHARED.  Single pages of the
 *	cursor region may be mapped too: a reader maps its own page with PROT_READ |
 *	PROT_WRITE at offset + row * page_size
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
 * @regions: pointer to an array of struct ringbuf_region, in which the caller finds a
 *	region by its id; 0: the caller wants no regions
 * @region_size: bytes from one entry to the next; ignored if @regions is 0
 * @region_count: in: entries that fit; [out] regions that exist, also when @regions is 0
 * @slot_bytes: [out] capacity of a slot
 * @slot_count: [out] number of slots
 * @slot_stride: [out] bytes from one slot to the next in the data region
 * @claim_offset: [out] offset of the __u64 claim words in the slots region
 * @stamp_offset: [out] offset of the __u64 timestamps in the slots region; 0 in a ring
 *	without RINGBUF_CREATE_TIMESTAMP
 * @ring_flags: [out] RINGBUF_CREATE_*
 * @max_readers: [out] rows for readers
 * @max_writers: [out] writers at a time
 * @role: [out] RINGBUF_ROLE_* of this handle
 * @id: [out] as in struct ringbuf_attach
 * @page_size: [out] bytes from one reader's cursor page to the next
 * @wait_readers: [out] as in struct ringbuf_create
 * @policy: [out] as in struct ringbuf_create
 * @claim_timeout: [out] as in struct ringbuf_create
 * @policy_timeout: [out] as in struct ringbuf_create
 * @policy_lag: [out] as in struct ringbuf_create
 * @uuid: [out] name of the ring that no other ring has, as long as it lives: 16 random bytes,
 *	version 4 of RFC 4122
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
	__u32 policy;
	__aligned_u64 claim_timeout;
	__aligned_u64 policy_timeout;
	__aligned_u64 policy_lag;
	__u8 uuid[RINGBUF_UUID_BYTES];
};

#define RINGBUF_NO_TIMEOUT (~0ULL)

/* struct ringbuf_wait.flags */
#define RINGBUF_WAIT_REMAINDER (1U << 0) /* write the rest of @after back */

/**
 * struct ringbuf_wait - RINGBUF_IOC_WAIT: sleep until slots can be read or reserved
 * @size: sizeof(struct ringbuf_wait)
 * @flags: RINGBUF_WAIT_*
 * @timeout: absolute CLOCK_MONOTONIC ns, or RINGBUF_NO_TIMEOUT
 * @count: a reader waits until this many slots can be read from its cursor on,
 *	a writer until this many can be reserved; 1 to slot_count
 *	(and for a writer at most RINGBUF_MAX_BATCH)
 * @__reserved: must be 0
 * @after: when not 0: after this many ns one slot is enough.  A call that is restarted
 *	after a signal counts them from the beginning again, unless RINGBUF_WAIT_REMAINDER
 *	is set: then a signal that ends or restarts the call leaves here how many ns
 *	remain, at least 1
 * @ready: [out] slots ready when the call returned 0 (a lower bound)
 *
 * Returns 0 also at the end of the stream: then a reader's @ready may be less than
 * @count, and no more slots will come.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, ETIMEDOUT, EINTR (restarted if SA_RESTART is
 * set), ESTALE (this writer was fenced), ENOSPC (RINGBUF_MAX_WAITERS already wait in this
 * ring; a read(2) or write(2) that would have to wait fails with it too).
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
 * A reader or writer calls it after it has changed a shared word and then, after a full
 * memory barrier, found that the wake word of struct ringbuf_info_page is reached.  The
 * call checks every waiter of the ring twice, and may sleep.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (owners and observers change no word), ESTALE (this
 * writer was fenced).
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
 * The slots that the writer has reserved and not committed become holes.  I/O may still write
 * to one of these slots (an O_DIRECT read, a registered buffer).  A slot of a page or more
 * then gets fresh pages; for a smaller one the kernel defers the holes and the writer's end,
 * for one second at most.  Later writes fail with EPIPE.  Once the last writer is done,
 * readers get the remaining messages and then the end of the stream.
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, EPIPE (done already), ESTALE (fenced).
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
 * @position: in: the new floor, 0 with RINGBUF_SYNC_HEAD; a reader at or beyond it does
 *	not move, and none moves beyond head.  [out] the position used
 *
 * A reader that was skipped (RINGBUF_POLICY_SKIP) and names itself continues at the oldest
 * slot that the ring still holds, or at @position if that is later; from then on writers wait
 * for it again.
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
 * struct ringbuf_detach - RINGBUF_IOC_DETACH: leave the ring
 * @size: sizeof(struct ringbuf_detach)
 * @flags: must be 0
 *
 * Writers no longer wait for a reader that has left; a writer is done, as after
 * RINGBUF_IOC_DONE.  Maps stay readable until they are unmapped.  The handle cannot be
 * bound again.
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
 * For owners and writers.  Writers no longer wait for the reader, even if it still maps
 * the ring.  They may overwrite a slot that it is reading; it finds that out at its next
 * step.  From then on its reading, waiting and moving fail with EIDRM, and poll reports
 * POLLERR.  The row stays taken until the reader's handle and maps are gone.  The process
 * may attach again, with another handle.
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
 * @cursor: next position that it will read (the floor, if that is higher)
 * @lag: head - cursor, never below 0
 * @lost: slots that it was moved over, by its own count
 * @holes: discarded or repaired slots that it skipped, by its own count
 * @waits: times it slept
 * @wakeups: times it was woken
 * @id: its row
 * @pid: process that maps or opened the handle, in the caller's pid namespace; 0: not
 *	visible to the caller
 * @policy: its RINGBUF_POLICY_*, see struct ringbuf_create
 * @skipped: it is skipped now: no writer waits for it
 * @policy_timeout: the timeout of its policy
 * @policy_lag: the lag of its policy
 * @skips: times that it was skipped
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
	__u32 policy;
	__u32 skipped;
	__aligned_u64 policy_timeout;
	__aligned_u64 policy_lag;
	__aligned_u64 skips;
};

/**
 * struct ringbuf_writer_stats - one writer, as filled in by RINGBUF_IOC_STATS
 * @waits: times it slept
 * @wakeups: times it was woken
 * @id: its id
 * @pid: process that uses it, in the caller's pid namespace; 0: not visible to the caller
 */
struct ringbuf_writer_stats {
	__aligned_u64 waits;
	__aligned_u64 wakeups;
	__u32 id;
	__s32 pid;
};

/* struct ringbuf_stats.blocker_kind */
#define RINGBUF_BLOCKER_NONE   0U
#define RINGBUF_BLOCKER_READER 1U /* it lags most, so the writers wait for it */
#define RINGBUF_BLOCKER_WRITER 2U /* it has not finished a slot that the others wait for */

/**
 * struct ringbuf_stats - RINGBUF_IOC_STATS: report on the ring, its members and its blocker
 * @size: sizeof(struct ringbuf_stats)
 * @flags: must be 0
 * @readers: pointer to an array of struct ringbuf_reader_stats; 0: the caller wants none,
 *	and @count and @reader_size are ignored
 * @count: in: entries that fit; [out] entries written
 * @reader_size: bytes from one entry to the next, see the top of this file
 * @writer_table: pointer to an array of struct ringbuf_writer_stats; 0: the caller wants
 *	none, and @writer_count and @writer_size are ignored
 * @writer_count: in: entries that fit; [out] entries written
 * @writer_size: bytes from one entry to the next
 * @head: [out] next position to be written
 * @repaired: [out] slots made holes because their writer went away
 * @waits: [out] times a writer slept
 * @wakeups: [out] times a writer was woken
 * @wake_calls: [out] times RINGBUF_IOC_WAKE was called
 * @blocker_lag: [out] slots between @blocker_position and @head; 0 without a blocker
 * @blocker_position: [out] the slot that the blocking writer has not finished, or the
 *	cursor of the blocking reader; head without a blocker
 * @blocker_kind: [out] RINGBUF_BLOCKER_*.  The blocker is the reader that lags most,
 *	unless that reader waits for a slot that a writer has reserved and not finished:
 *	then it is that writer.  Without readers it is the writer of an unfinished slot
 *	that the other writers wait for
 * @blocker_id: [out] row of the blocking reader, or id of the blocking writer
 * @blocker_pid: [out] process of the blocker, in the caller's pid namespace; 0: not
 *	visible to the caller
 * @total: [out] readers attached
 * @writers: [out] writers attached and not done
 * @writers_ever: [out] writers that have ever attached
 * @ended: [out] RINGBUF_END_*
 * @readers_lacking: [out] readers that must still attach before a writer gets a slot, see
 *	struct ringbuf_create.wait_readers
 * @fenced: [out] writers that were fenced, see struct ringbuf_create.claim_timeout
 * @blocker_comm: [out] name of that process, with a 0 at its end; empty if @blocker_pid is 0
 * @blocker_since: [out] the blocker has been at @blocker_position since this time at least,
 *	in ns of the caller's CLOCK_MONOTONIC; 0 without a blocker.  The kernel looks when a
 *	writer begins to wait, and in this call, so the true time may be earlier
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
	__aligned_u64 fenced;
	char blocker_comm[RINGBUF_COMM_BYTES];
	__aligned_u64 blocker_since;
};

/* struct ringbuf_hole.cause */
#define RINGBUF_HOLE_UNKNOWN   0U /* not known any more */
#define RINGBUF_HOLE_DISCARDED 1U /* its writer took it back */
#define RINGBUF_HOLE_LEFT      2U /* its writer called DONE or DETACH */
#define RINGBUF_HOLE_UNMAPPED  3U /* its writer unmapped the ring, or called exec */
#define RINGBUF_HOLE_EXITED    4U /* its writer's process exited; @code is the exit status */
#define RINGBUF_HOLE_KILLED    5U /* its writer's process was killed; @code is the signal */
#define RINGBUF_HOLE_DIED      6U /* its writer's process ended; how is not known */
#define RINGBUF_HOLE_FENCED    7U /* its writer was fenced */

/**
 * struct ringbuf_hole - RINGBUF_IOC_HOLE: why a position is a hole
 * @size: sizeof(struct ringbuf_hole)
 * @flags: must be 0
 * @position: the position
 * @cause: [out] RINGBUF_HOLE_*
 * @code: [out] the signal or the exit status, see RINGBUF_HOLE_*; else 0
 * @writer: [out] id that the writer had; 0: not known
 * @pid: [out] its process, in the caller's pid namespace; 0: not known, or not visible to
 *	the caller.  The process may have ended, and another one may have its number
 * @comm: [out] name of that process, with a 0 at its end; empty if @pid is 0
 *
 * For every handle that is bound to a ring.  The kernel remembers the last writers that left
 * slots unfinished, at least 16 and as many as the ring has ids, also after their slots have
 * been used again.  What the writer of a discarded slot has done is known while the slot is
 * not reserved again and no other writer has its id.
 *
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD, ENODATA (@position is not a hole, or its slot has
 * been used again and the kernel knows nothing about it).
 */
struct ringbuf_hole {
	__u32 size;
	__u32 flags;
	__aligned_u64 position;
	__u32 cause;
	__u32 code;
	__u32 writer;
	__s32 pid;
	char comm[RINGBUF_COMM_BYTES];
};

/* ---- read(2) and write(2) --------------------------------------------- */

/* struct ringbuf_framing.framing */
#define RINGBUF_FRAMING_MESSAGE 0U /* one call, one message */
#define RINGBUF_FRAMING_STREAM	1U /* bytes without message boundaries, as in a pipe */

/**
 * struct ringbuf_framing - RINGBUF_IOC_FRAMING: how read(2) and write(2) see the ring
 * @size: sizeof(struct ringbuf_framing)
 * @flags: must be 0
 * @framing: RINGBUF_FRAMING_*
 * @__reserved: must be 0
 *
 * The framing belongs to this handle and can be changed at any time; other handles of the
 * same ring may use another one.
 *
 * Message framing: write(2) makes one message of its bytes, also of 0 bytes.  A message
 * longer than a slot is EMSGSIZE.  read(2) returns the next message.  If the buffer is too
 * small it fails with EMSGSIZE and the message stays.  At the end of the stream it
 * returns 0.
 *
 * Stream framing: write(2) fills as many slots as it needs.  It writes less than it was
 * given only if it would have to wait and may not, or if a signal interrupts it.  read(2)
 * returns the bytes that are available, from as many slots as fit into the buffer; the
 * next read(2) continues in the middle of a slot.  The bytes of one write(2) of at most
 * slot_bytes are not mixed with those of other writers.  Empty messages are skipped.  If a
 * reader changes to message framing in the middle of a slot, the rest of that slot is its
 * first message.
 *
 * In both framings ioctl(FIONREAD) stores, as an int, how many bytes a reader can read
 * without waiting (in message framing: the length of the next message).  On any other
 * handle it is ENOTTY.
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
 * Errors: EINVAL, E2BIG, EFAULT, EBADFD (not a writer), ESTALE (fenced).
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
 * @slots: wake when this many slots can be read or written; 0: do not count slots
 * @__reserved: must be 0
 * @bytes: wake a reader when this many bytes can be read, a writer when it can write slots
 *	for this many bytes; 0: do not count bytes
 * @after: when not 0: after this many ns one slot is enough, counted from the moment at
 *	which the handle is armed
 *
 * The threshold applies to poll, epoll, io_uring, and read(2) and write(2) that wait; the
 * first condition that is met counts.  A value larger than the ring means a full ring for
 * a reader, an empty one for a writer.  If all are 0, as on a new handle, one slot is
 * enough.  The end of the stream always wakes.
 * If a reader and a writer together want more slots than the ring has, they may wait for
 * each other, unless one of them has set @after.
 *
 * A reader that was told that its threshold is met can read everything that was available
 * then.  After that the threshold applies again, also to read(2): below the threshold it
 * waits, or fails with EAGAIN if it must not wait.  A handle is armed when a call begins to
 * wait, or when poll reports its state.
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
 * Files.  open(2) of a ring for reading makes the handle a reader, for writing a writer,
 * with stream framing.  With O_RDWR, or with O_EXCL and without O_CREAT, the handle stays
 * unbound until CREATE, ATTACH or the first read(2) or write(2) binds it.  open(2) fails
 * with ENXIO if O_NONBLOCK is set while the handle that made the file may still call
 * CREATE, with EBUSY for a second exclusive writer, and with ENOSPC if all rows or ids are
 * taken or the mount's max_bytes do not suffice.
 */

/*
 * The default ring.  open(2) of /dev/ringbuf for reading makes the handle a reader of it, for
 * writing a writer, with stream framing.  With O_RDWR the first read(2) or write(2) does;
 * O_EXCL leaves the handle unbound.  Each user has one default ring per network namespace; it
 * is that of the user who opened the handle, in the namespace of the caller that binds it.
 * The ring has the module's default_slot_bytes and default_slot_count, exists while handles
 * are bound to it, and has no name.  Its writers wait while it has no reader.  The next
 * reader then continues where the last one stopped; a reader that joins others gets the
 * slots that the ring still holds, and all that follow.
 */

/* ---- io_uring ----------------------------------------------------------- */

/* cmd_op of IORING_OP_URING_CMD on a handle; these are not the numbers of the ioctls. */
#define RINGBUF_URING_WAIT   1U
#define RINGBUF_URING_CANCEL 2U

/**
 * struct ringbuf_uring_cmd - argument of a command, in sqe->cmd
 * @wait: for RINGBUF_URING_WAIT a pointer to a struct ringbuf_wait, which the kernel
 *	reads when the request is issued and never writes; 0 for RINGBUF_URING_CANCEL
 * @tag: any number, by which RINGBUF_URING_CANCEL finds the request
 *
 * RINGBUF_URING_WAIT does what RINGBUF_IOC_WAIT does, without a sleeping thread.  Its
 * result is the value that the ioctl would return in @ready, or the ioctl's negative
 * errno, or -ECANCELED if the request was canceled.
 *
 * RINGBUF_URING_CANCEL ends the waits on the same handle that have the same @tag.  Its
 * result is the number of waits, or -ENOENT.  IORING_OP_ASYNC_CANCEL does not find these
 * waits: io_uring does not search the requests of drivers.  They do end when the io_uring,
 * the process or its thread exits.
 *
 * Where RINGBUF_FEAT_URING is missing (before Linux 6.12) both fail with EOPNOTSUPP:
 * set a threshold and wait by IORING_OP_POLL_ADD instead.
 */
struct ringbuf_uring_cmd {
	__aligned_u64 wait;
	__aligned_u64 tag;
};

/* ---- layout of the shared pages --------------------------------------- */

#define RINGBUF_LINE 64 /* stride of words that must not share a line */

/*
 * The pages grow at their ends, and so do the entries of the tables that follow them.  The
 * info page tells where each table begins and how many bytes lie from one entry to the
 * next, so a program need not know the newest fields.  These are the sizes in the first
 * version of the ABI:
 */
#define RINGBUF_INFO_PAGE_SIZE_VER0  256
#define RINGBUF_ROW_SIZE_VER0	     16
#define RINGBUF_HEAD_PAGE_SIZE_VER0  64
#define RINGBUF_WRITER_ROW_SIZE_VER0 64

#define RINGBUF_ROW_ATTACHED (1U << 0) /* the row belongs to a reader */
#define RINGBUF_ROW_GATING   (1U << 1) /* writers wait for its reader */
#define RINGBUF_ROW_EVICTED  (1U << 2) /* its reader may read no more */
#define RINGBUF_ROW_LOSSY    (1U << 3) /* its reader never gates, and checks what it has read */

#define RINGBUF_FLOOR_EVICTED (~0ULL) /* the floor of an evicted reader */
#define RINGBUF_FLOOR_SKIPPED (~0ULL - 1) /* of a skipped one: it continues by RINGBUF_IOC_SYNC */

/**
 * struct ringbuf_row - state of a reader, written by the host
 * @floor: the reader may no longer read positions below this one
 * @flags: RINGBUF_ROW_*
 * @generation: incremented when the row is given to a reader
 * @lag: writers ask the host before they take a position that lies this far ahead of the
 *	reader's cursor; 0: before one that lies slot_count ahead
 */
struct ringbuf_row {
	__aligned_u64 floor;
	__u32 flags;
	__u32 generation;
	__aligned_u64 lag;
	__aligned_u64 __pad;
};

#define RINGBUF_END_NONE 0U /* a writer is attached, or none has ever been */
#define RINGBUF_END_DONE 1U /* all writers called RINGBUF_IOC_DONE or detached */
#define RINGBUF_END_DIED 2U /* no writer is left, and one ended without doing so */

#define RINGBUF_WAKE_NONE (~0ULL) /* a wake word while no waiter is armed */

/**
 * struct ringbuf_info_page - begin of the info region, written by the host only
 * @magic: RINGBUF_MAGIC
 * @abi_version: RINGBUF_ABI_VERSION
 * @flags: RINGBUF_CREATE_*
 * @slot_bytes: capacity of a slot
 * @slot_count: number of slots
 * @slot_stride: bytes from one slot to the next
 * @max_readers: entries in the table of struct ringbuf_row
 * @max_writers: entries in the table of struct ringbuf_writer_row
 * @row_offset: offset of the first row in the info region; reader i has row i
 * @row_stride: bytes from one row to the next
 * @writer_offset: offset of the first writer's row in the head region; entry i belongs
 *	to writer id i + 1
 * @writer_stride: bytes from one writer's row to the next
 * @wake_position: wake word: the lowest position that a waiter needs finished
 * @wake_cursor: wake word: the lowest cursor that a waiter needs
 * @generation: incremented when a row begins to gate
 * @allowance: largest allowance of the writers that have left
 * @rows: rows at and above this one have never been used
 * @writers: writers attached and not done
 * @writers_ever: writers that have ever attached, stops at its largest value
 * @ended: RINGBUF_END_*
 * @readers_wanted: readers that must be attached at the same time before a writer may
 *	take a position; 0 once they have been
 * @policies: readers that writers may not have to wait for: a writer that a reader blocks asks
 *	the host before it waits, by RINGBUF_IOC_WAIT
 * @fenced_from: 0; on the private page of an exclusive writer that was fenced: 1 plus the
 *	first position of which nothing has reached the ring
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
	__u32 policies;
	__aligned_u64 fenced_from;
	__aligned_u64 __pad4[2];
};

/**
 * struct ringbuf_writer_row - state of a writer, written by the writer itself
 * @allowance: the writer may take positions below this one
 * @cpu: the CPU on which the writer last slept or woke a waiter, plus 1; 0: not known.  A
 *	hint, for a peer that considers spinning
 */
struct ringbuf_writer_row {
	__aligned_u64 allowance;
	__u32 cpu;
	__u32 __pad0;
	__aligned_u64 __pad1[6];
};

/**
 * struct ringbuf_head_page - begin of the head region, written by all writers
 * @head: a hint: the next position to be reserved, or a lower one
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
 * @state: position and phase; 0: never used
 * @length: bytes of the message, 0 to slot_bytes
 * @flags: any value that the writer wants to pass to the readers
 */
struct ringbuf_desc {
	__aligned_u64 state;
	__u32 length;
	__u32 flags;
};

/*
 * A claim word (shared writers only) is
 *	low bits of the position | writer id | slots - 1
 * and names the writer that has reserved the slot and the number of slots reserved from
 * there on.  Writer id 0: the writer has left, and the host has given its id to another.
 */
#define RINGBUF_CLAIM_COUNT_BITS  6
#define RINGBUF_CLAIM_WRITER_BITS 8
#define RINGBUF_CLAIM_SHIFT	  (RINGBUF_CLAIM_COUNT_BITS + RINGBUF_CLAIM_WRITER_BITS)

/**
 * struct ringbuf_cursor - state of a reader, written by the reader itself
 * @cursor: next position that the reader will read
 * @lost: slots that the reader was moved over
 * @holes: holes that the reader skipped
 * @cpu: the CPU on which the reader last slept or woke a waiter, plus 1; 0: not known
 *
 * The structure lies in the reader's page at RINGBUF_CURSOR_OFFSET(row).
 */
struct ringbuf_cursor {
	__aligned_u64 cursor;
	__aligned_u64 lost;
	__aligned_u64 holes;
	__u32 cpu;
	__u32 __pad0;
	__aligned_u64 __pad1[4];
};

/* Give neighbouring rows different lines of their pages, so that they do not share a cache set. */
#define RINGBUF_CURSOR_OFFSET(row) (((row) % 64U) * RINGBUF_LINE)

#endif /* _UAPI_LINUX_RINGBUF_H */
