// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to wake: the writer's time for one message of 8 bytes while 0, 1
 * or 100 readers sleep, each in a process of its own; how often a thousand
 * messages a second wake a reader that wants a hundred at a time; and the time
 * that sleepers take when nothing happens.
 *
 * A message is written when all readers sleep again.  Where one message cannot
 * reach several readers (pipe, eventfd, socket, queue), the writer has one of
 * each for every reader and writes to all.  Shown is the lowest tenth of all
 * rounds: what the machine under an emulated one does besides only adds.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbuf_uring.h>

#include "common/clock.h"
#include "common/output.h"

#define MOST_READERS 100
#define ROUNDS	     60 /* fewer with many readers */

/* What readers sleep in. @shared: one write reaches all. */
struct kind {
	const char *name;
	bool shared;
	int (*open)(int owner, int *write_end); /* a reader's end, or -1 */
	bool (*take)(int fd); /* sleep, take one message */
};

static _Atomic uint64_t *taken; /* by all readers */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the ring --------------------------------------------------------------- */

static int ring_attach(int owner, uint32_t role)
{
	struct ringbuf_attach a = { .size = sizeof(a), .role = role, .fd = owner };
	int fd = open("/dev/ringbuf", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, RINGBUF_IOC_ATTACH, &a))
		fail("attach");
	return fd;
}

static int ring_create(void)
{
	struct ringbuf_create c = {
		.size = sizeof(c), .slot_bytes = 64, .slot_count = 1024, .max_readers = 256
	};
	int fd = open("/dev/ringbuf", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, RINGBUF_IOC_CREATE, &c))
		fail("create");
	return fd;
}

static int ring_open(int owner, int *write_end)
{
	(void)write_end;
	return ring_attach(owner, RINGBUF_ROLE_READER);
}

static bool take(int fd)
{
	uint64_t number;

	return read(fd, &number, sizeof(number)) == sizeof(number);
}

static bool take_by_wait(int fd)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = RINGBUF_NO_TIMEOUT, .count = 1 };

	return !ioctl(fd, RINGBUF_IOC_WAIT, &w) && take(fd);
}

static bool take_by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1 && take(fd);
}

static bool take_by_epoll(int fd)
{
	static int ep = -1;
	struct epoll_event e = { .events = EPOLLIN };

	if (ep < 0) {
		ep = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	}
	return epoll_wait(ep, &e, 1, -1) == 1 && take(fd);
}

static bool take_by_uring(int fd)
{
	static struct io_uring u;
	static bool made;
	struct io_uring_cqe *cqe;
	uint64_t number;
	bool ok;

	if (!made && io_uring_queue_init(4, &u, 0))
		fail("io_uring");
	made = true;
	ringbuf_prep_read(io_uring_get_sqe(&u), fd, &number, sizeof(number));
	io_uring_submit_and_wait(&u, 1);
	if (io_uring_peek_cqe(&u, &cqe))
		return false;
	ok = cqe->res == sizeof(number);
	io_uring_cqe_seen(&u, cqe);
	return ok;
}

/* ---- the others ---------------------------------------------------------------- */

static int pipe_open(int owner, int *write_end)
{
	int p[2];

	(void)owner;
	if (pipe2(p, O_CLOEXEC))
		return -1;
	*write_end = p[1];
	return p[0];
}

static int eventfd_open(int owner, int *write_end)
{
	(void)owner;
	*write_end = eventfd(0, EFD_CLOEXEC);
	return *write_end;
}

static int socket_open(int owner, int *write_end)
{
	int s[2];

	(void)owner;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s))
		return -1;
	*write_end = s[1];
	return s[0];
}

/* A queue is a descriptor too, but takes other calls than write(2). */
static int queue_open(int owner, int *write_end)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	static int count;
	char name[64];

	(void)owner;
	snprintf(name, sizeof(name), "/wake_cost-%d-%d", getpid(), count++);
	*write_end = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600, &attr);
	mq_unlink(name);
	return *write_end;
}

static bool take_from_queue(int fd)
{
	uint64_t number;

	return mq_receive(fd, (char *)&number, sizeof(number), NULL) == sizeof(number);
}

static const struct kind kinds[] = {
	{ "ring, read(2)", true, ring_open, take },
	{ "ring, WAIT", true, ring_open, take_by_wait },
	{ "ring, poll", true, ring_open, take_by_poll },
	{ "ring, epoll", true, ring_open, take_by_epoll },
	{ "ring, io_uring", true, ring_open, take_by_uring },
	{ "pipe", false, pipe_open, take },
	{ "eventfd", false, eventfd_open, take },
	{ "AF_UNIX seqpacket", false, socket_open, take },
	{ "POSIX mqueue", false, queue_open, take_from_queue },
};

