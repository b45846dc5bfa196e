# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the scripts of this folder: where things are kept, how they speak.

vm=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
top=$(cd -- "$vm/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ringbuf
kernels='6.1 6.12 6.12-rt debug 6.12-arm64 6.12-arm64-16k'

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# The comment block at the top of the script, without its '#'.
usage()
{
	sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# The packages in a file of this folder.
listed()
{
	sed 's/#.*//; /^ *$/d' "$vm/$1"
}

# Debian's own. Goes by their names, as apt-cache takes a second to read them.
apt_has_lists()
{
	compgen -G '/var/lib/apt/lists/*_dists_bookworm_main_binary-*_Packages*' >/dev/null
}

# Whether each folder may be written, or made if it does not exist yet.  Makes none.
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

# One process at a time in this part of the cache, until the script ends or closes lock_fd.
# usage: lock NAME [FOLDER]: of another folder than the cache
lock()
{
	local folder=${2:-$cache}

	mkdir -p "$folder"
	exec {lock_fd}>"$folder/.lock-$1"
	if ! flock -n "$lock_fd"; then
		say "waiting for another one with $1"
		flock "$lock_fd"
	fi
}
