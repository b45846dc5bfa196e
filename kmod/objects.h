/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of ringbuf.ko, and who owns and locks what.
 *
 *	file --> handle --> ring --> pages, control map, user's account
 *	  ^       | ^        ^
 *	 VMA      v |        |
 *	  `--> identity    inode --> file --> instance
 *
 * References.  A file owns its handle, and a VMA holds its file; so a handle
 * outlives its VMAs.  A bound handle holds a reference on its ring, and so does the
 * inode of a ring that is a file; a handle of such a ring holds the path, so that the
 * instance outlives it.  A default ring is found only while some reference exists.
 * An identity lives while VMAs point to it, and holds the mm_struct (not its
 * memory), so that a pointer compared with it cannot be another one reborn.
 *
 * Locks, outer ones first:
 *
 *	a directory's lock	names; also while open(2) makes a file
 *	mmap_lock
 *	handle->lock		binding, membership; read(2) and write(2) of the handle
 *	file->lock		the ring of a file, who has it open
 *	ring->lock		rows, writer ids, host notices
 *	default_lock, geometry_lock, users_lock, instance->lock
 *				the table of default rings, their parameters, the users in
 *				quota.c, what a mount holds
 *	ring->wait_lock		(spinlock) who is armed
 *	handle->leftover_lock	(spinlock) what sendfile(2) has left
 *
 * ->fault takes none of them.  ->close takes them under mmap_lock, so nobody
 * touches user memory, where that can fault, while holding one of them.
 */
#ifndef RB_OBJECTS_H
#define RB_OBJECTS_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "engine/host.h"
#include "engine/layout.h"
#include "engine/ready.h"

struct rb_handle;
struct rb_user;

/**
 * struct rb_seat - what the module knows of a reader's row or a writer's id
 * @handle: who has it, NULL: nobody.  Ends when the last map of the identity
 *	goes, which may be after the member has ended
 * @live: writer: it counts as one, also while it is deferred
 * @retired: writer: the id may still be named by holes below this position
 * @deferred: writer: it has ended, but I/O may still write to slots that it had open
 * @died: deferred writer: it ended without saying so
 * @until: jiffies; then that is waited for no longer
 */
struct rb_seat {
	struct rb_handle *handle;
	bool live;
	u64 retired;
	bool deferred;
	bool died;
	unsigned long until;
};

/**
 * struct rb_ring - a ring
 * @refs: see above
 * @layout: geometry; constant
 * @view: its control pages, as the engine sees them; constant
 * @pages: all its pages, in the order of the layout; constant
 * @nr_pages: entries in @pages
 * @control: the kernel's map of the control pages
 * @user: whose account pays
 * @instance: the mount that it is in, which pays too; NULL: it is no file; constant
 * @lock: rows, ids, handles, and whatever the engine wants the host's lock for
 * @handles: bound handles, those of writers first
 * @rows: by reader row
 * @free_row: all rows below it are taken
 * @ids: by writer id - 1
 * @readers: attached and not evicted
 * @repaired: slots made holes for writers that went away
 * @nr_deferred: seats of @ids that are; changes under wait_lock too
 * @is_default: it is the default ring of a user: its slots are kept while it has no reader;
 *	constant
 * @put: work of rb_ring_put_later()
 * @default_uid: that user; constant
 * @default_scope: number of the network namespace that it belongs to; constant
 * @default_node: entry in the table of default rings
 * @resume: where its last reader stopped; under @lock
 * @resume_skip: bytes of the slot there that it has read; likewise
 * @leftover: what sendfile(2) had left when it went; likewise
 * @wait_lock: @armed to @timed, the waiter words of all waiters, the counters
 * @armed: waiters whose waiter word is set, and marks of walks; see wake.c
 * @nr_armed: waiters there
 * @walks: walks over more than RB_WAKE_CHUNK of them that are under way
 * @notify_walks: walks of a notification that are under way
 * @maps: members that live in an address space, and could forget a wake-up
 * @notices: +1 by each notification; may be read without the lock
 * @timed: @timer will run
 * @timer: see timer.c
 * @nr_waiters: calls and requests that wait, at most RINGBUF_MAX_WAITERS
 * @writer_waits: times a writer slept
 * @writer_wakeups: times a writer was awakened
 * @wake_calls: times RINGBUF_IOC_WAKE was called
 * @noted: the head when it was looked at last, for @written
 * @written: when the head was last seen to have moved, see rb_ring_note()
 */
struct rb_ring {
	struct kref refs;
	struct rb_layout layout;
	struct rb_view view;
	struct page **pages;
	unsigned long nr_pages;
	void *control;
	struct rb_user *user;
	struct rb_instance *instance;

	struct mutex lock; /* rows, ids, handles, repaired */
	struct list_head handles;
	struct rb_seat *rows;
	u32 free_row;
	struct rb_seat *ids;
	u32 readers;
	u64 repaired;
	unsigned int nr_deferred;
	struct work_struct put;
	bool is_default;
	kuid_t default_uid;
	unsigned int default_scope;
	struct hlist_node default_node; /* under default_lock */
	u64 resume;
	u32 resume_skip;
	struct list_head leftover;

	spinlock_t wait_lock; /* armed, waiter words, notices, counters */
	struct list_head armed;
	unsigned int nr_armed;
	unsigned int walks;
	unsigned int notify_walks;
	unsigned int maps;
	unsigned long notices;
	bool timed;
	struct delayed_work timer;
	atomic_t nr_waiters;

	u64 writer_waits;
	u64 writer_wakeups;
	u64 wake_calls;

	u64 noted;
	u64 written;
};

/**
 * struct rb_member - an attached reader or writer, until it ends
 * @id: row, or writer id
 * @live: begun and not ended
 * @seated: the row or id is still ours
 * @writer: the kernel's own writing, by write(2)
 *
 * All under handle->lock; @live and @seated change under ring->lock too.
 */
struct rb_member {
	u32 id;
	bool live;
	bool seated;
	struct rb_writer writer;
};

/**
 * struct rb_identity - a handle in one address space
 * @handle: outlives us
 * @node: in handle->identities
 * @mm: constant; counted by mmgrab()
 * @base: page offset at which its maps begin; constant
 * @maps: VMAs that point here, also those that a fork copied into another mm
 * @pins: VMAs of the identity region in @mm; the member ends with the last one
 * @begun: has had a pin; without pins again it is over
 * @member: live from the first pin to the last, or until done
 */
struct rb_identity {
	struct rb_handle *handle;
	struct list_head node;
	struct mm_struct *mm;
	unsigned long base;
	unsigned int maps;
	unsigned int pins;
	bool begun;
	struct rb_member member;
};

/**
 * struct rb_waiter - somebody who waits for a target
 * @word: the engine's waiter word
 * @node: in ring->armed while @word is set
 * @handle: for whom
 * @task: who sleeps in rb_sleep(); NULL: those who poll the handle
 * @wake: instead of either; under ring->wait_lock
 */
struct rb_waiter {
	u64 word;
	struct list_head node;
	struct rb_handle *handle;
	struct task_struct *task;
	void (*wake)(struct rb_waiter *s);
};

/**
 * struct rb_wake_threshold - from when on a handle is worth waking
 * @set: it is not just one slot
 * @slots: see struct ringbuf_threshold
 * @bytes: likewise
 * @after: likewise
 * @opened: reader: positions below have been announced
 * @deadline: from then on one slot is enough; 0: nobody waits
 * @timer: wakes those who poll at @deadline
 *
 * Calls read it without a lock, once: see rb_threshold_read().
 */
struct rb_wake_threshold {
	bool set;
	u32 slots;
	u64 bytes;
	u64 after;
	u64 opened;
	u64 deadline;
	struct hrtimer timer;
};

/* What poll may have to wait for; a writer for either. */
enum { RB_POLL_POSITION, RB_POLL_CURSOR, RB_POLLS };

/**
 * struct rb_handle - an open file
 * @lock: everything here that is not said to be otherwise
 * @path: the file of the ring, which it holds; empty: the ring is none, or not bound yet.
 *	Set by ->open, or by ATTACH together with @ring
 * @rights: FMODE_READ, FMODE_WRITE: what its open, and that of the handle that it attached
 *	by, were allowed; constant once bound
 * @ring: set once, after all that binding sets; see rb_handle_ring()
 * @role: RINGBUF_ROLE_*; constant once bound
 * @framing: RINGBUF_FRAMING_*; may be read without the lock
 * @skip_pos: reader: the slot in the middle of which it has stopped
 * @skip: bytes of that slot that it has read
 * @leftover_lock: (spinlock) the next
 * @leftover: what sendfile(2) has left, see leftover.c
 * @inode: its address space, so that its maps can be found; constant
 * @node: in ring->handles, under ring->lock
 * @self: the member while no address space has mapped it
 * @identities: those that have VMAs
 * @sequence: identities so far
 * @last_id: a reader's row; a writer's latest id
 * @members: live ones of this handle; may be read without the lock
 * @done: said so: no new member begins
 * @detached: likewise
 * @pid: process that opened or maps it; under ring->lock once bound
 * @wq: those who poll
 * @poll: their targets
 * @threshold: when to wake it
 * @seen: positions below are finished, as poll found; only ever a short cut
 * @requests: of io_uring that wait; under ring->wait_lock
 * @nr_requests: entries there; likewise
 * @waits: times it slept; under ring->wait_lock
 * @wakeups: times it was awakened; likewise
 */
struct rb_handle {
	struct mutex lock; /* what follows, but for node and pid */
	struct path path;
	fmode_t rights;
	struct rb_ring *ring;
	u32 role;
	u32 framing;
	u64 skip_pos;
	u32 skip;
	spinlock_t leftover_lock; /* leftover */
	struct list_head leftover;
	struct inode *inode;
	struct list_head node;
	struct rb_member self;
	struct list_head identities;
	u32 sequence;
	u32 last_id;
	unsigned int members;
	bool done;
	bool detached;
	struct pid *pid;
	struct list_head requests;
	unsigned int nr_requests;
	wait_queue_head_t wq;
	struct rb_waiter poll[RB_POLLS];
	struct rb_wake_threshold threshold;
	atomic64_t seen;
	u64 waits;
	u64 wakeups;
};

/**
 * struct rb_options - what mount(8) says
 * @max_bytes: all rings together, with all their pages
 * @max_rings: rings and directories but the root
 * @mode: of the root directory; with @uid and @gid
 * @uid: its owner
 * @gid: its group
 * @slot_bytes: of rings whose creator names no geometry
 * @slot_count: likewise
 */
struct rb_options {
	u64 max_bytes;
	u32 max_rings;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	u64 slot_bytes;
	u64 slot_count;
};

/**
 * struct rb_instance - a mount of the file system
 * @refs: the mount's and one for each ring
 * @lock: all that is not constant
 * @sb: its super block, whose s_fs_info it is; constant.  Valid while the mount is
 * @options: may change by a remount
 * @layout: the default geometry of @options
 * @bytes: what its rings take
 * @files: rings and directories in it, and its root
 */
struct rb_instance {
	struct kref refs;
	struct mutex lock; /* options, layout, bytes, files */
	struct super_block *sb;
	struct rb_options options;
	struct rb_layout layout;
	u64 bytes;
	u32 files;
};

enum rb_file_state {
	RB_FILE_NEW, /* no ring yet */
	RB_FILE_MAKING, /* nor may others make it, before its maker has */
	RB_FILE_SET, /* it has its ring */
	RB_FILE_GONE, /* nobody may enter any more */
};

/**
 * struct rb_file - a ring that is a file; i_private of its inode
 * @lock: all that is not constant
 * @instance: constant
 * @state: may be read without the lock
 * @ring: with a reference, once it is set; see file_set()
 * @maker: MAKING and not @reserved: the handle whose open has made the file
 * @handles: that are in, and the one that is to come
 * @reserved: the open that has made the file is under way: its handle is to come; may be
 *	read without the lock
 * @busy: its ring is being made, without the lock; may be read without it
 * @payer: who pays for a ring of default geometry; constant
 * @kept: it stays until it is unlinked; may be read without the lock
 * @put_later: it was renamed over: drop the ring by rb_ring_put_later()
 * @made: when it was made, by get_jiffies_64(); constant
 * @born: when it was made; constant
 * @work: takes the name away, where that would have to wait
 * @path: for @work
 * @gone: GONE: since when, in jiffies; may be read without the lock
 * @wq: who waits for its maker
 */
struct rb_file {
	struct mutex lock; /* state, ring, maker, handles, reserved, busy, kept */
	struct rb_instance *instance;
	enum rb_file_state state;
	struct rb_ring *ring;
	struct rb_handle *maker;
	unsigned int handles;
	bool reserved;
	bool busy;
	kuid_t payer;
	bool kept;
	bool put_later;
	u64 made;
	struct timespec64 born;
	struct work_struct work;
	struct path path;
	unsigned long gone;
	wait_queue_head_t wq;
};

/* Return the ring of @h, or NULL: not bound.  With a ring, all that binding set is visible. */
static inline struct rb_ring *rb_handle_ring(const struct rb_handle *h)
{
	return smp_load_acquire(&h->ring); /* matches rb_handle_bind() */
}

/* Return how many bytes of the slot at @pos read(2) has read already. */
static inline u32 rb_handle_skip(const struct rb_handle *h, u64 pos)
{
	lockdep_assert_held(&h->lock);
	return h->skip && h->skip_pos == pos ? h->skip : 0;
}

/* Tell whether @file is in the file system, where rings are FIFOs, and not /dev/ringbuf. */
static inline bool rb_is_file(const struct file *file)
{
	return S_ISFIFO(file_inode(file)->i_mode);
}

#endif
