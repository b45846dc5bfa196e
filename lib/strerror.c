// SPDX-License-Identifier: LGPL-2.1-or-later
/* Descriptions of errors, in terms of rings. */
#include <errno.h>

#include "internal.h"

static const struct {
	int err;
	const char *text;
} meanings[] = {
	{ 0, "no error" },
	{ EAGAIN, "there is nothing to read, or no room to write, at this moment" },
	{ ETIMEDOUT, "the timeout passed before there was something to read, or room to write" },
	{ EINTR, "the wait was interrupted; call again to wait on" },
	{ EMSGSIZE, "the message is longer than a slot (see slot_bytes), or than the buffer" },
	{ EPIPE, "this writer has said that it is done; attach another to go on" },
	{ ENODATA, "the stream has ended: no writer is left, and all was read" },
	{ ESTALE,
	  "the slot was taken away while it was in use, or the handle belongs to nobody any "
	  "more; in the second case attach again" },
	{ EIDRM, "this reader was evicted since it held the writers up; attach again" },
	{ EBUSY, "in use: the ring is exclusive and has a writer, or another process uses the "
		 "handle, or the reservation before is still open, or a stopped process keeps the "
		 "lock of the ring; in the last case try again later" },
	{ EEXIST, "a ring of this name exists; open it, unlink it, or choose another name" },
	{ ENOENT, "there is no such ring, folder or reader, or no /dev/ringbuf, or no /proc" },
	{ ENODEV,
	  "no file system of rings is mounted there: mount -t ringbuf ringbuf /dev/rings, or "
	  "use the embedded host" },
	{ EACCES, "the mode of the ring, its folder or /dev/ringbuf does not let this user in" },
	{ EPERM, "the mode of the ring, its folder or /dev/ringbuf does not let this user in" },
	{ ENAMETOOLONG, "the name is longer than 255 bytes, or 247 on the embedded host" },
	{ ENOMEM, "not enough memory for the ring in this machine, memory cgroup or /dev/shm; "
		  "make the slots fewer or smaller" },
	{ EDQUOT, "the rings of this user take more than the module's max_user_bytes" },
	{ ENOSPC,
	  "ringbuf_create(): /dev/shm is full, or on the module max_bytes or max_rings of the "
	  "mount are taken; remove rings there, or make the slots fewer or smaller; "
	  "otherwise all seats are taken: max_readers or max_writers of this ring are "
	  "attached; close some, or create it with more" },
	{ EMFILE, "this process has no descriptor left; raise ulimit -n, or close some" },
	{ ENFILE, "this machine has no descriptor left; see fs.file-max" },
	{ EINVAL, "an argument is out of range: see the limits in ringbuf.h (1 to 2^30 bytes in a "
		  "slot, 1 to 2^25 slots, up to 4096 readers and 255 writers)" },
	{ E2BIG, "the program was built for a newer library and uses what this one does not have" },
	{ EOPNOTSUPP, "this host cannot do that; the other one (module, embedded) may; the "
		      "embedded one needs /proc, and for names /dev/shm and a mode that grants "
		      "reading and writing together" },
	{ EPROTO, "not a ring, or not of this version, or one whose words a process has "
		  "overwritten" },
	{ EBADF, "a descriptor of this ring was closed behind the library's back, or is none" },
	{ EBADFD, "this handle is not attached, or has another role" },
	{ EFBIG, "the ring is larger than a file of this process may be; see ulimit -f" },
	{ EFAULT, "a pointer leads to no memory" },
};

LIB_PUBLIC const char *ringbuf_strerror(int err)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (err == meanings[i].err || err == -meanings[i].err)
			return meanings[i].text;
	return "an error of the system that says nothing about rings; see errno(3)";
}
