/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Readers that hold writers up: how the host applies their policies.
 *
 * A writer that a reader blocks asks its host.  Under its lock the host looks at each gating
 * reader that has a policy (rb_policy_look()), and evicts or skips those whose time is over.
 *
 * A skipped reader does not gate.  It finds its floor raised, as an evicted one does, and asks
 * the host to let it continue (rb_continue_reader()).  So writers ask once for each reader
 * that stands still, not once for each message.
 */
#ifndef RB_ENGINE_HOLD_H
#define RB_ENGINE_HOLD_H

#include "host.h"

/**
 * struct rb_hold - how long a reader has held up writers, and what that led to
 * @pos: its cursor at the last look that found it holding up a writer
 * @since: time of the first such look at that cursor, in ns
 * @looked: time of the last one
 * @resumed: position at which it continued after the last skip
 * @want: it continues at this position at least
 * @skips: times that it was skipped
 * @margin: how many of the oldest slots it leaves out when it continues
 */
struct rb_hold {
	u64 pos;
	u64 since;
	u64 looked;
	u64 resumed;
	u64 want;
	u32 skips;
	u32 margin;
};

/* What a look finds. */
enum rb_look {
	RB_LOOK_FINE, /* it holds nobody up */
	RB_LOOK_HOLDS, /* it holds up a writer, not for too long yet */
	RB_LOOK_DUE, /* its policy applies */
};

/*
 * A writer that may not wait tries again after a while, and the timer of a busy machine is
 * late.  The clock of a reader keeps running if the next look comes within its timeout and this.
 */
#define RB_HOLD_PAUSE 200000000ULL

/*
 * Note that the reader holds up a writer at cursor @pos now, and return for how long it has,
 * in ns.  A smaller cursor than before is no progress.
 */
static inline u64 rb_hold_clock(struct rb_hold *hold, u64 pos, u64 timeout, u64 now)
{
	if (pos > hold->pos || !hold->looked || now - hold->looked > timeout + RB_HOLD_PAUSE) {
		hold->since = now;
		hold->pos = pos;
	}
	hold->looked = now;
	return now - hold->since;
}

/*
 * Look at the reader in @row, which has policy @p, on behalf of a writer that wants positions
 * below @end.  A reader whose next message is not finished waits for a writer itself, and
 * holds nobody up; but its lag counts nevertheless.
 */
static inline enum rb_look rb_policy_look(const struct rb_view *v, u32 row,
					  const struct rb_policy *p, struct rb_hold *hold, u64 end,
					  u64 now)
{
	const struct ringbuf_row *r = rb_row(v, row);
	u64 lag = rb_row_lag(v, r), pos;

	if (!(READ_ONCE(r->flags) & RINGBUF_ROW_GATING) || p->kind == RINGBUF_POLICY_BLOCK)
		return RB_LOOK_FINE;
	pos = rb_row_cursor(v, row);
	if (lag < v->slots && end > rb_gate_end(pos, lag))
		return RB_LOOK_DUE;
	if (end <= rb_gate_end(pos, v->slots) || !rb_finished(v, pos))
		return RB_LOOK_FINE;
	if (rb_hold_clock(hold, pos, p->timeout, now) >= p->timeout)
		return RB_LOOK_DUE;
	return RB_LOOK_HOLDS;
}

/*
 * Skip the gating reader in @row.  See rb_margin() for the oldest slots that it leaves out
 * when it continues.
 */
static inline void rb_skip_reader(const struct rb_view *v, u32 row, struct rb_hold *hold)
{
	struct ringbuf_row *r = rb_row(v, row);
	bool released = !hold->skips || rb_row_cursor(v, row) > hold->resumed;

	hold->margin = (u32)rb_margin(hold->margin, released, rb_row_lag(v, r) / 2);
	hold->skips++;
	/* The host may have moved it, and it has not seen that yet. */
	hold->want = rb_row_cursor(v, row);
	WRITE_ONCE(r->floor, RINGBUF_FLOOR_SKIPPED);
	/*
	 * (K), matches rb_gate_min(): a writer that sees it not gate also sees the new floor,
	 * and so does a reader of what that writer stores, rb_reader_holds().
	 */
	smp_store_release(&r->flags, RINGBUF_ROW_ATTACHED);
}

/* Move the reader in @row forward to @pos, at most to head, also if it is skipped. */
static inline void rb_sync_reader(const struct rb_view *v, u32 row, struct rb_hold *hold, u64 pos)
{
	if (!rb_row_skipped(v, row))
		rb_move_reader(v, row, pos);
	else if (hold->want < pos)
		hold->want = pos;
}

/*
 * Let the skipped reader in @row continue, at the oldest slot that the ring still holds and
 * that is within its lag.  Writers wait for it again.
 */
static inline void rb_continue_reader(const struct rb_view *v, u32 row, struct rb_hold *hold)
{
	u64 head = rb_head(v), start = rb_oldest(v);
	u64 cursor = READ_ONCE(rb_cursor(v, row)->cursor);
	u64 lag = rb_row_lag(v, rb_row(v, row));

	if (head >= lag && start < head - lag)
		start = head - lag;
	start += hold->margin;
	if (start < hold->want)
		start = hold->want;
	if (start < cursor)
		start = cursor;
	if (start > head)
		start = head;
	WRITE_ONCE(rb_row(v, row)->floor, start);
	hold->looked = 0; /* it has its whole timeout again */
	hold->resumed = rb_gate_by(v, row, start);
}

#endif
