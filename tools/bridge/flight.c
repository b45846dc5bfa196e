// SPDX-License-Identifier: GPL-2.0
/* See flight.h. */
#include <stdio.h>
#include <stdlib.h>

#include "../common/clock.h"
#include "flight.h"

static pthread_mutex_t unused_lock = PTHREAD_MUTEX_INITIALIZER;
static struct flight *unused; /* flights that were dropped; under the lock */

static struct flight *make(void)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	clock_init_cond(&f->change);
	return f;
}

struct flight *flight_new(void)
{
	struct flight *f;

	pthread_mutex_lock(&unused_lock);
	f = unused;
	if (f)
		unused = f->unused;
	pthread_mutex_unlock(&unused_lock);
	return f ? f : make();
}

void flight_set_reader(struct flight *f, struct ringbuf_reader *reader)
{
	pthread_mutex_lock(&f->lock);
	f->reader = reader;
	pthread_mutex_unlock(&f->lock);
}

void flight_drop(struct flight *f)
{
	flight_begin(f, NULL);
	f->stored = 0;
	f->stored_bytes = 0;
	f->repeated = 0;
	pthread_mutex_lock(&unused_lock);
	f->unused = unused;
	unused = f;
	pthread_mutex_unlock(&unused_lock);
}

static void drop_held(struct flight *f)
{
	f->held = 0;
	f->held_to = 0;
	f->held_slots = 0;
	f->held_bytes = 0;
}

void flight_begin(struct flight *f, jsCtx *js)
{
	pthread_mutex_lock(&f->lock);
	f->js = js;
	f->head = 0;
	f->tail = 0;
	f->bytes = 0;
	f->acked = 0;
	f->acked_bytes = 0;
	f->release_to = 0;
	f->sequence = 0;
	drop_held(f);
	f->failed = false;
	*f->why = '\0';
	pthread_mutex_unlock(&f->lock);
}

/* End the current wait of the main thread.  The caller holds the lock, so the reader stays open. */
static void wake_locked(struct flight *f)
{
	if (f->wait == FLIGHT_WAITS)
		pthread_cond_signal(&f->change);
	else if (f->wait == FLIGHT_WAITS_AT_RING && f->js && f->reader)
		ringbuf_reader_interrupt(f->reader);
	f->wait = FLIGHT_AWAKE;
}

/* Return whether a wait of the main thread has to end. */
static bool is_due(const struct flight *f)
{
	return f->failed || f->acked_bytes >= FLIGHT_ENOUGH ||
	       (f->acked && f->acked >= f->head - f->tail);
}

void flight_wake(void *closure)
{
	struct flight *f = closure;

	pthread_mutex_lock(&f->lock);
	wake_locked(f);
	pthread_mutex_unlock(&f->lock);
}

static void refused(struct flight *f, const jsPubAckErr *error)
{
	f->failed = true;
	if (error && (error->ErrCode == JSStreamWrongLastSequenceErr ||
		      error->ErrCode == JSStreamWrongLastMsgIDErr))
		snprintf(f->why, sizeof(f->why),
			 "the stream has got others meanwhile, of another program or an old "
			 "connection (%s)",
			 error->ErrText ? error->ErrText : "");
	else if (error && error->ErrCode)
		snprintf(f->why, sizeof(f->why), "%s (JetStream error %d)",
			 error->ErrText ? error->ErrText : natsStatus_GetText(error->Err),
			 (int)error->ErrCode);
	else if (error)
		snprintf(f->why, sizeof(f->why), "%s",
			 error->ErrText ? error->ErrText : natsStatus_GetText(error->Err));
	else
		snprintf(f->why, sizeof(f->why), "acknowledgments in another order");
}

