// SPDX-License-Identifier: LGPL-2.1-or-later
/* Public functions of readers. */
#include <stdlib.h>
#include <string.h>

#include "engine/ready.h"
#include "inside.h"
#include "slot.h"

/* Size of struct ringbuf_policy in version 0.1. */
#define POLICY_SIZE_0_1 (offsetof(struct ringbuf_policy, lag) + sizeof(uint64_t))

struct ringbuf_reader {
	struct lib_handle h;
	struct rb_reader r;
	u64 told; /* the part of r.lost that the user was told of */
	u32 peeked; /* slots that may be released */
};

static int reader_enter(struct ringbuf_reader *reader)
{
	LIB_NO_CANCEL;
	struct lib_handle *h = &reader->h;
	int err;

	if (h->detached)
		return -ESTALE;
	err = h->host->enter(h);
	if (err)
		return err;
	rb_reader_init(&h->view, &reader->r, h->id);
	reader->peeked = 0;
	h->cpu = &reader->r.cursor->cpu;
	lib_cpu_hint(h);
	h->process = lib_process();
	return 0;
}

static inline int reader_ready(struct ringbuf_reader *reader)
{
	if (likely(reader->h.process == lib_process()))
		return 0;
	return reader_enter(reader);
}

static int reader_attach(struct ringbuf *ring, enum ringbuf_start start, uint64_t position,
			 const struct rb_policy *policy, struct ringbuf_reader **reader)
{
	struct ringbuf_reader *r;
	int err;

	if ((unsigned int)start > RINGBUF_FROM_POSITION)
		return -EINVAL;
	if (posix_memalign((void **)&r, RINGBUF_LINE, sizeof(*r)))
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	r->h.policy = *policy;
	err = lib_handle_init(&r->h, ring, RINGBUF_ROLE_READER, start, position);
	if (err) {
		free(r);
	} else {
		r->r.pos = r->h.start;
		*reader = r;
	}
	return err;
}

LIB_PUBLIC int ringbuf_reader_attach(struct ringbuf *ring, enum ringbuf_start start,
				     uint64_t position, struct ringbuf_reader **reader)
{
	LIB_NO_CANCEL;

	*reader = NULL;
	return reader_attach(ring, start, position, &ring->layout.policy, reader);
}

LIB_PUBLIC int ringbuf_reader_attach_policy(struct ringbuf *ring, enum ringbuf_start start,
					    uint64_t position, const struct ringbuf_policy *policy,
					    struct ringbuf_reader **reader)
{
	LIB_NO_CANCEL;
	struct rb_policy p;

	*reader = NULL;
	if (policy->size < POLICY_SIZE_0_1 || policy->reserved)
		return -EINVAL;
	if (!lib_tail_is_zero(policy, sizeof(*policy), policy->size))
		return -E2BIG;
	p = (struct rb_policy){
		.kind = policy->kind,
		.timeout = policy->timeout,
		.lag = policy->lag,
	};
	if (!rb_policy_valid(&p, ring->layout.slot_count) ||
	    !rb_policy_allows(&ring->layout.policy, &p))
		return -EINVAL;
	if (p.kind & RINGBUF_POLICY_AT_STOP && ring->host->kind == RINGBUF_HOST_EMBEDDED)
		return -EOPNOTSUPP;
	return reader_attach(ring, start, position, &p, reader);
}

LIB_PUBLIC int ringbuf_reader_export(const struct ringbuf_reader *reader,
				     struct ringbuf_ticket *ticket)
{
	return lib_handle_export(&reader->h, ticket);
}

LIB_PUBLIC int ringbuf_reader_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
				     struct ringbuf_reader **reader)
{
	LIB_NO_CANCEL;
	struct ringbuf_reader *r;
	int err;

	*reader = NULL;
	if (posix_memalign((void **)&r, RINGBUF_LINE, sizeof(*r)))
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	err = lib_handle_import(&r->h, ring, RINGBUF_ROLE_READER, ticket);
	if (err) {
		free(r);
	} else {
		r->r.pos = r->h.start;
		*reader = r;
	}
	return err;
}

