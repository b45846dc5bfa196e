// SPDX-License-Identifier: GPL-2.0

// usage: map_read FILE - numbered messages to stdout, without a copy: from the slots.
// The letters in comments name barriers of kmod/protocol.rst; operations of sync/atomic
// have one order, like full barriers.
package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

type reader struct {
	*ring
	info *infoPage
	desc []desc
	own  *cursorWords
	data []byte
}

func open(name string) *reader {
	r := &reader{ring: attach(name, roleReader)}
	r.info = (*infoPage)(unsafe.Pointer(&r.region(regionInfo, syscall.PROT_READ)[0]))
	slots := r.region(regionSlots, syscall.PROT_READ)
	r.desc = unsafe.Slice((*desc)(unsafe.Pointer(&slots[0])), r.is.slotCount)
	r.data = r.region(regionData, syscall.PROT_READ)
	page := r.mapBytes(r.at[regionCursor].offset+uint64(r.is.id)*uint64(r.is.pageSize),
		uint64(r.is.pageSize), syscall.PROT_READ|syscall.PROT_WRITE)
	r.own = (*cursorWords)(unsafe.Pointer(&page[r.is.id%64*64]))
	return r
}

func (r *reader) checkFloor() {
	if atomic.LoadUint64(&r.info.row(r.is.id).floor) > r.position {
		check(fmt.Errorf("moved forward: messages are lost"))
	}
}

func (r *reader) step() {
	r.position++
	atomic.SwapUint64(&r.own.cursor, r.position) // (F), (D)
	r.wake(&r.info.wakeCursor, r.position)
}

// Wait for the next message and return it in its slot; nil at the end of the stream.
func (r *reader) peek() []byte {
	for {
		d := &r.desc[r.position%r.is.slotCount]
		// (J): before the state, or the last message could be missed
		end := atomic.LoadUint32(&r.info.writersEver) != 0 && atomic.LoadUint32(&r.info.writers) == 0
		state := atomic.LoadUint64(&d.state) // (A)
		r.checkFloor()
		switch {
		case state == r.position<<2|committed:
			slot := r.slot(r.data)
			if length := atomic.LoadUint32(&d.length); uint64(length) < r.is.slotBytes {
				slot = slot[:length]
			}
			return slot
		case state&3 != 0 && state>>2 == r.position:
			atomic.StoreUint64(&r.own.holes, r.own.holes+1)
			r.step()
		case end:
			return nil
		default:
			r.wait()
		}
	}
}

func main() {
	r := open(argument(""))
	for number := uint64(0); ; number++ {
		message := r.peek()
		if message == nil {
			break
		}
		_, err := os.Stdout.Write(payload(message, number))
		check(err)
		r.checkFloor() // (K): still whole if the reader was not moved
		r.step()
	}
	if atomic.LoadUint32(&r.info.ended) == endDied {
		check(fmt.Errorf("the writer died"))
	}
}
