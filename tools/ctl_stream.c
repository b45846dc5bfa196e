// SPDX-License-Identifier: GPL-2.0
/* ringbufctl cat and write: messages between a ring and the standard streams. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/output.h"
#include "common/policy.h"
#include "ctl.h"

/* ---- cat ------------------------------------------------------------------ */

#define FOLLOW_SECONDS 0.05 /* from one check for the next writer to the next */
#define FOLLOW_CHECKS  20 /* checks until the ring's name is checked, too */

#define TELL_NS NS_PER_S /* between two reports of losses that the policy allows */

/**
 * struct cat - a reader of the ring, and what has been reported of it
 * @loses: the policy of the reader lets it lose messages
 * @lost: number of lost messages that have been reported
 * @told: with @loses: time of the last such report, CLOCK_MONOTONIC ns
 * @holes: holes that the reader had skipped when one was reported last
 * @writers_ever: status.writers_ever of the ring when a writer's death was reported last
 * @checks: number of checks for the next writer
 * @failed: messages were lost against the policy, or a writer died
 */
struct cat {
	const struct ctl *c;
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	bool loses;
	uint64_t lost;
	uint64_t holes;
	uint64_t told;
	uint32_t writers_ever;
	unsigned int checks;
	bool failed;
};

static bool show(const struct ctl *c, const char *message, size_t bytes)
{
	fwrite(message, 1, bytes, stdout);
	if (c->lines)
		putchar('\n');
	return output_flush();
}

/* Tell what was lost since the last time.  @last: nothing more will be read. */
static void tell_lost(struct cat *cat, bool last)
{
	uint64_t lost = ringbuf_reader_lost(cat->reader), now;

	if (lost == cat->lost)
		return;
	now = cat->loses ? clock_now() : 0;
	if (cat->loses && cat->told && !last && now - cat->told < TELL_NS)
		return;
	ctl_say(cat->c->name, "%llu messages were lost", (unsigned long long)(lost - cat->lost));
	cat->lost = lost;
	cat->told = now;
	cat->failed |= !cat->loses;
}

/* How a writer ended that left a hole without meaning to; NULL: it meant to, or nobody knows. */
static const char *how_it_ended(const struct ringbuf_hole_status *hole, char text[64])
{
	switch (hole->cause) {
	case RINGBUF_CAUSE_KILLED:
		snprintf(text, 64, "was killed by signal %u", hole->code);
		return text;
	case RINGBUF_CAUSE_EXITED:
		snprintf(text, 64, "exited with status %u", hole->code);
		return text;
	case RINGBUF_CAUSE_UNMAPPED:
		return "gave the ring up";
	case RINGBUF_CAUSE_DIED:
		return "died";
	case RINGBUF_CAUSE_FENCED:
		return "was fenced";
	default:
		return NULL;
	}
}

/* Tell of the last hole, which the writer of a message left that never came. */
static void tell_hole(struct cat *cat)
{
	struct ringbuf_hole_status hole = { .size = sizeof(hole) };
	uint64_t holes = ringbuf_reader_holes(cat->reader);
	char process[CTL_PROCESS_BYTES], text[64];
	const char *how;

	if (holes == cat->holes)
		return;
	cat->holes = holes;
	if (ringbuf_reader_hole(cat->reader, RINGBUF_LAST_HOLE, &hole))
		return;
	how = how_it_ended(&hole, text);
	if (how)
		ctl_say(cat->c->name, "message %llu never came: process %s %s",
			(unsigned long long)hole.position,
			ctl_process(hole.pid, hole.comm, process), how);
}

/* Report, once, that a writer died.  Called at each end of the stream, often with --follow. */
static void tell_dead(struct cat *cat)
{
	struct ringbuf_status status = { .size = sizeof(status) };

	if (ringbuf_stats(cat->ring, &status, NULL, 0) < 0 || status.ended != RINGBUF_STREAM_DIED ||
	    status.writers_ever == cat->writers_ever)
		return;
	ctl_say(cat->c->name, "a writer died");
	cat->writers_ever = status.writers_ever;
	cat->failed = true;
}

