// SPDX-License-Identifier: GPL-2.0
/* ringbufctl list: rings of the embedded host, which have files in /dev/shm. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/rings.h"
#include "ctl_list.h"

/*
 * Open the ring and set the members of @e that need this.  A file of another user is not opened,
 * since it may have any content.  Return 0 or a negative errno.
 */
static int look(struct listed *e)
{
	struct ringbuf *ring;
	int err;

	if (e->uid != geteuid())
		return 0;
	err = ringbuf_open(e->name, RINGBUF_HOST_EMBEDDED, &ring);
	return err ? err : list_tell(e, ring);
}

/* Add the ring of @file, and say on stderr why it could not be looked into, if so. */
static void list_file(struct names *names, const char *file)
{
	char path[PATH_MAX];
	struct listed *e;
	struct stat st;
	int err;

	snprintf(path, sizeof(path), SHM_DIR "/%s", file);
	if (lstat(path, &st) || !S_ISREG(st.st_mode))
		return;
	e = list_add(names, file + strlen(SHM_PREFIX), &st);
	if (!e)
		return;
	err = look(e);
	/* The file exists: so ENOENT is about something else that the library needs. */
	if (err == -ENOENT && !lstat(path, &st))
		err = -EOPNOTSUPP;
	if (err && err != -ENOENT)
		list_complain(names, e->name, err != -EPROTO, err, RINGBUF_HOST_EMBEDDED);
	if (err == -ENOENT || err == -EPROTO)
		list_drop(names);
}

int list_embedded(struct names *names)
{
	DIR *dir = opendir(SHM_DIR);
	struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (!strncmp(d->d_name, SHM_PREFIX, strlen(SHM_PREFIX)))
			list_file(names, d->d_name);
	closedir(dir);
	return 0;
}
