/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of ringbuf.ko offer each other, from the bottom up: a file uses only
 * files whose section stands above its own.  The files in kmod/Kbuild stand in the same
 * order, and selftests/lint levels checks both.
 *
 * One pair is exempt: file.c -> fops.c.  A file of the file system gets its operations when
 * its inode is made, and its open, which is one of them, enters the file.  So file.c stores
 * the address of rb_fops, and calls nothing above itself.
 */
#ifndef RB_INTERNAL_H
#define RB_INTERNAL_H

#include "objects.h"

struct cred;
struct io_uring_cmd;
struct pid_namespace;
struct pipe_inode_info;
struct poll_table_struct;
struct seq_file;
struct user_namespace;
struct vm_fault;

/*
 * For memory whose size the caller of the module chooses: where the memory cgroup of the
 * caller forbids it, the allocation fails, without an OOM kill or a warning.
 */
#define RB_GFP_LARGE (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* ---- args.c -------------------------------------------------------------- */

int rb_arg_get(void *to, size_t size, size_t least, const void __user *from);
int rb_arg_put(void __user *to, const void *from, size_t size);
int rb_table_check(u32 stride, size_t least);
int rb_table_put(u64 to, u32 stride, const void *from, size_t size, u32 count);

/* ---- anon.c -------------------------------------------------------------- */

int rb_anon_init(void);
void rb_anon_exit(void);
struct inode *rb_anon_inode(void);

/* ---- quota.c ------------------------------------------------------------- */

/* Bounds of a quota of bytes. */
#define RB_QUOTA_LEAST (16ULL * PAGE_SIZE)
#define RB_QUOTA_MOST  BIT_ULL(52)

void rb_quota_init(void);
u64 rb_quota_ring_bytes(void);
u64 rb_quota_most(void);
kuid_t rb_payer(const struct user_namespace *ns, kuid_t uid);
struct rb_user *rb_user_charge(kuid_t uid, u64 bytes);
void rb_user_uncharge(struct rb_user *user, u64 bytes);

/* ---- leftover.c ---------------------------------------------------------- */

/**
 * struct rb_leftover - bytes that have left the ring, for a pipe
 * @node: in handle->leftover, under handle->leftover_lock; not in a list while a call or
 *	a pipe has it
 * @file: the file of the handle; referenced while buffers of a pipe point to the leftover
 * @buffers: number of such buffers
 * @length: number of bytes; they begin at the start of the first page
 * @rest: bytes before this one were taken
 * @count: entries of @page
 * @page: pages that hold the bytes
 */
struct rb_leftover {
	struct list_head node;
	struct file *file;
	refcount_t buffers;
	size_t length;
	size_t rest;
	unsigned int count;
	struct page *page[];
};

/*
 * Check without a lock whether @h has leftovers; the answer may be stale.  list_add() and
 * list_del() store the word that list_empty() loads with WRITE_ONCE(), but not the one that
 * list_empty_careful() loads as well.
 */
static inline bool rb_has_leftover(const struct rb_handle *h)
{
	return !list_empty(&h->leftover);
}

struct rb_leftover *rb_leftover_new(size_t length);
void rb_leftover_free(struct rb_leftover *leftover);
void rb_leftovers_free(struct list_head *list);
struct rb_leftover *rb_leftover_first(struct rb_handle *h);
size_t rb_leftover_bytes(struct rb_handle *h);
void rb_leftover_leave(struct rb_handle *h, struct rb_ring *ring);
ssize_t rb_leftover_read(struct rb_handle *h, struct iov_iter *to);
size_t rb_pipe_room(const struct pipe_inode_info *pipe);
ssize_t rb_leftover_push(struct file *in, struct pipe_inode_info *pipe,
			 struct rb_leftover *leftover, size_t most);
void rb_leftover_give(struct pipe_inode_info *pipe, struct rb_leftover *leftover);

/* ---- instance.c ---------------------------------------------------------- */

void rb_instance_init(struct rb_instance *instance, struct super_block *sb,
		      const struct rb_options *o);
