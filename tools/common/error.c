// SPDX-License-Identifier: GPL-2.0
/* See error.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <linux/ringbuf.h>

#include "error.h"
#include "group.h"
#include "rings.h"

#define PARAMETERS "/sys/module/ringbuf/parameters"

/* Errors that are explained by a constant text. */
static const struct {
	enum error_step step;
	int err;
	const char *words;
} constant[] = {
	{ ERROR_CREATE, EEXIST, "File exists: a ring has that name already" },
	{ ERROR_WRITER, EBUSY, "it takes one writer at a time, and has one" },
	{ ERROR_USE, EPROTO, "its shared memory was damaged by another process" },
	{ ERROR_OPEN, EBUSY, "a process that is stopped keeps the ring's lock" },
	{ ERROR_USE, EIDRM, "this reader was evicted" },
	{ ERROR_OPEN, ENXIO,
	  "its size is not set yet: CREATE sets it, or the first read or write" },
	{ ERROR_USE, ESTALE, "this reader or writer was fenced, or taken for dead" },
};

static double megabytes(uint64_t bytes)
{
	return (double)bytes / 1e6;
}

/*
 * Return the bytes that the slots of @ring take, which is nearly all of its memory; UINT64_MAX if
 * the number is too large.
 */
static uint64_t slots_bytes(const struct ringbuf_config *ring)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes;
	uint64_t unit = ring->slot_bytes >= page ? page : RINGBUF_LINE;

	if (ring->slot_bytes > RINGBUF_MAX_SLOT_BYTES)
		return UINT64_MAX;
	bytes = (ring->slot_bytes + unit - 1) / unit * unit;
	return __builtin_mul_overflow(bytes, ring->slot_count, &bytes) ? UINT64_MAX : bytes;
}

/*
 * Return whether /dev/shm, from which rings with a name take their memory, has less than @needed
 * bytes left, and set @left to these.
 */
static bool shm_is_full(uint64_t needed, uint64_t *left)
{
	struct statvfs fs;

	if (statvfs(SHM_DIR, &fs))
		return false;
	*left = (uint64_t)fs.f_bavail * fs.f_frsize;
	return *left < needed;
}

/* Say what is used up in the mount that holds the ring's folder: names, or memory. */
static const char *no_room(char *words, const struct ringbuf_config *ring)
{
	char folder[PATH_MAX];
	struct statvfs fs;

	if (!rings_folder_of(ring->name, folder) || statvfs(folder, &fs))
		return strerror(ENOSPC);
	if (!fs.f_favail)
		snprintf(
			words, ERROR_WORDS_BYTES,
			"%.200s has as many rings and folders as it may have, %llu (as root: mount -o "
			"remount,max_rings=... %.100s)",
			folder, (unsigned long long)fs.f_files, folder);
	else
		snprintf(words, ERROR_WORDS_BYTES,
			 "its slots need %.1f MB of memory, and %.200s has %.1f MB left (as root: "
			 "mount -o remount,max_bytes=... %.100s)",
			 megabytes(slots_bytes(ring)), folder,
			 megabytes((uint64_t)fs.f_bavail * fs.f_frsize), folder);
	return words;
}

static const char *no_memory(char *words, int err, const struct ringbuf_config *ring)
{
	uint64_t needed = slots_bytes(ring), left;
	int n = snprintf(words, ERROR_WORDS_BYTES, "its slots need %.1f MB of memory, ",
			 megabytes(needed));
	char *rest = words + n;
	size_t room = ERROR_WORDS_BYTES - (size_t)n;

	if (err == EDQUOT)
		snprintf(rest, room,
			 "and with the other rings of this user that is more than max_user_bytes, "
			 "or its part of max_total_bytes, in " PARAMETERS);
	else if (ring->host == RINGBUF_HOST_MODULE)
		snprintf(rest, room,
			 "which is more than is free, or than is left of max_ring_bytes or "
			 "max_total_bytes in " PARAMETERS);
	else if (ring->name && shm_is_full(needed, &left))
		snprintf(rest, room,
			 "and " SHM_DIR " has %.1f MB left (mount -o remount,size=...; with Docker "
			 "--shm-size=...)",
			 megabytes(left));
	else
		snprintf(rest, room,
			 "which is more than this machine, or this process's cgroup, has left");
	return words;
}

