/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The young: they open, create, attach, use for the first time, leave, close and
 * unlink over and over, so that a kill finds them at one of these.
 */
#ifndef SELFTESTS_YOUNG_H
#define SELFTESTS_YOUNG_H

#include "lives.h"

/* A writer of its own for each batch; the numbers go on. */
static int young_writes(struct arena *a, struct ringbuf *ring, uint32_t me, uint64_t *number)
{
	unsigned int count = 1 + (unsigned int)(message_mix(*number + me) % KILL_BATCH);
	struct ringbuf_writer *writer = writer_attach(ring);

	CHECK(writer);
	CHECK(!write_batch(writer, me, *number, count));
	*number += count;
	__atomic_store_n(&a->life[me].committed, *number, __ATOMIC_RELEASE);
	if (*number % 2)
		CHECK_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	return 0;
}

static int young_reads(struct ringbuf *ring, enum ringbuf_start start)
{
	struct ringbuf_reader *reader;
	struct ringbuf_slot s;
	struct message m;
	int n;

	CHECK_EQ(0, ringbuf_reader_attach(ring, start, 0, &reader));
	n = ringbuf_reader_peek(reader, &s, 1, RINGBUF_TRY);
	CHECK(n == 1 || n == -EAGAIN || n == -ENODATA);
	if (n == 1) {
		CHECK(message_whole(s.data, s.length, &m));
		CHECK_EQ(0, ringbuf_reader_release(reader, 1));
	}
	ringbuf_reader_close(reader);
	return 0;
}

/* One of them at a time has this name: the name of a dead one is free again. */
static int young_names(const struct arena *a, bool unlinks)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 3);
	struct ringbuf *ring, *other;

	config.name = a->second;
	CHECK_EQ(0, ringbuf_create(&config, &ring));
	CHECK_EQ(-EEXIST, ringbuf_create(&config, &other));
	CHECK_EQ(0, ringbuf_open(a->second, RINGBUF_HOST_AUTO, &other));
	if (unlinks)
		CHECK_EQ(0, ringbuf_unlink(a->second, RINGBUF_HOST_AUTO));
	ringbuf_close(other);
	ringbuf_close(ring);
	CHECK_EQ(-ENOENT, ringbuf_open(a->second, RINGBUF_HOST_AUTO, &other));
	return 0;
}

static int young_life(struct arena *a, struct place *place)
{
	uint32_t me = __atomic_fetch_add(&a->lives, 1, __ATOMIC_SEQ_CST);
	struct ringbuf *ring;
	uint64_t number = 0;
	unsigned int turn;

	CHECK(me < KILL_LIVES);
	FLAG_SET(place->alive);
	for (turn = 0;; turn++) {
		CHECK_EQ(0, ringbuf_open(a->name, RINGBUF_HOST_AUTO, &ring));
		CHECK(!young_writes(a, ring, me, &number));
		CHECK(!young_reads(ring, turn % 2 ? RINGBUF_FROM_HEAD : RINGBUF_FROM_OLDEST));
		ringbuf_close(ring);
		CHECK(!young_names(a, turn % 2));
		/* By the handle that its parent had made. */
		CHECK(!young_writes(a, a->ring, me, &number));
	}
	return 0;
}

#endif
