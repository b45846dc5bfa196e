# SPDX-License-Identifier: GPL-2.0
"""What a failed write says of the process that it waits for, and what a reader is told of holes."""

import multiprocessing
import os
import pickle
import signal
import time
import unittest

from support import Case, on_module, ringbuffer

Ring = ringbuffer.Ring
SLOTS = 4


def named(name):
    with open("/proc/self/comm", "wb") as f:
        f.write(name)


def reads_nothing(ring, ready, name=b"slow-one"):
    named(name)
    with ring.reader(ringbuffer.OLDEST) as reader:
        reader.wait(timeout=0)
        ready.send(os.getpid())
        time.sleep(600)


def dies_with_a_slot(ring, how):
    named(b"dies")
    with ring.writer() as writer:
        slot = writer.reserve(timeout=60)
        if how == "discard":
            slot.discard()
        elif how == "exit":
            os._exit(3)
        else:
            os.kill(os.getpid(), signal.SIGKILL)


class Blocked(Case):
    def setUp(self):
        super().setUp()
        self.ring = Ring.create(64, SLOTS)
        self.writer = self.ring.writer()

    def slow_reader(self, name=b"slow-one"):
        here, there = multiprocessing.Pipe()
        self.start(reads_nothing, self.ring, there, name)
        return here.recv()

    def fill(self):
        for n in range(SLOTS):
            self.writer.write(b"%d" % n, timeout=60)

    def error(self, call, *args, **kwargs):
        with self.assertRaises(ringbuffer.WriteTimeoutError) as caught:
            call(*args, **kwargs)
        return caught.exception

    def test_reader(self):
        pid = self.slow_reader()
        self.fill()
        before = time.monotonic()
        error = self.error(self.writer.write, b"", timeout=0.3)
        blocker = error.blocker
        self.assertIsInstance(blocker, ringbuffer.Blocker)
        self.assertEqual(("reader", 0, pid, SLOTS, 0, "slow-one"),
                         (blocker.kind, blocker.id, blocker.pid, blocker.lag, blocker.position,
                          blocker.comm))
        self.assertLess(blocker.since, before + 0.2)
        self.assertRegex(str(error), r"^no room in time: reader 0 \(pid %d, slow-one\) has not "
                         r"released position 0; it is 4 slots behind, for \d+\.\d s$" % pid)
        self.assertEqual(0, error.readers_lacking)
        # Nothing moved in between.
        for call in (self.writer.write, self.writer.write_many):
            error = self.error(call, [b""] if call == self.writer.write_many else b"", timeout=0)
            self.assertEqual(blocker, error.blocker)
            self.assertRegex(str(error), r"^no room yet: reader 0 \(pid %d, slow-one\)" % pid)
        self.assertEqual(blocker, self.error(self.writer.reserve, timeout=0).blocker)
        self.assertEqual(blocker, self.ring.stats().blocker)

    def test_writer(self):
        reader = self.ring.reader(ringbuffer.OLDEST)
        other = self.ring.writer()
        slot = other.reserve(timeout=0)
        for n in range(1, SLOTS):
            self.writer.write(b"", timeout=60)
        error = self.error(self.writer.write, b"", timeout=0.2)
        blocker = error.blocker
        self.assertIsInstance(blocker, ringbuffer.BlockingWriter)
        self.assertEqual(("writer", other.id, os.getpid(), 0, SLOTS),
                         (blocker.kind, blocker.id, blocker.pid, blocker.position, blocker.lag))
        self.assertRegex(str(error), r"^no room in time: writer %d \(pid %d, .*\) has not "
                         r"committed position 0, for " % (other.id, os.getpid()))
        self.assertEqual(blocker, self.ring.stats().blocking_writer)
        slot.discard()
        reader.close()

    def test_name_of_any_bytes(self):
        self.slow_reader(b"\xff\x80 x")
        self.fill()
        error = self.error(self.writer.write, b"", timeout=0)
        self.assertEqual(b"\xff\x80 x", os.fsencode(error.blocker.comm))
        self.assertIn(r"\udcff\udc80 x", str(error))
        self.assertTrue(str(error).isprintable())

    def test_first_readers(self):
        with Ring.create(64, SLOTS, wait_readers=2) as ring, ring.writer() as writer:
            error = self.error(writer.write, b"", timeout=0)
            self.assertIsNone(error.blocker)
            self.assertEqual(2, error.readers_lacking)
            self.assertEqual("no room yet: the ring waits for 2 more readers", str(error))
            with ring.reader():
                error = self.error(writer.write, b"", timeout=0)
            self.assertEqual("no room yet: the ring waits for 1 more reader", str(error))

    def test_pickled(self):
        pid = self.slow_reader()
        self.fill()
        error = self.error(self.writer.write, b"", timeout=0)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(error), error.blocker, pid), (str(again), again.blocker,
                                                             again.blocker.pid))
        # One that a program raises by itself has no blocker.
        own = ringbuffer.WaitingForReaderError("mine")
        self.assertEqual(("mine", None, 0), (str(own), own.blocker, own.readers_lacking))

    def test_dropin(self):
        ring = ringbuffer.RingBuffer(slot_bytes=8, slot_count=2)
        reader = ring.new_reader()
        ring.new_writer()
        ring.try_write(b"1")
        ring.try_write(b"2")
        with self.assertRaises(ringbuffer.WaitingForReaderError) as caught:
            ring.try_write(b"3")
        self.assertNotIsInstance(caught.exception, TimeoutError)
        self.assertEqual((reader.id, os.getpid(), 2), caught.exception.blocker[:3])
        self.assertTrue(str(caught.exception).startswith("reader %d (pid " % reader.id))
        error = self.error(ring.blocking_write, b"3", 0.2)
        self.assertEqual((reader.id, os.getpid(), 2), error.blocker[:3])
        self.assertTrue(str(error).startswith("no room in time: reader "))
        ring.close()