/* The server acknowledges in the order in which it has stored. */
static void count_ack(struct flight *f, const natsMsg *msg, const jsPubAck *ack,
		      const jsPubAckErr *error)
{
	const struct flight_part *part = &f->part[f->tail % FLIGHT_MOST];

	if (f->failed)
		return;
	if (error || f->tail == f->head || part->msg != msg) {
		refused(f, error);
		return;
	}
	f->tail++;
	f->bytes -= part->bytes;
	f->repeated += ack->Duplicate;
	if (ack->Sequence > f->sequence)
		f->sequence = ack->Sequence;
	f->acked++;
	f->acked_bytes += part->bytes;
	if (part->slots)
		f->held_to = part->release_to;
	f->held_slots += part->counted;
	f->held_bytes += part->slot_bytes;
	f->held++;
	if (ack->Duplicate && !ack->Sequence)
		return;
	if (f->held_to)
		f->release_to = f->held_to;
	f->stored += f->held_slots;
	f->stored_bytes += f->held_bytes;
	drop_held(f);
}

void flight_on_ack(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
	struct flight *f = closure;

	pthread_mutex_lock(&f->lock);
	if (js == f->js) {
		count_ack(f, msg, ack, error);
		if (is_due(f))
			wake_locked(f);
	}
	pthread_mutex_unlock(&f->lock);
	natsMsg_Destroy(msg);
}

void flight_add(struct flight *f, const struct flight_part *part)
{
	pthread_mutex_lock(&f->lock);
	f->part[f->head++ % FLIGHT_MOST] = *part;
	f->bytes += part->bytes;
	pthread_mutex_unlock(&f->lock);
}

bool flight_has_room(struct flight *f, const struct bridge *b)
{
	bool room;

	pthread_mutex_lock(&f->lock);
	room = !f->failed && f->head - f->tail < b->window && f->bytes < b->window_bytes;
	pthread_mutex_unlock(&f->lock);
	return room;
}

bool flight_holds(struct flight *f)
{
	bool holds;

	pthread_mutex_lock(&f->lock);
	holds = f->held && f->head == f->tail;
	pthread_mutex_unlock(&f->lock);
	return holds;
}

bool flight_has_failed(struct flight *f)
{
	bool failed;

	pthread_mutex_lock(&f->lock);
	failed = f->failed;
	pthread_mutex_unlock(&f->lock);
	return failed;
}

void flight_why(struct flight *f, char *text, size_t bytes)
{
	pthread_mutex_lock(&f->lock);
	snprintf(text, bytes, "%s", f->why);
	pthread_mutex_unlock(&f->lock);
}

bool flight_has_parts(struct flight *f, uint32_t *acked)
{
	bool some;

	pthread_mutex_lock(&f->lock);
	some = f->head != f->tail;
	if (acked)
		*acked = f->tail;
	pthread_mutex_unlock(&f->lock);
	return some;
}

uint64_t flight_take_acked(struct flight *f, struct report *r, uint64_t *sequence)
{
	uint64_t release_to;

	pthread_mutex_lock(&f->lock);
	release_to = f->release_to;
	if (f->sequence > *sequence)
		*sequence = f->sequence;
	f->acked = 0;
	f->acked_bytes = 0;
	f->release_to = 0;
	r->messages += f->stored;
	r->bytes += f->stored_bytes;
	r->repeated += f->repeated;
	f->stored = 0;
	f->stored_bytes = 0;
	f->repeated = 0;
	pthread_mutex_unlock(&f->lock);
	return release_to;
}

void flight_wait(struct flight *f, uint64_t ns)
{
	struct timespec until = clock_timespec(clock_now() + ns);

	pthread_mutex_lock(&f->lock);
	if (!is_due(f) && f->head != f->tail) {
		f->wait = FLIGHT_WAITS;
		pthread_cond_timedwait(&f->change, &f->lock, &until);
		f->wait = FLIGHT_AWAKE;
	}
	pthread_mutex_unlock(&f->lock);
}

bool flight_wait_at_ring(struct flight *f)
{
	bool waits;

	pthread_mutex_lock(&f->lock);
	waits = !is_due(f);
	if (waits)
		f->wait = FLIGHT_WAITS_AT_RING;
	pthread_mutex_unlock(&f->lock);
	return waits;
}

void flight_end_wait(struct flight *f)
{
	pthread_mutex_lock(&f->lock);
	f->wait = FLIGHT_AWAKE;
	pthread_mutex_unlock(&f->lock);
}