void rb_instance_put(struct rb_instance *instance);
int rb_instance_charge(struct rb_instance *instance, u64 bytes);
void rb_instance_uncharge(struct rb_instance *instance, u64 bytes);
int rb_instance_count(struct rb_instance *instance);
void rb_instance_discount(struct rb_instance *instance);
struct rb_layout rb_instance_layout(struct rb_instance *instance);

/* ---- default_table.c ----------------------------------------------------- */

struct rb_ring *rb_default_find(kuid_t uid, unsigned int scope);
struct rb_ring *rb_default_add(struct rb_ring *ring);
void rb_default_forget(struct rb_ring *ring);

/* ---- timer.c ------------------------------------------------------------- */

int rb_timer_init(void);
void rb_timer_exit(void);
void rb_timer_maps(struct rb_ring *ring, int more);
void rb_timer_policy(struct rb_ring *ring, const struct rb_policy *policy);
void rb_timer_arm(struct rb_ring *ring);
void rb_timer_settle(struct rb_ring *ring);
unsigned long rb_claim_period(u64 timeout);

/* ---- pages.c ------------------------------------------------------------- */

extern struct srcu_struct rb_copies;

struct page *rb_page(const struct rb_ring *ring, unsigned long n);
vm_fault_t rb_page_fault(struct vm_fault *vmf, const struct rb_identity *i, unsigned long n);
int rb_private_alloc(struct rb_identity *i);
void rb_private_free(struct rb_identity *i);
void rb_identity_cut(struct rb_identity *i);
int rb_pages_renew(struct rb_ring *ring, u64 index);
void rb_pages_exit(void);

/* ---- geometry.c ---------------------------------------------------------- */

int rb_geometry_init(void);
struct rb_layout rb_geometry(void);
void rb_geometry_slots(u64 *slot_bytes, u64 *slot_count);

/* ---- wake.c -------------------------------------------------------------- */

/* The largest target: a waiter word has 62 bits for it. */
#define RB_MOST_TARGET (~0ULL >> 2)

/* For a waiter that only a notification wakes, as no position gets this far. */
#define RB_WAITER_NEVER rb_waiter_word(RB_MOST_TARGET, RB_WAIT_POSITION)

/* Waiters that are checked while ring->wait_lock is held without a break. */
#define RB_WAKE_CHUNK 64

void rb_arm_waiter(struct rb_ring *ring, struct rb_waiter *s, u64 waiter);
void rb_ask(struct rb_ring *ring, u64 waiter);
void rb_disarm_waiter(struct rb_ring *ring, struct rb_waiter *s);
void rb_disarm_locked(struct rb_ring *ring, struct rb_waiter *s);
void rb_ring_wake(struct rb_ring *ring);
void rb_ring_recheck(struct rb_ring *ring);
void rb_notify(struct rb_ring *ring);
void rb_notify_writers(struct rb_ring *ring);
void rb_notify_handle(struct rb_ring *ring, struct rb_handle *h);

/* ---- process.c ----------------------------------------------------------- */

void rb_process_set(struct rb_process *p);
void rb_process_copy(struct rb_process *to, const struct rb_process *from);
void rb_process_clear(struct rb_process *p);
s32 rb_process_pid(const struct rb_process *p, struct pid_namespace *ns);
void rb_process_refresh(struct rb_process *p);
void rb_process_tell(const struct rb_process *p, struct pid_namespace *ns, s32 *pid,
		     char comm[RINGBUF_COMM_BYTES]);
u32 rb_process_end(const struct rb_process *p, u32 *code);

/* ---- blocker.c ----------------------------------------------------------- */

/**
 * struct rb_blocker_report - what blocks the writers of a ring, for one caller
 * @kind: RINGBUF_BLOCKER_*
 * @id: row of the reader, or id of the writer
 * @position: see struct ringbuf_stats
 * @lag: slots from @position to head
 * @since: it has been there since then at least, by ktime_get_ns(); 0 without a blocker
 * @pid: its process in the caller's pid namespace, 0: not visible
 * @comm: the name of that process
 */
struct rb_blocker_report {
	u32 kind;
	u32 id;
	u64 position;
	u64 lag;
	u64 since;
	s32 pid;
	char comm[RINGBUF_COMM_BYTES];
};

void rb_blocker_look(struct rb_ring *ring);
void rb_blocker_report(struct rb_ring *ring, u64 head, struct pid_namespace *ns,
		       struct rb_blocker_report *r);
u64 rb_blocker_caller_ns(u64 ns);

/* ---- hole.c -------------------------------------------------------------- */

int rb_holes_alloc(struct rb_ring *ring);
void rb_holes_free(struct rb_ring *ring);
void rb_hole_ending(struct rb_seat *seat, u32 cause);
void rb_hole_record(struct rb_ring *ring, u32 id, u64 count, u64 end);
long rb_ioctl_hole(struct rb_handle *h, void __user *arg);

/* ---- stats.c ------------------------------------------------------------- */

long rb_ioctl_stats(struct rb_handle *h, void __user *arg);

/* ---- repair.c ------------------------------------------------------------ */

void rb_writer_stop(struct rb_ring *ring, u32 id, bool died);
void rb_reclaim_deferred(struct rb_ring *ring);

/* ---- member.c ------------------------------------------------------------ */

bool rb_has_readers(const struct rb_ring *ring);
bool rb_lacks_readers(const struct rb_ring *ring);

int rb_member_begin_reader(struct rb_handle *h, struct rb_ring *ring, u64 want,
			   const struct rb_policy *policy, u64 *start);
int rb_member_resume_reader(struct rb_handle *h, struct rb_ring *ring, bool wait);
int rb_member_begin_writer(struct rb_handle *h, struct rb_member *m, struct rb_ring *ring,
			   bool wait);
void rb_member_end(struct rb_handle *h, struct rb_member *m, u32 cause);
void rb_member_map(struct rb_handle *h, struct rb_member *m);
void rb_member_leave(struct rb_handle *h, struct rb_member *m);
int rb_member_evict(struct rb_ring *ring, u32 row);
int rb_member_evict_locked(struct rb_ring *ring, u32 row);
bool rb_member_continue(struct rb_ring *ring, u32 row, bool wait);
bool rb_member_evicted(const struct rb_handle *h, const struct rb_ring *ring);

/* ---- handle.c ------------------------------------------------------------ */

void rb_handle_bind(struct rb_handle *h, struct rb_ring *ring, u32 role);
struct rb_identity *rb_identity_of(struct rb_handle *h, struct mm_struct *mm);
bool rb_handle_elsewhere(struct rb_handle *h, struct mm_struct *mm);
struct rb_member *rb_member_here(struct rb_handle *h);
struct rb_member *rb_member_io(struct rb_handle *h, bool wait);
bool rb_fenced_locked(struct rb_handle *h);
bool rb_fenced_here(struct rb_handle *h);

/* ---- fence.c ------------------------------------------------------------- */

void rb_fence_check(struct rb_ring *ring);
int rb_fence_take_over(struct rb_ring *ring, bool wait, bool *fenced);
void rb_fence_settle(struct rb_ring *ring, bool failed);

/* ---- policy.c ------------------------------------------------------------ */

bool rb_policy_ask(struct rb_handle *h, struct rb_ring *ring, u32 want, bool *held);
void rb_policy_leave(struct rb_handle *h, struct rb_ring *ring, bool *held);
void rb_policy_check(struct rb_ring *ring);

/* ---- recheck.c ----------------------------------------------------------- */

void rb_recheck_start(struct rb_ring *ring);
void rb_recheck_stop(struct rb_ring *ring);

/* ---- ring.c -------------------------------------------------------------- */

struct rb_ring *rb_ring_create(const struct rb_layout *layout, kuid_t payer,
			       struct rb_instance *instance);
void rb_ring_put(struct rb_ring *ring);
void rb_ring_put_later(struct rb_ring *ring);
int rb_ring_init(void);
void rb_ring_exit(void);
void rb_ring_note(struct rb_ring *ring);
u64 rb_ring_written(struct rb_ring *ring);

/* ---- threshold.c --------------------------------------------------------- */

