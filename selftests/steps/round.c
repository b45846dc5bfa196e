// SPDX-License-Identifier: GPL-2.0
/*
 * A round: a victim executes some instructions of an operation and has its fate, and the
 * survivors check that nothing else has changed.
 *
 *	a writer dies	the surviving reader sleeps; what the dead has committed wakes it,
 *			before the next write
 *	a reader dies	the ring is full, and the surviving writer sleeps until it is not;
 *			if the reader has a policy, nobody waits for it before
 *
 * Then the surviving writer writes more than a lap, which passes each slot, claim and cursor
 * of the victim.
 */
#include "steps.h"

#define LAP   (STEPS_SLOTS + 1)
#define TRIES 3 /* of a round in which a survivor stalled */

/* ---- survivors ------------------------------------------------------------------------------ */

static void order(struct arena *a, unsigned int messages)
{
	SET(a->target, a->target + messages);
	notify(&a->orders);
}

static void hold(struct arena *a, int on)
{
	SET(a->hold, on);
	notify(&a->orders);
}

static bool is_ready(const struct arena *a)
{
	return GET(a->ready);
}

static bool is_held(const struct arena *a)
{
	return GET(a->held);
}

static bool has_written(const struct arena *a)
{
	return GET(a->written) == a->target && !GET(a->away);
}

static bool has_heard(const struct arena *a)
{
	return has_written(a) && GET(a->heard) == a->target;
}

static bool hangs(uint64_t begin, const char *what)
{
	if (now_ns() - begin < (uint64_t)HANG_NS)
		return false;
	fprintf(stderr, "# %s: not after %llu s\n", what, HANG_NS / SECOND);
	return true;
}

/* Wait until @done; false if a process has failed or hangs. */
static bool wait_until(struct arena *a, bool (*done)(const struct arena *a), const char *what)
{
	uint64_t begin = now_ns();

	for (;;) {
		uint32_t progress = GET(a->progress);

		if (GET(a->failed))
			return false;
		if (done(a))
			return true;
		if (hangs(begin, what))
			return false;
		doze(&a->progress, progress);
	}
}

/* Until @pid sleeps in a wait for the ring. */
static bool wait_asleep(pid_t pid)
{
	uint64_t begin = now_ns();

	while (task_state(pid) != 'S' || !is_wait(task_syscall(pid))) {
		if (hangs(begin, "a survivor that sleeps"))
			return false;
		sched_yield();
	}
	return true;
}

/* Until the surviving writer has done its work, or sleeps since it can do no more. */
static bool wait_writer(const struct session *s)
{
	uint64_t begin = now_ns();

	while (!has_written(s->a)) {
		if (GET(s->a->failed) || hangs(begin, "the surviving writer"))
			return false;
		if (task_state(s->writer) == 'S' && !has_written(s->a))
			return true;
		sched_yield();
	}
	return true;
}

/* Let the surviving writer pass each slot of the ring, and the reader see all. */
static void lap_order(const struct session *s)
{
	SET(s->a->away, s->a->exclusive && !s->op->reader);
	order(s->a, LAP);
}

static bool lap_wait(const struct session *s)
{
	return wait_until(s->a, has_heard, "a lap of the survivors");
}

static bool lap(const struct session *s)
{
	lap_order(s);
	return lap_wait(s);
}

/* ---- before -------------------------------------------------------------------------------------
 */

static void round_begin(struct arena *a)
{
	a->life++;
	a->ready = 0;
	a->returned = 0;
	a->begun = 0;
	a->committed = 0;
	a->seen = 0;
	a->slow = 0;
	a->reader_ns = 0;
	a->writer_ns = 0;
	a->first_ns = 0;
	SET(a->event_ns, 0);
}

/* Wait until the victim has stopped before its operation, and the survivors sleep. */
static bool round_prepare(struct session *s, pid_t pid)
{
	const struct operation *op = s->op;
	struct arena *a = s->a;
	bool fills = op->reader && !op->empty;

	if (fills) {
		if (!wait_until(a, is_ready, "a victim that attaches"))
			return false;
		order(a, a->policy ? STEPS_SLOTS : LAP);
	}
	if (!victim_prepared(pid))
		return false;
	if (op->waker == WAKER_READER)
		return wait_until(a, is_held, "a full ring");
	/* A reader does not sleep at the end of the stream. */
	if (a->exclusive && op->attaches)
		return true;
	if (fills && a->policy)
		return wait_until(a, has_written, "a ring that is filled");
	return wait_asleep(fills ? s->writer : s->reader);
}

