#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the scenarios of the benchmark in which readers sleep.  Tests how often each reader is woken,
# and that a wait costs nothing: a waiter uses no processor, and the timer of the module does not
# run for a ring that no process has mapped.  For selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
export RINGBUF_HOST=module

results=$tap_dir/results.jsonl
ctl=build/tools/ringbufctl
tracing=/sys/kernel/tracing
if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP counts what the kernel does: only in the virtual machine'
	exit 0
fi

# measure SCENARIO
measure()
{
	run build/tools/bench_vm --vm --reps=1 --only="/$1" --json="$results"
}

# values METRIC: prints the value of METRIC of each process, one a line
values()
{
	sed -nE "s/.*\"metric\":\"$1\",.*\"value\":([0-9.e+]+),.*/\1/p" "$results"
}

# timer_runs: prints how often the timer of the module ran since the trace was cleared
timer_runs()
{
	grep -c 'function timer_run \[ringbuf\]' $tracing/trace
}

# sleeps PID: whether it sleeps in a system call
sleeps()
{
	[[ $(</proc/"$1"/syscall) != running ]]
}

some_timer_runs()
{
	(($(timer_runs) > 2))
}

measure Wn
((status == 0)) && [[ $(values wakeups_of_1) = 1000 ]]
ok $? 'a reader that waits for one message is woken for each'
[[ $(values wakeups_of_100) = 10 ]]
ok $? 'a reader that waits for a hundred messages is woken for every hundredth'

# A reader that is late finds messages without a wait, so it is woken less often.
measure Wp
((status == 0)) && awk -v logger="$(values wakeups_of_100)" -v player="$(values wakeups_of_1)" \
	'BEGIN { exit !(logger > 0 && logger <= 10 && player > logger && player <= 1000) }'
ok $? 'at a thousand messages a second a reader of a hundred is woken at most 10 times a second'

measure Wi
((status == 0)) && [[ $(values readers_cpu | tr '\n' ' ') == '0 0 0 0 0 ' ]]
ok $? 'a hundred waiters use no processor time, whatever call they sleep in'

mountpoint -q $tracing || mount -t tracefs tracefs $tracing
event=$tracing/events/workqueue/workqueue_execute_start/enable
if [[ ! -e $event ]]; then
	skip 'the timer' 'this kernel traces no work queues'
	done_testing
fi
echo 1 >$event
$ctl create wakes --slot-bytes=1000 --slots=7
readers=()
for _ in {1..10}; do
	cat /dev/rings/wakes &
	readers+=($!)
done
for reader in "${readers[@]}"; do
	until_ok sleeps "$reader"
done
: >$tracing/trace
sleep 1
(($(timer_runs) == 0))
ok $? 'the timer does not run while no process has mapped the ring in which readers sleep'
# A reader that maps the ring shows that the trace would have had a run of the timer.
build/tools/examples/c/map_read /dev/rings/wakes &
readers+=($!)
until_ok some_timer_runs
ok $? 'the timer runs while a reader that sleeps has mapped its ring'
kill "${readers[@]}"
$ctl unlink wakes
echo 0 >$event
done_testing
