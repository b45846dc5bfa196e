// SPDX-License-Identifier: GPL-2.0
/* A watch: one thread of the embedded host that waits for many handles, see lib/inside.h. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "../harness/attached.h"

#include "embedded.h"
#include "inside.h"

NO_RECHECK

#define RINGS	3
#define PER	12 /* relays of each ring, which read it and write to another one */
#define WRITERS 2 /* writers of each ring, each in a thread */

#define MESSAGES often(2000) /* messages of each writer */

static unsigned long waitvs; /* number of calls of futex_waitv() */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == 449)
		__atomic_add_fetch(&waitvs, 1, __ATOMIC_RELAXED);
	return __real_syscall(number, a, b, c, d, e, f);
}

static struct ringbuf *embedded_new(uint64_t slots, unsigned int readers)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(16, slots);
	struct ringbuf *ring;
	int err;

	config.host = RINGBUF_HOST_EMBEDDED;
	config.max_readers = readers;
	err = ringbuf_create(&config, &ring);
	errno = -err;
	return ring;
}

/* Map the file of a ring, to see its words as another process does. */
static struct emb_header *header_of(struct ringbuf *ring)
{
	int fd = ringbuf_export(ring);
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	return mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
}

static bool is_told(const struct lib_watch *watch, int ms)
{
	struct pollfd p = { .fd = lib_watch_fd(watch), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Return the tag that the watch reports; 0 if it reports none, ~0 if more than one. */
static uint64_t told(struct lib_watch *watch)
{
	uint64_t tags[LIB_WATCH_MAX];
	int n;

	if (!is_told(watch, (int)(PATIENCE / MS)))
		return 0;
	n = lib_watch_take(watch, tags);
	return n == 1 ? tags[0] : n ? ~0ULL : 0;
}

FIXTURE(watch)
{
	ATTACHED;
	struct lib_watch *watch;
	const struct emb_header *header;
};

FIXTURE_SETUP(watch)
{
	if (lib_watch_create(&self->watch) == -ENOSYS)
		SKIP(return, "this kernel has no futex_waitv()");
	ASSERT_NE(NULL, self->watch);
	self->ring = embedded_new(4, 200);
	ASSERT_NE(NULL, self->ring);
	ATTACHED_MEMBERS();
	ASSERT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	self->header = header_of(self->ring);
	ASSERT_NE(MAP_FAILED, self->header);
}

FIXTURE_TEARDOWN(watch)
{
	ATTACHED_CLOSE();
	lib_watch_destroy(self->watch);
}

TEST_F(watch, watch_reports_a_message)
{
	uint64_t tags[LIB_WATCH_MAX], n;

	for (n = 0; n < 10; n++) {
		ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
		EXPECT_EQ(-EBUSY, lib_watch_reader(self->watch, self->reader, 0, 7));
		EXPECT_FALSE(is_told(self->watch, 0));
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		EXPECT_EQ(7, told(self->watch));
		EXPECT_FALSE(is_told(self->watch, 0));
		EXPECT_EQ(0, lib_watch_take(self->watch, tags));
		EXPECT_EQ(n, get(self->reader, RINGBUF_TRY));
	}
}

TEST_F(watch, ready_message_is_reported_at_once)
{
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(1, lib_watch_reader(self->watch, self->reader, 0, 7));
	EXPECT_EQ(0, self->header->waiters);
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
}

TEST_F(watch, watch_waits_behind_messages_in_use)
{
	struct ringbuf_slot slot;

	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(1, ringbuf_reader_peek(self->reader, &slot, 1, RINGBUF_TRY));
	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, slot.position + 1, 7));
	ASSERT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	EXPECT_EQ(7, told(self->watch));
	EXPECT_EQ(1, lib_watch_reader(self->watch, self->reader, slot.position + 1, 7));
}

