// SPDX-License-Identifier: GPL-2.0
/*
 * usage: kill [KILLS [SEED]]
 *
 * Writers write and readers read as fast as they can.  At random moments a
 * random one of them is killed with SIGKILL, and started again when the others
 * have gone on.  Every message names the writer's life and its number in that
 * life, and carries a checksum.  Readers check that
 *
 *   - positions follow each other but for holes,
 *   - of each life the numbers follow each other: none is lost, doubled or reordered,
 *   - no message is torn,
 *   - at the end of a life, all that was committed has been seen.
 *
 * Stalls: after each kill every survivor has to go on for two laps of the ring;
 * its longest step, counted from the kill on, is its stall.  What the scheduler
 * does to so many busy processes is measured at the same time: now and then, for
 * as long as a kill takes, nobody is killed.  What the machine does to the
 * processors is measured too: on each a bystander of real-time priority, who has
 * nothing to do with the ring, sleeps for a millisecond over and over and adds up
 * by how much it woke too late.  Of a long stall, the time that the processors
 * lost during it does not count, nor that in which survivors were ready to run
 * and others ran: who waits for the ring is not ready.  The limit is 50 ms and
 * what nine of ten events without a kill stay below, which counts for 50 ms at
 * most; two kills may take longer, and more only where events without one do.
 *
 * Those who are killed so are at work.  A fifth more are killed at a random
 * moment of attaching, using for the first time, leaving, creating, opening and
 * unlinking, beside a writer and readers who check the same as the others.  On
 * the embedded host some must have been killed while they changed what all
 * share, so that the next one had to repair it.
 *
 * RINGBUF_HOST chooses the host.  Half of the kills of who is at work go to a
 * ring with shared writers, half to an exclusive one.
 */
#include <sched.h>

#include "../harness/harness.h"
#include "inside.h"
#include "lives.h"
#include "young.h"

#define STALL_NS   (50 * MS)
#define WINDOW_NS  (25 * MS) /* what it takes to find a dead process on the embedded host */
#define KILLS_EACH 8 /* for each event without one */
#define LATE_NS	   MS /* a bystander that wakes later than this had no processor */

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL >> 16;
}

/* ---- the one who kills ------------------------------------------------------- */

/**
 * struct run - one ring, and what happened to it
 * @a: shared with the processes
 * @writers: places 0 … writers - 1 are writers', the others readers'
 * @stall: worst of each event; [0] nobody was killed, [1] somebody was
 * @count: entries in @stall
 */
struct run {
	struct arena *a;
	unsigned int writers;
	uint64_t *stall[2];
	unsigned int count[2];
};

static unsigned int places(const struct run *r)
{
	return r->writers + KILL_READERS;
}

static bool place_start(struct run *r, unsigned int i)
{
	struct place *place = &r->a->place[i];
	pid_t parent = getpid(), pid;

	place->alive = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		child_tie(parent);
		_exit(i < r->writers ? write_life(r->a, place) : read_life(r->a, place));
	}
	place->pid = pid;
	return pid > 0;
}

/* Until @done of every place but @but; false when one has ended or hangs. */
static bool places_wait(struct run *r, bool (*done)(const struct run *r, unsigned int i),
			unsigned int but)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t start = now_ns();
	unsigned int i;

	for (i = 0; i < places(r); i++) {
		while (i != but && !done(r, i)) {
			int status;

			if (waitpid(r->a->place[i].pid, &status, WNOHANG)) {
				ksft_print_msg("place %u ended, status %x\n", i, status);
				return false;
			}
			if (now_ns() - start > (uint64_t)HANG_NS) {
				ksft_print_msg("place %u (%s) hangs\n", i,
					       i < r->writers ? "writer" : "reader");
				return false;
			}
			nanosleep(&pause, NULL);
		}
	}
	return true;
}

static bool is_alive(const struct run *r, unsigned int i)
{
	return FLAG_GET(r->a->place[i].alive);
}

static bool is_past(const struct run *r, unsigned int i)
{
	return __atomic_load_n(&r->a->place[i].event, __ATOMIC_ACQUIRE) == r->a->event;
}

static uint64_t stolen(const struct arena *a)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < a->bystanders; i++)
		sum += __atomic_load_n(&a->bystander[i].stolen, __ATOMIC_ACQUIRE);
	return sum;
}

