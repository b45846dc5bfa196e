// SPDX-License-Identifier: GPL-2.0
/* All calls that a program can make, and how its lanes make them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/ringbuf.h>

#include "calls.h"
#include "passing.h"

#define RINGS "/dev/rings"
#define NAMES 3U /* files that programs name */

#define PAUSE_MOST 5000000U /* ns */

/* What a call returns means nothing to a program. */
static void ignore(long result)
{
	(void)result;
}

void lane_set_fd(struct fuzz_lane *lane, uint64_t n, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&lane->world->fd[n], fd, __ATOMIC_RELAXED);
	if (old >= 0)
		close(old);
}

/* ---- files -------------------------------------------------------------------------------- */

/* The path of a name; its lane has it until the next but one. */
static const char *path_of(struct fuzz_lane *lane, uint64_t n)
{
	char *path = lane->struct_ + (n & 1) * 64;

	snprintf(path, 64, RINGS "/fuzz-%u", (unsigned int)(n % NAMES));
	return path;
}

/* Flags of open(2) that matter to a ring; O_CREAT comes from the call. */
static int how_of(uint64_t how)
{
	return (int)(how & (O_ACCMODE | O_NONBLOCK | O_EXCL | O_TRUNC | O_APPEND)) | O_CLOEXEC;
}

/* Without O_NONBLOCK an open may wait for ever for a maker, so it would end no lane. */
static void call_open(struct fuzz_lane *lane, const uint64_t *arg)
{
	lane_set_fd(lane, arg[0], open("/dev/ringbuf", how_of(arg[1])));
}

static void call_file(struct fuzz_lane *lane, const uint64_t *arg)
{
	lane_set_fd(lane, arg[0], open(path_of(lane, arg[1]), how_of(arg[2])));
}

static void call_make(struct fuzz_lane *lane, const uint64_t *arg)
{
	int fd = open(path_of(lane, arg[1]), how_of(arg[2]) | O_CREAT, 0600);

	lane_set_fd(lane, arg[0], fd);
}

static void call_mknod(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(mknod(path_of(lane, arg[0]), S_IFREG | 0600, 0));
}

static void call_unlink(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(unlink(path_of(lane, arg[0])));
}

static void call_rename(struct fuzz_lane *lane, const uint64_t *arg)
{
	const char *from = path_of(lane, arg[0] * 2), *to = path_of(lane, arg[1] * 2 + 1);

	ignore(rename(from, to));
}

static void call_link(struct fuzz_lane *lane, const uint64_t *arg)
{
	const char *from = path_of(lane, arg[0] * 2), *to = path_of(lane, arg[1] * 2 + 1);

	ignore(link(from, to));
}

static void call_truncate(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(ftruncate(lane_fd(lane, arg[0]), (off_t)arg[1]));
}

static void call_stat(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct statfs fs;
	struct stat st;

	ignore(fstat(lane_fd(lane, arg[0]), &st));
	ignore(fstatfs(lane_fd(lane, arg[0]), &fs));
}

static void call_close(struct fuzz_lane *lane, const uint64_t *arg)
{
	int fd = __atomic_exchange_n(&lane->world->fd[arg[0]], -1, __ATOMIC_RELAXED);

	if (fd >= 0)
		close(fd);
}