/* ---- a run ----------------------------------------------------------------------- */

struct run {
	const struct kind *kind;
	unsigned int readers;
	int owner;
	int writer; /* of a ring */
	int reader_end[MOST_READERS];
	int write_end[MOST_READERS];
	pid_t pid[MOST_READERS];
};

/* Read the beginning of /proc/PID/@name into @text; empty if it does not exist. */
static void proc_read(pid_t pid, const char *name, char *text, size_t room)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, room - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
}

/* A process in state S may still be entering its system call, which is "running" then. */
static bool asleep(pid_t pid)
{
	char text[256], *paren;

	proc_read(pid, "stat", text, sizeof(text));
	paren = strrchr(text, ')');
	if (!paren || paren[1] != ' ' || paren[2] != 'S')
		return false;
	proc_read(pid, "syscall", text, sizeof(text));
	return text[0] != 'r';
}

static void until_asleep(const struct run *r, uint64_t messages)
{
	unsigned int i;

	while (*taken < messages * r->readers)
		sched_yield();
	for (i = 0; i < r->readers; i++)
		while (!asleep(r->pid[i]))
			sched_yield();
}

static void reader_run(const struct kind *kind, int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (kind->take(fd))
		++*taken;
	_exit(0);
}

static void run_start(struct run *r)
{
	unsigned int i;

	*taken = 0;
	if (r->kind->shared) {
		r->owner = ring_create();
		r->writer = ring_attach(r->owner, RINGBUF_ROLE_WRITER);
	}
	for (i = 0; i < r->readers; i++) {
		r->reader_end[i] = r->kind->open(r->owner, &r->write_end[i]);
		if (r->reader_end[i] < 0)
			fail(r->kind->name);
		r->pid[i] = fork();
		if (!r->pid[i])
			reader_run(r->kind, r->reader_end[i]);
	}
}

static void run_stop(struct run *r)
{
	unsigned int i;

	for (i = 0; i < r->readers; i++) {
		kill(r->pid[i], SIGKILL);
		waitpid(r->pid[i], NULL, 0);
		close(r->reader_end[i]);
		if (!r->kind->shared)
			close(r->write_end[i]);
	}
	if (r->kind->shared) {
		close(r->writer);
		close(r->owner);
	}
}

