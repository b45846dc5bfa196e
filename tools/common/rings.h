/* SPDX-License-Identifier: GPL-2.0 */
/* Rings of the module are files: find their paths, and the file systems that hold them. */
#ifndef COMMON_RINGS_H
#define COMMON_RINGS_H

#include <limits.h>
#include <stdbool.h>

/* Rings of the embedded host are files of this folder, whose names begin so. */
#define SHM_DIR	   "/dev/shm"
#define SHM_PREFIX "ringbuf."

/* Return the folder of rings whose names have no slash: $RINGBUF_DIR, else /dev/rings. */
const char *rings_folder(void);

/* Set @path to the path of the ring @name, as the library does.  Return false if it is too long. */
bool rings_path(const char *name, char path[PATH_MAX]);

/* Set @folder to the folder of the ring @name: its path up to the last slash. */
bool rings_folder_of(const char *name, char folder[PATH_MAX]);

/* Return whether @path exists in a file system of type "ringbuf". */
bool rings_are_at(const char *path);

/*
 * Return whether a file system of type "ringbuf" is missing at @folder: a file system of another
 * type is mounted there, or @folder is /dev/rings and does not exist.
 */
bool rings_missing(const char *folder);

/* Return whether the ring @name exists, or can be made, in a file system of type "ringbuf". */
bool rings_has(const char *name);

#endif /* COMMON_RINGS_H */
