/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels that the module is built for; nowhere else. */
#ifndef RB_COMPAT_H
#define RB_COMPAT_H

#include <linux/fs.h>
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

/*
 * Before 6.7 a request that waits in a driver cannot be canceled when its task
 * exits; what its task work is told when that has gone, and io_uring_cmd_to_pdu(),
 * are of 6.12.
 */
#define RB_URING_CMD (KERNEL_VERSION(6, 12, 0) <= LINUX_VERSION_CODE)
#if RB_URING_CMD
#define RB_URING_OP rb_uring_cmd
#else
#define RB_URING_OP NULL
#endif

#endif
