// SPDX-License-Identifier: GPL-2.0
/* How much memory rings may take: one of them, all of one user, and all there are. */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "internal.h"

#define LIMIT_LEAST (16ULL * PAGE_SIZE)
#define LIMIT_MOST  BIT_ULL(52)

static unsigned long long max_ring_bytes;
module_param(max_ring_bytes, ullong, 0444);
MODULE_PARM_DESC(max_ring_bytes, "largest ring, in bytes with all its pages (0: half of memory)");

static unsigned long long max_user_bytes;
module_param(max_user_bytes, ullong, 0444);
MODULE_PARM_DESC(max_user_bytes, "all rings that one user owns (0: a quarter of memory)");

static unsigned long long max_total_bytes;
module_param(max_total_bytes, ullong, 0444);
MODULE_PARM_DESC(max_total_bytes, "all rings there are (0: half of memory)");

/**
 * struct rb_user - what the rings of one user take
 * @node: in users
 * @uid: whose; constant
 * @bytes: the sum; the entry goes when it is 0
 */
struct rb_user {
	struct hlist_node node;
	kuid_t uid;
	u64 bytes;
};

static DEFINE_MUTEX(users_lock);
static DEFINE_HASHTABLE(users, 6); /* under users_lock */
static u64 total_bytes; /* under users_lock */

static int __init limit_init(const char *name, unsigned long long *limit, unsigned int part)
{
	if (!*limit)
		*limit = (u64)totalram_pages() * PAGE_SIZE / part;
	if (*limit >= LIMIT_LEAST && *limit <= LIMIT_MOST)
		return 0;
	pr_err("ringbuf: %s=%llu is not between %llu and %llu\n", name, *limit, LIMIT_LEAST,
	       LIMIT_MOST);
	return -EINVAL;
}

int __init rb_limits_init(void)
{
	int err = limit_init("max_ring_bytes", &max_ring_bytes, 2);

	if (!err)
		err = limit_init("max_user_bytes", &max_user_bytes, 4);
	return err ? err : limit_init("max_total_bytes", &max_total_bytes, 2);
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

/* The largest ring that the caller may create now. */
u64 rb_limits_ring_bytes(void)
{
	struct rb_user *user;
	u64 left = max_user_bytes;

	mutex_lock(&users_lock);
	user = user_find(current_fsuid());
	if (user)
		left -= user->bytes;
	left = min_t(u64, left, max_total_bytes - min_t(u64, total_bytes, max_total_bytes));
	mutex_unlock(&users_lock);
	return min_t(u64, left, max_ring_bytes);
}

/* Of @user, who has a part in the table already or anew. */
static int user_add(struct rb_user *user, u64 bytes)
{
	lockdep_assert_held(&users_lock);
	if (bytes > max_user_bytes - user->bytes)
		return -EDQUOT;
	/* One user of many names must not keep those out who mend it. */
	if (bytes > max_total_bytes - min_t(u64, total_bytes, max_total_bytes) &&
	    !capable(CAP_SYS_RESOURCE))
		return -ENOMEM;
	user->bytes += bytes;
	total_bytes += bytes;
	return 0;
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
 * -EINVAL: no ring may be that large.  -EDQUOT: not with what the user has.
 * -ENOMEM: not with what all have.
 */
struct rb_user *rb_user_charge(kuid_t uid, u64 bytes)
{
	struct rb_user *user, *fresh;
	int err;

	if (bytes > max_ring_bytes)
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
	err = user_add(user, bytes);
	if (err)
		user_forget(user);
	mutex_unlock(&users_lock);
	kfree(fresh);
	return err ? ERR_PTR(err) : user;
}

void rb_user_uncharge(struct rb_user *user, u64 bytes)
{
	mutex_lock(&users_lock);
	user->bytes -= bytes;
	total_bytes -= bytes;
	user_forget(user);
	mutex_unlock(&users_lock);
}
