/* SPDX-License-Identifier: GPL-2.0 */
/* Names of rings: a name may become that of another ring. */
#ifndef BRIDGE_NAME_H
#define BRIDGE_NAME_H

#include <stdbool.h>

#include <ringbuf.h>

/* Return whether @name is not the name of the ring @g any more, as far as can be told. */
bool name_is_taken(const char *name, const struct ringbuf_geometry *g);

/* Return whether @ring is the ring @g. */
bool name_is_ring(struct ringbuf *ring, const struct ringbuf_geometry *g);

#endif /* BRIDGE_NAME_H */
