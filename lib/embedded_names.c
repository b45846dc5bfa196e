// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Orphans of the embedded host: names of rings that no process has open.
 *
 * When the last user of a ring is killed, no process is left that could remove the
 * name.  So each process that creates named rings removes the orphans of its
 * user, to keep them from filling /dev/shm.
 */
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

/*
 * Return whether no process has the ring open, except by @fd.  A lock on byte LOCK counts as
 * a user too, so the caller never waits for a stuck slow-path lock.
 */
static bool unused(int fd)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = EMB_BYTE_LOCK, .l_len = 2
	};

	return !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type == F_UNLCK;
}

static bool path_is(const char *path, int fd)
{
	struct stat here, there;

	return !fstat(fd, &here) && !lstat(path, &there) && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* Remove @path, the name of @fd, and note that in the header.  Holds the slow-path lock. */
static bool remove_locked(const char *path, int fd, struct emb_header *header)
{
	if (header->unlinked || !unused(fd) || !path_is(path, fd) || unlink(path))
		return false;
	WRITE_ONCE(header->unlinked, 1);
	return true;
}

/*
 * Remove @path, open as @fd, if its ring is an orphan.  Do not lock byte OPEN: a process
 * that creates a ring of this name at the same time would take that for a user.
 */
static bool orphan_remove(const char *path, int fd)
{
	struct ringbuf ring = { .fd = -1 };
	struct emb_header *header;
	bool removed = false;

	if (!unused(fd) || emb_header_read(&ring, fd) || ring.kept)
		return false;
	header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return false;
	if (!emb_byte_lock(fd, F_WRLCK, EMB_BYTE_LOCK)) {
		removed = remove_locked(path, fd, header);
		emb_byte_lock(fd, F_UNLCK, EMB_BYTE_LOCK);
		emb_futex_wake(&header->unlocks, 1);
	}
	munmap(header, sizeof(*header));
	return removed;
}

/* Remove @path if it belongs to this user and is the name of an orphan. */
static bool name_sweep(const char *path)
{
	struct stat st;
	bool removed;
	int fd;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return false;
	fd = lib_fd_high(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
	if (fd < 0)
		return false;
	removed = orphan_remove(path, fd);
	close(fd);
	return removed;
}

/* Open the folder of named rings, off the standard streams.  NULL: it cannot be read. */
static DIR *folder_open(void)
{
	int fd = lib_fd_high(open(EMB_SHM_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC));
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* Remove the orphans of this user.  True: there was one. */
bool emb_names_sweep(void)
{
	DIR *dir = folder_open();
	char path[EMB_SHM_PATH];
	struct dirent *d;
	bool any = false;

	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, EMB_SHM_FILE, strlen(EMB_SHM_FILE)))
			continue;
		snprintf(path, sizeof(path), EMB_SHM_DIR "/%s", d->d_name);
		any |= name_sweep(path);
	}
	if (dir)
		closedir(dir);
	return any;
}

/* Remove the orphans of this user, unless this process has done so before. */
void emb_names_sweep_once(void)
{
	static u64 swept;

	if (READ_ONCE(swept) == lib_process())
		return;
	WRITE_ONCE(swept, lib_process());
	emb_names_sweep();
}
