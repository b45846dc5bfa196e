#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests what ringbufctl prints of rings and does to them, on the host that RINGBUF_HOST names.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

ctl=build/tools/ringbufctl
man=tools/ringbufctl.1
ring=ctl-test.$$

if [[ ! -x $ctl ]]; then
	echo "1..0 # SKIP no $ctl: run make first"
	exit 0
fi
if [[ $RINGBUF_HOST = module && ! -e /dev/ringbuf ]]; then
	echo "1..0 # SKIP no /dev/ringbuf"
	exit 0
fi

# usage: refused STATUS REASON ARGUMENT...: tests that this fails with STATUS, that stderr has REASON
# and that stdout is empty
refused()
{
	local wanted=$1 reason=$2
	shift 2
	run timeout 20 $ctl "$@"
	((status == wanted)) && err_has "$reason" && [[ ! -s $tap_dir/out ]]
	ok $? "refused: $*"
}

# usage: json EXPRESSION: whether a Python expression of j, the JSON that was printed, is true
json()
{
	python -c 'import json, sys; j = json.loads(sys.stdin.read()); sys.exit(not ('"$1"'))' \
		<"$tap_dir/out"
}

# ---- command line ---------------------------------------------------------------

run $ctl --help
((status == 0)) && out_has 'sync NAME READER'
ok $? "--help prints the usage"
man_has_all()
{
	local option
	while read -r option; do
		sed 's/\\//g' $man | grep -qF -- "$option" || { echo "# not in $man: $option"; return 1; }
	done < <(grep -oE -- '--[a-z][a-z-]+' "$tap_dir/out" | sort -u)
}
if [[ ! ${RINGBUF_VM-} ]]; then
	man_has_all
	ok $? "every option of --help is in the man page"
fi
run $ctl --version
out_has '^ringbufctl \(ringbuf\) [0-9.]+$'
ok $? "--version prints the version"

refused 2 'a command is missing'
refused 2 'no such command' frobnicate
refused 2 'argument is missing' info
refused 2 'argument is missing' sync $ring
refused 2 'one argument too many' list $ring $ring
refused 2 'does not take --watch' list --watch
refused 2 'does not take --json' --json unlink $ring
refused 2 'with --watch only' stats --count=2 $ring
refused 2 'needs --slot-bytes and --slots' create $ring --slots=3
refused 2 'must not be 0' create $ring --slot-bytes=0 --slots=3
refused 2 'not a whole number' create $ring --slot-bytes=-1 --slots=3
refused 2 'not a whole number' create $ring --slot-bytes=1k --slots=3
refused 2 'not a whole number' create $ring --slot-bytes=K --slots=3
refused 2 'must not be 0' create $ring --slot-bytes=0M --slots=3
refused 2 'slot-bytes: 2: at most 1$' create $ring --slot-bytes=2G --slots=3
refused 2 'slot-bytes: 1073741825: at most 1073741824' create $ring --slot-bytes=1073741825 --slots=3
refused 2 'slots: 33554433: at most 33554432' create $ring --slot-bytes=1 --slots=33554433
refused 2 'max-readers: 4097: at most 4096' create $ring --slot-bytes=1 --slots=1 --max-readers=4097
refused 2 'max-writers: 256: at most 255' create $ring --slot-bytes=1 --slots=1 --max-writers=256
refused 2 'policy=drop: not one of block, evict' create $ring --slot-bytes=1 --slots=3 --policy=drop
refused 2 'need --policy=evict' create $ring --slot-bytes=1 --slots=3 --policy-timeout=1
refused 2 'need --policy=evict' create $ring --slot-bytes=1 --slots=3 --policy=lossy --policy-lag=1
refused 2 'need --policy=evict' cat $ring --policy=block --at-stop
refused 2 'policy-lag=4: larger than --slots=3' create $ring --slot-bytes=1 --slots=3 --policy=skip --policy-lag=4
refused 2 'policy-lag: must not be 0' create $ring --slot-bytes=1 --slots=3 --policy=skip --policy-lag=0
refused 2 'policy-timeout: 0: not from 0.001' create $ring --slot-bytes=1 --slots=3 --policy=skip --policy-timeout=0
refused 2 'write does not take --policy' write $ring --policy=skip
refused 2 'NAME is empty' info ''
if [[ $RINGBUF_HOST = embedded ]]; then
	refused 1 'a name is not empty and has no /' info a/b
	refused 2 'rings of the embedded host are in no folder' list /dev/rings
fi
refused 1 'too long: at most 255' info "$(printf '%0256d' 0)"
refused 2 'not from 1 to 777' create $ring --slot-bytes=1 --slots=3 --mode=888
refused 2 'not one of' --host=nowhere list
refused 2 'not a whole number' cat --from=here $ring
refused 2 'not from' stats --watch=0 $ring
for command in info stats unlink cat write 'sync 0'; do
	read -r -a words <<<"$command"
	refused 1 "$ring: No such file" "${words[0]}" $ring "${words[@]:1}"
