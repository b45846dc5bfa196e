// SPDX-License-Identifier: GPL-2.0
/*
 * RC11: memory as messages and views.
 *
 * Each place (a word that tasks share) keeps its stores in the order of coherence, as
 * messages.  A task's view says, for each place, up to which message it has seen; it may
 * load that message or any later one, so loads pass each other, and stores are seen late
 * and in any order.  A message carries the view that a load with acquire order gains: of
 * a release, all that its task has seen; of another store, what the task had seen at its
 * last full barrier.  Full barriers are totally ordered, and each passes on the view of
 * the one before.
 *
 * These are the operational rules for C11 without load buffering: Kang, Hur, Lahav,
 * Vafeiadis and Dreyer, A Promising Semantics for Relaxed-Memory Concurrency (POPL 2017),
 * without its promises, which gives RC11: Lahav, Vafeiadis, Kang, Hur and Dreyer, Repairing
 * Sequential Consistency in C/C++11 (PLDI 2017).  So a store does not pass an earlier load
 * of its task.  For engine words that is so on each machine, since each store of the
 * engine depends on what was loaded before.  For the bytes of a slot it is not, so they must
 * be free of data races instead, in the sense of C11: a writer's view must hold all earlier
 * loads and stores of the slot's bytes.  A load of bytes is a message of a place of its
 * own (mark_at), which a writer must have seen.
 *
 * A read-modify-write that succeeds acquires and releases and is no more of a barrier, as
 * in C11; one that fails is a plain load.  Both are weaker than what the kernel promises.
 */
#include <stdlib.h>

#include "model.h"

#define NO_PLACE 0xff

struct views views;

static u8 place_at[sizeof(struct arena) / 4];
static u8 mark_at[MAX_SLOTS][MAX_TASKS];
static u32 place_word[MAX_PLACES];
static u8 place_size[MAX_PLACES];
static u8 touched[MAX_PLACES]; /* by which tasks, a bit each; a mark: who writes the bytes */
static u32 places;

/* ---- places ---------------------------------------------------------------------------- */

void views_forget(void)
{
	memset(place_at, NO_PLACE, sizeof(place_at));
	memset(mark_at, NO_PLACE, sizeof(mark_at));
	memset(touched, 0, sizeof(touched));
	places = 0;
}

static u64 latest(u32 place)
{
	u64 value = 0;

	memcpy(&value, (char *)&arena + place_word[place], place_size[place]);
	return value;
}

static u32 messages(u32 place)
{
	return views.first[place + 1] - views.first[place];
}

static struct message *message(u32 place, u32 i)
{
	return &views.message[views.first[place] + i];
}

/* A place whose only message is what is in memory; the last one so far. */
static void place_begin(u32 place)
{
	struct message *m = &views.message[views.first[place]];

	memset(m, 0, sizeof(*m));
	if (place_size[place])
		m->value = latest(place);
	views.first[place + 1] = views.first[place] + !!place_size[place];
}

static u8 place_new(u32 word, u32 size)
{
	if (places == MAX_PLACES) {
		fprintf(stderr, "model: more than %u shared words\n", MAX_PLACES);
		abort();
	}
	place_word[places] = word;
	place_size[places] = (u8)size;
	place_begin(places);
	return (u8)places++;
}

void views_reset(void)
{
	u32 i;

	memset(&views, 0, sizeof(views));
	for (i = 0; i < places; i++)
		place_begin(i);
}

/* The word of @op is shared: @mask has the tasks that touch it. */
void views_share(const struct op *op, u32 mask)
{
	u8 *at = &place_at[op->word / 4];

	if (*at == NO_PLACE)
		*at = place_new(op->word, op->size);
	if (place_size[*at] != op->size) {
		fprintf(stderr, "model: a word of two sizes in %s\n", op->site->function);
		abort();
	}
	touched[*at] |= (u8)mask;
}

bool views_shared(const struct op *op)
{
	return op->word != ~0U && place_at[op->word / 4] != NO_PLACE;
}

