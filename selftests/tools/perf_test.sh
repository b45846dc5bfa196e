#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests the output and the exit status of perf_test_ringbuffer.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

perf=tools/perf_test_ringbuffer
man=tools/perf_test_ringbuffer.1
small=(--slot-bytes=10000 --duration-seconds=0.5)

if [[ ! -x build/tools/perf_test_ringbuffer ]]; then
	echo "1..0 # SKIP no build/tools/perf_test_ringbuffer: run make first"
	exit 0
fi

# Whether the run succeeded and its summary reports no loss.
went_well()
{
	((status == 0)) && out_has '^OK$' && out_has '^  lost       0$' &&
		! out_has 'damaged|died'
}

# ---- help ---------------------------------------------------------------------

run $perf --help
((status == 0)) && out_has 'slot-bytes=N'
ok $? "--help prints the options"

man_has_all()
{
	local option page options
	mapfile -t options < <(grep -oE -- "--[a-z][a-z_-]+" "$tap_dir/out" | sed "s/_/-/g" | sort -u)
	page=$(sed 's/\\//g; s/verify_writes/verify-writes/g' $man)
	for option in "${options[@]}"; do
		grep -qF -- "$option" <<<"$page" || { echo "# not in $man: $option"; return 1; }
	done
}
if [[ ! ${RINGBUF_VM-} ]]; then
	man_has_all
	ok $? "every option of --help is in the man page"
fi

run $perf --version
((status == 0)) && out_has '^perf_test_ringbuffer \(ringbuf\) [0-9]+\.[0-9]+\.[0-9]+$'
ok $? "--version prints the version"

# ---- impossible arguments ---------------------------------------------------------

# refused WHAT ARGUMENT...: tests that the status is 2, stderr has WHAT, and stdout is empty
refused()
{
	local what=$1
	shift
	run $perf "$@"
	((status == 2)) && [[ ! -s $tap_dir/out ]] && err_has "$what"
	ok $? "refused: $*"
}

# These runs make no ring, so they would test nothing more in a virtual machine.
if [[ ! ${RINGBUF_VM:-} ]]; then
	refused 'slot-bytes=15: must be at least 16' --slot-bytes=15
	refused 'slot-bytes=-1' --slot-bytes=-1
	refused 'slot-bytes=1000k' --slot-bytes=1000k
	refused 'slot-bytes=: ' --slot-bytes=
	refused 'slot-bytes=99999999999999999999' --slot-bytes 99999999999999999999
	refused 'slots=0' --slots=0
	refused 'slots= 3' "--slots= 3"
	refused 'slot-bytes=1073741825: must be at most 1073741824' --slot-bytes=1073741825
	refused 'slots=33554433: must be from 1 to 33554432' --slots=33554433
	refused 'needs .* MB of memory' --slot-bytes=1073741824 --slots=33554432
	refused 'needs .* MB of memory' --slot-bytes=1000000000 --readers=4000
	refused 'duration-seconds=0' --duration-seconds=0
	refused 'duration-seconds=nan' --duration-seconds=nan
	refused 'duration-seconds=-1' --duration-seconds=-1
	refused 'writes-per-second=-24' --writes-per-second=-24
	refused 'writes-per-second=24x' --writes-per-second=24x
	refused 'readers=-1' --readers=-1
	refused 'readers=4097' --readers=4097
	refused 'writers=0' --writers=0
	refused 'writers=256' --writers=256
	refused 'batch=65' --batch=65 --slots=100
	refused 'batch=11: larger than --slots=10' --batch=11
	refused 'burn-cpu-milliseconds=-1' --reader-burn-cpu-milliseconds=-1
	refused 'exclusive' --exclusive --writers=2
	refused 'reader-policy=drop: not one of block' --reader-policy=drop
	refused 'reader-policy-timeout=0.0001: must be 0 or' --reader-policy=skip --reader-policy-timeout=0.0001
	refused 'need --reader-policy=evict' --reader-policy-timeout=1
	refused 'need --reader-policy=evict' --reader-policy=lossy --reader-at-stop
	refused 'policy-lag=11: larger than --slots=10' --reader-policy=skip --reader-policy-lag=11
	refused 'host=elsewhere' --host=elsewhere
	refused 'json=/nonexistent/file' --json=/nonexistent/file
	refused 'debug=perhaps' --debug=perhaps
	refused 'unrecognized option' --no-such-option
	refused 'ambiguous' --slo=1
	refused 'requires an argument' --slots
	refused 'no arguments but options' 10
	RINGBUF_HOST=elsewhere refused 'RINGBUF_HOST=elsewhere'
	RINGBUF_HOST=auto run $perf "${small[@]}" --duration-seconds=0.1
	went_well
	ok $? "RINGBUF_HOST=auto does the same as no RINGBUF_HOST"
