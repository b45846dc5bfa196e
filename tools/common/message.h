/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The messages of perf_test_ringbuffer and of the benchmark.
 *
 * Each begins with a header that names its writer and its number.  The check word of the
 * header is one of two.  message_seal() writes the CRC-32 of the rest of the message, which
 * finds every damage.  message_put_stamps() writes a mark, and repeats the header at both ends
 * of the first 64 bytes of the message and of each page, which costs little even for a message
 * of 64 bytes.
 */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct message_header - the beginning of a message
 * @check: CRC-32 of all that follows, or the mark of a stamp
 * @writer: number of the writer, from 0 on; with the bit MESSAGE_LAST in its last message
 * @number: counts the messages of this writer from 0
 */
struct message_header {
	uint32_t check;
	uint32_t writer;
	uint64_t number;
};

#define MESSAGE_HEADER_BYTES 16
#define MESSAGE_LAST	     (UINT32_C(1) << 31)
#define MESSAGE_PAGE	     ((size_t)4096)

/* The first 64 bytes of a stamped message and of each of its pages. */
struct message_stamp {
	struct message_header head;
	uint64_t fill[4];
	struct message_header tail;
};

/**
 * message_seal() - write a header with a CRC-32
 * @message: at least MESSAGE_HEADER_BYTES, its payload in place
 * @bytes: length of @message
 * @header: the header to write; its check word is computed
 */
void message_seal(void *message, size_t bytes, const struct message_header *header);

/**
 * message_is_whole() - compare a message with its CRC-32
 * @message: a message that message_seal() has sealed
 * @bytes: length of @message
 *
 * Return: false if any bit has changed, or @bytes is less than a header.
 */
bool message_is_whole(const void *message, size_t bytes);

/* Return the mark of the stamp that begins @at bytes into message @number. */
static inline uint32_t message_mark(uint64_t number, size_t at)
{
	return ((uint32_t)number ^ (uint32_t)(number >> 32)) + (uint32_t)at + 0x5bd1e995;
}

/* Stamp a message of at least 64 bytes; @writer may have the bit MESSAGE_LAST. */
static inline __attribute__((always_inline)) void
message_put_stamps(void *message, size_t bytes, uint64_t number, uint32_t writer)
{
	size_t at;

	for (at = 0; at + sizeof(struct message_stamp) <= bytes; at += MESSAGE_PAGE) {
		struct message_stamp *s = (struct message_stamp *)((char *)message + at);

		s->head.check = message_mark(number, at);
		s->head.writer = writer;
		s->head.number = number;
		s->tail = s->head;
	}
}

/* Tell whether all stamps of @message are those of message_put_stamps() with the same arguments. */
static inline __attribute__((always_inline)) bool
message_has_stamps(const void *message, size_t bytes, uint64_t number, uint32_t writer)
{
	size_t at;

	for (at = 0; at + sizeof(struct message_stamp) <= bytes; at += MESSAGE_PAGE) {
		const struct message_stamp *s =
			(const struct message_stamp *)((const char *)message + at);
		const struct message_header want = { message_mark(number, at), writer, number };

		/* The compiler turns a comparison of 16 bytes into two loads, without a call. */
		if (memcmp(&s->head, &want, sizeof(want)) || memcmp(&s->tail, &want, sizeof(want)))
			return false;
	}
	return true;
}

#ifdef __cplusplus
}
#endif

#endif /* TOOLS_MESSAGE_H */
