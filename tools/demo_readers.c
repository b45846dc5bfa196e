// SPDX-License-Identifier: GPL-2.0
/* The readers of demo_stream: four ways to read the same stream. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "demo.h"

/* Return 0 if @err is the end of the stream, with which a reader ends as it should; else @err. */
static int ended(int err)
{
	return err == -ENODATA ? 0 : err;
}

int demo_read_copying(const struct demo_options *o, struct ringbuf_reader *reader,
		      struct demo_end *end)
{
	unsigned char *buffer = malloc(o->slot_bytes);
	ssize_t bytes;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		bytes = ringbuf_reader_read(reader, buffer, o->slot_bytes, RINGBUF_FOREVER);
		if (bytes < 0)
			break;
		demo_saw(end, buffer, (size_t)bytes);
		end->calls++;
	}
	free(buffer);
	return ended((int)bytes);
}

int demo_read_levels(const struct demo_options *o, struct ringbuf_reader *reader,
		     struct demo_end *end, struct demo_meter *meter)
{
	struct ringbuf_slot slot;
	int err;

	for (;;) {
		err = ringbuf_reader_peek(reader, &slot, 1, RINGBUF_FOREVER);
		if (err < 0)
			return ended(err);
		demo_saw(end, slot.data, slot.length);
		end->calls++;
		if (!slot.flags || slot.flags > o->files)
			return -EPROTO;
		demo_meter_slot(&meter[slot.flags - 1], slot.data, slot.length);
		err = ringbuf_reader_release(reader, 1);
		if (err)
			return err;
	}
}

/* Read by poll(2) and read(2) alone, as from a pipe, without a call of the library. */
int demo_read_descriptor(const struct demo_options *o, struct ringbuf_reader *reader,
			 struct demo_end *end)
{
	struct pollfd p = { .fd = ringbuf_reader_fd(reader), .events = POLLIN };
	unsigned char *buffer = malloc(o->slot_bytes);
	ssize_t bytes;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
		bytes = read(p.fd, buffer, o->slot_bytes);
		if (bytes == 0) {
			free(buffer);
			return 0;
		}
		if (bytes < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (bytes < 0)
			continue;
		demo_saw(end, buffer, (size_t)bytes);
		end->calls++;
	}
	free(buffer);
	return -errno;
}

int demo_read_batches(const struct demo_options *o, struct ringbuf_reader *reader,
		      struct demo_end *end)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	unsigned int max = o->slots < RINGBUF_BATCH_MAX ? (unsigned int)o->slots
							: RINGBUF_BATCH_MAX;
	int i, n, err;

	for (;;) {
		n = ringbuf_reader_peek(reader, slots, max, RINGBUF_FOREVER);
		if (n < 0)
			return ended(n);
		for (i = 0; i < n; i++)
			demo_saw(end, slots[i].data, slots[i].length);
		end->calls++;
		err = ringbuf_reader_release(reader, (unsigned int)n);
		if (err)
			return err;
	}
}
