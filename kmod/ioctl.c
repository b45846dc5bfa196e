// SPDX-License-Identifier: GPL-2.0
/* ioctl(2): structures that begin with their size, and the call for each command. */
#include <linux/uaccess.h>

#include <asm/ioctls.h>

#include "internal.h"

#define SIZE_IS(call, name) \
	static_assert(sizeof(struct ringbuf_##name) == RINGBUF_##call##_SIZE_VER0)

SIZE_IS(FEATURES, features);
SIZE_IS(CREATE, create);
SIZE_IS(ATTACH, attach);
SIZE_IS(INFO, info);
SIZE_IS(WAIT, wait);
SIZE_IS(WAKE, wake);
SIZE_IS(DONE, done);
SIZE_IS(SYNC, sync);
SIZE_IS(DETACH, detach);
SIZE_IS(STATS, stats);
SIZE_IS(FRAMING, framing);
SIZE_IS(THRESHOLD, threshold);
SIZE_IS(EVICT, evict);
SIZE_IS(ROOM, room);
SIZE_IS(REGION, region);
SIZE_IS(READER_STATS, reader_stats);
SIZE_IS(WRITER_STATS, writer_stats);
SIZE_IS(INFO_PAGE, info_page);
SIZE_IS(ROW, row);
SIZE_IS(HEAD_PAGE, head_page);
SIZE_IS(WRITER_ROW, writer_row);

/*
 * Copy the caller's structure to @to, which has @size bytes and began with @least of
 * them, and whose first field becomes the size that the caller gave.  Returns 0,
 * -EFAULT, -EINVAL (the caller has less than @least), or -E2BIG (it has more than
 * @size, and that is not zero).
 */
int rb_arg_get(void *to, size_t size, size_t least, const void __user *from)
{
	u32 given;
	int err;

	/* Fast path: the caller was built for this kernel. */
	if (!copy_from_user(to, from, size) && *(u32 *)to == size)
		return 0;
	if (get_user(given, (const u32 __user *)from))
		return -EFAULT;
	if (given < least)
		return -EINVAL;
	if (given > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, size, from, given);
	/* The caller may have changed it between the two reads. */
	*(u32 *)to = given;
	return err;
}

/* As copy_struct_to_user(), which 6.13 is the first to have. */
static int struct_put(void __user *to, size_t room, const void *from, size_t size)
{
	if (room > size && clear_user(to + size, room - size))
		return -EFAULT;
	return copy_to_user(to, from, min(room, size)) ? -EFAULT : 0;
}

/*
 * Copy @from, which has @size bytes, to the caller's structure, whose size is the first
 * field of @from.  Leave that field as it is, and zero what the caller has beyond @size.
 */
int rb_arg_put(void __user *to, const void *from, size_t size)
{
	const size_t skip = sizeof(u32);

	return struct_put(to + skip, *(const u32 *)from - skip, from + skip, size - skip);
}

/* Check the size of an entry of a caller's array, which began with @least. */
int rb_table_check(u32 stride, size_t least)
{
	if (stride < least)
		return -EINVAL;
	return stride > PAGE_SIZE ? -E2BIG : 0;
}

/*
 * Copy @count entries of @size bytes to the caller's array, whose entries have @stride.
 * What these have beyond @size is zeroed.
 */
int rb_table_put(u64 to, u32 stride, const void *from, size_t size, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		void __user *entry = u64_to_user_ptr(to + (u64)i * stride);

		if (struct_put(entry, stride, from + i * size, size))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

long rb_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct rb_handle *h = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case RINGBUF_IOC_FEATURES:
		return rb_ioctl_features(h, user);
	case RINGBUF_IOC_CREATE:
		return rb_ioctl_create(file, user);
	case RINGBUF_IOC_ATTACH:
		return rb_ioctl_attach(file, user);
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
	case RINGBUF_IOC_STATS:
		return rb_ioctl_stats(h, user);
	case RINGBUF_IOC_FRAMING:
		return rb_ioctl_framing(h, user);
	case RINGBUF_IOC_THRESHOLD:
		return rb_ioctl_threshold(h, user);
	case RINGBUF_IOC_ROOM:
		return rb_ioctl_room(h, user);
	case FIONREAD:
		return rb_ioctl_fionread(h, user);
	default:
		return -ENOTTY;
	}
}
