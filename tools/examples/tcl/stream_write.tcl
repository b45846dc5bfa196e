#!/usr/bin/tclsh
# SPDX-License-Identifier: GPL-2.0
# usage: stream_write.tcl [FILE] - stdin into the default ring
set name [expr {$argc ? [lindex $argv 0] : "/dev/ringbuf"}]
if {[catch {
	set ring [open $name WRONLY]
	chan configure stdin -translation binary
	chan configure $ring -translation binary -buffersize 65536
	chan copy stdin $ring
	close $ring
} error]} {
	puts stderr $error
	exit 1
}
