// SPDX-License-Identifier: GPL-2.0
/* The writer of demo_stream: read(2) reads the files into the slots, without a copy. */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include "common/clock.h"
#include "demo.h"

void demo_saw(struct demo_end *end, const void *data, size_t bytes)
{
	end->crc = libdeflate_crc32(end->crc, data, bytes);
	end->bytes += bytes;
	end->slots++;
}

/* Fill @slot from the file.  Return the number of bytes, fewer only at its end, or -errno. */
static ssize_t fill(int fd, struct ringbuf_slot *slot)
{
	size_t done = 0;
	ssize_t got;

	do {
		got = read(fd, (char *)slot->data + done, slot->length - done);
		if (got > 0)
			done += (size_t)got;
	} while ((got > 0 && done < slot->length) || (got < 0 && errno == EINTR));
	return got < 0 ? -errno : (ssize_t)done;
}

/* Sleep until the samples of all slots before this one would have been played. */
static void pace(const struct demo_options *o, const struct wav *wav, size_t bytes, uint64_t *due)
{
	if (o->speed <= 0 || !wav->byte_rate)
		return;
	*due += (uint64_t)((double)bytes / wav->byte_rate / o->speed * 1e9);
	clock_sleep_until(*due);
}

static int commit(const struct demo_options *o, struct ringbuf_writer *writer,
		  struct ringbuf_slot *slot, struct demo_end *end)
{
	demo_saw(end, slot->data, slot->length);
	end->calls++;
	if (o->damage && end->slots == 2)
		((unsigned char *)slot->data)[slot->length / 2] ^= 1;
	return ringbuf_writer_commit(writer, slot, 1);
}

static int write_file(const struct demo_options *o, struct ringbuf_writer *writer,
		      struct demo_end *end, int fd, uint32_t tag, uint64_t *due)
{
	struct ringbuf_slot slot;
	struct wav wav = { 0 };
	bool first = true;
	ssize_t bytes;
	int err;

	for (;;) {
		err = ringbuf_writer_reserve(writer, &slot, 1, RINGBUF_FOREVER);
		if (err < 0)
			return err;
		bytes = fill(fd, &slot);
		if (bytes <= 0) {
			ringbuf_writer_discard(writer);
			return (int)bytes;
		}
		if (first)
			wav_parse(&wav, slot.data, (size_t)bytes);
		first = false;
		slot.length = (size_t)bytes;
		slot.flags = tag;
		err = commit(o, writer, &slot, end);
		if (err)
			return err;
		pace(o, &wav, (size_t)bytes, due);
	}
}

int demo_write(const struct demo_options *o, struct ringbuf_writer *writer, struct demo_end *end)
{
	uint64_t due = clock_now();
	unsigned int i;
	int fd, err;

	for (i = 0; i < o->files; i++) {
		fd = open(o->path[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		err = write_file(o, writer, end, fd, i + 1, &due);
		close(fd);
		if (err)
			return err;
	}
	return ringbuf_writer_done(writer);
}
