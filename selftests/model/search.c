// SPDX-License-Identifier: GPL-2.0
/* The search: coroutines, snapshots, the set of states, the trace of a violation. */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "model.h"

#define MAX_DEPTH   20000
#define MAX_MOVES   32 /* bits of a u32 */
#define LOCAL_LIMIT 20000
#define WALKS	    300

struct task tasks[MAX_TASKS];
u32 task_count;
struct task *current;
bool all_ways;

static char stacks[MAX_TASKS][STACK_BYTES] __attribute__((aligned(4096)));
static jmp_buf search_context;
static u32 local_steps;
static bool failed;
static char failure[256];

/* ---- coroutines ------------------------------------------------------------------------ */

/* A frame that is too small to reach the bytes that are saved below it. */
static __attribute__((noinline)) void suspend(struct task *t)
{
	t->s.stack = (char *)__builtin_frame_address(0) - 256;
	if (!_setjmp(t->s.context))
		_longjmp(search_context, 1);
}

static void resume(struct task *t)
{
	local_steps = 0;
	current = t;
	if (!_setjmp(search_context))
		_longjmp(t->s.context, 1);
	current = NULL;
}

static void task_main(void)
{
	current->body(current);
	task_end(current, TASK_DONE);
}

static void start(struct task *t)
{
	ucontext_t main_context, task_context;

	getcontext(&task_context);
	task_context.uc_stack.ss_sp = t->stack;
	task_context.uc_stack.ss_size = STACK_BYTES;
	task_context.uc_link = NULL;
	makecontext(&task_context, task_main, 0);
	local_steps = 0;
	current = t;
	if (!_setjmp(search_context))
		swapcontext(&main_context, &task_context);
	current = NULL;
}

void violation(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	failed = true;
	/* Within a task: never to be resumed. Within the search: back to resume()'s caller. */
	_longjmp(search_context, 1);
}

void task_end(struct task *t, enum task_status status)
{
	t->s.status = status;
	foot_written(STATUS_BIT(t->index));
	t->s.seen[0] = t->s.seen[1] = status;
	if (verbose)
		printf("#   %-4s %s\n", t->name, status == TASK_HOLDS ? "holds for ever" : "ends");
	for (;;)
		suspend(t);
}

void model_at(struct task *t, u64 tag, const void *state, size_t bytes)
{
	const char *at = state;
	u64 word;

	t->s.seen[0] = tag;
	t->s.seen[1] = bytes;
	for (; bytes >= 8; bytes -= 8, at += 8) {
		memcpy(&word, at, 8);
		mix(t->s.seen, word);
	}
}

/* Every shared access of the engine and of the actors comes through here. */
u64 model_op(enum model_op_kind kind, u32 flags, const volatile void *at, u32 size, u64 value,
	     u64 expect, const struct model_site *site)
{
	struct task *t = current;
	struct op *op;
	u64 now = 0;

	if (!t) {
		if (kind == OP_LOAD) {
			foot_read(ARENA_BIT(at));
			memcpy(&now, (const void *)at, size);
		} else if (kind == OP_STORE || kind == OP_RELEASE) {
			foot_written(ARENA_BIT(at));
			memcpy((void *)at, &value, size);
		}
		return now;
	}
	op = &t->s.op;
	op->kind = kind;
	op->flags = flags;
	op->word = at == &model_nowhere ? ~0U : (u32)((const char *)at - (const char *)&arena);
	op->size = size;
	op->value = value;
	op->expect = expect;
	op->site = site;
	if (op_local(t)) {
		if (++local_steps > LOCAL_LIMIT)
			violation("%s spins for ever", t->name);
		return op_execute(t);
	}
	suspend(t);
	return t->s.result;
}

/* ---- moves ---------------------------------------------------------------------------------- */

#define MOVE_STEP 255U
#define MOVE_KILL 254U /* lower ones: flush that entry of the buffer; RC11: an older message */

struct move {
	u8 task;
	u8 what;
};

/* Its bit, if it has one: the last entries of a long buffer have none. */
static u64 name_of_move(struct move m)
{
	u32 what = m.what == MOVE_STEP ? 0 : m.what == MOVE_KILL ? 1 : m.what + 2U;

	return what < MOVES_OF_TASK ? 1ULL << (m.task * MOVES_OF_TASK + what) : 0;
}

/* RC11: its next step, as to other messages than the newest. */
static u32 older_steps(const struct task *t, struct move *moves)
{
	u32 n = 0, i;

	for (i = 1; memory_model == RC11 && i < views_choices(t); i++)
		if (views_can(t, i))
			moves[n++] = (struct move){ (u8)t->index, (u8)(i - 1) };
	return n;
}

