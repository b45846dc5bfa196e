// SPDX-License-Identifier: GPL-2.0
/* See alive.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../common/clock.h"
#include "alive.h"

#define WAITS UINT64_MAX

/**
 * struct watched - a thread
 * @beat: when it called alive_beat(), or WAITS
 * @is_listed: it is in the list
 * @next: the next thread of the list
 */
struct watched {
	_Atomic uint64_t beat;
	bool is_listed;
	struct watched *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched *list; /* under the lock */
static _Thread_local struct watched self;

void alive_begin(const char *name)
{
	if (name)
		pthread_setname_np(pthread_self(), name);
	self.beat = clock_now();
	self.is_listed = true;
	pthread_mutex_lock(&lock);
	self.next = list;
	list = &self;
	pthread_mutex_unlock(&lock);
}

void alive_end(void)
{
	struct watched **at = &list;

	pthread_mutex_lock(&lock);
	while (*at != &self)
		at = &(*at)->next;
	*at = self.next;
	pthread_mutex_unlock(&lock);
	self.is_listed = false;
}

void alive_beat(void)
{
	if (self.is_listed)
		atomic_store_explicit(&self.beat, clock_now(), memory_order_relaxed);
}

void alive_wait(void)
{
	if (self.is_listed)
		atomic_store_explicit(&self.beat, WAITS, memory_order_relaxed);
}

uint64_t alive_oldest(void)
{
	uint64_t oldest = WAITS, beat;

	pthread_mutex_lock(&lock);
	for (const struct watched *w = list; w; w = w->next) {
		beat = atomic_load_explicit(&w->beat, memory_order_relaxed);
		if (beat < oldest)
			oldest = beat;
	}
	pthread_mutex_unlock(&lock);
	return oldest;
}
