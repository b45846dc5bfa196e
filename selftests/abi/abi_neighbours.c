// SPDX-License-Identifier: GPL-2.0
/*
 * What a user loses while another user attacks: the locks, ids, names, timers and memory
 * that all rings share must cost no more than the scheduler gives to the attackers.
 *
 * A victim makes, uses and closes rings of its own, and counts.  Beside it, on each
 * processor, an attacker of another user either computes or attacks, in turn.
 */
#include "../harness/harness.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../harness/child.h"
#include "../harness/device.h"

#define VICTIM	  65534
#define ATTACKER  65533
#define ROUNDS	  5
#define TRIES	  3
#define ROUND_NS  (100 * MS)
#define SHARE	  4 /* the victim keeps at least 1 / SHARE of its rate beside who computes */
#define CROWD	  32 /* readers of an attacker's ring */
#define WATCHES	  8 /* epoll instances that watch each of them */
#define RINGS_MAX 32

#define ATTACKERS_MAX 16

enum mode { COMPUTE, ATTACK, MODES };

struct attacker;

/**
 * struct neighbours - what the processes share
 * @mode: what the attackers do
 * @doing: what each attacker does
 * @prepare: at the begin of an attack; 0 or 1; may be NULL
 * @attack: a short part of the attack; 0 or 1
 * @attackers: how many there are
 * @failed: a check of one of them was false
 * @rate: how often the victim did its work, for each second of a round
 */
struct neighbours {
	enum mode mode;
	enum mode doing[ATTACKERS_MAX];
	int (*prepare)(struct attacker *t);
	int (*attack)(struct attacker *t);
	int attackers;
	int failed;
	uint64_t rate[MODES][ROUNDS];
};

/**
 * struct attacker - an attacker's own memory
 * @index: of the attacker
 * @ring: a ring of its own
 * @writer: that ring's writer
 * @number: of messages
 * @map: of rings with timers
 * @path: a name of its own
 */
struct attacker {
	struct neighbours *n;
	int index;
	int ring;
	int writer;
	uint64_t number;
	void *map[RINGS_MAX];
	char path[64];
};

/* ---- attacks ------------------------------------------------------------------------------- */

static int make_rings(struct attacker *t)
{
	int fd = ring_make(0, 64, 64);

	(void)t;
	CHECK(fd >= 0);
	close(fd);
	return 0;
}

static int make_names(struct attacker *t)
{
	int fd = file_make(t->path, 0, 64, 4);

	CHECK(fd >= 0);
	CHECK_EQ(0, unlink(t->path));
	close(fd);
	return 0;
}

/* Make as many large rings as the quota allows beside the other attackers. */
static int take_memory(struct attacker *t)
{
	int fd[RINGS_MAX], n = 0;

	while (n < RINGS_MAX && (fd[n] = ring_make(0, 1 << 20, 4)) >= 0)
		n++;
	CHECK(n || t->index);
	while (n)
		close(fd[--n]);
	return 0;
}

static int own_ring(struct attacker *t)
{
	t->ring = ring_make(0, 64, 64);
	CHECK(t->ring >= 0);
	t->writer = writer_open(t->ring);
	CHECK(t->writer >= 0);
	return 0;
}

static int attach(struct attacker *t)
{
	int fd = reader_open(t->ring);

	CHECK(fd >= 0);
	close(fd);
	return 0;
}

static int map(struct attacker *t)
{
	void *p = map_region(t->writer, RINGBUF_REGION_DATA, PROT_READ | PROT_WRITE);

	CHECK(p != MAP_FAILED);
	munmap(p, region_of(t->writer, RINGBUF_REGION_DATA).bytes);
	return 0;
}

static int with_readers(struct attacker *t)
{
	int i;

	CHECK(!own_ring(t));
	for (i = 0; i < CROWD; i++)
		CHECK(reader_open(t->ring) >= 0);
	return 0;
}

static int ask(struct attacker *t)
{
	struct ringbuf_reader_stats table[CROWD];
	struct ringbuf_stats s;

	CHECK_EQ(0, stats_call(t->ring, &s, table, CROWD));
	CHECK(fdinfo(t->ring, "head")[0]);
	return 0;
}

