/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The original's RingBuffer over libringbuf.
 *
 * There a writer is a number that new_writer() raises and writer_done() lowers,
 * in any process, and any thread may write while it is not zero.  Here a writer
 * is a handle that one thread of one process uses, so that its end is noticed.
 * new_writer() makes a handle and a token, a word that all processes share.  A
 * thread that writes for the first time claims a token whose handle its process
 * has; one that finds none left, while others are active, attaches for a moment.
 */
#ifndef RP_DROPIN_H
#define RP_DROPIN_H

#include "package.h"

#define RP_TOKENS 1000U

/* A token word is generation << 2 | phase. */
#define RP_TOKEN_NONE	 0U
#define RP_TOKEN_FREE	 1U
#define RP_TOKEN_CLAIMED 2U
#define RP_TOKEN_PHASE	 3U

/**
 * struct rp_page - what all processes of a RingBuffer share beside the ring
 * @readers: entries in @reader
 * @writers_ever: times that new_writer() was called
 * @token: words
 * @reader: next position of each reader, by row; a hint that outlives its process
 */
struct rp_page {
	uint32_t readers;
	uint32_t writers_ever;
	uint32_t token[RP_TOKENS];
	uint64_t reader[];
};

/**
 * struct rp_control - Control: the page
 * @page: mapped
 * @bytes: of it
 * @fd: memfd
 */
struct rp_control {
	PyObject_HEAD struct rp_page *page;
	size_t bytes;
	int fd;
};

/**
 * struct rp_pointer - Pointer's base: what new_reader() gives
 * @reader: a Reader
 * @control: counted
 */
struct rp_pointer {
	struct rp_reader reader;
	struct rp_control *control;
};

/**
 * struct rp_token - a writer handle that this process has
 * @next: list
 * @writer: the handle
 * @index: of its word
 * @word: while it is free
 * @thread: who claimed it, 0: nobody here
 * @fork: value of rp_forks then
 * @use: see there
 * @done: to be ended by its thread
 */
struct rp_token {
	struct rp_token *next;
	struct ringbuf_writer *writer;
	uint32_t index;
	uint32_t word;
	uint64_t thread;
	unsigned int fork;
	struct rp_use use;
	bool done;
};

/**
 * struct rp_dropin - RingBuffer's base
 * @ring: Ring
 * @control: Control
 * @tokens: list, oldest first
 * @last: what rp_token_mine() found last
 * @used: rp_forks + 1 in a process that has read, or called new_writer() or writer_done()
 */
struct rp_dropin {
	PyObject_HEAD struct rp_ring *ring;
	struct rp_control *control;
	struct rp_token *tokens;
	struct rp_token *last;
	unsigned int used;
};

/* ---- token.c ---------------------------------------------------------------- */

int rp_token_new(struct rp_dropin *self);
int rp_token_import(struct rp_dropin *self, const struct ringbuf_ticket *ticket, uint32_t index,
		    uint32_t word);
struct rp_token *rp_token_mine(struct rp_dropin *self);
void rp_token_end(struct rp_dropin *self, struct rp_token *token);
void rp_tokens_done(struct rp_dropin *self);
void rp_tokens_leave(struct rp_dropin *self, bool failed, bool meant);
void rp_tokens_free(struct rp_dropin *self);

#endif
