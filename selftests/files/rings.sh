#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Rings as files, for ordinary users: what README.md and ringbuf(5) show, in /dev/rings.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
unset RINGBUF_HOST # whatever the library finds

rings=/dev/rings
if [[ $(stat -f -c %t $rings 2>/dev/null) != 72627566 ]]; then
	echo "1..0 # SKIP no file system of rings at $rings"
	exit 0
fi
if ((UID)); then
	echo "1..0 # SKIP needs root, to be several users"
	exit 0
fi

# Where every user gets at it.
here=$tap_dir/here
mkdir -m 777 "$here"
mkdir "$here/bin"
cp build/tools/ringbufctl "$here/bin/"
PATH=$here/bin:$PATH
chmod 711 "$tap_dir"
head -c 3000001 /dev/urandom >"$here/video.raw"
sysctl=/proc/sys/fs/protected_fifos
protected=$(<$sysctl)
trap 'echo "$protected" >$sysctl; rm -rf "$tap_dir"' EXIT

# usage: as USER COMMAND...: as a user with a number only, who is in the group video, too,
# where that is 1000
as()
{
	local user=$1 groups=(--clear-groups)
	shift
	((user != 1000)) || groups=(--groups video)
	setpriv --reuid "$user" --regid "$user" "${groups[@]}" "$@"
}

# usage: shell USER LINE [ARGUMENT...]: the status of a line of bash
shell()
{
	local user=$1
	shift
	(cd "$here" && as "$user" timeout 100 bash -euc "$@") >"$tap_dir/out" 2>"$tap_dir/err"
}

# usage: readers FILE N: whether the ring has so many
readers()
{
	ringbufctl info --json "$1" 2>/dev/null | grep -q "\"readers\": $2,"
}

# usage: reads FILE COMMAND...: in the background, as $reader, until it is a reader of FILE
reads()
{
	local file=$1
	shift
	timeout 100 "$@" >"$tap_dir/got" &
	reader=$!
	until_ok readers "$file" 1
}

# usage: got WANTED: whether the reader has ended and got that
got()
{
	wait $reader && [[ $(<"$tap_dir/got") = "$1" ]]
}

# A stream ends once all its writers have gone, so each has a ring of its own.
# usage: fresh FILE MODE: a ring of user 1000
fresh()
{
	rm -f "$1"
	# shellcheck disable=SC2016 # the strings are for another shell
	shell 1000 'mkfifo "$1"; chmod "$2" "$1"' - "$1" "$2"
}

# ---- README.md -------------------------------------------------------------------

awk '/^```$/ { on = 0 } on; /^```/ { getline; if (/^ringbufctl create.*rings/) { on = 1; print } }' \
	README.md >"$here/readme"
(($(wc -l <"$here/readme") >= 7))
ok $? "README.md has a transcript"
shell 1000 '. ./readme; wait' && cmp "$here/video.raw" "$here/copy.raw" && out_has '^prw-r----- 1 [^ ]+ +video .* cam$'
ok $? "an ordinary user follows it, and gets what was written"
[[ ! $(ls -A $rings) ]]
ok $? "and nothing is left"

# ---- echo >, the shell's own -------------------------------------------------------

# The ring exists as long as the writer, whose echo waits for a reader.
mkfifo -m 666 "$here/until"
exec {hold}<>"$here/until"
shell 1000 '(echo hello; read -r line) >/dev/rings/log <until' {hold}>&- &
writer=$!
until_ok test -e $rings/log
reads $rings/log cat $rings/log {hold}>&-
until_ok grep -q hello "$tap_dir/got"
ok $? "echo >: what reads the file gets it"
[[ $(stat -c '%F %a %u' $rings/log) = 'fifo 644 1000' ]]
ok $? "with the umask and the user"
echo >&"$hold"
wait $writer && got hello && [[ ! -e $rings/log ]]
ok $? "and the name goes with the last of them"

# ---- a ring of several users --------------------------------------------------------