TEST_F(watch, watch_reports_room)
{
	uint64_t n;

	EXPECT_EQ(-EOPNOTSUPP, lib_watch_writer(self->watch, self->writer, 8));
	for (n = 0; n < 4; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	ASSERT_EQ(-EAGAIN, put(self->writer, n, RINGBUF_TRY));
	ASSERT_EQ(0, lib_watch_writer(self->watch, self->writer, 8));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(8, told(self->watch));
	EXPECT_EQ(1, lib_watch_writer(self->watch, self->writer, 8));
	EXPECT_EQ(0, put(self->writer, n, RINGBUF_TRY));
}

TEST_F(watch, watch_reports_the_end_and_an_eviction)
{
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	ASSERT_EQ(0, ringbuf_writer_done(self->writer));
	EXPECT_EQ(7, told(self->watch));
	EXPECT_EQ(-ENODATA, get(self->reader, RINGBUF_TRY));
	ringbuf_writer_close(self->writer);
	self->writer = writer_new(self->ring);
	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	ASSERT_EQ(0, ringbuf_evict_reader(self->ring, ringbuf_reader_id(self->reader)));
	EXPECT_EQ(7, told(self->watch));
	EXPECT_EQ(-EIDRM, get(self->reader, RINGBUF_TRY));
}

/* The report uses the interrupt up; otherwise each later wait would end at once. */
TEST_F(watch, interrupt_ends_one_wait)
{
	ringbuf_reader_interruptible(self->reader, 1);
	ringbuf_reader_interrupt(self->reader);
	EXPECT_EQ(1, lib_watch_reader(self->watch, self->reader, 0, 7));
	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	ringbuf_reader_interrupt(self->reader);
	EXPECT_EQ(7, told(self->watch));
}

TEST_F(watch, unwatched_handle_is_not_reported)
{
	uint64_t tags[LIB_WATCH_MAX];

	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	lib_unwatch(self->watch, 7);
	EXPECT_EQ(0, self->header->waiters);
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	/* lib_unwatch() also drops a report that was not taken. */
	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	ASSERT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	ASSERT_TRUE(is_told(self->watch, (int)(PATIENCE / MS)));
	lib_unwatch(self->watch, 7);
	EXPECT_EQ(0, lib_watch_take(self->watch, tags));
	EXPECT_FALSE(is_told(self->watch, 0));
}

/* The header counts one waiter for all handles of a watch, until the last one has ended. */
TEST_F(watch, watch_counts_as_one_waiter_of_a_ring)
{
	struct ringbuf_reader *reader[10];
	unsigned int i;

	for (i = 0; i < 10; i++) {
		reader[i] = reader_new(self->ring);
		ASSERT_NE(NULL, reader[i]);
		ASSERT_EQ(-EAGAIN, get(reader[i], RINGBUF_TRY));
		ASSERT_EQ(0, lib_watch_reader(self->watch, reader[i], 0, i));
		EXPECT_EQ(1, self->header->waiters);
	}
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(1, self->header->waiters);
		if (i % 2)
			ringbuf_reader_close(reader[i]);
		else
			lib_unwatch(self->watch, i);
	}
	EXPECT_EQ(0, self->header->waiters);
	for (i = 0; i < 10; i += 2)
		ringbuf_reader_close(reader[i]);
}

TEST_F(watch, watch_takes_a_limited_number_of_handles)
{
	struct ringbuf_reader *reader[LIB_WATCH_MAX];
	unsigned int i;

	for (i = 0; i < LIB_WATCH_MAX; i++) {
		reader[i] = reader_new(self->ring);
		ASSERT_NE(NULL, reader[i]);
		ASSERT_EQ(-EAGAIN, get(reader[i], RINGBUF_TRY));
		ASSERT_EQ(0, lib_watch_reader(self->watch, reader[i], 0, i + 1));
	}
	EXPECT_EQ(-ENOSPC, lib_watch_reader(self->watch, self->reader, 0, 1000));
	ringbuf_reader_close(reader[0]);
	EXPECT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 1000));
	for (i = 1; i < LIB_WATCH_MAX; i++)
		ringbuf_reader_close(reader[i]);
	EXPECT_EQ(1, self->header->waiters);
}

