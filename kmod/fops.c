// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of a file, of /dev/ringbuf or of the file system; what its open and its
 * last close do.
 */
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "internal.h"

static void handle_init(struct rb_handle *h)
{
	int i;

	refcount_set(&h->refs, 1);
	mutex_init(&h->lock);
	INIT_LIST_HEAD(&h->node);
	INIT_LIST_HEAD(&h->identities);
	INIT_LIST_HEAD(&h->requests);
	spin_lock_init(&h->leftover_lock);
	INIT_LIST_HEAD(&h->leftover);
	init_waitqueue_head(&h->wq);
	rb_threshold_init(h);
	for (i = 0; i < RB_POLLS; i++) {
		INIT_LIST_HEAD(&h->poll[i].node);
		h->poll[i].handle = h;
	}
}

static struct rb_handle *handle_new(void)
{
	struct rb_handle *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return NULL;
	h->inode = rb_anon_inode();
	if (IS_ERR(h->inode)) {
		kfree(h);
		return NULL;
	}
	handle_init(h);
	return h;
}

static void handle_free(struct rb_handle *h)
{
	hrtimer_cancel(&h->threshold.timer);
	iput(h->inode);
	rb_handle_put(h);
}

static int handle_open(struct inode *inode, struct file *file)
{
	struct rb_handle *h = handle_new();
	int err;

	if (!h) {
		if (rb_is_file(file) && file->f_mode & FMODE_CREATED)
			rb_file_fail(&file->f_path);
		return -ENOMEM;
	}
	h->rights = file->f_mode & (FMODE_READ | FMODE_WRITE);
	err = rb_bind_open(file, h);
	if (err) {
		handle_free(h);
		return err;
	}
	file->private_data = h;
	file->f_mapping = h->inode->i_mapping;
	file->f_mode |= FMODE_NOWAIT;
	stream_open(inode, file);
	/* sendfile(2) refuses files that cannot seek; handle_llseek() refuses to seek. */
	file->f_mode |= FMODE_LSEEK;
	return 0;
}

static loff_t handle_llseek(struct file *file, loff_t offset, int whence)
{
	return -ESPIPE;
}

/* Refuse O_DIRECT: fcntl(2) accepts it for a FIFO, where it means packets. */
static int handle_check_flags(int flags)
{
	return flags & O_DIRECT ? -EINVAL : 0;
}

/* Tell whether the last holder of the file was killed, rather than closed it. */
static bool handle_killed(void)
{
	/* A kernel thread that drops the last reference cannot tell; it counts as killed. */
	if (current->flags & PF_KTHREAD)
		return true;
	return current->flags & PF_EXITING && current->exit_code & 0x7f;
}

/* End the file's own member.  No VMA exists any more, so no other member does. */
static void handle_leave(struct rb_handle *h, struct rb_ring *ring)
{
	mutex_lock(&h->lock);
	if (h->self.live)
		rb_member_end(h, &h->self, handle_killed() ? RINGBUF_HOLE_DIED : RINGBUF_HOLE_LEFT);
	rb_member_leave(h, &h->self);
	mutex_unlock(&h->lock);
	mutex_lock(&ring->lock);
	list_del(&h->node);
	mutex_unlock(&ring->lock);
	rb_leftovers_free(&h->leftover);
}

static int handle_release(struct inode *inode, struct file *file)
{
	struct rb_handle *h = file->private_data;
	struct rb_ring *ring = h->ring;
	int i;

	if (ring) {
		handle_leave(h, ring);
		rb_policy_leave(h, ring, &h->poll_held);
		for (i = 0; i < RB_POLLS; i++)
			rb_disarm_waiter(ring, &h->poll[i]);
		rb_ring_put(ring);
	}
	if (rb_file_has(h))
		rb_file_leave(&h->path, h);
	handle_free(h);
	return 0;
}

const struct file_operations rb_fops = {
	.owner = THIS_MODULE,
	.open = handle_open,
	.release = handle_release,
	.llseek = handle_llseek,
	.check_flags = handle_check_flags,
	.unlocked_ioctl = rb_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = rb_mmap,
	.poll = rb_poll,
	.read_iter = rb_read_iter,
	.write_iter = rb_write_iter,
	.splice_read = rb_splice_read,
	.splice_write = rb_splice_write,
	.uring_cmd = RB_URING_OP,
	.show_fdinfo = rb_show_fdinfo,
};
