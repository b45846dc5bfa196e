/* SPDX-License-Identifier: GPL-2.0 */
/* Which group may use a file, and how to join it. */
#ifndef COMMON_GROUP_H
#define COMMON_GROUP_H

#include <stddef.h>

/**
 * group_words() - say which group to join for the permission to write to a file
 * @words: room for the text
 * @bytes: size of @words
 * @path: what this user may not write to
 * @otherwise: the text if no group would help: the file's group may not write, is
 *	root's, or has this process as a member already
 *
 * If /dev/ringbuf may be used by the group of root, the text says how to make the group ringbuf, as
 * that one is missing.
 *
 * Return: @words, or @otherwise.
 */
const char *group_words(char *words, size_t bytes, const char *path, const char *otherwise);

#endif /* COMMON_GROUP_H */
