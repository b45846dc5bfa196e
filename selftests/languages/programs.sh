# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced, after tap.sh, by the tests of tools/examples: which programs there are, and how to
# run them.

examples=build/tools/examples
source=tools/examples

# The languages of the programs that only read and write files (stream), that attach by ioctl
# (message), and that map the ring (map).
# shellcheck disable=SC2034 # for scripts that source this
stream_languages=(c c32 cpp python perl shell go rust node java tcl fortran ada cat dd)
# shellcheck disable=SC2034
message_languages=(c c32 cpp python perl go rust)
# shellcheck disable=SC2034
map_languages=(c c32 cpp python go rust)

export PYTHONDONTWRITEBYTECODE=1

# Whether 32-bit programs run here: then one without its argument exits with 2.
runs_32() {
	if [[ ! ${status_32-} ]]; then
		"$examples/c32/map_read" 2>/dev/null
		status_32=$?
	fi
	((status_32 == 2))
}

# usage: script INTERPRETER FILE
script() {
	interpreter "$1"
	command=("$interpreter" "$source/$2")
	[[ $interpreter ]] || why="$1 is not installed"
}

# usage: program LANGUAGE NAME: sets command; if it cannot run, sets why and fails
program() {
	local language=$1 name=$2
	command=() why=''
	# shellcheck disable=SC2016 # what is quoted is for the shell inside
	case $language in
	python)
		script python3 "python/$name.py"
		command=("${command[0]}" -E -S "${command[1]}") # it needs only the standard library
		;;
	perl) script perl "perl/$name.pl" ;;
	tcl) script tclsh "tcl/$name.tcl" ;;
	node) script node "node/$name.js" ;;
	shell) script bash "shell/$name.sh" ;;
	java)
		script java /
		command[1]=-Xshare:auto
		command+=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$examples/java")
		[[ $name = stream_write ]] && command+=(StreamWrite) || command+=(StreamRead)
		[[ -e $examples/java/StreamRead.class ]] || why='not built, as javac is not installed'
		;;
	cat)
		command=(bash -c '[[ $0 = stream_read ]] && exec cat "$1" || exec cat >"$1"' "$name")
		;;
	dd)
		command=(bash -c '[[ $0 = stream_read ]] && exec dd status=none bs=1000 if="$1" ||
			exec dd status=none bs=777 of="$1" conv=nocreat' "$name")
		;;
	*)
		command=("$examples/$language/$name")
		[[ -x ${command[0]} ]] || why='not built, as its compiler is not installed'
		[[ $language != c32 || $why ]] || runs_32 || why='this kernel runs no 32-bit programs'
		;;
	esac
	[[ ! $why ]]
}

# Reports a program that cannot run: as a failed test, or as a skipped one if that is due to the
# kernel.
# usage: absent NAME
absent() {
	if [[ $why = *kernel* ]]; then
		skip "$1" "$why"
	else
		ok 1 "$1: $why"
	fi
}
