/* SPDX-License-Identifier: GPL-2.0 */
/* What the processes of demo_stream share. */
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ringbuf.h>

#include "demo_wav.h"

#define DEMO_READERS   3
#define DEMO_FILES_MAX 64
#define DEMO_BINS      32 /* columns of a level meter */

/**
 * struct demo_options - from the command line
 * @slot_bytes: of the ring; even, so that no sample is cut in two
 * @slots: of the ring
 * @speed: times real time; 0: as fast as it goes
 * @damage: flip one bit on the way, to see the check fail
 * @host: never RINGBUF_HOST_AUTO
 * @files: number of @path
 * @path: the recordings
 */
struct demo_options {
	uint64_t slot_bytes;
	uint64_t slots;
	double speed;
	bool damage;
	enum ringbuf_host host;
	unsigned int files;
	char *const *path;
};

/**
 * struct demo_level - of one file, or of a part of one
 * @squares: sum of the squares of the samples
 * @samples: number of samples
 * @peak: largest absolute sample
 */
struct demo_level {
	double squares;
	uint64_t samples;
	int32_t peak;
};

/**
 * struct demo_meter - what the second reader finds out about one file
 * @wav: what its header says
 * @bytes: seen so far
 * @all: the whole file
 * @bin: stretches of equal length
 * @loudest: the slot with the largest RMS
 * @slots: how many the file took
 */
struct demo_meter {
	struct wav wav;
	uint64_t bytes;
	struct demo_level all;
	struct demo_level bin[DEMO_BINS];
	struct demo_level loudest;
	uint64_t slots;
};

/**
 * struct demo_end - what a process has seen go by
 * @bytes: of the stream
 * @crc: CRC-32 of the stream
 * @slots: number of slots, or of read(2) calls that gave one
 * @calls: calls that gave at least one slot
 * @error: negative errno, or 0
 */
struct demo_end {
	uint64_t bytes;
	uint64_t slots;
	uint64_t calls;
	uint32_t crc;
	int error;
};

/**
 * struct demo_shared - the results
 * @writer: what was written
 * @reader: what each reader got
 * @meter: per file
 */
struct demo_shared {
	struct demo_end writer;
	struct demo_end reader[DEMO_READERS];
	struct demo_meter meter[DEMO_FILES_MAX];
};

/* A slot's flags say which file it belongs to: its index + 1. */

/* The processes; each returns 0 or a negative errno. */
int demo_write(const struct demo_options *o, struct ringbuf_writer *writer, struct demo_end *end);
int demo_read_copying(const struct demo_options *o, struct ringbuf_reader *reader,
		      struct demo_end *end);
int demo_read_levels(const struct demo_options *o, struct ringbuf_reader *reader,
		     struct demo_end *end, struct demo_meter *meter);
int demo_read_descriptor(const struct demo_options *o, struct ringbuf_reader *reader,
			 struct demo_end *end);
int demo_read_batches(const struct demo_options *o, struct ringbuf_reader *reader,
		      struct demo_end *end);

/* Adds @bytes to what @end has seen. */
void demo_saw(struct demo_end *end, const void *data, size_t bytes);

/* One line about a file, from its meter. */
void demo_meter_print(const struct demo_meter *meter, const char *path);
void demo_meter_slot(struct demo_meter *meter, const unsigned char *data, size_t bytes);

#endif /* DEMO_H */
