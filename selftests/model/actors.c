// SPDX-License-Identifier: GPL-2.0
/* What the tasks do: writers, readers and the host, over the real engine. */
#include <stdarg.h>

#include "model.h"

#include "engine/hold.h"
#include "engine/host.h"
#include "engine/ready.h"

/* Mistakes that a host could make; mutants.sh makes them. */
#ifdef MODEL_NO_WAKE_AT_ATTACH
#define NO_WAKE_AT_ATTACH true
#else
#define NO_WAKE_AT_ATTACH false
#endif
#ifdef MODEL_NO_WAKE_AT_REPAIR
#define NO_WAKE_AT_REPAIR true
#else
#define NO_WAKE_AT_REPAIR false
#endif
#ifdef MODEL_NO_LAST_LOOK
#define NO_LAST_LOOK true
#else
#define NO_LAST_LOOK false
#endif
#ifdef MODEL_NO_LOOK_AFTER_ARMING
#define NO_LOOK_AFTER_ARMING true
#else
#define NO_LOOK_AFTER_ARMING false
#endif

const struct config *config;

static struct rb_view view;

/**
 * struct actor - private state of a task, all of it
 * @w: writer
 * @r: reader
 * @step: in the script
 * @messages: read so far
 * @passed: r.lost + r.holes when they were looked at last
 * @lost: r.lost then
 * @last: looking once more, after the end
 * @end: of the stream, when it was seen
 * @n: slots that it sees, while it wakes others
 * @caller: of host_wake()
 * @waiter: what it waits for
 * @round: of waking
 */
struct actor {
	struct rb_writer w;
	struct rb_reader r;
	u32 step;
	u32 messages;
	u64 passed;
	u64 lost;
	u32 last;
	u32 end;
	u32 n;
	u32 caller;
	u64 waiter;
	struct rb_round round;
};

/* All that matters from here on is @actor and @extra. */
#define AT(t, a, extra) model_at(t, (u64)__LINE__ << 32 | (u64)(extra), a, sizeof(*(a)))

#define PLAIN_LOAD(x)	  READ_ONCE(x)
#define PLAIN_STORE(x, v) WRITE_ONCE(x, v)

/* ---- the host ------------------------------------------------------------------------- */

static void host_lock(struct task *t)
{
	t->s.guard++;
	(void)MODEL_OP(OP_LOCK, OP_FULL, &arena.lock, 1, 0);
}

static void host_unlock(struct task *t)
{
	smp_store_release(&arena.lock, 0);
	t->s.guard--;
}

static void kick(struct seat *p)
{
	(void)MODEL_OP(OP_KICK, OP_FULL, &p->woken, 1, 0);
}

/* The task that makes a round. */
struct waker {
	struct task *t;
	struct actor *a;
};

static u64 *wake_word(void *waker, u32 pass, u32 i)
{
	struct waker *w = waker;

	AT(w->t, w->a, pass << 8 | i);
	return tasks[i].spec->role >= ROLE_SYNC ? NULL : &arena.seat[i].waiter;
}

static void wake_kick(void *waker, u32 i)
{
	(void)waker;
	kick(&arena.seat[i]);
}

/* The wake call of a host: as the embedded one does it, who can be killed in it. */
static void host_wake(struct task *t, struct actor *a, u32 caller)
{
	struct waker waker = { t, a };
	const struct rb_seats seats = { task_count, wake_word, wake_kick, &waker };

	a->caller = caller;
	AT(t, a, 0);
	rb_wake_round(&view, &a->round, &seats);
	memset(&a->round, 0, sizeof(a->round));
	a->caller = 0;
}

static void wake_all(void)
{
	u32 i;

	if (config->spin)
		return;
	smp_mb();
	for (i = 0; i < task_count; i++)
		if (tasks[i].spec->role < ROLE_SYNC)
			kick(&arena.seat[i]);
}

