// SPDX-License-Identifier: GPL-2.0
/* Programs of the fuzzer: their text, and random changes of them. */
#include <inttypes.h>
#include <string.h>

#include "program.h"
#include "scribble.h"

enum fuzz_type fuzz_type_of(char letter)
{
	switch (letter) {
	case 'f':
		return FUZZ_FD;
	case 'm':
		return FUZZ_MAP;
	case 'g':
		return FUZZ_FLAGS;
	case 'n':
		return FUZZ_SMALL;
	case 'b':
		return FUZZ_BYTES;
	case 'p':
		return FUZZ_POSITION;
	case 't':
		return FUZZ_TIME;
	default:
		return FUZZ_OFFSET;
	}
}

/* ---- text ---------------------------------------------------------------------------- */

static void print_arg(FILE *to, char letter, uint64_t value)
{
	enum fuzz_type type = fuzz_type_of(letter);

	if (type == FUZZ_FD || type == FUZZ_MAP)
		fprintf(to, " %c%" PRIu64, letter, value);
	else
		fprintf(to, type != FUZZ_FLAGS && value <= 10000000 ? " %" PRIu64 : " 0x%" PRIx64,
			value);
}

void fuzz_print(FILE *to, const struct fuzz_program *p)
{
	unsigned int i, k;

	for (i = 0; i < p->count; i++) {
		const struct fuzz_call *c = &p->call[i];
		const struct fuzz_kind *kind = &fuzz_kinds[c->kind];

		fprintf(to, "%c %s", c->lane ? (int)('0' + c->lane) : '-', kind->name);
		for (k = 0; kind->args[k]; k++)
			print_arg(to, kind->args[k], c->arg[k]);
		fprintf(to, "\n");
	}
}

/* Read a number, which is 0 where the line ends early, and advance @at behind it. */
static bool parse_arg(char **at, char letter, uint64_t *value)
{
	enum fuzz_type type = fuzz_type_of(letter);
	char *end;

	*at += strspn(*at, " \t");
	if (type == FUZZ_FD || type == FUZZ_MAP) {
		if (**at != letter)
			return false;
		++*at;
	}
	*value = strtoull(*at, &end, 0);
	if (end == *at && **at)
		return false;
	*at = end;
	if (type == FUZZ_FD)
		return *value < FUZZ_FDS;
	return type != FUZZ_MAP || *value < FUZZ_MAPS;
}

static bool parse_call(char *line, struct fuzz_call *c)
{
	size_t name;
	unsigned int k;

	memset(c, 0, sizeof(*c));
	if (*line != '-' && (*line < '1' || *line > '0' + FUZZ_LANES))
		return false;
	c->lane = *line == '-' ? 0 : (unsigned int)(*line - '0');
	line++;
	line += strspn(line, " \t");
	name = strcspn(line, " \t");
	for (; c->kind < fuzz_kinds_count; c->kind++)
		if (strlen(fuzz_kinds[c->kind].name) == name &&
		    !strncmp(line, fuzz_kinds[c->kind].name, name))
			break;
	if (c->kind == fuzz_kinds_count)
		return false;
	line += name;
	for (k = 0; fuzz_kinds[c->kind].args[k]; k++)
		if (!parse_arg(&line, fuzz_kinds[c->kind].args[k], &c->arg[k]))
			return false;
	return !line[strspn(line, " \t")];
}