static u32 moves_of(const struct task *t, struct move *moves)
{
	u32 n = 0, i;

	if (t->s.status == TASK_DEAD)
		return 0;
	if (t->s.status == TASK_RUNS && op_enabled(t)) {
		moves[n++] = (struct move){ (u8)t->index, MOVE_STEP };
		n += older_steps(t, moves + n);
	}
	for (i = 0; i < t->s.buffers; i++)
		if (flush_enabled(t, i))
			moves[n++] = (struct move){ (u8)t->index, (u8)i };
	if (t->s.status == TASK_RUNS && t->killable && !t->s.guard)
		moves[n++] = (struct move){ (u8)t->index, MOVE_KILL };
	return n;
}

/* All moves; those of @last first, so that traces change tasks seldom. */
static u32 all_moves(u32 last, struct move *moves)
{
	u32 n = 0, i;

	for (i = 0; i < task_count; i++)
		n += moves_of(&tasks[(last + i) % task_count], moves + n);
	if (n > MAX_MOVES) {
		fprintf(stderr, "model: %u moves\n", n);
		abort();
	}
	return n;
}

static void kill_task(struct task *t)
{
	if (verbose)
		printf("#   %-4s is killed\n", t->name);
	memset(&t->s.op, 0, sizeof(t->s.op));
	memset(t->s.buffer, 0, sizeof(t->s.buffer));
	t->s.buffers = 0;
	t->s.status = TASK_DEAD;
	foot_written(STATUS_BIT(t->index));
	t->s.seen[0] = t->s.seen[1] = TASK_DEAD;
}

static void make_move(struct move m)
{
	struct task *t = &tasks[m.task];

	memset(&footprint, 0, sizeof(footprint));
	if (_setjmp(search_context))
		return; /* a violation while nobody ran */
	if (m.what == MOVE_KILL) {
		kill_task(t);
	} else if (m.what == MOVE_STEP || memory_model == RC11) {
		t->s.choice = m.what == MOVE_STEP ? 0 : m.what + 1U;
		op_execute(t);
		resume(t);
	} else {
		flush_execute(t, m.what);
		if (t->s.status == TASK_RUNS && op_local(t)) {
			op_execute(t);
			resume(t);
		}
	}
	if (memory_model == RC11)
		views_tidy();
}

/* ---- snapshots --------------------------------------------------------------------------------
 */

struct task_snapshot {
	struct task_state s;
	u32 bytes;
	char stack[STACK_KEEP];
};

/* A move changes one task: what the others are is in the nodes above. */
struct node {
	struct arena arena;
	struct ghost ghost;
	struct views views;
	u64 hash[2]; /* of the arena */
	u64 state[2]; /* of all */
	const struct task_snapshot *task[MAX_TASKS];
	struct task_snapshot moved;
	struct move moves[MAX_MOVES];
	struct footprint foot[MAX_MOVES]; /* of those that are asleep */
	u32 count;
	u32 made; /* the move that was made last */
	u32 todo; /* moves, a bit each */
	u32 asleep; /* the same: made here already, or asleep on arrival */
};

static struct node *nodes;
static struct task_snapshot first[MAX_TASKS]; /* of nodes[0] */
static u32 stale; /* tasks, a bit each, that are not as in the node that is explored */

/* All but the entries of the buffer that are not in use. */
static void copy_state(struct task_state *to, const struct task_state *from)
{
	memcpy(to, from,
	       offsetof(struct task_state, buffer) + from->buffers * sizeof(*from->buffer));
}

static const struct task_snapshot *save_task(struct task_snapshot *to, const struct task *t)
{
	copy_state(&to->s, &t->s);
	to->bytes = 0;
	if (t->s.status != TASK_RUNS)
		return to;
	to->bytes = (u32)(t->stack + STACK_BYTES - t->s.stack);
	if (to->bytes > STACK_KEEP) {
		fprintf(stderr, "model: %u bytes of stack\n", to->bytes);
		abort();
	}
	memcpy(to->stack, t->s.stack, to->bytes);
	return to;
}

static void save(struct node *n)
{
	n->arena = arena;
	n->ghost = ghost;
	views_copy(&n->views, &views);
	memcpy(n->hash, arena_hash, sizeof(arena_hash));
}

/* The first node, where every task is a new one. */
static void save_first(struct node *n)
{
	u32 i;

	for (i = 0; i < task_count; i++)
		n->task[i] = save_task(&first[i], &tasks[i]);
	save(n);
	stale = 0;
}

