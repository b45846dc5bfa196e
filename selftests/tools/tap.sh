# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP for the tests of the tools: sourced by them.

tap_n=0
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

# The host that is tested, unless RINGBUF_HOST says which.
export RINGBUF_HOST=${RINGBUF_HOST:-embedded}

# ok STATUS NAME: what the last command's status says; its output on failure
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

# run COMMAND...: its output goes to $tap_dir/out and err, its status to $status
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

# Sets $interpreter.  A shim that searches for it each time is slow where all is emulated.
interpreter()
{
	interpreter=/usr/bin/$1
	[[ -x $interpreter ]] || interpreter=$(type -P "$1")
}

# With the standard library only.
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

# One more program for each that is started is slow there, too. So selftests/run ends what
# hangs, which then says where. In the background and in a pipe it has to be the
# last command, since nothing after it would run.
if [[ ${RINGBUF_VM-} ]]; then
	trap 'ok 1 "all within the time that selftests/run gives"; exit 1' TERM
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

# usage: under PID: the program that timeout, in the background as PID, has started; in a
# machine that is PID
under()
{
	if [[ ${RINGBUF_VM-} ]]; then
		echo "$1"
	else
		pgrep -P "$1"
	fi
}

# Between two looks, which cost an emulated machine more.
tap_pause=0.1
[[ ! ${RINGBUF_VM-} ]] || tap_pause=0.4

# ring_has NAME REGEX: whether that is in what ringbufctl, which is $ctl, says of the ring
ring_has()
{
	# shellcheck disable=SC2154 # of the tests that ask
	[[ $($ctl info --json "$1") =~ $2 ]]
}

# until_ok COMMAND...: waits for what must come, a minute
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
