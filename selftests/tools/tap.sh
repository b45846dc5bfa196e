# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Functions for tests in bash, which print TAP.  Sourced by them.

tap_n=0
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

# The host to test: the embedded one, unless RINGBUF_HOST names another one.
export RINGBUF_HOST=${RINGBUF_HOST:-embedded}

# ok STATUS NAME: reports test NAME, which passes if STATUS is 0; if not, also prints the output of
# the last run
ok()
{
	tap_n=$((tap_n + 1))
	if (($1 == 0)); then
		echo "ok $tap_n - $2"
		return
	fi
	echo "not ok $tap_n - $2"
	tap_failed=$((tap_failed + 1))
	[[ ! -e $tap_dir/out ]] || sed 's/^/# out: /' "$tap_dir/out" | tail -n 20
	[[ ! -e $tap_dir/err ]] || sed 's/^/# err: /' "$tap_dir/err" | tail -n 20
}

skip()
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

# run COMMAND...: runs COMMAND; its output is then in $tap_dir/out and err, its status in $status
# shellcheck disable=SC2034 # status is for the caller
run()
{
	status=0
	"$@" >"$tap_dir/out" 2>"$tap_dir/err" </dev/null || status=$?
}

out_has()
{
	grep -qE -- "$1" "$tap_dir/out"
}

err_has()
{
	grep -qE -- "$1" "$tap_dir/err"
}

# interpreter NAME: sets $interpreter to the path of a program.  /usr/bin comes first: a shim
# elsewhere may search for the program at each start, which is slow in an emulated machine.
interpreter()
{
	interpreter=/usr/bin/$1
	[[ -x $interpreter ]] || interpreter=$(type -P "$1")
}

# Run Python with its standard library only.
python()
{
	interpreter python3
	"$interpreter" -I -S "$@"
}

# Prints the first block of README.md that is fenced as language $1.
readme_block()
{
	awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```$/ && on { exit } on' README.md
}

# In an emulated machine timeout only runs its command, since a second program for each one that is
# started is slow there: selftests/run ends a test that hangs, and the trap then fails its last case.
# In the background and in a pipe this timeout has to be the last command, since nothing after it
# would run.
if [[ ${RINGBUF_VM-} ]]; then
	trap 'ok 1 "the test ends within the time that selftests/run allows"; exit 1' TERM
	timeout()
	{
		shift
		if [[ $BASHPID = "$$" ]]; then
			"$@"
		else
			exec "$@"
		fi
	}
fi

# usage: under PID: prints the process that timeout, which runs as PID, has started; in an emulated
# machine, which has no timeout, that is PID itself
under()
{
	if [[ ${RINGBUF_VM-} ]]; then
		echo "$1"
	else
		pgrep -P "$1"
	fi
}

# Seconds between two tries of until_ok: more in an emulated machine, where a try is slow.
tap_pause=0.1
[[ ! ${RINGBUF_VM-} ]] || tap_pause=0.4

# ring_has NAME REGEX: whether REGEX matches what "$ctl info --json" prints of the ring
ring_has()
{
	# shellcheck disable=SC2154 # set by the tests that call this
	[[ $($ctl info --json "$1") =~ $2 ]]
}

# until_ok COMMAND...: repeats COMMAND until it succeeds; fails after a minute
until_ok()
{
	local end=$((SECONDS + 60))
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep $tap_pause
	done
}

done_testing()
{
	echo "1..$tap_n"
	exit $((tap_failed > 0))
}