/* Task @moved alone is not as in @parent. */
static void save_next(struct node *n, const struct node *parent, u32 moved)
{
	memcpy(n->task, parent->task, sizeof(n->task));
	n->task[moved] = save_task(&n->moved, &tasks[moved]);
	save(n);
}

static void restore(const struct node *n)
{
	u32 i;

	arena = n->arena;
	ghost = n->ghost;
	views_copy(&views, &n->views);
	memcpy(arena_hash, n->hash, sizeof(arena_hash));
	for (; stale; stale &= stale - 1) {
		const struct task_snapshot *from;

		i = (u32)__builtin_ctz(stale);
		from = n->task[i];
		copy_state(&tasks[i].s, &from->s);
		memcpy(from->s.stack, from->stack, from->bytes);
	}
}

/* ---- the present state ---------------------------------------------------------------------- */

static u64 state[2]; /* hash of it */

static void hash_state(void)
{
	u32 i, k;

	memory_hash(state);
	if (memory_model == RC11)
		views_hash(state);
	for (i = 0; i < task_count; i++) {
		const struct task_state *s = &tasks[i].s;

		mix(state, s->seen[0]);
		mix(state, s->seen[1]);
		mix(state, s->buffers << 8 | (u32)s->guard);
		for (k = 0; k < s->buffers; k++) {
			mix(state, (u64)s->buffer[k].fence << 32 | s->buffer[k].word);
			mix(state, s->buffer[k].value);
		}
	}
}

/* ---- depth first
 * ---------------------------------------------------------------------------------- */

static void begin(void (*reset)(void))
{
	u32 i;

	failed = false;
	current = NULL;
	memory_reset();
	reset();
	memory_rehash();
	views_reset();
	for (i = 0; i < task_count && !failed; i++) {
		memset(&tasks[i].s, 0, sizeof(tasks[i].s));
		tasks[i].index = i;
		tasks[i].stack = stacks[i];
		start(&tasks[i]);
	}
}

static bool all_over(void)
{
	u32 i;

	for (i = 0; i < task_count; i++)
		if (tasks[i].s.status == TASK_RUNS)
			return false;
	return true;
}

/* Nobody can move. */
static void check_end(void)
{
	char why[200];

	if (_setjmp(search_context))
		return;
	if (!all_over() && actors_stuck(why, sizeof(why)))
		violation("%s", why);
}

/* The moves @todo, by name, are to be made here. */
static void enter(struct node *n, u32 last, u64 todo)
{
	u32 i;

	n->count = all_moves(last, n->moves);
	n->todo = n->asleep = 0;
	for (i = 0; i < n->count; i++) {
		u64 name = name_of_move(n->moves[i]);

		if (!name || name & todo)
			n->todo |= 1U << i;
	}
	memcpy(n->state, state, sizeof(state));
	/* For check_circle(), which needs all that lead round. */
	if (n->count == 1)
		n->todo = 1;
	if (!n->count)
		check_end();
}

/* Of the moves that sleep in @n, by name: those that commute with the one just made. */
static u64 still_asleep(const struct node *n)
{
	u64 names = 0;
	u32 left, i;

	for (left = n->asleep; left; left &= left - 1) {
		i = (u32)__builtin_ctz(left);
		if (n->moves[i].task != n->moves[n->made].task &&
		    foot_independent(&n->foot[i], &footprint))
			names |= name_of_move(n->moves[i]);
	}
	return names;
}

/* Moves @names of @parent sleep in @n, too. */
static void put_to_sleep(struct node *n, const struct node *parent, u64 names)
{
	u32 i, k;

	for (i = 0; names && i < n->count; i++) {
		u64 name = name_of_move(n->moves[i]);

		if (!(name & names))
			continue;
		names &= ~name;
		for (k = 0; name_of_move(parent->moves[k]) != name; k++)
			;
		n->foot[i] = parent->foot[k];
		n->asleep |= 1U << i;
	}
}

static void print_trace(void (*reset)(void), u32 depth)
{
	struct move path[MAX_DEPTH], moves[MAX_MOVES];
	u32 i;

	for (i = 0; i <= depth; i++)
		path[i] = nodes[i].moves[nodes[i].made];
	printf("#   who  where                       step     word             value\n");
	verbose = true;
	begin(reset);
	for (i = 0; i <= depth && !failed; i++)
		make_move(path[i]);
	if (!failed && !all_moves(0, moves))
		check_end();
	verbose = false;
	printf("#   => %s\n", failure);
	failed = true;
}

enum explored {
	EXPLORED,
	TOO_MANY,
	NEW_CONFLICT,
	VIOLATED,
};

