/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The standard streams of a tool: no output is lost without a message and exit status 1. */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <stdbool.h>

/**
 * output_begin() - guard stdin, stdout and stderr; the first call in main()
 * @program: the name that begins each message; must stay valid
 *
 * Occupies each of the descriptors 0, 1 and 2 that the caller of the program has
 * closed, so that no file that the program opens becomes its standard output; what
 * is read from or written to such a descriptor fails with EBADF.
 *
 * exit() then flushes stdout.  If that fails, or an earlier write to stdout or stderr has
 * failed, the program says so on stderr and ends with status 1 instead of its own.
 * _exit() checks nothing.
 */
void output_begin(const char *program);

/**
 * output_flush() - write what stdout has buffered
 *
 * Return: true if all that was ever printed on stdout has been written.  Otherwise
 * false; the first time after a line on stderr.
 */
bool output_flush(void);

#endif /* COMMON_OUTPUT_H */
