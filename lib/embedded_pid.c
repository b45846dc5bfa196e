// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pid of a seat's user, and the pid namespace in which it is valid.
 *
 * In another namespace the same number is another process, or none.  The module lets the
 * kernel translate pids; this host reports a pid only within its namespace.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

/* Cached result of pid_space() in @process; a child may be in another namespace. */
static struct {
	u64 process;
	u64 space;
} known;

/* Return the number of this process's pid namespace, 0 if /proc does not tell it. */
static u64 pid_space(void)
{
	u64 process = lib_process();
	struct stat st;
	u64 space;

	if (smp_load_acquire(&known.process) == process) /* matches the store below */
		return READ_ONCE(known.space);
	space = stat("/proc/self/ns/pid", &st) ? 0 : (u64)st.st_ino;
	/* Threads that get here at once store the same number. */
	WRITE_ONCE(known.space, space);
	smp_store_release(&known.process, process); /* matches the load above */
	return space;
}

/* Note this process as the user of @p. */
void emb_seat_own(struct emb_seat *p)
{
	p->pid = getpid();
	p->pid_space = pid_space();
}

/* Return the pid of @p's user, 0 if it is in another pid namespace. */
s32 emb_seat_pid(const struct emb_seat *p)
{
	return p->pid_space == pid_space() ? p->pid : 0;
}
