// SPDX-License-Identifier: GPL-2.0
/*
 * Let each system call of a test on a file of ringbuf fail before it succeeds.
 *
 * The tests of the ABI are linked with these functions in place of open(), ioctl(), read() and so
 * on (ld --wrap).  With RINGBUF_FAULTS in the environment, a call is tried with a fault at the
 * first place where the kernel can inject one, then at the second, and so on, until the call ends
 * before it reaches the place; that result is the one that the test gets.  A try that failed must
 * say ENOMEM or EFAULT and must leave the ring as it was, and the next one must work as if it had
 * not been.
 *
 * Without RINGBUF_FAULTS each function makes its call and nothing else.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "device.h"
#include "fault.h"

#define SITES	 512 /* sizes of the table of calls, a power of two */
#define PER_SITE 3 /* calls of one line of a test case that are tried with faults */
#define READERS	 8 /* readers and writers whose numbers are compared */

static bool enabled;
static bool has_handler; /* of a signal: a fault in its frame would end the process */
static dev_t device;
static pid_t program;
static unsigned char tried[SITES];
static __thread unsigned int site; /* of the present call, in the tables */

/*
 * Numbers of the whole program, which its child processes share.  A call that succeeds although it
 * met a fault leaves the later places untried: @passed is the place where the next call from the
 * same site continues.
 */
struct total {
	unsigned long calls, faults;
	unsigned int passed[SITES];
};

static struct total *total;

/* What a call that failed must not change, as far as the calls INFO, STATS and FEATURES tell. */
struct standing {
	int info_error, stats_error;
	struct ringbuf_info info;
	struct ringbuf_stats stats;
	struct ringbuf_reader_stats readers[READERS];
	struct ringbuf_writer_stats writers[READERS];
	uint64_t bytes_left;
};

/**
 * struct trial - a system call that is made again and again
 * @name: its name, for messages
 * @fd: a file of ringbuf that it is about, or -1
 * @arg: what an ioctl reads and writes, or NULL
 * @arg_bytes: size of that, 0 if it cannot be read
 * @saved: content of @arg before the first try
 * @nth: see fault_open(); -1: there is no fault
 * @n: the place that fails in this try; 0: none
 * @result: what the last try returned
 * @error: errno of the last try, if it failed
 * @was: errno of the caller before the call
 * @wanted: the error that the last try, without a fault, must have; 0: any result
 * @hit: a fault was injected into the last try
 * @begun: the first try was made
 * @alone: no other process or thread may change the ring meanwhile
 * @transfer: a read, write or splice
 * @before: the standing before the first try, if @alone
 */
struct trial {
	const char *name;
	int fd;
	void *arg;
	size_t arg_bytes;
	unsigned char saved[512];
	int nth;
	unsigned int n;
	long result;
	int error, was, wanted;
	bool hit, begun, alone, transfer;
	struct standing before;
};

/* ---- the calls ----------------------------------------------------------------- */

#define REAL(name) __real_##name
#define DECLARE(type, name, ...)         \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

DECLARE(int, open, const char *path, int flags, ...);
DECLARE(int, open64, const char *path, int flags, ...);
DECLARE(int, close, int fd);
DECLARE(int, ioctl, int fd, unsigned long request, ...);
DECLARE(void *, mmap, void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
DECLARE(void *, mmap64, void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
DECLARE(ssize_t, read, int fd, void *to, size_t bytes);
DECLARE(ssize_t, write, int fd, const void *from, size_t bytes);
DECLARE(ssize_t, readv, int fd, const struct iovec *to, int count);
DECLARE(ssize_t, writev, int fd, const struct iovec *from, int count);
DECLARE(ssize_t, splice, int in, off64_t *in_at, int out, off64_t *out_at, size_t bytes,
	unsigned int flags);
DECLARE(ssize_t, sendfile, int out, int in, off_t *at, size_t bytes);
DECLARE(ssize_t, sendfile64, int out, int in, off_t *at, size_t bytes);
DECLARE(int, poll, struct pollfd *fds, nfds_t count, int timeout);
DECLARE(int, epoll_ctl, int set, int op, int fd, struct epoll_event *event);
DECLARE(int, sigaction, int sig, const struct sigaction *action, struct sigaction *old);
DECLARE(int, epoll_wait, int set, struct epoll_event *events, int most, int timeout);

/* ---- which calls --------------------------------------------------------------- */

static bool is_ring_file(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st))
		return false;
	if (S_ISCHR(st.st_mode))
		return st.st_rdev == device;
	return S_ISREG(st.st_mode) && !fstatfs(fd, &fs) && fs.f_type == RINGBUF_FS_MAGIC;
}

