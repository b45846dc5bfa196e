/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of ringbufctl list share. */
#ifndef CTL_LIST_H
#define CTL_LIST_H

#include <sys/stat.h>

#include "ctl.h"

/**
 * struct listed - one ring with a name
 * @name: for free(); on the module a path below the folder that is listed
 * @slot_count: 0 where only the file is known
 */
struct listed {
	char *name;
	uint64_t slot_bytes;
	uint64_t slot_count;
	uint64_t head;
	uint32_t flags;
	uint32_t readers;
	uint32_t writers;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
};

/* @incomplete: there are rings that could not be looked at for want of a resource */
struct names {
	struct listed *entry;
	size_t count;
	bool incomplete;
};

/*
 * Add @name, whose file is @st, or say on stderr that there is no memory for it.  Return
 * the entry, which is valid until the next one is added, or NULL.
 */
struct listed *list_add(struct names *names, const char *name, const struct stat *st);

/* Remove the entry that was added last. */
void list_drop(struct names *names);

/* Set what an open ring tells, and close it.  Return 0 or a negative errno. */
int list_tell(struct listed *e, struct ringbuf *ring);

/* Say on stderr that @name is not listed, or by its file alone, for @err. */
void list_complain(struct names *names, const char *name, bool by_file, int err,
		   enum ringbuf_host host);

/*
 * Add the rings of the module below @folder.  Return 0; -ENODEV: there are none, and no file
 * system of rings is mounted; or another negative errno.
 */
int list_module(struct names *names, const char *folder);

/* Add the rings of the embedded host.  Return 0 or a negative errno. */
int list_embedded(struct names *names);

#define SHM_DIR "/dev/shm" /* where the embedded host has its names */

#endif
