// SPDX-License-Identifier: GPL-2.0
/*
 * usage: map_read FILE - numbered messages to stdout, without a copy: from the slots.
 * The letters in comments name barriers of kmod/protocol.rst.
 */
#include "ring.h"

struct reader {
	struct ring ring;
	struct ringbuf_info_page *info;
	struct ringbuf_desc *desc;
	struct ringbuf_cursor *own;
	char *data;
};

static int ended(const struct reader *r)
{
	return load(&r->info->writers_ever) && !load(&r->info->writers); /* (J) */
}

static void check_floor(const struct reader *r, uint64_t position)
{
	if (load(&ring_row(r->info, r->ring.is.id)->floor) <= position)
		return;
	fprintf(stderr, "moved forward: messages are lost\n");
	exit(1);
}

/* Wait until the slot at @position is finished.  Return its state, 0 at the end of the stream. */
static uint64_t next(const struct reader *r, uint64_t position)
{
	const __u64 *state = &r->desc[position % r->ring.is.slot_count].state;

	for (;;) {
		int end = ended(r); /* before the state, or the last message could be missed */
		uint64_t s = load(state); /* (A) */

		check_floor(r, position);
		if (s >> RINGBUF_STATE_SHIFT == position && s & RINGBUF_STATE_MASK)
			return s;
		if (end)
			return 0;
		ring_wait(&r->ring);
	}
}

static void release(const struct reader *r, uint64_t cursor)
{
	store(&r->own->cursor, cursor); /* (F), (D) */
	ring_wake(&r->ring, &r->info->wake_cursor, cursor);
}

/* Write the slot to stdout, then check that the reader was not moved off it meanwhile. */
static void show(const struct reader *r, uint64_t position, uint64_t number)
{
	uint64_t index = position % r->ring.is.slot_count;
	const char *slot = r->data + index * r->ring.is.slot_stride;
	uint32_t length = load(&r->desc[index].length);
	int ok = length >= 8 && length <= r->ring.is.slot_bytes && !memcmp(slot, &number, 8);

	if (ok)
		write_all(1, slot + 8, length - 8, "stdout");
	fence(); /* (K) */
	check_floor(r, position);
	if (ok)
		return;
	fprintf(stderr, "message %llu is missing\n", (unsigned long long)number);
	exit(1);
}

static struct reader reader_open(const char *name)
{
	struct reader r = { .ring = ring_attach(name, RINGBUF_ROLE_READER) };
	const struct ringbuf_info *is = &r.ring.is;
	char *page;

	r.info = ring_region(&r.ring, RINGBUF_REGION_INFO, PROT_READ);
	r.desc = ring_region(&r.ring, RINGBUF_REGION_SLOTS, PROT_READ);
	r.data = ring_region(&r.ring, RINGBUF_REGION_DATA, PROT_READ);
	page = ring_map(&r.ring,
			ring_find(&r.ring, RINGBUF_REGION_CURSOR)->offset +
				(uint64_t)is->id * is->page_size,
			is->page_size, PROT_READ | PROT_WRITE);
	r.own = (void *)(page + RINGBUF_CURSOR_OFFSET(is->id));
	/* Writers do not wait for a lossy reader, which therefore has to check more: (M). */
	if (load(&ring_row(r.info, is->id)->flags) & RINGBUF_ROW_LOSSY) {
		fprintf(stderr, "%s: its readers are lossy: use message_read\n", name);
		exit(1);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct reader r;
	uint64_t at, state, number = 0;

	if (argc != 2)
		return fprintf(stderr, "usage: map_read FILE\n"), 2;
	r = reader_open(argv[1]);
	for (at = r.ring.position; (state = next(&r, at)); at++) {
		if ((state & RINGBUF_STATE_MASK) == RINGBUF_COMMITTED)
			show(&r, at, number++);
		else
			store(&r.own->holes, load(&r.own->holes) + 1);
		release(&r, at + 1);
	}
	if (load(&r.info->ended) == RINGBUF_END_DIED)
		return fprintf(stderr, "%s: the writer died\n", argv[1]), 1;
	return 0;
}
