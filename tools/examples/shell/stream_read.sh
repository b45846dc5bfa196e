#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: stream_read.sh [FILE] - the default ring to stdout, by the shell alone
export LC_ALL=C
name=${1:-/dev/ringbuf}
exec 3<"$name" || exit 1

# Each read takes the bytes up to a NUL, which is written again; so any bytes are copied.
while IFS= read -r -d '' -u 3 bytes; do
	printf '%s\0' "$bytes" || exit 1
done
[[ -z $bytes ]] || printf %s "$bytes"