/**
 * struct rb_threshold_values - a handle's threshold, as one call has read it
 * @set: the threshold is more than one slot
 * @slots: see struct ringbuf_threshold
 * @bytes: see struct ringbuf_threshold
 * @after: see struct ringbuf_threshold
 */
struct rb_threshold_values {
	bool set;
	u32 slots;
	u64 bytes;
	u64 after;
};

/**
 * struct rb_check - how a handle stands against its threshold
 * @ready: it is worth waking
 * @evicted: it is a reader that was evicted; then it is ready
 * @waiter: what to wait for if it is not ready
 * @next: where a handle with a threshold is polled and ready: what to wait for after that
 * @deadline: when to check again, or RINGBUF_NO_TIMEOUT
 * @want: number of slots that are enough
 */
struct rb_check {
	bool ready;
	bool evicted;
	u32 want;
	u64 waiter;
	u64 next;
	u64 deadline;
};

/* A number of committed slots and the bytes in them. */
struct rb_sum {
	u64 slots;
	u64 bytes;
};

struct rb_sum rb_sum_committed(const struct rb_ring *ring, u64 pos, u64 slots, u64 bytes);
void rb_threshold_init(struct rb_handle *h);
void rb_threshold_read(const struct rb_handle *h, struct rb_threshold_values *l);
void rb_check_reader(struct rb_handle *h, struct rb_ring *ring, const struct rb_threshold_values *l,
		     bool poll, struct rb_check *check);
void rb_check_writer(struct rb_handle *h, struct rb_ring *ring, const struct rb_threshold_values *l,
		     struct rb_check *check);
void rb_check_writer_held(struct rb_handle *h, struct rb_ring *ring,
			  const struct rb_threshold_values *l, bool *held, struct rb_check *check);
void rb_check_timer(struct rb_handle *h, const struct rb_threshold_values *l,
		    const struct rb_check *check);
long rb_ioctl_threshold(struct rb_handle *h, void __user *arg);

/* ---- framing.c ----------------------------------------------------------- */

long rb_ioctl_framing(struct rb_handle *h, void __user *arg);
long rb_ioctl_room(struct rb_handle *h, void __user *arg);
long rb_ioctl_fionread(struct rb_handle *h, void __user *arg);

/* ---- file.c -------------------------------------------------------------- */

int rb_file_init(void);
void rb_file_exit(void);
struct inode *rb_file_root(struct super_block *sb, const struct rb_options *o);
void rb_file_evict(struct inode *inode);
bool rb_file_has(const struct rb_handle *h);
bool rb_file_kept(const struct rb_handle *h);
int rb_file_enter(const struct path *path, struct rb_handle *maker);
void rb_file_leave(const struct path *path, const struct rb_handle *h);
int rb_file_stale(const struct file *file);
void rb_file_fail(const struct path *path);
struct rb_ring *rb_file_ring(struct rb_handle *h, bool wait);
struct rb_ring *rb_file_create(struct rb_handle *h, const struct rb_layout *layout, bool kept);

/* ---- default.c ----------------------------------------------------------- */

struct rb_ring *rb_default_ring(const struct cred *cred);

/* ---- wait.c -------------------------------------------------------------- */

bool rb_waiters_enter(struct rb_ring *ring);
void rb_waiters_leave(struct rb_ring *ring);
int rb_sleep(struct rb_handle *h, u64 waiter, unsigned long notices, u64 deadline);
int rb_wait_get(struct rb_handle *h, struct ringbuf_wait *w, const void __user *arg);
int rb_wait_check(struct rb_handle *h, struct rb_ring *ring, u32 want, bool *held,
		  struct rb_ready *r);
u64 rb_wait_after(const struct ringbuf_wait *w);
u64 rb_caller_ns(void);
long rb_ioctl_wait(struct rb_handle *h, void __user *arg);
long rb_ioctl_wake(struct rb_handle *h, void __user *arg);

/* ---- uring.c ------------------------------------------------------------- */

int rb_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags);

/* ---- mount.c ------------------------------------------------------------- */

int rb_mount_init(void);
void rb_mount_exit(void);