LIB_PUBLIC void ringbuf_reader_close(struct ringbuf_reader *reader)
{
	LIB_NO_CANCEL;

	if (!reader)
		return;
	lib_handle_close(&reader->h);
	free(reader);
}

/* How often a reader may be skipped, again and again, in one look. */
#define SKIP_TRIES 16

/* Return how many slots can be read now, at most @max, or -errno; may wake writers. */
static inline int reader_look(struct ringbuf_reader *reader, unsigned int max)
{
	unsigned int tries = 0;
	bool wake;
	int n, err;

	for (;;) {
		n = rb_peek(&reader->h.view, &reader->r, max, &wake);
		if (unlikely(wake))
			lib_host_wake(&reader->h);
		if (likely(n >= 0))
			return n;
		if (!reader->h.host->ours(&reader->h))
			return -ESTALE; /* the row's state is that of another reader */
		if (n != -ESTALE)
			return n;
		if (++tries > SKIP_TRIES)
			return 0;
		err = reader->h.host->proceed(&reader->h);
		if (err)
			return err;
	}
}

/* Wait until @last is finished.  Returns 0 to check again, -ENODATA at the end, or -errno. */
static int reader_block(struct ringbuf_reader *reader, struct lib_block *b, u64 last, u32 count)
{
	if (rb_ended(&reader->h.view)) {
		int n = reader_look(reader, 1); /* (J): messages from before the end */

		return n ? (n < 0 ? n : 0) : -ENODATA;
	}
	return lib_block(&reader->h, b, rb_waiter_word(last, RB_WAIT_POSITION), count);
}

static LIB_SLOW int reader_fill_slowly(struct ringbuf_reader *reader, unsigned int max,
				       int64_t timeout_ns)
{
	struct lib_block b = { .timeout = timeout_ns };
	int n, err;

	reader->h.spin.hot = false;
	err = reader_ready(reader);
	if (unlikely(err))
		return err;
	while (!(n = reader_look(reader, max))) {
		err = reader_block(reader, &b, reader->r.pos, 1);
		if (err)
			return err;
	}
	return n;
}

/*
 * Spin on the state word of the next slot only, so that its change is seen at once; called
 * if spinning was enough the last time.  Prefetch the message, so that it arrives together
 * with the state.
 */
static inline void reader_watch(const struct ringbuf_reader *reader)
{
	const struct rb_reader *r = &reader->r;
	const u64 *state = &reader->h.view.desc[r->index].state;
	u32 n;

	for (n = 0; n < LIB_WATCH_PAUSES && !rb_state_finished(READ_ONCE(*state), r->pos); n++) {
		__builtin_prefetch(lib_slot_data(&reader->h, r->index));
		lib_pause();
	}
}

static inline int reader_fill(struct ringbuf_reader *reader, unsigned int max, int64_t timeout_ns)
{
	u32 n;

	if (likely(reader->h.process == lib_process())) {
		/* Fetch the message together with its state, not after it. */
		__builtin_prefetch(lib_slot_data(&reader->h, reader->r.index));
		if (reader->h.spin.hot && (timeout_ns < 0 || timeout_ns > LIB_WATCH_NS) &&
		    !READ_ONCE(reader->h.interrupted))
			reader_watch(reader);
		n = rb_peek_now(&reader->h.view, &reader->r, max);
		if (likely(n))
			return (int)n;
	}
	return reader_fill_slowly(reader, max, timeout_ns);
}

static inline bool slot_show(const struct lib_handle *h, struct ringbuf_slot *slot, u64 index,
			     u64 pos)
{
	u64 word = lib_described(&h->view.desc[index]);
	size_t length = (u32)word;

	slot->data = lib_slot_data(h, index);
	slot->length = length;
	slot->position = pos;
	slot->timestamp = unlikely(h->view.stamp) ? READ_ONCE(h->view.stamp[index]) : 0;
	slot->lost = 0;
	slot->flags = (u32)(word >> 32);
	return likely(length <= h->slot_bytes);
}

/* Fill @slots.  False: a length is larger than a slot. */
static inline bool slots_show(const struct lib_handle *h, const struct rb_reader *r,
			      struct ringbuf_slot *slots, u32 count)
{
	u64 index = r->index, pos = r->pos;
	u32 run = rb_run(&h->view, index, count), k;
	bool ok = true;

