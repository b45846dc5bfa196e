// SPDX-License-Identifier: GPL-2.0
/*
 * pthread_cancel(): it ends a call that waits, and leaves the handle as it was before the
 * call.  It ends no other call.
 */
#include <pthread.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

NO_RECHECK

#define SLOTS 2

struct waiter {
	pthread_t thread;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	long (*call)(struct waiter *w);
	pid_t tid;
	long result;
};

static long calls_read(struct waiter *w)
{
	char text[64];

	return ringbuf_reader_read(w->reader, text, sizeof(text), RINGBUF_FOREVER);
}

static long calls_peek(struct waiter *w)
{
	struct ringbuf_slot s[2];

	return ringbuf_reader_peek(w->reader, s, 2, RINGBUF_FOREVER);
}

static long calls_wait(struct waiter *w)
{
	return ringbuf_reader_wait(w->reader, 2, RINGBUF_FOREVER);
}

/* Spin for longer than the test may take, so that only a cancellation can end it. */
static long spins_and_reads(struct waiter *w)
{
	ringbuf_reader_spin(w->reader, 1000 * SECOND);
	return calls_read(w);
}

static long calls_reserve(struct waiter *w)
{
	struct ringbuf_slot s[2];

	return ringbuf_writer_reserve(w->writer, s, 2, RINGBUF_FOREVER);
}

static long calls_write(struct waiter *w)
{
	return put(w->writer, 0, RINGBUF_FOREVER);
}

static long calls_writev(struct waiter *w)
{
	struct iovec iov = { .iov_base = w, .iov_len = 8 };

	return ringbuf_writer_writev(w->writer, &iov, 1, RINGBUF_FOREVER);
}

static void *waits(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_SEQ_CST);
	w->result = w->call(w);
	return NULL;
}

FIXTURE(cancel)
{
	struct ringbuf *ring;
	struct waiter w;
};

FIXTURE_VARIANT(cancel)
{
	long (*call)(struct waiter * w);
	bool writes;
	bool spins;
};

FIXTURE_VARIANT_ADD(cancel, read){
	.call = calls_read,
};

FIXTURE_VARIANT_ADD(cancel, peek){
	.call = calls_peek,
};

FIXTURE_VARIANT_ADD(cancel, wait){
	.call = calls_wait,
};

FIXTURE_VARIANT_ADD(cancel, spin){
	.call = spins_and_reads,
	.spins = true,
};

FIXTURE_VARIANT_ADD(cancel, reserve){
	.call = calls_reserve,
	.writes = true,
};

FIXTURE_VARIANT_ADD(cancel, write){
	.call = calls_write,
	.writes = true,
};

FIXTURE_VARIANT_ADD(cancel, writev){
	.call = calls_writev,
	.writes = true,
};

/* Make a ring in which the call of the variant has to wait: empty, or full for a writer. */
FIXTURE_SETUP(cancel)
{
	unsigned int n;

	self->ring = ring_new(0, 64, SLOTS);
	ASSERT_NE(NULL, self->ring);
	self->w = (struct waiter){ .call = variant->call };
	self->w.reader = reader_new(self->ring);
	self->w.writer = writer_new(self->ring);
	ASSERT_TRUE(self->w.reader && self->w.writer);
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->w.writer, n, RINGBUF_TRY));
	for (n = 0; n < SLOTS && !variant->writes; n++)
		ASSERT_EQ(n, get(self->w.reader, RINGBUF_TRY));
}

FIXTURE_TEARDOWN(cancel)
{
	ringbuf_writer_close(self->w.writer);
	ringbuf_reader_close(self->w.reader);
	ringbuf_close(self->ring);
}

TEST_F(cancel, cancel_ends_a_wait_and_leaves_the_handle_usable)
{
	struct waiter *w = &self->w;
	void *end = NULL;
	unsigned int n;

	ASSERT_EQ(0, pthread_create(&w->thread, NULL, waits, w));
	UNTIL(__atomic_load_n(&w->tid, __ATOMIC_SEQ_CST));
	if (!variant->spins)
		ASSERT_TRUE(task_asleep(w->tid));
	ASSERT_EQ(0, pthread_cancel(w->thread));
	ASSERT_EQ(0, pthread_join(w->thread, &end));
	EXPECT_EQ(PTHREAD_CANCELED, end);
	for (n = 0; n < SLOTS && variant->writes; n++)
		ASSERT_EQ(n, get(w->reader, RINGBUF_TRY));
	/* The handle has no open reservation, and can be used again. */
	for (n = 0; n < 3 * SLOTS; n++) {
		ASSERT_EQ(0, put(w->writer, 100 + n, RINGBUF_TRY));
		ASSERT_EQ(100 + n, get(w->reader, RINGBUF_TRY));
	}
}

