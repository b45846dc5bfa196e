// SPDX-License-Identifier: GPL-2.0
/*
 * The first use of a handle on the embedded host, which takes no lock that other
 * processes wait for, in the middle of what another process does.  The linker leads
 * the library's fcntl() here, which says where the middle is.
 */
#include "../harness/harness.h"
#include "../harness/rings.h"

/* The locks of handles that nobody has used begin here, see lib/embedded.h. */
#define KEPT_BYTES 65536

/* What a parent and its child share; the numbers are set once. */
struct middle {
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	int begin; /* the child is to use the handle */
	int used; /* it has */
	int end; /* the parent is through */
};

static struct middle *middle;
static bool stops;

int __real_fcntl64(int fd, int command, struct flock *lock);
int __wrap_fcntl64(int fd, int command, struct flock *lock);

/* The caller has seen that nobody has used the place, and is about to ask who keeps it. */
int __wrap_fcntl64(int fd, int command, struct flock *lock)
{
	if (stops && command == F_OFD_GETLK && lock->l_start >= KEPT_BYTES) {
		stops = false;
		FLAG_SET(middle->begin);
		UNTIL(FLAG_GET(middle->used));
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

TEST_F(first_use, outlives_the_copy_that_is_closed_meanwhile)
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

TEST_F(first_use, is_not_taken_for_dead_meanwhile)
{
	if (on_module(middle->ring))
		SKIP(return, "the kernel knows who has it");
	/* So that the child alone keeps it. */
	ringbuf_reader_close(middle->reader);
	stops = true;
	EXPECT_EQ(1, status_of(middle->ring).readers);
	ASSERT_FALSE(stops);
	FLAG_SET(middle->end);
	EXPECT_EQ(0, child_end(self->child));
}

LIB_HARNESS_MAIN
