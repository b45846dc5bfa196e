#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that selftests/run and step of tally.sh count test cases rightly, on scripts that end
# too soon or print too little, too much or nothing; and that the harness of the C programs does.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

top=$PWD

# script STATUS LINE...: makes a script that prints the lines and exits with STATUS
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

# counts NAME PASSED FAILED SKIPPED FAILED-BY-RUN SKIPPED-BY-RUN: tests that step and run count so
# many cases of the script
counts()
{
	local wanted
	wanted="$2 passed, $3 failed, $4 skipped"
	run tallied
	[[ $status -eq $(($3 > 0)) && $(tail -n 1 "$tap_dir/out") == "$wanted" ]]
	ok $? "step counts a script that $1"
	wanted="$2 passed, $5 failed, $6 skipped"
	run selftests/run "$tap_dir/script"
	[[ $status -eq $(($5 > 0)) && $(tail -n 1 "$tap_dir/out") == "$wanted" ]]
	ok $? "run counts a script that $1"
}

script 0 1..2 'ok 1 - one' 'ok 2 - two'
counts "passes" 2 0 0 0 0
script 0 'ok 1 - one' 'ok 2 - two' 1..2
counts "prints its plan at the end" 2 0 0 0 0
script 0 1..2 'ok 1 - one' 'ok 2 - two # SKIP no such thing'
counts "skips a case" 1 0 1 0 1
script 0 1..3 'ok 1 - one' 'ok 2 - two'
counts "ends with status 0, but too soon" 2 1 0 1 0
script 0 1..1 'ok 1 - one' 'ok 2 - two'
counts "has more cases than it planned" 2 1 0 1 0
script 0 'ok 1 - one' 'ok 2 - two'
counts "has no plan" 2 1 0 1 0
script 0 1..2 1..2 'ok 1 - one' 'ok 2 - two'
counts "has two plans" 2 1 0 1 0
script 1 1..2 'ok 1 - one' 'not ok 2 - two'
counts "fails in a case" 1 1 0 1 0
script 0 1..2 'ok 1 - one' 'not ok 2 - two'
counts "fails in a case, but has status 0" 1 1 0 1 0
script 3 1..2 'ok 1 - one' 'ok 2 - two'
counts "passes all cases, but has status 3" 2 1 0 1 0
script 0
counts "prints nothing" 0 1 0 1 0
script 4 '1..0 # SKIP not here'
# selftests/check must not count a step that cannot run at all as skipped.
counts "is skipped as a whole" 0 1 0 0 1
script 0 '3 passed, 0 failed, 1 skipped'
run tallied
[[ $status -eq 0 && $(tail -n 1 "$tap_dir/out") == "3 passed, 0 failed, 1 skipped" ]]
ok $? "step takes the counts of a program that counts its cases itself"

# Two jobs, of which the second one has two jobs itself, the last of which ends the shell.
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
	out_has '^ended early: exit 3$'
ok $? "at_once adds up its jobs, and those of a job, and counts a job that ends early as failed"

# Prints how the harness of the C programs counted each case.
outcomes()
{
	sed -nE -e 's/^not ok [0-9]+ [a-z_]+\./failed /p' \
		-e 's/^ok [0-9]+ [a-z_]+\.([a-z_]+) # SKIP.*/skipped \1/p' \
		-e 's/^ok [0-9]+ [a-z_]+\./passed /p' "$tap_dir/out"
}

# Prints the cases after which the fixture was torn down.
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
ok $? "the harness counts each way to end a case rightly"
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
ok $? "the harness tears down once each fixture that was set up"
! out_has '^# was run'
ok $? "the harness does not run a case whose set-up failed"
done_testing
