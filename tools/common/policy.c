// SPDX-License-Identifier: GPL-2.0
/* See policy.h. */
#include <stdio.h>
#include <string.h>

#include "policy.h"

#define KIND 0xffU /* of enum ringbuf_policy_kind; the rest are flags */

static const char *const words[] = {
	[RINGBUF_BLOCK] = "block",
	[RINGBUF_EVICT] = "evict",
	[RINGBUF_SKIP] = "skip",
	[RINGBUF_LOSSY] = "lossy",
};

#define WORDS (sizeof(words) / sizeof(words[0]))

void policy_option(struct argp_state *state, const char *option, const char *arg,
		   struct ringbuf_policy *policy)
{
	uint32_t kind = 0;

	while (kind < WORDS && strcmp(arg, words[kind]))
		kind++;
	if (kind == WORDS)
		argp_error(state, "--%s=%s: not one of block, evict, skip, lossy", option, arg);
	policy->kind = (policy->kind & ~KIND) | kind;
}

void policy_check(struct argp_state *state, const char *prefix, const struct ringbuf_policy *policy,
		  uint64_t slots)
{
	uint32_t kind = policy->kind & KIND;

	if (kind != RINGBUF_EVICT && kind != RINGBUF_SKIP &&
	    (policy->timeout || policy->lag || policy->kind & RINGBUF_AT_STOP))
		argp_error(
			state,
			"--%spolicy-timeout, --%spolicy-lag and --%sat-stop need --%spolicy=evict "
			"or skip",
			prefix, prefix, prefix, prefix);
	if (slots && policy->lag > slots)
		argp_error(state, "--%spolicy-lag=%llu: larger than --slots=%llu", prefix,
			   (unsigned long long)policy->lag, (unsigned long long)slots);
}

const char *policy_word(uint32_t kind)
{
	return (kind & KIND) < WORDS ? words[kind & KIND] : "?";
}

bool policy_loses(uint32_t kind)
{
	return (kind & KIND) == RINGBUF_SKIP || (kind & KIND) == RINGBUF_LOSSY;
}

const char *policy_text(char text[POLICY_TEXT_BYTES], const struct ringbuf_policy *policy)
{
	uint32_t kind = policy->kind & KIND;
	char lag[40] = "", timeout[40] = " at once";

	if (policy->timeout)
		snprintf(timeout, sizeof(timeout), " after %g s", (double)policy->timeout / 1e9);
	if (policy->lag)
		snprintf(lag, sizeof(lag), ", or %llu slots behind",
			 (unsigned long long)policy->lag);
	snprintf(text, POLICY_TEXT_BYTES, "%s%s%s%s", policy_word(kind),
		 kind == RINGBUF_EVICT || kind == RINGBUF_SKIP ? timeout : "", lag,
		 policy->kind & RINGBUF_AT_STOP ? ", or stopped" : "");
	return text;
}

void policy_json(json_t *j, const struct ringbuf_policy *policy)
{
	json_object_set_new(j, "policy", json_string(policy_word(policy->kind)));
	json_object_set_new(j, "policy_timeout", json_real((double)policy->timeout / 1e9));
	json_object_set_new(j, "policy_lag", json_integer((json_int_t)policy->lag));
	json_object_set_new(j, "at_stop", json_boolean(policy->kind & RINGBUF_AT_STOP));
}
