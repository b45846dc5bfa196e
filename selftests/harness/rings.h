/* SPDX-License-Identifier: GPL-2.0 */
/* Short calls of libringbuf for its tests. */
#ifndef SELFTESTS_RINGS_H
#define SELFTESTS_RINGS_H

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <ringbuf.h>

#include "child.h"
#include "message.h"

/*
 * For programs in which no process is killed: without rechecks only a wake-up ends a sleep, so
 * a test hangs if a wake-up is lost.  (In the module the parameter recheck_ms does the same.)
 */
#define NO_RECHECK                                                      \
	__attribute__((constructor)) static void rings_no_recheck(void) \
	{                                                               \
		setenv("RINGBUF_RECHECK_MS", "0", 1);                   \
	}

#define POISON ((void *)0x5a5a5a5a)

/* A new ring, or NULL and errno. */
static inline struct ringbuf *ring_new(uint32_t flags, uint64_t bytes, uint64_t count)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(bytes, count);
	struct ringbuf *ring;
	int err;

	config.flags = flags;
	err = ringbuf_create(&config, &ring);
	errno = -err;
	return ring;
}

static inline struct ringbuf_writer *writer_new(struct ringbuf *ring)
{
	struct ringbuf_writer *writer;

	errno = -ringbuf_writer_attach(ring, &writer);
	return writer;
}

/* A reader that starts at the oldest slot of the ring, or NULL and errno. */
static inline struct ringbuf_reader *reader_new(struct ringbuf *ring)
{
	struct ringbuf_reader *reader;

	errno = -ringbuf_reader_attach(ring, RINGBUF_FROM_OLDEST, 0, &reader);
	return reader;
}

static inline enum ringbuf_host host_of(const struct ringbuf *ring)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };

	ringbuf_get_geometry(ring, &g);
	return g.host;
}

static inline bool on_module(const struct ringbuf *ring)
{
	return host_of(ring) == RINGBUF_HOST_MODULE;
}

/* A name that no other test has; the result stays valid for the next three calls. */
static inline const char *name_of(const char *what)
{
	static char names[4][64];
	static unsigned int turn;
	char *name = names[turn++ % 4];

	snprintf(name, sizeof(names[0]), "selftest-%d-%s", getpid(), what);
	return name;
}

/* Write @number as a message. */
static inline int put(struct ringbuf_writer *writer, uint64_t number, int64_t timeout)
{
	return ringbuf_writer_write(writer, &number, sizeof(number), timeout);
}

/* Read the next message; returns its number, or a negative errno. */
static inline int64_t get(struct ringbuf_reader *reader, int64_t timeout)
{
	uint64_t number = ~0ULL;
	ssize_t n = ringbuf_reader_read(reader, &number, sizeof(number), timeout);

	if (n < 0)
		return n;
	return n == sizeof(number) ? (int64_t)number : -EBADMSG;
}

static inline struct ringbuf_status status_of(struct ringbuf *ring)
{
	struct ringbuf_status s;

	memset(&s, 0x5a, sizeof(s));
	s.size = sizeof(s);
	if (ringbuf_stats(ring, &s, NULL, 0) < 0)
		memset(&s, 0x5a, sizeof(s));
	return s;
}

#endif
