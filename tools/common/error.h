/* SPDX-License-Identifier: GPL-2.0 */
/* Errors of the library in words that say which limit was met and what can be done. */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <ringbuf.h>

/* What the tool was doing. */
enum error_step {
	ERROR_CREATE,
	ERROR_OPEN,
	ERROR_LIST, /* the folder that is named */
	ERROR_UNLINK,
	ERROR_READER, /* attaching one */
	ERROR_WRITER, /* attaching one */
	ERROR_CONTROL, /* moving or ending a reader */
	ERROR_USE, /* anything else with a ring that is open */
};

#define ERROR_WORDS_BYTES 512

/**
 * error_words() - why a call of the library has failed
 * @words: room for the answer
 * @step: what the call was for
 * @err: its negative errno
 * @ring: the ring, as it was or would have been created: host, which is not
 *	RINGBUF_HOST_AUTO, name, sizes and limits; 0 where not known
 *
 * Return: @words, or a constant string; without a newline.
 */
const char *error_words(char words[ERROR_WORDS_BYTES], enum error_step step, int err,
			const struct ringbuf_config *ring);

/* Set the sizes, limits and host in @config to those of @ring, for error_words(). */
void error_describe(struct ringbuf_config *config, struct ringbuf *ring);

#endif /* COMMON_ERROR_H */
