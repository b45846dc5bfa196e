/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring with any shared words, and a sequence of engine calls on it, both made from a
 * string of bytes.  Each call must return soon, and access no memory outside of the ring.
 */
#ifndef SELFTESTS_ENGINE_HOSTILE_H
#define SELFTESTS_ENGINE_HOSTILE_H

#include "ring.h"

#define HOSTILE_READERS 3
#define HOSTILE_WRITERS 3

struct bytes {
	const unsigned char *at;
	size_t left;
};

static inline u64 take(struct bytes *b, size_t n)
{
	u64 value = 0;

	if (n > b->left)
		n = b->left;
	memcpy(&value, b->at, n);
	b->at += n;
	b->left -= n;
	return value;
}

/* Make a position: near others, near an end of u64, or any. */
static inline u64 take_position(struct bytes *b)
{
	switch (take(b, 1) % 5) {
	case 0:
		return take(b, 1);
	case 1:
		return ~take(b, 1);
	case 2:
		return (1ULL << (take(b, 1) % 64)) + take(b, 1) - 128;
	case 3:
		return 1000000 + take(b, 1);
	default:
		return take(b, 8);
	}
}

static inline u64 take_word(struct bytes *b)
{
	switch (take(b, 1) % 4) {
	case 0:
		return rb_state(take_position(b), take(b, 1) & 3);
	case 1:
		return rb_claim(take_position(b), take(b, 1) % 5, take(b, 1) % 64 + 1);
	case 2:
		return take_position(b);
	default:
		return take(b, 8);
	}
}

struct hostile {
	struct ring ring;
	struct rb_writer writer[HOSTILE_WRITERS];
	struct rb_reader reader[HOSTILE_READERS];
	struct rb_policy policy[HOSTILE_READERS];
	struct rb_hold hold[HOSTILE_READERS];
	u64 waiter[2];
};

/* Set all words that a hostile process can write; the host's own words stay correct. */
static inline void hostile_words(struct hostile *h, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	u64 i;

	v->head->head = take_position(b);
	for (i = 0; i < v->max_writers; i++)
		rb_writer_row(v, (u32)i + 1)->allowance = take_position(b);
	for (i = 0; i < v->slots; i++) {
		v->desc[i].state = take_word(b);
		v->claim[i] = take_word(b);
	}
	for (i = 0; i < v->max_readers; i++)
		rb_cursor(v, (u32)i)->cursor = take_position(b);
}

static inline void hostile_word(struct hostile *h, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	u64 i = take(b, 1), word = take_word(b);

	switch (take(b, 1) % 5) {
	case 0:
		v->head->head = word;
		break;
	case 1:
		rb_writer_row(v, (u32)(i % v->max_writers) + 1)->allowance = word;
		break;
	case 2:
		v->desc[i % v->slots].state = word;
		break;
	case 3:
		v->claim[i % v->slots] = word;
		break;
	default:
		rb_cursor(v, (u32)i % v->max_readers)->cursor = word;
	}
}

static inline void hostile_write(struct hostile *h, struct rb_writer *w, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	u64 most = v->slots < RINGBUF_MAX_BATCH ? v->slots : RINGBUF_MAX_BATCH;
	u32 count = (u32)(take(b, 1) % most) + 1, k;
	bool wake;
	u64 i;

	if (!w->count && rb_reserve(v, w, count) != RB_RESERVED)
		return;
	for (k = 0, i = w->index; k < w->count; k++, i = rb_index_add(v, i, 1))
		memset(h->ring.data + i * h->ring.layout.slot_stride, (int)k, 64);
	if (take(b, 1) & 1)
		rb_publish(v, w, (u32)take(b, 1) % (w->count + 1), &wake);
}

/* Make the compiler take the value for used. */
static inline void barrier_of(unsigned char value)
{
	__asm__ __volatile__("" ::"r"(value));
}

static inline void hostile_read(struct hostile *h, struct rb_reader *r, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	u32 max = (u32)take(b, 1) % 64 + 1;
	unsigned char sum = 0;
	bool wake;
	int n = rb_peek(v, r, max, &wake), k;
	u64 i;

	if (n > (int)max || (n > 0 && (u64)n > v->slots) || r->index >= v->slots)
		abort();
	for (k = 0, i = r->index; k < n; k++, i = rb_index_add(v, i, 1))
		sum ^= (unsigned char)h->ring.data[i * h->ring.layout.slot_stride];
	barrier_of(sum);
	if (n > 0)
		rb_release(v, r, (u32)(take(b, 1) % (u64)n) + 1, &wake);
}

