/* SPDX-License-Identifier: GPL-2.0 */
/* Errors of the library in words that say which limit was met and what can be done. */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <ringbuf.h>

/* What the tool was doing when the call failed. */
enum error_step {
	ERROR_CREATE,
	ERROR_OPEN,
	ERROR_LIST, /* reading a folder of rings, the name of struct ringbuf_config */
	ERROR_UNLINK,
	ERROR_READER, /* attaching a reader */
	ERROR_WRITER, /* attaching a writer */
	ERROR_CONTROL, /* moving or ending a reader */
	ERROR_USE, /* anything else with a ring that is open */
};

#define ERROR_WORDS_BYTES 512

/**
 * error_words() - say why a call of the library has failed
 * @words: room for the text
 * @step: what the call was for
 * @err: its negative errno
 * @ring: the ring's host (never RINGBUF_HOST_AUTO), name, sizes and limits, as it was or would
 *	have been created; a member that is not known is 0
 *
 * Return: the text, without a newline: @words, or a constant string.
 */
const char *error_words(char words[ERROR_WORDS_BYTES], enum error_step step, int err,
			const struct ringbuf_config *ring);

/* Set the sizes, limits and host in @config to those of @ring, for error_words(). */
void error_describe(struct ringbuf_config *config, struct ringbuf *ring);

#endif /* COMMON_ERROR_H */
