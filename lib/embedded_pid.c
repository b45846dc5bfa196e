// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pid of a seat's user, the pid namespace in which it is valid, and its name.
 *
 * In another namespace the same number is another process, or none.  The module lets the
 * kernel translate pids; this host reports a pid only within its namespace.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

/* Return @pid, 0 if its namespace @space is another one than that of this process. */
s32 emb_pid_here(s32 pid, u64 space)
{
	return space == pid_space() ? pid : 0;
}

/* Return the pid of @p's user, 0 if it is in another pid namespace. */
s32 emb_seat_pid(const struct emb_seat *p)
{
	return emb_pid_here(p->pid, p->pid_space);
}

/* Copy a name from shared memory, where it may have no end. */
void emb_comm_copy(char to[RINGBUF_COMM_BYTES], const char from[RINGBUF_COMM_BYTES])
{
	memcpy(to, from, RINGBUF_COMM_BYTES);
	to[RINGBUF_COMM_BYTES - 1] = 0;
}

/* Get the name of process @pid.  False: there is no such process. */
bool emb_pid_comm(s32 pid, char comm[RINGBUF_COMM_BYTES])
{
	char path[32], text[RINGBUF_COMM_BYTES];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = lib_fd_high(open(path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return false;
	/* The kernel ends it with a newline, and the name may have others; a thread's is cut. */
	memset(comm, 0, RINGBUF_COMM_BYTES);
	memcpy(comm, text, (size_t)n - 1);
	return true;
}
