/* SPDX-License-Identifier: GPL-2.0 */
/* Which group may use a file, and how to join it. */
#ifndef COMMON_GROUP_H
#define COMMON_GROUP_H

#include <stddef.h>

/**
 * group_words() - say which group lets its members write to a file
 * @words: room for the answer
 * @bytes: of @words
 * @path: what this user may not write to
 * @otherwise: the answer if no other group would help: the file has no group that may
 *	write, it is root's group, or this process is a member
 *
 * Return: @words, or @otherwise.
 */
const char *group_words(char *words, size_t bytes, const char *path, const char *otherwise);

#endif /* COMMON_GROUP_H */
