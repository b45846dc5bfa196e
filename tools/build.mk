# SPDX-License-Identifier: GPL-2.0
# The tools: build/tools/...

TOOL_FLAGS = -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) $(INCLUDES) -Itools -MMD -MP

tools:
bench-tools:
