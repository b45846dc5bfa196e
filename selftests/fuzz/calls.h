/* SPDX-License-Identifier: GPL-2.0 */
/* The calls that programs of the fuzzer make, and what they work on. */
#ifndef SELFTESTS_FUZZ_CALLS_H
#define SELFTESTS_FUZZ_CALLS_H

#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "program.h"

#define FUZZ_BUFFER 65536 /* longest transfer; programs may ask for more, and get this */

/* A map of a ring, and from where it came. */
struct fuzz_map {
	char *at;
	size_t bytes;
};

/**
 * struct fuzz_world - what the lanes of a program share
 * @fd: descriptors; -1: closed
 * @map: maps; bytes is 0 where there is none
 * @pipe: a nonblocking pipe, for splice
 * @socket: a pair, for SCM_RIGHTS
 * @epoll: an epoll instance
 * @sink: /dev/null
 * @child: the process that "fork" has made last
 */
struct fuzz_world {
	int fd[FUZZ_FDS];
	struct fuzz_map map[FUZZ_MAPS];
	int pipe[2];
	int socket[2];
	int epoll;
	int sink;
	pid_t child;
};

/**
 * struct fuzz_lane - a thread that runs calls of a program
 * @buffer: FUZZ_BUFFER bytes, and a page for the structs of ioctls
 * @struct_: that page
 * @fault: where to continue after a fault in a map
 * @forked: of a process made by "fork": calls that it has left, before it ends
 * @skip: calls that such a process makes, and this one does not
 */
struct fuzz_lane {
	struct fuzz_world *world;
	char *buffer;
	char *struct_;
	sigjmp_buf fault;
	unsigned int forked;
	unsigned int skip;
};

/**
 * struct fuzz_tally - what programs tell the fuzzer, in shared memory
 * @set_up: lane 0 of the present program has ended
 * @done: how often each ioctl has succeeded, by its number
 */
struct fuzz_tally {
	int set_up;
	unsigned int done[1U << _IOC_NRBITS];
};

extern struct fuzz_tally *fuzz_tally;

/* Prepare a world, and the process for its faults. */
void fuzz_world_open(struct fuzz_world *w);

/* Make the calls of @p that belong to lane @number. */
void fuzz_lane_run(struct fuzz_world *w, const struct fuzz_program *p, unsigned int number);

/* Remove the names that programs use. */
void fuzz_names_remove(void);

static inline int lane_fd(const struct fuzz_lane *lane, uint64_t n)
{
	return __atomic_load_n(&lane->world->fd[n], __ATOMIC_RELAXED);
}

/* Put descriptor @fd into place @n, and close the one that it had. */
void lane_set_fd(struct fuzz_lane *lane, uint64_t n, int fd);

static inline size_t lane_bytes(uint64_t n)
{
	return n < FUZZ_BUFFER ? n : FUZZ_BUFFER;
}

/* A place at word @offset of map @n, from which *bytes bytes lie in it; NULL: no such map. */
char *lane_map(const struct fuzz_lane *lane, uint64_t n, uint64_t offset, size_t *bytes);

#define FUZZ_CALL(name) void call_##name(struct fuzz_lane *lane, const uint64_t *arg)

/* ioctls.c */
FUZZ_CALL(features);
FUZZ_CALL(create);
FUZZ_CALL(attach);
FUZZ_CALL(info);
FUZZ_CALL(wait);
FUZZ_CALL(wake);
FUZZ_CALL(done);
FUZZ_CALL(sync);
FUZZ_CALL(detach);
FUZZ_CALL(evict);
FUZZ_CALL(stats);
FUZZ_CALL(framing);
FUZZ_CALL(threshold);
FUZZ_CALL(room);
FUZZ_CALL(hole);
FUZZ_CALL(fionread);
FUZZ_CALL(ioctl);

/* maps.c */
FUZZ_CALL(mmap);
FUZZ_CALL(munmap);
FUZZ_CALL(mprotect);
FUZZ_CALL(mremap);
FUZZ_CALL(madvise);
FUZZ_CALL(mlock);
FUZZ_CALL(msync);
FUZZ_CALL(store);
FUZZ_CALL(fill);
FUZZ_CALL(load);
FUZZ_CALL(readmap);
FUZZ_CALL(writemap);
FUZZ_CALL(vmsplice);

/* uring.c */
FUZZ_CALL(uring_read);
FUZZ_CALL(uring_write);
FUZZ_CALL(uring_poll);
FUZZ_CALL(uring_wait);
FUZZ_CALL(uring_cancel);
FUZZ_CALL(uring_cancel_fd);
FUZZ_CALL(uring_splice);
FUZZ_CALL(uring_fixed);
FUZZ_CALL(uring_reap);
FUZZ_CALL(uring_exit);

#endif
