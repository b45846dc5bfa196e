// SPDX-License-Identifier: GPL-2.0
/*
 * The model's memory: words, store buffers, and which steps matter.
 *
 * A step is local when no other task can tell when it happens: a store into
 * the own buffer, a barrier with nothing to wait for, or an access to a word
 * that no other task writes (a load) or touches (a store).  Local steps are
 * taken at once; only the others are interleaved.  The words that tasks touch are found by
 * random walks, and by the search itself: it starts over when a new conflict turns
 * up, until none does, so the last run has treated every word rightly from its first
 * step.
 */
#include <stdlib.h>

#include "model.h"

struct arena arena __attribute__((aligned(64)));
struct ghost ghost;
struct footprint footprint;
const u64 model_nowhere;
enum memory_model memory_model;
bool verbose;
u64 arena_hash[2];

#define NOWHERE (~0U)

static u8 readers[2 * ARENA_WORDS], writers[2 * ARENA_WORDS]; /* of half words */
static bool changed;

/* ---- hash of the arena, kept up to date ------------------------------------------ */

static void word_hash(u32 word, u64 sign)
{
	u64 hash[2] = { word + 1, ~(u64)word }, value;

	memcpy(&value, (char *)&arena + word * 8, 8);
	if (!value)
		return;
	mix(hash, value);
	mix(hash, word);
	arena_hash[0] += sign * hash[0];
	arena_hash[1] += sign * hash[1];
}

void memory_rehash(void)
{
	u32 i;

	memset(arena_hash, 0, sizeof(arena_hash));
	for (i = 0; i < ARENA_WORDS; i++)
		word_hash(i, 1);
}

void memory_hash(u64 hash[2])
{
	u64 ghosts[sizeof(ghost) / 8 + 1] = { 0 };
	u32 i;

	hash[0] = arena_hash[0];
	hash[1] = arena_hash[1];
	memcpy(ghosts, &ghost, sizeof(ghost));
	for (i = 0; i < sizeof(ghosts) / 8; i++)
		mix(hash, ghosts[i]);
}

void memory_reset(void)
{
	memset(&arena, 0, sizeof(arena));
	memset(&ghost, 0, sizeof(ghost));
	memory_rehash();
}

/* ---- names ------------------------------------------------------------------------- */

struct field {
	size_t offset;
	const char *name;
};

static const struct field info_fields[] = {
	{ offsetof(struct ringbuf_info_page, wake_position), "wake_position" },
	{ offsetof(struct ringbuf_info_page, wake_cursor), "wake_cursor" },
	{ offsetof(struct ringbuf_info_page, generation), "generation" },
	{ offsetof(struct ringbuf_info_page, allowance), "info.allowance" },
	{ offsetof(struct ringbuf_info_page, rows), "rows" },
	{ offsetof(struct ringbuf_info_page, writers), "writers" },
	{ offsetof(struct ringbuf_info_page, writers_ever), "writers_ever" },
	{ offsetof(struct ringbuf_info_page, ended), "ended" },
	{ offsetof(struct ringbuf_info_page, policies), "policies" },
};

static void info_name(u32 offset, char *name, size_t size)
{
	static const char *const row[] = { "floor", "floor+4", "flags", "generation",
					   "lag",   "lag+4",   "pad",	"pad+4" };
	u32 i;

	if (offset >= sizeof(struct ringbuf_info_page)) {
		offset -= sizeof(struct ringbuf_info_page);
		snprintf(name, size, "row[%u].%s", offset / (u32)sizeof(struct ringbuf_row),
			 row[offset % sizeof(struct ringbuf_row) / 4]);
		return;
	}
	for (i = 0; i < sizeof(info_fields) / sizeof(*info_fields); i++)
		if (info_fields[i].offset == offset) {
			snprintf(name, size, "%s", info_fields[i].name);
			return;
		}
	snprintf(name, size, "info+%u", offset);
}

void name_of(u32 word, char *name, size_t size)
{
#define IN(member) (word - offsetof(struct arena, member) < sizeof(arena.member))
#define AT(member) (word - (u32)offsetof(struct arena, member))
	if (word == NOWHERE)
		snprintf(name, size, "-");
	else if (IN(info))
		info_name(AT(info), name, size);
	else if (IN(head) && AT(head) < 64)
		snprintf(name, size, "head");
	else if (IN(head))
		snprintf(name, size, "allowance[%u]", AT(head) / 64);
	else if (IN(desc))
		snprintf(name, size, "state[%u]", AT(desc) / 16);
	else if (IN(claim))
		snprintf(name, size, "claim[%u]", AT(claim) / 8);
	else if (IN(cursor))
		snprintf(name, size, "%s[%u]",
			 AT(cursor) % 64 == 0	? "cursor"
			 : AT(cursor) % 64 == 8 ? "lost"
						: "holes",
			 AT(cursor) / 64);
	else if (IN(payload))
		snprintf(name, size, "payload[%u]", AT(payload) / 8);
	else if (IN(seat))
		snprintf(name, size, "%s(%s)", AT(seat) % 16 ? "woken" : "waiter",
			 tasks[AT(seat) / 16].name);
	else
		snprintf(name, size, "lock");
#undef IN
#undef AT
}

