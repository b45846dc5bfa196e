// SPDX-License-Identifier: GPL-2.0
/* See escape.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "escape.h"

#define OCTAL_DIGITS 3
#define ESCAPE_MOST  (1 + OCTAL_DIGITS) /* the most bytes that one byte becomes */

static const char plain[] = "\\ \a\b\t\n\v\f\r";
static const char letter[] = "\\ abtnvfr"; /* after a backslash, stands for the byte of plain[] */

/*
 * Return whether @c can be seen and does not change how its neighbours look.  wcwidth() is 0 for
 * the characters that reverse the direction of the text.
 */
static bool is_visible(wchar_t c)
{
	/* iswspace() does not know these spaces, the soft hyphen and the fillers of Hangul. */
	static const wchar_t blank[] = L"\u00a0\u2007\u202f\u00ad\u115f\u1160\u3164\uffa0";

	return wcwidth(c) > 0 && !iswspace((wint_t)c) && !wcschr(blank, c);
}

/* Return the length of the character at @s if it stays as it is, 0 if it must be escaped. */
static size_t unescaped(const char *s, size_t length, enum escape_form form)
{
	mbstate_t state = { 0 };
	size_t bytes;
	wchar_t c;

	if (strchr(plain, *s)) /* matches the byte 0, too */
		return 0;
	if ((unsigned char)*s < 0x80 || form == ESCAPE_ASCII)
		return *s > ' ' && *s < 0x7f;
	bytes = mbrtowc(&c, s, length, &state);
	if (bytes > length || !bytes) /* invalid, or cut off */
		return 0;
	return is_visible(c) ? bytes : 0;
}

/* Write @byte escaped at @to.  Return the end of what was written. */
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
		bytes = unescaped(name, length, form);
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

/* Return the byte that three octal digits stand for; 0 if @digits are not such. */
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
