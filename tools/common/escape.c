// SPDX-License-Identifier: GPL-2.0
/* See escape.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "escape.h"

#define OCTAL_DIGITS 3
#define ESCAPE_MOST  (1 + OCTAL_DIGITS) /* bytes that one byte becomes */

static const char plain[] = "\\ \a\b\t\n\v\f\r";
static const char letter[] = "\\ abtnvfr"; /* what stands for each behind a backslash */

/*
 * Whether @c can be seen, and leaves the characters beside it as they are: those that turn
 * the direction of the text around have no width.
 */
static bool is_visible(wchar_t c)
{
	/* Spaces that iswspace() does not count, the soft hyphen, the fillers of Hangul. */
	static const wchar_t blank[] = L"\u00a0\u2007\u202f\u00ad\u115f\u1160\u3164\uffa0";

	return wcwidth(c) > 0 && !iswspace((wint_t)c) && !wcschr(blank, c);
}

/* The bytes of the character at @s if it is to be kept, else 0. */
static size_t kept(const char *s, size_t length, enum escape_form form)
{
	mbstate_t state = { 0 };
	size_t bytes;
	wchar_t c;

	if (strchr(plain, *s)) /* also 0 */
		return 0;
	if ((unsigned char)*s < 0x80 || form == ESCAPE_ASCII)
		return *s > ' ' && *s < 0x7f;
	bytes = mbrtowc(&c, s, length, &state);
	if (bytes > length || !bytes) /* invalid, or cut off */
		return 0;
	return is_visible(c) ? bytes : 0;
}

/* Append one byte, and return what comes behind it. */
static char *put(char *to, char byte)
{
	const char *known = byte ? strchr(plain, byte) : NULL;

	*to++ = '\\';
	if (known) {
		*to++ = letter[known - plain];
		return to;
	}
	sprintf(to, "%03o", (unsigned char)byte);
	return to + OCTAL_DIGITS;
}

char *escape(const char *name, size_t length, enum escape_form form)
{
	char *text = malloc(length * ESCAPE_MOST + 1), *to = text;
	size_t bytes;

	if (!text) {
		perror("escape");
		exit(EXIT_FAILURE);
	}
	while (length) {
		bytes = kept(name, length, form);
		if (bytes) {
			memcpy(to, name, bytes);
			to += bytes;
		} else {
			to = put(to, *name);
			bytes = 1;
		}
		name += bytes;
		length -= bytes;
	}
	*to = 0;
	return text;
}

/* The byte of three octal digits, or 0. */
static char octal(const char *digits)
{
	char *end, copy[OCTAL_DIGITS + 1] = "";
	unsigned long value;

	strncpy(copy, digits, OCTAL_DIGITS);
	if (strspn(copy, "01234567") != OCTAL_DIGITS)
		return 0;
	value = strtoul(copy, &end, 8);
	return value <= 0377 ? (char)value : 0;
}

bool unescape(char *text)
{
	const char *from = text, *known;
	char *to = text;

	while (*from) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		known = *from ? strchr(letter, *from) : NULL;
		*to = known ? plain[known - letter] : octal(from);
		if (!*to++)
			return false;
		from += known ? 1 : OCTAL_DIGITS;
	}
	*to = 0;
	return true;
}
