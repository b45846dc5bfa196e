// SPDX-License-Identifier: GPL-2.0
/*
 * Names of rings.  They live in a network namespace, as abstract AF_UNIX names
 * do, and carry owner and mode as a file does.
 *
 * A name is found while its ring has references; the last one takes it away
 * (rb_name_forget).  A persistent name is itself such a reference, and one on the
 * module, until it is unlinked or its namespace goes.
 *
 * names_lock is one for all namespaces and all users, so nothing that a user can
 * lengthen happens under it: no allocation, no other lock, no check that may be
 * audited.  LIST takes it once for each bucket of the table.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
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
	unsigned long salt;
	DECLARE_HASHTABLE(table, 6);
};

static struct rb_names *names_of(const struct net *net)
{
	return net_generic(net, names_id);
}

static struct net *names_net(void)
{
	return current->nsproxy->net_ns;
}

/* The salt keeps users from choosing names that meet in one bucket. */
static u32 name_hash(const struct net *net, const char *name)
{
	return full_name_hash((void *)names_of(net)->salt, name, strlen(name));
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
	struct net *net = names_net();
	struct rb_name *n;

	lockdep_assert_held(&names_lock);
	hash_for_each_possible(names_of(net)->table, n, node, name_hash(net, name)) {
		if (strcmp(n->name, name))
			continue;
		if (name_is_default(name) && !uid_eq(n->access.uid, uid))
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

/* Take @n out of the table; the caller frees it by name_free(). */
static void name_remove(struct rb_name *n)
{
	lockdep_assert_held(&names_lock);
	WARN_ON_ONCE(n->ring->name != n);
	hash_del(&n->node);
	n->ring->name = NULL;
}

/* Free @n, which is in no table, and drop what a persistent name holds. */
static void name_free(struct rb_name *n)
{
	if (n->persistent) {
		rb_ring_put(n->ring);
		module_put(THIS_MODULE);
	}
	kfree(n);
}

static struct rb_name *name_new(struct rb_ring *ring, const char *name, u32 mode)
{
	size_t size = strlen(name) + 1;
	struct rb_name *n = kzalloc(sizeof(*n) + size, GFP_KERNEL_ACCOUNT);

	if (!n)
		return NULL;
	n->ring = ring;
	n->net = names_net();
	n->access.uid = current_fsuid();
	n->access.gid = current_fsgid();
	n->access.mode = mode;
	memcpy(n->name, name, size);
	return n;
}

/* Takes over @n. */
static int name_add(struct rb_name *n)
{
	struct rb_ring *ring = n->ring, *taken = NULL;
	struct rb_name *old;

	mutex_lock(&names_lock);
	old = name_get(n->name, n->access.uid);
	if (old) {
		taken = old->ring;
	} else {
		hash_add(names_of(n->net)->table, &n->node, name_hash(n->net, n->name));
		ring->name = n;
		if (n->persistent) {
			kref_get(&ring->refs);
			__module_get(THIS_MODULE);
		}
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
	n->access.uid = uid;
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

/*
 * Whether a capability in the caller's namespace counts for @a: as for files, only where
 * owner and group are mapped there.
 */
static bool access_mapped(const struct rb_access *a)
{
	struct user_namespace *ns = names_net()->user_ns;

	return kuid_has_mapping(ns, a->uid) && kgid_has_mapping(ns, a->gid);
}

static bool access_capable(const struct rb_access *a, int cap)
{
	return access_mapped(a) && ns_capable(names_net()->user_ns, cap);
}

/* @want: bits as in the last digit of a mode, all of which must be allowed. */
static bool access_mode(const struct rb_access *a, u32 want)
{
	u32 mode = a->mode;

	if (uid_eq(current_fsuid(), a->uid))
		mode >>= 6;
	else if (in_group_p(a->gid))
		mode >>= 3;
	return (mode & want) == want;
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

/* The ring of @name, with a reference, and who may use it; NULL: there is none. */
static struct rb_ring *name_look(const char *name, struct rb_access *access)
{
	struct rb_ring *ring = NULL;
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = name_get(name, current_fsuid());
	if (n) {
		ring = n->ring;
		*access = n->access;
	}
	mutex_unlock(&names_lock);
	return ring;
}

struct rb_ring *rb_name_find(const char *name, u32 role)
{
	struct rb_access access;
	struct rb_ring *ring = name_look(name, &access);

	if (!ring)
		return ERR_PTR(-ENOENT);
	if (access_mode(&access, name_wants(role)) || access_capable(&access, CAP_DAC_OVERRIDE))
		return ring;
	rb_ring_put(ring);
	return ERR_PTR(-EACCES);
}

/* Take the name of @ring out of its table; NULL: it has none any more. */
static struct rb_name *name_detach(struct rb_ring *ring)
{
	struct rb_name *n;

	mutex_lock(&names_lock);
	n = ring->name;
	if (n)
		name_remove(n);
	mutex_unlock(&names_lock);
	return n;
}

/* A ring has one name in its life, so what it has now is what was found. */
static int name_drop(struct rb_ring *ring)
{
	struct rb_name *n = name_detach(ring);

	if (!n)
		return -ENOENT;
	name_free(n);
	return 0;
}

int rb_name_unlink(const char *name)
{
	struct rb_access access;
	struct rb_ring *ring = name_look(name, &access);
	int err = -EACCES;

	if (!ring)
		return -ENOENT;
	if (uid_eq(current_fsuid(), access.uid) || access_capable(&access, CAP_FOWNER))
		err = name_drop(ring);
	rb_ring_put(ring);
	return err;
}

/* The last reference on @ring is gone. */
void rb_name_forget(struct rb_ring *ring)
{
	struct rb_name *n = name_detach(ring);

	/* A persistent name would have kept the ring. */
	WARN_ON_ONCE(n && n->persistent);
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
	const struct rb_ring *ring = n->ring;

	e->slot_bytes = ring->layout.slot_bytes;
	e->slot_count = ring->layout.slot_count;
	e->head = rb_head_nearby(&ring->view);
	e->uid = from_kuid_munged(current_user_ns(), n->access.uid);
	e->mode = n->access.mode;
	e->flags = ring->layout.flags | (n->persistent ? RINGBUF_CREATE_PERSISTENT : 0);
	e->readers = READ_ONCE(ring->readers);
	e->writers = READ_ONCE(ring->view.info->writers);
	e->name_len = strlen(n->name);
	memcpy(e->name, n->name, e->name_len);
}

/* @all: the caller has CAP_DAC_OVERRIDE. */
static bool name_listed(const struct rb_name *n, bool all)
{
	/* The last reference is gone, and the name goes in a moment. */
	if (!kref_read(&n->ring->refs) || name_is_default(n->name))
		return false;
	if (all && access_mapped(&n->access))
		return true;
	return access_mode(&n->access, 4) || access_mode(&n->access, 2);
}

/*
 * Describe the names that the caller may attach to: fill at most @room @entries, which
 * are zero, and set *total to how many there are.  Returns the entries filled, or
 * -EINTR.  A ring that has a name is not freed under names_lock, so no reference is
 * taken, and nobody's last one dropped here.
 */
int rb_names_collect(struct ringbuf_list_entry *entries, u32 room, u32 *total)
{
	struct net *net = names_net();
	struct rb_names *names = names_of(net);
	/* A name that is not shown is no attempt to use it, so nothing is audited. */
	bool all = ns_capable_noaudit(net->user_ns, CAP_DAC_OVERRIDE);
	struct rb_name *n;
	u32 count = 0;
	int bucket;

	*total = 0;
	for (bucket = 0; bucket < HASH_SIZE(names->table); bucket++) {
		mutex_lock(&names_lock);
		hlist_for_each_entry(n, &names->table[bucket], node) {
			if (!name_listed(n, all))
				continue;
			if (count < room)
				name_describe(n, &entries[count++]);
			++*total;
		}
		mutex_unlock(&names_lock);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return count;
}

static int __net_init names_net_init(struct net *net)
{
	names_of(net)->salt = get_random_long();
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
	hlist_for_each_entry_safe(n, next, &gone, node)
		name_free(n);
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
