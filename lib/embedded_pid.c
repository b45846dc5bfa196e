// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which process has a seat, for processes of other pid namespaces: there its number
 * means nothing, or another process.  The kernel translates pids for the module; here a
 * process is told only to those of its own namespace.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

/* Of the process in which it was asked for; a child may be in another namespace. */
static struct {
	u64 process;
	u64 space;
} known;

/* A number of the pid namespace of this process; 0 if /proc does not tell. */
static u64 pid_space(void)
{
	u64 process = lib_process();
	struct stat st;
	u64 space;

	if (smp_load_acquire(&known.process) == process) /* matches the store below */
		return READ_ONCE(known.space);
	space = stat("/proc/self/ns/pid", &st) ? 0 : (u64)st.st_ino;
	/* Threads that are here at once store the same. */
	WRITE_ONCE(known.space, space);
	smp_store_release(&known.process, process); /* matches the load above */
	return space;
}

/* This process has @p from here on. */
void emb_seat_own(struct emb_seat *p)
{
	p->pid = getpid();
	p->pid_space = pid_space();
}

/* The process that has @p; 0: the caller has no number for it. */
s32 emb_seat_pid(const struct emb_seat *p)
{
	return p->pid_space == pid_space() ? p->pid : 0;
}
