// SPDX-License-Identifier: GPL-2.0
/*
 * The files of the file system: directories, and rings.
 *
 * A ring's inode has the type of a FIFO, which programs handle well: they read and write it
 * in sequence, and programs that walk a tree (grep -r, tar, a backup) skip it, so that none
 * becomes a reader by accident and holds up the writers.
 *
 * A file is made without a ring: RB_FILE_NEW, or RB_FILE_MAKING while the handle that made
 * it may still set the geometry.  CREATE makes the ring, or the first use makes it in the
 * instance's default geometry (RB_FILE_SET).  The ring lives as long as the inode; that of a
 * file that is gone lives until its last handle goes.
 *
 * open(2) with O_CREAT makes the file under the lock of the directory, and opens it without:
 * the pages of a ring may take long to get.  In between, the file counts the handle that is
 * to come (@reserved), so that another handle's last close does not take the name away.  A
 * security module may still refuse that open, so after FILE_MAKER the file no longer waits
 * for it: see file_expire().
 *
 * A file is kept, until it is unlinked, or fleeting: then its name goes with its last handle,
 * and it is RB_FILE_GONE.  An open that found the name before that looks it up again, see
 * rb_file_stale().
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/jiffies.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "internal.h"

/* How long after a file has gone an open that found its name may still arrive. */
#define FILE_RACE (HZ / 10)

/* How long a file waits for the open that has made it. */
#define FILE_MAKER HZ

static const struct inode_operations file_dir_ops;
static const struct inode_operations file_ring_ops;
static void file_unname_work(struct work_struct *work);

/* Removes names where that has to wait for the lock of a directory. */
static struct workqueue_struct *file_names;

