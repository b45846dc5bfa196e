// SPDX-License-Identifier: GPL-2.0
/* read(2) and write(2): each call moves one message, whole or not at all. */
#include <pthread.h>
#include <sys/uio.h>

#include "../harness/handles.h"
#include "../harness/message.h"

#define SLOT  6000 /* more than a page */
#define SLOTS 5

HANDLES_FIXTURE(rw)

SHARED_AND_EXCLUSIVE(rw, RINGBUF_CREATE_EXCLUSIVE);
FIXTURE_VARIANT_ADD(rw, stamped){ .flags = RINGBUF_CREATE_TIMESTAMP };

FIXTURE_SETUP(rw)
{
	HANDLES_SETUP(variant->flags, SLOT, SLOTS);
	HANDLES_NONBLOCK();
}

TEST_F(rw, message_of_every_length_arrives)
{
	static char to[SLOT + 100], from[SLOT];
	const size_t lengths[] = { 0, 1, 2, 7, 63, 64, 65, 4095, 4096, 4097, SLOT - 1, SLOT };
	unsigned int i, lap;

	for (i = 0; i < SLOT; i++)
		from[i] = (char)(i * 7 + i / 256);
	for (lap = 0; lap < 3; lap++) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			memset(to, 0x5a, sizeof(to));
			ASSERT_EQ((ssize_t)lengths[i], write(self->writer, from + lap, lengths[i]));
			ASSERT_EQ((ssize_t)lengths[i], read(self->reader, to, sizeof(to)));
			ASSERT_EQ(0, memcmp(to, from + lap, lengths[i]));
			ASSERT_EQ(0x5a, to[lengths[i]]);
		}
		FAILS(EAGAIN, read(self->reader, to, sizeof(to)));
		memmove(from, from + 1, SLOT - 1);
	}
}

TEST_F(rw, full_ring_takes_and_empty_ring_gives_no_message)
{
	uint64_t lap, n;

	for (lap = 0; lap < 4; lap++) {
		for (n = 0; n < SLOTS; n++)
			ASSERT_EQ(0, put(self->writer, lap * SLOTS + n));
		ASSERT_EQ(-EAGAIN, put(self->writer, 99));
		for (n = 0; n < SLOTS; n++)
			ASSERT_EQ((int64_t)(lap * SLOTS + n), get(self->reader));
		ASSERT_EQ(-EAGAIN, get(self->reader));
	}
}

TEST_F(rw, each_read_returns_one_message)
{
	char text[64];

	ASSERT_EQ(3, write(self->writer, "one", 3));
	ASSERT_EQ(0, write(self->writer, NULL, 0));
	ASSERT_EQ(5, write(self->writer, "three", 5));
	EXPECT_EQ(3, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(5, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, "three", 5));
}

/* A writer that breaks the rules says that its message is longer than a slot. */
TEST_F(rw, length_beyond_the_slot_is_refused)
{
	static char to[4 * SLOT];
	const uint32_t lengths[] = { SLOT + 1, 2 * SLOT, INT32_MAX, UINT32_MAX };
	unsigned int i, framing;
	struct maps m;
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	ASSERT_OK(maps_open(&m, self->writer));
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ASSERT_EQ(0, put(self->writer, i));
		m.desc[i % SLOTS].length = lengths[i];
		for (framing = RINGBUF_FRAMING_MESSAGE; framing <= RINGBUF_FRAMING_STREAM;
		     framing++) {
			ASSERT_OK(framing_call(self->reader, framing));
			memset(to, 0x5a, sizeof(to));
			FAILS(EPROTO, read(self->reader, to, sizeof(to)));
			FAILS(EPROTO, splice(self->reader, NULL, pipes[1], NULL, sizeof(to), 0));
			EXPECT_EQ(0x5a, to[0]);
			EXPECT_GE(SLOT, ready_call(self->reader));
		}
		ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_MESSAGE));
		m.desc[i % SLOTS].length = sizeof(uint64_t);
		ASSERT_EQ(i, get(self->reader));
	}
	close(pipes[0]);
	close(pipes[1]);
	maps_close(&m);
}