class Holes(Case):
    def told(self, how):
        with Ring.create(64, SLOTS) as ring, ring.writer() as writer, ring.reader() as reader:
            self.assertIsNone(reader.hole())
            child = self.start(dies_with_a_slot, ring, how)
            child.join()
            writer.write(b"next", timeout=60)
            self.assertEqual(b"next", reader.read(timeout=60))
            self.assertEqual(1, reader.holes)
            hole = reader.hole()
            self.assertEqual(hole, reader.hole(0))
            self.assertEqual((0, child.pid, "dies"), (hole.position, hole.pid, hole.comm))
            self.assertIsNone(reader.hole(1))
            self.assertIsNone(reader.hole(2))
            self.assertIsNone(reader.hole(2**64 - 2))
            self.assertRaises(OverflowError, reader.hole, 2**64)
            self.assertRaises(OverflowError, reader.hole, -1)
            self.assertRaises(TypeError, reader.hole, "0")
        self.assertRaises(ringbuffer.ClosedError, reader.hole)
        return hole.cause, hole.code

    def test_killed(self):
        self.assertEqual(("killed", signal.SIGKILL) if on_module() else ("died", 0),
                         self.told("kill"))

    def test_exited(self):
        self.assertEqual(("exited", 3) if on_module() else ("died", 0), self.told("exit"))

    def test_discarded(self):
        self.assertEqual(("discarded", 0), self.told("discard"))

    def test_ahead_of_a_held_slot(self):
        """A reader that holds a slot skips a hole behind it, and is told of that one."""
        with Ring.create(64, SLOTS) as ring, ring.writer() as writer, ring.reader() as reader:
            writer.write(b"0", timeout=60)
            with reader.peek(timeout=60):
                child = self.start(dies_with_a_slot, ring, "kill")
                child.join()
                writer.write(b"2", timeout=60)
                self.assertEqual(b"2", reader.read(timeout=60))
            self.assertEqual(1, reader.hole().position)


if __name__ == "__main__":
    unittest.main()
