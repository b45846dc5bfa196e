#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
usage: map_write.py FILE - read stdin into the slots, as numbered messages, without a copy.
The ring must have an exclusive writer.  The letters in comments name barriers of
kmod/protocol.rst.
"""
import ctypes
import mmap
import os
import struct
import sys

from ring import (COMMITTED, EXCLUSIVE, GENERATION, READERS_WANTED, REGION_CURSOR, REGION_DATA,
                  REGION_HEAD, REGION_INFO, REGION_SLOTS, ROW_GATING, ROWS, WAKE_POSITION,
                  WRITER, WRITER_OFFSET, WRITER_STRIDE, Ring, fence, load, store)


class Writer(Ring):
    def __init__(self, name):
        super().__init__(name, WRITER)
        if not self.flags & EXCLUSIVE or self.slot_bytes <= 8:
            sys.exit(f"{name}: not for exclusive writers, or no room for a message")
        rw = mmap.PROT_READ | mmap.PROT_WRITE
        self.info = self.region(REGION_INFO)
        self.head = self.region(REGION_HEAD, rw)
        self.slots = self.region(REGION_SLOTS, rw)
        self.cursors = self.region(REGION_CURSOR)
        self.data = self.region(REGION_DATA, rw)
        self.allowance = (self.head + load(self.info + WRITER_OFFSET, 4) +
                          (self.id - 1) * load(self.info + WRITER_STRIDE, 4))
        self.limit = 0  # what the last pass of the gate allowed; the allowance may be higher

    def cursors_that_gate(self):
        for row in range(load(self.info + ROWS, 4)):
            at = self.row(self.info, row)
            if load(at + 8, 4) & ROW_GATING:
                floor = load(at)
                yield max(load(self.cursors + self.page_size * row + row % 64 * 64), floor)

    def reserve(self):
        """Wait until the gate allows the next slot, and return its bytes."""
        while load(self.info + READERS_WANTED, 4):  # (L)
            self.wait()
        while self.limit <= self.position:
            generation = load(self.info + GENERATION)
            slowest = min(self.cursors_that_gate(), default=self.position + 1 - self.slot_count)
            end = slowest + self.slot_count
            if end > load(self.allowance):
                store(self.allowance, end)
            fence()  # (H)
            if load(self.info + GENERATION) != generation:
                continue
            self.limit = end
            if end <= self.position:
                self.wait()
        store(self.slots + 16 * (self.position % self.slot_count), 0)
        fence()  # (M)
        at = self.data + self.position % self.slot_count * self.stride
        return memoryview((ctypes.c_char * self.slot_bytes).from_address(at)).cast("B")

    def commit(self, length):
        desc = self.slots + 16 * (self.position % self.slot_count)
        struct.pack_into("II", (ctypes.c_char * 8).from_address(desc + 8), 0, length, 0)
        store(desc, self.position << 2 | COMMITTED)  # (A)
        fence()  # (B)
        store(self.head, self.position + 1)
        self.wake(self.info + WAKE_POSITION, self.position)
        self.position += 1


def main(name):
    writer = Writer(name)
    number = 0
    while n := os.readv(0, [(slot := writer.reserve())[8:]]):
        struct.pack_into("<Q", slot, 0, number)
        writer.commit(8 + n)
        number += 1
    writer.done()


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"map_write: {e}")
