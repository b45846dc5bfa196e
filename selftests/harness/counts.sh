#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests what counts the test cases, selftests/run and step of tally.sh, on scripts that end
# too soon or print too little, too much or nothing; and the harness of the C programs.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

top=$PWD

# script STATUS LINE...: one that says so and exits with that
script()
{
	local status=$1
	shift
	printf '#!/bin/sh\n' >"$tap_dir/script"
	(($# == 0)) || printf 'echo "%s"\n' "$@" >>"$tap_dir/script"
	echo "exit $status" >>"$tap_dir/script"
	chmod +x "$tap_dir/script"
}

# shellcheck disable=SC2016 # for the shell inside
tallied()
{
	bash -uc 'cd "$1" && . "$2/selftests/tally.sh" && step script ./script && tally' \
		tallied "$tap_dir" "$top"
}

# counts NAME PASSED FAILED SKIPPED FAILED-BY-RUN SKIPPED-BY-RUN: of the script, by both
counts()
{
	local wanted
	wanted="$2 passed, $3 failed, $4 skipped"
	run tallied
	[[ $status -eq $(($3 > 0)) && $(tail -n 1 "$tap_dir/out") == "$wanted" ]]
	ok $? "step: $1"
	wanted="$2 passed, $5 failed, $6 skipped"
	run selftests/run "$tap_dir/script"
	[[ $status -eq $(($5 > 0)) && $(tail -n 1 "$tap_dir/out") == "$wanted" ]]
	ok $? "run: $1"
}

script 0 1..2 'ok 1 - one' 'ok 2 - two'
counts "all is well" 2 0 0 0 0
script 0 'ok 1 - one' 'ok 2 - two' 1..2
counts "a plan at the end" 2 0 0 0 0
script 0 1..2 'ok 1 - one' 'ok 2 - two # SKIP no such thing'
counts "one is skipped" 1 0 1 0 1
script 0 1..3 'ok 1 - one' 'ok 2 - two'
counts "ends well, but too soon" 2 1 0 1 0
script 0 1..1 'ok 1 - one' 'ok 2 - two'
counts "does more than it planned" 2 1 0 1 0
script 0 'ok 1 - one' 'ok 2 - two'
counts "has no plan, as a program that broke off before its end" 2 1 0 1 0
script 0 1..2 1..2 'ok 1 - one' 'ok 2 - two'
counts "has two plans" 2 1 0 1 0
script 1 1..2 'ok 1 - one' 'not ok 2 - two'
counts "one fails" 1 1 0 1 0
script 0 1..2 'ok 1 - one' 'not ok 2 - two'
counts "one fails, and the status does not say so" 1 1 0 1 0
script 3 1..2 'ok 1 - one' 'ok 2 - two'
counts "only the status is bad" 2 1 0 1 0
script 0
counts "says nothing" 0 1 0 1 0
script 4 '1..0 # SKIP not here'
# What check calls as a step of its own must be able to run.
counts "skips as a whole" 0 1 0 0 1
script 0 '3 passed, 0 failed, 1 skipped'
run tallied
[[ $status -eq 0 && $(tail -n 1 "$tap_dir/out") == "3 passed, 0 failed, 1 skipped" ]]
ok $? "step: believes a program that counted its own cases"

# Two jobs, one of them with two inside, of which the second breaks off.
# shellcheck disable=SC2016 # for the shell inside
jobs()
{
	bash -uc 'cd "$1" && . "$2/selftests/tally.sh" &&
		at_once 1 "aside step a ./script" "at_once 2 \"step b ./script\" \"exit 3\"" &&
		tally' jobs "$tap_dir" "$top"
}
script 0 1..2 'ok 1 - one' 'ok 2 - two # SKIP no such thing'
run jobs
[[ $status -eq 1 && $(tail -n 1 "$tap_dir/out") == "2 passed, 1 failed, 2 skipped" ]] &&
	out_has '^broke off: exit 3$'
ok $? "at_once: adds up, within itself too, and counts a job that breaks off"

# How the harness of the C programs counts a case, however that ends.
outcomes()
{
	sed -nE -e 's/^not ok [0-9]+ [a-z_]+\./failed /p' \
		-e 's/^ok [0-9]+ [a-z_]+\.([a-z_]+) # SKIP.*/skipped \1/p' \
		-e 's/^ok [0-9]+ [a-z_]+\./passed /p' "$tap_dir/out"
}

# The cases after which the fixture was torn down.
torn_down()
{
	grep '^# torn down' "$tap_dir/out" | cut -d ' ' -f 5
}

ulimit -c 0
run build/selftests/harness/outcomes
((status == 1)) && diff - <(outcomes) <<-'END' >&2
	passed alone_passes
	failed alone_asserts_in_vain
	passed passes
	failed expects_in_vain
	failed asserts_in_vain
	skipped skips
	failed crashes
	failed exits
	failed expects_in_vain_and_exits
	passed ends_by_its_signal
	failed ends_without_its_signal
	failed child_expects_in_vain
	failed child_asserts_in_vain
	failed takes_too_long
	passed passes_after_all_that
	failed is_not_run
	END
ok $? "harness: each end of a case counts as what it is"
diff - <(torn_down) <<-'END' >&2
	passes
	expects_in_vain
	asserts_in_vain
	skips
	ends_without_its_signal
	child_expects_in_vain
	child_asserts_in_vain
	passes_after_all_that
	END
ok $? "harness: a fixture that was set up is torn down once"
! out_has '^# was run'
ok $? "harness: a case whose set-up failed is not run"
done_testing
