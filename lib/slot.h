/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A slot's bytes and what its descriptor says of them. */
#ifndef LIB_SLOT_H
#define LIB_SLOT_H

#include <string.h>

#include "internal.h"

/* From here on a copy is worth the start of a string instruction. */
#define LIB_COPY_LARGE 65536U

static inline char *lib_slot_data(const struct lib_handle *h, u64 index)
{
	return h->data + index * h->slot_stride;
}

/* A message of a line without a call. */
static inline void lib_copy(void *to, const void *from, size_t length)
{
	if (likely(length == RINGBUF_LINE))
		memcpy(to, from, RINGBUF_LINE);
	else
		memcpy(to, from, length);
}

/*
 * Copy a message into a slot.  The lines of a large one are with the readers:
 * REP MOVSB takes them over without having them sent first, which memcpy() of
 * the C library gives up above the size of a cache.
 */
static inline void lib_copy_in(void *to, const void *from, size_t length)
{
#ifdef __x86_64__
	if (length >= LIB_COPY_LARGE) {
		__asm__ __volatile__("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
		return;
	}
#endif
	lib_copy(to, from, length);
}

typedef u64 __attribute__((may_alias)) lib_word;

static_assert(offsetof(struct ringbuf_desc, flags) == offsetof(struct ringbuf_desc, length) + 4,
	      "one word");

/* @length and @flags by one store. */
static inline void lib_describe(struct ringbuf_desc *d, u32 length, u32 flags)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	WRITE_ONCE(*(lib_word *)&d->length, (u64)flags << 32 | length);
#else
	WRITE_ONCE(*(lib_word *)&d->length, (u64)length << 32 | flags);
#endif
}

/* Both by one load: flags << 32 | length. */
static inline u64 lib_described(const struct ringbuf_desc *d)
{
	u64 word = READ_ONCE(*(const lib_word *)&d->length);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word;
#else
	return word << 32 | word >> 32;
#endif
}

#endif
