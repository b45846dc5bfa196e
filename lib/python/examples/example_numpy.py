#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Matrices from several writers to ten readers, each of which sees all of them.

usage: example_numpy.py [MATRICES]
"""

import multiprocessing
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ringbuffer  # noqa: E402

WRITERS = 2
READERS = 10
SHAPE = (25, 100)
DTYPE = numpy.dtype("f8")


def write(ring, seed, count):
    random = numpy.random.default_rng(seed)
    for _ in range(count):
        ring.blocking_write(random.random(SHAPE))
    ring.writer_done()


def read(ring, reader, results):
    total, matrices = numpy.zeros(SHAPE), 0
    while True:
        try:
            data = ring.blocking_read(reader)
        except ringbuffer.WriterFinishedError:
            break
        total += numpy.frombuffer(data, DTYPE).reshape(SHAPE)
        matrices += 1
    results.put((matrices, float(total.sum())))


def expected(count):
    return sum(numpy.random.default_rng(seed).random((count, *SHAPE)).sum()
               for seed in range(WRITERS))


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    ring = ringbuffer.RingBuffer(slot_bytes=DTYPE.itemsize * SHAPE[0] * SHAPE[1], slot_count=10)
    results = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=read, args=(ring, ring.new_reader(), results))
                 for _ in range(READERS)]
    for seed in range(WRITERS):
        ring.new_writer()
        processes.append(multiprocessing.Process(target=write, args=(ring, seed, count)))
    for process in processes:
        process.start()
    got = [results.get() for _ in range(READERS)]
    for process in processes:
        process.join()
    good = all(n == WRITERS * count and abs(total - expected(count)) < 1e-3 for n, total in got)
    print("%d readers saw %d matrices of %d x %d each%s" % (
        READERS, got[0][0], *SHAPE, "" if good else ", WRONGLY: %r" % got))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