/* A message longer than the buffer stays in the ring; one longer than a slot is not written. */
TEST_F(rw, message_that_does_not_fit_is_refused_and_kept)
{
	static char big[SLOT + 1];
	char text[16];

	FAILS(EMSGSIZE, write(self->writer, big, SLOT + 1));
	FAILS(EAGAIN, read(self->reader, text, sizeof(text)));
	ASSERT_EQ(10, write(self->writer, "0123456789", 10));
	FAILS(EMSGSIZE, read(self->reader, text, 9));
	FAILS(EMSGSIZE, read(self->reader, text, 1));
	FAILS(EMSGSIZE, read(self->reader, text, 0));
	EXPECT_EQ(10, read(self->reader, text, 10));
	EXPECT_EQ(0, memcmp(text, "0123456789", 10));
}

TEST_F(rw, vectors_are_gathered_and_scattered)
{
	char a[4], b[3], c[20];
	struct iovec out[] = {
		{ (void *)"ab", 2 }, { NULL, 0 }, { (void *)"cdefg", 5 }, { (void *)"h", 1 }
	};
	struct iovec in[] = { { a, 4 }, { b, 3 }, { c, 20 } };

	ASSERT_EQ(8, writev(self->writer, out, 4));
	FAILS(EMSGSIZE, readv(self->reader, in, 2));
	ASSERT_EQ(8, readv(self->reader, in, 3));
	EXPECT_EQ(0, memcmp(a, "abcd", 4));
	EXPECT_EQ(0, memcmp(b, "efg", 3));
	EXPECT_EQ('h', c[0]);
	ASSERT_EQ(0, writev(self->writer, out, 0));
}

/* The buffer is missing, or only its first half exists. */
TEST_F(rw, bad_buffer_loses_and_writes_no_message)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* An address without memory, which volatile hides from the compiler. */
	char text[256], *volatile none = (char *)16;
	unsigned int i;

	ASSERT_EQ(0, mprotect(two + page, page, PROT_NONE));
	memset(two, 'x', page);
	for (i = 0; i < 3 * SLOTS; i++) {
		FAILS(EFAULT, write(self->writer, none, 100));
		FAILS(EFAULT, write(self->writer, two + page - 50, 100));
		FAILS(EFAULT, write(self->writer, (void *)-4096L, 100));
	}
	FAILS(EAGAIN, read(self->reader, text, sizeof(text)));
	ASSERT_EQ(100, write(self->writer, two, 100));
	for (i = 0; i < 10; i++) {
		FAILS(EFAULT, read(self->reader, none, 100));
		FAILS(EFAULT, read(self->reader, two + page - 50, 100));
	}
	memset(text, 0, sizeof(text));
	ASSERT_EQ(100, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, two, 100));
	munmap(two, 2 * page);
}

/* The kernel faults in the pages of such buffers. */
TEST_F(rw, buffer_that_has_no_pages_yet_works)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		char *to = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
		char *from = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_EQ(SLOT, write(self->writer, from + 100, SLOT));
		ASSERT_EQ(SLOT, read(self->reader, to + 100, SLOT));
		munmap(to, 4 * page);
		munmap(from, 4 * page);
	}
}

TEST_F(rw, buffer_in_the_ring_itself_works)
{
	struct maps m;

	ASSERT_OK(maps_open(&m, self->writer));
	memset(m.data + 2 * m.info.slot_stride, 'r', SLOT);
	ASSERT_EQ(SLOT, write(self->writer, m.data + 2 * m.info.slot_stride, SLOT));
	ASSERT_EQ(SLOT, write(self->writer, m.data, SLOT));
	EXPECT_EQ(SLOT, read(self->reader, m.data + 3 * m.info.slot_stride, SLOT));
	EXPECT_EQ('r', m.data[3 * m.info.slot_stride + SLOT - 1]);
	maps_close(&m);
}

TEST_F(rw, done_writer_gets_epipe_and_readers_the_end)
{
	char text[16];

	ASSERT_EQ(0, put(self->writer, 3));
	ASSERT_OK(done_call(self->writer));
	FAILS(EPIPE, write(self->writer, text, 1));
	EXPECT_EQ(-EPIPE, done_call(self->writer));
	EXPECT_EQ(3, get(self->reader));
	EXPECT_EQ(0, read(self->reader, text, sizeof(text)));
	EXPECT_EQ(0, read(self->reader, text, sizeof(text)));
}

static int writes_done(void *arg)
{
	int *fd = arg;

	return write(*fd, "x", 1) == -1 && errno == EPIPE ? 0 : 1;
}

