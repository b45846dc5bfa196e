// SPDX-License-Identifier: GPL-2.0
/*
 * The default ring: the ring that read(2) and write(2) of /dev/ringbuf use.
 *
 * Each user has one in each network namespace, while handles are bound to it.  It is that of
 * the user who opened the file, not of the task that uses it: a program that inherits its
 * standard output writes to the ring of the user who opened that.
 *
 * A handle that is open for one of reading and writing is bound by its open, like that of a
 * FIFO.  So a shell that holds one for writing keeps the stream open while writers come
 * and go.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

#include "internal.h"

/*
 * Identify the network namespace by its number.  A later namespace may get the same number;
 * then the two share the ring of a user, if that is still in use.
 */
static unsigned int default_scope(void)
{
	return current->nsproxy->net_ns->ns.inum;
}

/*
 * Return the default ring of the user of @cred in the caller's network namespace, with a
 * reference.
 */
struct rb_ring *rb_default_ring(const struct cred *cred)
{
	struct rb_layout layout = rb_geometry();
	unsigned int scope = default_scope();
	kuid_t uid = cred->fsuid;
	struct rb_ring *ring = rb_default_find(uid, scope), *old;

	if (ring)
		return ring;
	ring = rb_ring_create(&layout, rb_payer(cred->user_ns, uid), NULL);
	if (IS_ERR(ring))
		return ring;
	ring->is_default = true;
	ring->default_uid = uid;
	ring->default_scope = scope;
	old = rb_default_add(ring);
	if (!old)
		return ring;
	rb_ring_put(ring);
	return old;
}
