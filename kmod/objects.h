/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of ringbuf.ko, their ownership and their locks.
 *
 *	file --> handle --> ring --> pages, control map, user's account
 *	  ^       | ^        ^ |
 *	 VMA      v |        | `--> instance
 *	  `--> identity    inode
 *
 * References.  A file owns its handle, and a VMA holds its file, so a handle outlives its
 * VMAs.  A bound handle holds a reference on its ring, and so does the inode of a ring that
 * is a file.  A ring holds the account of its user and its instance.  A handle of a ring
 * that is a file holds the path, so that the mount outlives it.  A default ring is found
 * only while some reference exists.  An identity lives while VMAs point to it.  It holds the
 * mm_struct (not the memory), so that no later mm can have the same address.
 *
 * Locks, outer ones first:
 *
 *	a directory's lock	names; held while open(2) makes a file
 *	mmap_lock
 *	handle->lock		binding, members; held in read(2) and write(2) of the handle
 *	file->lock		the ring of a file and its handles
 *	ring->lock		rows, writer ids, the engine's host operations
 *	default_lock, geometry_lock, users_lock, instance->lock
 *				the table of default rings, their geometry, the accounts in
 *				quota.c, the account of a mount
 *	ring->wait_lock		(spinlock) armed waiters
 *	handle->leftover_lock	(spinlock) leftovers of sendfile(2)
 *
 * ->fault takes none of them.  ->close takes them under mmap_lock, so no code may access
 * user memory, where it can fault, while it holds one of them.
 */
#ifndef RB_OBJECTS_H
#define RB_OBJECTS_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "engine/host.h"
#include "engine/hold.h"
#include "engine/layout.h"
#include "engine/ready.h"

struct pid;
struct rb_handle;
struct rb_hole_record;
struct rb_user;

/**
 * struct rb_process - a process that has, or had, a seat
 * @pid: its pid, with a reference; NULL: there is none
 * @comm: its name, as far as it was asked for
 */
struct rb_process {
	struct pid *pid;
	char comm[RINGBUF_COMM_BYTES];
};

/**
 * struct rb_ending - how a writer has ended
 * @cause: RINGBUF_HOLE_*
 * @code: the signal or the exit status, see RINGBUF_HOLE_*
 */
struct rb_ending {
	u32 cause;
	u32 code;
};

/**
 * struct rb_seat - the module's record of a reader's row or a writer's id
 * @handle: the handle that has it, NULL if it is free.  Cleared when the last map of the
 *	identity goes, which may be after the member has ended
 * @live: writer: it counts as a writer, also while it is deferred
 * @retired: writer: holes below this position may carry the id
 * @deferred: writer: it has ended, but its I/O may still write to slots that it had open
 * @died: deferred writer: it ended without DONE or DETACH
 * @until: deferred writer: jiffies at which it is reclaimed in any case
 * @claim_timeout: writer: how long it may hold others up, in ns, if the ring has a timeout
 * @policy: reader: its policy
 * @hold: reader: how long it has held writers up
 * @process: the process that attached or mapped @handle; a writer's stays when it has left
 * @first: writer: it has claimed no position below this one
 * @how: writer: how it has ended, for its holes
 */
struct rb_seat {
	struct rb_handle *handle;
	bool live;
	u64 retired;
	bool deferred;
	bool died;
	unsigned long until;
	u64 claim_timeout;
	struct rb_policy policy;
	struct rb_hold hold;
	struct rb_process process;
	u64 first;
	struct rb_ending how;
};

/**
 * struct rb_last_look - what a look at the blocker of a ring has found, see blocker.c
 * @blocker: the reader or writer
 * @generation: of the reader's row; of a writer 0
 * @since: when a look found this first, by ktime_get_ns()
 */
struct rb_last_look {
	struct rb_blocker blocker;
	u32 generation;
	u64 since;
};

