# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
#
# Sourced by run, with machine.sh: machines that have booted, kept in the cache, so that
# not every run has to boot. A folder there has initrd.cpio, state (what QEMU would send
# to another host) and khz (of the clock that the kernel was told of).

# A new kernel, QEMU or init makes new machines.
saved_folder()
{
	{
		printf '%s\0' "${parts[@]}" "$(cmdline)" "${init##*/}"
		stat -Lc '%s %Y' "$image" "$(type -P qemu-system-x86_64)"
	} | sha256sum | sed "s|\(.\{12\}\).*|$cache/machines/$kernel-\1|"
}

# Whether it is there, and its clock is this host's: to a tenth of a percent, as
# measuring has an error, too.
is_saved()
{
	local was

	was=$(cat "$1/khz" 2>/dev/null) && ((khz * 1000 >= was * 999 && khz * 1000 <= was * 1001))
}

# QEMU's monitor reads this. Of a machine that runs meanwhile QEMU 7.2 saves some memory
# as it was before; one that was stopped would start only when told so, if its state said
# that it was stopped (store-global-state).
when_booted_save()
{
	until grep -qs '^booted' "$tmp/status"; do
		[[ -d $tmp ]] || return 0
		sleep 0.05
	done
	echo stop
	echo 'migrate_set_parameter max-bandwidth 100G'
	echo 'migrate "exec:cat >\"$RINGBUF_STATE\""'
	echo quit
}

# Boots one and saves it, before it has a task.
# usage: save FOLDER
save()
{
	local new=$tmp/saved ended=0

	mkdir "$new"
	initrd >"$new/initrd.cpio"
	echo "$khz" >"$new/khz"
	start 300 "$new" -chardev null,id=task -monitor stdio \
		-global migration.store-global-state=off < <(when_booted_save) &
	qemu=$!
	wait "$qemu" || ended=$?
	qemu=''
	if ((ended)) || [[ ! -s $new/state ]] || has_fault; then
		rm -r "$new"
		return 1
	fi
	: >"$tmp/status"
	# Those that nobody asks for any more.
	find "$cache/machines" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
	rm -rf "$1"
	mv -T "$new" "$1"
}

# Sets machine to the folder of one that has booted; fails if there is none, and none can be made.
saved_machine()
{
	local lock_fd

	mkdir -p "$cache/machines" && [[ -w $cache/machines ]] || return 1
	machine=$(saved_folder)
	if ! is_saved "$machine"; then
		lock "machine-$kernel"
		is_saved "$machine" || save "$machine" || {
			exec {lock_fd}>&-
			return 1
		}
		exec {lock_fd}>&-
	fi
	touch "$machine"
}
