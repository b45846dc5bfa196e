/* SPDX-License-Identifier: GPL-2.0 */
/* A thread that tells systemd how the bridge is, if it is a service of type notify. */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

/*
 * Tell that the bridge is ready.  From now on a thread tells the sums of the counters of all routes
 * each second, and, if the service has a watchdog, that all threads turn round, as long as they do.
 */
void notify_start(void);

/* Tell that the bridge ends, and end the thread. */
void notify_stop(void);

#endif /* BRIDGE_NOTIFY_H */
