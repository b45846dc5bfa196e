// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"io"
	"os"
)

// Returns the first argument, or the fallback.
func argument(fallback string) string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	if fallback == "" {
		fmt.Fprintf(os.Stderr, "usage: %s FILE\n", os.Args[0])
		os.Exit(2)
	}
	return fallback
}

// Ends the program if there is an error.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Copies until the end; package os continues after EINTR and short writes.
func copyAll(to io.Writer, from io.Reader) {
	buffer := make([]byte, 65536)
	for {
		n, err := from.Read(buffer)
		if err == io.EOF {
			return
		}
		check(err)
		_, err = to.Write(buffer[:n])
		check(err)
	}
}
