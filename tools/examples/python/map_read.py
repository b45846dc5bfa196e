#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
usage: map_read.py FILE - numbered messages to stdout, without a copy: from the slots.
The letters in comments name barriers of kmod/protocol.rst.
"""
import ctypes
import mmap
import os
import struct
import sys

from ring import (COMMITTED, END_DIED, ENDED, READER, REGION_CURSOR, REGION_DATA, REGION_INFO,
                  REGION_SLOTS, WAKE_CURSOR, WRITERS, WRITERS_EVER, Ring, fence, load, store)


class Reader(Ring):
    def __init__(self, name):
        super().__init__(name, READER)
        self.info = self.region(REGION_INFO)
        self.slots = self.region(REGION_SLOTS)
        self.data = self.region(REGION_DATA)
        page = self.regions[REGION_CURSOR][0] + self.id * self.page_size
        self.own = self.map(page, self.page_size, mmap.PROT_READ | mmap.PROT_WRITE)
        self.own += self.id % 64 * 64
        self.floor = self.row(self.info, self.id)

    def check_floor(self):
        if load(self.floor) > self.position:
            sys.exit("map_read: moved forward: messages are lost")

    def peek(self):
        """Wait for the next message and return it in its slot; None at the end of the stream."""
        while True:
            # (J): before the state, or the last message could be missed
            end = load(self.info + WRITERS_EVER, 4) and not load(self.info + WRITERS, 4)
            index = self.position % self.slot_count
            state = load(self.slots + 16 * index)  # (A)
            self.check_floor()
            if state == self.position << 2 | COMMITTED:
                length = min(load(self.slots + 16 * index + 8, 4), self.slot_bytes)
                slot = (ctypes.c_char * length).from_address(self.data + index * self.stride)
                return memoryview(slot).cast("B")
            if state & 3 and state >> 2 == self.position:
                store(self.own + 16, load(self.own + 16) + 1)  # a hole
                self.step()
            elif end:
                return None
            else:
                self.wait()

    def step(self):
        self.position += 1
        store(self.own, self.position)  # (F), (D)
        self.wake(self.info + WAKE_CURSOR, self.position)

    def release(self):
        """Give the slot back, after a check that the reader was not moved meanwhile."""
        fence()  # (K)
        self.check_floor()
        self.step()


def main(name):
    reader = Reader(name)
    number = 0
    while (message := reader.peek()) is not None:
        if message[:8] != struct.pack("<Q", number):
            sys.exit(f"{name}: message {number} is missing")
        rest = message[8:]
        while rest:
            rest = rest[os.write(1, rest):]
        reader.release()
        number += 1
    if load(reader.info + ENDED, 4) == END_DIED:
        sys.exit(f"{name}: the writer died")


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"map_read: {e}")
