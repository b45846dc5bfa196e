/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages that a writer sends: a header, then random bytes up to the slot's size.
 *
 * The CRC-32 is taken from the writer's private bytes before they are copied into the ring
 * and checked by each reader on what it got, so it sees both copies.
 */
#ifndef PERF_POOL_H
#define PERF_POOL_H

#include "common/message.h"

/* The writer of messages that only warm up the ring, see perf_warm.c. */
#define PERF_WARM_UP (MESSAGE_LAST - 1)

/*
 * Random bytes that the messages are cut from.  Message n begins n % WINDOWS
 * cache lines further on, so that neighbours differ in nearly every byte.
 */
#define PERF_WINDOWS	  64
#define PERF_WINDOW_SHIFT 64
#define PERF_POOL_EXTRA	  (PERF_WINDOWS * PERF_WINDOW_SHIFT)

struct perf_pool {
	unsigned char *bytes; /* private after fork: headers are stamped into it */
	size_t message_bytes;
	unsigned char *stamped; /* the last message, or NULL */
	unsigned char covered[MESSAGE_HEADER_BYTES]; /* what its header stands on */
};

/* 0 or -ENOMEM. */
int perf_pool_make(struct perf_pool *pool, size_t message_bytes);

/* The message, with its header, and its CRC when @verify; valid until the next. */
const void *perf_pool_message(struct perf_pool *pool, uint32_t writer, uint64_t number,
			      bool verify);

#endif /* PERF_POOL_H */
