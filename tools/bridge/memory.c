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

#define MAGIC 0x3876626672676e72ULL

#define NO_FILE_OF_OURS "this is no file of this version of ringbuf-bridge; move it away"

static void complain(struct report *report, const char *path, const char *why)
{
	char text[PATH_MAX + 100];

	snprintf(text, sizeof(text), "%s: %s", path, why);
	report_complain(report, text, false);
}

/* Make the folder @path, and those above it.  Return whether it exists then. */
static bool make_folder(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	return !mkdir(path, 0700) || errno == EEXIST;
}

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
	} else {
		home = getenv("HOME");
		n = snprintf(path, PATH_MAX, "%s/.local/state/ringbuf-bridge",
			     home && *home ? home : "/root");
	}
	return n < PATH_MAX && make_folder(path);
}

/* Return false after a complaint. */
static bool file_path(const struct bridge *b, char path[PATH_MAX], struct report *report)
{
	char folder[PATH_MAX], name[NAME_MAX + 1];

	if (b->state)
		snprintf(folder, sizeof(folder), "%s", b->state);
	else if (!default_folder(folder)) {
		complain(report, folder, strerror(errno));
		return false;
	}
	if (snprintf(name, sizeof(name), "%s", b->ring) >= (int)sizeof(name) ||
	    strlen(folder) + strlen(name) + 2 > PATH_MAX) {
		complain(report, b->ring, "the name of the ring is too long");
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

/* Open the file and lock it.  Return -1 after a complaint. */
static int open_locked(const char *path, struct report *report)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	complain(report, path,
		 fd >= 0 && errno == EWOULDBLOCK ? "another ringbuf-bridge uses it"
						 : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Any other file that is no file of a bridge must not become one. */
static bool has_good_size(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (!st.st_size || st.st_size >= (off_t)sizeof(uint64_t));
}

struct memory_file *memory_open(const struct bridge *b, struct report *report)
{
	struct memory_file *m = MAP_FAILED;
	char path[PATH_MAX];
	int fd;

	if (!file_path(b, path, report))
		return NULL;
	fd = open_locked(path, report);
	if (fd < 0)
		return NULL;
	if (!has_good_size(fd)) {
		complain(report, path, NO_FILE_OF_OURS);
		close(fd);
		return NULL;
	}
	errno = posix_fallocate(fd, 0, sizeof(*m));
	if (!errno)
		m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		complain(report, path, strerror(errno));
	/* The map keeps the file locked. */
	close(fd);
	if (m == MAP_FAILED)
		return NULL;
	if (!m->magic)
		m->magic = MAGIC;
	if (m->magic == MAGIC)
		return m;
	complain(report, path, NO_FILE_OF_OURS);
	memory_close(m);
	return NULL;
}

void memory_close(struct memory_file *m)
{
	if (m)
		munmap(m, sizeof(*m));
}

/* Stores to a shared map survive a SIGKILL.  Keep the compiler from changing their order. */
#define IN_ORDER() __asm__ __volatile__("" ::: "memory")

/* Return the entry of the message at @position, or NULL if there is none that can be trusted. */
static const struct memory_entry *find_entry(const struct memory_file *m, uint64_t position)
{
	const struct memory_entry *e = &m->entry[position % MEMORY_ENTRIES];

	return *e->uuid && e->position == position && e->stream < MEMORY_STREAMS ? e : NULL;
}

void memory_find(struct memory_file *m, const uint8_t ring[RINGBUF_UUID_BYTES], uint64_t position)
{
	const struct memory_entry *e = position ? find_entry(m, position - 1) : NULL;
	struct memory_stream *stream = e ? &m->stream[e->stream] : NULL;

	if (memcmp(m->ring, ring, sizeof(m->ring))) {
		memset(m->entry, 0, sizeof(m->entry));
		memset(m->shared, 0, sizeof(m->shared));
		IN_ORDER();
		memcpy(m->ring, ring, sizeof(m->ring));
		return;
	}
	for (unsigned int i = 0; i < MEMORY_SHARED; i++)
		if (m->shared[i].position >= position)
			m->shared[i].sequence = 0;
	/* The bridge may have been killed between the commit and memory_commit(). */
	if (e && e->epoch == stream->epoch && e->sequence > stream->passed)
		memory_commit(stream, e);
}

struct memory_stream *memory_stream(struct memory_file *m, const char *name)
{
	struct memory_stream *s = m->stream;

	for (; s < m->stream + MEMORY_STREAMS && *s->name; s++)
		if (!strncmp(s->name, name, sizeof(s->name)))
			return s;
	if (s == m->stream + MEMORY_STREAMS || strlen(name) >= sizeof(s->name))
		return NULL;
	/* The first byte last: a name that was written in part only is none. */
	strcpy(s->name + 1, name + 1);
	IN_ORDER();
	*s->name = *name;
	return s;
}

/*
 * Return the last entry of @stream before *@position, and set *@position to that of the entry; NULL
 * if there is none.  @end: the first position that is not committed; not all entries before it are
 * kept
 */
static const struct memory_entry *find_before(const struct memory_file *m,
					      const struct memory_stream *stream, uint64_t end,
					      uint64_t *position)
{
	const struct memory_entry *e;

	while (*position && end - *position < MEMORY_ENTRIES) {
		e = find_entry(m, --*position);
		if (e && &m->stream[e->stream] == stream)
			return e;
	}
	return NULL;
}

void memory_last(const struct memory_file *m, const struct memory_stream *stream, uint64_t position,
		 struct memory_entry *last)
{
	uint64_t end = position;
	const struct memory_entry *e = find_before(m, stream, end, &position);

	memset(last, 0, sizeof(*last));
	if (!e)
		return;
	*last = *e;
	last->uuid[sizeof(last->uuid) - 1] = '\0';
}

static bool shared_is_of(const struct memory_file *m, const struct memory_shared *e,
			 const struct memory_stream *stream)
{
	return e->sequence && e->stream == (uint64_t)(stream - m->stream) &&
	       e->epoch == stream->epoch;
}

void memory_each_shared(const struct memory_file *m, const struct memory_stream *stream,
			void (*look)(const struct memory_shared *e, void *closure), void *closure)
{
	const struct memory_shared *e;

	for (unsigned int i = 1; i <= MEMORY_SHARED; i++) {
		e = &m->shared[(m->shared_next - i) % MEMORY_SHARED];
		if (shared_is_of(m, e, stream))
			look(e, closure);
	}
}

bool memory_has_shared(const struct memory_file *m, const struct memory_stream *stream,
		       uint64_t sequence, int64_t stamp)
{
	const struct memory_shared *e;

	for (e = m->shared; e < m->shared + MEMORY_SHARED; e++)
		if (e->sequence == sequence && e->stamp == stamp && shared_is_of(m, e, stream))
			return true;
	return false;
}

unsigned int memory_entries(const struct memory_file *m, const struct memory_stream *stream,
			    uint64_t position, struct memory_entry to[MEMORY_ENTRIES])
{
	const struct memory_entry *e;
	uint64_t end = position;
	unsigned int count = 0;

	while ((e = find_before(m, stream, end, &position)) && e->epoch == stream->epoch)
		to[count++] = *e;
	return count;
}

void memory_restart(struct memory_stream *stream, int64_t created)
{
	stream->passed = 0;
	stream->stamp_of = 0;
	stream->batch = 0;
	stream->ack_of = 0;
	stream->done = false;
	IN_ORDER();
	stream->epoch++;
	IN_ORDER();
	stream->created = created;
}

uint64_t memory_slots(const struct memory_stream *stream, uint64_t sequence, int64_t stamp)
{
	return stream->batch == sequence && stream->batch_stamp == stamp ? stream->slots : 0;
}

void memory_go_back(struct memory_file *m, struct memory_stream *stream,
		    const struct memory_entry *e)
{
	uint64_t sequence = e ? e->sequence : 0;

	/* Else memory_find() would commit one of them again. */
	for (struct memory_entry *old = m->entry; old < m->entry + MEMORY_ENTRIES; old++)
		if (old->stream == (uint64_t)(stream - m->stream) && old->epoch == stream->epoch &&
		    (!e || old->position > e->position))
			*old->uuid = '\0';
	stream->batch = 0;
	IN_ORDER();
	/* Of a batch that is not complete the rest comes, too. */
	if (e && e->slots) {
		sequence--;
		stream->slots = e->slots;
		stream->batch_stamp = e->stamp;
		IN_ORDER();
		stream->batch = e->sequence;
	}
	IN_ORDER();
	memory_pass(stream, sequence, e && !e->slots ? e->stamp : 0, false);
}

/* Remember how to acknowledge the message of the stream that @e is, or is the last slot of. */
static void put_shared(struct memory_file *m, const struct memory_entry *e, const char *ack)
{
	struct memory_shared *to = &m->shared[m->shared_next % MEMORY_SHARED];

	to->sequence = 0;
	IN_ORDER();
	to->position = e->position;
	to->epoch = e->epoch;
	to->stream = e->stream;
	to->stamp = e->stamp;
	strcpy(to->ack, ack);
	IN_ORDER();
	to->sequence = e->sequence;
	IN_ORDER();
	m->shared_next++;
}

/* Remember how to acknowledge the batch of @e when the rest of it is in the ring. */
static void put_batch_ack(struct memory_stream *stream, const struct memory_entry *e,
			  const char *ack)
{
	if (stream->ack_of == e->sequence)
		return;
	stream->ack_of = 0;
	IN_ORDER();
	strcpy(stream->ack, ack);
	IN_ORDER();
	stream->ack_of = e->sequence;
}

void memory_put(struct memory_file *m, struct memory_stream *stream, struct memory_entry *e,
		const char *ack)
{
	e->epoch = stream->epoch;
	e->stream = (uint64_t)(stream - m->stream);
	if (ack && strlen(ack) >= sizeof(stream->ack))
		ack = "";
	if (ack && e->slots)
		put_batch_ack(stream, e, ack);
	else if (ack)
		put_shared(m, e, ack);
	m->entry[e->position % MEMORY_ENTRIES] = *e;
	IN_ORDER();
}

void memory_drop(struct memory_file *m, const struct memory_entry *e)
{
	struct memory_shared *shared = &m->shared[(m->shared_next - 1) % MEMORY_SHARED];

	*m->entry[e->position % MEMORY_ENTRIES].uuid = '\0';
	if (shared->sequence == e->sequence && shared->position == e->position)
		shared->sequence = 0;
}

void memory_pass(struct memory_stream *stream, uint64_t sequence, int64_t stamp, bool done)
{
	IN_ORDER();
	stream->done = done;
	stream->stamp_of = 0;
	IN_ORDER();
	stream->stamp = stamp;
	IN_ORDER();
	if (stamp)
		stream->stamp_of = sequence;
	IN_ORDER();
	stream->passed = sequence;
}

/* Return the source @uuid of @stream, or NULL if that is not known. */
static const struct memory_source *find_source(const struct memory_stream *stream, const char *uuid)
{
	const struct memory_source *from = stream->source;

	for (; from < stream->source + MEMORY_SOURCES; from++)
		if (from->to && !strncmp(from->uuid, uuid, sizeof(from->uuid)))
			return from;
	return NULL;
}

uint64_t memory_source_to(const struct memory_stream *stream, const char *uuid)
{
	const struct memory_source *from = find_source(stream, uuid);

	return from ? from->to : 0;
}

/* Remember that the message of @e, and those before it in its ring, are committed. */
static void set_source(struct memory_stream *stream, const struct memory_entry *e)
{
	struct memory_source *from = (struct memory_source *)find_source(stream, e->uuid);

	if (!from) {
		from = &stream->source[stream->sources++ % MEMORY_SOURCES];
		from->to = 0;
		IN_ORDER();
		memcpy(from->uuid, e->uuid, sizeof(from->uuid));
		IN_ORDER();
	}
	from->to = e->source + 1;
}

void memory_commit(struct memory_stream *stream, const struct memory_entry *e)
{
	/* First, since memory_find() commits a message only once. */
	set_source(stream, e);
	if (!e->slots) {
		memory_pass(stream, e->sequence, e->stamp, false);
		return;
	}
	IN_ORDER();
	stream->done = false;
	if (stream->batch != e->sequence || stream->batch_stamp != e->stamp) {
		stream->slots = 0;
		IN_ORDER();
		stream->batch = e->sequence;
		stream->batch_stamp = e->stamp;
		IN_ORDER();
	}
	stream->slots = e->slots;
}