/* ns for which survivors could have run, but had no processor. */
static uint64_t queued(const struct run *r, unsigned int but)
{
	unsigned long long ran, waited;
	uint64_t sum = 0;
	char path[64];
	unsigned int i;
	FILE *f;

	for (i = 0; i < places(r); i++) {
		snprintf(path, sizeof(path), "/proc/%d/schedstat", r->a->place[i].pid);
		f = i == but ? NULL : fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu %llu", &ran, &waited) == 2)
			sum += waited;
		fclose(f);
	}
	return sum;
}

/* Until each bystander has woken twice: what it sleeps through now counts. */
static void bystanders_wait(const struct arena *a)
{
	const struct timespec pause = { .tv_nsec = MS };
	uint64_t ticks;
	unsigned int i;

	for (i = 0; i < a->bystanders; i++) {
		ticks = FLAG_GET(a->bystander[i].ticks);
		while (FLAG_GET(a->bystander[i].ticks) - ticks < 2)
			nanosleep(&pause, NULL);
	}
}

/*
 * Without the time in which processors did not run, or ran others: what both
 * have come to since they were @before.
 */
static uint64_t own_stall(const struct run *r, unsigned int victim, uint64_t stall, uint64_t before)
{
	uint64_t lost;

	if (stall <= (uint64_t)STALL_NS)
		return stall;
	lost = queued(r, victim);
	bystanders_wait(r->a);
	lost += stolen(r->a) - before;
	return stall > lost ? stall - lost : 0;
}

/* One event: @victim is killed, or nobody if there is no such place. */
static bool event(struct run *r, unsigned int victim)
{
	bool killed = victim < places(r);
	uint64_t worst = 0, before = stolen(r->a) + queued(r, victim);
	unsigned int i;

	r->a->event_ns = now_ns();
	r->a->window = killed ? 0 : WINDOW_NS;
	if (killed)
		kill(r->a->place[victim].pid, SIGKILL);
	__atomic_store_n(&r->a->event, r->a->event + 1, __ATOMIC_RELEASE);
	if (killed && child_end(r->a->place[victim].pid) != 128 + SIGKILL) {
		ksft_print_msg("place %u had ended by itself\n", victim);
		return false;
	}
	if (!places_wait(r, is_past, victim))
		return false;
	for (i = 0; i < places(r); i++)
		if (i != victim && r->a->place[i].stall > worst)
			worst = r->a->place[i].stall;
	r->stall[killed][r->count[killed]++] = own_stall(r, victim, worst, before);
	return !killed || (place_start(r, victim) && places_wait(r, is_alive, ~0U));
}

/* Less than @most ns, in steps that have nothing to do with the ring's. */
static void random_pause(long most)
{
	struct timespec pause = { .tv_nsec = (long)(random_next() % (uint64_t)most) };

	nanosleep(&pause, NULL);
}

