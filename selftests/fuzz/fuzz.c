// SPDX-License-Identifier: GPL-2.0
/*
 * usage: fuzz [--seconds N] [--seed S] [--keep FOLDER] [PROGRAM|FOLDER...]
 *
 * Makes calls of the whole surface of /dev/ringbuf, in several threads and processes, to find
 * faults of the kernel: a warning or worse ends the machine, and selftests/vm/run reports that.
 *
 * Runs each PROGRAM, and each file in a FOLDER, once; without arguments those that are kept in
 * selftests/fuzz/corpus.  With --seconds it then runs changed and new
 * programs for that time; where the module was built with KCOV ("kmod/build --kcov debug"), a
 * program that reaches something new is kept, and written to the folder of --keep, after all calls
 * that it does not need have been removed from it.  The text of the program that is running is in
 * the kernel's log, so a crash does not hide it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ringbuf.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "cover.h"
#include "scribble.h"

#define CORPUS	     "selftests/fuzz/corpus" /* from the top of the tree */
#define CORPUS_MOST  4096
#define CORPUS_LEAST 100 /* programs that run everything */
#define EXIT_THREAD  3
#define SET_UP_MS    2000 /* how long lane 0 may take */
#define LANES_MS     40 /* how long the others may take then, beside calls that return late */
#define KILL_S	     60 /* within which a program that was killed has to end */

static struct {
	struct fuzz_program program[CORPUS_MOST];
	unsigned int count;
} corpus;

struct fuzz_tally *fuzz_tally;
static struct cover cover;
static int kernel_log = -1;
static uint64_t runs;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- run a program ---------------------------------------------------------------------- */

struct lane_start {
	struct fuzz_world *world;
	const struct fuzz_program *program;
	unsigned int number;
};

static void *lane_thread(void *arg)
{
	const struct lane_start *s = arg;

	cover_trace(s->number);
	fuzz_lane_run(s->world, s->program, s->number);
	return NULL;
}

/* In a child: run all lanes, and end, unless the parent ends it before. */
static _Noreturn void program_child(const struct fuzz_program *p)
{
	struct lane_start start[FUZZ_LANES + 1];
	pthread_t thread[FUZZ_LANES + 1];
	struct fuzz_world world;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	fuzz_world_open(&world);
	for (i = 0; i <= FUZZ_LANES; i++)
		start[i] = (struct lane_start){ &world, p, i };
	lane_thread(&start[0]);
	__atomic_store_n(&fuzz_tally->set_up, 1, __ATOMIC_RELEASE);
	for (i = 1; i <= FUZZ_LANES; i++)
		if (pthread_create(&thread[i], NULL, lane_thread, &start[i]))
			_exit(EXIT_THREAD);
	for (i = 1; i <= FUZZ_LANES; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

/* Whether @status of a program that has ended is a fault of the fuzzer itself. */
static void status_check(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_THREAD)
		die("a program could not make its threads");
	if (WIFEXITED(status) && WEXITSTATUS(status))
		die("a program could not begin");
}

/* Wait until @pid has ended, at most @ms, or with @set_up until its lane 0 has.  False: no end. */
static bool ended_within(pid_t pid, uint64_t ms, bool set_up)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	uint64_t end = now_ms() + ms;
	int status;

	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			status_check(status);
			return true;
		}
		if (set_up && __atomic_load_n(&fuzz_tally->set_up, __ATOMIC_ACQUIRE))
			return false;
		if (now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
}

/* Reap the processes that the program has left. */
static void reap(pid_t group)
{
	uint64_t end = now_ms() + KILL_S * 1000;

	kill(-group, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		if (now_ms() > end)
			die("a process that was killed does not end");
		sched_yield();
	}
}