done
RINGBUF_HOST=nowhere refused 2 'RINGBUF_HOST=nowhere' list

# ---- a ring -----------------------------------------------------------------------

if [[ $RINGBUF_HOST = embedded ]]; then
	refused 1 'does not know which processes are stopped' \
		create $ring --slot-bytes=100 --slots=5 --policy=skip --at-stop
	refused 1 'owner, group and others may each' create $ring --slot-bytes=100 --slots=5 --mode=640
fi
run $ctl create $ring --slot-bytes=100 --slots=5 --exclusive --timestamp --max-readers=3 --mode=660
((status == 0)) && [[ ! -s $tap_dir/out ]]
ok $? "create makes a ring and prints nothing"
refused 1 'File exists: a ring has that name already' create $ring --slot-bytes=100 --slots=5

run $ctl list
out_has "^ +100 +5 +0 +0 +0 +$UID +0660  exclusive,timestamp,kept +$ring\$"
ok $? "list prints a ring with its geometry, owner, mode and flags"
run $ctl list --json
json "[r for r in j if r == dict(name='$ring', escaped='$ring', slot_bytes=100, slots=5, head=0, readers=0,
	writers=0, uid=$UID, gid=$(id -g), mode='0660', exclusive=True, timestamp=True, kept=True,
	policy='block')]"
ok $? "list --json has the same facts of a ring"
run $ctl info $ring
out_has "^host +$RINGBUF_HOST\$" && out_has '^readers +0 of 3$' && out_has '^writers +0 of 1$' &&
	out_has '^policy +block$'
ok $? "info prints the host and the limits of a ring"
run $ctl info --json $ring
json "j['host'] == '$RINGBUF_HOST' and j['slots'] == 5 and j['stream'] == 'open' and j['kept']"
ok $? "info --json has the host, the slots and the state of a ring"
uuid=$(sed -nE 's/.*"uuid": "([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})".*/\1/p' "$tap_dir/out")
run $ctl info $ring
[[ $uuid ]] && out_has "^uuid +$uuid\$"
ok $? "info prints the same UUID of a ring in both forms"

# ---- files that are no rings, or locked -----------------------------------------------

# usage: hold FILE: starts a process $holder that keeps the lock of the ring in FILE
hold()
{
	interpreter python3
	timeout 120 "$interpreter" -I -S -c 'import fcntl, os, signal, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0)) # F_OFD_SETLK
print("held", flush=True)
signal.pause()' "$1" >"$tap_dir/held" &
	holder=$!
	until_ok grep -q held "$tap_dir/held"
}

unknown='^ +- +- +- +- +- +'
if [[ $RINGBUF_HOST = embedded ]]; then
	echo 'not a ring' >"/dev/shm/ringbuf.$ring.text"
	run $ctl list
	((status == 0)) && out_has " $ring\$" && ! out_has "$ring.text" && err_has "$ring.text: "
	ok $? "list leaves out a file that is no ring, and reports that"

	if ((UID == 0)) && chown 65534 "/dev/shm/ringbuf.$ring.text"; then
		run $ctl list
		((status == 0)) && out_has "${unknown}65534 .* $ring.text\$" && ! err_has "$ring"
		ok $? "list prints what the file tells of another user's ring, and does not open it"
		run $ctl list --json
		json "[r for r in j if r['name'] == '$ring.text' and r['uid'] == 65534 and
			r['slots'] is None and r['exclusive'] is None]"
		ok $? "list --json has null for what the file does not tell"
	fi
	rm -f "/dev/shm/ringbuf.$ring.text"

	hold "/dev/shm/ringbuf.$ring"
	run timeout 60 $ctl list
	((status == 0)) && out_has "${unknown}$UID .* $ring\$" && err_has "^ringbufctl: $ring: "
	ok $? "list prints what the file tells of a ring that another process keeps locked"
	kill "$holder"
	wait "$holder" 2>/dev/null
	run $ctl list
	out_has "^ +100 .* $ring\$" && ! err_has "$ring"
	ok $? "list prints all facts of a ring once its lock is free"
fi

# ---- names of any bytes -------------------------------------------------------------

# A name with a newline that forges a line of list, an escape of a terminal, spaces, a backslash, and
# bytes that are not UTF-8.
strange=$ring$'\nforged line \e[31m\\x\xff\xfe '
shown="$ring\\nforged\\ line\\ \\033[31m\\\\x\\377\\376\\ "
run $ctl create "$strange" --slot-bytes=7 --slots=3
((status == 0))
ok $? "create makes a ring whose name has control characters"
$ctl list >"$tap_dir/out" 2>"$tap_dir/err"
line=$(grep -F "$ring" "$tap_dir/out" | grep -E '^ +7 +3 ')
[[ $line = *"  $shown" && $line != *$'\n'* ]] &&
	! LC_ALL=C grep -q $'[^ -~]' "$tap_dir/out" && ! out_has '^forged'
