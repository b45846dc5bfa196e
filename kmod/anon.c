// SPDX-License-Identifier: GPL-2.0
/*
 * A pseudo file system that nobody mounts, for inodes of our own.
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

#define ANON_MAGIC 0x7262616e /* "rban" */

static struct vfsmount *anon_mount;

static int anon_context(struct fs_context *fc)
{
	return init_pseudo(fc, ANON_MAGIC) ? 0 : -ENOMEM;
}

/* No owner: the mount lives as long as the module and must not hold it. */
static struct file_system_type anon_type = {
	.name = "ringbuf_anon",
	.init_fs_context = anon_context,
	.kill_sb = kill_anon_super,
};

int __init rb_anon_init(void)
{
	anon_mount = kern_mount(&anon_type);
	return PTR_ERR_OR_ZERO(anon_mount);
}

void rb_anon_exit(void)
{
	kern_unmount(anon_mount);
}

/* The caller gives it back with iput(). */
struct inode *rb_anon_inode(void)
{
	return alloc_anon_inode(anon_mount->mnt_sb);
}
