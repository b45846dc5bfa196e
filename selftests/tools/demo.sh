#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests demo_stream: each reader gets the recording, and if one does not, demo_stream reports it.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
. selftests/tools/tap.sh

demo=build/tools/demo_stream
alsa=/usr/share/sounds/alsa

if [[ ! -x $demo ]]; then
	echo "1..0 # SKIP no $demo: run make first"
	exit 0
fi

# The number of bytes and the CRC-32 of files, computed without the code of the demo.
expected()
{
	python - "$@" <<'END'
import sys, zlib
data = b"".join(open(f, "rb").read() for f in sys.argv[1:])
print(f"{len(data)} bytes, CRC-32 {zlib.crc32(data):08x}")
END
}

went_well()
{
	((status == 0)) && (($(grep -c ': the same$' "$tap_dir/out") == 3)) &&
		out_has '^Every reader got the recording bit for bit\.$' &&
		out_has "^  the files .*$1\$"
}

if [[ -d $alsa ]]; then
	want=$(expected $alsa/*.wav)
	run timeout 60 $demo
	went_well "$want"
	ok $? "each reader gets all recordings of alsa-utils"
	out_has 'Front_Center.wav +[0-9.]+ s +[0-9]+ slots +\|.*\| +-[0-9.]+ dB +-[0-9.]+ dB +-[0-9.]+ dB'
	ok $? "there is a line with the levels of each recording"
	if [[ $RINGBUF_HOST == embedded ]]; then
		out_has 'the embedded host has no descriptor'
		ok $? "the embedded host says that it has no descriptor"
	else
		out_has 'read\(2\) on its descriptor .*the same$'
		ok $? "one reader gets the recording by read(2)"
	fi
	run timeout 60 $demo --slots=1 --slot-bytes=1024
	went_well "$want"
	ok $? "each reader gets all recordings through a single slot"
	run timeout 60 $demo --damage
	((status == 1)) && out_has 'DIFFERENT' && out_has '^NOT every reader'
	ok $? "a reader that gets a damaged bit is reported"
else
	skip "recordings of alsa-utils" "no $alsa: apt-get install alsa-utils"
fi

# Half a second of a square wave at full scale, whose level is 0 dB.
python - "$tap_dir/square.wav" <<'END'
import struct, sys, wave
w = wave.open(sys.argv[1], "wb")
w.setnchannels(1); w.setsampwidth(2); w.setframerate(8000)
w.writeframes(b"".join(struct.pack("<h", -32768) for i in range(4000)))
w.close()
END
run timeout 60 $demo --slot-bytes=512 --slots=3 "$tap_dir/square.wav"
went_well "$(expected "$tap_dir/square.wav")" && out_has 'square.wav +0\.50 s.* -?0\.0 dB +-?0\.0 dB +-?0\.0 dB'
ok $? "a recording at full scale has levels of 0 dB"

head -c 100001 /dev/urandom >"$tap_dir/noise"
run timeout 60 $demo "$tap_dir/noise"
went_well "$(expected "$tap_dir/noise")" && out_has 'noise +100001 bytes, no 16-bit samples'
ok $? "each reader gets a file that is no recording"

: >"$tap_dir/empty"
run timeout 60 $demo "$tap_dir/empty"
went_well "0 bytes, CRC-32 00000000"
ok $? "each reader gets an empty file"

run $demo /nonexistent
((status == 1)) && err_has '/nonexistent: No such file'
ok $? "a file that does not exist is refused"
for bad in --slot-bytes=100 --slot-bytes=1025 --slots=0 --speed=-1 --speed=fast --no-such-option; do
	run $demo $bad
	((status == 2))
	ok $? "refused: $bad"
done

done_testing
