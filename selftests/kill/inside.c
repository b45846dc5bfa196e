// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <sys/mman.h>

#include "embedded.h"
#include "inside.h"

static struct emb_header *header_of(int fd)
{
	void *p = mmap(NULL, sizeof(struct emb_header), PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * While this process holds the lock, no other process is on the slow path: a dirty header means
 * that the last one died there.  This lock belongs to the process, and a call of the library in it
 * could release it: so make none meanwhile.
 */
bool died_inside(struct ringbuf *ring)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = EMB_BYTE_LOCK, .l_len = 1
	};
	int fd = ringbuf_export(ring);
	struct emb_header *header = header_of(fd);
	bool dirty;

	if (!header)
		return false;
	while (fcntl(fd, F_SETLKW, &lock))
		if (errno != EINTR)
			return false;
	dirty = READ_ONCE(header->dirty);
	lock.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &lock);
	munmap(header, sizeof(*header));
	return dirty;
}
