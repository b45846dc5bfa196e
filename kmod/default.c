// SPDX-License-Identifier: GPL-2.0
/*
 * The default ring: what an unbound handle reads or writes.
 *
 * Each user has one in each network namespace, while handles are bound to it.
 * The user is who opened the file, not who uses it: whoever is handed a
 * descriptor as its standard output writes where its giver may read.
 *
 * A handle that is open for writing only keeps the stream from ending from its
 * open on, as with a FIFO: a shell that holds one may let writers come and go.
 * Before its first write it is counted as a writer without an id (h->opened).
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "internal.h"

static DEFINE_MUTEX(default_lock);

/* The geometry of default rings to come; under default_lock. */
static struct rb_layout default_layout = {
	.slot_bytes = 65536,
	.slot_count = 16,
};

/* Whether all parameters of insmod are there; under default_lock. */
static bool default_ready;

/* Whether slots of @bytes, @count of them, make a default ring: then *layout is that. */
static int default_check(u64 bytes, u64 count, struct rb_layout *layout)
{
	*layout = (struct rb_layout){
		.slot_bytes = bytes,
		.slot_count = count,
		.page_size = PAGE_SIZE,
	};
	if (!rb_layout(layout) && layout->bytes <= rb_limits_most())
		return 0;
	pr_err("ringbuf: default_slot_bytes=%llu, default_slot_count=%llu make no ring (at most %llu bytes in all)\n",
	       bytes, count, rb_limits_most());
	return -EINVAL;
}

/* Before the module is ready a value is only noted: the others may still come. */
static int default_change(u64 bytes, u64 count)
{
	struct rb_layout layout = { .slot_bytes = bytes, .slot_count = count };
	int err = default_ready ? default_check(bytes, count, &layout) : 0;

	lockdep_assert_held(&default_lock);
	if (!err)
		default_layout = layout;
	return err;
}

static int default_set(const char *text, const struct kernel_param *param)
{
	u64 value;
	int err = kstrtou64(text, 0, &value);

	if (err)
		return err;
	mutex_lock(&default_lock);
	if (param->arg == &default_layout.slot_bytes)
		err = default_change(value, default_layout.slot_count);
	else
		err = default_change(default_layout.slot_bytes, value);
	mutex_unlock(&default_lock);
	return err;
}

static int default_show(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%llu\n", READ_ONCE(*(u64 *)param->arg));
}

static const struct kernel_param_ops default_ops = {
	.set = default_set,
	.get = default_show,
};

module_param_cb(default_slot_bytes, &default_ops, &default_layout.slot_bytes, 0644);
MODULE_PARM_DESC(default_slot_bytes, "capacity of a slot of new default rings, in bytes (65536)");
module_param_cb(default_slot_count, &default_ops, &default_layout.slot_count, 0644);
MODULE_PARM_DESC(default_slot_count, "slots of new default rings (16)");

/* After rb_limits_init(). */
int __init rb_default_init(void)
{
	int err;

	mutex_lock(&default_lock);
	default_ready = true;
	err = default_change(default_layout.slot_bytes, default_layout.slot_count);
	mutex_unlock(&default_lock);
	return err;
}

static struct rb_layout default_now(void)
{
	struct rb_layout layout;

	mutex_lock(&default_lock);
	layout = default_layout;
	mutex_unlock(&default_lock);
	return layout;
}

/* With a reference. */
static struct rb_ring *default_ring(kuid_t uid)
{
	struct rb_layout layout = default_now();
	struct rb_ring *ring;
	int err;

	do {
		ring = rb_name_find_default(uid);
		if (ring)
			return ring;
		ring = rb_ring_create(&layout, uid);
		if (IS_ERR(ring))
			return ring;
		ring->standard = true;
		err = rb_name_add_default(ring, uid);
		if (!err)
			return ring;
		rb_ring_put(ring);
	} while (err == -EEXIST);
	return ERR_PTR(err);
}

/*
 * Count @h, which has just been opened for writing, as a writer to come.  Without memory for
 * the ring it is not counted: its first write says why, and a handle that is bound to
 * another ring needs none.
 */
void rb_default_open(struct file *file, struct rb_handle *h)
{
	struct rb_ring *ring;

	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != FMODE_WRITE)
		return;
	ring = default_ring(file->f_cred->fsuid);
	if (IS_ERR(ring))
		return;
	mutex_lock(&ring->lock);
	rb_count_writer(&ring->view);
	mutex_unlock(&ring->lock);
	h->opened = ring;
}

/*
 * @h is no longer one that may become a writer: it is @bound to a ring, or goes (NULL).
 * Bound to another ring it never was one, so its end is not that of a stream.
 */
void rb_default_close(struct rb_handle *h, const struct rb_ring *bound)
{
	struct rb_ring *ring = h->opened;

	lockdep_assert_held(&h->lock);
	if (!ring)
		return;
	h->opened = NULL;
	mutex_lock(&ring->lock);
	if (bound && bound != ring)
		rb_forget_count(&ring->view);
	else
		rb_discount_writer(&ring->view, false);
	rb_event(ring);
	mutex_unlock(&ring->lock);
	rb_ring_put(ring);
}

static int default_begin(struct rb_handle *h, struct rb_ring *ring, u32 role, bool wait)
{
	if (role == RINGBUF_ROLE_WRITER)
		return rb_member_begin_writer(h, &h->self, ring, wait);
	return rb_member_resume_reader(h, ring, wait);
}

/*
 * Bind @h, unless it is.  Without @wait it waits for nobody, but for memory as
 * any call does: -EAGAIN.
 */
int rb_default_bind(struct file *file, struct rb_handle *h, u32 role, bool wait)
{
	struct rb_ring *ring;
	int err = 0;

	if (rb_handle_ring(h))
		return 0;
	if (wait)
		mutex_lock(&h->lock);
	else if (!mutex_trylock(&h->lock))
		return -EAGAIN;
	if (h->ring)
		goto out;
	ring = default_ring(file->f_cred->fsuid);
	if (IS_ERR(ring)) {
		err = PTR_ERR(ring);
		goto out;
	}
	err = default_begin(h, ring, role, wait);
	if (err) {
		rb_ring_put(ring);
		goto out;
	}
	h->framing = RINGBUF_FRAMING_STREAM;
	rb_handle_bind(h, ring, role);
out:
	mutex_unlock(&h->lock);
	return err;
}
