// SPDX-License-Identifier: GPL-2.0
/*
 * demo_stream: stream recordings through a ring to three readers of different
 * kinds, and check that each reader gets every bit.
 *
 * The writer (demo_writer.c) and each reader (demo_readers.c) is a process of its
 * own.  The second reader measures levels in place (demo_level.c).
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libdeflate.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/host.h"
#include "common/output.h"
#include "demo.h"

#define RECORDINGS "/usr/share/sounds/alsa/*.wav"
#define EXIT_USAGE 2

static const char doc[] =
	"Streams WAV files through a ring to three readers (copying, in place, and through "
	"read(2) where the host has descriptors) and checks that each got every bit. Without "
	"files it takes those of Debian's package alsa-utils."
	"\v"
	"The environment variable RINGBUF_HOST=module|embedded chooses what owns the ring. Exit "
	"status: 0 when each reader got every bit, 1 when not, 2 for impossible options.";

static const struct argp_option options[] = {
	{ "slot-bytes", 'b', "N", 0, "Size of a slot, even, at least 512 (default 9600)", 0 },
	{ "slots", 's', "N", 0, "Slots of the ring (default 8)", 0 },
	{ "speed", 'x', "X", 0, "Times real time; 0: as fast as it goes (default)", 0 },
	{ "damage", 'd', NULL, 0, "Flip one bit in the ring, to see the check fail", 0 },
	{ 0 }
};

static uint64_t parse_count(struct argp_state *state, const char *option, const char *arg,
			    uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (arg[strspn(arg, "0123456789")] || end == arg || errno || value < min || value > max)
		argp_error(state, "--%s=%s: not a whole number from %llu to %llu", option, arg,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

static double parse_speed(struct argp_state *state, const char *arg)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= 0 && value <= 1e6))
		argp_error(state, "--speed=%s: not a number from 0 to 1000000", arg);
	return value;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct demo_options *o = state->input;

	switch (key) {
	case 'b':
		o->slot_bytes = parse_count(state, "slot-bytes", arg, WAV_HEADER_ENOUGH, 1 << 30);
		if (o->slot_bytes % 2)
			argp_error(state, "--slot-bytes=%s: must be even", arg);
		return 0;
	case 's':
		o->slots = parse_count(state, "slots", arg, 1, 1 << 20);
		return 0;
	case 'x':
		o->speed = parse_speed(state, arg);
		return 0;
	case 'd':
		o->damage = true;
		return 0;
	case ARGP_KEY_END:
		o->host = host_choose(state, o->host, false);
		return 0;
	case ARGP_KEY_ARGS:
		o->path = state->argv + state->next;
		o->files = (unsigned int)(state->argc - state->next);
		if (o->files > DEMO_FILES_MAX)
			argp_error(state, "more than %d files", DEMO_FILES_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Set @o->path to the files of alsa-utils; the list is not freed before exit. */
static bool find_recordings(struct demo_options *o)
{
	static glob_t found;

	if (o->files)
		return true;
	if (glob(RECORDINGS, 0, NULL, &found) || found.gl_pathc > DEMO_FILES_MAX) {
		fprintf(stderr, "demo_stream: no " RECORDINGS ": apt-get install alsa-utils\n");
		return false;
	}
	o->path = found.gl_pathv;
	o->files = (unsigned int)found.gl_pathc;
	return true;
}

/* Set @want to what each reader should get, by reading the files. */
static bool read_files(const struct demo_options *o, struct demo_end *want)
{
	char buffer[65536];
	unsigned int i;
	ssize_t got;
	int fd;

	for (i = 0; i < o->files; i++) {
		fd = open(o->path[i], O_RDONLY | O_CLOEXEC);
		while (fd >= 0 && (got = read(fd, buffer, sizeof(buffer))) > 0)
			demo_saw(want, buffer, (size_t)got);
		if (fd < 0 || got < 0) {
			fprintf(stderr, "demo_stream: %s: %s\n", o->path[i], strerror(errno));
			return false;
		}
		close(fd);
	}
	return true;
}

/* The ring, and a handle for each process. */
struct demo_ring {
	struct ringbuf *ring;
	struct ringbuf_geometry geometry;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader[DEMO_READERS];
	bool descriptor; /* the third reader has a descriptor */
};

static int fail(const struct ringbuf_config *config, enum error_step step, const char *what,
		int err)
{
	char words[ERROR_WORDS_BYTES];

	fprintf(stderr, "demo_stream: %s: %s\n", what, error_words(words, step, err, config));
	return err;
}

static int make_ring(const struct demo_options *o, struct demo_ring *r)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(o->slot_bytes, o->slots);
	int err, i;

	config.flags = RINGBUF_EXCLUSIVE;
	config.host = o->host;
	err = ringbuf_create(&config, &r->ring);
	if (err)
		return fail(&config, ERROR_CREATE, "the ring cannot be made", err);
	for (i = 0; !err && i < DEMO_READERS; i++)
		err = ringbuf_reader_attach(r->ring, RINGBUF_FROM_HEAD, 0, &r->reader[i]);
	if (err)
		return fail(&config, ERROR_READER, "a reader cannot be attached", err);
	err = ringbuf_writer_attach(r->ring, &r->writer);
	if (err)
		return fail(&config, ERROR_WRITER, "the writer cannot be attached", err);
	r->geometry.size = sizeof(r->geometry);
	ringbuf_get_geometry(r->ring, &r->geometry);
	r->descriptor = ringbuf_reader_fd(r->reader[2]) >= 0;
	return 0;
}

