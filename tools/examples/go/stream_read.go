// SPDX-License-Identifier: GPL-2.0

// usage: stream_read [FILE] - the default ring to stdout, until its writers are done
package main

import "os"

func main() {
	ring, err := os.Open(argument("/dev/ringbuf"))
	check(err)
	copyAll(os.Stdout, ring)
}
