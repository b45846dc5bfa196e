// SPDX-License-Identifier: GPL-2.0
/* See uuid.h. */
#include <stdio.h>

#include "uuid.h"

const char *uuid_text(char text[UUID_TEXT_BYTES], const uint8_t uuid[RINGBUF_UUID_BYTES])
{
	char *at = text;

	for (int i = 0; i < RINGBUF_UUID_BYTES; i++)
		at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			      uuid[i]);
	return text;
}
