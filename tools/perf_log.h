/* SPDX-License-Identifier: GPL-2.0 */
/* Lines on stderr, whole ones, from many processes. */
#ifndef PERF_LOG_H
#define PERF_LOG_H

#include "perf_shared.h"

/* "[  1.000] Reader 2: ..."; the newline is added. */
__attribute__((format(printf, 3, 4))) void
perf_log(const struct perf_shared *s, const struct perf_process *who, const char *format, ...);

/* "Reader 2", in a static buffer that the next call overwrites. */
const char *perf_name(const struct perf_process *process);

#endif /* PERF_LOG_H */
