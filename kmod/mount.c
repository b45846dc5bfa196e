// SPDX-License-Identifier: GPL-2.0
/*
 * The file system "ringbuf": mount options and statfs(2).
 *
 * Each mount is an instance of its own, as with devpts: it has its own directories and
 * rings, quotas for their bytes and number, and a geometry for rings whose creator gives
 * none.  It may be mounted in a user namespace.
 */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "internal.h"

#define MOUNT_RINGS 16384
#define MOUNT_MODE  01777

enum { OPT_MAX_BYTES, OPT_MAX_RINGS, OPT_MODE, OPT_UID, OPT_GID, OPT_SLOT_BYTES, OPT_SLOT_COUNT };

static const struct fs_parameter_spec mount_spec[] = { fsparam_string("max_bytes", OPT_MAX_BYTES),
						       fsparam_u32("max_rings", OPT_MAX_RINGS),
						       fsparam_u32oct("mode", OPT_MODE),
						       fsparam_u32("uid", OPT_UID),
						       fsparam_u32("gid", OPT_GID),
						       fsparam_string("slot_bytes", OPT_SLOT_BYTES),
						       fsparam_string("slot_count", OPT_SLOT_COUNT),
						       {} };

/* Return by how many bits the suffix @c shifts a number, 0 if it is no suffix. */
static unsigned int mount_suffix(char c)
{
	switch (tolower(c)) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return 0;
	}
}

/* Parse a number that may end in k, m, g or t.  (memparse() would let it wrap.) */
static int mount_number(struct fs_context *fc, const struct fs_parameter *param, u64 *value)
{
	size_t length = strlen(param->string);
	unsigned int shift = length ? mount_suffix(param->string[length - 1]) : 0;
	char digits[24];
	u64 number;

	if (shift)
		length--;
	if (length >= sizeof(digits))
		return invalfc(fc, "%s=%s is too long", param->key, param->string);
	memcpy(digits, param->string, length);
	digits[length] = 0;
	if (kstrtou64(digits, 0, &number) || number << shift >> shift != number)
		return invalfc(fc, "%s=%s is no number", param->key, param->string);
	*value = number << shift;
	return 0;
}

/* Parse one option.  On a remount options not given keep their values. */
static int mount_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct rb_options *o = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, mount_spec, param, &result);

	if (opt < 0)
		return opt;
	switch (opt) {
	case OPT_MAX_BYTES:
		return mount_number(fc, param, &o->max_bytes);
	case OPT_SLOT_BYTES:
		return mount_number(fc, param, &o->slot_bytes);
	case OPT_SLOT_COUNT:
		return mount_number(fc, param, &o->slot_count);
	case OPT_MAX_RINGS:
		o->max_rings = result.uint_32;
		break;
	case OPT_MODE:
		if (result.uint_32 & ~07777)
			return invalfc(fc, "mode=%o is more than 7777", result.uint_32);
		o->mode = result.uint_32;
		break;
	case OPT_UID:
		o->uid = make_kuid(fc->user_ns, result.uint_32);
		if (!uid_valid(o->uid))
			return invalfc(fc, "uid=%u is nobody here", result.uint_32);
		break;
	case OPT_GID:
		o->gid = make_kgid(fc->user_ns, result.uint_32);
		if (!gid_valid(o->gid))
			return invalfc(fc, "gid=%u is no group here", result.uint_32);
		break;
	}
	return 0;
}

/* Check the options together, and lay out a ring of the default geometry. */
static int mount_check(struct fs_context *fc, const struct rb_options *o, struct rb_layout *layout)
{
	if (o->max_bytes < RB_QUOTA_LEAST || o->max_bytes > RB_QUOTA_MOST)
		return invalfc(fc, "max_bytes=%llu is not between %llu and %llu", o->max_bytes,
			       (u64)RB_QUOTA_LEAST, (u64)RB_QUOTA_MOST);
	if (!o->max_rings)
		return invalfc(fc, "max_rings=0 leaves no room for a ring");
	*layout = (struct rb_layout){
		.slot_bytes = o->slot_bytes,
		.slot_count = o->slot_count,
		.max_writers = RINGBUF_MAX_WRITERS, /* each open for writing is one */
		.page_size = PAGE_SIZE,
		.wait_readers = 1, /* as a FIFO's writers */
	};
	if (rb_layout(layout))
		return invalfc(fc, "slot_bytes=%llu, slot_count=%llu make no ring", o->slot_bytes,
			       o->slot_count);
	if (layout->bytes > o->max_bytes)
		return invalfc(fc, "slot_bytes=%llu, slot_count=%llu need max_bytes=%llu",
			       o->slot_bytes, o->slot_count, layout->bytes);
	return 0;
}