/* Process 0 is the writer, 1 to 3 are the readers. */
static int work(const struct demo_options *o, struct demo_ring *r, struct demo_shared *s, int who)
{
	switch (who) {
	case 0:
		return demo_write(o, r->writer, &s->writer);
	case 1:
		return demo_read_copying(o, r->reader[0], &s->reader[0]);
	case 2:
		return demo_read_levels(o, r->reader[1], &s->reader[1], s->meter);
	default:
		return r->descriptor ? demo_read_descriptor(o, r->reader[2], &s->reader[2])
				     : demo_read_batches(o, r->reader[2], &s->reader[2]);
	}
}

static struct demo_end *end_of(struct demo_shared *s, int who)
{
	return who ? &s->reader[who - 1] : &s->writer;
}

/*
 * Fork the readers before the writer.  All of them are attached already, so the writer may begin
 * before the readers run: it waits when the ring is full.
 */
static bool start(const struct demo_options *o, struct demo_ring *r, struct demo_shared *s,
		  pid_t *pid)
{
	int who;

	fflush(NULL);
	for (who = DEMO_READERS; who >= 0; who--) {
		pid[who] = fork();
		if (!pid[who]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			end_of(s, who)->error = work(o, r, s, who);
			_exit(end_of(s, who)->error ? 1 : 0);
		}
		if (pid[who] < 0) {
			fprintf(stderr, "demo_stream: fork: %s\n", strerror(errno));
			return false;
		}
	}
	return true;
}

/* Wait for all processes; when the first of them fails, kill the others. */
static bool wait_for_all(struct demo_shared *s, const pid_t *pid)
{
	int left, who, status;
	bool ok = true;
	pid_t gone;

	for (left = DEMO_READERS + 1; left; left--) {
		gone = wait(&status);
		for (who = 0; who <= DEMO_READERS && pid[who] != gone; who++)
			;
		if (!ok || !status || who > DEMO_READERS)
			continue;
		ok = false;
		fprintf(stderr, "demo_stream: %s %d (pid %d): %s\n", who ? "reader" : "writer", who,
			(int)gone,
			WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
					    : strerror(-end_of(s, who)->error));
		for (who = 0; who <= DEMO_READERS; who++)
			if (pid[who] != gone)
				kill(pid[who], SIGKILL);
	}
	return ok;
}

static bool print_reader(const char *how, const struct demo_end *got, const struct demo_end *want)
{
	bool same = got->bytes == want->bytes && got->crc == want->crc;

	printf("  %-50s %4llu slots, %llu bytes, CRC-32 %08x: %s\n", how,
	       (unsigned long long)got->slots, (unsigned long long)got->bytes, got->crc,
	       same ? "the same" : "DIFFERENT");
	return same;
}

static bool report(const struct demo_options *o, const struct demo_ring *r,
		   const struct demo_shared *s, const struct demo_end *want)
{
	unsigned int i;
	bool same;

	printf("  %-18s %7s %10s  %-34s  %8s  %8s  %8s\n", "recording", "length", "", "level",
	       "rms", "loudest", "peak");
	for (i = 0; i < o->files; i++)
		demo_meter_print(&s->meter[i], o->path[i]);
	printf("  %-50s %4s        %llu bytes, CRC-32 %08x\n", "the files", "",
	       (unsigned long long)want->bytes, want->crc);
	same = print_reader("reader 1, copies out (ringbuf_reader_read)", &s->reader[0], want);
	same &= print_reader("reader 2, levels in place (ringbuf_reader_peek)", &s->reader[1],
			     want);
	same &= print_reader(r->descriptor ? "reader 3, poll(2) and read(2) on its descriptor"
					   : "reader 3, in batches (ringbuf_reader_peek)",
			     &s->reader[2], want);
	if (!r->descriptor)
		printf("  (reader 3 took %llu batches: the embedded host has no descriptor to read)\n",
		       (unsigned long long)s->reader[2].calls);
	puts(same ? "Every reader got the recording bit for bit."
		  : "NOT every reader got the recording bit for bit.");
	return same;
}

static struct demo_shared *make_shared(void)
{
	struct demo_shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED) {
		perror("demo_stream: mmap");
		exit(1);
	}
	return s;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse_option, "[FILE...]", doc, NULL, NULL, NULL
	};
	struct demo_options o = { .slot_bytes = 9600, .slots = 8 };
	struct demo_end want = { 0 };
	struct demo_ring r = { 0 };
	struct demo_shared *s;
	pid_t pid[DEMO_READERS + 1];

	output_begin("demo_stream");
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!find_recordings(&o) || !read_files(&o, &want) || make_ring(&o, &r))
		return 1;
	s = make_shared();
	printf("Streaming %u recordings through a ring of %llu slots of %llu bytes, %s host\n",
	       o.files, (unsigned long long)o.slots, (unsigned long long)o.slot_bytes,
	       r.geometry.host == RINGBUF_HOST_MODULE ? "module" : "embedded");
	if (!output_flush() || !start(&o, &r, s, pid) || !wait_for_all(s, pid))
		return 1;
	return report(&o, &r, s, &want) ? 0 : 1;
}
