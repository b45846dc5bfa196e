# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by selftests/vm/lib.sh
#
# Sourced with selftests/vm/lib.sh: makes and enters systems of Debian 12 in folders.

# The mirrors that apt uses here, as lines of sources.list.
sources()
{
	# shellcheck disable=SC2016 # apt-get fills it in
	apt-get indextargets --format '$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' |
		sed -n 's/^bookworm[a-z-]* //p' |
		sort -u
}

# Makes a minimal Debian 12 with some packages and the package lists of apt.  Needs root.
# usage: minimal_debian FOLDER PACKAGE,...
minimal_debian()
{
	local mirror

	"$vm/deps" debootstrap
	mkdir -p "${1%/*}"
	rm -rf "$1"
	say "making a Debian 12 in $1"
	mirror=$(sources | awk '$3 == "bookworm" { print $2; exit }')
	[[ $mirror ]] || die "apt has no lists of Debian 12; please run: apt-get update"
	debootstrap --variant=minbase --include="$2" bookworm "$1" "$mirror"
	sources >"$1/etc/apt/sources.list"
	# Nothing is started in it.
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod +x "$1/usr/sbin/policy-rc.d"
	chroot "$1" apt-get -qq update
}

# Sets work to a new folder in the cache, and root to a folder in it that shows SYSTEM, and keeps
# what is written there apart, by an overlay or else a copy.  Call it in a mount namespace of its
# own; remove work at the end.
# usage: use_system SYSTEM
use_system()
{
	# Remove the folders of tests that were killed.
	find "$cache/packages" -mindepth 1 -maxdepth 1 -name 'work-*' -mtime +1 -exec rm -rf {} +
	work=$(mktemp -d "$cache/packages/work-XXXXXX")
	root=$work/root
	mkdir "$root" "$work"/{new,tmp}
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/new,workdir=$work/tmp" "$root" 2>/dev/null ||
		cp -a "$1/." "$root"
}

# Removes what use_system has made.
drop_system()
{
	umount "$root" 2>/dev/null
	rm -rf "$work"
}

# Runs COMMAND as root in the system at $root, in namespaces of its own.
# usage: enter [OPTION OF UNSHARE...] -- COMMAND...
enter()
{
	local options=()

	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	# shellcheck disable=SC2016 # the shell between expands it
	unshare --mount --pid --fork --kill-child "${options[@]}" bash -c '
		root=$1
		shift
		mount -t proc proc "$root/proc" && mount -t devpts devpts "$root/dev/pts" &&
			exec chroot "$root" "$@"' bash "$root" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "${@:2}"
}
