// SPDX-License-Identifier: GPL-2.0
/*
 * Handles across fork, as ringbuf.h describes them: a shared writer becomes another writer
 * in a child.  A reader or an exclusive writer belongs to the process that uses it first; so
 * it can be made in the parent, used in a child, and closed in both.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../harness/attached.h"

ATTACHED_FIXTURE(fork)

SHARED_AND_EXCLUSIVE(fork, RINGBUF_EXCLUSIVE);

FIXTURE_SETUP(fork)
{
	ATTACHED_SETUP(variant->flags, 64, 20);
}

/* What a child gets from its parent; @go is shared memory. */
struct given {
	struct ringbuf *ring;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader;
	int *go;
	uint64_t number;
};

static int reads_five(void *arg)
{
	struct given *g = arg;
	unsigned int n;

	UNTIL(FLAG_GET(*g->go));
	for (n = 0; n < 5; n++)
		CHECK_EQ(n, get(g->reader, PATIENCE));
	ringbuf_reader_close(g->reader);
	return 0;
}

/* The parent closes its copy before the child uses its own. */
TEST_F(fork, unused_reader_can_be_used_by_a_child)
{
	struct given g = { .reader = self->reader, .go = shared_memory(sizeof(int)) };
	pid_t pid = child_start(reads_five, &g);
	unsigned int n;

	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	EXPECT_EQ(1, status_of(self->ring).readers);
	for (n = 0; n < 20; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	/* The writer has to wait for the reader, although no process has used it. */
	ASSERT_EQ(-EAGAIN, put(self->writer, n, RINGBUF_TRY));
	FLAG_SET(*g.go);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(0, put(self->writer, n, PATIENCE));
	EXPECT_EQ(0, status_of(self->ring).readers);
}

static int writes_one(void *arg)
{
	struct given *g = arg;

	UNTIL(FLAG_GET(*g->go));
	CHECK_EQ(0, put(g->writer, g->number, PATIENCE));
	CHECK_EQ(0, ringbuf_writer_done(g->writer));
	return 0;
}

TEST_F(fork, unused_writer_can_be_used_by_a_child)
{
	struct given g = { .writer = self->writer, .go = shared_memory(sizeof(int)) };
	pid_t pid;

	g.number = 55;
	pid = child_start(writes_one, &g);
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	/* The child has yet to write, so the stream has not ended. */
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	FLAG_SET(*g.go);
	EXPECT_EQ(55, get(self->reader, PATIENCE));
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	EXPECT_EQ(0, child_end(pid));
}

static int reader_is_busy(void *arg)
{
	struct given *g = arg;
	struct ringbuf_slot s;
	uint64_t n;

	CHECK_EQ(-EBUSY, ringbuf_reader_peek(g->reader, &s, 1, RINGBUF_TRY));
	CHECK_EQ(-EBUSY, ringbuf_reader_read(g->reader, &n, sizeof(n), RINGBUF_FOREVER));
	CHECK_EQ(-EBUSY, ringbuf_reader_wait(g->reader, 1, RINGBUF_TRY));
	CHECK_EQ(-EINVAL, ringbuf_reader_release(g->reader, 1));
	ringbuf_reader_close(g->reader);
	return 0;
}

TEST_F(fork, used_reader_is_busy_in_a_child)
{
	struct given g = { .reader = self->reader };
	struct ringbuf_slot s;

	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	ASSERT_EQ(1, ringbuf_reader_peek(self->reader, &s, 1, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(reader_is_busy, &g));
	/* The child has changed nothing for the parent. */
	EXPECT_EQ(0, ringbuf_reader_release(self->reader, 1));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, status_of(self->ring).readers);
}

static int writer_is_busy(void *arg)
{
	struct given *g = arg;
	struct ringbuf_slot s;

	CHECK_EQ(-EBUSY, put(g->writer, 1, RINGBUF_TRY));
	CHECK_EQ(-EBUSY, ringbuf_writer_reserve(g->writer, &s, 1, RINGBUF_FOREVER));
	CHECK_EQ(-EINVAL, ringbuf_writer_commit(g->writer, &s, 1));
	CHECK_EQ(-EINVAL, ringbuf_writer_discard(g->writer));
	ringbuf_writer_close(g->writer);
	return 0;
}

TEST_F(fork, used_exclusive_writer_is_busy_in_a_child)
{
	struct given g = { .writer = self->writer };

	if (!(variant->flags & RINGBUF_EXCLUSIVE))
		SKIP(return, "about an exclusive writer");
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(writer_is_busy, &g));
	EXPECT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
}

static int writes_as_itself(void *arg)
{
	struct given *g = arg;
	uint32_t id = ringbuf_writer_id(g->writer);

	CHECK_EQ(0, put(g->writer, g->number, RINGBUF_TRY));
	CHECK(ringbuf_writer_id(g->writer) != id);
	ringbuf_writer_close(g->writer);
	return 0;
}

