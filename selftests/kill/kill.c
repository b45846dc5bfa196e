// SPDX-License-Identifier: GPL-2.0
/*
 * usage: kill [KILLS [SEED]]
 *
 * Writers write and readers read as fast as they can.  At a random moment one of them is
 * killed with SIGKILL, and started again when the others have continued.  Every message
 * names the writer's life and its number in that life, and carries a checksum.  Readers
 * check that
 *
 *   - positions follow each other but for holes,
 *   - the numbers of each life follow each other: none is lost, doubled or reordered,
 *   - no message is torn,
 *   - at the end of a life, all that was committed has been seen.
 *
 * Stalls: after each kill every survivor has to work for two laps of the ring.  Its longest
 * step, counted from the kill on, is its stall.  The scheduler's share of it is measured by
 * events without a kill, which last as long.  The machine's share is measured by a bystander
 * on each processor: a process of real-time priority that does not use the ring, but sleeps
 * for a millisecond again and again, and sums up how late it woke.  A long stall does not
 * count the time that the processors lost during it, nor the time that survivors were ready
 * to run while others ran; a process that waits for the ring is not ready.  The limit is
 * 50 ms plus what nine of ten events without a kill stay below, but at most 100 ms.  Two
 * kills may exceed it, and more only if events without a kill do.
 *
 * A fifth as many kills hit a newcomer, which attaches, uses handles for the first time,
 * closes them, and creates, opens and unlinks rings, beside a writer and readers with the
 * same checks.  On the embedded host some of these kills must hit while the newcomer changes
 * words that all processes share, so that the next process has to repair them.
 *
 * RINGBUF_HOST chooses the host.  Half of the kills of writers and readers are on a ring with
 * shared writers, half on an exclusive one.
 */
#include "../harness/harness.h"
#include "inside.h"
#include "kill.h"

#define STALL_NS   (50 * MS)
#define WINDOW_NS  (25 * MS) /* time in which the embedded host finds a dead process */
#define KILLS_EACH 8 /* kills for each event without a kill */
#define NO_KILL	   (~0U) /* stands for the number of a victim */

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL >> 16;
}

/* ---- kills ------------------------------------------------------------------- */

/**
 * struct run - a ring, its victims and their stalls
 * @a: memory that all processes share
 * @writers: number of writers: victims 0 to @writers - 1; the others are readers
 * @stall: longest stall of each event: [0] of events without a kill, [1] of kills
 * @count: number of entries in @stall
 */
struct run {
	struct arena *a;
	unsigned int writers;
	uint64_t *stall[2];
	unsigned int count[2];
};

static unsigned int victims(const struct run *r)
{
	return r->writers + KILL_READERS;
}

static bool victim_start(struct run *r, unsigned int i)
{
	struct victim *v = &r->a->victim[i];
	pid_t parent = getpid(), pid;

	v->alive = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		child_tie(parent);
		_exit(i < r->writers ? writer_run(r->a, v) : reader_run(r->a, v));
	}
	v->pid = pid;
	return pid > 0;
}

/* Wait until @done() of every victim but @but.  Return false if one has ended or hangs. */
static bool victims_wait(struct run *r, bool (*done)(const struct run *r, unsigned int i),
			 unsigned int but)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t start = now_ns();
	unsigned int i;

	for (i = 0; i < victims(r); i++) {
		while (i != but && !done(r, i)) {
			int status;

			if (waitpid(r->a->victim[i].pid, &status, WNOHANG)) {
				ksft_print_msg("victim %u ended, status %x\n", i, status);
				return false;
			}
			if (now_ns() - start > (uint64_t)HANG_NS) {
				ksft_print_msg("victim %u (%s) hangs\n", i,
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
	return FLAG_GET(r->a->victim[i].alive);
}

static bool is_past(const struct run *r, unsigned int i)
{
	return __atomic_load_n(&r->a->victim[i].event, __ATOMIC_ACQUIRE) == r->a->event;
}

/* Return for how many ns, all together, survivors were ready to run but had no processor. */
static uint64_t queued(const struct run *r, unsigned int but)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < victims(r); i++)
		if (i != but)
			sum += queued_of(r->a->victim[i].pid);
	return sum;
}

/*
 * Return a long @stall without the time for which the processors did not run, or ran other
 * processes.  @before is bystanders_stolen() + queued() at the event.
 */
static uint64_t own_stall(const struct run *r, unsigned int hit, uint64_t stall, uint64_t before)
{
	uint64_t lost;

	if (stall <= (uint64_t)STALL_NS)
		return stall;
	lost = queued(r, hit);
	bystanders_wait(&r->a->bystanders);
	lost += bystanders_stolen(&r->a->bystanders) - before;
	return stall > lost ? stall - lost : 0;
}

/* One event: kill victim @hit, or none if @hit is NO_KILL, and measure the others' stalls. */
static bool event(struct run *r, unsigned int hit)
{
	bool killed = hit != NO_KILL;
	uint64_t worst = 0, before = bystanders_stolen(&r->a->bystanders) + queued(r, hit);
	unsigned int i;

	r->a->event_ns = now_ns();
	r->a->window = killed ? 0 : WINDOW_NS;
	if (killed)
		kill(r->a->victim[hit].pid, SIGKILL);
	__atomic_store_n(&r->a->event, r->a->event + 1, __ATOMIC_RELEASE);
	if (killed && child_end(r->a->victim[hit].pid) != 128 + SIGKILL) {
		ksft_print_msg("victim %u had ended by itself\n", hit);
		return false;
	}
	if (!victims_wait(r, is_past, hit))
		return false;
	for (i = 0; i < victims(r); i++)
		if (i != hit && r->a->victim[i].stall > worst)
			worst = r->a->victim[i].stall;
	r->stall[killed][r->count[killed]++] = own_stall(r, hit, worst, before);
	return !killed || (victim_start(r, hit) && victims_wait(r, is_alive, NO_KILL));
}

/* Sleep for less than @most ns, whatever the ring does. */
static void random_pause(long most)
{
	struct timespec pause = { .tv_nsec = (long)(random_next() % (uint64_t)most) };

	nanosleep(&pause, NULL);
}

/* Let the writers finish and the readers read the rest.  Return false if a check has failed. */
static bool run_end(struct run *r)
{
	unsigned int i;
	bool ok = true;

	FLAG_SET(r->a->stop);
	for (i = 0; i < victims(r); i++) {
		if (i == r->writers)
			FLAG_SET(r->a->ended);
		ok &= child_end(r->a->victim[i].pid) == 0;
	}
	return ok;
}

/* Start all victims and wait until they are at work. */
static bool victims_start(struct run *r)
{
	unsigned int i;

	for (i = 0; i < victims(r); i++)
		if (!victim_start(r, i))
			return false;
	return victims_wait(r, is_alive, NO_KILL);
}

static bool run_kills(struct run *r, unsigned int kills)
{
	unsigned int i;

	if (!victims_start(r))
		return false;
	for (i = 0; i < kills; i++) {
		random_pause(2 * MS);
		if (i % KILLS_EACH == 0 && !event(r, NO_KILL))
			return false;
		random_pause(2 * MS);
		if (!event(r, (unsigned int)(random_next() % victims(r))))
			return false;
	}
	return run_end(r);
}

/* ---- newcomers --------------------------------------------------------------- */

static pid_t newcomer_start(struct run *r)
{
	struct victim *v = &r->a->victim[victims(r)];
	pid_t parent = getpid(), pid;

	v->alive = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		child_tie(parent);
		_exit(newcomer_run(r->a, v));
	}
	while (pid > 0 && !FLAG_GET(v->alive))
		sched_yield();
	return pid;
}