TEST_F(watch, handle_can_move_to_another_watch)
{
	struct lib_watch *other;

	ASSERT_EQ(0, lib_watch_create(&other));
	ASSERT_EQ(0, lib_watch_reader(other, self->reader, 0, 1));
	EXPECT_EQ(-EBUSY, lib_watch_reader(self->watch, self->reader, 0, 2));
	lib_unwatch(other, 1);
	EXPECT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 2));
	lib_watch_destroy(self->watch);
	self->watch = NULL;
	EXPECT_EQ(0, self->header->waiters);
	EXPECT_EQ(0, self->header->seat[ringbuf_reader_id(self->reader)].waiter);
	ASSERT_EQ(0, lib_watch_reader(other, self->reader, 0, 3));
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(3, told(other));
	lib_watch_destroy(other);
}

static void *waits(void *reader)
{
	return (void *)(intptr_t)get(reader, RINGBUF_FOREVER);
}

/* A seat has only one waiter word. */
TEST_F(watch, wait_in_another_thread_ends_that_of_the_watch)
{
	pthread_t thread;
	void *got;

	ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
	ASSERT_EQ(0, pthread_create(&thread, NULL, waits, self->reader));
	EXPECT_EQ(7, told(self->watch));
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(0, pthread_join(thread, &got));
	EXPECT_EQ(1, (intptr_t)got);
	EXPECT_EQ(0, self->header->waiters);
	EXPECT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
}

static unsigned int threads_of(pid_t pid)
{
	char path[32], line[256];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %u", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static int inherits(void *arg)
{
	FIXTURE_DATA(watch) *self = arg;
	uint64_t tags[LIB_WATCH_MAX];

	CHECK_EQ(1, threads_of(getpid()));
	CHECK_EQ(-EBUSY, get(self->reader, RINGBUF_TRY));
	CHECK_EQ(-EOPNOTSUPP, lib_watch_reader(self->watch, self->reader, 0, 9));
	CHECK_EQ(0, lib_watch_take(self->watch, tags));
	lib_unwatch(self->watch, 7);
	ringbuf_reader_close(self->reader);
	lib_watch_destroy(self->watch);
	CHECK_EQ(1, self->header->waiters);
	return 0;
}

TEST_F(watch, child_has_no_watch_and_disturbs_none)
{
	unsigned int n;

	for (n = 1; n <= 20; n++) {
		ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
		ASSERT_EQ(0, child_run(inherits, self));
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		EXPECT_EQ(7, told(self->watch));
		EXPECT_EQ(n, get(self->reader, RINGBUF_TRY));
	}
	EXPECT_EQ(2, threads_of(getpid()));
}

static int writes_and_pauses(void *ring)
{
	struct ringbuf_writer *writer = writer_new(ring);

	CHECK(writer);
	CHECK_EQ(0, put(writer, 1, RINGBUF_TRY));
	pause();
	return 1;
}

/* Return a ring whose peers are checked every 25 ms, a reader, and the pid of its only writer. */
static struct ringbuf *looked_at(struct ringbuf_reader **reader, pid_t *pid)
{
	struct ringbuf *ring;

	setenv("RINGBUF_RECHECK_MS", "25", 1);
	ring = embedded_new(4, 2);
	*reader = reader_new(ring);
	*pid = child_start(writes_and_pauses, ring);
	return get(*reader, PATIENCE) == 1 ? ring : NULL;
}

/* No other thread waits, so the watch itself has to check for dead writers. */
TEST_F(watch, watch_finds_dead_writers_of_several_rings)
{
	/* Let the thread find that nothing is armed, for which it needs less time. */
	const struct timespec idle = { .tv_nsec = 100 * MS };
	struct ringbuf *ring[RINGS];
	struct ringbuf_reader *reader[RINGS];
	pid_t pid[RINGS];
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		ring[i] = looked_at(&reader[i], &pid[i]);
		ASSERT_NE(NULL, ring[i]);
		ASSERT_EQ(0, lib_watch_reader(self->watch, reader[i], 0, i + 1));
		lib_unwatch(self->watch, i + 1);
	}
	nanosleep(&idle, NULL);
	for (i = 0; i < RINGS; i++)
		ASSERT_EQ(0, lib_watch_reader(self->watch, reader[i], 0, i + 1));
	for (i = RINGS; i--;) {
		ASSERT_EQ(128 + SIGKILL, child_kill(pid[i]));
		EXPECT_EQ(i + 1, told(self->watch));
		EXPECT_EQ(-ENODATA, get(reader[i], RINGBUF_TRY));
		ringbuf_reader_close(reader[i]);
		ringbuf_close(ring[i]);
	}
}

