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
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

#include "internal.h"

/*
 * The network namespace counts by its number, which another one may get when it has gone:
 * then they share the ring of the same user, if that is still in use.
 */
static unsigned int default_scope(void)
{
	return current->nsproxy->net_ns->ns.inum;
}

/* The default ring of the user of @cred, in the caller's network namespace; with a reference. */
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
