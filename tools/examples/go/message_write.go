// SPDX-License-Identifier: GPL-2.0

// usage: message_write FILE - stdin in numbered messages, one write(2) each
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"syscall"
)

func main() {
	r := attach(argument(""), roleWriter)
	if r.is.slotBytes <= 8 {
		check(fmt.Errorf("no room for a message"))
	}
	message := make([]byte, r.is.slotBytes)
	for number := uint64(0); ; number++ {
		n, err := os.Stdin.Read(message[8:])
		if err == io.EOF {
			break
		}
		check(err)
		binary.LittleEndian.PutUint64(message, number)
		r.call(syscall.Write, message[:8+n])
	}
}
