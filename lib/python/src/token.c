// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tokens of the drop-in's writers. */
#include "dropin.h"

static uint64_t thread_number(void)
{
	static __thread uint64_t mine;
	static uint64_t last; /* under the GIL */

	if (RP_UNLIKELY(!mine))
		mine = ++last;
	return mine;
}

static uint32_t *word_of(const struct rp_dropin *self, const struct rp_token *token)
{
	return &self->control->page->token[token->index];
}

static bool change(uint32_t *word, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* A word that was nobody's becomes free to be claimed. */
static int word_take(struct rp_page *page, uint32_t *index, uint32_t *word)
{
	uint32_t i;

	for (i = 0; i < RP_TOKENS; i++) {
		uint32_t old = __atomic_load_n(&page->token[i], __ATOMIC_ACQUIRE);

		*index = i;
		*word = ((old >> 2) + 1) << 2 | RP_TOKEN_FREE;
		if ((old & RP_TOKEN_PHASE) == RP_TOKEN_NONE && change(&page->token[i], old, *word))
			return 0;
	}
	return -ENOSPC;
}

static void word_drop(struct rp_dropin *self, const struct rp_token *token)
{
	__atomic_store_n(word_of(self, token), token->word & ~RP_TOKEN_PHASE, __ATOMIC_RELEASE);
}

static int token_add(struct rp_dropin *self, struct ringbuf_writer *writer, uint32_t index,
		     uint32_t word)
{
	struct rp_token *token = PyMem_Calloc(1, sizeof(*token)), **at;

	if (!token || rp_use_init(&token->use)) {
		PyMem_Free(token);
		RP_UNLOCKED(ringbuf_writer_close(writer));
		return -ENOMEM;
	}
	ringbuf_writer_interruptible(writer, 1);
	token->writer = writer;
	token->index = index;
	token->word = word;
	for (at = &self->tokens; *at; at = &(*at)->next)
		;
	*at = token;
	return 0;
}

int rp_token_new(struct rp_dropin *self)
{
	struct ringbuf_writer *writer;
	uint32_t index, word;
	int err = rp_ring_writer(self->ring, &writer);

	if (err)
		return err;
	err = word_take(self->control->page, &index, &word);
	if (err) {
		RP_UNLOCKED(ringbuf_writer_close(writer));
		return err;
	}
	__atomic_add_fetch(&self->control->page->writers_ever, 1, __ATOMIC_SEQ_CST);
	return token_add(self, writer, index, word);
}

int rp_token_import(struct rp_dropin *self, const struct ringbuf_ticket *ticket, uint32_t index,
		    uint32_t word)
{
	struct ringbuf_writer *writer;
	int err = -EINVAL;

	if (index < RP_TOKENS)
		err = ringbuf_writer_import(self->ring->ring, ticket, &writer);
	if (err)
		rp_ticket_drop(ticket);
	return err ? err : token_add(self, writer, index, word);
}

static bool ours(const struct rp_token *token)
{
	return token->thread && token->fork == rp_forks;
}

/* The word of a token that is claimed elsewhere, or over, is not what it was. */
static bool claim(struct rp_dropin *self, struct rp_token *token)
{
	if (ours(token) || !change(word_of(self, token), token->word, token->word + 1))
		return false;
	token->thread = thread_number();
	token->fork = rp_forks;
	return true;
}

static struct rp_token *claim_any(struct rp_dropin *self)
{
	struct rp_token *token;

	for (token = self->tokens; token; token = token->next)
		if (claim(self, token))
			return token;
	return NULL;
}

static struct rp_token *claimed(const struct rp_dropin *self)
{
	struct rp_token *token;

	for (token = self->tokens; token; token = token->next)
		if (ours(token) && token->thread == thread_number())
			return token;
	return NULL;
}

/* The token of this thread, claimed now if need be; NULL: none is left. */
struct rp_token *rp_token_mine(struct rp_dropin *self)
{
	struct rp_token *token = self->last;

	if (RP_LIKELY(token && token->fork == rp_forks && token->thread == thread_number()))
		return token;
	token = claimed(self);
	if (!token)
		token = claim_any(self);
	self->last = token;
	return token;
}

static void token_free(struct rp_dropin *self, struct rp_token *token)
{
	struct rp_token **at;

	for (at = &self->tokens; *at != token; at = &(*at)->next)
		;
	*at = token->next;
	if (self->last == token)
		self->last = NULL;
	RP_UNLOCKED(ringbuf_writer_close(token->writer));
	rp_use_free(&token->use);
	PyMem_Free(token);
}

void rp_token_end(struct rp_dropin *self, struct rp_token *token)
{
	RP_WITHOUT_GIL(&token->use, false, ringbuf_writer_done(token->writer));
	word_drop(self, token);
	token_free(self, token);
}

/* End a token as a writer that died, and free its word. */
static void token_fail(struct rp_dropin *self, struct rp_token *token)
{
	struct ringbuf_writer *writer = token->writer;

	word_drop(self, token);
	token->writer = NULL;
	RP_WITHOUT_GIL(&token->use, false, lib_writer_abandon(writer));
	token_free(self, token);
}

/*
 * End the tokens of this process, which exits: as done, or as died if it @failed.  A
 * failed process that was @meant to write and has claimed no token ends an unclaimed one
 * as died, since the readers would wait for that writer for ever.
 */
void rp_tokens_leave(struct rp_dropin *self, bool failed, bool meant)
{
	struct rp_token *token = self->tokens;
	bool any = false;

	while (token) {
		if (!ours(token) || token->use.busy) {
			token = token->next;
			continue;
		}
		any = true;
		if (failed)
			token_fail(self, token);
		else
			rp_token_end(self, token);
		token = self->tokens;
	}
	token = failed && meant && !any ? claim_any(self) : NULL;
	if (token)
		token_fail(self, token);
}

/* Any token of another thread of this process; one that is at work ends later. */
static void end_of_another(struct rp_dropin *self)
{
	struct rp_token *token, *busy = NULL;

	for (token = self->tokens; token; token = token->next) {
		if (!ours(token) || token->done)
			continue;
		if (!token->use.busy)
			break;
		busy = token;
	}
	if (token)
		rp_token_end(self, token);
	else if (busy)
		busy->done = true;
}

/* One writer less: this thread's, else one that nobody has claimed, else any here. */
void rp_tokens_done(struct rp_dropin *self)
{
	struct rp_token *token = claimed(self);

	if (!token)
		token = claim_any(self);
	if (token && token->use.busy)
		token->done = true; /* a signal handler inside our own write */
	else if (token)
		rp_token_end(self, token);
	else
		end_of_another(self);
}

/* Return the first idle token; a thread that uses one is told to end it afterwards. */
static struct rp_token *idle(struct rp_dropin *self)
{
	struct rp_token *token;

	for (token = self->tokens; token && ours(token) && token->use.busy; token = token->next)
		token->done = token->use.closing = true;
	return token;
}

/* Start over after each token: the list may change while the GIL is given up. */
void rp_tokens_free(struct rp_dropin *self)
{
	struct rp_token *token;

	while ((token = idle(self))) {
		if (ours(token))
			word_drop(self, token);
		token_free(self, token);
	}
}
