/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels that the module is built for; nowhere else. */
#ifndef RB_COMPAT_H
#define RB_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
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

/* 6.13 has this beside copy_struct_from_user(). */
#if KERNEL_VERSION(6, 13, 0) > LINUX_VERSION_CODE
static inline int copy_struct_to_user(void __user *to, size_t room, const void *from, size_t size,
				      bool *ignored_trailing)
{
	if (room > size && clear_user(to + size, room - size))
		return -EFAULT;
	if (ignored_trailing)
		*ignored_trailing = room < size && memchr_inv(from + room, 0, size - room);
	return copy_to_user(to, from, min(room, size)) ? -EFAULT : 0;
}
#endif

/*
 * The references that one I/O which may write to a page takes at least.  From 6.5 on
 * direct I/O pins pages, as registered buffers do, and a plain reference is that of a
 * pipe (vmsplice), which reads only, or of direct I/O on NFS, Ceph or 9p.  Before, all
 * direct I/O takes plain references, and nothing tells them from those of a pipe.
 */
#if KERNEL_VERSION(6, 5, 0) > LINUX_VERSION_CODE
#define RB_PIN_REFS 1
#else
/* Half of a pin, so that maps that come and go between two looks do not hide one. */
#define RB_PIN_REFS ((int)GUP_PIN_COUNTING_BIAS / 2)
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
#include <linux/io_uring/cmd.h>
#define RB_URING_OP rb_uring_cmd
#else
#define RB_URING_OP NULL
#endif

#endif
