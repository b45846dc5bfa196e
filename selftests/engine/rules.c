// SPDX-License-Identifier: GPL-2.0
/* The engine's rules in one thread: gate, attach, repair, move, wake words. */
#include <pthread.h>

#include "ring.h"
#include "tap.h"

static struct ring ring;
static struct rb_view *const v = &ring.view;

static void begin(u64 slots, u32 flags)
{
	CHECK(!ring_new(&ring, slots, flags, 4, flags & RINGBUF_CREATE_EXCLUSIVE ? 1 : 4));
}

static void add_writer(struct rb_writer *w, u32 id)
{
	rb_attach_writer(v, id);
	rb_writer_init(v, w, id);
}

static u32 read_all(struct rb_reader *r)
{
	bool wake;
	u32 n = 0;

	while (rb_peek(v, r, 1, &wake) > 0) {
		CHECK(rb_release(v, r, 1, &wake));
		n++;
	}
	return n;
}

static void gate_end(void)
{
	u64 slots;

	for (slots = 1; slots <= 3; slots++) {
		begin(slots, 0);
		CHECK(rb_gate_end(0, slots) == slots);
		CHECK(rb_gate_end(~0ULL, slots) == ~0ULL);
		CHECK(rb_gate_end(~0ULL - slots, slots) == ~0ULL);
		CHECK(rb_gate_end(~0ULL - slots - 1, slots) == ~0ULL - 1);
		ring_free(&ring);
	}
}

static void gate_min(void)
{
	u32 row;

	begin(2, 0);
	CHECK(rb_gate_min(v, &row) == ~0ULL && row == RB_NO_ROW);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_attach_reader(v, 1, 0, &blocking);
	rb_cursor(v, 0)->cursor = ~0ULL;
	CHECK(rb_gate_min(v, &row) == 0 && row == 1);
	rb_cursor(v, 1)->cursor = ~0ULL;
	CHECK(rb_gate_min(v, &row) == ~0ULL && row == 0);
	rb_detach_reader(v, 0);
	rb_cursor(v, 1)->cursor = 5;
	CHECK(rb_gate_min(v, &row) == 5 && row == 1);
	rb_row(v, 1)->floor = 7;
	CHECK(rb_gate_min(v, &row) == 7);
	v->info->rows = ~0U; /* more rows than the ring has */
	CHECK(rb_gate_min(v, &row) == 7);
	ring_free(&ring);
}

static void blocked_and_let_go(void)
{
	u64 slots;

	for (slots = 1; slots <= 7; slots++) {
		struct rb_writer w;
		struct rb_reader r;
		bool wake;
		u64 i;

		begin(slots, RINGBUF_CREATE_EXCLUSIVE);
		rb_attach_reader(v, 0, 0, &blocking);
		rb_reader_init(v, &r, 0);
		add_writer(&w, 1);
		for (i = 0; i < slots; i++)
			CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
		CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
		CHECK(w.blocked == 1);
		CHECK(!rb_reached(v, rb_waiter_word(w.blocked, RB_WAIT_CURSOR)));
		CHECK(rb_peek(v, &r, 64, &wake) == (int)slots);
		CHECK(rb_release(v, &r, 1, &wake) && !wake);
		CHECK(rb_reached(v, rb_waiter_word(w.blocked, RB_WAIT_CURSOR)));
		CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
		ring_free(&ring);
	}
}

