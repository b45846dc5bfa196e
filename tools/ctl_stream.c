// SPDX-License-Identifier: GPL-2.0
/* ringbufctl cat and write: messages between a ring and the standard streams. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/output.h"
#include "ctl.h"

/* ---- cat ------------------------------------------------------------------ */

static bool show(const struct ctl *c, const struct ringbuf_slot *slot)
{
	fwrite(slot->data, 1, slot->length, stdout);
	if (c->lines)
		putchar('\n');
	return output_flush();
}

/* What the reader has lost, and how the stream has ended. */
static int cat_ended(const struct ctl *c, struct ringbuf *ring, const struct ringbuf_reader *reader)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	uint64_t lost = ringbuf_reader_lost(reader);
	int ret = 0;

	if (lost) {
		ctl_say(c->name, "%llu messages were lost", (unsigned long long)lost);
		ret = CTL_EXIT_FAILED;
	}
	if (ringbuf_stats(ring, &status, NULL, 0) >= 0 && status.ended == RINGBUF_STREAM_DIED) {
		ctl_say(c->name, "a writer died");
		ret = CTL_EXIT_FAILED;
	}
	return ret;
}

static int cat(const struct ctl *c, struct ringbuf *ring, struct ringbuf_reader *reader)
{
	struct ringbuf_slot slot;
	uint64_t n;
	int err;

	for (n = 0; n < c->count; n++) {
		err = ringbuf_reader_peek(reader, &slot, 1, RINGBUF_FOREVER);
		if (err == -ENODATA)
			return cat_ended(c, ring, reader);
		if (err < 0)
			return ctl_fail_at(c, ERROR_USE, err, ring);
		if (!show(c, &slot))
			return CTL_EXIT_FAILED;
		err = ringbuf_reader_release(reader, 1);
		if (err)
			return ctl_fail_at(c, ERROR_USE, err, ring);
	}
	return 0;
}

int ctl_cat(const struct ctl *c)
{
	struct ringbuf_reader *reader;
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	err = ringbuf_reader_attach(ring, c->start,
				    c->start == RINGBUF_FROM_POSITION ? c->position : 0, &reader);
	if (err) {
		err = ctl_fail_at(c, ERROR_READER, err, ring);
	} else {
		err = cat(c, ring, reader);
		ringbuf_reader_close(reader);
	}
	ringbuf_close(ring);
	return err;
}

/* ---- write ---------------------------------------------------------------- */

/* As much as fits, less only at the end; -errno. */
static ssize_t fill(char *to, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = read(STDIN_FILENO, to + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* Not into the slot itself: a message that takes its time must not hold up other writers'. */
static int write_slots(const struct ctl *c, struct ringbuf *ring, struct ringbuf_writer *writer,
		       size_t slot_bytes)
{
	char *message = malloc(slot_bytes);
	ssize_t n;
	int err;

	if (!message)
		return ctl_fail("memory for one slot", -ENOMEM);
	do {
		n = fill(message, slot_bytes);
		err = n > 0 ? ringbuf_writer_write(writer, message, (size_t)n, RINGBUF_FOREVER) : 0;
	} while (n > 0 && !err);
	free(message);
	if (n < 0)
		return ctl_fail("stdin", (int)n);
	return err ? ctl_fail_at(c, ERROR_USE, err, ring) : 0;
}

static int write_lines(const struct ctl *c, struct ringbuf *ring, struct ringbuf_writer *writer,
		       size_t slot_bytes)
{
	unsigned long long number = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int err = 0;

	while (!err && (n = getline(&line, &room, stdin)) >= 0) {
		if (n && line[n - 1] == '\n')
			n--;
		err = ringbuf_writer_write(writer, line, (size_t)n, RINGBUF_FOREVER);
		number++;
	}
	if (!err && ferror(stdin))
		err = ctl_fail("stdin", -errno);
	else if (err == -EMSGSIZE)
		ctl_say(c->name, "Message too long: line %llu has %zd bytes, a slot holds %zu",
			number, n, slot_bytes);
	else if (err)
		ctl_fail_at(c, ERROR_USE, err, ring);
	free(line);
	return err ? CTL_EXIT_FAILED : 0;
}

static int write_ring(const struct ctl *c, struct ringbuf *ring, struct ringbuf_writer *writer)
{
	struct ringbuf_geometry geometry;

	ringbuf_geometry(ring, &geometry);
	return c->lines ? write_lines(c, ring, writer, geometry.slot_bytes)
			: write_slots(c, ring, writer, geometry.slot_bytes);
}

int ctl_write(const struct ctl *c)
{
	struct ringbuf_writer *writer;
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	err = ringbuf_writer_attach(ring, &writer);
	if (err) {
		err = ctl_fail_at(c, ERROR_WRITER, err, ring);
	} else {
		err = write_ring(c, ring, writer);
		ringbuf_writer_done(writer);
		ringbuf_writer_close(writer);
	}
	ringbuf_close(ring);
	return err;
}
