// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Measure how the cost of a reader grows with the number of readers: microseconds
 * for each attach, each first use and each close of 250 to 4,000 readers of one
 * process, on the host that RINGBUF_HOST names.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <ringbuf.h>

#include "../common/clock.h"

#define FEWEST	   250U
#define MOST	   4000U
#define SPARE_FDS  64U
#define PER_SECOND 1e6 /* microseconds */

static struct ringbuf_reader *reader[MOST];

/* Return the time in microseconds. */
static double now(void)
{
	return (double)clock_now() / 1000;
}

static void failed(const char *what, unsigned int i, int err)
{
	fprintf(stderr, "growth: %s of reader %u: %s\n", what, i, strerror(-err));
	exit(1);
}

/* Raise the limit of descriptors: each reader keeps one until its first use. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= MOST + SPARE_FDS)
		return;
	limit.rlim_cur = MOST + SPARE_FDS;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		fprintf(stderr, "growth: needs %u descriptors: ulimit -n\n", MOST + SPARE_FDS);
}

static double attach_all(struct ringbuf *ring, unsigned int count)
{
	double start = now();
	unsigned int i;
	int err;

	for (i = 0; i < count; i++) {
		err = ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader[i]);
		if (err)
			failed("attach", i, err);
	}
	return now() - start;
}

static double use_all(unsigned int count)
{
	double start = now();
	unsigned int i;
	char text[8];
	ssize_t n;

	for (i = 0; i < count; i++) {
		n = ringbuf_reader_read(reader[i], text, sizeof(text), RINGBUF_TRY);
		if (n != -EAGAIN)
			failed("first use", i, (int)n);
	}
	return now() - start;
}

static double close_all(unsigned int count)
{
	double start = now();
	unsigned int i;

	for (i = 0; i < count; i++)
		ringbuf_reader_close(reader[i]);
	return now() - start;
}

static void measure(unsigned int count)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 16);
	double attach, use, leave;
	struct ringbuf *ring;
	int err;

	config.max_readers = count;
	err = ringbuf_create(&config, &ring);
	if (err)
		failed("create for the last", count, err);
	attach = attach_all(ring, count);
	use = use_all(count);
	leave = close_all(count);
	ringbuf_close(ring);
	printf("%7u  %9.1f  %9.1f  %9.1f  %12.3f\n", count, attach / count, use / count,
	       leave / count, (attach + use) / PER_SECOND);
}

int main(void)
{
	unsigned int count;

	descriptors_raise();
	printf("readers  attach us     use us   close us  attach+use s\n");
	for (count = FEWEST; count <= MOST; count *= 2)
		measure(count);
	return fflush(stdout) || ferror(stdout);
}
