#!/usr/bin/tclsh
# SPDX-License-Identifier: GPL-2.0
# usage: stream_read.tcl [FILE] - the default ring to stdout, until its writers are done
set name [expr {$argc ? [lindex $argv 0] : "/dev/ringbuf"}]
if {[catch {
	set ring [open $name RDONLY]
	chan configure $ring -translation binary -buffersize 65536
	chan configure stdout -translation binary
	chan copy $ring stdout
	flush stdout
} error]} {
	puts stderr $error
	exit 1
}
