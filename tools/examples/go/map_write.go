// SPDX-License-Identifier: GPL-2.0

// usage: map_write FILE - read stdin into the slots, as numbered messages, without a copy.
// The ring must have an exclusive writer.  The letters in comments name barriers of
// kmod/protocol.rst; operations of sync/atomic have one order, like full barriers.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

type writer struct {
	*ring
	info      *infoPage
	head      *uint64
	allowance *uint64
	limit     uint64 // what the last pass of the gate allowed; the allowance may be higher
	desc      []desc
	cursors   []byte
	data      []byte
}

func open(name string) *writer {
	const rw = syscall.PROT_READ | syscall.PROT_WRITE
	w := &writer{ring: attach(name, roleWriter)}
	if w.is.ringFlags&exclusive == 0 || w.is.slotBytes <= 8 {
		check(fmt.Errorf("%s: not for exclusive writers, or no room for a message", name))
	}
	w.info = (*infoPage)(unsafe.Pointer(&w.region(regionInfo, syscall.PROT_READ)[0]))
	head := w.region(regionHead, rw)
	w.head = (*uint64)(unsafe.Pointer(&head[0]))
	w.allowance = (*uint64)(unsafe.Pointer(&head[w.info.writerOffset+(w.is.id-1)*w.info.writerStride]))
	w.desc = unsafe.Slice((*desc)(unsafe.Pointer(&w.region(regionSlots, rw)[0])), w.is.slotCount)
	w.cursors = w.region(regionCursor, syscall.PROT_READ)
	w.data = w.region(regionData, rw)
	return w
}

// Returns the first position that no writer may take yet; none without readers.
func (w *writer) gateEnd(none uint64) uint64 {
	min := ^uint64(0)
	for i := uint32(0); i < atomic.LoadUint32(&w.info.rows); i++ {
		row := w.info.row(i)
		if atomic.LoadUint32(&row.flags)&rowGating == 0 {
			continue
		}
		floor := atomic.LoadUint64(&row.floor)
		at := atomic.LoadUint64((*uint64)(unsafe.Pointer(&w.cursors[i*w.is.pageSize+i%64*64])))
		if at < floor {
			at = floor
		}
		if at < min {
			min = at
		}
	}
	if min == ^uint64(0) {
		return none
	}
	return min + w.is.slotCount
}

// Wait until the gate allows the next slot, and return it.
func (w *writer) reserve() []byte {
	for atomic.LoadUint32(&w.info.readersWanted) != 0 { // (L)
		w.wait()
	}
	for w.limit <= w.position {
		generation := atomic.LoadUint64(&w.info.generation)
		end := w.gateEnd(w.position + 1)
		if end > atomic.LoadUint64(w.allowance) {
			atomic.SwapUint64(w.allowance, end) // (H)
		}
		if atomic.LoadUint64(&w.info.generation) != generation {
			continue
		}
		w.limit = end
		if end <= w.position {
			w.wait()
		}
	}
	atomic.SwapUint64(&w.desc[w.position%w.is.slotCount].state, 0) // (M)
	return w.slot(w.data)
}

func (w *writer) commit(length int) {
	d := &w.desc[w.position%w.is.slotCount]
	d.length, d.flags = uint32(length), 0
	atomic.SwapUint64(&d.state, w.position<<2|committed) // (A), (B)
	atomic.StoreUint64(w.head, w.position+1)
	w.wake(&w.info.wakePosition, w.position)
	w.position++
}

func main() {
	w := open(argument(""))
	for number := uint64(0); ; number++ {
		slot := w.reserve()
		n, err := os.Stdin.Read(slot[8:])
		if err == io.EOF {
			break
		}
		check(err)
		binary.LittleEndian.PutUint64(slot, number)
		w.commit(8 + n)
	}
	w.done()
}
