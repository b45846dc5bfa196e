// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of victims.  To add one, write what comes before it and the operation
 * itself, and add a row to the table.  A message counts in a->begun before it may be
 * committed, and in a->committed when it has been.
 */
#include "descriptors.h"

/* ---- what victims do at full speed ------------------------------------------------------ */

int be_ready(struct victim *v)
{
	SET(v->a->ready, 1);
	notify(&v->a->progress);
	return 0;
}

static size_t length_of(uint64_t number)
{
	return sizeof(struct message) + (number * 11 + 5) % (STEPS_SLOT - sizeof(struct message));
}

static int take(struct victim *v, unsigned int count, int64_t timeout)
{
	int n = ringbuf_writer_reserve(v->writer, v->slot, count, timeout);

	CHECK_EQ(count, n);
	v->reserved = count;
	return 0;
}

void draft(struct victim *v, unsigned int count)
{
	unsigned int k;

	for (k = 0; k < count; k++) {
		uint64_t number = v->a->begun + k;

		v->length[k] = length_of(number);
		message_make(v->text[k], v->a->life, number, v->length[k]);
	}
}

static void fill(struct victim *v, unsigned int count)
{
	unsigned int k;

	for (k = 0; k < count; k++) {
		v->slot[k].length = v->length[k];
		memcpy(v->slot[k].data, v->text[k], v->length[k]);
	}
}

static int publish(struct victim *v, unsigned int count)
{
	int err;

	SET(v->a->begun, v->a->begun + count);
	err = ringbuf_writer_commit(v->writer, v->slot, count);
	v->reserved = 0;
	if (!err)
		SET(v->a->committed, v->a->committed + count);
	return err;
}

static int write_draft(struct victim *v, int64_t timeout)
{
	int err;

	SET(v->a->begun, v->a->begun + 1);
	err = ringbuf_writer_write(v->writer, v->text[0], v->length[0], timeout);
	if (err)
		SET(v->a->begun, v->a->begun - 1);
	else
		SET(v->a->committed, v->a->committed + 1);
	return err;
}

static int write_one(struct victim *v, int64_t timeout)
{
	draft(v, 1);
	return write_draft(v, timeout);
}

static int with_a_draft(struct victim *v)
{
	draft(v, 1);
	return 0;
}

static int become_writer(struct victim *v)
{
	CHECK_EQ(0, ringbuf_writer_attach(v->a->ring, &v->writer));
	CHECK_EQ(0, write_one(v, HANG_NS));
	draft(v, STEPS_BATCH);
	return be_ready(v);
}

static int attach_reader(struct victim *v)
{
	struct ringbuf_policy policy = { .size = sizeof(policy),
					 .kind = v->a->policy,
					 .timeout = v->a->policy_timeout };

	CHECK_EQ(0, ringbuf_reader_attach_policy(v->a->ring, RINGBUF_FROM_HEAD, 0, &policy,
						 &v->reader));
	v->first = ringbuf_reader_position(v->reader);
	return 0;
}

static int become_reader(struct victim *v)
{
	struct ringbuf_slot s;

	CHECK(!attach_reader(v));
	CHECK_EQ(-EAGAIN, ringbuf_reader_peek(v->reader, &s, 1, RINGBUF_TRY));
	return be_ready(v);
}

/* The driver fills the ring when the reader is ready. */
static int become_reader_of_a_full_ring(struct victim *v)
{
	CHECK(!become_reader(v));
	CHECK_EQ(0, ringbuf_reader_wait(v->reader, STEPS_SLOTS, HANG_NS));
	return 0;
}

/* Whether a reader that was stopped gets @n instead of all that the full ring had. */
static bool may_lose(const struct victim *v, int n)
{
	return v->a->policy && (n > 0 || (n == -EIDRM && v->a->policy == RINGBUF_EVICT));
}

static int look(struct victim *v, unsigned int count)
{
	int n = ringbuf_reader_peek(v->reader, v->slot, count, RINGBUF_TRY);

	CHECK(n == (int)count || may_lose(v, n));
	v->few = n > 0 && n < (int)count;
	v->peeked = n > 0 ? (unsigned int)n : 0;
	return 0;
}