static void call_dup(struct fuzz_lane *lane, const uint64_t *arg)
{
	int fd = lane_fd(lane, arg[1]);

	lane_set_fd(lane, arg[0], fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

static void call_fcntl(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(fcntl(lane_fd(lane, arg[0]), F_SETFL,
		     (int)arg[1] & (O_NONBLOCK | O_APPEND | O_ASYNC | O_DIRECT)));
}

static void call_fdinfo(struct fuzz_lane *lane, const uint64_t *arg)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", lane_fd(lane, arg[0]));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ignore(read(fd, lane->buffer, 4096));
	close(fd);
}

/* ---- read and write ------------------------------------------------------------------------- */

static void call_read(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(read(lane_fd(lane, arg[0]), lane->buffer, lane_bytes(arg[1])));
}

static void call_write(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(write(lane_fd(lane, arg[0]), lane->buffer, lane_bytes(arg[1])));
}

/* Two parts; with an odd flag the second one is not mapped. */
static void two_parts(struct fuzz_lane *lane, const uint64_t *arg, struct iovec iov[2])
{
	size_t n = lane_bytes(arg[1]);

	iov[0] = (struct iovec){ lane->buffer, n / 2 };
	iov[1] = (struct iovec){ arg[2] == 1 ? (char *)16 : lane->buffer + n / 2, n - n / 2 };
}

static void call_readv(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct iovec iov[2];

	two_parts(lane, arg, iov);
	ignore(preadv2(lane_fd(lane, arg[0]), iov, 2, -1, (int)arg[3]));
}

static void call_writev(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct iovec iov[2];

	two_parts(lane, arg, iov);
	ignore(pwritev2(lane_fd(lane, arg[0]), iov, 2, -1, (int)arg[3]));
}

/* splice f bytes flags: into the pipe; splice_in: from it, and splice_fill fills it before. */
static void call_splice(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(splice(lane_fd(lane, arg[0]), NULL, lane->world->pipe[1], NULL, lane_bytes(arg[1]),
		      (unsigned int)arg[2]));
}

static void call_splice_in(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(splice(lane->world->pipe[0], NULL, lane_fd(lane, arg[0]), NULL, lane_bytes(arg[1]),
		      (unsigned int)arg[2]));
}

static void call_pipe_write(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(write(lane->world->pipe[1], lane->buffer, lane_bytes(arg[0])));
}

static void call_pipe_read(struct fuzz_lane *lane, const uint64_t *arg)
{
	ignore(read(lane->world->pipe[0], lane->buffer, lane_bytes(arg[0])));
}

/* sendfile f f bytes: from the first to the second; from a descriptor to itself: to /dev/null */
static void call_sendfile(struct fuzz_lane *lane, const uint64_t *arg)
{
	int to = arg[0] == arg[1] ? lane->world->sink : lane_fd(lane, arg[1]);

	ignore(sendfile(to, lane_fd(lane, arg[0]), NULL, lane_bytes(arg[2])));
}

/* ---- poll -------------------------------------------------------------------------------------
 */

static void call_poll(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct pollfd p = { .fd = lane_fd(lane, arg[0]), .events = (short)arg[1] };

	ignore(poll(&p, 1, (int)(arg[2] % 10)));
}

static void call_epoll(struct fuzz_lane *lane, const uint64_t *arg)
{
	static const uint32_t more[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE };
	struct epoll_event e = { .events = (uint32_t)arg[1] % 64 | more[arg[2] % 4] };
	int fd = lane_fd(lane, arg[0]);

	if (epoll_ctl(lane->world->epoll, EPOLL_CTL_ADD, fd, &e))
		ignore(epoll_ctl(lane->world->epoll, arg[2] & 4 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, fd,
				 &e));
}

static void call_epoll_wait(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct epoll_event e[4];

	ignore(epoll_wait(lane->world->epoll, e, 4, (int)(arg[0] % 10)));
}

/* ---- processes ----------------------------------------------------------------------------------
 */

static void call_send(struct fuzz_lane *lane, const uint64_t *arg)
{
	int fd = lane_fd(lane, arg[0]);

	if (fd >= 0)
		ignore(send_fd(lane->world->socket[0], fd));
}

static void call_receive(struct fuzz_lane *lane, const uint64_t *arg)
{
	lane_set_fd(lane, arg[0], receive_fd(lane->world->socket[1]));
}

/* fork calls: another process makes the next calls of the lane, at the same time. */
static void call_fork(struct fuzz_lane *lane, const uint64_t *arg)
{
	unsigned int calls = (unsigned int)arg[0] % 8 + 1;
	pid_t pid;

	if (lane->forked)
		return;
	pid = fork();
	if (pid < 0)
		return;
	if (pid) {
		lane->skip = calls;
		__atomic_store_n(&lane->world->child, pid, __ATOMIC_RELAXED);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	lane->forked = calls + 1;
}

/* signal kind: end, stop or continue the process of the last fork */
static void call_signal(struct fuzz_lane *lane, const uint64_t *arg)
{
	static const int signals[] = { SIGKILL, SIGSTOP, SIGCONT, SIGUSR1 };
	pid_t pid = __atomic_load_n(&lane->world->child, __ATOMIC_RELAXED);

	if (pid > 0)
		ignore(kill(pid, signals[arg[0] % 4]));
}

static void call_exec(struct fuzz_lane *lane, const uint64_t *arg)
{
	char *const argv[] = { (char *)"true", NULL };

	(void)arg;
	if (lane->forked)
		ignore(execv("/bin/true", argv));
}

static void call_pause(struct fuzz_lane *lane, const uint64_t *arg)
{
	struct timespec t = { .tv_nsec = (long)(arg[0] % PAUSE_MOST) };

	(void)lane;
	nanosleep(&t, NULL);
}

/* fail n: the n-th allocation or copy of the next call fails */
static void call_fail(struct fuzz_lane *lane, const uint64_t *arg)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	(void)lane;
	if (fd < 0)
		return;
	dprintf(fd, "%u", (unsigned int)(arg[0] % 30) + 1);
	close(fd);
}

static void fail_end(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "0");
	close(fd);
}

/* ---- all of them
 * ---------------------------------------------------------------------------------- */

#define KIND(name, args)                 \
	{                                \
#name, args, call_##name \
	}

