// SPDX-License-Identifier: GPL-2.0
/* See name.h. */
#include <errno.h>
#include <string.h>

#include "name.h"

bool name_is_ring(struct ringbuf *ring, const struct ringbuf_geometry *g)
{
	struct ringbuf_geometry of = { .size = sizeof(of) };

	ringbuf_get_geometry(ring, &of);
	return !memcmp(of.uuid, g->uuid, sizeof(of.uuid));
}

bool name_is_taken(const char *name, const struct ringbuf_geometry *g)
{
	struct ringbuf *ring;
	int err = ringbuf_open(name, (enum ringbuf_host)g->host, &ring);
	bool same;

	if (err)
		return err == -ENOENT;
	same = name_is_ring(ring, g);
	ringbuf_close(ring);
	return !same;
}
