// SPDX-License-Identifier: GPL-2.0
/*
 * Instances: what the rings and directories of one mount take, and the geometry of rings
 * whose creator names none.
 */
#include <linux/slab.h>

#include "internal.h"

/* Set up @instance, which is all zero, with one reference: that of the mount. */
void rb_instance_init(struct rb_instance *instance, struct super_block *sb,
		      const struct rb_options *o)
{
	kref_init(&instance->refs);
	mutex_init(&instance->lock);
	instance->options = *o;
	instance->sb = sb;
}

static void instance_release(struct kref *refs)
{
	struct rb_instance *instance = container_of(refs, struct rb_instance, refs);

	WARN_ON_ONCE(instance->bytes);
	kfree(instance);
}

void rb_instance_put(struct rb_instance *instance)
{
	kref_put(&instance->refs, instance_release);
}

/*
 * Charge a new ring of @bytes to @instance, and take a reference.  Return 0, or -ENOSPC if
 * max_bytes forbids it.
 */
int rb_instance_charge(struct rb_instance *instance, u64 bytes)
{
	int err = 0;

	mutex_lock(&instance->lock);
	if (bytes <= instance->options.max_bytes &&
	    instance->bytes <= instance->options.max_bytes - bytes)
		instance->bytes += bytes;
	else
		err = -ENOSPC;
	mutex_unlock(&instance->lock);
	if (!err)
		kref_get(&instance->refs);
	return err;
}

/* Undo rb_instance_charge(). */
void rb_instance_uncharge(struct rb_instance *instance, u64 bytes)
{
	mutex_lock(&instance->lock);
	WARN_ON_ONCE(instance->bytes < bytes);
	instance->bytes -= bytes;
	mutex_unlock(&instance->lock);
	rb_instance_put(instance);
}

/*
 * Count a new ring or directory in @instance.  Return 0, or -ENOSPC: it has max_rings of
 * them beside its root.
 */
int rb_instance_count(struct rb_instance *instance)
{
	int err = 0;

	mutex_lock(&instance->lock);
	if (instance->files <= instance->options.max_rings)
		instance->files++;
	else
		err = -ENOSPC;
	mutex_unlock(&instance->lock);
	return err;
}

void rb_instance_discount(struct rb_instance *instance)
{
	mutex_lock(&instance->lock);
	WARN_ON_ONCE(!instance->files);
	instance->files--;
	mutex_unlock(&instance->lock);
}

/* Return the geometry of a ring whose creator names none. */
struct rb_layout rb_instance_layout(struct rb_instance *instance)
{
	struct rb_layout layout;

	mutex_lock(&instance->lock);
	layout = instance->layout;
	mutex_unlock(&instance->lock);
	return layout;
}