static bool wait_over(const struct task *t, u64 waiter)
{
	if (rb_reached(&view, waiter))
		return true;
	if (t->spec->role != ROLE_READER)
		return false;
	return rb_ended(&view) ||
	       READ_ONCE(rb_row(&view, t->id)->floor) > READ_ONCE(rb_cursor(&view, t->id)->cursor);
}

/* Arm, look again, sleep. Nothing ends the sleep but a wake-up. */
static void host_wait(struct task *t, struct actor *a, u64 waiter)
{
	struct seat *p = &arena.seat[t->index];

	if (config->spin) {
		(void)MODEL_OP(OP_SPIN, 0, &model_nowhere, waiter, 0);
		return;
	}
	a->waiter = waiter;
	AT(t, a, 0);
	(void)MODEL_OP(OP_SNAP, 0, &p->woken, 0, 0);
	AT(t, a, 0);
	rb_arm(&view, &p->waiter, waiter);
	AT(t, a, 0);
	if (NO_LOOK_AFTER_ARMING || !wait_over(t, waiter)) {
		AT(t, a, 0);
		(void)MODEL_OP(OP_SLEEP, OP_FULL, &p->woken, 0, 0);
	}
	AT(t, a, 0);
	rb_disarm(&p->waiter);
	a->waiter = 0;
}

/* In a configuration without sleep: whether the task at OP_SPIN would continue. */
bool actors_spin_over(const struct task *t)
{
	return wait_over(t, t->s.op.value);
}

/* ---- writers ---------------------------------------------------------------------------- */

static u64 payload_of(const struct task *t, u64 pos)
{
	return 64 * (t->index + 1) + pos;
}

static bool is_dead(u32 i)
{
	foot_read(STATUS_BIT(i));
	return tasks[i].s.status == TASK_DEAD;
}

/* Nobody else may have the positions that were just reserved. */
static void check_reserved(const struct task *t, const struct rb_writer *w)
{
	u64 pos;

	if (w->pos + w->count > MAX_POSITIONS)
		violation("position %llu was never to be reached", (unsigned long long)w->pos);
	for (pos = w->pos; pos < w->pos + w->count; pos++) {
		u32 owner = GHOST_GET(owner[pos]);
		bool mine = owner == t->index + 1 && config->exclusive;
		bool heir = owner && config->exclusive && is_dead(owner - 1);

		if (GHOST_GET(fate[pos]) || (owner && !mine && !heir))
			violation("%s reserved position %llu, which is %s's", t->name,
				  (unsigned long long)pos,
				  owner ? tasks[owner - 1].name : "nobody");
		GHOST_SET(owner[pos], t->index + 1);
	}
}

/* Skip the first reader, under the lock of the host. */
static void skip_first(void)
{
	struct rb_hold hold = { .skips = GHOST_GET(skips),
				.resumed = GHOST_GET(resumed),
				.margin = GHOST_GET(margin) };

	GHOST_SET(attached[0], 0);
	GHOST_SET(skips, hold.skips + 1);
	rb_skip_reader(&view, 0, &hold);
	GHOST_SET(margin, hold.margin);
	GHOST_SET(want, hold.want);
	wake_all();
}

static struct rb_policy policy_of(const struct actor_spec *spec)
{
	return (struct rb_policy){ .kind = spec->policy, .lag = spec->lag };
}

/* The reader in row 0, if it can be skipped. */
static const struct actor_spec *first_skippable(void)
{
	u32 i;

	for (i = 0; i < MAX_TASKS; i++)
		if (config->actor[i].policy == RINGBUF_POLICY_SKIP)
			return &config->actor[i];
	return NULL;
}

/*
 * Writers stop asking after so many skips.  Otherwise a writer that asks and a reader that
 * continues could take turns for ever, with a new generation each time.
 */
#define MAX_SKIPS 2