/* No writer gets a slot before three readers are attached at one time; afterwards each does. */
static void gate_waits_for_readers(void)
{
	u32 flags, i;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++) {
		struct rb_writer w;
		struct rb_ready ready;
		u64 waiter = rb_waiter_word(0, RB_WAIT_CURSOR);

		begin(3, flags);
		rb_gate_close(v, 3);
		add_writer(&w, 1);
		rb_attach_reader(v, 0, 0, &blocking);
		rb_attach_reader(v, 1, 0, &blocking);
		CHECK(rb_readers_lacking(v) == 1);
		rb_detach_reader(v, 0);
		rb_evict_reader(v, 1);
		for (i = 0; i < 3; i++) {
			CHECK(rb_readers_lacking(v) == 3 - i);
			CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
			CHECK(rb_waiter_word(w.blocked, RB_WAIT_CURSOR) == waiter);
			CHECK(!rb_reached(v, waiter));
			rb_writer_ready(v, 2, &ready);
			CHECK(ready.count == 0 && ready.waiter == waiter);
			CHECK(rb_writer_row(v, 1)->allowance == 0);
			CHECK(rb_attach_reader(v, i, i, &blocking) == 0);
		}
		CHECK(rb_readers_lacking(v) == 0);
		CHECK(rb_reached(v, waiter));
		rb_writer_ready(v, 3, &ready);
		CHECK(ready.count == 3 && !ready.waiter);
		for (i = 0; i < 3; i++)
			CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
		CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
		for (i = 0; i < 3; i++)
			rb_detach_reader(v, i);
		CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
		ring_free(&ring);
	}
}

/* A round wakes no waiter for a cursor while the gate is closed. */
static void round_leaves_waiters_at_a_closed_gate(void)
{
	u64 word = 0;
	struct rb_round round;

	begin(3, 0);
	rb_gate_close(v, 1);
	rb_arm(v, &word, rb_waiter_word(0, RB_WAIT_CURSOR));
	rb_wake_begin(v, &round);
	CHECK(!rb_wake_one(v, &round, &word));
	CHECK(rb_wake_end(v, &round));
	rb_attach_reader(v, 0, 0, &blocking);
	rb_wake_begin(v, &round);
	CHECK(rb_wake_one(v, &round, &word));
	CHECK(word == 0);
	ring_free(&ring);
}

/* The ring has 3 slots and head is 5, so it holds 2, 3 and 4; want[] is { asked for, got }. */
static void attach_positions(void)
{
	static const u64 want[][2] = { { 0, 2 }, { 2, 2 }, { 3, 3 },
				       { 5, 5 }, { 6, 5 }, { ~0ULL, 5 } };
	u32 flags, k;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++)
		for (k = 0; k < sizeof(want) / sizeof(*want); k++) {
			struct rb_writer w;
			struct rb_reader r;
			u32 i;

			begin(3, flags);
			add_writer(&w, 1);
			for (i = 0; i < 5; i++)
				CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
			CHECK(rb_attach_reader(v, 1, want[k][0], &blocking) == want[k][1]);
			rb_reader_init(v, &r, 1);
			CHECK(read_all(&r) == 5 - want[k][1]);
			ring_free(&ring);
		}
}

