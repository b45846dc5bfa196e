// SPDX-License-Identifier: GPL-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Numbers of linux/ringbuf.h.  Those of the calls are _IOC() of x86 and Arm: direction (1: the
// kernel reads the structure, 3: also writes to it), size of the structure, number of the call.
const (
	iocAttach = 3<<30 | 40<<16 | 0xBB02
	iocInfo   = 3<<30 | 96<<16 | 0xBB03
	iocWait   = 3<<30 | 40<<16 | 0xBB04
	iocWake   = 1<<30 | 8<<16 | 0xBB05
	iocDone   = 1<<30 | 8<<16 | 0xBB06

	roleReader, roleWriter = 1, 2
	startOldest            = 1
	exclusive              = 1
	rowGating              = 2
	committed              = 1
	endDied                = 2
)

const (
	regionInfo = iota
	regionHead
	regionSlots
	regionCursor
	regionData
	regions
)

type regionArg struct {
	id, flags     uint32
	offset, bytes uint64
}

type attachArg struct {
	size, flags, role uint32
	fd                int32
	position          uint64
	start, id         uint32
	policy, reserved  uint32
}

type infoArg struct {
	size, flags                       uint32
	regions                           uint64
	regionSize, regionCount           uint32
	slotBytes, slotCount, slotStride  uint64
	claimOffset, stampOffset          uint64
	ringFlags, maxReaders, maxWriters uint32
	role, id, pageSize                uint32
	waitReaders, reserved             uint32
}

type waitArg struct {
	size, flags     uint32
	timeout         uint64
	count, reserved uint32
	after, ready    uint64
}

type shortArg struct{ size, flags uint32 } // WAKE, DONE

type infoPage struct {
	_                                 [6]uint64
	rowOffset, rowStride              uint32
	writerOffset, writerStride        uint32
	wakePosition                      uint64
	_                                 [7]uint64
	wakeCursor                        uint64
	_                                 [7]uint64
	generation, allowance             uint64
	rows, writers, writersEver, ended uint32
	readersWanted                     uint32
}

type rowWords struct {
	floor             uint64
	flags, generation uint32
}

// Return row i; the host has made it, so it is valid.
func (p *infoPage) row(i uint32) *rowWords {
	at := uintptr(p.rowOffset) + uintptr(i)*uintptr(p.rowStride)
	return (*rowWords)(unsafe.Add(unsafe.Pointer(p), at))
}

type desc struct {
	state         uint64
	length, flags uint32
}

type cursorWords struct{ cursor, lost, holes uint64 }

// A handle of a ring.
type ring struct {
	fd       int
	position uint64
	is       infoArg
	at       [regions]regionArg
}

func (r *ring) ioctl(request uintptr, arg unsafe.Pointer) {
	for {
		_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(r.fd), request, uintptr(arg))
		if e == 0 {
			return
		}
		if e != syscall.EINTR {
			check(os.NewSyscallError("ioctl", e))
		}
	}
}

// On the heap, so that it stays at the address that the kernel was told.
var regionList = new([8]regionArg)

func attach(name string, role uint32) *ring {
	fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	check(os.NewSyscallError(name, err))
	r := &ring{fd: fd, is: infoArg{size: uint32(unsafe.Sizeof(infoArg{}))}}
	a := attachArg{role: role, fd: -1} // attach to the ring of this file
	a.size = uint32(unsafe.Sizeof(a))
	if role == roleReader {
		a.start = startOldest
	}
	r.ioctl(iocAttach, unsafe.Pointer(&a))
	r.is.regions = uint64(uintptr(unsafe.Pointer(regionList)))
	r.is.regionSize = uint32(unsafe.Sizeof(regionList[0]))
	r.is.regionCount = uint32(len(regionList))
	r.ioctl(iocInfo, unsafe.Pointer(&r.is))
	for _, region := range regionList {
		if region.bytes != 0 && region.id < regions {
			r.at[region.id] = region
		}
	}
	r.position = a.position
	return r
}

func (r *ring) mapBytes(offset, size uint64, prot int) []byte {
	b, err := syscall.Mmap(r.fd, int64(offset), int(size), prot, syscall.MAP_SHARED)
	check(os.NewSyscallError("mmap", err))
	return b
}

func (r *ring) region(id int, prot int) []byte {
	return r.mapBytes(r.at[id].offset, r.at[id].bytes, prot)
}

func (r *ring) slot(data []byte) []byte {
	at := r.position % r.is.slotCount * r.is.slotStride
	return data[at : at+r.is.slotBytes]
}

// Wait until one more slot can be read or written.
func (r *ring) wait() {
	w := waitArg{timeout: ^uint64(0), count: 1}
	w.size = uint32(unsafe.Sizeof(w))
	r.ioctl(iocWait, unsafe.Pointer(&w))
}

// Wakes others after an atomic store, if it has reached word, their wake word.
// The operations of sync/atomic have one order, so this load needs no other barrier.
func (r *ring) wake(word *uint64, reached uint64) {
	if atomic.LoadUint64(word) <= reached {
		r.ioctl(iocWake, unsafe.Pointer(&shortArg{8, 0}))
	}
}

func (r *ring) done() {
	r.ioctl(iocDone, unsafe.Pointer(&shortArg{8, 0}))
}

// Transfers one message by one system call.
func (r *ring) call(transfer func(int, []byte) (int, error), message []byte) int {
	for {
		n, err := transfer(r.fd, message)
		if err != syscall.EINTR {
			check(os.NewSyscallError("ring", err))
			return n
		}
	}
}

// Checks that the message has this number, and returns its payload.
func payload(message []byte, number uint64) []byte {
	if len(message) < 8 || binary.LittleEndian.Uint64(message) != number {
		check(fmt.Errorf("message %d is missing", number))
	}
	return message[8:]
}
