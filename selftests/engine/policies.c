// SPDX-License-Identifier: GPL-2.0
/* The engine's rules of policies, one thread: when they apply, skipped readers, lossy readers. */
#include "ring.h"
#include "tap.h"

#define EVICT	RINGBUF_POLICY_EVICT
#define SKIP	RINGBUF_POLICY_SKIP
#define LOSSY	RINGBUF_POLICY_LOSSY
#define AT_STOP RINGBUF_POLICY_AT_STOP
#define MS	1000000ULL
#define SECOND	(1000 * MS)

static struct ring ring;
static struct rb_view *const v = &ring.view;
static const struct rb_policy lossy = { .kind = LOSSY };

static void begin(u64 slots, u32 flags)
{
	CHECK(!ring_new(&ring, slots, flags, 4, flags & RINGBUF_CREATE_EXCLUSIVE ? 1 : 4));
}

/* The same, but the next position to be reserved is @base, and the lap before is committed. */
static void begin_at(u64 slots, u32 flags, u64 base)
{
	u64 pos;

	begin(slots, flags);
	for (pos = base > slots ? base - slots : 0; pos < base; pos++) {
		v->desc[rb_index(v, pos)].state = rb_state(pos, RINGBUF_COMMITTED);
		v->claim[rb_index(v, pos)] = flags ? 0 : rb_claim(pos, 4, 1);
	}
	v->head->head = base;
	v->info->allowance = base;
}

static void add_writer(struct rb_writer *w)
{
	rb_attach_writer(v, 1);
	rb_writer_init(v, w, 1);
}

static u64 add_reader(struct rb_reader *r, u64 want, const struct rb_policy *policy)
{
	u64 start = rb_attach_reader(v, 0, want, policy);

	rb_reader_init(v, r, 0);
	return start;
}

static void write_many(struct rb_writer *w, u64 count)
{
	while (count--)
		CHECK(ring_write(&ring, w, 1, 1) == RB_RESERVED);
}

/* Release all that can be read; returns how many. */
static u64 read_all(struct rb_reader *r)
{
	bool wake;
	u64 n = 0;

	while (rb_peek(v, r, 1, &wake) > 0)
		n += rb_release(v, r, 1, &wake);
	return n;
}

/* ---- which policies there are ------------------------------------------------------------- */

static void policies_valid(void)
{
	static const struct {
		struct rb_policy policy;
		bool valid;
	} cases[] = {
		{ { .kind = RINGBUF_POLICY_BLOCK }, true },
		{ { .kind = RINGBUF_POLICY_BLOCK, .timeout = MS }, false },
		{ { .kind = RINGBUF_POLICY_BLOCK, .lag = 1 }, false },
		{ { .kind = RINGBUF_POLICY_BLOCK | AT_STOP }, false },
		{ { .kind = LOSSY }, true },
		{ { .kind = LOSSY, .timeout = MS }, false },
		{ { .kind = LOSSY, .lag = 1 }, false },
		{ { .kind = LOSSY | AT_STOP }, false },
		{ { .kind = LOSSY + 1 }, false },
		{ { .kind = RINGBUF_POLICY_KIND }, false },
		{ { .kind = SKIP }, true },
		{ { .kind = SKIP | AT_STOP, .timeout = ~0ULL, .lag = 4 }, true },
		{ { .kind = EVICT, .timeout = RINGBUF_MIN_POLICY_TIMEOUT }, true },
		{ { .kind = EVICT, .timeout = RINGBUF_MIN_POLICY_TIMEOUT - 1 }, false },
		{ { .kind = EVICT, .timeout = 1 }, false },
		{ { .kind = EVICT, .lag = 5 }, false },
		{ { .kind = EVICT, .lag = ~0ULL }, false },
		{ { .kind = EVICT | AT_STOP << 1 }, false },
		{ { .kind = EVICT | 1U << 31 }, false },
	};
	u32 i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK(rb_policy_valid(&cases[i].policy, 4) == cases[i].valid);
}

