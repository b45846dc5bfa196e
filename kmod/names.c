// SPDX-License-Identifier: GPL-2.0
/*
 * Names of rings.  They live in a network namespace, as abstract AF_UNIX names
 * do, and carry owner and mode as a file does.
 *
 * A name is found while its ring has references; the last one takes it away
 * (rb_name_forget).  A persistent name is itself such a reference, until it is
 * unlinked or its namespace goes.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "internal.h"

static DEFINE_MUTEX(names_lock);
static unsigned int names_id;

/* Per namespace, under names_lock. */
struct rb_names {
	DECLARE_HASHTABLE(table, 6);
};

static struct rb_names *names_of(struct net *net)
{
	return net_generic(net, names_id);
}

static struct net *names_net(void)
{
	return current->nsproxy->net_ns;
}

static u32 name_hash(const char *name)
{
	return full_name_hash(NULL, name, strlen(name));
}

/* A copy of what the caller calls a name, for kfree(). */
char *rb_name_copy(u64 pointer, u32 length)
{
	char *name;

	if (!length)
		return ERR_PTR(-EINVAL);
	if (length > RINGBUF_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	name = memdup_user_nul(u64_to_user_ptr(pointer), length);
	if (IS_ERR(name))
		return name;
	if (strlen(name) != length || strchr(name, '/')) {
		kfree(name);
		return ERR_PTR(-EINVAL);
	}
	return name;
}

/* Of the default rings, which nobody can call by name: one for each user. */
#define NAME_DEFAULT "/default"

static bool name_is_default(const char *name)
{
	return name[0] == '/';
}

/* With a reference on its ring, which the caller gives back. */
static struct rb_name *name_get(const char *name, kuid_t uid)
{
	struct rb_name *n;

	lockdep_assert_held(&names_lock);
	hash_for_each_possible(names_of(names_net())->table, n, node, name_hash(name)) {
		if (strcmp(n->name, name))
			continue;
		if (name_is_default(name) && !uid_eq(n->uid, uid))
			continue;
		if (kref_get_unless_zero(&n->ring->refs))
			return n;
	}
	return NULL;
}

bool rb_name_taken(const char *name)
{
	struct rb_ring *ring = NULL;
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = name_get(name, current_fsuid());
	if (n)
		ring = n->ring;
	mutex_unlock(&names_lock);
	if (!ring)
		return false;
	rb_ring_put(ring);
	return true;
}

/* Out of the table; the caller gives back the reference of a persistent one. */
static void name_remove(struct rb_name *n)
{
	lockdep_assert_held(&names_lock);
	hash_del(&n->node);
	n->ring->name = NULL;
}

static struct rb_name *name_new(struct rb_ring *ring, const char *name, u32 mode)
{
	size_t size = strlen(name) + 1;
	struct rb_name *n = kzalloc(sizeof(*n) + size, GFP_KERNEL_ACCOUNT);

	if (!n)
		return NULL;
	n->ring = ring;
	n->net = names_net();
	n->uid = current_fsuid();
	n->gid = current_fsgid();
	n->mode = mode;
	memcpy(n->name, name, size);
	return n;
}

/* Takes over @n. */
static int name_add(struct rb_name *n)
{
	struct rb_ring *ring = n->ring, *taken = NULL;
	struct rb_name *old;

	mutex_lock(&names_lock);
	old = name_get(n->name, n->uid);
	if (old) {
		taken = old->ring;
	} else {
		hash_add(names_of(n->net)->table, &n->node, name_hash(n->name));
		ring->name = n;
		if (n->persistent)
			kref_get(&ring->refs);
	}
	mutex_unlock(&names_lock);
	if (!taken)
		return 0;
	kfree(n);
	rb_ring_put(taken);
	return -EEXIST;
}

int rb_name_add(struct rb_ring *ring, const char *name, u32 mode, bool persistent)
{
	struct rb_name *n = name_new(ring, name, mode);

	if (!n)
		return -ENOMEM;
	n->persistent = persistent;
	return name_add(n);
}

/* @ring becomes the default ring of @uid, unless there is one: -EEXIST. */
int rb_name_add_default(struct rb_ring *ring, kuid_t uid)
{
	struct rb_name *n = name_new(ring, NAME_DEFAULT, 0600);

	if (!n)
		return -ENOMEM;
	n->uid = uid;
	return name_add(n);
}

/* With a reference; NULL: there is none. */
struct rb_ring *rb_name_find_default(kuid_t uid)
{
	struct rb_ring *ring = NULL;
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = name_get(NAME_DEFAULT, uid);
	if (n)
		ring = n->ring;
	mutex_unlock(&names_lock);
	return ring;
}

/* As for files: over those only whose owner is one of the caller's world. */
static bool name_capable(const struct rb_name *n, int cap)
{
	struct user_namespace *ns = n->net->user_ns;

	return kuid_has_mapping(ns, n->uid) && kgid_has_mapping(ns, n->gid) && ns_capable(ns, cap);
}

/* @want: bits as in the last digit of a mode, all of which must be allowed. */
static bool name_permits(const struct rb_name *n, u32 want)
{
	u32 mode = n->mode;

	if (uid_eq(current_fsuid(), n->uid))
		mode >>= 6;
	else if (in_group_p(n->gid))
		mode >>= 3;
	return (mode & want) == want || name_capable(n, CAP_DAC_OVERRIDE);
}

/* What a role needs: an owner may hand on any. */
static u32 name_wants(u32 role)
{
	switch (role) {
	case RINGBUF_ROLE_WRITER:
		return 2;
	case RINGBUF_ROLE_OWNER:
		return 6;
	default:
		return 4;
	}
}

struct rb_ring *rb_name_find(const char *name, u32 role)
{
	struct rb_ring *ring = ERR_PTR(-ENOENT);
	bool permitted = false;
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = name_get(name, current_fsuid());
	if (n) {
		ring = n->ring;
		permitted = name_permits(n, name_wants(role));
	}
	mutex_unlock(&names_lock);
	if (IS_ERR(ring) || permitted)
		return ring;
	rb_ring_put(ring);
	return ERR_PTR(-EACCES);
}

static bool name_owned(const struct rb_name *n)
{
	return uid_eq(current_fsuid(), n->uid) || name_capable(n, CAP_FOWNER);
}

int rb_name_unlink(const char *name)
{
	bool owned = false, persistent = false;
	struct rb_ring *ring = NULL;
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = name_get(name, current_fsuid());
	if (n) {
		ring = n->ring;
		owned = name_owned(n);
		persistent = n->persistent;
		if (owned)
			name_remove(n);
	}
	mutex_unlock(&names_lock);
	if (!ring)
		return -ENOENT;
	if (owned) {
		kfree(n);
		if (persistent)
			rb_ring_put(ring);
	}
	rb_ring_put(ring);
	return owned ? 0 : -EACCES;
}

/* The last reference on @ring is gone. */
void rb_name_forget(struct rb_ring *ring)
{
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = ring->name;
	if (n)
		name_remove(n);
	mutex_unlock(&names_lock);
	kfree(n);
}

/* The length; 0: @ring has no name, or has lost it. */
int rb_name_show(struct rb_ring *ring, char name[RINGBUF_NAME_MAX + 1])
{
	int length = 0;

	mutex_lock(&names_lock);
	if (ring->name)
		length = strscpy(name, ring->name->name, RINGBUF_NAME_MAX + 1);
	mutex_unlock(&names_lock);
	return length;
}

static void name_describe(const struct rb_name *n, struct ringbuf_list_entry *e)
{
	e->uid = from_kuid_munged(current_user_ns(), n->uid);
	e->mode = n->mode;
	e->flags = n->persistent ? RINGBUF_CREATE_PERSISTENT : 0;
	e->name_len = strlen(n->name);
	memcpy(e->name, n->name, e->name_len);
}

/*
 * Names that the caller may attach to: fills at most @room @entries, which are
 * zero, and gives a reference on the ring of each.  *total is how many there are.
 */
u32 rb_names_collect(struct ringbuf_list_entry *entries, struct rb_ring **rings, u32 room,
		     u32 *total)
{
	struct rb_name *n;
	u32 count = 0;
	int bucket;

	*total = 0;
	mutex_lock(&names_lock);
	hash_for_each(names_of(names_net())->table, bucket, n, node) {
		if (name_is_default(n->name) || (!name_permits(n, 4) && !name_permits(n, 2)))
			continue;
		if (count < room && kref_get_unless_zero(&n->ring->refs)) {
			name_describe(n, &entries[count]);
			rings[count++] = n->ring;
		}
		++*total;
	}
	mutex_unlock(&names_lock);
	return count;
}

static int __net_init names_net_init(struct net *net)
{
	hash_init(names_of(net)->table);
	return 0;
}

/* Names go, rings stay with who has them. */
static void __net_exit names_net_exit(struct net *net)
{
	struct rb_names *names = names_of(net);
	struct hlist_node *next;
	struct rb_name *n;
	HLIST_HEAD(gone);
	int bucket;

	mutex_lock(&names_lock);
	hash_for_each_safe(names->table, bucket, next, n, node) {
		name_remove(n);
		hlist_add_head(&n->node, &gone);
	}
	mutex_unlock(&names_lock);
	hlist_for_each_entry_safe(n, next, &gone, node) {
		if (n->persistent)
			rb_ring_put(n->ring);
		kfree(n);
	}
}

static struct pernet_operations names_ops = {
	.init = names_net_init,
	.exit = names_net_exit,
	.id = &names_id,
	.size = sizeof(struct rb_names),
};

int __init rb_names_init(void)
{
	return register_pernet_subsys(&names_ops);
}

void rb_names_exit(void)
{
	unregister_pernet_subsys(&names_ops);
}
