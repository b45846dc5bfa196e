// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_HOLE: which process left a hole, and how it ended. */
#include "../harness/handles.h"

#include <sched.h>
#include <sys/prctl.h>

#define SLOTS	8
#define MANY	64
#define TIMEOUT (20 * MS)
#define NAME	"leaves \\a\nhole"

FIXTURE(hole)
{
	HANDLES;
	int observer;
	struct leaver *leaver;
};

/* A process that claims slots, and ends its writer as @end does. */
struct leaver {
	int owner;
	uint64_t pos;
	uint32_t count;
	int (*end)(struct leaver *l, struct maps *m);
	pid_t helper;
	uint32_t id;
	int go;
};

static int hole_ring(uint64_t slots)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.slot_bytes = 64,
		.slot_count = slots,
		.claim_timeout = TIMEOUT,
		.max_writers = 2,
	};
	int fd = device_open();

	return file_done(fd, call(fd, RINGBUF_IOC_CREATE, &c));
}

static struct leaver *leaver_of(int owner)
{
	struct leaver *l = shared_memory(sizeof(*l));

	if (l) {
		l->owner = owner;
		l->count = 2;
	}
	return l;
}

FIXTURE_SETUP(hole)
{
	self->owner = hole_ring(SLOTS);
	ASSERT_LE(0, self->owner);
	self->reader = reader_open(self->owner);
	ASSERT_LE(0, self->reader);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
	self->observer = observer_open(self->owner);
	ASSERT_LE(0, self->observer);
	self->leaver = leaver_of(self->owner);
	ASSERT_NE(NULL, self->leaver);
}

FIXTURE_TEARDOWN(hole)
{
	HANDLES_CLOSE();
	close(self->observer);
}

static int leaver_body(void *arg)
{
	struct leaver *l = arg;
	struct maps m;

	CHECK_EQ(0, prctl(PR_SET_NAME, NAME));
	CHECK_EQ(0, maps_open(&m, writer_open(l->owner)));
	l->pos = m.head->head;
	l->id = m.info.id;
	claim_by_hand(&m, l->pos, l->count);
	return l->end(l, &m);
}

/* Whether @fd tells of @position that process @pid left it, how, and with which @code. */
static int hole_is(int fd, uint64_t position, pid_t pid, uint32_t cause, uint32_t code)
{
	struct ringbuf_hole hole;

	CHECK_EQ(0, hole_call(fd, position, &hole));
	CHECK_EQ(sizeof(hole), hole.size);
	CHECK_EQ(0, hole.flags);
	CHECK_EQ(position, hole.position);
	CHECK_EQ(cause, hole.cause);
	CHECK_EQ(code, hole.code);
	CHECK_EQ(pid, hole.pid);
	CHECK(!strcmp(pid ? NAME : "", hole.comm));
	return 0;
}

static int no_hole(int fd, uint64_t position)
{
	struct ringbuf_hole hole;

	return hole_call(fd, position, &hole);
}

/* ---- each way to end ---------------------------------------------------------- */

static int by_sigkill(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	raise(SIGKILL);
	return 1;
}

static int by_sigsegv(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	raise(SIGSEGV);
	return 1;
}

static int by_exit(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	return 3;
}

/* The only thread ends; the process does not, as exit(3) does it. */
static int by_thread_exit(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	syscall(SYS_exit, 3);
	return 1;
}

static int by_done(struct leaver *l, struct maps *m)
{
	(void)l;
	CHECK_EQ(0, done_call(m->fd));
	return 0;
}

static int by_detach(struct leaver *l, struct maps *m)
{
	(void)l;
	CHECK_EQ(0, detach_call(m->fd));
	return 0;
}

static int by_munmap(struct leaver *l, struct maps *m)
{
	(void)l;
	close(m->fd);
	maps_close(m);
	return 0;
}

static int by_exec(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	execl("/bin/true", "true", NULL);
	return 1;
}

FIXTURE_VARIANT(hole)
{
	int (*end)(struct leaver * l, struct maps * m);
	int status;
	uint32_t cause;
	uint32_t code;
};

