#include <ringbuf.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(struct ringbuf_reader *reader)
{
	char text[64];

	while (ringbuf_reader_read(reader, text, sizeof(text), RINGBUF_FOREVER) > 0)
		printf("%s\n", text);
	fflush(stdout);
	return 0;
}

int main(void)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 16);
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	struct ringbuf *ring;

	/* The reader exists before the first write, so it misses nothing. */
	if (ringbuf_create(&config, &ring) ||
	    ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader))
		return 1;
	if (!fork())
		_exit(child(reader));
	ringbuf_reader_close(reader);
	if (ringbuf_writer_attach(ring, &writer))
		return 1;
	ringbuf_writer_write(writer, "one", 4, RINGBUF_FOREVER);
	ringbuf_writer_write(writer, "two", 4, RINGBUF_FOREVER);
	ringbuf_writer_close(writer);
	wait(NULL);
	return 0;
}
