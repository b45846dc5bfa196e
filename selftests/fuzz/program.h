/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of the fuzzer: lists of calls with numbers as arguments.
 *
 * In a file a call is a line: its lane, its name and its arguments, for example
 *
 *	- open f0 0x802		handle f0
 *	- create f0 0 64 8 ...	a ring of 8 slots of 64 bytes
 *	1 read f1 64
 *	2 write f2 64
 *
 * The calls of lane "-" come first.  Then the lanes 1 to 3 run at the same time, each in a thread
 * of its own.  "#" begins a comment.
 */
#ifndef SELFTESTS_FUZZ_PROGRAM_H
#define SELFTESTS_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FUZZ_FDS   12 /* descriptors f0... that a program can name */
#define FUZZ_MAPS  8 /* maps m0... */
#define FUZZ_LANES 3
#define FUZZ_CALLS 40
#define FUZZ_ARGS  12

/* What an argument is, which decides which values are tried. */
enum fuzz_type {
	FUZZ_FD, /* f0... */
	FUZZ_MAP, /* m0... */
	FUZZ_FLAGS, /* any bits, mostly low ones */
	FUZZ_SMALL, /* 0 to 8: counts, roles, kinds */
	FUZZ_BYTES, /* sizes of slots, buffers and transfers */
	FUZZ_POSITION, /* of a slot, and words that contain positions */
	FUZZ_TIME, /* ns, from now on */
	FUZZ_OFFSET, /* into a map, in words of 8 bytes */
};

struct fuzz_lane;

/**
 * struct fuzz_kind - a call that programs can make
 * @name: its name in files
 * @args: one letter for each argument, see fuzz_type_of()
 * @run: make the call; its result is ignored
 */
struct fuzz_kind {
	const char *name;
	const char *args;
	void (*run)(struct fuzz_lane *lane, const uint64_t *arg);
};

extern const struct fuzz_kind fuzz_kinds[];
extern const unsigned int fuzz_kinds_count;

struct fuzz_call {
	unsigned int kind; /* index in fuzz_kinds */
	unsigned int lane; /* 0: before the others */
	uint64_t arg[FUZZ_ARGS];
};

struct fuzz_program {
	unsigned int count;
	struct fuzz_call call[FUZZ_CALLS];
};

enum fuzz_type fuzz_type_of(char letter);

void fuzz_print(FILE *to, const struct fuzz_program *p);

/* Read a program.  Returns 0, or the number of the line that is wrong. */
int fuzz_parse(FILE *from, struct fuzz_program *p);

/* Make a program of random calls, and change one; @other: whose calls may be put into it. */
void fuzz_generate(uint64_t *chance, struct fuzz_program *p);
void fuzz_mutate(uint64_t *chance, struct fuzz_program *p, const struct fuzz_program *other);

/* Remove a call. */
void fuzz_remove(struct fuzz_program *p, unsigned int at);

#endif
