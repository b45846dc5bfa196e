/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Child processes of a test.
 *
 * Only the process that the harness started may use ASSERT_*; a child process checks with
 * CHECK(), and its exit status is 1 if a check failed.  A child is killed when the process
 * that started it ends, so a failed test leaves no process behind.
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

#define CHILD_SKIP 4 /* exit status of a child that cannot test here */

#define SECOND 1000000000LL
#define MS     1000000LL

/* Limit of a wait, in ns: long enough on a busy machine. */
#define PATIENCE (60 * SECOND)

static inline int check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "# %s:%d: pid %d: false: %s (errno %s)\n", file, line, getpid(), what,
		strerrorname_np(errno));
	return 1;
}

/* Return 1 from the calling function if @cond is false. */
#define CHECK(cond)                                                     \
	do {                                                            \
		if (!(cond))                                            \
			return check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* Return 1 from the calling function if @got is not @want, and print both. */
#define CHECK_EQ(want, got)                                                                    \
	do {                                                                                   \
		long long want_ = (long long)(want), got_ = (long long)(got);                  \
		if (want_ != got_) {                                                           \
			fprintf(stderr, "# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, \
				#got, got_, want_);                                            \
			return 1;                                                              \
		}                                                                              \
	} while (0)

/* Let the calling process, a new child of @parent, be killed when @parent ends. */
static inline void child_tie(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* getppid() is 0 if the parent is in another pid namespace. */
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

/* Wait for the end of @pid.  Returns its exit status, or 128 + the signal that killed it. */
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

/* Kill @pid and wait for its end. */
static inline int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_end(pid);
}

/* The state of @pid as a letter of /proc/PID/stat, or 0 if there is no such process. */
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
 * The number of the system call that @pid is in.  -1: it is in none, or its state is 'S'
 * already but it does not sleep yet; -2: this kernel has no /proc/PID/syscall.
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
 * Whether a waiter of a ring may sleep in system call @call.  A sleep between two tries
 * (nanosleep) and a wait for the lock of a file (flock) are not among these calls.
 */
static inline bool is_wait(long call)
{
	static const long waits[] = {
		SYS_ioctl,	  SYS_read,	      SYS_readv,	   SYS_write,
		SYS_writev,	  SYS_ppoll,	      SYS_pselect6,	   SYS_splice,
		SYS_sendfile,	  SYS_epoll_pwait,    SYS_futex,	   SYS_preadv2,
		SYS_pwritev2,	  SYS_io_uring_enter,
/* arm64 does not have these. */
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

/* The system call that pause(3) makes: arm64 has no SYS_pause. */
#ifdef SYS_pause
#define IN_PAUSE SYS_pause
#else
#define IN_PAUSE SYS_ppoll
#endif

#define IN_A_WAIT -1L /* see is_wait() */
#define IN_ANY	  -2L /* any call: a 64-bit program numbers its calls otherwise than this one */

/* Wait until @pid sleeps in system call @call; false if the process ends instead. */
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

/* Zeroed memory that children share with their parent, or NULL. */
static inline void *shared_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define FLAG_SET(flag) __atomic_store_n(&(flag), 1, __ATOMIC_SEQ_CST)
#define FLAG_GET(flag) __atomic_load_n(&(flag), __ATOMIC_SEQ_CST)

/* Wait until @cond is true; the harness ends a test that waits too long. */
#define UNTIL(cond)                    \
	do {                           \
		while (!(cond))        \
			sched_yield(); \
	} while (0)

/* The number of processors on which this process may run, or -1 on an error. */
static inline int processors(void)
{
	cpu_set_t here;

	return sched_getaffinity(0, sizeof(here), &here) ? -1 : CPU_COUNT(&here);
}

/* Run the caller on the @n-th processor of those on which it may run, counted from 0. */
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

/* Rounds of a loop that has @native natively: fewer in an emulated machine, fewest under KASAN. */
static inline uint64_t often(uint64_t native)
{
	const char *vm = getenv("RINGBUF_VM");

	if (!vm)
		return native;
	return native / (strcmp(vm, "debug") ? 20 : 80) + 1;
}

/* Rounds that each start processes: fewer than @elsewhere under KASAN, where a start is slow. */
static inline unsigned int rounds(unsigned int elsewhere)
{
	const char *vm = getenv("RINGBUF_VM");

	return vm && !strcmp(vm, "debug") ? elsewhere / 5 + 1 : elsewhere;
}

#endif
