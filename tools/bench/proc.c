// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The processes of a case: fork and pin them, run repetitions in them, and end them.
 * Between repetitions they sleep on a futex.
 */
#include "stream.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PATIENCE_NS 30000000000ULL /* limit of anything that should take a second */
#define CHECK_NS    50000000L /* from one check for dead processes to the next */

double bench_tick_ns;
int bench_cpus;
static int cpu[2];
static const char *self = "bench"; /* for error messages; in a child the name of the case */

void bench_die(const char *what)
{
	fprintf(stderr, "bench: %s: %s: %s\n", self, what, strerror(errno));
	_exit(3);
}

void *bench_shm(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		bench_die("mmap");
	return p;
}

/* Enter the pages of @p into this process's page tables. */
void bench_touch(void *p, size_t bytes)
{
	size_t at;

#ifdef MADV_POPULATE_WRITE
	if (!madvise(p, bytes, MADV_POPULATE_WRITE))
		return;
#endif
	for (at = 0; at < bytes; at += 4096)
		(void)*(volatile char *)((char *)p + at);
}

static void calibrate(void)
{
	uint64_t start = clock_now(), ticks = bench_ticks(), now;

	do {
		now = clock_now();
	} while (now - start < 20000000);
	bench_tick_ns = (double)(now - start) / (double)(bench_ticks() - ticks);
}

/* Choose the first two CPUs that this process may use. */
void bench_proc_init(void)
{
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set))
		bench_die("sched_getaffinity");
	for (i = 0; i < CPU_SETSIZE && bench_cpus < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[bench_cpus++] = i;
	if (bench_cpus == 1)
		cpu[1] = cpu[0];
	calibrate();
}

static void pin(int which)
{
	cpu_set_t set;

	if (bench_options.floating)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu[which], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("sched_setaffinity");
}

static void futex_sleep(uint32_t *word, uint32_t seen, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT, seen, timeout, NULL, 0);
}

static void futex_wake_all(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* ---- in the processes --------------------------------------------------- */

static void count_up(struct bench_run *run, uint32_t *word)
{
	if (__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST) % (uint32_t)run->procs == 0)
		futex_wake_all(word);
}

void bench_opened(struct bench_run *run)
{
	count_up(run, &run->shared->ready);
}

void bench_done(struct bench_run *run)
{
	count_up(run, &run->shared->done);
}

/*
 * Sleep until the next repetition, then wait until all processes of the case are awake.  Return the
 * repetition, or NULL if there is none.
 */
struct bench_rep *bench_next(struct bench_run *run)
{
	struct bench_shared *s = run->shared;
	uint32_t round = (uint32_t)++run->round;
	uint32_t go;

	while ((go = __atomic_load_n(&s->go, __ATOMIC_ACQUIRE)) < round)
		futex_sleep(&s->go, go, NULL);
	if (__atomic_load_n(&s->quit, __ATOMIC_ACQUIRE))
		return NULL;
	__atomic_add_fetch(&s->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->arrived, __ATOMIC_ACQUIRE) < round * (uint32_t)run->procs)
		sched_yield();
	return &s->rep[round - 1];
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void bench_percentiles(struct bench_rep *rep, uint32_t *ticks, int count)
{
	qsort(ticks, (size_t)count, sizeof(*ticks), by_size);
	rep->rtt[0] = ticks[count / 2] * bench_tick_ns;
	rep->rtt[1] = ticks[count - 1 - count / 100] * bench_tick_ns;
	rep->rtt[2] = ticks[count - 1 - count / 1000] * bench_tick_ns;
}

/* ---- in the frame ------------------------------------------------------- */

/* Run process @i, pinned: writers to the first CPU, readers to the second, the first, and so on. */
static void child(struct bench_run *run, int i, char *name, pid_t parent)
{
	int writers = run->sc->writers;
	int id = i < writers ? i : i - writers;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(3);
	self = name;
	if (i < writers) {
		pin(0);
		run->cs->producer(run, id);
	} else {
		pin(run->sc->flags & BENCH_SAME_CPU || id % 2 ? 0 : 1);
		run->cs->consumer(run, id);
	}
	if (run->cs->ops->clean_exit)
		exit(0);
	_exit(0);
}

static void complain(const struct bench_run *run, const char *what)
{
	fprintf(stderr, "bench: %s/%s: %s\n", run->cs->transport, run->sc->name, what);
}

static void kill_all(struct bench_run *run)
{
	int i;

	run->failed = true;
	for (i = 0; i < run->procs; i++) {
		if (run->pid[i] <= 0)
			continue;
		kill(run->pid[i], SIGKILL);
		waitpid(run->pid[i], NULL, 0);
		run->pid[i] = 0;
	}
	run->alive = 0;
}