const struct fuzz_kind fuzz_kinds[] = {
	KIND(open, "fg"),
	KIND(file, "fng"),
	KIND(make, "fng"),
	KIND(mknod, "n"),
	KIND(unlink, "n"),
	KIND(rename, "nn"),
	KIND(link, "nn"),
	KIND(truncate, "fb"),
	KIND(stat, "f"),
	KIND(close, "f"),
	KIND(dup, "ff"),
	KIND(fcntl, "fg"),
	KIND(fdinfo, "f"),
	KIND(read, "fb"),
	KIND(write, "fb"),
	KIND(readv, "fbng"),
	KIND(writev, "fbng"),
	KIND(splice, "fbg"),
	KIND(splice_in, "fbg"),
	KIND(pipe_write, "b"),
	KIND(pipe_read, "b"),
	KIND(sendfile, "ffb"),
	KIND(poll, "fgn"),
	KIND(epoll, "fgn"),
	KIND(epoll_wait, "n"),
	KIND(send, "f"),
	KIND(receive, "f"),
	KIND(fork, "n"),
	KIND(signal, "n"),
	KIND(exec, ""),
	KIND(pause, "t"),
	KIND(fail, "n"),
	KIND(features, "fng"),
	KIND(create, "fngbnnnnnttn"),
	KIND(attach, "fngnnnpnttn"),
	KIND(info, "fngnbn"),
	KIND(wait, "fngtnt"),
	KIND(wake, "fng"),
	KIND(done, "fng"),
	KIND(sync, "fngnp"),
	KIND(detach, "fng"),
	KIND(evict, "fngn"),
	KIND(stats, "fngnnbnnb"),
	KIND(framing, "fngn"),
	KIND(threshold, "fngnbt"),
	KIND(room, "fng"),
	KIND(hole, "fngp"),
	KIND(fionread, "f"),
	KIND(ioctl, "fbb"),
	KIND(mmap, "mfngn"),
	KIND(munmap, "mnn"),
	KIND(mprotect, "mg"),
	KIND(mremap, "mng"),
	KIND(madvise, "mn"),
	KIND(mlock, "mn"),
	KIND(msync, "mg"),
	KIND(store, "mop"),
	KIND(fill, "mp"),
	KIND(load, "mo"),
	KIND(readmap, "fmob"),
	KIND(writemap, "fmob"),
	KIND(vmsplice, "mobg"),
	KIND(uring_read, "fb"),
	KIND(uring_write, "fb"),
	KIND(uring_poll, "fgn"),
	KIND(uring_wait, "fgtntn"),
	KIND(uring_cancel, "fn"),
	KIND(uring_cancel_fd, "f"),
	KIND(uring_splice, "fbn"),
	KIND(uring_fixed, "fmob"),
	KIND(uring_reap, ""),
	KIND(uring_exit, ""),
};

const unsigned int fuzz_kinds_count = sizeof(fuzz_kinds) / sizeof(fuzz_kinds[0]);

/* ---- lanes
 * ------------------------------------------------------------------------------------------ */

static __thread struct fuzz_lane *this_lane;

/* A store into a map that is gone, or may not be written, ends the call that makes it. */
static void on_fault(int number)
{
	(void)number;
	if (!this_lane)
		_exit(1);
	siglongjmp(this_lane->fault, 1);
}

static void on_signal(int number)
{
	(void)number;
}

void fuzz_world_open(struct fuzz_world *w)
{
	const struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	const struct sigaction other = { .sa_handler = on_signal };
	unsigned int i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < FUZZ_FDS; i++)
		w->fd[i] = -1;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGUSR1, &other, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (pipe2(w->pipe, O_NONBLOCK | O_CLOEXEC) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->socket))
		abort();
}

static void lane_call(struct fuzz_lane *lane, const struct fuzz_call *c)
{
	if (lane->skip) {
		lane->skip--;
		return;
	}
	fuzz_kinds[c->kind].run(lane, c->arg);
	if (lane->forked && !--lane->forked)
		_exit(0);
}

static struct fuzz_lane *lane_new(struct fuzz_world *w)
{
	struct fuzz_lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		abort();
	lane->world = w;
	lane->buffer = malloc(FUZZ_BUFFER);
	lane->struct_ = calloc(2, 4096);
	if (!lane->buffer || !lane->struct_)
		abort();
	memset(lane->buffer, 'f', FUZZ_BUFFER);
	return lane;
}

/* The lane lives as long as the process, which ends with the program. */
void fuzz_lane_run(struct fuzz_world *w, const struct fuzz_program *p, unsigned int number)
{
	struct fuzz_lane *lane = lane_new(w);
	bool fail = false;
	unsigned int i;

	this_lane = lane;
	for (i = 0; i < p->count; i++) {
		if (p->call[i].lane != number)
			continue;
		lane_call(lane, &p->call[i]);
		if (fail)
			fail_end();
		fail = fuzz_kinds[p->call[i].kind].run == call_fail;
	}
	/* The next call would be one of the fuzzer, such as that which makes a thread. */
	if (fail)
		fail_end();
	if (lane->forked)
		_exit(0);
}

void fuzz_names_remove(void)
{
	unsigned int n;
	char path[64];

	for (n = 0; n < NAMES; n++) {
		snprintf(path, sizeof(path), RINGS "/fuzz-%u", n);
		unlink(path);
	}
}
