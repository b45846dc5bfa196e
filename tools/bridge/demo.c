// SPDX-License-Identifier: GPL-2.0
/*
 * ringbuf-bridge demo: messages from one ring to another one, through a nats-server on a port of
 * the loopback interface, which the demo starts and ends.
 */
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/clock.h"
#include "line.h"
#include "sink.h"

#define MESSAGES   20000
#define SLOT_BYTES 4096
#define SLOTS	   256
#define START_NS   (10 * NS_PER_S)
#define LOOK_NS	   (100 * NS_PER_MS)
#define CHILDREN   4

/* Fill @data with message @number, which is of any length.  Return the length. */
static size_t fill(uint64_t number, uint64_t *data)
{
	size_t words = number % (SLOT_BYTES / sizeof(*data) + 1);

	for (size_t i = 0; i < words; i++)
		data[i] = number * 0x9e3779b97f4a7c15ULL + i;
	return words * sizeof(*data);
}

static int write_all(struct ringbuf_writer *writer)
{
	uint64_t data[SLOT_BYTES / sizeof(uint64_t)];
	int err = 0;

	for (uint64_t i = 0; !err && i < MESSAGES; i++)
		err = ringbuf_writer_write(writer, data, fill(i, data), RINGBUF_FOREVER);
	return err ? err : ringbuf_writer_done(writer);
}

/* Return whether a process of the demo has failed, so that no more messages may come. */
static bool has_failed(const pid_t child[CHILDREN])
{
	siginfo_t info;

	for (size_t i = 0; i < CHILDREN; i++) {
		info.si_pid = 0;
		/* Leave it for the last wait(), so that kill() can hit no other process. */
		if (child[i] < 0 ||
		    waitid(P_PID, (id_t)child[i], &info, WEXITED | WNOHANG | WNOWAIT))
			return true;
		if (info.si_pid && info.si_status)
			return true;
	}
	return false;
}

/* Read all messages and compare them.  Return how many came as they were sent. */
static uint64_t read_all(struct ringbuf_reader *reader, const pid_t child[CHILDREN])
{
	uint64_t want[SLOT_BYTES / sizeof(uint64_t)], got[SLOT_BYTES / sizeof(uint64_t)], same = 0;
	ssize_t n;

	for (;;) {
		n = ringbuf_reader_read(reader, got, sizeof(got), (int64_t)LOOK_NS);
		if (n == -ETIMEDOUT && !bridge_stop && !has_failed(child))
			continue;
		if (n < 0)
			break;
		if ((size_t)n != fill(same, want) || memcmp(got, want, (size_t)n))
			break;
		same++;
	}
	return n == -ENODATA ? same : 0;
}

/* ---- the server ----------------------------------------------------------------- */

/* Set @url to what the file of the server's ports in @folder says.  Return false if it says nothing
 * yet. */
static bool find_url(const char *folder, char url[256])
{
	char pattern[256];
	const char *text = NULL;
	json_t *ports = NULL;
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s/*.ports", folder);
	if (glob(pattern, 0, NULL, &files))
		return false;
	ports = json_load_file(files.gl_pathv[0], 0, NULL);
	globfree(&files);
	text = json_string_value(json_array_get(json_object_get(ports, "nats"), 0));
	if (text)
		snprintf(url, 256, "%s", text);
	json_decref(ports);
	return text;
}

/* Start a server that keeps its files in @folder, and ends with this process. */
static pid_t start_server(const char *folder, char url[256])
{
	uint64_t until = clock_now() + START_NS;
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent)
			execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", "-1", "-js",
			       "-sd", folder, "--ports_file_dir", folder, "-l", "/dev/null", NULL);
		bridge_say("nats-server: %s (apt-get install nats-server)", strerror(errno));
		_exit(1);
	}
	while (pid > 0 && !find_url(folder, url)) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		if (clock_now() > until) {
			bridge_say("nats-server does not start");
			kill(pid, SIGKILL);
			return -1;
		}
		clock_sleep_until(clock_now() + 10 * NS_PER_MS);
	}
	return pid;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* ---- the processes ---------------------------------------------------------------- */