/* What is lost is no message, so nobody looks at it. */
static int let_go(struct victim *v, unsigned int count)
{
	int err = ringbuf_reader_release(v->reader, count);

	CHECK(!err || (v->a->policy && err == -ESTALE));
	v->peeked = err ? 0 : v->peeked - count;
	v->consumed += err ? 0 : count;
	v->stale = err;
	return 0;
}

/* ---- writers ------------------------------------------------------------------------------ */

static int with_one_reserved(struct victim *v)
{
	CHECK(!become_writer(v));
	CHECK(!take(v, 1, HANG_NS));
	fill(v, 1);
	return 0;
}

static int with_five_reserved(struct victim *v)
{
	CHECK(!become_writer(v));
	CHECK(!take(v, STEPS_BATCH, HANG_NS));
	fill(v, STEPS_BATCH);
	return 0;
}

static int reserve(struct victim *v)
{
	return take(v, 1, HANG_NS);
}

static int reserve_five(struct victim *v)
{
	return take(v, STEPS_BATCH, HANG_NS);
}

static int commit(struct victim *v)
{
	CHECK_EQ(0, publish(v, 1));
	return 0;
}

static int commit_five(struct victim *v)
{
	CHECK_EQ(0, publish(v, STEPS_BATCH));
	return 0;
}

static int commit_three_of_five(struct victim *v)
{
	CHECK_EQ(0, publish(v, 3));
	return 0;
}

static int discard(struct victim *v)
{
	v->reserved = 0;
	CHECK_EQ(0, ringbuf_writer_discard(v->writer));
	return 0;
}

static int write_message(struct victim *v)
{
	CHECK_EQ(0, write_draft(v, HANG_NS));
	return 0;
}

static int writev_message(struct victim *v)
{
	const struct iovec part[2] = {
		{ .iov_base = v->text[0], .iov_len = 10 },
		{ .iov_base = v->text[0] + 10, .iov_len = v->length[0] - 10 },
	};

	SET(v->a->begun, v->a->begun + 1);
	CHECK_EQ(0, ringbuf_writer_writev(v->writer, part, 2, HANG_NS));
	SET(v->a->committed, v->a->committed + 1);
	return 0;
}

/*
 * What a victim waits for that may have been fenced: nothing, since the ring is kept full
 * until it has ended.
 */
static int64_t patience(const struct victim *v)
{
	return v->a->fate == FATE_FENCE ? RINGBUF_TRY : HANG_NS;
}

/* Whether a victim may fail so: it is fenced, or has not been and finds the ring full. */
static bool may_fail(const struct victim *v, int err)
{
	return v->a->fate == FATE_FENCE && (err == -ESTALE || err == -EAGAIN);
}

/* What a fence hits: all from reserve to commit. */
static int in_place(struct victim *v, unsigned int count)
{
	int n = ringbuf_writer_reserve(v->writer, v->slot, count, patience(v)), err;

	if (may_fail(v, n))
		return 0;
	CHECK_EQ(count, n);
	fill(v, count);
	err = publish(v, count);
	CHECK(!err || (may_fail(v, err) && err == -ESTALE));
	return 0;
}

static int in_place_one(struct victim *v)
{
	return in_place(v, 1);
}

static int in_place_three(struct victim *v)
{
	return in_place(v, 3);
}

static int done(struct victim *v)
{
	struct ringbuf_writer *writer = v->writer;

	CHECK_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	v->writer = NULL;
	return 0;
}

static int writer_close(struct victim *v)
{
	struct ringbuf_writer *writer = v->writer;

	v->writer = NULL;
	v->reserved = 0;
	ringbuf_writer_close(writer);
	return 0;
}

static int writer_attach(struct victim *v)
{
	CHECK_EQ(0, ringbuf_writer_attach(v->a->ring, &v->writer));
	CHECK_EQ(0, write_draft(v, HANG_NS));
	return 0;
}

static int inherit_writer(struct victim *v)
{
	CHECK_EQ(0, ringbuf_writer_attach(v->a->ring, &v->writer));
	return 0;
}