/* A reader blocks @count slots: ask the host to skip it.  Returns whether that has done so. */
static bool writer_asks(struct task *t, struct actor *a, u32 count)
{
	const struct actor_spec *spec = first_skippable();
	struct rb_hold hold = { 0 };
	struct rb_policy policy;
	bool due;

	if (!spec || GHOST_GET(skips) == MAX_SKIPS)
		return false;
	policy = policy_of(spec);
	AT(t, a, count);
	host_lock(t);
	due = rb_policy_look(&view, 0, &policy, &hold, rb_head(&view) + count, 0) == RB_LOOK_DUE;
	if (due)
		skip_first();
	host_unlock(t);
	return due;
}

static void writer_reserve(struct task *t, struct actor *a, u32 count)
{
	enum rb_reserved got;

	for (;;) {
		AT(t, a, count);
		got = rb_reserve(&view, &a->w, count);
		if (got == RB_RESERVED)
			break;
		if (got == RB_RETRY)
			continue;
		if (got == RB_BLOCKED_BY_READER && writer_asks(t, a, count))
			continue;
		AT(t, a, got << 8 | count);
		host_wait(t, a,
			  rb_waiter_word(a->w.blocked, got == RB_BLOCKED_BY_SLOT ? RB_WAIT_POSITION
										 : RB_WAIT_CURSOR));
	}
	check_reserved(t, &a->w);
}

static void writer_message(struct task *t, struct actor *a, u32 count, u32 commit)
{
	bool wake;
	u32 k;

	writer_reserve(t, a, count);
	for (k = 0; k < commit; k++) {
		AT(t, a, k);
		PLAIN_STORE(arena.payload[rb_index(&view, a->w.pos + k)],
			    payload_of(t, a->w.pos + k));
	}
	AT(t, a, commit);
	if (!rb_publish(&view, &a->w, commit, &wake))
		violation("%s: a slot was repaired under a living writer", t->name);
	if (wake)
		host_wake(t, a, 1);
}

static void writer_script(struct task *t, struct actor *a)
{
	const char *script = t->spec->script;

	for (; script && script[a->step]; a->step++) {
		switch (script[a->step]) {
		case 'd':
			writer_message(t, a, 1, 0);
			break;
		case 'p':
			writer_message(t, a, 2, 1);
			break;
		case 'h':
		case 'H':
			writer_reserve(t, a, script[a->step] == 'h' ? 1 : 2);
			task_end(t, TASK_HOLDS);
		default:
			writer_message(t, a, (u32)(script[a->step] - '0'),
				       (u32)(script[a->step] - '0'));
		}
	}
}

static void writer_end(struct task *t, u32 id, bool died)
{
	u64 end;

	rb_repair(&view, id, &end);
	rb_end_writer(&view, id, died);
	(void)t;
}

static void writer_attach(struct task *t, struct actor *a)
{
	host_lock(t);
	rb_attach_writer(&view, t->id);
	host_unlock(t);
	AT(t, a, 0);
	rb_writer_init(&view, &a->w, t->id);
}

static void writer_done(struct task *t)
{
	host_lock(t);
	writer_end(t, t->id, false);
	wake_all();
	host_unlock(t);
}

static void writer_body(struct task *t)
{
	struct actor actor = { 0 }, *a = &actor;

	AT(t, a, 0);
	if (t->spec->flags & LATE)
		writer_attach(t, a);
	else
		rb_writer_init(&view, &a->w, t->id);
	writer_script(t, a);
	AT(t, a, 0);
	if (!(t->spec->flags & STAYS))
		writer_done(t);
}

/* ---- readers ------------------------------------------------------------------------------ */

/* Whether a writer has been allowed to use the slot of @pos again. */
static bool has_gone(u64 pos)
{
	u64 max = view.info->allowance;
	u32 i;

	foot_read(ARENA_BIT(&view.info->allowance));
	for (i = 1; i <= view.max_writers; i++) {
		const struct ringbuf_writer_row *row = rb_writer_row(&view, i);

		foot_read(ARENA_BIT(&row->allowance));
		max = row->allowance > max ? row->allowance : max;
	}
	return max > pos + config->slots;
}

