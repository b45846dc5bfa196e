/* SPDX-License-Identifier: GPL-2.0 */
/* What the engine needs, in the kernel. */
#ifndef RB_ENGINE_ARCH_H
#define RB_ENGINE_ARCH_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <linux/ringbuf.h>

static inline u64 rb_mod64(u64 a, u64 b)
{
	u64 rem;

	div64_u64_rem(a, b, &rem);
	return rem;
}

/* Long walks under a mutex let others run. */
static inline void rb_relax(u64 step)
{
	if ((step & 4095) == 4095)
		cond_resched();
}

#endif
