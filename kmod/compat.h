/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differences between the kernels that the module is built for; they are nowhere else.
 * The code is that of 6.12.  What newer kernels need was written from their sources and
 * change logs, up to 6.19, and has not been compiled.
 */
#ifndef RB_COMPAT_H
#define RB_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/version.h>

/* 6.3 made vm_flags constant, to be changed through these under the mmap lock. */
#if KERNEL_VERSION(6, 3, 0) > LINUX_VERSION_CODE
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/*
 * Before 6.5 all direct I/O takes plain references, and nothing tells them from those of
 * a pipe.
 */
#if KERNEL_VERSION(6, 5, 0) > LINUX_VERSION_CODE
#define RB_PIN_REFS 1
#endif

/* 6.3 gave the operations of inodes the mount's map of IDs instead of a namespace. */
#if KERNEL_VERSION(6, 3, 0) > LINUX_VERSION_CODE
#define mnt_idmap     user_namespace
#define nop_mnt_idmap init_user_ns
#endif

/* 6.6 told what is asked for. */
#if KERNEL_VERSION(6, 6, 0) > LINUX_VERSION_CODE
#define generic_fillattr(idmap, mask, inode, stat) \
	((void)(mask), generic_fillattr(idmap, inode, stat))
#endif

/* 6.7 put the times of inodes behind calls (6.6, and 6.1 later on, that of the change). */
#if KERNEL_VERSION(6, 7, 0) > LINUX_VERSION_CODE
static inline void inode_set_mtime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
}

static inline void simple_inode_init_ts(struct inode *inode)
{
	inode->i_mtime = inode_set_ctime_current(inode);
	inode->i_atime = inode->i_mtime;
}
#endif

/* Before 6.2 the callback of a class may change the device. */
#if KERNEL_VERSION(6, 2, 0) > LINUX_VERSION_CODE
#define RB_DEVNODE_CONST
#else
#define RB_DEVNODE_CONST const
#endif

/* 6.13 introduced hrtimer_setup(), and 6.15 removed hrtimer_init(). */
static inline void rb_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *))
{
#if KERNEL_VERSION(6, 13, 0) > LINUX_VERSION_CODE
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	timer->function = function;
#else
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
#endif
}

/* Since 6.15 ->mkdir returns a dentry: NULL, or an error pointer. */
#if KERNEL_VERSION(6, 15, 0) > LINUX_VERSION_CODE
#define RB_MKDIR_TYPE	     int
#define RB_MKDIR_RESULT(err) (err)
#else
#define RB_MKDIR_TYPE	     struct dentry *
#define RB_MKDIR_RESULT(err) ERR_PTR(err)
#endif

/* 6.18 renamed it. */
#if KERNEL_VERSION(6, 18, 0) <= LINUX_VERSION_CODE
#define generic_delete_inode inode_just_drop
#endif

/*
 * Make @inode that of the name @dentry, which holds a reference until simple_unlink() or
 * simple_rmdir().  6.19 made such a dentry a kind of its own, which kill_anon_super() drops.
 */
static inline void rb_dentry_pin(struct dentry *dentry, struct inode *inode)
{
#if KERNEL_VERSION(6, 19, 0) > LINUX_VERSION_CODE
	d_instantiate(dentry, inode);
	dget(dentry);
#else
	d_make_persistent(dentry, inode);
#endif
}

#if KERNEL_VERSION(6, 19, 0) <= LINUX_VERSION_CODE
#define kill_litter_super kill_anon_super
#endif

/*
 * Before 6.7 a driver cannot cancel a waiting request when its task exits.  6.12 has
 * io_uring_cmd_to_pdu(), and tells task work whether the task has gone.  6.19 changed how
 * task work is called, so from there on programs poll, as on 6.1.
 */
#define RB_URING_CMD                                       \
	(KERNEL_VERSION(6, 12, 0) <= LINUX_VERSION_CODE && \
	 KERNEL_VERSION(6, 19, 0) > LINUX_VERSION_CODE)
#if RB_URING_CMD
#include <linux/io_uring/cmd.h>

/* 6.18 removed the second result. */
static inline void rb_uring_done(struct io_uring_cmd *cmd, int result, unsigned int flags)
{
#if KERNEL_VERSION(6, 18, 0) > LINUX_VERSION_CODE
	io_uring_cmd_done(cmd, result, 0, flags);
#else
	io_uring_cmd_done(cmd, result, flags);
#endif
}

#define RB_URING_OP rb_uring_cmd
#else
#define RB_URING_OP NULL
#endif

#endif
