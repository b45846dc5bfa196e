// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_CREATE and RINGBUF_IOC_FEATURES. */
#include <linux/cred.h>

#include "compat.h"
#include "internal.h"

#define CREATE_FLAGS (RINGBUF_CREATE_EXCLUSIVE | RINGBUF_CREATE_TIMESTAMP | RINGBUF_CREATE_KEPT)
#define FEATURES                                                                                  \
	(RINGBUF_FEAT_EXCLUSIVE | RINGBUF_FEAT_SHARED | RINGBUF_FEAT_TIMESTAMP |                  \
	 RINGBUF_FEAT_POLL | RINGBUF_FEAT_READWRITE | RINGBUF_FEAT_STREAM |                       \
	 RINGBUF_FEAT_THRESHOLD | RINGBUF_FEAT_EVICT | RINGBUF_FEAT_FENCE | RINGBUF_FEAT_POLICY | \
	 RINGBUF_FEAT_HOLE | (RB_URING_CMD ? RINGBUF_FEAT_URING : 0))

long rb_ioctl_features(struct rb_handle *h, void __user *arg)
{
	struct ringbuf_features f;
	int err;

	err = rb_arg_get(&f, sizeof(f), RINGBUF_FEATURES_SIZE_VER0, arg);
	if (err)
		return err;
	if (f.flags)
		return -EINVAL;
	f.features = FEATURES;
	f.abi_version = RINGBUF_ABI_VERSION;
	f.page_size = PAGE_SIZE;
	f.max_ring_bytes = rb_quota_ring_bytes();
	return rb_arg_put(arg, &f, sizeof(f));
}

static int create_layout(const struct ringbuf_create *c, struct rb_layout *layout)
{
	struct rb_layout wanted = {
		.slot_bytes = c->slot_bytes,
		.slot_count = c->slot_count,
		.flags = c->flags & ~RINGBUF_CREATE_KEPT,
		.max_readers = c->max_readers,
		.max_writers = c->max_writers,
		.page_size = PAGE_SIZE,
		.wait_readers = c->wait_readers,
		.claim_timeout = c->claim_timeout,
		.policy = {
			.kind = c->policy,
			.timeout = c->policy_timeout,
			.lag = c->policy_lag,
		},
	};

	if (c->flags & ~CREATE_FLAGS)
		return -EINVAL;
	*layout = wanted;
	return rb_layout(layout);
}

static struct rb_ring *create_ring(struct rb_handle *h, const struct rb_layout *layout, bool kept)
{
	if (rb_file_has(h))
		return rb_file_create(h, layout, kept);
	return rb_ring_create(layout, rb_payer(current_user_ns(), current_fsuid()), NULL);
}

static int create_bind(struct rb_handle *h, const struct rb_layout *layout, bool kept)
{
	struct rb_ring *ring;
	int err = 0;

	mutex_lock(&h->lock);
	if (h->ring) {
		err = -EBADFD;
		goto out;
	}
	ring = create_ring(h, layout, kept);
	if (IS_ERR(ring))
		err = PTR_ERR(ring);
	else
		rb_handle_bind(h, ring, RINGBUF_ROLE_OWNER);
out:
	mutex_unlock(&h->lock);
	return err;
}

long rb_ioctl_create(struct file *file, void __user *arg)
{
	const fmode_t both = FMODE_READ | FMODE_WRITE;
	struct rb_handle *h = file->private_data;
	struct ringbuf_create c;
	struct rb_layout layout;
	bool kept;
	int err;

	err = rb_arg_get(&c, sizeof(c), RINGBUF_CREATE_SIZE_VER0, arg);
	if (!err)
		err = create_layout(&c, &layout);
	if (err)
		return err;
	kept = c.flags & RINGBUF_CREATE_KEPT;
	if (rb_file_has(h) && (file->f_mode & both) != both)
		return -EACCES;
	/* A ring that is no file has no name to keep. */
	if (kept && !rb_file_has(h))
		return -EINVAL;
	return create_bind(h, &layout, kept);
}