/* Wait for the processes that have ended.  If one of them failed, kill the others. */
static void collect(struct bench_run *run)
{
	char text[64];
	int i, status;

	for (i = 0; i < run->procs; i++) {
		if (run->pid[i] <= 0 || waitpid(run->pid[i], &status, WNOHANG) <= 0)
			continue;
		run->pid[i] = 0;
		run->alive--;
		if (!status)
			continue;
		snprintf(text, sizeof(text), "a process ended with %s %d",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		complain(run, text);
		kill_all(run);
		return;
	}
}

static bool wait_count(struct bench_run *run, uint32_t *word, uint32_t want, const char *what)
{
	uint64_t patience = PATIENCE_NS * (bench_options.vm ? 4 : 1);
	uint64_t end = clock_now() + patience;
	struct timespec check = { 0, CHECK_NS };
	uint32_t seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) < want) {
		collect(run);
		if (!run->failed && run->alive == run->procs && clock_now() < end) {
			futex_sleep(word, seen, &check);
			continue;
		}
		if (!run->failed)
			complain(run, what);
		kill_all(run);
		return false;
	}
	return true;
}

static int make_channels(struct bench_run *run)
{
	const struct bench_ops *ops = run->cs->ops;
	struct bench_params p = run->params;
	size_t tag = strlen(p.tag);
	int i;

	switch (run->cs->shape) {
	case BENCH_FAN:
		run->channels = p.readers;
		p.readers = 1;
		break;
	case BENCH_MERGE:
		run->channels = p.writers;
		p.writers = 1;
		break;
	case BENCH_ECHO:
		run->channels = 2;
		break;
	default:
		run->channels = 1;
	}
	for (i = 0; i < run->channels; i++) {
		run->chan[i] = aligned_alloc(64, (ops->size + 63) / 64 * 64);
		if (!run->chan[i])
			bench_die("aligned_alloc");
		memset(run->chan[i], 0, ops->size);
		snprintf(p.tag + tag, sizeof(p.tag) - tag, "-%d", i);
		if (ops->setup(run->chan[i], &p)) {
			fprintf(stderr, "bench: %s/%s: setup: %s\n", run->cs->transport,
				run->sc->name, strerror(errno));
			run->channels = i;
			return -1;
		}
	}
	if (ops->describe)
		ops->describe(run->chan[0], run->note + strlen(run->note),
			      sizeof(run->note) - strlen(run->note));
	return 0;
}

/* Make the channels and the processes of @run, which open the channels and sleep. */
bool bench_start(struct bench_run *run)
{
	char name[96];
	pid_t parent = getpid();
	int i;

	run->shared = bench_shm(sizeof(*run->shared));
	if (make_channels(run)) {
		run->failed = true;
		return false;
	}
	run->procs = run->sc->writers + run->sc->readers;
	snprintf(name, sizeof(name), "%s/%s", run->cs->transport, run->sc->name);
	fflush(NULL);
	for (i = 0; i < run->procs; i++) {
		run->pid[i] = fork();
		if (!run->pid[i])
			child(run, i, name, parent);
		if (run->pid[i] < 0) {
			complain(run, "fork failed");
			kill_all(run);
			return false;
		}
		run->alive++;
		if (i >= run->sc->writers)
			run->shared->reader[i - run->sc->writers] = run->pid[i];
	}
	return true;
}

bool bench_wait_ready(struct bench_run *run)
{
	return wait_count(run, &run->shared->ready, (uint32_t)run->procs, "did not open in time");
}

/* Return whether each reader received as many messages as were sent. */
static bool complete(const struct bench_run *run, const struct bench_rep *rep)
{
	uint64_t sent = 0;
	int i;

	if (run->sc->kind != BENCH_RATE && run->sc->kind != BENCH_BANDWIDTH)
		return true;
	for (i = 0; i < run->sc->writers; i++)
		sent += rep->sent[i];
	for (i = 0; i < run->sc->readers; i++)
		if (rep->got[i] != sent)
			return false;
	return true;
}

/* Start a repetition, and wait until all processes have ended it.  Return whether it is valid. */
bool bench_round(struct bench_run *run)
{
	struct bench_shared *s = run->shared;
	uint32_t round = (uint32_t)++run->round;

	__atomic_store_n(&s->go, round, __ATOMIC_RELEASE);
	futex_wake_all(&s->go);
	if (!wait_count(run, &s->done, round * (uint32_t)run->procs, "timed out"))
		return false;
	if (complete(run, &s->rep[round - 1]))
		return true;
	complain(run, "a reader did not get what was sent");
	kill_all(run);
	return false;
}

/* End the processes, and undo bench_start(). */
void bench_stop(struct bench_run *run)
{
	uint64_t end = clock_now() + PATIENCE_NS;
	int i;

	__atomic_store_n(&run->shared->quit, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&run->shared->go, UINT32_MAX, __ATOMIC_RELEASE);
	futex_wake_all(&run->shared->go);
	while (run->alive) {
		collect(run);
		if (!run->alive)
			break;
		if (clock_now() > end) {
			complain(run, "did not end");
			kill_all(run);
		}
		usleep(1000);
	}
	for (i = 0; i < run->channels; i++) {
		if (run->cs->ops->teardown)
			run->cs->ops->teardown(run->chan[i]);
		free(run->chan[i]);
	}
	run->channels = 0;
}
