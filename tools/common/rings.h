/* SPDX-License-Identifier: GPL-2.0 */
/* Rings of the module that are files: where their names lead. */
#ifndef COMMON_RINGS_H
#define COMMON_RINGS_H

#include <limits.h>
#include <stdbool.h>

/* The folder of names without a slash: $RINGBUF_DIR, else /dev/rings. */
const char *rings_folder(void);

/* Set @path to that of the ring @name, as the library does.  Return false if it is too long. */
bool rings_path(const char *name, char path[PATH_MAX]);

/* Set @folder to the folder of the ring @name: its path up to the last slash. */
bool rings_folder_of(const char *name, char folder[PATH_MAX]);

/* Whether @path exists in a file system of type "ringbuf". */
bool rings_are_at(const char *path);

/*
 * Whether a file system of type "ringbuf" is missing at @folder: another one is mounted, or it is
 * /dev/rings and does not exist.
 */
bool rings_missing(const char *folder);

/* Whether @name exists, or can be made, in a file system of type "ringbuf". */
bool rings_has(const char *name);

#endif /* COMMON_RINGS_H */
