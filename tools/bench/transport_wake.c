// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transports that consist of a wake-up alone: one message in shared memory, and a futex or an
 * eventfd that wakes the receiver.
 */
#include "stream.h"
#include "wake.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SPIN_NS 50000

struct wake_shared {
	uint32_t sent;
	struct message_stamp msg __attribute__((aligned(64)));
	uint32_t asleep __attribute__((aligned(64)));
};

struct wake {
	struct wake_shared *shared;
	uint32_t count;
	int fd;
};

static int futex_setup(void *chan, const struct bench_params *p)
{
	struct wake *k = chan;

	(void)p;
	k->shared = bench_shm(sizeof(*k->shared));
	k->fd = -1;
	return 0;
}

static int eventfd_setup(void *chan, const struct bench_params *p)
{
	struct wake *k = chan;

	futex_setup(chan, p);
	k->fd = eventfd(0, 0);
	return k->fd < 0 ? -1 : 0;
}

static void wake_teardown(void *chan)
{
	struct wake *k = chan;

	munmap(k->shared, sizeof(*k->shared));
	if (k->fd >= 0)
		close(k->fd);
}

BENCH_INLINE void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static inline void futex_send(void *chan, const void *msg, size_t bytes)
{
	struct wake *k = chan;

	bench_copy(&k->shared->msg, msg, bytes);
	__atomic_store_n(&k->shared->sent, ++k->count, __ATOMIC_RELEASE);
	futex(&k->shared->sent, FUTEX_WAKE, 1);
}

static inline void futex_recv(void *chan, void *msg, size_t bytes)
{
	struct wake *k = chan;

	while (__atomic_load_n(&k->shared->sent, __ATOMIC_ACQUIRE) == k->count)
		futex(&k->shared->sent, FUTEX_WAIT, k->count);
	k->count++;
	bench_copy(msg, &k->shared->msg, bytes);
}

/* Send a message; make the system call that wakes the receiver only if it sleeps. */
static inline void adaptive_send(void *chan, const void *msg, size_t bytes)
{
	struct wake *k = chan;

	bench_copy(&k->shared->msg, msg, bytes);
	__atomic_store_n(&k->shared->sent, ++k->count, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&k->shared->asleep, __ATOMIC_SEQ_CST))
		futex(&k->shared->sent, FUTEX_WAKE, 1);
}

static inline void adaptive_recv(void *chan, void *msg, size_t bytes)
{
	const uint64_t end = bench_ticks() + (uint64_t)(SPIN_NS / bench_tick_ns);
	struct wake *k = chan;
	uint32_t *sent = &k->shared->sent;

	while (__atomic_load_n(sent, __ATOMIC_ACQUIRE) == k->count) {
		bench_relax();
		if (bench_ticks() < end)
			continue;
		__atomic_store_n(&k->shared->asleep, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(sent, __ATOMIC_SEQ_CST) == k->count)
			futex(sent, FUTEX_WAIT, k->count);
		__atomic_store_n(&k->shared->asleep, 0, __ATOMIC_RELAXED);
	}
	k->count++;
	bench_copy(msg, &k->shared->msg, bytes);
}

static inline void eventfd_send(void *chan, const void *msg, size_t bytes)
{
	struct wake *k = chan;
	uint64_t one = 1;

	bench_copy(&k->shared->msg, msg, bytes);
	if (write(k->fd, &one, sizeof(one)) != sizeof(one))
		bench_die("eventfd");
}

static inline void eventfd_recv(void *chan, void *msg, size_t bytes)
{
	struct wake *k = chan;
	uint64_t count;

	if (read(k->fd, &count, sizeof(count)) != sizeof(count))
		bench_die("eventfd");
	bench_copy(msg, &k->shared->msg, bytes);
}

#define WAKE_OPS(setup_fn, name)                                                    \
	{                                                                           \
		.size = sizeof(struct wake), .own_depth = true, .setup = setup_fn,  \
		.teardown = wake_teardown, .send = name##_send, .recv = name##_recv \
	}

static const struct bench_ops futex_ops = WAKE_OPS(futex_setup, futex);
static const struct bench_ops adaptive_ops = WAKE_OPS(futex_setup, adaptive);
static const struct bench_ops eventfd_ops = WAKE_OPS(eventfd_setup, eventfd);

BENCH_ROUND(futex, futex_ops);
BENCH_ROUND(adaptive, adaptive_ops);
BENCH_ROUND(eventfd, eventfd_ops);

#define IN_SHM "payload in shared memory"
#define SPINS  "payload in shared memory; spins 50 us, then futex"

#define WAKE_CASES(transport, fn, note)                                        \
	BENCH_CASE(transport, "L2", fn, fn##_ops, BENCH_BLOCK, note),          \
		BENCH_CASE(transport, "L2p", fn, fn##_ops, BENCH_BLOCK, note), \
		BENCH_CASE(transport, "L2s", fn, fn##_ops, BENCH_BLOCK, note)

static const struct bench_case cases[] = {
	WAKE_CASES("futex", futex, IN_SHM),
	WAKE_CASES("futex_adaptive", adaptive, SPINS),
	WAKE_CASES("eventfd", eventfd, IN_SHM),
	BENCH_WAKE_CASES("eventfd", eventfd_ops),
};

extern const struct bench_family bench_wake;
const struct bench_family bench_wake = { cases, BENCH_ARRAY_SIZE(cases) };