static int bystander(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct timespec pause = { .tv_nsec = MS };
	struct bystander *b = arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(b->cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 1;
	/* Without the right to it, its own wait for a processor counts as one lost. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	for (;;) {
		uint64_t start = now_ns(), late;

		nanosleep(&pause, NULL);
		late = now_ns() - start - MS;
		if (late > LATE_NS)
			__atomic_store_n(&b->stolen, b->stolen + late, __ATOMIC_RELEASE);
		__atomic_store_n(&b->ticks, b->ticks + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static void bystanders_start(struct arena *a)
{
	cpu_set_t all;
	int cpu;

	CPU_ZERO(&all);
	sched_getaffinity(0, sizeof(all), &all);
	for (cpu = 0; cpu < CPU_SETSIZE && a->bystanders < KILL_CPUS; cpu++) {
		struct bystander *b = &a->bystander[a->bystanders];

		if (!CPU_ISSET(cpu, &all))
			continue;
		b->cpu = cpu;
		b->pid = child_start(bystander, b);
		a->bystanders++;
	}
}

static void bystanders_kill(struct arena *a)
{
	unsigned int i;

	for (i = 0; i < a->bystanders; i++)
		child_kill(a->bystander[i].pid);
}

/* Writers finish, readers drain and check; false when one is not content. */
static bool run_end(struct run *r)
{
	unsigned int i;
	bool ok = true;

	FLAG_SET(r->a->stop);
	for (i = 0; i < places(r); i++) {
		if (i == r->writers)
			FLAG_SET(r->a->ended);
		ok &= child_end(r->a->place[i].pid) == 0;
	}
	return ok;
}

/* Everybody is there, and at work. */
static bool places_start(struct run *r)
{
	unsigned int i;

	for (i = 0; i < places(r); i++)
		if (!place_start(r, i))
			return false;
	return places_wait(r, is_alive, ~0U);
}

static bool run_kills(struct run *r, unsigned int kills)
{
	unsigned int i;

	if (!places_start(r))
		return false;
	for (i = 0; i < kills; i++) {
		random_pause(2 * MS);
		if (i % KILLS_EACH == 0 && !event(r, ~0U))
			return false;
		random_pause(2 * MS);
		if (!event(r, (unsigned int)(random_next() % places(r))))
			return false;
	}
	return run_end(r);
}

/* ---- those who begin and end ------------------------------------------------- */

static pid_t young_start(struct run *r)
{
	struct place *place = &r->a->place[places(r)];
	pid_t parent = getpid(), pid;

	place->alive = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		child_tie(parent);
		_exit(young_life(r->a, place));
	}
	while (pid > 0 && !FLAG_GET(place->alive))
		sched_yield();
	return pid;
}

/* *inside: how many were killed where all others wait for them. */
static bool run_young(struct run *r, unsigned int kills, unsigned int *inside)
{
	/* Several rounds of what they do, where a processor is emulated too. */
	long most = getenv("RINGBUF_VM") ? 50 * MS : 2 * MS;
	bool embedded = !on_module(r->a->ring);
	unsigned int i;

	if (!places_start(r))
		return false;
	for (i = 0; i < kills; i++) {
		pid_t pid = young_start(r);

		random_pause(most);
		kill(pid, SIGKILL);
		if (child_end(pid) != 128 + SIGKILL) {
			ksft_print_msg("a young process had ended by itself\n");
			return false;
		}
		*inside += embedded && died_inside(r->a->ring);
		r->a->event_ns = now_ns();
		r->a->window = 0;
		__atomic_store_n(&r->a->event, r->a->event + 1, __ATOMIC_RELEASE);
		if (!places_wait(r, is_past, ~0U))
			return false;
	}
	return run_end(r);
}

/* ---- what came of it ---------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of sorted stalls. */
static uint64_t quantile(const uint64_t *stall, unsigned int count, unsigned int percent)
{
	unsigned int i = (unsigned int)((uint64_t)count * percent / 100);

	return count ? stall[i < count ? i : count - 1] : 0;
}

static double ms(const uint64_t *stall, unsigned int count, unsigned int percent)
{
	return (double)quantile(stall, count, percent) / 1e6;
}

static void print_stalls(const struct run *r, int killed)
{
	uint64_t *stall = r->stall[killed];
	unsigned int n = r->count[killed];

	qsort(stall, n, sizeof(*stall), compare);
	ksft_print_msg("%s: %u, longest step, ms: median %.2f, 90%% %.2f, 99%% %.2f, max %.2f\n",
		       killed ? "kills" : "events without a kill", n, ms(stall, n, 50),
		       ms(stall, n, 90), ms(stall, n, 99), ms(stall, n, 100));
}

static unsigned int longer(const struct run *r, int killed, uint64_t limit)
{
	unsigned int i, n = 0;

	for (i = 0; i < r->count[killed]; i++)
		n += r->stall[killed][i] > limit;
	return n;
}

/*
 * Two, and where the machine holds up processes without any kill, as large a
 * share of the kills as of those events, twice over.
 */
static bool few_stalls(const struct run *r, uint64_t limit)
{
	unsigned int without = longer(r, 0, limit), with = longer(r, 1, limit);

	ksft_print_msg("longer than %.2f ms: %u, and without a kill %u\n", (double)limit / 1e6,
		       with, without);
	return r->count[0] && with <= 2 + 2ULL * without * r->count[1] / r->count[0];
}

static void run_report(const struct run *r, const char *mode, bool ok)
{
	struct ringbuf_status s = status_of(r->a->ring);
	uint64_t limit;

	print_stalls(r, 0);
	print_stalls(r, 1);
	ksft_print_msg("processors lost %.2f ms in all\n", (double)stolen(r->a) / 1e6);
	ksft_print_msg("%llu slots, %llu of them repaired, %u writers\n",
		       (unsigned long long)s.head, (unsigned long long)s.repaired, r->a->lives);
	ksft_test_result(ok, "%s: no message lost, doubled, torn or reordered\n", mode);
	limit = quantile(r->stall[0], r->count[0], 90);
	limit = STALL_NS + (limit < (uint64_t)STALL_NS ? limit : STALL_NS);
	ksft_test_result(ok && few_stalls(r, limit),
			 "%s: nobody stalls for more than 50 ms plus scheduling (%.2f ms)\n", mode,
			 (double)limit / 1e6);
}

static void places_kill(struct run *r)
{
	unsigned int i;

	for (i = 0; i < places(r); i++)
		if (r->a->place[i].pid > 0)
			child_kill(r->a->place[i].pid);
}

static void run_mode(uint32_t flags, unsigned int kills)
{
	struct run r = { .a = shared_memory(sizeof(*r.a)) };
	bool ok;

	r.stall[0] = calloc(kills + 1, sizeof(uint64_t));
	r.stall[1] = calloc(kills + 1, sizeof(uint64_t));
	if (!r.a || !r.stall[0] || !r.stall[1])
		ksft_exit_fail_msg("no memory\n");
	r.writers = flags & RINGBUF_EXCLUSIVE ? 1 : KILL_WRITERS;
	r.a->ring = ring_new(flags, KILL_SLOT, KILL_SLOTS);
	if (!r.a->ring)
		ksft_exit_fail_msg("no ring: %s\n", strerror(errno));
	bystanders_start(r.a);
	ok = run_kills(&r, kills);
	bystanders_kill(r.a);
	if (!ok)
		places_kill(&r);
	run_report(&r, flags & RINGBUF_EXCLUSIVE ? "exclusive" : "shared", ok);
	ringbuf_close(r.a->ring);
	free(r.stall[0]);
	free(r.stall[1]);
}

static void run_begin(struct run *r)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(KILL_SLOT, KILL_SLOTS);
	int err;

	r->a = shared_memory(sizeof(*r->a));
	if (!r->a)
		ksft_exit_fail_msg("no memory\n");
	r->writers = 1;
	snprintf(r->a->name, sizeof(r->a->name), "%s", name_of("kill"));
	snprintf(r->a->second, sizeof(r->a->second), "%s", name_of("kill-2"));
	config.name = r->a->name;
	err = ringbuf_create(&config, &r->a->ring);
	if (err)
		ksft_exit_fail_msg("no ring: %s\n", strerror(-err));
}

