// SPDX-License-Identifier: GPL-2.0
/* Makes messages and checks them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "perf_message.h"

_Static_assert(sizeof(struct perf_header) == PERF_HEADER_BYTES, "header has holes");

static uint32_t message_crc(const void *message, size_t bytes)
{
	const size_t skip = sizeof(uint32_t);

	return libdeflate_crc32(0, (const unsigned char *)message + skip, bytes - skip);
}

/* splitmix64: fast, and does not repeat within a pool. */
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

/* One header at a time: old ones would make the messages alike. */
static void make_room(struct perf_pool *pool, unsigned char *message)
{
	if (pool->stamped)
		memcpy(pool->stamped, pool->covered, PERF_HEADER_BYTES);
	memcpy(pool->covered, message, PERF_HEADER_BYTES);
	pool->stamped = message;
}

const void *perf_message_make(struct perf_pool *pool, uint32_t writer, uint64_t number, bool verify)
{
	unsigned char *message = pool->bytes + number % PERF_WINDOWS * PERF_WINDOW_SHIFT;
	struct perf_header header = { .writer = writer, .number = number };

	make_room(pool, message);
	memcpy(message, &header, sizeof(header));
	if (verify) {
		header.crc = message_crc(message, pool->message_bytes);
		memcpy(message, &header, sizeof(header));
	}
	return message;
}

bool perf_message_check(const void *data, size_t bytes, bool verify, struct perf_header *header)
{
	if (bytes < sizeof(*header))
		return false;
	memcpy(header, data, sizeof(*header));
	return !verify || header->crc == message_crc(data, bytes);
}