static inline void hostile_wait(struct hostile *h, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	struct rb_round round;
	u32 i;

	rb_arm(v, &h->waiter[take(b, 1) & 1], take_word(b));
	rb_wake_begin(v, &round);
	for (i = 0; i < 2; i++)
		rb_wake_one(v, &round, &h->waiter[i]);
	if (rb_wake_end(v, &round))
		rb_wake_one(v, &round, &h->waiter[0]);
}

/* A host checks a policy before it gives it to a reader. */
static inline struct rb_policy take_policy(const struct rb_view *v, struct bytes *b)
{
	struct rb_policy policy = { .kind = (u32)take(b, 1) % (RINGBUF_POLICY_LOSSY + 1) };

	if (policy.kind == RINGBUF_POLICY_EVICT || policy.kind == RINGBUF_POLICY_SKIP) {
		policy.timeout = take(b, 1) & 1 ? RINGBUF_MIN_POLICY_TIMEOUT : 0;
		policy.lag = take(b, 1) % (v->slots + 1);
	}
	if (!rb_policy_valid(&policy, v->slots))
		abort();
	return policy;
}

/* Look at a reader on behalf of a writer, and do what its policy says; or let it continue. */
static inline void hostile_policy(struct hostile *h, u32 row, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	struct rb_hold *hold = &h->hold[row];

	if (take(b, 1) & 1) {
		rb_sync_reader(v, row, hold, take_position(b));
		if (rb_row_skipped(v, row))
			rb_continue_reader(v, row, hold);
		return;
	}
	if (rb_policy_look(v, row, &h->policy[row], hold, take_position(b), take(b, 8)) !=
	    RB_LOOK_DUE)
		return;
	if (h->policy[row].kind == RINGBUF_POLICY_EVICT)
		rb_evict_reader(v, row);
	else
		rb_skip_reader(v, row, hold);
	if (hold->margin > v->slots / 2)
		abort();
}

/* Make a call of the host on any row or id, whether it is taken or not. */
static inline void hostile_host(struct hostile *h, struct bytes *b)
{
	const struct rb_view *v = &h->ring.view;
	u32 row = (u32)take(b, 1) % v->max_readers, id = (u32)take(b, 1) % v->max_writers + 1;
	struct rb_ready ready;
	u64 end;

	switch (take(b, 1) % 8) {
	case 0:
		h->policy[row] = take_policy(v, b);
		memset(&h->hold[row], 0, sizeof(h->hold[row]));
		rb_attach_reader(v, row, take_position(b), &h->policy[row]);
		rb_reader_init(v, &h->reader[row], row);
		break;
	case 7:
		hostile_policy(h, row, b);
		break;
	case 1:
		rb_detach_reader(v, row);
		break;
	case 2:
		rb_move_reader(v, row, take_position(b));
		break;
	case 3:
		rb_attach_writer(v, id);
		rb_writer_init(v, &h->writer[id - 1], id);
		break;
	case 4:
		rb_repair(v, id, &end);
		rb_end_writer(v, id, take(b, 1) & 1);
		break;
	case 5:
		rb_reader_ready(v, row, (u32)take(b, 1) + 1, &ready);
		break;
	default:
		rb_writer_ready(v, (u32)(take(b, 1) % v->slots) + 1, &ready);
	}
}

static inline void hostile_run(struct bytes *b)
{
	static const u64 slots[] = { 1, 2, 3, 5, 8, 64, 100 };
	struct hostile h = { 0 };
	u32 flags = take(b, 1) & RINGBUF_CREATE_EXCLUSIVE, i, steps;

	if (ring_new(&h.ring, slots[take(b, 1) % 7], flags, HOSTILE_READERS,
		     flags ? 1 : HOSTILE_WRITERS))
		abort();
	hostile_words(&h, b);
	for (i = 0; i < HOSTILE_READERS; i++)
		rb_reader_init(&h.ring.view, &h.reader[i], i);
	for (i = 0; i < h.ring.view.max_writers; i++)
		rb_writer_init(&h.ring.view, &h.writer[i], i + 1);
	for (steps = 0; b->left && steps < 200; steps++) {
		switch (take(b, 1) % 5) {
		case 0:
			hostile_write(&h, &h.writer[take(b, 1) % h.ring.view.max_writers], b);
			break;
		case 1:
			hostile_read(&h, &h.reader[take(b, 1) % HOSTILE_READERS], b);
			break;
		case 2:
			hostile_host(&h, b);
			break;
		case 3:
			hostile_wait(&h, b);
			break;
		default:
			hostile_word(&h, b);
		}
	}
	ring_free(&h.ring);
}

#endif
