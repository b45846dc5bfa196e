/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of most tests of the ABI: a ring's owner, one reader and one writer.
 *
 *	HANDLES_FIXTURE(poll)
 *
 *	SHARED_AND_EXCLUSIVE(poll, RINGBUF_CREATE_EXCLUSIVE)
 *
 *	FIXTURE_SETUP(poll)
 *	{
 *		HANDLES_SETUP(variant->flags, 64, SLOTS);
 *	}
 *
 * A fixture with more members than these begins with HANDLES and calls HANDLES_CLOSE() in
 * its teardown.
 */
#ifndef SELFTESTS_HANDLES_H
#define SELFTESTS_HANDLES_H

#include "harness.h"
#include "device.h"

/* The members that the other macros use. */
#define HANDLES     \
	int owner;  \
	int reader; \
	int writer

#define HANDLES_CLOSE()              \
	do {                         \
		close(self->reader); \
		close(self->writer); \
		close(self->owner);  \
	} while (0)

#define HANDLES_FIXTURE(name)    \
	FIXTURE(name)            \
	{                        \
		HANDLES;         \
	};                       \
                                 \
	FIXTURE_TEARDOWN(name)   \
	{                        \
		HANDLES_CLOSE(); \
	}

/* Make a ring and open the three handles, which wait in read and write. */
#define HANDLES_SETUP(flags, bytes, count)                          \
	do {                                                        \
		self->owner = ring_make((flags), (bytes), (count)); \
		ASSERT_LE(0, self->owner);                          \
		self->reader = reader_open(self->owner);            \
		ASSERT_LE(0, self->reader);                         \
		self->writer = writer_open(self->owner);            \
		ASSERT_LE(0, self->writer);                         \
	} while (0)

/* Let reads and writes return -EAGAIN instead of waiting. */
#define HANDLES_NONBLOCK()                         \
	do {                                       \
		ASSERT_OK(nonblock(self->reader)); \
		ASSERT_OK(nonblock(self->writer)); \
	} while (0)

#endif