/* Whether @path is the device, or lies directly in a folder of rings. */
static bool is_ring_path(const char *path)
{
	char folder[256];
	struct statfs fs;
	char *slash;

	if (!strcmp(path, "/dev/ringbuf"))
		return true;
	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	*slash = 0;
	return !statfs(folder, &fs) && fs.f_type == RINGBUF_FS_MAGIC;
}

/*
 * Whether a write to @fd may meet a fault.  Where writers share the ring, a write whose copy fails
 * makes a hole of its slot and takes another one, and the tests count slots.
 */
static bool is_writable(int fd)
{
	struct ringbuf_info info = { .size = sizeof(info) };

	return is_ring_file(fd) && (REAL(ioctl)(fd, RINGBUF_IOC_INFO, &info) ||
				    info.ring_flags & RINGBUF_CREATE_EXCLUSIVE);
}

/* Whether the call from address @from is among the first ones of this test case from there. */
static bool is_early(const void *from, unsigned long what)
{
	uint64_t key = ((uintptr_t)from ^ what) * 0x9e3779b97f4a7c15ULL;

	site = key >> 32 & (SITES - 1);
	if (tried[site] == PER_SITE)
		return false;
	tried[site]++;
	return true;
}

/*
 * Whether this process has one thread and no child, and is not a child of a test case itself
 * (child_tie()), so that only its own calls change its rings.
 */
static bool is_alone(void)
{
	struct stat threads;
	siginfo_t info;
	int tied = 0;

	if (prctl(PR_GET_PDEATHSIG, &tied) || tied)
		return false;
	if (stat("/proc/self/task", &threads) || threads.st_nlink != 3)
		return false;
	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) && errno == ECHILD;
}

/* ---- what may not change --------------------------------------------------------- */

static int asked(int fd, unsigned long request, void *arg)
{
	return REAL(ioctl)(fd, request, arg) < 0 ? errno : 0;
}

/* Clear the counters of what calls did, also those that failed, and what changes with time. */
static void standing_settle(struct standing *s)
{
	unsigned int i;

	s->stats.readers = 0;
	s->stats.writer_table = 0;
	s->stats.waits = 0;
	s->stats.wakeups = 0;
	s->stats.wake_calls = 0;
	s->stats.blocker_since = 0;
	for (i = 0; i < READERS; i++) {
		s->readers[i].waits = 0;
		s->readers[i].wakeups = 0;
		s->writers[i].waits = 0;
		s->writers[i].wakeups = 0;
	}
}

static void standing_get(int fd, struct standing *s)
{
	struct ringbuf_features f = { .size = sizeof(f) };

	memset(s, 0, sizeof(*s));
	s->info.size = sizeof(s->info);
	s->info_error = asked(fd, RINGBUF_IOC_INFO, &s->info);
	s->stats = (struct ringbuf_stats){
		.size = sizeof(s->stats),
		.readers = POINTER(s->readers),
		.count = READERS,
		.reader_size = sizeof(s->readers[0]),
		.writer_table = POINTER(s->writers),
		.writer_count = READERS,
		.writer_size = sizeof(s->writers[0]),
	};
	s->stats_error = asked(fd, RINGBUF_IOC_STATS, &s->stats);
	standing_settle(s);
	if (!asked(fd, RINGBUF_IOC_FEATURES, &f))
		s->bytes_left = f.max_ring_bytes;
}

