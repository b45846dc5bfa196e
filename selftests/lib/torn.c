// SPDX-License-Identifier: GPL-2.0
/*
 * A writer that breaks the rules keeps a lossy reader from each message.  It overwrites them while
 * the reader copies: at each copy of the library, which this program catches, it makes the ring
 * look a lap further.
 */
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

#include "embedded.h"

#define SLOTS	   4
#define SLOT_BYTES 40 /* no other copy has this length */

/* The words of the ring, which the hostile writer maps. */
static struct rb_view view;

/* Copies of a message since the ring moves on at each of them; 0: it does not. */
static uint64_t copies;

/* Let all slots be committed for the next lap, so that the reader has lost what it copied. */
static void move_on(void)
{
	uint64_t pos = view.head->head, i;

	for (i = 0; i < SLOTS; i++, pos++) {
		view.claim[pos % SLOTS] = rb_claim(pos, 1, 1);
		view.desc[pos % SLOTS].length = SLOT_BYTES;
		view.desc[pos % SLOTS].state = rb_state(pos, RINGBUF_COMMITTED);
	}
	view.head->head = pos;
}

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	__real_memcpy(to, from, n);
	if (copies && n == SLOT_BYTES) {
		copies++;
		move_on();
	}
	return to;
}

FIXTURE(torn)
{
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	char bytes[SLOT_BYTES];
};

FIXTURE_SETUP(torn)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(SLOT_BYTES, SLOTS);
	struct ringbuf_policy lossy = { .size = sizeof(lossy), .kind = RINGBUF_LOSSY };
	const struct rb_layout *l;
	struct emb_header *header;
	struct stat st;
	char *ring;
	int fd;

	config.host = RINGBUF_HOST_EMBEDDED;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
	ASSERT_EQ(0, ringbuf_reader_attach_policy(self->ring, RINGBUF_FROM_HEAD, 0, &lossy,
						  &self->reader));
	fd = ringbuf_export(self->ring);
	ASSERT_EQ(0, fstat(fd, &st));
	header = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, header);
	l = &header->layout;
	ring = (char *)header + header->ring;
	rb_view_init(&view, l, ring + l->region[RINGBUF_REGION_INFO].offset,
		     ring + l->region[RINGBUF_REGION_HEAD].offset,
		     ring + l->region[RINGBUF_REGION_SLOTS].offset,
		     ring + l->region[RINGBUF_REGION_CURSOR].offset);
	copies = 0;
	move_on();
	ASSERT_EQ(SLOT_BYTES,
		  ringbuf_reader_read(self->reader, self->bytes, sizeof(self->bytes), RINGBUF_TRY));
	copies = 1;
}

FIXTURE_TEARDOWN(torn)
{
	copies = 0;
	ringbuf_reader_close(self->reader);
	ringbuf_close(self->ring);
}

TEST_F_TIMEOUT(torn, read_that_must_not_wait_returns, 60)
{
	EXPECT_EQ(-EAGAIN,
		  ringbuf_reader_read(self->reader, self->bytes, sizeof(self->bytes), RINGBUF_TRY));
	EXPECT_GT(copies, 2);
}

TEST_F_TIMEOUT(torn, read_with_a_timeout_returns, 60)
{
	EXPECT_EQ(-ETIMEDOUT,
		  ringbuf_reader_read(self->reader, self->bytes, sizeof(self->bytes), 10 * MS));
	EXPECT_GT(copies, 2);
}

/* The slot has a later message, but no writer has claimed it. */
TEST_F_TIMEOUT(torn, wait_for_words_that_make_no_sense_returns, 60)
{
	uint64_t pos = ringbuf_reader_position(self->reader);

	view.desc[pos % SLOTS].state = rb_state(pos + SLOTS, RINGBUF_COMMITTED);
	EXPECT_EQ(-EPROTO, ringbuf_reader_wait(self->reader, 1, RINGBUF_TRY));
	EXPECT_EQ(-EPROTO, ringbuf_reader_wait(self->reader, 1, RINGBUF_FOREVER));
}

LIB_HARNESS_MAIN