/* Whether the host has moved the reader @t since it began. */
static bool moved(const struct task *t)
{
	foot_read(ARENA_BIT(&rb_row(&view, t->id)->floor));
	return rb_row(&view, t->id)->floor > GHOST_GET(start[t->id]);
}

/* A lossy reader lost some of the positions from @pos to @end: the first of these had gone. */
static void check_lost(struct task *t, u64 pos, u64 end)
{
	while (pos < end && !has_gone(pos))
		pos++;
	if (pos == end)
		violation("%s lost position %llu and others, which are all there", t->name,
			  (unsigned long long)end - 1);
}

/* Positions up to r.pos were passed, and not by reading. */
static void check_passed(struct task *t, struct actor *a)
{
	u64 passed = a->r.lost + a->r.holes, pos;
	u32 next = GHOST_GET(next[t->id]), fate;

	if (a->r.lost != a->lost && a->r.lossy && !moved(t))
		check_lost(t, next, a->r.pos);
	a->lost = a->r.lost;
	if (a->r.pos - next != passed - a->passed)
		violation("%s went from %u to %llu and accounts for %llu", t->name, next,
			  (unsigned long long)a->r.pos, (unsigned long long)(passed - a->passed));
	for (pos = next; pos < a->r.pos && !a->r.lost; pos++) {
		fate = GHOST_GET(fate[pos]);
		if (fate == RINGBUF_COMMITTED || !fate)
			violation("%s skipped position %llu, which is no hole", t->name,
				  (unsigned long long)pos);
	}
	a->passed = passed;
	GHOST_SET(next[t->id], a->r.pos);
}

static void check_message(const struct task *t, u64 pos, u64 got)
{
	u32 owner = GHOST_GET(owner[pos]);

	if (GHOST_GET(fate[pos]) != RINGBUF_COMMITTED)
		violation("%s read position %llu, which is not committed", t->name,
			  (unsigned long long)pos);
	if (!owner || got != payload_of(&tasks[owner - 1], pos))
		violation("%s read %llu at position %llu: overwritten or not yet written", t->name,
			  (unsigned long long)got, (unsigned long long)pos);
}

/* Read @n slots and give them back. */
static void reader_take(struct task *t, struct actor *a, u32 n)
{
	u64 pos = a->r.pos, got[3] = { 0 };
	bool wake, ok;
	u32 k;

	for (k = 0; k < n; k++)
		got[k] = PLAIN_LOAD(arena.payload[rb_index(&view, pos + k)]);
	ok = rb_release(&view, &a->r, n, &wake);
	for (k = 0; ok && k < n; k++)
		check_message(t, pos + k, got[k]);
	if (ok) {
		GHOST_SET(next[t->id], pos + n);
		a->messages += n;
	}
	check_passed(t, a);
	if (wake)
		host_wake(t, a, 2);
}

/* Read one slot and keep it. */
static void reader_use(struct task *t, struct actor *a)
{
	u64 got = PLAIN_LOAD(arena.payload[rb_index(&view, a->r.pos)]);

	if (rb_reader_holds(&view, &a->r, 1))
		check_message(t, a->r.pos, got);
}

static void reader_skip(struct task *t, struct actor *a)
{
	reader_use(t, a);
	host_lock(t);
	rb_move_reader(&view, t->id, FROM_HEAD);
	wake_all();
	host_unlock(t);
}

static int reader_look(struct task *t, struct actor *a)
{
	bool wake;
	int n;

	AT(t, a, 0);
	n = rb_peek(&view, &a->r, t->spec->max ? t->spec->max : 1, &wake);
	if (n < 0 && (n != -EIDRM || !GHOST_GET(evicted)) && (n != -ESTALE || !GHOST_GET(skips)))
		violation("%s: words make no sense to it", t->name);
	check_passed(t, a);
	a->n = (u32)n;
	if (wake)
		host_wake(t, a, 3);
	a->n = 0;
	return n;
}