	for (k = 0; k < run; k++)
		ok &= slot_show(h, &slots[k], index + k, pos + k);
	for (; k < count; k++)
		ok &= slot_show(h, &slots[k], k - run, pos + k);
	return ok;
}

LIB_PUBLIC LIB_FLAT int ringbuf_reader_peek(struct ringbuf_reader *reader,
					    struct ringbuf_slot *slots, unsigned int max,
					    int64_t timeout_ns)
{
	int n;

	if (unlikely(!max || max > RINGBUF_BATCH_MAX))
		return -EINVAL;
	n = reader_fill(reader, max, timeout_ns);
	reader->peeked = n > 0 ? (u32)n : 0;
	if (unlikely(n <= 0))
		return n;
	if (unlikely(!slots_show(&reader->h, &reader->r, slots, (u32)n)))
		return -EPROTO;
	slots[0].lost = reader->r.lost - reader->told;
	reader->told = reader->r.lost;
	return n;
}

static inline int reader_release(struct ringbuf_reader *reader, unsigned int count)
{
	bool wake, ok;

	ok = rb_release(&reader->h.view, &reader->r, count, &wake);
	if (unlikely(wake))
		lib_host_wake(&reader->h);
	return likely(ok) ? 0 : -ESTALE;
}

LIB_PUBLIC LIB_FLAT int ringbuf_reader_release(struct ringbuf_reader *reader, unsigned int count)
{
	int err;

	if (unlikely(!count || count > reader->peeked || reader->h.process != lib_process()))
		return -EINVAL;
	err = reader_release(reader, count);
	reader->peeked = likely(!err) ? reader->peeked - count : 0;
	return err;
}

/* How many messages one call that must not wait may lose while it copies them. */
#define LOST_TRIES 1000

LIB_HIDDEN LIB_SLOW int lib_lost(struct lib_losses *lost, int64_t *timeout_ns)
{
	u64 now;

	if (*timeout_ns < 0)
		return 0;
	if (!*timeout_ns)
		return ++lost->tries < LOST_TRIES ? 0 : -EAGAIN;
	now = lib_clock(CLOCK_MONOTONIC);
	if (!lost->end)
		lost->end = now + (u64)*timeout_ns;
	if (now >= lost->end)
		return -ETIMEDOUT;
	*timeout_ns = (int64_t)(lost->end - now);
	return 0;
}

/* The same for a call of @reader, which may be interrupted meanwhile: -EINTR. */
static LIB_SLOW int reader_lost(struct ringbuf_reader *reader, struct lib_losses *lost,
				int64_t *timeout_ns)
{
	if (READ_ONCE(reader->h.interrupted)) {
		WRITE_ONCE(reader->h.interrupted, false);
		return -EINTR;
	}
	return lib_lost(lost, timeout_ns);
}

LIB_PUBLIC LIB_FLAT ssize_t ringbuf_reader_read(struct ringbuf_reader *reader, void *data,
						size_t size, int64_t timeout_ns)
{
	const struct lib_handle *h = &reader->h;
	struct lib_losses lost = { 0 };
	int err;

	do {
		int n = reader_fill(reader, 1, timeout_ns);
		u64 i = reader->r.index;
		size_t length;

		reader->peeked = 0;
		if (unlikely(n < 0))
			return n;
		length = READ_ONCE(h->view.desc[i].length);
		if (unlikely(length > h->slot_bytes)) {
			/* A writer may have reused a slot that this reader was moved over. */
			if (rb_reader_holds(&h->view, &reader->r, 1))
				return -EPROTO;
		} else if (unlikely(length > size)) {
			if (rb_reader_holds(&h->view, &reader->r, 1))
				return -EMSGSIZE;
		} else {
			lib_copy(data, lib_slot_data(h, i), length);
			if (likely(!reader_release(reader, 1)))
				return (ssize_t)length;
		}
		/* The reader was moved, so the copy may be torn: read the next message. */
		err = reader_lost(reader, &lost, &timeout_ns);
	} while (!err);
	return err;
}

