#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests programs that know nothing of ringbuf as writer and as reader of the default ring: what
# the reader gets is what the writer wrote, byte for byte.
set -u
cd "$(dirname -- "$0")/../.." || exit 1
# shellcheck source=selftests/tools/tap.sh
. selftests/tools/tap.sh

dev=/dev/ringbuf
if [[ ! -c $dev ]]; then
	echo "1..0 # SKIP there is no $dev"
	exit 0
fi

data=$tap_dir/data
some=$tap_dir/some
copy=$tap_dir/copy
# Longer than the ring, which is a MiB, and neither a multiple of its slots nor of pages.
head -c 1300001 /dev/urandom >"$data"

# pair NAME FILE WRITER READER: two command lines: WRITER copies FILE, which it knows as $in, to
# $dev, and
# READER copies $dev to $copy.  Then FILE and $copy must be the same.
pair()
{
	local name=$1 status=0 writer
	in=$2
	export dev in copy
	rm -f "$copy"
	: >"$tap_dir/err"
	timeout 100 bash -c "$3" 2>>"$tap_dir/err" &
	writer=$!
	timeout 100 bash -c "$4" 2>>"$tap_dir/err" || status=1
	wait "$writer" || status=1
	cmp "$in" "$copy" 2>>"$tap_dir/err" || status=1
	ok "$status" "data is unchanged: $name"
}

has()
{
	command -v "$1" >/dev/null || { skip "$2" "$1 is not installed" && false; }
}

# The strings are for another shell.
# shellcheck disable=SC2016
{
	write_cat='cat "$in" >$dev'
	read_cat='cat $dev >"$copy"'

	pair 'cat to cat' "$data" "$write_cat" "$read_cat"
	pair 'redirections' "$data" 'cat <"$in" >>$dev' 'cat <$dev >"$copy"'
	for bs in 1 7 512 1000 4096 65536; do
		# More blocks than the ring has slots; of small ones some thousand.
		head -c $((bs * 300 + 3001)) "$data" >"$some"
		pair "dd bs=$bs to cat" "$some" "dd if=\"\$in\" of=\$dev bs=$bs status=none" \
			"$read_cat"
		pair "cat to dd bs=$bs" "$some" "$write_cat" \
			"dd if=\$dev of=\"\$copy\" bs=$bs status=none"
	done
	for bs in 4097 65535 65537 1M 16M; do
		pair "dd bs=$bs to dd bs=5000" "$data" \
			"dd if=\"\$in\" of=\$dev bs=$bs status=none" \
			'dd if=$dev of="$copy" bs=5000 status=none'
		pair "dd bs=5000 to dd bs=$bs" "$data" 'dd if="$in" of=$dev bs=5000 status=none' \
			"dd if=\$dev of=\"\$copy\" bs=$bs status=none"
	done
	pair 'dd with whole blocks only' "$data" "$write_cat" \
		'dd if=$dev of="$copy" bs=9999 iflag=fullblock status=none'
	pair 'tee to cat' "$data" 'tee $dev <"$in" | cmp - "$in"' "$read_cat"
	pair 'cat to tee' "$data" "$write_cat" 'tee "$copy" <$dev | cmp - "$in"'
	pair 'tee to tee' "$data" 'tee $dev <"$in" | cmp - "$in"' 'tee "$copy" <$dev | cmp - "$in"'
	pair 'a subshell, many programs' "$data" \
		'{ head -c 1000000 && head -c 777 && cat; } <"$in" >$dev' \
		'{ head -c 5 && dd bs=11 count=13 status=none && cat; } <$dev >"$copy"'

	if has pv 'pv'; then
		pair 'pv to cat' "$data" 'pv -q "$in" >$dev' "$read_cat"
		pair 'cat to pv' "$data" "$write_cat" 'pv -q $dev >"$copy"'
		pair 'pv to pv, by splice' "$data" 'cat "$in" | pv -q >$dev' \
			'pv -q <$dev | cat >"$copy"'
	fi
	if has socat 'socat'; then
		pair 'socat to cat' "$data" 'socat -u OPEN:"$in" OPEN:$dev,wronly' "$read_cat"
		pair 'cat to socat' "$data" "$write_cat" 'socat -u OPEN:$dev,rdonly CREATE:"$copy"'
		pair 'socat to socat, non-blocking' "$data" \
			'socat -u -b 100000 OPEN:"$in" OPEN:$dev,wronly,nonblock' \
			'socat -u -b 3333 OPEN:$dev,rdonly,nonblock CREATE:"$copy"'
	fi
	if has ffmpeg 'ffmpeg'; then
		raw='-f rawvideo -pix_fmt gray -s 64x64'
		write_ffmpeg="ffmpeg -nostdin -v error $raw -i \"\$in\" -f rawvideo -y \$dev"
		read_ffmpeg="ffmpeg -nostdin -v error $raw -i \$dev -f rawvideo -y \"\$copy\""
		video=$tap_dir/video
		head -c $((4096 * 40)) "$data" >"$video"
		pair 'ffmpeg to cat, raw video' "$video" "$write_ffmpeg" "$read_cat"
		pair 'cat to ffmpeg, raw video' "$video" "$write_cat" "$read_ffmpeg"
		pair 'ffmpeg to ffmpeg, raw video' "$video" "$write_ffmpeg" "$read_ffmpeg"
	fi
}

# Each reader that attaches before the first write gets everything.
all_read()
{
	local i readers=() status=0
	for i in 1 2 3; do
		timeout 100 cat "$dev" >"$copy.$i" &
		readers+=($!)
	done
	for i in "${readers[@]}"; do
		until grep -qs 'ringbuf-role:.*reader' /proc/"$(under "$i")"/fdinfo/*; do
			kill -0 "$i" 2>/dev/null || { kill "${readers[@]}"; return 1; }
		done
	done
	timeout 100 cat "$data" >"$dev" || status=1
	wait "${readers[@]}" || status=1
	for i in 1 2 3; do
		cmp "$data" "$copy.$i" || status=1
	done
	return "$status"
}

# When the reader of a ring closes, the writer waits for the next one, which continues where the
# first one stopped.
relay()
{
	local status=0 writer
	timeout 100 cat "$data" >"$dev" &
	writer=$!
	: >"$copy"
	# dd with blocks of one byte, since head reads more than it prints.
	timeout 100 dd if="$dev" bs=1 count=1001 status=none >>"$copy" || status=1
	timeout 100 dd if="$dev" bs=70000 count=3 status=none >>"$copy" || status=1
	timeout 100 cat "$dev" >>"$copy" || status=1
	wait "$writer" || status=1
	cmp "$data" "$copy" && return "$status"
}

run all_read
ok "$status" 'three readers at once get all data'
run relay
ok "$status" 'readers one after the other get all data between them'
done_testing
