#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: selftests/model/ways.sh
#
# To try moves that commute in one order only must leave out no state: the model
# counts as many as with --all-ways.  One that takes all moves for such that
# commute must be found out by that.  Prints TAP.  CC and O (the build folder)
# come from the environment.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
O=${O:-build}
CC=${CC:-gcc}
model=$O/selftests/model/model
out=$O/selftests/model/ways
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

# Small ones of all kinds.
configs=(x2-1w1r s2-1w1r s1-2w x2-1w2r x2-detach x2-alone-head s2-first x2-sync-batch
	s1-evict x2-evict x2-killed-reader s2-held "x2-killed --model sc")

# Runs it, and prints how many states there are under each memory model.
states() { # model argument...
	local log

	log=$("$@" 2>/dev/null) || return
	sed -n 's/^# *\([0-9]*\) states, .*/\1/p' <<<"$log"
}

# Sets one and all.
count() { # model argument...
	one=$(states "$@") && all=$(states "$@" --all-ways) || return
	echo "# ${*:2}: ${one//$'\n'/, } states; all ways: ${all//$'\n'/, }"
}

rm -rf "$out"
mkdir -p "$out"
"$CC" -O1 -std=gnu11 -U_FORTIFY_SOURCE -w -DMODEL_ALL_COMMUTE -Iselftests/model -Ikmod \
	-Iinclude/uapi selftests/model/*.c -o "$out/model" || exit 1

for config in "${configs[@]}"; do
	# shellcheck disable=SC2086 # with its options
	count "$model" --only $config && [[ $one && $one = "$all" ]]
	ok $? "$config has as many states, whichever ways lead there"
done
count "$out/model" --only s1-1w1r --model pso && ((one && one < all))
ok $? "a model in which all commutes has not"
done_testing
