/* SPDX-License-Identifier: GPL-2.0 */
/* An epoll set with one descriptor. */
#ifndef SELFTESTS_EPOLL_H
#define SELFTESTS_EPOLL_H

#include <stdint.h>
#include <sys/epoll.h>

static inline int epoll_on(int fd, uint32_t events)
{
	struct epoll_event e = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) ? -1 : ep;
}

/* Wait for @timeout ms; returns the events, or 0 if there are none. */
static inline uint32_t epolled(int ep, int timeout)
{
	struct epoll_event e = { .events = 0 };

	return epoll_wait(ep, &e, 1, timeout) == 1 ? e.events : 0;
}

#endif