/**
 * struct rb_ring - a ring
 * @refs: references of handles, of the inode, and of calls
 * @layout: geometry; constant
 * @view: the engine's view of its control pages; constant
 * @pages: all its pages, in the order of the layout; a data page may be replaced, under
 *	@lock, see pages.c
 * @nr_pages: entries in @pages
 * @control: the kernel's map of the control pages
 * @user: the account that it is charged to
 * @instance: the mount that it is charged to as well, NULL if it is no file; constant
 * @lock: protects rows, ids and handles, and serialises the engine's host operations
 * @handles: bound handles, writers first
 * @rows: seat of each reader row
 * @free_row: all rows below it are taken
 * @ids: seat of each writer id, from id 1 on
 * @holes: records of writers that left holes, see hole.c; under @lock
 * @next_hole: the record to use next; under @lock
 * @readers: number of readers that are attached and not evicted
 * @repaired: number of slots made holes for writers that ended
 * @nr_deferred: number of deferred writers; changes under @wait_lock as well
 * @put: work of rb_ring_put_later()
 * @is_default: it is the default ring of a user: its slots stay while it has no reader;
 *	constant
 * @default_uid: that user; constant
 * @default_scope: number of the network namespace that it belongs to; constant
 * @default_node: entry in the table of default rings, under default_lock
 * @resume: position where the last reader stopped; under @lock
 * @resume_skip: bytes of the slot at @resume that it had read; under @lock
 * @leftover: leftovers of a last reader's sendfile(2); under @lock
 * @wait_lock: protects @armed to @timed, all waiter words, and the counters of waits
 * @armed: waiters whose waiter word is set, and marks of walks; see wake.c
 * @nr_armed: number of waiters in @armed
 * @walks: number of walks in progress over more than RB_WAKE_CHUNK waiters
 * @notify_walks: number of walks of notifications in progress; the timer reads it without the lock
 * @maps: number of members that have maps, and so could omit a wake-up
 * @notices: incremented by each notification; may be read without the lock
 * @asked: callers that do not wait need positions below it, until @asked_end
 * @asked_end: when they no longer count as waiters, in jiffies
 * @timed: @timer is pending
 * @timer: rechecks the ring, see timer.c
 * @nr_waiters: calls and requests that wait, at most RINGBUF_MAX_WAITERS
 * @writer_waits: how often writers slept
 * @writer_wakeups: how often writers were woken
 * @wake_calls: how often RINGBUF_IOC_WAKE was called
 * @look: the last look at the blocker; under @wait_lock
 * @claim_timeout: the shortest time after which a writer may be fenced, in ns; 0: none may
 *	be.  May be read without a lock
 * @fence_pos: the first unfinished position at the last look; under @lock
 * @fence_id: the writer that had claimed it, 0: none; of an exclusive writer, which one of
 *	all it is; under @lock
 * @fence_since: since when both have been so, by ktime_get_ns(); under @lock
 * @fence_looked: time of the last look; under @lock
 * @heirs: successors of exclusive writers that were fenced, which are to come, and count as
 *	writers; under @lock
 * @fenced: number of writers that were fenced; under @lock
 * @held: calls of writers that wait, or have polled, for a slot that a reader with a policy
 *	may keep from them; changes under @wait_lock as well
 * @policy_timeout: the shortest timeout of a policy so far, in ns; under @wait_lock
 * @noted: the head when @written was set
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
	struct rb_hole_record *holes;
	u32 next_hole;
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

	spinlock_t wait_lock; /* armed, waiter words, notices, asked, counters */
	struct list_head armed;
	unsigned int nr_armed;
	unsigned int walks;
	unsigned int notify_walks;
	unsigned int maps;
	unsigned long notices;
	u64 asked;
	unsigned long asked_end;
	bool timed;
	struct delayed_work timer;
	atomic_t nr_waiters;

	u64 writer_waits;
	u64 writer_wakeups;
	u64 wake_calls;
	struct rb_last_look look;

	u64 claim_timeout;
	u64 fence_pos;
	u32 fence_id;
	u64 fence_since;
	u64 fence_looked;
	u32 heirs;
	u64 fenced;

	unsigned int held;
	u64 policy_timeout;

	u64 noted;
	u64 written;
};

