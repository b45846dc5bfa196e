// SPDX-License-Identifier: GPL-2.0

// usage: stream_write [FILE] - stdin into the default ring
package main

import "os"

func main() {
	ring, err := os.OpenFile(argument("/dev/ringbuf"), os.O_WRONLY, 0)
	check(err)
	copyAll(ring, os.Stdin)
	check(ring.Close())
}
