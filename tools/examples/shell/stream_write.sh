#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: stream_write.sh [FILE] - stdin into the default ring, by the shell alone
export LC_ALL=C
name=${1:-/dev/ringbuf}
# The redirection below would create a missing file.
[[ -e $name ]] || { echo "$name: no such file" >&2; exit 1; }
exec 3>"$name" || exit 1

# Each read takes the bytes up to a NUL, which is written again; so any bytes are copied.
while IFS= read -r -d '' bytes; do
	printf '%s\0' "$bytes" >&3 || exit 1
done
[[ -z $bytes ]] || printf %s "$bytes" >&3
