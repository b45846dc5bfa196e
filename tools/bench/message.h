/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Messages: every one names its writer and its number, and every reader checks
 * both.  A message of more than a page carries a stamp at each page.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BENCH_INLINE static inline __attribute__((always_inline, unused))
#define BENCH_STAMP  ((size_t)4096)
#define BENCH_ALIGN  ((size_t)4096)

struct bench_msg {
	uint64_t number;
	uint32_t writer;
	uint32_t last; /* of this writer in this repetition */
	uint64_t fill[5];
	uint64_t check;
};

BENCH_INLINE uint64_t bench_check(uint64_t number)
{
	return number ^ 0x5bd1e9955bd1e995ULL;
}

static __attribute__((noreturn, noinline, cold, unused)) void
bench_wrong(const char *what, uint64_t got, uint64_t want)
{
	fprintf(stderr, "bench: verification failed: %s is %llu, not %llu\n", what,
		(unsigned long long)got, (unsigned long long)want);
	_exit(4);
}

BENCH_INLINE void bench_stamp(void *buf, size_t bytes, uint64_t number, uint32_t writer,
			      uint32_t last)
{
	size_t at;

	for (at = 0; at + sizeof(struct bench_msg) <= bytes; at += BENCH_STAMP) {
		struct bench_msg *m = (struct bench_msg *)((char *)buf + at);

		m->number = number + at;
		m->writer = writer;
		m->last = last;
		m->check = bench_check(number + at);
	}
}

/* @expect: next number of each writer.  Returns whether it was the writer's last. */
BENCH_INLINE uint32_t bench_verify(const void *buf, size_t bytes, uint64_t *expect,
				   uint32_t writers)
{
	const struct bench_msg *m = (const struct bench_msg *)buf;
	uint32_t last = m->last;
	uint64_t number;
	size_t at;

	if (__builtin_expect(m->writer >= writers, 0))
		bench_wrong("writer", m->writer, writers);
	number = expect[m->writer]++;
	for (at = 0; at + sizeof(*m) <= bytes; at += BENCH_STAMP) {
		m = (const struct bench_msg *)((const char *)buf + at);
		if (__builtin_expect(m->number != number + at, 0))
			bench_wrong("number", m->number, number + at);
		if (__builtin_expect(m->check != bench_check(number + at), 0))
			bench_wrong("check word", m->check, bench_check(number + at));
	}
	return last;
}

/* Small messages are copied inline, as a user of a fixed type would. */
BENCH_INLINE void bench_copy(void *to, const void *from, size_t bytes)
{
	if (bytes == sizeof(struct bench_msg))
		memcpy(to, from, sizeof(struct bench_msg));
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
