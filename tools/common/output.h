/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The standard streams of a tool: what it prints has arrived, or it says that it has not. */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <stdbool.h>

/**
 * output_begin() - guard stdin, stdout and stderr; the first call in main()
 * @program: the name that stands before each message; kept
 *
 * Occupies each of the descriptors 0, 1 and 2 that the caller of the program has
 * closed, so that no file that the program opens becomes its standard output; what
 * is read from or written to such a descriptor fails with EBADF.
 *
 * At exit() what stdout still holds is written.  If that fails, or if anything
 * written to stdout or stderr has failed before, the program says so on stderr and
 * ends with status 1, whatever it was about to end with.  _exit() checks nothing.
 */
void output_begin(const char *program);

/**
 * output_flush() - hand what was printed to the kernel
 *
 * Return: true if all that was ever printed on stdout has arrived there; otherwise
 * false, after one line on stderr, the first time.
 */
bool output_flush(void);

#endif /* COMMON_OUTPUT_H */
