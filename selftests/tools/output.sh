#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that a tool whose standard output is closed or full prints this and fails, and that a ring
# never becomes the descriptor of a standard stream that was closed.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

bin=build/tools
ctl=$bin/ringbufctl
ring=output-test.$$

for tool in ringbufctl perf_test_ringbuffer demo_stream bench_vm; do
	if [[ ! -x $bin/$tool ]]; then
		echo "1..0 # SKIP no $bin/$tool: run make tests-quick first"
		exit 0
	fi
done

# usage: fails_without_output TOOL ARGUMENT...
fails_without_output()
{
	local tool=$1 status=0
	shift
	: >"$tap_dir/out"
	timeout 60 $bin/"$tool" "$@" >/dev/full 2>"$tap_dir/err" || status=$?
	((status == 1)) && err_has 'stdout: No space left on device$'
	ok $? "fails if stdout is full: $tool $*"
	status=0
	timeout 60 $bin/"$tool" "$@" >&- 2>"$tap_dir/err" || status=$?
	((status == 1)) && err_has 'stdout: it is closed$'
	ok $? "fails if stdout is closed: $tool $*"
}

# usage: restart SLOTS: makes a new ring with two messages, whose stream has ended
restart()
{
	$ctl unlink "$ring" 2>/dev/null
	$ctl create "$ring" --slot-bytes=64 --slots="$1"
	printf 'one\ntwo\n' | $ctl write --lines "$ring"
}

restart 4
for option in --help --usage --version; do
	fails_without_output ringbufctl $option
done
fails_without_output ringbufctl list
fails_without_output ringbufctl list --json
for command in info stats; do
	fails_without_output ringbufctl $command "$ring"
	fails_without_output ringbufctl $command --json "$ring"
done
fails_without_output ringbufctl cat "$ring"

run $ctl cat --lines "$ring"
((status == 0)) && cmp <(printf 'one\ntwo\n') "$tap_dir/out"
ok $? "a cat that cannot print leaves all messages in the ring"

$ctl write "$ring" <&- >"$tap_dir/out" 2>"$tap_dir/err"
(($? == 1)) && err_has 'stdin: Bad file descriptor' && ring_has "$ring" '"head": 2,'
ok $? "write with stdin closed fails and writes nothing"
$ctl sync "$ring" all >&- 2>"$tap_dir/err" && [[ ! -s $tap_dir/err ]]
ok $? "a command that prints nothing needs no stdout"
$ctl info no-such-ring <&- >&- 2>&-
(($? == 1))
ok $? "a command without stdin, stdout and stderr has the right exit status"
$ctl unlink "$ring"

small=(--slot-bytes=1000 --duration-seconds=0.1)
for option in --help --version; do
	fails_without_output perf_test_ringbuffer $option
done
fails_without_output perf_test_ringbuffer "${small[@]}"
fails_without_output perf_test_ringbuffer "${small[@]}" --json=-
run timeout 60 $bin/perf_test_ringbuffer "${small[@]}" --json=/dev/full
((status == 1)) && err_has 'json=/dev/full: No space'
ok $? "perf_test_ringbuffer --json=FILE fails if the file is full"
timeout 60 $bin/perf_test_ringbuffer "${small[@]}" --json=- >"$tap_dir/out" 2>/dev/full
(($? == 1))
ok $? "perf_test_ringbuffer --json=- fails when stderr, which has the summary, is full"

fails_without_output demo_stream --help
fails_without_output demo_stream "$0"
for option in --help --list; do
	fails_without_output bench_vm $option
done

done_testing
