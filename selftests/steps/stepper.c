// SPDX-License-Identifier: GPL-2.0
/* Victims: start one, execute its instructions one by one, kill or stop it. */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "steps.h"

#ifdef __aarch64__
#define PC(regs) ((unsigned long)(regs).pc)
#else
#define PC(regs) ((unsigned long)(regs).rip)
#endif

/* Polls of a step that may sleep, before the victim's state is looked at. */
#define POLLS 2000

const char *stepper_missing(void)
{
#if defined(__aarch64__)
	/* HWCAP_ATOMICS: without it an atomic operation is a loop, and a step breaks it. */
	if (!(getauxval(AT_HWCAP) & 1UL << 8))
		return "a step between LDXR and STXR makes STXR fail, and this processor has "
		       "no other atomic instructions";
	return NULL;
#elif defined(__x86_64__)
	return NULL;
#else
	return "single steps are for x86-64 and arm64";
#endif
}

/* The driver knows by its address that the operation has returned. */
static __attribute__((noinline)) void victim_end_mark(void)
{
	__asm__ volatile("" ::: "memory");
}

static void victim_raise(int sig)
{
	syscall(SYS_kill, getpid(), sig);
}

/* The operation returns: 0 or 1. */
static int victim_operate(struct victim *v, const struct operation *op)
{
	int failed = op->run(v);

	SET(v->a->returned, 1);
	victim_end_mark();
	return failed;
}

static int victim_body(struct victim *v, const struct operation *op)
{
	CHECK_EQ(0, ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	CHECK_EQ(0, op->prepare(v));
	victim_raise(SIGSTOP);
	CHECK_EQ(0, victim_operate(v, op));
	CHECK_EQ(0, victim_finish(v));
	return 0;
}

pid_t victim_start(const struct victim *v, const struct operation *op)
{
	struct victim own = *v;
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	child_tie(parent);
	_exit(victim_body(&own, op));
}

/* Wait for a stop of @pid; false if it has ended. */
static bool stopped(pid_t pid, int flags, int *sig)
{
	int status;

	while (waitpid(pid, &status, flags) != pid)
		if (errno != EINTR)
			return false;
	*sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	if (!WIFSTOPPED(status))
		fprintf(stderr, "# victim ended early, status %#x\n", status);
	return WIFSTOPPED(status);
}

bool victim_prepared(pid_t pid)
{
	int sig;

	return stopped(pid, 0, &sig) && sig == SIGSTOP;
}

unsigned long victim_at(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec to = { .iov_base = &regs, .iov_len = sizeof(regs) };

	return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &to) ? 0 : PC(regs);
}

static enum step step_end(pid_t pid)
{
	return victim_at(pid) == (unsigned long)victim_end_mark ? STEP_END : STEP_DONE;
}

enum step victim_woken(pid_t pid)
{
	int sig;

	if (!stopped(pid, 0, &sig))
		return STEP_GONE;
	if (sig != SIGTRAP) {
		fprintf(stderr, "# victim stopped by signal %d at %#lx\n", sig, victim_at(pid));
		return STEP_GONE;
	}
	return step_end(pid);
}

static cpu_set_t everywhere;

void stepper_together(pid_t pid)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_getaffinity(0, sizeof(everywhere), &everywhere);
	sched_setaffinity(0, sizeof(one), &one);
	sched_setaffinity(pid, sizeof(one), &one);
}

void stepper_apart(pid_t pid)
{
	sched_setaffinity(0, sizeof(everywhere), &everywhere);
	sched_setaffinity(pid, sizeof(everywhere), &everywhere);
}

/* Whether a step of @pid does not end since it sleeps. */
static bool step_sleeps(pid_t pid)
{
	siginfo_t info = { 0 };
	unsigned int n;

	for (n = 0;; n++) {
		if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT) ||
		    info.si_pid)
			return false;
		if (n >= POLLS && task_state(pid) == 'S')
			return true;
		/* They share a processor: else the victim waits for the end of our time slice. */
		sched_yield();
	}
}

enum step victim_step(pid_t pid, bool sleeps)
{
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
		return STEP_GONE;
	if (sleeps && step_sleeps(pid))
		return STEP_SLEEP;
	return victim_woken(pid);
}

int victim_end(pid_t pid)
{
	uint64_t begin = now_ns();
	siginfo_t info = { 0 };

	while (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid) {
		if (now_ns() - begin > 2 * (uint64_t)HANG_NS) {
			fprintf(stderr, "# a victim that was continued hangs in call %ld\n",
				task_syscall(pid));
			return child_kill(pid);
		}
		sched_yield();
	}
	return child_end(pid);
}

/*
 * A victim that sleeps in a call is no stopped one yet: the signal interrupts its call, unless
 * the call has just returned by itself.
 */
bool victim_stop(pid_t pid, bool sleeps)
{
	int status, sig;

	if (sleeps &&
	    (kill(pid, SIGSTOP) || !stopped(pid, 0, &sig) || (sig != SIGSTOP && sig != SIGTRAP)))
		return false;
	if (ptrace(PTRACE_DETACH, pid, NULL, SIGSTOP))
		return false;
	return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGSTOP;
}
