/* SPDX-License-Identifier: GPL-2.0 */
/* Show names, which may have any bytes, without harm to the terminal or to the lines around. */
#ifndef COMMON_ESCAPE_H
#define COMMON_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum escape_form {
	ESCAPE_FOR_PEOPLE, /* keeps the characters of LC_CTYPE that can be seen */
	ESCAPE_ASCII, /* keeps printable ASCII only */
};

/**
 * escape() - write a name as ls -b does
 * @name: any bytes
 * @length: number of bytes at @name
 * @form: which characters stay as they are
 *
 * A backslash becomes \\, a space "\ ", the control characters that C has letters
 * for \a \b \t \n \v \f \r.  Each other byte that does not belong to a character which
 * stays as it is becomes \ and three octal digits.  So different names give different
 * texts, and the text of each is one word.
 *
 * Return: the text, for free(); ends the program if there is no memory.
 */
char *escape(const char *name, size_t length, enum escape_form form);

/**
 * unescape() - turn what escape() has written back into the name
 * @text: the text; becomes the name, terminated by a 0
 *
 * Return: true; or false, with a part of @text converted, if @text ends in a backslash or
 * has an escape that escape() does not write, such as \000, which no name contains.
 */
bool unescape(char *text);

#endif /* COMMON_ESCAPE_H */