/* Kill newcomers.  Add to *inside the kills that hit one with the lock of the embedded host. */
static bool run_newcomers(struct run *r, unsigned int kills, unsigned int *inside)
{
	/* The time for several rounds of a newcomer; an emulated processor is slower. */
	long most = getenv("RINGBUF_VM") ? 50 * MS : 2 * MS;
	bool embedded = !on_module(r->a->ring);
	unsigned int i;

	if (!victims_start(r))
		return false;
	for (i = 0; i < kills; i++) {
		pid_t pid = newcomer_start(r);

		random_pause(most);
		kill(pid, SIGKILL);
		if (child_end(pid) != 128 + SIGKILL) {
			ksft_print_msg("a newcomer had ended by itself\n");
			return false;
		}
		*inside += embedded && died_inside(r->a->ring);
		r->a->event_ns = now_ns();
		r->a->window = 0;
		__atomic_store_n(&r->a->event, r->a->event + 1, __ATOMIC_RELEASE);
		if (!victims_wait(r, is_past, NO_KILL))
			return false;
	}
	return run_end(r);
}

/* ---- results ------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Return the stall that @percent of the @count sorted stalls do not exceed. */
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
 * Return whether at most two stalls of kills exceed @limit, plus twice the share of events
 * without a kill, which shows how often the machine itself holds up processes.
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
	ksft_print_msg("processors lost %.2f ms in all\n",
		       (double)bystanders_stolen(&r->a->bystanders) / 1e6);
	ksft_print_msg("%llu slots, %llu of them repaired, %u writers\n",
		       (unsigned long long)s.head, (unsigned long long)s.repaired, r->a->lives);
	ksft_test_result(ok, "%s: no message is lost, doubled, torn or reordered\n", mode);
	limit = quantile(r->stall[0], r->count[0], 90);
	limit = STALL_NS + (limit < (uint64_t)STALL_NS ? limit : STALL_NS);
	ksft_test_result(ok && few_stalls(r, limit),
			 "%s: no survivor stalls for more than 50 ms plus scheduling (%.2f ms)\n",
			 mode, (double)limit / 1e6);
}

static void victims_kill(struct run *r)
{
	unsigned int i;

	for (i = 0; i < victims(r); i++)
		if (r->a->victim[i].pid > 0)
			child_kill(r->a->victim[i].pid);
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
	bystanders_start(&r.a->bystanders);
	ok = run_kills(&r, kills);
	bystanders_kill(&r.a->bystanders);
	if (!ok)
		victims_kill(&r);
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

static void newcomer_mode(unsigned int kills)
{
	unsigned int inside = 0;
	struct ringbuf_status s;
	struct run r = { 0 };
	bool ok, embedded;

	run_begin(&r);
	ok = run_newcomers(&r, kills, &inside);
	if (!ok)
		victims_kill(&r);
	embedded = !on_module(r.a->ring);
	/* An attach frees the seats of dead processes. */
	ringbuf_reader_close(reader_new(r.a->ring));
	s = status_of(r.a->ring);
	ksft_print_msg("newcomers: %u kills, %u of them with the lock; %llu slots, %llu repaired\n",
		       kills, inside, (unsigned long long)s.head, (unsigned long long)s.repaired);
	ksft_test_result(
		ok,
		"newcomers: no message is lost, doubled, torn or reordered, and no name is left\n");
	ksft_test_result(!s.readers && !s.writers,
			 "newcomers: no reader or writer is left (%u, %u)\n", s.readers, s.writers);
	/* Natively this is a third of the kills; none of twenty is most unlikely. */
	ksft_test_result(
		!embedded || inside || kills < 20,
		"newcomers: on the embedded host, some kills hit with the lock, and are repaired\n");
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
	newcomer_mode(kills / 5 + 1);
	ksft_finished();
}
