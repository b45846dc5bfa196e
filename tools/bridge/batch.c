// SPDX-License-Identifier: GPL-2.0
/* See batch.h. */
#include <endian.h>
#include <string.h>

#include "batch.h"

struct head {
	uint64_t position;
	uint64_t time;
	uint32_t flags;
	uint32_t length;
};

_Static_assert(sizeof(struct head) == BATCH_HEAD, "BATCH_HEAD");

bool batch_put(struct batch *b, const struct ringbuf_slot *slot)
{
	struct head h = {
		.position = htole64(slot->position),
		.time = htole64(slot->timestamp),
		.flags = htole32(slot->flags),
		.length = htole32((uint32_t)slot->length),
	};
	size_t room = b->bytes - b->used;

	if (room < sizeof(h) || room - sizeof(h) < slot->length)
		return false;
	memcpy(b->data + b->used, &h, sizeof(h));
	memcpy(b->data + b->used + sizeof(h), slot->data, slot->length);
	b->used += sizeof(h) + slot->length;
	return true;
}

bool batch_get(struct batch *b, struct ringbuf_slot *slot)
{
	size_t room = b->bytes - b->used;
	struct head h;

	if (room < sizeof(h))
		return false;
	memcpy(&h, b->data + b->used, sizeof(h));
	*slot = (struct ringbuf_slot){
		.data = b->data + b->used + sizeof(h),
		.length = le32toh(h.length),
		.position = le64toh(h.position),
		.timestamp = le64toh(h.time),
		.flags = le32toh(h.flags),
	};
	if (slot->length > room - sizeof(h))
		return false;
	b->used += sizeof(h) + slot->length;
	return true;
}

bool batch_is_whole(struct batch b, uint32_t slots, uint64_t position)
{
	struct ringbuf_slot slot = { 0 };
	uint64_t last = 0;
	uint32_t n;

	for (n = 0; batch_get(&b, &slot); n++) {
		if (n && slot.position <= last)
			return false;
		last = slot.position;
	}
	return n && n == slots && b.used == b.bytes && last == position;
}

uint64_t batch_longest(struct batch b, uint64_t from)
{
	struct ringbuf_slot slot;
	uint64_t bytes = 0;

	while (batch_get(&b, &slot))
		if (slot.position >= from && slot.length > bytes)
			bytes = slot.length;
	return bytes;
}
