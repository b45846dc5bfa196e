// SPDX-License-Identifier: GPL-2.0
/* Tests that the messages of perf_test_ringbuffer differ, and that damage to them is found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "perf_pool.h"

#define BYTES 1000

static int tests, failures;

static void ok(bool good, const char *name)
{
	tests++;
	failures += !good;
	printf("%s %d - %s\n", good ? "ok" : "not ok", tests, name);
}

/* Whether a change of any single bit is found. */
static bool every_damage_is_found(unsigned char *message)
{
	size_t bit;

	for (bit = 0; bit < (size_t)BYTES * 8; bit++) {
		message[bit / 8] ^= 1 << bit % 8;
		if (message_is_whole(message, BYTES))
			return false;
		message[bit / 8] ^= 1 << bit % 8;
	}
	return message_is_whole(message, BYTES);
}

/* Whether two messages that follow each other differ in nearly all bytes. */
static bool neighbours_differ(struct perf_pool *pool)
{
	unsigned char one[BYTES];
	const unsigned char *other;
	size_t i, same = 0;

	memcpy(one, perf_pool_message(pool, 0, 41, true), BYTES);
	other = perf_pool_message(pool, 0, 42, true);
	for (i = 0; i < BYTES; i++)
		same += one[i] == other[i];
	return same < BYTES / 20;
}

static bool all_are_right(struct perf_pool *pool)
{
	struct message_header header;
	uint64_t number;

	for (number = 0; number < 1000; number++) {
		const void *message = perf_pool_message(pool, 7, number, true);

		memcpy(&header, message, sizeof(header));
		if (!message_is_whole(message, BYTES) || header.writer != 7 ||
		    header.number != number)
			return false;
	}
	return true;
}

static void check_crc(void)
{
	unsigned char message[BYTES];
	struct perf_pool pool;

	if (perf_pool_make(&pool, BYTES))
		exit(EXIT_FAILURE);
	ok(all_are_right(&pool), "a message that was not damaged is whole");
	ok(neighbours_differ(&pool), "a message differs from the next one in nearly all bytes");
	memcpy(message, perf_pool_message(&pool, 3, 5, true), BYTES);
	ok(every_damage_is_found(message), "each change of a single bit is found");
	ok(!message_is_whole(message, BYTES - 1), "a message without its last byte is found");
	ok(!message_is_whole(message, 15), "a message without a whole header is found");
	free(pool.bytes);
}

#define PAGES 3

/* Whether a change of any single bit of the headers at both ends of a stamp is found. */
static bool every_damaged_stamp_is_found(unsigned char *message, size_t bytes)
{
	const size_t end = sizeof(struct message_stamp) - MESSAGE_HEADER_BYTES;
	size_t at, byte, bit;

	for (at = 0; at < bytes; at += MESSAGE_PAGE) {
		for (byte = 0; byte < 2 * MESSAGE_HEADER_BYTES; byte++) {
			size_t where = at + byte % MESSAGE_HEADER_BYTES +
				       (byte < MESSAGE_HEADER_BYTES ? 0 : end);

			for (bit = 0; bit < 8; bit++) {
				message[where] ^= 1 << bit;
				if (message_has_stamps(message, bytes, 5, 3))
					return false;
				message[where] ^= 1 << bit;
			}
		}
	}
	return message_has_stamps(message, bytes, 5, 3);
}

static void check_stamps(void)
{
	_Alignas(64) static unsigned char message[PAGES * MESSAGE_PAGE];
	unsigned char page[MESSAGE_PAGE];

	message_put_stamps(message, sizeof(message), 5, 3);
	ok(message_has_stamps(message, sizeof(message), 5, 3),
	   "a stamped message that was not damaged is whole");
	ok(every_damaged_stamp_is_found(message, sizeof(message)),
	   "each change of a single bit of a stamp is found");
	ok(!message_has_stamps(message, sizeof(message), 6, 3),
	   "a stamped message with another number is found");
	ok(!message_has_stamps(message, sizeof(message), 5, 3 | MESSAGE_LAST),
	   "a stamped message of another writer, or with another end mark, is found");
	memcpy(page, message + MESSAGE_PAGE, sizeof(page));
	memcpy(message + MESSAGE_PAGE, message + 2 * MESSAGE_PAGE, sizeof(page));
	memcpy(message + 2 * MESSAGE_PAGE, page, sizeof(page));
	ok(!message_has_stamps(message, sizeof(message), 5, 3),
	   "a stamped message with two pages exchanged is found");
}

int main(void)
{
	check_crc();
	check_stamps();
	printf("1..%d\n", tests);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