/* Return whether cat's reader belongs to @ring, which may be a newer ring of the same name. */
static bool reads(const struct cat *cat, struct ringbuf *ring)
{
	struct ringbuf_reader_status *r = calloc(RINGBUF_MAX_READERS, sizeof(*r));
	struct ringbuf_status status = { .size = sizeof(status) };
	int n = r ? ringbuf_stats(ring, &status, r, RINGBUF_MAX_READERS) : -ENOMEM, i;
	bool found = n < 0; /* on an error it is not known, and cat continues */

	for (i = 0; i < n && !found; i++)
		found = r[i].id == ringbuf_reader_id(cat->reader) && r[i].pid == getpid();
	free(r);
	return found;
}

/*
 * The stream has ended, and nothing wakes a reader when the next writer attaches, so sleep until
 * the next check.  Return false without --follow, or if the name was removed or leads to another
 * ring by now, since then no writer finds this ring any more.
 */
static bool follow(struct cat *cat)
{
	const struct ctl *c = cat->c;
	struct ringbuf *ring;
	bool found;
	int err;

	if (!c->follow)
		return false;
	ctl_pause(FOLLOW_SECONDS);
	if (++cat->checks % FOLLOW_CHECKS)
		return true;
	err = ringbuf_open(c->name, c->host, &ring);
	if (err)
		return err != -ENOENT;
	found = reads(cat, ring);
	ringbuf_close(ring);
	return found;
}

/* Copy each message before printing it: after a sync a writer may overwrite it in place. */
static int cat(struct cat *cat, char *message, size_t slot_bytes)
{
	uint64_t n = 0;
	ssize_t bytes;

	while (n < cat->c->count) {
		bytes = ringbuf_reader_read(cat->reader, message, slot_bytes, RINGBUF_FOREVER);
		tell_lost(cat, bytes < 0);
		tell_hole(cat);
		if (bytes == -ENODATA) {
			tell_dead(cat);
			if (!follow(cat))
				break;
			continue;
		}
		if (bytes < 0)
			return ctl_fail_at(cat->c, ERROR_USE, (int)bytes, cat->ring);
		if (!show(cat->c, message, (size_t)bytes))
			return CTL_EXIT_FAILED;
		n++;
	}
	tell_lost(cat, true);
	return cat->failed ? CTL_EXIT_FAILED : 0;
}

/* Become a reader, with the ring's policy if the command line gives none. */
static int attach(struct cat *cat)
{
	const struct ctl *c = cat->c;
	uint64_t position = c->start == RINGBUF_FROM_POSITION ? c->position : 0;

	if (c->own_policy)
		return ringbuf_reader_attach_policy(cat->ring, c->start, position, &c->policy,
						    &cat->reader);
	return ringbuf_reader_attach(cat->ring, c->start, position, &cat->reader);
}

static int cat_ring(const struct ctl *c, struct ringbuf *ring)
{
	struct cat it = { .c = c, .ring = ring };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	char *message;
	int err;

	ringbuf_get_geometry(ring, &geometry);
	message = malloc(geometry.slot_bytes);
	if (!message)
		return ctl_fail("memory for one slot", -ENOMEM);
	it.loses = policy_loses(c->own_policy ? c->policy.kind : geometry.policy);
	err = attach(&it);
	if (err) {
		err = ctl_fail_at(c, ERROR_READER, err, ring);
	} else {
		err = cat(&it, message, geometry.slot_bytes);
		ringbuf_reader_close(it.reader);
	}
	free(message);
	return err;
}

int ctl_cat(const struct ctl *c)
{
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	err = cat_ring(c, ring);
	ringbuf_close(ring);
	return err;
}

/* ---- write ---------------------------------------------------------------- */

#define WAIT_SECONDS 0.02 /* from one count of the readers to the next */

/* Read @size bytes of stdin, fewer only at its end.  Return the number of bytes, or -errno. */
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

