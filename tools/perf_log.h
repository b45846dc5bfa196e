/* SPDX-License-Identifier: GPL-2.0 */
/* Print lines on stderr from many processes, without mixing them. */
#ifndef PERF_LOG_H
#define PERF_LOG_H

#include "perf_shared.h"

/* Print a line such as "[  1.000] Reader 2: ..."; @format has no newline at its end. */
__attribute__((format(printf, 3, 4))) void
perf_log(const struct perf_shared *s, const struct perf_process *who, const char *format, ...);

/* Return a name such as "Reader 2", in a static buffer that the next call overwrites. */
const char *perf_name(const struct perf_process *process);

#endif /* PERF_LOG_H */
