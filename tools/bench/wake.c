// SPDX-License-Identifier: GPL-2.0 OR MIT
/* See wake.h. */
#include "wake.h"

#include <fcntl.h>
#include <sched.h>

#include "stream.h"

#define ROUNDS	    20 /* messages of a repetition with one reader */
#define ROUNDS_MANY 5
#define COUNT	    1000 /* messages of a repetition of bench_count_producer() */
#define IDLE_NS	    NS_PER_S

/* Read the beginning of /proc/PID/@name into @text; empty if it does not exist. */
static void proc_read(pid_t pid, const char *name, char *text, size_t room)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, room - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
}

/*
 * Return whether the process sleeps in a system call.  State S alone does not say so: the process
 * may have slept on its way into the call, and /proc/PID/syscall is "running" then.
 */
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

static void await_waiters(const struct bench_run *run)
{
	int i;

	for (i = 0; i < run->sc->readers; i++)
		while (!asleep(run->shared->reader[i]))
			sched_yield();
}

/* Wait until each reader has received @messages in this repetition, and all sleep again. */
static void await_taken(const struct bench_run *run, const struct bench_rep *rep, uint64_t messages)
{
	uint64_t all = messages * (uint64_t)run->sc->readers;

	while (__atomic_load_n(&rep->taken, __ATOMIC_ACQUIRE) < all)
		sched_yield();
	await_waiters(run);
}

static void open_writer(struct bench_run *run)
{
	const struct bench_ops *ops = run->cs->ops;
	int i;

	for (i = 0; ops->open_tx && i < run->channels; i++)
		ops->open_tx(run->chan[i]);
	bench_opened(run);
}

static void close_writer(struct bench_run *run)
{
	int i;

	for (i = 0; run->cs->ops->close && i < run->channels; i++)
		run->cs->ops->close(run->chan[i]);
}

static void send_all(struct bench_run *run, struct message_stamp *m, uint64_t number, bool last)
{
	int i;

	message_put_stamps(m, sizeof(*m), number, bench_sender(0, last));
	for (i = 0; i < run->channels; i++)
		run->cs->ops->send(run->chan[i], m, sizeof(*m));
}

static int by_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void bench_wake_producer(struct bench_run *run, int id)
{
	int rounds = run->sc->readers > 1 ? ROUNDS_MANY : ROUNDS, n;
	struct message_stamp m = { .fill = { 0 } };
	uint64_t ns[ROUNDS];
	struct bench_rep *rep;

	(void)id;
	open_writer(run);
	while ((rep = bench_next(run))) {
		for (n = 0; n < rounds; n++) {
			uint64_t start;

			await_taken(run, rep, (uint64_t)n);
			start = clock_read(CLOCK_THREAD_CPUTIME_ID);
			send_all(run, &m, (uint64_t)n, n == rounds - 1);
			ns[n] = clock_read(CLOCK_THREAD_CPUTIME_ID) - start;
		}
		qsort(ns, (size_t)rounds, sizeof(ns[0]), by_ns);
		rep->cost[0] = (double)ns[rounds / 10] / 1000;
		bench_done(run);
	}
	close_writer(run);
}

static uint64_t cpu_of_readers(const struct bench_run *run)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < run->sc->readers; i++) {
		clockid_t clock;

		if (clock_getcpuclockid(run->shared->reader[i], &clock))
			bench_die("clock_getcpuclockid");
		sum += clock_read(clock);
	}
	return sum;
}

void bench_idle_producer(struct bench_run *run, int id)
{
	struct message_stamp m = { .fill = { 0 } };
	struct bench_rep *rep;
	uint64_t before;

	(void)id;
	open_writer(run);
	while ((rep = bench_next(run))) {
		await_waiters(run);
		before = cpu_of_readers(run);
		clock_sleep_until(clock_now() + IDLE_NS);
		rep->cost[0] = (double)(cpu_of_readers(run) - before) / 1000;
		send_all(run, &m, 0, true);
		bench_done(run);
	}
	close_writer(run);
}

void bench_count_producer(struct bench_run *run, int id)
{
	struct message_stamp m = { .fill = { 0 } };
	struct bench_rep *rep;
	uint64_t next;
	int n;

	(void)id;
	open_writer(run);
	while ((rep = bench_next(run))) {
		await_waiters(run);
		next = clock_now();
		for (n = 0; n < COUNT; n++) {
			next += run->sc->pace_us * UINT64_C(1000);
			if (run->sc->pace_us)
				clock_sleep_until(next);
			else
				await_waiters(run);
			send_all(run, &m, (uint64_t)n, n == COUNT - 1);
		}
		bench_done(run);
	}
	close_writer(run);
}

void bench_wake_consumer(struct bench_run *run, int id)
{
	const struct bench_ops *ops = run->cs->ops;
	void *chan = run->chan[run->cs->shape == BENCH_FAN ? id : 0];
	struct message_stamp m;
	struct bench_rep *rep;

	if (ops->open_rx)
		ops->open_rx(chan, id);
	bench_opened(run);
	while ((rep = bench_next(run))) {
		uint64_t expect = 0;
		bool last;

		do {
			ops->recv(chan, &m, sizeof(m));
			last = bench_verify(&m, sizeof(m), &expect, 1);
			__atomic_add_fetch(&rep->taken, 1, __ATOMIC_ACQ_REL);
		} while (!last);
		bench_done(run);
	}
	if (ops->close)
		ops->close(chan);
}