#define ENDS(name, status, cause, code)                       \
	FIXTURE_VARIANT_ADD(hole, name)                       \
	{                                                     \
		by_##name, status, RINGBUF_HOLE_##cause, code \
	}

ENDS(sigkill, 128 + SIGKILL, KILLED, SIGKILL);
ENDS(sigsegv, 128 + SIGSEGV, KILLED, SIGSEGV);
ENDS(exit, 3, EXITED, 3);
ENDS(thread_exit, 3, EXITED, 3);
ENDS(done, 0, LEFT, 0);
ENDS(detach, 0, LEFT, 0);
ENDS(munmap, 0, UNMAPPED, 0);
ENDS(exec, 0, UNMAPPED, 0);

TEST_F(hole, names_its_process_and_how_it_ended)
{
	struct leaver *l = self->leaver;
	const int fds[] = { self->reader, self->observer, self->owner, self->writer };
	struct ringbuf_hole hole;
	unsigned int i;
	pid_t pid;

	ASSERT_OK(put(self->writer, 7));
	l->end = variant->end;
	pid = child_start(leaver_body, l);
	ASSERT_EQ(variant->status, child_end(pid));
	ASSERT_EQ(1, l->pos);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, hole_is(fds[i], 1, pid, variant->cause, variant->code));
		EXPECT_EQ(0, hole_is(fds[i], 2, pid, variant->cause, variant->code));
		EXPECT_EQ(-ENODATA, no_hole(fds[i], 0));
		EXPECT_EQ(-ENODATA, no_hole(fds[i], 3));
	}
	ASSERT_OK(hole_call(self->reader, 1, &hole));
	EXPECT_EQ(l->id, hole.writer);
	/* Still known when other messages have been in these slots. */
	for (i = 0; i < 3 * SLOTS; i++) {
		EXPECT_EQ(i ? i : 7, get(self->reader));
		ASSERT_OK(put(self->writer, i + 1));
	}
	EXPECT_EQ(0, hole_is(self->reader, 2, pid, variant->cause, variant->code));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, 2 + SLOTS));
}

/* ---- fences, memory that outlives its process, ids ----------------------------------- */

FIXTURE(holes)
{
	HANDLES;
	struct leaver *leaver;
};

FIXTURE_SETUP(holes)
{
	self->owner = hole_ring(MANY);
	ASSERT_LE(0, self->owner);
	self->reader = reader_open(self->owner);
	self->writer = writer_open(self->owner);
	ASSERT_LE(0, self->writer);
	self->leaver = leaver_of(self->owner);
	ASSERT_NE(NULL, self->leaver);
}

FIXTURE_TEARDOWN(holes)
{
	HANDLES_CLOSE();
}

static int by_fence(struct leaver *l, struct maps *m)
{
	(void)m;
	FLAG_SET(l->go);
	pause();
	return 0;
}

TEST_F(holes, of_a_fenced_writer)
{
	struct leaver *l = self->leaver;
	pid_t pid;

	l->end = by_fence;
	pid = child_start(leaver_body, l);
	UNTIL(FLAG_GET(l->go) || task_state(pid) == 'Z');
	ASSERT_OK(put(self->writer, 1));
	EXPECT_EQ(1, get(self->reader));
	EXPECT_EQ(0, hole_is(self->reader, 0, pid, RINGBUF_HOLE_FENCED, 0));
	EXPECT_EQ(0, hole_is(self->reader, 1, pid, RINGBUF_HOLE_FENCED, 0));
	child_kill(pid);
	/* It was fenced before it was killed. */
	EXPECT_EQ(0, hole_is(self->reader, 1, pid, RINGBUF_HOLE_FENCED, 0));
}

static int waits_to_go(void *arg)
{
	struct leaver *l = arg;

	UNTIL(FLAG_GET(l->go));
	return 0;
}

/* Killed, while a process that shares its memory lives on. */
static int by_sigkill_with_a_sibling(struct leaver *l, struct maps *m)
{
	static char stack[65536] __attribute__((aligned(16)));

	(void)m;
	l->helper = clone(waits_to_go, stack + sizeof(stack), CLONE_VM | SIGCHLD, l);
	CHECK(l->helper > 0);
	raise(SIGKILL);
	return 1;
}

