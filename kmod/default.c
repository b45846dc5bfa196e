// SPDX-License-Identifier: GPL-2.0
/*
 * The default ring: what an unbound handle of /dev/ringbuf reads or writes.
 *
 * Each user has one in each network namespace, while handles are bound to it.
 * The user is who opened the file, not who uses it: whoever is handed a
 * descriptor as its standard output writes where its giver may read.
 *
 * A handle that is open for one of reading and writing is bound by its open, as that of a
 * FIFO is: a shell that holds one for writing may let writers come and go, and no reader
 * sees the end of the stream.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

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
	if (!rb_layout(layout) && layout->bytes <= rb_quota_most())
		return 0;
	pr_err("ringbuf: default_slot_bytes=%llu, default_slot_count=%llu make no ring (at most %llu bytes in all)\n",
	       bytes, count, rb_quota_most());
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

/* After rb_quota_init(). */
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

/* The geometry of a default ring that were made now. */
void rb_default_geometry(u64 *slot_bytes, u64 *slot_count)
{
	struct rb_layout layout = default_now();

	*slot_bytes = layout.slot_bytes;
	*slot_count = layout.slot_count;
}

/* Whose default rings there are; under default_lock. */
static DEFINE_HASHTABLE(default_rings, 6);

/*
 * The network namespace counts by its number, which another one may get when it has gone:
 * then they share the ring of the same user, if that is still in use.
 */
static unsigned int default_scope(void)
{
	return current->nsproxy->net_ns->ns.inum;
}

/* With a reference; NULL: there is none. */
static struct rb_ring *default_find(kuid_t uid, unsigned int scope)
{
	struct rb_ring *ring;

	lockdep_assert_held(&default_lock);
	hash_for_each_possible(default_rings, ring, default_node, __kuid_val(uid)) {
		if (uid_eq(ring->default_uid, uid) && ring->default_scope == scope &&
		    kref_get_unless_zero(&ring->refs))
			return ring;
	}
	return NULL;
}

/* Another thread may have added one meanwhile: then it is that, with a reference. */
static struct rb_ring *default_add(struct rb_ring *ring)
{
	struct rb_ring *old;

	mutex_lock(&default_lock);
	old = default_find(ring->default_uid, ring->default_scope);
	if (!old)
		hash_add(default_rings, &ring->default_node, __kuid_val(ring->default_uid));
	mutex_unlock(&default_lock);
	if (!old)
		return ring;
	rb_ring_put(ring);
	return old;
}

/* The default ring of the user of @cred, in the caller's network namespace; with a reference. */
struct rb_ring *rb_default_ring(const struct cred *cred)
{
	struct rb_layout layout = default_now();
	unsigned int scope = default_scope();
	kuid_t uid = cred->fsuid;
	struct rb_ring *ring;

	mutex_lock(&default_lock);
	ring = default_find(uid, scope);
	mutex_unlock(&default_lock);
	if (ring)
		return ring;
	ring = rb_ring_create(&layout, rb_payer(cred->user_ns, uid), NULL);
	if (IS_ERR(ring))
		return ring;
	ring->is_default = true;
	ring->default_uid = uid;
	ring->default_scope = scope;
	return default_add(ring);
}

/* The last reference on @ring is gone. */
void rb_default_forget(struct rb_ring *ring)
{
	mutex_lock(&default_lock);
	hash_del(&ring->default_node);
	mutex_unlock(&default_lock);
}