ok $? "list prints a strange name on one line of printable characters"
run $ctl info "$strange"
out_has '^name ' && grep -qxF "name         $shown" "$tap_dir/out"
ok $? "info prints a strange name in escaped form"
run $ctl info --json --escaped "$shown"
((status == 0)) && json "j['name'] is None and j['escaped'] == r'$shown'"
ok $? "info --json has a strange name in escaped form, which --escaped takes"
run $ctl list --json
json "[r for r in j if r['name'] is None and r['escaped'] == r'$shown'] and
	[r for r in j if r['name'] == r['escaped'] == '$ring']"
ok $? "list --json has a strange name in escaped form"
run $ctl unlink "$ring"$'\e]0;title\a'
((status == 1)) && err_has "$ring"'\\033\]0;title\\a: ' && ! LC_ALL=C grep -q $'[^ -~]' "$tap_dir/err"
ok $? "an error message has a strange name in escaped form"
run $ctl unlink --escaped "$shown"
((status == 0)) && run $ctl info "$strange" && ((status == 1))
ok $? "unlink --escaped removes a ring with a strange name"
python - $ctl "$ring." >"$tap_dir/out" 2>"$tap_dir/err" <<'END'
import json, os, re, subprocess, sys

def ctl(*arguments):
    return subprocess.run([sys.argv[1], *arguments], check=True, capture_output=True).stdout

# Each ring has another slot size, from 1 on, by which its name is recognised.
every = bytes(b for b in range(1, 256) if b != ord("/"))
names = [os.fsencode(sys.argv[2]) + every[at:at + 64] for at in range(0, len(every), 64)]
for size, name in enumerate(names, 1):
    ctl("create", f"--slot-bytes={size}", "--slots=1", "--", name)
for lang in "C", "C.UTF-8":
    os.environ["LC_ALL"] = lang
    prefix = sys.argv[2].encode()
    rows = [re.split(rb"(?<!\\) ", row)[-1] for row in ctl("list").splitlines()]
    rows = [row for row in rows if row.startswith(prefix)]
    told = [e["escaped"].encode() for e in json.loads(ctl("list", "--json"))]
    told = [e for e in told if e.startswith(prefix)]
    for forms in rows, told:
        found = [json.loads(ctl("info", "--json", "--escaped", "--", f)) for f in forms]
        assert sorted(f["slot_bytes"] for f in found) == [1, 2, 3, 4], (lang, forms)
for name in names:
    ctl("unlink", "--", name)
END
ok $? "the escaped form of a name with any bytes but 0 and / finds the ring"
for name in $'\\' 'a\x41' '\8' '\000' '\400' '\37'; do
	refused 2 'not a name as list shows it' info --escaped "$name"
done
if locale -a 2>/dev/null | grep -qix 'c\.utf-\?8'; then
	# The name has a character that reverses the direction of the text, and a no-break space.
	name=$ring-ü$'\xe2\x80\xae\xc2\xa0'
	$ctl create "$name" --slot-bytes=7 --slots=3
	LC_ALL=C.UTF-8 run $ctl info "$name"
	out_has "^name +$ring-ü\\\\342\\\\200\\\\256\\\\302\\\\240\$"
	ok $? "a letter of the locale is printed as it is, but a control character of the text is escaped"
	LC_ALL=C run $ctl info "$name"
	out_has "^name +$ring-\\\\303\\\\274\\\\342\\\\200\\\\256\\\\302\\\\240\$"
	ok $? "in the C locale a name is printed in ASCII"
	run $ctl info --json "$name"
	json "j['name'] == '$name' and j['escaped'] == r'$ring-\303\274\342\200\256\302\240'"
	ok $? "info --json has the text of a name and its escaped form"
	$ctl unlink "$name"
fi

# ---- files of the module ---------------------------------------------------------------

