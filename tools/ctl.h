/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of ringbufctl share. */
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
 * @name: of the ring; for list the folder, or NULL
 * @host: never RINGBUF_HOST_AUTO
 * @json: say it in JSON
 * @lines: a message is a line
 * @follow: cat waits for the next writer at the end of the stream
 * @wait_readers: that write waits for, or with create all writers of the ring
 * @config: for create
 * @reader: for sync and evict
 * @position: for sync, and for cat with RINGBUF_FROM_POSITION
 * @start: for cat
 * @watch: for stats: seconds between two looks, 0: one look
 * @count: looks or messages, UINT64_MAX: no end
 */
struct ctl {
	const char *name;
	enum ringbuf_host host;
	bool json;
	bool lines;
	bool follow;
	uint32_t wait_readers;
	struct ringbuf_config config;
	uint32_t reader;
	uint64_t position;
	enum ringbuf_start start;
	double watch;
	uint64_t count;
};

/* The commands; each returns what the program exits with. */
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
 * Open @name to look at it, which is neither a use of it nor needs more than the permission to
 * read.  Return 0, a negative errno of ringbuf_open(), or -ENXIO: its geometry is not set yet.
 */
int ctl_look(const char *name, enum ringbuf_host host, struct ringbuf **ring);

/* Print one line on stderr about @what, which is shown as ctl_print_name() would. */
__attribute__((format(printf, 2, 3))) void ctl_say(const char *what, const char *format, ...);

/* Say what went wrong with @what; @err is a negative errno.  Return CTL_EXIT_FAILED. */
int ctl_fail(const char *what, int err);

/* Say why @step failed for the ring of the command line; @ring is NULL before it is open. */
int ctl_fail_at(const struct ctl *c, enum error_step step, int err, struct ringbuf *ring);

/* Print a name in the form that --escaped takes, so that it is one word of one line. */
void ctl_print_name(const char *name, size_t length);

/*
 * Set "escaped", the name in the form that --escaped takes, in ASCII; and "name", which
 * is null for a name that is not UTF-8, as JSON has no other text.
 */
void ctl_json_name(json_t *j, const char *name, size_t length);

/* Sleep, also across signals. */
void ctl_pause(double seconds);

/* "exclusive,timestamp", or "-". */
const char *ctl_flags(uint32_t flags, char text[64]);

#endif
