#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Absurd module parameters: refused, with a line in the kernel's log; and those
# that are good: the default ring is so, and so much may be had.  For selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP loads and unloads the module: only in the virtual machine'
	exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
module=build/kmod/$(uname -r)/ringbuf.ko

# load PARAMETER...: the module, and its file system where the library looks for it
load()
{
	insmod "$module" "$@" && mount -t ringbuf ringbuf /dev/rings
}

unload()
{
	umount /dev/rings && rmmod ringbuf
}

refused()
{
	local status=0
	dmesg -C
	run insmod "$module" "$@"
	((status)) || rmmod ringbuf
	((status)) && dmesg | grep -q "ringbuf: .*${1%%=*}=${1#*=}" &&
		! grep -qw ^ringbuf /proc/modules
	ok $? "refused: $*"
}

# made BYTES COUNT PARAMETER...: what the default ring is then
made()
{
	local bytes=$1 count=$2
	shift 2
	insmod "$module" "$@" && exec 3</dev/ringbuf &&
		! dd iflag=nonblock bs=1 count=1 <&3 2>"$tap_dir/err" &&
		grep -qP "^ringbuf-slot-bytes:\t$bytes$" /proc/$$/fdinfo/3 &&
		grep -qP "^ringbuf-slot-count:\t$count$" /proc/$$/fdinfo/3
	ok $? "default ring with: ${*:-nothing}"
	exec 3<&-
	rmmod ringbuf
}

# creates NAME SLOTS ERROR: of a MiB each; what the kernel says of it, or ""
creates()
{
	run "${user[@]}" env RINGBUF_HOST=module build/tools/ringbufctl create "$1" \
		--slot-bytes=1048576 --slots="$2"
	if [[ $3 ]]; then
		((status)) && err_has "$3"
	else
		((!status))
	fi
}

unlink()
{
	run env RINGBUF_HOST=module build/tools/ringbufctl unlink "$1"
}

# For one ring, and per user.
limits()
{
	local user=() ring
	creates a 6 '' && creates b 6 '' && creates c 6 'more than max_user_bytes'
	ok $? "max_user_bytes: two of three rings, then EDQUOT"
	creates c 9 'Invalid argument'
	ok $? "max_ring_bytes: EINVAL"
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	creates c 6 ''
	ok $? "another user has as much"
	user=()
	unlink a
	creates d 6 ''
	ok $? "what was given back can be had again"
	for ring in b c d; do
		unlink $ring
	done
}

unload
refused default_slot_bytes=0
refused default_slot_count=0
refused default_slot_bytes=2147483649
refused default_slot_count=33554433
refused default_slot_bytes=18446744073709551615
refused default_slot_bytes=2147483648 default_slot_count=33554432
refused default_slot_bytes=1048576 default_slot_count=100000
refused default_slot_bytes=65536 max_ring_bytes=65536
refused recheck_ms=0
refused recheck_ms=1001
refused max_ring_bytes=1
refused max_user_bytes=18446744073709551615
for bad in -1 x 1x 0x10000000000000000; do
	run insmod "$module" "default_slot_bytes=$bad"
	((status)) && ! grep -qw ^ringbuf /proc/modules
	ok $? "refused by the kernel: default_slot_bytes=$bad"
done
made 65536 16
made 1 1 default_slot_bytes=1 default_slot_count=1
made 5000 3 default_slot_bytes=5000 default_slot_count=3
load max_user_bytes=16777216 max_ring_bytes=8388608
limits
unload
parameters=/sys/module/ringbuf/parameters

# set PARAMETER=VALUE...: of the module that is loaded
set_parameters()
{
	local change
	for change; do
		echo "${change#*=}" >"$parameters/${change%%=*}" || return
	done
}

# Refused, with a line in the log, and what was set before stays.
refused_later()
{
	local name=${1%%=*} before
	before=$(<"$parameters/$name")
	dmesg -C
	run set_parameters "$1"
	((status)) && dmesg | grep -q "ringbuf: .*$1" && [[ $before == "$(<"$parameters/$name")" ]]
	ok $? "refused while loaded: $1"
}

changed_later()
{
	local bytes
	set_parameters default_slot_count=3 default_slot_bytes=5000 && exec 3</dev/ringbuf &&
		! dd iflag=nonblock bs=1 count=1 <&3 2>"$tap_dir/err" &&
		grep -qP '^ringbuf-slot-bytes:\t5000$' /proc/$$/fdinfo/3 &&
		grep -qP '^ringbuf-slot-count:\t3$' /proc/$$/fdinfo/3
	ok $? 'a new default ring is as the parameters say now'
	exec 3<&-
	bytes=$(<"$parameters/max_user_bytes")
	creates a 6 '' && set_parameters max_user_bytes=1048576 && creates b 1 'more than max_user_bytes'
	ok $? 'max_user_bytes below what a user has: no more for him'
	set_parameters max_user_bytes=0 && [[ $(<"$parameters/max_user_bytes") == "$bytes" ]] &&
		creates b 6 ''
	ok $? 'max_user_bytes=0: the default again'
	unlink a
	unlink b
}

# become UID: the user that creates rings from now on
become()
{
	user=(setpriv --reuid "$1" --regid "$1" --clear-groups)
}

# Users get three quarters first come, first served; of the rest each gets up to half of
# what the others leave, and the administrator all.
shares()
{
	local user=() ring
	set_parameters max_total_bytes=33554432
	become 65534
	creates a 20 '' && creates b 6 'max_total_bytes'
	ok $? 'max_total_bytes: not all of it for one user'
	become 65533
	creates b 8 'max_total_bytes' && creates b 5 '' && creates c 4 'max_total_bytes'
	ok $? 'max_total_bytes: half of what the first one leaves for another'
	become 65532
	creates c 2 ''
	ok $? 'max_total_bytes: something is left for a third'
	user=()
	creates d 30 ''
	ok $? 'max_total_bytes: the administrator is exempt'
	for ring in a b c d; do
		unlink $ring
	done
}

# With a ring in it, or without.
keeps_the_module()
{
	mkfifo /dev/rings/kept
	run rmmod ringbuf
	if ! ((status)) || ! err_has 'in use'; then
		return 1
	fi
	rm /dev/rings/kept
	run rmmod ringbuf
	((status)) && err_has 'in use' && unload
}
load
changed_later
shares
set_parameters max_total_bytes=0
refused_later recheck_ms=0
set_parameters recheck_ms=1000 recheck_ms=50
ok $? 'recheck_ms can be set while loaded'
refused_later max_ring_bytes=1
refused_later max_total_bytes=18446744073709551615
refused_later default_slot_bytes=0
refused_later default_slot_count=33554433
keeps_the_module
ok $? 'rmmod says no while the file system is mounted'
load
ok $? 'loads again'
done_testing