# Tests in a file system of rings with small limits.
module_files()
{
	local dir=$tap_dir/rings user

	mkdir "$dir"
	mount -t ringbuf -o max_bytes=1M,max_rings=5,slot_bytes=50,slot_count=3 ringbuf "$dir"
	ok $? "a file system of rings with small limits can be mounted"
	run $ctl list "$dir"
	((status == 0)) && (($(wc -l <"$tap_dir/out") == 1))
	ok $? "list of a folder without rings prints only its heading"
	mkdir "$dir/robot"
	$ctl create "$dir/robot/cam" --slot-bytes=2K --slots=3 && mkfifo "$dir/unset" &&
		chmod 640 "$dir/unset"
	run $ctl list "$dir/"
	((status == 0)) && out_has ' 2048 +3 .* kept +robot/cam$' && out_has "$unknown$UID +0640 .* unset\$"
	ok $? "list FOLDER prints all rings below it, and what the file tells of a ring without a geometry"
	run $ctl info "$dir/unset"
	((status == 1)) && err_has 'its size is not set yet' && [[ $(stat -c %s "$dir/unset") = 0 ]]
	ok $? "info does not set the geometry of a ring that has none"
	timeout 20 $ctl cat --count=1 "$dir/unset" >"$tap_dir/out" 2>"$tap_dir/err" &
	until_ok ring_has "$dir/unset" '"readers": 1,'
	echo one | $ctl write "$dir/unset"
	wait $! && [[ $(<"$tap_dir/out") = one ]] && ring_has "$dir/unset" '"slots": 3,'
	ok $? "the first use of a ring without a geometry sets that of the mount"
	(cd "$dir" && RINGBUF_DIR=$dir/robot run "$OLDPWD/$ctl" info --json cam)
	json "j['name'] == 'cam' and j['slots'] == 3"
	ok $? "info finds a ring in RINGBUF_DIR"
	RINGBUF_DIR=$dir/robot run $ctl list
	out_has ' kept +cam$' && ! out_has unset
	ok $? "list prints the rings in RINGBUF_DIR"

	refused 1 "its slots need 2\\.1 MB of memory, and $dir has 0\\.[0-9] MB left" \
		create "$dir/big" --slot-bytes=1M --slots=2
	[[ ! -e $dir/big ]]
	ok $? "create that fails leaves no file"
	mkfifo "$dir/"{3,4,5,6} 2>/dev/null
	refused 1 "$dir has as many rings and folders as it may have" \
		create "$dir/more" --slot-bytes=1 --slots=1
	rm -f "$dir/"{3,4,5,6}
	refused 1 'the folder of the ring does not exist' \
		create "$dir/none/cam" --slot-bytes=1 --slots=1
	refused 1 "no file system of rings is mounted at $tap_dir " \
		create "$tap_dir/cam" --slot-bytes=1 --slots=1
	refused 1 "no file system of rings is mounted at $tap_dir " info "$tap_dir/cam"
	refused 1 "no file system of rings is mounted at $tap_dir " list "$tap_dir"
	refused 1 'No such file' list "$tap_dir/none"
	mkfifo "$tap_dir/fifo"
	for command in info unlink cat; do
		refused 1 'it is no ring' $command "$tap_dir/fifo"
		refused 1 'it is no ring' $command "$dir/robot"
	done

	user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 "$tap_dir"
	run "${user[@]}" $ctl list "$dir"
	((status == 0)) && out_has "$unknown$UID +0600 .* robot/cam\$"
	ok $? "list prints what the file tells of a ring that the user may not read"
	run "${user[@]}" $ctl info "$dir/robot/cam"
	((status == 1)) && err_has "the ring's mode and owner"
	ok $? "info of a ring that the user may not read names its mode and owner"
	run "${user[@]}" $ctl unlink "$dir/unset"
	((status == 1)) && err_has "the ring, or its folder, is another user's"
	ok $? "unlink of another user's ring fails with the reason"
	run "${user[@]}" $ctl create "$dir/robot/other" --slot-bytes=1 --slots=1
	((status == 1)) && err_has 'this user may not make files in that folder'
	ok $? "create in another user's folder fails with the reason"
	chgrp 2 "$dir/robot" && chmod 775 "$dir/robot"
	run "${user[@]}" $ctl create "$dir/robot/other" --slot-bytes=1 --slots=1
	group=$(stat -c %G "$dir/robot")
	((status == 1)) && err_has "robot belongs to group $group \(as root: usermod -aG $group nobody;"
	ok $? "create in a folder of another group names the group, and how to join it"
	chmod 644 "$dir/robot/cam"
	chmod 660 /dev/ringbuf
	run "${user[@]}" $ctl cat "$dir/robot/cam"
	chmod 666 /dev/ringbuf
	((status == 1)) && err_has '/dev/ringbuf belongs to group root instead of ringbuf .*groupadd -f'
	ok $? "without the group ringbuf the tools say how to make it"
	run "${user[@]}" $ctl stats "$dir/robot/cam"
	((status == 0)) && out_has '^head 0'
	ok $? "stats prints a ring that the user may only read"
	chmod 700 "$dir/robot"
	run "${user[@]}" $ctl list "$dir"
	((status == 1)) && err_has '^ringbufctl: robot: not listed: Permission denied' && out_has ' unset$'
	ok $? "list names a folder that the user may not read, and fails"

	$ctl unlink "$dir/robot/cam" && rm "$dir/unset" && rmdir "$dir/robot" && umount "$dir"
	ok $? "unlink removes a ring by its path"
}

if [[ $RINGBUF_HOST = module ]]; then
	if ((UID == 0)); then
		module_files
	else
		skip "files of the module" "needs root to mount"
	fi
fi

mkfifo "$tap_dir/input"

# ---- cat and write ------------------------------------------------------------------

# Make the ring again: the stream of a ring ends only once, so each stream needs a new ring.
anew()
{
	$ctl unlink $ring
	$ctl create $ring --slot-bytes=100 --slots=5
}

