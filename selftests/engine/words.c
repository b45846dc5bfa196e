// SPDX-License-Identifier: GPL-2.0
/* The engine's words and layout: encodings, wrapping, limits. */
#include "ring.h"
#include "tap.h"

static void state_words(void)
{
	static const u64 positions[] = { 0, 1, 2, 1000, (1ULL << 62) - 1 };
	u32 i;
	u64 phase;

	for (i = 0; i < sizeof(positions) / sizeof(*positions); i++) {
		for (phase = 1; phase <= 3; phase++) {
			u64 state = rb_state(positions[i], phase);

			CHECK(rb_state_pos(state) == positions[i]);
			CHECK(rb_state_phase(state) == phase);
			CHECK(rb_state_finished(state, positions[i]));
			CHECK(!rb_state_finished(state, positions[i] + 1));
			CHECK(rb_is_hole(state, positions[i]) == (phase != RINGBUF_COMMITTED));
		}
		CHECK(!rb_state_finished(rb_state(positions[i], 0), positions[i]));
	}
	CHECK(!rb_state_finished(0, 0));
}

static void free_slots(void)
{
	struct ring ring;

	CHECK(!ring_new(&ring, 3, 0, 1, 1));
	CHECK(rb_state_is_free(&ring.view, 0, 2));
	CHECK(!rb_state_is_free(&ring.view, 0, 3));
	CHECK(!rb_state_is_free(&ring.view, rb_state(0, RINGBUF_COMMITTED), 0));
	CHECK(rb_state_is_free(&ring.view, rb_state(0, RINGBUF_COMMITTED), 3));
	CHECK(rb_state_is_free(&ring.view, rb_state(4, RINGBUF_REPAIRED), 7));
	CHECK(!rb_state_is_free(&ring.view, rb_state(4, RINGBUF_REPAIRED), 10));
	ring_free(&ring);
}

static void claim_words(void)
{
	u32 writer, count;

	for (writer = 1; writer <= RINGBUF_MAX_WRITERS; writer += 127) {
		for (count = 1; count <= RINGBUF_MAX_BATCH; count++) {
			u64 claim = rb_claim(77, writer, count);

			CHECK(rb_claim_writer(claim) == writer);
			CHECK(rb_claim_count(claim) == count);
			CHECK(rb_claim_ahead(claim, 77) == 0);
			CHECK(rb_claim_ahead(claim, 78) == -1);
			CHECK(rb_claim_ahead(claim, 70) == 7);
		}
	}
	CHECK(rb_claim(0, 1, 1) != 0);
	CHECK(rb_claim_ahead(0, 0) < 0);
}

/* A claim word has 50 bits of the position, from which the distance to another follows. */
static void claim_wrap(void)
{
	const u64 lap = 1ULL << RB_CLAIM_POS_BITS;
	static const s64 distance[] = { -1000000, -3, -1, 0, 1, 63, 1000000 };
	static const u64 base[] = { 5000000, 1ULL << 49, (1ULL << 50) - 1, 1ULL << 50,
				    (1ULL << 62) - 9 };
	u32 i, k;

	for (i = 0; i < sizeof(base) / sizeof(*base); i++)
		for (k = 0; k < sizeof(distance) / sizeof(*distance); k++) {
			u64 claim = rb_claim(base[i] + (u64)distance[k], 255, 64);

			CHECK(rb_claim_ahead(claim, base[i]) == distance[k]);
			CHECK(rb_claim_ahead(claim, base[i] + lap) == distance[k]);
		}
}

static void indices(void)
{
	static const u64 counts[] = { 1, 2, 3, 7, 64, 1000 };
	struct rb_view v = { 0 };
	u64 pos, i, n;
	u32 k;

	for (k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
		v.slots = counts[k];
		for (pos = 0; pos < 3 * counts[k]; pos++)
			for (n = 0; n <= counts[k]; n++) {
				i = rb_index_add(&v, rb_index(&v, pos), n);
				CHECK(i == (pos + n) % counts[k]);
			}
		CHECK(rb_index(&v, ~0ULL) == ~0ULL % counts[k]);
	}
}

/* The page sizes of x86-64 and of arm64. */
static const u32 page_sizes[] = { 4096, 16384, 65536 };
static u32 page_size = 4096;

static int layout(u64 bytes, u64 slots, u32 flags, u32 readers, u32 writers, struct rb_layout *l)
{
	memset(l, 0, sizeof(*l));
	l->slot_bytes = bytes;
	l->slot_count = slots;
	l->flags = flags;
	l->max_readers = readers;
	l->max_writers = writers;
	l->page_size = page_size;
	return rb_layout(l);
}

