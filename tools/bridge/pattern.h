/* SPDX-License-Identifier: GPL-2.0 */
/* Names with one *, which stands for any text. */
#ifndef BRIDGE_PATTERN_H
#define BRIDGE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Return whether @name has a *. */
bool pattern_is(const char *name);

/* Return whether a stream may have the name @name, which is printed, too; it may have *. */
bool pattern_is_stream(const char *name);

/* Return whether messages may have the subject @text: words with dots between them; it may have *.
 */
bool pattern_is_subject(const char *text);

/* Return whether a name can match both @a and @b. */
bool pattern_meet(const char *a, const char *b);

/*
 * Match @name, which has no *, with @pattern.  Return NULL if it does not match, else @other with
 * its *, if it has one, replaced by what the * of @pattern stands for.  The caller frees the text.
 */
char *pattern_other(const char *pattern, const char *name, const char *other);

#endif /* BRIDGE_PATTERN_H */