/* Execute @k instructions, or all; false if the victim ended or stopped otherwise. */
static bool round_steps(struct session *s, pid_t pid, uint64_t k)
{
	bool sleeps = s->op->waker != WAKER_NONE;
	enum step step = STEP_DONE;

	stepper_together(pid);
	for (s->step = 0; s->step < k && step == STEP_DONE; s->step++) {
		step = victim_step(pid, sleeps);
		if (step != STEP_SLEEP || s->step + 1 == k)
			continue;
		if (s->op->waker == WAKER_READER)
			hold(s->a, 0);
		else
			order(s->a, 1);
		sleeps = false;
		step = victim_woken(pid);
	}
	stepper_apart(pid);
	s->sleeps = step == STEP_SLEEP;
	s->at = s->sleeps ? 0 : victim_at(pid);
	return step != STEP_GONE;
}

/* ---- fates
 * --------------------------------------------------------------------------------------- */

static void put_back(struct victim *v)
{
	ringbuf_writer_close(v->writer);
	ringbuf_reader_close(v->reader);
}

static bool has_position(const struct arena *a)
{
	return GET(a->position) >= a->visible;
}

/* Wait until the surviving reader has what @observer sees, though nobody writes. */
static bool reader_wakes(struct arena *a, struct ringbuf_reader *observer)
{
	struct ringbuf_slot slot[STEPS_SLOTS];
	int n = ringbuf_reader_peek(observer, slot, STEPS_SLOTS, RINGBUF_TRY);

	a->visible = n > 0 ? slot[n - 1].position + 1 : 0;
	return wait_until(a, has_position, "a reader that sleeps before a message");
}

/* Time for which processors did not run or survivors waited for one, ns, with bystanders. */
static uint64_t lost_so_far(const struct session *s)
{
	return bystanders_stolen(s->bystanders) + queued_of(s->writer) + queued_of(s->reader);
}

/* What is due to the survivors counts from now on. */
static void event(struct session *s)
{
	if (s->bystanders->count)
		s->lost = lost_so_far(s);
	SET(s->a->event_ns, now_ns());
}

static bool fate_kill(struct session *s, pid_t pid, struct victim *v,
		      struct ringbuf_reader *observer)
{
	struct arena *a = s->a;
	bool ok;

	event(s);
	kill(pid, SIGKILL);
	hold(a, 0);
	if (!observer)
		lap_order(s);
	ok = child_end(pid) == 128 + SIGKILL;
	put_back(v);
	if (!ok) {
		fprintf(stderr, "# the victim had ended by itself\n");
		return false;
	}
	if (observer) {
		ok = reader_wakes(a, observer);
		ringbuf_reader_close(observer);
		lap_order(s);
	}
	return ok && lap_wait(s) && a->committed <= a->seen && a->seen <= a->begun;
}

static bool victim_continues(struct session *s, pid_t pid, struct victim *v)
{
	int status;

	s->a->slow = 1;
	event(s);
	kill(pid, SIGCONT);
	status = victim_end(pid);
	put_back(v);
	if (status)
		fprintf(stderr, "# the victim that was continued ended with %d\n", status);
	return !status;
}

static bool fate_stop(struct session *s, pid_t pid, struct victim *v)
{
	struct arena *a = s->a;
	bool acts;

	if (!victim_stop(pid, s->sleeps))
		return false;
	hold(a, 0);
	/* A policy waits for the slow-path lock of the embedded host, which nobody can break. */
	acts = a->policy && (a->module || !lock_is_kept(a->ring));
	/* Otherwise the victim has the only seat of a writer. */
	if (!a->exclusive || s->op->reader) {
		order(a, LAP);
		if (acts ? !lap_wait(s) : !wait_writer(s))
			return false;
	}
	return victim_continues(s, pid, v) && lap(s) && a->committed == a->seen &&
	       a->seen == a->begun;
}

/* The last lap is kept, and checked before and after the victim has continued. */
static bool fate_fence(struct session *s, pid_t pid, struct victim *v)
{
	struct arena *a = s->a;
	bool ok;

	if (!victim_stop(pid, s->sleeps))
		return false;
	SET(a->take_over, a->exclusive);
	order(a, 10 * STEPS_SLOTS);
	ok = wait_until(a, has_heard, "ten laps");
	SET(a->take_over, 0);
	hold(a, 1);
	order(a, STEPS_SLOTS);
	ok = ok && wait_until(a, is_held, "a full ring") && victim_continues(s, pid, v);
	hold(a, 0);
	return ok && lap(s) && a->committed <= a->seen && a->seen <= a->begun;
}

