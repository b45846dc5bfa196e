#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs abi_direct and the recorder of tools/examples on ext4, or on ext2 if the kernel has only
# that: on a RAM disk, and on a file in tmpfs through a loop device.
# For selftests/vm/run --with brd,ext4,loop.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
PATH=$PATH:/usr/sbin:/sbin
program=build/selftests/abi/abi_direct
ctl=build/tools/ringbufctl
export RINGBUF_HOST=module

if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP mounts file systems: only in the virtual machine'
	exit 0
fi

fs=ext4
grep -qw ext4 /proc/filesystems || fs=ext2

# on DEVICE: runs abi_direct and the recorder in a new file system on that device
on()
{
	local dir=$tap_dir/mnt
	mkdir -p "$dir"
	mkfs."$fs" -qF -O ^has_journal "$1" && mount -t "$fs" "$1" "$dir" || return
	# The debug kernel's RAM disk of 4 MiB has no room for both files.
	RINGBUF_DIRECT=$dir "$program" && rm "$dir/file" && recorder "$dir/recorded"
	local status=$?
	umount "$dir"
	return "$status"
}

# recorder FILE: whether the example "record" stores all that is written to a ring in FILE
recorder()
{
	local pid status=0
	head -c 3000001 /dev/urandom >"$tap_dir/data"
	$ctl create recorder --slot-bytes=65536 --slots=5
	build/tools/examples/c/record recorder "$1" &
	pid=$!
	until_ok ring_has recorder '"readers": 1,'
	$ctl write recorder <"$tap_dir/data" && wait "$pid" && cmp "$tap_dir/data" "$1" || status=1
	$ctl unlink recorder
	return "$status"
}

if ! grep -qw $fs /proc/filesystems; then
	skip 'direct I/O' 'no ext4 and no ext2; use selftests/vm/run --with brd,ext4,loop'
	done_testing
fi
if [[ -b /dev/ram0 ]]; then
	run on /dev/ram0
	ok "$status" "direct I/O and the recorder work with $fs on a RAM disk"
	grep -E '^# Totals|# SKIP' "$tap_dir/out" | sed 's/^\(ok\|#\)/#/'
else
	skip "direct I/O on a RAM disk" 'there is no /dev/ram0'
fi
if [[ $RINGBUF_VM == debug ]]; then
	skip "direct I/O on a loop device" 'slow under KASAN, and the same code of ringbuf as on a RAM disk'
elif [[ -e /dev/loop-control ]]; then
	truncate -s 32M "$tap_dir/disk"
	loop=$(losetup --show -f "$tap_dir/disk")
	run on "$loop"
	ok "$status" "direct I/O and the recorder work with $fs on a loop device"
	losetup -d "$loop"
else
	skip "direct I/O on a loop device" 'there are no loop devices'
fi
done_testing
