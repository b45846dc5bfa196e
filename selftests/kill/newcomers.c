// SPDX-License-Identifier: GPL-2.0
/*
 * A newcomer opens and creates rings, attaches, uses handles for the first time, closes them
 * and unlinks names, again and again, so that a kill hits it during one of these calls.
 */
#include "kill.h"

/* Attach a writer, write a batch whose first message is *number, and close the writer. */
static int newcomer_writes(struct arena *a, struct ringbuf *ring, uint32_t me, uint64_t *number)
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

static int newcomer_reads(struct ringbuf *ring, enum ringbuf_start start)
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

/* Create a ring with the newcomers' name, which is free again when the last of them has died. */
static int newcomer_names(const struct arena *a, bool unlinks)
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

int newcomer_run(struct arena *a, struct victim *v)
{
	uint32_t me = __atomic_fetch_add(&a->lives, 1, __ATOMIC_SEQ_CST);
	struct ringbuf *ring;
	uint64_t number = 0;
	unsigned int turn;

	CHECK(me < KILL_LIVES);
	FLAG_SET(v->alive);
	for (turn = 0;; turn++) {
		CHECK_EQ(0, ringbuf_open(a->name, RINGBUF_HOST_AUTO, &ring));
		CHECK(!newcomer_writes(a, ring, me, &number));
		CHECK(!newcomer_reads(ring, turn % 2 ? RINGBUF_FROM_HEAD : RINGBUF_FROM_OLDEST));
		ringbuf_close(ring);
		CHECK(!newcomer_names(a, turn % 2));
		/* Write by the ring handle that this process inherited, too. */
		CHECK(!newcomer_writes(a, a->ring, me, &number));
	}
	return 0;
}
