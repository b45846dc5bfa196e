/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of ringbufctl, and the functions that its commands share. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <linux/ringbuf.h>
#include <ringbuf.h>

#include "common/error.h"

#define CTL_EXIT_FAILED 1
#define CTL_EXIT_USAGE	2

/**
 * struct ctl - the command line
 * @name: name of the ring; for list a folder, or NULL
 * @host: host of the ring, never RINGBUF_HOST_AUTO
 * @json: list, info, stats: print JSON
 * @lines: cat, write: each message is a line
 * @follow: cat: wait for the next writer at the end of the stream
 * @wait_readers: number of readers that write waits for; create: that each writer of the
 *	ring waits for
 * @config: create: configuration of the ring
 * @policy: create, cat: policy of the readers of the ring, or of the reader
 * @own_policy: cat: the reader has @policy, not that of the ring
 * @reader: sync, evict: id of the reader
 * @position: sync: where to move the reader; cat: where to begin, with RINGBUF_FROM_POSITION
 * @start: cat: where to begin
 * @watch: stats: seconds from one print to the next; 0: print once
 * @count: stats: how often to print; cat: how many messages to print; UINT64_MAX: no limit
 */
struct ctl {
	const char *name;
	enum ringbuf_host host;
	bool json;
	bool lines;
	bool follow;
	uint32_t wait_readers;
	struct ringbuf_config config;
	struct ringbuf_policy policy;
	bool own_policy;
	uint32_t reader;
	uint64_t position;
	enum ringbuf_start start;
	double watch;
	uint64_t count;
};

/* The commands.  Each returns the exit status of the program. */
int ctl_list(const struct ctl *c);
int ctl_info(const struct ctl *c);
int ctl_stats(const struct ctl *c);
int ctl_create(const struct ctl *c);
int ctl_unlink(const struct ctl *c);
int ctl_sync(const struct ctl *c);
int ctl_evict(const struct ctl *c);
int ctl_cat(const struct ctl *c);
int ctl_write(const struct ctl *c);

/*
 * Open the ring @name only to look at it.  This needs no more than the permission to read, and
 * does not count as the first use of its file.  Return 0, a negative errno of ringbuf_open(), or
 * -ENXIO if the geometry of the ring is not set yet.
 */
int ctl_look(const char *name, enum ringbuf_host host, struct ringbuf **ring);

/* Print "ringbufctl: @what: " and a message as a line on stderr; @what is escaped as a name. */
__attribute__((format(printf, 2, 3))) void ctl_say(const char *what, const char *format, ...);

/* Print the negative errno @err of @what as a line on stderr.  Return CTL_EXIT_FAILED. */
int ctl_fail(const char *what, int err);

/*
 * Print a line on stderr about why @step failed with @err for the ring of the command line; @ring
 * is that ring, or NULL before it is open.  Return CTL_EXIT_FAILED.
 */
int ctl_fail_at(const struct ctl *c, enum error_step step, int err, struct ringbuf *ring);

/* Set "comm", the name of a process; null where it is not UTF-8, which JSON cannot hold. */
void ctl_json_comm(json_t *j, const char *comm);

/* Print a name on stdout, escaped as --escaped takes it, so that it is one word of one line. */
void ctl_print_name(const char *name, size_t length);

/*
 * Set "escaped" of @j to the name as --escaped takes it, in ASCII; and "name" to the name itself,
 * or to null if it is not UTF-8, since a text of JSON cannot be anything else.
 */
void ctl_json_name(json_t *j, const char *name, size_t length);

#define CTL_PROCESS_BYTES 96

/*
 * Name a process in @text: its number, and behind it its name in brackets, if it has one, or "-"
 * if @pid is 0.  Return @text.
 */
const char *ctl_process(int32_t pid, const char *comm, char text[CTL_PROCESS_BYTES]);

/* Sleep for @seconds; signal handlers do not shorten this. */
void ctl_pause(double seconds);

/*
 * Write the names of @flags, and of @policy if it is not RINGBUF_BLOCK, to @text, as in
 * "exclusive,timestamp,skip"; "-" for none.  Return @text.
 */
const char *ctl_flags(uint32_t flags, uint32_t policy, char text[64]);

#endif