static struct rb_instance *file_instance(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/*
 * Return the user who is charged for a new ring: the caller, or, in a mount made in a user
 * namespace, the owner of that namespace.
 */
static kuid_t file_payer(const struct super_block *sb)
{
	const struct user_namespace *ns = sb->s_user_ns;

	return rb_payer(ns == &init_user_ns ? current_user_ns() : ns, current_fsuid());
}

static struct rb_file *file_new(struct super_block *sb, enum rb_file_state state)
{
	struct rb_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return NULL;
	mutex_init(&f->lock);
	init_waitqueue_head(&f->wq);
	f->instance = file_instance(sb);
	f->state = state;
	f->kept = state == RB_FILE_NEW;
	f->reserved = state == RB_FILE_MAKING;
	f->handles = f->reserved;
	f->payer = file_payer(sb);
	INIT_WORK(&f->work, file_unname_work);
	f->made = get_jiffies_64();
	ktime_get_coarse_real_ts64(&f->born);
	return f;
}

/* Make an inode.  The instance counts it until rb_file_evict(). */
static struct inode *file_new_inode(struct super_block *sb, umode_t mode)
{
	struct inode *inode;
	int err = rb_instance_count(file_instance(sb));

	if (err)
		return ERR_PTR(err);
	inode = new_inode(sb);
	if (!inode) {
		rb_instance_discount(file_instance(sb));
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = get_next_ino();
	inode->i_mode = mode;
	simple_inode_init_ts(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &file_dir_ops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode); /* "." */
	} else {
		inode->i_op = &file_ring_ops;
		inode->i_fop = &rb_fops;
	}
	return inode;
}

struct inode *rb_file_root(struct super_block *sb, const struct rb_options *o)
{
	struct inode *root = file_new_inode(sb, S_IFDIR | o->mode);

	if (IS_ERR(root))
		return root;
	root->i_uid = o->uid;
	root->i_gid = o->gid;
	return root;
}

/* Free the file of an inode that has no name and no handle any more. */
void rb_file_evict(struct inode *inode)
{
	struct rb_file *f = inode->i_private;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	rb_instance_discount(file_instance(inode->i_sb));
	if (!f)
		return;
	WARN_ON_ONCE(f->handles != f->reserved || f->busy);
	if (f->ring && f->put_later)
		rb_ring_put_later(f->ring);
	else if (f->ring)
		rb_ring_put(f->ring);
	kfree(f);
}

/* ---- in directories -------------------------------------------------------- */

/* Add an inode of @mode as the name @dentry.  @f: the file of a ring, else NULL. */
static int file_add(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode,
		    struct rb_file *f)
{
	struct inode *inode = file_new_inode(dir->i_sb, mode);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	inode_init_owner(idmap, inode, dir, mode);
	inode->i_private = f;
	if (S_ISDIR(mode))
		inc_nlink(dir);
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	rb_dentry_pin(dentry, inode);
	return 0;
}

static int file_add_ring(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 umode_t mode, enum rb_file_state state)
{
	struct rb_file *f = file_new(dir->i_sb, state);
	int err;

	if (!f)
		return -ENOMEM;
	err = file_add(idmap, dir, dentry, S_IFIFO | (mode & 07777), f);
	if (err)
		kfree(f);
	return err;
}

/* Remove a name, with the lock of its directory @dir held. */
static void file_unlink(struct inode *dir, struct dentry *dentry)
{
	simple_unlink(dir, dentry);
	d_invalidate(dentry); /* detaches what is mounted there */
}

/*
 * Count one handle less: @h if it has entered, else NULL.  @gone: the file is to go in any
 * case.  Returns true, once, when the file is gone: the caller must remove its name.
 */
static bool file_leave(struct rb_file *f, const struct rb_handle *h, bool gone)
{
	struct rb_ring *ring = NULL;
	bool before;

	mutex_lock(&f->lock);
	WARN_ON_ONCE(!f->handles);
	before = f->state == RB_FILE_GONE;
	f->handles--;
	if (h && f->maker == h) {
		WRITE_ONCE(f->maker, NULL);
		gone |= f->state == RB_FILE_MAKING;
	}
	gone |= !f->handles && !f->kept;
	if (gone && !before) {
		WRITE_ONCE(f->state, RB_FILE_GONE);
		WRITE_ONCE(f->gone, jiffies);
	}
	/* Drop the ring now: a descriptor of O_PATH may hold the inode for long. */
	if (f->state == RB_FILE_GONE && !f->handles)
		swap(ring, f->ring);
	mutex_unlock(&f->lock);
	if (gone)
		wake_up_all(&f->wq);
	if (ring)
		rb_ring_put(ring);
	return gone && !before;
}

/*
 * Handle an open(2) of a name that is not in the dentry cache, or is negative.  Make the file
 * if O_CREAT is set; the VFS opens it after it has dropped the lock of @dir.
 */
static int file_atomic_open(struct inode *dir, struct dentry *dentry, struct file *file,
			    unsigned int flags, umode_t mode)
{
	struct dentry *found;
	int err = 0;

	if (d_in_lookup(dentry)) {
		found = simple_lookup(dir, dentry, 0);
		if (found)
			return PTR_ERR(found);
	}
	if (flags & O_CREAT) {
		err = file_add_ring(&nop_mnt_idmap, dir, dentry, mode, RB_FILE_MAKING);
		if (!err)
			file->f_mode |= FMODE_CREATED;
	}
	return err ?: finish_no_open(file, NULL);
}

/* Refuse mknod(2) of a regular file. */
static int file_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, bool excl)
{
	return -EPERM;
}

/* Make a file that is kept, for mkfifo(1). */
static int file_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      umode_t mode, dev_t dev)
{
	if (!S_ISFIFO(mode))
		return -EPERM;
	return file_add_ring(idmap, dir, dentry, mode, RB_FILE_NEW);
}

static RB_MKDIR_TYPE file_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
				umode_t mode)
{
	int err = file_add(idmap, dir, dentry, S_IFDIR | mode, NULL);

	return RB_MKDIR_RESULT(err);
}

/*
 * The VFS drops the inode of a file that is renamed over under the locks of the directories,
 * so let rb_file_evict() leave the pages of its ring to another task.
 */
static int file_rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old,
		       struct inode *new_dir, struct dentry *new, unsigned int flags)
{
	struct rb_file *over = d_is_positive(new) ? d_inode(new)->i_private : NULL;
	int err = simple_rename(idmap, old_dir, old, new_dir, new, flags);

	if (over && !err && !(flags & RENAME_EXCHANGE))
		WRITE_ONCE(over->put_later, true);
	return err;
}

static const struct inode_operations file_dir_ops = {
	.lookup = simple_lookup,
	.atomic_open = file_atomic_open,
	.create = file_create,
	.mknod = file_mknod,
	.mkdir = file_mkdir,
	.rmdir = simple_rmdir,
	.unlink = simple_unlink,
	.rename = file_rename,
	.setattr = simple_setattr,
};