/* Between two checks the thread sleeps once or twice, and does not loop. */
TEST_F(watch, watch_sleeps_between_its_checks)
{
	struct ringbuf_reader *reader;
	const struct emb_header *header;
	unsigned long before;
	struct ringbuf *ring;
	uint64_t last;
	unsigned int n;
	pid_t pid;

	ring = looked_at(&reader, &pid);
	ASSERT_NE(NULL, ring);
	header = header_of(ring);
	ASSERT_EQ(0, lib_watch_reader(self->watch, reader, 0, 7));
	before = __atomic_load_n(&waitvs, __ATOMIC_RELAXED);
	for (n = 0; n < 20; n++) {
		last = READ_ONCE(header->checked);
		UNTIL(READ_ONCE(header->checked) != last);
	}
	EXPECT_GT(20 * 3, __atomic_load_n(&waitvs, __ATOMIC_RELAXED) - before);
	ASSERT_EQ(128 + SIGKILL, child_kill(pid));
	EXPECT_EQ(7, told(self->watch));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

/* Let futex_waitv() fail in every thread from now on. */
static int forbid_waitv(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 449, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			    &program);
}

TEST_F(watch, watch_survives_the_start_of_a_sandbox)
{
	struct lib_watch *other;
	uint64_t n;

	if (forbid_waitv())
		SKIP(return, "no seccomp");
	EXPECT_EQ(-ENOSYS, lib_watch_create(&other));
	EXPECT_EQ(NULL, other);
	for (n = 0; n < 100; n++) {
		ASSERT_EQ(0, lib_watch_reader(self->watch, self->reader, 0, 7));
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
		ASSERT_EQ(7, told(self->watch));
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
	}
}

/* ---- one loop with many handles, in which a lost wake-up hangs ----------------- */

/*
 * Messages go from writers in threads through @in, a relay of the loop, and @out to a reader
 * in a thread.  The rings have one to three slots, so that both sides of a relay wait often.
 */
struct relay {
	struct ringbuf_reader *in;
	struct ringbuf_writer *out;
	uint64_t number; /* the message to write, while @full */
	uint64_t forwarded;
	bool full;
	bool ended;
};

struct stage {
	struct ringbuf *in;
	struct ringbuf *out;
	struct relay relay[PER];
	uint64_t seen;
	pthread_t thread[WRITERS + 1];
	struct ringbuf_writer *first[WRITERS];
	struct ringbuf_reader *last;
};

static void *writes(void *arg)
{
	struct ringbuf_writer *writer = arg;
	unsigned int seed = ringbuf_writer_id(writer);
	uint64_t n;

	for (n = 0; n < MESSAGES; n++) {
		const struct timespec moment = { .tv_nsec = rand_r(&seed) % 50000 };

		if (put(writer, n, RINGBUF_FOREVER))
			return "cannot write";
		if (rand_r(&seed) % 8 == 0)
			nanosleep(&moment, NULL);
	}
	ringbuf_writer_close(writer);
	return NULL;
}

static void *reads(void *arg)
{
	struct stage *s = arg;

	while (get(s->last, RINGBUF_FOREVER) >= 0)
		s->seen++;
	return NULL;
}

/*
 * Read or write one message.  Return 0, 1 if there is none to read, 2 if there is no room, or -1 at
 * the end.
 */
static int relay_step(struct relay *r)
{
	int64_t n;

	if (r->full) {
		if (put(r->out, r->number, RINGBUF_TRY))
			return 2;
		r->full = false;
		r->forwarded++;
	}
	n = get(r->in, RINGBUF_TRY);
	if (n == -EAGAIN)
		return 1;
	if (n < 0)
		return -1;
	r->number = (uint64_t)n;
	r->full = true;
	return 0;
}

