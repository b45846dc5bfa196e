# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2030,SC2031 # lanes count in subshells, and say so in a file
# shellcheck shell=bash
#
# Sourced by selftests/check and .ci/run: run steps, count TAP lines.

passed=0 failed=0 skipped=0

# usage: step NAME COMMAND...
# The output goes to build/check/NAME.log and, when something failed, to the
# terminal too.  A command that fails without a "not ok" counts as one failure,
# and so does one that tells of more or fewer test cases than it planned.
step() {
	local name=$1 log=build/check/$1.log status=0 start=$SECONDS ok bad skip plan
	shift
	mkdir -p build/check
	"$@" >"$log" 2>&1 </dev/null || status=$?
	skip=$(grep -ciE '^ *ok .*# *SKIP' "$log")
	ok=$(($(grep -c '^ *ok ' "$log") - skip))
	bad=$(grep -c '^ *not ok ' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)\( .*\)*$/\1/p' "$log")
	# A runner that counts test cases itself says so in its last line.
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
	printf '%-24s %4d passed, %d failed, %d skipped  (%d s)\n' "$name" "$ok" "$bad" "$skip" \
		$((SECONDS - start))
	if ((bad)); then
		echo "---- $log: failures and the end"
		grep -n '^ *not ok ' "$log" | head -n 40
		tail -n 60 "$log"
		echo "----"
	fi
	grep -iE '^ *ok .*# *SKIP' "$log" | sed 's/^/    /'
	return 0
}

lanes=()

# usage: lane NAME FUNCTION [ARGUMENT...]
# The function's steps, beside those of other lanes.
lane() {
	local name=$1 counts=build/check/lane-$1
	shift
	mkdir -p build/check
	rm -f "$counts"
	(
		passed=0 failed=0 skipped=0
		"$@"
		echo "$passed $failed $skipped" >"$counts"
	) &
	lanes+=("$name")
}

# Wait for all lanes and add what they counted.
lanes_end() {
	local name p f s

	wait
	for name in "${lanes[@]}"; do
		if read -r p f s <"build/check/lane-$name"; then
			passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		else
			echo "lane $name broke off"
			failed=$((failed + 1))
		fi
	done
	lanes=()
}

# The plain line that ends a run.
tally() {
	echo "$passed passed, $failed failed, $skipped skipped"
	((!failed))
}
