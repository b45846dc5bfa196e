/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of most tests of the library: a ring with one reader and one writer attached.
 *
 *	ATTACHED_FIXTURE(sync)
 *
 *	SHARED_AND_EXCLUSIVE(sync, RINGBUF_EXCLUSIVE);
 *
 *	FIXTURE_SETUP(sync)
 *	{
 *		ATTACHED_SETUP(variant->flags, 64, SLOTS);
 *	}
 *
 * A fixture with more members than these begins with ATTACHED and calls ATTACHED_CLOSE() in
 * its teardown.
 */
#ifndef SELFTESTS_ATTACHED_H
#define SELFTESTS_ATTACHED_H

#include "harness.h"
#include "rings.h"

/* The members of a fixture that the other macros of this file use. */
#define ATTACHED                       \
	struct ringbuf *ring;          \
	struct ringbuf_reader *reader; \
	struct ringbuf_writer *writer

#define ATTACHED_CLOSE()                            \
	do {                                        \
		ringbuf_writer_close(self->writer); \
		ringbuf_reader_close(self->reader); \
		ringbuf_close(self->ring);          \
	} while (0)

#define ATTACHED_FIXTURE(name)    \
	FIXTURE(name)             \
	{                         \
		ATTACHED;         \
	};                        \
                                  \
	FIXTURE_TEARDOWN(name)    \
	{                         \
		ATTACHED_CLOSE(); \
	}

/* Attach a reader and a writer to self->ring. */
#define ATTACHED_MEMBERS()                             \
	do {                                           \
		self->reader = reader_new(self->ring); \
		ASSERT_NE(NULL, self->reader);         \
		self->writer = writer_new(self->ring); \
		ASSERT_NE(NULL, self->writer);         \
	} while (0)

/* Make the ring self->ring and attach a reader and a writer to it. */
#define ATTACHED_SETUP(flags, bytes, count)                       \
	do {                                                      \
		self->ring = ring_new((flags), (bytes), (count)); \
		ASSERT_NE(NULL, self->ring);                      \
		ATTACHED_MEMBERS();                               \
	} while (0)

#endif