static int inherit_reader(struct victim *v)
{
	return attach_reader(v);
}

/* The surviving reader keeps the ring full. */
static int with_a_full_ring(struct victim *v)
{
	int err;

	CHECK_EQ(0, ringbuf_writer_attach(v->a->ring, &v->writer));
	ringbuf_writer_spin(v->writer, 0);
	do {
		err = write_one(v, RINGBUF_TRY);
	} while (!err);
	CHECK_EQ(-EAGAIN, err);
	return be_ready(v);
}

static int writer_wait(struct victim *v)
{
	return take(v, 1, HANG_NS);
}

/* ---- readers ------------------------------------------------------------------------------ */

static int with_one_peeked(struct victim *v)
{
	CHECK(!become_reader_of_a_full_ring(v));
	return look(v, 1);
}

static int with_five_peeked(struct victim *v)
{
	CHECK(!become_reader_of_a_full_ring(v));
	return look(v, STEPS_BATCH);
}

static int peek(struct victim *v)
{
	return look(v, 1);
}

static int peek_five(struct victim *v)
{
	return look(v, STEPS_BATCH);
}

static int release(struct victim *v)
{
	return let_go(v, 1);
}

static int release_five(struct victim *v)
{
	return let_go(v, STEPS_BATCH);
}

static int read_message(struct victim *v)
{
	ssize_t n = ringbuf_reader_read(v->reader, v->text[0], STEPS_SLOT, RINGBUF_TRY);

	CHECK(n > 0 || may_lose(v, (int)n));
	v->length[0] = n > 0 ? (size_t)n : 0;
	v->consumed += n > 0;
	return 0;
}

static int reader_close(struct victim *v)
{
	struct ringbuf_reader *reader = v->reader;

	v->reader = NULL;
	v->peeked = 0;
	ringbuf_reader_close(reader);
	return 0;
}

static int reader_use(struct victim *v)
{
	int n = ringbuf_reader_peek(v->reader, v->slot, 1, RINGBUF_TRY);

	/* The survivor may have written if this victim was stopped. */
	CHECK(n == -EAGAIN || n == 1 || may_lose(v, n));
	v->peeked = n == 1;
	return 0;
}

static int reader_attach(struct victim *v)
{
	CHECK(!attach_reader(v));
	return reader_use(v);
}

static int with_an_empty_ring(struct victim *v)
{
	CHECK(!become_reader(v));
	ringbuf_reader_spin(v->reader, 0);
	return 0;
}