static void check_end_of_stream(const struct task *t, const struct actor *a)
{
	u32 next = GHOST_GET(next[t->id]);

	if (!GHOST_GET(finished))
		violation("%s sees the end, and no writer has ended", t->name);
	if (next < a->end)
		violation("%s ends at %u, the stream at %u", t->name, next, a->end);
}

/* Where the stream ended that the reader sees the end of; under RC11 it may be the first end. */
static u32 end_seen(void)
{
	return memory_model == RC11 ? GHOST_GET(first_end) - 1U : GHOST_GET(end);
}

/*
 * The reader was skipped.  It starts at the oldest slot that is held and within its lag, or
 * leaves out the margin.
 */
static void reader_continue(struct task *t, struct actor *a)
{
	struct rb_hold hold = { .margin = GHOST_GET(margin), .want = GHOST_GET(want) };
	u64 oldest, head, lag;

	AT(t, a, 0);
	host_lock(t);
	if (!rb_row_skipped(&view, t->id))
		violation("%s was skipped, and has nothing to continue", t->name);
	rb_continue_reader(&view, t->id, &hold);
	current = NULL;
	oldest = rb_oldest(&view);
	head = rb_head(&view);
	lag = rb_row_lag(&view, rb_row(&view, t->id));
	current = t;
	if (lag < view.slots && oldest + lag < head)
		oldest = head - lag;
	if (hold.resumed > a->r.pos && hold.resumed > oldest + hold.margin)
		violation("%s continues at %llu, and %llu is still held", t->name,
			  (unsigned long long)hold.resumed, (unsigned long long)oldest);
	GHOST_SET(resumed, hold.resumed);
	GHOST_SET(start[t->id], hold.resumed);
	GHOST_SET(attached[t->id], 1);
	host_unlock(t);
}

/* What a call of the library does: it continues if it was skipped. */
static int reader_peek(struct task *t, struct actor *a)
{
	int n;

	for (;;) {
		n = reader_look(t, a);
		if (n && t->spec->flags & STOPS)
			task_end(t, TASK_HOLDS);
		if (n != -ESTALE)
			return n;
		reader_continue(t, a);
	}
}

static void reader_loop(struct task *t, struct actor *a)
{
	int n;

	while (!t->spec->quota || a->messages < t->spec->quota) {
		n = reader_peek(t, a);
		if (n < 0)
			return;
		if (!n) {
			AT(t, a, 0);
			if (rb_ended(&view)) {
				a->last = 1;
				a->end = end_seen();
				n = NO_LAST_LOOK ? 0 : reader_peek(t, a);
				a->last = 0;
				if (n < 0)
					return;
				if (!n) {
					check_end_of_stream(t, a);
					return;
				}
			}
		}
		AT(t, a, n);
		if (n && t->spec->flags & LEAVES && a->messages + 1 == t->spec->quota) {
			reader_use(t, a);
			return;
		}
		if (n && t->spec->flags & SKIPS)
			reader_skip(t, a);
		else if (n)
			reader_take(t, a, (u32)n);
		else
			host_wait(t, a, rb_waiter_word(a->r.pos, RB_WAIT_POSITION));
	}
}

static void reader_begins(struct task *t, struct actor *a, u64 start)
{
	GHOST_SET(next[t->id], start);
	GHOST_SET(start[t->id], start);
	GHOST_SET(attached[t->id], t->spec->policy != RINGBUF_POLICY_LOSSY);
	memset(&a->r, 0, sizeof(a->r));
}

