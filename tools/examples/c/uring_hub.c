// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * usage: uring_hub [RINGS [MESSAGES]]
 *
 * One thread serves many rings by io_uring: a read request per ring, sent again
 * as soon as it is answered.  A child process writes MESSAGES numbers to each ring.
 * It needs /dev/ringbuf, where such a request waits without a thread.
 */
#include <err.h>
#include <ringbuf.h>
#include <ringbuf_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOREVER RINGBUF_FOREVER

struct source {
	struct ringbuf *ring;
	struct ringbuf_reader *reader;
	uint64_t number, next;
};

static void must(const char *what, int error)
{
	if (error < 0)
		errx(1, "%s: %s", what, strerror(-error));
}

static void open_source(struct source *s)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 16);

	config.host = RINGBUF_HOST_MODULE;
	must("create", ringbuf_create(&config, &s->ring));
	must("attach", ringbuf_reader_attach(s->ring, RINGBUF_FROM_HEAD, 0, &s->reader));
}

static void write_all(struct source *s, int rings, uint64_t messages)
{
	struct ringbuf_writer **writer = calloc((size_t)rings, sizeof(struct ringbuf_writer *));
	uint64_t n;
	int i;

	for (i = 0; i < rings; i++)
		must("attach", ringbuf_writer_attach(s[i].ring, &writer[i]));
	for (n = 0; n < messages; n++)
		for (i = 0; i < rings; i++)
			must("write", ringbuf_writer_write(writer[i], &n, sizeof(n), FOREVER));
	for (i = 0; i < rings; i++)
		must("done", ringbuf_writer_done(writer[i]));
	_exit(0);
}

static void ask(struct io_uring *uring, struct source *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	ringbuf_prep_read(sqe, ringbuf_reader_fd(s->reader), &s->number, sizeof(s->number));
	io_uring_sqe_set_data(sqe, s);
}

/* Take the answer of a request, and send the next one.  Return false at the end of the stream. */
static int answered(struct io_uring *uring, struct io_uring_cqe *cqe)
{
	struct source *s = io_uring_cqe_get_data(cqe);

	must("read", cqe->res);
	if (!cqe->res)
		return 0;
	if (s->number != s->next++)
		errx(1, "number %llu came, not %llu", (unsigned long long)s->number,
		     (unsigned long long)s->next - 1);
	ask(uring, s);
	return 1;
}

int main(int argc, char **argv)
{
	int rings = argc > 1 ? atoi(argv[1]) : 100, open, i, status;
	uint64_t messages = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000, got = 0;
	struct source *s;
	struct io_uring uring;
	struct io_uring_cqe *cqe;

	if (rings < 1 || rings > 4096 || argc > 3)
		errx(2, "usage: uring_hub [RINGS [MESSAGES]], 1 to 4096 rings");
	s = calloc((size_t)rings, sizeof(*s));
	for (i = 0; i < rings; i++)
		open_source(&s[i]);
	if (!fork())
		write_all(s, rings, messages);
	must("io_uring", io_uring_queue_init((unsigned int)rings, &uring, 0));
	for (i = 0; i < rings; i++)
		ask(&uring, &s[i]);
	for (open = rings; open; io_uring_cqe_seen(&uring, cqe)) {
		must("submit", io_uring_submit_and_wait(&uring, 1));
		must("wait", io_uring_wait_cqe(&uring, &cqe));
		if (answered(&uring, cqe))
			got++;
		else
			open--;
	}
	wait(&status);
	printf("%llu messages through %d rings, served by one thread\n", (unsigned long long)got,
	       rings);
	return got != messages * (uint64_t)rings || status;
}