static void holes(void)
{
	struct rb_writer w;
	struct rb_reader r;

	begin(7, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_reader_init(v, &r, 0);
	add_writer(&w, 1);
	CHECK(ring_write(&ring, &w, 1, 0) == RB_RESERVED);
	CHECK(ring_write(&ring, &w, 3, 2) == RB_RESERVED);
	CHECK(ring_write(&ring, &w, 2, 0) == RB_RESERVED);
	CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
	CHECK(read_all(&r) == 3);
	CHECK(r.pos == 7 && r.holes == 4 && r.lost == 0);
	ring_free(&ring);
}

/*
 * Let writer 1 die with @count slots, of which it has finished the first @done.  Without @stamped,
 * only the first claim word names it.
 */
static void repair(u32 count, u32 done, bool stamped)
{
	struct rb_writer w, other;
	struct rb_reader r;
	u64 end, head;
	u32 k;

	begin(8, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_reader_init(v, &r, 0);
	add_writer(&w, 1);
	add_writer(&other, 2);
	CHECK(ring_write(&ring, &other, 2, 2) == RB_RESERVED);
	CHECK(rb_reserve(v, &w, count) == RB_RESERVED && w.pos == 2);
	for (k = 0; k < done; k++)
		CHECK(rb_finish_slot(v, rb_index(v, 2 + k), 2 + k, RINGBUF_COMMITTED));
	for (k = 1; !stamped && k < count; k++)
		v->claim[rb_index(v, 2 + k)] = 0;
	CHECK(ring_write(&ring, &other, 1, 1) == RB_RESERVED);
	head = rb_head(v);
	CHECK(rb_repair(v, 1, &end) == count - done);
	CHECK(end == (count == done ? 0 : 2 + count));
	CHECK(rb_repair(v, 1, &end) == 0 && end == 0);
	CHECK(rb_head(v) == head);
	rb_end_writer(v, 1, true);
	CHECK(read_all(&r) == 3 + done && r.holes == count - done && r.pos == head);
	CHECK(ring_write(&ring, &other, 8, 8) == RB_RESERVED);
	CHECK(read_all(&r) == 8);
	ring_free(&ring);
}

static void repairs(void)
{
	u32 count, done;

	for (count = 1; count <= 5; count++)
		for (done = 0; done <= count; done++) {
			repair(count, done, true);
			if (!done)
				repair(count, 0, false);
		}
}

/* After this another writer can get the id, although no reader has read the holes. */
static void forgotten_writer_is_named_nowhere(void)
{
	struct rb_writer w, other;
	struct rb_reader r;
	u64 end, head;
	u32 i;

	begin(9, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_reader_init(v, &r, 0);
	add_writer(&other, 2);
	add_writer(&w, 1);
	CHECK(ring_write(&ring, &other, 1, 1) == RB_RESERVED);
	CHECK(rb_reserve(v, &w, 3) == RB_RESERVED);
	CHECK(rb_repair(v, 1, &end) == 3 && end == 4);
	rb_end_writer(v, 1, true);
	head = rb_head(v);
	CHECK(rb_can_forget_writer(v, 1));
	CHECK(!rb_can_forget_writer(v, 2));
	rb_forget_writer(v, 1);
	for (i = 0; i < 9; i++)
		CHECK(rb_claim_writer(v->claim[i]) != 1);
	CHECK(rb_claim_writer(v->claim[0]) == 2);
	v->head->head = 0; /* the head of a shared ring is a hint, which may lag */
	CHECK(rb_head(v) == head);
	add_writer(&w, 1);
	CHECK(ring_write(&ring, &w, 2, 2) == RB_RESERVED);
	CHECK(read_all(&r) == 3 && r.holes == 3);
	/* Write over the claims that name no writer any more. */
	CHECK(ring_write(&ring, &w, 9, 9) == RB_RESERVED);
	CHECK(read_all(&r) == 9);
	ring_free(&ring);
}

static void late_commit_fails(void)
{
	struct rb_writer w;
	u64 end;
	bool wake;

	begin(2, 0);
	add_writer(&w, 1);
	CHECK(rb_reserve(v, &w, 2) == RB_RESERVED);
	CHECK(rb_repair(v, 1, &end) == 2 && end == 2);
	CHECK(!rb_publish(v, &w, 2, &wake));
	CHECK(rb_state_phase(v->desc[0].state) == RINGBUF_REPAIRED);
	ring_free(&ring);
}

/* Maps and write(2) can both reserve as the same writer; each waits for slots of the other. */
static void two_of_one_id(void)
{
	struct rb_writer map, call;
	bool wake;

	begin(2, 0);
	add_writer(&map, 1);
	rb_writer_init(v, &call, 1);
	CHECK(rb_reserve(v, &map, 1) == RB_RESERVED && map.pos == 0);
	CHECK(ring_write(&ring, &call, 1, 1) == RB_RESERVED);
	CHECK(rb_reserve(v, &call, 1) == RB_BLOCKED_BY_SLOT && call.blocked == 0);
	CHECK(rb_publish(v, &map, 1, &wake));
	CHECK(ring_write(&ring, &call, 1, 1) == RB_RESERVED && call.pos == 3);
	ring_free(&ring);
}

/* The first writer is killed in the middle of a batch. */
static void exclusive_successor(void)
{
	u32 done;

	for (done = 0; done <= 3; done++) {
		struct rb_writer w;
		struct rb_reader r;
		u32 k;

		begin(4, RINGBUF_CREATE_EXCLUSIVE);
		rb_attach_reader(v, 0, 0, &blocking);
		rb_reader_init(v, &r, 0);
		add_writer(&w, 1);
		CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
		CHECK(rb_reserve(v, &w, 3) == RB_RESERVED);
		for (k = 0; k < done; k++)
			v->desc[1 + k].state = rb_state(1 + k, RINGBUF_COMMITTED);
		rb_end_writer(v, 1, true);
		add_writer(&w, 1);
		CHECK(w.pos == 1 + done);
		CHECK(read_all(&r) == 1 + done);
		CHECK(ring_write(&ring, &w, 4, 4) == RB_RESERVED);
		CHECK(read_all(&r) == 4);
		ring_free(&ring);
	}
}

static void moved(void)
{
	struct rb_writer w;
	struct rb_reader r;
	bool wake;
	u32 i;

	begin(3, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_reader_init(v, &r, 0);
	add_writer(&w, 1);
	for (i = 0; i < 3; i++)
		CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
	CHECK(rb_peek(v, &r, 3, &wake) == 3);
	rb_move_reader(v, 0, 2);
	CHECK(!rb_reader_holds(v, &r, 1));
	CHECK(!rb_release(v, &r, 1, &wake));
	CHECK(r.pos == 2 && r.lost == 2);
	rb_move_reader(v, 0, 1);
	CHECK(rb_peek(v, &r, 3, &wake) == 1 && rb_release(v, &r, 1, &wake));
	rb_move_reader(v, 0, ~0ULL);
	CHECK(rb_row(v, 0)->floor == 3);
	CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
	CHECK(read_all(&r) == 1 && r.lost == 2);
	ring_free(&ring);
}

static void stream_end(void)
{
	begin(1, 0);
	CHECK(!rb_ended(v));
	rb_attach_writer(v, 1);
	rb_attach_writer(v, 2);
	CHECK(!rb_ended(v) && v->info->ended == RINGBUF_END_NONE);
	rb_end_writer(v, 1, false);
	CHECK(!rb_ended(v));
	rb_end_writer(v, 2, false);
	CHECK(rb_ended(v) && v->info->ended == RINGBUF_END_DONE);
	rb_attach_writer(v, 1);
	CHECK(!rb_ended(v) && v->info->ended == RINGBUF_END_NONE);
	rb_end_writer(v, 1, true);
	CHECK(rb_ended(v) && v->info->ended == RINGBUF_END_DIED);
	v->info->writers_ever = ~0U;
	rb_attach_writer(v, 1);
	CHECK(v->info->writers_ever == ~0U);
	ring_free(&ring);
}

static void wake_words(void)
{
	u64 a = 0, b = 0;
	struct rb_round round;

	begin(4, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	rb_arm(v, &a, rb_waiter_word(5, RB_WAIT_POSITION));
	rb_arm(v, &b, rb_waiter_word(3, RB_WAIT_CURSOR));
	CHECK(v->info->wake_position == 5 && v->info->wake_cursor == 3);
	CHECK(!rb_position_awaited(v, 4, 1) && rb_position_awaited(v, 5, 1));
	CHECK(rb_position_awaited(v, 3, 3) && rb_position_awaited(v, 6, 1));
	rb_wake_begin(v, &round);
	CHECK(!rb_wake_one(v, &round, &a) && !rb_wake_one(v, &round, &b));
	CHECK(rb_wake_end(v, &round));
	CHECK(v->info->wake_position == 5 && v->info->wake_cursor == 3);
	rb_cursor(v, 0)->cursor = 3;
	rb_wake_begin(v, &round);
	CHECK(!rb_wake_one(v, &round, &a) && rb_wake_one(v, &round, &b) && !b);
	CHECK(rb_wake_end(v, &round));
	CHECK(v->info->wake_position == 5 && v->info->wake_cursor == RINGBUF_WAKE_NONE);
	ring_free(&ring);
}

static void ready(void)
{
	struct rb_writer w;
	struct rb_ready got;

	begin(3, 0);
	rb_attach_reader(v, 0, 0, &blocking);
	add_writer(&w, 1);
	rb_reader_ready(v, 0, 1, &got);
	CHECK(!got.count && got.waiter == rb_waiter_word(0, RB_WAIT_POSITION));
	CHECK(ring_write(&ring, &w, 1, 1) == RB_RESERVED);
	rb_reader_ready(v, 0, 2, &got);
	CHECK(got.count == 1 && got.waiter == rb_waiter_word(1, RB_WAIT_POSITION));
	rb_writer_ready(v, 3, &got);
	CHECK(got.count == 2 && got.waiter == rb_waiter_word(1, RB_WAIT_CURSOR));
	rb_writer_ready(v, 2, &got);
	CHECK(got.count == 2 && !got.waiter);
	ring_free(&ring);
}

/* ---- bounds ------------------------------------------------------------------------ */

static bool moving;

static void *moves_generation(void *arg)
{
	(void)arg;
	while (READ_ONCE(moving))
		smp_store_release(&v->info->generation, v->info->generation + 1);
	return NULL;
}

/* Readers that attach faster than the writer scans the rows block it, but it does not loop. */
static void gate_ends_while_readers_attach(void)
{
	pthread_t thread;
	u32 row, blocked = 0;

	CHECK(!ring_new(&ring, 4, 0, 1024, 1));
	for (row = 0; row < 1024; row++)
		rb_attach_reader(v, row, 0, &blocking);
	WRITE_ONCE(moving, true);
	CHECK(!pthread_create(&thread, NULL, moves_generation, NULL));
	while (!blocked) {
		u64 allowance = rb_gate_raise(v, 1, 4);

		CHECK(allowance == 0 || allowance == 4);
		blocked += !allowance;
	}
	WRITE_ONCE(moving, false);
	pthread_join(thread, NULL);
	CHECK(rb_gate_raise(v, 1, 4) == 4);
	ring_free(&ring);
}

#define CROWD 16

/* Many waiters; each time that a round looks at one, another message is committed. */
struct crowd {
	u64 word[CROWD];
	u64 done;
	u32 looks;
	u32 kicks;
};

static u64 *crowd_word(void *host, u32 pass, u32 i)
{
	struct crowd *c = host;

	CHECK(pass < 2);
	c->looks++;
	if (c->done < CROWD) {
		v->desc[c->done].state = rb_state(c->done, RINGBUF_COMMITTED);
		c->done++;
	}
	/* The waiter with the lowest target comes last. */
	return &c->word[CROWD - 1 - i];
}

static void crowd_kick(void *host, u32 i)
{
	(void)i;
	((struct crowd *)host)->kicks++;
}

/* Commits during the round must not make it look at a waiter a third time. */
static void wake_round_looks_twice(void)
{
	struct crowd c = { .done = 0 };
	const struct rb_seats seats = { CROWD, crowd_word, crowd_kick, &c };
	struct rb_round round;
	u64 i;

	begin(CROWD, RINGBUF_CREATE_EXCLUSIVE);
	for (i = 0; i < CROWD; i++)
		rb_arm(v, &c.word[i], rb_waiter_word(i, RB_WAIT_POSITION));
	rb_wake_round(v, &round, &seats);
	CHECK(c.looks == 2 * CROWD);
	CHECK(c.kicks == CROWD);
	ring_free(&ring);
}

static void waiter_words(void)
{
	CHECK(!rb_waiter_valid(0));
	CHECK(!rb_waiter_valid(rb_waiter_word(7, RB_WAIT_KIND)));
	CHECK(rb_waiter_valid(rb_waiter_word(0, RB_WAIT_POSITION)));
	CHECK(rb_waiter_valid(rb_waiter_word(~0ULL, RB_WAIT_CURSOR)));
}

/* The info page says that the tables are outside of their regions. */
static void tables_outside(void)
{
	const struct ringbuf_info_page *i;
	struct rb_layout *l = &ring.layout;
	const u32 bad[][4] = {
		{ 248, 16, 64, 64 },
		{ 256, 8, 64, 64 },
		{ 256, 20, 64, 64 },
		{ 260, 16, 64, 64 },
		{ 256, 16, 56, 64 },
		{ 256, 16, 64, 56 },
		{ 256, 16, 64, 68 },
		{ 4096 - 4 * 16 + 8, 16, 64, 64 },
		{ 256, (4096 - 256) / 4 + 8, 64, 64 },
		{ 256, 16, 4096 - 4 * 64 + 8, 64 },
		{ 256, ~7U, 64, 64 },
		{ ~7U, 16, 64, 64 },
		{ ~7U, ~7U, 64, 64 },
		{ 256, 16, ~7U, ~7U },
		{ 0, 0, 0, 0 },
	};
	struct rb_view was;
	u32 k;

	begin(3, 0);
	i = v->info;
	CHECK(i->row_offset == 256 && i->row_stride == sizeof(struct ringbuf_row));
	CHECK(i->writer_offset == 64 && i->writer_stride == 64);
	was = *v;
	CHECK(!rb_view_tables(v, l));
	CHECK(!memcmp(v, &was, sizeof(was)));
	for (k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
		v->info->row_offset = bad[k][0];
		v->info->row_stride = bad[k][1];
		v->info->writer_offset = bad[k][2];
		v->info->writer_stride = bad[k][3];
		CHECK(rb_view_tables(v, l) == -EPROTO);
		CHECK(!memcmp(v, &was, sizeof(was)));
	}
	ring_free(&ring);
}

/*
 * The tables of a later version have longer entries, the last of which ends at its region's end.
 */
static void tables_grown(void)
{
	struct rb_writer w[2];
	struct rb_reader r;
	bool wake;
	u32 row;

	begin(3, 0);
	v->info->row_offset = 4096 - 4 * 48;
	v->info->row_stride = 48;
	v->info->writer_offset = 4096 - 4 * 128;
	v->info->writer_stride = 128;
	CHECK(!rb_view_tables(v, &ring.layout));
	add_writer(&w[0], 1);
	add_writer(&w[1], 4);
	rb_attach_reader(v, 3, 0, &blocking);
	rb_reader_init(v, &r, 3);
	CHECK(((struct ringbuf_row *)((char *)v->info + 4096 - 48))->flags & RINGBUF_ROW_GATING);
	CHECK(ring_write(&ring, &w[0], 2, 2) == RB_RESERVED);
	CHECK(ring_write(&ring, &w[1], 1, 1) == RB_RESERVED);
	CHECK(((struct ringbuf_writer_row *)((char *)v->head + 4096 - 128))->allowance == 3);
	CHECK(ring_write(&ring, &w[1], 1, 1) == RB_BLOCKED_BY_READER);
	CHECK(rb_gate_min(v, &row) == 0 && row == 3);
	CHECK(rb_peek(v, &r, 3, &wake) == 3);
	CHECK(rb_release(v, &r, 3, &wake));
	CHECK(ring_write(&ring, &w[1], 1, 1) == RB_RESERVED);
	ring_free(&ring);
}

static const struct tap_test tests[] = {
	{ "gate: the first forbidden position is right up to the end of u64", gate_end },
	{ "gate: the lowest cursor of the gating readers counts", gate_min },
	{ "gate: a full ring blocks a writer until a release", blocked_and_let_go },
	{ "gate: it is closed until enough readers are attached at one time",
	  gate_waits_for_readers },
	{ "gate: while it is closed, a round wakes no waiter for it",
	  round_leaves_waiters_at_a_closed_gate },
	{ "attach: a reader starts at the head, the oldest slot or a position", attach_positions },
	{ "holes are skipped and counted", holes },
	{ "repair: all unfinished slots become holes, and a second repair finds none", repairs },
	{ "repair: no claim word names a forgotten writer", forgotten_writer_is_named_nowhere },
	{ "repair: a commit that comes too late fails", late_commit_fails },
	{ "shared: maps and write(2) can reserve as one writer", two_of_one_id },
	{ "exclusive: a successor continues after the committed slots", exclusive_successor },
	{ "a reader that was moved knows how many messages it lost", moved },
	{ "the stream ends when all writers have ended", stream_end },
	{ "a round wakes the waiters that were reached, and restores the wake words", wake_words },
	{ "readers and writers are told what is ready, or what to wait for", ready },
	{ "a pass of the gate ends while readers attach", gate_ends_while_readers_attach },
	{ "a wake round looks at each waiter twice", wake_round_looks_twice },
	{ "waiter words name a kind", waiter_words },
	{ "tables outside of their regions are refused", tables_outside },
	{ "tables of a later version are used", tables_grown },
};

int main(void)
{
	return TAP_ALL(tests);
}