/* Tell the kernel's log what is running: one line for each call. */
static void program_log(const struct fuzz_program *p)
{
	static char text[FUZZ_CALLS * 400];
	char *line, *end;
	FILE *f;

	if (kernel_log < 0)
		return;
	f = fmemopen(text, sizeof(text), "w");
	if (!f)
		return;
	fprintf(f, "# fuzz %llu\n", (unsigned long long)runs);
	fuzz_print(f, p);
	fclose(f);
	for (line = text; (end = strchr(line, '\n')); line = end + 1)
		if (write(kernel_log, line, (size_t)(end - line)) < 0)
			return;
}

static void program_run(const struct fuzz_program *p)
{
	pid_t pid;

	program_log(p);
	runs++;
	fuzz_tally->set_up = 0;
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		program_child(p);
	if (!ended_within(pid, SET_UP_MS, true) && !ended_within(pid, LANES_MS, false)) {
		kill(pid, SIGKILL);
		if (!ended_within(pid, KILL_S * 1000, false)) {
			fuzz_print(stderr, p);
			die("a program that was killed does not end");
		}
	}
	reap(pid);
	fuzz_names_remove();
}

/* ---- the corpus ---------------------------------------------------------------------------- */

static void corpus_add(const struct fuzz_program *p)
{
	if (p->count && corpus.count < CORPUS_MOST)
		corpus.program[corpus.count++] = *p;
}

static void file_add(const char *path)
{
	struct fuzz_program p;
	FILE *f = fopen(path, "re");
	int line;

	if (!f)
		die(path);
	line = fuzz_parse(f, &p);
	fclose(f);
	if (line) {
		fprintf(stderr, "fuzz: %s:%d: no call of a program\n", path, line);
		exit(1);
	}
	corpus_add(&p);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void path_add(const char *path)
{
	struct dirent **entry;
	char file[4096];
	struct stat st;
	int n, i;

	if (stat(path, &st))
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		file_add(path);
		return;
	}
	n = scandir(path, &entry, visible, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, entry[i]->d_name);
		file_add(file);
	}
}

/* Write @p to a new file of @folder, which may have files of earlier runs. */
static void corpus_keep(const char *folder, const struct fuzz_program *p)
{
	static unsigned int number;
	char path[4096];
	FILE *f;

	if (!folder)
		return;
	do {
		snprintf(path, sizeof(path), "%s/found-%05u", folder, number++);
		f = fopen(path, "wxe");
	} while (!f && errno == EEXIST);
	if (!f)
		die(path);
	fuzz_print(f, p);
	fclose(f);
}

/* Remove the calls of @p without which it still reaches @fresh edges that are new. */
static void minimise(struct fuzz_program *p, unsigned int fresh)
{
	struct fuzz_program less;
	unsigned int i;

	for (i = p->count; i-- > 0;) {
		if (p->count == 1)
			return;
		less = *p;
		fuzz_remove(&less, i);
		program_run(&less);
		if (cover_count(&cover) >= fresh)
			*p = less;
		cover_forget();
	}
}

/* Run @p; keep it if it reaches something new, twice, since threads may do so by chance. */
static void attempt(struct fuzz_program *p, const char *keep)
{
	unsigned int fresh;

	program_run(p);
	fresh = cover_count(&cover);
	cover_forget();
	if (!fresh)
		return;
	program_run(p);
	if (cover_count(&cover) < fresh)
		fresh = cover_count(&cover);
	cover_forget();
	if (!fresh)
		return;
	minimise(p, fresh);
	program_run(p);
	cover_take(&cover);
	corpus_add(p);
	corpus_keep(keep, p);
}

static void fuzz(uint64_t *chance, uint64_t seconds, const char *keep)
{
	uint64_t begin = now_ms(), told = begin;
	const struct fuzz_program *other;
	struct fuzz_program p;

	while (now_ms() < begin + seconds * 1000) {
		p.count = 0;
		if (corpus.count && chance_below(chance, 20))
			p = corpus.program[chance_below(chance, corpus.count)];
		other = &corpus.program[corpus.count ? chance_below(chance, corpus.count) : 0];
		fuzz_mutate(chance, &p, other);
		attempt(&p, keep);
		if (now_ms() > told + 10000) {
			told = now_ms();
			printf("# %llu s: %llu runs, %u programs, %u edges\n",
			       (unsigned long long)(told - begin) / 1000, (unsigned long long)runs,
			       corpus.count, cover.edges);
			fflush(stdout);
		}
	}
}

