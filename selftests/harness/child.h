/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes of a test.
 *
 * ASSERT_* belongs to the process that the harness started; a child checks with
 * CHECK() and says by its exit status what it found.  A child dies with who
 * started it, so a failed test leaves nothing behind.
 */
#ifndef SELFTESTS_CHILD_H
#define SELFTESTS_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_SKIP 4

#define SECOND 1000000000LL
#define MS     1000000LL

/* Long enough for a machine that is busy, and not for ever. */
#define PATIENCE (60 * SECOND)

static inline int check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "# %s:%d: pid %d: false: %s (errno %s)\n", file, line, getpid(), what,
		strerrorname_np(errno));
	return 1;
}

/* Ends the function with 1 when @cond does not hold. */
#define CHECK(cond)                                                     \
	do {                                                            \
		if (!(cond))                                            \
			return check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* The same, and says what it was. */
#define CHECK_EQ(want, got)                                                                    \
	do {                                                                                   \
		long long want_ = (long long)(want), got_ = (long long)(got);                  \
		if (want_ != got_) {                                                           \
			fprintf(stderr, "# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, \
				#got, got_, want_);                                            \
			return 1;                                                              \
		}                                                                              \
	} while (0)

/* In a new child, before anything else. */
static inline void child_tie(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* 0: it lives in another pid namespace. */
	if (getppid() && getppid() != parent)
		_exit(1);
}

static inline pid_t child_start(int (*body)(void *), void *arg)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	child_tie(parent);
	_exit(body(arg));
}

/* Exit status, or 128 + signal. */
static inline int child_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int child_run(int (*body)(void *), void *arg)
{
	return child_end(child_start(body, arg));
}

/* Returns when @pid is gone and reaped. */
static inline int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_end(pid);
}

/* The letter of /proc/PID/stat; 0 when there is no such process. */
static inline char task_state(pid_t pid)
{
	char path[32], text[256], *paren;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	paren = strrchr(text, ')');
	return paren && paren[1] ? paren[2] : 0;
}

/* Who says 'S' may still be on its way to sleep: /proc/PID/syscall says "running". */
static inline bool task_on_processor(pid_t pid)
{
	char path[32], first = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &first, 1) != 1)
		first = 0;
	close(fd);
	return first == 'r';
}

/* Until @pid sleeps; true unless it has ended instead. */
static inline bool task_asleep(pid_t pid)
{
	char state;

	while ((state = task_state(pid)) != 'S' || task_on_processor(pid)) {
		if (!state || state == 'Z')
			return false;
		sched_yield();
	}
	return true;
}

/* Memory that children share with their parent; zero. */
static inline void *shared_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define FLAG_SET(flag) __atomic_store_n(&(flag), 1, __ATOMIC_SEQ_CST)
#define FLAG_GET(flag) __atomic_load_n(&(flag), __ATOMIC_SEQ_CST)

/* Until @cond holds; the harness ends a test that waits too long. */
#define UNTIL(cond)                    \
	do {                           \
		while (!(cond))        \
			sched_yield(); \
	} while (0)

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* How often a loop runs: less in a machine that is emulated, and less yet under KASAN. */
static inline uint64_t often(uint64_t native)
{
	const char *vm = getenv("RINGBUF_VM");

	if (!vm)
		return native;
	return native / (strcmp(vm, "debug") ? 20 : 80) + 1;
}

#endif
