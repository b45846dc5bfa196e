// SPDX-License-Identifier: GPL-2.0
/* ringbufctl create, unlink, sync. */
#include "ctl.h"

int ctl_create(const struct ctl *c)
{
	struct ringbuf_config config = c->config;
	struct ringbuf *ring;
	int err;

	config.flags |= RINGBUF_PERSISTENT;
	config.name = c->name;
	config.host = c->host;
	err = ringbuf_create(&config, &ring);
	if (err)
		return ctl_fail(c->name, err);
	ringbuf_close(ring);
	return 0;
}

int ctl_unlink(const struct ctl *c)
{
	int err = ringbuf_unlink(c->name, c->host);

	return err ? ctl_fail(c->name, err) : 0;
}

int ctl_sync(const struct ctl *c)
{
	struct ringbuf *ring;
	int err = ringbuf_open(c->name, c->host, &ring);

	if (err)
		return ctl_fail(c->name, err);
	err = ringbuf_sync(ring, c->reader, c->position);
	ringbuf_close(ring);
	return err ? ctl_fail(c->name, err) : 0;
}
