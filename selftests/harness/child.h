/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes of a test.
 *
 * ASSERT_* belongs to the process that the harness started; a child checks with
 * CHECK() and says by its exit status what it found.  A child dies with the
 * process that started it, so a failed test leaves nothing behind.
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
#include <sys/syscall.h>
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

/*
 * The number of the call that @pid is in; -1: in none, or still on its way to
 * sleep though its state is 'S'; -2: this kernel does not tell.
 */
static inline long task_syscall(pid_t pid)
{
	char path[32], text[256], *end;
	ssize_t n;
	long call;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -2;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	call = strtol(text, &end, 10);
	return end == text ? -1 : call;
}

/*
 * The calls in which one waits for a ring.  No short sleep between two tries is
 * among them, and no lock on a file.
 */
static inline bool is_wait(long call)
{
	static const long waits[] = {
		SYS_ioctl,	  SYS_read,	      SYS_readv,	   SYS_write,
		SYS_writev,	  SYS_ppoll,	      SYS_pselect6,	   SYS_splice,
		SYS_sendfile,	  SYS_epoll_pwait,    SYS_futex,	   SYS_preadv2,
		SYS_pwritev2,	  SYS_io_uring_enter,
/* Not on arm64. */
#ifdef SYS_poll
		SYS_poll,	  SYS_select,	      SYS_epoll_wait,
#endif
#ifdef SYS__newselect
		SYS__newselect,	  SYS_sendfile64,
#endif
#ifdef SYS_futex_time64
		SYS_futex_time64, SYS_ppoll_time64,   SYS_pselect6_time64,
#endif
	};
	unsigned int i;

	for (i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (call == waits[i])
			return true;
	return false;
}

/* What pause(3) calls: arm64 has no SYS_pause. */
#ifdef SYS_pause
#define IN_PAUSE SYS_pause
#else
#define IN_PAUSE SYS_ppoll
#endif

#define IN_A_WAIT -1L /* see is_wait() */
#define IN_ANY	  -2L /* of a program that may count its calls otherwise, being 64-bit */

/* Until @pid sleeps in @call; false if it ends instead. */
static inline bool task_asleep_in(pid_t pid, long call)
{
	for (;;) {
		char state = task_state(pid);
		long in = state == 'S' ? task_syscall(pid) : -1;

		if (!state || state == 'Z')
			return false;
		if (state == 'S' && in != -1 &&
		    (in == -2 || call == IN_ANY || (call == IN_A_WAIT ? is_wait(in) : in == call)))
			return true;
		sched_yield();
	}
}

static inline bool task_asleep(pid_t pid)
{
	return task_asleep_in(pid, IN_A_WAIT);
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

/* How many we may run on, and -1 for an error. */
static inline int processors(void)
{
	cpu_set_t here;

	return sched_getaffinity(0, sizeof(here), &here) ? -1 : CPU_COUNT(&here);
}

/* The @n-th processor that we may run on. */
static inline int pin(int n)
{
	cpu_set_t here, one;
	int cpu;

	CHECK_EQ(0, sched_getaffinity(0, sizeof(here), &here));
	for (cpu = 0; !CPU_ISSET(cpu, &here) || n--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	CHECK_EQ(cpu, sched_getcpu());
	return 0;
}

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

/* How many rounds that each start processes: fewer under KASAN, where that takes long. */
static inline unsigned int rounds(unsigned int elsewhere)
{
	const char *vm = getenv("RINGBUF_VM");

	return vm && !strcmp(vm, "debug") ? elsewhere / 5 + 1 : elsewhere;
}

#endif
