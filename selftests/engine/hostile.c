// SPDX-License-Identifier: GPL-2.0
/* The shared pages are full of garbage, but every call of the engine returns soon. */
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "tap.h"

#define ROUNDS 40000

static u64 seed = 1;

static u64 random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void garbage(void)
{
	unsigned char text[1500];
	struct bytes b;
	u32 round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < sizeof(text); i++)
			text[i] = (unsigned char)(random_word() >> 32);
		b = (struct bytes){ text, 200 + random_word() % (sizeof(text) - 200) };
		hostile_run(&b);
	}
}

/* The ring has the most slots, and each claim word names the dead writer and 64 slots. */
static void longest_repair(void)
{
	struct timespec from, to;
	struct ring ring;
	u64 i, end, holes;

	CHECK(!ring_new(&ring, 1 << 20, 0, 1, 1));
	for (i = 0; i < ring.view.slots; i++)
		ring.view.claim[i] = rb_claim(i, 1, 64);
	clock_gettime(CLOCK_MONOTONIC, &from);
	holes = rb_repair(&ring.view, 1, &end);
	clock_gettime(CLOCK_MONOTONIC, &to);
	CHECK(holes <= ring.view.slots + 64);
	CHECK(end <= ring.view.slots + 64);
	printf("# 2^20 slots, 64 each: %.2f s\n",
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	ring_free(&ring);
}

/* State and claim words are as far ahead of the head as they can say. */
static void far_ahead(void)
{
	static const u64 hints[] = { 0,		 1,	     (1ULL << 62) - 1,
				     1ULL << 62, 1ULL << 63, (1ULL << 63) + 1,
				     ~0ULL };
	struct ring ring;
	u32 flags, i, k;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++) {
		CHECK(!ring_new(&ring, 1, flags, 1, 1));
		for (i = 0; i < sizeof(hints) / sizeof(*hints); i++)
			for (k = 0; k < sizeof(hints) / sizeof(*hints); k++) {
				ring.view.head->head = hints[i];
				ring.view.desc[0].state = rb_state(hints[k], 1);
				ring.view.claim[0] = rb_claim(hints[k], 1, 1);
				rb_head(&ring.view);
				rb_attach_reader(&ring.view, 0, hints[k], &blocking);
			}
		ring_free(&ring);
	}
}

static const struct tap_test tests[] = {
	{ "random calls return although every word is garbage", garbage },
	{ "the longest repair that claims can ask for ends", longest_repair },
	{ "state words far ahead of the head do no harm", far_ahead },
};

int main(void)
{
	alarm(300);
	return TAP_ALL(tests);
}
