// SPDX-License-Identifier: GPL-2.0
/* Many threads, each with its own handles, use one ring at the same time. */
#include <pthread.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

NO_RECHECK

#define WRITERS 3
#define READERS 3

struct worker {
	pthread_t thread;
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	uint32_t id;
	uint64_t count;
	int result;
};

static int write_all(struct worker *w)
{
	char text[100];
	uint64_t n;

	for (n = 0; n < w->count; n++) {
		size_t length = sizeof(struct message) + n % 70;

		message_make(text, w->id, n, length);
		CHECK_EQ(0, ringbuf_writer_write(w->writer, text, length, PATIENCE));
	}
	return 0;
}

static int read_all(struct worker *w)
{
	uint64_t next[WRITERS] = { 0 }, total;
	char text[100];
	struct message m;

	for (total = 0; total < WRITERS * w->count; total++) {
		ssize_t length = ringbuf_reader_read(w->reader, text, sizeof(text), PATIENCE);

		CHECK(length > 0);
		CHECK(message_whole(text, (size_t)length, &m));
		CHECK(m.writer < WRITERS);
		CHECK_EQ(next[m.writer], m.number);
		next[m.writer]++;
	}
	CHECK_EQ(-ENODATA, ringbuf_reader_read(w->reader, text, sizeof(text), PATIENCE));
	return 0;
}

static void *writer_thread(void *arg)
{
	struct worker *w = arg;

	w->result = write_all(w);
	ringbuf_writer_close(w->writer);
	return NULL;
}

static void *reader_thread(void *arg)
{
	struct worker *w = arg;

	w->result = read_all(w);
	ringbuf_reader_close(w->reader);
	return NULL;
}

TEST(readers_in_threads_get_all_messages)
{
	struct worker w[WRITERS + READERS];
	struct ringbuf *ring = ring_new(0, 100, 7);
	unsigned int i;

	ASSERT_NE(NULL, ring);
	for (i = 0; i < WRITERS + READERS; i++) {
		w[i] = (struct worker){ .ring = ring, .id = i, .count = often(20000) };
		if (i < WRITERS)
			w[i].writer = writer_new(ring);
		else
			w[i].reader = reader_new(ring);
		ASSERT_TRUE(w[i].writer || w[i].reader);
	}
	for (i = 0; i < WRITERS + READERS; i++)
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL,
					    i < WRITERS ? writer_thread : reader_thread, &w[i]));
	for (i = 0; i < WRITERS + READERS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].result);
	}
	ringbuf_close(ring);
}

static int comes_and_goes(struct worker *w)
{
	struct ringbuf_status s = { .size = sizeof(s) };
	uint64_t n;

	for (n = 0; n < w->count; n++) {
		struct ringbuf_writer *writer = writer_new(w->ring);
		struct ringbuf_reader *reader;
		int64_t got;

		CHECK(writer);
		CHECK(!ringbuf_reader_attach(w->ring, RINGBUF_FROM_HEAD, 0, &reader));
		/*
		 * The ring may be full of other threads' messages, or have none for this reader.
		 */
		got = put(writer, n, RINGBUF_TRY);
		CHECK(!got || got == -EAGAIN);
		got = get(reader, RINGBUF_TRY);
		CHECK(got >= 0 || got == -EAGAIN);
		CHECK_EQ(0, ringbuf_stats(w->ring, &s, NULL, 0));
		CHECK(s.readers >= 1 && s.writers >= 1);
		ringbuf_reader_close(reader);
		ringbuf_writer_close(writer);
	}
	return 0;
}

static void *coming_thread(void *arg)
{
	struct worker *w = arg;

	w->result = comes_and_goes(w);
	return NULL;
}

TEST(threads_can_attach_and_detach_at_once)
{
	struct ringbuf *ring = ring_new(0, 100, 64);
	struct worker w[4];
	unsigned int i;

	ASSERT_NE(NULL, ring);
	for (i = 0; i < 4; i++) {
		w[i] = (struct worker){ .ring = ring, .count = often(400) };
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, coming_thread, &w[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].result);
	}
	EXPECT_EQ(0, status_of(ring).readers);
	EXPECT_EQ(0, status_of(ring).writers);
	ringbuf_close(ring);
}

static void *one_write(void *arg)
{
	struct worker *w = arg;

	w->result = put(w->writer, w->count, RINGBUF_TRY);
	return NULL;
}

/* A handle belongs to the process, not to a thread. */
TEST(handle_can_move_from_thread_to_thread)
{
	struct ringbuf *ring = ring_new(RINGBUF_EXCLUSIVE, 100, 20);
	struct ringbuf_reader *reader = reader_new(ring);
	struct worker w = { .writer = writer_new(ring) };

	ASSERT_NE(NULL, w.writer);
	for (w.count = 0; w.count < 10; w.count++) {
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, one_write, &w));
		pthread_join(w.thread, NULL);
		ASSERT_EQ(0, w.result);
		ASSERT_EQ((int64_t)w.count, get(reader, RINGBUF_TRY));
	}
	ringbuf_writer_close(w.writer);
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

static void *fork_one(void *arg)
{
	struct worker *w = arg;

	w->result = child_run((int (*)(void *))comes_and_goes, w);
	return NULL;
}

/* fork() in a thread while others hold the library's locks: the child must not inherit them. */
TEST(child_of_a_thread_can_use_the_library)
{
	struct ringbuf *ring = ring_new(0, 100, 64);
	struct worker w[4];
	unsigned int i;

	ASSERT_NE(NULL, ring);
	for (i = 0; i < 4; i++) {
		w[i] = (struct worker){ .ring = ring, .count = often(100) };
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, i % 2 ? fork_one : coming_thread,
					    &w[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].result);
	}
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