/* A late reader gets what it asked for, if that is still held. */
static void reader_attach(struct task *t, struct actor *a)
{
	u64 want = t->spec->start, start, head, oldest;
	struct rb_policy policy = policy_of(t->spec);
	bool closed;

	host_lock(t);
	current = NULL;
	head = rb_head(&view);
	closed = rb_gate_closed(&view);
	current = t;
	start = rb_attach_reader(&view, t->id, want, &policy);
	/* Under RC11 the host may see an older head, as it orders nothing before the attach. */
	if (memory_model != RC11 && start < (want < head ? want : head))
		violation("%s starts at %llu, before what it asked for", t->name,
			  (unsigned long long)start);
	current = NULL;
	head = rb_head(&view);
	oldest = rb_oldest(&view);
	current = t;
	if (closed && start)
		violation("%s starts at %llu, and the gate was closed", t->name,
			  (unsigned long long)start);
	if (start > (want < head ? want : head) && start > oldest)
		violation("%s starts at %llu, and %llu is still held", t->name,
			  (unsigned long long)start, (unsigned long long)oldest);
	reader_begins(t, a, start);
	if (!NO_WAKE_AT_ATTACH)
		wake_all();
	host_unlock(t);
}

static void reader_detach(struct task *t)
{
	host_lock(t);
	GHOST_SET(attached[t->id], 0);
	rb_detach_reader(&view, t->id);
	wake_all();
	host_unlock(t);
}

static void reader_body(struct task *t)
{
	struct actor actor = { 0 }, *a = &actor;

	AT(t, a, 0);
	if (t->spec->flags & LATE)
		reader_attach(t, a);
	else
		reader_begins(t, a, t->spec->start);
	rb_reader_init(&view, &a->r, t->id);
	reader_loop(t, a);
	AT(t, a, 0);
	if (!(t->spec->flags & STAYS))
		reader_detach(t);
}

/* ---- other tasks of the host ---------------------------------------------------------- */

/* Ends what a killed task left, as a host does that finds it dead. */
static void reap(struct task *t, const struct task *victim)
{
	host_lock(t);
	if (victim->spec->role == ROLE_WRITER) {
		writer_end(t, victim->id, true);
	} else {
		GHOST_SET(attached[victim->id], 0);
		rb_detach_reader(&view, victim->id);
	}
	WRITE_ONCE(arena.seat[victim->index].waiter, 0);
	if (!NO_WAKE_AT_REPAIR)
		wake_all();
	host_unlock(t);
}

static void reaper_body(struct task *t)
{
	struct actor actor = { 0 }, *a = &actor;
	u32 victim = 0, how;

	while (!tasks[victim].killable)
		victim++;
	AT(t, a, 0);
	how = (u32)MODEL_OP(OP_WAIT_DEAD, 0, &model_nowhere, victim, 0);
	if (how != TASK_DEAD)
		return;
	reap(t, &tasks[victim]);
	if (!t->spec->script)
		return;
	t->id = tasks[victim].id; /* a host may give it to the next one at once */
	AT(t, a, 0);
	writer_attach(t, a);
	writer_script(t, a);
	AT(t, a, 0);
	writer_done(t);
}

static void sync_body(struct task *t)
{
	host_lock(t);
	rb_move_reader(&view, 0, t->spec->start);
	wake_all();
	host_unlock(t);
}

static void evict_body(struct task *t)
{
	host_lock(t);
	GHOST_SET(evicted, 1);
	rb_evict_reader(&view, 0);
	wake_all();
	host_unlock(t);
}

static void skip_body(struct task *t)
{
	u32 n;

	for (n = 0; n < t->spec->quota; n++) {
		model_at(t, n, NULL, 0);
		host_lock(t);
		if (GHOST_GET(attached[0]))
			skip_first();
		host_unlock(t);
	}
}

/* ---- checks on memory ------------------------------------------------------------------ */

