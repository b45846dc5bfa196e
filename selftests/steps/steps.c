// SPDX-License-Identifier: GPL-2.0
/*
 * usage: steps [COUNT [SEED [OPERATION]]]
 *
 * A victim does an operation one instruction at a time.  After the k-th one it is killed, or
 * stopped and continued, and survivors check that
 *
 *   - no message that it has committed is lost, doubled, reordered or torn,
 *   - each of its claims is a hole that names it, and how it ended,
 *   - no survivor waits for longer than 50 ms plus scheduling, in each of several tries,
 *   - a reader that was stopped gets what its policy says, and is told what it has lost,
 *   - descriptors, ids and locks of the victim return.
 *
 * This is done for COUNT values of k, which are a prime apart, or with 0 for every k.  Where
 * the first one lies is random: the test prints the seed.  RINGBUF_HOST chooses the host.
 *
 * A step of a system call is the whole call: inside the kernel kill/kill kills.
 */
#include "../harness/harness.h"
#include "steps.h"

static const struct kind kinds[] = {
	{ "shared, killed", 0, FATE_KILL, RINGBUF_BLOCK },
	{ "shared, stopped", 0, FATE_STOP, RINGBUF_BLOCK },
	{ "shared, fenced", 0, FATE_FENCE, RINGBUF_BLOCK },
	{ "exclusive, killed", RINGBUF_EXCLUSIVE, FATE_KILL, RINGBUF_BLOCK },
	{ "exclusive, stopped", RINGBUF_EXCLUSIVE, FATE_STOP, RINGBUF_BLOCK },
	{ "exclusive, fenced", RINGBUF_EXCLUSIVE, FATE_FENCE, RINGBUF_BLOCK },
	{ "evict, killed", 0, FATE_KILL, RINGBUF_EVICT },
	{ "evict, stopped", 0, FATE_STOP, RINGBUF_EVICT },
	{ "skip, killed", 0, FATE_KILL, RINGBUF_SKIP },
	{ "skip, stopped", 0, FATE_STOP, RINGBUF_SKIP },
	{ "lossy, killed", 0, FATE_KILL, RINGBUF_LOSSY },
	{ "lossy, stopped", 0, FATE_STOP, RINGBUF_LOSSY },
	{ "exclusive lossy, stopped", RINGBUF_EXCLUSIVE, FATE_STOP, RINGBUF_LOSSY },
};

#define MANY_RINGS 10000 /* made and dropped at the end; fewer in the short form */
#define KINDS	   (sizeof(kinds) / sizeof(*kinds))

/* The victims by their roles, for the time from there to the next successful write. */
enum { SHARED_WRITER, EXCLUSIVE_WRITER, READER, VICTIMS };

static const char *const victim_names[VICTIMS] = {
	[SHARED_WRITER] = "killed one of several writers, to the next write of another",
	[EXCLUSIVE_WRITER] = "killed an exclusive writer, to the first write of the next",
	[READER] = "killed a reader, to the next write",
};

/**
 * struct options - what the command line says
 * @count: instructions of each operation after which victims have their fate; 0: all
 * @seed: of random numbers
 * @only: the operation, or NULL for all
 */
struct options {
	uint64_t count;
	uint64_t seed;
	const char *only;
};

static bool applies(const struct options *o, const struct kind *kind, const struct operation *op)
{
	if (kind->fate == FATE_FENCE && !op->claims)
		return false;
	if (kind->policy && !op->reader)
		return false;
	return !o->only || !strcmp(o->only, op->name);
}

static bool host_is_module(void)
{
	struct ringbuf *ring = ring_new(0, STEPS_SLOT, STEPS_SLOTS);
	bool module = ring && on_module(ring);

	ringbuf_close(ring);
	return module;
}

/* Why the host cannot run @op on @kind, or NULL. */
static const char *lacking(const struct kind *kind, const struct operation *op, bool module)
{
	if (kind->fate == FATE_FENCE && !module)
		return "the embedded host has no fences";
	if (op->module && !module)
		return "the embedded host has no descriptors to read and write";
	return NULL;
}

/* Run one operation, if the host has it, and print its line. */
static void run(struct session *s, const struct options *o, bool module)
{
	const struct kind *kind = s->kind;
	const char *name = s->op->name, *reason = lacking(kind, s->op, module);

	if (reason) {
		ksft_test_result_skip("%s\n", reason);
		return;
	}
	session_run(s, o->count, message_mix(o->seed + (uint64_t)(s->op - operations)));
	ksft_print_msg("%s: %s: %llu instructions, %u victims, %u violations, longest stall "
		       "%.2f ms\n",
		       kind->name, name, (unsigned long long)s->instructions, s->victims,
		       s->violations, (double)s->longest / 1e6);
	ksft_test_result(!s->violations, "%s: %s\n", kind->name, name);
}

static void run_all(const struct options *o, struct bystanders *bystanders)
{
	struct times times[VICTIMS] = { 0 };
	bool module = host_is_module();
	unsigned int k, i;

	for (k = 0; k < KINDS; k++) {
		for (i = 0; i < operation_count; i++) {
			const struct operation *op = &operations[i];
			unsigned int victim = op->reader ? READER
					      : kinds[k].flags & RINGBUF_EXCLUSIVE
						      ? EXCLUSIVE_WRITER
						      : SHARED_WRITER;
			struct session s = { .kind = &kinds[k],
					     .op = op,
					     .bystanders = bystanders,
					     .times = &times[victim] };

			if (applies(o, &kinds[k], op))
				run(&s, o, module);
		}
	}
	for (k = 0; k < VICTIMS; k++) {
		times_print(&times[k], victim_names[k]);
		free(times[k].ns);
	}
}

static unsigned int planned(const struct options *o)
{
	unsigned int n = 0, k, i;

	for (k = 0; k < KINDS; k++)
		for (i = 0; i < operation_count; i++)
			n += applies(o, &kinds[k], &operations[i]);
	return n;
}

int main(int argc, char **argv)
{
	struct options o = {
		.count = argc > 1 ? strtoull(argv[1], NULL, 0) : 10,
		.seed = argc > 2 ? strtoull(argv[2], NULL, 0) : now_ns() ^ (uint64_t)getpid() << 32,
		.only = argc > 3 ? argv[3] : NULL,
	};
	struct bystanders *bystanders = shared_memory(sizeof(*bystanders));
	const char *missing = harness_host_missing();
	unsigned int rings = o.count ? MANY_RINGS / 20 : MANY_RINGS;

	if (!missing)
		missing = stepper_missing();
	if (missing)
		return harness_skip_all(missing);
	if (argc > 4 || !planned(&o) || !bystanders)
		ksft_exit_fail_msg("usage: steps [COUNT [SEED [OPERATION]]]\n");
	ksft_print_header();
	ksft_set_plan(planned(&o) + 1);
	ksft_print_msg("seed %#llx\n", (unsigned long long)o.seed);
	run_all(&o, bystanders);
	ksft_test_result(!many_rings(rings), "%u rings after all that\n", rings);
	ksft_finished();
}
