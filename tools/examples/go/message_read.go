// SPDX-License-Identifier: GPL-2.0

// usage: message_read FILE - numbered messages to stdout, one read(2) each
package main

import (
	"os"
	"syscall"
)

func main() {
	r := attach(argument(""), roleReader)
	message := make([]byte, r.is.slotBytes)
	for wanted := uint64(0); ; wanted++ {
		n := r.call(syscall.Read, message)
		if n == 0 {
			break
		}
		_, err := os.Stdout.Write(payload(message[:n], wanted))
		check(err)
	}
}