/* No reader holds up writers for longer than the ring's policy lets it. */
static void ring_policy_limits_readers(void)
{
	static const struct {
		struct rb_policy ring, reader;
		bool allowed;
	} cases[] = {
		{ { .kind = RINGBUF_POLICY_BLOCK }, { .kind = RINGBUF_POLICY_BLOCK }, true },
		{ { .kind = RINGBUF_POLICY_BLOCK }, { .kind = EVICT, .lag = 1 }, true },
		{ { .kind = RINGBUF_POLICY_BLOCK }, { .kind = LOSSY }, true },
		{ { .kind = LOSSY }, { .kind = LOSSY }, true },
		{ { .kind = LOSSY }, { .kind = SKIP }, false },
		{ { .kind = LOSSY }, { .kind = RINGBUF_POLICY_BLOCK }, false },
		{ { .kind = SKIP, .timeout = MS }, { .kind = LOSSY }, true },
		{ { .kind = SKIP, .timeout = MS }, { .kind = RINGBUF_POLICY_BLOCK }, false },
		{ { .kind = SKIP, .timeout = MS }, { .kind = EVICT, .timeout = MS }, true },
		{ { .kind = EVICT, .timeout = MS }, { .kind = SKIP, .timeout = MS + 1 }, false },
		{ { .kind = EVICT, .timeout = MS }, { .kind = SKIP }, true },
		{ { .kind = EVICT, .lag = 2 }, { .kind = SKIP, .lag = 2 }, true },
		{ { .kind = EVICT, .lag = 2 }, { .kind = SKIP, .lag = 3 }, false },
		{ { .kind = EVICT, .lag = 2 }, { .kind = SKIP }, false },
		{ { .kind = EVICT }, { .kind = SKIP, .lag = 3 }, true },
		{ { .kind = EVICT | AT_STOP }, { .kind = EVICT }, false },
		{ { .kind = EVICT | AT_STOP }, { .kind = SKIP | AT_STOP }, true },
		{ { .kind = EVICT }, { .kind = EVICT | AT_STOP }, true },
	};
	u32 i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK(rb_policy_allows(&cases[i].ring, &cases[i].reader) == cases[i].allowed);
}

/* ---- when a policy applies ---------------------------------------------------------------- */

/* A full ring of two, and a reader at its first slot, which skips after a second. */
static struct rb_policy held_up(u32 flags, struct rb_hold *hold)
{
	static const struct rb_policy policy = { .kind = SKIP, .timeout = SECOND };
	struct rb_reader r;
	struct rb_writer w;

	begin(2, flags);
	add_reader(&r, 0, &policy);
	add_writer(&w);
	write_many(&w, 2);
	CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
	memset(hold, 0, sizeof(*hold));
	return policy;
}

static void clock_of_a_reader_that_stands(void)
{
	struct rb_hold hold;
	struct rb_policy p;
	u32 flags;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++) {
		p = held_up(flags, &hold);
		CHECK(rb_policy_look(v, 0, &p, &hold, 2, 5) == RB_LOOK_FINE);
		CHECK(rb_policy_look(v, 0, &p, &hold, 3, 5) == RB_LOOK_HOLDS);
		CHECK(rb_policy_look(v, 0, &p, &hold, 3, 4 + SECOND) == RB_LOOK_HOLDS);
		CHECK(rb_policy_look(v, 0, &p, &hold, 3, 5 + SECOND) == RB_LOOK_DUE);
		p.kind = RINGBUF_POLICY_BLOCK;
		CHECK(rb_policy_look(v, 0, &p, &hold, 3, 9 * SECOND) == RB_LOOK_FINE);
		ring_free(&ring);
	}
}

static void clock_starts_again_after_a_step(void)
{
	struct rb_hold hold;
	struct rb_policy p = held_up(0, &hold);

	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 1) == RB_LOOK_HOLDS);
	rb_cursor(v, 0)->cursor = 1;
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, SECOND) == RB_LOOK_FINE);
	CHECK(rb_policy_look(v, 0, &p, &hold, 4, SECOND + 1) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 4, 2 * SECOND) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 4, 2 * SECOND + 1) == RB_LOOK_DUE);
	ring_free(&ring);
}

