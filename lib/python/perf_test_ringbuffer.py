#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the ring performs from Python: one writer at a target rate, many readers.

Every process tells what it did.  A write that finds a slow reader is counted,
and under --debug logged; it is tried again when the next one is due.
"""

import argparse
import logging
import multiprocessing
import os
import random
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ringbuffer  # noqa: E402

CRC = struct.Struct("<I")
RANDOM_BYTES = 10_000_000


def options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debug", action="store_true", help="log every write that had to wait")
    for name, kind, least, text in (
            ("duration-seconds", float, 0, "how long the writer writes"),
            ("slots", int, 1, "slots of the ring"),
            ("slot-bytes", int, 1, "bytes of a slot and of every message"),
            ("readers", int, 0, "processes that read"),
            ("writes-per-second", float, 0, "target rate")):
        parser.add_argument("--" + name, type=_at_least(kind, least), required=True, help=text)
    parser.add_argument("--reader-burn-cpu-milliseconds", type=_at_least(float, 0), default=0,
                        help="what a reader does after each message")
    parser.add_argument("--verify_writes", dest="verify_writes", action="store_true", default=True,
                        help="a CRC-32 in each message, checked by each reader (default)")
    parser.add_argument("--no-verify_writes", dest="verify_writes", action="store_false")
    given = parser.parse_args(argv)
    if not given.writes_per_second or not given.duration_seconds:
        parser.error("--writes-per-second and --duration-seconds must be above 0")
    if given.verify_writes and given.slot_bytes < CRC.size:
        parser.error("--slot-bytes must be at least %d for the checksum" % CRC.size)
    return given


def _at_least(kind, least):
    def parse(text):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError("must be at least %s" % least)
        return value
    parse.__name__ = kind.__name__
    return parse


class Messages:
    """Messages of a size, from one piece of random bytes."""

    def __init__(self, given):
        self.size = given.slot_bytes
        self.verify = given.verify_writes
        body = random.randbytes if hasattr(random, "randbytes") else os.urandom
        self.source = memoryview(body(min(RANDOM_BYTES, self.size)) * (self.size // RANDOM_BYTES + 2))
        self.message = bytearray(self.size)

    def next(self):
        start = random.randrange(len(self.source) - self.size + 1)
        if not self.verify:
            return self.source[start:start + self.size]
        body = self.source[start:start + self.size - CRC.size]
        self.message[CRC.size:] = body
        CRC.pack_into(self.message, 0, zlib.crc32(body))
        return self.message


def good(data):
    return CRC.unpack_from(data)[0] == zlib.crc32(memoryview(data)[CRC.size:])


def report(given, name, slots, seconds, more=""):
    per_second = slots / seconds if seconds else 0.0
    # In one piece: other processes write here too.
    sys.stdout.write("%s: %d slots in %.3f s, %.3f MBytes/s, %.3f slots/s, "
                     "%+.2f%% relative to target%s\n" % (
                         name, slots, seconds, per_second * given.slot_bytes / 1e6, per_second,
                         100 * (per_second / given.writes_per_second - 1), more))
    sys.stdout.flush()


def write(given, ring):
    messages = Messages(given)
    period = 1 / given.writes_per_second
    written = waited = 0
    start = due = time.monotonic()
    # Sums of a period are not exact: no write at the very end for that.
    while due - start < given.duration_seconds - 1e-6:
        time.sleep(max(0, due - time.monotonic()))
        try:
            ring.try_write(messages.next())
            written += 1
        except ringbuffer.WaitingForReaderError:
            waited += 1
            logging.debug("write %d waits for a reader", written)
        # Late is late: what was missed is not made up for.
        due = max(due + period, time.monotonic() - period)
    ring.writer_done()
    time.sleep(max(0, start + given.duration_seconds - time.monotonic()))
    report(given, "Writer", written, time.monotonic() - start,
           ", %d writes found a slow reader" % waited)


def burn(milliseconds):
    end = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < end:
        pass


def read(given, ring, reader, number):
    slots = 0
    start = time.monotonic()
    while True:
        try:
            data = ring.blocking_read(reader)
        except ringbuffer.WriterFinishedError:
            break
        if given.verify_writes and not good(data):
            sys.exit("Reader %d: slot %d is not what was written" % (number, slots))
        if given.reader_burn_cpu_milliseconds:
            burn(given.reader_burn_cpu_milliseconds)
        slots += 1
    report(given, "Reader %d" % number, slots, time.monotonic() - start)


def main():
    given = options()
    logging.basicConfig(level=logging.DEBUG if given.debug else logging.INFO,
                        format="%(message)s")
    logging.debug("%r", given)
    try:
        ring = ringbuffer.RingBuffer(slot_bytes=given.slot_bytes, slot_count=given.slots,
                                     max_readers=max(1, given.readers))
    except (MemoryError, OSError) as e:
        sys.exit("no ring of %d slots of %d bytes: %s" % (given.slots, given.slot_bytes,
                                                         e or "not enough memory"))
    ring.new_writer()
    processes = [multiprocessing.Process(target=read, args=(given, ring, ring.new_reader(), n))
                 for n in range(given.readers)]
    processes.append(multiprocessing.Process(target=write, args=(given, ring)))
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:
        sys.exit(130)
    failed = sum(process.exitcode != 0 for process in processes)
    if failed:
        sys.exit("%d processes failed" % failed)


if __name__ == "__main__":
    main()