/* Forward messages until the relay has to wait, and let the watch wait.  Return 1 on an error. */
static int relay_run(struct lib_watch *watch, struct relay *r)
{
	int step, armed;

	do {
		step = relay_step(r);
		if (step < 0) {
			ringbuf_reader_close(r->in);
			ringbuf_writer_close(r->out);
			r->ended = true;
			return 0;
		}
		armed = 1;
		if (step == 1)
			armed = lib_watch_reader(watch, r->in, 0, (uintptr_t)r);
		else if (step == 2)
			armed = lib_watch_writer(watch, r->out, (uintptr_t)r | 1);
	} while (armed == 1);
	CHECK_EQ(0, armed);
	return 0;
}

/* Give up the wait of a relay, and begin another one. */
static int relay_again(struct lib_watch *watch, struct relay *r)
{
	if (r->ended)
		return 0;
	lib_unwatch(watch, (uintptr_t)r);
	lib_unwatch(watch, (uintptr_t)r | 1);
	return relay_run(watch, r);
}

static int stage_start(struct lib_watch *watch, struct stage *s, unsigned int slots)
{
	unsigned int i;

	s->in = embedded_new(slots, PER);
	s->out = embedded_new(slots, 1);
	CHECK(s->in && s->out);
	s->last = reader_new(s->out);
	CHECK(s->last);
	for (i = 0; i < PER; i++) {
		s->relay[i].in = reader_new(s->in);
		s->relay[i].out = writer_new(s->out);
		CHECK(s->relay[i].in && s->relay[i].out);
		CHECK_EQ(0, relay_run(watch, &s->relay[i]));
	}
	/* Attach all writers before one of them writes and ends, which could end the stream. */
	for (i = 0; i < WRITERS; i++)
		s->first[i] = writer_new(s->in);
	for (i = 0; i < WRITERS; i++)
		CHECK_EQ(0, pthread_create(&s->thread[i], NULL, writes, s->first[i]));
	CHECK_EQ(0, pthread_create(&s->thread[i], NULL, reads, s));
	return 0;
}

static int stage_end(struct stage *s)
{
	unsigned int i;
	void *error;

	for (i = 0; i <= WRITERS; i++) {
		CHECK_EQ(0, pthread_join(s->thread[i], &error));
		CHECK(!error);
	}
	for (i = 0; i < PER; i++)
		CHECK_EQ(MESSAGES * WRITERS, s->relay[i].forwarded);
	CHECK_EQ(MESSAGES * WRITERS * PER, s->seen);
	ringbuf_reader_close(s->last);
	ringbuf_close(s->in);
	ringbuf_close(s->out);
	return 0;
}

static unsigned int running(const struct stage *s)
{
	unsigned int n = 0, k, i;

	for (k = 0; k < RINGS; k++)
		for (i = 0; i < PER; i++)
			n += !s[k].relay[i].ended;
	return n;
}

static int loop(struct lib_watch *watch, struct stage *s)
{
	uint64_t tags[LIB_WATCH_MAX];
	unsigned int turn = 0;
	int n, i;

	while (running(s)) {
		CHECK(is_told(watch, -1));
		n = lib_watch_take(watch, tags);
		for (i = 0; i < n; i++)
			CHECK_EQ(0, relay_run(watch, (struct relay *)(uintptr_t)(tags[i] & ~1ULL)));
		turn++;
		if (turn % 5 == 0)
			CHECK_EQ(0, relay_again(watch, &s[turn % RINGS].relay[turn / 5 % PER]));
	}
	return 0;
}

TEST_F(watch, watch_loses_no_wake_up)
{
	static struct stage stage[RINGS];
	unsigned int k;

	for (k = 0; k < RINGS; k++)
		ASSERT_EQ(0, stage_start(self->watch, &stage[k], k + 1));
	ASSERT_EQ(0, loop(self->watch, stage));
	for (k = 0; k < RINGS; k++)
		ASSERT_EQ(0, stage_end(&stage[k]));
}

LIB_HARNESS_MAIN