static void young_mode(unsigned int kills)
{
	unsigned int inside = 0;
	struct ringbuf_status s;
	struct run r = { 0 };
	bool ok, embedded;

	run_begin(&r);
	ok = run_young(&r, kills, &inside);
	if (!ok)
		places_kill(&r);
	embedded = !on_module(r.a->ring);
	/* Who attaches buries the dead. */
	ringbuf_reader_close(reader_new(r.a->ring));
	s = status_of(r.a->ring);
	ksft_print_msg("young: %u kills, %u of them with the lock; %llu slots, %llu repaired\n",
		       kills, inside, (unsigned long long)s.head, (unsigned long long)s.repaired);
	ksft_test_result(ok, "young: no message lost, doubled, torn or reordered, no name kept\n");
	ksft_test_result(!s.readers && !s.writers, "young: nobody is left (%u, %u)\n", s.readers,
			 s.writers);
	/* Natively a third of them are; none of twenty would be very strange. */
	ksft_test_result(!embedded || inside || kills < 20,
			 "young: on the embedded host, what was half done was repaired\n");
	ringbuf_close(r.a->ring);
}

int main(int argc, char **argv)
{
	unsigned int kills = argc > 1 ? (unsigned int)atoi(argv[1]) : 100;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : now_ns() ^ (uint64_t)getpid() << 32;
	const char *missing = harness_host_missing();

	if (missing)
		return harness_skip_all(missing);
	if (argc > 3 || kills < 2 || kills >= KILL_LIVES)
		ksft_exit_fail_msg("usage: kill [KILLS [SEED]], 2 to %u kills\n", KILL_LIVES);
	ksft_print_header();
	ksft_set_plan(7);
	ksft_print_msg("%u kills, seed %#llx\n", kills, (unsigned long long)seed);
	random_state = seed ? seed : 1;
	run_mode(0, kills - kills / 2);
	run_mode(RINGBUF_EXCLUSIVE, kills / 2);
	young_mode(kills / 5 + 1);
	ksft_finished();
}