/**
 * struct output - a writer of the ring
 * @slot_bytes: size of a slot
 * @messages: number of messages written
 */
struct output {
	const struct ctl *c;
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	size_t slot_bytes;
	uint64_t messages;
};

static int put(struct output *o, const char *message, size_t bytes)
{
	int err = ringbuf_writer_write(o->writer, message, bytes, RINGBUF_FOREVER);

	if (!err)
		o->messages++;
	return err;
}

/*
 * Read stdin into a buffer, not into a reserved slot: a slow stdin would make readers wait for that
 * slot, although other writers have filled later ones.
 */
static int write_slots(struct output *o)
{
	char *message = malloc(o->slot_bytes);
	ssize_t n;
	int err;

	if (!message)
		return ctl_fail("memory for one slot", -ENOMEM);
	do {
		n = fill(message, o->slot_bytes);
		err = n > 0 ? put(o, message, (size_t)n) : 0;
	} while (n > 0 && !err);
	free(message);
	if (n < 0)
		return ctl_fail("stdin", (int)n);
	return err ? ctl_fail_at(o->c, ERROR_USE, err, o->ring) : 0;
}

static int write_lines(struct output *o)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int err = 0;

	while (!err && (n = getline(&line, &room, stdin)) >= 0) {
		if (n && line[n - 1] == '\n')
			n--;
		err = put(o, line, (size_t)n);
	}
	if (!err && ferror(stdin))
		err = ctl_fail("stdin", -errno);
	else if (err == -EMSGSIZE)
		ctl_say(o->c->name, "Message too long: line %llu has %zd bytes, a slot holds %zu",
			(unsigned long long)o->messages + 1, n, o->slot_bytes);
	else if (err)
		ctl_fail_at(o->c, ERROR_USE, err, o->ring);
	free(line);
	return err ? CTL_EXIT_FAILED : 0;
}

/*
 * Wait until as many readers as --wait-readers says are attached, and set @readers to their
 * number.  The caller has attached the writer before, so that these readers find an open stream.
 */
static int wait_for_readers(const struct output *o, uint32_t *readers)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	int err;

	for (;;) {
		err = ringbuf_stats(o->ring, &status, NULL, 0);
		if (err < 0)
			return err;
		*readers = status.readers;
		if (status.readers >= o->c->wait_readers)
			return 0;
		ctl_pause(WAIT_SECONDS);
	}
}

static int write_all(struct output *o, uint64_t slots)
{
	uint32_t readers;
	int err = wait_for_readers(o, &readers);

	if (err)
		return ctl_fail_at(o->c, ERROR_USE, err, o->ring);
	err = o->c->lines ? write_lines(o) : write_slots(o);
	if (!readers && o->messages > slots)
		ctl_say(o->c->name,
			"no reader was attached at the start: of %llu messages the ring keeps %llu at "
			"most for one that comes later (--wait-readers=1 waits for it)",
			(unsigned long long)o->messages, (unsigned long long)slots);
	return err;
}

static int write_ring(const struct ctl *c, struct ringbuf *ring)
{
	struct output o = { .c = c, .ring = ring };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	int err;

	ringbuf_get_geometry(ring, &geometry);
	o.slot_bytes = geometry.slot_bytes;
	if (c->wait_readers > geometry.max_readers) {
		ctl_say(c->name,
			"--wait-readers=%u: it was created for %u readers at a time (--max-readers)",
			c->wait_readers, geometry.max_readers);
		return CTL_EXIT_FAILED;
	}
	err = ringbuf_writer_attach(ring, &o.writer);
	if (err)
		return ctl_fail_at(c, ERROR_WRITER, err, ring);
	err = write_all(&o, geometry.slot_count);
	ringbuf_writer_done(o.writer);
	ringbuf_writer_close(o.writer);
	return err;
}

int ctl_write(const struct ctl *c)
{
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	err = write_ring(c, ring);
	ringbuf_close(ring);
	return err;
}
