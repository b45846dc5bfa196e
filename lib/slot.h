/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access to the bytes of a slot and to the length and flags in its descriptor. */
#ifndef LIB_SLOT_H
#define LIB_SLOT_H

#include <string.h>

#include "internal.h"

/* From this length on a string instruction is faster than memcpy(), despite its setup. */
#define LIB_COPY_LARGE 65536U

static inline char *lib_slot_data(const struct lib_handle *h, u64 index)
{
	return h->data + index * h->slot_stride;
}

/* Copy without a function call if the message is one cache line. */
static inline void lib_copy(void *to, const void *from, size_t length)
{
	if (likely(length == RINGBUF_LINE))
		memcpy(to, from, RINGBUF_LINE);
	else
		memcpy(to, from, length);
}

/*
 * Copy a message into a slot.  The cache lines of a large slot are in the readers' caches:
 * REP MOVSB takes ownership of them without fetching their contents, while memcpy() of
 * the C library uses other instructions above the size of a cache.
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

/* Store @length and @flags with one store. */
static inline void lib_describe(struct ringbuf_desc *d, u32 length, u32 flags)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	WRITE_ONCE(*(lib_word *)&d->length, (u64)flags << 32 | length);
#else
	WRITE_ONCE(*(lib_word *)&d->length, (u64)length << 32 | flags);
#endif
}

/* Load length and flags with one load, as flags << 32 | length. */
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
