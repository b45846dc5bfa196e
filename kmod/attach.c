// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_ATTACH: to the ring of the file, or to that of another handle. */
#include <linux/file.h>

#include "internal.h"

static int attach_check(const struct ringbuf_attach *a)
{
	bool reader = a->role == RINGBUF_ROLE_READER;

	if (a->flags & ~RINGBUF_ATTACH_TAKE_OVER || a->__reserved)
		return -EINVAL;
	if ((a->policy || a->policy_timeout || a->policy_lag) && !reader)
		return -EINVAL;
	if ((a->flags || a->claim_timeout) && a->role != RINGBUF_ROLE_WRITER)
		return -EINVAL;
	if (a->claim_timeout && a->claim_timeout < RINGBUF_MIN_CLAIM_TIMEOUT)
		return -EINVAL;
	if (a->role < RINGBUF_ROLE_READER || a->role > RINGBUF_ROLE_OWNER)
		return -EINVAL;
	if (a->start > RINGBUF_START_POSITION || (a->start && !reader))
		return -EINVAL;
	if (a->position && a->start != RINGBUF_START_POSITION)
		return -EINVAL;
	if (a->fd < -1)
		return -EINVAL;
	return 0;
}

/* A handle gives at most its own rights; what is not bound, those of its file. */
static bool attach_allowed(u32 has, u32 wants)
{
	switch (has) {
	case RINGBUF_ROLE_NONE:
	case RINGBUF_ROLE_OWNER:
	case RINGBUF_ROLE_WRITER:
		return true;
	case RINGBUF_ROLE_READER:
		return wants == RINGBUF_ROLE_READER || wants == RINGBUF_ROLE_OBSERVER;
	default:
		return wants == RINGBUF_ROLE_OBSERVER;
	}
}

/*
 * Nor does it give what it was not opened for, or what the one that it attached by was not:
 * "prog >/dev/ringbuf" writes.
 */
static bool attach_mode(const struct rb_handle *h, u32 wants)
{
	fmode_t need = FMODE_READ;

	if (wants == RINGBUF_ROLE_WRITER)
		need = FMODE_WRITE;
	else if (wants == RINGBUF_ROLE_OWNER)
		need = FMODE_READ | FMODE_WRITE;
	return (h->rights & need) == need;
}

/* The ring that @file leads to, with a reference, if it may be attached as @role. */
static struct rb_ring *attach_ring(struct file *file, u32 role)
{
	struct rb_handle *h = file->private_data;
	struct rb_ring *ring = rb_handle_ring(h);

	if (!ring && !rb_is_file(file))
		return ERR_PTR(-EBADFD);
	if (!attach_allowed(ring ? h->role : RINGBUF_ROLE_NONE, role) || !attach_mode(h, role))
		return ERR_PTR(-EACCES);
	if (!ring)
		return rb_file_ring(h, !(file->f_flags & O_NONBLOCK));
	kref_get(&ring->refs);
	return ring;
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

static int attach_reader(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_attach *a)
{
	const struct rb_layout *l = &ring->layout;
	struct rb_policy policy = {
		.kind = a->policy,
		.timeout = a->policy_timeout,
		.lag = a->policy_lag,
	};

	if (!rb_policy_valid(&policy, l->slot_count))
		return -EINVAL;
	if (!policy.kind)
		policy = l->policy;
	if (!rb_policy_allows(&l->policy, &policy))
		return -EINVAL;
	/* An old program knows neither skipped nor lossy readers, and is to be no such one. */
	if (a->size < offsetofend(struct ringbuf_attach, policy_lag) &&
	    (policy.kind & RINGBUF_POLICY_KIND) > RINGBUF_POLICY_EVICT)
		return -EINVAL;
	return rb_member_begin_reader(h, ring, attach_want(a), &policy, &a->position);
}

static int attach_role(struct rb_handle *h, struct rb_ring *ring, struct ringbuf_attach *a)
{
	int err = 0;

	switch (a->role) {
	case RINGBUF_ROLE_READER:
		err = attach_reader(h, ring, a);
		break;
	case RINGBUF_ROLE_WRITER:
		err = rb_member_begin_writer(h, &h->self, ring, true);
		a->position = h->self.writer.pos;
		break;
	}
	a->id = h->last_id;
	return err;
}

/*
 * @from: whose rights @h has at most from now on; it may be @h.
 * @path: of the file that @h becomes a handle of, too, or NULL.
 */
static int attach_bind(struct rb_handle *h, const struct rb_handle *from, struct rb_ring *ring,
		       struct ringbuf_attach *a, const struct path *path)
{
	int err = -EBADFD;