/* No writer has wanted a slot for a while: it does not count. */
static void clock_starts_again_after_a_pause(void)
{
	const u64 pause = SECOND + RB_HOLD_PAUSE;
	struct rb_hold hold;
	struct rb_policy p = held_up(0, &hold);

	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 1) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, pause + 2) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, pause + 1 + SECOND) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, pause + 2 + SECOND) == RB_LOOK_DUE);
	memset(&hold, 0, sizeof(hold));
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 1) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, pause + 1) == RB_LOOK_DUE);
	ring_free(&ring);
}

static void no_time_is_over_at_once(void)
{
	struct rb_hold hold;
	struct rb_policy p = held_up(0, &hold);

	p.timeout = 0;
	CHECK(rb_policy_look(v, 0, &p, &hold, 2, 0) == RB_LOOK_FINE);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 0) == RB_LOOK_DUE);
	rb_skip_reader(v, 0, &hold);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 0) == RB_LOOK_FINE);
	ring_free(&ring);
}

/* It waits itself for a writer that has claimed its slot, or for one whose hole it has passed. */
static void reader_that_waits_holds_nobody_up(void)
{
	const struct rb_policy p = { .kind = EVICT, .timeout = MS };
	struct rb_hold hold = { 0 };
	struct rb_writer w, other;
	struct rb_reader r;
	bool wake;
	u64 i;

	begin(2, 0);
	add_reader(&r, 0, &p);
	add_writer(&w);
	rb_attach_writer(v, 2);
	rb_writer_init(v, &other, 2);
	CHECK(rb_reserve(v, &w, 1) == RB_RESERVED);
	CHECK(ring_write(&ring, &other, 1, 1) == RB_RESERVED);
	for (i = 0; i < 3; i++)
		CHECK(rb_policy_look(v, 0, &p, &hold, 3, i * 9 * SECOND) == RB_LOOK_FINE);
	/* Its slot becomes a hole: it could take the next step. */
	CHECK(rb_publish(v, &w, 0, &wake));
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 40 * SECOND) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 40 * SECOND + MS) == RB_LOOK_DUE);
	ring_free(&ring);
}

/* A lag applies at once, also to a reader that waits; it keeps the writer from the slots. */
static void lag_applies_at_once(void)
{
	struct rb_policy p = { .kind = SKIP, .timeout = SECOND };
	u64 slots, lag;

	for (slots = 1; slots <= 3; slots++)
		for (lag = 1; lag <= slots; lag++) {
			struct rb_hold hold = { 0 };
			struct rb_writer w;
			struct rb_reader r;

			begin(slots, 0);
			p.lag = lag;
			add_reader(&r, 0, &p);
			add_writer(&w);
			write_many(&w, lag);
			CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
			CHECK(rb_policy_look(v, 0, &p, &hold, lag, 1) == RB_LOOK_FINE);
			CHECK(rb_policy_look(v, 0, &p, &hold, lag + 1, 1) ==
			      (lag < slots ? RB_LOOK_DUE : RB_LOOK_HOLDS));
			v->desc[0].state = 0;
			CHECK(rb_policy_look(v, 0, &p, &hold, lag + 1, 1) ==
			      (lag < slots ? RB_LOOK_DUE : RB_LOOK_FINE));
			ring_free(&ring);
		}
}

/* ---- a skipped reader --------------------------------------------------------------------- */

