// SPDX-License-Identifier: GPL-2.0
/* See verify.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alive.h"
#include "verify.h"

bool verify_gap(const struct subscriber *s, uint64_t sequence)
{
	jsStreamInfo *info = NULL;
	const jsStreamState *state;
	uint64_t from = s->next;
	bool can = false;

	if (js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, NULL) == NATS_OK) {
		state = &info->State;
		from = state->FirstSeq > from ? state->FirstSeq : from;
		can = sequence <= state->LastSeq &&
		      (sequence <= from || sequence - from <= state->NumDeleted);
	}
	jsStreamInfo_Destroy(info);
	return can;
}

void verify_note(struct subscriber *s, natsMsg *msg)
{
	const char *id = NULL;

	if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) != NATS_OK)
		return;
	/* No bridge has made a longer one. */
	snprintf(s->chain, sizeof(s->chain), "%s", strlen(id) < sizeof(s->chain) ? id : "");
}

/*
 * Return how many slots are missing before @msg.  If a server loses messages that this consumer has
 * given, and stores others, the consumer leaves those out which get the same numbers.  But the
 * server keeps the condition by which the other bridge has stored @msg: the id of the message
 * before it.  In a stream that others are copied into that one may be elsewhere.
 */
static uint64_t count_missing(const struct subscriber *s, natsMsg *msg)
{
	const char *before = NULL;
	char uuid[UUID_TEXT_BYTES];
	uint64_t position, to;

	if (!*s->chain || natsMsgHeader_Get(msg, "Nats-Expected-Last-Msg-Id", &before) != NATS_OK ||
	    strlen(before) <= UUID_TEXT_BYTES ||
	    strncmp(before, s->chain, UUID_TEXT_BYTES - 1) != 0 || !strcmp(before, s->chain))
		return 0;
	snprintf(uuid, sizeof(uuid), "%.*s", UUID_TEXT_BYTES - 1, before);
	/* An end, which begins with a word, has the position 0 here: it is no slot. */
	position = strtoull(before + UUID_TEXT_BYTES, NULL, 10);
	to = memory_source_to(s->stream, uuid);
	return to && position >= to ? position + 1 - to : 0;
}

int verify_next(struct subscriber *s, natsMsg *msg, uint64_t sequence)
{
	uint64_t missing = count_missing(s, msg);

	if (!missing)
		return 0;
	if (sequence <= s->odd) {
		if (sequence > s->odd_counted)
			subscriber_lose(s, missing, "the stream does not have them");
		s->odd_counted = sequence > s->odd_counted ? sequence : s->odd_counted;
		return 0;
	}
	s->odd = sequence;
	report_complain(s->report, "the stream has lost messages that have come, and got others",
			true);
	return -EAGAIN;
}

/*
 * Return whether the stream has message @sequence, stored at @stamp, or has dropped it.
 * @chain: if it has, let the next message follow it
 * @st: [out] NATS_OK, or why the server cannot be asked
 */
static bool has_message(struct subscriber *s, uint64_t sequence, int64_t stamp, bool chain,
			natsStatus *st)
{
	natsMsg *msg = NULL;
	bool same;

	alive_beat();
	*st = bridge_stop ? NATS_TIMEOUT
			  : js_GetMsg(&msg, s->link.js, s->b->stream, sequence, NULL, NULL);
	if (*st == NATS_NOT_FOUND) {
		*st = NATS_OK;
		return true;
	}
	if (*st != NATS_OK)
		return false;
	same = natsMsg_GetTime(msg) == stamp;
	if (same && chain) {
		verify_note(s, msg);
		s->stamp = stamp;
	}
	natsMsg_Destroy(msg);
	return same;
}

/* The messages behind the last one that was passed are others, so count what they lack. */
static void forget_seen(struct subscriber *s)
{
	s->seen = s->stream->passed;
	s->gap_to = 0;
	s->odd = 0;
	s->odd_counted = 0;
}

/* Return whether nothing was passed after @e. */
static bool is_last(const struct memory_stream *stream, const struct memory_entry *e)
{
	return e->sequence == stream->passed + (e->slots ? 1 : 0);
}

/*
 * Find out whether the stream still has the messages that were passed last: a server that was
 * restored, or has lost its last messages, gives their numbers to others.  Then continue behind the
 * last message in the ring that is the same.
 */
static natsStatus check_last(struct subscriber *s, uint64_t last_seq)
{
	const struct memory_stream *stream = s->stream;
	struct memory_entry e[MEMORY_ENTRIES];
	unsigned int count = sink_entries(s->sink, stream, e), i = 0;
	bool known = stream->stamp_of == stream->passed, lost = last_seq < stream->passed;
	natsStatus st = NATS_OK;

	if (!lost && known && stream->passed)
		lost = !has_message(s, stream->passed, stream->stamp, true, &st);
	/* The first of them may be in the middle of the batch behind. */
	while (st == NATS_OK && i < count &&
	       (e[i].sequence > last_seq || !has_message(s, e[i].sequence, e[i].stamp, false, &st)))
		i += st == NATS_OK;
	if (st != NATS_OK)
		return st;
	if (!lost && !i && (known || (count && is_last(stream, &e[0]))))
		return NATS_OK;
	sink_go_back(s->sink, s->stream, i < count ? &e[i] : NULL);
	*s->chain = '\0';
	s->stamp = 0;
	if (lost || i)
		bridge_say("stream %s does not have the messages any more that came last; "
			   "continuing behind %llu",
			   s->b->stream, (unsigned long long)stream->passed);
	forget_seen(s);
	return NATS_OK;
}

/*
 * Find out whether the stream is still the one whose sequence numbers were remembered: if it was
 * deleted and made again, the server gives these numbers to other messages.
 */
static natsStatus check_stream(struct subscriber *s, const jsStreamInfo *info)
{
	const jsStreamConfig *c = info->Config;
	bool known = s->stream->created;

	s->alone = c && c->SubjectsLen == 1 && !strcmp(c->Subjects[0], s->b->subject);
	if (info->Created == s->stream->created)
		return s->b->share ? NATS_OK : check_last(s, info->State.LastSeq);
	if (known)
		bridge_say("stream %s is another one than before; starting at its first message",
			   s->b->stream);
	sink_restart(s->sink, s->stream, info->Created);
	forget_seen(s);
	return NATS_OK;
}

natsStatus verify_stream(struct subscriber *s, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus st = js_GetStreamInfo(&info, s->link.js, s->b->stream, NULL, code);

	if (st == NATS_OK)
		st = check_stream(s, info);
	jsStreamInfo_Destroy(info);
	return st;
}

bool verify_has_more(struct subscriber *s, uint64_t last_seq)
{
	natsMsg *msg = NULL;
	natsStatus st;
	bool more;

	/* All up to @s->examined is of other subjects, as far as it is new. */
	if (last_seq < s->next || last_seq == s->examined)
		return false;
	st = js_GetLastMsg(&msg, s->link.js, s->b->stream, s->b->subject, NULL, NULL);
	more = st == NATS_OK && natsMsg_GetSequence(msg) >= s->next;
	if (!more && (st == NATS_OK || st == NATS_NOT_FOUND))
		s->examined = last_seq;
	natsMsg_Destroy(msg);
	return more;
}

bool verify_has_less(const struct subscriber *s, const jsStreamState *state)
{
	uint64_t last = s->next - 1;

	return s->stamp &&
	       (state->LastSeq < last || (state->LastSeq == last && state->LastTime != s->stamp));
}
