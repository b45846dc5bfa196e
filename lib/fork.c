// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tell this process from its parent, by a word that a fork sets to zero.
 *
 * A handle stores the value of the word when a process enters it.  In a child the word
 * is zero, however the child was made (pthread_atfork() would miss a raw clone()), so the
 * child's next call enters the handle again.
 *
 * If the kernel or a sandbox refuses MADV_WIPEONFORK, the word is always zero.  Then each
 * call compares the pid instead, which costs a system call.  A handler of
 * pthread_atfork() also resets the stored number, because a child in another pid
 * namespace may have the pid of its parent.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define PID_SHIFT 40 /* a pid has at most 22 bits */

static const u64 zero;
static u64 *word;
static u64 by_pid; /* the number of this process if @word is NULL */
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

/* Make a number that no other process has had. */
static u64 new_number(u64 pid)
{
	u64 now = lib_clock(CLOCK_MONOTONIC) & ((1ULL << PID_SHIFT) - 1);

	return pid << PID_SHIFT | now | 1;
}

u64 lib_process_renew(void)
{
	u64 pid = (u64)syscall(SYS_getpid); /* the C library may have cached the parent's */
	u64 *at = word ? word : &by_pid;
	u64 was = READ_ONCE(*at);

	if (word ? !was : was >> PID_SHIFT != pid)
		/* If several threads get here at once, the number of the first one counts. */
		cmpxchg(at, was, new_number(pid));
	return READ_ONCE(*at);
}