/* A skipped reader gates nobody; it loses what was overwritten, and then gates again. */
static void skipped_reader(u64 slots, u32 flags, u64 base)
{
	static const struct rb_policy p = { .kind = SKIP };
	struct rb_hold hold = { 0 };
	struct rb_writer w;
	struct rb_reader r;
	bool wake;

	begin_at(slots, flags, base);
	CHECK(add_reader(&r, ~0ULL, &p) == base);
	add_writer(&w);
	write_many(&w, slots);
	CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
	CHECK(rb_peek(v, &r, 1, &wake) == 1);
	rb_skip_reader(v, 0, &hold);
	CHECK(!rb_reader_holds(v, &r, 1));
	CHECK(!rb_release(v, &r, 1, &wake));
	CHECK(rb_peek(v, &r, 1, &wake) == -ESTALE);
	write_many(&w, 3 * slots + 1);
	CHECK(rb_peek(v, &r, 1, &wake) == -ESTALE && r.pos == base);
	rb_continue_reader(v, 0, &hold);
	CHECK(hold.resumed == base + 3 * slots + 1);
	CHECK(ring_write(&ring, &w, 1, 1) == RB_BLOCKED_BY_READER);
	CHECK(read_all(&r) == slots);
	CHECK(r.pos == base + 4 * slots + 1 && r.lost == 3 * slots + 1 && !r.holes);
	write_many(&w, slots);
	CHECK(read_all(&r) == slots);
	ring_free(&ring);
}

/* It continues behind what it has read, where it asks, and at most at head. */
static void skipped_reader_continues_where_it_may(void)
{
	static const struct {
		u64 read, want, start;
	} cases[] = { { 0, 0, 0 }, { 2, 0, 2 }, { 0, 1, 1 },
		      { 2, 1, 2 }, { 0, 3, 3 }, { 1, ~0ULL, 3 } };
	static const struct rb_policy p = { .kind = SKIP };
	u32 i, flags;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++)
		for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			struct rb_hold hold = { 0 };
			struct rb_writer w;
			struct rb_reader r;
			bool wake;
			u64 n;

			begin(3, flags);
			add_reader(&r, 0, &p);
			add_writer(&w);
			write_many(&w, 3);
			for (n = 0; n < cases[i].read; n++)
				CHECK(rb_peek(v, &r, 1, &wake) && rb_release(v, &r, 1, &wake));
			rb_skip_reader(v, 0, &hold);
			rb_sync_reader(v, 0, &hold, cases[i].want);
			rb_continue_reader(v, 0, &hold);
			CHECK(hold.resumed == cases[i].start);
			CHECK(rb_row(v, 0)->floor == cases[i].start);
			CHECK(read_all(&r) == 3 - cases[i].start);
			CHECK(r.lost == cases[i].start - cases[i].read);
			ring_free(&ring);
		}
}

static void skipped_readers(void)
{
	static const u64 base[] = { 0, (1ULL << RB_CLAIM_POS_BITS) - 2, (1ULL << 61) - 2 };
	u64 slots;
	u32 i, flags;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++)
		for (slots = 1; slots <= 3; slots++)
			for (i = 0; i < sizeof(base) / sizeof(*base); i++)
				skipped_reader(slots, flags, base[i]);
}

/* The host was killed in the middle of a skip: a later look skips once more, or it continues. */
static void half_a_skip(void)
{
	struct rb_hold hold;
	struct rb_policy p = held_up(0, &hold);

	rb_row(v, 0)->floor = RINGBUF_FLOOR_SKIPPED; /* and the flags are as before */
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 1) == RB_LOOK_HOLDS);
	CHECK(rb_policy_look(v, 0, &p, &hold, 3, 1 + SECOND) == RB_LOOK_DUE);
	rb_continue_reader(v, 0, &hold);
	CHECK(hold.resumed == 0 && rb_row(v, 0)->flags & RINGBUF_ROW_GATING);
	CHECK(rb_row(v, 0)->floor == 0);
	ring_free(&ring);
}

