// SPDX-License-Identifier: GPL-2.0
/* See memory.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define MAGIC 0x3276626672676e72ULL

/* Set @path to the default folder, and make it. */
static bool default_folder(char path[PATH_MAX])
{
	const char *state = getenv("STATE_DIRECTORY"), *home = getenv("XDG_STATE_HOME");
	int n;

	if (state && *state) {
		snprintf(path, PATH_MAX, "%s", state);
		return true;
	}
	if (home && *home) {
		n = snprintf(path, PATH_MAX, "%s/ringbuf-bridge", home);
		return n < PATH_MAX && (!mkdir(path, 0700) || errno == EEXIST);
	}
	home = getenv("HOME");
	n = snprintf(path, PATH_MAX, "%s/.local/state/ringbuf-bridge",
		     home && *home ? home : "/root");
	if (n >= PATH_MAX)
		return false;
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	return !mkdir(path, 0700) || errno == EEXIST;
}

static bool file_path(const struct bridge *b, char path[PATH_MAX])
{
	char folder[PATH_MAX], name[NAME_MAX + 1];

	if (b->state)
		snprintf(folder, sizeof(folder), "%s", b->state);
	else if (!default_folder(folder)) {
		bridge_say("%s: %s", folder, strerror(errno));
		return false;
	}
	if (snprintf(name, sizeof(name), "%s.%s", b->stream, b->ring) >= (int)sizeof(name) ||
	    strlen(folder) + strlen(name) + 2 > PATH_MAX) {
		bridge_say("the names of stream and ring are too long");
		return false;
	}
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '%';
	strcpy(path, folder);
	strcat(path, "/");
	strcat(path, name);
	return true;
}

struct memory_file *memory_open(const struct bridge *b)
{
	struct memory_file *m;
	char path[PATH_MAX];
	int fd;

	if (!file_path(b, path))
		return NULL;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || (flock(fd, LOCK_EX | LOCK_NB) && errno != EWOULDBLOCK)) {
		bridge_say("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		bridge_say("%s: another ringbuf-bridge uses it", path);
		return NULL;
	}
	if (posix_fallocate(fd, 0, sizeof(*m))) {
		bridge_say("%s: no room", path);
		return NULL;
	}
	/* The file stays open, and so locked, until the process ends. */
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED) {
		bridge_say("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (m->magic != MAGIC) {
		memset(m, 0, sizeof(*m));
		m->magic = MAGIC;
	}
	return m;
}

/* Stores to a shared map survive a SIGKILL.  Keep the compiler from changing their order. */
#define IN_ORDER() __asm__ __volatile__("" ::: "memory")

void memory_find(struct memory_file *m, const uint8_t ring[RINGBUF_UUID_BYTES], uint64_t position,
		 struct memory_entry *last)
{
	const struct memory_entry *e = &m->entry[(position - 1) % MEMORY_ENTRIES];

	memset(last, 0, sizeof(*last));
	if (memcmp(m->ring, ring, sizeof(m->ring))) {
		memset(m->entry, 0, sizeof(m->entry));
		IN_ORDER();
		memcpy(m->ring, ring, sizeof(m->ring));
	} else if (position && e->position == position - 1) {
		*last = *e;
		last->uuid[sizeof(last->uuid) - 1] = '\0';
	}
	/* The bridge may have been killed between the commit and memory_pass(). */
	if (last->epoch == m->epoch && last->sequence > m->passed)
		m->passed = last->sequence;
}

void memory_restart(struct memory_file *m, int64_t created)
{
	m->passed = 0;
	IN_ORDER();
	m->epoch++;
	IN_ORDER();
	m->created = created;
}

void memory_put(struct memory_file *m, struct memory_entry *e)
{
	e->epoch = m->epoch;
	m->entry[e->position % MEMORY_ENTRIES] = *e;
	IN_ORDER();
}

void memory_pass(struct memory_file *m, uint64_t sequence)
{
	IN_ORDER();
	m->passed = sequence;
}
