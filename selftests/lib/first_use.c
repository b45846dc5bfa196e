// SPDX-License-Identifier: GPL-2.0
/*
 * The first use of a handle on the embedded host, while another process is in the middle of
 * a slow path: a first use must not wait for a lock.  The linker lets the library call the
 * fcntl64() of this file, which stops at that point.
 */
#include <pthread.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

/* From this byte on are the locks of handles that were not used yet, see lib/embedded.h. */
#define KEPT_BYTES 65536

/* State that a parent and its child share; each flag is set once. */
struct middle {
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	int closed; /* the child has no descriptor that keeps the handle */
	int begin; /* the child shall use the handle */
	int used; /* the child has used the handle */
	int end; /* the parent has ended its call */
};

static struct middle *middle;
static bool stops; /* stop before the check whether a process keeps an unused seat */
static bool stops_late; /* stop after the check whether a process uses the seat: none does */

int __real_fcntl64(int fd, int command, struct flock *lock);
int __wrap_fcntl64(int fd, int command, struct flock *lock);

/* Stop the caller at the point that is set, until the child has used the handle. */
int __wrap_fcntl64(int fd, int command, struct flock *lock)
{
	if (stops && command == F_OFD_GETLK && lock->l_start >= KEPT_BYTES) {
		stops = false;
		FLAG_SET(middle->begin);
		UNTIL(FLAG_GET(middle->used));
	}
	if (stops_late && command == F_OFD_GETLK && lock->l_start < KEPT_BYTES) {
		int ret;

		stops_late = false;
		ret = __real_fcntl64(fd, command, lock);
		FLAG_SET(middle->begin);
		UNTIL(FLAG_GET(middle->used));
		return ret;
	}
	return __real_fcntl64(fd, command, lock);
}

static int uses_in_the_middle(void *arg)
{
	struct middle *m = arg;

	UNTIL(FLAG_GET(m->begin));
	CHECK_EQ(-EAGAIN, get(m->reader, RINGBUF_TRY));
	FLAG_SET(m->used);
	UNTIL(FLAG_GET(m->end));
	CHECK_EQ(1, status_of(m->ring).readers);
	CHECK_EQ(-EAGAIN, get(m->reader, RINGBUF_TRY));
	return 0;
}

FIXTURE(first_use)
{
	pid_t child;
};

FIXTURE_SETUP(first_use)
{
	middle = shared_memory(sizeof(*middle));
	middle->ring = ring_new(0, 64, 4);
	ASSERT_NE(NULL, middle->ring);
	middle->reader = reader_new(middle->ring);
	ASSERT_NE(NULL, middle->reader);
	self->child = child_start(uses_in_the_middle, middle);
}

FIXTURE_TEARDOWN(first_use)
{
	ringbuf_close(middle->ring);
}

TEST_F(first_use, first_use_outlives_a_copy_that_is_closed_meanwhile)
{
	if (on_module(middle->ring))
		SKIP(return, "the kernel knows who has it");
	stops = true;
	ringbuf_reader_close(middle->reader);
	ASSERT_FALSE(stops);
	FLAG_SET(middle->end);
	EXPECT_EQ(0, child_end(self->child));
	EXPECT_EQ(0, status_of(middle->ring).readers);
}

TEST_F(first_use, process_in_its_first_use_is_not_taken_for_dead)
{
	if (on_module(middle->ring))
		SKIP(return, "the kernel knows who has it");
	/* From now on only the child keeps the handle. */
	ringbuf_reader_close(middle->reader);
	stops = true;
	EXPECT_EQ(1, status_of(middle->ring).readers);
	ASSERT_FALSE(stops);
	FLAG_SET(middle->end);
	EXPECT_EQ(0, child_end(self->child));
}

/* Close the descriptor that keeps the unused handle, which a program must not do. */
static int kept_close(const struct ringbuf_reader *reader)
{
	struct ringbuf_ticket ticket = { .size = sizeof(ticket) };

	CHECK_EQ(0, ringbuf_reader_export(reader, &ticket));
	return close(ticket.fd);
}

static int uses_what_seems_dead(void *arg)
{
	struct middle *m = arg;

	CHECK_EQ(0, kept_close(m->reader));
	FLAG_SET(m->closed);
	return uses_in_the_middle(m);
}

TEST(first_use_survives_a_process_that_took_its_row_for_dead)
{
	pid_t child;

	middle = shared_memory(sizeof(*middle));
	middle->ring = ring_new(0, 64, 4);
	ASSERT_NE(NULL, middle->ring);
	if (on_module(middle->ring))
		SKIP(return, "the kernel knows who has it");
	middle->reader = reader_new(middle->ring);
	ASSERT_NE(NULL, middle->reader);
	child = child_start(uses_what_seems_dead, middle);
	ASSERT_EQ(0, kept_close(middle->reader));
	UNTIL(FLAG_GET(middle->closed));
	stops_late = true;
	EXPECT_EQ(1, status_of(middle->ring).readers);
	ASSERT_FALSE(stops_late);
	FLAG_SET(middle->end);
	EXPECT_EQ(0, child_end(child));
	EXPECT_EQ(0, status_of(middle->ring).readers);
	ringbuf_close(middle->ring);
}

/* Hold the slow-path lock until the other thread has tried to use its handle. */
static void *stops_with_the_lock(void *arg)
{
	stops = true;
	status_of(arg);
	return NULL;
}

TEST(first_use_ends_while_another_thread_keeps_the_lock)
{
	pthread_t thread;

	middle = shared_memory(sizeof(*middle));
	middle->ring = ring_new(0, 64, 4);
	ASSERT_NE(NULL, middle->ring);
	if (on_module(middle->ring))
		SKIP(return, "the kernel takes no such lock");
	middle->reader = reader_new(middle->ring);
	ASSERT_NE(NULL, middle->reader);
	ASSERT_EQ(0, pthread_create(&thread, NULL, stops_with_the_lock, middle->ring));
	UNTIL(FLAG_GET(middle->begin));
	EXPECT_EQ(-EBUSY, get(middle->reader, RINGBUF_TRY));
	FLAG_SET(middle->used);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-EAGAIN, get(middle->reader, RINGBUF_TRY));
	ringbuf_reader_close(middle->reader);
	ringbuf_close(middle->ring);
}

LIB_HARNESS_MAIN
