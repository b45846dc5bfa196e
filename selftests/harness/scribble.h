/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hostile peer: it stores chosen and random values into every word of a ring that its role may
 * write.  The values come from a seed, so a run can be repeated but for the order of threads.
 *
 * The bytes of a slot get letters only.  The bytes between slots, which no reader may read, keep
 * SCRIBBLE_GAP.
 */
#ifndef SELFTESTS_SCRIBBLE_H
#define SELFTESTS_SCRIBBLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ringbuf.h>

#define SCRIBBLE_GAP	 0xee
#define SCRIBBLE_CURSORS 8

/* ---- random numbers -------------------------------------------------------------- */

static inline uint64_t chance_next(uint64_t *chance)
{
	*chance ^= *chance << 13;
	*chance ^= *chance >> 7;
	*chance ^= *chance << 17;
	return *chance * 0x2545f4914f6cdd1dULL;
}

/* A number below @n. */
static inline uint64_t chance_below(uint64_t *chance, uint64_t n)
{
	return (chance_next(chance) >> 16) % n;
}

/* The state of another generator, made from @seed and the number @which; it is never 0. */
static inline uint64_t chance_fork(uint64_t seed, uint64_t which)
{
	uint64_t x = (seed + which + 1) * 0x9e3779b97f4a7c15ULL;

	return x ^ x >> 31 ? x ^ x >> 31 : 1;
}

