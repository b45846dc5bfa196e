// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_ATTACH: by name, or by a handle's descriptor. */
#include <linux/file.h>
#include <linux/slab.h>

#include "internal.h"

static int attach_check(const struct ringbuf_attach *a)
{
	bool reader = a->role == RINGBUF_ROLE_READER;

	if (a->flags || a->policy != RINGBUF_POLICY_BLOCK)
		return -EINVAL;
	if (a->role < RINGBUF_ROLE_READER || a->role > RINGBUF_ROLE_OWNER)
		return -EINVAL;
	if (a->start > RINGBUF_START_POSITION || (a->start && !reader))
		return -EINVAL;
	if (a->position && a->start != RINGBUF_START_POSITION)
		return -EINVAL;
	if (a->fd == -1 && !a->name_len)
		return -EINVAL;
	return 0;
}

/* A handle gives at most its own rights. */
static bool attach_allowed(u32 has, u32 wants)
{
	switch (has) {
	case RINGBUF_ROLE_OWNER:
	case RINGBUF_ROLE_WRITER:
		return true;
	case RINGBUF_ROLE_READER:
		return wants == RINGBUF_ROLE_READER || wants == RINGBUF_ROLE_OBSERVER;
	default:
		return wants == RINGBUF_ROLE_OBSERVER;
	}
}

/* Nor does it give what its file was not opened for: "prog >/dev/ringbuf" writes. */
static bool attach_mode(const struct file *file, u32 wants)
{
	fmode_t need = FMODE_READ;

	if (wants == RINGBUF_ROLE_WRITER)
		need = FMODE_WRITE;
	else if (wants == RINGBUF_ROLE_OWNER)
		need = FMODE_READ | FMODE_WRITE;
	return (file->f_mode & need) == need;
}

/* @rights: those of the handle count; else it only says which ring. */
static struct rb_ring *attach_by_fd(int fd, u32 role, bool rights)
{
	struct file *file = fget(fd);
	struct rb_ring *ring = NULL;
	struct rb_handle *from;

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op == &rb_fops) {
		from = file->private_data;
		ring = rb_handle_ring(from);
	}
	if (!ring)
		ring = ERR_PTR(-EBADFD);
	else if (rights && !(attach_allowed(from->role, role) && attach_mode(file, role)))
		ring = ERR_PTR(-EACCES);
	else
		kref_get(&ring->refs);
	fput(file);
	return ring;
}

static struct rb_ring *attach_by_name(const struct ringbuf_attach *a)
{
	char *name = rb_name_copy(a->name, a->name_len);
	struct rb_ring *ring;

	if (IS_ERR(name))
		return ERR_CAST(name);
	ring = rb_name_find(name, a->role);
	kfree(name);
	return ring;
}

/* With the rights that the name gives, if it still names the ring of the handle. */
static struct rb_ring *attach_by_both(const struct ringbuf_attach *a)
{
	struct rb_ring *ring = attach_by_name(a), *same;

	if (IS_ERR(ring))
		return ring;
	same = attach_by_fd(a->fd, a->role, false);
	if (!IS_ERR(same))
		rb_ring_put(same); /* only compared from here on */
	if (same == ring)
		return ring;
	rb_ring_put(ring);
	return IS_ERR(same) ? same : ERR_PTR(-ESTALE);
}

static struct rb_ring *attach_ring(const struct ringbuf_attach *a)
{
	if (a->fd == -1)
		return attach_by_name(a);
	return a->name_len ? attach_by_both(a) : attach_by_fd(a->fd, a->role, true);
}

static u64 attach_want(const struct ringbuf_attach *a)
{
	switch (a->start) {
	case RINGBUF_START_OLDEST:
		return 0;
	case RINGBUF_START_POSITION:
		return a->position;
	default:
		return ~0ULL;
	}
}

static int attach_role(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_attach *a)
{
	int err = 0;

	switch (a->role) {
	case RINGBUF_ROLE_READER:
		err = rb_member_begin_reader(h, ring, attach_want(a), &a->position);
		break;
	case RINGBUF_ROLE_WRITER:
		err = rb_member_begin_writer(h, &h->self, ring, true);
		a->position = h->self.writer.pos;
		break;
	}
	a->id = h->last_id;
	return err;
}

/* Takes over the caller's reference on @ring. */
static int attach_bind(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_attach *a)
{
	int err = -EBADFD;

	mutex_lock(&h->lock);
	if (!h->ring)
		err = attach_role(h, ring, a);
	if (!err)
		rb_handle_bind(h, ring, a->role);
	mutex_unlock(&h->lock);
	if (err)
		rb_ring_put(ring);
	return err;
}

long rb_ioctl_attach(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_attach a;
	struct rb_ring *ring;
	int err;

	err = rb_arg_get(&a, sizeof(a), RINGBUF_ATTACH_SIZE_VER0, arg);
	if (!err)
		err = attach_check(&a);
	/* What comes back has to find room before anything has changed. */
	if (!err)
		err = rb_arg_put(arg, &a, sizeof(a));
	if (err)
		return err;
	if (rb_handle_ring(h))
		return -EBADFD;
	ring = attach_ring(&a);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	err = attach_bind(h, ring, &a);
	return err ? err : rb_arg_put(arg, &a, sizeof(a));
}
