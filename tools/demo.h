/* SPDX-License-Identifier: GPL-2.0 */
/* Options, results and functions that the processes of demo_stream share. */
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
 * struct demo_options - the command line
 * @slot_bytes: size of a slot; even, so that no sample is cut in two
 * @slots: number of slots
 * @speed: how many times faster than real time; 0: as fast as possible
 * @damage: flip one bit in a slot, to show that the readers' check fails
 * @host: host of the ring, never RINGBUF_HOST_AUTO
 * @files: number of @path
 * @path: paths of the recordings
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
 * struct demo_level - level of the sound in a file, or in a part of one
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
 * struct demo_meter - what the second reader measures of one file
 * @wav: the header of the file
 * @bytes: number of bytes read so far
 * @all: level of the whole file
 * @bin: levels of DEMO_BINS parts of equal length
 * @loudest: level of the slot with the largest RMS
 * @slots: number of slots that the file took
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
 * struct demo_end - what a process has written or read
 * @bytes: number of bytes
 * @slots: number of slots, or of read(2) calls that returned one
 * @calls: number of calls that returned at least one slot
 * @crc: CRC-32 of all bytes
 * @error: negative errno with which the process ended, or 0
 */
struct demo_end {
	uint64_t bytes;
	uint64_t slots;
	uint64_t calls;
	uint32_t crc;
	int error;
};

/**
 * struct demo_shared - the results, in memory that all processes share
 * @writer: what the writer has written
 * @reader: what each reader has read
 * @meter: levels of each file
 */
struct demo_shared {
	struct demo_end writer;
	struct demo_end reader[DEMO_READERS];
	struct demo_meter meter[DEMO_FILES_MAX];
};

/* The flags of a slot are 1 + the index of its file in demo_options.path. */

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

/* Add the @bytes at @data, which are one slot, to the sums in @end. */
void demo_saw(struct demo_end *end, const void *data, size_t bytes);

/* Print the line about the file @path. */
void demo_meter_print(const struct demo_meter *meter, const char *path);
void demo_meter_slot(struct demo_meter *meter, const unsigned char *data, size_t bytes);

#endif /* DEMO_H */