	mutex_lock(&h->lock);
	if (!h->ring) {
		h->claim_timeout = a->claim_timeout;
		err = attach_role(h, ring, a);
		if (err)
			h->claim_timeout = 0;
	}
	if (!err) {
		h->rights &= from->rights;
		if (path)
			h->path = *path;
		rb_handle_bind(h, ring, a->role);
	}
	mutex_unlock(&h->lock);
	return err;
}

/* From another handle, whose file, if it has one, is this one's, too. */
static int attach_like(struct rb_handle *h, const struct rb_handle *from, struct rb_ring *ring,
		       struct ringbuf_attach *a)
{
	int err;

	if (!rb_file_has(from))
		return attach_bind(h, from, ring, a, NULL);
	err = rb_file_enter(&from->path, NULL);
	if (err)
		return err;
	err = attach_bind(h, from, ring, a, &from->path);
	if (err)
		rb_file_leave(&from->path, h);
	return err;
}

/*
 * Check what @a asks of the fences of @ring, and take the place of an exclusive writer over
 * if that is asked; *fenced tells whether that took a fence.
 */
static int attach_fence(struct file *file, struct rb_ring *ring, const struct ringbuf_attach *a,
			bool *fenced)
{
	if (a->claim_timeout > ring->layout.claim_timeout)
		return -EINVAL;
	if (!(a->flags & RINGBUF_ATTACH_TAKE_OVER))
		return 0;
	if (!rb_exclusive(&ring->view) || !ring->layout.claim_timeout)
		return -EINVAL;
	return rb_fence_take_over(ring, !(file->f_flags & O_NONBLOCK), fenced);
}

/* Attach @file to the ring of @from, if that is a file of ringbuf; it may be @file itself. */
static int attach_from(struct file *file, struct file *from, struct ringbuf_attach *a)
{
	struct rb_handle *h = file->private_data, *whose;
	struct rb_ring *ring;
	bool fenced = false;
	int err;

	if (from->f_op != file->f_op)
		return -EBADFD;
	ring = attach_ring(from, a->role);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	whose = from->private_data;
	err = attach_fence(file, ring, a, &fenced);
	if (!err && whose == h)
		err = attach_bind(h, h, ring, a, NULL);
	else if (!err)
		err = attach_like(h, whose, ring, a);
	if (fenced)
		rb_fence_settle(ring, err);
	if (err)
		rb_ring_put(ring);
	return err;
}

static int attach(struct file *file, struct ringbuf_attach *a)
{
	struct file *from;
	int err;

	if (rb_handle_ring(file->private_data))
		return -EBADFD;
	/* A file leads to its own ring, and to no other. */
	if ((a->fd == -1) != rb_is_file(file))
		return -EINVAL;
	if (a->fd == -1)
		return attach_from(file, file, a);
	from = fget(a->fd);
	if (!from)
		return -EBADF;
	err = attach_from(file, from, a);
	fput(from);
	return err;
}

long rb_ioctl_attach(struct file *file, void __user *arg)
{
	struct ringbuf_attach a;
	int err;

	err = rb_arg_get(&a, sizeof(a), RINGBUF_ATTACH_SIZE_VER0, arg);
	if (!err)
		err = attach_check(&a);
	/* What comes back has to find room before anything has changed. */
	if (!err)
		err = rb_arg_put(arg, &a, sizeof(a));
	if (!err)
		err = attach(file, &a);
	return err ? err : rb_arg_put(arg, &a, sizeof(a));
}
