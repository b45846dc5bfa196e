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
n=0 bad=0

# Small ones of all kinds.
configs=(x2-1w1r s2-1w1r s1-2w x2-1w2r x2-detach x2-alone-head s2-first x2-sync-batch
	s1-evict x2-evict x2-killed-reader s2-held)

ok() { # status name
	n=$((n + 1))
	if (($1)); then
		bad=1
		echo "not ok $n - $2"
	else
		echo "ok $n - $2"
	fi
}

# How many states there are under each memory model.
states() { # model argument...
	"$@" | sed -n 's/^# *\([0-9]* states\), .*/\1/p'
}

same() { # model config
	local one all

	one=$(states "$1" --only "$2")
	all=$(states "$1" --only "$2" --all-ways)
	echo "# $2: ${one//$'\n'/, }; all ways: ${all//$'\n'/, }"
	[[ $one && $one = "$all" ]]
}

rm -rf "$out"
mkdir -p "$out"
"$CC" -O1 -std=gnu11 -U_FORTIFY_SOURCE -w -DMODEL_ALL_COMMUTE -Iselftests/model -Ikmod \
	-Iinclude/uapi selftests/model/*.c -o "$out/model" || exit 1

for config in "${configs[@]}"; do
	same "$model" "$config"
	ok $? "$config has as many states, whichever ways lead there"
done
! same "$out/model" s1-1w1r
ok $? "a model in which all commutes has not"
echo "1..$n"
exit $bad
