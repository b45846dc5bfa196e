# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
#
# Sourced by run, with machine.sh: keeps machines that have booted in the cache, so that
# not every run has to boot. The folder of a machine has initrd.cpio, state (what QEMU would send
# to another host) and khz (the frequency of the clock that the kernel got).

# Prints the folder of the machine to use. Its name has a hash of all that the machine depends on.
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

# Whether the folder has a state, and its clock differs by at most 0.1 % from this host's, as
# a measurement has an error. Also marks the folder as used, since the caller will use it.
is_saved()
{
	local was

	touch -c "$1"
	was=$(cat "$1/khz" 2>/dev/null) && ((khz * 1000 >= was * 999 && khz * 1000 <= was * 1001))
}

# Prints commands for QEMU's monitor. Stop the machine first: of a machine that runs QEMU 7.2 saves
# some memory as it was before. A machine whose state says that it was stopped would not run when it
# is loaded, so the state does not say that (store-global-state).
when_booted_save()
{
	until grep -qs '^booted' "$tmp/status"; do
		# End this loop if save has ended, or if run was killed.
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

# Boots a machine and saves it in FOLDER, before it has a task.
# usage: save FOLDER
save()
{
	local ended=0

	# Remove machines that were not used for a week.
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

# Sets machine to the folder of a machine that has booted, which it makes if there is none.  Fails if
# it cannot.
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
