# SPDX-License-Identifier: GPL-2.0
"""Rings leave no memory, descriptors and names behind, and print nothing."""

import gc
import glob
import os
import subprocess
import sys
import tracemalloc
import unittest

from support import PATIENCE, Case, ringbuffer, script

Ring = ringbuffer.Ring


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def maps():
    with open("/proc/self/maps") as f:
        return sum(1 for line in f if "ringbuf" in line)


def drop_in_life():
    ring = ringbuffer.RingBuffer(slot_bytes=20000, slot_count=4)
    readers = [ring.new_reader() for _ in range(3)]
    ring.new_writer()
    ring.new_writer()
    for data in (b"x" * 20000, b"", bytearray(7)):
        ring.try_write(data)
        for reader in readers:
            ring.try_read(reader)
    for wrong in (lambda: ring.try_read(readers[0]), lambda: ring.try_write("text"),
                  lambda: ring.try_write(b"x" * 20001), ring.new_reader,
                  lambda: ring.blocking_read(readers[0], timeout=0.0001),
                  lambda: ring.try_read(None), lambda: ring.try_write(b"", what=1)):
        try:
            wrong()
        except (ringbuffer.Error, TypeError):
            pass
    ring.writer.get()
    readers[0].get()
    ring.force_reader_sync()
    ring.writer_done()


def modern_life():
    ring = Ring.create(5000, 64, name="python-leaks-%d" % os.getpid())
    reader, writer = ring.reader(), ring.writer()
    with writer.reserve() as slot:
        slot[:3] = b"abc"
        slot.length = 3
    writer.write_many([b"x" * n for n in (0, 1, 100, 5000)] * 4)
    next(reader)[1:].release()
    for slot in reader.peek_many(5):
        slot.tobytes()
        slot.position, slot.flags, slot == b""
    reader.read_many(6)
    reader.read_into(bytearray(5000))
    view = next(reader)
    part = view[:1]
    for wrong in (lambda: next(reader), lambda: reader.read(1, 2), lambda: reader.wait("x"),
                  lambda: writer.write_many([b"x", 5]), lambda: writer.write_many([b"x" * 6000]),
                  lambda: Ring.open("python-none"), lambda: Ring.create(5, 5, name=ring.name),
                  lambda: slot.asarray()):
        try:
            wrong()
        except (ringbuffer.Error, BufferError, TypeError, OSError, ValueError, ImportError):
            pass
    del part
    ring.stats()
    writer.reserve()
    writer.close()
    list(reader)


class Leaks(Case):

    def balanced(self, life):
        for _ in range(20):
            life()
        gc.collect()
        before = descriptors(), maps()
        tracemalloc.start(5)
        try:
            for _ in range(10):
                life()
            gc.collect()
            first = tracemalloc.take_snapshot()
            for _ in range(100):
                life()
            gc.collect()
            second = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        grown = [d for d in second.compare_to(first, "lineno")
                 if d.count_diff >= 90 and "tracemalloc" not in str(d.traceback)]
        self.assertEqual([], grown)
        self.assertEqual(before, (descriptors(), maps()))

    def test_the_drop_in_leaks_nothing(self):
        self.balanced(drop_in_life)

    def test_the_package_leaks_nothing(self):
        self.balanced(modern_life)
        self.assertEqual([], glob.glob("/dev/shm/ringbuf.python-leaks-*"))

    def test_references_to_shared_objects_are_balanced(self):
        """The reference counts of None, True and other shared objects stay the same."""
        shared = [None, True, False, ringbuffer.WaitingForWriterError,
                  ringbuffer.WaitingForReaderError, ringbuffer.Slot, ringbuffer.Reader]
        drop_in_life()
        modern_life()
        before = [sys.getrefcount(o) for o in shared]
        for _ in range(300):
            drop_in_life()
            modern_life()
        gc.collect()
        for o, a, b in zip(shared, before, [sys.getrefcount(o) for o in shared]):
            self.assertLess(abs(a - b), 200, o)


PROGRAM = """
import multiprocessing, sys
import ringbuffer

def read(ring, reader):
    while True:
        try:
            ring.blocking_read(reader)
        except ringbuffer.WriterFinishedError:
            return

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    ring = ringbuffer.RingBuffer(slot_bytes=100, slot_count=10)
    children = [multiprocessing.Process(target=read, args=(ring, ring.new_reader()))
                for _ in range(2)]
    ring.new_writer()
    for child in children:
        child.start()
    for n in range(100):
        ring.blocking_write(b"%d" % n)
    ring.writer_done()
    for child in children:
        child.join()
        assert child.exitcode == 0
"""


class Quiet(Case):
    """A program that uses rings and ends prints nothing, even with all warnings of Python."""

    def setUp(self):
        super().setUp()
        self.path = "/tmp/ringbuffer-quiet-%d.py" % os.getpid()
        with open(self.path, "w") as f:
            f.write(PROGRAM)

    def tearDown(self):
        os.unlink(self.path)
        super().tearDown()

    def test_every_start_method_prints_nothing(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method=method):
                ran = subprocess.run([sys.executable, "-X", "dev", "-W", "error", self.path, method],
                                     env=dict(os.environ, PYTHONMALLOC="debug"), timeout=PATIENCE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual((0, b""), (ran.returncode, ran.stdout))

    def test_exit_with_everything_open_prints_nothing(self):
        ran = script("import ringbuffer as r\n"
                     "ring = r.Ring.create(8, 4, name='python-exit-%d' % __import__('os').getpid())\n"
                     "reader, writer = ring.reader(), ring.writer()\n"
                     "writer.write(b'1'); view = next(reader); slot = writer.reserve()\n"
                     "drop = r.RingBuffer(slot_bytes=1, slot_count=1); drop.new_writer()\n"
                     "p = drop.new_reader(); drop.try_write(b'')\n",
                     options=("-X", "dev"), env={"PYTHONMALLOC": "debug"})
        self.assertEqual("", ran.stdout)
        self.assertEqual([], glob.glob("/dev/shm/ringbuf.python-exit-*"))


if __name__ == "__main__":
    unittest.main()