fi

# ---- the five examples of the original ---------------------------------------------------
#
# The runs are shorter, and in an emulated machine, where a copy takes 80 times as long,
# they have smaller slots.  The tests expect no rate that a slow or busy machine would not
# reach; make perf-examples shows the rates.

mapfile -t examples < <(tools/perf_examples --list)
((${#examples[@]} == 5))
ok $? "there are five examples"

# Reads lines of a JSON file, a tab and a Python expression, and prints "yes" or what is wrong.  One
# process for all expressions, since each start of Python is slow in an emulated machine.
judge()
{
	python -u -c '
import json, sys
for line in sys.stdin:
    path, question = line.rstrip("\n").split("\t")
    try:
        j = json.load(open(path))
        s, c, p = j["summary"], j["config"], j["processes"]
        w, r = p[0], p[1:]
        if eval(question):
            print("yes")
        else:
            print("not so:", question, s, [(x["slots"], x["seconds"]) for x in p])
    except Exception as error:
        print(f"{question}: {error!r}")
'
}
coproc JUDGE { judge; }

# Whether a claim about the last run is true: $1 is a Python expression of s, the summary, c, the
# configuration, w, the writer, and r, the readers.
holds()
{
	local answer
	printf '%s\t%s\n' "$tap_dir/json" "$1" >&"${JUDGE[1]}"
	read -r answer <&"${JUDGE[0]}" && [[ $answer = yes ]] && return
	echo "${answer:-no answer}"
	return 1
}

# example NUMBER SECONDS NAME: runs an example and tests what holds for each of them
example()
{
	local options
	read -ra options <<<"${examples[$1 - 1]}"
	if [[ ${RINGBUF_VM-} ]]; then
		options=("${options[@]/#--slot-bytes=1000000/--slot-bytes=10000}")
	fi
	run timeout 120 $perf "${options[@]}" --duration-seconds="$2" --json="$tap_dir/json"
	went_well && err_has 'Writer 1: exiting'
	ok $? "example $1 succeeds: $3"
	err=$(<"$tap_dir/err")
	run holds 'all(x["slots"] == w["slots"] > 0 for x in r) and len(r) == c["readers"]'
	ok "$status" "example $1: each reader gets every message"
	run holds 's["written"] <= s["due"] and s["worst_lag"] <= c["slots"] and not s["holes"]'
	ok "$status" "example $1: no more is written than is due, and no reader is behind by more than the ring's slots"
}

# verified True|False NAME: tests whether the messages were verified, and that none was damaged
verified()
{
	run holds "c['verify_writes'] is $1 and s['passed'] and not s['damaged'] + s['disordered']"
	ok "$status" "$2"
}

example 1 1 "five readers"
verified True "example 1: the readers verify every message"
example 2 1 "100 readers"
verified True "example 2: all hundred readers verify every message"
example 3 1 "2000 writes per second"
verified True "example 3: the reader verifies every message"
run holds 's["waited"] or s["late"] or s["written"] == s["due"]'
ok "$status" "example 3: a writer that is late reports why"
example 4 1 "huge slots"
verified False "example 4: the reader checks only the numbers of the messages"
# A reader that burns 100 ms for each message reads at most ten a second, and on any machine
# the writer is ahead of it by at most the ten slots of the ring.
example 5 2 "slow readers"
run holds 'c["reader_burn_cpu_milliseconds"] == 100 and all(x["slots_per_second"] <= 10 for x in r)'
ok "$status" "example 5: each reader reads at most ten messages a second"
run holds 's["due"] == 48 and s["written"] <= 10 + 10 * w["seconds"] + 2'
ok "$status" "example 5: the readers slow the writer down"
run holds 's["waited"] > 0 and s["retries"] >= s["waited"] and s["worst_lag"] >= 9'
ok "$status" "example 5: the waits of the writer are counted"
[[ $err =~ Writer\ 1:\ write\ [0-9]+\ is\ waiting\ for\ Reader\ [1-4]\ \(pid\ [0-9]+\),\ [0-9]+\ slots\ behind ]]
ok $? "example 5: a wait is logged with the reader that the writer waits for"

# ---- output of a run ---------------------------------------------------------------------

run $perf "${small[@]}" --readers=3 --writers=2
went_well && (($(grep -cE '^(Writer|Reader) [0-9]+ \(pid [0-9]+\)$' "$tap_dir/out") == 5)) &&
	(($(grep -cE '^[0-9]+ slots in [0-9.]+ seconds$' "$tap_dir/out") == 5)) &&
	(($(grep -cE '^[0-9.]+ MBytes per second$' "$tap_dir/out") == 5)) &&
	(($(grep -cE '^[0-9.]+ slots/second, -?[0-9.]+% relative to target$' "$tap_dir/out") == 5))
ok $? "each process has its lines of figures"
[[ ! -s $tap_dir/err ]]
ok $? "without --debug and without a terminal stderr is empty"
# A message that is late is left out, so on a busy machine a run may write fewer than 24
# messages: try up to ten runs.
all_written()
{
	local written i
	for i in {1..10}; do
		written=$(sed -nE 's/^  written    ([0-9]+) of 24 due in .*/\1/p' "$tap_dir/out")
		((0 < written && written <= 24)) && out_has "^  read       $((3 * written)) by 3 readers" ||
			return 1
		((written < 24)) || return 0
		run $perf "${small[@]}" --readers=3 --writers=2
	done
	return 1
}
all_written
ok $? "all messages that are due are written and read by each reader"

mode()
{
	run timeout 60 $perf "${small[@]}" "$@"
	went_well && out_has '^  written    [1-9]'
	ok $? "succeeds: $*"
}

# In an emulated machine run only the modes that use other code of the module.  At full speed
# a fifth of a second is enough for many laps.
full=(--writes-per-second=0)
[[ ${RINGBUF_VM-} ]] || full+=(--duration-seconds=0.2)
mode --readers=0
mode --slots=1 --writes-per-second=200
mode --blocking --slots=2 "${full[@]}" --readers=2
mode --batch=10 --zero-copy --writers=2 --readers=2 "${full[@]}"
if [[ ! ${RINGBUF_VM-} ]]; then
	mode --readers=0 "${full[@]}"
	mode --slot-bytes=16
	mode --slot-bytes=17 --slots=3 "${full[@]}" --readers=2
	mode --writers=3 --readers=2 --writes-per-second=100
	mode --no-exclusive "${full[@]}"
	mode --exclusive "${full[@]}"
	mode --zero-copy "${full[@]}"
	mode --batch=7 "${full[@]}" --readers=2
	mode --batch 1 --noverify_writes --nodebug --no-zero_copy
	mode --duration_seconds 0.2 --writes_per_second 33.3 --verify-writes --blocking=false
	mode --no_verify_writes --verify_writes
fi

# ---- readers that hold writers up ---------------------------------------------------------

# Readers that are slower than the writer, which they do not hold up.
# usage: policy WHAT QUESTION OPTION...
policy()
{
	local what=$1 question=$2
	shift 2
	run timeout 60 $perf --slot-bytes=10000 --duration-seconds=1 --readers=2 --writes-per-second=200 \
		--reader-burn-cpu-milliseconds=50 --debug --json="$tap_dir/json" "$@"
	((status == 0)) && out_has '^OK$' && err=$(<"$tap_dir/err")
	ok $? "policy: $what"
	run holds "s['passed'] and not s['damaged'] + s['disordered'] + s['died'] and s['worst_lag'] <= 10"
	ok "$status" "policy: $what, and what is read is whole"
	run holds "$question"
	ok "$status" "policy: $what, as the figures tell"
}

lossy='s["lost"] > 0 and all(x["slots"] + x["lost"] == s["written"] for x in r)'
policy "lossy readers" "$lossy and not s['waited'] and c['reader_policy']['policy'] == 'lossy'" --reader-policy=lossy
[[ $err =~ Reader\ [12]:\ lost\ [0-9]+\ messages,\ [0-9]+\ so\ far ]]
ok $? "policy: the log tells what is lost"
policy "skipped readers" "$lossy" --reader-policy=skip
policy "readers that are read from in place" "$lossy" --reader-policy=lossy --zero-copy --batch=2
policy "evicted readers" 's["evicted"] == 2 and all(x["evicted"] for x in r)' \
	--reader-policy=evict --reader-policy-timeout=0.01
[[ $err =~ Reader\ [12]:\ was\ evicted ]]
ok $? "policy: the log tells who is evicted"

# ---- JSON -----------------------------------------------------------------------------------

run $perf "${small[@]}" --readers=2 --json="$tap_dir/json"
went_well && python -m json.tool "$tap_dir/json" >/dev/null
ok $? "--json=FILE writes valid JSON"
python - "$tap_dir/json" <<'END'
import json, sys
j = json.load(open(sys.argv[1]))
p, s, c = j["processes"], j["summary"], j["config"]
assert [x["role"] for x in p] == ["writer", "reader", "reader"]
assert c["slot_bytes"] == 10000 and c["readers"] == 2 and c["verify_writes"] is True
assert 0 < s["written"] == p[0]["slots"] <= s["due"] == 12 and s["read"] == 2 * s["written"]
assert s["passed"] is True and s["lost"] == s["damaged"] == s["died"] == 0
for x in p:
    assert x["exit_status"] == 0 and x["signal"] is None and x["pid"] > 1
    assert abs(x["slots_per_second"] * x["seconds"] - x["slots"]) < 1e-3
    assert abs(x["mbytes_per_second"] - x["slots_per_second"] * 0.01) < 1e-3
    want = 100 * (x["slots_per_second"] - 24) / 24
    assert abs(x["percent_relative_to_target"] - want) < 1e-3
END
ok $? "the figures in the JSON agree with each other"
run $perf "${small[@]}" --json=-
((status == 0)) && python -m json.tool "$tap_dir/out" >/dev/null && err_has '^OK$'
ok $? "--json=- prints nothing but JSON on stdout"

# ---- ends before its time -----------------------------------------------------------------------

# start ARGUMENT...: starts a long run in the background, in a process group of its own, as process
# $pid, and waits until it writes
start()
{
	# Remove the output of the run before.
	: >"$tap_dir/out"
	: >"$tap_dir/err"
	# If nohup has started the tests, SIGHUP is ignored.
	setsid env --default-signal=HUP $perf --debug --slot-bytes=10000 --slots=3 \
		--duration-seconds=300 --readers=2 "$@" \
		>"$tap_dir/out" 2>"$tap_dir/err" </dev/null &
	pid=$!
	until_ok has_written 1 0 || echo "# the writer does not begin to write"
}

children()
{
	ps -o pid=,comm= --ppid "$pid"
}

# written WRITER: sets $number to the last message number in its log, which has a line for each wait
# and one for each second
written()
{
	local numbers
	numbers=$(sed -nE "s/.* Writer $1: (wrote|write) ([0-9]+) (slots so far|is waiting).*/\2/p" \
		"$tap_dir/err")
	number=${numbers##*$'\n'}
	: "${number:=0}"
}

has_written()
{
	written "$1"
	((number > $2))
}

# goes_on WRITER: waits until it has written eight more laps of three slots, which a dead reader
# could not have released
goes_on()
{
	written "$1"
	until_ok has_written "$1" $((number + 8 * 3))
}

is_reaped()
{
	err_has "$1: process $child was killed by signal 9"
}

# kill_child NAME: kills the child with that name; sets $child to its process id
kill_child()
{
	child=$(children | awk -v name="$1" '$2 == name { print $1 }')
	kill -KILL "$child"
}

# Wait for the end of the run, and kill it after ten seconds.
ends()
{
	local i
	for i in {1..100}; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	((i < 100)) || kill -KILL "$pid"
	status=0
	wait "$pid" 2>/dev/null || status=$?
}

# signalled SIGNAL STATUS PREFIX NAME: sends SIGNAL to $pid, or if PREFIX is - to its process group,
# and tests for an orderly end with STATUS
signalled()
{
	start
	kill "-$1" -- "$3$pid"
	ends
	((status == $2)) && out_has '^OK$' && out_has "ended early by signal" &&
		out_has '^  lost       0$' && ! err_has killed
	ok $? "$4"
}

signalled INT 130 '' "SIGINT ends a run with a summary"
signalled INT 130 - "SIGINT to all processes, as by Ctrl-C, ends a run with a summary"
if [[ ! ${RINGBUF_VM-} ]]; then
	signalled TERM 143 - "SIGTERM to all processes ends a run with a summary"
	signalled HUP 129 '' "SIGHUP ends a run with a summary"
fi

start --reader-burn-cpu-milliseconds=2000 --blocking --writes-per-second=0
until_ok err_has 'Writer 1: write [0-9]+ is waiting for Reader [0-9]+ \(pid [0-9]+\), [0-9]+ slots behind, there for [0-9]+\.[0-9]{3} s'
ok $? "a writer waits for readers that burn processor time"
kill -INT "$pid"
ends
((status == 130)) && out_has '^OK$'
ok $? "SIGINT ends a run whose readers burn processor time and whose writer waits"

start
kill_child perf-reader-2
until_ok is_reaped "Reader 2" && goes_on 1
ok $? "after a reader has died the writer continues"
kill -INT "$pid"
ends
((status == 1)) && is_reaped "Reader 2" &&
	out_has '^FAILED$' && out_has '^  lost       0$' && out_has '^  died       1 of 3'
ok $? "a run reports a reader that died, and its status is 1"
python - "$tap_dir/out" <<'END'
import re, sys
slots = [int(x) for x in re.findall(r"^(\d+) slots in", open(sys.argv[1]).read(), re.M)]
assert slots[0] == slots[1] >= slots[2] + 8 * 3, slots
END
ok $? "after a reader has died the other one gets all messages"

start --writes-per-second=0 --blocking
kill_child perf-reader-1
until_ok is_reaped "Reader 1" && goes_on 1
ok $? "a reader that dies at full speed does not stop the writer, which waits for it"
kill -INT "$pid"
ends
((status == 1)) && is_reaped "Reader 1" && out_has '^  lost       0$'
ok $? "after a reader died at full speed no message is lost"

start --writes-per-second=0
kill_child perf-writer-1
ends
((status == 1)) && is_reaped "Writer 1" &&
	out_has '^FAILED$' && out_has '^  lost       0$'
ok $? "a run reports a writer that died, and its readers end"

start --writers=2
kill_child perf-writer-2
until_ok is_reaped "Writer 2" && goes_on 1
ok $? "after one of two writers has died the other one continues"
kill -INT "$pid"
ends
((status == 1)) && is_reaped "Writer 2" && out_has '^  lost       0$'
ok $? "after one of two writers has died no message of the other one is lost"

start
mapfile -t orphans < <(children | awk '{ print $1 }')
exec 3>&2 2>/dev/null # bash says "Killed"
kill -KILL "$pid"
ends
exec 2>&3
none_left()
{
	local child
	for child in "${orphans[@]}"; do
		[[ $(ps -o stat= -p "$child") == "" || $(ps -o stat= -p "$child") == Z* ]] || return
	done
}
((${#orphans[@]} == 3)) && until_ok none_left
ok $? "no process is left when the parent is killed"

# ---- a terminal ---------------------------------------------------------------------------------

python - $perf "${small[@]}" >"$tap_dir/out" <<'END'
import os, pty, subprocess, sys
parent, child = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=child,
                     stdin=subprocess.DEVNULL)
os.close(child)
seen = b""
try:
    while chunk := os.read(parent, 4096):
        seen += chunk
except OSError:
    pass
assert p.wait() == 0
assert b" of 0.5 s: " in seen and b" slots, " in seen and seen.endswith(b"\r\x1b[K"), seen
END
ok $? "on a terminal there is a line of progress, which is removed at the end"

done_testing
