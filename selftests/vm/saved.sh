# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
#
# Sourced by run, with machine.sh: machines that have booted, kept in the cache, so that
# not every run has to boot. A folder there has initrd.cpio, state (what QEMU would send
# to another host) and khz (of the clock that the kernel was told of).

# Whatever makes another machine of it makes another name.
saved_folder()
{
	local key

	key=$({
		printf '%s\0' "${parts[@]}" "$(cmdline)" "${init##*/}"
		stat -Lc '%s %Y' "$image" "$(type -P "qemu-system-$arch")"
		cat "$vm"/{machine,saved}.sh
	} | sha256sum)
	echo "$cache/machines/$kernel-${key:0:12}"
}

# Whether the state exists, and its clock is this host's to a tenth of a percent, as
# measuring has an error, too. The caller will use it, so mark it as used.
is_saved()
{
	local was

	touch -c "$1"
	was=$(cat "$1/khz" 2>/dev/null) && ((khz * 1000 >= was * 999 && khz * 1000 <= was * 1001))
}

# QEMU's monitor reads this. Of a machine that runs meanwhile QEMU 7.2 saves some memory
# as it was before; one that was stopped would start only when told so, if its state said
# that it was stopped (store-global-state).
when_booted_save()
{
	until grep -qs '^booted' "$tmp/status"; do
		# Until save has ended, or run, which may have been killed.
		if [[ ! -d $saving ]] || ! kill -0 $$ 2>/dev/null; then
			echo quit
			return
		fi
		sleep 0.05
	done
	echo stop
	echo 'migrate_set_parameter max-bandwidth 100G'
	echo 'migrate "exec:cat >\"$RINGBUF_STATE.part\" && mv \"$RINGBUF_STATE.part\" \"$RINGBUF_STATE\""'
	echo 'info migrate'
	echo quit
}

# Boots one and saves it, before it has a task.
# usage: save FOLDER
save()
{
	local ended=0

	# Those that nobody asks for any more.
	find "$cache/machines" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
	saving=$(mktemp -d "$cache/machines/.new-XXXXXX")
	initrd >"$saving/initrd.cpio"
	start 600 "$saving" -chardev null,id=task -monitor stdio \
		-global migration.store-global-state=off \
		{lock_fd}>&- < <(exec {lock_fd}>&- && when_booted_save) &
	qemu=$!
	wait "$qemu" || ended=$?
	qemu=''
	if ((ended)) || [[ ! -s $saving/state ]] || has_fault ||
		! grep -qa 'Migration status: completed' "$tmp/qemu"; then
		rm -rf "$saving"
		return 1
	fi
	echo "$khz" >"$saving/khz"
	rm -rf "$1"
	mv -T "$saving" "$1"
}

# Sets machine to the folder of one that has booted; fails if there is none, and none can be made.
saved_machine()
{
	local lock_fd failed=0

	mkdir -p "$cache/machines" && [[ -w $cache/machines ]] || return 1
	machine=$(saved_folder)
	is_saved "$machine" && return
	lock "machine-$kernel"
	is_saved "$machine" || save "$machine" || failed=1
	exec {lock_fd}>&-
	return "$failed"
}
