// SPDX-License-Identifier: GPL-2.0
/*
 * The table of default rings, by user and network namespace.  It holds no reference: a
 * ring is found only while some reference on it exists.
 */
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/mutex.h>

#include "internal.h"

static DEFINE_MUTEX(default_lock);
static DEFINE_HASHTABLE(default_rings, 6); /* under default_lock */

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

/* Find the default ring of @uid in @scope, and take a reference.  NULL: there is none. */
struct rb_ring *rb_default_find(kuid_t uid, unsigned int scope)
{
	struct rb_ring *ring;

	mutex_lock(&default_lock);
	ring = default_find(uid, scope);
	mutex_unlock(&default_lock);
	return ring;
}

/*
 * Add @ring, unless another thread has added one for the same user and scope.  Return
 * NULL, or that other ring, with a reference.
 */
struct rb_ring *rb_default_add(struct rb_ring *ring)
{
	struct rb_ring *old;

	mutex_lock(&default_lock);
	old = default_find(ring->default_uid, ring->default_scope);
	if (!old)
		hash_add(default_rings, &ring->default_node, __kuid_val(ring->default_uid));
	mutex_unlock(&default_lock);
	return old;
}

/* Remove @ring, whose last reference is gone. */
void rb_default_forget(struct rb_ring *ring)
{
	mutex_lock(&default_lock);
	hash_del(&ring->default_node);
	mutex_unlock(&default_lock);
}
