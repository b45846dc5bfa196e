#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that completion offers the commands, the options and the names of rings: in bash, and in
# zsh if it is installed.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
here=tools/completion
export PATH=$PWD/build/tools:$PATH
ring=completion-$$

# usage: completes WORD...: writes what bash offers for the last word to $tap_dir/out
# shellcheck disable=SC2016 # another bash expands it
completes()
{
	run bash --norc -c '
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		read -ra line < <(complete -p "$1")
		"${line[2]}" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$here/bash/$1" "$@"
}

run ringbufctl create --slot-bytes=8 --slots=2 "$ring"
ok "$status" "a ring can be created for the tests"

completes ringbufctl ''
cmp -s <(sort "$tap_dir/out") <(sed -n 's/^.BR\{0,1\} "\{0,1\}ringbufctl \([a-z]*\).*/\1/p' tools/ringbufctl.1 |
	sort -u)
ok $? "bash offers each command of the man page"
completes ringbufctl st
[[ $(<"$tap_dir/out") == stats ]]
ok $? "bash completes a command"
completes ringbufctl create --slot-b
[[ $(<"$tap_dir/out") == --slot-bytes= ]]
ok $? "bash completes an option, with its ="
completes ringbufctl --json info complet
out_has "^$ring\$"
ok $? "bash completes the name of a ring after an option and a command"
completes ringbufctl info ./READM
[[ $(<"$tap_dir/out") == ./README.md ]]
ok $? "bash completes a path"
completes perf_test_ringbuffer --zero
[[ $(<"$tap_dir/out") == --zero-copy* ]]
ok $? "bash completes an option of perf_test_ringbuffer"

has_bridge=0
[[ ! -x build/tools/ringbuf-bridge ]] || has_bridge=1
if ((has_bridge)); then
	completes ringbuf-bridge ''
	[[ $(sort "$tap_dir/out" | tr '\n' ' ') == 'demo publish run subscribe ' ]]
	ok $? "bash offers each command of ringbuf-bridge"
	completes ringbuf-bridge --server = nats://hub publish complet
	out_has "^$ring\$"
	ok $? "bash completes the name of a ring after an option of ringbuf-bridge and its value"
	completes ringbuf-bridge run --conf
	[[ $(<"$tap_dir/out") == --config= ]]
	ok $? "bash completes an option of ringbuf-bridge"
	completes ringbuf-bridge run --config = ./READM
	[[ $(<"$tap_dir/out") == ./README.md ]]
	ok $? "bash completes the file of an option of ringbuf-bridge"
else
	skip "completion of ringbuf-bridge" "it is not built"
fi

# usage: zsh_offers LINE WORD: types LINE and a tab in a terminal with zsh, and waits until WORD is
# shown; the terminal's text goes to $tap_dir/out
# shellcheck disable=SC2016 # zsh expands it
zsh_offers()
{
	run timeout 60 zsh -f -c '
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "PS1= TERM=dumb; fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; \
			LISTMAX=0; bindkey \"^I\" list-choices; echo rea\"\"dy"
		zpty -r -m shell out "*ready*"
		zpty -w -n shell "$2"$'"'\\t'"'
		zpty -r -m shell out "*$3*" && print -r -- $out
		zpty -d shell' zsh "$PWD/$here/zsh" "$@"
}

if command -v zsh >/dev/null; then
	zsh_offers 'ringbufctl ' unlink
	out_has unlink
	ok $? "zsh offers the commands"
	zsh_offers 'ringbufctl info ' "$ring"
	out_has "$ring"
	ok $? "zsh offers the names of rings"
	zsh_offers 'perf_test_ringbuffer --ze' zero-copy
	out_has zero-copy
	ok $? "zsh completes an option of perf_test_ringbuffer"
	if ((has_bridge)); then
		zsh_offers 'ringbuf-bridge ' subscribe
		out_has subscribe
		ok $? "zsh offers the commands of ringbuf-bridge"
		zsh_offers 'ringbuf-bridge publish ' "$ring"
		out_has "$ring"
		ok $? "zsh offers the names of rings to ringbuf-bridge"
		zsh_offers 'ringbuf-bridge run --conf' config
		out_has config
		ok $? "zsh completes an option of ringbuf-bridge"
	fi
else
	skip "completion in zsh" "zsh is not installed"
fi

run ringbufctl unlink "$ring"
done_testing
