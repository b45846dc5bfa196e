// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: open files of /dev/ringbuf or of the file system, and in which address
 * spaces they are readers or writers.
 *
 * Binding makes the handle a member of the ring, h->self.  It belongs to
 * the file until an address space maps the identity region (map.c); then it
 * moves into that identity and ends with its last map.  A shared writer begins
 * another member where it is used in one more address space.
 */
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "internal.h"

static void handle_init(struct rb_handle *h)
{
	int i;

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
	h->pid = get_task_pid(current, PIDTYPE_TGID);
	return h;
}

static void handle_free(struct rb_handle *h)
{
	hrtimer_cancel(&h->threshold.timer);
	put_pid(h->pid);
	iput(h->inode);
	kfree(h);
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
	/* sendfile(2) takes nothing else (see splice.c); handle_llseek() says how it is. */
	file->f_mode |= FMODE_LSEEK;
	return 0;
}

static loff_t handle_llseek(struct file *file, loff_t offset, int whence)
{
	return -ESPIPE;
}

/* Of FIFOs fcntl(2) would take it: it makes packets of a pipe. */
static int handle_check_flags(int flags)
{
	return flags & O_DIRECT ? -EINVAL : 0;
}

/* @h becomes @role of @ring, whose reference it takes over.  Once. */
void rb_handle_bind(struct rb_handle *h, struct rb_ring *ring, u32 role)
{
	lockdep_assert_held(&h->lock);
	h->role = role;
	i_size_write(h->inode, ring->layout.bytes);
	mutex_lock(&ring->lock);
	/* Writers first: rb_notify_writers() */
	if (role == RINGBUF_ROLE_WRITER)
		list_add(&h->node, &ring->handles);
	else
		list_add_tail(&h->node, &ring->handles);
	mutex_unlock(&ring->lock);
	smp_store_release(&h->ring, ring); /* matches rb_handle_ring() */
	/* Who polled it before has armed nothing. */
	wake_up_all(&h->wq);
}

/* The identity of @h in @mm that is, or may still begin. */
struct rb_identity *rb_identity_of(struct rb_handle *h, struct mm_struct *mm)
{
	struct rb_identity *i;

	lockdep_assert_held(&h->lock);
	list_for_each_entry(i, &h->identities, node)
		if (i->mm == mm && (i->pins || !i->begun))
			return i;
	return NULL;
}

/* Whether @h is live in an address space other than @mm. */
bool rb_handle_elsewhere(struct rb_handle *h, struct mm_struct *mm)
{
	struct rb_identity *i;

	lockdep_assert_held(&h->lock);
	list_for_each_entry(i, &h->identities, node)
		if (i->mm != mm && i->member.live)
			return true;
	return false;
}

/* The member of the caller's address space, or the one that no address space has. */
struct rb_member *rb_member_here(struct rb_handle *h)
{
	struct rb_identity *i = rb_identity_of(h, current->mm);

	if (i && i->begun)
		return &i->member;
	return h->self.live ? &h->self : NULL;
}

/*
 * The member by which the caller reads or writes with read(2) and write(2).  A
 * shared writer that has none here begins one, which may mean to @wait.
 */
struct rb_member *rb_member_io(struct rb_handle *h, bool wait)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct rb_member *m = rb_member_here(h);
	int err;

	if (m && m->live)
		return m;
	if (h->detached)
		return ERR_PTR(-EBADFD);
	if (h->done)
		return ERR_PTR(-EPIPE);
	if (h->role == RINGBUF_ROLE_READER || rb_exclusive(&ring->view)) {
		if (rb_handle_elsewhere(h, current->mm))
			return ERR_PTR(-EBUSY);
	}
	if (h->role != RINGBUF_ROLE_WRITER)
		return ERR_PTR(-EBADFD);
	err = rb_member_begin_writer(h, &h->self, ring, wait);
	return err ? ERR_PTR(err) : &h->self;
}

/* Closed in peace, or by the death of whoever held it last? */
static bool handle_killed(void)
{
	/* A worker that drops the last reference cannot tell; nobody has said done. */
	if (current->flags & PF_KTHREAD)
		return true;
	return current->flags & PF_EXITING && current->exit_code & 0x7f;
}

/* No VMA is left, so only the file's own member can be left. */
static void handle_leave(struct rb_handle *h, struct rb_ring *ring)
{
	mutex_lock(&h->lock);
	if (h->self.live)
		rb_member_end(h, &h->self, handle_killed());
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