# usage: cat_into FILE OPTION...: starts a cat in the background as process $reader, and waits until it
# has attached
cat_into()
{
	local file=$1
	shift
	timeout 60 $ctl cat "$@" $ring >"$file" 2>"$file.err" &
	reader=$!
	until_ok ring_has "$ring" "\"readers\": $((++readers)),"
}

readers=0
cat_into "$tap_dir/got"
run timeout 60 $ctl write $ring
((status == 0)) && wait "$reader" && [[ ! -s $tap_dir/got ]]
ok $? "cat ends after a writer that wrote nothing"

anew
readers=0
head -c 10010 /dev/urandom >"$tap_dir/data"
cat_into "$tap_dir/three" --count=3
three=$reader
cat_into "$tap_dir/got"
timeout 60 $ctl write $ring <"$tap_dir/data"
ok $? "write writes all of its input"
wait "$reader" && cmp "$tap_dir/data" "$tap_dir/got" >"$tap_dir/out" 2>&1
ok $? "cat gets every byte, and ends with the stream"
wait "$three" && cmp <(head -c 300 "$tap_dir/data") "$tap_dir/three" >"$tap_dir/out" 2>&1
ok $? "cat --count=3 prints three messages"

# Without a reader the ring keeps the last messages, except one or two slots that the writer may be
# about to write.
anew
timeout 60 $ctl write "$ring" <"$tap_dir/data" 2>"$tap_dir/err"
run timeout 60 $ctl cat "$ring"
((status == 0)) && (($(wc -c <"$tap_dir/out") > 110)) &&
	cmp <(tail -c "$(wc -c <"$tap_dir/out")" "$tap_dir/data") "$tap_dir/out"
ok $? "cat prints the messages that the ring still has"
run timeout 60 $ctl cat --from=head "$ring"
((status == 0)) && [[ ! -s $tap_dir/out ]]
ok $? "cat --from=head prints only later messages"
run timeout 60 $ctl cat --from=100 "$ring"
((status == 0)) && cmp <(tail -c 10 "$tap_dir/data") "$tap_dir/out"
ok $? "cat --from=100 begins at position 100"
timeout 60 $ctl cat "$ring" >/dev/full 2>"$tap_dir/err"
(($? == 1)) && err_has 'stdout: No space'
ok $? "cat fails if stdout is full"

anew
readers=0
cat_into "$tap_dir/got" --lines
printf 'one\n\nthree\nwithout an end' >"$tap_dir/data"
timeout 60 $ctl write --lines $ring <"$tap_dir/data"
wait "$reader" && cmp <(cat "$tap_dir/data" <(echo)) "$tap_dir/got" && $ctl info $ring | grep -q '^head  *4$'
ok $? "write --lines and cat --lines have a message for each line"

anew
head -c 101 /dev/zero | tr '\0' x >"$tap_dir/data"
timeout 60 $ctl write --lines $ring <"$tap_dir/data" >"$tap_dir/out" 2>"$tap_dir/err"
(($? == 1)) && err_has 'Message too long: line 1 has 101 bytes, a slot holds 100$'
ok $? "write --lines refuses a line that is longer than a slot"

# ---- one writer after the other, and readers that come late -------------------------------

anew
readers=0
cat_into "$tap_dir/got" --lines --follow
written=1
for lines in '1 3' '4 9' '10 10'; do
	read -r first last <<<"$lines"
	seq "$first" "$last" | timeout 60 $ctl write --lines $ring || written=0
	until_ok ring_has $ring '"stream": "done"'
done
seq 10 >"$tap_dir/data"
((written)) && until_ok cmp -s "$tap_dir/data" "$tap_dir/got" && kill -0 "$reader"
ok $? "cat --follow gets what one writer after the other writes, and waits for more"
$ctl unlink $ring
wait "$reader" && [[ ! -s $tap_dir/got.err ]]
ok $? "cat --follow ends when the name of the ring is removed"

$ctl create $ring --slot-bytes=100 --slots=5
readers=0
cat_into "$tap_dir/got" --follow
echo | timeout 60 $ctl write $ring
anew
wait "$reader" && [[ ! -s $tap_dir/got.err ]]
ok $? "cat --follow ends when another ring has the name"

readers=0
cat_into "$tap_dir/got" --lines --follow --count=2
timeout 60 $ctl write $ring <"$tap_dir/input" 2>/dev/null &
writer=$!
exec 4>"$tap_dir/input"
until_ok ring_has $ring '"writers": 1,'
exec 3>&2 2>/dev/null # bash says "Killed"
kill -KILL "$(under "$writer")"
wait "$writer"
exec 2>&3 4>&-
until_ok grep -q "$ring: a writer died\$" "$tap_dir/got.err"
ok $? "cat --follow reports that a writer died"
printf 'one\ntwo\n' | timeout 60 $ctl write --lines $ring
wait "$reader"
(($? == 1)) && cmp <(printf 'one\ntwo\n') "$tap_dir/got" && (($(wc -l <"$tap_dir/got.err") == 1))
ok $? "cat --follow continues with the next writer after one died, and fails at its end"

