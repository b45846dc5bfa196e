// SPDX-License-Identifier: GPL-2.0
/* What dead victims have held must be there again: descriptors, ids, locks and memory. */
#include <dirent.h>
#include <sys/stat.h>

#include "embedded.h"
#include "steps.h"

#define MANY_SLOT 16384 /* 10,000 of these rings have more memory than the virtual machines */

unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* How many locks there are on the file of the ring: the embedded host has some. */
unsigned int locks_of(struct ringbuf *ring)
{
	struct stat st;
	unsigned int n = 0;
	char line[256], want[32];
	FILE *f = fopen("/proc/locks", "re");

	if (!f || fstat(ringbuf_export(ring), &st)) {
		if (f)
			fclose(f);
		return 0;
	}
	snprintf(want, sizeof(want), ":%lu ", (unsigned long)st.st_ino);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, want) != NULL;
	fclose(f);
	return n;
}

static bool lock_is_held(struct ringbuf *ring)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = EMB_BYTE_LOCK, .l_len = 1
	};

	return !fcntl(ringbuf_export(ring), F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

bool lock_is_kept(struct ringbuf *ring)
{
	uint64_t begin = now_ns();

	while (now_ns() - begin < (uint64_t)STALL_NS)
		if (!lock_is_held(ring))
			return false;
	return true;
}

/* Attach as many readers and writers as the ring may have; 0 or 1. */
static int ids_return(struct ringbuf *ring)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };
	struct ringbuf_writer *writer[STEPS_WRITERS];
	struct ringbuf_reader *reader[STEPS_READERS];
	unsigned int i;

	CHECK_EQ(0, ringbuf_get_geometry(ring, &g));
	for (i = 0; i < g.max_readers; i++)
		CHECK_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader[i]));
	for (i = 0; i < g.max_writers; i++) {
		CHECK_EQ(0, ringbuf_writer_attach(ring, &writer[i]));
		CHECK_EQ(0, put(writer[i], i, RINGBUF_TRY));
	}
	for (i = 0; i < g.max_readers; i++) {
		CHECK_EQ(0, get(reader[i], RINGBUF_TRY));
		ringbuf_reader_close(reader[i]);
	}
	for (i = 0; i < g.max_writers; i++)
		ringbuf_writer_close(writer[i]);
	return 0;
}

int all_returns(struct ringbuf *ring, unsigned int locks)
{
	struct ringbuf_status st = status_of(ring);

	CHECK_EQ(0, st.readers);
	CHECK_EQ(0, st.writers);
	CHECK(!ids_return(ring));
	CHECK_EQ(locks, locks_of(ring));
	return 0;
}

int many_rings(unsigned int count)
{
	unsigned int before = descriptors(), i;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	struct ringbuf *ring;

	for (i = 0; i < count; i++) {
		ring = ring_new(0, MANY_SLOT, STEPS_SLOTS);
		CHECK(ring);
		reader = reader_new(ring);
		writer = writer_new(ring);
		CHECK(reader && writer);
		CHECK_EQ(0, put(writer, i, RINGBUF_TRY));
		CHECK_EQ(i, get(reader, RINGBUF_TRY));
		ringbuf_writer_close(writer);
		ringbuf_reader_close(reader);
		ringbuf_close(ring);
	}
	CHECK_EQ(before, descriptors());
	return 0;
}