static struct rb_instance *instance_of(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static int mount_statfs(struct dentry *dentry, struct kstatfs *stat)
{
	struct rb_instance *instance = instance_of(dentry->d_sb);
	u64 bytes, most;
	u32 files, max;

	mutex_lock(&instance->lock);
	bytes = instance->bytes;
	most = instance->options.max_bytes;
	files = instance->files - 1;
	max = instance->options.max_rings;
	mutex_unlock(&instance->lock);
	stat->f_type = dentry->d_sb->s_magic;
	stat->f_bsize = PAGE_SIZE;
	stat->f_frsize = PAGE_SIZE;
	stat->f_namelen = NAME_MAX;
	stat->f_blocks = most >> PAGE_SHIFT;
	stat->f_bfree = most > bytes ? (most - bytes) >> PAGE_SHIFT : 0;
	stat->f_bavail = stat->f_bfree;
	stat->f_files = max;
	stat->f_ffree = max > files ? max - files : 0;
	return 0;
}

static int mount_show(struct seq_file *m, struct dentry *root)
{
	struct rb_instance *instance = instance_of(root->d_sb);
	struct user_namespace *ns = root->d_sb->s_user_ns;
	struct rb_options o;

	mutex_lock(&instance->lock);
	o = instance->options;
	mutex_unlock(&instance->lock);
	seq_printf(m, ",max_bytes=%llu,max_rings=%u,mode=%o", o.max_bytes, o.max_rings, o.mode);
	if (!uid_eq(o.uid, make_kuid(ns, 0)))
		seq_printf(m, ",uid=%u", from_kuid_munged(ns, o.uid));
	if (!gid_eq(o.gid, make_kgid(ns, 0)))
		seq_printf(m, ",gid=%u", from_kgid_munged(ns, o.gid));
	seq_printf(m, ",slot_bytes=%llu,slot_count=%llu", o.slot_bytes, o.slot_count);
	return 0;
}

static const struct super_operations mount_ops = {
	.statfs = mount_statfs,
	.show_options = mount_show,
	.drop_inode = generic_delete_inode,
	.evict_inode = rb_file_evict,
};

static int mount_fill(struct super_block *sb, struct fs_context *fc)
{
	struct rb_options *o = fc->fs_private;
	struct rb_instance *instance;
	struct inode *root;
	int err;

	instance = kzalloc(sizeof(*instance), GFP_KERNEL_ACCOUNT);
	if (!instance)
		return -ENOMEM;
	sb->s_fs_info = instance; /* mount_kill() frees it */
	rb_instance_init(instance, sb, o);
	err = mount_check(fc, o, &instance->layout);
	if (err)
		return err;
	sb->s_magic = RINGBUF_FS_MAGIC;
	sb->s_op = &mount_ops;
	sb->s_time_gran = 1;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_iflags |= SB_I_NODEV | SB_I_NOEXEC;
	root = rb_file_root(sb, o);
	if (IS_ERR(root))
		return PTR_ERR(root);
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int mount_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, mount_fill);
}

/* Remount: quotas may change, even below what is taken; mode and owner of the root may not. */
static int mount_change(struct fs_context *fc)
{
	struct rb_instance *instance = instance_of(fc->root->d_sb);
	struct rb_options *o = fc->fs_private;
	struct rb_layout layout;
	int err = mount_check(fc, o, &layout);

	if (err)
		return err;
	mutex_lock(&instance->lock);
	if (o->mode == instance->options.mode && uid_eq(o->uid, instance->options.uid) &&
	    gid_eq(o->gid, instance->options.gid)) {
		instance->options = *o;
		instance->layout = layout;
	} else {
		err = invalfc(fc, "mode, uid and gid change by chmod and chown");
	}
	mutex_unlock(&instance->lock);
	return err;
}

static void mount_free(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations mount_context_ops = {
	.parse_param = mount_param,
	.get_tree = mount_tree,
	.reconfigure = mount_change,
	.free = mount_free,
};

static int mount_context(struct fs_context *fc)
{
	struct rb_options *o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	struct rb_instance *instance;

	if (!o)
		return -ENOMEM;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		instance = instance_of(fc->root->d_sb);
		mutex_lock(&instance->lock);
		*o = instance->options;
		mutex_unlock(&instance->lock);
	} else {
		o->max_bytes = (u64)totalram_pages() * PAGE_SIZE / 2;
		o->max_rings = MOUNT_RINGS;
		o->mode = MOUNT_MODE;
		o->uid = current_fsuid();
		o->gid = current_fsgid();
		rb_geometry_slots(&o->slot_bytes, &o->slot_count);
	}
	fc->fs_private = o;
	fc->ops = &mount_context_ops;
	return 0;
}

static void mount_kill(struct super_block *sb)
{
	struct rb_instance *instance = instance_of(sb);

	kill_litter_super(sb);
	if (!instance)
		return;
	WARN_ON_ONCE(instance->files);
	rb_instance_put(instance);
}

static struct file_system_type mount_type = {
	.owner = THIS_MODULE,
	.name = "ringbuf",
	.init_fs_context = mount_context,
	.parameters = mount_spec,
	.kill_sb = mount_kill,
	.fs_flags = FS_USERNS_MOUNT,
};

MODULE_ALIAS_FS("ringbuf");

int __init rb_mount_init(void)
{
	return register_filesystem(&mount_type);
}

void rb_mount_exit(void)
{
	unregister_filesystem(&mount_type);
}
