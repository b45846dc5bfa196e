// SPDX-License-Identifier: GPL-2.0
/* ioctl(2): structures that begin with their size, and who answers. */
#include <linux/uaccess.h>

#include <asm/ioctls.h>

#include "internal.h"

/*
 * A shorter structure than ours is -EINVAL; a longer one is -E2BIG unless what
 * we do not know is zero.
 */
int rb_arg_get(void *to, size_t size, const void __user *from)
{
	u32 given;
	int err;

	/* Nearly always this is all there is to it. */
	if (!copy_from_user(to, from, size) && *(u32 *)to == size)
		return 0;
	if (get_user(given, (const u32 __user *)from))
		return -EFAULT;
	if (given < size)
		return -EINVAL;
	if (given > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, size, from, given);
	/* The caller may have changed it meanwhile. */
	*(u32 *)to = size;
	return err;
}

/* The size stays as the caller wrote it. */
int rb_arg_put(void __user *to, const void *from, size_t size)
{
	size_t skip = sizeof(u32);

	return copy_to_user(to + skip, from + skip, size - skip) ? -EFAULT : 0;
}

long rb_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct rb_handle *h = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case RINGBUF_IOC_FEATURES:
		return rb_ioctl_features(h, user);
	case RINGBUF_IOC_CREATE:
		return rb_ioctl_create(h, user);
	case RINGBUF_IOC_ATTACH:
		return rb_ioctl_attach(h, user);
	case RINGBUF_IOC_INFO:
		return rb_ioctl_info(h, user);
	case RINGBUF_IOC_WAIT:
		return rb_ioctl_wait(h, user);
	case RINGBUF_IOC_WAKE:
		return rb_ioctl_wake(h, user);
	case RINGBUF_IOC_DONE:
		return rb_ioctl_done(h, user);
	case RINGBUF_IOC_SYNC:
		return rb_ioctl_sync(h, user);
	case RINGBUF_IOC_DETACH:
		return rb_ioctl_detach(h, user);
	case RINGBUF_IOC_EVICT:
		return rb_ioctl_evict(h, user);
	case RINGBUF_IOC_UNLINK:
		return rb_ioctl_unlink(h, user);
	case RINGBUF_IOC_LIST:
		return rb_ioctl_list(h, user);
	case RINGBUF_IOC_STATS:
		return rb_ioctl_stats(h, user);
	case RINGBUF_IOC_FRAMING:
		return rb_ioctl_framing(h, user);
	case RINGBUF_IOC_THRESHOLD:
		return rb_ioctl_threshold(h, user);
	case FIONREAD:
		return rb_ioctl_fionread(h, user);
	default:
		return -ENOTTY;
	}
}
