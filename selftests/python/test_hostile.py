# SPDX-License-Identifier: GPL-2.0
"""A hostile process scribbles over the words of a ring; the readers stay inside of its slots."""

import os
import subprocess
import unittest

from support import Case, TOP, often, ringbuffer

Ring = ringbuffer.Ring

SCRIBBLE = os.path.join(TOP, "build", "selftests", "lib", "hostile")
SLOT_BYTES = 40             # each slot is followed by 24 bytes that no reader may read
IN_SLOTS = frozenset(range(ord("A"), ord("z") + 1)) | {0}


@unittest.skipUnless(os.path.exists(SCRIBBLE), "build/selftests/lib/hostile is not built")
class Hostile(Case):
    def setUp(self):
        super().setUp()
        name = "hostile-%d" % os.getpid()
        self.ring = Ring.create(SLOT_BYTES, 5, name=name)
        self.enemy = subprocess.Popen([SCRIBBLE, "scribble", name], stdout=subprocess.PIPE)
        self.got = 0

    def tearDown(self):
        self.enemy.kill()
        self.enemy.communicate()
        self.ring.close()
        super().tearDown()

    def begin(self):
        for line in self.enemy.stdout:
            if line == b"ready\n":
                return
        self.fail("the hostile process ended")

    def check(self, message):
        data = bytes(message)
        self.assertLessEqual(len(data), SLOT_BYTES)
        self.assertLessEqual(set(data), IN_SLOTS)
        self.got += 1

    def attempt(self, call):
        """Make the call; the words may make no sense, but no call may harm this process."""
        try:
            return call()
        except (ringbuffer.Error, OSError, BufferError):
            return None

    def reader(self, policy):
        return self.attempt(lambda: self.ring.reader(ringbuffer.OLDEST, policy=policy))

    def read_all_ways(self, reader):
        buffer = bytearray(200)
        for call in (lambda: reader.read(timeout=0), lambda: reader.peek(timeout=0),
                     lambda: reader._try_next()):
            message = self.attempt(call)
            if message is not None:
                self.check(message)
        for call in (lambda: reader.read_many(9, timeout=0), lambda: reader.peek_many(9, timeout=0)):
            for message in self.attempt(call) or ():
                self.check(message)
        n = self.attempt(lambda: reader.read_into(buffer, timeout=0))
        if n is not None:
            self.check(buffer[:n])
        self.attempt(lambda: reader.wait(3, timeout=0))

    def test_readers_stay_inside_of_the_slots(self):
        self.begin()
        for round in range(often(20000)):
            policy = ringbuffer.Policy.LOSSY if round % 2 else None
            with self.reader(policy) or self.ring.reader() as reader:
                for _ in range(5):
                    self.read_all_ways(reader)
            self.attempt(self.ring.stats)
        self.assertGreater(self.got, 0)

    def test_writers_get_whole_slots(self):
        self.begin()
        written = 0
        for _ in range(often(20000)):
            with self.ring.writer() as writer:
                self.attempt(lambda: writer.write(b"M" * SLOT_BYTES, timeout=0))
                slot = self.attempt(lambda: writer.reserve(timeout=0))
                if slot is not None:
                    self.assertEqual(SLOT_BYTES, len(slot))
                    slot[:] = b"N" * SLOT_BYTES
                    self.attempt(slot.commit)
                    written += 1
                self.attempt(lambda: writer.write_many([b"O"] * 3, timeout=0))
        self.assertGreater(written, 0)