/* ---- tries ------------------------------------------------------------------------ */

static _Noreturn void wrong(const struct trial *t, const char *what, long number)
{
	fprintf(stderr, "# faults: %s of descriptor %d, fault %u: %s: %ld\n", t->name, t->fd, t->n,
		what, number);
	abort();
}

/* Name the first word of @size bytes in which two standings differ. */
static void compare(const struct trial *t, const char *what, const void *a, const void *b,
		    size_t size)
{
	size_t at;

	for (at = 0; at < size; at += 4)
		if (memcmp((const char *)a + at, (const char *)b + at, 4))
			wrong(t, what, (long)at);
}

/*
 * A read may find out before it fails that the reader was moved, and may skip holes and empty
 * messages.  If it skipped a message, the test itself would miss that.
 */
static void copy_skipped(struct standing *now, const struct standing *before)
{
	unsigned int i;

	now->stats.blocker_lag = before->stats.blocker_lag;
	now->stats.blocker_position = before->stats.blocker_position;
	for (i = 0; i < READERS; i++) {
		now->readers[i].cursor = before->readers[i].cursor;
		now->readers[i].lag = before->readers[i].lag;
		now->readers[i].holes = before->readers[i].holes;
		now->readers[i].lost = before->readers[i].lost;
	}
}

static void check_standing(const struct trial *t)
{
	const struct standing *b = &t->before;
	struct standing now;

	/* The first read or write of a handle binds it; the handle stays bound if that fails. */
	if (!t->alone || t->fd < 0 || !is_alone() || (b->info_error && t->transfer))
		return;
	standing_get(t->fd, &now);
	if (t->transfer)
		copy_skipped(&now, b);
	compare(t, "INFO has changed at byte", &b->info, &now.info, sizeof(now.info));
	compare(t, "STATS has changed at byte", &b->stats, &now.stats, sizeof(now.stats));
	compare(t, "readers of STATS have changed at byte", b->readers, now.readers,
		sizeof(now.readers));
	compare(t, "writers of STATS have changed at byte", b->writers, now.writers,
		sizeof(now.writers));
	if (now.info_error != b->info_error)
		wrong(t, "INFO says", now.info_error);
	if (now.stats_error != b->stats_error)
		wrong(t, "STATS says", now.stats_error);
	if (now.bytes_left != b->bytes_left)
		wrong(t, "bytes of the quota are missing", (long)(b->bytes_left - now.bytes_left));
}

/* The next place after @n.  Calls with many places allocate many pages in a loop. */
static unsigned int next_place(unsigned int n)
{
	return n < 64 ? n + 1 : n + n / 8;
}

static void arg_save(struct trial *t)
{
	struct iovec from = { t->arg, sizeof(t->saved) }, to = { t->saved, sizeof(t->saved) };
	ssize_t n;

	if (!t->arg)
		return;
	n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	if (n < 4)
		return;
	memcpy(&t->arg_bytes, t->saved, 4);
	if (t->arg_bytes > (size_t)n)
		t->arg_bytes = 0;
}

