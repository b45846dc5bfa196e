// SPDX-License-Identifier: GPL-2.0
/* See label.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "label.h"

#define SLOTS "Ringbuf-Slots"
#define PARTS "Ringbuf-Parts"
#define BYTES "Ringbuf-Bytes"
#define FLAGS "Ringbuf-Flags"
#define TIME  "Ringbuf-Time"
#define LOST  "Ringbuf-Lost"
#define END   "Ringbuf-End"

void label_id(char id[LABEL_ID_BYTES], const struct label *l)
{
	if (l->end)
		snprintf(id, LABEL_ID_BYTES, "%s:end.%" PRIu64, l->uuid, l->position);
	else if (l->parts > 1)
		snprintf(id, LABEL_ID_BYTES, "%s:%" PRIu64 ".%" PRIu32 ".%" PRIu64, l->uuid,
			 l->position, l->part, l->part_bytes);
	else if (l->slots > 1)
		snprintf(id, LABEL_ID_BYTES, "%s:%" PRIu64 "-%" PRIu32, l->uuid, l->position,
			 l->slots);
	else
		snprintf(id, LABEL_ID_BYTES, "%s:%" PRIu64, l->uuid, l->position);
}

bool label_same_message(const struct label *a, const struct label *b)
{
	return a->position == b->position && !strcmp(a->uuid, b->uuid);
}

static natsStatus put_number(natsMsg *msg, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return number ? natsMsgHeader_Set(msg, key, text) : NATS_OK;
}

natsStatus label_put(natsMsg *msg, const struct label *l)
{
	natsStatus s = put_number(msg, FLAGS, l->flags);

	if (s == NATS_OK)
		s = put_number(msg, TIME, l->time);
	if (s == NATS_OK)
		s = put_number(msg, LOST, l->lost);
	if (s == NATS_OK && l->slots > 1)
		s = put_number(msg, SLOTS, l->slots);
	if (s == NATS_OK && l->parts > 1)
		s = put_number(msg, PARTS, l->parts);
	if (s == NATS_OK && l->parts > 1)
		s = put_number(msg, BYTES, l->bytes);
	if (s == NATS_OK && l->end)
		s = natsMsgHeader_Set(msg, END, l->end == RINGBUF_STREAM_DONE ? "done" : "died");
	return s;
}

/* Read a decimal number at *@text and move *@text behind it.  Return false if there is none. */
static bool number(const char **text, uint64_t *to, uint64_t max)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*to = strtoull(*text, &end, 10);
	*text = end;
	return !errno && *to <= max;
}

/* Read the number of header @key, @otherwise if there is no such header. */
static bool get_number(natsMsg *msg, const char *key, uint64_t *to, uint64_t otherwise,
		       uint64_t max)
{
	const char *text = NULL;

	*to = otherwise;
	if (natsMsgHeader_Get(msg, key, &text) != NATS_OK || !text)
		return true;
	return number(&text, to, max) && !*text;
}

/* Read a message id, of which all but the end was checked for @l->end. */
static bool get_id(const char *id, struct label *l)
{
	uint64_t part = 0, slots;

	if (strlen(id) <= UUID_TEXT_BYTES || id[UUID_TEXT_BYTES - 1] != ':')
		return false;
	memcpy(l->uuid, id, UUID_TEXT_BYTES - 1);
	l->uuid[UUID_TEXT_BYTES - 1] = '\0';
	id += UUID_TEXT_BYTES;
	if (l->end) {
		if (strncmp(id, "end.", 4))
			return false;
		id += 4;
	}
	if (!number(&id, &l->position, UINT64_MAX))
		return false;
	if (*id == '.' && !l->end) {
		id++;
		if (!number(&id, &part, UINT32_MAX) || *id++ != '.' ||
		    !number(&id, &l->part_bytes, UINT64_MAX))
			return false;
	}
	/* The header tells the number of slots, too. */
	if (*id == '-' && !l->end) {
		id++;
		if (!number(&id, &slots, UINT32_MAX))
			return false;
	}
	l->part = (uint32_t)part;
	return !*id;
}

bool label_get(natsMsg *msg, struct label *l)
{
	const char *id = NULL, *end = NULL;
	uint64_t parts, slots, flags;

	memset(l, 0, sizeof(*l));
	if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) != NATS_OK || !id)
		return false;
	if (natsMsgHeader_Get(msg, END, &end) == NATS_OK && end)
		l->end = strcmp(end, "done") ? RINGBUF_STREAM_DIED : RINGBUF_STREAM_DONE;
	if (!get_id(id, l) || !get_number(msg, PARTS, &parts, 1, UINT32_MAX) ||
	    !get_number(msg, SLOTS, &slots, 1, UINT32_MAX) ||
	    !get_number(msg, FLAGS, &flags, 0, UINT32_MAX) ||
	    !get_number(msg, TIME, &l->time, 0, UINT64_MAX) ||
	    !get_number(msg, LOST, &l->lost, 0, UINT64_MAX) ||
	    !get_number(msg, BYTES, &l->bytes, (uint64_t)natsMsg_GetDataLength(msg), UINT64_MAX))
		return false;
	l->parts = (uint32_t)parts;
	l->slots = (uint32_t)slots;
	l->flags = (uint32_t)flags;
	return l->part < l->parts && (l->slots == 1 || (l->slots && l->parts == 1 && !l->end));
}
