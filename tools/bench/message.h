/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Check the stamps of messages: every reader does this for every message. */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/message.h"

#define BENCH_INLINE static inline __attribute__((always_inline, unused))
#define BENCH_ALIGN  ((size_t)4096)

static __attribute__((noreturn, noinline, cold, unused)) void
bench_wrong(const char *what, uint64_t got, uint64_t want)
{
	fprintf(stderr, "bench: verification failed: %s is %llu, not %llu\n", what,
		(unsigned long long)got, (unsigned long long)want);
	_exit(4);
}

static __attribute__((noreturn, noinline, cold, unused)) void bench_damaged(uint64_t number)
{
	fprintf(stderr, "bench: verification failed: message %llu is damaged\n",
		(unsigned long long)number);
	_exit(4);
}

/*
 * Check a message and exit if it is damaged or out of order.  @expect has the next number of each
 * writer, and is updated.  Return whether this was the writer's last message.
 */
BENCH_INLINE bool bench_verify(const void *buf, size_t bytes, uint64_t *expect, uint32_t writers)
{
	const struct message_header *h = (const struct message_header *)buf;
	uint32_t sender = h->writer, writer = sender & ~MESSAGE_LAST;
	uint64_t number;

	if (__builtin_expect(writer >= writers, 0))
		bench_wrong("writer", writer, writers);
	number = expect[writer]++;
	if (__builtin_expect(h->number != number, 0))
		bench_wrong("number", h->number, number);
	if (__builtin_expect(!message_has_stamps(buf, bytes, number, sender), 0))
		bench_damaged(number);
	return sender & MESSAGE_LAST;
}

/* Copy a message; one of 64 bytes inline, as a program with a fixed type would. */
BENCH_INLINE void bench_copy(void *to, const void *from, size_t bytes)
{
	if (bytes == sizeof(struct message_stamp))
		memcpy(to, from, sizeof(struct message_stamp));
	else
		memcpy(to, from, bytes);
}

static inline __attribute__((unused)) void *bench_buffer(size_t bytes, int fill)
{
	size_t size = (bytes + BENCH_ALIGN - 1) / BENCH_ALIGN * BENCH_ALIGN;
	void *p = aligned_alloc(BENCH_ALIGN, size);

	if (!p)
		bench_die("aligned_alloc");
	memset(p, fill, size);
	return p;
}

#endif /* BENCH_MESSAGE_H */
