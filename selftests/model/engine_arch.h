/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine needs, in the model: every shared access is a step.
 *
 * The engine's own headers are compiled against this file, so what is explored
 * is the code that the hosts run.  Accesses to memory outside the model's arena
 * (there are none in the engine) would be a fault.
 */
#ifndef RB_ENGINE_ARCH_H
#define RB_ENGINE_ARCH_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/ringbuf.h>

typedef __u64 u64;
typedef __s64 s64;
typedef __u32 u32;
typedef __s32 s32;
typedef __u8 u8;

#define likely(x)   (x)
#define unlikely(x) (x)

enum model_op_kind {
	OP_LOAD,
	OP_STORE,
	OP_RELEASE, /* a store that comes after all stores before it */
	OP_XCHG,
	OP_CMPXCHG, /* one that fails is a barrier under TSO alone: x86, not arm64 */
	OP_MB,
	OP_LOCK,
	OP_SNAP, /* a waiter forgets the wake-ups so far */
	OP_KICK,
	OP_SLEEP,
	OP_SPIN, /* stands for a sleep where the protocol of waking is not the question */
	OP_WAIT_DEAD,
};

#define OP_ACQUIRE 1U /* flag: later loads stay behind this one */
#define OP_STORES  4U /* flag of a barrier: later stores stay behind earlier ones */
#define OP_FULL	   2U /* flag: a full barrier on both sides; RC11: acquire and release */

struct model_site {
	const char *what;
	const char *function;
	int line;
};

u64 model_op(enum model_op_kind kind, u32 flags, const volatile void *at, u32 size, u64 value,
	     u64 expect, const struct model_site *site);

#define MODEL_OP(kind, flags, p, value, expect)                                                    \
	__extension__({                                                                            \
		static const struct model_site site__ = { #p, __func__, __LINE__ };                \
		(__typeof__(+*(p)))model_op(kind, flags, p, sizeof(*(p)), value, expect, &site__); \
	})

#define READ_ONCE(x)		MODEL_OP(OP_LOAD, 0, &(x), 0, 0)
#define smp_load_acquire(p)	MODEL_OP(OP_LOAD, OP_ACQUIRE, p, 0, 0)
#define WRITE_ONCE(x, v)	((void)MODEL_OP(OP_STORE, 0, &(x), v, 0))
#define smp_store_release(p, v) ((void)MODEL_OP(OP_RELEASE, 0, p, v, 0))
#define xchg(p, v)		MODEL_OP(OP_XCHG, OP_FULL, p, v, 0)
#define cmpxchg(p, old, new)	MODEL_OP(OP_CMPXCHG, OP_FULL, p, new, old)

/* For barriers.py, which weakens the engine; under RC11 only. */
#define xchg_relaxed(p, v)	     MODEL_OP(OP_XCHG, 0, p, v, 0)
#define cmpxchg_relaxed(p, old, new) MODEL_OP(OP_CMPXCHG, 0, p, new, old)

extern const u64 model_nowhere;

#define smp_mb()                                                                                \
	do {                                                                                    \
		static const struct model_site site__ = { "full barrier", __func__, __LINE__ }; \
		model_op(OP_MB, OP_FULL, &model_nowhere, 8, 0, 0, &site__);                     \
	} while (0)
#define smp_rmb()                                                                               \
	do {                                                                                    \
		static const struct model_site site__ = { "read barrier", __func__, __LINE__ }; \
		model_op(OP_MB, OP_ACQUIRE, &model_nowhere, 8, 0, 0, &site__);                  \
	} while (0)
#define smp_wmb()                                                                                \
	do {                                                                                     \
		static const struct model_site site__ = { "write barrier", __func__, __LINE__ }; \
		model_op(OP_MB, OP_STORES, &model_nowhere, 8, 0, 0, &site__);                    \
	} while (0)
#define smp_mb__after_atomic() smp_mb()

static inline u64 rb_mod64(u64 a, u64 b)
{
	return a % b;
}

static inline void rb_relax(u64 step)
{
	(void)step;
}

#endif