/*
 * Remove the name of a file that is gone, with the lock of @dir held.  Returns false if
 * @dentry has moved to another directory.
 */
static bool file_unname_locked(struct inode *dir, struct dentry *dentry)
{
	if (d_inode(dentry->d_parent) != dir)
		return false;
	/* Without a link the name was removed already, by unlink(2) or by this function. */
	if (d_inode(dentry)->i_nlink) {
		file_unlink(dir, dentry);
		fsnotify_unlink(dir, dentry);
	}
	return true;
}

enum file_wait { FILE_WAIT, FILE_WAIT_KILLABLE, FILE_NO_WAIT };

static bool file_lock_dir(struct inode *dir, enum file_wait wait)
{
	switch (wait) {
	case FILE_NO_WAIT:
		return inode_trylock(dir);
	case FILE_WAIT_KILLABLE:
		return !down_write_killable(&dir->i_rwsem);
	default:
		inode_lock(dir);
		return true;
	}
}

/*
 * Remove the name of a file that is gone.  Each task that meets the name tries, so that its
 * next lookup does not find it.  Returns false if that would have to wait, or if a signal
 * ended the wait.
 */
static bool file_unname(struct dentry *dentry, enum file_wait wait)
{
	bool locked, done = false;
	struct dentry *parent;

	do {
		parent = dget_parent(dentry);
		locked = file_lock_dir(d_inode(parent), wait);
		if (locked) {
			done = file_unname_locked(d_inode(parent), dentry);
			inode_unlock(d_inode(parent));
		}
		dput(parent);
	} while (locked && !done);
	return done;
}

static void file_unname_work(struct work_struct *work)
{
	struct rb_file *f = container_of(work, struct rb_file, work);
	struct path path = f->path;

	file_unname(path.dentry, FILE_WAIT);
	path_put(&path); /* may free @f */
}

/*
 * Hide the name at once, and remove it now or soon.  A task that reads the directory into
 * slow memory holds its lock for long, and neither a close nor an exit may wait for that.
 */
static void file_unname_soon(struct rb_file *f, const struct path *path)
{
	struct dentry *dentry = path->dentry;

	/*
	 * Allow no new mount on it.  file_unlink() detaches a mount that exists already, for
	 * which the dentry has to stay hashed.
	 */
	spin_lock(&dentry->d_lock);
	dentry->d_flags |= DCACHE_CANT_MOUNT;
	if (!d_mountpoint(dentry))
		__d_drop(dentry);
	spin_unlock(&dentry->d_lock);
	if (file_unname(path->dentry, FILE_NO_WAIT))
		return;
	f->path = *path;
	path_get(&f->path);
	queue_work(file_names, &f->work);
}

int __init rb_file_init(void)
{
	file_names = alloc_workqueue("ringbuf_names", WQ_UNBOUND, 0);
	return file_names ? 0 : -ENOMEM;
}

void rb_file_exit(void)
{
	destroy_workqueue(file_names);
}

/* ---- stat(2) ----------------------------------------------------------------- */

static int file_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
			u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct rb_file *f = inode->i_private;
	struct rb_ring *ring;

	generic_fillattr(idmap, mask, inode, stat);
	stat->btime = f->born;
	stat->result_mask |= STATX_BTIME;
	mutex_lock(&f->lock);
	ring = f->ring;
	if (ring) {
		stat->size = ring->layout.slot_bytes * ring->layout.slot_count;
		stat->blocks = ring->layout.bytes >> 9;
		stat->mtime = ns_to_timespec64(rb_ring_written(ring));
	}
	mutex_unlock(&f->lock);
	return 0;
}

static const struct inode_operations file_ring_ops = {
	.getattr = file_getattr,
	.setattr = simple_setattr,
};

/* ---- handles --------------------------------------------------------------------- */

static struct rb_file *file_of(const struct rb_handle *h)
{
	return d_inode(h->path.dentry)->i_private;
}

/* Whether @h is a handle of a file, by its open or by an ATTACH to a file's descriptor. */
bool rb_file_has(const struct rb_handle *h)
{
	return h->path.dentry;
}