static int reader_wait(struct victim *v)
{
	int err = ringbuf_reader_wait(v->reader, 1, HANG_NS);

	CHECK(!err || may_lose(v, err));
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define OP(text, first, then, ...)                                       \
	{                                                                \
		.name = text, .prepare = first, .run = then, __VA_ARGS__ \
	}

const struct operation operations[] = {
	OP("reserve", become_writer, reserve),
	OP("reserve 5", become_writer, reserve_five),
	OP("commit", with_one_reserved, commit),
	OP("commit 5", with_five_reserved, commit_five),
	OP("commit 3 of 5", with_five_reserved, commit_three_of_five, .discards = true),
	OP("discard", with_one_reserved, discard, .discards = true),
	OP("discard 5", with_five_reserved, discard, .discards = true),
	OP("write", become_writer, write_message),
	OP("writev", become_writer, writev_message),
	OP("write in place", become_writer, in_place_one, .claims = true),
	OP("write 3 in place", become_writer, in_place_three, .claims = true),
	OP("done", become_writer, done, .leaves = true),
	OP("writer attach", with_a_draft, writer_attach, .attaches = true),
	OP("writer close", become_writer, writer_close, .leaves = true),
	OP("writer close with 5 reserved", with_five_reserved, writer_close, .discards = true,
	   .leaves = true),
	OP("writer after fork", with_a_draft, write_message, .inherit = inherit_writer),
	OP("writer wait", with_a_full_ring, writer_wait, .waker = WAKER_READER),
	OP("peek", become_reader_of_a_full_ring, peek, .reader = true),
	OP("peek 5", become_reader_of_a_full_ring, peek_five, .reader = true),
	OP("release", with_one_peeked, release, .reader = true),
	OP("release 5", with_five_peeked, release_five, .reader = true),
	OP("read", become_reader_of_a_full_ring, read_message, .reader = true),
	OP("reader attach", be_ready, reader_attach, .reader = true, .empty = true),
	OP("reader close", become_reader_of_a_full_ring, reader_close, .reader = true),
	OP("reader close with 5 peeked", with_five_peeked, reader_close, .reader = true),
	OP("reader after fork", be_ready, reader_use, .inherit = inherit_reader, .reader = true,
	   .empty = true),
	OP("reader wait", with_an_empty_ring, reader_wait, .reader = true, .empty = true,
	   .waker = WAKER_WRITER),
	OP("write(2)", with_a_descriptor_to_write, descriptor_write, .module = true),
	OP("write(2) that waits", with_a_descriptor_of_a_full_ring, descriptor_write,
	   .module = true, .waker = WAKER_READER),
	OP("splice(2) into the ring", with_a_descriptor_and_a_pipe, descriptor_splice_in,
	   .module = true),
	OP("read(2)", with_a_descriptor_to_read, descriptor_read, .module = true, .reader = true),
	OP("read(2) that waits", with_a_descriptor_of_an_empty_ring, descriptor_read,
	   .module = true, .reader = true, .empty = true, .waker = WAKER_WRITER),
	OP("splice(2) out of the ring", with_a_descriptor_to_read, descriptor_splice_out,
	   .module = true, .reader = true),
	OP("splice(2) that waits", with_a_descriptor_of_an_empty_ring, descriptor_splice_out,
	   .module = true, .reader = true, .empty = true, .waker = WAKER_WRITER),
};

const unsigned int operation_count = sizeof(operations) / sizeof(*operations);

/* ---- the end of a victim that was continued ----------------------------------------------------
 */

static int writer_finish(struct victim *v)
{
	int err;

	if (v->reserved) {
		draft(v, v->reserved);
		fill(v, v->reserved);
		CHECK_EQ(0, publish(v, v->reserved));
	}
	err = write_one(v, patience(v));
	CHECK(!err || may_fail(v, err));
	ringbuf_writer_close(v->writer);
	return 0;
}

/* Check what was peeked, unless the reader has lost it. */
static int reader_release_whole(struct victim *v)
{
	bool whole[STEPS_SLOTS];
	struct message m;
	unsigned int n = v->peeked, k;

	for (k = 0; k < n; k++)
		whole[k] = message_whole(v->slot[k].data, v->slot[k].length, &m);
	CHECK(!let_go(v, n));
	for (k = 0; k < n; k++)
		CHECK(whole[k] || v->stale);
	return 0;
}

/* Check that the reader continues where it was, or is told how many messages it has lost. */
static int reader_continues(struct victim *v)
{
	int n = ringbuf_reader_peek(v->reader, v->slot, STEPS_SLOTS, RINGBUF_TRY);

	if (n < 0 && may_lose(v, n))
		return 0;
	CHECK(!v->few || ringbuf_reader_lost(v->reader));
	if (n == -EAGAIN)
		return 0;
	CHECK(n > 0);
	CHECK_EQ(v->first + v->consumed + ringbuf_reader_lost(v->reader), v->slot[0].position);
	v->peeked = (unsigned int)n;
	CHECK(!reader_release_whole(v));
	CHECK(!v->stale);
	return 0;
}

static int reader_finish(struct victim *v)
{
	if (v->peeked)
		CHECK(!reader_release_whole(v));
	v->stale = false;
	CHECK(!reader_continues(v));
	ringbuf_reader_close(v->reader);
	return 0;
}

int victim_finish(struct victim *v)
{
	struct message m;

	/* What it has read, or written last. */
	if (v->length[0])
		CHECK(message_whole(v->text[0], v->length[0], &m));
	if (v->writer)
		CHECK(!writer_finish(v));
	if (v->reader)
		CHECK(!reader_finish(v));
	if (v->fd >= 0)
		close(v->fd);
	return 0;
}
