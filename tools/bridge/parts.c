// SPDX-License-Identifier: GPL-2.0
/* See parts.h. */
#include <errno.h>
#include <stdlib.h>

#include "parts.h"

#define PART_BYTES 1024 /* fewest bytes of a part, but for the last one */

void parts_forget(struct parts *p)
{
	for (unsigned int i = 0; i < p->count; i++)
		natsMsg_Destroy(p->msg[i]);
	p->count = 0;
	p->filled = 0;
}

void parts_free(struct parts *p)
{
	parts_forget(p);
	free(p->msg);
	free(p->piece);
}

bool parts_continue(const struct parts *p, const struct label *l)
{
	return p->count && label_same_message(l, &p->label) && l->part == p->label.part + 1 &&
	       l->parts == p->label.parts && l->part_bytes == p->label.part_bytes &&
	       l->bytes == p->label.bytes;
}

const char *parts_refuse(const struct label *l, uint64_t slot_bytes)
{
	if (l->bytes > slot_bytes)
		return "it is longer than a slot of the ring";
	if (l->parts - 1 > l->bytes / PART_BYTES)
		return "it has too many parts";
	return NULL;
}

bool parts_fit(const struct parts *p, const struct label *l, size_t bytes)
{
	bool last = l->part + 1 == l->parts;

	return last ? p->filled + bytes == l->bytes : p->filled + bytes <= l->bytes;
}

/* Have room for @room parts.  Return false if there is no memory. */
static bool make_room(struct parts *p, unsigned int room)
{
	struct piece *piece;
	natsMsg **msg;

	if (room <= p->room)
		return true;
	msg = realloc(p->msg, room * sizeof(*msg));
	if (msg)
		p->msg = msg;
	piece = realloc(p->piece, room * sizeof(*piece));
	if (piece)
		p->piece = piece;
	if (!msg || !piece)
		return false;
	p->room = room;
	return true;
}

int parts_keep(struct parts *p, natsMsg **msg, const struct label *l)
{
	if (!make_room(p, l->parts))
		return -ENOMEM;
	p->piece[p->count].data = natsMsg_GetData(*msg);
	p->piece[p->count].bytes = (size_t)natsMsg_GetDataLength(*msg);
	p->filled += p->piece[p->count].bytes;
	p->msg[p->count++] = *msg;
	*msg = NULL;
	p->label = *l;
	return 0;
}