/* The maps go when the sibling ends.  Until the process is reaped its signal is known. */
static void memory_outlives(struct __test_metadata *_metadata, struct _test_data_holes *self,
			    bool reaped)
{
	struct leaver *l = self->leaver;
	siginfo_t info;
	pid_t pid;

	l->end = by_sigkill_with_a_sibling;
	pid = child_start(leaver_body, l);
	ASSERT_EQ(0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	if (reaped)
		ASSERT_EQ(128 + SIGKILL, child_end(pid));
	EXPECT_EQ(-ENODATA, no_hole(self->reader, 0));
	EXPECT_EQ(2, stats_of(self->owner).writers);
	FLAG_SET(l->go);
	UNTIL(stats_of(self->owner).writers == 1);
	EXPECT_EQ(0, hole_is(self->reader, 0, pid, reaped ? RINGBUF_HOLE_DIED : RINGBUF_HOLE_KILLED,
			     reaped ? 0 : SIGKILL));
	if (!reaped)
		child_end(pid);
}

TEST_F(holes, of_memory_that_outlives_its_process)
{
	memory_outlives(_metadata, self, false);
}

TEST_F(holes, of_memory_that_outlives_its_reaped_process)
{
	memory_outlives(_metadata, self, true);
}

/* Each hole keeps its own process, though all had one id, as far as the records go. */
TEST_F(holes, of_one_id_that_dies_again_and_again)
{
	struct leaver *l = self->leaver;
	pid_t pid[17];
	unsigned int i;

	l->end = by_sigkill;
	l->count = 1;
	ASSERT_OK(put(self->writer, 1));
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = child_start(leaver_body, l);
		ASSERT_EQ(128 + SIGKILL, child_end(pid[i]));
		ASSERT_EQ(2 * i + 1, l->pos);
		ASSERT_EQ(2, l->id);
		ASSERT_OK(put(self->writer, i));
	}
	for (i = 1; i < ARRAY_SIZE(pid); i++)
		EXPECT_EQ(0,
			  hole_is(self->reader, 2 * i + 1, pid[i], RINGBUF_HOLE_KILLED, SIGKILL));
	/* The first is a hole still, of which no more is known. */
	EXPECT_EQ(0, hole_is(self->reader, 1, 0, RINGBUF_HOLE_UNKNOWN, 0));
}

static int by_exec_of_sleep(struct leaver *l, struct maps *m)
{
	(void)l;
	(void)m;
	execl("/bin/sleep", "sleep", "600", NULL);
	return 1;
}

static bool is_called(pid_t pid, const char *name)
{
	char path[32], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return !strcmp(comm, name);
}

/* The name is that of the program that left the hole, not of the one that the process became. */
TEST_F(holes, of_a_process_that_became_another_program)
{
	pid_t pid;

	self->leaver->end = by_exec_of_sleep;
	pid = child_start(leaver_body, self->leaver);
	UNTIL(is_called(pid, "sleep") || task_state(pid) == 'Z');
	EXPECT_EQ(0, hole_is(self->reader, 0, pid, RINGBUF_HOLE_UNMAPPED, 0));
	child_kill(pid);
}

/* ---- slots that were taken back ---------------------------------------------------- */

static void discard_by_hand(struct maps *m, uint64_t pos)
{
	__atomic_store_n(&m->desc[pos % MANY].state, pos << RINGBUF_STATE_SHIFT | RINGBUF_DISCARDED,
			 __ATOMIC_RELEASE);
}

static int by_discard(struct leaver *l, struct maps *m)
{
	discard_by_hand(m, l->pos);
	discard_by_hand(m, l->pos + 1);
	return 0;
}

TEST_F(holes, of_discarded_slots)
{
	struct leaver *l = self->leaver;
	struct ringbuf_hole hole;
	int second;
	pid_t pid;

	l->end = by_discard;
	pid = child_start(leaver_body, l);
	ASSERT_EQ(0, child_end(pid));
	EXPECT_EQ(0, hole_is(self->reader, 0, pid, RINGBUF_HOLE_DISCARDED, 0));
	EXPECT_EQ(0, hole_is(self->reader, 1, pid, RINGBUF_HOLE_DISCARDED, 0));
	ASSERT_OK(hole_call(self->reader, 1, &hole));
	EXPECT_EQ(2, hole.writer);
	/* The next writer with this id has not done it. */
	second = writer_open(self->owner);
	EXPECT_EQ(0, hole_is(self->reader, 0, 0, RINGBUF_HOLE_DISCARDED, 0));
	close(second);
}

