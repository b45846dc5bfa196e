// SPDX-License-Identifier: GPL-2.0
/*
 * Order under load, by all ways at once: writers use write(2) or maps, readers use
 * read(2), poll and read(2), or maps.  Each message carries writer, number and checksum.
 * Every reader gets every message whole and in its writer's order, and all readers see
 * the same sequence.
 */
#include "../harness/harness.h"
#include "../harness/device.h"
#include "../harness/message.h"
#include <ringbuf.h>

#define MOST 8
#define SLOT 300

enum way { BY_CALL, BY_POLL, BY_MAP, WAYS };

/* The state of a run: each process takes the next number, which chooses its way. */
struct stage {
	char name[64];
	unsigned int writers;
	unsigned int readers;
	uint64_t count;
	uint32_t next_writer;
	uint32_t next_reader;
	uint32_t attached;
	int gate;
	uint64_t order[MOST];
};

FIXTURE(order)
{
	struct stage *stage;
	int owner;
};

FIXTURE_VARIANT(order)
{
	uint32_t flags;
	unsigned int writers;
	unsigned int readers;
	uint64_t slots;
};

FIXTURE_VARIANT_ADD(order, one_slot){ 0, 2, 3, 1 };
FIXTURE_VARIANT_ADD(order, three_slots){ 0, 3, 3, 3 };
FIXTURE_VARIANT_ADD(order, ten_slots){ 0, 4, 3, 10 };
FIXTURE_VARIANT_ADD(order, many_slots){ 0, 4, 6, 1000 };
FIXTURE_VARIANT_ADD(order, exclusive){ RINGBUF_CREATE_EXCLUSIVE, 1, 6, 10 };

FIXTURE_SETUP(order)
{
	self->stage = shared_memory(sizeof(*self->stage));
	snprintf(self->stage->name, sizeof(self->stage->name), RINGS "/selftest-%d-order",
		 getpid());
	self->stage->writers = variant->writers;
	self->stage->readers = variant->readers;
	self->stage->count = often(20000);
	self->owner = file_make(self->stage->name, variant->flags, SLOT, variant->slots);
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(order)
{
	close(self->owner);
}

static size_t length_of(uint64_t number)
{
	return sizeof(struct message) + number * 11 % (SLOT - sizeof(struct message) + 1);
}

/* ---- writers ---------------------------------------------------------------------- */

/* A writer or reader: a descriptor, or with BY_MAP a handle of the library. */
struct end {
	enum way way;
	int fd;
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
};

static int end_open(struct end *e, const char *name, uint32_t role, enum way way)
{
	*e = (struct end){ .way = way };
	if (way == BY_MAP)
		return ringbuf_open(name, RINGBUF_HOST_MODULE, &e->ring);
	e->fd = file_attach(name, role);
	return e->fd < 0 ? e->fd : 0;
}

static int order_writer(void *arg)
{
	struct stage *st = arg;
	uint32_t me = __atomic_fetch_add(&st->next_writer, 1, __ATOMIC_SEQ_CST);
	char text[SLOT];
	struct end e;
	uint64_t n;

	CHECK_EQ(0, end_open(&e, st->name, RINGBUF_ROLE_WRITER, me % 2 ? BY_MAP : BY_CALL));
	if (e.ring)
		CHECK_EQ(0, ringbuf_writer_attach(e.ring, &e.writer));
	/* Wait for all processes, or a late writer could find the stream ended. */
	__atomic_add_fetch(&st->attached, 1, __ATOMIC_SEQ_CST);
	UNTIL(FLAG_GET(st->gate));
	for (n = 0; n < st->count; n++) {
		size_t length = length_of(n);

		message_make(text, me, n, length);
		if (e.writer)
			CHECK_EQ(0, ringbuf_writer_write(e.writer, text, length, PATIENCE));
		else
			CHECK_EQ(length, write(e.fd, text, length));
	}
	return 0;
}

/* ---- readers ---------------------------------------------------------------------- */

static ssize_t read_message(struct end *e, char *text)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN };

	if (e->way == BY_MAP)
		return ringbuf_reader_read(e->reader, text, SLOT, PATIENCE);
	if (e->way == BY_POLL && poll(&p, 1, 60000) != 1)
		return -ETIMEDOUT;
	return read(e->fd, text, SLOT);
}

static int order_reader(void *arg)
{
	struct stage *st = arg;
	uint32_t me = __atomic_fetch_add(&st->next_reader, 1, __ATOMIC_SEQ_CST);
	uint64_t next[MOST] = { 0 }, order = 0, total;
	char text[SLOT];
	struct message m;
	struct end e;

	CHECK_EQ(0, end_open(&e, st->name, RINGBUF_ROLE_READER, (enum way)(me % WAYS)));
	if (e.ring)
		CHECK_EQ(0, ringbuf_reader_attach(e.ring, RINGBUF_FROM_HEAD, 0, &e.reader));
	__atomic_add_fetch(&st->attached, 1, __ATOMIC_SEQ_CST);
	for (total = 0; total < st->writers * st->count; total++) {
		ssize_t length = read_message(&e, text);

		CHECK(length > 0);
		CHECK(message_whole(text, (size_t)length, &m));
		CHECK(m.writer < st->writers);
		CHECK_EQ(next[m.writer], m.number);
		CHECK_EQ(length_of(m.number), length);
		next[m.writer]++;
		order = message_mix(order * 31 + m.writer + 1);
	}
	CHECK(read_message(&e, text) == (e.way == BY_MAP ? -ENODATA : 0));
	st->order[me] = order;
	return 0;
}

TEST_F(order, every_reader_gets_all_messages_in_one_order)
{
	struct stage *st = self->stage;
	unsigned int i, all = st->readers + st->writers;
	pid_t pid[2 * MOST];

	for (i = 0; i < all; i++)
		pid[i] = child_start(i < st->readers ? order_reader : order_writer, st);
	UNTIL(FLAG_GET(st->attached) == all);
	FLAG_SET(st->gate);
	for (i = 0; i < all; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	for (i = 1; i < st->readers; i++)
		EXPECT_EQ(st->order[0], st->order[i]);
	EXPECT_EQ(st->count * st->writers, stats_of(self->owner).head);
}

DEVICE_HARNESS_MAIN
