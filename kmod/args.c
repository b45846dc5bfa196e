// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of ioctl(2): structures that begin with their size, and arrays whose entries
 * may be longer than the kernel's, so that programs and kernels of different versions fit.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "internal.h"

/*
 * Copy the caller's structure to @to, which has room for @size bytes.  The structure
 * begins with its size, and had @least bytes in the first version of the ABI.  Store the
 * size that the caller gave in the first field of @to.  Return 0, -EFAULT, -EINVAL (the
 * caller's structure is shorter than @least), or -E2BIG (it is longer than @size, and not
 * all bytes beyond @size are zero).
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
	/* Another thread may have changed the size between the two reads. */
	*(u32 *)to = given;
	return err;
}

/* Do what copy_struct_to_user() does, which came with 6.13. */
static int struct_put(void __user *to, size_t room, const void *from, size_t size)
{
	if (room > size && clear_user(to + size, room - size))
		return -EFAULT;
	return copy_to_user(to, from, min(room, size)) ? -EFAULT : 0;
}

/*
 * Copy @from, which has @size bytes, to the caller's structure, whose size is the first
 * field of @from.  Leave that field of the caller as it is, and zero the bytes that the
 * caller has beyond @size.
 */
int rb_arg_put(void __user *to, const void *from, size_t size)
{
	const size_t skip = sizeof(u32);

	return struct_put(to + skip, *(const u32 *)from - skip, from + skip, size - skip);
}

/*
 * Check @stride, the size of an entry of a caller's array; an entry had @least bytes in
 * the first version of the ABI.
 */
int rb_table_check(u32 stride, size_t least)
{
	if (stride < least)
		return -EINVAL;
	return stride > PAGE_SIZE ? -E2BIG : 0;
}

/*
 * Copy @count entries of @size bytes to the caller's array, whose entries are @stride
 * bytes apart.  Zero the bytes of each entry beyond @size.
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
