// SPDX-License-Identifier: GPL-2.0
/* The ring of a publisher: which slots come next, and which go back to the writers. */
#include <errno.h>

#include "../../lib/inside.h"
#include "publisher.h"

int publisher_attach(struct publisher *p, uint64_t position)
{
	struct ringbuf_reader *reader, *old = p->reader;
	int err = ringbuf_reader_attach(p->ring, RINGBUF_FROM_POSITION, position, &reader);

	if (err)
		return err;
	ringbuf_reader_interruptible(reader, 1);
	flight_set_reader(p->flight, reader);
	p->reader = reader;
	p->released = ringbuf_reader_position(reader);
	publisher_forget_slots(p);
	if (old)
		ringbuf_reader_close(old);
	return 0;
}

/*
 * The server has the slots below @position: give them back to the writers, but for the last ones,
 * as many as are retained.  Return 0 or a negative errno.
 */
static int give_back(struct publisher *p, uint64_t position)
{
	uint64_t to = position > p->b->retain ? position - p->b->retain : 0;
	int err;

	p->report->position = position;
	p->told = 0;
	if (to <= p->released)
		return 0;
	p->released = to;
	err = lib_reader_release_to(p->reader, to);
	if (err != -ESTALE)
		return err;
	/* The reader was moved forward, perhaps over slots that are not sent. */
	publisher_forget_slots(p);
	return 0;
}

uint64_t publisher_note_acked(struct publisher *p)
{
	uint64_t position = flight_take_acked(p->flight, p->report, &p->stored_seq);

	if (position)
		p->lost_from = UINT64_MAX;
	if (position > p->stored_to)
		p->stored_to = position;
	if (position > p->counted_to)
		p->counted_to = position;
	return position;
}

int publisher_release(struct publisher *p)
{
	uint64_t position = publisher_note_acked(p);

	return position > p->released ? give_back(p, position) : 0;
}

/*
 * Release the slots that were peeked and that the stream has, and count those whose acknowledgment
 * was lost with a connection.  Return 0 or a negative errno.
 */
static int release_stored(struct publisher *p)
{
	const struct ringbuf_slot *slot = p->slot;

	if (!p->behind)
		return 0;
	for (; p->sent < p->slots && slot->position < p->sent_to; slot++, p->sent++) {
		p->stored_to = p->sent_to;
		if (slot->position < p->counted_to)
			continue;
		p->counted_to = slot->position + 1;
		p->report->messages++;
		p->report->bytes += slot->length;
	}
	p->behind = p->sent == p->slots;
	return p->sent ? give_back(p, p->slot[p->sent - 1].position + 1) : 0;
}

/* Note how many slots the ring says are lost before the first one that was peeked. */
static void note_lost(struct publisher *p)
{
	if (!p->slot[0].lost)
		return;
	/* Keep what was lost before a slot that is not stored and was then lost itself. */
	if (p->lost_at < p->released)
		p->lost = 0;
	p->lost += p->slot[0].lost;
	p->lost_at = p->slot[0].position;
}

int publisher_look(struct publisher *p, int64_t timeout)
{
	bool fresh = p->fresh;
	int n;

	if (p->sent < p->slots)
		return 0;
	/* What is on its way is below @sent_to, too, and may not be released yet. */
	if (fresh && (flight_has_parts(p->flight, NULL) || flight_holds(p->flight)))
		return -ENOBUFS;
	n = fresh ? ringbuf_reader_peek(p->reader, p->slot, RINGBUF_BATCH_MAX, timeout)
		  : lib_reader_ahead(p->reader, p->peeked_to, p->slot, RINGBUF_BATCH_MAX, timeout);
	if (n == -ESTALE && !fresh) {
		publisher_forget_slots(p);
		return -EAGAIN;
	}
	if (n < 0)
		return n;
	p->slots = (unsigned int)n;
	p->sent = 0;
	p->peeked_to = p->slot[n - 1].position + 1;
	p->fresh = false;
	if (fresh)
		note_lost(p);
	return release_stored(p);
}

int publisher_make_room(struct publisher *p)
{
	uint64_t to = ringbuf_reader_position(p->reader) + 1;
	int err = 0;

	if (to <= p->peeked_to) {
		err = lib_reader_release_to(p->reader, to);
		p->released = to > p->released ? to : p->released;
	}
	publisher_forget_slots(p);
	return err && err != -ESTALE ? err : publisher_look(p, RINGBUF_TRY);
}
