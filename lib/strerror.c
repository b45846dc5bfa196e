// SPDX-License-Identifier: LGPL-2.1-or-later
/* Descriptions of errors, in terms of rings. */
#include <errno.h>

#include "internal.h"

#define DENIED                                                                               \
	"the mode of the ring, its folder or /dev/ringbuf does not let this user in; ls -l " \
	"tells which group it lets in (usermod -aG GROUP USER)"

static const struct {
	int err;
	const char *text;
} meanings[] = {
	{ 0, "no error" },
	{ EAGAIN, "there is no message to read, or no room to write, at this moment" },
	{ ETIMEDOUT, "the timeout passed before there was a message to read, or room to write" },
	{ EINTR, "the wait was interrupted; call again to continue waiting" },
	{ EMSGSIZE, "the message is longer than a slot (see slot_bytes), or than the buffer" },
	{ EPIPE, "this writer has called done; attach another writer to continue" },
	{ ENODATA, "the stream has ended: no writer is left, and every message was read" },
	{ ESTALE, "the slot was taken away while it was in use, or the handle has lost its seat "
		  "in the ring; in the second case attach again" },
	{ EIDRM, "this reader was evicted because it held the writers up; attach again" },
	{ EBUSY, "in use: the ring is exclusive and has a writer, or another process uses the "
		 "handle, or the last reservation is still open, or a stopped process keeps the "
		 "lock of the ring; in the last case try again later" },
	{ EEXIST, "a ring of this name exists; open it, unlink it, or choose another name" },
	{ ENOENT, "the ring, folder or reader, or /dev/ringbuf or /proc does not exist" },
	{ ENODEV,
	  "no file system of rings is mounted there: mount -t ringbuf ringbuf /dev/rings, or "
	  "use the embedded host" },
	{ EACCES, DENIED },
	{ EPERM, DENIED },
	{ ENAMETOOLONG, "the name is longer than 255 bytes, or 247 on the embedded host" },
	{ ENOMEM, "not enough memory for the ring in this machine, memory cgroup or /dev/shm; "
		  "use fewer or smaller slots" },
	{ EDQUOT, "the rings of this user, or of all users, would take more than the module's "
		  "max_user_bytes or max_total_bytes" },
	{ ENOSPC,
	  "ringbuf_create(): /dev/shm is full, or on the module max_bytes or max_rings of the "
	  "mount is reached; remove rings there, or use fewer or smaller slots; otherwise "
	  "max_readers or max_writers of this ring are attached; close some, or create the "
	  "ring with more" },
	{ EMFILE, "this process has no descriptor left; raise ulimit -n, or close some" },
	{ ENFILE, "this machine has no descriptor left; see fs.file-max" },
	{ EINVAL, "an argument is out of range: see the limits in ringbuf.h (1 to 2^30 bytes in a "
		  "slot, 1 to 2^25 slots, up to 4096 readers and 255 writers)" },
	{ E2BIG, "the program was built for a newer library and uses fields that this library "
		 "does not know" },
	{ EOPNOTSUPP, "this host does not support the call; the other one (module, embedded) may; "
		      "the embedded host needs /proc, and for names /dev/shm and a mode that "
		      "grants reading and writing together" },
	{ EPROTO, "not a ring, or not of this version, or a ring whose words a process has "
		  "overwritten" },
	{ EBADF, "the program closed a descriptor of this ring, or passed one that is not open" },
	{ EBADFD, "this handle is not attached, or has another role" },
	{ EFBIG, "the ring is larger than a file of this process may be; see ulimit -f" },
	{ EFAULT, "a pointer is invalid" },
};

LIB_PUBLIC const char *ringbuf_strerror(int err)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (err == meanings[i].err || err == -meanings[i].err)
			return meanings[i].text;
	return "an error of the system that is not specific to rings; see errno(3)";
}
