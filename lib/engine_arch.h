/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's memory-model macros in user space, for the engine.
 *
 * The kernel's read-modify-writes are fully ordered.  C11's sequentially consistent
 * ones do not order the plain accesses around them (on arm64 later loads may pass
 * LDAXR/STLXR), so smp_mb__after_atomic() is a fence there and a compiler barrier on
 * x86.  GCC's ThreadSanitizer does not model fences: under it a full barrier is a
 * read-modify-write of a thread-local word.
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

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define barrier() __asm__ __volatile__("" ::: "memory")

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define xchg(p, v)		__atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define cmpxchg(p, old, new)                                                             \
	__extension__({                                                                  \
		__typeof__(*(p)) __was = (old);                                          \
		__atomic_compare_exchange_n((p), &__was, (new), false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                           \
		__was;                                                                   \
	})

#if defined(__SANITIZE_THREAD__)
static inline void smp_mb(void)
{
	static _Thread_local int word;

	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}

#define smp_rmb()	       smp_mb()
#define smp_wmb()	       smp_mb()
#define smp_mb__after_atomic() smp_mb()
#elif defined(__x86_64__)
/* A locked add to the stack costs half of MFENCE and orders the same accesses here. */
#define smp_mb()	       __asm__ __volatile__("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#define smp_rmb()	       barrier()
#define smp_wmb()	       barrier()
#define smp_mb__after_atomic() barrier()
#else
#define smp_mb()	       __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()	       __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()	       __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb__after_atomic() smp_mb()
#endif

static inline u64 rb_mod64(u64 a, u64 b)
{
	return a % b;
}

static inline void rb_relax(u64 step)
{
	(void)step;
}

#endif
