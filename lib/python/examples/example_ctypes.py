#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records of variable length in a ctypes.Structure, to two readers.

usage: example_ctypes.py [RECORDS]
"""

import ctypes
import multiprocessing
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ringbuffer  # noqa: E402

READERS = 2
MOST = 1000


class Header(ctypes.Structure):
    _fields_ = [
        ("timestamp_ns", ctypes.c_uint64),
        ("number", ctypes.c_uint32),
        ("samples", ctypes.c_uint32),
    ]


def record_of(samples):
    """The type of a record with so many samples."""
    class Record(ctypes.Structure):
        _fields_ = [("header", Header), ("data", ctypes.c_float * samples)]
    return Record


def write(ring, count):
    for number in range(count):
        samples = 1 + number * 37 % MOST
        record = record_of(samples)()
        record.header = Header(time.monotonic_ns(), number, samples)
        record.data[:] = [number] * samples
        ring.blocking_write(record)
    ring.writer_done()


def read(ring, reader, count):
    number = samples = 0
    while True:
        try:
            data = ring.blocking_read(reader)
        except ringbuffer.WriterFinishedError:
            break
        # This program owns the bytearray: the structure lies in it, nothing is copied again.
        header = Header.from_buffer(data)
        record = record_of(header.samples).from_buffer(data)
        if header.number != number or set(record.data) != {float(number)}:
            sys.exit("record %d is not what was written" % number)
        number += 1
        samples += header.samples
    # In one piece, beside other processes that print.
    os.write(1, b"%d records, %d samples\n" % (number, samples))
    sys.exit(number != count)


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 2000
    ring = ringbuffer.RingBuffer(slot_bytes=ctypes.sizeof(record_of(MOST)), slot_count=20)
    ring.new_writer()
    processes = [multiprocessing.Process(target=write, args=(ring, count))]
    for _ in range(READERS):
        processes.append(multiprocessing.Process(target=read, args=(ring, ring.new_reader(), count)))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return max(abs(process.exitcode) for process in processes)


if __name__ == "__main__":
    sys.exit(main())
