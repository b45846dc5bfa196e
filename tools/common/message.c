// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Messages with a CRC-32. */
#include "message.h"

#include <string.h>

#include <libdeflate.h>

_Static_assert(sizeof(struct message_header) == MESSAGE_HEADER_BYTES, "header has holes");
_Static_assert(sizeof(struct message_stamp) == 64, "a stamp is a cache line");

static uint32_t crc_of(const void *message, size_t bytes)
{
	const size_t skip = sizeof(uint32_t);

	return libdeflate_crc32(0, (const unsigned char *)message + skip, bytes - skip);
}

void message_seal(void *message, size_t bytes, const struct message_header *header)
{
	struct message_header h = *header;

	memcpy(message, &h, sizeof(h));
	h.check = crc_of(message, bytes);
	memcpy(message, &h, sizeof(h));
}

bool message_is_whole(const void *message, size_t bytes)
{
	struct message_header h;

	if (bytes < sizeof(h))
		return false;
	memcpy(&h, message, sizeof(h));
	return h.check == crc_of(message, bytes);
}