/* A reader that is skipped again and again leaves out more, never more than half of the ring. */
static void skip_margin_grows_to_half(void)
{
	static const struct rb_policy p = { .kind = SKIP };
	u64 slots, i;

	for (slots = 1; slots <= 9; slots++) {
		struct rb_hold hold = { 0 };
		u64 before = 0;
		struct rb_reader r;
		struct rb_writer w;

		begin(slots, 0);
		add_reader(&r, 0, &p);
		add_writer(&w);
		for (i = 0; i < 9; i++) {
			write_many(&w, slots - (rb_head(v) - rb_row_cursor(v, 0)));
			rb_skip_reader(v, 0, &hold);
			CHECK(hold.skips == i + 1);
			CHECK(hold.margin >= before && hold.margin <= slots / 2);
			before = hold.margin;
			write_many(&w, 1);
			rb_continue_reader(v, 0, &hold);
			CHECK(hold.resumed == rb_head(v) - slots + hold.margin);
		}
		CHECK(before == slots / 2);
		CHECK(read_all(&r) == slots - slots / 2);
		rb_skip_reader(v, 0, &hold);
		CHECK(hold.margin == 0);
		ring_free(&ring);
	}
}

/* ---- a lossy reader ----------------------------------------------------------------------- */

static void lossy_reader(u64 slots, u32 flags, u64 base)
{
	struct rb_writer w;
	struct rb_reader r;
	bool wake;

	begin_at(slots, flags, base);
	CHECK(add_reader(&r, ~0ULL, &lossy) == base);
	add_writer(&w);
	CHECK(rb_peek(v, &r, 1, &wake) == 0);
	write_many(&w, slots);
	CHECK(rb_peek(v, &r, 64, &wake) == (int)slots);
	CHECK(rb_release(v, &r, (u32)slots, &wake) && !wake && !r.lost);
	write_many(&w, slots);
	CHECK(rb_peek(v, &r, 1, &wake) == 1);
	/* A reservation is enough, since it may be filled. */
	CHECK(rb_reserve(v, &w, 1) == RB_RESERVED);
	CHECK(!rb_reader_holds(v, &r, 1));
	CHECK(!rb_release(v, &r, 1, &wake) && !wake);
	CHECK(r.lost == 1 && r.pos == base + slots + 1);
	CHECK(rb_peek(v, &r, 64, &wake) == (int)slots - 1);
	rb_publish(v, &w, 1, &wake);
	CHECK(read_all(&r) == slots);
	write_many(&w, 5 * slots + 1);
	CHECK(read_all(&r) == slots);
	CHECK(r.pos == base + 7 * slots + 2 && r.lost == 4 * slots + 2 && !r.holes);
	CHECK(rb_cursor(v, 0)->cursor == r.pos && rb_cursor(v, 0)->lost == r.lost);
	ring_free(&ring);
}

static void lossy_readers(void)
{
	static const u64 base[] = { 0, 1, (1ULL << RB_CLAIM_POS_BITS) - 2, (1ULL << 61) - 2 };
	u64 slots;
	u32 i, flags;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++)
		for (slots = 1; slots <= 3; slots++)
			for (i = 0; i < sizeof(base) / sizeof(*base); i++)
				lossy_reader(slots, flags, base[i]);
}

/* The last message is reserved again, and then given back: no head tells of that. */
static void lossy_reader_leaves_a_slot_that_is_given_back(void)
{
	u64 slots;

	for (slots = 1; slots <= 3; slots++) {
		struct rb_writer w;
		struct rb_reader r;
		bool wake;

		begin(slots, RINGBUF_CREATE_EXCLUSIVE);
		add_reader(&r, 0, &lossy);
		add_writer(&w);
		write_many(&w, slots);
		CHECK(ring_write(&ring, &w, (u32)slots, 0) == RB_RESERVED);
		rb_end_writer(v, 1, false);
		CHECK(rb_ended(v));
		CHECK(rb_peek(v, &r, 1, &wake) == 0);
		CHECK(r.pos == slots && r.lost == slots);
		ring_free(&ring);
	}
}

