#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# abi_direct on ext4: on a RAM disk, and on a file in tmpfs through a loop device.
# For selftests/vm/run --with brd,ext4,loop.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
PATH=$PATH:/usr/sbin:/sbin
program=build/selftests/abi/abi_direct

if [[ ! ${RINGBUF_VM-} ]]; then
	echo '1..0 # SKIP mounts file systems: only in the virtual machine'
	exit 0
fi

# on DEVICE: all of abi_direct in an ext4 there
on()
{
	local dir=$tap_dir/mnt
	mkdir -p "$dir"
	mkfs.ext4 -qF -O ^has_journal "$1" && mount -t ext4 "$1" "$dir" || return
	RINGBUF_DIRECT=$dir "$program"
	local status=$?
	umount "$dir"
	return "$status"
}

if ! grep -qw ext4 /proc/filesystems; then
	skip 'direct I/O' 'no ext4: selftests/vm/run --with brd,ext4,loop'
	done_testing
fi
if [[ -b /dev/ram0 ]]; then
	run on /dev/ram0
	ok "$status" 'slots and ext4 on a RAM disk'
	grep -E '^# Totals|# SKIP' "$tap_dir/out" | sed 's/^\(ok\|#\)/#/'
else
	skip 'slots and ext4 on a RAM disk' 'no /dev/ram0'
fi
if [[ -e /dev/loop-control ]]; then
	truncate -s 32M "$tap_dir/disk"
	loop=$(losetup --show -f "$tap_dir/disk")
	run on "$loop"
	ok "$status" 'slots and ext4 on a loop device'
	losetup -d "$loop"
else
	skip 'slots and ext4 on a loop device' 'no loop devices'
fi
done_testing