static bool within(u32 word, const void *field, size_t bytes, u32 *i, size_t each)
{
	u32 from = (u32)((const char *)field - (const char *)&arena);

	if (word < from || word >= from + bytes)
		return false;
	*i = (word - from) / (u32)each;
	return (word - from) % each == 0;
}

/* How many readers the writers wait for. */
static u32 readers_wanted(void)
{
	u32 n = 0, i;

	for (i = 0; i < MAX_TASKS; i++)
		n += !!(config->actor[i].flags & WANTED);
	return n;
}

/* The first position is written: all readers that are waited for are attached. */
static void check_gate(const struct task *t)
{
	u32 row, readers = 0;

	for (row = 0; row < MAX_READERS; row++) {
		foot_read(ARENA_BIT(&rb_row(&view, row)->flags));
		readers += rb_row(&view, row)->flags & RINGBUF_ROW_ATTACHED;
	}
	if (readers < readers_wanted())
		violation("%s writes for %u readers, not %u", t->name, readers, readers_wanted());
}

/*
 * A reader that is moved, skipped or overtaken may load bytes while they are written, and
 * throws them away.
 */
bool races_matter(void)
{
	u32 i;

	for (i = 0; i < task_count; i++)
		if (tasks[i].spec->role >= ROLE_SYNC || tasks[i].spec->policy)
			return false;
	return true;
}

/* Slot @pos - slots is given up for @pos: nobody may still be owed it. */
static void check_overwrite(const struct task *t, u64 pos)
{
	u32 row;

	for (row = 0; pos >= config->slots && row < MAX_READERS; row++) {
		const struct ringbuf_row *r = rb_row(&view, row);
		u64 at = rb_cursor(&view, row)->cursor;

		foot_read(ARENA_BIT(&rb_cursor(&view, row)->cursor));
		foot_read(ARENA_BIT(&r->floor));
		if (at < r->floor)
			at = r->floor;
		if (at < GHOST_GET(start[row])) /* which may still be on its way */
			at = GHOST_GET(start[row]);
		if (GHOST_GET(attached[row]) && at <= pos - config->slots)
			violation("%s writes position %llu while row %u is owed %llu", t->name,
				  (unsigned long long)pos, row,
				  (unsigned long long)(pos - config->slots));
	}
}

static void check_payload(const struct task *t, u64 pos)
{
	if (!pos && readers_wanted())
		check_gate(t);
	check_overwrite(t, pos);
}

/* An exclusive writer clears the state @old of a slot that it is about to fill. */
static void check_clear(const struct task *t, u32 i, u64 old)
{
	if (!config->exclusive)
		violation("%s clears the state of slot %u", t->name, i);
	if (old)
		check_overwrite(t, rb_state_pos(old) + config->slots);
}

static void check_state(const struct task *t, u32 i, u64 old, u64 value)
{
	u64 pos = rb_state_pos(value);

	if (!value) {
		check_clear(t, i, old);
		return;
	}
	if (pos >= MAX_POSITIONS || pos % config->slots != i || GHOST_GET(fate[pos]))
		violation("%s finishes position %llu in slot %u again or wrongly", t->name,
			  (unsigned long long)pos, i);
	GHOST_SET(fate[pos], rb_state_phase(value));
}

static void check_writers(u64 old, u64 value)
{
	if (value >= old)
		return;
	GHOST_SET(finished, GHOST_GET(finished) + 1);
	if (!value) {
		struct task *was = current;

		current = NULL;
		if (!GHOST_GET(first_end))
			GHOST_SET(first_end, rb_head(&view) + 1);
		GHOST_SET(end, rb_head(&view));
		current = was;
	}
}

/* Called for each store that reaches memory. */
void check_store(const struct task *t, u32 word, u64 old, u64 value)
{
	u32 i;

	if (within(word, arena.desc, sizeof(arena.desc), &i, sizeof(*arena.desc)))
		check_state(t, i, old, value);
	else if (within(word, arena.payload, sizeof(arena.payload), &i, 8))
		check_payload(t, value % 64);
	else if (within(word, &view.info->writers, 4, &i, 4))
		check_writers(old, value);
}