int fuzz_parse(FILE *from, struct fuzz_program *p)
{
	char line[512];
	int number;

	p->count = 0;
	for (number = 1; fgets(line, sizeof(line), from); number++) {
		line[strcspn(line, "#\n")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		if (p->count == FUZZ_CALLS || !parse_call(line, &p->call[p->count]))
			return number;
		p->count++;
	}
	return 0;
}

/* ---- random values --------------------------------------------------------------------- */

static uint64_t any(uint64_t *chance, uint64_t n)
{
	return chance_below(chance, n);
}

static uint64_t any_flags(uint64_t *chance)
{
	if (any(chance, 3))
		return 0;
	return any(chance, 4) ? 1ULL << any(chance, 12) : chance_next(chance);
}

static uint64_t any_bytes(uint64_t *chance)
{
	static const uint64_t sizes[] = { 0,   1,    8,	   24,	 40,   64,   65,
					  100, 4095, 4096, 4097, 8192, 10000 };

	if (any(chance, 12))
		return sizes[any(chance, sizeof(sizes) / sizeof(sizes[0]))];
	return any(chance, 2) ? any(chance, 70000) : chance_next(chance);
}

static uint64_t any_position(uint64_t *chance)
{
	switch (any(chance, 8)) {
	case 0:
		return ~0ULL - any(chance, 10);
	case 1:
		return (1ULL << any(chance, 64)) - any(chance, 2);
	case 2:
		return chance_next(chance);
	case 3:
		return any(chance, 20) << RINGBUF_STATE_SHIFT | any(chance, 4);
	case 4:
		return any(chance, 20) << RINGBUF_CLAIM_SHIFT |
		       any(chance, 5) << RINGBUF_CLAIM_COUNT_BITS | any(chance, 8);
	default:
		return any(chance, 20);
	}
}

static uint64_t any_value(uint64_t *chance, char letter)
{
	switch (fuzz_type_of(letter)) {
	case FUZZ_FD:
		/* A few descriptors, so that calls meet at the same ones. */
		return any(chance, any(chance, 4) ? 5 : FUZZ_FDS);
	case FUZZ_MAP:
		return any(chance, any(chance, 4) ? 3 : FUZZ_MAPS);
	case FUZZ_FLAGS:
		return any_flags(chance);
	case FUZZ_SMALL:
		return any(chance, 20) ? any(chance, 9) : any_bytes(chance);
	case FUZZ_BYTES:
		return any_bytes(chance);
	case FUZZ_POSITION:
		return any_position(chance);
	case FUZZ_TIME:
		return any(chance, 4) ? any(chance, 3) * 1000000 : chance_next(chance);
	default:
		return any(chance, 4) ? any(chance, 64) : any(chance, 4096);
	}
}

static void random_call(uint64_t *chance, struct fuzz_call *c)
{
	unsigned int k;

	memset(c, 0, sizeof(*c));
	c->kind = (unsigned int)any(chance, fuzz_kinds_count);
	c->lane = (unsigned int)any(chance, FUZZ_LANES + 1);
	for (k = 0; fuzz_kinds[c->kind].args[k]; k++)
		c->arg[k] = any_value(chance, fuzz_kinds[c->kind].args[k]);
}

/* ---- random changes ---------------------------------------------------------------------- */

void fuzz_remove(struct fuzz_program *p, unsigned int at)
{
	memmove(&p->call[at], &p->call[at + 1], (p->count - at - 1) * sizeof(p->call[0]));
	p->count--;
}

static void insert(struct fuzz_program *p, unsigned int at, const struct fuzz_call *c)
{
	if (p->count == FUZZ_CALLS)
		return;
	memmove(&p->call[at + 1], &p->call[at], (p->count - at) * sizeof(p->call[0]));
	p->call[at] = *c;
	p->count++;
}

void fuzz_generate(uint64_t *chance, struct fuzz_program *p)
{
	unsigned int n = (unsigned int)any(chance, 20) + 3;

	for (p->count = 0; p->count < n; p->count++)
		random_call(chance, &p->call[p->count]);
}

/* Change an argument: to another value, or a little. */
static void change_arg(uint64_t *chance, struct fuzz_call *c)
{
	const char *args = fuzz_kinds[c->kind].args;
	unsigned int n = (unsigned int)strlen(args), k;

	if (!n)
		return;
	k = (unsigned int)any(chance, n);
	if (args[k] == 'f' || args[k] == 'm' || any(chance, 2))
		c->arg[k] = any_value(chance, args[k]);
	else if (any(chance, 2))
		c->arg[k] += any(chance, 3) - 1;
	else
		c->arg[k] ^= 1ULL << any(chance, any(chance, 4) ? 8 : 64);
}

static void mutate_once(uint64_t *chance, struct fuzz_program *p, const struct fuzz_program *other)
{
	unsigned int at = (unsigned int)any(chance, p->count), to;
	struct fuzz_call c;

	switch (any(chance, 10)) {
	case 0:
		if (p->count > 1)
			fuzz_remove(p, at);
		break;
	case 1:
	case 2:
		random_call(chance, &c);
		insert(p, at, &c);
		break;
	case 3:
		if (other->count)
			insert(p, at, &other->call[any(chance, other->count)]);
		break;
	case 4:
		p->call[at].lane = (unsigned int)any(chance, FUZZ_LANES + 1);
		break;
	case 5:
		to = (unsigned int)any(chance, p->count);
		c = p->call[at];
		p->call[at] = p->call[to];
		p->call[to] = c;
		break;
	case 6:
		c = p->call[at];
		insert(p, at, &c);
		break;
	default:
		change_arg(chance, &p->call[at]);
	}
}

void fuzz_mutate(uint64_t *chance, struct fuzz_program *p, const struct fuzz_program *other)
{
	uint64_t n;

	if (!p->count)
		fuzz_generate(chance, p);
	for (n = any(chance, 6) + 1; n; n--)
		mutate_once(chance, p, other);
}
