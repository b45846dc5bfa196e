// SPDX-License-Identifier: GPL-2.0
/* Whether the messages of perf_test_ringbuffer differ, and damage is found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf_message.h"

#define BYTES 1000

static int tests, failures;

static void ok(bool good, const char *name)
{
	tests++;
	failures += !good;
	printf("%s %d - %s\n", good ? "ok" : "not ok", tests, name);
}

/* Every byte, one bit at a time. */
static bool every_damage_is_found(unsigned char *message)
{
	struct perf_header header;
	size_t bit;

	for (bit = 0; bit < (size_t)BYTES * 8; bit++) {
		message[bit / 8] ^= 1 << bit % 8;
		if (perf_message_check(message, BYTES, true, &header))
			return false;
		message[bit / 8] ^= 1 << bit % 8;
	}
	return perf_message_check(message, BYTES, true, &header);
}

/* In most of their bytes: a neighbour's slot is never taken for one's own. */
static bool neighbours_differ(struct perf_pool *pool)
{
	unsigned char one[BYTES];
	const unsigned char *other;
	size_t i, same = 0;

	memcpy(one, perf_message_make(pool, 0, 41, true), BYTES);
	other = perf_message_make(pool, 0, 42, true);
	for (i = 0; i < BYTES; i++)
		same += one[i] == other[i];
	return same < BYTES / 20;
}

static bool all_are_right(struct perf_pool *pool)
{
	struct perf_header header;
	uint64_t number;

	for (number = 0; number < 1000; number++) {
		const void *message = perf_message_make(pool, 7, number, true);

		if (!perf_message_check(message, BYTES, true, &header) || header.writer != 7 ||
		    header.number != number)
			return false;
	}
	return true;
}

int main(void)
{
	unsigned char message[BYTES];
	struct perf_header header;
	struct perf_pool pool;

	if (perf_pool_make(&pool, BYTES))
		return EXIT_FAILURE;
	ok(all_are_right(&pool), "a message is right as it was made");
	ok(neighbours_differ(&pool), "one message differs from the next nearly everywhere");
	memcpy(message, perf_message_make(&pool, 3, 5, true), BYTES);
	ok(every_damage_is_found(message), "each single bit that flips is found");
	ok(!perf_message_check(message, BYTES - 1, true, &header), "and a byte that is missing");
	ok(!perf_message_check(message, 15, true, &header), "and a message without a whole header");
	message[BYTES - 1] ^= 1;
	ok(perf_message_check(message, BYTES, false, &header) && header.number == 5,
	   "without a CRC only the header counts");
	free(pool.bytes);
	printf("1..%d\n", tests);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
