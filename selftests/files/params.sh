#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests the module parameters: values out of range are refused with a line in the kernel's log,
# and values in range set the default ring and the limits.  For selftests/vm/run.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP loads and unloads the module: only in the virtual machine'
	exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
module=${RINGBUF_MODULE:-build/kmod/$(uname -r)/ringbuf.ko}

# load PARAMETER...: loads the module, and mounts its file system where the library looks
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

# made BYTES COUNT PARAMETER...: whether with these parameters the default ring has COUNT slots of
# BYTES
made()
{
	local bytes=$1 count=$2
	shift 2
	insmod "$module" "$@" && exec 3</dev/ringbuf &&
		! dd iflag=nonblock bs=1 count=1 <&3 2>"$tap_dir/err" &&
		grep -qP "^ringbuf-slot-bytes:\t$bytes$" /proc/$$/fdinfo/3 &&
		grep -qP "^ringbuf-slot-count:\t$count$" /proc/$$/fdinfo/3
	ok $? "the default ring has $count slots of $bytes bytes with: ${*:-no parameters}"
	exec 3<&-
	rmmod ringbuf
}

# creates NAME SLOTS ERROR: whether a ring of SLOTS MiB can be created; or, if ERROR is not "",
# whether that fails with this error
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

# The limits of one ring and of one user.
limits()
{
	local user=() ring
	creates a 6 '' && creates b 6 '' && creates c 6 'more than max_user_bytes'
	ok $? "a ring beyond max_user_bytes is refused"
	creates c 9 'Invalid argument'
	ok $? "a ring larger than max_ring_bytes is refused"
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	creates c 6 ''
	ok $? "another user has a max_user_bytes of its own"
	user=()
	unlink a
	creates d 6 ''
	ok $? "the bytes of a ring that was removed can be used again"
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

# set_parameters PARAMETER=VALUE...: sets parameters of the module while it is loaded
set_parameters()
{
	local change
	for change; do
		echo "${change#*=}" >"$parameters/${change%%=*}" || return
	done
}

# refused_later PARAMETER=VALUE: whether this is refused with a line in the log, and the value
# stays as it was
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
	ok $? 'a new default ring has the geometry that the parameters have now'
	exec 3<&-
	bytes=$(<"$parameters/max_user_bytes")
	creates a 6 '' && set_parameters max_user_bytes=1048576 && creates b 1 'more than max_user_bytes'
	ok $? 'with max_user_bytes below what a user has, that user gets no more'
	set_parameters max_user_bytes=0 && [[ $(<"$parameters/max_user_bytes") == "$bytes" ]] &&
		creates b 6 ''
	ok $? 'max_user_bytes=0 sets the default again'
	unlink a
	unlink b
}

# become UID: lets user UID create the rings from now on
become()
{
	user=(setpriv --reuid "$1" --regid "$1" --clear-groups)
}

# Users get the first three quarters of max_total_bytes as they ask; of the last quarter each user
# gets at most half of what is free.  The administrator gets all that is free.
shares()
{
	local user=() ring
	set_parameters max_total_bytes=33554432
	become 65534
	creates a 20 '' && creates b 6 'max_total_bytes'
	ok $? 'one user does not get all of max_total_bytes'
	become 65533
	creates b 8 'max_total_bytes' && creates b 5 '' && creates c 4 'max_total_bytes'
	ok $? 'a second user gets half of what the first one leaves of max_total_bytes'
	become 65532
	creates c 2 ''
	ok $? 'a third user gets a part of max_total_bytes, too'
	user=()
	creates d 30 ''
	ok $? 'max_total_bytes does not limit the administrator'
	for ring in a b c d; do
		unlink $ring
	done
}

# Whether rmmod fails while the file system is mounted, with a ring in it and without.
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
ok $? 'recheck_ms can be set while the module is loaded'
refused_later max_ring_bytes=1
refused_later max_total_bytes=18446744073709551615
refused_later default_slot_bytes=0
refused_later default_slot_count=33554433
keeps_the_module
ok $? 'rmmod fails while the file system is mounted'
load
ok $? 'the module can be loaded again'
done_testing
