/* SPDX-License-Identifier: GPL-2.0 */
/* Policies of readers, as options say them and reports show them. */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <argp.h>
#include <stdbool.h>

#include <jansson.h>
#include <ringbuf.h>

/* Set the kind in @policy to that of --@option=@arg; calls argp_error() for another word. */
void policy_option(struct argp_state *state, const char *option, const char *arg,
		   struct ringbuf_policy *policy);

/*
 * Check the policy that the options give together.  @prefix stands before the names of its
 * options: "" or "reader-".  @slots is slot_count; 0: not known.  Calls argp_error() for a
 * policy that no reader can have.
 */
void policy_check(struct argp_state *state, const char *prefix, const struct ringbuf_policy *policy,
		  uint64_t slots);

/* Return the word of @kind, which may have RINGBUF_AT_STOP: "skip". */
const char *policy_word(uint32_t kind);

/* Whether a reader with policy @kind may lose messages and read on. */
bool policy_loses(uint32_t kind);

#define POLICY_TEXT_BYTES 128

/* Write the whole policy in words to @text: "skip after 0.5 s, or 5 slots behind".  Return @text.
 */
const char *policy_text(char text[POLICY_TEXT_BYTES], const struct ringbuf_policy *policy);

/* Set policy, policy_timeout in seconds, policy_lag and at_stop in @j. */
void policy_json(json_t *j, const struct ringbuf_policy *policy);

#endif /* COMMON_POLICY_H */
