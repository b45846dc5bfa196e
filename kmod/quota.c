// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas: how much memory one ring, all rings of a user, and all rings together may take.
 *
 * The user who creates a ring is charged for it; a default ring is charged to its user.
 * See rb_payer() for user namespaces.  A ring that is a file also counts against max_bytes
 * of its mount.
 *
 * To keep one user, or a few, from taking all of max_total_bytes, a user gets of its last
 * quarter only what keeps it within half of what the other users leave.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "internal.h"

/**
 * struct quota - a module parameter, which may change at any time
 * @bytes: the quota; existing rings may already take more
 * @share: the default, used if the parameter is 0 or not given, is memory / share
 */
struct quota {
	u64 bytes;
	unsigned int share;
};

static struct quota max_ring = { .share = 2 };
static struct quota max_user = { .share = 4 };
static struct quota max_total = { .share = 2 };

static int quota_set(const char *text, const struct kernel_param *param)
{
	struct quota *quota = param->arg;
	u64 bytes;
	int err = kstrtou64(text, 0, &bytes);

	if (err)
		return err;
	if (!bytes)
		bytes = (u64)totalram_pages() * PAGE_SIZE / quota->share;
	if (bytes < RB_QUOTA_LEAST || bytes > RB_QUOTA_MOST) {
		pr_err("ringbuf: %s=%llu is not between %llu and %llu\n", param->name, bytes,
		       RB_QUOTA_LEAST, RB_QUOTA_MOST);
		return -EINVAL;
	}
	WRITE_ONCE(quota->bytes, bytes);
	return 0;
}

static u64 quota_get(const struct quota *quota)
{
	return READ_ONCE(quota->bytes);
}

static int quota_show(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%llu\n", quota_get(param->arg));
}

static const struct kernel_param_ops quota_ops = {
	.set = quota_set,
	.get = quota_show,
};

module_param_cb(max_ring_bytes, &quota_ops, &max_ring, 0644);
MODULE_PARM_DESC(max_ring_bytes, "largest ring, in bytes with all its pages (0: half of memory)");
module_param_cb(max_user_bytes, &quota_ops, &max_user, 0644);
MODULE_PARM_DESC(max_user_bytes, "all rings that one user owns (0: a quarter of memory)");
module_param_cb(max_total_bytes, &quota_ops, &max_total, 0644);
MODULE_PARM_DESC(max_total_bytes, "all rings; its last quarter is shared out (0: half of memory)");

/**
 * struct rb_user - the bytes that the rings of one user take
 * @node: entry in users
 * @uid: the user; constant
 * @bytes: the sum; the entry is freed when it becomes 0
 */
struct rb_user {
	struct hlist_node node;
	kuid_t uid;
	u64 bytes;
};

static DEFINE_MUTEX(users_lock);
static DEFINE_HASHTABLE(users, 6); /* under users_lock */
static u64 total_bytes; /* under users_lock */

static void __init quota_init(struct quota *quota)
{
	if (!quota->bytes)
		quota->bytes = (u64)totalram_pages() * PAGE_SIZE / quota->share;
}

void __init rb_quota_init(void)
{
	quota_init(&max_ring);
	quota_init(&max_user);
	quota_init(&max_total);
}

/*
 * Return the user who is charged for what @uid does in @ns.  In a user namespace that is
 * the user who created the outermost one, so that a range of subordinate UIDs is one user.
 * If root created it, it is the user that is root inside.
 */
kuid_t rb_payer(const struct user_namespace *ns, kuid_t uid)
{
	if (ns == &init_user_ns)
		return uid;
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
		return ns->owner;
	/* Containers that root has created are a user each: their own root's UID. */
	uid = make_kuid((struct user_namespace *)ns, 0);
	return uid_valid(uid) ? uid : ns->owner;
}

static struct rb_user *user_find(kuid_t uid)
{
	struct rb_user *user;

	lockdep_assert_held(&users_lock);
	hash_for_each_possible(users, user, node, __kuid_val(uid)) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

static u64 without(u64 quota, u64 used)
{
	return quota > used ? quota - used : 0;
}

/* The part of max_total_bytes that users get first come, first served. */
static u64 free_for_all(u64 total)
{
	return total - total / 4;
}

/*
 * Return how many more bytes a user may have who has @has.  max_total_bytes does not limit
 * an @exempt one, so that one person with many UIDs cannot lock out the administrator.
 */
static u64 user_left(u64 has, bool exempt)
{
	u64 left = without(quota_get(&max_user), has), total, others, share;

	lockdep_assert_held(&users_lock);
	if (exempt)
		return left;
	total = quota_get(&max_total);
	others = total_bytes - has;
	share = without(without(total, others) / 2, has);
	share = max(share, without(free_for_all(total), total_bytes));
	return min(left, share);
}

/*
 * Whether the caller is exempt.  Not under users_lock, since an LSM may be slow; without an
 * audit record, since every creation asks.
 */
static bool user_exempt(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/* The largest ring that the caller may create now. */
u64 rb_quota_ring_bytes(void)
{
	bool exempt = user_exempt();
	struct rb_user *user;
	u64 left;

	mutex_lock(&users_lock);
	user = user_find(rb_payer(current_user_ns(), current_fsuid()));
	left = user_left(user ? user->bytes : 0, exempt);
	mutex_unlock(&users_lock);
	return min(left, quota_get(&max_ring));
}

/* The largest ring that a user without rings may create while no other user has one. */
u64 rb_quota_most(void)
{
	return min3(quota_get(&max_ring), quota_get(&max_user),
		    free_for_all(quota_get(&max_total)));
}

static void user_forget(struct rb_user *user)
{
	lockdep_assert_held(&users_lock);
	if (user->bytes)
		return;
	hash_del(&user->node);
	kfree(user);
}

/*
 * Charge @bytes to @uid.  Returns the account, for rb_user_uncharge().  -EINVAL: no ring
 * may be that large.  -EDQUOT: more than the user's quota, or than the others leave.
 */
struct rb_user *rb_user_charge(kuid_t uid, u64 bytes)
{
	bool exempt = user_exempt();
	struct rb_user *user, *fresh;
	int err = 0;

	if (bytes > quota_get(&max_ring))
		return ERR_PTR(-EINVAL);
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = uid;

	mutex_lock(&users_lock);
	user = user_find(uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(users, &user->node, __kuid_val(uid));
	}
	if (bytes <= user_left(user->bytes, exempt)) {
		user->bytes += bytes;
		total_bytes += bytes;
	} else {
		err = -EDQUOT;
		user_forget(user);
	}
	mutex_unlock(&users_lock);
	kfree(fresh);
	return err ? ERR_PTR(err) : user;
}

void rb_user_uncharge(struct rb_user *user, u64 bytes)
{
	mutex_lock(&users_lock);
	WARN_ON_ONCE(user->bytes < bytes || total_bytes < user->bytes);
	user->bytes -= bytes;
	total_bytes -= bytes;
	user_forget(user);
	mutex_unlock(&users_lock);
}
