// SPDX-License-Identifier: GPL-2.0
/* The geometry of default rings: the parameters default_slot_bytes and default_slot_count. */
#include <linux/module.h>

#include "internal.h"

static DEFINE_MUTEX(geometry_lock);

/* The geometry of default rings that are made from now on; under geometry_lock. */
static struct rb_layout geometry_layout = {
	.slot_bytes = 65536,
	.slot_count = 16,
};

/* Whether the parameters given to insmod are complete; under geometry_lock. */
static bool geometry_ready;

/* Store the layout of a default ring with @count slots of @bytes, or return -EINVAL. */
static int geometry_check(u64 bytes, u64 count, struct rb_layout *layout)
{
	*layout = (struct rb_layout){
		.slot_bytes = bytes,
		.slot_count = count,
		.max_writers = RINGBUF_MAX_WRITERS, /* each open for writing is one */
		.page_size = PAGE_SIZE,
	};
	if (!rb_layout(layout) && layout->bytes <= rb_quota_most())
		return 0;
	pr_err("ringbuf: default_slot_bytes=%llu, default_slot_count=%llu make no ring (at most %llu bytes in all)\n",
	       bytes, count, rb_quota_most());
	return -EINVAL;
}

/*
 * Use @bytes and @count from now on.  Before rb_geometry_init() they are only noted, since
 * the other parameter may follow.
 */
static int geometry_change(u64 bytes, u64 count)
{
	struct rb_layout layout = { .slot_bytes = bytes, .slot_count = count };
	int err = geometry_ready ? geometry_check(bytes, count, &layout) : 0;

	lockdep_assert_held(&geometry_lock);
	if (!err)
		geometry_layout = layout;
	return err;
}

static int geometry_set(const char *text, const struct kernel_param *param)
{
	u64 value;
	int err = kstrtou64(text, 0, &value);

	if (err)
		return err;
	mutex_lock(&geometry_lock);
	if (param->arg == &geometry_layout.slot_bytes)
		err = geometry_change(value, geometry_layout.slot_count);
	else
		err = geometry_change(geometry_layout.slot_bytes, value);
	mutex_unlock(&geometry_lock);
	return err;
}

static int geometry_show(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%llu\n", READ_ONCE(*(u64 *)param->arg));
}

static const struct kernel_param_ops geometry_ops = {
	.set = geometry_set,
	.get = geometry_show,
};

module_param_cb(default_slot_bytes, &geometry_ops, &geometry_layout.slot_bytes, 0644);
MODULE_PARM_DESC(default_slot_bytes, "capacity of a slot of new default rings, in bytes (65536)");
module_param_cb(default_slot_count, &geometry_ops, &geometry_layout.slot_count, 0644);
MODULE_PARM_DESC(default_slot_count, "slots of new default rings (16)");

/* Check the parameters given to insmod.  Call after rb_quota_init(). */
int __init rb_geometry_init(void)
{
	int err;

	mutex_lock(&geometry_lock);
	geometry_ready = true;
	err = geometry_change(geometry_layout.slot_bytes, geometry_layout.slot_count);
	mutex_unlock(&geometry_lock);
	return err;
}

/* Return the layout that a default ring made now has. */
struct rb_layout rb_geometry(void)
{
	struct rb_layout layout;

	mutex_lock(&geometry_lock);
	layout = geometry_layout;
	mutex_unlock(&geometry_lock);
	return layout;
}

/* Store the size and the number of the slots that a default ring made now has. */
void rb_geometry_slots(u64 *slot_bytes, u64 *slot_count)
{
	struct rb_layout layout = rb_geometry();

	*slot_bytes = layout.slot_bytes;
	*slot_count = layout.slot_count;
}
