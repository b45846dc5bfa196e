/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Policies of readers; hold.h applies them. */
#ifndef RB_ENGINE_POLICY_H
#define RB_ENGINE_POLICY_H

#include "engine_arch.h"

/**
 * struct rb_policy - what happens to a reader that holds writers up
 * @kind: RINGBUF_POLICY_*, with its flags
 * @pad: 0
 * @timeout: see struct ringbuf_create.policy_timeout
 * @lag: see struct ringbuf_create.policy_lag
 */
struct rb_policy {
	u32 kind;
	u32 pad;
	u64 timeout;
	u64 lag;
};

/* Return whether writers ask the host about a reader with policy @p: it evicts or skips it. */
static inline bool rb_policy_acts(const struct rb_policy *p)
{
	u32 kind = p->kind & RINGBUF_POLICY_KIND;

	return kind == RINGBUF_POLICY_EVICT || kind == RINGBUF_POLICY_SKIP;
}

/*
 * Return how many of the oldest slots a reader leaves out when it continues after writers have
 * passed it: none if it has released a slot since the last time, else more than the @last time,
 * but @most at most.  So a reader that is slower than the writers reads whole messages
 * nevertheless.
 */
static inline u64 rb_margin(u64 last, bool released, u64 most)
{
	u64 margin = released ? 0 : 2 * last + 1;

	return margin < most ? margin : most;
}

/* Return whether @p is a policy that a reader of a ring of @slots slots can have. */
static inline bool rb_policy_valid(const struct rb_policy *p, u64 slots)
{
	u32 kind = p->kind & RINGBUF_POLICY_KIND;

	if (p->kind & ~(RINGBUF_POLICY_KIND | RINGBUF_POLICY_AT_STOP))
		return false;
	if (!rb_policy_acts(p))
		return kind <= RINGBUF_POLICY_LOSSY && p->kind == kind && !p->timeout && !p->lag;
	if (p->timeout && p->timeout < RINGBUF_MIN_POLICY_TIMEOUT)
		return false;
	return p->lag <= slots;
}

/*
 * Return whether a reader may have policy @p, which is valid, in a ring with policy @ring: it
 * may not hold up writers for longer.
 */
static inline bool rb_policy_allows(const struct rb_policy *ring, const struct rb_policy *p)
{
	u32 kind = p->kind & RINGBUF_POLICY_KIND;

	if (ring->kind == RINGBUF_POLICY_BLOCK || kind == RINGBUF_POLICY_LOSSY)
		return true;
	if (ring->kind == RINGBUF_POLICY_LOSSY || kind == RINGBUF_POLICY_BLOCK)
		return false;
	if (ring->lag && (!p->lag || p->lag > ring->lag))
		return false;
	return p->timeout <= ring->timeout && !(ring->kind & ~p->kind & RINGBUF_POLICY_AT_STOP);
}

#endif
