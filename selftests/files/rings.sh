#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests rings as files in /dev/rings, used by ordinary users, as README.md and ringbuf(5) show.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh
unset RINGBUF_HOST # the library chooses the host

rings=/dev/rings
if [[ $(stat -f -c %t $rings 2>/dev/null) != 72627566 ]]; then
	echo "1..0 # SKIP no file system of rings at $rings"
	exit 0
fi
if ((UID)); then
	echo "1..0 # SKIP needs root, as it runs programs as several users"
	exit 0
fi

# A folder that every user can read and write.
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

# usage: as USER COMMAND...: runs COMMAND as user number USER, who needs no entry in /etc/passwd;
# user 1000 is in the group video
as()
{
	local user=$1 groups=(--clear-groups)
	shift
	((user != 1000)) || groups=(--groups video)
	setpriv --reuid "$user" --regid "$user" "${groups[@]}" "$@"
}

# usage: shell USER LINE [ARGUMENT...]: runs a line of bash as USER; returns its status
shell()
{
	local user=$1
	shift
	(cd "$here" && as "$user" timeout 100 bash -euc "$@") >"$tap_dir/out" 2>"$tap_dir/err"
}

# usage: readers FILE N: whether the ring at FILE has N readers
readers()
{
	ringbufctl info --json "$1" 2>/dev/null | grep -q "\"readers\": $2,"
}

# usage: reads FILE COMMAND...: starts COMMAND in the background as process $reader, and waits until
# the ring at FILE has a reader
reads()
{
	local file=$1
	shift
	timeout 100 "$@" >"$tap_dir/got" &
	reader=$!
	until_ok readers "$file" 1
}

# usage: got WANTED: waits for the end of the reader; whether it got WANTED
got()
{
	wait $reader && [[ $(<"$tap_dir/got") = "$1" ]]
}

# A stream ends once all its writers have closed, so each stream gets a new ring.
# usage: fresh FILE MODE: makes a new ring of user 1000 at FILE
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
ok $? "README.md has a transcript of commands with a ring as a file"
shell 1000 '. ./readme; wait' && cmp "$here/video.raw" "$here/copy.raw" && out_has '^prw-r----- 1 [^ ]+ +video .* cam$'
ok $? "an ordinary user can run that transcript, and reads all that was written"
[[ ! $(ls -A $rings) ]]
ok $? "after the transcript no ring is left"

# ---- echo >, the shell's own -------------------------------------------------------

# The shell creates the ring, which is unlinked when its last user ends: so the writer stays until
# it gets a line.
mkfifo -m 666 "$here/until"
exec {hold}<>"$here/until"
shell 1000 '(echo hello; read -r line) >/dev/rings/log <until' {hold}>&- &
writer=$!
until_ok test -e $rings/log
reads $rings/log cat $rings/log {hold}>&-
until_ok grep -q hello "$tap_dir/got"
ok $? "a reader of the ring that echo > creates gets the text"
[[ $(stat -c '%F %a %u' $rings/log) = 'fifo 644 1000' ]]
ok $? "a ring that echo > creates has the umask and the owner of its creator"
echo >&"$hold"
wait $writer && got hello && [[ ! -e $rings/log ]]
ok $? "a ring that echo > creates is removed with its last user"

# ---- a ring of several users --------------------------------------------------------

shell 1000 'mkfifo -m 640 /dev/rings/cam; chgrp video /dev/rings/cam'
ok $? "mkfifo in /dev/rings makes a ring"
! shell 2000 'cat /dev/rings/cam' && err_has 'Permission denied'
ok $? "a user whom the mode excludes cannot read a ring"
reads $rings/cam setpriv --reuid 2000 --regid 2000 --groups video cat $rings/cam
ok $? "a user in the group of a ring can read it"
! shell 2000 'dd if=video.raw of=/dev/rings/cam conv=nocreat' && err_has 'Permission denied'
ok $? "a user in the group of a ring with mode 640 cannot write it"
shell 1000 'cat video.raw >/dev/rings/cam'
wait $reader && cmp "$here/video.raw" "$tap_dir/got"
ok $? "the reader gets what the owner of a ring writes"
shell 2000 'rm -f /dev/rings/cam' || [[ -p $rings/cam ]]
ok $? "another user cannot remove a ring"

# Programs that walk through folders do not become readers, and do not wait for a writer.
shell 1000 '! grep -r . /dev/rings; tar cf rings.tar -C /dev rings; du -s /dev/rings; find /dev/rings -type p' &&
	out_has '/cam$' && readers $rings/cam 0
ok $? "grep -r, tar, du and find end and do not become readers"

# ---- fs.protected_fifos ----------------------------------------------------------------

shell 1000 'mkdir -m 777 /dev/rings/shared'
echo 1 >$sysctl
fresh $rings/cam 666
reads $rings/cam cat $rings/cam
! shell 2000 'echo no >/dev/rings/cam' && err_has 'Permission denied'
ok $? "fs.protected_fifos=1: the shell cannot write to another user's ring in a sticky folder"
shell 2000 'echo nocreat | dd of=/dev/rings/cam conv=nocreat' && got nocreat
ok $? "fs.protected_fifos=1: a program that opens without O_CREAT can write to that ring"
fresh $rings/shared/cam 666
reads $rings/shared/cam cat $rings/shared/cam
shell 2000 'echo shared >/dev/rings/shared/cam' && got shared
ok $? "fs.protected_fifos=1: the shell can write to a ring in a folder that is not sticky"
echo "$protected" >$sysctl

# ---- containers --------------------------------------------------------------------------

# usage: container LINE: prints a script for bash as root of a mount namespace, which runs LINE
# with a /dev that has only the ring cam
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
ok $? "in a container that has one ring another user can write to it"

fresh $rings/cam 666
reads $rings/cam ringbufctl cat --lines $rings/cam
run timeout 100 unshare -m bash -euc "$(container \
	"echo by library | $other ringbufctl write --lines /dev/rings/cam")"
((status == 0)) && got 'by library'
ok $? "in a container the library needs no /dev/ringbuf"

fresh $rings/cam 660
run timeout 100 unshare -m bash -euc "$(container "$other cat /dev/rings/cam")"
((status)) && err_has 'Permission denied'
ok $? "in a container the mode of the ring is checked, too"

reads $rings/cam cat $rings/cam
shell 1000 "exec unshare -Urm bash -euc \"\$1\"" - "$(container 'echo rootless >/dev/rings/cam')" &&
	got rootless
ok $? "an ordinary user can give a ring to a container of its own"

shell 1000 "exec unshare -Urm bash -euc \"\$1\"" - "mkdir own; mount -t ringbuf -o max_bytes=1M,slot_bytes=1K ringbuf own
	ringbufctl create --slot-bytes=1K --slots=8 own/cam; ringbufctl list own
	cat own/cam & echo alone >own/cam; wait
	ringbufctl create --slot-bytes=1M --slots=8 own/big && exit 1; umount own"
ok $? "in a container an ordinary user can mount a file system of rings"
out_has '^alone$' && out_has ' kept +cam$' && err_has 'max_bytes='
ok $? "a file system of rings has the limits of its mount options"

shell 1000 'rm /dev/rings/cam /dev/rings/shared/cam; rmdir /dev/rings/shared'
[[ ! $(ls -A $rings) ]]
ok $? "at the end no ring is left"
done_testing