/* A failed try may have written a part of its results; these lie where the call reads, too. */
static void arg_restore(struct trial *t)
{
	struct iovec to = { t->arg, t->arg_bytes }, from = { t->saved, t->arg_bytes };

	if (t->arg_bytes && memcmp(t->arg, t->saved, t->arg_bytes))
		process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

static void trial_begin(struct trial *t, bool wanted)
{
	t->was = errno;
	t->transfer = strchr("rws", t->name[0]);
	t->nth = wanted && !has_handler ? fault_open() : -1;
	if (t->nth < 0)
		return;
	/*
	 * Not so for ioctls.  ATTACH makes sure that its answer finds room before it changes
	 * anything; only memory that vanishes meanwhile makes it fail after that, and then the
	 * handle is attached.
	 */
	t->n = t->arg ? 1 : total->passed[site] + 1;
	t->alone = t->fd >= 0 && is_alone();
	if (t->alone)
		standing_get(t->fd, &t->before);
	arg_save(t);
	__atomic_add_fetch(&total->calls, 1, __ATOMIC_RELAXED);
}

/* Look at the last try.  Return whether another one is to follow. */
static bool trial_look(struct trial *t)
{
	t->error = errno;
	t->hit = t->n && fault_end(t->nth);
	if (t->wanted && t->alone && (t->result >= 0 || t->error != t->wanted))
		wrong(t, "without a fault the error is another one", t->error);
	if (!t->hit || t->result >= 0) {
		total->passed[site] = t->hit ? t->n : 0;
		return false;
	}
	__atomic_add_fetch(&total->faults, 1, __ATOMIC_RELAXED);
	check_standing(t);
	arg_restore(t);
	if (t->error == ENOMEM || t->error == EFAULT) {
		t->n = next_place(t->n);
	} else {
		/* The call did not need what failed: it fails without a fault, too. */
		t->wanted = t->error;
		t->n = 0;
	}
	return true;
}

/* Return whether the call is to be made, again. */
static bool trial_next(struct trial *t)
{
	if (t->begun && (t->nth < 0 || !trial_look(t))) {
		if (t->nth >= 0)
			REAL(close)(t->nth);
		else
			t->error = errno;
		errno = t->result < 0 ? t->error : t->was;
		return false;
	}
	t->begun = true;
	errno = t->was;
	if (t->nth >= 0)
		fault_set(t->nth, t->n);
	return true;
}

/* Make @call with faults if @cond is true.  *@hit: it met one, and succeeded all the same. */
#define TRY_HIT(what, about, argument, cond, call, was_hit)                             \
	({                                                                              \
		struct trial t_ = { .name = (what), .fd = (about), .arg = (argument) }; \
                                                                                        \
		trial_begin(&t_, enabled && (cond));                                    \
		while (trial_next(&t_))                                                 \
			t_.result = (long)(call);                                       \
		*(was_hit) = t_.hit;                                                    \
		t_.result;                                                              \
	})

#define TRY(what, about, argument, cond, call)                     \
	({                                                         \
		bool hit_;                                         \
		TRY_HIT(what, about, argument, cond, call, &hit_); \
	})

#define EARLY(what) is_early(__builtin_return_address(0), (what))
#define ON_RING(fd) (is_ring_file(fd) && EARLY(0))

static int open_tried(const char *path, int flags, mode_t mode, const void *from)
{
	return (int)TRY("open", -1, NULL, is_ring_path(path) && is_early(from, 0),
			REAL(open64)(path, flags, mode));
}

#define OPEN(path, flags)                                                    \
	({                                                                   \
		mode_t mode_ = 0;                                            \
		va_list ap_;                                                 \
                                                                             \
		va_start(ap_, flags);                                        \
		if (flags & (O_CREAT | O_TMPFILE))                           \
			mode_ = va_arg(ap_, mode_t);                         \
		va_end(ap_);                                                 \
		open_tried(path, flags, mode_, __builtin_return_address(0)); \
	})

int __wrap_open(const char *path, int flags, ...)
{
	return OPEN(path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return OPEN(path, flags);
}

int __wrap_sigaction(int sig, const struct sigaction *action, struct sigaction *old)
{
	/* The program itself only starts the test cases, and has a handler for its timeout. */
	has_handler |= getpid() != program && action && action->sa_handler != SIG_IGN &&
		       action->sa_handler != SIG_DFL;
	return REAL(sigaction)(sig, action, old);
}

/* A file is closed only once, so each close has a fault at another place, and must not mind. */
int __wrap_close(int fd)
{
	static unsigned int turn;
	int nth, result;

	if (!enabled || has_handler || !ON_RING(fd))
		return REAL(close)(fd);
	nth = fault_open();
	if (nth < 0)
		return REAL(close)(fd);
	fault_set(nth, turn++ % 8 + 1);
	result = REAL(close)(fd);
	fault_end(nth);
	REAL(close)(nth);
	if (result) {
		fprintf(stderr, "# faults: close says %s\n", strerrorname_np(errno));
		abort();
	}
	return result;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (int)TRY("ioctl", fd, request == FIONREAD ? NULL : arg,
			is_ring_file(fd) && EARLY(request), REAL(ioctl)(fd, request, arg));
}

void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return (void *)TRY("mmap", fd, NULL, fd >= 0 && ON_RING(fd),
			   REAL(mmap)(at, bytes, prot, flags, fd, offset));
}

void *__wrap_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return (void *)TRY("mmap", fd, NULL, fd >= 0 && ON_RING(fd),
			   REAL(mmap64)(at, bytes, prot, flags, fd, offset));
}

ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	return TRY("read", fd, NULL, ON_RING(fd), REAL(read)(fd, to, bytes));
}

