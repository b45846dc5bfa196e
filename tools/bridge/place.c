// SPDX-License-Identifier: GPL-2.0
/*
 * Where a publisher continues when it has a new connection: behind the last message of the ring
 * that is in the stream.
 *
 * A server may lose what it has acknowledged: its power fails before its files are on the disk, or
 * a bug (nats-server 2.9.10 loses messages if servers of a cluster are killed and cut off).  So if
 * the stream lacks slots that were acknowledged, the bridge goes back as far as the ring still has
 * them, and sends them again.
 */
#include <errno.h>
#include <string.h>

#include "../common/clock.h"
#include "publisher.h"

#define LACK_WAIT  (20 * NS_PER_S) /* see is_unsure() */
#define DUPLICATES (120 * (int64_t)NS_PER_S)

static natsStatus make_stream(struct publisher *p, jsErrCode *code)
{
	const char *subjects[] = { p->b->subject };
	jsStreamConfig c;
	natsStatus s = jsStreamConfig_Init(&c);

	c.Name = p->b->stream;
	c.Subjects = subjects;
	c.SubjectsLen = 1;
	/* A stream that is full refuses messages, so that the ring fills and its writers wait. */
	c.Discard = p->b->discard_old ? js_DiscardOld : js_DiscardNew;
	c.MaxBytes = p->b->max_bytes ? (int64_t)p->b->max_bytes : -1;
	c.MaxAge = (int64_t)p->b->max_age;
	/* The server allows no longer one than the age of a message. */
	c.Duplicates = c.MaxAge && c.MaxAge < DUPLICATES ? c.MaxAge : DUPLICATES;
	c.Replicas = p->b->replicas;
	return s == NATS_OK ? js_AddStream(NULL, p->link.js, &c, NULL, code) : s;
}

natsStatus publisher_find_stream(struct publisher *p, int64_t *replicas, jsErrCode *code)
{
	jsStreamInfo *info = NULL;
	natsStatus s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);

	if (s == NATS_NOT_FOUND) {
		s = make_stream(p, code);
		if (s == NATS_OK)
			s = js_GetStreamInfo(&info, p->link.js, p->b->stream, NULL, code);
	}
	if (s == NATS_OK) {
		p->last_seq = info->State.LastSeq;
		*replicas = info->Config ? info->Config->Replicas : 1;
	}
	jsStreamInfo_Destroy(info);
	return s;
}

/*
 * Return whether the ring has ever had the slot, or the end, that @l describes.  *st: NATS_OK, or
 * another value if this cannot be found out now
 */
static bool is_possible(const struct publisher *p, const struct label *l, natsStatus *st)
{
	struct ringbuf_status status = { .size = sizeof(status) };

	*st = ringbuf_stats(p->ring, &status, NULL, 0) < 0 ? NATS_TIMEOUT : NATS_OK;
	if (*st != NATS_OK)
		return false;
	if (l->position < status.head || (l->end && l->position == status.head))
		return true;
	bridge_say(
		"the stream's last message claims position %llu of the ring, which ends at %llu; "
		"sending all that the ring has",
		(unsigned long long)l->position, (unsigned long long)status.head);
	return false;
}

/* Continue behind the last message of this ring in the stream, described by @l. */
static void resume(struct publisher *p, const struct label *l)
{
	p->last = *l;
	p->sent_to = l->position;
	if (!l->end && l->part + 1 == l->parts)
		p->sent_to++;
}

/*
 * Find out which message of this ring is the last one in the stream.
 * @found: [out] its sequence number, 0: there is none
 */
static natsStatus find_last(struct publisher *p, uint64_t *found, jsErrCode *code)
{
	natsMsg *msg = NULL;
	struct label l;
	natsStatus s = js_GetLastMsg(&msg, p->link.js, p->b->stream, p->b->subject, NULL, code);

	*found = 0;
	if (s == NATS_OK && label_get(msg, &l) && !strcmp(l.uuid, p->report->uuid) &&
	    is_possible(p, &l, &s))
		*found = natsMsg_GetSequence(msg);
	if (*found)
		resume(p, &l);
	natsMsg_Destroy(msg);
	return s == NATS_NOT_FOUND ? NATS_OK : s;
}