shell 1000 'mkfifo -m 640 /dev/rings/cam; chgrp video /dev/rings/cam'
ok $? "mkfifo makes a ring"
! shell 2000 'cat /dev/rings/cam' && err_has 'Permission denied'
ok $? "another user may not read it"
reads $rings/cam setpriv --reuid 2000 --regid 2000 --groups video cat $rings/cam
ok $? "one of its group may"
! shell 2000 'dd if=video.raw of=/dev/rings/cam conv=nocreat' && err_has 'Permission denied'
ok $? "and not write"
shell 1000 'cat video.raw >/dev/rings/cam'
wait $reader && cmp "$here/video.raw" "$tap_dir/got"
ok $? "what its owner writes arrives"
shell 2000 'rm -f /dev/rings/cam' || [[ -p $rings/cam ]]
ok $? "nor may another user remove it"

# What walks through folders is no reader, and waits for nobody.
shell 1000 '! grep -r . /dev/rings; tar cf rings.tar -C /dev rings; du -s /dev/rings; find /dev/rings -type p' &&
	out_has '/cam$' && readers $rings/cam 0
ok $? "grep -r, tar, du and find pass by"

# ---- fs.protected_fifos ----------------------------------------------------------------

shell 1000 'mkdir -m 777 /dev/rings/shared'
echo 1 >$sysctl
fresh $rings/cam 666
reads $rings/cam cat $rings/cam
! shell 2000 'echo no >/dev/rings/cam' && err_has 'Permission denied'
ok $? "fs.protected_fifos: the shell may not open another user's ring in a sticky folder"
shell 2000 'echo nocreat | dd of=/dev/rings/cam conv=nocreat' && got nocreat
ok $? "what does not create may"
fresh $rings/shared/cam 666
reads $rings/shared/cam cat $rings/shared/cam
shell 2000 'echo shared >/dev/rings/shared/cam' && got shared
ok $? "and all may where the folder is not sticky"
echo "$protected" >$sysctl

# ---- containers --------------------------------------------------------------------------

# usage: container LINE: for bash as root of a mount namespace: LINE, where /dev has the ring
# cam alone
container()
{
	local dev=$here/dev
	cat <<-END
		mkdir -p $dev && mount -t tmpfs -o mode=755 none $dev && mkdir $dev/rings
		touch $dev/null $dev/rings/cam && mount --bind /dev/null $dev/null
		mount --bind $rings/cam $dev/rings/cam && mount --rbind $dev /dev
		[[ ! -e /dev/ringbuf && \$(ls /dev/rings) = cam ]]
		$1
	END
}
other='exec setpriv --reuid 3000 --regid 3000 --clear-groups'

fresh $rings/cam 666
reads $rings/cam cat $rings/cam
run timeout 100 unshare -m bash -euc "$(container \
	"$other dd if=$here/video.raw of=/dev/rings/cam conv=nocreat status=none")"
((status == 0)) && wait $reader && cmp "$here/video.raw" "$tap_dir/got"
ok $? "a container with one ring: another user of it writes"

fresh $rings/cam 666
reads $rings/cam ringbufctl cat --lines $rings/cam
run timeout 100 unshare -m bash -euc "$(container \
	"echo by library | $other ringbufctl write --lines /dev/rings/cam")"
((status == 0)) && got 'by library'
ok $? "the library needs no /dev/ringbuf there"

fresh $rings/cam 660
run timeout 100 unshare -m bash -euc "$(container "$other cat /dev/rings/cam")"
((status)) && err_has 'Permission denied'
ok $? "the ring's mode counts there, too"

reads $rings/cam cat $rings/cam
shell 1000 "exec unshare -Urm bash -euc \"\$1\"" - "$(container 'echo rootless >/dev/rings/cam')" &&
	got rootless
ok $? "an ordinary user gives a ring to a container of its own"

shell 1000 "exec unshare -Urm bash -euc \"\$1\"" - "mkdir own; mount -t ringbuf -o max_bytes=1M,slot_bytes=1K ringbuf own
	ringbufctl create --slot-bytes=1K --slots=8 own/cam; ringbufctl list own
	cat own/cam & echo alone >own/cam; wait
	ringbufctl create --slot-bytes=1M --slots=8 own/big && exit 1; umount own"
ok $? "and mounts a file system of its own there"
out_has '^alone$' && out_has ' kept +cam$' && err_has 'max_bytes='
ok $? "with limits of its own"

shell 1000 'rm /dev/rings/cam /dev/rings/shared/cam; rmdir /dev/rings/shared'
[[ ! $(ls -A $rings) ]]
ok $? "nothing is left at the end"
done_testing
