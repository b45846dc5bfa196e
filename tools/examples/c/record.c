// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * usage: record NAME FILE
 *
 * Write the messages of the ring NAME to FILE, one after the other.  With O_DIRECT the
 * disk reads them from the slots, and no processor copies them.  This needs whole
 * blocks, so only the last message may have a length that is not a multiple of 4096
 * bytes.  It also needs slots of at least a page, since only these begin at a page.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ringbuf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096U

static int out;
static off_t written;

static void must(const char *what, int error)
{
	if (error < 0)
		errx(1, "%s: %s", what, strerror(-error));
}

/* Write a slot up to the end of its last block; main() cuts off the excess at the end. */
static void record(const struct ringbuf_slot *slot)
{
	size_t left = (slot->length + BLOCK - 1) / BLOCK * BLOCK;
	const char *from = slot->data;
	off_t at = written;

	if (written % BLOCK)
		errx(1, "a message of %lld bytes is not the last one", (long long)written);
	while (left) {
		ssize_t n = pwrite(out, from, left, at);

		if (n <= 0)
			err(1, "write");
		from += n;
		at += n;
		left -= (size_t)n;
	}
	written += (off_t)slot->length;
}

int main(int argc, char **argv)
{
	struct ringbuf_reader *reader;
	struct ringbuf_geometry g = { .size = sizeof(g) };
	struct ringbuf_slot slot;
	struct ringbuf *ring;
	int got;

	if (argc != 3)
		errx(2, "usage: record NAME FILE");
	must(argv[1], ringbuf_open(argv[1], RINGBUF_HOST_AUTO, &ring));
	ringbuf_get_geometry(ring, &g);
	if (g.slot_bytes % BLOCK)
		errx(1, "%s: slots are no multiple of %u bytes", argv[1], BLOCK);
	must(argv[1], ringbuf_reader_attach(ring, RINGBUF_FROM_OLDEST, 0, &reader));
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0666);
	if (out < 0)
		err(1, "%s", argv[2]);
	while ((got = ringbuf_reader_peek(reader, &slot, 1, RINGBUF_FOREVER)) > 0) {
		record(&slot);
		must("release", ringbuf_reader_release(reader, 1));
	}
	if (got != -ENODATA)
		must("read", got);
	if (ftruncate(out, written) || fsync(out))
		err(1, "%s", argv[2]);
	printf("%lld bytes\n", (long long)written);
	return 0;
}