/*
 * The leader of a stream that is cut off from the others tells of the stream as it was, for up to
 * 20 s, and meanwhile another leader may have acknowledged more.  Return whether the servers are to
 * be asked again, before slots are counted as lost that the stream lacks and the ring, too.
 * @replicas: of the stream
 */
static bool is_unsure(struct publisher *p, int64_t replicas)
{
	if (p->sent_to >= p->released || replicas < 2)
		return false;
	if (!p->lacking_since)
		p->lacking_since = clock_now();
	return clock_now() - p->lacking_since < LACK_WAIT;
}

/*
 * Find out whether the servers have lost slots that one of them has acknowledged, *@lost.  They
 * have not if the number of the last acknowledged message is that of none: then the stream has
 * dropped it, by a limit, a purge, or because it was read.
 */
static natsStatus find_loss(struct publisher *p, uint64_t found, bool *lost)
{
	natsMsg *msg = NULL;
	natsStatus s;
	struct label l;

	*lost = false;
	if (!p->stored_seq || (found && p->sent_to >= p->stored_to))
		return NATS_OK;
	*lost = p->last_seq < p->stored_seq;
	if (*lost)
		return NATS_OK;
	s = js_GetMsg(&msg, p->link.js, p->b->stream, p->stored_seq, NULL, NULL);
	if (s == NATS_OK)
		*lost = !label_get(msg, &l) || strcmp(l.uuid, p->report->uuid) != 0 ||
			l.position + 1 < p->stored_to;
	natsMsg_Destroy(msg);
	return s == NATS_NOT_FOUND ? NATS_OK : s;
}

/*
 * The servers have lost the slots from @sent_to on, or if none was @found, all: go back to these,
 * as far as the ring still has them.  @replicas: of the stream.  Return 0 or a negative errno of
 * the ring, -EAGAIN: ask the servers again.
 */
static int go_back(struct publisher *p, bool found, int64_t replicas)
{
	uint64_t to = found ? p->sent_to : 0;
	int err = to < p->released ? publisher_attach(p, to) : 0;

	/* With as many readers as the ring allows, this one stays where it is. */
	if (err && err != -ENOSPC)
		return err == -EMFILE || err == -ENOMEM || err == -EBUSY ? -EAGAIN : err;
	/* Those are lost that this process knows of and that the ring does not have. */
	if (!found)
		p->sent_to = p->begun_at < p->released ? p->begun_at : p->released;
	if (is_unsure(p, replicas)) {
		/* Another server may know another leader. */
		p->link.doubt = true;
		report_complain(p->report, "the stream lacks slots that a server has acknowledged",
				true);
		return -EAGAIN;
	}
	bridge_say(
		"the stream lacks the slots from position %llu on, which a server has acknowledged; "
		"sending again what the ring still has of them",
		(unsigned long long)p->sent_to);
	p->lost_from = p->sent_to;
	p->stored_to = p->sent_to;
	p->stored_seq = p->last_seq;
	p->lacking_since = 0;
	return 0;
}

int publisher_find_place(struct publisher *p, int64_t replicas)
{
	jsErrCode code = 0;
	uint64_t found;
	bool lost;
	natsStatus s = find_last(p, &found, &code);

	if (s == NATS_OK && !p->begun) {
		/* What the stream has at first is from an earlier process. */
		p->begun = true;
		p->begun_at = found ? p->sent_to : p->released;
		p->stored_to = p->begun_at;
		p->counted_to = p->begun_at;
	}
	if (found && p->sent_to >= p->stored_to && found > p->stored_seq)
		p->stored_seq = found;
	if (s == NATS_OK)
		s = find_loss(p, found, &lost);
	if (s != NATS_OK) {
		link_complain_of_stream(&p->link, "cannot use", s, found ? 0 : code);
		return -EAGAIN;
	}
	if (lost)
		return go_back(p, found, replicas);
	p->lacking_since = 0;
	if (p->sent_to < p->stored_to)
		p->sent_to = p->stored_to;
	if (!found && p->lost_from < p->sent_to)
		p->sent_to = p->lost_from;
	return 0;
}
