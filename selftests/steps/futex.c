// SPDX-License-Identifier: GPL-2.0
/* Sleep until another process changes a word. */
#include <limits.h>
#include <linux/futex.h>

#include "steps.h"

void notify(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void doze(const uint32_t *word, uint32_t value)
{
	const struct timespec most = { .tv_nsec = 20 * MS };

	syscall(SYS_futex, word, FUTEX_WAIT, value, &most, NULL, 0);
}