# A writer that is killed while it has a slot reserved leaves a hole.
leaves_a_hole='import os, signal, sys
try:
	import ringbuffer
except ImportError:
	sys.exit(77)
writer = ringbuffer.Ring.open(sys.argv[1]).writer()
slot = writer.reserve()
os.kill(os.getpid(), signal.SIGKILL)'
anew
PYTHONPATH=lib/python /usr/bin/python3 -c "$leaves_a_hole" $ring 2>"$tap_dir/err" &
writer=$!
exec 3>&2 2>/dev/null # bash says "Killed"
left=0
wait "$writer" || left=$?
exec 2>&3
if ((left == 77)); then
	skip "cat names the process that left a hole" "the Python package is not built"
else
	how='was killed by signal 9'
	[[ $RINGBUF_HOST = module ]] || how=died
	echo after | timeout 60 $ctl write --lines $ring
	run timeout 60 $ctl cat --lines --count=1 $ring
	((status == 0)) && out_has '^after$' &&
		err_has "$ring: message 0 never came: process $writer \\(python3\\) $how\$"
	ok $? "cat names the process that left a hole"
fi

anew
readers=0
cat_into "$tap_dir/got" --lines --follow --count=1
stopped=$(under "$reader")
kill -STOP "$stopped"
seq 3 | timeout 60 $ctl write --lines $ring
$ctl sync $ring all
echo four | timeout 60 $ctl write --lines $ring
kill -CONT "$stopped"
wait "$reader"
(($? == 1)) && cmp <(echo four) "$tap_dir/got" && grep -q "$ring: 3 messages were lost\$" "$tap_dir/got.err"
ok $? "cat --count reports how many messages were lost, and fails"

# ---- readers that hold writers up -------------------------------------------------------------

# usage: ring_with OPTION...: a ring of five slots with this policy
ring_with()
{
	$ctl unlink $ring
	$ctl create $ring --slot-bytes=100 --slots=5 "$@"
	readers=0
}

# usage: stopped_cat OPTION...: in the background, as $reader, stopped before the first message
stopped_cat()
{
	cat_into "$tap_dir/got" --lines "$@"
	stopped=$(under "$reader")
	kill -STOP "$stopped"
}

# Write 100 lines, and let it continue.
passes_it()
{
	seq 100 | timeout 60 $ctl write --lines $ring && kill -CONT "$stopped"
}

ring_with --policy=skip --policy-timeout=0.5 --policy-lag=4
run $ctl info $ring
out_has '^policy +skip after 0\.5 s, or 4 slots behind$'
ok $? "info: the policy of the ring"
run $ctl info --json $ring
json "j['policy'] == 'skip' and j['policy_timeout'] == 0.5 and j['policy_lag'] == 4 and not j['at_stop']"
ok $? "info --json: the policy of the ring"
run $ctl list
out_has "  kept,skip +$ring\$"
ok $? "list: the policy is a flag"
run $ctl list --json
json "[r['policy'] for r in j if r['name'] == '$ring'] == ['skip']"
ok $? "list --json: the policy of the ring"
refused 1 'the ring does not allow this --policy' cat --policy=block $ring
refused 1 'the ring does not allow this --policy' cat --policy=skip --policy-timeout=1 $ring

stopped_cat
seq 100 | timeout 60 $ctl write --lines $ring
run $ctl stats --json $ring
json "[(r['policy'], r['skipped'], r['skips']) for r in j['readers']] == [('skip', True, 1)]"
ok $? "stats --json: a reader that was skipped"
run $ctl stats $ring
out_has '^ +0 .* skip +1, now too$'
ok $? "stats: a reader that was skipped"
kill -CONT "$stopped"
# Where it continues depends on its lag too.
wait "$reader" && [[ -s $tap_dir/got ]] && lines=$(wc -l <"$tap_dir/got") &&
	cmp <(seq 100 | tail -n "$lines") "$tap_dir/got" &&
	grep -q "$ring: $((100 - lines)) messages were lost\$" "$tap_dir/got.err"
ok $? "cat in a ring that skips readers tells what it has lost, and does not fail"

ring_with
stopped_cat --policy=lossy
passes_it && wait "$reader" && cmp <(seq 96 100) "$tap_dir/got" &&
	grep -q "$ring: 95 messages were lost\$" "$tap_dir/got.err"
ok $? "cat --policy=lossy holds no writer up"

ring_with --policy=evict
stopped_cat
passes_it
wait "$reader"
(($? == 1)) && [[ ! -s $tap_dir/got ]] && grep -q "$ring: this reader was evicted" "$tap_dir/got.err"
ok $? "cat in a ring that evicts readers fails, and says why"

