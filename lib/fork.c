// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which process is this: a word that a fork wipes.
 *
 * A handle remembers the value under which it was entered; in a child the word
 * reads zero, whichever way the child was made (pthread_atfork() would miss a
 * raw clone()), and the next step enters the handle afresh.
 *
 * Where the kernel, or a sandbox, refuses MADV_WIPEONFORK, the word is zero for
 * ever: then each step asks for the pid, which costs a system call, and a child
 * of fork() is told apart even where it has its parent's pid in a namespace of
 * its own.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define PID_SHIFT 40 /* a pid has at most 22 bits */

static const u64 zero;
static u64 *word;
static u64 by_pid; /* the number of this process, where there is no @word */
const u64 *lib_process_word = &zero;

static void forget(void)
{
	WRITE_ONCE(by_pid, 0);
}

__attribute__((constructor)) static void lib_process_map(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED && !madvise(p, page, MADV_WIPEONFORK)) {
		word = p;
		lib_process_word = p;
		return;
	}
	if (p != MAP_FAILED)
		munmap(p, page);
	pthread_atfork(NULL, NULL, forget);
}

/* A number that no other process has had. */
static u64 new_number(u64 pid)
{
	u64 now = lib_clock(CLOCK_MONOTONIC) & ((1ULL << PID_SHIFT) - 1);

	return pid << PID_SHIFT | now | 1;
}

u64 lib_process_renew(void)
{
	u64 pid = (u64)syscall(SYS_getpid); /* a library may remember what it was */
	u64 *at = word ? word : &by_pid;
	u64 was = READ_ONCE(*at);

	if (word ? !was : was >> PID_SHIFT != pid)
		/* Several threads of a new process may be here at once: the first one names it. */
		cmpxchg(at, was, new_number(pid));
	return READ_ONCE(*at);
}
