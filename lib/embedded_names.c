// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leftovers of the embedded host: names of rings that no process has open.
 *
 * No process outlives the users of a ring to remove its name when the last of
 * them is killed.  Each process that creates named rings removes the leftovers of
 * its user instead, so that they do not pile up until /dev/shm is full.
 */
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

/*
 * Whether @path belongs to this user and no process has it open.  A lock on either
 * byte counts as a user, so a stuck slow-path lock is never waited for.
 */
static bool is_leftover(const char *path)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = EMB_BYTE_LOCK, .l_len = 2
	};
	struct stat st;
	bool unlocked;
	int fd;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return false;
	fd = rb_fd_high(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
	if (fd < 0)
		return false;
	unlocked = !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type == F_UNLCK;
	close(fd);
	return unlocked;
}

/* Open the folder of named rings, above the standard streams.  NULL: it cannot be read. */
static DIR *folder_open(void)
{
	int fd = rb_fd_high(open(EMB_SHM_DIR, O_DIRECTORY | O_RDONLY | O_CLOEXEC));
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* Remove the leftovers of this user.  True when there was one. */
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
		if (is_leftover(path) && !emb_name_reclaim(path))
			any = true;
	}
	if (dir)
		closedir(dir);
	return any;
}

/* Remove the leftovers of this user, unless this process has done so before. */
void emb_names_sweep_once(void)
{
	static u64 swept;

	if (READ_ONCE(swept) == rb_process())
		return;
	WRITE_ONCE(swept, rb_process());
	emb_names_sweep();
}