/* SIGPIPE is for pipes and sockets only. */
TEST_F(rw, write_after_done_sends_no_signal)
{
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, child_run(writes_done, &self->writer));
}

TEST_F(rw, role_that_may_not_read_or_write_is_refused)
{
	int observer = observer_open(self->owner);
	char byte = 0;

	FAILS(EBADFD, read(self->owner, &byte, 1));
	FAILS(EBADFD, write(self->owner, &byte, 1));
	FAILS(EBADFD, read(observer, &byte, 1));
	FAILS(EBADFD, write(observer, &byte, 1));
	FAILS(EBADFD, read(self->writer, &byte, 1));
	FAILS(EBADFD, write(self->reader, &byte, 1));
	close(observer);
}

struct blocked {
	int fd;
	int64_t number;
};

static int reads_blocking(void *arg)
{
	struct blocked *b = arg;

	CHECK_EQ(b->number, get(b->fd));
	return 0;
}

static int writes_blocking(void *arg)
{
	struct blocked *b = arg;

	CHECK_EQ(0, put(b->fd, (uint64_t)b->number));
	return 0;
}

TEST_F(rw, read_sleeps_until_a_message_comes)
{
	struct blocked b = { .number = 44 };
	pid_t pid;

	b.fd = reader_open(self->owner);
	pid = child_start(reads_blocking, &b);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 44));
	EXPECT_EQ(0, child_end(pid));
	close(b.fd);
}

TEST_F(rw, write_sleeps_until_there_is_room)
{
	struct blocked b = { .fd = self->writer, .number = 77 };
	unsigned int n;
	pid_t pid;

	ASSERT_EQ(0, fcntl(self->writer, F_SETFL, 0));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(0, put(self->writer, n));
	pid = child_start(writes_blocking, &b);
	ASSERT_TRUE(task_asleep(pid));
	for (n = 0; n < SLOTS; n++)
		ASSERT_EQ(n, get(self->reader));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(77, get(self->reader));
}

TEST_F(rw, sleeping_read_returns_at_the_end_of_the_stream)
{
	struct blocked b = { .number = -ENODATA };
	pid_t pid;

	b.fd = reader_open(self->owner);
	pid = child_start(reads_blocking, &b);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_OK(done_call(self->writer));
	EXPECT_EQ(0, child_end(pid));
	close(b.fd);
}

static void nothing(int sig)
{
	(void)sig;
}

static int read_is_interrupted(void *arg)
{
	struct sigaction action = { .sa_handler = nothing };
	struct blocked *b = arg;

	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(-EINTR, get(b->fd));
	raise(SIGSTOP);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(5, get(b->fd));
	return 0;
}

TEST_F(rw, signal_ends_or_restarts_a_sleeping_read)
{
	struct blocked b = { .fd = reader_open(self->owner) };
	pid_t pid = child_start(read_is_interrupted, &b);

	ASSERT_TRUE(task_asleep(pid));
	kill(pid, SIGUSR1);
	/* The child stops between its two reads; the second one is restarted after a signal. */
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	kill(pid, SIGCONT);
	ASSERT_TRUE(task_asleep(pid));
	kill(pid, SIGUSR1);
	ASSERT_TRUE(task_asleep(pid));
	ASSERT_EQ(0, put(self->writer, 5));
	EXPECT_EQ(0, child_end(pid));
	close(b.fd);
}

/* Several writers and a reader at once. */
struct crowd {
	int owner;
	uint32_t next;
	uint64_t count;
};

static int crowd_writer(void *arg)
{
	struct crowd *c = arg;
	uint32_t me = __atomic_fetch_add(&c->next, 1, __ATOMIC_SEQ_CST);
	static char text[SLOT];
	int fd = writer_open(c->owner);
	uint64_t n;

	CHECK(fd >= 0);
	for (n = 0; n < c->count; n++) {
		size_t length = sizeof(struct message) + n * 37 % 5000;

		message_make(text, me, n, length);
		CHECK_EQ(length, write(fd, text, length));
	}
	return 0;
}