static void layout_regions_paged(void)
{
	const u64 bytes[] = { 1,    63,	   64,	  65,	 4095,	  4096,
			      4097, 16384, 65535, 65536, 1 << 20, page_size - 1 };
	static const u64 slots[] = { 1, 2, 3, 7, 64, 1000 };
	struct rb_layout l;
	u32 i, k, r;

	for (i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		for (k = 0; k < sizeof(slots) / sizeof(*slots); k++) {
			u64 at = 0;

			CHECK(!layout(bytes[i], slots[k], RINGBUF_CREATE_TIMESTAMP, 100, 10, &l));
			for (r = 0; r < RB_REGIONS; r++) {
				CHECK(l.region[r].offset == at);
				CHECK(l.region[r].bytes && !(l.region[r].bytes % page_size));
				at += l.region[r].bytes;
			}
			CHECK(at == l.bytes);
			CHECK(l.slot_stride >= bytes[i]);
			CHECK(!(l.slot_stride % (bytes[i] < page_size ? 64 : page_size)));
			CHECK(l.slot_stride * slots[k] <= l.region[RINGBUF_REGION_DATA].bytes);
			CHECK(l.claim_offset >= slots[k] * sizeof(struct ringbuf_desc));
			CHECK(l.stamp_offset >= l.claim_offset + slots[k] * 8);
			CHECK(l.stamp_offset + slots[k] * 8 <=
			      l.region[RINGBUF_REGION_SLOTS].bytes);
		}
}

/* Run @test with each size of a page. */
static void on_each_page_size(void (*test)(void))
{
	u32 i;

	for (i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++) {
		page_size = page_sizes[i];
		test();
	}
	page_size = page_sizes[0];
}

static void layout_regions(void)
{
	on_each_page_size(layout_regions_paged);
}

static void layout_limits_paged(void)
{
	struct rb_layout l;

	CHECK(!layout(RINGBUF_MAX_SLOT_BYTES, RINGBUF_MAX_SLOTS, RINGBUF_CREATE_TIMESTAMP,
		      RINGBUF_MAX_READERS, RINGBUF_MAX_WRITERS, &l));
	CHECK(l.region[RINGBUF_REGION_DATA].bytes == RINGBUF_MAX_SLOT_BYTES * RINGBUF_MAX_SLOTS);
	CHECK(l.region[RINGBUF_REGION_DATA].offset < 1ULL << 31);
	CHECK(layout(RINGBUF_MAX_SLOT_BYTES + 1, 1, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(1, RINGBUF_MAX_SLOTS + 1, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(~0ULL, 1, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(1, ~0ULL, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(0, 1, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(1, 0, 0, 1, 1, &l) == -EINVAL);
	CHECK(layout(1, 1, 0, RINGBUF_MAX_READERS + 1, 1, &l) == -EINVAL);
	CHECK(layout(1, 1, 0, 1, RINGBUF_MAX_WRITERS + 1, &l) == -EINVAL);
	CHECK(layout(1, 1, RINGBUF_CREATE_EXCLUSIVE, 1, 2, &l) == -EINVAL);
	CHECK(layout(1, 1, 1U << 31, 1, 1, &l) == -EINVAL);
	CHECK(layout(1, 1, RINGBUF_CREATE_KEPT, 1, 1, &l) == -EINVAL);
}

static void layout_limits(void)
{
	on_each_page_size(layout_limits_paged);
}

static void layout_defaults(void)
{
	struct rb_layout l;

	CHECK(!layout(1, 1, 0, 0, 0, &l));
	CHECK(l.max_readers == 64 && l.max_writers == 16 && !l.stamp_offset);
	CHECK(!layout(1, 1, RINGBUF_CREATE_EXCLUSIVE, 0, 0, &l));
	CHECK(l.max_writers == 1);
}

/*
 * The cursors of 64 successive rows are on different lines of their pages, so that they do not
 * compete for the same set of a cache.
 */
static void cursor_pages_paged(void)
{
	struct ring ring;
	u32 row;

	CHECK(!ring_new_paged(&ring, page_size, 2, 0, 130, 1));
	for (row = 0; row < 130; row++) {
		size_t at = (size_t)((char *)rb_cursor(&ring.view, row) - ring.view.cursor);

		CHECK(at / page_size == row);
		CHECK(at % page_size == row % 64 * 64);
	}
	ring_free(&ring);
}

static void cursor_pages(void)
{
	on_each_page_size(cursor_pages_paged);
}

static const struct tap_test tests[] = {
	{ "a state word gives back its position and phase", state_words },
	{ "a slot is free for the lap after the one that finished it", free_slots },
	{ "a claim word gives back its writer, count and distance", claim_words },
	{ "the distance of a claim is right across 50 bits of position", claim_wrap },
	{ "an index advances modulo the number of slots", indices },
	{ "layout: regions follow each other and hold their contents", layout_regions },
	{ "layout: the limits are accepted, and nothing beyond them", layout_limits },
	{ "layout: 0 stands for the default number of readers and writers", layout_defaults },
	{ "each cursor is in a page of its own, at its row's line", cursor_pages },
};

int main(void)
{
	return TAP_ALL(tests);
}