TEST_F(fork, used_shared_writer_is_another_writer_in_a_child)
{
	struct given g = { .writer = self->writer, .number = 2 };

	if (variant->flags & RINGBUF_EXCLUSIVE)
		SKIP(return, "about shared writers");
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(writes_as_itself, &g));
	EXPECT_EQ(0, put(self->writer, 3, RINGBUF_TRY));
	EXPECT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(3, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, status_of(self->ring).writers);
}

/* No id is free: the inherited handle must not use the id of another writer. */
static int finds_no_free_id(void *arg)
{
	struct given *g = arg;
	struct ringbuf_writer *own = writer_new(g->ring);
	unsigned int n;

	CHECK(own);
	CHECK_EQ(0, put(own, 2, RINGBUF_TRY));
	for (n = 0; n < 3; n++)
		CHECK_EQ(-ENOSPC, put(g->writer, 99, RINGBUF_TRY));
	CHECK_EQ(0, put(own, 3, RINGBUF_TRY));
	ringbuf_writer_close(own);
	CHECK_EQ(0, put(g->writer, 4, RINGBUF_TRY));
	ringbuf_writer_close(g->writer);
	return 0;
}

TEST(child_without_a_free_id_fails)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 20);
	struct ringbuf_reader *reader;
	struct given g = { 0 };
	unsigned int n;

	config.max_writers = 2;
	ASSERT_EQ(0, ringbuf_create(&config, &g.ring));
	reader = reader_new(g.ring);
	g.writer = writer_new(g.ring);
	ASSERT_TRUE(reader && g.writer);
	ASSERT_EQ(0, put(g.writer, 1, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(finds_no_free_id, &g));
	ASSERT_EQ(0, put(g.writer, 5, RINGBUF_TRY));
	for (n = 1; n <= 5; n++)
		EXPECT_EQ(n, get(reader, PATIENCE));
	ringbuf_writer_close(g.writer);
	EXPECT_EQ(-ENODATA, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	ringbuf_close(g.ring);
}

/* Check that the child has no reservation, although its parent has one. */
static int has_no_reservation(void *arg)
{
	struct given *g = arg;
	struct ringbuf_slot s[2] = { 0 };

	CHECK_EQ(-EINVAL, ringbuf_writer_commit(g->writer, s, 1));
	CHECK_EQ(-EINVAL, ringbuf_writer_discard(g->writer));
	ringbuf_writer_close(g->writer);
	return 0;
}

TEST_F(fork, reservation_stays_with_the_parent)
{
	struct given g = { .writer = self->writer };
	struct ringbuf_slot s[2];

	ASSERT_EQ(2, ringbuf_writer_reserve(self->writer, s, 2, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(has_no_reservation, &g));
	memcpy(s[0].data, &(uint64_t){ 8 }, 8);
	memcpy(s[1].data, &(uint64_t){ 9 }, 8);
	s[0].length = s[1].length = 8;
	EXPECT_EQ(0, ringbuf_writer_commit(self->writer, s, 2));
	EXPECT_EQ(8, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(9, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(0, ringbuf_reader_holes(self->reader));
}

static int many_numbers(void *arg)
{
	struct given *g = arg;
	unsigned int n;

	for (n = 0; n < 100; n++)
		CHECK_EQ(0, put(g->writer, g->number + n, PATIENCE));
	return 0;
}

/*
 * Three children use one handle that the parent never uses.  The child that uses it first
 * becomes the writer that was attached.  If it ends before the others begin, the stream ends
 * until they begin.
 */
TEST_F(fork, unused_shared_writer_can_be_used_by_many_children)
{
	struct given g[3];
	uint64_t next[3] = { 0 };
	unsigned int i, total = 0;
	pid_t pid[3];

	if (variant->flags & RINGBUF_EXCLUSIVE)
		SKIP(return, "about shared writers");
	for (i = 0; i < 3; i++) {
		g[i] = (struct given){ .writer = self->writer, .number = 1000 * i };
		pid[i] = child_start(many_numbers, &g[i]);
	}
	while (total < 300) {
		int64_t n = get(self->reader, PATIENCE);

		if (n == -ENODATA)
			continue;
		ASSERT_LE(0, n);
		i = (unsigned int)n / 1000;
		ASSERT_GT(3, i);
		ASSERT_EQ(next[i], (uint64_t)n % 1000);
		next[i]++;
		total++;
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, child_end(pid[i]));
	/*
	 * No message is left.  Whether the stream has ended depends on the child of the first use.
	 */
	EXPECT_GT(0, get(self->reader, RINGBUF_TRY));
}

static int closes_all(void *arg)
{
	struct given *g = arg;

	ringbuf_reader_close(g->reader);
	ringbuf_writer_close(g->writer);
	ringbuf_close(g->ring);
	return 0;
}

/* A child closes handles that it never used: before the parent has used them, and after. */
TEST_F(fork, closing_an_unused_copy_ends_nothing)
{
	struct given g = { self->ring, self->writer, self->reader, NULL, 0 };

	EXPECT_EQ(0, child_run(closes_all, &g));
	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(1, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(closes_all, &g));
	ASSERT_EQ(0, put(self->writer, 2, RINGBUF_TRY));
	ASSERT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(1, status_of(self->ring).readers);
	EXPECT_EQ(1, status_of(self->ring).writers);
}

static int attaches(void *arg)
{
	struct given *g = arg;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader = reader_new(g->ring);
	int err = ringbuf_writer_attach(g->ring, &writer);

	CHECK(reader);
	CHECK_EQ(-EBUSY * !!(g->number & RINGBUF_EXCLUSIVE), err);
	CHECK_EQ(2, status_of(g->ring).readers);
	CHECK_EQ(44, get(reader, RINGBUF_TRY));
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
	ringbuf_close(g->ring);
	return 0;
}

TEST_F(fork, child_can_attach_to_the_ring)
{
	struct given g = { .ring = self->ring, .number = variant->flags };

	ASSERT_EQ(0, put(self->writer, 44, RINGBUF_TRY));
	EXPECT_EQ(0, child_run(attaches, &g));
	EXPECT_EQ(44, get(self->reader, RINGBUF_TRY));
}

/* Fork without the handlers of pthread_atfork(). */
static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, NULL, NULL, 0);
}

TEST_F(fork, handles_are_told_apart_after_a_clone_without_handlers)
{
	struct given g = { .reader = self->reader, .writer = self->writer, .number = 2 };
	pid_t pid;

	ASSERT_EQ(0, put(self->writer, 1, RINGBUF_TRY));
	ASSERT_EQ(1, get(self->reader, RINGBUF_TRY));
	pid = raw_clone();
	if (!pid)
		_exit(reader_is_busy(&g) ||
		      (variant->flags & RINGBUF_EXCLUSIVE ? writer_is_busy(&g)
							  : writes_as_itself(&g)));
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(0, put(self->writer, 3, RINGBUF_TRY));
	if (!(variant->flags & RINGBUF_EXCLUSIVE))
		EXPECT_EQ(2, get(self->reader, RINGBUF_TRY));
	EXPECT_EQ(3, get(self->reader, RINGBUF_TRY));
}

/* Fork a grandchild, whose parent ends at once. */
static int child_of_child(void *arg)
{
	struct given *g = arg;
	pid_t pid = fork();

	if (!pid) {
		UNTIL(FLAG_GET(*g->go));
		_exit(many_numbers(arg));
	}
	return pid < 0;
}

TEST_F(fork, unused_writer_can_be_used_by_a_grandchild)
{
	struct given g = { .writer = self->writer, .go = shared_memory(sizeof(int)) };
	unsigned int n;

	EXPECT_EQ(0, child_run(child_of_child, &g));
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	FLAG_SET(*g.go);
	for (n = 0; n < 100; n++)
		ASSERT_EQ(n, get(self->reader, PATIENCE));
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
}

static int sleeps(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

/* A child that lives longer must not keep the handles that its parent used and closed. */
TEST_F(fork, idle_child_keeps_no_writer_waiting)
{
	pid_t idle;
	unsigned int n;

	ASSERT_EQ(0, put(self->writer, 0, RINGBUF_TRY));
	ASSERT_EQ(0, get(self->reader, RINGBUF_TRY));
	idle = child_start(sleeps, NULL);
	ringbuf_reader_close(self->reader);
	ASSERT_EQ(0, ringbuf_reader_attach(self->ring, RINGBUF_FROM_HEAD, 0, &self->reader));
	for (n = 0; n < 20; n++)
		ASSERT_EQ(0, put(self->writer, n, RINGBUF_TRY));
	for (n = 0; n < 20; n++)
		ASSERT_EQ(n, get(self->reader, RINGBUF_TRY));
	ringbuf_writer_close(self->writer);
	self->writer = NULL;
	EXPECT_EQ(-ENODATA, get(self->reader, PATIENCE));
	child_kill(idle);
}

#define NO_WIPE "SELFTEST_NO_WIPE"

/* Let madvise(MADV_WIPEONFORK) fail with EINVAL from now on, also after exec. */
static int refuse_wipe(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		/* Load the lower half of the third argument; the machine is little-endian. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_WIPEONFORK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int all_without_wipe(void *arg)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)arg;
	if (refuse_wipe())
		return CHILD_SKIP;
	CHECK_EQ(0, setenv(NO_WIPE, "1", 1));
	CHECK(null >= 0 && dup2(null, STDOUT_FILENO) == STDOUT_FILENO);
	execl("/proc/self/exe", "fork", NULL);
	CHECK(!"executed");
	return 1;
}

/* Run all tests of this file again without MADV_WIPEONFORK, which a sandbox may refuse. */
TEST(child_is_told_apart_without_wipe_on_fork)
{
	long page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int end;

	ASSERT_NE(MAP_FAILED, p);
	if (getenv(NO_WIPE)) {
		EXPECT_EQ(-1, madvise(p, page, MADV_WIPEONFORK));
		EXPECT_EQ(EINVAL, errno);
	} else {
		end = child_run(all_without_wipe, NULL);
		if (end == CHILD_SKIP)
			SKIP(return, "no seccomp");
		EXPECT_EQ(0, end);
	}
	munmap(p, page);
}

LIB_HARNESS_MAIN
