#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests the examples uring_hub and poll_read, which serve many rings in one thread.  For
# selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

hub=build/tools/examples/c/uring_hub
if [[ ! ${RINGBUF_VM-} || ! -x $hub ]]; then
	echo "1..0 # SKIP no /dev/ringbuf, or no $hub"
	exit 0
fi

# serves RINGS MESSAGES
serves()
{
	run timeout 100 $hub "$1" "$2"
	((status == 0)) && out_has "^$(($1 * $2)) messages through $1 rings, served by one thread$"
	ok $? "one thread serves $1 rings, $2 messages each"
}

# looked MESSAGES: run uring_hub, and count in $looks and $others how often we look at its
# threads, and how often it had more than one: a worker of io_uring would be another
looked()
{
	local pid threads
	$hub 100 "$1" >"$tap_dir/out" 2>"$tap_dir/err" &
	pid=$!
	while kill -0 $pid 2>/dev/null && threads=$(cat /proc/$pid/task/*/comm 2>/dev/null); do
		looks=$((looks + 1))
		[[ $threads != *$'\n'* ]] || others=$((others + 1))
	done
	wait $pid || return
	echo "$others of $looks looks saw another thread" >>"$tap_dir/err"
	((!others))
}

# Send more and more messages until the run is long enough for five looks.
alone()
{
	local looks=0 others=0
	while ((looks < 5)); do
		looked "$messages" || return
		messages=$((2 * messages))
	done
}

# Under KASAN all of this would take half a minute more, and run no other code.
if [[ $RINGBUF_VM == debug ]]; then
	messages=10
	serves 40 5
else
	messages=200
	serves 1 300
	serves 100 20
	serves 250 3
fi
alone
ok $? 'uring_hub serves 100 rings without another thread or a worker of io_uring'
run $hub 0
((status == 2))
ok $? 'uring_hub refuses to serve 0 rings'

# Write to three rings, to each another letter, and read all of them with one poll_read.
export RINGBUF_HOST=module
ctl=build/tools/ringbufctl
c=build/tools/examples/c

polls()
{
	local i letters=(a b c) pid writers=()
	for i in "${letters[@]}"; do
		$ctl create "hub.$i" --slot-bytes=1000 --slots=3
		head -c $((20000 + RANDOM)) /dev/zero | tr '\0' "$i" >"$tap_dir/$i"
	done
	timeout 100 $c/poll_read /dev/rings/hub.{a,b,c} >"$tap_dir/got" 2>"$tap_dir/err" &
	pid=$!
	for i in "${letters[@]}"; do
		until_ok ring_has "hub.$i" '"readers": 1,'
		$c/message_write "/dev/rings/hub.$i" <"$tap_dir/$i" &
		writers+=($!)
	done
	wait "${writers[@]}" && wait $pid || return
	for i in "${letters[@]}"; do
		$ctl unlink "hub.$i"
		tr -cd "$i" <"$tap_dir/got" | cmp - "$tap_dir/$i" || return
	done
}

if [[ $RINGBUF_VM != debug ]]; then
	polls
	ok $? 'poll_read gets all bytes of three rings'
fi
run $c/poll_read
((status == 2))
ok $? 'poll_read without a ring is refused'
done_testing
