# SPDX-License-Identifier: GPL-2.0
"""Threads, processes and kills: every survivor gets every message that was committed."""

import multiprocessing
import os
import random
import struct
import threading
import time
import unittest
import zlib

from support import SMALL, Case, ringbuffer, until

Ring = ringbuffer.Ring
HEAD = struct.Struct("<IIQ")  # sum of the rest, writer, number
KILLS = int(os.environ.get("RINGBUFFER_KILLS", "60"))
if SMALL:
    KILLS = min(KILLS, 20)
WRITERS = 3


def message(writer, number):
    body = HEAD.pack(0, writer, number)[4:] + bytes([number % 256]) * (number % 200)
    return struct.pack("<I", zlib.crc32(body)) + body


def parse(data):
    data = bytes(data)
    (crc,) = struct.unpack_from("<I", data)
    assert zlib.crc32(data[4:]) == crc, "torn"
    return HEAD.unpack_from(data)[1:]


def writes(writer, tag, progress):
    """Write in each possible way; report each number before it is written."""
    number = 0
    while True:
        form = number % 4
        if form == 0:
            writer.write(message(tag, number))
            number += 1
        elif form == 1:
            data = message(tag, number)
            with writer.reserve() as slot:
                slot[:len(data)] = data
                slot.length = len(data)
            number += 1
        else:
            progress.value = number
            writer.write_many([message(tag, number), message(tag, number + 1)])
            number += 2
        progress.value = number


class Checker:
    """Checks that the messages of each writer come once and in order."""

    def __init__(self):
        self.next = {}

    def see(self, data):
        tag, number = parse(data)
        expected = self.next.get(tag, 0)
        assert number == expected, "writer %d: %d after %d" % (tag, number, expected - 1)
        self.next[tag] = number + 1


def reads(reader, form, seen):
    checker = Checker()
    while True:
        try:
            if form == 0:
                checker.see(reader.read())
            elif form == 1:
                checker.see(next(reader))
            else:
                for data in reader.read_many(9):
                    checker.see(data)
        except (ringbuffer.WriterFinishedError, StopIteration):
            return
        seen.value += 1


class Stress(Case):

    def new_writer(self, ring, tags):
        progress = multiprocessing.Value("Q", 0, lock=False)
        writer = ring.writer()
        tag = len(tags)
        child = self.start(writes, writer, tag, progress)
        writer.close()
        tags[tag] = progress
        return child

    def new_reader(self, ring, form):
        seen = multiprocessing.Value("Q", 0, lock=False)
        reader = ring.reader()
        child = self.start(reads, reader, form, seen)
        reader.close()
        return child, seen

    def test_survivors_get_every_message_after_kills(self):
        chance = random.Random(1)
        ring = Ring.create(300, 13)
        tags = {}
        checker = Checker()
        stays = ring.writer()
        reader = ring.reader()
        stop = threading.Event()

        def own_reads():
            while True:
                for view in reader.read_many(20, timeout=100):
                    if view == b"stop":
                        return
                    checker.see(view)

        with self.threads((own_reads,)):
            writers = [self.new_writer(ring, tags) for _ in range(WRITERS)]
            # These readers start at the head and see a part; only this process's reader sees all.
            readers = [self.start(holds_up, ring.reader(), n) for n in range(2)]
            for n in range(KILLS):
                before = ring.head
                until(lambda: ring.head > before + chance.randrange(200), "progress")
                victims = writers if chance.random() < 0.6 else readers
                at = chance.randrange(len(victims))
                victims[at].kill()
                victims[at].join()
                if victims is writers:
                    writers[at] = self.new_writer(ring, tags)
                else:
                    readers[at] = self.start(holds_up, ring.reader(), n)
            for child in writers:
                child.kill()
                child.join()
            stays.write(b"stop", timeout=60)
            stop.set()
        # All numbers below the reported one were read, and at most two of the step that was killed.
        for tag, progress in tags.items():
            seen = checker.next.get(tag, 0)
            self.assertTrue(progress.value <= seen <= progress.value + 2,
                            (tag, progress.value, seen))

    def test_threads_and_processes_get_every_message(self):
        """Threads and processes use a ring in each possible way, and none is killed."""
        ring = Ring.create(300, 13)
        readers = [self.new_reader(ring, form) for form in range(3)]
        count = 400

        def write(writer, tag):
            for n in range(count):
                writer.write(message(tag, n))
            writer.close()

        own = ring.reader()
        checker = Checker()

        def read():
            for view in own:
                checker.see(view)

        writers = [ring.writer() for _ in range(3)]
        with self.threads((read,), *[(write, w, tag) for tag, w in enumerate(writers)]):
            pass
        self.assertEqual({0: count, 1: count, 2: count}, checker.next)
        self.ends_well()
        self.assertEqual([3 * count] * 2, [seen.value for _, seen in readers[:2]])


def holds_up(reader, n):
    """Reads, and keeps slots for a moment, in which it may be killed."""
    while True:
        try:
            slots = reader.peek_many(1 + n % 5)
        except ringbuffer.WriterFinishedError:
            return
        for slot in slots:
            if slot == b"stop":
                return
            parse(slot)
        time.sleep(0)


if __name__ == "__main__":
    unittest.main()