static const char *no_descriptor(char *words)
{
	struct rlimit limit = { .rlim_cur = 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	snprintf(words, ERROR_WORDS_BYTES,
		 "Too many open files: this process may have %llu (ulimit -n)",
		 (unsigned long long)limit.rlim_cur);
	return words;
}

static const char *no_seat(char *words, enum error_step step, const struct ringbuf_config *ring)
{
	bool reader = step == ERROR_READER;

	snprintf(words, ERROR_WORDS_BYTES,
		 "it has as many %ss as it was created for, %u (--max-%ss; ringbufctl stats shows "
		 "which)",
		 reader ? "reader" : "writer", reader ? ring->max_readers : ring->max_writers,
		 reader ? "reader" : "writer");
	return words;
}

/* Say that no file system of rings is mounted at the folder that the ring's name leads to. */
static const char *not_mounted(char *words, enum error_step step, const struct ringbuf_config *ring)
{
	char folder[PATH_MAX];

	if (step == ERROR_LIST)
		snprintf(folder, sizeof(folder), "%s", ring->name);
	else if (!ring->name || !rings_folder_of(ring->name, folder))
		return strerror(ENODEV);
	snprintf(words, ERROR_WORDS_BYTES,
		 "no file system of rings is mounted at %.200s (as root: mount -t ringbuf ringbuf "
		 "%.100s)%s",
		 folder, folder, step == ERROR_LIST ? "" : "; --host=embedded needs none");
	return words;
}

/* Return whether the file of @ring, a ring of the module, exists. */
static bool is_there(const struct ringbuf_config *ring)
{
	char path[PATH_MAX];

	return ring->name && rings_path(ring->name, path) && !access(path, F_OK);
}

static const char *no_such(char *words, enum error_step step, int err,
			   const struct ringbuf_config *ring)
{
	bool module = ring->host == RINGBUF_HOST_MODULE;

	/* Without the permission to write to the ring, the library opens the device instead. */
	if (module && (!ring->name || is_there(ring)) && access("/dev/ringbuf", F_OK))
		return "no /dev/ringbuf: is the module ringbuf loaded? --host=embedded needs none";
	if (step == ERROR_CREATE && module && ring->name)
		return "No such file: the folder of the ring does not exist (mkdir)";
	if (step != ERROR_OPEN && step != ERROR_UNLINK)
		return strerror(err);
	snprintf(words, ERROR_WORDS_BYTES,
		 "No such file: there is no ring of that name on the %s host (ringbufctl list)",
		 module ? "module" : "embedded");
	return words;
}

/* Say what the chosen host cannot do, or lacks on this machine. */
static const char *not_supported(enum error_step step, const struct ringbuf_config *ring)
{
	if (ring->host == RINGBUF_HOST_MODULE)
		return strerror(EOPNOTSUPP);
	if ((step == ERROR_CREATE || step == ERROR_READER) && ring->policy & RINGBUF_AT_STOP)
		return "the embedded host does not know which processes are stopped (--at-stop)";
	if (step == ERROR_CREATE && ring->claim_timeout)
		return "the embedded host has no fences (--claim-timeout): a process cannot take "
		       "the memory of another one away";
	if (access("/proc/self/fd", F_OK))
		return "the embedded host needs /proc, which is not mounted here";
	if (access(SHM_DIR, F_OK))
		return "a ring with a name needs " SHM_DIR ", which does not exist";
	if (step == ERROR_CREATE)
		return "on the embedded host owner, group and others may each read and write, or "
		       "neither (--mode)";
	return strerror(EOPNOTSUPP);
}

/*
 * Say which of folder, ring and device denied the call: the first one that it opens and that this
 * user may not use.  Return NULL if the ring denied it.
 */
static const char *module_denied(char *words, enum error_step step,
				 const struct ringbuf_config *ring)
{
	char path[PATH_MAX];

	if (ring->name && step == ERROR_CREATE && rings_folder_of(ring->name, path) &&
	    access(path, W_OK | X_OK))
		return group_words(words, ERROR_WORDS_BYTES, path,
				   "Permission denied: this user may not make files in that "
				   "folder");
	if (ring->name && step == ERROR_OPEN && rings_path(ring->name, path) && access(path, R_OK))
		return NULL;
	if (step != ERROR_UNLINK && access("/dev/ringbuf", R_OK | W_OK))
		return group_words(words, ERROR_WORDS_BYTES, "/dev/ringbuf",
				   "Permission denied: this user may not read and write "
				   "/dev/ringbuf");
	return NULL;
}

static const char *denied(char *words, enum error_step step, const struct ringbuf_config *ring)
{
	const char *why = NULL;

	if (ring->host == RINGBUF_HOST_MODULE)
		why = module_denied(words, step, ring);
	if (why)
		return why;
	if (step == ERROR_UNLINK)
		return "Permission denied: the ring, or its folder, is another user's";
	if (step == ERROR_CREATE || step == ERROR_LIST)
		return strerror(EACCES);
	return "Permission denied: the ring's mode and owner (ringbufctl list) forbid it";
}

/* Say why the file that has the name cannot be used as a ring. */
static const char *no_ring(enum error_step step, const struct ringbuf_config *ring)
{
	if (step != ERROR_OPEN && step != ERROR_UNLINK)
		return strerror(EPROTO);
	if (ring->host == RINGBUF_HOST_MODULE)
		return "it is no ring, but a file of another kind or file system";
	return "it is damaged, or was not made by this version of ringbuf";
}

static const char *bad_name(const struct ringbuf_config *ring)
{
	if (ring->host == RINGBUF_HOST_MODULE)
		return "a name is not empty";
	return "a name is not empty and has no / on the embedded host; the module, which has "
	       "paths, is not here, or was not chosen (--host)";
}

static const char *not_valid(char *words, enum error_step step, const struct ringbuf_config *ring)
{
	bool module = ring->host == RINGBUF_HOST_MODULE;

	if (step == ERROR_OPEN || step == ERROR_UNLINK)
		return bad_name(ring);
	if (step == ERROR_READER)
		return "Invalid argument: the ring does not allow this --policy, which would let the "
		       "reader hold writers up for longer than the ring's own (ringbufctl info), or "
		       "--policy-lag is larger than its number of slots";
	if (step != ERROR_CREATE)
		return strerror(EINVAL);
	snprintf(words, ERROR_WORDS_BYTES,
		 "Invalid argument: a ring has 1 to %llu slots of 1 to %llu bytes, at most %u "
		 "readers and %u writers%s",
		 RINGBUF_MAX_SLOTS, RINGBUF_MAX_SLOT_BYTES, RINGBUF_MAX_READERS,
		 RINGBUF_MAX_WRITERS, module ? "" : ", and on the embedded host a name without /");
	return words;
}

const char *error_words(char words[ERROR_WORDS_BYTES], enum error_step step, int err,
			const struct ringbuf_config *ring)
{
	size_t i;

	err = -err;
	for (i = 0; i < sizeof(constant) / sizeof(constant[0]); i++)
		if (constant[i].step == step && constant[i].err == err)
			return constant[i].words;
	switch (err) {
	case ENOMEM:
	case EDQUOT:
		return step == ERROR_CREATE ? no_memory(words, err, ring) : strerror(err);
	case EMFILE:
		return no_descriptor(words);
	case ENOSPC:
		if (step == ERROR_CREATE && ring->host == RINGBUF_HOST_MODULE && ring->name)
			return no_room(words, ring);
		if (step == ERROR_CREATE)
			return no_memory(words, err, ring);
		return step == ERROR_READER || step == ERROR_WRITER ? no_seat(words, step, ring)
								    : strerror(err);
	case EOPNOTSUPP:
		return not_supported(step, ring);
	case ENODEV:
		return not_mounted(words, step, ring);
	case ENOENT:
	case ENXIO:
		return no_such(words, step, err, ring);
	case EACCES:
	case EPERM:
		return denied(words, step, ring);
	case EPROTO:
		return no_ring(step, ring);
	case EINVAL:
		return not_valid(words, step, ring);
	case EFBIG:
		return "File too large: this process may not make one of that size (ulimit -f)";
	case ENAMETOOLONG:
		return "the name is too long: at most 255 bytes, on the embedded host 247";
	default:
		return strerror(err);
	}
}

void error_describe(struct ringbuf_config *config, struct ringbuf *ring)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };

	ringbuf_get_geometry(ring, &g);
	config->host = g.host;
	config->flags = g.flags;
	config->slot_bytes = g.slot_bytes;
	config->slot_count = g.slot_count;
	config->max_readers = g.max_readers;
	config->max_writers = g.max_writers;
}