/* Each message wakes a crowd. */
static int with_a_crowd(struct attacker *t)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int i, k, fd, watch;

	CHECK(!own_ring(t));
	for (i = 0; i < CROWD; i++) {
		fd = reader_open(t->ring);
		CHECK(fd >= 0);
		for (k = 0; k < WATCHES; k++) {
			watch = epoll_create1(EPOLL_CLOEXEC);
			CHECK(watch >= 0);
			CHECK_EQ(0, epoll_ctl(watch, EPOLL_CTL_ADD, fd, &e));
		}
	}
	return 0;
}

static int wake(struct attacker *t)
{
	CHECK_EQ(0, put(t->writer, ++t->number));
	CHECK_EQ(0, sync_all(t->ring, t->number));
	return 0;
}

/* Rings whose timers look at a reader that waits, and at a writer that may have to be fenced. */
static int with_timers(struct attacker *t)
{
	struct ringbuf_create c = { .size = sizeof(c),
				    .slot_bytes = 64,
				    .slot_count = 4,
				    .claim_timeout = MS,
				    .policy = RINGBUF_POLICY_SKIP,
				    .policy_timeout = MS };
	struct epoll_event e = { .events = EPOLLIN };
	int watch = epoll_create1(EPOLL_CLOEXEC), i, owner, reader, writer;

	CHECK(watch >= 0);
	for (i = 0; i < RINGS_MAX; i++) {
		owner = device_open();
		CHECK_EQ(0, call(owner, RINGBUF_IOC_CREATE, &c));
		reader = reader_open(owner);
		writer = writer_open(owner);
		CHECK(reader >= 0 && writer >= 0);
		t->map[i] = map_region(writer, RINGBUF_REGION_SLOTS, PROT_READ | PROT_WRITE);
		CHECK(t->map[i] != MAP_FAILED);
		CHECK_EQ(0, epoll_ctl(watch, EPOLL_CTL_ADD, reader, &e));
		CHECK_EQ(0, epoll_wait(watch, &e, 1, 0));
	}
	return 0;
}

static int compute(struct attacker *t)
{
	unsigned int i;

	(void)t;
	for (i = 0; i < 10000; i++)
		__asm__ volatile("" ::: "memory");
	return 0;
}

static int attacker_turn(struct attacker *t, enum mode mode)
{
	int i;

	for (i = 0; i < RINGS_MAX && t->map[i]; i++) {
		munmap(t->map[i], 1);
		t->map[i] = NULL;
	}
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (mode == ATTACK && t->n->prepare)
		CHECK(!t->n->prepare(t));
	__atomic_store_n(&t->n->doing[t->index], mode, __ATOMIC_SEQ_CST);
	return 0;
}

static int attacker_work(struct attacker *t)
{
	const struct rlimit many = { 4096, 4096 };
	struct neighbours *n = t->n;
	pid_t parent = getppid();

	CHECK_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	CHECK(!setgid(ATTACKER) && !setuid(ATTACKER));
	/* A change of the user undoes it. */
	child_tie(parent);
	snprintf(t->path, sizeof(t->path), RINGS "/neighbour-%d", t->index);
	for (;;) {
		enum mode mode = FLAG_GET(n->mode);

		if (mode != n->doing[t->index])
			CHECK(!attacker_turn(t, mode));
		CHECK(!(mode == ATTACK ? n->attack : compute)(t));
	}
}

static int attacker_run(void *arg)
{
	struct attacker *t = arg;
	int failed = attacker_work(t);

	FLAG_SET(t->n->failed);
	return failed;
}

/* ---- the victim ------------------------------------------------------------------------------ */

static int live(void)
{
	int owner = ring_make(0, 64, 8), reader, writer;
	uint64_t k;

	CHECK(owner >= 0);
	reader = reader_open(owner);
	writer = writer_open(owner);
	CHECK(reader >= 0 && writer >= 0);
	for (k = 0; k < 8; k++)
		CHECK_EQ(0, put(writer, k));
	for (k = 0; k < 8; k++)
		CHECK_EQ(k, get(reader));
	CHECK_EQ(1, stats_of(owner).total);
	close(writer);
	close(reader);
	close(owner);
	return 0;
}

