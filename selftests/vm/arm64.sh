# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by fetch
#
# Sourced by fetch: Debian's packages of arm64 on a machine of another architecture, which
# need not be told of by dpkg --add-architecture; and the root file system made of them.

# What apt has to be told to choose packages of arm64; empty for this machine's own.
apt_arch=()

# Sets apt_arch for line $1.  The sources are this machine's, the lists are other ones.
choose_architecture()
{
	local dir=$cache/apt-arm64

	[[ $1 = *arm64* && ! ${apt_arch[*]} ]] || return 0
	apt_arch=(-o APT::Architecture=arm64 -o APT::Architectures=arm64
		-o Acquire::Languages=none -o Dir::State="$dir" -o Dir::State::lists="$dir/lists"
		-o Dir::State::status="$dir/status" -o Dir::Cache="$dir")
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	: >"$dir/status"
	say "updating the package lists of arm64"
	apt-get -qq -o APT::Sandbox::User="$(id -un)" "${apt_arch[@]}" update ||
		say "cannot update them all: is there a network?"
}

# Everything that the packages of root-arm64 depend on, and these themselves.
root_packages()
{
	# shellcheck disable=SC2046 # a list
	apt-get "${apt_arch[@]}" -qq --simulate --no-install-recommends install $(listed root-arm64) |
		sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

# Unpacks the packages in the current folder below root/, which has a merged /usr.  Their
# scripts would be arm64's, so none is run; what those would do that is needed is done here.
unpack_root()
{
	local deb link

	mkdir -p root/usr/{bin,lib,sbin}
	ln -s usr/{bin,lib,sbin} root/
	for deb in ./*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar x -C root --keep-directory-symlink --no-same-owner
		rm "$deb"
	done
	rm -rf root/usr/share/{doc,info,locale,man}
	# So that they lead somewhere on this machine, too, for the compiler.
	while read -r -d '' link; do
		ln -sfn "$(realpath -ms --relative-to="${link%/*}" "root$(readlink "$link")")" "$link"
	done < <(find root -type l -lname '/*' -print0)
	mkdir -p root/{dev,mnt,proc,root,run,srv,sys,tmp,var/tmp}
	cp root/usr/share/base-passwd/passwd.master root/etc/passwd
	cp root/usr/share/base-passwd/group.master root/etc/group
	# What Debian's alternatives would choose.
	ln -s gawk root/usr/bin/awk
	ln -s {blas/libblas,lapack/liblapack}.so.3 root/usr/lib/aarch64-linux-gnu/
}

# The name of the folder $1 tells what is in it; run marks it as used.
fetch_root()
{
	local packages dir=$1
	tmp=$cache/arm64-root.tmp

	[[ ! -d $dir ]] || return 0
	choose_architecture arm64-root
	mapfile -t packages < <(root_packages)
	((${#packages[@]})) ||
		die "apt cannot install the packages of $vm/root-arm64; what it says is above"
	begin 900 "$tmp"
	(
		cd "$tmp"
		download "${packages[@]}"
		unpack_root
	)
	# Those that no checkout has used for a week.
	find "$cache" -maxdepth 1 -name 'arm64-root-*' -mtime +7 -exec rm -rf {} +
	touch "$tmp/root"
	mv "$tmp/root" "$dir"
	rmdir "$tmp"
	say "the root file system of arm64 is in $dir"
}

# Kernel $1 and the root file system, one process at a time: they share apt's lists.
fetch_arm64()
{
	local root held
	root=$("$vm/kernel" arm64-root)

	[[ ! -f $cache/$1/release || ! -d $root ]] || return 0
	lock arm64
	held=$lock_fd
	fetch_debian "$1"
	fetch_root "$root"
	exec {held}>&-
}