/* A place of the host, which the kernel reads and writes: nobody sees it late. */
static bool host_word(u32 word)
{
	const u32 seat = (u32)offsetof(struct arena, seat);

	if (word == offsetof(struct arena, lock))
		return true;
	return word >= seat && word < seat + sizeof(arena.seat) &&
	       (word - seat) % sizeof(struct seat) == offsetof(struct seat, woken);
}

/* ---- views ----------------------------------------------------------------------------- */

static void join(u8 *to, const u8 *from)
{
	u32 i;

	for (i = 0; i < MAX_PLACES; i++)
		to[i] = to[i] > from[i] ? to[i] : from[i];
}

/* Calls @change with each view of @place: of tasks, of barriers, of messages. */
static void for_each_view(u32 place, void (*change)(u8 *entry, u32 by), u32 by)
{
	u32 i;

	for (i = 0; i < task_count; i++) {
		change(&views.task[i].now[place], by);
		change(&views.task[i].loaded[place], by);
		change(&views.task[i].barrier[place], by);
	}
	change(&views.barrier[place], by);
	for (i = 0; i < views.first[places]; i++)
		change(&views.message[i].view[place], by);
}

static void make_room(u8 *entry, u32 by)
{
	*entry += *entry >= by;
}

static void take_off(u8 *entry, u32 by)
{
	*entry = *entry > by ? (u8)(*entry - by) : 0;
}

/* A new message @i of the place; it and the task's view are to be filled in. */
static struct message *message_insert(u32 place, u32 i)
{
	u32 at = views.first[place] + i, k;

	if (views.first[places] == MAX_MESSAGES) {
		fprintf(stderr, "model: more than %u messages\n", MAX_MESSAGES);
		abort();
	}
	if (i < messages(place))
		for_each_view(place, make_room, i);
	memmove(&views.message[at + 1], &views.message[at],
		(views.first[places] - at) * sizeof(struct message));
	for (k = place + 1; k <= places; k++)
		views.first[k]++;
	memset(&views.message[at], 0, sizeof(struct message));
	return &views.message[at];
}

static void messages_drop(u32 place, u32 count)
{
	u32 at = views.first[place], k;

	for_each_view(place, take_off, count);
	memmove(&views.message[at], &views.message[at + count],
		(views.first[places] - at - count) * sizeof(struct message));
	for (k = place + 1; k <= places; k++)
		views.first[k] -= (u8)count;
	views.message[at].glued = false;
}

/* ---- races ------------------------------------------------------------------------------- */

static bool payload_slot(u32 word, u32 *slot)
{
	u32 from = (u32)offsetof(struct arena, payload);

	*slot = (word - from) / 8;
	return word >= from && word < from + sizeof(arena.payload);
}

static void set(u8 *entry, u32 by)
{
	*entry = (u8)by;
}

/* Task @t loads bytes of a slot: views that hold that are to come. */
static void race_load(const struct task *t, const struct op *op)
{
	u32 slot;
	u8 *mark;

	if (!races_matter() || !payload_slot(op->word, &slot))
		return;
	mark = &mark_at[slot][t->index];
	if (*mark == NO_PLACE)
		*mark = place_new(op->word, 0);
	touched[*mark] = memory_writers(op->word);
	for_each_view(*mark, set, 0);
	views.task[t->index].now[*mark] = 1;
	views.marked[*mark] = 1;
}

static void race_store(const struct task *t, const struct op *op)
{
	const u8 *now = views.task[t->index].now;
	u32 place, slot, i;

	if (!races_matter() || !payload_slot(op->word, &slot))
		return;
	place = place_at[op->word / 4];
	if (now[place] + 1U != messages(place))
		violation("%s writes to slot %u in a race with another writer", t->name, slot);
	for (i = 0; i < task_count; i++) {
		u8 mark = mark_at[slot][i];

		if (mark != NO_PLACE && views.marked[mark] && !now[mark])
			violation("%s writes to slot %u in a race with %s", t->name, slot,
				  tasks[i].name);
	}
}

