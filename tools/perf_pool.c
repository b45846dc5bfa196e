// SPDX-License-Identifier: GPL-2.0
/* See perf_pool.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perf_pool.h"

/* Return the next number of splitmix64, which is fast and does not repeat within a pool. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

int perf_pool_make(struct perf_pool *pool, size_t message_bytes)
{
	size_t bytes = (message_bytes + PERF_POOL_EXTRA + 63) & ~(size_t)63;
	uint64_t state = 0x72696e67627566;
	size_t i;

	pool->message_bytes = message_bytes;
	pool->stamped = NULL;
	pool->bytes = aligned_alloc(64, bytes);
	if (!pool->bytes)
		return -ENOMEM;
	for (i = 0; i < bytes; i += sizeof(uint64_t)) {
		uint64_t word = next_random(&state);

		memcpy(pool->bytes + i, &word, sizeof(word));
	}
	return 0;
}

/*
 * Restore the random bytes under the last header, and save those under the next one at @message:
 * headers left in the pool would make the messages similar.
 */
static void make_room(struct perf_pool *pool, unsigned char *message)
{
	if (pool->stamped)
		memcpy(pool->stamped, pool->covered, MESSAGE_HEADER_BYTES);
	memcpy(pool->covered, message, MESSAGE_HEADER_BYTES);
	pool->stamped = message;
}

const void *perf_pool_message(struct perf_pool *pool, uint32_t writer, uint64_t number, bool verify)
{
	unsigned char *message = pool->bytes + number % PERF_WINDOWS * PERF_WINDOW_SHIFT;
	struct message_header header = { .writer = writer, .number = number };

	make_room(pool, message);
	if (verify)
		message_seal(message, pool->message_bytes, &header);
	else
		memcpy(message, &header, sizeof(header));
	return message;
}
