#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that selftests/vm/fetch chooses the newest kernel all of whose packages are available.  A
# fake apt-cache answers as Debian's does, from a list of packages for each case.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

# Each line of the list: NAME VERSION [DEPENDS].  The version of a name that other
# packages mention and that no archive has is "-": pkgnames tells such a name as well,
# show says nothing about it and exits 0, and it has no candidate.  Those of arm64 are in
# a second list, which the options of apt-cache choose.
mkdir "$tap_dir/bin"
cat >"$tap_dir/bin/apt-cache" <<'APT'
#!/bin/bash
list=${0%/*}/list
while [[ $1 = -o ]]; do
	[[ $2 != APT::Architecture=arm64 ]] || list=${0%/*}/list-arm64
	shift 2
done
candidate=Installationskandidat:
[[ ${LC_ALL-} != C ]] || candidate=Candidate:
command=$1
shift

pkgnames()
{
	awk -v prefix="$1" 'index($1, prefix) == 1 { print $1 }' "$list"
}

show()
{
	[[ $1 = --no-all-versions ]] || exit 1
	awk -v name="$2" '
		$1 == name { known = 1 }
		$1 == name && $2 != "-" {
			printf "Package: %s\nVersion: %s\nDepends: ", $1, $2
			$1 = $2 = ""
			printf "%s\nPriority: optional\n\n", substr($0, 3)
		}
		END { exit !known }' "$list" && return
	echo "E: No packages found" >&2
	exit 100
}

policy()
{
	local name
	for name; do
		awk -v name="$name" -v candidate="$candidate" '
			$1 == name {
				printf "%s:\n  Installed: (none)\n  %s %s\n  Version table:\n",
					$1, candidate, $2 == "-" ? "(none)" : $2
			}' "$list"
	done
}

"$command" "$@"
APT
# The fake apt-get prints the file "apt", leaves half a package, and exits with what the file
# "status" says.  If there is a file "simulated", it prints that for --simulate, and succeeds.
cat >"$tap_dir/bin/apt-get" <<'APT'
#!/bin/bash
echo "$@" >>"${0%/*}/calls"
[[ " $* " != *' --simulate '* || ! -e ${0%/*}/simulated ]] || exec cat "${0%/*}/simulated"
[[ " $* " != *' download '* ]] || echo half >half.deb
cat "${0%/*}/apt" >&2
exit "$(cat "${0%/*}/status")"
APT
echo 100 >"$tap_dir/bin/status"
: >"$tap_dir/bin/apt"
chmod +x "$tap_dir/bin/"{apt-cache,apt-get}

# usage: run_show LINE: runs fetch --show with the fake programs
run_show()
{
	PATH=$tap_dir/bin:$PATH run selftests/vm/fetch --show "$1"
}

# usage: chooses LINE NAME RELEASE IMAGE HEADERS...: tests, as NAME, that fetch chooses this release
# and these packages for LINE, from the list of packages on stdin
chooses()
{
	local line=$1 name=$2 release=$3
	shift 3
	cat >"$tap_dir/bin/list"
	run_show "$line"
	((status == 0)) && cmp <(printf '%s\n' "$release" "$@") "$tap_dir/out" >>"$tap_dir/err"
	ok $? "$name"
}

old=(6.1.0-9-amd64 linux-image-6.1.0-9-amd64 linux-headers-6.1.0-9-amd64
	linux-headers-6.1.0-9-common linux-kbuild-6.1)
old_list='linux-image-6.1.0-9-amd64 6.1.27-1
linux-headers-6.1.0-9-amd64 6.1.27-1 linux-headers-6.1.0-9-common (= 6.1.27-1), linux-kbuild-6.1 (>= 6.1.27-1), linux-compiler-gcc-12-x86
linux-headers-6.1.0-9-common 6.1.27-1'
new=(linux-headers-6.1.0-57-amd64 linux-headers-6.1.0-57-common linux-kbuild-6.1)
new_headers='linux-headers-6.1.0-57-amd64 6.1.192-3 linux-headers-6.1.0-57-common (= 6.1.192-3), linux-kbuild-6.1 (>= 6.1.192-3), linux-compiler-gcc-12-x86
linux-headers-6.1.0-57-common 6.1.192-3'
kbuild='linux-kbuild-6.1 6.1.192-3'

chooses 6.1 "fetch chooses the newest release that is complete, with its signed image" \
	6.1.0-57-amd64 linux-image-6.1.0-57-amd64 "${new[@]}" <<END
$old_list
linux-headers-6.1.0-60-cloud-amd64 6.1.200-1
linux-headers-6.1.0-60-rt-amd64 6.1.200-1
linux-headers-6.1.0-60-common 6.1.200-1
linux-headers-6.12.117+deb12-amd64 6.12.117-1
linux-image-6.1.0-57-amd64 6.1.192-3
linux-image-6.1.0-57-amd64-unsigned 6.1.192-3
$new_headers
$kbuild
END

chooses 6.1 "fetch chooses the unsigned image while the signed one is missing" \
	6.1.0-57-amd64 linux-image-6.1.0-57-amd64-unsigned "${new[@]}" <<END
$old_list
linux-image-6.1.0-57-amd64 -
linux-image-6.1.0-57-amd64-unsigned 6.1.192-3
$new_headers
$kbuild
END

chooses 6.1 "fetch chooses an older release while the newest one has no image" "${old[@]}" <<END
linux-image-6.1.0-57-amd64 -
linux-image-6.1.0-57-amd64-unsigned -
$new_headers
$old_list
$kbuild
END

chooses 6.1 "fetch chooses an older release while no package mentions the image of the newest one" "${old[@]}" <<END
$new_headers
$old_list
$kbuild
END

chooses 6.1 "fetch chooses an older release while a part of the headers of the newest one is missing" \
	"${old[@]}" <<END
linux-image-6.1.0-57-amd64 6.1.192-3
linux-headers-6.1.0-57-amd64 6.1.192-3 linux-headers-6.1.0-57-common (= 6.1.192-3), linux-kbuild-6.1.192 (>= 6.1.192-3)
linux-headers-6.1.0-57-common 6.1.192-3
linux-kbuild-6.1.192 -
$old_list
$kbuild
END

chooses 6.1 "fetch chooses an older release while the headers of the newest one are only mentioned" "${old[@]}" <<END
linux-image-6.1.0-57-amd64 6.1.192-3
linux-headers-6.1.0-57-amd64 -
$old_list
$kbuild
END

chooses 6.12-rt "fetch chooses only packages with PREEMPT_RT for 6.12-rt" 6.12.115+deb12-rt-amd64 \
	linux-image-6.12.115+deb12-rt-amd64 linux-headers-6.12.115+deb12-rt-amd64 \
	linux-headers-6.12.115+deb12-common-rt linux-kbuild-6.12.115+deb12 <<END
linux-image-6.12.117+deb12-amd64 6.12.117-1
linux-headers-6.12.117+deb12-amd64 6.12.117-1 linux-kbuild-6.12.117+deb12 (>= 6.12.117-1)
linux-kbuild-6.12.117+deb12 6.12.117-1
linux-image-6.12.115+deb12-rt-amd64 6.12.115-1
linux-headers-6.12.115+deb12-rt-amd64 6.12.115-1 linux-headers-6.12.115+deb12-common-rt (= 6.12.115-1), linux-kbuild-6.12.115+deb12 (>= 6.12.115-1)
linux-headers-6.12.115+deb12-common-rt 6.12.115-1
linux-kbuild-6.12.115+deb12 6.12.115-1
END

# The packages of release $1 of arm64, without the tools, which run on this machine.
arm64_headers()
{
	local flavour
	for flavour in arm64 arm64-16k cloud-arm64 rt-arm64; do
		echo "linux-image-6.12.$1+deb12-$flavour 6.12.$1-1"
		echo "linux-headers-6.12.$1+deb12-$flavour 6.12.$1-1" \
			"linux-headers-6.12.$1+deb12-common (= 6.12.$1-1), linux-kbuild-6.12.$1+deb12, gcc-12"
	done
	echo "linux-headers-6.12.$1+deb12-common 6.12.$1-1"
	echo "linux-kbuild-6.12.$1+deb12 6.12.$1-1"
}

export XDG_CACHE_HOME=$tap_dir/cache
{ arm64_headers 115; arm64_headers 117; } >"$tap_dir/bin/list-arm64"
for flavour in arm64 arm64-16k; do
	chooses "6.12-$flavour" "fetch chooses only packages of 6.12-$flavour, with the tools of this machine" \
		"6.12.117+deb12-$flavour" "linux-image-6.12.117+deb12-$flavour" \
		"linux-headers-6.12.117+deb12-$flavour" linux-headers-6.12.117+deb12-common \
		linux-kbuild-6.12.117+deb12 <<-END
		linux-headers-6.12.120+deb12-amd64 6.12.120-1
		linux-kbuild-6.12.117+deb12 6.12.117-1
		linux-kbuild-6.12.115+deb12 6.12.115-1
	END
done
chooses 6.12-arm64 "fetch chooses an older release of arm64 while the tools of this machine are missing" \
	6.12.115+deb12-arm64 linux-image-6.12.115+deb12-arm64 linux-headers-6.12.115+deb12-arm64 \
	linux-headers-6.12.115+deb12-common linux-kbuild-6.12.115+deb12 <<END
linux-kbuild-6.12.117+deb12 -
linux-kbuild-6.12.115+deb12 6.12.115-1
END
: >"$tap_dir/bin/list-arm64"
run_show 6.12-arm64
((status == 1)) && [[ ! -s $tap_dir/out ]] && err_has 'no complete Linux 6\.12-arm64 '
ok $? "fetch fails with the reason if no archive has arm64"
unset XDG_CACHE_HOME

# usage: finds_nothing REASON: tests that fetch fails with the list of packages on stdin
finds_nothing()
{
	cat >"$tap_dir/bin/list"
	run_show 6.1
	((status == 1)) && [[ ! -s $tap_dir/out ]] && err_has 'no complete Linux 6\.1 .*apt-get update'
	ok $? "fetch fails with the reason if $1"
}

finds_nothing "no release is complete" <<END
linux-image-6.1.0-57-amd64 -
$new_headers
$kbuild
END
finds_nothing "no release is known" </dev/null

# ---- downloads ------------------------------------------------------------------

cat >"$tap_dir/bin/df" <<'DF'
#!/bin/bash
printf 'Filesystem 1048576-blocks Used Available Capacity Mounted on\nnone 9999 1 %s 1%% /\n' \
	"$(cat "${0%/*}/free")"
DF
chmod +x "$tap_dir/bin/df"
export XDG_CACHE_HOME=$tap_dir/cache
cache=$XDG_CACHE_HOME/ringbuf
cat >"$tap_dir/bin/list" <<END
$old_list
$kbuild
END

fetches()
{
	PATH=$tap_dir/bin:$PATH run selftests/vm/fetch 6.1
}

echo 100000 >"$tap_dir/bin/free"
echo 'E: Failed to fetch linux-image-6.1.0-9-amd64: Connection reset by peer' >"$tap_dir/bin/apt"
fetches
((status == 1)) && err_has 'Connection reset' && err_has 'cannot download .*is there a network' &&
	[[ ! -e $cache/6.1 && ! -e $cache/6.1.tmp ]]
ok $? "after a download that failed fetch reports it and leaves no files"

echo 17 >"$tap_dir/bin/free"
fetches
((status == 1)) && err_has 'no room in .*: 900 MiB are needed, 17 MiB are free' &&
	[[ ! -e $cache/6.1 && ! -e $cache/6.1.tmp ]]
ok $? "without room on the disk fetch reports how much it needs, and does not begin"

# In a mount namespace with an empty folder of package lists.
# usage: without_lists COMMAND...: runs COMMAND before fetch
without_lists()
{
	# shellcheck disable=SC2016 # for the shell inside
	run unshare --mount bash -c 'mount -t tmpfs tmpfs /var/lib/apt/lists && PATH=$0 "$@" selftests/vm/fetch 6.1' \
		"$tap_dir/bin:$PATH" "$@"
}

echo "E: Failed to fetch InRelease: Temporary failure resolving 'deb.example.org'" >"$tap_dir/bin/apt"
if ((EUID == 0)) && unshare --mount true 2>/dev/null; then
	: >"$tap_dir/bin/calls"
	without_lists env
	((status == 1)) && err_has 'Temporary failure' && err_has 'cannot update the package lists: is there a network' &&
		[[ $(<"$tap_dir/bin/calls") == '-qq update' && ! -e $cache/6.1.tmp ]]
	ok $? "without package lists root's fetch gets them, and reports that it cannot"
	: >"$tap_dir/bin/calls"
	without_lists unshare --user --map-user=65534 --map-group=65534
	((status == 1)) && err_has 'no package lists; please run: sudo apt-get update' &&
		[[ ! -s $tap_dir/bin/calls ]]
	ok $? "without package lists fetch of another user names the command that gets them"
else
	skip "tests without package lists" "only root can hide them"
fi

mkdir -p "$cache/6.1"
echo 6.1.0-9-amd64 >"$cache/6.1/release"
: >"$tap_dir/bin/calls"
fetches
((status == 0)) && [[ ! -s $tap_dir/bin/calls ]]
ok $? "a kernel that was fetched before needs no network"

# ---- arm64 -----------------------------------------------------------------------

# What a machine of arm64 needs on this one may be missing.
cat >"$tap_dir/bin/dpkg-query" <<'DPKG'
#!/bin/bash
printf 'installed %s\n' "${@:4}"
DPKG
chmod +x "$tap_dir/bin/dpkg-query"

fetches_arm64()
{
	PATH=$tap_dir/bin:$PATH run selftests/vm/fetch 6.12-arm64
}

# usage: leaves_no_root [FOLDER]: whether no part of a root file system, or of FOLDER, is in the cache
leaves_no_root()
{
	! compgen -G "$cache/arm64-root*" >/dev/null && [[ ! ${1-} || ! -e $cache/$1 && ! -e $cache/$1.tmp ]]
}

echo 100000 >"$tap_dir/bin/free"
echo "E: Failed to fetch InRelease: Temporary failure resolving 'deb.example.org'" >"$tap_dir/bin/apt"
: >"$tap_dir/bin/list-arm64"
fetches_arm64
((status == 1)) && err_has 'Temporary failure' && err_has 'cannot update them all: is there a network' &&
	err_has 'no complete Linux 6\.12-arm64' && leaves_no_root 6.12-arm64
ok $? "without a network fetch reports that it has no lists of arm64 and leaves no files"

arm64_headers 117 >"$tap_dir/bin/list-arm64"
echo 'linux-kbuild-6.12.117+deb12 6.12.117-1' >"$tap_dir/bin/list"
echo 'E: Failed to fetch linux-image-6.12.117+deb12-arm64: Connection reset by peer' >"$tap_dir/bin/apt"
fetches_arm64
((status == 1)) && err_has 'Connection reset' && err_has 'cannot download .*is there a network' &&
	leaves_no_root 6.12-arm64
ok $? "after a download of a kernel of arm64 that failed fetch reports it and leaves no files"

mkdir -p "$cache/6.12-arm64"
echo 6.12.117+deb12-arm64 >"$cache/6.12-arm64/release"
fetches_arm64
((status == 1)) && err_has 'cannot install the packages of .*/root-arm64' && leaves_no_root
ok $? "fetch fails with the reason if apt does not find the files of a machine of arm64"

printf 'Inst %s (1.0 Debian:12.11/oldstable [arm64])\n' bash libc6 >"$tap_dir/bin/simulated"
fetches_arm64
((status == 1)) && err_has 'Connection reset' && err_has 'cannot download libc6: .*is there a network' &&
	grep -q 'download .*APT::Architecture=arm64 .*bash libc6$' "$tap_dir/bin/calls" && leaves_no_root
ok $? "after a download of the files of arm64 that failed fetch reports it and leaves no files"

echo 0 >"$tap_dir/bin/status"
fetches_arm64
((status)) && err_has 'half\.deb. is not a Debian format archive' && leaves_no_root
ok $? "after a download of half a package fetch fails and leaves no files"
echo 100 >"$tap_dir/bin/status"

echo 17 >"$tap_dir/bin/free"
fetches_arm64
((status == 1)) && err_has 'no room in .*: 900 MiB are needed, 17 MiB are free' && leaves_no_root
ok $? "without room on the disk for the files of arm64 fetch reports how much it needs"

mkdir "$(selftests/vm/kernel arm64-root)"
: >"$tap_dir/bin/calls"
fetches_arm64
((status == 0)) && [[ ! -s $tap_dir/bin/calls ]]
ok $? "a machine of arm64 that was fetched before needs no network"
rm "$tap_dir/bin/dpkg-query"

if ((EUID)); then
	skip "test of a locked apt" "only root installs packages"
else
	echo 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt)' \
		>"$tap_dir/bin/apt"
	PATH=$tap_dir/bin:$PATH run selftests/vm/deps no-such-package-of-ringbuf
	((status == 1)) && err_has 'held by process 4711' && err_has 'failed: apt-get install' &&
		grep -q 'Lock::Timeout=' "$tap_dir/bin/calls"
	ok $? "while another apt has the lock deps waits, and then names that process"
fi
unset XDG_CACHE_HOME

run selftests/vm/fetch --show 5.10
((status == 1)) && err_has 'usage: fetch --show'
ok $? "fetch --show refuses a kernel that is not supported"

done_testing