LIB_PUBLIC int ringbuf_reader_wait(struct ringbuf_reader *reader, unsigned int count,
				   int64_t timeout_ns)
{
	const struct rb_view *v = &reader->h.view;
	struct lib_block b = { .timeout = timeout_ns };
	struct lib_losses lost = { 0 };
	struct rb_ready ready;
	int n, err;

	if (!count || count > reader->h.ring->layout.slot_count)
		return -EINVAL;
	err = reader_ready(reader);
	if (err)
		return err;
	for (;;) {
		n = reader_look(reader, 1);
		if (n < 0)
			return n;
		rb_reader_ready(v, reader->h.id, count, &ready);
		if (!ready.waiter && n)
			return 0;
		if (!ready.waiter) {
			/* The messages came between the two checks, or the words make no sense. */
			err = reader_lost(reader, &lost, &timeout_ns);
			if (err)
				return err;
			continue;
		}
		err = reader_block(reader, &b, ready.waiter >> 2, count);
		if (n && (err == -ENODATA || (!err && rb_ended(v))))
			return 0;
		if (err)
			return err;
	}
}

/* ---- ahead of slots that are still in use, see inside.h ------------------ */

/* Advance @at over holes, at most to @end, without changing the shared cursor. */
static void ahead_skip(const struct rb_view *v, struct rb_reader *at, u64 end)
{
	u64 n;

	for (n = 0; at->pos < end; n++) {
		rb_relax(n);
		if (!rb_is_hole(smp_load_acquire(&v->desc[at->index].state), at->pos)) /* (A) */
			break;
		at->pos++;
		at->index = rb_index_add(v, at->index, 1);
	}
	if (n)
		at->holes_end = at->pos;
}

/* Count the committed slots from the cursor to @pos, at most one lap of them. */
static u32 ahead_committed(const struct rb_view *v, const struct rb_reader *r, u64 pos)
{
	u64 i = r->index, at;
	u32 count = 0;

	for (at = r->pos; at < pos && at - r->pos < v->slots; at++, i = rb_index_add(v, i, 1)) {
		rb_relax(at - r->pos);
		if (!rb_is_hole(READ_ONCE(v->desc[i].state), at))
			count++;
	}
	return count;
}

/* Whether the slots from the cursor to @end are whole, as rb_reader_holds() tells. */
static bool ahead_held(const struct ringbuf_reader *reader, u64 end)
{
	const struct rb_reader *r = &reader->r;

	return rb_reader_holds(&reader->h.view, r, end > r->pos ? end - r->pos : 0);
}

/* Peek from @at on.  Returns the number of slots, 0 if none is ready, or -errno. */
static int ahead_look(struct ringbuf_reader *reader, struct rb_reader *at,
		      struct ringbuf_slot *slots, unsigned int max)
{
	const struct rb_view *v = &reader->h.view;
	u64 end = reader->r.pos + v->slots, state;
	u32 n;

	ahead_skip(v, at, end);
	if (at->pos >= end)
		return ahead_held(reader, at->pos) ? -ENOBUFS : -ESTALE;
	n = rb_peek_run(v, at, end - at->pos < max ? (u32)(end - at->pos) : max);
	state = READ_ONCE(v->desc[at->index].state);
	if (!ahead_held(reader, at->pos + n))
		return -ESTALE;
	if (n)
		return slots_show(&reader->h, at, slots, n) ? (int)n : -EPROTO;
	if (!rb_state_phase(state) || rb_state_pos(state) <= at->pos)
		return 0;
	/*
	 * The cursor keeps writers from passing @at->pos: a later position is a broken word, but
	 * for a lossy reader, which writers pass.
	 */
	return reader->r.lossy ? -ESTALE : -EPROTO;
}

LIB_HIDDEN int lib_reader_ahead(struct ringbuf_reader *reader, uint64_t from,
				struct ringbuf_slot *slots, unsigned int max, int64_t timeout_ns)
{
	const struct rb_view *v = &reader->h.view;
	struct lib_block b = { .timeout = timeout_ns };
	struct rb_reader at;
	bool ended;
	int n, err = reader_ready(reader);