/* What a lossy reader waits for was committed, and is being overwritten: it must not sleep. */
static void wait_for_a_slot_that_is_reserved_again_is_over(void)
{
	u64 slots, pos;

	for (slots = 1; slots <= 3; slots++) {
		struct rb_writer w;
		struct rb_ready ready;
		struct rb_reader r;

		begin(slots, RINGBUF_CREATE_EXCLUSIVE);
		add_reader(&r, 0, &lossy);
		add_writer(&w);
		CHECK(!rb_reached(v, rb_waiter_word(0, RB_WAIT_POSITION)));
		write_many(&w, slots);
		CHECK(rb_reserve(v, &w, (u32)slots) == RB_RESERVED);
		for (pos = 0; pos < slots; pos++)
			CHECK(rb_reached(v, rb_waiter_word(pos, RB_WAIT_POSITION)));
		CHECK(!rb_reached(v, rb_waiter_word(slots, RB_WAIT_POSITION)));
		rb_reader_ready(v, 0, 1, &ready);
		CHECK(ready.count == 1 && !ready.waiter);
		ring_free(&ring);
	}
}

/* A lossy reader that never keeps a slot leaves out more, never more than half of the ring. */
static void lossy_margin_grows_to_half(void)
{
	u64 slots, i;

	for (slots = 1; slots <= 9; slots++) {
		struct rb_writer w;
		struct rb_reader r;
		u64 before = 0;
		bool wake;

		begin(slots, 0);
		add_reader(&r, 0, &lossy);
		add_writer(&w);
		write_many(&w, slots);
		for (i = 0; i < 9; i++) {
			write_many(&w, slots + 1);
			CHECK(rb_peek(v, &r, 1, &wake) == 1);
			CHECK(r.margin >= before && r.margin <= slots / 2);
			CHECK(r.pos == rb_head(v) - slots + r.margin);
			before = r.margin;
		}
		CHECK(before == slots / 2);
		CHECK(rb_release(v, &r, 1, &wake));
		write_many(&w, slots + 1);
		CHECK(rb_peek(v, &r, 1, &wake) == 1 && r.margin == 0);
		ring_free(&ring);
	}
}

/* A lossy reader is moved by the host as any other. */
static void lossy_reader_is_moved_and_evicted(void)
{
	struct rb_writer w;
	struct rb_reader r;
	bool wake;

	begin(3, 0);
	add_reader(&r, 0, &lossy);
	add_writer(&w);
	write_many(&w, 3);
	CHECK(rb_peek(v, &r, 3, &wake) == 3);
	rb_move_reader(v, 0, 2);
	CHECK(!rb_release(v, &r, 1, &wake) && !wake);
	CHECK(r.pos == 2 && r.lost == 2);
	CHECK(read_all(&r) == 1);
	rb_evict_reader(v, 0);
	CHECK(rb_peek(v, &r, 1, &wake) == -EIDRM);
	ring_free(&ring);
}

/* ---- hostile words ------------------------------------------------------------------------ */

/* Whatever the words say, each call returns and stays in the ring. */
/*
 * A later message lies in the slot, and nothing tells that it was claimed: a reader that waited
 * for its own would not sleep, since the slot is finished, and not read either.
 */
static void later_message_without_a_claim(void)
{
	struct rb_reader r;
	u32 flags;
	bool wake;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++) {
		begin(4, flags);
		add_reader(&r, 0, &lossy);
		CHECK(rb_peek(v, &r, 1, &wake) == 0);
		v->desc[0].state = rb_state(4, RINGBUF_COMMITTED);
		CHECK(rb_peek(v, &r, 1, &wake) == -EPROTO);
		CHECK(r.pos == 0);
		ring_free(&ring);
	}
}

