// SPDX-License-Identifier: GPL-2.0
/* Collect times, and tell how they are spread. */
#include "steps.h"

void times_add(struct times *t, uint64_t ns)
{
	uint64_t *more;

	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		more = realloc(t->ns, t->room * sizeof(*t->ns));
		if (!more) {
			perror("# no memory");
			exit(1);
		}
		t->ns = more;
	}
	t->ns[t->count++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double quantile_us(const struct times *t, unsigned int percent)
{
	size_t i = t->count * percent / 100;

	return (double)t->ns[i < t->count ? i : t->count - 1] / 1e3;
}

void times_print(struct times *t, const char *what)
{
	if (!t->count)
		return;
	qsort(t->ns, t->count, sizeof(*t->ns), compare);
	printf("# %s: %zu, us: p50 %.0f, p99 %.0f, max %.0f\n", what, t->count, quantile_us(t, 50),
	       quantile_us(t, 99), quantile_us(t, 100));
}