static void run_write(const struct run *r)
{
	uint64_t number = 1;
	unsigned int i;

	if (r->kind->shared) {
		if (write(r->writer, &number, sizeof(number)) != sizeof(number))
			fail("write");
		return;
	}
	for (i = 0; i < r->readers; i++) {
		if (r->kind->open == queue_open)
			mq_send(r->write_end[i], (const char *)&number, sizeof(number), 0);
		else if (write(r->write_end[i], &number, sizeof(number)) != sizeof(number))
			fail("write");
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The writer's own time, in which others may not have run. */
static double write_cost(const struct kind *kind, unsigned int readers)
{
	struct run r = { .kind = kind, .readers = readers };
	unsigned int n, rounds = readers > 1 ? ROUNDS / 4 : ROUNDS;
	uint64_t ns[ROUNDS];

	run_start(&r);
	for (n = 0; n < rounds; n++) {
		uint64_t start;

		until_asleep(&r, n);
		start = clock_read(CLOCK_THREAD_CPUTIME_ID);
		run_write(&r);
		ns[n] = clock_read(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	run_stop(&r);
	qsort(ns, rounds, sizeof(ns[0]), compare);
	return (double)ns[rounds / 10] / 1000;
}

static void show_costs(void)
{
	const unsigned int readers[] = { 0, 1, MOST_READERS };
	unsigned int i, n;

	printf("writer's CPU time per message, us\n");
	printf("%-20s %10s %10s %10s\n", "readers asleep in", "0", "1", "100");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		printf("%-20s", kinds[i].name);
		for (n = 0; n < 3; n++) {
			if (readers[n] || kinds[i].shared)
				printf(" %10.1f", write_cost(&kinds[i], readers[n]));
			else
				printf(" %10s", "-");
			fflush(stdout);
		}
		printf("\n");
	}
}

/* ---- thresholds --------------------------------------------------------------------- */

static uint64_t wakeups(int fd, uint32_t id)
{
	struct ringbuf_reader_stats readers[8];
	struct ringbuf_stats s = { .size = sizeof(s),
				   .readers = (uint64_t)(uintptr_t)readers,
				   .count = 8,
				   .reader_size = sizeof(readers[0]) };
	uint32_t i;

	if (ioctl(fd, RINGBUF_IOC_STATS, &s))
		fail("stats");
	for (i = 0; i < s.count; i++)
		if (readers[i].id == id)
			return readers[i].wakeups;
	return 0;
}

static uint32_t id_of(int fd)
{
	struct ringbuf_info info = { .size = sizeof(info) };

	if (ioctl(fd, RINGBUF_IOC_INFO, &info))
		fail("info");
	return info.id;
}

/* A reader that is woken for every message, and one for every hundredth. */
struct listeners {
	struct run run;
	uint64_t before[2];
};

static void listeners_start(struct listeners *l)
{
	struct ringbuf_threshold t = { .size = sizeof(t), .slots = 100 };
	struct run *r = &l->run;
	unsigned int i;

	*r = (struct run){ .kind = &kinds[3], .readers = 2 };
	run_start(r);
	until_asleep(r, 0);
	if (ioctl(r->reader_end[0], RINGBUF_IOC_THRESHOLD, &t))
		fail("threshold");
	until_asleep(r, 0);
	for (i = 0; i < 2; i++)
		l->before[i] = wakeups(r->owner, id_of(r->reader_end[i]));
}

static void listeners_stop(struct listeners *l, double divisor)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		printf("%-20s %10.1f\n", i ? "one at a time" : "100 at a time",
		       (double)(wakeups(l->run.owner, id_of(l->run.reader_end[i])) - l->before[i]) /
			       divisor);
	run_stop(&l->run);
}

/* The last few that do not make a hundred stay. */
static void show_thresholds(unsigned int seconds)
{
	uint64_t next, n;
	struct listeners l;

	listeners_start(&l);
	next = clock_read(CLOCK_MONOTONIC);
	for (n = 0; n < seconds * 1000; n++) {
		struct timespec at;

		next += 1000000;
		at.tv_sec = (time_t)(next / 1000000000);
		at.tv_nsec = (long)(next % 1000000000);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		run_write(&l.run);
	}
	printf("\n1000 messages a second for %u s, by epoll: wake-ups a second\n", seconds);
	listeners_stop(&l, seconds);
}

/* The same however fast the machine is: each message when both sleep again. */
static void show_counts(unsigned int messages)
{
	struct listeners l;
	unsigned int n, i;

	listeners_start(&l);
	for (n = 0; n < messages; n++) {
		run_write(&l.run);
		for (i = 0; i < 2; i++)
			while (!asleep(l.run.pid[i]))
				sched_yield();
	}
	printf("\n%u messages one by one, by epoll: wake-ups\n", messages);
	listeners_stop(&l, 1);
}

/* ---- idle ----------------------------------------------------------------------------- */

static uint64_t cpu_of(const struct run *r)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < r->readers; i++) {
		clockid_t clock;

		if (!clock_getcpuclockid(r->pid[i], &clock))
			sum += clock_read(clock);
	}
	return sum;
}

static void show_idle(void)
{
	unsigned int i;

	printf("\nCPU time of 100 sleepers in 1 s without a message, us\n");
	for (i = 0; i < 5; i++) {
		struct run r = { .kind = &kinds[i], .readers = MOST_READERS };
		uint64_t before;

		run_start(&r);
		until_asleep(&r, 0);
		before = cpu_of(&r);
		sleep(1);
		printf("%-20s %10.1f\n", kinds[i].name, (double)(cpu_of(&r) - before) / 1000);
		run_stop(&r);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";
	bool all = !strcmp(what, "all");

	output_begin("wake_cost");
	if (argc > 2 || !strstr("all costs thresholds counts idle", what)) {
		fprintf(stderr, "usage: %s [all|costs|thresholds|counts|idle]\n", argv[0]);
		return 1;
	}
	if (access("/dev/ringbuf", F_OK))
		fail("/dev/ringbuf");
	taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (all || !strcmp(what, "costs"))
		show_costs();
	if (all || !strcmp(what, "thresholds"))
		show_thresholds(3);
	if (!strcmp(what, "counts"))
		show_counts(2000);
	if (all || !strcmp(what, "idle"))
		show_idle();
	return 0;
}