static int round_run(struct neighbours *n, enum mode mode, uint64_t *rate)
{
	uint64_t begin, count = 0;
	int i;

	__atomic_store_n(&n->mode, mode, __ATOMIC_SEQ_CST);
	for (i = 0; i < n->attackers; i++)
		UNTIL(FLAG_GET(n->doing[i]) == mode || FLAG_GET(n->failed));
	CHECK(!n->failed);
	begin = now_ns();
	do {
		CHECK(!live());
		count++;
	} while (now_ns() - begin < (uint64_t)ROUND_NS);
	*rate = count * SECOND / (now_ns() - begin);
	return 0;
}

static int victim_run(void *arg)
{
	struct neighbours *n = arg;
	unsigned int round, mode;

	CHECK(!setgid(VICTIM) && !setuid(VICTIM));
	for (round = 0; round < ROUNDS; round++)
		for (mode = 0; mode < MODES; mode++)
			CHECK(!round_run(n, mode, &n->rate[mode][round]));
	return 0;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static int by_rate(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(uint64_t rate[ROUNDS])
{
	qsort(rate, ROUNDS, sizeof(*rate), by_rate);
	return rate[ROUNDS / 2];
}

FIXTURE(neighbours)
{
	struct neighbours *n;
	pid_t attacker[ATTACKERS_MAX];
};

FIXTURE_VARIANT(neighbours)
{
	int (*prepare)(struct attacker * t);
	int (*attack)(struct attacker * t);
};

FIXTURE_VARIANT_ADD(neighbours, makes_rings){ .attack = make_rings };
FIXTURE_VARIANT_ADD(neighbours, makes_names){ .attack = make_names };
FIXTURE_VARIANT_ADD(neighbours, takes_memory){ .attack = take_memory };
FIXTURE_VARIANT_ADD(neighbours, attaches){ .prepare = own_ring, .attack = attach };
FIXTURE_VARIANT_ADD(neighbours, maps){ .prepare = own_ring, .attack = map };
FIXTURE_VARIANT_ADD(neighbours, asks){ .prepare = with_readers, .attack = ask };
FIXTURE_VARIANT_ADD(neighbours, wakes_a_crowd){ .prepare = with_a_crowd, .attack = wake };
FIXTURE_VARIANT_ADD(neighbours, has_timers){ .prepare = with_timers, .attack = compute };

FIXTURE_SETUP(neighbours)
{
	struct attacker t = { 0 };
	int i;

	self->n = shared_memory(sizeof(*self->n));
	ASSERT_NE(NULL, self->n);
	self->n->prepare = variant->prepare;
	self->n->attack = variant->attack;
	self->n->attackers = processors();
	ASSERT_TRUE(self->n->attackers > 0 && self->n->attackers <= ATTACKERS_MAX);
	t.n = self->n;
	for (i = 0; i < self->n->attackers; i++) {
		t.index = i;
		self->attacker[i] = child_start(attacker_run, &t);
	}
}

FIXTURE_TEARDOWN(neighbours)
{
	int i;

	/* It ends only if a check of its own fails. */
	for (i = 0; i < self->n->attackers; i++)
		EXPECT_EQ(128 + SIGKILL, child_kill(self->attacker[i]));
	munmap(self->n, sizeof(*self->n));
}

/* Once: whether the victim keeps its share. */
static int keeps_share(struct neighbours *n, bool *keeps)
{
	uint64_t computing, attacking;

	CHECK_EQ(0, child_run(victim_run, n));
	computing = median(n->rate[COMPUTE]);
	attacking = median(n->rate[ATTACK]);
	ksft_print_msg("rings made and used in a second: %llu beside who computes, %llu beside "
		       "who attacks\n",
		       (unsigned long long)computing, (unsigned long long)attacking);
	*keeps = attacking * SHARE > computing;
	return 0;
}

/* Other load of the host may take a share once, but not each time. */
TEST_F(neighbours, take_no_more_than_the_scheduler_gives_them)
{
	bool keeps = false;
	unsigned int n;

	for (n = 0; n < TRIES && !keeps; n++)
		ASSERT_EQ(0, keeps_share(self->n, &keeps));
	EXPECT_TRUE(keeps);
}

DEVICE_HARNESS_MAIN