/**
 * struct rb_member - an attached reader or writer, until it ends
 * @id: row, or writer id
 * @live: it has begun and not ended
 * @seated: it still has the row or id
 * @writer: the engine's writer, for write(2)
 *
 * All under handle->lock; @live and @seated change under ring->lock as well.
 */
struct rb_member {
	u32 id;
	bool live;
	bool seated;
	struct rb_writer writer;
};

/**
 * struct rb_identity - a handle in one address space
 * @handle: the handle, which outlives the identity
 * @node: entry in handle->identities; changes under ring->lock as well
 * @mm: the address space, held by mmgrab(); constant
 * @base: page offset at which its maps begin; constant
 * @maps: number of VMAs that point here, those that a fork copied into another mm included
 * @pins: number of VMAs of the identity region in @mm; the member ends with the last one
 * @begun: it has had a pin; without pins again it is over
 * @fenced: its maps lead to @private; never cleared; may be read under a page's lock alone
 * @private: what each map of a region shows once it is fenced; NULL for cursor pages, and
 *	if it cannot be fenced
 * @member: live from the first pin to the last, or until DONE or DETACH
 */
struct rb_identity {
	struct rb_handle *handle;
	struct list_head node;
	struct mm_struct *mm;
	unsigned long base;
	unsigned int maps;
	unsigned int pins;
	bool begun;
	bool fenced;
	struct page *private[RB_REGIONS];
	struct rb_member member;
};

/**
 * struct rb_waiter - a task, poll or request that waits for a target
 * @word: the engine's waiter word
 * @node: entry in ring->armed while @word is set
 * @handle: the handle that it waits for
 * @task: the task that sleeps in rb_sleep(); NULL: the tasks that poll the handle
 * @wake: called instead of waking these tasks, under ring->wait_lock; NULL: wake them
 */
struct rb_waiter {
	u64 word;
	struct list_head node;
	struct rb_handle *handle;
	struct task_struct *task;
	void (*wake)(struct rb_waiter *s);
};

/**
 * struct rb_wake_threshold - when a handle is worth waking
 * @set: the threshold is more than one slot
 * @slots: number of slots, see struct ringbuf_threshold
 * @bytes: number of bytes, see struct ringbuf_threshold
 * @after: time after which one slot is enough, see struct ringbuf_threshold
 * @opened: reader: positions below it have been announced
 * @deadline: time from which on one slot is enough; 0 while no call waits
 * @timer: wakes the tasks that poll, at @deadline
 *
 * A call reads it once, without a lock: see rb_threshold_read().
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

/* The waiters of a handle that is polled, by target; a writer needs both. */
enum { RB_POLL_POSITION, RB_POLL_CURSOR, RB_POLLS };

/**
 * struct rb_handle - an open file
 * @refs: of its memory alone: the file's, and that of a fence in progress
 * @lock: protects every field for which nothing else is said
 * @path: the file of the ring, with a reference; empty if the ring is no file or the handle
 *	is unbound.  Set by ->open, or by ATTACH together with @ring
 * @rights: FMODE_READ and FMODE_WRITE of its open, less those that the descriptor given to
 *	ATTACH lacks; constant once bound
 * @ring: the ring, set once and last when the handle is bound; see rb_handle_ring()
 * @role: RINGBUF_ROLE_*; constant once bound
 * @framing: RINGBUF_FRAMING_*; may be read without the lock
 * @skip_pos: reader: position of a slot that it has read in part
 * @skip: reader: bytes of that slot that it has read
 * @leftover_lock: (spinlock) protects @leftover
 * @leftover: leftovers of sendfile(2), see leftover.c
 * @inode: has the address space of its maps, to find them by; constant
 * @node: entry in ring->handles, under ring->lock
 * @self: the member while no address space has mapped it
 * @identities: its identities, which have VMAs; changes under ring->lock as well
 * @sequence: number of identities so far
 * @last_id: reader: its row; writer: its latest id
 * @members: number of its live members; without the lock by rb_handle_members()
 * @fenced: number of its identities that are fenced, and 1 more with @cut; may be read
 *	without the lock
 * @cut: its member was fenced while no address space had mapped it
 * @claim_timeout: as ATTACH has set it, 0: as the ring's; constant once bound
 * @done: DONE was called: no new member begins
 * @detached: DETACH was called: no new member begins
 * @wq: tasks that poll it
 * @poll: waiters for these tasks
 * @threshold: when it is worth waking
 * @seen: all positions below are finished, as poll has found; an optimisation only
 * @requests: waiting io_uring requests, under ring->wait_lock
 * @nr_requests: number of entries in @requests, under ring->wait_lock
 * @waits: how often it slept, under ring->wait_lock
 * @wakeups: how often it was woken, under ring->wait_lock
 * @held: its share of ring->held; under ring->lock
 * @held_end: while @held: the last of these calls want positions below it; under ring->lock
 * @poll_held: poll has counted one of @held; under ring->lock
 * @margin: lossy reader: see struct rb_reader
 * @fresh: lossy reader: see struct rb_reader
 */
