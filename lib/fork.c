// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who are we: a word that a fork wipes.
 *
 * A handle remembers the value under which it was entered; in a child the word
 * reads zero, whichever way the child was made (pthread_atfork() would miss a
 * raw clone()), and the next step enters the handle afresh.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static u64 fallback;
static u64 *word = &fallback;
const u64 *rb_process_word = &fallback;

__attribute__((constructor)) static void rb_process_map(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	if (madvise(p, page, MADV_WIPEONFORK)) {
		munmap(p, page);
		return;
	}
	word = p;
	rb_process_word = p;
}

u64 rb_process_renew(void)
{
	u64 none = 0;
	u64 mine = ((u64)getpid() << 40) ^ rb_clock(CLOCK_MONOTONIC);

	/* Several threads of a new process may come here at once: the first one names it. */
	__atomic_compare_exchange_n(word, &none, mine | 1, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return READ_ONCE(*word);
}