/* The seed of this run: RINGBUF_SEED, or a constant, so that each run is the same. */
static inline uint64_t chance_seed(void)
{
	const char *text = getenv("RINGBUF_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 0x5eed;

	printf("# RINGBUF_SEED=0x%llx\n", (unsigned long long)seed);
	return seed;
}

/* How many times longer than in each check this run shall take. */
static inline uint64_t chance_longer(void)
{
	const char *text = getenv("RINGBUF_LONGER");
	uint64_t n = text ? strtoull(text, NULL, 0) : 1;

	return n ? n : 1;
}

/* ---- the ring ---------------------------------------------------------------------- */

/**
 * struct scribble - the words of a ring that a hostile peer writes
 * @chance: its random numbers
 * @passes: passes made
 * @slots: slot_count
 * @slot_bytes: capacity of a slot
 * @stride: bytes from one slot to the next
 * @max_writers: entries of @writers
 * @writer_stride: bytes from one entry of @writers to the next
 * @head: NULL: it may write no word of a writer
 * @cursor: cursors that it may write
 * @cursors: entries of @cursor
 */
struct scribble {
	uint64_t chance;
	uint64_t passes;
	uint64_t slots;
	uint64_t slot_bytes;
	uint64_t stride;
	uint32_t max_writers;
	uint32_t writer_stride;
	struct ringbuf_head_page *head;
	char *writers;
	struct ringbuf_desc *desc;
	uint64_t *claim;
	uint64_t *stamp;
	unsigned char *data;
	struct ringbuf_cursor *cursor[SCRIBBLE_CURSORS];
	uint32_t cursors;
};

/* Fill what lies between the slots; the ring has not been used yet. */
static inline void scribble_gaps(const struct scribble *s)
{
	uint64_t i;

	for (i = 0; i < s->slots; i++)
		memset(s->data + i * s->stride + s->slot_bytes, SCRIBBLE_GAP,
		       s->stride - s->slot_bytes);
}

/* Whether @n bytes that a reader got may be those of slots: letters, or 0 of an unused slot. */
static inline bool scribble_inside(const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	size_t i;

	for (i = 0; i < n; i++)
		if (at[i] && (at[i] < 'A' || at[i] > 'z')) {
			fprintf(stderr, "# byte %zu of %zu is 0x%02x, which is in no slot\n", i, n,
				at[i]);
			return false;
		}
	return true;
}

/* ---- values ------------------------------------------------------------------------- */

/* A position: near those in use, a lap and a slot around them, or at an end of the numbers. */
static inline uint64_t scribble_position(struct scribble *s)
{
	uint64_t here = s->head ? __atomic_load_n(&s->head->head, __ATOMIC_RELAXED)
				: __atomic_load_n(&s->cursor[0]->cursor, __ATOMIC_RELAXED);

	switch (chance_below(&s->chance, 10)) {
	case 0:
		return chance_below(&s->chance, 2 * s->slots + 2);
	case 1:
		return ~0ULL - chance_below(&s->chance, 2 * s->slots + 2);
	case 2:
		return (1ULL << chance_below(&s->chance, 64)) + chance_below(&s->chance, 3) - 1;
	case 3:
		return chance_next(&s->chance);
	case 4:
		return here + s->slots + chance_below(&s->chance, 3) - 1;
	case 5:
		return here - s->slots + chance_below(&s->chance, 3) - 1;
	default:
		return here + chance_below(&s->chance, 2 * s->slots + 1) - s->slots;
	}
}

static inline uint64_t scribble_state(struct scribble *s, uint64_t pos)
{
	return pos << RINGBUF_STATE_SHIFT | chance_below(&s->chance, 4);
}

/* A claim of @pos: by any id, also one that does not exist, of any number of slots. */
static inline uint64_t scribble_claim(struct scribble *s, uint64_t pos)
{
	uint64_t id = chance_below(&s->chance, s->max_writers + 3);

	if (!chance_below(&s->chance, 8))
		id = chance_below(&s->chance, 1 << RINGBUF_CLAIM_WRITER_BITS);
	return pos << RINGBUF_CLAIM_SHIFT | id << RINGBUF_CLAIM_COUNT_BITS |
	       chance_below(&s->chance, 1 << RINGBUF_CLAIM_COUNT_BITS);
}

static inline uint32_t scribble_length(struct scribble *s)
{
	switch (chance_below(&s->chance, 8)) {
	case 0:
		return (uint32_t)(s->slot_bytes + 1);
	case 1:
		return (uint32_t)(s->stride + chance_below(&s->chance, 2 * s->stride));
	case 2:
		return 1U << chance_below(&s->chance, 32);
	case 3:
		return ~(uint32_t)chance_below(&s->chance, 3);
	case 4:
		return (uint32_t)s->slot_bytes;
	case 5:
		return 0;
	default:
		return (uint32_t)chance_below(&s->chance, s->slot_bytes + 1);
	}
}

static inline uint64_t scribble_word(struct scribble *s)
{
	switch (chance_below(&s->chance, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return scribble_state(s, scribble_position(s));
	case 3:
		return scribble_claim(s, scribble_position(s));
	default:
		return scribble_position(s);
	}
}

/* ---- stores ------------------------------------------------------------------------- */

#define SCRIBBLE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)

static inline void scribble_cursor(struct scribble *s)
{
	struct ringbuf_cursor *c = s->cursor[chance_below(&s->chance, s->cursors)];

	switch (chance_below(&s->chance, 6)) {
	case 0:
		SCRIBBLE(c->lost, scribble_word(s));
		break;
	case 1:
		SCRIBBLE(c->holes, scribble_word(s));
		break;
	case 2:
		SCRIBBLE(c->cpu, (uint32_t)scribble_word(s));
		break;
	default:
		SCRIBBLE(c->cursor, scribble_word(s));
	}
}

static inline void scribble_writer(struct scribble *s)
{
	struct ringbuf_writer_row *row =
		(void *)(s->writers + chance_below(&s->chance, s->max_writers) * s->writer_stride);

	if (chance_below(&s->chance, 4))
		SCRIBBLE(row->allowance, scribble_word(s));
	else
		SCRIBBLE(row->cpu, (uint32_t)scribble_word(s));
}

static inline void scribble_desc(struct scribble *s, uint64_t i)
{
	struct ringbuf_desc *d = &s->desc[i];

	if (chance_below(&s->chance, 3)) {
		SCRIBBLE(d->state, scribble_word(s));
		return;
	}
	SCRIBBLE(d->length, scribble_length(s));
	SCRIBBLE(d->flags, (uint32_t)scribble_word(s));
}

/* A store into a word that writers may write. */
static inline void scribble_slot(struct scribble *s)
{
	uint64_t i = chance_below(&s->chance, s->slots);

	switch (chance_below(&s->chance, 8)) {
	case 0:
		SCRIBBLE(s->head->head, scribble_word(s));
		break;
	case 1:
		scribble_writer(s);
		break;
	case 2:
		if (s->stamp)
			SCRIBBLE(s->stamp[i], scribble_word(s));
		break;
	case 3:
		s->data[i * s->stride + chance_below(&s->chance, s->slot_bytes)] =
			(unsigned char)('A' + chance_below(&s->chance, 26));
		break;
	case 4:
	case 5:
		SCRIBBLE(s->claim[i], scribble_word(s));
		break;
	default:
		scribble_desc(s, i);
	}
}

/*
 * Make a lap that looks as if it had been written: committed slots and holes from a random
 * position on, so that readers get far enough to believe the lengths.
 */
static inline void scribble_lap(struct scribble *s)
{
	uint64_t pos = chance_below(&s->chance, 3) ? s->slots * chance_below(&s->chance, 1000)
						   : scribble_position(s);
	bool lengths = chance_below(&s->chance, 2), holes = chance_below(&s->chance, 2);
	uint64_t n, i;

	for (n = 0; n < s->slots; n++) {
		i = (pos + n) % s->slots;
		SCRIBBLE(s->claim[i],
			 (pos + n) << RINGBUF_CLAIM_SHIFT | 1ULL << RINGBUF_CLAIM_COUNT_BITS);
		SCRIBBLE(s->desc[i].length, lengths ? scribble_length(s) : (uint32_t)s->slot_bytes);
		SCRIBBLE(s->desc[i].state,
			 holes ? scribble_state(s, pos + n)
			       : (pos + n) << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED);
	}
	SCRIBBLE(s->head->head, pos + s->slots);
}

/* Store one value into all words of a kind. */
static inline void scribble_fill(struct scribble *s)
{
	uint64_t word = scribble_word(s), i;

	switch (chance_below(&s->chance, 3)) {
	case 0:
		for (i = 0; i < s->slots; i++)
			SCRIBBLE(s->claim[i], word);
		break;
	case 1:
		for (i = 0; i < s->slots; i++)
			SCRIBBLE(s->desc[i].state, word);
		break;
	default:
		for (i = 0; i < s->max_writers; i++)
			SCRIBBLE(*(uint64_t *)(s->writers + i * s->writer_stride), word);
	}
}

/* Store a few words, or, now and then, many. */
static inline void scribble_pass(struct scribble *s)
{
	uint64_t kind = chance_below(&s->chance, 16), n;

	if (s->head && kind == 0)
		scribble_fill(s);
	else if (s->head && kind < 4)
		scribble_lap(s);
	else
		for (n = chance_below(&s->chance, 32); n; n--)
			if (!s->head || (s->cursors && !chance_below(&s->chance, 4)))
				scribble_cursor(s);
			else
				scribble_slot(s);
	__atomic_fetch_add(&s->passes, 1, __ATOMIC_RELAXED);
}

#endif