/* Stop waiting for the open that has made @f.  Its handle, if it comes, is an ordinary one. */
static void file_unreserve(struct rb_file *f)
{
	lockdep_assert_held(&f->lock);
	WARN_ON_ONCE(f->state != RB_FILE_MAKING || !f->handles);
	WRITE_ONCE(f->state, RB_FILE_NEW);
	WRITE_ONCE(f->reserved, false);
	f->handles--;
}

/* Stop waiting for the open that has made @f if FILE_MAKER is over. */
static void file_expire(struct rb_file *f)
{
	lockdep_assert_held(&f->lock);
	if (f->reserved && time_after_eq64(get_jiffies_64(), f->made + FILE_MAKER))
		file_unreserve(f);
}

/* Count one more handle: @maker, if its open has made the file, else NULL. */
static void file_enter(struct rb_file *f, struct rb_handle *maker)
{
	lockdep_assert_held(&f->lock);
	if (maker && f->reserved) {
		WRITE_ONCE(f->maker, maker);
		WRITE_ONCE(f->reserved, false); /* this handle is counted already */
		return;
	}
	file_expire(f);
	f->handles++;
}

/*
 * Count one more handle of the file at @path and hold @path, until rb_file_leave().  @maker:
 * the handle if its open has made the file, else NULL.  Returns -ESTALE if the file is gone.
 */
int rb_file_enter(const struct path *path, struct rb_handle *maker)
{
	struct rb_file *f = d_inode(path->dentry)->i_private;
	bool gone;

	mutex_lock(&f->lock);
	gone = f->state == RB_FILE_GONE;
	if (!gone)
		file_enter(f, maker);
	mutex_unlock(&f->lock);
	if (gone) {
		file_unname(path->dentry, FILE_WAIT_KILLABLE);
		return -ESTALE;
	}
	path_get(path);
	return 0;
}

/* Undo rb_file_enter().  May take the lock of a directory, so the caller holds no lock. */
void rb_file_leave(const struct path *path, const struct rb_handle *h)
{
	struct rb_file *f = d_inode(path->dentry)->i_private;

	if (file_leave(f, h, false))
		file_unname_soon(f, path);
	path_put(path);
}

/* Tell the file at @path that the open which has made it fails without a handle. */
void rb_file_fail(const struct path *path)
{
	struct rb_file *f = d_inode(path->dentry)->i_private;
	bool reserved;

	mutex_lock(&f->lock);
	reserved = f->reserved;
	if (reserved) {
		file_unreserve(f);
		f->handles++; /* until file_leave() */
	}
	mutex_unlock(&f->lock);
	if (!reserved)
		return;
	wake_up_all(&f->wq);
	if (file_leave(f, NULL, false))
		file_unname_soon(f, path);
}

/*
 * Return what ->open returns for a file that is gone.  On -EOPENSTALE the VFS looks the name
 * up again, but gives up soon, although other tasks may make and drop the name all the time;
 * so restart the system call.  Do not restart where a lookup finds the same file again: a
 * mount of the file itself, or, some time later, a descriptor of O_PATH.  Nor in io_uring,
 * which has no call to restart, and tries opens without O_CREAT with O_NONBLOCK first.
 */
int rb_file_stale(const struct file *file)
{
	const struct path *path = &file->f_path;
	const struct rb_file *f = d_inode(path->dentry)->i_private;

	if (path->dentry == path->mnt->mnt_root || current->flags & (PF_KTHREAD | PF_IO_WORKER) ||
	    (file->f_flags & (O_CREAT | O_NONBLOCK)) == O_NONBLOCK ||
	    time_after(jiffies, READ_ONCE(f->gone) + FILE_RACE))
		return -EOPENSTALE;
	return restart_syscall();
}

/* Give @f its ring, and the caller's reference on it. */
static void file_set(struct rb_file *f, struct rb_ring *ring)
{
	lockdep_assert_held(&f->lock);
	WRITE_ONCE(f->state, RB_FILE_SET);
	WRITE_ONCE(f->maker, NULL);
	smp_store_release(&f->ring, ring); /* matches rb_file_ring() */
}

/* Whether the handle that has made @f keeps @h from making the ring. */
static bool file_has_maker(struct rb_file *f, const struct rb_handle *h)
{
	return READ_ONCE(f->state) == RB_FILE_MAKING && READ_ONCE(f->maker) != h;
}