/* ---- steps --------------------------------------------------------------------------------- */

/* How many messages the next step could be about, the newest first. */
u32 views_choices(const struct task *t)
{
	const struct op *op = &t->s.op;
	u32 place;

	if (!views_shared(op) || host_word(op->word))
		return 1;
	place = place_at[op->word / 4];
	return messages(place) - views.task[t->index].now[place];
}

/* Whether the step can load, replace or follow the message that is @choice before the newest. */
bool views_can(const struct task *t, u32 choice)
{
	const struct op *op = &t->s.op;
	u32 place, i;
	bool taken;

	if (!choice || !views_shared(op))
		return true;
	place = place_at[op->word / 4];
	i = messages(place) - 1 - choice;
	taken = message(place, i + 1)->glued; /* by another read-modify-write */
	if (op->kind == OP_LOAD)
		return true;
	if (op->kind == OP_CMPXCHG && message(place, i)->value != op->expect)
		return true;
	return !taken;
}

/* Put @value behind message @i; the task's view has all that the message may carry. */
static void put(const struct task *t, u32 place, u32 i, const struct op *op, const u8 *view)
{
	bool newest = i + 1 == messages(place);
	struct message *m = message_insert(place, i + 1);

	memcpy(m->view, view, MAX_PLACES);
	m->value = op->value;
	m->view[place] = (u8)(i + 1);
	m->glued = op->kind == OP_XCHG || op->kind == OP_CMPXCHG;
	views.task[t->index].now[place] = (u8)(i + 1);
	if (newest)
		memory_write(t, op->word, op->size, op->value);
	else
		foot_written(op->word / 8);
}

static u64 load(const struct task *t, u32 place, u32 i, bool acquire)
{
	struct task_views *v = &views.task[t->index];
	const struct message *m = message(place, i);

	v->now[place] = (u8)i;
	join(acquire ? v->now : v->loaded, m->view);
	return m->value;
}

static u64 modify(const struct task *t, u32 place, u32 i, const struct op *op)
{
	struct task_views *v = &views.task[t->index];
	bool orders = op->flags & OP_FULL;
	u64 was = message(place, i)->value;

	if (op->kind == OP_CMPXCHG && was != op->expect)
		return load(t, place, i, false);
	load(t, place, i, orders);
	put(t, place, i, op, orders ? v->now : v->barrier);
	if (!orders)
		join(message(place, i + 1)->view, message(place, i)->view);
	return was;
}

/* The lock orders those who hold it; what the kernel does to waiters orders nothing. */
static u64 host_step(const struct task *t, u32 place, const struct op *op)
{
	struct task_views *v = &views.task[t->index];
	struct message *m = message(place, 0);
	u64 was = m->value;

	if (op->kind == OP_LOCK)
		join(v->now, m->view);
	if (op->kind == OP_RELEASE)
		memcpy(m->view, v->now, MAX_PLACES);
	if (op->kind != OP_SLEEP) {
		m->value = op->value;
		memory_write(t, op->word, op->size, op->value);
	}
	return was;
}

/* A full barrier, or one between loads, or one between stores, as @flags says. */
void views_barrier(const struct task *t, u32 flags)
{
	struct task_views *v = &views.task[t->index];

	if (memory_model != RC11)
		return;
	if (flags & OP_STORES) {
		memcpy(v->barrier, v->now, MAX_PLACES);
		return;
	}
	join(v->now, v->loaded);
	if (!(flags & OP_FULL))
		return;
	foot_read(BARRIER_BIT);
	foot_written(BARRIER_BIT);
	join(v->now, views.barrier);
	memcpy(views.barrier, v->now, MAX_PLACES);
	memcpy(v->barrier, v->now, MAX_PLACES);
}