/* ---- what user space may write ---------------------------------------------------- */

TEST_F(holes, claims_of_any_writer)
{
	struct ringbuf_hole hole;
	struct maps m;
	unsigned int id;

	ASSERT_OK(maps_open(&m, self->writer));
	for (id = 0; id < 1U << RINGBUF_CLAIM_WRITER_BITS; id++) {
		m.claim[3] = 3ULL << RINGBUF_CLAIM_SHIFT |
			     (uint64_t)id << RINGBUF_CLAIM_COUNT_BITS | 63;
		discard_by_hand(&m, 3);
		ASSERT_OK(hole_call(self->reader, 3, &hole));
		EXPECT_EQ(RINGBUF_HOLE_DISCARDED, hole.cause);
		/* An id that never had a process has no name. */
		EXPECT_EQ(id == 1 || id == 2 ? id : 0, hole.writer);
		EXPECT_EQ(id == 1 ? getpid() : 0, hole.pid);
	}
	maps_close(&m);
}

/* States that say repaired where nobody was. */
TEST_F(holes, states_of_any_position)
{
	const uint64_t position[] = { 0,	  MANY,	     1ULL << 49, (1ULL << 62) - 8,
				      1ULL << 62, ~0ULL - 7, ~0ULL };
	struct maps m;
	unsigned int i;

	ASSERT_OK(maps_open(&m, self->writer));
	for (i = 0; i < ARRAY_SIZE(position); i++) {
		uint64_t p = position[i];

		m.desc[p % MANY].state = 0;
		EXPECT_EQ(-ENODATA, no_hole(self->reader, p));
		m.desc[p % MANY].state = p << RINGBUF_STATE_SHIFT | RINGBUF_REPAIRED;
		EXPECT_EQ(p < 1ULL << 62 ? 0 : -ENODATA, no_hole(self->reader, p));
		m.desc[p % MANY].state = ~0ULL;
		EXPECT_EQ(-ENODATA, no_hole(self->reader, p));
	}
	maps_close(&m);
}

TEST(hole_of_an_exclusive_ring)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, 64, 4), writer = writer_open(owner);
	struct maps m;

	ASSERT_OK(maps_open(&m, writer));
	ASSERT_OK(put(writer, 1));
	EXPECT_EQ(-ENODATA, no_hole(owner, 0));
	EXPECT_EQ(-ENODATA, no_hole(owner, 1));
	m.desc[1].state = 1 << RINGBUF_STATE_SHIFT | RINGBUF_DISCARDED;
	EXPECT_EQ(0, hole_is(owner, 1, 0, RINGBUF_HOLE_UNKNOWN, 0));
	maps_close(&m);
	close(writer);
	close(owner);
}

/* ---- pid namespaces --------------------------------------------------------------- */

struct asker {
	int fd;
	uint64_t pos;
};

static int asks(void *arg)
{
	struct asker *a = arg;

	/* A process outside has neither number nor name here; how it ended is no secret. */
	return hole_is(a->fd, a->pos, 0, RINGBUF_HOLE_KILLED, SIGKILL);
}

static int asks_in_a_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID))
		return CHILD_SKIP;
	return child_run(asks, arg);
}

TEST_F(holes, in_another_pid_namespace)
{
	struct asker a = { .fd = self->reader };
	int status;

	self->leaver->end = by_sigkill;
	ASSERT_EQ(128 + SIGKILL, child_run(leaver_body, self->leaver));
	a.pos = self->leaver->pos;
	status = child_run(asks_in_a_namespace, &a);
	if (status == CHILD_SKIP)
		SKIP(return, "no pid namespaces, or no right to make one");
	EXPECT_EQ(0, status);
}

DEVICE_HARNESS_MAIN