if [[ $RINGBUF_HOST = module ]]; then
	ring_with
	stopped_cat --policy=skip --policy-timeout=100000 --at-stop
	passes_it && wait "$reader" && grep -q 'messages were lost$' "$tap_dir/got.err"
	ok $? "cat --at-stop holds no writer up while it is stopped"
	ring_with --policy=evict --policy-timeout=2 --at-stop
	run $ctl info $ring
	out_has '^policy +evict after 2 s, or stopped$'
	ok $? "info: a policy for readers that are stopped"
fi

anew
seq 100 | timeout 60 $ctl write --lines --wait-readers=2 $ring 2>"$tap_dir/err" &
writer=$!
until_ok ring_has $ring '"writers": 1,'
readers=0
cat_into "$tap_dir/one" --lines
ring_has $ring '"head": 0,'
ok $? "write --wait-readers=2 does not begin with one reader"
timeout 60 $ctl cat --lines $ring >"$tap_dir/two"
wait "$writer" && wait "$reader" && cmp <(seq 100) "$tap_dir/one" &&
	cmp <(seq 100) "$tap_dir/two" && [[ ! -s $tap_dir/err ]]
ok $? "write --wait-readers=2 begins with the second reader, and both get all messages"
refused 1 'wait-readers=65: it was created for 64 readers' write --wait-readers=65 $ring
refused 2 'at most 4096' write --wait-readers=4097 $ring

anew
seq 6 | timeout 60 $ctl write --lines $ring 2>"$tap_dir/err" &&
	err_has "$ring: no reader was attached at the start: of 6 messages the ring keeps 5 "
ok $? "write reports that a later reader will not get all messages"
anew
seq 5 | timeout 60 $ctl write --lines $ring 2>"$tap_dir/err" && [[ ! -s $tap_dir/err ]]
ok $? "write prints nothing if the ring keeps all messages"

$ctl unlink $ring
refused 2 'not from 0.001 to 1000000 seconds' create $ring --slot-bytes=100 --slots=5 \
	--claim-timeout=0.0001
if [[ $RINGBUF_HOST = module ]]; then
	$ctl create $ring --slot-bytes=100 --slots=5 --claim-timeout=0.25
	run $ctl info $ring
	out_has '^fence after +0.25 s$'
	ok $? "create --claim-timeout sets the claim timeout, and info prints it"
	run $ctl info --json $ring
	json "j['claim_timeout'] == 0.25"
	ok $? "info --json has the claim timeout"
	run $ctl stats --json $ring
	json "j['fenced'] == 0"
	ok $? "stats --json counts the writers that were fenced"
	$ctl unlink $ring
else
	refused 1 'embedded host' create $ring --slot-bytes=100 --slots=5 --claim-timeout=0.25
fi
refused 1 'Invalid argument' create $ring --slot-bytes=100 --slots=5 --max-readers=2 --wait-readers=3
refused 2 'at most 4096' create $ring --slot-bytes=100 --slots=5 --wait-readers=4097
$ctl create $ring --slot-bytes=100 --slots=5 --wait-readers=2
seq 100 | timeout 60 $ctl write --lines $ring 2>"$tap_dir/err" &
writer=$!
until_ok ring_has $ring '"writers": 1,'
readers=0
cat_into "$tap_dir/one" --lines
ring_has $ring '"head": 0,' && ring_has $ring '"readers_lacking": 1,'
ok $? "create --wait-readers=2: the writer waits for the second reader"
run $ctl info $ring
out_has '^wait for +2 readers, of which 1 are lacking$'
ok $? "info prints for how many readers a writer waits"
timeout 60 $ctl cat --lines $ring >"$tap_dir/two"
wait "$writer" && wait "$reader" && cmp <(seq 100) "$tap_dir/one" && cmp <(seq 100) "$tap_dir/two"
ok $? "both readers that a writer waited for get all messages"
run $ctl info --json $ring
json "j['wait_readers'] == 2 and j['readers_lacking'] == 0"
ok $? "info --json has no reader that a writer waits for once all have attached"

# ---- limits ------------------------------------------------------------------------------

$ctl unlink $ring
$ctl create $ring --slot-bytes=100 --slots=5 --max-readers=2 --max-writers=1
readers=0
cat_into "$tap_dir/one"
one=$reader
cat_into "$tap_dir/two"
refused 1 'as many readers as it was created for, 2 ' cat $ring
timeout 60 $ctl write $ring <"$tap_dir/input" 2>"$tap_dir/err" &
writer=$!
exec 4>"$tap_dir/input"
until_ok ring_has $ring '"writers": 1,'
refused 1 'as many writers as it was created for, 1 ' write $ring
exec 4>&-
wait "$writer" && wait "$one" && wait "$reader"
ok $? "readers and a writer continue after others were refused"
$ctl unlink $ring
$ctl create $ring --slot-bytes=100 --slots=5 --exclusive
timeout 60 $ctl write $ring <"$tap_dir/input" 2>"$tap_dir/err" &
writer=$!
exec 4>"$tap_dir/input"
until_ok ring_has $ring '"writers": 1,'
refused 1 'takes one writer at a time, and has one' write $ring
exec 4>&-
wait "$writer"

