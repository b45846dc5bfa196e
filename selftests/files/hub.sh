#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# uring_hub: one thread serves many rings.  For selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

hub=build/tools/examples/c/uring_hub
if [[ ! ${RINGBUF_VM-} || ! -x $hub ]]; then
	echo "1..0 # SKIP no /dev/ringbuf, or no $hub"
	exit 0
fi

# serves RINGS MESSAGES
serves()
{
	run timeout 100 $hub "$1" "$2"
	((status == 0)) && out_has "^$(($1 * $2)) messages through $1 rings, served by one thread$"
	ok $? "$1 rings, $2 messages each"
}

serves 1 300
serves 100 20
serves 250 3
run $hub 0
((status == 2))
ok $? 'no ring at all'
done_testing
