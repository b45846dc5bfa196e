/* read.c */
#include <errno.h>
#include <ringbuf.h>
#include <stdio.h>

struct sample {
	uint64_t number;
	double volts;
};

static int failed(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, ringbuf_strerror(err));
	return 1;
}

int main(void)
{
	struct ringbuf_reader *reader;
	struct ringbuf *ring;
	struct sample s = { 0 };
	double sum = 0;
	ssize_t n;
	int err;

	err = ringbuf_open("samples", RINGBUF_HOST_AUTO, &ring);
	if (err)
		return failed("open", err);
	err = ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader);
	if (err)
		return failed("attach", err);
	while ((n = ringbuf_reader_read(reader, &s, sizeof(s), RINGBUF_FOREVER)) >= 0)
		sum += s.volts;
	if (n != -ENODATA)
		return failed("read", (int)n);
	printf("%llu samples, %g volts on average\n", (unsigned long long)s.number + 1,
	       sum / (double)(s.number + 1));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
	return 0;
}
