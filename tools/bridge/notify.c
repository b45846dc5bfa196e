// SPDX-License-Identifier: GPL-2.0
/* See notify.h. */
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "../common/clock.h"
#include "alive.h"
#include "notify.h"
#include "route.h"

#define TICK	     (100 * NS_PER_MS)
#define STATUS_PAUSE NS_PER_S
#define STATUS_BYTES 256

/**
 * struct sums - counters of all routes together
 * @routes: how many there are
 * @connected: how many of these are connected
 * @messages: messages passed on by those that there are now
 * @lost: lost by them
 */
struct sums {
	unsigned int routes;
	unsigned int connected;
	uint64_t messages;
	uint64_t lost;
};

static pthread_t thread;
static bool runs;
static atomic_bool ends;

static void add(const struct route *r, void *closure)
{
	struct sums *s = closure;

	s->routes++;
	s->connected += r->report.connected;
	s->messages += r->report.messages;
	s->lost += r->report.lost;
}

/* Tell the sums, unless they are as before.  @last: the text that was told last */
static void tell_status(char last[STATUS_BYTES])
{
	struct sums s = { 0 };
	char text[STATUS_BYTES];

	routes_each(add, &s);
	snprintf(text, sizeof(text),
		 "STATUS=%u routes, %u of them connected; %llu messages, %llu lost", s.routes,
		 s.connected, (unsigned long long)s.messages, (unsigned long long)s.lost);
	if (!strcmp(text, last))
		return;
	strcpy(last, text);
	sd_notify(0, text);
}

static void *run(void *arg)
{
	uint64_t now, oldest, watchdog_ns = 0, watchdog_due = 0, status_due = 0;
	char last[STATUS_BYTES] = "";
	bool stopping = false;

	(void)arg;
	if (sd_watchdog_enabled(0, &watchdog_ns) <= 0)
		watchdog_ns = 0;
	watchdog_ns *= NS_PER_US;
	while (!atomic_load(&ends)) {
		now = clock_now();
		if (bridge_stop && !stopping) {
			sd_notify(0, "STOPPING=1");
			stopping = true;
		}
		if (now >= status_due) {
			tell_status(last);
			status_due = now + STATUS_PAUSE;
		}
		oldest = alive_oldest();
		if (watchdog_ns && now >= watchdog_due &&
		    (oldest >= now || now - oldest < watchdog_ns / 2)) {
			sd_notify(0, "WATCHDOG=1");
			watchdog_due = now + watchdog_ns / 4;
		}
		clock_sleep_until(now + TICK);
	}
	if (!stopping)
		sd_notify(0, "STOPPING=1");
	return NULL;
}

void notify_start(void)
{
	if (sd_notify(0, "READY=1") > 0)
		runs = !pthread_create(&thread, NULL, run, NULL);
}

void notify_stop(void)
{
	if (!runs)
		return;
	atomic_store(&ends, true);
	pthread_join(thread, NULL);
	runs = false;
}