/* Whether the programs that are kept reach what they were kept for: each ioctl succeeds. */
static bool all_done(void)
{
	static const unsigned int requests[] = {
		RINGBUF_IOC_FEATURES, RINGBUF_IOC_CREATE,  RINGBUF_IOC_ATTACH,
		RINGBUF_IOC_INFO,     RINGBUF_IOC_WAIT,	   RINGBUF_IOC_WAKE,
		RINGBUF_IOC_DONE,     RINGBUF_IOC_SYNC,	   RINGBUF_IOC_DETACH,
		RINGBUF_IOC_STATS,    RINGBUF_IOC_FRAMING, RINGBUF_IOC_THRESHOLD,
		RINGBUF_IOC_EVICT,    RINGBUF_IOC_ROOM,	   RINGBUF_IOC_HOLE,
	};
	unsigned int i, missing = 0;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		unsigned int nr = _IOC_NR(requests[i]);

		printf("# ioctl %#x: %u succeeded\n", nr, fuzz_tally->done[nr]);
		missing += !fuzz_tally->done[nr];
	}
	return !missing;
}

/* Let allocations and copies fail on order ("fail") without a trace in the log for each. */
static void quiet_faults(void)
{
	static const char *const files[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },  { "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/min-order", "0" }, { "failslab/verbose", "0" },
		{ "fail_page_alloc/verbose", "0" },   { "fail_usercopy/verbose", "0" },
	};
	unsigned int i;
	char path[128];

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", files[i][0]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		dprintf(fd, "%s", files[i][1]);
		close(fd);
	}
}

static const char usage[] =
	"usage: fuzz [--seconds N] [--seed S] [--keep FOLDER] [PROGRAM|FOLDER...]\n";

int main(int argc, char **argv)
{
	uint64_t seconds = 0, seed = 1, chance;
	const char *keep = NULL;
	unsigned int i, given;

	for (argv++; *argv && !strncmp(*argv, "--", 2); argv += 2) {
		if (!argv[1])
			die(usage);
		if (!strcmp(*argv, "--seconds"))
			seconds = strtoull(argv[1], NULL, 0);
		else if (!strcmp(*argv, "--seed"))
			seed = strtoull(argv[1], NULL, 0);
		else if (!strcmp(*argv, "--keep"))
			keep = argv[1];
		else
			die(usage);
	}
	if (argc < 2)
		path_add(CORPUS);
	for (; *argv; argv++)
		path_add(*argv);
	if (access("/dev/ringbuf", F_OK)) {
		printf("1..0 # SKIP there is no /dev/ringbuf\n");
		return 4;
	}
	fuzz_tally = mmap(NULL, sizeof(*fuzz_tally), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz_tally == MAP_FAILED)
		die("mmap");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	quiet_faults();
	kernel_log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	cover_open();
	chance = chance_fork(seed, 0);
	printf("TAP version 13\n1..2\n# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (i = 0, given = corpus.count; i < given; i++) {
		program_run(&corpus.program[i]);
		cover_take(&cover);
	}
	printf("# %u programs given, %u edges\n", given, cover.edges);
	/* A program has to run before this is known. */
	if (keep && given && !cover_works())
		die("--keep needs a module with KCOV: kmod/build --kcov debug");
	if (given < CORPUS_LEAST)
		printf("ok 1 - # SKIP not all programs of the corpus run\n");
	else
		printf("%sok 1 - each ioctl succeeds in some program\n", all_done() ? "" : "not ");
	fuzz(&chance, seconds, keep);
	printf("# %llu runs, %u programs, %u edges%s\n", (unsigned long long)runs, corpus.count,
	       cover.edges, cover_works() ? "" : " (the module has no KCOV)");
	printf("ok 2 - the kernel finds no fault\n");
	return 0;
}