/* ---- conflicts ------------------------------------------------------------------------ */

void memory_forget_conflicts(void)
{
	memset(readers, 0, sizeof(readers));
	memset(writers, 0, sizeof(writers));
	views_forget();
}

u8 memory_writers(u32 word)
{
	return writers[word / 4];
}

bool memory_conflicts_changed(void)
{
	bool was = changed;

	changed = false;
	return was;
}

static bool op_writes(const struct op *op)
{
	return op->kind != OP_LOAD && op->kind != OP_SLEEP;
}

/* Note the access; whether another task's accesses to the word conflict with it. */
static bool op_conflicts(const struct task *t, const struct op *op)
{
	u32 i = op->word / 4, me = 1U << t->index, others;
	bool write = op_writes(op);

	others = (writers[i] | (write ? readers[i] : 0)) & ~me;
	if (!((write ? writers[i] : readers[i]) & me)) {
		if (write)
			writers[i] |= (u8)me;
		else
			readers[i] |= (u8)me;
		changed |= others != 0;
		if (others && memory_model == RC11)
			views_share(op, readers[i] | writers[i]);
	}
	return others != 0;
}

/* ---- steps ------------------------------------------------------------------------------ */

static u64 read_word(u32 word, u32 size)
{
	u64 value = 0;

	memcpy(&value, (char *)&arena + word, size);
	return value;
}

void memory_write(const struct task *t, u32 word, u32 size, u64 value)
{
	u64 old = read_word(word, size);

	foot_written(word / 8);
	if (old != value) {
		word_hash(word / 8, -1ULL);
		memcpy((char *)&arena + word, &value, size);
		word_hash(word / 8, 1);
	}
	check_store(t, word, old, value);
}

/* The youngest own store to the word, if it is still in the buffer. */
static bool forwarded(const struct task *t, const struct op *op, u64 *value)
{
	u32 i;

	for (i = t->s.buffers; i-- > 0;)
		if (t->s.buffer[i].word == op->word) {
			*value = t->s.buffer[i].value;
			return true;
		}
	return false;
}

static bool has_buffers(void)
{
	return memory_model == TSO || memory_model == PSO;
}

/* A compare-and-swap that fails orders nothing, but on x86. */
static bool fails_weakly(const struct task *t, const struct op *op)
{
	u64 value;

	if (memory_model != PSO || op->kind != OP_CMPXCHG)
		return false;
	if (!forwarded(t, op, &value))
		value = read_word(op->word, op->size);
	return value != op->expect;
}

bool op_enabled(const struct task *t)
{
	const struct op *op = &t->s.op;

	if (op->kind == OP_SPIN)
		return actors_spin_over(t);
	if (op->kind == OP_WAIT_DEAD)
		return tasks[op->value].s.status != TASK_RUNS;
	if (op->kind == OP_STORE || op->kind == OP_RELEASE)
		return t->s.buffers < MAX_BUFFER;
	if (op->flags & OP_FULL && t->s.buffers && !fails_weakly(t, op))
		return false;
	if (op->kind == OP_LOCK)
		return !read_word(op->word, op->size);
	if (op->kind == OP_SLEEP)
		return read_word(op->word, op->size) != 0;
	return true;
}

bool op_local(const struct task *t)
{
	const struct op *op = &t->s.op;
	bool conflict;

	if (op->kind == OP_WAIT_DEAD || op->kind == OP_SPIN || !op_enabled(t))
		return false;
	if (op->kind == OP_MB)
		return memory_model != RC11 || !(op->flags & OP_FULL);
	conflict = op_conflicts(t, op);
	if (has_buffers() && (op->kind == OP_STORE || op->kind == OP_RELEASE))
		return true;
	return !conflict;
}

