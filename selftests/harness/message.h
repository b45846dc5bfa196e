/* SPDX-License-Identifier: GPL-2.0 */
/* Messages with the number of their writer, a number of their own and a checksum. */
#ifndef SELFTESTS_MESSAGE_H
#define SELFTESTS_MESSAGE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct message {
	uint32_t writer;
	uint32_t length; /* of the message, this struct included */
	uint64_t number;
	uint64_t sum; /* of the other members and of the bytes after this struct */
};

static inline uint64_t message_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	return x;
}

static inline uint64_t message_sum(const struct message *m, const unsigned char *body, size_t n)
{
	uint64_t sum = message_mix(m->number + ((uint64_t)m->writer << 40) + m->length);
	size_t i;

	for (i = 0; i < n; i++)
		sum = (sum ^ body[i]) * 0x100000001b3ULL;
	return sum;
}

/* Store a message of @length bytes at @to; @length is at least that of a struct message. */
static inline void message_make(void *to, uint32_t writer, uint64_t number, size_t length)
{
	struct message m = { .writer = writer, .length = (uint32_t)length, .number = number };
	unsigned char *body = (unsigned char *)to + sizeof(m);
	size_t n = length - sizeof(m), i;

	for (i = 0; i < n; i++)
		body[i] = (unsigned char)(message_mix(number + i) + writer);
	m.sum = message_sum(&m, body, n);
	memcpy(to, &m, sizeof(m));
}

/* Copy the head of the message to @m; returns whether length and checksum are right. */
static inline int message_whole(const void *from, size_t length, struct message *m)
{
	if (length < sizeof(*m))
		return 0;
	memcpy(m, from, sizeof(*m));
	return m->length == length &&
	       m->sum == message_sum(m, (const unsigned char *)from + sizeof(*m),
				     length - sizeof(*m));
}

/* Whether @from is a whole message of @writer with @number; if not, print what it is. */
static inline int message_is(const void *from, size_t length, uint32_t writer, uint64_t number)
{
	struct message m;

	if (message_whole(from, length, &m) && m.writer == writer && m.number == number)
		return 1;
	if (length >= sizeof(m)) {
		memcpy(&m, from, sizeof(m));
		fprintf(stderr, "# message of writer %u number %llu, not %u %llu, or torn\n",
			m.writer, (unsigned long long)m.number, writer, (unsigned long long)number);
	}
	return 0;
}

#endif