static int run_half(const struct bridge *b, struct line *line, struct ringbuf *ring)
{
	struct report report = { .server = line->server->url };
	struct sink *sink;

	if (b->direction == PUBLISH)
		return publish(b, line, ring, &report);
	sink = sink_open(b, ring, &report);
	return sink ? subscribe(b, line, sink, &report) : 1;
}

/* Run one half of the bridge in a child. */
static pid_t start(const struct bridge *b, struct line *line, struct ringbuf *ring)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	_exit(getppid() == parent ? run_half(b, line, ring) : 1);
}

static struct ringbuf *make_ring(enum ringbuf_host host)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(SLOT_BYTES, SLOTS);
	struct ringbuf *ring;
	int err;

	config.flags = RINGBUF_EXCLUSIVE;
	config.host = host;
	config.wait_readers = 1;
	err = ringbuf_create(&config, &ring);
	if (err)
		bridge_say("%s", ringbuf_strerror(err));
	return err ? NULL : ring;
}

/* Pass messages from @from to @to.  Return how many came as they were sent. */
static uint64_t pass(const struct bridge *options, const char *url, struct ringbuf *from,
		     struct ringbuf *to, pid_t server_pid)
{
	struct server server = { .url = url };
	struct bridge b = *options;
	struct line line;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	pid_t child[CHILDREN] = { server_pid }, parent = getpid();
	uint64_t same = 0;

	if (ringbuf_reader_attach(to, RINGBUF_FROM_OLDEST, 0, &reader))
		return 0;
	child[1] = fork();
	if (!child[1]) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(getppid() != parent || ringbuf_writer_attach(from, &writer) ||
		      write_all(writer));
	}
	/* The reader that the writer waits for is the bridge's. */
	line_init(&line, &server);
	b.direction = PUBLISH;
	child[2] = start(&b, &line, from);
	b.direction = SUBSCRIBE;
	child[3] = start(&b, &line, to);
	same = read_all(reader, child);
	/* A process that waits for one that has failed would wait for ever. */
	for (size_t i = 0; same != MESSAGES && i < CHILDREN; i++)
		if (child[i] > 0)
			kill(child[i], SIGKILL);
	/* The bridge may wait for the server still, to hear that it has the end. */
	for (size_t i = 1; i < CHILDREN; i++)
		if (child[i] > 0)
			waitpid(child[i], NULL, 0);
	ringbuf_reader_close(reader);
	return same;
}

int demo(const struct bridge *options)
{
	char folder[] = "/tmp/ringbuf-bridge-XXXXXX", url[256] = "";
	struct bridge b = *options;
	struct ringbuf *from = make_ring(b.host), *to = make_ring(b.host);
	uint64_t began, ns, same = 0;
	pid_t server;

	if (!from || !to || !mkdtemp(folder)) {
		bridge_say("%s: %s", folder, strerror(errno));
		return 1;
	}
	b.service = false;
	b.share = NULL;
	b.ring = "demo";
	b.stream = "demo";
	b.subject = "ringbuf.demo";
	b.state = folder;
	b.replicas = 1;
	server = start_server(folder, url);
	if (server > 0) {
		printf("Passing %d messages from a ring to another one, through %s\n", MESSAGES,
		       url);
		fflush(stdout);
		began = clock_now();
		same = pass(&b, url, from, to, server);
		ns = clock_now() - began;
		printf("%llu of %d messages came as they were sent and in order, in %.2f s\n",
		       (unsigned long long)same, MESSAGES, (double)ns / 1e9);
		kill(server, SIGTERM);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	ringbuf_close(from);
	ringbuf_close(to);
	return same == MESSAGES ? 0 : 1;
}