static void print_step(const struct task *t, const struct op *op, u64 result)
{
	static const char *const kind[] = {
		[OP_LOAD] = "load",   [OP_STORE] = "store",	[OP_RELEASE] = "release",
		[OP_XCHG] = "xchg",   [OP_CMPXCHG] = "cmpxchg", [OP_MB] = "barrier",
		[OP_LOCK] = "lock",   [OP_SNAP] = "forget",	[OP_KICK] = "kick",
		[OP_SLEEP] = "sleep", [OP_SPIN] = "spin",	[OP_WAIT_DEAD] = "wait",
	};
	char name[40];

	name_of(op->word, name, sizeof(name));
	printf("#   %-4s %-22s:%-4d %-8s %-16s", t->name, op->site->function, op->site->line,
	       kind[op->kind], name);
	if (op->kind == OP_LOAD)
		printf(" %lld", (long long)result);
	else if (op->kind == OP_CMPXCHG)
		printf(" %lld -> %lld%s", (long long)op->expect, (long long)op->value,
		       result == op->expect ? "" : " fails");
	else if (op->kind == OP_XCHG)
		printf(" %lld -> %lld", (long long)result, (long long)op->value);
	else if (op->kind == OP_STORE || op->kind == OP_RELEASE)
		printf(" := %lld%s", (long long)op->value,
		       result && has_buffers() ? " (in the buffer)" : "");
	printf("   %s%s\n", op->site->what, t->s.choice ? ", not the newest" : "");
}

static u64 load(const struct op *op)
{
	foot_read(op->word / 8);
	return read_word(op->word, op->size);
}

static bool store(struct task *t, const struct op *op)
{
	struct buffered *b = &t->s.buffer[t->s.buffers];

	if (!has_buffers() || !op_conflicts(t, op)) {
		memory_write(t, op->word, op->size, op->value);
		return false;
	}
	*b = (struct buffered){ op->word, op->size, op->value, .release = op->kind == OP_RELEASE };
	t->s.buffers++;
	return true;
}

/* A step on a word that is the latest for all, or in the own buffer. */
static u64 step(struct task *t, const struct op *op)
{
	u64 result = 0;

	switch (op->kind) {
	case OP_LOAD:
		if (!forwarded(t, op, &result))
			result = load(op);
		return result;
	case OP_STORE:
	case OP_RELEASE:
		return store(t, op);
	case OP_XCHG:
	case OP_CMPXCHG:
		if (!forwarded(t, op, &result))
			result = load(op);
		if (op->kind == OP_XCHG || result == op->expect)
			memory_write(t, op->word, op->size, op->value);
		return result;
	case OP_LOCK:
		load(op);
		/* fall through */
	case OP_SNAP:
	case OP_KICK:
		memory_write(t, op->word, op->size, op->value);
		return 0;
	case OP_WAIT_DEAD:
		foot_read(STATUS_BIT(op->value));
		views_inherit(t, (u32)op->value);
		return tasks[op->value].s.status;
	case OP_SLEEP:
		load(op);
		return 0;
	case OP_SPIN:
		actors_spin_over(t); /* again, for what it reads */
		return 0;
	case OP_MB:
		if (op->flags & OP_STORES && t->s.buffers)
			t->s.buffer[t->s.buffers - 1].fence = true;
		views_barrier(t, op->flags);
		return 0;
	}
	return 0;
}

/* Take the step that the task is at. */
u64 op_execute(struct task *t)
{
	const struct op op = t->s.op;
	u64 result = views_shared(&op) ? views_step(t, &op) : step(t, &op);

	if (verbose)
		print_step(t, &op, result);
	mix(t->s.seen, op.kind == OP_STORE || op.kind == OP_RELEASE ? 0 : result + 1);
	t->s.result = result;
	t->s.choice = 0;
	return result;
}

/* ---- store buffers ------------------------------------------------------------------------ */

bool flush_enabled(const struct task *t, u32 entry)
{
	const struct buffered *b = t->s.buffer;
	u32 i;

	if (entry >= t->s.buffers || (entry && memory_model != PSO))
		return false;
	if (entry && b[entry].release)
		return false;
	for (i = 0; i < entry; i++)
		if (b[i].fence || b[i].word / 8 == b[entry].word / 8)
			return false;
	return true;
}

void flush_execute(struct task *t, u32 entry)
{
	struct buffered b = t->s.buffer[entry];
	char name[40];

	if (verbose) {
		name_of(b.word, name, sizeof(name));
		printf("#   %-4s %-27s %-8s %-16s := %lld\n", t->name, "", "flush", name,
		       (long long)b.value);
	}
	if (b.fence && entry)
		t->s.buffer[entry - 1].fence = true;
	t->s.buffers--;
	memmove(&t->s.buffer[entry], &t->s.buffer[entry + 1],
		(t->s.buffers - entry) * sizeof(struct buffered));
	memset(&t->s.buffer[t->s.buffers], 0, sizeof(struct buffered));
	memory_write(t, b.word, b.size, b.value);
}