struct rb_handle {
	refcount_t refs;
	struct mutex lock; /* all fields but those documented otherwise */
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
	unsigned int fenced;
	bool cut;
	u64 claim_timeout;
	bool done;
	bool detached;
	struct list_head requests;
	unsigned int nr_requests;
	wait_queue_head_t wq;
	struct rb_waiter poll[RB_POLLS];
	struct rb_wake_threshold threshold;
	atomic64_t seen;
	u64 waits;
	u64 wakeups;
	unsigned int held;
	u64 held_end;
	bool poll_held;
	u64 margin;
	bool fresh;
};

/**
 * struct rb_options - the options of mount(8)
 * @max_bytes: quota of all rings together, with all their pages
 * @max_rings: most rings and directories, the root not counted
 * @mode: mode of the root directory
 * @uid: owner of the root directory
 * @gid: group of the root directory
 * @slot_bytes: capacity of a slot of rings whose creator gives no geometry
 * @slot_count: number of slots of such rings
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
 * struct rb_instance - the account of a mount of the file system
 * @refs: the reference of the mount, and one for each ring
 * @lock: protects all that is not constant
 * @sb: its super block, valid while the mount exists; constant
 * @options: options of the mount; a remount may change them
 * @layout: the default geometry of @options
 * @bytes: bytes that its rings take
 * @files: number of rings and directories, the root included
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
	RB_FILE_NEW, /* it has no ring, and any handle may make it */
	RB_FILE_MAKING, /* it has no ring, and only its maker may make it */
	RB_FILE_SET, /* it has its ring */
	RB_FILE_GONE, /* no handle may enter any more */
};

/**
 * struct rb_file - a ring that is a file; i_private of its inode
 * @lock: protects all that is not constant
 * @instance: the account of its mount; constant
 * @state: enum rb_file_state; may be read without the lock
 * @ring: the ring, with a reference, once it is set; see file_set()
 * @maker: MAKING and not @reserved: the handle whose open has made the file
 * @handles: number of handles that have entered, and of the one that is to come
 * @reserved: the open that has made the file is in progress, and its handle is to come; may
 *	be read without the lock
 * @busy: a handle is making the ring without the lock; may be read without it
 * @payer: user who is charged for a ring of default geometry; constant
 * @kept: it stays until it is unlinked; may be read without the lock
 * @put_later: it was renamed over: drop the ring by rb_ring_put_later()
 * @made: when it was made, by get_jiffies_64(); constant
 * @born: when it was made, for stat(2); constant
 * @work: removes the name where that has to wait
 * @path: the name for @work
 * @gone: GONE: since when, in jiffies; may be read without the lock
 * @wq: tasks that wait for its maker
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

/* Drop a reference on the memory of @h.  Its file is closed, or a fence is over. */
static inline void rb_handle_put(struct rb_handle *h)
{
	if (refcount_dec_and_test(&h->refs))
		kfree(h);
}

/*
 * Return how many live members @h has, without its lock.  With a member, its latest row or
 * id is visible, and so are the words of a reader's row: a task that polls while another
 * one attaches must not arm for the cursor of the row's last reader.
 */
static inline unsigned int rb_handle_members(const struct rb_handle *h)
{
	return smp_load_acquire(&h->members); /* matches member_begin() */
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