static void hostile_words_and_a_lossy_reader(void)
{
	static const u64 words[] = { 0, 1, 2, 3, 1ULL << 50, (1ULL << 62) - 1, ~0ULL - 2, ~0ULL };
	const u32 n = sizeof(words) / sizeof(*words);
	u32 flags, i, k, m;
	u64 slots;

	for (i = 0; i < 2 * 3 * n * n * n * 3; i++) {
		struct rb_ready ready;
		struct rb_reader r;
		bool wake;
		int got;

		flags = i % 2;
		slots = 1 + i / 2 % 3;
		k = i / 6 % n;
		m = i / 6 / n % n;
		begin(slots, flags);
		v->head->head = words[i / 6 / n / n % n];
		v->desc[0].state = rb_state(words[k], i / 6 / n / n / n);
		v->claim[0] = rb_claim(words[k], 1, 64);
		add_reader(&r, 0, &lossy);
		rb_cursor(v, 0)->cursor = words[m];
		rb_reader_init(v, &r, 0);
		got = rb_peek(v, &r, 64, &wake);
		CHECK(got <= (int)slots && r.index < slots);
		CHECK(r.index == r.pos % slots);
		if (got > 0)
			rb_release(v, &r, (u32)got, &wake);
		CHECK(r.index < slots);
		rb_reader_ready(v, 0, (u32)slots, &ready);
		CHECK(ready.count <= slots);
		ring_free(&ring);
	}
}

/* The same for a reader that is skipped: its cursor is its own word, the floor is not. */
static void hostile_cursor_of_a_skipped_reader(void)
{
	static const u64 cursors[] = { 0, 3, 5, 6, 1ULL << 62, ~0ULL - 1, ~0ULL };
	static const struct rb_policy p = { .kind = SKIP, .lag = 1 };
	u32 i, flags;

	for (flags = 0; flags <= RINGBUF_CREATE_EXCLUSIVE; flags++)
		for (i = 0; i < sizeof(cursors) / sizeof(*cursors); i++) {
			struct rb_hold hold = { 0 };
			struct rb_writer w;
			struct rb_reader r;

			begin(3, flags);
			add_writer(&w);
			write_many(&w, 5);
			add_reader(&r, 2, &p);
			rb_cursor(v, 0)->cursor = cursors[i];
			rb_policy_look(v, 0, &p, &hold, 6, 1);
			rb_skip_reader(v, 0, &hold);
			rb_sync_reader(v, 0, &hold, ~0ULL);
			rb_continue_reader(v, 0, &hold);
			CHECK(rb_row(v, 0)->floor == 5 && hold.resumed == 5);
			ring_free(&ring);
		}
}

static const struct tap_test tests[] = {
	{ "which policies are valid", policies_valid },
	{ "a ring's policy limits those of its readers", ring_policy_limits_readers },
	{ "clock: a reader that stands", clock_of_a_reader_that_stands },
	{ "clock: starts again after a step", clock_starts_again_after_a_step },
	{ "clock: starts again after a pause of the writers", clock_starts_again_after_a_pause },
	{ "clock: no time is over at once", no_time_is_over_at_once },
	{ "a reader that waits for a writer holds nobody up", reader_that_waits_holds_nobody_up },
	{ "a lag applies at once", lag_applies_at_once },
	{ "skip: at any position, told how far", skipped_readers },
	{ "skip: continues where it may", skipped_reader_continues_where_it_may },
	{ "skip: half of one is done once more, or taken back", half_a_skip },
	{ "skip: the margin grows to half of the ring", skip_margin_grows_to_half },
	{ "lossy: at any position, told what it has lost", lossy_readers },
	{ "lossy: leaves a slot that is given back",
	  lossy_reader_leaves_a_slot_that_is_given_back },
	{ "lossy: a wait for a slot that is reserved again is over",
	  wait_for_a_slot_that_is_reserved_again_is_over },
	{ "lossy: the margin grows to half of the ring", lossy_margin_grows_to_half },
	{ "lossy: is moved and evicted", lossy_reader_is_moved_and_evicted },
	{ "lossy: a later message that no writer has claimed makes no sense",
	  later_message_without_a_claim },
	{ "hostile words and a lossy reader", hostile_words_and_a_lossy_reader },
	{ "hostile cursor of a skipped reader", hostile_cursor_of_a_skipped_reader },
};

int main(void)
{
	return TAP_ALL(tests);
}