	if (err)
		return err;
	if (!max || max > RINGBUF_BATCH_MAX)
		return -EINVAL;
	at = reader->r;
	rb_reader_seek(v, &at, from);
	for (;;) {
		ended = rb_ended(v); /* (J): before the last look */
		n = ahead_look(reader, &at, slots, max);
		reader->r.holes_end = at.holes_end;
		if (n)
			return n;
		if (ended)
			return -ENODATA;
		err = lib_block(&reader->h, &b, rb_waiter_word(at.pos, RB_WAIT_POSITION),
				ahead_committed(v, &reader->r, at.pos) + 1);
		if (err)
			return err;
	}
}

LIB_HIDDEN int lib_watch_reader(struct lib_watch *watch, struct ringbuf_reader *reader,
				uint64_t from, uint64_t tag)
{
	const struct rb_view *v = &reader->h.view;
	struct rb_reader at = reader->r;
	u64 end = at.pos + v->slots;

	if (reader->h.process != lib_process())
		return -EOPNOTSUPP;
	if (from > at.pos)
		rb_reader_seek(v, &at, from);
	ahead_skip(v, &at, end);
	if (at.pos >= end || rb_row_behind(v, reader->h.id, at.pos))
		return 1;
	return lib_watch_arm(watch, &reader->h, rb_waiter_word(at.pos, RB_WAIT_POSITION), tag);
}

LIB_HIDDEN int lib_reader_release_to(struct ringbuf_reader *reader, uint64_t position)
{
	struct rb_reader *r = &reader->r;
	u64 count = position - r->pos;

	if (reader->h.process != lib_process())
		return -EINVAL;
	if (position <= r->pos)
		return 0;
	if (count > reader->h.view.slots)
		return -EINVAL;
	reader->peeked = 0;
	if (ahead_held(reader, position)) {
		r->holes += count - ahead_committed(&reader->h.view, r, position);
		WRITE_ONCE(r->cursor->holes, r->holes);
	}
	return reader_release(reader, (unsigned int)count);
}

LIB_HIDDEN int lib_reader_whole(const struct ringbuf_reader *reader, uint64_t position)
{
	return ahead_held(reader, position) ? 0 : -ESTALE;
}

LIB_HIDDEN int lib_reader_end(struct ringbuf_reader *reader)
{
	const struct rb_view *v = &reader->h.view;
	int err = reader_ready(reader);

	if (err)
		return err;
	return rb_ended(v) ? (int)READ_ONCE(v->info->ended) : RINGBUF_STREAM_OPEN;
}

LIB_PUBLIC uint64_t ringbuf_reader_position(const struct ringbuf_reader *reader)
{
	return reader->r.pos;
}

LIB_PUBLIC uint64_t ringbuf_reader_lost(const struct ringbuf_reader *reader)
{
	return reader->r.lost;
}

LIB_PUBLIC uint64_t ringbuf_reader_holes(const struct ringbuf_reader *reader)
{
	return reader->r.holes;
}

LIB_PUBLIC int ringbuf_reader_hole(struct ringbuf_reader *reader, uint64_t position,
				   struct ringbuf_hole_status *hole)
{
	LIB_NO_CANCEL;
	int err = reader_ready(reader);

	if (err)
		return err;
	if (position == RINGBUF_LAST_HOLE) {
		if (!reader->r.holes_end)
			return -ENODATA;
		position = reader->r.holes_end - 1;
	}
	return lib_hole(&reader->h, position, hole);
}

LIB_PUBLIC uint32_t ringbuf_reader_id(const struct ringbuf_reader *reader)
{
	return reader->h.id;
}

LIB_PUBLIC int ringbuf_reader_fd(struct ringbuf_reader *reader)
{
	return reader->h.host->fd(&reader->h);
}

LIB_PUBLIC void ringbuf_reader_interruptible(struct ringbuf_reader *reader, int on)
{
	lib_interruptible(&reader->h, on);
}

LIB_PUBLIC void ringbuf_reader_interrupt(struct ringbuf_reader *reader)
{
	lib_interrupt(&reader->h);
}

LIB_PUBLIC void ringbuf_reader_spin(struct ringbuf_reader *reader, int64_t ns)
{
	reader->h.spin.fixed_ns = ns;
	reader->h.spin.hot = false;
}
