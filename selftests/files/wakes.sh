#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/wake_cost: which readers are woken how often, and that waiting takes nothing: no
# time of the sleepers, and no look of the module's timer at rings that nobody
# has mapped.  For selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
export RINGBUF_HOST=module

cost=build/tools/wake_cost
ctl=build/tools/ringbufctl
tracing=/sys/kernel/tracing
if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP counts what the kernel does: only in the virtual machine'
	exit 0
fi

# value NAME: the number behind it, in what wake_cost said
value()
{
	sed -n "s/^$1 *\([0-9.]*\)$/\1/p" "$tap_dir/out"
}

# timer_runs: of the module, since the trace was cleared
timer_runs()
{
	grep -c 'function timer_run \[ringbuf\]' $tracing/trace
}

some_timer_runs()
{
	(($(timer_runs) > 2))
}

run $cost counts
((status == 0)) && [[ $(value 'one at a time') = 2000.0 ]]
ok $? 'a reader of each message is awakened for each'
[[ $(value '100 at a time') = 20.0 ]]
ok $? 'a reader of a hundred messages is awakened for every hundredth'

# A late reader is woken less often, and no reader more often.
run $cost thresholds
((status == 0)) && awk -v logger="$(value '100 at a time')" -v player="$(value 'one at a time')" \
	'BEGIN { exit !(logger > 0 && logger <= 10 && player > logger && player <= 1000) }'
ok $? 'a thousand messages a second wake a logger at most 10 times a second'

mountpoint -q $tracing || mount -t tracefs tracefs $tracing
if [[ -e $tracing/events/workqueue/workqueue_execute_start ]]; then
	echo 1 >$tracing/events/workqueue/workqueue_execute_start/enable
else
	skip 'the timer' 'this kernel traces no work queues'
	tracing=''
fi

[[ ! $tracing ]] || : >$tracing/trace
run $cost idle
((status == 0)) && (($(grep -cE '^ring, .* 0\.0$' "$tap_dir/out") == 5))
ok $? 'a hundred sleepers take no time, whatever they sleep in'
if [[ $tracing ]]; then
	(($(timer_runs) == 0))
	ok $? 'no look by the timer while nobody has mapped a ring'
	# So would it show if there were one.
	$ctl create wakes --slot-bytes=1000 --slots=7
	build/tools/examples/c/map_read /dev/rings/wakes &
	until_ok some_timer_runs
	ok $? 'looks by the timer while a reader that sleeps has mapped its ring'
	kill $!
	$ctl unlink wakes
	echo 0 >$tracing/events/workqueue/workqueue_execute_start/enable
fi
done_testing
