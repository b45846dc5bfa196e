/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages that a writer sends: a header, then random bytes up to the slot's size.
 *
 * The CRC-32 is computed from the writer's private bytes before they are copied into the ring,
 * and each reader compares it with the bytes that it has read.  So it covers both copies.
 */
#ifndef PERF_POOL_H
#define PERF_POOL_H

#include "common/message.h"

/* The writer's number in messages that only warm up the ring, see perf_warm.c. */
#define PERF_WARM_UP (MESSAGE_LAST - 1)

/*
 * Messages are parts of a pool of random bytes.  Message n begins at cache line
 * n % PERF_WINDOWS, so that consecutive messages differ in nearly every byte.
 */
#define PERF_WINDOWS	  64
#define PERF_WINDOW_SHIFT 64
#define PERF_POOL_EXTRA	  (PERF_WINDOWS * PERF_WINDOW_SHIFT)

struct perf_pool {
	unsigned char *bytes; /* each process writes headers into its own copy, by fork(2) */
	size_t message_bytes;
	unsigned char *stamped; /* the message that has a header now, or NULL */
	unsigned char covered[MESSAGE_HEADER_BYTES]; /* the random bytes under that header */
};

/* Fill a pool for messages of @message_bytes.  Return 0 or -ENOMEM. */
int perf_pool_make(struct perf_pool *pool, size_t message_bytes);

/* Return message @number, with a CRC-32 if @verify.  It stays valid until the next call. */
const void *perf_pool_message(struct perf_pool *pool, uint32_t writer, uint64_t number,
			      bool verify);

#endif /* PERF_POOL_H */
