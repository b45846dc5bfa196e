# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2030,SC2031 # jobs count in subshells, and say so in a file
# shellcheck shell=bash
#
# Sourced by selftests/check and .ci/run: runs steps and counts their test cases.

passed=0 failed=0 skipped=0

# usage: step NAME COMMAND...
# The output goes to build/check/NAME.log and, when something failed, to the
# terminal, too.  A command that fails without a "not ok" counts as one failure,
# and so does one that reports more or fewer test cases than it planned.
step() {
	local name=$1 log=build/check/$1.log status=0 start=$SECONDS ok bad skip plan cpu
	local TIMEFORMAT='%U %S'
	shift
	mkdir -p build/check
	{ time "$@" >"$log" 2>&1 </dev/null; } 2>"$log.time" || status=$?
	cpu=$(awk '{ printf "%d", $1 + $2 }' "$log.time")
	skip=$(grep -ciE '^ *ok .*# *SKIP' "$log")
	ok=$(($(grep -c '^ *ok ' "$log") - skip))
	bad=$(grep -c '^ *not ok ' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)\( .*\)*$/\1/p' "$log")
	# A runner that counts its test cases itself has the counts in its last line.
	if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		ok=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]} skip=${BASH_REMATCH[3]}
	elif [[ $plan != $((ok + bad + skip)) ]]; then
		bad=$((bad + 1))
		echo "not ok - $name planned ${plan:-nothing}" >>"$log"
	fi
	if ((status && !bad)); then
		bad=1
		echo "not ok - $name exits $status" >>"$log"
	elif ((!status && !ok && !skip)); then
		bad=1
		echo "not ok - $name ran no test" >>"$log"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-24s %4d passed, %d failed, %d skipped  (%d s, %d of a processor)\n' "$name" \
		"$ok" "$bad" "$skip" $((SECONDS - start)) "$cpu"
	if ((bad)); then
		echo "---- $log: failures and the end"
		grep -n '^ *not ok ' "$log" | head -n 40
		tail -n 60 "$log"
		echo "----"
	fi
	grep -iE '^ *ok .*# *SKIP' "$log" | sed 's/^/    /'
	return 0
}

# usage: at_once N JOB...
# Runs jobs: strings with commands that call step or at_once.  They start in the given order,
# N at a time, so the longest should be first.  Adds up their counts.
at_once() {
	local most=$1 running=0 n=0 counts job p f s
	shift
	counts=$(mktemp -d)
	for job; do
		((running < most)) || wait -n
		((running < most)) && ((++running))
		((++n))
		(
			passed=0 failed=0 skipped=0
			eval "$job"
			echo "$passed $failed $skipped" >"$counts/$n"
		) &
	done
	wait
	n=0
	for job; do
		((++n))
		if read -r p f s 2>/dev/null <"$counts/$n"; then
			passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		else
			echo "ended early: $job"
			failed=$((failed + 1))
		fi
	done
	rm -r "$counts"
}

# usage: aside JOB...
# Runs a job that gets a processor only when no other job wants it.  An emulated machine
# beside a job that is only nice would need a quarter more of a processor.
aside() {
	chrt --idle --pid 0 "$BASHPID" 2>/dev/null || renice -n 19 "$BASHPID" >/dev/null
	"$@"
}

# Prints the line with the counts that ends a run.
tally() {
	echo "$passed passed, $failed failed, $skipped skipped"
	((!failed))
}