/* ---- rounds
 * ----------------------------------------------------------------------------------------- */

static bool fate(struct session *s, pid_t pid, struct victim *v, struct ringbuf_reader *observer)
{
	if (s->a->fate == FATE_FENCE)
		return fate_fence(s, pid, v);
	if (s->a->fate == FATE_STOP)
		return fate_stop(s, pid, v);
	return fate_kill(s, pid, v, observer);
}

/*
 * Whether nobody writes after the death of the victim until the reader has what was
 * committed.  In one of four rounds the writer does not wait for that.
 */
static bool is_observed(const struct session *s)
{
	return s->a->fate == FATE_KILL && !s->op->reader && !s->op->waker && s->victims % 4 != 3;
}

static bool round_run(struct session *s, uint64_t k)
{
	struct arena *a = s->a;
	const struct operation *op = s->op;
	struct victim v = { .a = a, .fd = -1 };
	struct ringbuf_reader *observer = NULL;
	bool ok;
	pid_t pid;

	round_begin(a);
	if (op->inherit && op->inherit(&v))
		return false;
	/* Not if it would keep a ring full that a victim waits for. */
	if (is_observed(s) && ringbuf_reader_attach(a->ring, RINGBUF_FROM_HEAD, 0, &observer))
		return false;
	if (op->waker == WAKER_READER)
		hold(a, 1);
	pid = victim_start(&v, op);
	a->victim = pid;
	ok = round_prepare(s, pid) && round_steps(s, pid, k) && fate(s, pid, &v, observer);
	if (!ok)
		child_kill(pid);
	return ok;
}

/* The longest that a survivor waited for the ring. */
static uint64_t round_stall(const struct session *s)
{
	const struct arena *a = s->a;
	uint64_t ns = a->reader_ns > a->writer_ns ? a->reader_ns : a->writer_ns, lost;

	if (ns <= (uint64_t)STALL_NS || !s->bystanders->count)
		return ns;
	bystanders_wait(s->bystanders);
	lost = lost_so_far(s) - s->lost;
	return ns > lost ? ns - lost : 0;
}

static void round_print(const struct session *s, uint64_t stall, const char *what)
{
	const struct arena *a = s->a;

	fprintf(stderr,
		"# %s: %s: after instruction %llu, at %#lx: %s: returned %d, begun %llu, "
		"committed %llu, seen %llu, stall %.2f ms\n",
		s->kind->name, s->op->name, (unsigned long long)s->step, s->at, what, a->returned,
		(unsigned long long)a->begun, (unsigned long long)a->committed,
		(unsigned long long)a->seen, (double)stall / 1e6);
}

/* One victim; *stall: how long a survivor waited. */
static bool round_once(struct session *s, uint64_t k, uint64_t *stall)
{
	bool ok = round_run(s, k);

	*stall = round_stall(s);
	if (ok && s->a->fate == FATE_KILL && !s->a->policy && !is_observed(s))
		times_add(s->times, s->a->first_ns);
	s->victims++;
	if (!ok)
		round_print(s, *stall, "violation");
	return ok;
}

/*
 * Do a round with a long stall again, and measure for how long the processors did not run,
 * since that slows the survivors down.  The ring has stalled them if each try has a long one.
 */
static bool round_again(struct session *s, uint64_t k, uint64_t *stall)
{
	bool ok = true;
	unsigned int n;

	round_print(s, *stall, "long once");
	bystanders_start(s->bystanders);
	for (n = 0; ok && n<TRIES && * stall>(uint64_t) STALL_NS; n++)
		ok = round_once(s, k, stall);
	bystanders_kill(s->bystanders);
	if (!ok || *stall <= (uint64_t)STALL_NS)
		return ok;
	round_print(s, *stall, "violation");
	return false;
}

bool session_round(struct session *s, uint64_t k)
{
	uint64_t stall;
	bool ok = round_once(s, k, &stall);

	if (ok && stall > (uint64_t)STALL_NS)
		ok = round_again(s, k, &stall);
	if (stall > s->longest)
		s->longest = stall;
	return ok;
}

/* ---- sessions
 * ------------------------------------------------------------------------------------------ */

bool survivors_start(struct session *s)
{
	return wait_until(s->a, is_ready, "the surviving reader") && lap(s);
}

/* The message wakes the reader, too. */
void survivors_stop(struct arena *a)
{
	SET(a->stop, 1);
	order(a, 1);
}
