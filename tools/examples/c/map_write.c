// SPDX-License-Identifier: GPL-2.0
/*
 * usage: map_write FILE - read stdin into the slots, as numbered messages, without a copy.
 * The ring must have an exclusive writer.  The letters in comments name barriers of
 * kmod/protocol.rst.
 */
#include "ring.h"

struct writer {
	struct ring ring;
	struct ringbuf_info_page *info;
	struct ringbuf_head_page *head;
	struct ringbuf_desc *desc;
	char *cursors, *data;
	uint64_t limit; /* what the last pass of the gate allowed; the allowance may be higher */
};

/* Return the lowest cursor of the readers that writers wait for; @none without readers. */
static uint64_t slowest(const struct writer *w, uint64_t none)
{
	uint64_t min = UINT64_MAX, at, floor;
	uint32_t i, rows = load(&w->info->rows);

	for (i = 0; i < rows; i++) {
		struct ringbuf_cursor *c = (void *)(w->cursors + (size_t)i * w->ring.is.page_size +
						    RINGBUF_CURSOR_OFFSET(i));

		if (!(load(&ring_row(w->info, i)->flags) & RINGBUF_ROW_GATING))
			continue;
		floor = load(&ring_row(w->info, i)->floor);
		at = load(&c->cursor);
		at = at > floor ? at : floor;
		min = at < min ? at : min;
	}
	return min == UINT64_MAX ? none : min;
}

/* Wait until the gate allows the slot at @position. */
static void pass_gate(struct writer *w, uint64_t position)
{
	struct ringbuf_writer_row *own =
		(void *)((char *)w->head + w->info->writer_offset +
			 (size_t)(w->ring.is.id - 1) * w->info->writer_stride);
	uint64_t count = w->ring.is.slot_count, generation;

	while (load(&w->info->readers_wanted)) /* (L) */
		ring_wait(&w->ring);
	while (w->limit <= position) {
		do {
			generation = load(&w->info->generation);
			w->limit = slowest(w, position + 1 - count) + count;
			if (w->limit > load(&own->allowance))
				store(&own->allowance, w->limit);
			fence(); /* (H) */
		} while (load(&w->info->generation) != generation);
		if (w->limit <= position)
			ring_wait(&w->ring);
	}
	store(&w->desc[position % w->ring.is.slot_count].state, 0);
	fence(); /* (M) */
}

static void commit(const struct writer *w, uint64_t position, uint32_t length)
{
	struct ringbuf_desc *d = &w->desc[position % w->ring.is.slot_count];

	d->length = length;
	d->flags = 0;
	store(&d->state, position << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED); /* (A) */
	fence(); /* (B) */
	store(&w->head->head, position + 1);
	ring_wake(&w->ring, &w->info->wake_position, position);
}

static struct writer writer_open(const char *name)
{
	struct writer w = { .ring = ring_attach(name, RINGBUF_ROLE_WRITER) };
	const int rw = PROT_READ | PROT_WRITE;

	if (!(w.ring.is.ring_flags & RINGBUF_CREATE_EXCLUSIVE) || w.ring.is.slot_bytes <= 8) {
		fprintf(stderr, "%s: not for exclusive writers, or no room for a message\n", name);
		exit(1);
	}
	w.info = ring_region(&w.ring, RINGBUF_REGION_INFO, PROT_READ);
	w.head = ring_region(&w.ring, RINGBUF_REGION_HEAD, rw);
	w.desc = ring_region(&w.ring, RINGBUF_REGION_SLOTS, rw);
	w.cursors = ring_region(&w.ring, RINGBUF_REGION_CURSOR, PROT_READ);
	w.data = ring_region(&w.ring, RINGBUF_REGION_DATA, rw);
	return w;
}

int main(int argc, char **argv)
{
	struct ringbuf_done done = { .size = sizeof(done) };
	struct writer w;
	uint64_t number;

	if (argc != 2)
		return fprintf(stderr, "usage: map_write FILE\n"), 2;
	w = writer_open(argv[1]);
	for (number = 0;; number++) {
		uint64_t at = w.ring.position + number;
		char *slot = w.data + at % w.ring.is.slot_count * w.ring.is.slot_stride;
		size_t n;

		pass_gate(&w, at);
		n = read_some(0, slot + 8, w.ring.is.slot_bytes - 8, "stdin");
		if (!n)
			break;
		memcpy(slot, &number, 8);
		commit(&w, at, (uint32_t)n + 8);
	}
	if (ioctl(w.ring.fd, RINGBUF_IOC_DONE, &done))
		die(argv[1]);
	return 0;
}
