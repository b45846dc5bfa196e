// SPDX-License-Identifier: GPL-2.0
/*
 * Warm up: send one lap of messages through the ring before the start.
 *
 * The first access of a process to a page of the ring costs a page fault, and a
 * hundred readers of a large ring have many thousands of them.  These shall not be
 * measured, so the first writer sends a message through each slot before the
 * clock starts, and the readers read them.  The writer gives up after WARM_LIMIT,
 * since a run is valid without this, too.
 */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "perf_shared.h"

#define WARM_LIMIT (5 * NS_PER_S)
#define WARM_WAIT  (20 * NS_PER_MS)

int perf_warm_writer(struct perf_shared *s, struct perf_process *self,
		     struct ringbuf_writer *writer, struct perf_pool *pool)
{
	uint64_t limit = clock_now() + WARM_LIMIT, number = 0;
	const struct perf_options *o = &s->options;
	const void *message;
	int err;

	/* No reader is to be evicted for what is not measured. */
	if (self->index || (o->policy.kind & ~RINGBUF_AT_STOP) == RINGBUF_EVICT)
		return 0;
	message = perf_pool_message(pool, PERF_WARM_UP, 0, o->verify);
	while (number < o->slots && clock_now() < limit) {
		err = ringbuf_writer_write(writer, message, o->slot_bytes, WARM_WAIT);
		if (err && err != -ETIMEDOUT && err != -EAGAIN)
			return err;
		number += !err;
	}
	return 0;
}

static bool writer_is_ready(struct perf_shared *s)
{
	return atomic_load(&s->process[0].state) >= PERF_READY || s->process[0].reaped;
}

/* Read messages until the first writer is ready and none is left. */
int perf_warm_reader(struct perf_shared *s, struct ringbuf_reader *reader, void *buffer)
{
	struct ringbuf_slot slot;
	bool last;
	int err;

	do {
		last = writer_is_ready(s);
		err = ringbuf_reader_peek(reader, &slot, 1, WARM_WAIT);
		if (err == 1) {
			last = false;
			if (slot.length != s->options.slot_bytes)
				return -EPROTO;
			if (buffer)
				memcpy(buffer, slot.data, slot.length);
			else
				message_is_whole(slot.data, slot.length);
			err = ringbuf_reader_release(reader, 1);
			/* Another one has overwritten it, which the policy allows. */
			if (err == -ESTALE)
				err = 0;
		}
	} while (!last && (!err || err == -ETIMEDOUT || err == -EAGAIN));
	return err == -ETIMEDOUT || err == -EAGAIN || err == -ENODATA ? 0 : err;
}
