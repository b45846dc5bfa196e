// SPDX-License-Identifier: GPL-2.0
/* See pattern.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

bool pattern_is(const char *name)
{
	return strchr(name, '*');
}

bool pattern_is_stream(const char *name)
{
	const char *c = name;

	while (*c > ' ' && *c <= '~' && !strchr(".>/\\\"", *c))
		c++;
	return *name && !*c && c - name <= 255;
}

bool pattern_is_subject(const char *text)
{
	size_t length = strlen(text);

	return length && !strpbrk(text, "> \t\r\n") && !strstr(text, "..") && *text != '.' &&
	       text[length - 1] != '.';
}

bool pattern_meet(const char *a, const char *b)
{
	const char *x = a + strlen(a), *y = b + strlen(b);

	if (!pattern_is(a) && !pattern_is(b))
		return !strcmp(a, b);
	if (!pattern_is(a))
		return pattern_meet(b, a);
	if (!pattern_is(b)) {
		char *other = pattern_other(a, b, "");
		bool met = other;

		free(other);
		return met;
	}
	/* Up to the first * of the two, and from the last one on, they must be the same. */
	while (*a != '*' && *b != '*')
		if (*a++ != *b++)
			return false;
	while (x[-1] != '*' && y[-1] != '*')
		if (*--x != *--y)
			return false;
	return true;
}

char *pattern_other(const char *pattern, const char *name, const char *other)
{
	const char *star = strchr(pattern, '*'), *other_star = strchr(other, '*');
	size_t before = (size_t)(star - pattern), after = strlen(star + 1), length = strlen(name);
	char *text;

	if (length < before + after || strncmp(name, pattern, before) ||
	    strcmp(name + length - after, star + 1))
		return NULL;
	if (!other_star)
		return strdup(other);
	if (asprintf(&text, "%.*s%.*s%s", (int)(other_star - other), other,
		     (int)(length - before - after), name + before, other_star + 1) < 0)
		return NULL;
	return text;
}
