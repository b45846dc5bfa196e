/* SPDX-License-Identifier: GPL-2.0 */
/* A message that was split, while its parts come in. */
#ifndef BRIDGE_PARTS_H
#define BRIDGE_PARTS_H

#include "label.h"
#include "sink.h"

/**
 * struct parts - the parts that have come, each in the message of libnats that it came in
 * @msg: the messages
 * @piece: their bytes
 * @count: how many these are
 * @room: for how many @msg and @piece have room
 * @filled: sum of the bytes
 * @label: headers of the last part
 */
struct parts {
	natsMsg **msg;
	struct piece *piece;
	unsigned int count;
	unsigned int room;
	uint64_t filled;
	struct label label;
};

/* Forget all parts. */
void parts_forget(struct parts *p);

/* Forget all parts and free the memory. */
void parts_free(struct parts *p);

/* Return whether @l is the part that follows those that have come. */
bool parts_continue(const struct parts *p, const struct label *l);

/*
 * Return why a message with a part @l cannot be put into a slot of @slot_bytes bytes, or NULL if it
 * can.  So few parts make a message.
 */
const char *parts_refuse(const struct label *l, uint64_t slot_bytes);

/* Return whether @l has as many bytes as its headers tell, behind those that have come. */
bool parts_fit(const struct parts *p, const struct label *l, size_t bytes);

/* Keep the part *@msg, which becomes NULL.  Return 0 or -ENOMEM. */
int parts_keep(struct parts *p, natsMsg **msg, const struct label *l);

#endif /* BRIDGE_PARTS_H */
