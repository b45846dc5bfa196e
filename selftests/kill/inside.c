// SPDX-License-Identifier: GPL-2.0
/* A look into the embedded host, which the tests of the library do not have. */
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
 * Under the lock, which a dead process has not any more, nobody is at work; who
 * says so nevertheless died at it.  The lock is this process's, and so is the
 * library's: nothing of it may run here meanwhile.
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
