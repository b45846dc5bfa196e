/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stands in a slot: a header, then random bytes up to the slot's size.
 *
 * The CRC-32 covers everything behind itself: writer, number and payload.  It
 * is taken from the writer's private bytes before they are copied into the
 * ring and checked by each reader on what it got, so it sees both copies.
 */
#ifndef PERF_MESSAGE_H
#define PERF_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perf_header {
	uint32_t crc;
	uint32_t writer; /* 0 to --writers - 1 */
	uint64_t number; /* per writer, from 0 */
};

#define PERF_HEADER_BYTES 16

/* The writer of messages that only warm up the ring, see perf_warm.c. */
#define PERF_WARM_UP UINT32_MAX

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
	unsigned char covered[PERF_HEADER_BYTES]; /* what its header stands on */
};

/* 0 or -ENOMEM. */
int perf_pool_make(struct perf_pool *pool, size_t message_bytes);

/* The message, with its header, and its CRC when @verify; valid until the next. */
const void *perf_message_make(struct perf_pool *pool, uint32_t writer, uint64_t number,
			      bool verify);

/* Whether @data is a whole message; @header is what it says of itself. */
bool perf_message_check(const void *data, size_t bytes, bool verify, struct perf_header *header);

#endif /* PERF_MESSAGE_H */
