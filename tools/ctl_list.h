/* SPDX-License-Identifier: GPL-2.0 */
/* The list that ringbufctl list makes, and the functions that fill it. */
#ifndef CTL_LIST_H
#define CTL_LIST_H

#include <sys/stat.h>

#include "ctl.h"

/**
 * struct listed - one ring with a name
 * @name: name of the ring, allocated; on the module its path below the listed folder
 * @slot_count: number of slots; 0 if the ring could not be opened, and only @name, @uid, @gid
 *	and @mode are known
 */
struct listed {
	char *name;
	uint64_t slot_bytes;
	uint64_t slot_count;
	uint64_t head;
	uint32_t flags;
	uint32_t policy;
	uint32_t readers;
	uint32_t writers;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
};

/* @incomplete: a ring could not be looked into because ringbufctl lacked a resource */
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

/* Set the members of @e that need the ring open, and close it.  Return 0 or a negative errno. */
int list_tell(struct listed *e, struct ringbuf *ring);

/*
 * Say on stderr that @name is not listed because of @err; or, with @by_file, that only its file is
 * listed, without what the ring would tell.
 */
void list_complain(struct names *names, const char *name, bool by_file, int err,
		   enum ringbuf_host host);

/*
 * Add the rings of the module below @folder.  Return 0, -ENODEV if there are none and no file
 * system of rings is mounted, or another negative errno.
 */
int list_module(struct names *names, const char *folder);

/* Add the rings of the embedded host.  Return 0 or a negative errno. */
int list_embedded(struct names *names);

#endif
