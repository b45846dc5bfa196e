// SPDX-License-Identifier: GPL-2.0
/* ringbufctl create, unlink, sync, evict. */
#include <errno.h>

#include "ctl.h"

int ctl_create(const struct ctl *c)
{
	struct ringbuf_config config = c->config;
	struct ringbuf *ring;
	int err;

	config.flags |= RINGBUF_KEPT;
	config.name = c->name;
	config.host = c->host;
	config.wait_readers = c->wait_readers;
	config.policy = c->policy.kind;
	config.policy_timeout = c->policy.timeout;
	config.policy_lag = c->policy.lag;
	err = ringbuf_create(&config, &ring);
	if (err)
		return ctl_fail_at(c, ERROR_CREATE, err, NULL);
	ringbuf_close(ring);
	return 0;
}

int ctl_unlink(const struct ctl *c)
{
	int err = ringbuf_unlink(c->name, c->host);

	return err ? ctl_fail_at(c, ERROR_UNLINK, err, NULL) : 0;
}

static int with_ring(const struct ctl *c, int (*act)(const struct ctl *c, struct ringbuf *ring))
{
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	err = act(c, ring);
	if (err == -ENOENT)
		ctl_say(c->name, "there is no reader %u (ringbufctl stats shows which there are)",
			c->reader);
	else if (err)
		ctl_fail_at(c, ERROR_CONTROL, err, ring);
	ringbuf_close(ring);
	return err ? CTL_EXIT_FAILED : 0;
}

static int sync_ring(const struct ctl *c, struct ringbuf *ring)
{
	return ringbuf_sync(ring, c->reader, c->position);
}

static int evict_reader(const struct ctl *c, struct ringbuf *ring)
{
	return ringbuf_evict_reader(ring, c->reader);
}

int ctl_sync(const struct ctl *c)
{
	return with_ring(c, sync_ring);
}

int ctl_evict(const struct ctl *c)
{
	return with_ring(c, evict_reader);
}
