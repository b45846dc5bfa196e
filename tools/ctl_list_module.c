// SPDX-License-Identifier: GPL-2.0
/* ringbufctl list: rings of the module, which are files. */
#include <errno.h>
#include <fts.h>
#include <string.h>

#include "common/rings.h"
#include "ctl_list.h"

/*
 * Add the ring at @path under @name.  If this user may not read it, or its geometry is not set
 * yet, only what its file tells is listed.
 */
static void list_ring(struct names *names, const char *path, const char *name,
		      const struct stat *st)
{
	struct ringbuf *ring;
	int err = ctl_look(path, RINGBUF_HOST_MODULE, &ring);
	struct listed *e;

	if (err == -ENOENT)
		return;
	e = list_add(names, name, st);
	if (!err && e)
		err = list_tell(e, ring);
	else if (!err)
		ringbuf_close(ring);
	if (err && err != -EACCES && err != -ENXIO)
		list_complain(names, name, e, err, RINGBUF_HOST_MODULE);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/*
 * Add the ring of an entry of the tree, if it is one.  Return 0, or a negative errno if the entry
 * is the listed folder itself and cannot be read.
 */
static int list_entry(struct names *names, FTSENT *e, size_t prefix)
{
	const char *name = e->fts_path + prefix;

	switch (e->fts_info) {
	case FTS_DEFAULT:
		if (S_ISFIFO(e->fts_statp->st_mode) && rings_are_at(e->fts_path))
			list_ring(names, e->fts_path, name, e->fts_statp);
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		if (e->fts_level == FTS_ROOTLEVEL)
			return -e->fts_errno;
		if (e->fts_errno == ENOENT)
			return 0;
		ctl_say(name, "not listed: %s", strerror(e->fts_errno));
		names->incomplete = true;
		return 0;
	default:
		return e->fts_level == FTS_ROOTLEVEL && e->fts_info == FTS_F ? -ENOTDIR : 0;
	}
}

/*
 * Do not enter other file systems below @folder (FTS_XDEV).  The folder itself may be of any file
 * system, since a bind mount can put a ring anywhere.
 */
int list_module(struct names *names, const char *folder)
{
	char path[PATH_MAX], *argv[] = { path, NULL };
	size_t length = strlen(folder), prefix;
	FTSENT *e;
	FTS *fts;
	int err = 0;

	while (length > 1 && folder[length - 1] == '/')
		length--;
	if (length >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, folder, length);
	path[length] = '\0';
	prefix = path[length - 1] == '/' ? length : length + 1;
	fts = fts_open(argv, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR | FTS_XDEV, by_name);
	if (!fts)
		return -errno;
	while (!err && (e = fts_read(fts)))
		err = list_entry(names, e, prefix);
	fts_close(fts);
	if ((!err || err == -ENOENT) && !names->count && rings_missing(path))
		err = -ENODEV;
	return err;
}