TEST(cancel_does_not_end_the_waits_of_other_threads)
{
	struct ringbuf *ring = ring_new(0, 64, SLOTS);
	struct ringbuf_writer *writer = writer_new(ring);
	struct waiter w[2];
	void *end = NULL;
	unsigned int n;

	for (n = 0; n < 2; n++) {
		w[n] = (struct waiter){ .call = calls_read, .reader = reader_new(ring) };
		ASSERT_TRUE(writer && w[n].reader);
		ASSERT_EQ(0, pthread_create(&w[n].thread, NULL, waits, &w[n]));
		UNTIL(__atomic_load_n(&w[n].tid, __ATOMIC_SEQ_CST));
		ASSERT_TRUE(task_asleep(w[n].tid));
	}
	ASSERT_EQ(0, pthread_cancel(w[0].thread));
	ASSERT_EQ(0, pthread_join(w[0].thread, &end));
	EXPECT_EQ(PTHREAD_CANCELED, end);
	ASSERT_EQ(0, put(writer, 7, RINGBUF_TRY));
	ASSERT_EQ(0, pthread_join(w[1].thread, NULL));
	EXPECT_EQ(8, w[1].result);
	for (n = 0; n < 2; n++)
		ringbuf_reader_close(w[n].reader);
	ringbuf_writer_close(writer);
	ringbuf_close(ring);
}

static int first_uses(struct ringbuf *ring)
{
	struct ringbuf_reader *reader = reader_new(ring);
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_slot s;
	uint32_t id;

	CHECK(reader && writer);
	id = ringbuf_reader_id(reader);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	CHECK_EQ(1, get(reader, RINGBUF_TRY));
	CHECK_EQ(1, ringbuf_writer_reserve(writer, &s, 1, RINGBUF_TRY));
	CHECK_EQ(0, ringbuf_writer_discard(writer));
	CHECK_EQ(1, status_of(ring).readers);
	CHECK_EQ(0, ringbuf_sync(ring, id, UINT64_MAX));
	CHECK_EQ(0, ringbuf_evict_reader(ring, id));
	CHECK_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	ringbuf_reader_close(reader);
	return 0;
}

static int all_that_does_not_wait(const char *name)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, SLOTS);
	struct ringbuf *ring, *again;

	config.name = name;
	CHECK_EQ(0, ringbuf_create(&config, &ring));
	CHECK_EQ(0, ringbuf_open(name, RINGBUF_HOST_AUTO, &again));
	CHECK_EQ(0, first_uses(again));
	ringbuf_close(again);
	CHECK_EQ(0, ringbuf_import(fcntl(ringbuf_export(ring), F_DUPFD_CLOEXEC, 3), name, &again));
	ringbuf_close(again);
	CHECK_EQ(0, ringbuf_unlink(name, RINGBUF_HOST_AUTO));
	ringbuf_close(ring);
	return 0;
}

struct condemned {
	struct ringbuf *ring;
	int result;
	int own_result;
};

/* Run with a cancellation pending: the first cancellation point would end the thread. */
static void *goes_on_condemned(void *arg)
{
	struct condemned *c = arg;

	pthread_cancel(pthread_self());
	c->result = first_uses(c->ring);
	c->own_result = all_that_does_not_wait(name_of("condemned"));
	pthread_testcancel();
	return NULL;
}

TEST(a_call_that_does_not_wait_is_no_cancellation_point)
{
	struct condemned c = { .ring = ring_new(0, 64, SLOTS), .result = -1, .own_result = -1 };
	void *end = NULL;
	pthread_t thread;

	ASSERT_NE(NULL, c.ring);
	ASSERT_EQ(0, pthread_create(&thread, NULL, goes_on_condemned, &c));
	ASSERT_EQ(0, pthread_join(thread, &end));
	EXPECT_EQ(PTHREAD_CANCELED, end);
	EXPECT_EQ(0, c.result);
	EXPECT_EQ(0, c.own_result);
	/* The cancelled thread has left no lock behind. */
	EXPECT_EQ(0, status_of(c.ring).readers);
	ringbuf_close(c.ring);
}

LIB_HARNESS_MAIN