# The embedded host needs /proc and /dev/shm, which a mount namespace can be without.
if [[ $RINGBUF_HOST = embedded ]] && unshare -m true 2>/dev/null; then
	run unshare -m bash -c "umount -l /proc && exec $ctl info $ring"
	((status == 1)) && err_has "$ring: the embedded host needs /proc"
	ok $? "without /proc info fails and names it"
	run unshare -m bash -c "umount -l /proc && exec $ctl list"
	((status == 1)) && err_has "$ring: only its file is listed: the embedded host needs /proc"
	ok $? "without /proc list reports what it leaves out"
	run unshare -m bash -c "mount -t tmpfs -o size=1m none /dev/shm &&
		exec $ctl create $ring --slot-bytes=1000000 --slots=30"
	((status == 1)) && err_has "$ring: its slots need 30\\.1 MB of memory, and /dev/shm has 1\\.0 MB left"
	ok $? "create in a /dev/shm that is too small names the bytes that it has"
else
	skip "tests without /proc and with a small /dev/shm" "needs the embedded host, and root for unshare -m"
fi
if [[ $RINGBUF_HOST = embedded ]]; then
	# One descriptor is free, and list needs it for the folder.
	run bash -c "exec 3>&- 4>&- 5>&-; ulimit -n 4; exec $ctl list"
	((status == 1)) && err_has "^ringbufctl: $ring: only its file is listed: Too many open files: .* 4 \\(ulimit -n\\)\$"
	ok $? "list names a ring for which it has no descriptor, and fails"
	echo 'not a ring' >/dev/shm/ringbuf.$ring-junk
	run $ctl list
	((status == 0)) && err_has "^ringbufctl: $ring-junk: not listed: it is damaged" && out_has " $ring\$"
	ok $? "list names a file that is no ring, and continues"
	rm /dev/shm/ringbuf.$ring-junk
fi

# ---- stats, sync and evict -------------------------------------------------------------

stats_json()
{
	run $ctl stats --json "$ring"
	json "$1"
}

anew
readers=0
cat_into "$tap_dir/got"
stopped=$(under "$reader")
kill -STOP "$stopped"
seq 1000 | timeout 60 $ctl write $ring 2>"$tap_dir/err" &
writer=$!
until_ok stats_json 'j["blocker"]["lag"] == 5'
ok $? "stats has the lag of a reader for which the writer waits"
json "j['blocker']['pid'] == $stopped and j['readers'][0]['pid'] == $stopped and
	j['blocker']['id'] == j['readers'][0]['id'] and j['readers'][0]['lag'] == 5 and
	j['blocker']['role'] == 'reader' and j['blocker']['comm'] == 'ringbufctl' and
	j['blocker']['seconds'] >= 0 and [w['id'] for w in j['writer_list']] == [1]"
ok $? "stats has the process and the number of that reader"
run $ctl stats $ring
out_has "^slowest: reader 0, process $stopped \(ringbufctl\), 5 behind head, there for [0-9]+\.[0-9] s\$" &&
	out_has "^ +1 +$(under "$writer") +[0-9]+\$"
ok $? "stats prints the slowest reader and the writers"
run $ctl stats --json --watch=0.01 --count=3 $ring
((status == 0)) && (($(wc -l <"$tap_dir/out") == 3))
ok $? "stats --watch --count=3 prints three times"
refused 1 "$ring: there is no reader 2 " sync $ring 2
run $ctl sync $ring 0
((status == 0))
ok $? "sync succeeds"
kill -CONT "$stopped"
wait "$writer"
ok $? "sync lets the writer continue"
wait "$reader"
(($? == 1)) && grep -q '5 messages were lost\|no longer' "$tap_dir/got.err"
ok $? "the reader reports how many messages it lost by sync"
stats_json 'j["writer_waits"] > 0'
ok $? "stats counts the waits of the writer"

anew
readers=0
cat_into "$tap_dir/got"
stopped=$(under "$reader")
kill -STOP "$stopped"
seq 1000 | timeout 60 $ctl write $ring 2>"$tap_dir/err" &
writer=$!
until_ok stats_json 'j["blocker"]["lag"] == 5'
refused 1 "$ring: there is no reader 1 " evict $ring 1
refused 2 'READER' evict $ring all
run $ctl evict $ring 0
((status == 0)) && wait "$writer"
ok $? "evict lets the writer continue without a reader that is stopped"
kill -CONT "$stopped"
wait "$reader"
(($? == 1)) && grep -q 'this reader was evicted' "$tap_dir/got.err"
ok $? "the evicted reader reports that it was evicted"

$ctl unlink $ring
refused 1 'No such file' info $ring
done_testing