/* ---- fdinfo.c ------------------------------------------------------------ */

void rb_show_fdinfo(struct seq_file *m, struct file *file);

/* ---- create.c ------------------------------------------------------------ */

long rb_ioctl_features(struct rb_handle *h, void __user *arg);
long rb_ioctl_create(struct file *file, void __user *arg);

/* ---- attach.c ------------------------------------------------------------ */

long rb_ioctl_attach(struct file *file, void __user *arg);

/* ---- info.c -------------------------------------------------------------- */

long rb_ioctl_info(struct rb_handle *h, void __user *arg);

/* ---- control.c ----------------------------------------------------------- */

long rb_ioctl_done(struct rb_handle *h, void __user *arg);
long rb_ioctl_sync(struct rb_handle *h, void __user *arg);
long rb_ioctl_detach(struct rb_handle *h, void __user *arg);
long rb_ioctl_evict(struct rb_handle *h, void __user *arg);

/* ---- map.c --------------------------------------------------------------- */

int rb_mmap(struct file *file, struct vm_area_struct *vma);

/* ---- bind.c -------------------------------------------------------------- */

int rb_bind_stream(struct file *file, struct rb_handle *h, u32 role, bool wait);
int rb_bind_open(struct file *file, struct rb_handle *h);

/* ---- ioctl.c ------------------------------------------------------------- */

long rb_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ---- poll.c -------------------------------------------------------------- */

__poll_t rb_poll(struct file *file, struct poll_table_struct *wait);

/* ---- rw.c ---------------------------------------------------------------- */

/*
 * Attempts of a read or write that may find nothing to take: words that make no sense, a
 * message that another thread took first, an empty message of a stream.
 */
#define RB_RW_TRIES 1000

static inline bool rb_iocb_nonblock(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT || iocb->ki_filp->f_flags & O_NONBLOCK;
}

/* Whether the call may wait for a lock.  O_NONBLOCK forbids only to wait for other users. */
static inline bool rb_iocb_wait(const struct kiocb *iocb)
{
	return !(iocb->ki_flags & IOCB_NOWAIT);
}

/* Take @lock.  Return false if the call would have to wait for it, and must not. */
static inline bool rb_iocb_lock(const struct kiocb *iocb, struct mutex *lock)
{
	if (!rb_iocb_wait(iocb))
		return mutex_trylock(lock);
	mutex_lock(lock);
	return true;
}

static inline bool rb_is_stream(const struct rb_handle *h)
{
	return READ_ONCE(h->framing) == RINGBUF_FRAMING_STREAM;
}

struct rb_ring *rb_iocb_ring(struct kiocb *iocb, u32 role);
size_t rb_slot_copy(const struct rb_ring *ring, u64 index, size_t skip, size_t length,
		    struct iov_iter *iter, bool to_slot);

/* ---- read.c -------------------------------------------------------------- */

ssize_t rb_read_iter(struct kiocb *iocb, struct iov_iter *to);

/* ---- write.c ------------------------------------------------------------- */

ssize_t rb_write_iter(struct kiocb *iocb, struct iov_iter *from);

/* ---- pipe_wait.c --------------------------------------------------------- */

int rb_pipe_wait_ring(struct rb_handle *h, struct pipe_inode_info *pipe, bool nonblock,
		      bool *again);
int rb_pipe_wait_room(struct pipe_inode_info *pipe, unsigned int flags);
int rb_pipe_wait_empty(struct pipe_inode_info *pipe);
int rb_pipe_wait_data(struct pipe_inode_info *pipe, unsigned int flags);

/* ---- splice.c ------------------------------------------------------------ */

ssize_t rb_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe, size_t length,
		       unsigned int flags);
ssize_t rb_splice_write(struct pipe_inode_info *pipe, struct file *out, loff_t *ppos, size_t length,
			unsigned int flags);

/* ---- fops.c -------------------------------------------------------------- */

extern const struct file_operations rb_fops;

/* ---- device.c ------------------------------------------------------------ */

int rb_device_init(void);
void rb_device_exit(void);

#endif
