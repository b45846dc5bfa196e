// SPDX-License-Identifier: GPL-2.0
/* Sessions: a ring, its survivors, and victims that end at different instructions. */
#include "steps.h"

#define VIOLATIONS_MAX 3 /* of one operation, before the test continues with the next */

static struct ringbuf *ring_of(const struct kind *kind)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(STEPS_SLOT, STEPS_SLOTS);
	struct ringbuf *ring = NULL;

	config.flags = kind->flags;
	config.max_readers = STEPS_READERS;
	config.max_writers = kind->flags & RINGBUF_EXCLUSIVE ? 1 : STEPS_WRITERS;
	config.claim_timeout = kind->fate == FATE_FENCE ? CLAIM_NS : 0;
	errno = -ringbuf_create(&config, &ring);
	return ring;
}

static int session_start(struct session *s)
{
	struct arena *a = shared_memory(sizeof(*a));

	CHECK(a);
	s->a = a;
	s->descriptors = descriptors();
	a->ring = ring_of(s->kind);
	CHECK(a->ring);
	s->locks = locks_of(a->ring);
	a->fate = s->kind->fate;
	a->exclusive = s->kind->flags & RINGBUF_EXCLUSIVE;
	a->policy = s->kind->policy;
	if (a->policy == RINGBUF_EVICT || a->policy == RINGBUF_SKIP)
		a->policy_timeout = POLICY_NS;
	a->module = on_module(a->ring);
	a->discards = s->op->discards;
	a->leaves = s->op->leaves;
	a->life = STEPS_SHOUT;
	s->writer = child_start(survivor_writer, a);
	s->reader = child_start(survivor_reader, a);
	CHECK(s->writer > 0 && s->reader > 0);
	CHECK(survivors_start(s));
	return 0;
}

/* End the survivors, and check that all returns unless there was a violation before. */
static int session_end(struct session *s, bool failed)
{
	struct arena *a = s->a;

	if (failed) {
		child_kill(s->writer);
		child_kill(s->reader);
		ringbuf_close(a->ring);
		munmap(a, sizeof(*a));
		return 1;
	}
	survivors_stop(a);
	CHECK_EQ(0, child_end(s->reader));
	CHECK_EQ(0, child_end(s->writer));
	CHECK(!all_returns(a->ring, s->locks));
	ringbuf_close(a->ring);
	CHECK_EQ(s->descriptors, descriptors());
	munmap(a, sizeof(*a));
	return 0;
}

static bool is_prime(uint64_t n)
{
	uint64_t d;

	for (d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n > 1;
}

/* The distance of @count values of k among @instructions; 0: of all. */
static uint64_t stride_of(uint64_t instructions, uint64_t count)
{
	uint64_t stride = count ? instructions / count : 1;

	if (stride < 2)
		return 1;
	while (!is_prime(stride))
		stride++;
	return stride;
}

/* The first victim has its fate after the whole operation, and counts its instructions. */
static bool count_instructions(struct session *s)
{
	if (!session_round(s, UINT64_MAX))
		return false;
	s->instructions = s->step;
	return true;
}

void session_run(struct session *s, uint64_t count, uint64_t seed)
{
	uint64_t stride = 0, k = 0;
	bool ok, more = true;

	while (more && s->violations < VIOLATIONS_MAX) {
		if (session_start(s)) {
			s->violations++;
			return;
		}
		ok = s->instructions || count_instructions(s);
		if (ok && !stride) {
			stride = stride_of(s->instructions, count);
			k = seed % stride;
		}
		for (; ok && k < s->instructions; k += stride)
			ok = session_round(s, k);
		more = !ok && stride;
		s->violations += session_end(s, !ok) != 0;
	}
}
