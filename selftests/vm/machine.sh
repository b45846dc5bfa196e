# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
#
# Sourced by run: what the machine is made of, and its start. Goes by run's variables
# kernel, smp, mem, append, root, verbose, what "kernel" tells, and its folder tmp.

# Sets init to the path of process 1, compiled once, and khz to what it measures here.
find_init()
{
	local compiler=(gcc)

	[[ $arch = x86_64 ]] || compiler=("$arch-linux-gnu-gcc" --sysroot="$("$vm/kernel" arm64-root)")
	init=$cache/init-$arch-$(sha256sum <"$vm/init.c" | cut -c 1-12)
	if [[ ! -x $init ]]; then
		# Renamed within the folder, so that another run never finds half of it.
		"${compiler[@]}" -static -pthread -O2 -Wall -Wextra -o "$init.$$" "$vm/init.c" >&2 &&
			mv "$init.$$" "$init" || return
	fi
	khz=0
	[[ $arch != x86_64 ]] || khz=$("$init")
}

# The files of modules and of what they need, in the order to load them; what is
# built in has none.
module_files()
{
	local mod

	[[ $modules ]] || return 0
	for mod; do
		modprobe -d "$modules" -S "$release" --show-depends "$mod" ||
			say "no module $mod, going on without"
	done | sed -n 's/^insmod //p' | cut -d ' ' -f 1
}

# A root of links, packed as an archive of what they lead to.
initrd()
{
	local root=$tmp/initrd ko

	mkdir "$root"
	ln -s "$init" "$root/init"
	printf 'cpus=%s\0' "$smp" >"$root/boot.config"
	while read -r ko; do
		ln -sf "$ko" "$root/${ko##*/}"
		printf 'load=/%s\0' "${ko##*/}" >>"$root/boot.config"
	done < <(module_files virtio_pci virtio_console 9pnet_virtio 9p)
	(cd "$root" && find . | cpio --quiet -oLH newc)
	rm -r "$root"
}

# Emulated time is slow, so what takes long is no fault yet; but what would
# be reported is. Where programs lie at the same addresses each time, QEMU need not
# translate them each time; where they have large pages, a flush of any is one of all.
#
# The kernel boots on one processor, and init starts the others (maxcpus): while one
# translates code that another one patches, QEMU 7.2 may keep what was in between,
# a breakpoint, for ever. Booting is when the kernel patches itself. It would then
# take locks for needless, and patch them in again (noreplace-smp).
cmdline()
{
	case $arch in
	x86_64) echo console=ttyS0 reboot=t tsc=reliable no_timer_check noreplace-smp ;;
	aarch64) echo console=ttyAMA0 ;;
	esac
	echo mitigations=off \
		random.trust_cpu=on cryptomgr.notests norandmaps transparent_hugepage=madvise \
		maxcpus=1 panic=-1 oops=panic panic_on_warn=1 \
		rcupdate.rcu_cpu_stall_timeout=100 \
		sysctl.kernel.panic_on_rcu_stall=1 sysctl.kernel.watchdog_thresh=50 \
		sysctl.kernel.softlockup_panic=1 sysctl.kernel.hung_task_panic=1 \
		sysctl.kernel.hung_task_timeout_secs=120 \
		"$([[ $verbose ]] && echo ignore_loglevel || echo loglevel=5)" "$append"
}

# What it would measure for seconds: see init.c.
clock()
{
	local hz

	hz=$(sed -n 's/^CONFIG_HZ=//p' "$kbuild/include/config/auto.conf")
	((khz == 0)) || echo "tsc_early_khz=$khz ${hz:+lpj=$((khz * 1000 / hz))}"
}

# A folder of the host's; a comma in a path is doubled.
# usage: share TAG PATH OPTIONS
share()
{
	parts+=(-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
	ends+=(-fsdev "local,id=$1,path=${2//,/,,},$3")
}

# usage: port NUMBER NAME
port()
{
	parts+=(-device "virtserialport,nr=$1,chardev=$2")
}

# What a program would use because it is fast, and which is slow when it is emulated: wide
# registers, and their saving at each switch; bytes by REP.  QEMU 7.2 leaves garbage in the
# flags after CMPXCHG16B: an interrupt then makes the kernel, whose allocator it is in, run
# in single steps or not at all.  Of arm64 one machine has the atomic instructions of
# Armv8.1 and the other one has none; the first one alone can have pages of 16 KiB.
processor()
{
	case $kernel in
	*-16k) echo cortex-a76 ;;
	*-arm64) echo cortex-a72 ;;
	*) echo max,la57=off,erms=off,avx=off,avx2=off,xsave=off,cx16=off ;;
	esac
}

# Sets parts to what the kernel sees of the machine, ends to what it leads to on the host.
assemble()
{
	# The BIOS's table, which a kernel without ACPI goes by, has one processor of each socket.
	parts=(-accel "tcg,thread=multi" -cpu "$(processor)" -smp "$smp,sockets=$smp" -m "$mem"
		-nodefaults -no-user-config -no-reboot -display none
		-device "virtio-serial-pci,ioeventfd=off")
	[[ $arch != aarch64 ]] || parts+=(-machine virt)
	ends=(-serial "file:$tmp/console" -chardev "file,id=out,path=$tmp/out"
		-chardev "file,id=status,path=$tmp/status")
	port 1 out
	port 2 status
	port 3 task
	share root "$root" security_model=none,multidevs=remap,readonly=on
	share tree "$top" security_model=none,multidevs=remap
}

# With that folder's initrd, or from or to its state: see saved.sh. The port "task" is
# for the caller.
# usage: start SECONDS FOLDER OPTION...
start()
{
	RINGBUF_STATE=$2/state exec timeout -k 5 "$1" "qemu-system-$arch" "${parts[@]}" "${ends[@]}" \
		-kernel "$image" -initrd "$2/initrd.cpio" -append "$(cmdline) $(clock)" "${@:3}" \
		>"$tmp/qemu" 2>&1
}
