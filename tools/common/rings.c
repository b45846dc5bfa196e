// SPDX-License-Identifier: GPL-2.0
/* See rings.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/ringbuf.h>

#include "rings.h"

#define FOLDER "/dev/rings"

const char *rings_folder(void)
{
	const char *folder = secure_getenv("RINGBUF_DIR");

	return folder && *folder ? folder : FOLDER;
}

bool rings_path(const char *name, char path[PATH_MAX])
{
	int n;

	if (strchr(name, '/'))
		n = snprintf(path, PATH_MAX, "%s", name);
	else
		n = snprintf(path, PATH_MAX, "%s/%s", rings_folder(), name);
	return n < PATH_MAX;
}

bool rings_folder_of(const char *name, char folder[PATH_MAX])
{
	char *slash;

	if (!rings_path(name, folder))
		return false;
	slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	return true;
}

bool rings_are_at(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == RINGBUF_FS_MAGIC;
}

bool rings_missing(const char *folder)
{
	return !rings_are_at(folder) && (!access(folder, F_OK) || !strcmp(folder, FOLDER));
}

bool rings_has(const char *name)
{
	char path[PATH_MAX], folder[PATH_MAX];

	return rings_path(name, path) && rings_folder_of(name, folder) &&
	       (rings_are_at(path) || rings_are_at(folder));
}
