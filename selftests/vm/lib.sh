# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the scripts of this folder: paths, messages, locks.

vm=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
top=$(cd -- "$vm/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ringbuf
kernels='6.1 6.12 6.12-rt debug kcsan 6.12-arm64 6.12-arm64-16k'

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# Prints the comment block at the top of the script, without its '#'.
usage()
{
	sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# usage: listed FILE: prints the packages that a file of this folder lists
listed()
{
	sed 's/#.*//; /^ *$/d' "$vm/$1"
}

# Whether apt has the package lists of Debian.  Looks only for the files, as apt-cache takes a
# second to read them.
apt_has_lists()
{
	compgen -G '/var/lib/apt/lists/*_dists_bookworm_main_binary-*_Packages*' >/dev/null
}

# Whether each of the folders can be written, or can be made if it does not exist.  Makes none.
can_write()
{
	local folder

	for folder; do
		while [[ $folder && ! -e $folder ]]; do
			folder=${folder%/*}
		done
		[[ -w ${folder:-/} ]] || return
	done
}

is_kernel()
{
	local k

	for k in $kernels; do
		[[ $1 = "$k" ]] && return
	done
	return 1
}

# Whether $1 is a kernel that is built here, from source.
is_built()
{
	[[ $1 = debug || $1 = kcsan ]]
}

# Lets only one process at a time use a part of the cache, until the script ends or closes lock_fd.
# usage: lock NAME [FOLDER]: FOLDER instead of the cache
lock()
{
	local folder=${2:-$cache}

	mkdir -p "$folder"
	exec {lock_fd}>"$folder/.lock-$1"
	if ! flock -n "$lock_fd"; then
		say "waiting for another process that uses $1"
		flock "$lock_fd"
	fi
}