/* Whether the sleeping task could continue, as far as all of memory tells. */
static bool could_continue(const struct task *t)
{
	if (wait_over(t, arena.seat[t->index].waiter))
		return true;
	return t->spec->role == ROLE_READER &&
	       rb_row_behind(&view, t->id, rb_cursor(&view, t->id)->cursor);
}

/*
 * No task can step, and not all have ended.  That is right only where a
 * writer holds a reservation for ever, and only if no waiter could continue.  A reader that
 * is stopped must have a policy by which writers do not wait for it.
 */
bool actors_stuck(char *why, size_t size)
{
	bool holds = false;
	u32 i;

	for (i = 0; i < task_count; i++) {
		const struct task *t = &tasks[i];

		holds |= t->s.status == TASK_HOLDS && t->spec->role == ROLE_WRITER;
		if (t->s.status != TASK_RUNS || t->s.op.kind != OP_SLEEP)
			continue;
		if (could_continue(t)) {
			snprintf(why, size,
				 "lost wake-up: %s sleeps, and what it waits for is there",
				 t->name);
			return true;
		}
	}
	snprintf(why, size, "deadlock: nobody can go on");
	return !holds;
}

/* ---- a configuration -------------------------------------------------------------------- */

static void view_reset(void)
{
	memset(&view, 0, sizeof(view));
	view.slots = config->slots;
	view.page_size = 0;
	view.flags = config->exclusive ? RINGBUF_CREATE_EXCLUSIVE : 0;
	view.max_readers = MAX_READERS;
	view.max_writers = config->exclusive ? 1 : MAX_WRITERS;
	view.info = (struct ringbuf_info_page *)arena.info;
	view.head = (struct ringbuf_head_page *)arena.head;
	view.rows = (char *)arena.info + sizeof(struct ringbuf_info_page);
	view.row_stride = sizeof(struct ringbuf_row);
	view.writers = (char *)arena.head + sizeof(struct ringbuf_head_page);
	view.writer_stride = sizeof(struct ringbuf_writer_row);
	view.desc = arena.desc;
	view.claim = arena.claim;
	view.cursor = (char *)arena.cursor;
	rb_host_init(&view, 8, 8);
	rb_gate_close(&view, readers_wanted());
}

/* A reader attached first; @start above 0: it was moved there before the first write. */
static void first_reader(const struct task *t, u64 start)
{
	struct rb_policy policy = policy_of(t->spec);

	rb_attach_reader(&view, t->id, 0, &policy);
	WRITE_ONCE(rb_cursor(&view, t->id)->cursor, start);
}

void actors_reset(void)
{
	static void (*const body[])(struct task *) = {
		[ROLE_WRITER] = writer_body, [ROLE_READER] = reader_body,
		[ROLE_REAPER] = reaper_body, [ROLE_SYNC] = sync_body,
		[ROLE_EVICT] = evict_body,   [ROLE_SKIP] = skip_body,
	};
	static const char letter[] = "?wrhsek";
	u32 rows = 0, ids = 0, i;

	view_reset();
	for (i = 0; i < MAX_TASKS && config->actor[i].role; i++) {
		const struct actor_spec *spec = &config->actor[i];
		struct task *t = &tasks[i];

		t->spec = spec;
		t->body = body[spec->role];
		t->killable = spec->flags & MORTAL;
		t->id = spec->role == ROLE_READER ? rows++ : ++ids;
		snprintf(t->name, sizeof(t->name), "%c%u", letter[spec->role], t->id);
		if (spec->flags & LATE)
			continue;
		if (spec->role == ROLE_READER)
			first_reader(t, spec->start);
		if (spec->role == ROLE_WRITER)
			rb_attach_writer(&view, t->id);
	}
	task_count = i;
}