TEST_F(rw, messages_of_many_writers_arrive_whole_and_in_order)
{
	struct crowd *c = shared_memory(sizeof(*c));
	uint64_t next[3] = { 0 }, total;
	static char text[SLOT];
	struct message m;
	unsigned int i;
	pid_t pid[3];

	if (variant->flags & RINGBUF_CREATE_EXCLUSIVE)
		SKIP(return, "of shared writers");
	*c = (struct crowd){ .owner = self->owner, .count = often(5000) };
	ASSERT_EQ(0, fcntl(self->reader, F_SETFL, 0));
	for (i = 0; i < 3; i++)
		pid[i] = child_start(crowd_writer, c);
	for (total = 0; total < 3 * c->count; total++) {
		ssize_t length = read(self->reader, text, sizeof(text));

		ASSERT_LT(0, length);
		ASSERT_TRUE(message_whole(text, (size_t)length, &m));
		ASSERT_GT(3, m.writer);
		ASSERT_EQ(next[m.writer], m.number);
		next[m.writer]++;
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, child_end(pid[i]));
}

TEST_F(rw, read_with_rwf_nowait_does_not_sleep)
{
	char text[16];
	struct iovec iov = { text, sizeof(text) };

	ASSERT_EQ(0, fcntl(self->reader, F_SETFL, 0));
	FAILS(EAGAIN, preadv2(self->reader, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(0, put(self->writer, 1));
	EXPECT_EQ(8, preadv2(self->reader, &iov, 1, -1, RWF_NOWAIT));
}

/* ---- memory whose pages vanish ------------------------------------------------- */

#define LARGE  (5U << 20)
#define FAULTS 3 /* after so many faults write(2) pins the pages of its message */

struct vanishing {
	char *memory;
	bool stop;
};

/*
 * A thread removes one page of the message again and again.  The page is far from the
 * beginning, so that nearly each copy reaches it while it is missing.  Its contents are
 * those of a file, so they stay.
 */
#define GONE 3006464

static void *vanish(void *arg)
{
	struct vanishing *v = arg;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED))
		madvise(v->memory + GONE / page * page, page, MADV_DONTNEED);
	return NULL;
}

FIXTURE(vanishing)
{
	HANDLES;
	struct vanishing v;
	pthread_t thread;
	char *back;
};

FIXTURE_SETUP(vanishing)
{
	int file = memfd_create("message", MFD_CLOEXEC);
	unsigned int i;

	if (processors() < 2)
		SKIP(return, "a page that vanishes in the middle of a copy needs two processors");
	ASSERT_EQ(0, ftruncate(file, LARGE));
	self->v.memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, self->v.memory);
	close(file);
	for (i = 0; i < LARGE; i++)
		self->v.memory[i] = (char)(i * 7 + i / 256);
	self->back = malloc(LARGE);
	ASSERT_NE(NULL, self->back);
	HANDLES_SETUP(0, LARGE / 5 * 4, 10);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, vanish, &self->v));
}

FIXTURE_TEARDOWN(vanishing)
{
	__atomic_store_n(&self->v.stop, true, __ATOMIC_RELAXED);
	pthread_join(self->thread, NULL);
	HANDLES_CLOSE();
	free(self->back);
	munmap(self->v.memory, LARGE);
}

/* Return how many slots were claimed since the last call: one more for each copy with a fault. */
static uint64_t slots_taken(int owner, uint64_t *head)
{
	uint64_t before = *head;

	*head = stats_of(owner).head;
	return *head - before;
}

/* The pieces begin and end in the middle of pages, both of the message and of the slot. */
TEST_F(vanishing, message_from_pages_that_vanish_arrives_whole)
{
	char *m = self->v.memory;
	struct iovec pieces[] = {
		{ m + 100, 1 },	       { m + 4095, 2 },	   { m + 10, 0 },
		{ m + 8000, 3000000 }, { m + 1, 1000000 },
	};
	size_t length = 1 + 2 + 3000000 + 1000000;
	uint64_t head = 0, end = now_ns() + PATIENCE;
	bool held = false;

	/* The thread that removes the page has to be fast enough four times in a row. */
	while (!held && now_ns() < end) {
		char *back = self->back;

		ASSERT_EQ((ssize_t)length, writev(self->writer, pieces, ARRAY_SIZE(pieces)));
		held = slots_taken(self->owner, &head) > FAULTS;
		ASSERT_EQ((ssize_t)length, read(self->reader, back, LARGE));
		ASSERT_EQ(0, memcmp(back, m + 100, 1));
		ASSERT_EQ(0, memcmp(back + 1, m + 4095, 2));
		ASSERT_EQ(0, memcmp(back + 3, m + 8000, 3000000));
		ASSERT_EQ(0, memcmp(back + 3000003, m + 1, 1000000));
	}
	EXPECT_TRUE(held);
}