/* Task @t has seen that task @of is dead, and with it all that it did. */
void views_inherit(const struct task *t, u32 of)
{
	join(views.task[t->index].now, views.task[of].now);
}

/* Take the step, as to the message chosen. */
u64 views_step(const struct task *t, const struct op *op)
{
	u32 place = place_at[op->word / 4], i;
	struct task_views *v = &views.task[t->index];

	foot_read(op->word / 8);
	if (host_word(op->word))
		return host_step(t, place, op);
	i = messages(place) - 1 - t->s.choice;
	switch (op->kind) {
	case OP_LOAD:
		race_load(t, op);
		return load(t, place, i, op->flags & OP_ACQUIRE);
	case OP_STORE:
	case OP_RELEASE:
		race_store(t, op);
		put(t, place, i, op, op->kind == OP_RELEASE ? v->now : v->barrier);
		return t->s.choice;
	default:
		return modify(t, place, i, op);
	}
}

/* ---- one form for each state ----------------------------------------------------------------- */

/* Of each place, the least that a task which touches @place has seen. */
static bool least_seen(u32 place, u8 *least)
{
	bool any = false;
	u32 i, k;

	memset(least, NO_PLACE, MAX_PLACES);
	for (i = 0; i < task_count; i++) {
		const u8 *now = views.task[i].now;

		if (!(touched[place] >> i & 1) || tasks[i].s.status != TASK_RUNS)
			continue;
		any = true;
		for (k = 0; k < MAX_PLACES; k++)
			least[k] = least[k] < now[k] ? least[k] : now[k];
	}
	return any;
}

/* What adds nothing to @has is as good as nothing. */
static void forget(u8 *view, const u8 *has)
{
	u32 i;

	for (i = 0; i < MAX_PLACES; i++)
		view[i] = view[i] > has[i] ? view[i] : 0;
}

static void tidy_place(u32 place)
{
	u8 least[MAX_PLACES];
	bool live = least_seen(place, least);
	u32 i, old = live ? least[place] : messages(place) - 1;

	if (!place_size[place]) {
		if (views.marked[place] && (!live || least[place])) {
			views.marked[place] = 0;
			for_each_view(place, set, 0);
		}
		return;
	}
	for (i = old; i < messages(place); i++)
		forget(message(place, i)->view, least);
	if (old)
		messages_drop(place, old);
}

/* Forget what nobody can load any more, and what everybody has seen. */
void views_tidy(void)
{
	u32 i;

	for (i = 0; i < task_count; i++) {
		struct task_views *v = &views.task[i];

		if (tasks[i].s.status == TASK_DONE || tasks[i].s.status == TASK_HOLDS)
			memset(v, 0, sizeof(*v));
		forget(v->loaded, v->now);
	}
	for (i = 0; i < places; i++)
		tidy_place(i);
}

static void hash_view(u64 hash[2], const u8 *view)
{
	u64 part[MAX_PLACES / 8];
	u32 i;

	memcpy(part, view, MAX_PLACES);
	for (i = 0; i < MAX_PLACES / 8; i++)
		if (part[i])
			mix(hash, part[i] + i * 0x9e3779b97f4a7c15ULL);
	mix(hash, 0);
}

void views_hash(u64 hash[2])
{
	u32 place, i;

	for (i = 0; i < task_count; i++) {
		hash_view(hash, views.task[i].now);
		hash_view(hash, views.task[i].loaded);
		hash_view(hash, views.task[i].barrier);
	}
	hash_view(hash, views.barrier);
	hash_view(hash, views.marked);
	for (place = 0; place < places; place++) {
		mix(hash, messages(place));
		for (i = 0; i < messages(place); i++) {
			mix(hash, message(place, i)->value << 1 | message(place, i)->glued);
			hash_view(hash, message(place, i)->view);
		}
	}
}

void views_copy(struct views *to, const struct views *from)
{
	if (memory_model != RC11)
		return;
	memcpy(to, from,
	       offsetof(struct views, message) + from->first[places] * sizeof(*from->message));
}