/* Go down to the present state, and make the moves @todo there. */
static enum explored descend(u32 *depth, u64 todo, u64 asleep, struct result *r)
{
	struct node *n = &nodes[*depth];
	u32 moved = n->moves[n->made].task;

	enter(n + 1, moved, todo);
	if (failed)
		return VIOLATED;
	put_to_sleep(n + 1, n, asleep);
	stale = 0;
	if (++*depth > r->depth)
		r->depth = *depth;
	return EXPLORED;
}

/* Back in a state that nobody but one task could leave: it turns in a circle. */
static const struct task *circle(u32 depth)
{
	for (; nodes[depth].count == 1; depth--) {
		if (!memcmp(nodes[depth].state, state, sizeof(state)))
			return &tasks[nodes[depth].moves[0].task];
		if (!depth)
			break;
	}
	return NULL;
}

static void check_circle(u32 depth)
{
	const struct task *t = circle(depth);

	if (t && !_setjmp(search_context))
		violation("%s turns in a circle", t->name);
}

/* The next move of @n has been made; where did it lead? */
static enum explored arrive(u32 *depth, u64 limit, struct result *r)
{
	struct node *n = &nodes[*depth];
	u64 asleep = all_ways ? 0 : still_asleep(n), todo;
	bool is_new;

	if (*depth + 2 >= MAX_DEPTH)
		return TOO_MANY;
	n->foot[n->made] = footprint;
	n->asleep |= 1U << n->made;
	hash_state();
	seen_soon(state);
	save_next(n + 1, n, n->moves[n->made].task); /* in vain, if it was seen */
	todo = seen_put(state, &asleep, &is_new);
	if (is_new && ++r->states > limit)
		return TOO_MANY;
	if (!is_new)
		check_circle(*depth);
	return todo && !failed ? descend(depth, todo, asleep, r) : EXPLORED;
}

static enum explored explore(u64 limit, struct result *r, u32 *depth)
{
	enum explored how = EXPLORED;
	u64 asleep = 0;
	bool is_new;

	hash_state();
	r->states = 1;
	enter(nodes, 0, seen_put(state, &asleep, &is_new));
	save_first(nodes);
	while (how == EXPLORED && !failed) {
		struct node *n = &nodes[*depth];

		if (!n->todo) {
			if (!*depth)
				return EXPLORED;
			stale |= 1U << n[-1].moves[n[-1].made].task;
			--*depth;
			continue;
		}
		if (stale)
			restore(n);
		n->made = (u32)__builtin_ctz(n->todo);
		n->todo &= n->todo - 1;
		stale |= 1U << n->moves[n->made].task;
		make_move(n->moves[n->made]);
		r->transitions++;
		if (!failed && memory_conflicts_changed())
			return NEW_CONFLICT;
		if (!failed)
			how = arrive(depth, limit, r);
	}
	return failed ? VIOLATED : how;
}

/*
 * Most conflicts turn up on the way of some walk; the search need not start over for
 * them.  Some walks change tasks at each step, some seldom.  What else turns up means
 * nothing yet: steps may have been local that are not.
 */
static void walk_at_random(void (*reset)(void))
{
	struct move moves[MAX_MOVES];
	u32 walk, steps, n, m, last;
	u64 random = 1;

	for (walk = 0; walk < WALKS; walk++) {
		begin(reset);
		last = 0;
		for (steps = 0; !failed && steps < MAX_DEPTH; steps++) {
			n = all_moves(last, moves);
			if (!n)
				break;
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			m = random >> 60 < walk % 16 ? 0 : (u32)(random >> 32) % n;
			last = moves[m].task;
			make_move(moves[m]);
		}
	}
	memory_conflicts_changed();
}

static enum explored attempt(void (*reset)(void), u64 limit, struct result *r)
{
	enum explored how = VIOLATED;
	u32 depth = 0;

	seen_reset();
	r->states = r->transitions = r->depth = 0;
	begin(reset);
	if (!failed)
		how = explore(limit, r, &depth);
	if (how == VIOLATED) {
		snprintf(r->error, sizeof(r->error), "%s", failure);
		if (r->states)
			print_trace(reset, depth);
	}
	return how;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void search(void (*reset)(void), u64 limit, struct result *r)
{
	double begun = now();
	enum explored how;

	memset(r, 0, sizeof(*r));
	if (!nodes) {
		nodes = mmap(NULL, MAX_DEPTH * sizeof(*nodes), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (nodes == MAP_FAILED)
			abort();
	}
	memory_forget_conflicts();
	walk_at_random(reset);
	do {
		how = attempt(reset, limit, r);
	} while (how == NEW_CONFLICT);
	r->complete = how == EXPLORED;
	r->seconds = now() - begun;
}