TEST_F(vanishing, stream_from_pages_that_vanish_arrives_whole)
{
	size_t length = LARGE - 55, at;
	uint64_t head = 0, end = now_ns() + PATIENCE;
	bool held = false;

	ASSERT_OK(framing_call(self->writer, RINGBUF_FRAMING_STREAM));
	ASSERT_OK(framing_call(self->reader, RINGBUF_FRAMING_STREAM));
	while (!held && now_ns() < end) {
		ASSERT_EQ((ssize_t)length, write(self->writer, self->v.memory + 55, length));
		/* The bytes take two slots, the first of which has the page that is removed. */
		held = slots_taken(self->owner, &head) > 1 + FAULTS;
		for (at = 0; at < length;) {
			ssize_t n = read(self->reader, self->back + at, length - at);

			ASSERT_LT(0, n);
			at += (size_t)n;
		}
		ASSERT_EQ(0, memcmp(self->back, self->v.memory + 55, length));
	}
	EXPECT_TRUE(held);
}

/* ---- slots that are taken away meanwhile ---------------------------------------------- */

#define TAKEN 16384

/* A writer that breaks the rules: it finishes the slots that another writer has claimed. */
struct thief {
	struct maps m;
	uint64_t taken;
	bool stop;
};

static void *takes_slots(void *arg)
{
	struct thief *t = arg;
	uint64_t i, pos, old;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < t->m.info.slot_count; i++) {
			pos = __atomic_load_n(&t->m.claim[i], __ATOMIC_RELAXED) >>
			      RINGBUF_CLAIM_SHIFT;
			old = __atomic_load_n(&t->m.desc[i].state, __ATOMIC_RELAXED);
			/*
			 * Only if the state is of the previous lap: this thread may be a lap late.
			 */
			if (pos < t->m.info.slot_count ||
			    old >> RINGBUF_STATE_SHIFT != pos - t->m.info.slot_count)
				continue;
			if (__atomic_compare_exchange_n(&t->m.desc[i].state, &old,
							pos << RINGBUF_STATE_SHIFT |
								RINGBUF_DISCARDED,
							false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				__atomic_add_fetch(&t->taken, 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

/* write(2) begins again in another slot; if it never keeps one, it fails with EPROTO. */
TEST(message_whose_slot_is_taken_is_written_again)
{
	int owner = ring_make(0, TAKEN, 4), reader = reader_open(owner),
	    writer = writer_open(owner);
	char *from = malloc(TAKEN), *to = malloc(TAKEN);
	struct thief t = { .taken = 0 };
	uint64_t end = now_ns() + PATIENCE / 2;
	unsigned int i, whole = 0;
	pthread_t thread;

	if (processors() < 2)
		SKIP(return, "a slot that is taken in the middle of a copy needs two processors");
	for (i = 0; i < TAKEN; i++)
		from[i] = (char)(i * 7 + i / 256);
	ASSERT_OK(maps_open(&t.m, writer_open(owner)));
	ASSERT_OK(nonblock(reader));
	ASSERT_OK(nonblock(writer));
	ASSERT_EQ(0, pthread_create(&thread, NULL, takes_slots, &t));
	while ((!whole || !__atomic_load_n(&t.taken, __ATOMIC_RELAXED)) && now_ns() < end) {
		ssize_t written = write(writer, from, TAKEN);

		if (written < 0) {
			/* The holes fill the ring until the reader skips them. */
			ASSERT_TRUE(errno == EPROTO || errno == EAGAIN);
			ASSERT_EQ(-1, read(reader, to, TAKEN));
			ASSERT_EQ(EAGAIN, errno);
			continue;
		}
		ASSERT_EQ(TAKEN, written);
		memset(to, 0, TAKEN);
		ASSERT_EQ(TAKEN, read(reader, to, TAKEN));
		ASSERT_EQ(0, memcmp(from, to, TAKEN));
		whole++;
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_LT(0, t.taken);
	maps_close(&t.m);
	close(writer);
	close(reader);
	close(owner);
}

DEVICE_HARNESS_MAIN
