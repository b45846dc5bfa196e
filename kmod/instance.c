// SPDX-License-Identifier: GPL-2.0
/*
 * Instances: what the rings and directories of one mount take, and the geometry of rings
 * whose creator names none.
 */
#include "internal.h"

/* Charge a new ring of @bytes to @instance.  Return 0, or -ENOSPC where max_bytes forbids it. */
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
	return err;
}

void rb_instance_uncharge(struct rb_instance *instance, u64 bytes)
{
	mutex_lock(&instance->lock);
	WARN_ON_ONCE(instance->bytes < bytes);
	instance->bytes -= bytes;
	mutex_unlock(&instance->lock);
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
