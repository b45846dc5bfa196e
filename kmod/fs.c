// SPDX-License-Identifier: GPL-2.0
/*
 * A pseudo file system, for inodes of our own.
 *
 * Every handle has an address space from the moment it is opened, so f_mapping
 * never changes under an mmap() in another thread (whose accounting of writable
 * maps would then be taken from one address space and given back to another).
 * Nothing is ever read from or written to these inodes; they only keep the
 * tree of a handle's VMAs, each identity at page offsets of its own.
 */
#include <linux/err.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "internal.h"

#define RB_FS_MAGIC 0x72627566 /* "rbuf" */

static struct vfsmount *rb_mount;

static int rb_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, RB_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No owner: the mount lives as long as the module and must not hold it. */
static struct file_system_type rb_fs_type = {
	.name = "ringbuf",
	.init_fs_context = rb_fs_context,
	.kill_sb = kill_anon_super,
};

int __init rb_fs_init(void)
{
	rb_mount = kern_mount(&rb_fs_type);
	return PTR_ERR_OR_ZERO(rb_mount);
}

void rb_fs_exit(void)
{
	kern_unmount(rb_mount);
}

/* The caller gives it back with iput(). */
struct inode *rb_fs_inode(void)
{
	return alloc_anon_inode(rb_mount->mnt_sb);
}
