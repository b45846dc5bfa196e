// SPDX-License-Identifier: GPL-2.0
/*
 * Policies of readers: evict or skip those that hold writers up; see engine/hold.h.
 *
 * A writer that finds no slot has the readers looked at (rb_policy_ask()).  If it waits then,
 * it counts as held up, and the timer of the ring looks on its behalf, until it says that it
 * does not wait any more (rb_policy_leave()).
 */
#include <linux/cgroup.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>

#include "internal.h"

/*
 * Whether @task is frozen by cgroup.freeze.  Tasks that wait for a vfork() or a tracer are
 * marked as well, since they cannot keep their group from being frozen.
 */
static bool task_is_frozen(struct task_struct *task)
{
	return cgroup_task_frozen(task) && test_bit(CGRP_FREEZE, &task_dfl_cgroup(task)->flags);
}

/* Whether the process of @leader, which lives, has no thread that could run. */
static bool process_frozen(struct task_struct *leader)
{
	struct task_struct *task;
	bool frozen = true;

	for_each_thread(leader, task)
		frozen = frozen && (READ_ONCE(task->exit_state) || task_is_frozen(task));
	return frozen;
}

/* Whether no thread of process @pid can run, because it is stopped or frozen. */
static bool process_stands(struct pid *pid)
{
	struct task_struct *leader;
	bool stands = false;

	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (leader && !READ_ONCE(leader->exit_state))
		stands = READ_ONCE(leader->signal->flags) & SIGNAL_STOP_STOPPED ||
			 process_frozen(leader);
	rcu_read_unlock();
	return stands;
}

/* Evict or skip the reader in @row.  Returns false if it had ended. */
static bool policy_apply(struct rb_ring *ring, u32 row)
{
	struct rb_seat *seat = &ring->rows[row];

	if ((seat->policy.kind & RINGBUF_POLICY_KIND) == RINGBUF_POLICY_EVICT)
		return !rb_member_evict_locked(ring, row);
	rb_skip_reader(&ring->view, row, &seat->hold);
	/* It may wait for more slots than it has. */
	if (!WARN_ON_ONCE(!seat->handle))
		rb_notify_handle(ring, seat->handle);
	return true;
}

/*
 * Look at all readers on behalf of a writer that wants positions below @end.  Returns whether
 * that has ended or moved one.
 */
static bool policy_look(struct rb_ring *ring, u64 end)
{
	const struct rb_view *v = &ring->view;
	u64 now = ktime_get_ns();
	bool changed = false;
	u32 row;

	lockdep_assert_held(&ring->lock);
	for (row = 0; row < rb_rows(v); row++) {
		struct rb_seat *seat = &ring->rows[row];
		enum rb_look look = rb_policy_look(v, row, &seat->policy, &seat->hold, end, now);

		rb_relax(row);
		if (look == RB_LOOK_HOLDS && seat->policy.kind & RINGBUF_POLICY_AT_STOP &&
		    seat->handle && process_stands(seat->process.pid))
			look = RB_LOOK_DUE;
		if (look == RB_LOOK_DUE)
			changed |= policy_apply(ring, row);
	}
	return changed;
}

static void held_count(struct rb_ring *ring, struct rb_handle *h, int more)
{
	lockdep_assert_held(&ring->lock);
	WARN_ON_ONCE(more < 0 && !h->held);
	h->held += more;
	spin_lock(&ring->wait_lock);
	WRITE_ONCE(ring->held, ring->held + more); /* see rb_policy_check() */
	rb_timer_arm(ring);
	spin_unlock(&ring->wait_lock);
}

/* Count the call that *@held belongs to as held up: it wants positions below @end. */
static void held_set(struct rb_ring *ring, struct rb_handle *h, u64 end, bool *held)
{
	h->held_end = max(h->held ? h->held_end : 0, end);
	if (!*held)
		held_count(ring, h, 1);
	*held = true;
}

static void held_clear(struct rb_ring *ring, struct rb_handle *h, bool *held)
{
	if (*held)
		held_count(ring, h, -1);
	*held = false;
}

/* Whether a reader, perhaps one with a policy, keeps a writer from @want slots. */
static bool policy_concerns(const struct rb_ring *ring, u32 want)
{
	const struct rb_view *v = &ring->view;
	bool exact;

	return READ_ONCE(v->info->policies) && rb_gate_limit(v, &exact) < rb_head(v) + want;
}

/*
 * Writer @h wants @want slots: evict or skip the readers that have held it up for too long.
 * Returns whether there were some, so that it may get the slots now.  With @held it waits if
 * readers keep it from them: it counts as held up then, *held is set, and rb_policy_leave()
 * has to follow.
 */
bool rb_policy_ask(struct rb_handle *h, struct rb_ring *ring, u32 want, bool *held)
{
	bool changed = false, exact;
	u64 end;

	if (!(held && *held) && !policy_concerns(ring, want))
		return false;
	mutex_lock(&ring->lock);
	end = rb_head(&ring->view) + want;
	if (!rb_gate_closed(&ring->view))
		changed = policy_look(ring, end);
	if (changed)
		rb_notify_writers(ring);
	if (held && rb_gate_limit(&ring->view, &exact) < end)
		held_set(ring, h, end, held);
	else if (held)
		held_clear(ring, h, held);
	mutex_unlock(&ring->lock);
	return changed;
}

/* The call that rb_policy_ask() counted as held up does not wait any more. */
void rb_policy_leave(struct rb_handle *h, struct rb_ring *ring, bool *held)
{
	if (!*held)
		return;
	mutex_lock(&ring->lock);
	held_clear(ring, h, held);
	mutex_unlock(&ring->lock);
}

/* Look at the readers on behalf of all writers that wait. */
void rb_policy_check(struct rb_ring *ring)
{
	struct rb_handle *h;
	u64 end = 0;

	if (!READ_ONCE(ring->held))
		return;
	mutex_lock(&ring->lock);
	list_for_each_entry(h, &ring->handles, node) {
		/* Writers stand first, see rb_handle_bind(). */
		if (h->role != RINGBUF_ROLE_WRITER)
			break;
		/* A call that polled once, and does not wait for an answer, waits for nothing. */
		if (!rb_handle_members(h) || !waitqueue_active(&h->wq))
			held_clear(ring, h, &h->poll_held);
		if (h->held)
			end = max(end, h->held_end);
	}
	if (!rb_gate_closed(&ring->view) && policy_look(ring, end))
		rb_notify_writers(ring);
	mutex_unlock(&ring->lock);
}
