# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
#
# Sourced by run: the parts of the machine, and its start. Uses run's variables kernel, smp, mem,
# append, root, verbose, those that the script "kernel" prints, and the folder tmp.

# Sets init to the path of process 1, which is compiled once, and khz to the frequency of the time
# stamp counter.
find_init()
{
	local compiler=(gcc)

	[[ $arch = x86_64 ]] || compiler=("$arch-linux-gnu-gcc" --sysroot="$("$vm/kernel" arm64-root)")
	init=$cache/init-$arch-$(sha256sum <"$vm/init.c" | cut -c 1-12)
	if [[ ! -x $init ]]; then
		# Rename it when it is complete, so that another run never finds a part of it.
		"${compiler[@]}" -static -pthread -O2 -Wall -Wextra -o "$init.$$" "$vm/init.c" >&2 &&
			mv "$init.$$" "$init" || return
	fi
	khz=0
	[[ $arch != x86_64 ]] || khz=$("$init")
}

# Prints the files of modules and of those that they need, in the order to load them. A module that
# is built in has none.
module_files()
{
	local mod

	[[ $modules ]] || return 0
	for mod; do
		modprobe -d "$modules" -S "$release" --show-depends "$mod" ||
			say "there is no module $mod; continuing without it"
	done | sed -n 's/^insmod //p' | cut -d ' ' -f 1
}

# Prints an archive of the first root file system, made of links that cpio follows.
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

# An emulated machine is slow, so the time limits of the kernel are longer; but each fault that the
# kernel would report makes it panic. With norandmaps programs have the same addresses each time, so
# QEMU need not translate them each time; with large pages a flush of any page would be one of all.
#
# The kernel boots on one processor, and init starts the others (maxcpus): while one processor
# translates code that another one patches, QEMU 7.2 may keep the state between,
# a breakpoint, for ever. The kernel patches itself while it boots. With one processor it would also
# patch locks out, and patch them in again later (noreplace-smp).
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

# Prints the frequency of the clock, which the kernel would measure for seconds: see init.c.
clock()
{
	local hz

	hz=$(sed -n 's/^CONFIG_HZ=//p' "$kbuild/include/config/auto.conf")
	((khz == 0)) || echo "tsc_early_khz=$khz ${hz:+lpj=$((khz * 1000 / hz))}"
}

# Shares a folder of the host with the machine; QEMU wants a comma in a path doubled.
# usage: share TAG PATH OPTIONS
share()
{
	parts+=(-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
	ends+=(-fsdev "local,id=$1,path=${2//,/,,},$3")
}

# Connects a virtio port with a character device of QEMU.
# usage: port NUMBER NAME
port()
{
	parts+=(-device "virtserialport,nr=$1,chardev=$2")
}

# Prints the model of the processor.  On x86 it is without features that programs use because they
# are fast, but which are slow when they are emulated: wide registers, which are saved at each switch,
# and REP MOVSB.  QEMU 7.2 leaves garbage in the
# flags after CMPXCHG16B, which the kernel's allocator uses: an interrupt then makes the kernel run
# in single steps or not at all.  Of arm64 one machine has the atomic instructions of
# Armv8.1 and the other one has none; only the first one can have pages of 16 KiB.
processor()
{
	case $kernel in
	*-16k) echo cortex-a76 ;;
	*-arm64) echo cortex-a72 ;;
	*) echo max,la57=off,erms=off,avx=off,avx2=off,xsave=off,cx16=off ;;
	esac
}

# Sets parts to QEMU's options for the devices of the machine, and ends to those for the files of the
# host that the devices use.
assemble()
{
	# Each processor has a socket of its own, since the BIOS's table, which a kernel without ACPI
	# uses, has only one processor of each socket.
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

# Starts QEMU with the initrd of FOLDER, and from or to the state in it: see saved.sh. OPTION...
# connects the port "task".
# usage: start SECONDS FOLDER OPTION...
start()
{
	RINGBUF_STATE=$2/state exec timeout -k 5 "$1" "qemu-system-$arch" "${parts[@]}" "${ends[@]}" \
		-kernel "$image" -initrd "$2/initrd.cpio" -append "$(cmdline) $(clock)" "${@:3}" \
		>"$tmp/qemu" 2>&1
}