/*
 * A write to a stream that meets a fault behind its first slot returns what it has written:
 * continue with the rest, as the caller of such a write has to.
 */
ssize_t __wrap_write(int fd, const void *from, size_t bytes)
{
	bool hit;
	ssize_t rest, n = TRY_HIT("write", fd, NULL, is_writable(fd) && EARLY(0),
				  REAL(write)(fd, from, bytes), &hit);

	if (!hit || n <= 0 || (size_t)n == bytes)
		return n;
	rest = REAL(write)(fd, (const char *)from + n, bytes - (size_t)n);
	return rest > 0 ? n + rest : n;
}

ssize_t __wrap_readv(int fd, const struct iovec *to, int count)
{
	return TRY("readv", fd, NULL, ON_RING(fd), REAL(readv)(fd, to, count));
}

ssize_t __wrap_writev(int fd, const struct iovec *from, int count)
{
	return TRY("writev", fd, NULL, is_writable(fd) && EARLY(0), REAL(writev)(fd, from, count));
}

ssize_t __wrap_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t bytes,
		      unsigned int flags)
{
	return TRY("splice", is_ring_file(in) ? in : out, NULL,
		   (is_ring_file(in) || is_writable(out)) && EARLY(0),
		   REAL(splice)(in, in_at, out, out_at, bytes, flags));
}

static ssize_t send_tried(int out, int in, off_t *at, size_t bytes, const void *from)
{
	return TRY("sendfile", is_ring_file(in) ? in : out, NULL,
		   (is_ring_file(in) || is_writable(out)) && is_early(from, 0),
		   REAL(sendfile64)(out, in, at, bytes));
}

ssize_t __wrap_sendfile(int out, int in, off_t *at, size_t bytes)
{
	return send_tried(out, in, at, bytes, __builtin_return_address(0));
}

ssize_t __wrap_sendfile64(int out, int in, off_t *at, size_t bytes)
{
	return send_tried(out, in, at, bytes, __builtin_return_address(0));
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int fd = count && is_ring_file(fds[0].fd) ? fds[0].fd : -1;

	return (int)TRY("poll", fd, NULL, fd >= 0 && EARLY(0), REAL(poll)(fds, count, timeout));
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	return (int)TRY("epoll_ctl", fd, NULL, ON_RING(fd), REAL(epoll_ctl)(set, op, fd, event));
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout)
{
	return (int)TRY("epoll_wait", -1, NULL, EARLY(0),
			REAL(epoll_wait)(set, events, most, timeout));
}

/* ---- the program -------------------------------------------------------------------- */

static void __attribute__((constructor)) faults_begin(void)
{
	struct stat st;

	if (!getenv("RINGBUF_FAULTS") || stat("/dev/ringbuf", &st))
		return;
	device = st.st_rdev;
	program = getpid();
	total = shared_memory(sizeof(*total));
	enabled = total && fault_ready();
	if (!enabled) {
		fprintf(stderr, "# faults: this kernel injects no faults\n");
		_exit(1);
	}
}

/* A program into which no fault was injected has tested nothing. */
static void __attribute__((destructor)) faults_end(void)
{
	if (!enabled || getpid() != program)
		return;
	printf("# faults: %lu calls, %lu tries failed\n", total->calls, total->faults);
	if (!total->faults) {
		fflush(stdout);
		_exit(1);
	}
}