/* Whether @f has its ring, or @h may make it now. */
static bool file_made(struct rb_file *f, const struct rb_handle *h)
{
	return !READ_ONCE(f->busy) && !file_has_maker(f, h);
}

/* How long to wait for a change of @f before file_expire() may make one. */
static long file_timeout(const struct rb_file *f)
{
	u64 now = get_jiffies_64(), end = f->made + FILE_MAKER;

	if (!READ_ONCE(f->reserved))
		return MAX_SCHEDULE_TIMEOUT;
	return time_before64(now, end) ? end - now : 1;
}

/*
 * Lock @f once nothing keeps @h from making the ring.  Returns -EAGAIN if that would mean to
 * wait and the caller may not @wait, or the error of a signal.
 */
static int file_lock_made(struct rb_file *f, const struct rb_handle *h, bool wait)
{
	long left;

	for (;;) {
		mutex_lock(&f->lock);
		file_expire(f);
		if (file_made(f, h))
			return 0;
		mutex_unlock(&f->lock);
		if (!wait)
			return -EAGAIN;
		left = wait_event_interruptible_timeout(f->wq, file_made(f, h), file_timeout(f));
		if (left < 0)
			return left;
	}
}

/*
 * Make the ring of @f, charged to @payer, and return it with a reference for the caller.
 * Drops f->lock meanwhile, since the allocation may take long: handles may enter and leave,
 * but other makers wait.  The caller has a handle, so @f cannot go meanwhile.
 */
static struct rb_ring *file_fill(struct rb_file *f, const struct rb_layout *layout, kuid_t payer,
				 bool kept)
{
	struct rb_ring *ring;

	WRITE_ONCE(f->busy, true);
	mutex_unlock(&f->lock);
	ring = rb_ring_create(layout, payer, f->instance);
	mutex_lock(&f->lock);
	WRITE_ONCE(f->busy, false);
	WARN_ON_ONCE(f->state == RB_FILE_GONE);
	if (!IS_ERR(ring)) {
		if (kept)
			f->kept = true;
		file_set(f, ring);
		kref_get(&ring->refs);
	}
	mutex_unlock(&f->lock);
	wake_up_all(&f->wq);
	return ring;
}

/*
 * Return the ring of the file of @h, with a reference; make one in the default geometry if
 * the file has none.  While the file's maker may still set the geometry, @wait for that, or
 * return -EAGAIN.
 */
struct rb_ring *rb_file_ring(struct rb_handle *h, bool wait)
{
	struct rb_file *f = file_of(h);
	struct rb_ring *ring = smp_load_acquire(&f->ring); /* matches file_set() */
	struct rb_layout layout;
	int err;

	if (ring)
		goto found;
	err = file_lock_made(f, h, wait);
	if (err)
		return ERR_PTR(err);
	if (f->state == RB_FILE_GONE) {
		mutex_unlock(&f->lock);
		return ERR_PTR(-ESTALE);
	}
	ring = f->ring;
	if (!ring) {
		/* This is the first use, without CREATE. */
		layout = rb_instance_layout(f->instance);
		return file_fill(f, &layout, f->payer, false);
	}
	mutex_unlock(&f->lock);
found:
	kref_get(&ring->refs);
	return ring;
}

/*
 * Make the ring of the file of @h with @layout, for CREATE, and return it with a reference.
 * -EEXIST: the file has a ring.  -EBUSY: the handle that has made the file may still set the
 * geometry, or another handle is making the ring.
 */
struct rb_ring *rb_file_create(struct rb_handle *h, const struct rb_layout *layout, bool kept)
{
	struct rb_file *f = file_of(h);
	int err = 0;

	mutex_lock(&f->lock);
	file_expire(f);
	if (f->state == RB_FILE_GONE)
		err = -ESTALE;
	else if (f->ring)
		err = -EEXIST;
	else if (!file_made(f, h))
		err = -EBUSY;
	if (!err)
		return file_fill(f, layout, file_payer(f->instance->sb), kept);
	mutex_unlock(&f->lock);
	return ERR_PTR(err);
}

/* Whether @h is a handle of a file that is kept. */
bool rb_file_kept(const struct rb_handle *h)
{
	return rb_file_has(h) && READ_ONCE(file_of(h)->kept);
}
