// SPDX-License-Identifier: GPL-2.0
/* See perf_log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "perf_log.h"

const char *perf_name(const struct perf_process *process)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s %u", process->role == PERF_WRITER ? "Writer" : "Reader",
		 process->index + 1);
	return name;
}

void perf_log(const struct perf_shared *s, const struct perf_process *who, const char *format, ...)
{
	uint64_t now = clock_now();
	double seconds = s->start && now > s->start ? (double)(now - s->start) / 1e9 : 0;
	char line[512];
	va_list args;
	int length;

	length = snprintf(line, sizeof(line), "[%8.3f] %s: ", seconds, perf_name(who));
	va_start(args, format);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 1)
		length = (int)sizeof(line) - 1;
	line[length++] = '\n';
	/* Use one write(2), or the lines of many readers would mix.  A lost line does no harm. */
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}
